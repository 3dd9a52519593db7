package portal_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/tagwerk/tagwerk/tagging"
)

// chromium starts a headless browser, or says loudly that there is none.
func chromium(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("TAGWERK_TEST_STRICT") == "1" {
			t.Fatal("chromium is missing, and TAGWERK_TEST_STRICT=1 asks for it")
		}
		t.Skip("SKIPPED: NO CHROMIUM ON THIS MACHINE, the pages were not looked at by a browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	options = append(options, more...)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(func() { stop(); cancel() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	limited, over := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(over)
	return limited
}

// small lists, in the browser, what can be pressed but is lower than 44 px: links in running text are excepted (WCAG 2.2, 2.5.5).
const small = `Array.from(document.querySelectorAll('button, .button, input:not([type=hidden]), select, .nav a, .tabs a, .choice'))
	.filter(e => !(e.closest('.choice') && e.tagName === 'INPUT'))
	.filter(e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height < 43.5 })
	.map(e => e.outerHTML.slice(0, 120))`

// TestScreens opens the pages in a browser, on a phone and on a desk, and looks for what only a browser knows: sideways scrolling,
// small targets, refused scripts or styles.
func TestScreens(t *testing.T) {
	ctx, shots := chromium(t), os.Getenv("TAGWERK_SHOTS")
	w := newWorld(t)
	numbers := w.reports(t)
	watched, unwatch := context.WithCancel(ctx)
	trouble := make(chan []string)
	go func() {
		var seen []string
		for m, err := range chromedp.Console(watched) {
			if err != nil {
				break
			}
			if m.Type == chromedp.ConsoleException || strings.Contains(m.Text, "Content Security Policy") {
				seen = append(seen, m.Text)
			}
		}
		trouble <- seen
	}()
	code := w.sample.Codes[0]
	blank := w.blank(t)
	dampers := w.assetOf(t, code)
	for _, visit := range []struct {
		who, language string
		paths         map[string]string
	}{
		{"", "de", map[string]string{"sign-in": "/sign-in", "contact": "/t/" + code, "mistyped": "/t/" + code[:12] + "U", "scan-stranger": "/scan"}},
		{"haustechnik@", "de", map[string]string{"overview": "/", "answer": "/t/" + code, "scan": "/scan", "asset": "/assets/" + dampers,
			"components": "/assets/" + dampers + "?tab=components", "due": "/assets/" + dampers + "?tab=due", "faults": "/assets/" + dampers + "?tab=faults",
			"report": "/report?asset=" + dampers, "requests": "/requests", "request": "/requests/" + numbers[0], "account": "/account",
			"factor": "/account/second-factor", "not-found": "/assets/none"}},
		{"reception@", "sv", map[string]string{"overview-empty": "/", "requests-empty": "/requests", "no-grant": "/t/" + code}},
		{"dispo@", "de", map[string]string{"staff-overview": "/", "queue": "/staff/queue", "staff-request": "/requests/" + numbers[0], "labels": "/staff/labels",
			"labels-stock": "/staff/labels?stock=L6009", "labels-asset": "/staff/labels?stock=L6009&asset=" + dampers, "tags": "/staff/tags", "pushes": "/staff/pushes",
			"bind": "/t/" + blank, "bind-component": "/t/" + blank + "?asset=" + dampers, "staff-answer": "/t/" + code}},
	} {
		w.signInBrowser(t, ctx, visit.who, visit.language)
		for name, path := range visit.paths {
			widths := []int64{390}
			if shots != "" || slices.Contains([]string{"overview", "request", "labels-asset"}, name) {
				widths = append(widths, 1280)
			}
			w.look(t, ctx, name, path, widths...)
		}
	}
	unwatch()
	if seen := <-trouble; len(seen) > 0 {
		t.Errorf("SEC-55 the browser complains: %q", seen)
	}
}

// look opens a page at each width and checks that it neither scrolls sideways nor has targets too small for a finger. With
// TAGWERK_SHOTS=<folder> it leaves pictures there.
func (w *world) look(t *testing.T, ctx context.Context, name, path string, widths ...int64) {
	t.Helper()
	shots := os.Getenv("TAGWERK_SHOTS")
	for _, width := range widths {
		height := int64(844)
		if width > 390 {
			height = 900
		}
		err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height), chromedp.Navigate(w.url+path))
		wide, werr := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
		tiny, terr := chromedp.Run(ctx, chromedp.Evaluate[[]string](small))
		if err := errors.Join(err, werr, terr); err != nil {
			t.Fatalf("%s at %d px: %v", name, width, err)
		}
		if wide > width {
			t.Errorf("%s at %d px is %d px wide", name, width, wide)
		}
		if len(tiny) > 0 {
			t.Errorf("%s at %d px has targets lower than 44 px: %q", name, width, tiny)
		}
		if shots != "" {
			shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err := errors.Join(err, os.WriteFile(filepath.Join(shots, fmt.Sprintf("%s-%d.png", name, width)), shot, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// signInBrowser gives the browser the cookies of a fresh session; none for nobody.
func (w *world) signInBrowser(t *testing.T, ctx context.Context, who, language string) {
	t.Helper()
	err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.ClearBrowserCookies, cdp.Empty{})
		_, herr := cdp.Call(ctx, target, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
			Headers: network.Headers{"Accept-Language": language}})
		return errors.Join(err, herr)
	}))
	if err == nil && who != "" {
		u := w.user(t, who)
		err = chromedp.Do(ctx, chromedp.Navigate(w.url+"/sign-in"), chromedp.SendKeys(`#email`, u.Email),
			chromedp.SendKeys(`#password`, u.Password), chromedp.Submit(`#password`), chromedp.WaitVisible(`.nav`))
	}
	if err != nil {
		t.Fatalf("sign in %q: %v", who, err)
	}
}

// reports leaves a few faults in the world, one of them with an answer and photos, and returns their numbers.
func (w *world) reports(t *testing.T) []string {
	t.Helper()
	customer, staff := w.as(t, "haustechnik@"), w.as(t, "dispo@")
	var numbers []string
	for i, f := range []struct{ kind, text string }{
		{"stuck", "Klappe schließt nicht mehr vollständig.\nSeit heute Morgen, im Flur riecht es nach Rauch."},
		{"noise", "Schleift beim Öffnen."},
	} {
		p := customer.upload("/report", url.Values{"code": {w.sample.Codes[i]}, "fault_type": {f.kind}, "text": {f.text}},
			photo(t, uint8(i), 640, 480), photo(t, uint8(i+60), 480, 640))
		numbers = append(numbers, strings.TrimPrefix(strings.SplitN(p.header.Get("Location"), "?", 2)[0], "/requests/"))
		p.redirects("/requests/" + numbers[i])
	}
	staff.form("/requests/"+numbers[0]+"/messages", url.Values{"text": {"Unsere Technikerin ist gegen 11 Uhr bei Ihnen."}}).redirects("/requests/" + numbers[0])
	staff.form("/requests/"+numbers[0]+"/status", url.Values{"status": {"in_progress"}}).redirects("/requests/" + numbers[0])
	return numbers
}

// blank is a label that is bound to nothing yet.
func (w *world) blank(t *testing.T) string {
	t.Helper()
	made, err := w.app.Assets.Mint(t.Context(), w.viewer(t, "dispo@"), 1)
	if err != nil {
		t.Fatal(err)
	}
	return string(made[0].Code)
}

func (w *world) assetOf(t *testing.T, code string) string {
	t.Helper()
	tagged, err := w.app.Assets.ByCode(t.Context(), w.viewer(t, "dispo@"), tagging.Code(code))
	if err != nil {
		t.Fatal(err)
	}
	return tagged.Access.Asset.ID
}
