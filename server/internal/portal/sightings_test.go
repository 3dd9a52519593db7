package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/scan"
)

// sights leaves a blocked fob that a door saw, an unknown one, and what a finder wrote.
func (w *world) sights(t *testing.T) *asset.Tag {
	t.Helper()
	ctx, staff := t.Context(), w.viewer(t, "dispo@")
	w.foundForm(t)
	fob, err := w.app.Assets.Enrol(ctx, staff, asset.Enrolment{Number: "0F0368568B", Customer: w.viewer(t, "haustechnik@").Customer, Holder: &asset.Holder{Tenant: "Karin Ahlers", Unit: "Wohnung 4"}})
	if err == nil {
		_, err = w.app.Desk.BlockTags(ctx, staff, desk.BlockOrder{Tags: []string{fob.ID}, Reason: "verloren"})
	}
	var doors []identity.Controller
	if err == nil {
		doors, err = w.app.People.Controllers(ctx, staff)
	}
	if err != nil {
		t.Fatal(err)
	}
	controller := identity.Viewer{Kind: identity.DoorController, User: doors[0].ID, Name: doors[0].Name, Provider: doors[0].Provider, Customer: doors[0].Customer}
	said, err := w.app.Sightings.Report(ctx, controller, []scan.Event{{ID: "1", Number: "0F0368568B", Door: "Tür 3", Granted: true}, {ID: "2", Number: "2A00A1B2FF", Door: "Tür 4"}})
	if err != nil || said[0] != string(scan.SawBlocked) || said[1] != string(scan.SawUnknown) {
		t.Fatalf("the events are %q: %v", said, err)
	}
	if err := w.app.Sightings.ReportFound(ctx, strings.TrimPrefix(w.url, "http://"), scan.Found{Code: fob.ID, Place: "Bus 3", Text: "<b>Beim Fahrer</b>", Contact: "+49 40 1"}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		list, _, err := w.app.Sightings.List(ctx, staff, scan.SightFilter{Kind: scan.SawFound}, "", 10)
		if err == nil && len(list) == 1 {
			return fob
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("the finder's message is not settled: %v", err)
		}
	}
}

func TestSightings(t *testing.T) {
	w := newWorld(t)
	fob := w.sights(t)
	staff, master := w.as(t, "dispo@"), w.as(t, "haustechnik@")
	t.Run("X-10 staff see all of it and can reactivate", func(t *testing.T) {
		p := staff.get("/staff/sightings").is(http.StatusOK)
		if n := p.Find(".cards > li").Length(); n != 3 {
			t.Fatalf("%d sightings", n)
		}
		blocked := p.Find(".cards > li:contains('Tür 3')").Text()
		for _, want := range []string{"0F0368568B", "Karin Ahlers", "blocked", "opened all the same", "Zutritt Haus A"} {
			if !strings.Contains(blocked, want) {
				t.Errorf("no %q in %s", want, blocked)
			}
		}
		if href, _ := p.Find(".cards > li:contains('Tür 3') a.button").Attr("href"); href != "/tags/"+fob.ID+"/reactivate" {
			t.Errorf("reactivation is at %q", href)
		} else {
			staff.get(href).is(http.StatusOK)
		}
		if found := p.Find(".cards > li:contains('Bus 3')"); !strings.Contains(found.Text(), "<b>Beim Fahrer</b>") || !strings.Contains(found.Text(), "+49 40 1") || found.Find("b").Length() != 0 {
			t.Errorf("SEC-72 the finder wrote %s", found.Text())
		}
		if n := staff.get("/staff/sightings?kind=unknown").is(http.StatusOK).Find(".cards > li").Length(); n != 1 {
			t.Errorf("%d unknown ones", n)
		}
		staff.get("/staff/sightings?kind=retired").is(http.StatusOK).has(".empty")
		if n := staff.get("/staff/sightings?kind=nonsense").is(http.StatusOK).Find(".cards > li").Length(); n != 3 {
			t.Errorf("%d with a kind that there is not", n)
		}
	})
	t.Run("SEC-93 a Master with the right sees those of its customer, others none", func(t *testing.T) {
		p := master.get("/sightings").is(http.StatusOK)
		if got := p.has(".cards"); !strings.Contains(got, "0F0368568B") || strings.Contains(got, "2A00A1B2FF") || strings.Contains(got, "Zutritt Haus A") {
			t.Errorf("a Master sees %s", got)
		}
		p.lacks("option[value=unknown]")
		master.get("/staff/sightings").is(http.StatusForbidden)
		w.as(t, "reception@").get("/sightings").is(http.StatusForbidden)
		if got := w.as(t, "kundtjanst@").get("/staff/sightings").is(http.StatusOK).has("main"); strings.Contains(got, "0F0368568B") {
			t.Errorf("staff of another branch see %s", got)
		}
		if err := w.app.Assets.GrantTags(t.Context(), w.viewer(t, "dispo@"), w.viewer(t, "haustechnik@").User, false, false); err != nil {
			t.Fatal(err)
		}
		master.get("/sightings").is(http.StatusForbidden)
	})
	t.Run("X-10 the lists of tags not seen are asked for as that page understands it", func(t *testing.T) {
		staff.get("/staff/sightings").is(http.StatusOK).Find("a[href*='days=']").Each(func(_ int, s *goquery.Selection) {
			href, _ := s.Attr("href")
			target, err := url.Parse(href)
			if err != nil || target.Path != "/tags" {
				t.Fatalf("leads to %q", href)
			}
			days := target.Query().Get("not_seen_days")
			if got := staff.get(href).is(http.StatusOK).value("select[name=not_seen_days] option[selected]"); got != days {
				t.Errorf("%s asks for %q days", href, got)
			}
		})
	})
}
