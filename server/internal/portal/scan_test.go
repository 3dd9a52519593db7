package portal_test

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/labels"
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
