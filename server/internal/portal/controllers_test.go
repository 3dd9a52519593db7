package portal_test

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// controllerOf adds a door controller through the page and returns its path and the page with its key.
func (b *browser) addController(form url.Values) (string, *page) {
	b.t.Helper()
	p := b.form("/staff/controllers", form).is(http.StatusOK)
	path, _ := p.Find("main a.button").Attr("href")
	return path, p
}

var (
	shownKey    = regexp.MustCompile(`twc_[0-9A-Za-z]{40,}`)
	shownSecret = regexp.MustCompile(`whsec_[0-9A-Za-z+/=]{40,}`)
)

func TestControllers(t *testing.T) {
	w := newWorld(t)
	b, staff := w.as(t, "dispo@"), w.viewer(t, "dispo@")
	list, err := w.app.People.Controllers(t.Context(), staff)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list { // those of the sample
		if err := w.app.People.DeactivateController(t.Context(), staff, c.ID); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("an empty page says what a controller is", func(t *testing.T) {
		p := b.get("/staff/controllers").is(http.StatusOK)
		p.has(".empty")
		p.has(`a[href$="mobileapi/connector/README.md"]`)
	})
	path, shown := b.addController(url.Values{"name": {"Haupteingang"}, "place": {"Haus A"}, "kind": {"connector"}, "webhook": {"https://doors.example/hook"}})
	text := []byte(shown.has("main"))
	key, secret := shownKey.Find(text), shownSecret.Find(text)
	t.Run("SEC-42 SEC-43 key and secret are shown once, in the answer to the form", func(t *testing.T) {
		if len(key) == 0 || len(secret) == 0 || shown.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%v\n%s", shown.header, shown.body)
		}
		for _, again := range []string{path, "/staff/controllers"} {
			p := b.get(again).is(http.StatusOK)
			if got := []byte(p.has("main")); bytes.Contains(got, key) || bytes.Contains(got, secret) {
				t.Errorf("%s shows a key again", again)
			}
		}
		if got := b.get(path).has("main"); !strings.Contains(got, string(key[len(key)-4:])) {
			t.Errorf("the end of the key does not tell keys apart: %s", got)
		}
	})
	t.Run("X-9 one without a connector gets no key, and the list says how far each is", func(t *testing.T) {
		p := b.form("/staff/controllers", url.Values{"name": {"Tiefgarage"}, "kind": {"manual"}})
		target, _, _ := strings.Cut(p.header.Get("Location"), "?")
		p.redirects(target)
		list := b.get("/staff/controllers").is(http.StatusOK)
		if got := list.has("tbody tr:contains('Tiefgarage')"); !strings.Contains(got, "up to date") || !strings.Contains(got, "By hand") {
			t.Errorf("row is %q", got)
		}
		if got := list.has("tbody tr:contains('Haupteingang')"); !strings.Contains(got, "never") || !strings.Contains(got, "Haus A") {
			t.Errorf("row is %q", got)
		}
		b.get(target).is(http.StatusOK).has("form[action$='/acknowledge']")
	})
	t.Run("a refused order keeps what was typed", func(t *testing.T) {
		for name, c := range map[string]struct {
			in   url.Values
			want string
		}{
			"no name":             {url.Values{"place": {"P"}}, "#name-error"},
			"strange webhook":     {url.Values{"name": {"N"}, "place": {"P"}, "webhook": {"ftp://x"}}, "#webhook-error"},
			"webhook of a manual": {url.Values{"name": {"N"}, "place": {"P"}, "kind": {"manual"}, "webhook": {"https://x.example"}}, "#webhook-error"},
			"foreign customer":    {url.Values{"name": {"N"}, "place": {"P"}, "customer": {"nobody"}}, "#customer-error"},
		} {
			t.Run(name, func(t *testing.T) {
				p := b.form("/staff/controllers", c.in).is(http.StatusUnprocessableEntity)
				p.has(c.want)
				if got := p.value("#place"); got != "P" {
					t.Errorf("place is %q", got)
				}
			})
		}
	})
	t.Run("it is renamed", func(t *testing.T) {
		b.form(path, url.Values{"name": {""}}).is(http.StatusUnprocessableEntity).has("#name-error")
		b.form(path, url.Values{"name": {"Haupteingang Nord"}}).redirects(path)
		if got := b.get(path).has("h1"); got != "Haupteingang Nord" {
			t.Errorf("name is %q", got)
		}
	})
	t.Run("SEC-42 a new key wants a second thought", func(t *testing.T) {
		b.form(path+"/rotate", nil).is(http.StatusUnprocessableEntity).has("details[open] .error")
		p := b.form(path+"/rotate", url.Values{"confirm": {"yes"}}).is(http.StatusOK)
		if fresh := shownKey.Find(p.body); len(fresh) == 0 || bytes.Equal(fresh, key) {
			t.Errorf("the new key is %q", fresh)
		}
	})
	t.Run("SEC-12 others may not", func(t *testing.T) {
		technician := w.as(t, "technik@")
		technician.get(path).is(http.StatusOK).lacks("details")
		technician.get("/staff/controllers").is(http.StatusOK).lacks("#add")
		for _, act := range []string{"", "/rotate", "/deactivate"} {
			technician.form(path+act, url.Values{"name": {"x"}, "confirm": {"yes"}}).is(http.StatusForbidden)
			w.as(t, "haustechnik@").form(path+act, url.Values{"confirm": {"yes"}}).is(http.StatusForbidden)
			w.as(t, "kundtjanst@").form(path+act, url.Values{"name": {"x"}, "confirm": {"yes"}}).is(http.StatusNotFound)
		}
		w.as(t, "kundtjanst@").form(path+"/acknowledge", url.Values{"confirm": {"yes"}}).is(http.StatusNotFound)
	})
	t.Run("an end wants a second thought, too", func(t *testing.T) {
		b.form(path+"/deactivate", nil).is(http.StatusUnprocessableEntity).has("details[open] .error")
		b.form(path+"/deactivate", url.Values{"confirm": {"yes"}}).redirects("/staff/controllers")
		b.get(path).is(http.StatusNotFound)
	})
}

func TestTagSettings(t *testing.T) {
	w := newWorld(t)
	admin := w.as(t, "admin@")
	p := admin.get("/staff/tag-settings").is(http.StatusOK)
	p.lacks("input[type=checkbox][name=found_form][checked]")
	if got := p.value("#keep_sightings"); got != "30" {
		t.Errorf("SEC-93 sightings live %s days by default", got)
	}
	t.Run("wrong numbers are told and nothing is lost", func(t *testing.T) {
		for _, days := range []string{"0", "-1", "3651", "many", ""} {
			p := admin.form("/staff/tag-settings", url.Values{"approve": {"yes"}, "log_scans": {"yes"}, "keep_scans": {days}, "keep_sightings": {days}}).is(http.StatusUnprocessableEntity)
			p.has("#keep_scans-error")
			p.has("#keep_sightings-error")
			p.has("input[name=approve][checked]")
		}
	})
	t.Run("what is ticked stays ticked", func(t *testing.T) {
		admin.form("/staff/tag-settings", url.Values{"approve": {"yes"}, "found_form": {"yes"}, "keep_sightings": {"14"}}).redirects("/staff/tag-settings")
		p := admin.get("/staff/tag-settings").is(http.StatusOK)
		p.has("input[name=approve][checked]")
		p.has("input[name=found_form][checked]")
		p.lacks("input[name=alert_owner][checked]")
		p.lacks("input[name=log_scans][checked]")
		if got := p.value("#keep_sightings"); got != "14" {
			t.Errorf("sightings are kept for %s days", got)
		}
	})
	t.Run("SEC-12 administrators only", func(t *testing.T) {
		for _, who := range []string{"dispo@", "technik@", "haustechnik@"} {
			b := w.as(t, who)
			b.get("/staff/tag-settings").is(http.StatusForbidden)
			b.form("/staff/tag-settings", url.Values{"keep_sightings": {"1"}}).is(http.StatusForbidden)
		}
	})
}

func TestTagRights(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, "dispo@")
	v := w.viewer(t, "haustechnik@")
	customer, person := v.Customer, v.User
	path := "/staff/tag-rights?customer=" + customer
	if err := w.app.Assets.GrantTags(t.Context(), w.viewer(t, "dispo@"), person, false, false); err != nil {
		t.Fatal(err)
	}
	b.get("/staff/tag-rights").is(http.StatusOK).has("select option[value='" + customer + "']")
	p := b.get(path).is(http.StatusOK)
	p.has("input[name=see][value='" + person + "']")
	p.lacks("input[name=see][checked], input[name=block][checked]")
	t.Run("F-32 who may block may see", func(t *testing.T) {
		b.form("/staff/tag-rights", url.Values{"customer": {customer}, "person": {person}, "block": {person}}).redirects("/staff/tag-rights")
		p := b.get(path).is(http.StatusOK)
		p.has("input[name=see][value='" + person + "'][checked]")
		p.has("input[name=block][value='" + person + "'][checked]")
		if n := p.Find("input[checked]").Length(); n != 2 {
			t.Errorf("%d boxes are ticked", n)
		}
	})
	t.Run("who was not in the form keeps what was granted", func(t *testing.T) {
		b.form("/staff/tag-rights", url.Values{"customer": {customer}}).redirects("/staff/tag-rights")
		b.get(path).is(http.StatusOK).has("input[name=block][value='" + person + "'][checked]")
	})
	t.Run("rights are taken back", func(t *testing.T) {
		b.form("/staff/tag-rights", url.Values{"customer": {customer}, "person": {person}}).redirects("/staff/tag-rights")
		b.get(path).is(http.StatusOK).lacks("input[checked]")
	})
	t.Run("SEC-13 customers of others are not there", func(t *testing.T) {
		other := w.viewer(t, "fastighet@")
		b.get("/staff/tag-rights?customer=" + other.Customer).is(http.StatusNotFound)
		b.form("/staff/tag-rights", url.Values{"customer": {other.Customer}, "person": {other.User}, "see": {other.User}}).is(http.StatusNotFound)
		w.as(t, "haustechnik@").get(path).is(http.StatusForbidden)
	})
}
