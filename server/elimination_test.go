package server_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tagwerk/tagwerk/mobileapi"
)

// TestPhoneFindsMissingFob does what a caretaker does on a phone when one of four fobs of a flat is gone: types in the three that are
// there, each in another form of its number, is told which one is missing, and blocks it.
func TestPhoneFindsMissingFob(t *testing.T) {
	w := newWorld(t, withoutFCM)
	b := browser(t, 390, 844)
	u := w.user("fastighet@")
	b.do("to the sign-in and back", chromedp.Navigate(w.url+"/tags/lost"), chromedp.WaitVisible(`#email`), chromedp.SendKeys(`#email`, u.Email),
		chromedp.SendKeys(`#password`, u.Password), chromedp.Click(`form[action="/sign-in"] button`), chromedp.WaitVisible(`a[href="/tags/find"]`))
	b.picture("lost.png")
	b.do("look for the flat", chromedp.Navigate(w.url+"/tags/find"), chromedp.WaitVisible(`#q`), chromedp.SendKeys(`#q`, "lgh 1101\r"),
		chromedp.WaitVisible(`.cards a[href*="1101"]`))
	b.picture("find-flat.png")
	b.do("choose it", chromedp.Click(`.cards a[href*="1101"]`), chromedp.WaitVisible(`[data-find-form]`))
	b.picture("find-start.png")
	if eval[string](b, `document.activeElement.id`) != "number" {
		t.Errorf("the field is not ready for a reader: the focus is on %s", eval[string](b, `document.activeElement.outerHTML.slice(0, 80)`))
	}
	there := func(n string) step {
		return chromedp.Poll[chromedp.Void](`document.querySelector('[data-find-count]').innerText.startsWith('` + n + ` ')`)
	}
	read := func(number string) step { return chromedp.SendKeys(`#number`, number+"\r") }
	b.do("10 hexadecimal digits", read("0F0368568B"), there("1"))
	if got := b.text("[data-find-said]"); !strings.Contains(got, "0F0368568B") {
		t.Errorf("after the first fob: %q", got)
	}
	b.do("a fob of the neighbours", read("3B0041C8F2"), chromedp.Poll[chromedp.Void](`document.querySelector('[data-find-said]').innerText.includes('Eva Sandström')`), there("1"))
	b.picture("find-other.png")
	b.do("ten decimal digits", read("0009334109"), there("2"))
	b.do("the same once more", read("0009334109"), chromedp.Poll[chromedp.Void](`document.querySelector('[data-find-said]').innerText.includes('redan')`), there("2"))
	if n := eval[int](b, `document.querySelectorAll('form[action$="/block"] button.stop').length`); n != 0 {
		t.Errorf("X-8 with two missing, %d buttons block at once", n)
	}
	b.do("facility and card", read("161,45771"), there("3"), chromedp.WaitVisible(`#result button.stop`))
	b.picture("find-missing.png")
	if got := b.text("#result"); !strings.Contains(got, "3B0041C7A9") || !strings.Contains(got, "Nils Öberg") {
		t.Fatalf("X-8 the missing fob is not named:\n%s", got)
	}
	if n := eval[int](b, `document.querySelectorAll('.ticks li').length`); n != 3 {
		t.Errorf("X-8 %d fobs are ticked off", n)
	}
	if got := b.text(".ticks"); !strings.Contains(got, "161,45771") || !strings.Contains(got, "2A00A1B2CB") {
		t.Errorf("X-8 what was read does not stand beside the tag:\n%s", got)
	}
	b.do("block it", chromedp.Evaluate[chromedp.Void](`document.querySelector('#result button.stop').scrollIntoView({block: 'center'})`),
		chromedp.Click(`#result button.stop`), chromedp.WaitVisible(`.notice`), chromedp.WaitVisible(`a[href^="/requests/"]`))
	b.picture("find-blocked.png")
	number := eval[string](b, `document.querySelector('main a[href^="/requests/"]').innerText`)

	var a mobileapi.ScanAnswer
	w.as("fastighet@").post("/v1/scan", map[string]any{"payload": "3B0041C7A9", "source": "wedge"}).must(t, 200).decode(t, &a)
	if a.Tag == nil || a.Tag.State != "blocked" {
		t.Errorf("B-16 a scan of the fob answers %+v", a.Tag)
	}
	var r mobileapi.Request
	w.as("kundtjanst@").get("/v1/requests/"+number).must(t, 200).decode(t, &r)
	if r.Type != "tag_block" || r.Status != "done" {
		t.Errorf("B-16 the request is %+v", r)
	}
	b.do("the request", chromedp.Click(`main a[href^="/requests/"]`), chromedp.WaitVisible(`.thread`))
	b.picture("find-request.png")
	if got := b.text("main"); !strings.Contains(got, "3B0041C7A9") || !strings.Contains(got, "Spärra / återaktivera förlorad tagg") {
		t.Errorf("B-16 the request does not document the block:\n%s", got)
	}
}
