package mobileapi

import (
	"context"
	"net/http"
	"time"

	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
)

// User is the signed-in person.
type User struct {
	ID       string `json:"id"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Role     string `json:"role" enum:"technician,dispatcher,admin,master,general"`
	Locale   string `json:"locale" enum:"de,sv,en"`
	Provider string `json:"provider,omitempty" doc:"Of staff"`
	Customer string `json:"customer,omitempty" doc:"Of customer users"`
	// MustEnrol tells staff to set up a second factor before anything else.
	MustEnrol bool `json:"must_enrol,omitempty"`
}

func userOf(p identity.Account, mustEnrol bool) User {
	return User{ID: p.ID, Email: p.Email, Name: p.Name, Role: string(p.Role), Locale: string(p.Locale), Provider: p.Provider, Customer: p.Customer, MustEnrol: mustEnrol}
}

// SignInInput is the input of POST /v1/sessions.
type SignInInput struct {
	UserAgent string `header:"User-Agent"`
	Body      struct {
		Email    string `json:"email" minLength:"3" maxLength:"254"`
		Password string `json:"password" minLength:"1" maxLength:"1024"`
		OTP      string `json:"otp,omitempty" maxLength:"40" doc:"TOTP or recovery code, where a second factor is set up"`
		Known    string `json:"known_device,omitempty" maxLength:"512" doc:"known_device of an earlier sign-in: keeps a way in while others try passwords"`
	}
}

// SessionAnswer is a new session.
type SessionAnswer struct {
	Token     string    `json:"token" doc:"Send it as Authorization: Bearer"`
	ExpiresAt time.Time `json:"expires_at"`
	User      User      `json:"user"`
	Known     string    `json:"known_device" doc:"Keep it and send it with the next sign-in of the same person"`
}

// CodeInput carries a TOTP code.
type CodeInput struct {
	Body struct {
		Code string `json:"code" minLength:"6" maxLength:"40"`
	}
}

// Enrolment is a second factor that waits for its first code.
type Enrolment struct {
	Secret string `json:"secret" doc:"base32, for typing"`
	URL    string `json:"otpauth_url" doc:"for the QR code"`
}

// Confirmation is a second factor in force.
type Confirmation struct {
	RecoveryCodes []string  `json:"recovery_codes" doc:"Shown this once"`
	Token         string    `json:"token" doc:"Replaces the token that was used"`
	ExpiresAt     time.Time `json:"expires_at"`
}

func (a *api) sessions() {
	public := edge.Access{Who: edge.Public, Object: "a new session of the person who proves to be that person", Permission: "none"}
	own := edge.Access{Who: edge.SignedIn, Object: "own session and person", Permission: "none", AllowUnenrolled: true}
	limit := edge.RouteOptions{Limit: "api"}

	signIn := op(http.MethodPost, "/v1/sessions", "signIn", "Sign in", "Sessions")
	signIn.DefaultStatus = http.StatusCreated
	edge.Operation(a.API, signIn, public, func(ctx context.Context, in *SignInInput) (*Out[SessionAnswer], error) {
		s, err := a.People.SignIn(ctx, identity.SignIn{Email: in.Body.Email, Password: in.Body.Password, OTP: in.Body.OTP, Known: in.Body.Known,
			Address: edge.ClientIPFrom(ctx), Kind: identity.Bearer, Agent: in.UserAgent, Locale: edge.LocaleFrom(ctx)})
		if err != nil {
			return nil, err
		}
		v, err := a.People.Authenticate(ctx, s.Token, identity.Bearer, edge.LocaleFrom(ctx))
		if err != nil {
			return nil, err
		}
		return &Out[SessionAnswer]{SessionAnswer{Token: s.Token, ExpiresAt: s.Session.Expires.Time, User: userOf(s.Person.Account(), v.MustEnrol), Known: s.Known}}, nil
	}, edge.RouteOptions{Limit: "sign_in_address", NoViewer: true})

	edge.Operation(a.API, op(http.MethodDelete, "/v1/sessions/current", "signOut", "Sign out", "Sessions"), own,
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			return nil, a.People.SignOut(ctx, edge.ViewerFrom(ctx))
		}, limit)

	edge.Operation(a.API, op(http.MethodGet, "/v1/me", "me", "Who am I", "Sessions"), own,
		func(ctx context.Context, _ *struct{}) (*Out[User], error) {
			v := edge.ViewerFrom(ctx)
			p, err := a.People.Account(ctx, v)
			if err != nil {
				return nil, err
			}
			return &Out[User]{userOf(p, v.MustEnrol)}, nil
		}, limit)

	edge.Operation(a.API, op(http.MethodPost, "/v1/me/totp", "beginTOTP", "Begin to set up a second factor", "Sessions"), own,
		func(ctx context.Context, _ *struct{}) (*Out[Enrolment], error) {
			e, err := a.People.BeginTOTP(ctx, edge.ViewerFrom(ctx), "Tagwerk")
			if err != nil {
				return nil, err
			}
			return &Out[Enrolment]{Enrolment{Secret: e.Secret, URL: e.URL}}, nil
		}, limit)

	edge.Operation(a.API, op(http.MethodPost, "/v1/me/totp/confirm", "confirmTOTP", "Put the second factor in force with its first code", "Sessions"), own,
		func(ctx context.Context, in *CodeInput) (*Out[Confirmation], error) {
			c, err := a.People.ConfirmTOTP(ctx, edge.ViewerFrom(ctx), in.Body.Code)
			if err != nil {
				return nil, err
			}
			return &Out[Confirmation]{Confirmation{RecoveryCodes: c.Recovery, Token: c.Token, ExpiresAt: c.Session.Expires.Time}}, nil
		}, limit)
}
