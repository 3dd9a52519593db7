package portal_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/labels"
	"github.com/tagwerk/tagwerk/server/asset"
)

func TestStaffLabels(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, "dispo@")
	t.Run("stock is found by number, brand or material", func(t *testing.T) {
		if n := b.get("/staff/labels?q=l6009").is(http.StatusOK).Find(".cards li").Length(); n != 1 {
			t.Errorf("%d articles", n)
		}
		b.get("/staff/labels?q=nonsense").is(http.StatusOK).has(".empty")
	})
	p := b.form("/staff/labels", url.Values{"stock": {"avery-l6009"}, "what": {"blank"}, "count": {"3"}, "start": {"46"}})
	if p.status != http.StatusOK || p.header.Get("Content-Type") != "application/pdf" || !bytes.HasPrefix(p.body, []byte("%PDF-")) ||
		p.header.Get("Content-Disposition") != `attachment; filename="labels-avery-l6009.pdf"` {
		t.Fatalf("no sheet: %d %v %.300s", p.status, p.header, p.body)
	}
	t.Run("X-5 the new codes are listed and can be bound in two steps", func(t *testing.T) {
		if q := b.get("/staff/tags").redirects("/tags"); q.Get("kind") != "label" {
			t.Errorf("the old address leads to %v", q)
		}
		tags := b.get("/tags?kind=label").is(http.StatusOK)
		if got := tags.has("tbody tr:first-child"); !strings.Contains(got, "printed") || !strings.Contains(got, "not bound yet") {
			t.Errorf("first row is %q", got)
		}
		path, _ := tags.Find("tbody tr:first-child a").Attr("href")
		first := b.get(path + "?q=a-1001").is(http.StatusOK)
		href, _ := first.Find(".cards a").Attr("href")
		second := b.get(href).is(http.StatusOK)
		component, id := second.value("input[name=component]"), second.value("input[name=asset]")
		b.form(path+"/bind", url.Values{"asset": {id}}).is(http.StatusUnprocessableEntity).has(".error")
		b.form(path+"/bind", url.Values{"asset": {id}, "component": {component}}).redirects(path)
		if got := b.get(path).is(http.StatusOK).has(".scan-head"); !strings.Contains(got, "active") {
			t.Errorf("bound label shows %q", got)
		}
		other := second.Find("input[name=component]").Last()
		id2, _ := other.Attr("value")
		b.form(path+"/bind", url.Values{"asset": {id}, "component": {id2}}).is(http.StatusConflict).has(".error")
		w.as(t, "haustechnik@").form(path+"/bind", url.Values{"component": {component}}).is(http.StatusForbidden)
		w.as(t, "kundtjanst@").form(path+"/bind", url.Values{"component": {component}}).is(http.StatusNotFound)
	})
	t.Run("components of an asset, all, some and by code", func(t *testing.T) {
		id := w.assetOf(t, w.sample.Codes[0])
		form := b.get("/staff/labels?stock=L6009&asset=" + id).is(http.StatusOK)
		for name, in := range map[string]url.Values{
			"all":   {"what": {"asset"}, "asset": {id}},
			"some":  {"what": {"components"}, "asset": {id}, "component": {form.value("input[name=component]")}},
			"codes": {"what": {"codes"}, "codes": {w.sample.Codes[0] + "\n" + strings.ToLower(w.sample.Codes[1])}},
		} {
			in.Set("stock", "L6009")
			in.Set("start", "1")
			if p := b.form("/staff/labels", in); !bytes.HasPrefix(p.body, []byte("%PDF-")) {
				t.Errorf("%s: %d %.300s", name, p.status, p.body)
			}
		}
	})
	t.Run("X-6 mistakes and too small labels are told, nothing is minted", func(t *testing.T) {
		before := len(w.tags(t))
		for name, c := range map[string]struct {
			in   url.Values
			want string
		}{
			"too small":       {url.Values{"stock": {smallest(t)}, "what": {"blank"}, "count": {"1"}}, ".warn"},
			"number":          {url.Values{"stock": {"L6009"}, "what": {"blank"}, "count": {"2001"}}, "#count-error"},
			"no number":       {url.Values{"stock": {"L6009"}, "what": {"blank"}, "count": {"x"}}, "#count-error"},
			"start":           {url.Values{"stock": {"L6009"}, "what": {"blank"}, "count": {"1"}, "start": {"49"}}, "#start-blank-error"},
			"no component":    {url.Values{"stock": {"L6009"}, "what": {"components"}, "asset": {w.assetOf(t, w.sample.Codes[0])}}, "#component-error"},
			"mistyped code":   {url.Values{"stock": {"L6009"}, "what": {"codes"}, "codes": {"UUU"}}, "#codes-error"},
			"unknown code":    {url.Values{"stock": {"L6009"}, "what": {"codes"}, "codes": {newCode(t)}}, "#codes-error"},
			"unknown article": {url.Values{"stock": {"none"}, "what": {"blank"}, "count": {"1"}}, "#q"},
		} {
			t.Run(name, func(t *testing.T) { b.form("/staff/labels", c.in).is(http.StatusUnprocessableEntity).has(c.want) })
		}
		if after := len(w.tags(t)); after != before {
			t.Errorf("%d labels were minted", after-before)
		}
	})
	t.Run("SEC-12 customers have no staff pages", func(t *testing.T) {
		c := w.as(t, "haustechnik@")
		for _, path := range []string{"/staff/labels", "/staff/tags", "/staff/queue", "/staff/pushes"} {
			c.get(path).is(http.StatusForbidden)
		}
	})
}

func (w *world) tags(t *testing.T) []asset.TagView {
	t.Helper()
	list, _, err := w.app.Assets.FindTags(t.Context(), w.viewer(t, "dispo@"), asset.TagFilter{}, "", 200)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// smallest is the stock with the lowest labels of all sheets.
func smallest(t *testing.T) string {
	t.Helper()
	var least labels.Stock
	for _, s := range labels.Stocks() {
		if s.Type != labels.TypeContinuous && (least.ID == "" || min(s.LabelW, s.LabelH) < min(least.LabelW, least.LabelH)) {
			least = s
		}
	}
	return least.ID
}
