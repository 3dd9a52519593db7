package main

import (
	"net/http"
	"strings"
	"testing"
)

type account struct{ Email, Password string }

func TestUsers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	user := func(t *testing.T, args ...string) result {
		return tagwerk(t, append([]string{"user"}, append(args, "--data", dir)...)...)
	}
	add := []string{"add", "--role", "admin", "--company", "Nordlicht/Hamburg"}

	t.Run("SEC-26 a person is refused before a company is made", func(t *testing.T) {
		for _, row := range []struct {
			args []string
			say  string
		}{
			{[]string{"add", "--role", "admin", "ute@nordlicht.example", "Ute"}, "--company"},
			{[]string{"add", "--role", "admin", "--company", "N", "--customer", "1", "ute@nordlicht.example", "Ute"}, "--customer"},
			{[]string{"add", "--role", "general", "ute@nordlicht.example", "Ute"}, "--customer"},
			{append(add, "ute", "Ute"), `"ute" is no e-mail address`},
			{append(add, "ute@nordlicht.example", " "), "name is empty"},
			{[]string{"add", "--role", "king", "--company", "N", "ute@nordlicht.example", "Ute"}, "--role"},
		} {
			user(t, row.args...).want(t, exitUsage, row.say)
		}
		user(t, "reset", "ute@nordlicht.example").want(t, exitFailed, "holds no installation").oneLine(t)
	})

	var first account
	t.Run("the first admin makes the company", func(t *testing.T) {
		r := user(t, append(add, "--json", "Ute@Nordlicht.example", "Ute Möller")...).want(t, exitOK, "new service company Nordlicht/Hamburg")
		decodeJSON(t, r.out, &first)
		if first.Email != "Ute@Nordlicht.example" || len(first.Password) < 20 {
			t.Errorf("%+v", first)
		}
	})
	t.Run("a second person joins it", func(t *testing.T) {
		r := user(t, append(add, "jan@nordlicht.example", "Jan")...).want(t, exitOK, "shown this once")
		if strings.Contains(r.err, "new service company") || !strings.HasPrefix(r.out, "E-mail    jan@nordlicht.example\nPassword  ") {
			t.Errorf("out %q, err %q", r.out, r.err)
		}
	})
	t.Run("the same address in another spelling", func(t *testing.T) {
		r := user(t, "add", "--role", "admin", "--company", "Other", "ute@NORDLICHT.example", "Ute")
		r.want(t, exitFailed, "exists already", "tagwerk user reset").oneLine(t)
		if tagwerk(t, "mint", "-n", "1", "--public-url", "https://a.example", "--data", dir).code != exitOK {
			t.Error("a company was left behind")
		}
	})
	t.Run("unknown customer", func(t *testing.T) {
		user(t, "add", "--role", "general", "--customer", "4711", "k@kunde.example", "K").want(t, exitFailed, `no customer has the number "4711"`).oneLine(t)
	})
	t.Run("no name of a company", func(t *testing.T) {
		user(t, "add", "--role", "admin", "--company", "/Hamburg", "x@nordlicht.example", "X").want(t, exitFailed, "company: ").oneLine(t)
	})
	t.Run("reset of a stranger", func(t *testing.T) {
		user(t, "reset", "nobody@nordlicht.example").want(t, exitFailed, "nobody signs in as nobody@nordlicht.example").oneLine(t)
	})

	t.Run("SEC-34 reset ends sessions and the old password", func(t *testing.T) {
		serve := func() (url string, s served) {
			s = serveUntil(t, "serve", "--public-url", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--data", dir)
			_, address, _ := strings.Cut(s.first, " on ")
			return "http://" + address, s
		}
		url, s := serve()
		status, token := signIn(t, url, first.Email, first.Password)
		if status != http.StatusCreated {
			t.Fatalf("sign-in: %d", status)
		}
		if status, _ := call(t, http.DefaultClient, http.MethodGet, url+"/v1/me", token, nil); status != http.StatusOK {
			t.Fatalf("session: %d", status)
		}
		s.stop().want(t, exitOK)
		var second account
		decodeJSON(t, user(t, "reset", "--json", "ute@nordlicht.example").want(t, exitOK).out, &second)
		if second.Password == first.Password {
			t.Error("the password is the same")
		}
		url, s = serve()
		if status, _ := call(t, http.DefaultClient, http.MethodGet, url+"/v1/me", token, nil); status != http.StatusUnauthorized {
			t.Errorf("the old session: %d", status)
		}
		if status, _ := signIn(t, url, first.Email, first.Password); status != http.StatusUnauthorized {
			t.Errorf("the old password: %d", status)
		}
		if status, _ := signIn(t, url, first.Email, second.Password); status != http.StatusCreated {
			t.Errorf("the new password: %d", status)
		}
		s.stop().want(t, exitOK)
	})
}
