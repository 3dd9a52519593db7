package portal_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/tagwerk/tagwerk/server"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	u := w.user(t, "haustechnik@")
	t.Run("SEC-28 wrong password and unknown person are told alike, the address is kept", func(t *testing.T) {
		b := w.browser(t, "en")
		for _, email := range []string{u.Email, "nobody@elbklinik.example"} {
			p := b.form("/sign-in", url.Values{"email": {email}, "password": {"wrong"}}).is(http.StatusUnprocessableEntity)
			if got := p.has(".error"); !strings.Contains(got, "wrong") || p.value("#email") != email || p.value("#password") != "" {
				t.Errorf("told %q, kept %q", got, p.value("#email"))
			}
		}
	})
	t.Run("SEC-57 next is an own path only", func(t *testing.T) {
		for _, next := range []string{"//evil.example", "https://evil.example", `/\evil.example`} {
			b := w.browser(t, "en")
			b.form("/sign-in", url.Values{"email": {u.Email}, "password": {u.Password}, "next": {next}}).redirects("/")
		}
	})
	t.Run("SEC-39 the cookies are bound to the host", func(t *testing.T) {
		b := w.browser(t, "en")
		p := b.form("/sign-in", url.Values{"email": {u.Email}, "password": {u.Password}})
		for _, c := range p.header.Values("Set-Cookie") {
			low := strings.ToLower(c)
			for _, want := range []string{"__host-", "httponly", "secure", "samesite=lax", "path=/"} {
				if !strings.Contains(low, want) {
					t.Errorf("%s lacks %s", c, want)
				}
			}
		}
		if b.cookies["__Host-session"] == "" || b.cookies["__Host-device"] == "" {
			t.Errorf("cookies are %v", b.cookies)
		}
		b.form("/sign-out", nil).redirects("/sign-in")
		b.get("/account").redirects("/sign-in")
	})
	t.Run("SEC-41 another site cannot send the form", func(t *testing.T) {
		b := w.as(t, "haustechnik@")
		p := b.send(http.MethodPost, "/sign-out", "application/x-www-form-urlencoded", nil, "Sec-Fetch-Site", "cross-site")
		p.is(http.StatusForbidden)
		b.get("/account").is(http.StatusOK)
	})
}

func TestSecondFactor(t *testing.T) {
	w := newWorld(t)
	u := w.user(t, "haustechnik@")
	b := w.as(t, "haustechnik@")
	w.ahead.Store(int64(11 * time.Minute))
	t.Run("SEC-37 an old session proves itself first", func(t *testing.T) {
		if q := b.form("/account/second-factor", nil).redirects("/account/prove"); q.Get("next") != "/account/second-factor" {
			t.Errorf("goes on to %q", q.Get("next"))
		}
		b.form("/account/prove", url.Values{"password": {"wrong"}, "next": {"/account/second-factor"}}).is(http.StatusUnprocessableEntity).has(".error")
		b.form("/account/prove", url.Values{"password": {u.Password}, "next": {"/account/second-factor"}}).redirects("/account/second-factor")
	})
	p := b.form("/account/second-factor", nil).is(http.StatusOK)
	if src, _ := p.Find(".qr img").Attr("src"); !strings.HasPrefix(src, "data:image/png;base64,iVBOR") {
		t.Errorf("F-37 the QR code is %.40q", src)
	}
	secret := p.has(".wrap.code")
	code := func() string {
		c, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(w.ahead.Load())))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	b.form("/account/second-factor/confirm", url.Values{"code": {"000000"}}).is(http.StatusUnprocessableEntity).has("#code-error")
	old := b.cookies["__Host-session"]
	p = b.form("/account/second-factor/confirm", url.Values{"code": {code()}}).is(http.StatusOK)
	if n := p.Find(".codes li").Length(); n != 10 {
		t.Fatalf("SEC-32 %d recovery codes", n)
	}
	recovery := p.Find(".codes li").First().Text()
	if b.cookies["__Host-session"] == old {
		t.Error("SEC-39 the session was not renewed")
	}
	if b.get("/account/second-factor").is(http.StatusOK); strings.Contains(string(b.get("/account").body), recovery) {
		t.Error("SEC-31 recovery codes are shown again")
	}

	w.ahead.Add(int64(time.Minute))
	c := w.browser(t, "en")
	p = c.form("/sign-in", url.Values{"email": {u.Email}, "password": {u.Password}, "next": {"/requests"}}).is(http.StatusOK)
	t.Run("SEC-43 the second step does not hold the password", func(t *testing.T) {
		if bytes.Contains(p.body, []byte(u.Password)) || bytes.Contains(p.body, []byte(u.Email)) {
			t.Error("it does")
		}
	})
	step, next := p.value("input[name=step]"), p.value("input[name=next]")
	p = c.form("/sign-in", url.Values{"step": {step}, "code": {"000000"}, "next": {next}}).is(http.StatusUnprocessableEntity)
	p.has("#code-error")
	step = p.value("input[name=step]")
	t.Run("SEC-45 the step ends by time and cannot be made up", func(t *testing.T) {
		c.form("/sign-in", url.Values{"step": {"made-up"}, "code": {code()}}).is(http.StatusUnprocessableEntity).has("#email")
		w.ahead.Add(int64(6 * time.Minute))
		c.form("/sign-in", url.Values{"step": {step}, "code": {code()}}).is(http.StatusUnprocessableEntity).has("#email")
		w.ahead.Add(-int64(6 * time.Minute))
	})
	c.form("/sign-in", url.Values{"step": {step}, "code": {code()}, "next": {next}}).redirects("/requests")
	t.Run("SEC-32 a recovery code signs in once", func(t *testing.T) {
		for i, want := range []int{http.StatusSeeOther, http.StatusUnprocessableEntity} {
			d := w.browser(t, "en")
			p := d.form("/sign-in", url.Values{"email": {u.Email}, "password": {u.Password}}).is(http.StatusOK)
			if got := d.form("/sign-in", url.Values{"step": {p.value("input[name=step]")}, "code": {recovery}}); got.status != want {
				t.Errorf("use %d: status %d, want %d", i+1, got.status, want)
			}
		}
	})
	t.Run("F-37 it can be taken away again", func(t *testing.T) {
		c.get("/account").is(http.StatusOK).has("form[action='/account/second-factor/remove']")
		c.form("/account/second-factor/remove", nil).redirects("/account")
		c.get("/account").lacks("form[action='/account/second-factor/remove']")
	})
}

func TestStaffMustEnrol(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.StaffFactor = "required" })
	b := w.as(t, "dispo@")
	t.Run("SEC-33 everything but the enrolment leads to it", func(t *testing.T) {
		for _, path := range []string{"/", "/staff/queue", "/account", "/scan/photo"} {
			if path == "/scan/photo" {
				b.upload(path, nil).redirects("/account/second-factor")
				continue
			}
			b.get(path).redirects("/account/second-factor")
		}
		p := b.get("/account/second-factor").is(http.StatusOK)
		p.has(".warn")
		p.lacks(".nav")
		b.get("/t/" + w.sample.Codes[0]).is(http.StatusOK).has(".contact")
	})
	p := b.form("/account/second-factor", nil).is(http.StatusOK)
	code, err := totp.GenerateCode(p.has(".wrap.code"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	b.form("/account/second-factor/confirm", url.Values{"code": {code}}).is(http.StatusOK)
	b.get("/staff/queue").is(http.StatusOK)
}

func TestAccount(t *testing.T) {
	w := newWorld(t)
	u := w.user(t, "fastighet@")
	b, other := w.as(t, "fastighet@"), w.as(t, "fastighet@")
	p := b.get("/account").is(http.StatusOK)
	if got := p.has("main"); !strings.Contains(got, "Björn Ågren") || !strings.Contains(got, "Västkustens Bostäder") || p.Find(".session").Length() != 2 {
		t.Errorf("page is %q", got)
	}
	t.Run("F-36 a new password is judged and repeated", func(t *testing.T) {
		for name, c := range map[string]struct{ old, new, again, want string }{
			"short": {u.Password, "kurz", "kurz", "#new-error"}, "not the same": {u.Password, "ein langer neuer Satz", "ein anderer Satz", "#new-error"},
			"wrong old one": {"falsch", "ein langer neuer Satz", "ein langer neuer Satz", "#old-error"},
		} {
			t.Run(name, func(t *testing.T) {
				b.form("/account/password", url.Values{"old": {c.old}, "new": {c.new}, "again": {c.again}}).is(http.StatusUnprocessableEntity).has(c.want)
			})
		}
		b.form("/account/password", url.Values{"old": {u.Password}, "new": {"ein langer neuer Satz"}, "again": {"ein langer neuer Satz"}}).redirects("/account")
	})
	t.Run("SEC-40 other sessions end with it", func(t *testing.T) {
		other.get("/account").redirects("/sign-in")
		b.get("/account").is(http.StatusOK)
	})
	t.Run("SEC-40 sessions are listed and ended", func(t *testing.T) {
		third := w.browser(t, "en")
		third.form("/sign-in", url.Values{"email": {u.Email}, "password": {"ein langer neuer Satz"}}).redirects("/")
		id := b.get("/account").is(http.StatusOK).value(".session button[name=session]")
		b.form("/account/sessions", url.Values{"session": {id}}).redirects("/account")
		third.get("/account").redirects("/sign-in")
		b.form("/account/sessions", url.Values{"session": {"all"}}).redirects("/sign-in")
		b.get("/account").redirects("/sign-in")
	})
}
