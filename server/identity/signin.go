package identity

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

// SignIn is what somebody shows to sign in.
type SignIn struct {
	Email    string
	Password string
	OTP      string // TOTP or recovery code; empty at the first step
	// Address is where the request came from, for the limits; all requests without one share theirs.
	Address netip.Addr
	// Known is the token of an earlier sign-in on the same device, empty if there is none.
	Known  string
	Kind   string // [Cookie] or [Bearer]
	Agent  string // what the client calls itself, for the list of own sessions
	Locale locale.Tag
}

// SignedIn is the answer to a right [SignIn]. Token and Known are secrets that are nowhere else: only the client keeps them.
type SignedIn struct {
	Token   string
	Session Session
	Person  Person
	Known   string
}

// SignIn checks password and second factor and begins a session.
//
// A wrong password, an unknown and a deactivated person are the same ErrBadCredentials after the same work (SEC-28). When the
// password is right and a second factor in force, ErrOTPRequired or ErrOTPWrong may follow; both are ErrSecondFactor. A
// *TooManyError comes before any hash (SEC-29), or after it when second factors failed too often (SEC-30). ErrBusy means that
// too many others sign in just now.
func (d *Directory) SignIn(ctx context.Context, in SignIn) (SignedIn, error) {
	ctx = store.Essential(ctx) // who blocks a lost tag must sign in first
	if in.Kind != Cookie && in.Kind != Bearer {
		return SignedIn{}, errors.New("identity: unknown kind of session")
	}
	password, ok := preparePassword(in.Password)
	if !ok {
		return SignedIn{}, ErrBadCredentials
	}
	login, err := NormalizeLogin(in.Email)
	if err != nil {
		// What is no address is nobody's login, and goes the way of an unknown one.
		login = "\x00" + in.Email[:min(len(in.Email), maxAddress)]
	}
	p, err := d.byLogin(ctx, login)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return SignedIn{}, err
	}
	keys := []string{addressKey(in.Address), d.accountKey(login)}
	if key, known := d.knownKey(in.Known, p.ID); known {
		keys = []string{key}
	}
	taken, err := d.allow(ctx, keys...)
	if err != nil {
		if errors.Is(err, ErrTooMany) {
			d.log.WarnContext(ctx, "sign-in refused", "action", "sign-in", "person", p.ID, "result", "too many tries")
		}
		return SignedIn{}, err
	}
	match, weak, err := d.hasher.check(ctx, password, p.Password)
	if err != nil {
		return SignedIn{}, errors.Join(err, d.giveBack(ctx, taken))
	}
	if !match || !p.Active {
		d.log.WarnContext(ctx, "sign-in refused", "action", "sign-in", "person", p.ID, "result", "credentials")
		return SignedIn{}, ErrBadCredentials
	}
	err = d.passFactor(ctx, p, in.OTP)
	if err == nil || errors.Is(err, ErrOTPRequired) {
		// The password was right, so this was no failure; wrong codes are counted with the person.
		err = errors.Join(err, d.giveBack(ctx, taken))
	}
	if err != nil {
		if !errors.Is(err, ErrOTPRequired) {
			d.log.WarnContext(ctx, "sign-in refused", "action", "sign-in", "person", p.ID, "result", "second factor")
		}
		return SignedIn{}, err
	}
	out := SignedIn{Person: p}
	if out.Known, err = d.newKnown(p.ID); err != nil {
		return SignedIn{}, err
	}
	// The session bears the epoch under which the password was checked: if the password was changed meanwhile, it is born dead.
	if out.Token, out.Session, err = d.beginSession(ctx, p.ID, p.Epoch, in.Kind, in.Agent); err != nil {
		return SignedIn{}, err
	}
	if weak {
		d.strengthen(ctx, p, password)
	}
	d.log.InfoContext(ctx, "signed in", "action", "sign-in", "person", p.ID, "result", "ok")
	return out, nil
}

// strengthen stores the password under the parameters in force. A failure leaves the old hash, which still works.
func (d *Directory) strengthen(ctx context.Context, p Person, password string) {
	phc, err := d.hasher.hash(ctx, password)
	if err == nil {
		_, err = d.people.Update(ctx, p.ID, func(latest *Person) error {
			if latest.Password == p.Password {
				latest.Password = phc
			}
			return nil
		})
	}
	if err != nil {
		d.log.WarnContext(ctx, "password hash keeps its old parameters", "person", p.ID, "error", err)
	}
}

// Prove shows the viewer's password, and code if a second factor is in force, again: for ten minutes the session may do what
// asks for fresh proof (SEC-37). Errors are those of [Directory.SignIn].
func (d *Directory) Prove(ctx context.Context, v Viewer, password, otp string) error {
	p, _, err := d.own(ctx, v)
	if err != nil {
		return err
	}
	if err := d.verify(ctx, p, password, otp); err != nil {
		return err
	}
	now := store.At(d.now())
	_, err = d.sessions.Update(ctx, v.Session, func(s *Session) error {
		s.Fresh = now
		return nil
	})
	return signedOut(err)
}

// ChangePassword replaces the viewer's password, which it asks for together with the code if a second factor is in force. All
// sessions of the person end; the viewer goes on with the new token. The new password may be refused with a *PasswordError;
// other errors are those of [Directory.SignIn].
func (d *Directory) ChangePassword(ctx context.Context, v Viewer, old, new, otp string) (Renewed, error) {
	p, s, err := d.own(ctx, v)
	if err != nil {
		return Renewed{}, err
	}
	if err := d.judge(ctx, p, new); err != nil {
		return Renewed{}, err
	}
	if err := d.verify(ctx, p, old, otp); err != nil {
		return Renewed{}, err
	}
	set, err := d.newPassword(ctx, new)
	if err != nil {
		return Renewed{}, err
	}
	out, err := d.renew(ctx, p, s, func(latest *Person) error {
		set(latest)
		return nil
	})
	if err != nil {
		return Renewed{}, err
	}
	d.log.InfoContext(ctx, "password changed", "action", "change password", "person", p.ID, "result", "ok")
	return out, nil
}

// verify checks password and second factor of somebody who is signed in, under limits of their own: a stolen session
// guesses no faster than a stranger, and does not lock the owner out of signing in.
func (d *Directory) verify(ctx context.Context, p Person, password, otp string) error {
	prepared, ok := preparePassword(password)
	if !ok {
		return ErrBadCredentials
	}
	ctx = store.Essential(ctx)
	taken, err := d.allow(ctx, "proof:"+p.ID)
	if err != nil {
		return err
	}
	match, _, err := d.hasher.check(ctx, prepared, p.Password)
	if err != nil {
		return errors.Join(err, d.giveBack(ctx, taken))
	}
	if !match {
		d.log.WarnContext(ctx, "proof refused", "action", "proof", "person", p.ID, "result", "credentials")
		return ErrBadCredentials
	}
	err = d.passFactor(ctx, p, otp)
	if err == nil || errors.Is(err, ErrOTPRequired) {
		err = errors.Join(err, d.giveBack(ctx, taken))
	}
	return err
}

// agentText makes what a client calls itself fit for a list and a log line.
func agentText(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), maxName)], "")
	return strings.Map(func(r rune) rune {
		if unprintable(r) {
			return -1
		}
		return r
	}, s)
}
