package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

func TestGrantedPages(t *testing.T) {
	w := newWorld(t)
	dampers := w.assetOf(t, w.sample.Codes[0])
	all, due := w.as(t, "haustechnik@"), w.as(t, "einkauf@")
	t.Run("F-14 F-9 F-17 the list over all branches with the columns as permitted", func(t *testing.T) {
		p := all.get("/").is(http.StatusOK)
		if n := p.Find("tbody tr").Length(); n != 3 {
			t.Errorf("%d assets", n)
		}
		heads := p.has("thead")
		for _, want := range []string{"Next appointment", "Due dates", "Number of components", "Open faults"} {
			if !strings.Contains(heads, want) {
				t.Errorf("no column %q in %q", want, heads)
			}
		}
		if heads := due.get("/").is(http.StatusOK).has("thead"); heads != "Asset Service company Due dates" {
			t.Errorf("columns with due dates only: %q", heads)
		}
	})
	t.Run("F-15 search", func(t *testing.T) {
		for query, want := range map[string]int{"parkhaus": 1, "a-1001": 1, "HAUS elbchaussee": 2, "göteborg": 1, "nothing": 0} {
			if got := all.get("/?q=" + url.QueryEscape(query)).is(http.StatusOK).Find("tbody tr").Length(); got != want {
				t.Errorf("%q finds %d, want %d", query, got, want)
			}
		}
	})
	t.Run("F-16 filter by service company", func(t *testing.T) {
		p := all.get("/").is(http.StatusOK)
		sum := 0
		for _, id := range p.Find("#provider option[value!='']").Map(func(_ int, s *goquery.Selection) string { v, _ := s.Attr("value"); return v }) {
			sum += all.get("/?provider=" + id).is(http.StatusOK).Find("tbody tr").Length()
		}
		if sum != 3 {
			t.Errorf("the companies have %d assets together", sum)
		}
	})
	t.Run("F-18 F-24 F-27 F-28 tabs", func(t *testing.T) {
		p := all.get("/assets/" + dampers).is(http.StatusOK)
		if got := p.has(".tabs"); got != "AppointmentsComponentsDue datesFaults" {
			t.Errorf("tabs are %q", got)
		}
		t.Run("F-19 F-20 no draft, no unpublished report", func(t *testing.T) {
			if text := p.has("tbody"); strings.Contains(text, "Vorplanung") || !strings.Contains(text, "Jahreswartung") {
				t.Errorf("shows %q", text)
			}
		})
		all.get("/assets/" + dampers + "?tab=components").has("tbody tr:nth-child(24)")
		p = due.get("/assets/" + dampers).is(http.StatusOK)
		if got := p.has(".tabs"); got != "Due dates" {
			t.Errorf("tabs with due dates only are %q", got)
		}
		if text := p.has("main"); strings.Contains(text, "Brandschutzklappe Flur") {
			t.Error("F-24 components are named without the permission")
		}
		due.get("/assets/" + dampers + "?tab=components").is(http.StatusForbidden)
		due.get("/report?asset=" + dampers).is(http.StatusForbidden)
	})
	t.Run("SEC-16 a foreign asset is not there", func(t *testing.T) {
		foreign := w.as(t, "fastighet@")
		for _, path := range []string{"/assets/" + dampers, "/report?asset=" + dampers, "/assets/unknown"} {
			foreign.get(path).is(http.StatusNotFound)
		}
	})
	t.Run("F-40 F-41 F-42 the scan shows exactly the granted blocks", func(t *testing.T) {
		p := all.get("/t/" + w.sample.Codes[0]).is(http.StatusOK)
		text := p.has("main")
		for _, want := range []string{"Brandschutzklappe Flur Süd 1", "FKA2", "Component due", "Next appointment", "Open faults", "Report a fault"} {
			if !strings.Contains(text, want) {
				t.Errorf("lacks %q", want)
			}
		}
		text = due.get("/t/" + w.sample.Codes[0]).is(http.StatusOK).has("main")
		if !strings.Contains(text, "Component due") {
			t.Error("lacks the due date")
		}
		for _, not := range []string{"Flur Süd 1", "FKA2", "Next appointment", "Open faults", "Report a fault"} {
			if strings.Contains(text, not) {
				t.Errorf("shows %q with due dates only", not)
			}
		}
	})
}
