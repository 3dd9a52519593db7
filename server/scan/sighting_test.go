package scan_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// TestScanSightings holds what is recorded when somebody scans a tag that should not turn up.
func TestScanSightings(t *testing.T) {
	for _, c := range []struct {
		name   string
		state  tagging.State
		step   tagging.Step
		tenant string
		want   scan.SightKind
		alerts bool
	}{
		{"in use", tagging.Bound, tagging.Issue, "Ute", "", false},
		{"damaged", tagging.Damaged, tagging.Damage, "Ute", "", false},
		{"blocked", tagging.Blocked, tagging.Block, "Ute", scan.SawBlocked, true},
		{"replaced", tagging.Replaced, tagging.Replace, "Ute", scan.SawReplaced, true},
		{"retired", tagging.Retired, tagging.Retire, "Ute", scan.SawRetired, true},
		{"in the drawer", tagging.Minted, tagging.Mint, "", scan.SawUnassigned, false},
	} {
		t.Run("X-10 by a person with a right, "+c.name, func(t *testing.T) {
			w := newWorld(t)
			fob := w.fob("0F0368568B", c.tenant)
			w.setState(fob.ID, c.state, c.step)
			w.grantTags(w.lars, true, false)
			w.read(w.lars, fob.ID, "qr")
			w.read(w.nord, "0F0368568B", "wedge")
			w.flush()
			list := w.seen()
			if c.want == "" {
				if len(list) != 0 {
					t.Errorf("%+v", list)
				}
				return
			}
			if len(list) != 1 || list[0].Kind != c.want || list[0].Tag != fob.ID || list[0].Customer != w.lars.Customer || list[0].Times != 2 ||
				list[0].Source != "scan" || (len(list[0].Notices) == 1) != c.alerts || list[0].Expires.Sub(list[0].At.Time) != 30*24*time.Hour {
				t.Fatalf("%+v", list)
			}
			if c.alerts && w.woken == 0 {
				t.Error("nobody was woken")
			}
		})
	}
	t.Run("X-5 a replaced label that is scanned later is reported", func(t *testing.T) {
		w := newWorld(t)
		w.setState(string(w.code), tagging.Replaced, tagging.Replace)
		w.read(w.nord, string(w.code), "qr")
		w.flush()
		if list := w.seen(); len(list) != 1 || list[0].Kind != scan.SawReplaced || list[0].Customer != "" || list[0].Reader != w.nord.User {
			t.Errorf("%+v", list)
		}
	})
	t.Run("X-10 the next hour is another sighting", func(t *testing.T) {
		w := newWorld(t)
		w.setState(string(w.code), tagging.Replaced, tagging.Replace)
		for range 3 {
			w.read(w.nord, string(w.code), "qr")
			w.flush()
			w.clock = w.clock.Add(40 * time.Minute)
		}
		if list := w.seen(); len(list) != 2 || list[0].Times != 1 || list[1].Times != 2 || !list[0].At.After(list[1].At.Time) {
			t.Errorf("%+v", list)
		}
	})
}

// TestStrangersScan holds that of strangers nothing is kept but that a tag turned up which should not (SEC-93).
func TestStrangersScan(t *testing.T) {
	w := newWorld(t)
	fob := w.fob("0F0368568B", "Ute")
	blocked := w.fob("2A00A1B2CB", "Nils")
	w.setState(blocked.ID, tagging.Blocked, tagging.Block)
	w.setState(string(w.other), tagging.Replaced, tagging.Replace)
	before := w.sightings.Strangers()
	stranger := identity.Viewer{}
	payloads := []string{string(w.code), fob.ID, blocked.ID, string(w.other), "7K3M9QXD2VHTP", "0F0368568B", "2A00A1B2CB", "SN 4711/b"}
	for _, p := range payloads {
		w.read(stranger, p, "typed")
		w.read(w.lars, p, "typed")
	}
	w.flush()
	list := w.seen()
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	for _, x := range list {
		if x.Tag != blocked.ID && x.Tag != string(w.other) || x.Reader != "" || x.Place != "" || x.Number != "" || len(x.Notices) != 1 || x.Notices[0].By != "" {
			t.Errorf("SEC-93 %+v", x)
		}
	}
	if n := w.sightings.Strangers() - before; n < int64(len(payloads)) {
		t.Errorf("SEC-93 %d scans counted", n)
	}
	log, err := w.engine.Count(t.Context(), "scan_log", store.Query{Index: store.IDIndex}, 10)
	if err != nil || log != 0 {
		t.Errorf("SEC-93 %d entries in the log, %v", log, err)
	}
	for _, id := range []string{fob.ID, blocked.ID} {
		if tag := w.tag(id); !tag.Seen.IsZero() {
			t.Errorf("a stranger moves the time of last sight of %s", id)
		}
	}
}

// TestListSightings holds who sees which sightings (SEC-93).
func TestListSightings(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ours, theirs := w.fob("0F0368568B", "Ute"), w.fob("06008E6D5D", "Nils", w.syd)
	for _, tag := range []string{ours.ID, theirs.ID, string(w.code)} {
		w.setState(tag, tagging.Blocked, tagging.Block)
	}
	w.setState(string(w.other), tagging.Replaced, tagging.Replace)
	for _, p := range []string{ours.ID, theirs.ID, string(w.code), string(w.other)} {
		w.read(identity.Viewer{}, p, "qr")
	}
	w.flush()
	w.grantTags(w.maja, true, false)
	w.grantTags(w.lars, true, true)
	list := func(v identity.Viewer, f scan.SightFilter) (tags []string, err error) {
		all, _, err := w.sightings.List(ctx, v, f, "", 50)
		for _, x := range all {
			tags = append(tags, x.Tag)
		}
		slices.Sort(tags)
		return tags, err
	}
	sorted := func(tags ...string) []string { slices.Sort(tags); return tags }
	for _, c := range []struct {
		name   string
		viewer identity.Viewer
		filter scan.SightFilter
		want   []string
		err    error
	}{
		{"staff", w.nord, scan.SightFilter{}, sorted(ours.ID, string(w.code), string(w.other)), nil},
		{"staff, by kind", w.nord, scan.SightFilter{Kind: scan.SawReplaced}, []string{string(w.other)}, nil},
		{"staff, by tag", w.nord, scan.SightFilter{Tag: ours.ID}, []string{ours.ID}, nil},
		{"staff, by tag and kind", w.nord, scan.SightFilter{Tag: ours.ID, Kind: scan.SawReplaced}, nil, nil},
		{"staff, by the tag of another provider", w.nord, scan.SightFilter{Tag: theirs.ID}, nil, asset.ErrNotFound},
		{"staff of the other provider", w.syd, scan.SightFilter{}, []string{theirs.ID}, nil},
		{"Master user with See of one provider", w.maja, scan.SightFilter{}, []string{ours.ID}, nil},
		{"Master user, by kind", w.maja, scan.SightFilter{Kind: scan.SawBlocked}, []string{ours.ID}, nil},
		{"Master user, by tag", w.maja, scan.SightFilter{Tag: ours.ID}, []string{ours.ID}, nil},
		{"Master user, by a label", w.maja, scan.SightFilter{Tag: string(w.code)}, nil, asset.ErrNotFound},
		{"General user with Block", w.lars, scan.SightFilter{}, nil, asset.ErrNotAllowed},
		{"stranger", identity.Viewer{}, scan.SightFilter{}, nil, asset.ErrNotAllowed},
		{"what finders wrote and is not settled", w.nord, scan.SightFilter{Kind: "unsettled"}, nil, nil},
	} {
		t.Run("SEC-93 "+c.name, func(t *testing.T) {
			if got, err := list(c.viewer, c.filter); !errors.Is(err, c.err) || !slices.Equal(got, c.want) {
				t.Errorf("%v, %v, want %v", got, err, c.want)
			}
		})
	}
	t.Run("SEC-93 a Master user whose right was taken away", func(t *testing.T) {
		w.grantTags(w.maja, false, false)
		if got, err := list(w.maja, scan.SightFilter{}); !errors.Is(err, asset.ErrNotAllowed) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// TestRecipients holds who is alerted, with the rights of the moment of sending (SEC-21).
func TestRecipients(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	second := w.person("dispo@nordlicht.example", identity.Dispatcher, w.nord.Provider, "")
	fob := w.fob("0F0368568B", "Ute")
	w.setState(fob.ID, tagging.Blocked, tagging.Block)
	w.grantTags(w.lars, true, true)
	w.grantTags(w.maja, true, false)
	w.read(w.nord, fob.ID, "qr")
	w.flush()
	x := w.seen()[0]
	told := func() []string {
		t.Helper()
		people, err := w.sightings.Recipients(ctx, &x, x.Notices[0])
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, p := range people {
			out = append(out, p.ID)
		}
		slices.Sort(out)
		return out
	}
	want := func(name string, viewers ...identity.Viewer) {
		t.Helper()
		var ids []string
		for _, v := range viewers {
			ids = append(ids, v.User)
		}
		slices.Sort(ids)
		if got := told(); !slices.Equal(got, ids) {
			t.Errorf("%s: %v, want %v", name, got, ids)
		}
	}
	want("X-10 staff but for who scanned it", second)
	if err := w.assets.PutTagSettings(ctx, w.nord, asset.TagSettings{AlertOwner: true}); err != nil {
		t.Fatal(err)
	}
	want("X-10 the owner's users who may block, by setting", second, w.lars)
	w.grantTags(w.lars, true, false)
	want("SEC-21 a right that was taken away", second)
	w.grantTags(w.lars, true, true)
	if err := w.people.Deactivate(ctx, second.User); err != nil {
		t.Fatal(err)
	}
	want("SEC-21 somebody who was deactivated", w.lars)
	if m := w.sightings.Message(&x, x.Notices[0]); m.Path != "/tags/"+fob.ID || !m.Urgent || strings.Contains(fmt.Sprint(m), "Ute") {
		t.Errorf("SEC-83 %+v", m)
	}
	due, err := w.sightings.Queue().Due(ctx, w.clock, 10)
	if err != nil || !slices.Equal(due, []string{x.ID}) {
		t.Errorf("SEC-87 due %v, %v", due, err)
	}
}

// TestMessages holds that there are words for each kind of sighting.
func TestMessages(t *testing.T) {
	w := newWorld(t)
	catalogue, err := locale.Load()
	must(t, catalogue, err)
	for _, kind := range []scan.SightKind{scan.SawBlocked, scan.SawReplaced, scan.SawRetired, scan.SawUnassigned, scan.SawUnknown, scan.SawFound} {
		m := w.sightings.Message(&scan.Sighting{Kind: kind}, outbox.Notice{})
		for _, part := range []string{".title", ".body"} {
			if text := catalogue.Text(locale.German, "push."+m.Key+part, nil); strings.Contains(text, "⟦") {
				t.Error(text)
			}
		}
	}
}

// TestNoTraceOfStrangers holds that no stored field could hold an address of a stranger (SEC-93).
func TestNoTraceOfStrangers(t *testing.T) {
	for _, stored := range []reflect.Type{reflect.TypeFor[scan.Sighting](), reflect.TypeFor[scan.LogEntry]()} {
		for i := range stored.NumField() {
			if name := strings.ToLower(stored.Field(i).Name); strings.Contains(name, "ip") || strings.Contains(name, "addr") || strings.Contains(name, "agent") {
				t.Errorf("%s.%s", stored.Name(), stored.Field(i).Name)
			}
		}
	}
}
