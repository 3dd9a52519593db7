package portal_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
)

// foundForm switches the form for finders on for the contact of the test's host.
func (w *world) foundForm(t *testing.T) {
	t.Helper()
	if err := w.app.Assets.PutTagSettings(t.Context(), w.viewer(t, "admin@"), asset.TagSettings{FoundForm: true, KeepSightings: 14}); err != nil {
		t.Fatal(err)
	}
}

func TestFoundForm(t *testing.T) {
	w := newWorld(t)
	stranger := w.browser(t, "en")
	code, unknown := w.sample.Codes[0], newCode(t)
	t.Run("X-1 without the setting there is none", func(t *testing.T) {
		stranger.get("/t/" + code).is(http.StatusOK).lacks(`a[href="?found=1"]`)
		for _, path := range []string{"/t/" + code + "/found", "/t/" + unknown + "/found", "/found"} {
			stranger.get(path).is(http.StatusNotFound)
			stranger.form(path, url.Values{"number": {"1"}, "place": {"here"}}).is(http.StatusNotFound)
		}
	})
	w.foundForm(t)
	t.Run("SEC-1 the way there and the form are the same for every code", func(t *testing.T) {
		var pages [2][]byte
		for i, c := range []string{code, unknown} {
			p := stranger.get("/t/" + c).is(http.StatusOK)
			p.has(`a[href="?found=1"]`)
			pages[i] = p.body
			stranger.get("/T/" + strings.ToLower(c) + "?found=1").redirects("/t/" + c + "/found")
		}
		if !bytes.Equal(pages[0], pages[1]) {
			t.Error("the contact page differs")
		}
		for i, c := range []string{code, unknown} {
			p := stranger.get("/t/" + c + "/found").is(http.StatusOK)
			body := bytes.ReplaceAll(p.body, []byte(p.value("input[name=token]")), nil)
			body = bytes.ReplaceAll(body, []byte(c), nil)
			pages[i] = bytes.ReplaceAll(body, []byte(c[:4]+"-"+c[4:8]+"-"+c[8:]), nil)
		}
		if !bytes.Equal(pages[0], pages[1]) {
			t.Error("the form differs")
		}
		stranger.get("/t/" + code[:12] + "U/found").is(http.StatusNotFound).has("h1")
	})
	fill := func(path string) (string, url.Values) {
		p := stranger.get(path).is(http.StatusOK)
		v := url.Values{"token": {p.value("input[name=token]")}, "place": {"Bus 3"}, "text": {"Lies with\nthe driver."}, "reach": {"+49 40 1"}}
		if path == "/found" {
			v.Set("number", "0009334109")
		}
		return path, v
	}
	send := func(path string, v url.Values) *page {
		w.ahead.Add(int64(5 * time.Second))
		return stranger.form(path, v)
	}
	t.Run("SEC-5 every input is thanked for alike", func(t *testing.T) {
		var thanks []byte
		for _, path := range []string{"/t/" + code + "/found", "/t/" + unknown + "/found", "/found"} {
			p := send(fill(path)).is(http.StatusOK)
			p.has(".notice")
			if thanks != nil && !bytes.Equal(thanks, p.body) {
				t.Errorf("%s is thanked for in another way", path)
			}
			thanks = p.body
		}
		path, v := fill("/found")
		v.Set("website", "https://spam.example")
		if p := send(path, v).is(http.StatusOK); !bytes.Equal(thanks, p.body) {
			t.Error("a program learns that it was seen through")
		}
	})
	t.Run("what is wrong is told beside its field, and nothing is lost", func(t *testing.T) {
		for name, c := range map[string]struct{ field, value, want string }{
			"no number":    {"number", " ", "#number-error"},
			"long number":  {"number", strings.Repeat("1", 201), "#number-error"},
			"no place":     {"place", "", "#place-error"},
			"long place":   {"place", strings.Repeat("ö", 201), "#place-error"},
			"long text":    {"text", strings.Repeat("x", 2001), "#text-error"},
			"strange text": {"text", "a\x01b", "#text-error"},
			"two lines":    {"reach", "a\nb", "#reach-error"},
			"a control":    {"place", "a\u0085b", "#place-error"},
			"no token":     {"token", "", ".form > .error"},
			"false token":  {"token", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ".form > .error"},
		} {
			t.Run(name, func(t *testing.T) {
				path, v := fill("/found")
				v.Set(c.field, c.value)
				p := send(path, v).is(http.StatusUnprocessableEntity)
				p.has(c.want)
				for field, selector := range map[string]string{"number": "#number", "place": "#place", "reach": "#reach"} {
					if field != c.field {
						if got := p.value(selector); got != v.Get(field) {
							t.Errorf("%s is %q", field, got)
						}
					}
				}
				if c.field != "text" && !strings.Contains(p.Find("#text").Text(), "the driver") {
					t.Error("the text is lost")
				}
			})
		}
	})
	t.Run("X-1 a program that sends at once and a form of yesterday are asked again, and then taken", func(t *testing.T) {
		path, v := fill("/found")
		for _, wait := range []time.Duration{0, 3 * time.Hour} {
			w.ahead.Add(int64(wait))
			p := stranger.form(path, v).is(http.StatusUnprocessableEntity)
			p.has(".form > .error")
			again := url.Values{"token": {p.value("input[name=token]")}, "number": {p.value("#number")}, "place": {p.value("#place")}}
			send(path, again).is(http.StatusOK).has(".notice")
		}
	})
}
