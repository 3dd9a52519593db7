package identity

import (
	"bytes"
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Enrolment is what an authenticator app needs. Both are secrets that are shown once (SEC-31).
type Enrolment struct {
	Secret string // base 32, for typing
	URL    string // otpauth://, for a QR code
}

// Confirmed is the answer to the first code of a new second factor.
type Confirmed struct {
	Renewed
	Recovery []string // ten codes as XXXX-XXXX-XXXX-XXXX, shown once
}

// BeginTOTP makes a new second factor for the viewer, which comes into force with [Directory.ConfirmTOTP]; until then the one
// before stays. issuer is the name of the installation in the app. It asks for fresh proof (ErrProofNeeded, SEC-37).
func (d *Directory) BeginTOTP(ctx context.Context, v Viewer, issuer string) (Enrolment, error) {
	p, s, err := d.own(ctx, v)
	if err != nil {
		return Enrolment{}, err
	}
	if err := d.fresh(s); err != nil {
		return Enrolment{}, err
	}
	secret, err := d.random(totpSecret)
	if err != nil {
		return Enrolment{}, err
	}
	// A colon would end the issuer in the label of the URL.
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: strings.ReplaceAll(issuer, ":", " "), AccountName: p.Login, Period: totpPeriod,
		Secret: secret, Digits: totpDigits, Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil {
		return Enrolment{}, fmt.Errorf("identity: new second factor: %w", err)
	}
	sealed, err := d.sealSecret(p.ID, secret)
	if err != nil {
		return Enrolment{}, err
	}
	_, err = d.people.Update(ctx, p.ID, func(latest *Person) error {
		if latest.Epoch != p.Epoch {
			return ErrSignedOut
		}
		latest.Factor.Pending = sealed
		return nil
	})
	if err != nil {
		return Enrolment{}, err
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	return Enrolment{Secret: text, URL: key.URL()}, nil
}

// ConfirmTOTP puts the second factor of [Directory.BeginTOTP] into force with its first code and makes new recovery codes.
//
// All other sessions of the person end: one that was begun with the password alone must not gain by the proof of another.
// The viewer goes on with the new token (SEC-39). Errors are ErrNoFactor without a beginning, ErrOTPWrong and *TooManyError.
func (d *Directory) ConfirmTOTP(ctx context.Context, v Viewer, code string) (Confirmed, error) {
	p, s, err := d.own(ctx, v)
	if err != nil {
		return Confirmed{}, err
	}
	var pending []byte
	var step int64
	err = d.tryCode(ctx, p, func(latest *Person, now store.Time) (bool, error) {
		if pending = latest.Factor.Pending; len(pending) == 0 {
			return false, ErrNoFactor
		}
		secret, err := d.openSecret(p.ID, pending)
		if err != nil {
			return false, err
		}
		digits, is := totpDigitsOf(code)
		if !is {
			return false, nil
		}
		var ok bool
		step, ok, err = matchTOTP(secret, digits, now.Time, -1)
		return ok, err
	})
	if err != nil {
		return Confirmed{}, err
	}
	shown, stored, err := d.newRecovery(p.ID)
	if err != nil {
		return Confirmed{}, err
	}
	renewed, err := d.renew(ctx, p, s, func(latest *Person) error {
		f := &latest.Factor
		if !bytes.Equal(f.Pending, pending) {
			return ErrOTPWrong // begun anew meanwhile, or confirmed by a racing call
		}
		// The steps of another secret say nothing about this one: changing phones need not wait for the next step, and steps that
		// were used while the clock was ahead do not shut the person out for good.
		f.Secret, f.Step, f.Pending, f.Recovery = pending, step, nil, stored
		return nil
	})
	if err != nil {
		return Confirmed{}, err
	}
	d.log.InfoContext(ctx, "second factor in force", "action", "confirm second factor", "person", p.ID, "result", "ok")
	return Confirmed{Renewed: renewed, Recovery: shown}, nil
}

// RemoveTOTP removes the viewer's second factor and recovery codes. It asks for fresh proof (ErrProofNeeded), and for a longer
// password first if the present one is too short to stand alone (*PasswordError). All other sessions end; the viewer goes
// on with the new token. Staff who must have a second factor are sent to the enrolment afterwards (SEC-33).
func (d *Directory) RemoveTOTP(ctx context.Context, v Viewer) (Renewed, error) {
	p, s, err := d.own(ctx, v)
	if err != nil {
		return Renewed{}, err
	}
	if !p.Factor.Confirmed() {
		return Renewed{}, ErrNoFactor
	}
	if err := d.fresh(s); err != nil {
		return Renewed{}, err
	}
	out, err := d.renew(ctx, p, s, func(latest *Person) error {
		if latest.Short {
			return &PasswordError{Key: "identity.password.short", Min: d.policy.PasswordAlone, Max: maxPassword}
		}
		removeFactor(latest)
		return nil
	})
	if err != nil {
		return Renewed{}, err
	}
	d.log.WarnContext(ctx, "second factor removed", "action", "remove second factor", "person", p.ID, "result", "ok")
	return out, nil
}

// removeFactor keeps the failures, so that setting up again is no way around the limits.
func removeFactor(p *Person) {
	p.Factor.Secret, p.Factor.Pending, p.Factor.Recovery = nil, nil, nil
}

// NewRecoveryCodes replaces the viewer's recovery codes, used or not, by ten new ones. It asks for fresh proof.
func (d *Directory) NewRecoveryCodes(ctx context.Context, v Viewer) ([]string, error) {
	p, s, err := d.own(ctx, v)
	if err != nil {
		return nil, err
	}
	if !p.Factor.Confirmed() {
		return nil, ErrNoFactor
	}
	if err := d.fresh(s); err != nil {
		return nil, err
	}
	shown, stored, err := d.newRecovery(p.ID)
	if err != nil {
		return nil, err
	}
	_, err = d.people.Update(ctx, p.ID, func(latest *Person) error {
		if latest.Epoch != p.Epoch || !latest.Factor.Confirmed() {
			return errors.Join(ErrSignedOut, ErrNoFactor)
		}
		latest.Factor.Recovery = stored
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.log.InfoContext(ctx, "recovery codes replaced", "action", "new recovery codes", "person", p.ID, "result", "ok")
	return shown, nil
}
