package portal_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

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

// TestProblems follows the type URI of a problem to the page that it names (RFC 9457).
func TestProblems(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t, "de")
	page := b.get("/problems").is(http.StatusOK)
	for _, code := range []string{"not_found", "mistyped_code", "quota-exceeded", "internal"} {
		if got := page.has(`[id="` + code + `"]`); !strings.Contains(got, code) {
			t.Errorf("%s is described as %q", code, got)
		}
	}
	if text := page.Text(); strings.Contains(text, "no value") || strings.Contains(text, "⟦") {
		t.Errorf("a text is not whole: %s", text)
	}
}
