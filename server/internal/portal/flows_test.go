package portal_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/pquerna/otp/totp"

	"github.com/tagwerk/tagwerk/labels"
	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/tagging"
)

// newCode is a well-formed code that nobody minted.
func newCode(t *testing.T) string {
	t.Helper()
	c, err := tagging.NewCode(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(c)
}

func TestStranger(t *testing.T) {
	w := newWorld(t)
	blank := w.blank(t)
	var foreign string // a label of the other branch
	for _, c := range w.sample.Codes {
		if _, err := w.app.Assets.ByCode(t.Context(), w.viewer(t, "dispo@"), tagging.Code(c)); err != nil {
			foreign = c
		}
	}
	if foreign == "" {
		t.Fatal("no label of the other branch")
	}
	codes := []string{w.sample.Codes[0], foreign, blank, newCode(t)}

	t.Run("X-2 X-1 each well-formed code has the same page with the contact", func(t *testing.T) {
		b := w.browser(t, "de")
		first := b.get("/t/" + codes[0]).is(http.StatusOK)
		if got := first.has(".contact"); !strings.Contains(got, "Nordlicht Brandschutz") || !strings.Contains(got, "Mo–Fr 7–18 Uhr") {
			t.Errorf("contact is %q", got)
		}
		if tel, _ := first.Find(".contact a[href^='tel:']").Attr("href"); tel != "tel:+494055501230" {
			t.Errorf("call by %q", tel)
		}
		for _, code := range codes[1:] {
			if p := b.get("/t/" + code).is(http.StatusOK); !bytes.Equal(p.body, first.body) {
				t.Errorf("another page for %s", code)
			}
		}
	})
	t.Run("X-2 also for a portal user without a grant", func(t *testing.T) {
		b := w.as(t, "reception@")
		first := b.get("/t/" + codes[0]).is(http.StatusOK)
		for _, code := range codes[1:] {
			if p := b.get("/t/" + code).is(http.StatusOK); !bytes.Equal(p.body, first.body) {
				t.Errorf("another page for %s", code)
			}
		}
	})
	t.Run("X-4 path and code in any case", func(t *testing.T) {
		b := w.browser(t, "en")
		for _, path := range []string{"/T/" + codes[0], "/t/" + strings.ToLower(codes[0]), "/T/" + codes[0][:4] + "-" + codes[0][4:]} {
			b.get(path).is(http.StatusOK).has(".contact")
		}
	})
	t.Run("SEC-2 the wrong symbol is named and the input kept", func(t *testing.T) {
		p := w.browser(t, "en").get("/t/" + codes[0][:5] + "u" + codes[0][6:]).is(http.StatusNotFound)
		if got := p.has("#payload-error"); !strings.Contains(got, "“U” at position 6") {
			t.Errorf("told %q", got)
		}
		if got := p.value("#payload"); !strings.EqualFold(got, codes[0][:5]+"u"+codes[0][6:]) {
			t.Errorf("kept %q", got)
		}
	})
	t.Run("sign-in comes back to the label", func(t *testing.T) {
		b := w.browser(t, "en")
		href, _ := b.get("/t/" + codes[0]).Find("main a[href^='?']").Attr("href")
		next := b.get("/t/" + codes[0] + href).redirects("/sign-in")
		p := b.get("/sign-in?" + next.Encode()).is(http.StatusOK)
		u := w.user(t, "haustechnik@")
		b.form("/sign-in", url.Values{"email": {u.Email}, "password": {u.Password}, "next": {p.value("input[name=next]")}}).redirects("/t/" + codes[0])
	})
	t.Run("other pages ask to sign in", func(t *testing.T) {
		b := w.browser(t, "en")
		if q := b.get("/requests/100001").redirects("/sign-in"); q.Get("next") != "/requests/100001" {
			t.Errorf("comes back to %q", q.Get("next"))
		}
		b.upload("/report", url.Values{"code": {codes[0]}}).is(http.StatusUnauthorized).has("h1")
	})
	t.Run("the language is chosen in the browser", func(t *testing.T) {
		b := w.browser(t, "de")
		b.send(http.MethodPost, "/language", "application/x-www-form-urlencoded", []byte("language=sv"), "Referer", w.url+"/t/"+codes[0]).redirects("/t/" + codes[0])
		if lang, _ := b.get("/t/" + codes[0]).Find("html").Attr("lang"); lang != "sv" {
			t.Errorf("lang is %q", lang)
		}
		b.send(http.MethodPost, "/language", "application/x-www-form-urlencoded", []byte("language=sv"), "Referer", "https://evil.example/x").redirects("/")
	})
}

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

func TestGrantedPages(t *testing.T) {
	w := newWorld(t)
	dampers := w.assetOf(t, w.sample.Codes[0])
	all, due := w.as(t, "haustechnik@"), w.as(t, "einkauf@")
	t.Run("F-14 F-9 F-17 the list over all branches with the columns as permitted", func(t *testing.T) {
		p := all.get("/").is(http.StatusOK)
		if n := p.Find("tbody tr").Length(); n != 3 {
			t.Errorf("%d assets", n)
		}
		heads := p.has("thead")
		for _, want := range []string{"Next appointment", "Due dates", "Number of components", "Open faults"} {
			if !strings.Contains(heads, want) {
				t.Errorf("no column %q in %q", want, heads)
			}
		}
		if heads := due.get("/").is(http.StatusOK).has("thead"); heads != "Asset Service company Due dates" {
			t.Errorf("columns with due dates only: %q", heads)
		}
	})
	t.Run("F-15 search", func(t *testing.T) {
		for query, want := range map[string]int{"parkhaus": 1, "a-1001": 1, "HAUS elbchaussee": 2, "göteborg": 1, "nothing": 0} {
			if got := all.get("/?q=" + url.QueryEscape(query)).is(http.StatusOK).Find("tbody tr").Length(); got != want {
				t.Errorf("%q finds %d, want %d", query, got, want)
			}
		}
	})
	t.Run("F-16 filter by service company", func(t *testing.T) {
		p := all.get("/").is(http.StatusOK)
		sum := 0
		for _, id := range p.Find("#provider option[value!='']").Map(func(_ int, s *goquery.Selection) string { v, _ := s.Attr("value"); return v }) {
			sum += all.get("/?provider=" + id).is(http.StatusOK).Find("tbody tr").Length()
		}
		if sum != 3 {
			t.Errorf("the companies have %d assets together", sum)
		}
	})
	t.Run("F-18 F-24 F-27 F-28 tabs", func(t *testing.T) {
		p := all.get("/assets/" + dampers).is(http.StatusOK)
		if got := p.has(".tabs"); got != "AppointmentsComponentsDue datesFaults" {
			t.Errorf("tabs are %q", got)
		}
		t.Run("F-19 F-20 no draft, no unpublished report", func(t *testing.T) {
			if text := p.has("tbody"); strings.Contains(text, "Vorplanung") || !strings.Contains(text, "Jahreswartung") {
				t.Errorf("shows %q", text)
			}
		})
		all.get("/assets/" + dampers + "?tab=components").has("tbody tr:nth-child(24)")
		p = due.get("/assets/" + dampers).is(http.StatusOK)
		if got := p.has(".tabs"); got != "Due dates" {
			t.Errorf("tabs with due dates only are %q", got)
		}
		if text := p.has("main"); strings.Contains(text, "Brandschutzklappe Flur") {
			t.Error("F-24 components are named without the permission")
		}
		due.get("/assets/" + dampers + "?tab=components").is(http.StatusForbidden)
		due.get("/report?asset=" + dampers).is(http.StatusForbidden)
	})
	t.Run("SEC-16 a foreign asset is not there", func(t *testing.T) {
		foreign := w.as(t, "fastighet@")
		for _, path := range []string{"/assets/" + dampers, "/report?asset=" + dampers, "/assets/unknown"} {
			foreign.get(path).is(http.StatusNotFound)
		}
	})
	t.Run("F-40 F-41 F-42 the scan shows exactly the granted blocks", func(t *testing.T) {
		p := all.get("/t/" + w.sample.Codes[0]).is(http.StatusOK)
		text := p.has("main")
		for _, want := range []string{"Brandschutzklappe Flur Süd 1", "FKA2", "Component due", "Next appointment", "Open faults", "Report a fault"} {
			if !strings.Contains(text, want) {
				t.Errorf("lacks %q", want)
			}
		}
		text = due.get("/t/" + w.sample.Codes[0]).is(http.StatusOK).has("main")
		if !strings.Contains(text, "Component due") {
			t.Error("lacks the due date")
		}
		for _, not := range []string{"Flur Süd 1", "FKA2", "Next appointment", "Open faults", "Report a fault"} {
			if strings.Contains(text, not) {
				t.Errorf("shows %q with due dates only", not)
			}
		}
	})
}

func TestReport(t *testing.T) {
	w := newWorld(t)
	code := w.sample.Codes[0]
	b, staff := w.as(t, "haustechnik@"), w.as(t, "dispo@")
	form := b.get("/t/" + code).is(http.StatusOK)
	key := form.value("form[action='/report'] input[name=key]")
	t.Run("F-30 only released fault types", func(t *testing.T) {
		if n := form.Find("input[name=fault_type]").Length(); n != 4 {
			t.Errorf("%d fault types", n)
		}
	})
	t.Run("errors stand beside their field and the input is kept", func(t *testing.T) {
		p := b.upload("/report", url.Values{"code": {code}, "key": {key}, "text": {"klemmt <b>sehr</b>"}}).is(http.StatusUnprocessableEntity)
		p.has("fieldset #fault_type-error")
		if got := p.has("textarea[name=text]"); got != "klemmt <b>sehr</b>" {
			t.Errorf("kept %q", got)
		}
		p = b.upload("/report", url.Values{"code": {code}, "key": {key}, "fault_type": {"stuck"}}).is(http.StatusUnprocessableEntity)
		p.has("#text-error")
		if v := p.value("input[name=fault_type][checked]"); v != "stuck" {
			t.Errorf("kept %q", v)
		}
		b.upload("/report", url.Values{"code": {code}, "key": {key}, "fault_type": {"stuck"}, "text": {"x"}}, []byte("no picture")).is(http.StatusUnprocessableEntity).has("#photo-error")
		six := make([][]byte, 6)
		for i := range six {
			six[i] = photo(t, uint8(i), 40, 30)
		}
		b.upload("/report", url.Values{"code": {code}, "key": {key}, "fault_type": {"stuck"}, "text": {"x"}}, six...).is(http.StatusUnprocessableEntity).has("#photo-error")
	})
	text := "Klappe <script>alert(1)</script> schließt nicht"
	in := url.Values{"code": {strings.ToLower(code)}, "key": {key}, "fault_type": {"stuck"}, "text": {text}}
	made := b.upload("/report", in, photo(t, 1, 320, 240), photo(t, 2, 320, 240))
	number := strings.TrimPrefix(strings.Split(made.header.Get("Location"), "?")[0], "/requests/")
	if made.redirects("/requests/"+number).Get("done") != "reported" {
		t.Errorf("goes to %s", made.header.Get("Location"))
	}
	p := b.get("/requests/" + number + "?done=reported").is(http.StatusOK)
	t.Run("F-29 the number, the status and two photos are shown", func(t *testing.T) {
		if !strings.Contains(p.has("h1"), number) || p.has(".chips .chip") != "Waiting for handling" || p.Find(".photos img").Length() != 2 || p.has(".notice") == "" {
			t.Errorf("page is %q", p.has("main"))
		}
	})
	t.Run("SEC-72 text stays text", func(t *testing.T) {
		p.lacks("main script")
		if got := p.has(".thread .text"); got != text {
			t.Errorf("text is %q", got)
		}
	})
	t.Run("SEC-86 the same form makes one report, another content is told", func(t *testing.T) {
		b.upload("/report", in, photo(t, 1, 320, 240)).redirects("/requests/" + number)
		in.Set("text", "something else")
		p := b.upload("/report", in).is(http.StatusUnprocessableEntity)
		if p.has("#text-error"); p.value("input[name=key]") == key {
			t.Error("the form cannot be sent again")
		}
	})
	t.Run("SEC-64 a photo is an attachment in a sandbox, for those who see the request", func(t *testing.T) {
		src, _ := p.Find(".photos img").First().Attr("src")
		got := b.get(src)
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "image/jpeg" || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") ||
			!strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") || got.header.Get("Cache-Control") != "no-store" || !bytes.HasPrefix(got.body, []byte{0xff, 0xd8}) {
			t.Errorf("%d %v", got.status, got.header)
		}
		w.as(t, "einkauf@").get(src).is(http.StatusNotFound)
		w.as(t, "kundtjanst@").get(src).is(http.StatusNotFound)
		b.get("/requests/" + number + "/photos/none").is(http.StatusNotFound)
	})
	t.Run("X-11 the open fault is shown with a way to follow it", func(t *testing.T) {
		admin := w.viewer(t, "dispo@")
		if err := w.app.Assets.Grant(t.Context(), admin, w.viewer(t, "einkauf@").User, w.assetOf(t, code), asset.Faults); err != nil {
			t.Fatal(err)
		}
		colleague := w.as(t, "einkauf@")
		p := colleague.get("/t/" + code).is(http.StatusOK)
		p.has(fmt.Sprintf("form[action='/requests/%s/follow']", number))
		colleague.form("/requests/"+number+"/follow", nil).redirects("/requests/" + number)
		colleague.get("/t/" + code).lacks(fmt.Sprintf("form[action='/requests/%s/follow']", number))
		if got := colleague.get("/requests").is(http.StatusOK).has(".cards"); !strings.Contains(got, "you follow it") {
			t.Errorf("list is %q", got)
		}
	})
	t.Run("B-5 B-6 S-4 staff see the queue, answer and move the status", func(t *testing.T) {
		q := staff.get("/staff/queue").is(http.StatusOK)
		if got := q.has("tbody tr"); !strings.Contains(got, number) || !strings.Contains(got, "Urgent") {
			t.Errorf("queue is %q", got)
		}
		staff.get("/staff/queue?status=done").is(http.StatusOK).has(".empty")
		staff.form("/requests/"+number+"/messages", url.Values{"text": {"Wir kommen."}, "key": {"k1"}}).redirects("/requests/" + number)
		staff.form("/requests/"+number+"/messages", url.Values{"text": {"Wir kommen."}, "key": {"k1"}}).redirects("/requests/" + number)
		staff.form("/requests/"+number+"/status", url.Values{"status": {"waiting_customer"}}).redirects("/requests/" + number)
		p := b.get("/requests/" + number).is(http.StatusOK)
		if p.Find(".entry.staff").Length() != 1 || p.has(".chips .chip") != "Waiting for customer" {
			t.Errorf("customer sees %q", p.has(".split-main"))
		}
		b.form("/requests/"+number+"/messages", url.Values{"text": {""}}).is(http.StatusUnprocessableEntity).has("#answer-error")
		b.form("/requests/"+number+"/status", url.Values{"status": {"done"}}).is(http.StatusForbidden)
		staff.form("/requests/"+number+"/status", url.Values{"status": {"waiting_handling"}}).redirects("/requests/" + number)
	})
	t.Run("SEC-62 a photo is added, the same one once", func(t *testing.T) {
		for range 2 {
			b.upload("/requests/"+number+"/photos", nil, photo(t, 9, 64, 64)).redirects("/requests/" + number)
		}
		if n := b.get("/requests/" + number).Find(".photos img").Length(); n != 3 {
			t.Errorf("%d photos", n)
		}
		b.upload("/requests/"+number+"/photos", nil).is(http.StatusUnprocessableEntity).has("#photo-error")
	})
	t.Run("F-29 the asset in general and one of its components", func(t *testing.T) {
		id := w.assetOf(t, code)
		p := b.get("/report?asset=" + id).is(http.StatusOK)
		component := p.value("#component option[value!='']")
		in := url.Values{"asset": {id}, "component": {component}, "fault_type": {"noise"}, "text": {"x"}, "key": {p.value("input[name=key]")}}
		made := b.upload("/report", in)
		v, err := w.app.Desk.Request(t.Context(), w.viewer(t, "dispo@"), strings.TrimPrefix(strings.Split(made.header.Get("Location"), "?")[0], "/requests/"))
		if err != nil || v.Component != component || v.Type != desk.FaultReport {
			t.Errorf("made %+v: %v", v.Request, err)
		}
	})
	t.Run("SEC-48 too large a body is told on a page", func(t *testing.T) {
		p := b.upload("/report", in, make([]byte, 13<<20))
		if p.status != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", p.status)
		}
	})
	t.Run("SEC-87 staff see what push holds back", func(t *testing.T) {
		p := staff.get("/staff/pushes").is(http.StatusOK)
		if !strings.Contains(p.has(".warn"), "not configured") || !strings.Contains(p.has("tbody"), number) {
			t.Errorf("page is %q", p.has("main"))
		}
		b.get("/staff/pushes").is(http.StatusForbidden)
	})
}

func TestScanning(t *testing.T) {
	w := newWorld(t)
	code := w.sample.Codes[0]
	b := w.as(t, "haustechnik@")
	t.Run("X-1 what is typed or read leads to the label", func(t *testing.T) {
		for _, payload := range []string{code, strings.ToLower(code[:4] + " " + code[4:]), strings.ToUpper(w.url) + "/T/" + code, w.url + "/t/" + code} {
			b.form("/scan", url.Values{"payload": {payload}}).redirects("/t/" + code)
		}
	})
	t.Run("SEC-2 a mistyped code is named, foreign codes are not ours", func(t *testing.T) {
		p := b.form("/scan", url.Values{"payload": {code[:12]}}).is(http.StatusUnprocessableEntity)
		if got := p.has("#payload-error"); !strings.Contains(got, "12") || p.value("#payload") != code[:12] {
			t.Errorf("told %q", got)
		}
		b.form("/scan", url.Values{"payload": {"https://other.example/t/" + code}}).is(http.StatusOK).has(".contact")
		b.form("/scan", url.Values{"payload": {"WIFI:T:WPA;S:net;P:secret;;"}}).is(http.StatusUnprocessableEntity).has("#payload-error")
		b.form("/scan", nil).is(http.StatusUnprocessableEntity).has("#payload-error")
	})
	qr, err := labels.QRPNG(w.app.Assets.LabelURL(tagging.Code(code)), 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("X-1 a photo of a label leads to it", func(t *testing.T) {
		b.upload("/scan/photo", nil, qr).redirects("/t/" + code)
	})
	t.Run("SEC-11 SEC-61 other photos are told, strangers have none decoded", func(t *testing.T) {
		b.upload("/scan/photo", nil, photo(t, 1, 200, 200)).is(http.StatusUnprocessableEntity).has("#photo-error")
		b.upload("/scan/photo", nil, []byte("text")).is(http.StatusUnprocessableEntity).has("#photo-error")
		b.upload("/scan/photo", nil).is(http.StatusUnprocessableEntity).has("#photo-error")
		w.browser(t, "en").upload("/scan/photo", nil, qr).is(http.StatusUnauthorized)
		w.browser(t, "en").get("/scan").is(http.StatusOK).lacks("form[action='/scan/photo']")
	})
}

func TestStaffLabels(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, "dispo@")
	t.Run("stock is found by number, brand or material", func(t *testing.T) {
		if n := b.get("/staff/labels?q=l6009").is(http.StatusOK).Find(".cards li").Length(); n != 1 {
			t.Errorf("%d articles", n)
		}
		b.get("/staff/labels?q=nonsense").is(http.StatusOK).has(".empty")
	})
	p := b.form("/staff/labels", url.Values{"stock": {"avery-l6009"}, "what": {"blank"}, "count": {"3"}, "start": {"46"}})
	if p.status != http.StatusOK || p.header.Get("Content-Type") != "application/pdf" || !bytes.HasPrefix(p.body, []byte("%PDF-")) ||
		p.header.Get("Content-Disposition") != `attachment; filename="labels-avery-l6009.pdf"` {
		t.Fatalf("no sheet: %d %v %.300s", p.status, p.header, p.body)
	}
	t.Run("X-5 the new codes are listed and can be bound in two steps", func(t *testing.T) {
		tags := b.get("/staff/tags").is(http.StatusOK)
		if got := tags.has("tbody tr:first-child"); !strings.Contains(got, "printed") || !strings.Contains(got, "not bound yet") {
			t.Errorf("first row is %q", got)
		}
		path, _ := tags.Find("tbody tr:first-child a").Attr("href")
		first := b.get(path + "?q=a-1001").is(http.StatusOK)
		href, _ := first.Find(".cards a").Attr("href")
		second := b.get(href).is(http.StatusOK)
		component, id := second.value("input[name=component]"), second.value("input[name=asset]")
		b.form(path+"/bind", url.Values{"asset": {id}}).is(http.StatusUnprocessableEntity).has(".error")
		b.form(path+"/bind", url.Values{"asset": {id}, "component": {component}}).redirects(path)
		if got := b.get(path).is(http.StatusOK).has(".scan-head"); !strings.Contains(got, "active") {
			t.Errorf("bound label shows %q", got)
		}
		other := second.Find("input[name=component]").Last()
		id2, _ := other.Attr("value")
		b.form(path+"/bind", url.Values{"asset": {id}, "component": {id2}}).is(http.StatusConflict).has(".error")
		w.as(t, "haustechnik@").form(path+"/bind", url.Values{"component": {component}}).is(http.StatusForbidden)
		w.as(t, "kundtjanst@").form(path+"/bind", url.Values{"component": {component}}).is(http.StatusNotFound)
	})
	t.Run("components of an asset, all, some and by code", func(t *testing.T) {
		id := w.assetOf(t, w.sample.Codes[0])
		form := b.get("/staff/labels?stock=L6009&asset=" + id).is(http.StatusOK)
		for name, in := range map[string]url.Values{
			"all":   {"what": {"asset"}, "asset": {id}},
			"some":  {"what": {"components"}, "asset": {id}, "component": {form.value("input[name=component]")}},
			"codes": {"what": {"codes"}, "codes": {w.sample.Codes[0] + "\n" + strings.ToLower(w.sample.Codes[1])}},
		} {
			in.Set("stock", "L6009")
			in.Set("start", "1")
			if p := b.form("/staff/labels", in); !bytes.HasPrefix(p.body, []byte("%PDF-")) {
				t.Errorf("%s: %d %.300s", name, p.status, p.body)
			}
		}
	})
	t.Run("X-6 mistakes and too small labels are told, nothing is minted", func(t *testing.T) {
		before := len(w.tags(t))
		for name, c := range map[string]struct {
			in   url.Values
			want string
		}{
			"too small":       {url.Values{"stock": {smallest(t)}, "what": {"blank"}, "count": {"1"}}, ".warn"},
			"number":          {url.Values{"stock": {"L6009"}, "what": {"blank"}, "count": {"2001"}}, "#count-error"},
			"no number":       {url.Values{"stock": {"L6009"}, "what": {"blank"}, "count": {"x"}}, "#count-error"},
			"start":           {url.Values{"stock": {"L6009"}, "what": {"blank"}, "count": {"1"}, "start": {"49"}}, "#start-blank-error"},
			"no component":    {url.Values{"stock": {"L6009"}, "what": {"components"}, "asset": {w.assetOf(t, w.sample.Codes[0])}}, "#component-error"},
			"mistyped code":   {url.Values{"stock": {"L6009"}, "what": {"codes"}, "codes": {"UUU"}}, "#codes-error"},
			"unknown code":    {url.Values{"stock": {"L6009"}, "what": {"codes"}, "codes": {newCode(t)}}, "#codes-error"},
			"unknown article": {url.Values{"stock": {"none"}, "what": {"blank"}, "count": {"1"}}, "#q"},
		} {
			t.Run(name, func(t *testing.T) { b.form("/staff/labels", c.in).is(http.StatusUnprocessableEntity).has(c.want) })
		}
		if after := len(w.tags(t)); after != before {
			t.Errorf("%d labels were minted", after-before)
		}
	})
	t.Run("SEC-12 customers have no staff pages", func(t *testing.T) {
		c := w.as(t, "haustechnik@")
		for _, path := range []string{"/staff/labels", "/staff/tags", "/staff/queue", "/staff/pushes"} {
			c.get(path).is(http.StatusForbidden)
		}
	})
}

func (w *world) tags(t *testing.T) []*asset.Tag {
	t.Helper()
	list, _, err := w.app.Assets.Tags(t.Context(), w.viewer(t, "dispo@"), "", 200)
	if err != nil {
		t.Fatal(err)
	}
	return list
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

func TestStatic(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t, "en")
	p := b.get("/sign-in").is(http.StatusOK)
	href, _ := p.Find("link[rel=stylesheet]").Attr("href")
	if !regexp.MustCompile(`^/static/portal\.[0-9a-f]{12}\.css$`).MatchString(href) {
		t.Fatalf("style sheet is %q", href)
	}
	css := b.get(href)
	if css.status != http.StatusOK || !strings.Contains(css.header.Get("Cache-Control"), "immutable") || css.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%d %v", css.status, css.header)
	}
	b.get("/static/portal.css").is(http.StatusNotFound)
	t.Run("SEC-55 pages are not kept and have a policy", func(t *testing.T) {
		if policy := p.header.Get("Content-Security-Policy"); p.header.Get("Cache-Control") != "no-store" || !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") {
			t.Errorf("headers %v", p.header)
		}
	})
	t.Run("an unknown page says what to do", func(t *testing.T) {
		b.get("/nowhere").is(http.StatusNotFound).has("main .button[href='/']")
	})
}

// smallest is the stock with the lowest labels of all sheets.
func smallest(t *testing.T) string {
	t.Helper()
	var least labels.Stock
	for _, s := range labels.Stocks() {
		if s.Type != labels.TypeContinuous && (least.ID == "" || min(s.LabelW, s.LabelH) < min(least.LabelW, least.LabelH)) {
			least = s
		}
	}
	return least.ID
}
