package identity

import (
	"context"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

const (
	totpPeriod = 30 // seconds of one step (RFC 6238 section 4.1)
	totpDigits = otp.DigitsSix
	totpSecret = 20 // bytes: 160 bits, as RFC 4226 section 4 recommends

	// Wrong codes: at most codeTries in codeWindow and codeTriesADay in a day (SEC-30).
	codeTries     = 5
	codeWindow    = 5 * time.Minute
	codeTriesADay = 10
	codeDay       = 24 * time.Hour

	recoveryCodes   = 10
	recoverySymbols = 16 // of 5 bits each (SEC-32)
)

// totpStep is the number of the time step that holds t.
func totpStep(t time.Time) int64 { return t.Unix() / totpPeriod }

// totpCode is the code of a step (RFC 6238 section 4.2, RFC 4226 section 5.3).
func totpCode(secret []byte, step int64, digits otp.Digits) (string, error) {
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	return hotp.GenerateCodeCustom(text, uint64(step), hotp.ValidateOpts{Digits: digits, Algorithm: otp.AlgorithmSHA1})
}

// matchTOTP returns the step from one before to one after t whose code is given, and whether there is one. Steps up to used
// do not count any more (RFC 6238 section 5.2). All steps are computed and compared in the same time.
func matchTOTP(secret []byte, code string, t time.Time, used int64) (step int64, ok bool, err error) {
	now := totpStep(t)
	for s := max(now-1, 0); s <= now+1; s++ {
		want, err := totpCode(secret, s, totpDigits)
		if err != nil {
			return 0, false, fmt.Errorf("identity: compute code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > used && !ok {
			step, ok = s, true
		}
	}
	return step, ok, nil
}

// passFactor lets a person pass whose password was right: at once without a second factor in force, else with a TOTP or
// recovery code, which is used up in the same write that accepts it (SEC-30, SEC-32). Errors are ErrOTPRequired, ErrOTPWrong
// and *TooManyError.
func (d *Directory) passFactor(ctx context.Context, p Person, code string) error {
	if !p.Factor.Confirmed() {
		return nil
	}
	if strings.TrimSpace(code) == "" {
		return ErrOTPRequired
	}
	recovered := false
	err := d.tryCode(ctx, p, func(latest *Person, now store.Time) (bool, error) {
		var ok bool
		var err error
		ok, recovered, err = d.acceptCode(latest, code, now)
		return ok, err
	})
	if err == nil && recovered {
		d.log.WarnContext(ctx, "recovery code used", "action", "recovery code", "person", p.ID, "result", "ok")
	}
	return err
}

// tryCode runs accept on the person's latest document within the limits of second factors, and stores what it used up or, if
// it answers no, the failure.
func (d *Directory) tryCode(ctx context.Context, p Person, accept func(latest *Person, now store.Time) (bool, error)) error {
	now := store.At(d.now())
	var outcome error
	_, err := d.people.Update(ctx, p.ID, func(latest *Person) error {
		if latest.Epoch != p.Epoch || !latest.Active {
			return ErrBadCredentials // what was checked before is not in force any more
		}
		f := &latest.Factor
		f.Failures = recent(f.Failures, now, codeDay)
		if wait := codeWait(f.Failures, now); wait > 0 {
			outcome = &TooManyError{RetryAfter: wait}
			return nil
		}
		ok, err := accept(latest, now)
		if err != nil {
			return err
		}
		outcome = nil
		if !ok {
			outcome = ErrOTPWrong
			f.Failures = append(f.Failures, now)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if errors.Is(outcome, ErrTooMany) {
		d.log.WarnContext(ctx, "second factor cools down", "action", "second factor", "person", p.ID, "result", "too many tries")
	}
	return outcome
}

// codeWait is how long no code is looked at after these failures of the last day; 0 for not at all.
func codeWait(failures []store.Time, now store.Time) time.Duration {
	sorted := slices.SortedFunc(slices.Values(failures), func(a, b store.Time) int { return b.Compare(a.Time) })
	var wait time.Duration
	if len(sorted) >= codeTries {
		wait = sorted[codeTries-1].Add(codeWindow).Sub(now.Time)
	}
	if len(sorted) >= codeTriesADay {
		wait = max(wait, sorted[codeTriesADay-1].Add(codeDay).Sub(now.Time))
	}
	return max(wait, 0)
}

// acceptCode uses up a TOTP or recovery code of p, and reports whether there was one and whether it was a recovery code.
func (d *Directory) acceptCode(p *Person, code string, now store.Time) (ok, recovered bool, err error) {
	if digits, is := totpDigitsOf(code); is {
		secret, err := d.openSecret(p.ID, p.Factor.Secret)
		if err != nil {
			return false, false, err
		}
		step, ok, err := matchTOTP(secret, digits, now.Time, p.Factor.Step)
		if ok {
			p.Factor.Step = step
		}
		return ok, false, err
	}
	symbols, is := recoverySymbolsOf(code)
	if !is {
		return false, false, nil
	}
	want := d.recoveryHash(p.ID, symbols)
	at := -1
	for i, stored := range p.Factor.Recovery {
		if subtle.ConstantTimeCompare([]byte(stored), []byte(want)) == 1 {
			at = i
		}
	}
	if at < 0 {
		return false, false, nil
	}
	p.Factor.Recovery = slices.Delete(p.Factor.Recovery, at, at+1)
	return true, true, nil
}

// spaceless drops the spaces and hyphens with which people group symbols.
var spaceless = strings.NewReplacer(" ", "", "-", "", "\u00a0", "")

// totpDigitsOf returns the digits of a typed TOTP code, and whether it is one.
func totpDigitsOf(code string) (string, bool) {
	code = spaceless.Replace(strings.TrimSpace(code))
	if len(code) != totpDigits.Length() {
		return "", false
	}
	for _, c := range []byte(code) {
		if c < '0' || c > '9' {
			return "", false
		}
	}
	return code, true
}

// crockfordTyped reads the letters that Crockford's base 32 takes for digits.
var crockfordTyped = strings.NewReplacer("O", "0", "I", "1", "L", "1")

// recoverySymbolsOf returns the symbols of a typed recovery code, and whether it is one.
func recoverySymbolsOf(code string) (string, bool) {
	if len(code) > 64 {
		return "", false
	}
	code = crockfordTyped.Replace(strings.ToUpper(spaceless.Replace(strings.TrimSpace(code))))
	if len(code) != recoverySymbols {
		return "", false
	}
	_, err := crockford.DecodeString(code)
	return code, err == nil
}

// newRecovery makes a set of recovery codes: what the person is shown, and what is stored.
func (d *Directory) newRecovery(person string) (shown, stored []string, err error) {
	for range recoveryCodes {
		b, err := d.random(recoverySymbols * 5 / 8)
		if err != nil {
			return nil, nil, err
		}
		code := crockford.EncodeToString(b)
		shown = append(shown, code[:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:])
		stored = append(stored, d.recoveryHash(person, code))
	}
	return shown, stored, nil
}

func (d *Directory) recoveryHash(person, symbols string) string {
	return hex.EncodeToString(mac(d.keys.recovery, person, symbols))
}

// sealSecret encrypts a TOTP secret so that it opens for this person only (SEC-31).
func (d *Directory) sealSecret(person string, secret []byte) ([]byte, error) {
	return d.seal(d.keys.totp, person, secret)
}

// openSecret is the inverse of sealSecret. It fails on a secret of another person or under another key.
func (d *Directory) openSecret(person string, sealed []byte) ([]byte, error) {
	secret, err := unseal(d.keys.totp, person, sealed)
	if err != nil {
		return nil, fmt.Errorf("identity: second factor of %s: %w", person, err)
	}
	return secret, nil
}
