package identity

import (
	"context"
	"strings"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// maxList is the most entries of one page of a list (SEC-49).
const maxList = 200

// Page asks for a part of a list: After is the cursor of the page before, empty for the first; Limit is 1 to 200, 0 means 50.
type Page struct {
	After string
	Limit int
}

func (p Page) query(q store.Query) store.Query {
	q.After, q.Limit = p.After, min(max(p.Limit, 1), maxList)
	if p.Limit == 0 {
		q.Limit = 50
	}
	return q
}

// Provider returns a provider, or store.ErrNotFound. All that it holds is public.
func (d *Directory) Provider(ctx context.Context, id string) (Provider, error) {
	p, err := d.providers.Get(ctx, id)
	if err != nil {
		return Provider{}, err
	}
	return *p, nil
}

// Providers returns the first 200 providers in the order of company and branch.
func (d *Directory) Providers(ctx context.Context) ([]Provider, error) {
	items, _, err := d.providers.Find(ctx, store.Query{Index: "company", Limit: maxList})
	list := make([]Provider, len(items))
	for i, it := range items {
		list[i] = *it.Value
	}
	return list, err
}

// PutProvider stores a provider as a whole, for the operator and for samples; an empty ID makes a new one. It returns what
// was stored, or a *FieldError.
func (d *Directory) PutProvider(ctx context.Context, p Provider) (Provider, error) {
	var err error
	for _, f := range []struct {
		name  string
		value *string
	}{
		{"branch", &p.Branch}, {"phone", &p.Phone}, {"email", &p.Email}, {"web", &p.Web}, {"hours", &p.Hours},
	} {
		if *f.value, err = plain(f.name, *f.value, maxText); err != nil {
			return Provider{}, err
		}
	}
	if p.Company, err = required("company", p.Company, maxName); err != nil {
		return Provider{}, err
	}
	// The address is the one text of several lines.
	lines := strings.Split(p.Address, "\n")
	for i := range lines {
		if lines[i], err = plain("address", lines[i], maxText); err != nil {
			return Provider{}, err
		}
	}
	p.Address = strings.Join(lines, "\n")
	if p.Email != "" {
		if _, err := NormalizeLogin(p.Email); err != nil {
			return Provider{}, &FieldError{Field: "email", Key: "identity.email.invalid"}
		}
	}
	if p.Locale, err = knownLocale(p.Locale); err != nil {
		return Provider{}, err
	}
	if p.ID == "" {
		if p.ID, err = d.newID(); err != nil {
			return Provider{}, err
		}
	}
	return p, put(ctx, d.providers, p.ID, &p)
}

// Customer returns a customer to its own people and to staff of a provider that serves it, else store.ErrNotFound: one that the
// viewer may not know of is answered like one that is not there (SEC-13, SEC-16).
func (d *Directory) Customer(ctx context.Context, v Viewer, id string) (Customer, error) {
	c, err := d.customers.Get(ctx, id)
	if err != nil {
		return Customer{}, err
	}
	own := v.Kind == CustomerUser && v.Customer == id
	if v.MustEnrol || !own && !(v.Kind == Staff && c.ServedBy(v.Provider)) {
		return Customer{}, store.ErrNotFound
	}
	return *c, nil
}

// ServedBy reports whether the provider serves the customer.
func (c Customer) ServedBy(provider string) bool {
	for _, p := range c.Providers {
		if p == provider && p != "" {
			return true
		}
	}
	return false
}

// Customers lists the customers that the viewer's provider serves, and the cursor of the next page. Others than staff get
// ErrNotAllowed, staff without the second factor that they need ErrEnrolFirst.
func (d *Directory) Customers(ctx context.Context, v Viewer, page Page) ([]Customer, string, error) {
	if v.Kind != Staff || v.Provider == "" {
		return nil, "", ErrNotAllowed
	}
	if v.MustEnrol {
		return nil, "", ErrEnrolFirst
	}
	items, next, err := d.customers.Find(ctx, page.query(store.Query{Index: "provider", Eq: []any{v.Provider}}))
	list := make([]Customer, len(items))
	for i, it := range items {
		list[i] = *it.Value
	}
	return list, next, err
}

// PutCustomer stores a customer as a whole, for the operator and for samples; an empty ID makes a new one. Its providers must
// exist. It returns what was stored, or a *FieldError.
func (d *Directory) PutCustomer(ctx context.Context, c Customer) (Customer, error) {
	var err error
	if c.Name, err = required("name", c.Name, maxName); err != nil {
		return Customer{}, err
	}
	if c.Number, err = plain("number", c.Number, maxName); err != nil {
		return Customer{}, err
	}
	if c.Locale, err = knownLocale(c.Locale); err != nil {
		return Customer{}, err
	}
	if len(c.Providers) == 0 || len(c.Providers) > maxList {
		return Customer{}, &FieldError{Field: "providers", Key: "identity.field.required"}
	}
	for _, id := range c.Providers {
		if _, err := d.providers.Get(ctx, id); err != nil {
			return Customer{}, unknownReference("providers", err)
		}
	}
	if c.ID == "" {
		if c.ID, err = d.newID(); err != nil {
			return Customer{}, err
		}
	}
	return c, put(ctx, d.customers, c.ID, &c)
}

// put inserts a document or replaces the one that has its id.
func put[T any](ctx context.Context, in store.Collection[T], id string, v *T) error {
	err := in.Insert(ctx, id, v)
	if !store.IsDuplicate(err, "id") {
		return err
	}
	_, err = in.Update(ctx, id, func(stored *T) error {
		*stored = *v
		return nil
	})
	return err
}
