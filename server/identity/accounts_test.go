package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

func TestNewNeedsKeyAndEngine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.options()
	o.Key = [32]byte{}
	if _, err := New(o); err == nil {
		t.Error("SEC-31 an empty key is accepted")
	}
	o = w.options()
	o.Engine = nil
	if _, err := New(o); err == nil {
		t.Error("no engine is accepted")
	}
}

func TestAddPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := NewPerson{Email: "new@example.test", Name: "Neu", Role: Technician, Provider: w.provider.ID}
	for _, row := range []struct {
		name   string
		change func(*NewPerson)
		field  string
	}{
		{"SEC-74 line break in the address", func(n *NewPerson) { n.Email = "a\r\nb@example.test" }, "email"},
		{"SEC-74 line break in the name", func(n *NewPerson) { n.Name = "a\nb" }, "name"},
		{"no name", func(n *NewPerson) { n.Name = " " }, "name"},
		{"unknown language", func(n *NewPerson) { n.Locale = "fr" }, "locale"},
		{"unknown role", func(n *NewPerson) { n.Role = "root" }, "role"},
		{"staff of a customer", func(n *NewPerson) { n.Customer = w.customer.ID }, "customer"},
		{"unknown provider", func(n *NewPerson) { n.Provider = "x" }, "provider"},
		{"customer user of a provider", func(n *NewPerson) { n.Role = General }, "provider"},
		{"unknown customer", func(n *NewPerson) { n.Role, n.Provider, n.Customer = Master, "", "x" }, "customer"},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := good
			row.change(&n)
			var field *FieldError
			if _, err := w.AddPerson(t.Context(), n, goodPassword); !errors.As(err, &field) || field.Field != row.field {
				t.Errorf("%v, want a FieldError of %s", err, row.field)
			}
		})
	}
	var refused *PasswordError
	if _, err := w.AddPerson(t.Context(), good, "Nordlicht-2026"); !errors.As(err, &refused) || refused.Key != "identity.password.context" {
		t.Errorf("SEC-27 the company as a password: %v", err)
	}
	t.Run("racing for one address", func(t *testing.T) {
		spellings := make(chan string, 20)
		for i := range cap(spellings) {
			spellings <- []string{"New@example.test", " new@EXAMPLE.test"}[i%2]
		}
		n := race(t, cap(spellings), func(ctx context.Context) error {
			p := good
			p.Email = <-spellings
			_, err := w.AddPerson(ctx, p, goodPassword)
			return err
		}, ErrLoginTaken, ErrBusy)
		if n != 1 {
			t.Errorf("%d people have the address", n)
		}
	})
	p, err := w.PersonByLogin(t.Context(), "NEW@example.test")
	if err != nil || p.Name != "Neu" || p.Locale != locale.English {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := w.PersonByLogin(t.Context(), "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	staff, err := w.StaffOf(t.Context(), w.provider.ID)
	if err != nil || len(staff) != 2 {
		t.Errorf("%d staff, %v", len(staff), err)
	}
	if users, err := w.UsersOf(t.Context(), w.customer.ID); err != nil || len(users) != 1 || users[0].ID != w.user.ID {
		t.Errorf("%v, %v", users, err)
	}
	if list, err := w.StaffOf(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("staff of nobody: %v, %v", list, err)
	}
}

func TestResetByOperator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	e, c := w.enrol(w.staff)
	password, err := w.ResetByOperator(ctx, " UTE@example.test", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := judgePassword(password, 12); err != nil || len(password) != 23 {
		t.Errorf("%q: %v", password, err)
	}
	if w.viewerOf(c.Token, Bearer).SignedIn() {
		t.Error("SEC-34 a session lives")
	}
	in := form(w.staff)
	in.Password = password
	if _, err := w.SignIn(ctx, in); !errors.Is(err, ErrOTPRequired) {
		t.Errorf("SEC-33 the reset skips the second factor: %v", err)
	}
	in.OTP = w.codeOf(e)
	w.signIn(in)
	again, err := w.ResetByOperator(ctx, w.staff.Email, true)
	if err != nil || again == password {
		t.Fatal(err)
	}
	in.Password, in.OTP = again, ""
	w.signIn(in)
	if _, err := w.ResetByOperator(ctx, "nobody@example.test", true); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	if strings.Contains(w.log.String(), password) || strings.Contains(w.log.String(), again) {
		t.Error("SEC-43 the password is logged")
	}
}

func TestCustomersOfAProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	malmo, err := w.PutProvider(ctx, Provider{Company: "Nordlicht Hissar", Branch: "Malmö", Locale: locale.Swedish, Address: "Hamngatan 1\n211 22 Malmö"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := w.PutCustomer(ctx, Customer{Name: fmt.Sprintf("Kund %d", i), Providers: []string{malmo.ID}}); err != nil {
			t.Fatal(err)
		}
	}
	both, err := w.PutCustomer(ctx, Customer{Name: "Beide", Providers: []string{malmo.ID, w.provider.ID}})
	if err != nil {
		t.Fatal(err)
	}
	erik := w.add(NewPerson{Email: "erik@example.test", Name: "Erik", Role: Admin, Provider: malmo.ID})
	names := func(v Viewer) map[string]int {
		t.Helper()
		got := map[string]int{}
		page := Page{Limit: 2}
		for {
			list, next, err := w.Customers(ctx, v, page)
			if err != nil || len(list) > 2 {
				t.Fatalf("%d, %v", len(list), err)
			}
			for _, c := range list {
				got[c.Name]++
			}
			if next == "" {
				return got
			}
			page.After = next
		}
	}
	if got := names(w.enter(w.staff)); len(got) != 2 || got["Hafen eG"] != 1 || got["Beide"] != 1 {
		t.Errorf("Kiel sees %v", got)
	}
	if got := names(w.enter(erik)); len(got) != 6 || got["Hafen eG"] != 0 {
		t.Errorf("Malmö sees %v", got)
	}
	for name, v := range map[string]Viewer{"customer user": w.enter(w.user), "nobody": Nobody(locale.English), "staff of nobody": {Kind: Staff}} {
		if _, _, err := w.Customers(ctx, v, Page{}); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	both.Providers = both.Providers[:1]
	if _, err := w.PutCustomer(ctx, both); err != nil {
		t.Fatal(err)
	}
	if got := names(w.enter(w.staff)); len(got) != 1 {
		t.Errorf("after the link was cut Kiel sees %v", got)
	}
	if _, err := w.PutCustomer(ctx, Customer{Name: "X", Providers: []string{"unknown"}}); err == nil {
		t.Error("an unknown provider is accepted")
	}
	if _, err := w.PutProvider(ctx, Provider{Company: "X", Email: "no address"}); err == nil {
		t.Error("a contact without an address is accepted")
	}
	if list, err := w.Providers(ctx); err != nil || len(list) != 2 || list[0].Company != "Nordlicht Aufzüge" {
		t.Errorf("%v, %v", list, err)
	}
	if got, err := w.Provider(ctx, malmo.ID); err != nil || got != malmo {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestCustomer(t *testing.T) {
	w := newWorld(t)
	other, err := w.PutProvider(t.Context(), Provider{Company: "Annan AB", Branch: "Malmö"})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		v    Viewer
		seen bool
	}{
		{"its own people", ViewerFor(w.user), true},
		{"staff who serve it", ViewerFor(w.staff), true},
		{"staff without their second factor", Viewer{Kind: Staff, Provider: w.provider.ID, MustEnrol: true}, false},
		{"staff of another provider", Viewer{Kind: Staff, Provider: other.ID}, false},
		{"staff of nobody", Viewer{Kind: Staff}, false},
		{"people of another customer", Viewer{Kind: CustomerUser, User: "x", Customer: "x"}, false},
		{"a stranger", Nobody(locale.English), false},
	} {
		t.Run("SEC-13 SEC-16 "+row.name, func(t *testing.T) {
			got, err := w.Customer(t.Context(), row.v, w.customer.ID)
			if row.seen && (err != nil || got.Name != w.customer.Name) || !row.seen && (!errors.Is(err, store.ErrNotFound) || got.ID != "") {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	if _, err := w.Customer(t.Context(), ViewerFor(w.staff), "unknown"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown customer: %v", err)
	}
}

func TestSetLocale(t *testing.T) {
	w := newWorld(t)
	p := w.add(NewPerson{Email: "karin@elbklinik.example", Name: "Karin", Role: General, Customer: w.customer.ID, Locale: locale.German})
	v := w.enter(p)
	if err := w.SetLocale(t.Context(), v, locale.Swedish); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Person(t.Context(), p.ID); err != nil || got.Locale != locale.Swedish {
		t.Errorf("language %q, %v", got.Locale, err)
	}
	for _, l := range []locale.Tag{"fr", "", "de-AT", "DE"} {
		var refused *FieldError
		if err := w.SetLocale(t.Context(), v, l); !errors.As(err, &refused) {
			t.Errorf("language %q: %v", l, err)
		}
	}
	if err := w.SetLocale(t.Context(), Nobody(locale.English), locale.German); !errors.Is(err, ErrSignedOut) {
		t.Errorf("a stranger's account: %v", err)
	}
}

func TestAccount(t *testing.T) {
	w := newWorld(t)
	v := w.enter(w.user)
	a, err := w.Account(t.Context(), v)
	if want := (Account{ID: w.user.ID, Email: w.user.Email, Name: w.user.Name, Role: General, Customer: w.customer.ID, Locale: locale.Swedish}); err != nil || a != want {
		t.Errorf("account %+v, %v; want %+v", a, err, want)
	}
	if _, err := w.Account(t.Context(), Nobody(locale.English)); !errors.Is(err, ErrSignedOut) {
		t.Errorf("SEC-13 a stranger's account: %v", err)
	}
}
