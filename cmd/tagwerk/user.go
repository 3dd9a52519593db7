package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
)

type userCmd struct {
	Add   userAddCmd   `cmd:"" help:"Add a person with a random password. Example: tagwerk user add --role admin --company Nordlicht/Hamburg ute@nordlicht.example 'Ute Möller'"`
	Reset userResetCmd `cmd:"" help:"Give a person a new random password and end all sessions. Example: tagwerk user reset ute@nordlicht.example"`
}

type userAddCmd struct {
	Email    string `arg:"" help:"The address to sign in with."`
	Name     string `arg:"" help:"First and last name."`
	Role     string `enum:"technician,dispatcher,admin,master,general" required:"" help:"Staff: technician, dispatcher or admin. Customer: master or general."`
	Company  string `help:"Of staff: company or company/branch; it is created if it does not exist."`
	Customer string `help:"Of customer users: the customer number; it must exist."`
	Locale   string `enum:"de,sv,en" default:"de" help:"Language: de, sv or en."`
	Data     string `name:"data" env:"TAGWERK_DATA" default:"./data" help:"The data folder; the server must not be running on it."`
}

// Run adds the person and prints the password once.
func (c *userAddCmd) Run(ctx context.Context, con console) error {
	return withApp(ctx, c.Data, "", func(app *server.App) error {
		n := identity.NewPerson{Email: c.Email, Name: c.Name, Role: identity.Role(c.Role), Locale: locale.Tag(c.Locale)}
		var err error
		if n.Role.Staff() {
			n.Provider, err = c.provider(ctx, app)
		} else {
			n.Customer, err = c.customer(ctx, app)
		}
		if err != nil {
			return err
		}
		password, err := app.People.NewPassword()
		if err != nil {
			return err
		}
		p, err := app.People.AddPerson(ctx, n, password)
		if errors.Is(err, identity.ErrLoginTaken) {
			return fmt.Errorf("%s exists: use `tagwerk user reset %s`", c.Email, c.Email)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(con.out, "%s\n%s\n", p.Email, password)
		return nil
	})
}

// provider finds the company/branch, or makes it.
func (c *userAddCmd) provider(ctx context.Context, app *server.App) (string, error) {
	if c.Company == "" {
		return "", usageError{"staff need --company"}
	}
	return app.EnsureProvider(ctx, c.Company, locale.Tag(c.Locale))
}

func (c *userAddCmd) customer(ctx context.Context, app *server.App) (string, error) {
	if c.Customer == "" {
		return "", usageError{"customer users need --customer NUMBER"}
	}
	return app.CustomerByNumber(ctx, c.Customer)
}

type userResetCmd struct {
	Email      string `arg:"" help:"The address that the person signs in with."`
	DropFactor bool   `name:"drop-second-factor" help:"Also remove the second factor, after you have checked who asks."`
	Data       string `name:"data" env:"TAGWERK_DATA" default:"./data" help:"The data folder; the server must not be running on it."`
}

// Run prints the new password once.
func (c *userResetCmd) Run(ctx context.Context, con console) error {
	return withApp(ctx, c.Data, "", func(app *server.App) error {
		password, err := app.People.ResetByOperator(ctx, c.Email, c.DropFactor)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Email, err)
		}
		fmt.Fprintln(con.out, password)
		return nil
	})
}
