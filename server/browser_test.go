package server_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// tab is a tab of headless Chromium.
type tab struct {
	t   *testing.T
	ctx context.Context
}

type step = chromedp.Action[chromedp.Void]

// browser starts headless Chromium with a window of the given size, and skips loudly where there is none.
func browser(t *testing.T, width, height int64) tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("TAGWERK_TEST_STRICT") == "1" {
			t.Fatal("chromium is not installed: install Debian's package chromium")
		}
		t.Skip("SKIPPED, NOT TESTED: chromium is not installed (Debian's package chromium)")
	}
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("accept-lang", "de"), chromedp.UserDataDir(t.TempDir()))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), flags...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	b := tab{t, ctx}
	view := []chromedp.EmulateViewportOption{chromedp.EmulateScale(2)}
	if width < 600 {
		view = append(view, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.do("size", chromedp.EmulateViewport(width, height, view...))
	return b
}

// do runs steps within half a minute; what names them in a failure. A page wider than the window fails as well.
func (b tab) do(what string, steps ...step) {
	b.t.Helper()
	ctx, done := context.WithTimeout(b.ctx, 30*time.Second)
	defer done()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, eval[string](b, `document.body.innerText`))
	}
	if eval[bool](b, `document.documentElement.scrollWidth > document.documentElement.clientWidth`) {
		b.t.Errorf("%s: the page is wider than the window", what)
	}
}

// eval returns the value of a script.
func eval[T any](b tab, script string) T {
	b.t.Helper()
	ctx, done := context.WithTimeout(b.ctx, 10*time.Second)
	defer done()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		b.t.Errorf("%s: %v", script, err)
	}
	return v
}

func (b tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, `document.querySelector('`+selector+`').innerText`)
}

// picture keeps a screenshot where TAGWERK_PICTURES names a folder, to be looked at and for the README.
func (b tab) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("TAGWERK_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), png, 0o644)
	}
	if err != nil {
		b.t.Errorf("screenshot %s: %v", name, err)
	}
}

// TestPhoneReportsFault does what a customer does: opens the link of a label with the phone's camera app, signs in, reports a
// fault with a photo, and sees its number.
func TestPhoneReportsFault(t *testing.T) {
	w := newWorld(t, withoutFCM)
	b := browser(t, 390, 844)
	file := filepath.Join(t.TempDir(), "foto.jpg")
	if err := os.WriteFile(file, photo(t, 5), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do("open the label", chromedp.Navigate(w.url+"/t/"+strings.ToLower(w.sample.Codes[0])), chromedp.WaitVisible(`address`))
	b.picture("stranger.png")
	if stranger := b.text("main"); strings.Contains(stranger, "Brandschutzklappe") || !strings.Contains(stranger, "+49 40") {
		t.Fatalf("X-1 a stranger sees:\n%s", stranger)
	}
	u := w.user("haustechnik@")
	b.do("to the sign-in", chromedp.Click(`a[href^="?sign-in"]`), chromedp.WaitVisible(`#email`))
	b.picture("sign-in.png")
	b.do("sign in", chromedp.SendKeys(`#email`, u.Email), chromedp.SendKeys(`#password`, u.Password),
		chromedp.Click(`form[action="/sign-in"] button`), chromedp.WaitVisible(`#report`))
	b.picture("scan.png")
	granted := b.text("main")
	for _, want := range []string{"Brandschutzklappe Flur Süd 1", "Trox", "Jahreswartung"} {
		if !strings.Contains(granted, want) {
			t.Errorf("F-41 the scan page does not show %q:\n%s", want, granted)
		}
	}
	b.do("fill in the report", chromedp.Click(`input[name="fault_type"][value="stuck"]`), chromedp.SendKeys(`#text`, "Klappe schließt nicht, es zieht."),
		chromedp.SetUploadFiles(`#photo`, []string{file}))
	b.picture("report.png")
	// A person scrolls until the button is clear of the menu at the foot.
	b.do("scroll", chromedp.Evaluate[chromedp.Void](`document.querySelector('#report button.wide').scrollIntoView({block: 'center'})`))
	b.do("send it", chromedp.Click(`#report button.wide`), chromedp.WaitVisible(`.thread`))
	b.picture("reported.png")
	address, done := eval[string](b, `location.pathname`), b.text("main")
	if address != "/requests/100002" || !strings.Contains(done, "100002") || !strings.Contains(done, "Klappe schließt nicht") {
		t.Fatalf("F-29 after the report: %s\n%s", address, done)
	}
	b.do("the photo loads", chromedp.Evaluate[chromedp.Void](`Promise.all(Array.from(document.images, i => i.decode())).then(() => undefined)`, chromedp.EvalAwaitPromise))
	if n := eval[int](b, `Array.from(document.querySelectorAll('img[src*="/photos/"]')).filter(i => i.naturalWidth == 320).length`); n != 1 {
		t.Errorf("SEC-62 %d photos are shown", n)
	}
}

// TestDeskWorksQueue does what a dispatcher does on a wide screen: sees the most severe fault on top, answers, looks at the rest.
func TestDeskWorksQueue(t *testing.T) {
	w := newWorld(t, withoutFCM)
	customer := w.as("haustechnik@")
	for _, kind := range []string{"noise", "stuck", "damage"} {
		customer.post("/v1/requests", map[string]any{"type": "fault_report", "code": w.sample.Codes[0], "fault_type": kind, "text": "Meldung " + kind}).must(t, 201)
	}
	b := browser(t, 1280, 900)
	u := w.user("dispo@")
	b.do("sign in", chromedp.Navigate(w.url+"/staff/queue"), chromedp.WaitVisible(`#email`), chromedp.SendKeys(`#email`, u.Email),
		chromedp.SendKeys(`#password`, u.Password), chromedp.Click(`form[action="/sign-in"] button`), chromedp.WaitVisible(`main a[href^="/requests/"]`))
	b.picture("queue.png")
	if first := eval[string](b, `document.querySelector('main a[href^="/requests/"]').getAttribute('href')`); first != "/requests/100003" {
		t.Errorf("S-4 the most severe fault is not on top: %s", first)
	}
	b.do("answer", chromedp.Click(`main a[href="/requests/100003"]`), chromedp.WaitVisible(`.thread`),
		chromedp.SendKeys(`textarea[name="text"]`, "Wir kommen morgen um acht."), chromedp.Click(`form[action$="/messages"] button`),
		chromedp.WaitVisible(`.thread .entry.staff`))
	b.picture("request.png")
	if thread := b.text(".thread"); !strings.Contains(thread, "Wir kommen morgen um acht.") {
		t.Errorf("B-8 the answer is not in the thread: %s", thread)
	}
	if dir := os.Getenv("TAGWERK_PICTURES"); dir != "" {
		sheet := w.as("dispo@").post("/v1/label-sheets", map[string]any{"stock": "L6011", "asset": w.assetOf(w.sample.Codes[0])}).must(t, 200)
		if err := os.WriteFile(filepath.Join(dir, "sheet.pdf"), sheet.body, 0o644); err != nil {
			t.Error(err)
		}
	}
	b.do("labels", chromedp.Navigate(w.url+"/staff/labels?stock=L6009"), chromedp.WaitVisible(`main`))
	b.picture("labels.png")
	b.do("waiting alerts", chromedp.Navigate(w.url+"/staff/pushes"), chromedp.WaitVisible(`main`))
	b.picture("pushes.png")
	if pushes := b.text("main"); !strings.Contains(pushes, "100002") {
		t.Errorf("SEC-87 waiting alerts are not shown: %s", pushes)
	}
	b.do("overview", chromedp.Navigate(w.url+"/"), chromedp.WaitVisible(`main`))
	b.picture("overview.png")
}
