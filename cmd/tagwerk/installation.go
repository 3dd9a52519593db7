package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
)

// installation says on which data a command at the box works.
type installation struct {
	Data      string `name:"data" env:"TAGWERK_DATA" default:"./data" help:"The data folder; no server may be running on it."`
	SecretKey string `name:"secret-key" env:"TAGWERK_SECRET_KEY" secret:"yes" hidden:""`
	// zone is where days end, "" for UTC; most commands know no days.
	zone string
}

// open runs a task on the installation. One that is not there is only made if fresh is allowed: a mistyped folder shall not
// look like an empty installation.
func (i installation) open(ctx context.Context, publicURL string, fresh bool, do func(*server.App) error) error {
	if publicURL == "" {
		publicURL = "https://localhost"
	}
	c := server.Config{Data: i.Data, SecretKey: i.SecretKey, PublicURL: publicURL, StaffFactor: "required", TimeZone: cmp.Or(i.zone, "UTC")}
	if err := c.Validate(); err != nil {
		return usageError{err}
	}
	if !fresh && !server.HasData(i.Data) {
		return fmt.Errorf("%s holds no installation: name its folder with --data or TAGWERK_DATA", i.Data)
	}
	if err := usableFolder(i.Data); err != nil {
		return err
	}
	app, err := server.Open(ctx, c, server.Runtime{})
	if err != nil {
		return err
	}
	return inWords(errors.Join(do(app), app.Close()))
}

// usableFolder makes a data folder if it is missing, and says what to do if it cannot be used.
func usableFolder(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("data folder %s cannot be made: %w; choose another one with --data", dir, reason(err))
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("data folder %s cannot be used: %w; choose another one with --data", dir, reason(err))
	}
	if !info.IsDir() {
		return fmt.Errorf("data folder %s is a file: choose a folder with --data", dir)
	}
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return fmt.Errorf("data folder %s is not writable: %w; give this user the right to write there, or choose another one with --data", dir, reason(err))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// reason is what the system said, without the name of the call and the file, which the message already has.
func reason(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// operatorOf is the operator's view of one provider, the only one if none is named.
func operatorOf(ctx context.Context, app *server.App, company string) (identity.Viewer, error) {
	all, err := app.People.Providers(ctx)
	if err != nil {
		return identity.Viewer{}, err
	}
	var found []identity.Provider
	var names []string
	for _, p := range all {
		name := strings.TrimSuffix(p.Company+"/"+p.Branch, "/")
		names = append(names, "'"+name+"'")
		if company == "" || company == p.Company || company == name {
			found = append(found, p)
		}
	}
	switch {
	case len(all) == 0:
		return identity.Viewer{}, errors.New("there is no service company yet: add its first person with tagwerk user add --company COMPANY/BRANCH")
	case len(found) != 1:
		return identity.Viewer{}, misuse("name one service company with --company: %s", strings.Join(names, ", "))
	}
	return identity.Operator(found[0].ID), nil
}

// inWords turns the message keys of refused input into English.
func inWords(err error) error {
	field, password := (*identity.FieldError)(nil), (*identity.PasswordError)(nil)
	key, args := "", any(nil)
	switch {
	case errors.As(err, &field):
		key = field.Key
	case errors.As(err, &password):
		key, args = password.Key, password
	default:
		return err
	}
	catalogue, loadErr := locale.Load()
	if loadErr != nil {
		return errors.Join(err, loadErr)
	}
	text := catalogue.Text(locale.English, key, args)
	if field != nil {
		text = field.Field + ": " + text
	}
	return errors.New(text)
}
