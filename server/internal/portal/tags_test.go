package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

func TestTagsPage(t *testing.T) {
	w := newWorld(t)
	customer, staff := w.as(t, "fastighet@"), w.as(t, "kundtjanst@")
	t.Run("B-16 a customer sees the own tags and nobody else's", func(t *testing.T) {
		p := customer.get("/tags").is(http.StatusOK)
		if n := p.Find("tbody tr").Length(); n != 12 {
			t.Errorf("%d tags", n)
		}
		for _, foreign := range []string{"Hansa", "0010597067"} {
			if strings.Contains(string(p.body), foreign) {
				t.Errorf("SEC-15 %q is shown", foreign)
			}
		}
		p.has(`.nav a[href="/tags"][aria-current]`)
		p.lacks(`a[href="/tags/new"]`)
		if n := customer.get("/tags?kind=label").is(http.StatusOK).Find("tbody tr").Length(); n != 12 {
			t.Errorf("labels are not for customers: %d rows", n)
		}
	})
	t.Run("SEC-16 who was granted nothing has no such menu and no such page", func(t *testing.T) {
		b := w.as(t, "reception@")
		b.get("/").is(http.StatusOK).lacks(`.nav a[href="/tags"]`)
		id := w.fob(t, "kundtjanst@", "0F0368568B").ID
		for _, path := range []string{"/tags/" + id, "/tags/" + id + "/block", "/tags/" + id + "/reactivate"} {
			b.get(path).is(http.StatusNotFound)
		}
		w.as(t, "dispo@").get("/tags/" + id).is(http.StatusNotFound)
	})
	t.Run("X-5 found by number in any form, holder, state and last sight", func(t *testing.T) {
		for query, want := range map[string]string{"142,27997": "06008E6D5D", "0009334109": "06008E6D5D", "04 : 11": "", "sandström": "3B0041C8F2"} {
			p := customer.get("/tags?" + url.Values{"q": {query}}.Encode()).is(http.StatusOK)
			if got := p.Find("main .code").Text(); !strings.Contains(got, want) || want == "" && p.Find("main .code").Length() > 0 {
				t.Errorf("%q finds %q", query, got)
			}
		}
		if n := customer.get("/tags?state=blocked").is(http.StatusOK).Find("tbody tr").Length(); n != 1 {
			t.Errorf("%d blocked tags", n)
		}
		customer.get("/tags?q=nobody").is(http.StatusOK).has(".empty")
		if n := customer.get("/tags?not_seen_days=30").is(http.StatusOK).Find("option[value='30'][selected]").Length(); n != 1 {
			t.Error("X-10 the filter is not kept")
		}
	})
	t.Run("X-5 staff enrol, issue, take back, replace and retire", func(t *testing.T) {
		w.lifeOfFob(t, staff)
	})
	t.Run("standards 2.6 what fits a tag on record is taken after a warning only", func(t *testing.T) {
		who := w.fob(t, "kundtjanst@", "0F0368568B").Customer
		form := url.Values{"number": {"104,22155"}, "customer": {who}}
		p := staff.form("/tags", form).is(http.StatusConflict)
		if got := p.has(".warn"); !strings.Contains(got, "0F0368568B") {
			t.Errorf("the warning is %q", got)
		}
		p.has("button[name=confirm]")
	})
	t.Run("standards 2.3 numbers that cannot be enrolled are explained", func(t *testing.T) {
		who := w.fob(t, "kundtjanst@", "0F0368568B").Customer
		for number, want := range map[string]string{"08:1C:22:03": "starts with 08", "88:04:A2:3B": "three bytes", "": "enter a number"} {
			p := staff.form("/tags", url.Values{"number": {number}, "hint": {"13.56mhz"}, "customer": {who}}).is(http.StatusUnprocessableEntity)
			if got := p.has(".error"); !strings.Contains(got, want) {
				t.Errorf("%q is refused with %q", number, got)
			}
		}
		staff.form("/tags", url.Values{"number": {"5B00112233"}, "customer": {"none"}}).is(http.StatusUnprocessableEntity).has("#customer-error")
	})
}

// lifeOfFob goes through the steps that staff take on the page of a tag.
func (w *world) lifeOfFob(t *testing.T, staff *browser) {
	t.Helper()
	who := w.fob(t, "kundtjanst@", "0F0368568B").Customer
	enrol := func(number string) string {
		p := staff.form("/tags", url.Values{"number": {number}, "hint": {"125khz"}, "customer": {who}})
		path := strings.SplitN(p.header.Get("Location"), "?", 2)[0]
		p.redirects(path)
		return path
	}
	first, second := enrol("5A00112233"), enrol("5A00445566")
	change := func(path string, status int, fields url.Values) *page {
		p := staff.form(path+"/change", fields)
		if p.status != status {
			t.Fatalf("%v: %d\n%.2000s", fields, p.status, p.body)
		}
		return p
	}
	change(first, 422, url.Values{"step": {"issue"}}).has("details[open] .error")
	change(first, 422, url.Values{"step": {"issue"}, "unit": {"7"}, "expires": {"31.02.2027"}}).has("details[open] .error")
	change(first, 303, url.Values{"step": {"issue"}, "tenant": {"Ebba Lund"}, "unit": {"lgh 1301"}, "expires": {w.sampleDay(90)}})
	p := staff.get(first).is(http.StatusOK)
	if got := p.has(".facts"); !strings.Contains(got, "Ebba Lund") || !strings.Contains(got, "lgh 1301") {
		t.Errorf("the holder is missing: %s", got)
	}
	change(first, 409, url.Values{"step": {"reading"}, "number": {"0F0368568B"}, "hint": {"125khz"}}).has("details[open] .tag-line")
	change(first, 303, url.Values{"step": {"damage"}, "note": {"läser dåligt"}})
	change(first, 422, url.Values{"step": {"replace"}, "number": {"99"}}).has("details[open] .error")
	change(first, 409, url.Values{"step": {"replace"}, "number": {"06008E6D5D"}}).has("details[open] .error")
	change(first, 303, url.Values{"step": {"replace"}, "number": {"5A00445566"}}).redirects(second)
	if got := staff.get(first).is(http.StatusOK).has(".warn"); !strings.Contains(got, "Replaced by") {
		t.Errorf("X-5 the old fob does not say what replaced it: %s", got)
	}
	p = staff.get(second).is(http.StatusOK)
	if got := p.has(".facts"); !strings.Contains(got, "Ebba Lund") {
		t.Errorf("X-5 the new fob has no holder: %s", got)
	}
	change(second, 303, url.Values{"step": {"return"}})
	change(second, 303, url.Values{"step": {"retire"}})
	change(second, 409, url.Values{"step": {"issue"}, "unit": {"7"}})
	if got := staff.get(second).is(http.StatusOK).has("ol.plain"); !strings.Contains(got, "Retired Åsa Lindström") || !strings.Contains(got, "Returned") {
		t.Errorf("X-5 the history is %s", got)
	}
	w.as(t, "fastighet@").form(second+"/change", url.Values{"step": {"damage"}}).is(http.StatusForbidden)
	w.as(t, "dispo@").form(second+"/change", url.Values{"step": {"damage"}}).is(http.StatusNotFound)
}

func (w *world) sampleDay(ahead int) string {
	return string(asset.DayOf(time.Now().AddDate(0, 0, ahead)))
}

func TestBlockAndReactivate(t *testing.T) {
	w := newWorld(t)
	customer, staff := w.as(t, "fastighet@"), w.as(t, "kundtjanst@")
	fob := "/tags/" + w.fob(t, "kundtjanst@", "3B0041CE88").ID
	number := ""
	t.Run("B-16 blocked by number, at once, with a request", func(t *testing.T) {
		p := customer.form("/tags/lost", url.Values{"number": {"0004312712 065,52872"}}).is(http.StatusOK)
		action, _ := p.Find("#found form").Attr("action")
		if action != fob+"/block" {
			t.Fatalf("the button leads to %q, want %q", action, fob+"/block")
		}
		customer.form(action, url.Values{"key": {p.value("#found input[name=key]")}}).redirects(fob)
		customer.form(action, url.Values{"key": {p.value("#found input[name=key]")}}).redirects(fob)
		shown := customer.get(fob + "?done=tag_block").is(http.StatusOK)
		shown.has(".notice")
		number = shown.has(`main a[href^="/requests/"]`)
		if got := shown.has(".way"); !strings.Contains(got, "requested") {
			t.Errorf("X-9 no proof per controller: %s", got)
		}
		if got := customer.get("/requests/" + number).is(http.StatusOK).has("main"); !strings.Contains(got, "3B0041CE88") || !strings.Contains(got, "Reported lost") {
			t.Errorf("B-16 the request is %s", got)
		}
		if got := staff.get("/staff/queue?status=done").is(http.StatusOK).has("table"); !strings.Contains(got, number) || !strings.Contains(got, "3B0041CE88") {
			t.Errorf("B-16 the queue shows %s", got)
		}
		customer.get(fob + "/block").redirects(fob)
		again := customer.form("/tags/lost", url.Values{"number": {"3B0041CE88"}}).is(http.StatusOK)
		again.lacks("#found form")
	})
	t.Run("standards 2.6 nothing is guessed", func(t *testing.T) {
		if _, err := w.app.Assets.Enrol(t.Context(), w.viewer(t, "kundtjanst@"), asset.Enrolment{Number: "7700A1B2CB", Hint: "125khz", Confirm: true,
			Customer: w.fob(t, "kundtjanst@", "0F0368568B").Customer, Holder: &asset.Holder{Unit: "Förråd"}}); err != nil {
			t.Fatal(err)
		}
		p := customer.form("/tags/lost", url.Values{"number": {"161,45771"}}).is(http.StatusOK)
		p.lacks("#found form")
		if n := p.Find("#found li").Length(); n != 2 {
			t.Errorf("%d to choose among", n)
		}
		weak := customer.form("/tags/lost", url.Values{"number": {"27997"}}).is(http.StatusOK)
		weak.lacks("#found form")
		weak.has(`#found a[href$="/block"]`)
		customer.form("/tags/lost", url.Values{"number": {"1234567890"}}).is(http.StatusUnprocessableEntity).has("#number-error")
		customer.form("/tags/lost", url.Values{"by": {"holder"}, "holder": {"ali"}}).is(http.StatusOK).has(`#found a[href$="/block"]`)
		customer.form("/tags/lost", url.Values{"by": {"holder"}}).is(http.StatusUnprocessableEntity).has("#holder-error")
	})
	t.Run("SEC-8 reactivation asks for proof first, and for a reason", func(t *testing.T) {
		w.ahead.Add(int64(6 * time.Minute))
		q := customer.get(fob + "/reactivate").redirects("/account/prove")
		if q.Get("next") != fob+"/reactivate" {
			t.Errorf("next is %q", q.Get("next"))
		}
		customer.form(fob+"/reactivate", url.Values{"reason": {"found"}}).redirects("/account/prove")
		customer.form("/account/prove", url.Values{"password": {w.user(t, "fastighet@").Password}, "next": {fob + "/reactivate"}}).redirects(fob + "/reactivate")
		p := customer.get(fob + "/reactivate").is(http.StatusOK)
		customer.form(fob+"/reactivate", url.Values{"reason": {" "}, "key": {p.value("input[name=key]")}}).is(http.StatusUnprocessableEntity).has("#reason-error")
		customer.form(fob+"/reactivate", url.Values{"reason": {"låg i fickan"}, "key": {p.value("input[name=key]")}}).redirects(fob)
		if got := customer.get(fob).is(http.StatusOK).has(".chips"); !strings.Contains(got, "issued") {
			t.Errorf("state is %s", got)
		}
	})
	t.Run("SEC-8 where staff approve, the request waits for them", func(t *testing.T) {
		operator := identity.Operator(w.viewer(t, "kundtjanst@").Provider)
		if err := w.app.Assets.PutTagSettings(t.Context(), operator, asset.TagSettings{Provider: operator.Provider, ApproveReactivation: true}); err != nil {
			t.Fatal(err)
		}
		customer.form(fob+"/block", url.Values{"reason": {"igen"}}).redirects(fob)
		p := customer.form(fob+"/reactivate", url.Values{"reason": {"hittad"}})
		path := strings.SplitN(p.header.Get("Location"), "?", 2)[0]
		p.redirects(path)
		if got := customer.get(path).is(http.StatusOK).has("main"); !strings.Contains(got, "waits for approval") {
			t.Errorf("the request is %s", got)
		}
		customer.get(path).lacks("#decide")
		customer.form(path+"/reactivation", url.Values{"decision": {"approve"}}).is(http.StatusForbidden)
		staff.get(path).is(http.StatusOK).has("#decide")
		staff.form(path+"/reactivation", url.Values{"decision": {"approve"}}).redirects("/account/prove")
		staff.form("/account/prove", url.Values{"password": {w.user(t, "kundtjanst@").Password}, "next": {path}}).redirects(path)
		staff.form(path+"/reactivation", url.Values{"decision": {"refuse"}}).is(http.StatusUnprocessableEntity).has("#decide .error")
		staff.form(path+"/reactivation", url.Values{"decision": {"approve"}}).redirects(path)
		staff.form(path+"/reactivation", url.Values{"decision": {"refuse"}, "reason": {"nej"}}).redirects(path)
		if s := w.fob(t, "kundtjanst@", "3B0041CE88").State; s != tagging.Bound {
			t.Errorf("the tag is %s", s)
		}
	})
}

func TestElimination(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, "fastighet@")
	group := url.Values{"by": {"unit"}, "name": {"Trapphus A, lgh 1101"}}
	ticks := ""
	send := func(fields ...string) *page {
		v := url.Values{"ticks": {ticks}}
		for k, list := range group {
			v[k] = list
		}
		for i := 0; i+1 < len(fields); i += 2 {
			v.Set(fields[i], fields[i+1])
		}
		p := b.form("/tags/find", v).is(http.StatusOK)
		ticks = p.value("input[name=ticks]")
		return p
	}
	count := func(p *page, want string) {
		t.Helper()
		if got := p.has("[data-find-count]"); !strings.HasPrefix(got, want+" of 4") {
			t.Errorf("X-8 %q, want %s", got, want)
		}
	}
	t.Run("X-8 works without script, in any form", func(t *testing.T) {
		start := b.get("/tags/find?" + group.Encode()).is(http.StatusOK)
		start.has("#number[autofocus]")
		count(start, "0")
		count(send("number", "uid 0F0368568B"), "1")
		count(send("number", "142,27997"), "2")
		count(send("number", "2A00A1B2CB", "hint", "125khz"), "3")
	})
	t.Run("X-8 the missing one is named", func(t *testing.T) {
		p := send("number", "0F0368568B")
		count(p, "3")
		if got := p.has("#result"); !strings.Contains(got, "3B0041C7A9") {
			t.Errorf("missing: %s", got)
		}
		if from, _ := p.Find("#result input[name=from]").Attr("value"); from != "find" {
			t.Error("the request would not say how it was found")
		}
	})
	t.Run("X-8 what does not belong is explained and not ticked off", func(t *testing.T) {
		for number, want := range map[string]string{"3B0041C8F2": "Eva Sandström", "3B0041C91D": "blocked", "1234567890": "no tag on record", "": "enter a number",
			"0010597067 161,45772": "Is it this one?"} {
			p := send("number", number)
			count(p, "3")
			if got := p.has("[data-find-said]"); !strings.Contains(got, want) {
				t.Errorf("%q says %q", number, got)
			}
		}
	})
	t.Run("X-8 a short number is confirmed first", func(t *testing.T) {
		untick := strings.SplitN(ticks, "=", 2)[0]
		count(send("untick", untick), "2")
		weak := send("number", "22155")
		count(weak, "2")
		code, _ := weak.Find("#ask button[name=confirm]").Attr("value")
		if code != untick {
			t.Errorf("asks for %q, want %q", code, untick)
		}
		count(send("number", "22155", "confirm", w.fob(t, "kundtjanst@", "3B0041C8F2").ID), "2")
		count(send("number", "22155", "confirm", code), "3")
	})
	t.Run("X-8 the code on a card counts, and all there means none is missing", func(t *testing.T) {
		p := send("number", tagging.Code(w.fob(t, "kundtjanst@", "3B0041C7A9").ID).Print())
		count(p, "4")
		p.lacks("form[action$='/block']")
	})
	t.Run("SEC-15 another customer's group is empty", func(t *testing.T) {
		v := url.Values{"by": {"company"}, "name": {"Hansa Gebäudereinigung GmbH"}, "customer": {w.fob(t, "dispo@", "0010597067").Customer}, "number": {"0010597067"}}
		p := b.form("/tags/find", v).is(http.StatusOK)
		p.has(".empty")
		if strings.Contains(p.has("main"), "Haus A") {
			t.Error("a foreign tag is named")
		}
		p = w.as(t, "dispo@").get("/tags/find").is(http.StatusOK)
		p.has("select[name=customer]")
		p.lacks(".cards")
	})
}
