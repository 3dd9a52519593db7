package portal

import (
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"

	"github.com/tagwerk/tagwerk/labels"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// accountPage is what a person may see and change of the own account.
type accountPage struct {
	Name, Email  string
	Role         string // message key
	Organisation string
	Factor       bool
	MayRemove    bool // the second factor; not where staff must have one
	Sessions     []sessionRow

	OldError, NewError, CodeError string // message keys, beside the fields of the new password
	Min, Max                      int    // placeholders of NewError
	Minutes                       int    // placeholder of OldError
}

type sessionRow struct {
	ID, Agent string
	Seen      store.Time
	Here, App bool
}

func (p *Portal) getAccount(r *edge.Request) error {
	return p.showAccount(r, http.StatusOK, accountPage{})
}

// showAccount renders the account; page holds what is wrong with a refused form.
func (p *Portal) showAccount(r *edge.Request, status int, page accountPage) error {
	ctx, v := r.Context(), r.Viewer()
	who, err := p.opt.People.Account(ctx, v)
	if err != nil {
		return err
	}
	page.Name, page.Email, page.Role, page.Factor = who.Name, who.Email, "identity.role."+string(who.Role), who.Factor
	page.MayRemove = !(p.opt.RequireStaffFactor && who.Role.Staff())
	if v.Kind == identity.Staff {
		page.Organisation, err = p.names(r).provider(v.Provider)
	} else {
		var c identity.Customer
		c, err = p.opt.People.Customer(ctx, v, v.Customer)
		page.Organisation = c.Name
	}
	if err != nil {
		return err
	}
	sessions, err := p.opt.People.Sessions(ctx, v)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		page.Sessions = append(page.Sessions, sessionRow{ID: s.ID, Agent: s.Agent, Seen: s.Seen,
			Here: s.ID == v.Session, App: s.Kind == identity.Bearer})
	}
	return p.views.account.render(r, status, page)
}

func (p *Portal) postPassword(r *edge.Request) error {
	var page accountPage
	if r.FormValue("new") != r.FormValue("again") {
		page.NewError = "portal.account.not_same"
		return p.showAccount(r, http.StatusUnprocessableEntity, page)
	}
	renewed, err := p.opt.People.ChangePassword(r.Context(), r.Viewer(), r.FormValue("old"), r.FormValue("new"), r.FormValue("code"))
	if err == nil {
		r.SetSession(renewed.Token, sessionLife)
		return r.Redirect("/account?done=password")
	}
	var refused *identity.PasswordError
	if errors.As(err, &refused) {
		page.NewError, page.Min, page.Max = refused.Key, refused.Min, refused.Max
		return p.showAccount(r, http.StatusUnprocessableEntity, page)
	}
	key, status, minutes, known := signInFailure(err)
	switch {
	case !known:
		return err
	case errors.Is(err, identity.ErrSecondFactor):
		page.CodeError = key
	case errors.Is(err, identity.ErrBadCredentials):
		page.OldError = "portal.account.wrong_password"
	default:
		page.OldError, page.Minutes = key, minutes
	}
	return p.showAccount(r, status, page)
}

func (p *Portal) postEndSession(r *edge.Request) error {
	v := r.Viewer()
	if r.FormValue("session") == "all" {
		if err := p.opt.People.EndAllSessions(r.Context(), v); err != nil {
			return err
		}
		r.ClearSession()
		return r.Redirect("/sign-in")
	}
	err := p.opt.People.EndSession(r.Context(), v, r.FormValue("session"))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if r.FormValue("session") == v.Session {
		r.ClearSession()
		return r.Redirect("/sign-in")
	}
	return r.Redirect("/account?done=session")
}

// factorPage sets up the second factor: first what it is, then the secret with the field for its first code, at last the
// recovery codes.
type factorPage struct {
	InForce  bool
	Must     bool
	QR       template.URL // data URI of a PNG that this server drew
	Secret   string
	Confirm  bool
	Recovery []string
	Error    string
	Minutes  int
}

func (p *Portal) getFactor(r *edge.Request) error {
	who, err := p.opt.People.Account(r.Context(), r.Viewer())
	if err != nil {
		return err
	}
	return p.views.factor.render(r, http.StatusOK, factorPage{InForce: who.Factor, Must: r.Viewer().MustEnrol})
}

func (p *Portal) postFactorBegin(r *edge.Request) error {
	e, err := p.opt.People.BeginTOTP(r.Context(), r.Viewer(), p.issuer)
	if err != nil {
		return proofFirst(r, err)
	}
	png, err := labels.QRPNG(e.URL, 5)
	if err != nil {
		return err
	}
	page := factorPage{Must: r.Viewer().MustEnrol, Confirm: true, Secret: e.Secret,
		QR: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png))}
	return p.views.factor.render(r, http.StatusOK, page)
}

// proofFirst sends those to the password form whose last proof is too old; they press the button again afterwards (SEC-37).
func proofFirst(r *edge.Request, err error) error {
	if errors.Is(err, identity.ErrProofNeeded) {
		return r.Redirect("/account/prove?next=%2Faccount%2Fsecond-factor")
	}
	return err
}

func (p *Portal) postFactorConfirm(r *edge.Request) error {
	done, err := p.opt.People.ConfirmTOTP(r.Context(), r.Viewer(), r.FormValue("code"))
	if err == nil {
		r.SetSession(done.Token, sessionLife)
		return p.views.factor.render(r, http.StatusOK, factorPage{InForce: true, Recovery: done.Recovery})
	}
	if errors.Is(err, identity.ErrNoFactor) {
		return r.Redirect("/account/second-factor")
	}
	key, status, minutes, known := signInFailure(err)
	if !known {
		return err
	}
	return p.views.factor.render(r, status, factorPage{Must: r.Viewer().MustEnrol, Confirm: true, Error: key, Minutes: minutes})
}

func (p *Portal) postFactorRemove(r *edge.Request) error {
	renewed, err := p.opt.People.RemoveTOTP(r.Context(), r.Viewer())
	var short *identity.PasswordError
	switch {
	case errors.As(err, &short):
		return p.showAccount(r, http.StatusUnprocessableEntity, accountPage{NewError: short.Key, Min: short.Min, Max: short.Max})
	case errors.Is(err, identity.ErrNoFactor):
		return r.Redirect("/account")
	case err != nil:
		return proofFirst(r, err)
	}
	r.SetSession(renewed.Token, sessionLife)
	return r.Redirect("/account?done=factor_removed")
}

func (p *Portal) postRecovery(r *edge.Request) error {
	codes, err := p.opt.People.NewRecoveryCodes(r.Context(), r.Viewer())
	if errors.Is(err, identity.ErrNoFactor) {
		return r.Redirect("/account")
	}
	if err != nil {
		return proofFirst(r, err)
	}
	return p.views.factor.render(r, http.StatusOK, factorPage{InForce: true, Recovery: codes})
}

// provePage asks for password and code again before an important change.
type provePage struct {
	Next    string
	Factor  bool
	Error   string
	Minutes int
}

func (p *Portal) getProve(r *edge.Request) error {
	return p.showProve(r, http.StatusOK, provePage{Next: ownTarget(r.Query("next"), "/account")})
}

func (p *Portal) showProve(r *edge.Request, status int, page provePage) error {
	who, err := p.opt.People.Account(r.Context(), r.Viewer())
	if err != nil {
		return err
	}
	page.Factor = who.Factor
	return p.views.prove.render(r, status, page)
}

func (p *Portal) postProve(r *edge.Request) error {
	next := ownTarget(r.FormValue("next"), "/account")
	err := p.opt.People.Prove(r.Context(), r.Viewer(), r.FormValue("password"), r.FormValue("code"))
	if err == nil {
		return r.Redirect(next)
	}
	key, status, minutes, known := signInFailure(err)
	if !known {
		return err
	}
	if errors.Is(err, identity.ErrBadCredentials) {
		key = "portal.account.wrong_password"
	}
	return p.showProve(r, status, provePage{Next: next, Error: key, Minutes: minutes})
}
