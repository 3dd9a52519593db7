package portal

import (
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

const (
	// deviceCookie holds the token by which a browser that signed in before keeps tries of its own (SEC-29).
	deviceCookie = "device"
	deviceLife   = 180 * 24 * time.Hour
	// sessionLife is how long a browser keeps the session cookie; the server ends the session earlier when it lies idle.
	sessionLife = 14 * 24 * time.Hour
)

// signInPage is the first step: address and password.
type signInPage struct {
	Email, Next string
	Error       string // message key; "" for none
	Minutes     int    // to wait, for an error about too many tries
}

// signInCodePage is the second step: a code of the app, or a recovery code.
type signInCodePage struct {
	Step, Next string
	Error      string
	Minutes    int
}

func (p *Portal) getSignIn(r *edge.Request) error {
	next := ownTarget(r.Query("next"), "/")
	if r.Viewer().SignedIn() {
		return r.Redirect(next)
	}
	return p.views.signIn.render(r, http.StatusOK, signInPage{Next: next})
}

func (p *Portal) postSignIn(r *edge.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	next := ownTarget(form.Values.Get("next"), "/")
	step := firstStep{Email: form.Values.Get("email"), Password: form.Values.Get("password")}
	code := form.Values.Get("code")
	second := form.Values.Has("step")
	if second {
		var ok bool
		if step, ok = p.seal.open(form.Values.Get("step"), p.opt.Now()); !ok {
			return p.views.signIn.render(r, http.StatusUnprocessableEntity, signInPage{Next: next, Error: "portal.sign_in.step_over"})
		}
	}
	in, err := p.opt.People.SignIn(r.Context(), identity.SignIn{
		Email: step.Email, Password: step.Password, OTP: code, Address: r.ClientIP(), Known: r.Cookie(deviceCookie),
		Kind: identity.Cookie, Agent: r.Header("User-Agent"), Locale: language(r),
	})
	if err == nil {
		// A session that this browser still has ends, so that it does not live on unseen (SEC-39).
		if r.Viewer().SignedIn() {
			if err := p.opt.People.SignOut(r.Context(), r.Viewer()); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		r.SetSession(in.Token, sessionLife)
		r.SetCookie(edge.Cookie{Name: deviceCookie, Value: in.Known, Lifetime: deviceLife})
		return r.Redirect(next)
	}
	key, status, minutes, known := signInFailure(err)
	if !known {
		return err
	}
	if second && !errors.Is(err, identity.ErrBadCredentials) || errors.Is(err, identity.ErrSecondFactor) {
		sealed, err := p.seal.close(step, p.opt.Now())
		if err != nil {
			return err
		}
		page := signInCodePage{Step: sealed, Next: next, Error: key, Minutes: minutes}
		if key == "identity.signin.code" && !second {
			page.Error, status = "", http.StatusOK
		}
		return p.views.signInCode.render(r, status, page)
	}
	return p.views.signIn.render(r, status, signInPage{Email: step.Email, Next: next, Error: key, Minutes: minutes})
}

// signInFailure says what to tell about a refused sign-in or proof; known is false for failures of our own.
func signInFailure(err error) (key string, status, minutes int, known bool) {
	var many *identity.TooManyError
	switch {
	case errors.As(err, &many):
		return "portal.sign_in.too_many", http.StatusTooManyRequests, max(1, int(math.Ceil(many.RetryAfter.Minutes()))), true
	case errors.Is(err, identity.ErrBadCredentials):
		return "identity.signin.wrong", http.StatusUnprocessableEntity, 0, true
	case errors.Is(err, identity.ErrOTPRequired):
		return "identity.signin.code", http.StatusUnprocessableEntity, 0, true
	case errors.Is(err, identity.ErrOTPWrong):
		return "identity.signin.codewrong", http.StatusUnprocessableEntity, 0, true
	case errors.Is(err, identity.ErrBusy):
		return "identity.signin.busy", http.StatusServiceUnavailable, 0, true
	}
	return "", 0, 0, false
}

func (p *Portal) postSignOut(r *edge.Request) error {
	if err := p.opt.People.SignOut(r.Context(), r.Viewer()); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	r.ClearSession()
	return r.Redirect("/sign-in")
}
