package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
)

func TestScanOfNumbersAndForeignCodes(t *testing.T) {
	w := newWorld(t)
	customer, staff := w.as(t, "fastighet@"), w.as(t, "kundtjanst@")
	fob := w.fob(t, "kundtjanst@", "06008E6D5D")
	scan := func(b *browser, payload string) *page { return b.form("/scan", url.Values{"payload": {payload}}) }

	t.Run("X-1 the number of a fob in any form leads to its page", func(t *testing.T) {
		for _, number := range []string{"06008E6D5D", "0009334109", "142,27997", "06008E6D5DB8"} {
			scan(customer, number).redirects("/tags/" + fob.ID)
		}
		customer.get("/t/" + fob.ID).redirects("/tags/" + fob.ID)
	})
	t.Run("SEC-5 to nobody else", func(t *testing.T) {
		stranger := w.browser(t, "en")
		if p := scan(stranger, "0009334109"); p.status == http.StatusSeeOther || strings.Contains(string(p.body), "Öberg") {
			t.Errorf("a stranger gets %d", p.status)
		}
		for _, who := range []string{"reception@", "haustechnik@", "dispo@"} {
			p := scan(w.as(t, who), "06008E6D5D").is(http.StatusOK)
			if strings.Contains(string(p.body), fob.ID) || strings.Contains(string(p.body), "Öberg") {
				t.Errorf("%s learns of the fob", who)
			}
		}
		if a, b := w.as(t, "reception@").get("/t/"+fob.ID).is(http.StatusOK), w.as(t, "reception@").get("/t/"+newCode(t)).is(http.StatusOK); string(a.body) != string(b.body) {
			t.Error("SEC-1 the code on the card of a fob is told apart from one that nobody made")
		}
	})
	t.Run("standards 2.6 a short number is confirmed, an ambiguous one chosen", func(t *testing.T) {
		p := scan(customer, "27997").is(http.StatusOK)
		if got := p.has("main"); !strings.Contains(got, "Is it this one?") || !strings.Contains(got, "06008E6D5D") {
			t.Errorf("asks %s", got)
		}
		p.has(`.cards a[href="/tags/` + fob.ID + `"]`)
		if _, err := w.app.Assets.Enrol(t.Context(), w.viewer(t, "kundtjanst@"), asset.Enrolment{Number: "77008E6D5D", Hint: "125khz", Customer: fob.Customer, Confirm: true}); err != nil {
			t.Fatal(err)
		}
		if n := scan(customer, "0009334109").is(http.StatusOK).Find(".cards li").Length(); n != 2 {
			t.Errorf("%d to choose among", n)
		}
	})
	t.Run("X-5 staff put on record what is unknown", func(t *testing.T) {
		p := scan(staff, "6600778899").is(http.StatusOK)
		href, _ := p.Find(`a[href^="/tags/new"]`).Attr("href")
		if got := staff.get(href).is(http.StatusOK).value("#number"); got != "6600778899" {
			t.Errorf("the form begins with %q", got)
		}
		serial := "SW300-TEST/0815"
		href, _ = scan(staff, serial).is(http.StatusOK).Find(`a[href^="/scan/bind"]`).Attr("href")
		first := staff.get(href).is(http.StatusOK)
		href, _ = first.Find(".cards a").Attr("href")
		second := staff.get(href).is(http.StatusOK)
		form := url.Values{"payload": {second.value("form[method=post] input[name=payload]")}, "asset": {second.value("input[name=asset]")}}
		staff.form("/scan/bind", form).is(http.StatusUnprocessableEntity).has(".error")
		form.Set("component", second.value("input[name=component]"))
		bound := staff.form("/scan/bind", form)
		path := strings.SplitN(bound.header.Get("Location"), "?", 2)[0]
		bound.redirects(path)
		scan(staff, serial).redirects(path)
		if got := staff.get(path).is(http.StatusOK).has("h1"); got == "" {
			t.Error("the alias leads to no component")
		}
		other, _ := second.Find("input[name=component]").Last().Attr("value")
		form.Set("component", other)
		again := staff.form("/scan/bind", form).is(http.StatusConflict)
		again.has(".warn a")
		again.has("button[name=confirm]")
		form.Set("confirm", "1")
		staff.form("/scan/bind", form).redirects(strings.SplitN(staff.form("/scan/bind", form).header.Get("Location"), "?", 2)[0])
		customer.form("/scan/bind", form).is(http.StatusForbidden)
		w.as(t, "dispo@").form("/scan/bind", form).is(http.StatusNotFound)
	})
	t.Run("standards 1.5 a class of things asks first, and a secret is not taken", func(t *testing.T) {
		scan(staff, "WIFI:T:WPA;S:net;P:hunter2;;").is(http.StatusUnprocessableEntity).has("#payload-error")
		href := "/scan/bind?" + url.Values{"payload": {"https://example.com/01/04031031455749"}}.Encode()
		first := staff.get(href).is(http.StatusOK)
		href, _ = first.Find(".cards a").Attr("href")
		second := staff.get(href).is(http.StatusOK)
		form := url.Values{"payload": {"https://example.com/01/04031031455749"}, "asset": {second.value("input[name=asset]")}, "component": {second.value("input[name=component]")}}
		if got := staff.form("/scan/bind", form).is(http.StatusConflict).has(".warn"); !strings.Contains(got, "names a type") {
			t.Errorf("warns %q", got)
		}
	})
	t.Run("X-5 a replaced label names the new one to staff alone", func(t *testing.T) {
		old := w.sample.Codes[0]
		b := w.as(t, "dispo@")
		p := b.form("/tags/"+old+"/change", url.Values{"step": {"replace"}})
		fresh := strings.TrimPrefix(strings.SplitN(p.header.Get("Location"), "?", 2)[0], "/tags/")
		p.redirects("/tags/" + fresh)
		shown := b.get("/t/" + old).is(http.StatusOK)
		if href, _ := shown.Find(".warn a").Attr("href"); href != "/t/"+fresh {
			t.Errorf("leads to %q", href)
		}
		if got := w.as(t, "haustechnik@").get("/t/" + old).is(http.StatusOK).has("main"); strings.Contains(got, "Brandschutzklappe") {
			t.Error("a customer sees what a replaced label was on")
		}
		b.get("/t/" + fresh).is(http.StatusOK).has("h1")
		blank := w.blank(t)
		b.form("/tags/"+blank+"/change", url.Values{"step": {"retire"}}).redirects("/tags/" + blank)
		b.get("/t/" + blank).redirects("/tags/" + blank)
	})
}
