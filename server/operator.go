package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/sqlite"
	"github.com/tagwerk/tagwerk/server/locale"
)

// HasData reports whether a folder holds the data of an installation.
func HasData(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, sqlite.FileName))
	return err == nil && info.Mode().IsRegular()
}

// IsNotFound reports whether an error says that the domain has nothing of the name asked for.
func IsNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// EnsureProvider returns the id of the provider "company" or "company/branch", and makes it if there is none.
func (a *App) EnsureProvider(ctx context.Context, name string, l locale.Tag) (id string, made bool, err error) {
	company, branch, _ := strings.Cut(name, "/")
	all, err := a.People.Providers(ctx)
	if err != nil {
		return "", false, err
	}
	for _, p := range all {
		if p.Company == company && p.Branch == branch {
			return p.ID, false, nil
		}
	}
	p, err := a.People.PutProvider(ctx, identity.Provider{Company: company, Branch: branch, Locale: l})
	return p.ID, err == nil, err
}

// CustomerByNumber returns the id of the customer with a customer number, over all providers.
func (a *App) CustomerByNumber(ctx context.Context, number string) (string, error) {
	all, err := a.People.Providers(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range all {
		page := identity.Page{Limit: 200}
		for {
			customers, next, err := a.People.Customers(ctx, identity.Operator(p.ID), page)
			if err != nil {
				return "", err
			}
			for _, c := range customers {
				if c.Number == number {
					return c.ID, nil
				}
			}
			if next == "" {
				break
			}
			page.After = next
		}
	}
	return "", fmt.Errorf("no customer has the number %q", number)
}

// Value returns the value of a setting as text.
func (c Config) Value(s Setting) string {
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("env") == s.Env {
			return reflect.ValueOf(c).Field(i).String()
		}
	}
	return ""
}
