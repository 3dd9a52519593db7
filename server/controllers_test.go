package server_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
)

// fob makes a fob known and gives it to somebody of the first customer.
func (w *world) fob(number, tenant string) *asset.Tag {
	w.t.Helper()
	staff := w.viewer("dispo@")
	t, err := w.app.Assets.Enrol(w.t.Context(), staff, asset.Enrolment{Number: number, Customer: w.viewer("haustechnik@").Customer,
		Holder: &asset.Holder{Tenant: tenant, Unit: "Wohnung 4"}})
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (w *world) lost(t *asset.Tag) {
	w.t.Helper()
	if _, err := w.app.Desk.BlockTags(w.t.Context(), w.viewer("dispo@"), desk.BlockOrder{Tags: []string{t.ID}, Reason: "verloren"}); err != nil {
		w.t.Fatal(err)
	}
}

// asController is a program with the key of a door controller.
func (w *world) asController(key string) caller { return caller{w: w, bearer: key} }

// TestControllerProof follows a block from the page to the door and back: staff add a controller, a fob is lost, the page says that the block
// waits; the controller asks and acknowledges over the API, and the page says when.
func TestControllerProof(t *testing.T) {
	w := newWorld(t, withoutFCM)
	fob := w.fob("0F0368568B", "Karin Ahlers")
	b := browser(t, 1280, 900)
	u := w.user("dispo@")
	b.do("sign in", chromedp.Navigate(w.url+"/staff/controllers"), chromedp.WaitVisible(`#email`), chromedp.SendKeys(`#email`, u.Email),
		chromedp.SendKeys(`#password`, u.Password), chromedp.Click(`form[action="/sign-in"] button`), chromedp.WaitVisible(`#add`))
	b.do("add a controller", chromedp.Click(`#add summary`), chromedp.WaitVisible(`#name`), chromedp.SendKeys(`#name`, "Haupteingang"), chromedp.SendKeys(`#place`, "Haus A, Erdgeschoss"),
		chromedp.Click(`#add button.wide`), chromedp.WaitVisible(`.codes`))
	b.picture("controller-keys.png")
	key := regexp.MustCompile(`twc_[0-9A-Za-z]+`).FindString(b.text("main"))
	if address := eval[string](b, `location.href`); key == "" || strings.Contains(address, key[4:]) || strings.HasSuffix(address, "twc_") {
		t.Fatalf("SEC-43 key %q at %s", key, address)
	}
	door := w.asController(key)
	door.get("/v1/access-list").must(t, http.StatusOK)
	w.lost(fob)

	path := eval[string](b, `document.querySelector('main a.button').getAttribute('href')`)
	b.do("it waits", chromedp.Navigate(w.url+path), chromedp.WaitVisible(`.way`))
	b.picture("controller-waiting.png")
	if way := b.text(".way"); !strings.Contains(way, "veranlasst") || !strings.Contains(way, "noch nicht bestätigt") {
		t.Errorf("X-9 before the acknowledgement: %s", way)
	}
	b.do("the list", chromedp.Navigate(w.url+"/staff/controllers"), chromedp.WaitVisible(`tbody`))
	b.picture("controllers.png")
	if row := eval[string](b, `document.querySelector('a[href="`+path+`"]').closest('tr').innerText`); !strings.Contains(row, "1 Änderung offen") {
		t.Errorf("X-9 the list says %s", row)
	}

	var list struct {
		Version int64
		Entries []struct {
			Tag     string
			Blocked bool
		}
	}
	door.get("/v1/access-list").must(t, http.StatusOK).decode(t, &list)
	if len(list.Entries) != 1 || list.Entries[0].Tag != fob.ID || !list.Entries[0].Blocked {
		t.Fatalf("the access list holds %+v", list)
	}
	b.do("it is sent", chromedp.Navigate(w.url+path), chromedp.WaitVisible(`.way`))
	if way := b.text(".way"); !strings.Contains(way, "übermittelt") || strings.Contains(way, "noch nicht übermittelt") || !strings.Contains(way, "noch nicht bestätigt") {
		t.Errorf("X-9 after the list was read: %s", way)
	}
	door.post("/v1/access-list/ack", map[string]any{"version": list.Version}).must(t, http.StatusNoContent)
	b.do("it is acknowledged", chromedp.Navigate(w.url+path), chromedp.WaitVisible(`.way`))
	b.picture("controller-acknowledged.png")
	way := b.text(".way")
	for _, want := range []string{"veranlasst", "übermittelt", "bestätigt"} {
		if !strings.Contains(way, want) || strings.Contains(way, "noch nicht") {
			t.Errorf("X-9 after the acknowledgement %q is missing: %s", want, way)
		}
	}
	if chips := b.text(".chips"); !strings.Contains(chips, "auf dem Stand") {
		t.Errorf("X-9 the controller is %s", chips)
	}

	other := w.fob("06008E6D5D", "Björn Ek")
	w.lost(other)
	door.get("/v1/access-list?since="+strconv.FormatInt(list.Version, 10)).must(t, http.StatusOK).decode(t, &list)
	door.post("/v1/access-list/ack", map[string]any{"version": list.Version, "failed": []map[string]any{{"tag": other.ID, "reason": "memory full"}}}).must(t, http.StatusNoContent)
	phone := browser(t, 390, 844)
	phone.do("sign in", chromedp.Navigate(w.url+path), chromedp.WaitVisible(`#email`), chromedp.SendKeys(`#email`, u.Email),
		chromedp.SendKeys(`#password`, u.Password), chromedp.Click(`form[action="/sign-in"] button`), chromedp.WaitVisible(`.way`))
	phone.picture("controller-phone.png")
	if tags := phone.text(".split-main"); !strings.Contains(tags, "memory full") {
		t.Errorf("X-9 what the controller could not do is not told: %s", tags)
	}
	phone.do("acknowledge by hand", chromedp.Click(`#acknowledge input[name="confirm"]`), chromedp.Click(`#acknowledge button`), chromedp.WaitVisible(`.notice`))
	if tags := phone.text(".split-main"); !strings.Contains(tags, "von Hand") || strings.Contains(tags, "memory full") {
		t.Errorf("X-9 after the acknowledgement by hand: %s", tags)
	}
	phone.do("the list on a phone", chromedp.Navigate(w.url+"/staff/controllers"), chromedp.WaitVisible(`tbody`))
	phone.picture("controllers-phone.png")
}
