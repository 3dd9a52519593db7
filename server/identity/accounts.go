package identity

import (
	"context"
	"errors"
	"strings"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

// NewPerson is somebody to be added.
type NewPerson struct {
	Email    string
	Name     string
	Role     Role
	Provider string // of staff roles
	Customer string // of the others
	Locale   locale.Tag
}

// AddPerson adds somebody who can sign in with the password, for the operator and for samples. Errors are a *FieldError, a
// *PasswordError and ErrLoginTaken.
func (d *Directory) AddPerson(ctx context.Context, n NewPerson, password string) (Person, error) {
	p, err := d.checkPerson(ctx, n)
	if err != nil {
		return Person{}, err
	}
	if err := d.judge(ctx, p, password); err != nil {
		return Person{}, err
	}
	set, err := d.newPassword(ctx, password)
	if err != nil {
		return Person{}, err
	}
	set(&p)
	if p.ID, err = d.newID(); err != nil {
		return Person{}, err
	}
	p.Active, p.Created = true, store.At(d.now())
	err = d.people.Insert(ctx, p.ID, &p)
	if store.IsDuplicate(err, "login") {
		return Person{}, ErrLoginTaken
	}
	if err != nil {
		return Person{}, err
	}
	d.log.InfoContext(ctx, "person added", "action", "add person", "person", p.ID, "role", string(p.Role), "result", "ok")
	return p, nil
}

// checkPerson returns the person that n describes, without id and password. Provider and customer follow from the role: staff
// have only the one, customer users only the other.
func (d *Directory) checkPerson(ctx context.Context, n NewPerson) (Person, error) {
	p := Person{Email: strings.TrimSpace(n.Email), Role: n.Role}
	var err error
	if p.Login, err = NormalizeLogin(n.Email); err != nil {
		return Person{}, &FieldError{Field: "email", Key: "identity.email.invalid"}
	}
	if p.Name, err = required("name", n.Name, maxName); err != nil {
		return Person{}, err
	}
	if p.Locale, err = knownLocale(n.Locale); err != nil {
		return Person{}, err
	}
	switch {
	case !n.Role.Known():
		return Person{}, &FieldError{Field: "role", Key: "identity.role.unknown"}
	case n.Role.Staff():
		if n.Customer != "" {
			return Person{}, &FieldError{Field: "customer", Key: "identity.role.other"}
		}
		p.Provider = n.Provider
		if _, err := d.providers.Get(ctx, n.Provider); err != nil {
			return Person{}, unknownReference("provider", err)
		}
	default:
		if n.Provider != "" {
			return Person{}, &FieldError{Field: "provider", Key: "identity.role.other"}
		}
		p.Customer = n.Customer
		if _, err := d.customers.Get(ctx, n.Customer); err != nil {
			return Person{}, unknownReference("customer", err)
		}
	}
	return p, nil
}

// unknownReference turns the absence of a document that an input names into a *FieldError.
func unknownReference(field string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return &FieldError{Field: field, Key: "identity.reference.unknown"}
	}
	return err
}

// Account is what a person may see of the own account; it holds no secret (SEC-17).
type Account struct {
	ID, Email, Name    string
	Role               Role
	Provider, Customer string
	Locale             locale.Tag
	// Factor says that a second factor is in force.
	Factor bool
}

// Account is what p may see of the own account.
func (p Person) Account() Account {
	return Account{ID: p.ID, Email: p.Email, Name: p.Name, Role: p.Role, Provider: p.Provider, Customer: p.Customer, Locale: p.Locale, Factor: p.Factor.Confirmed()}
}

// Account returns the viewer's own account, or ErrSignedOut.
func (d *Directory) Account(ctx context.Context, v Viewer) (Account, error) {
	if !v.SignedIn() {
		return Account{}, ErrSignedOut
	}
	p, err := d.Person(ctx, v.User)
	return p.Account(), err
}

// Person returns somebody by id with all that is stored, or store.ErrNotFound. It is for workers and commands at the box; front ends
// use [Directory.Account]. What it points to is shared: do not change it.
func (d *Directory) Person(ctx context.Context, id string) (Person, error) {
	p, err := d.people.Get(ctx, id)
	if err != nil {
		return Person{}, err
	}
	return *p, nil
}

// PersonByLogin returns somebody by e-mail address in any spelling, or store.ErrNotFound.
func (d *Directory) PersonByLogin(ctx context.Context, email string) (Person, error) {
	login, err := NormalizeLogin(email)
	if err != nil {
		return Person{}, store.ErrNotFound
	}
	return d.byLogin(ctx, login)
}

func (d *Directory) byLogin(ctx context.Context, login string) (Person, error) {
	it, err := d.people.First(ctx, store.Query{Index: "login", Eq: []any{login}})
	if err != nil {
		return Person{}, err
	}
	return *it.Value, nil
}

// UserServed returns the account of an active user of a customer that the viewer's provider serves, to its staff; everybody else is
// store.ErrNotFound, whether there or not (SEC-15, SEC-16).
func (d *Directory) UserServed(ctx context.Context, v Viewer, id string) (Account, error) {
	p, err := d.people.Get(ctx, id)
	if err != nil {
		return Account{}, err
	}
	if !p.Active || p.Role.Staff() || !v.ActsAsStaff() {
		return Account{}, store.ErrNotFound
	}
	if _, err := d.Customer(ctx, v, p.Customer); err != nil {
		return Account{}, err
	}
	return p.Account(), nil
}

// StaffOf returns the active staff of a provider, for alerts.
func (d *Directory) StaffOf(ctx context.Context, provider string) ([]Person, error) {
	return d.activeOf(ctx, "provider", provider)
}

// UsersOf returns the active users of a customer.
func (d *Directory) UsersOf(ctx context.Context, customer string) ([]Person, error) {
	return d.activeOf(ctx, "customer", customer)
}

func (d *Directory) activeOf(ctx context.Context, index, id string) ([]Person, error) {
	if id == "" {
		return nil, nil // the empty reference is what the others have
	}
	var list []Person
	err := d.people.Each(ctx, store.Query{Index: index, Eq: []any{id}}, func(it store.Item[Person]) error {
		if it.Value.Active {
			list = append(list, *it.Value)
		}
		return nil
	})
	return list, err
}

// SetPassword gives a person a password without asking for the old one, for the operator; all their sessions end and the
// second factor stays (SEC-33). It may return a *PasswordError.
func (d *Directory) SetPassword(ctx context.Context, id, password string) error {
	p, err := d.Person(ctx, id)
	if err != nil {
		return err
	}
	if err := d.judge(ctx, p, password); err != nil {
		return err
	}
	return d.replacePassword(ctx, id, password, false)
}

// ResetByOperator gives the person with an e-mail address a random password and returns it; all their sessions end. The
// second factor stays unless removeFactor is set, which the operator may do after a check of identity (SEC-33, SEC-34).
func (d *Directory) ResetByOperator(ctx context.Context, email string, removeFactor bool) (string, error) {
	p, err := d.PersonByLogin(ctx, email)
	if err != nil {
		return "", err
	}
	password, err := d.NewPassword()
	if err != nil {
		return "", err
	}
	if err := d.replacePassword(ctx, p.ID, password, removeFactor); err != nil {
		return "", err
	}
	d.log.WarnContext(ctx, "reset by operator", "action", "reset", "person", p.ID, "factor removed", removeFactor, "result", "ok")
	return password, nil
}

func (d *Directory) replacePassword(ctx context.Context, id, password string, withoutFactor bool) error {
	set, err := d.newPassword(ctx, password)
	if err != nil {
		return err
	}
	return d.endAll(ctx, id, func(latest *Person) error {
		set(latest)
		if withoutFactor {
			removeFactor(latest)
		}
		return nil
	})
}

// SetLocale changes the language of the viewer's own account: of pages, messages and pushes. A language that is not ours is a
// *FieldError.
func (d *Directory) SetLocale(ctx context.Context, v Viewer, l locale.Tag) error {
	if !v.SignedIn() {
		return ErrSignedOut
	}
	if known, ok := locale.Parse(string(l)); !ok || known != l {
		return &FieldError{Field: "locale", Key: "identity.locale.unknown"}
	}
	_, err := d.people.Update(ctx, v.User, func(p *Person) error {
		p.Locale = l
		return nil
	})
	return err
}

// Deactivate takes a person's access away: all sessions end and pushes stop at once (SEC-40). It is for the operator.
func (d *Directory) Deactivate(ctx context.Context, id string) error {
	err := d.endAll(ctx, id, func(latest *Person) error {
		latest.Active = false
		return nil
	})
	if err == nil {
		d.log.WarnContext(ctx, "person deactivated", "action", "deactivate", "person", id, "result", "ok")
	}
	return err
}

// NewPassword returns a random password of 100 bits in groups that can be read out: XXXXX-XXXXX-XXXXX-XXXXX.
func (d *Directory) NewPassword() (string, error) {
	b, err := d.random(13)
	if err != nil {
		return "", err
	}
	s := crockford.EncodeToString(b)
	return s[:5] + "-" + s[5:10] + "-" + s[10:15] + "-" + s[15:20], nil
}

// judge returns a *PasswordError if a new password is not good enough for the person.
func (d *Directory) judge(ctx context.Context, p Person, password string) error {
	prepared, ok := preparePassword(password)
	if !ok {
		return &PasswordError{Key: "identity.password.long", Max: maxPassword}
	}
	shortest := d.policy.PasswordAlone
	if p.Factor.Confirmed() {
		shortest = d.policy.PasswordWithFactor
	}
	about := []string{p.Name, p.Login}
	if p.Provider != "" {
		org, err := d.Provider(ctx, p.Provider)
		if err != nil {
			return err
		}
		about = append(about, org.Company, org.Branch)
	}
	if p.Customer != "" {
		org, err := d.customers.Get(ctx, p.Customer)
		if err != nil {
			return err
		}
		about = append(about, org.Name, org.Number)
	}
	return judgePassword(prepared, shortest, about...)
}

// newPassword hashes a password and returns what puts it into a person's document.
func (d *Directory) newPassword(ctx context.Context, password string) (set func(*Person), err error) {
	prepared, ok := preparePassword(password)
	if !ok {
		return nil, &PasswordError{Key: "identity.password.long", Max: maxPassword}
	}
	phc, err := d.hasher.hash(ctx, prepared)
	if err != nil {
		return nil, err
	}
	short := len([]rune(prepared)) < d.policy.PasswordAlone
	return func(p *Person) { p.Password, p.Short = phc, short }, nil
}
