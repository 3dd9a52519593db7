package identity

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
)

// TestTOTPVectors checks the step arithmetic against RFC 6238 appendix B (standards.md section 5).
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	for unix, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		got, err := totpCode([]byte("12345678901234567890"), totpStep(time.Unix(unix, 0)), otp.DigitsEight)
		if err != nil || got != want {
			t.Errorf("t=%d: %s, %v; want %s", unix, got, err, want)
		}
	}
}

func TestMatchTOTP(t *testing.T) {
	t.Parallel()
	secret := []byte("12345678901234567890")
	at := time.Unix(1_000_000_020, 0) // in the middle of a step
	now := totpStep(at)
	for _, row := range []struct {
		name string
		step int64
		used int64
		want bool
	}{
		{"this step", now, -1, true},
		{"the step before", now - 1, -1, true},
		{"the next step", now + 1, -1, true},
		{"two steps before", now - 2, -1, false},
		{"two steps after", now + 2, -1, false},
		{"SEC-30 used", now, now, false},
		{"SEC-30 before a used one", now - 1, now, false},
		{"SEC-30 after a used one", now + 1, now, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			code, err := totpCode(secret, row.step, totpDigits)
			if err != nil {
				t.Fatal(err)
			}
			step, ok, err := matchTOTP(secret, code, at, row.used)
			if err != nil || ok != row.want || ok && step != row.step {
				t.Errorf("step %d, %v, %v; want step %d, %v", step, ok, err, row.step, row.want)
			}
		})
	}
}

func TestEnrolment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Policy.RequireStaffFactor = true })
	ctx := t.Context()
	other := w.signIn(form(w.staff)) // with the password alone, before the factor
	v := w.enter(w.staff)
	t.Run("SEC-33 staff must enrol first", func(t *testing.T) {
		if !v.MustEnrol {
			t.Fatal("MustEnrol is not set")
		}
		if _, err := w.PutDevice(ctx, v, "phone", Device{Kind: FCMToken, Address: "x"}); !errors.Is(err, ErrEnrolFirst) {
			t.Errorf("device: %v", err)
		}
		if _, _, err := w.Customers(ctx, v, Page{}); !errors.Is(err, ErrEnrolFirst) {
			t.Errorf("customers: %v", err)
		}
		if w.enter(w.user).MustEnrol {
			t.Error("a customer user must enrol")
		}
	})
	if _, err := w.ConfirmTOTP(ctx, v, "123456"); !errors.Is(err, ErrNoFactor) {
		t.Fatalf("confirm without a beginning: %v", err)
	}
	e, err := w.BeginTOTP(ctx, v, "Tagwerk: Kiel")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(e.URL)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Query().Get("secret") != e.Secret || len(e.Secret) != 32 ||
		!strings.HasSuffix(u.Path, ":ute@example.test") || strings.Count(u.Path, ":") != 1 {
		t.Errorf("%s, %v", e.URL, err)
	}
	t.Run("SEC-31 active only after a valid code", func(t *testing.T) {
		w.signIn(form(w.staff))
		if _, err := w.ConfirmTOTP(ctx, v, "000000"); !errors.Is(err, ErrOTPWrong) {
			t.Errorf("wrong code: %v", err)
		}
		w.signIn(form(w.staff))
	})
	c, err := w.ConfirmTOTP(ctx, v, w.codeOf(e))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Recovery) != recoveryCodes {
		t.Errorf("SEC-32 %d recovery codes", len(c.Recovery))
	}
	t.Run("SEC-39 the session is renewed", func(t *testing.T) {
		if got := w.viewerOf(c.Token, Bearer); got.User != w.staff.ID || got.MustEnrol {
			t.Errorf("%+v", got)
		}
		if _, err := w.Sessions(ctx, v); !errors.Is(err, ErrSignedOut) {
			t.Errorf("the session before: %v", err)
		}
	})
	t.Run("SEC-33 a session with the password alone gains nothing by it", func(t *testing.T) {
		if w.viewerOf(other.Token, Bearer).SignedIn() {
			t.Error("it lives")
		}
	})
	in := form(w.staff)
	if _, err := w.SignIn(ctx, in); !errors.Is(err, ErrOTPRequired) || !errors.Is(err, ErrSecondFactor) {
		t.Errorf("without a code: %v", err)
	}
	in.OTP = w.codeOf(e)
	if _, err := w.SignIn(ctx, in); !errors.Is(err, ErrOTPWrong) {
		t.Errorf("SEC-30 the code of the enrolment again: %v", err)
	}
	w.clock.turn(30 * time.Second)
	in.OTP = w.codeOf(e)[:3] + " " + w.codeOf(e)[3:]
	signed := w.signIn(in)
	v = w.viewerOf(signed.Token, Bearer)
	t.Run("SEC-37 changes ask for fresh proof", func(t *testing.T) {
		w.clock.turn(freshFor)
		if _, err := w.BeginTOTP(ctx, v, "Tagwerk"); !errors.Is(err, ErrProofNeeded) {
			t.Errorf("begin: %v", err)
		}
		if _, err := w.RemoveTOTP(ctx, v); !errors.Is(err, ErrProofNeeded) {
			t.Errorf("remove: %v", err)
		}
		if _, err := w.NewRecoveryCodes(ctx, v); !errors.Is(err, ErrProofNeeded) {
			t.Errorf("recovery codes: %v", err)
		}
		if err := w.Prove(ctx, v, goodPassword, ""); !errors.Is(err, ErrOTPRequired) {
			t.Errorf("proof without a code: %v", err)
		}
		if err := w.Prove(ctx, v, goodPassword, w.codeOf(e)); err != nil {
			t.Fatal(err)
		}
		again, err := w.NewRecoveryCodes(ctx, v)
		if err != nil || len(again) != recoveryCodes {
			t.Fatalf("%d, %v", len(again), err)
		}
		in.OTP = c.Recovery[0]
		if _, err := w.SignIn(ctx, in); !errors.Is(err, ErrOTPWrong) {
			t.Errorf("SEC-32 a replaced code: %v", err)
		}
		in.OTP = again[0]
		w.signIn(in)
	})
	t.Run("a short password cannot stand alone", func(t *testing.T) {
		w.clock.turn(30 * time.Second)
		renewed, err := w.ChangePassword(ctx, v, goodPassword, "kr8bfq!z", w.codeOf(e))
		if err != nil {
			t.Fatal(err)
		}
		v = w.viewerOf(renewed.Token, Bearer)
		var refused *PasswordError
		if _, err := w.RemoveTOTP(ctx, v); !errors.As(err, &refused) {
			t.Fatalf("remove: %v", err)
		}
		w.clock.turn(30 * time.Second)
		if renewed, err = w.ChangePassword(ctx, v, "kr8bfq!z", goodPassword, w.codeOf(e)); err != nil {
			t.Fatal(err)
		}
		if renewed, err = w.RemoveTOTP(ctx, w.viewerOf(renewed.Token, Bearer)); err != nil {
			t.Fatal(err)
		}
		if !w.viewerOf(renewed.Token, Bearer).MustEnrol {
			t.Error("SEC-33 staff without a second factor need not enrol")
		}
		w.signIn(form(w.staff))
	})
}

// TestOathtool signs in with the codes of Debian's oathtool, an implementation that is not ours.
func TestOathtool(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("oathtool")
	need(t, err, "oathtool")
	w := newWorld(t)
	ctx := t.Context()
	code := func(secret string) string {
		at := "--now=" + w.clock.now().Format("2006-01-02 15:04:05 UTC")
		out, err := exec.CommandContext(ctx, tool, "--totp", "-b", at, secret).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	v := w.enter(w.user)
	e, err := w.BeginTOTP(ctx, v, "Tagwerk")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ConfirmTOTP(ctx, v, code(e.Secret)); err != nil {
		t.Fatalf("enrol with %s: %v", code(e.Secret), err)
	}
	for range 3 {
		w.clock.turn(5 * time.Minute)
		in := form(w.user)
		in.OTP = code(e.Secret)
		w.signIn(in)
		if _, err := w.SignIn(ctx, in); !errors.Is(err, ErrOTPWrong) {
			t.Errorf("SEC-30 the same code again: %v", err)
		}
	}
}

func TestCodesRace(t *testing.T) {
	t.Parallel()
	const racers = 50
	allowed := []error{ErrOTPWrong, ErrTooMany, ErrBusy}
	t.Run("SEC-30 I5 one TOTP code", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		e, _ := w.enrol(w.user)
		p, err := w.Person(t.Context(), w.user.ID)
		if err != nil {
			t.Fatal(err)
		}
		code := w.codeOf(e)
		if n := race(t, racers, func(ctx context.Context) error { return w.passFactor(ctx, p, code) }, allowed...); n != 1 {
			t.Errorf("%d of %d passed", n, racers)
		}
	})
	t.Run("SEC-30 I5 one TOTP code at whole sign-ins of two instances", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		e, _ := w.enrol(w.user)
		other, err := New(w.options())
		if err != nil {
			t.Fatal(err)
		}
		known, err := w.newKnown(w.user.ID)
		if err != nil {
			t.Fatal(err)
		}
		in := form(w.user)
		in.OTP, in.Known = w.codeOf(e), known
		instances := make(chan *Directory, racers)
		for i := range racers {
			instances <- []*Directory{w.Directory, other}[i%2]
		}
		n := race(t, racers, func(ctx context.Context) error {
			_, err := (<-instances).SignIn(ctx, in)
			return err
		}, allowed...)
		if n != 1 {
			t.Errorf("%d of %d signed in", n, racers)
		}
	})
	t.Run("SEC-32 I5 one recovery code", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		_, c := w.enrol(w.user)
		p, err := w.Person(t.Context(), w.user.ID)
		if err != nil {
			t.Fatal(err)
		}
		n := race(t, racers, func(ctx context.Context) error { return w.passFactor(ctx, p, c.Recovery[3]) }, allowed...)
		if n != 1 {
			t.Errorf("%d of %d passed", n, racers)
		}
		if p, err = w.Person(t.Context(), p.ID); err != nil || len(p.Factor.Recovery) != recoveryCodes-1 {
			t.Errorf("%d codes left, %v", len(p.Factor.Recovery), err)
		}
	})
	t.Run("one confirmation", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		v := w.enter(w.user)
		e, err := w.BeginTOTP(t.Context(), v, "Tagwerk")
		if err != nil {
			t.Fatal(err)
		}
		code := w.codeOf(e)
		n := race(t, racers, func(ctx context.Context) error {
			_, err := w.ConfirmTOTP(ctx, v, code)
			return err
		}, ErrOTPWrong, ErrSignedOut, ErrNoFactor, ErrTooMany, ErrBadCredentials)
		if n != 1 {
			t.Errorf("%d of %d confirmed", n, racers)
		}
	})
}

func TestCodeLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	e, c := w.enrol(w.user)
	p, err := w.Person(ctx, w.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	guess := func(code string, want error) {
		t.Helper()
		if err := w.passFactor(ctx, p, code); !errors.Is(err, want) {
			t.Fatalf("code %s: %v, want %v", code, err, want)
		}
	}
	wrong := func(i int) string {
		if i%2 == 0 {
			return fmt.Sprintf("AAAA-BBBB-CCCC-%04d", i) // recovery codes have the limits of TOTP (SEC-32)
		}
		right := w.codeOf(e)
		return right[:5] + string('0'+(right[5]-'0'+1)%10)
	}
	for i := range codeTries {
		guess(wrong(i), ErrOTPWrong)
	}
	var many *TooManyError
	if err := w.passFactor(ctx, p, w.codeOf(e)); !errors.As(err, &many) || many.RetryAfter != codeWindow {
		t.Fatalf("SEC-30 the right code after five wrong ones: %v", err)
	}
	guess(c.Recovery[0], ErrTooMany)
	w.clock.turn(codeWindow - time.Millisecond)
	guess(w.codeOf(e), ErrTooMany)
	w.clock.turn(time.Millisecond)
	guess(w.codeOf(e), nil)
	for i := range codeTries {
		guess(wrong(i), ErrOTPWrong)
	}
	w.clock.turn(codeWindow)
	if err := w.passFactor(ctx, p, w.codeOf(e)); !errors.As(err, &many) || many.RetryAfter < 23*time.Hour {
		t.Fatalf("SEC-30 ten failures in a day: %v", err)
	}
	guess(c.Recovery[0], ErrTooMany)
	if !strings.Contains(w.log.String(), "second factor cools down") {
		t.Error("SEC-30 the cool-down is not logged")
	}
	w.clock.turn(codeDay)
	guess(w.codeOf(e), nil)
	t.Run("SEC-88 no cool-down outlives its day when the clock steps back", func(t *testing.T) {
		for i := range codeTries {
			guess(wrong(i), ErrOTPWrong)
		}
		w.clock.turn(-30 * 24 * time.Hour)
		guess(c.Recovery[1], ErrTooMany)
		w.clock.turn(codeWindow)
		guess(c.Recovery[1], nil)
	})
	t.Run("B2 ten thousand guesses over a day", func(t *testing.T) {
		w := newWorld(t)
		w.enrol(w.user)
		p, err := w.Person(ctx, w.user.ID)
		if err != nil {
			t.Fatal(err)
		}
		looked := 0
		for i := range 10000 {
			if err := w.passFactor(ctx, p, fmt.Sprintf("%06d", i)); errors.Is(err, ErrOTPWrong) {
				looked++
			} else if !errors.Is(err, ErrTooMany) {
				t.Fatalf("guess %d: %v", i, err)
			}
			w.clock.turn(8 * time.Second)
		}
		if looked > codeTriesADay {
			t.Errorf("%d guesses were looked at", looked)
		}
	})
}

func TestEnrolmentAfterClockWasAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	const ahead = 10 * 365 * 24 * time.Hour
	w.clock.turn(ahead)
	e, _ := w.enrol(w.user)
	w.clock.turn(-ahead)
	in := form(w.user)
	in.OTP = w.codeOf(e)
	if _, err := w.SignIn(ctx, in); !errors.Is(err, ErrOTPWrong) {
		t.Fatalf("SEC-30 a step before the last accepted one: %v", err)
	}
	password, err := w.ResetByOperator(ctx, w.user.Email, true)
	if err != nil {
		t.Fatal(err)
	}
	in.Password, in.OTP = password, ""
	v := w.viewerOf(w.signIn(in).Token, in.Kind)
	e, err = w.BeginTOTP(ctx, v, "Tagwerk")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ConfirmTOTP(ctx, v, w.codeOf(e)); err != nil {
		t.Fatal(err)
	}
	in.OTP = w.codeOf(e)
	if _, err := w.SignIn(ctx, in); !errors.Is(err, ErrOTPWrong) {
		t.Errorf("SEC-30 the code of the enrolment works a second time: %v", err)
	}
	w.clock.turn(totpPeriod * time.Second)
	in.OTP = w.codeOf(e)
	if _, err := w.SignIn(ctx, in); err != nil {
		t.Errorf("SEC-88 a new second factor after the clock was ahead: %v", err)
	}
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, c := w.enrol(w.user)
	in := form(w.user)
	for i, code := range c.Recovery {
		switch i {
		case 1:
			code = strings.ToLower(code)
		case 2:
			code = strings.ReplaceAll(code, "-", " ")
		case 3:
			code = strings.NewReplacer("0", "o", "1", "l", "-", "").Replace(code)
		}
		in.OTP = code
		w.signIn(in)
		if _, err := w.SignIn(t.Context(), in); !errors.Is(err, ErrOTPWrong) {
			t.Errorf("SEC-32 code %d again: %v", i, err)
		}
		w.clock.turn(codeDay)
	}
	_, other := w.enrol(w.staff)
	in.OTP = other.Recovery[0]
	if _, err := w.SignIn(t.Context(), in); !errors.Is(err, ErrOTPWrong) {
		t.Errorf("SEC-32 a code of another person: %v", err)
	}
}

func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret := []byte("12345678901234567890")
	sealed, err := w.sealSecret(w.user.ID, secret)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.openSecret(w.user.ID, sealed); err != nil || string(got) != string(secret) {
		t.Fatalf("%q, %v", got, err)
	}
	if _, err := w.openSecret(w.staff.ID, sealed); err == nil {
		t.Error("SEC-31 it opens for another person")
	}
	o := w.options()
	o.Key = [32]byte{2}
	other, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.openSecret(w.user.ID, sealed); err == nil {
		t.Error("SEC-31 it opens under another key")
	}
	for i := range sealed {
		damaged := append([]byte(nil), sealed...)
		damaged[i] ^= 1
		if _, err := w.openSecret(w.user.ID, damaged); err == nil {
			t.Errorf("it opens with byte %d changed", i)
		}
	}
	if _, err := w.openSecret(w.user.ID, sealed[:5]); err == nil {
		t.Error("it opens cut")
	}
}

func FuzzCodes(f *testing.F) {
	for _, s := range []string{"123456", "123 456", "AAAA-BBBB-CCCC-DDDD", "oil0-oil0-oil0-oil0", "\n12345", "１２３４５６"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		digits, isTOTP := totpDigitsOf(s)
		symbols, isRecovery := recoverySymbolsOf(s)
		if isTOTP && isRecovery {
			t.Errorf("%q is both", s)
		}
		if isTOTP && len(digits) != 6 || isRecovery && len(symbols) != recoverySymbols {
			t.Errorf("%q gives %q and %q", s, digits, symbols)
		}
	})
}
