package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
)

type userCmd struct {
	Add   userAddCmd   `cmd:"" help:"Add a person with a random password." example:"tagwerk user add --role admin --company Nordlicht/Hamburg ute@nordlicht.example 'Ute Möller'"`
	Reset userResetCmd `cmd:"" help:"Give a person a new random password and end all sessions." example:"tagwerk user reset ute@nordlicht.example"`
}

type userAddCmd struct {
	installation
	Email    string `arg:"" help:"The address to sign in with."`
	Name     string `arg:"" help:"First and last name."`
	Role     string `enum:"technician,dispatcher,admin,master,general" required:"" help:"Staff: technician, dispatcher or admin. Customer: master or general."`
	Company  string `help:"Of staff: company or company/branch; it is made if it does not exist."`
	Customer string `help:"Of customer users: the customer number; it must exist."`
	Locale   string `enum:"de,sv,en" default:"de" help:"Language: de, sv or en."`
	JSON     bool   `name:"json" help:"Print one line of JSON: email, password."`
}

// Run adds the person and prints the password once.
func (c *userAddCmd) Run(ctx context.Context, con console) error {
	role := identity.Role(c.Role)
	switch {
	case role.Staff() && (c.Company == "" || c.Customer != ""):
		return misuse("staff belong to a service company: --company COMPANY/BRANCH, no --customer")
	case !role.Staff() && (c.Customer == "" || c.Company != ""):
		return misuse("customer users belong to a customer: --customer NUMBER, no --company")
	case strings.TrimSpace(c.Name) == "":
		return misuse("the name is empty")
	}
	if _, err := identity.NormalizeLogin(c.Email); err != nil {
		return misuse("%q is no e-mail address", c.Email)
	}
	return c.open(ctx, "", role.Staff(), func(app *server.App) error { return c.add(ctx, con, app, role) })
}

func (c *userAddCmd) add(ctx context.Context, con console, app *server.App, role identity.Role) error {
	n := identity.NewPerson{Email: c.Email, Name: c.Name, Role: role, Locale: locale.Tag(c.Locale)}
	taken := fmt.Errorf("%s exists already: for a new password use tagwerk user reset %s", c.Email, c.Email)
	// Asked first, so that a person who exists does not leave a company behind that nobody is in.
	if _, err := app.People.PersonByLogin(ctx, c.Email); err == nil {
		return taken
	}
	made, err := false, error(nil)
	if role.Staff() {
		n.Provider, made, err = app.EnsureProvider(ctx, c.Company, n.Locale)
	} else {
		n.Customer, err = app.CustomerByNumber(ctx, c.Customer)
	}
	if err != nil {
		return err
	}
	if made {
		fmt.Fprintf(con.err, "new service company %s\n", c.Company)
	}
	password, err := app.People.NewPassword()
	if err != nil {
		return err
	}
	p, err := app.People.AddPerson(ctx, n, password)
	if errors.Is(err, identity.ErrLoginTaken) {
		return taken
	}
	if err != nil {
		return err
	}
	return tellPassword(con, c.JSON, p.Email, password)
}

type userResetCmd struct {
	installation
	Email      string `arg:"" help:"The address that the person signs in with."`
	DropFactor bool   `name:"drop-second-factor" help:"Also remove the second factor, after you have checked who asks."`
	JSON       bool   `name:"json" help:"Print one line of JSON: email, password."`
}

// Run prints the new password once.
func (c *userResetCmd) Run(ctx context.Context, con console) error {
	return c.open(ctx, "", false, func(app *server.App) error {
		p, err := app.People.PersonByLogin(ctx, c.Email)
		if server.IsNotFound(err) {
			return fmt.Errorf("nobody signs in as %s: check the address and --data", c.Email)
		}
		if err != nil {
			return err
		}
		password, err := app.People.ResetByOperator(ctx, c.Email, c.DropFactor)
		if err != nil {
			return err
		}
		return tellPassword(con, c.JSON, p.Email, password)
	})
}

func tellPassword(con console, asJSON bool, email, password string) error {
	if asJSON {
		return json.NewEncoder(con.out).Encode(struct {
			Email    string `json:"email"`
			Password string `json:"password"`
		}{email, password})
	}
	_, err := fmt.Fprintf(con.out, "E-mail    %s\nPassword  %s\n", email, password)
	fmt.Fprintln(con.err, "The password is shown this once.")
	return err
}
