package portal_test

import (
	"net/url"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestDoorScreens opens the pages of door controllers, sightings, lists, settings and finders in a browser, on a phone and on a desk.
func TestDoorScreens(t *testing.T) {
	ctx := chromium(t)
	w := newWorld(t)
	w.sights(t)
	widths := []int64{390}
	if os.Getenv("TAGWERK_SHOTS") != "" {
		widths = append(widths, 1280)
	}
	staff := w.as(t, "dispo@")
	path, _ := staff.addController(url.Values{"name": {"Parkhaus"}, "place": {"Ebene −1"}, "kind": {"connector"}, "webhook": {"https://doors.example/hook"}})
	staff.form(path+"/acknowledge", url.Values{"confirm": {"yes"}}).redirects(path)
	list, err := w.app.People.Controllers(t.Context(), w.viewer(t, "dispo@"))
	if err != nil {
		t.Fatal(err)
	}
	waiting := path
	for _, c := range list {
		if waiting == path {
			waiting = "/staff/controllers/" + c.ID
		}
	}
	code, rights := w.sample.Codes[0], "/staff/tag-rights?customer="+w.viewer(t, "haustechnik@").Customer
	for _, visit := range []struct {
		who, language string
		paths         map[string]string
	}{
		{"", "sv", map[string]string{"contact-found-sv": "/t/" + code, "found-sv": "/t/" + code + "/found", "found-number-sv": "/found"}},
		{"", "de", map[string]string{"found-de": "/t/" + code + "/found"}},
		{"haustechnik@", "de", map[string]string{"sightings-master": "/sightings"}},
		{"dispo@", "en", map[string]string{"controllers-en": "/staff/controllers", "controller-waiting-en": waiting, "controller-done-en": path, "sightings-en": "/staff/sightings",
			"import-en": "/staff/tags/import", "rights-en": rights}},
		{"kundtjanst@", "sv", map[string]string{"controllers-sv": "/staff/controllers", "sightings-sv": "/staff/sightings", "import-sv": "/staff/tags/import"}},
		{"admin@", "de", map[string]string{"settings-de": "/staff/tag-settings"}},
	} {
		w.signInBrowser(t, ctx, visit.who, visit.language)
		for name, path := range visit.paths {
			w.look(t, ctx, name, path, widths...)
		}
	}
	t.Run("X-1 a finder writes with a phone, without script", func(t *testing.T) {
		w.signInBrowser(t, ctx, "", "en")
		err := chromedp.Do(ctx, chromedp.EmulateViewport(390, 844), chromedp.Navigate(w.url+"/t/"+code), chromedp.Click(`a[href="?found=1"]`), chromedp.WaitVisible(`#place`),
			chromedp.SendKeys(`#place`, "Bus 3"), chromedp.SendKeys(`#text`, "The driver has it."))
		w.ahead.Add(int64(10e9))
		if err == nil {
			err = chromedp.Do(ctx, chromedp.Submit(`#place`), chromedp.WaitVisible(`.notice`))
		}
		if err != nil {
			t.Fatal(err)
		}
		if shots := os.Getenv("TAGWERK_SHOTS"); shots != "" {
			shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err == nil {
				err = os.WriteFile(shots+"/found-thanks.png", shot, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
