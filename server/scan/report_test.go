package scan_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// door makes a controller of nord.
func (w *world) door(name, customer string) identity.Viewer {
	w.t.Helper()
	c, _, err := w.people.AddController(w.t.Context(), w.nord, identity.NewController{Name: name, Customer: customer})
	must(w.t, c, err)
	return identity.Viewer{Kind: identity.DoorController, User: c.ID, Name: c.Name, Provider: c.Provider, Customer: c.Customer}
}

func (w *world) report(door identity.Viewer, events ...scan.Event) []string {
	w.t.Helper()
	out, err := w.sightings.Report(w.t.Context(), door, events)
	return must(w.t, out, err)
}

func TestReport(t *testing.T) {
	w := newWorld(t)
	door := w.door("north", "")
	good, lost, spare := w.fob("0F0368568B", "Ute"), w.fob("2A00A1B2CB", "Nils"), w.fob("06008E6D5D", "")
	old, gone := w.fob("DD17380A", "Eva"), w.fob("E00401007E113CAD", "Jan")
	theirs := w.fob("0451AAC3790000", "Kim", w.syd)
	w.clock = w.clock.Add(time.Hour)
	w.setState(lost.ID, tagging.Blocked, tagging.Block)
	w.setState(old.ID, tagging.Replaced, tagging.Replace)
	w.setState(gone.ID, tagging.Retired, tagging.Retire)
	w.clock = w.clock.Add(time.Hour)
	n := 0
	event := func(number string, at time.Time) scan.Event {
		n++
		return scan.Event{ID: fmt.Sprint("e", n), Number: number, Door: "Haupteingang", At: at}
	}
	now := w.clock
	for _, c := range []struct {
		name, number string
		at           time.Time
		want         string
		tag          string
	}{
		{"in order", "0064481678987", now, scan.EventNoted, ""},
		{"blocked, as 10 digits", "0010597067", now, "blocked", lost.ID},
		{"blocked, without a time", "2A00A1B2CB", time.Time{}, "blocked", lost.ID},
		{"blocked, of the time before it was blocked", "2A00A1B2CB", now.Add(-90 * time.Minute), scan.EventNoted, ""},
		{"blocked, by a clock that is some minutes slow", "2A00A1B2CB", now.Add(-62 * time.Minute), "blocked", lost.ID},
		{"replaced", "DD17380A", now, "replaced", old.ID},
		{"retired", "E00401007E113CAD", now, "retired", gone.ID},
		{"in the drawer", "06008E6D5D", now, "unassigned", spare.ID},
		{"on no record", "0400000000", now, "unknown", ""},
		{"of another provider", "0451AAC3790000", now, "unknown", ""},
		{"by a clock that is ahead", "2A00A1B2CB", now.Add(24 * time.Hour), "blocked", lost.ID},
		{"31 days old", "2A00A1B2CB", now.AddDate(0, 0, -31), scan.EventTooOld, ""},
		{"without number", " \r\n", now, scan.EventRefused, ""},
		{"a number that is too long", strings.Repeat("7", 300), now, scan.EventRefused, ""},
		{"no text", "a\xff", now, scan.EventRefused, ""},
		{"a secret", "WIFI:S:x;P:y;;", now, scan.EventRefused, ""},
	} {
		t.Run("X-10 "+c.name, func(t *testing.T) {
			before := w.seen()
			if got := w.report(door, event(c.number, c.at)); !slices.Equal(got, []string{c.want}) {
				t.Fatalf("%v", got)
			}
			after := w.seen()
			times := func(list []scan.Sighting) (n int) {
				for _, x := range list {
					n += x.Times
				}
				return n
			}
			recorded := slices.ContainsFunc([]string{"blocked", "replaced", "retired", "unassigned", "unknown"}, func(k string) bool { return k == c.want })
			if (times(after) == times(before)+1) != recorded {
				t.Errorf("%d sightings before, %d after", times(before), times(after))
			}
			if recorded && !slices.ContainsFunc(after, func(x scan.Sighting) bool {
				return string(x.Kind) == c.want && x.Tag == c.tag && x.Reader == door.User && x.Place == "Haupteingang" && x.Source == "controller" &&
					(x.Number != "") == (c.want == "unknown") && !x.At.After(now) && !slices.Contains([]string{theirs.ID}, x.Tag)
			}) {
				t.Errorf("%+v", after)
			}
		})
	}
	t.Run("X-10 last sight", func(t *testing.T) {
		if tag := w.tag(good.ID); !tag.Seen.Equal(now) || !tag.Updated.Equal(good.Updated.Time) {
			t.Errorf("seen %v, updated %v", tag.Seen, tag.Updated)
		}
	})
	t.Run("SEC-10 a controller of one customer knows the tags of that one", func(t *testing.T) {
		other, err := w.people.PutCustomer(t.Context(), identity.Customer{Name: "Speicher", Providers: []string{w.nord.Provider}, Locale: locale.German})
		must(t, other, err)
		if got := w.report(w.door("theirs", other.ID), event("2A00A1B2CB", now), event("0F0368568B", now)); !slices.Equal(got, []string{"unknown", "unknown"}) {
			t.Errorf("%v", got)
		}
		if got := w.report(w.door("ours", w.lars.Customer), event("2A00A1B2CB", now), event("0F0368568B", now)); !slices.Equal(got, []string{"blocked", "noted"}) {
			t.Errorf("%v", got)
		}
	})
	t.Run("X-10 several that fit are not guessed", func(t *testing.T) {
		twin := w.fob("100368568B", "Ole")
		if got := w.report(door, event("0057169547", now)); !slices.Equal(got, []string{scan.EventNoted}) {
			t.Errorf("both in order: %v", got)
		}
		w.setState(twin.ID, tagging.Blocked, tagging.Block)
		if got := w.report(door, event("0057169547", now)); !slices.Equal(got, []string{"unknown"}) {
			t.Errorf("one of them blocked: %v", got)
		}
	})
	t.Run("SEC-12 nobody else reports", func(t *testing.T) {
		for _, v := range []identity.Viewer{{}, w.nord, w.lars} {
			if _, err := w.sightings.Report(t.Context(), v, []scan.Event{event("1", now)}); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("%v: %v", v.Kind, err)
			}
		}
	})
	t.Run("SEC-49 number of events", func(t *testing.T) {
		for _, n := range []int{0, scan.MaxEvents + 1} {
			if _, err := w.sightings.Report(t.Context(), door, make([]scan.Event, n)); !errors.Is(err, scan.ErrEvents) {
				t.Errorf("%d: %v", n, err)
			}
		}
	})
}

func TestReportIsSignOfLife(t *testing.T) {
	w := newWorld(t)
	door := w.door("north", "")
	w.report(door, scan.Event{ID: "1", Number: "0F0368568B", At: w.clock})
	list, err := w.assets.Doors(t.Context(), w.nord)
	if must(t, list, err); len(list) != 1 || !list[0].Door.Heard.Equal(w.clock) {
		t.Errorf("X-9 a controller that reports events counts as silent: %+v", list)
	}
}

func TestReportRepeated(t *testing.T) {
	w := newWorld(t)
	door := w.door("north", "")
	lost := w.fob("2A00A1B2CB", "Nils")
	w.setState(lost.ID, tagging.Blocked, tagging.Block)
	events := []scan.Event{{ID: "1", Number: "2A00A1B2CB", Door: "A", At: w.clock}, {ID: "2", Number: "0F0368568B", Door: "A", At: w.clock},
		{ID: "1", Number: "2A00A1B2CB", Door: "A", At: w.clock}}
	if got := w.report(door, events...); !slices.Equal(got, []string{"blocked", "unknown", "repeated"}) {
		t.Errorf("%v", got)
	}
	before := w.seen()
	if got := w.report(door, events...); !slices.Equal(got, []string{"repeated", "repeated", "repeated"}) {
		t.Errorf("X-12 %v", got)
	}
	if got := w.report(w.door("south", ""), events[0]); !slices.Equal(got, []string{"blocked"}) {
		t.Errorf("ids are those of one controller: %v", got)
	}
	if after := w.seen(); len(after) != len(before)+1 {
		t.Errorf("%+v", after)
	}
	t.Run("SEC-87 a report repeated after a crash before its ids were stored alerts nobody twice", func(t *testing.T) {
		engine := w.engine
		page, err := engine.Find(t.Context(), "seen_events", store.Query{Index: store.IDIndex, Limit: 100})
		must(t, page, err)
		for _, doc := range page.Docs {
			if !strings.Contains(string(doc.Body), `"sighting"`) {
				if err := engine.Delete(t.Context(), "seen_events", doc.ID, doc.Ver); err != nil {
					t.Fatal(err)
				}
			}
		}
		notices := func() (n int) {
			for _, x := range w.seen() {
				n += len(x.Notices)
			}
			return n
		}
		before := notices()
		if got := w.report(door, events[:2]...); !slices.Equal(got, []string{"blocked", "unknown"}) {
			t.Errorf("%v", got)
		}
		if notices() != before {
			t.Errorf("%d notices, had %d", notices(), before)
		}
	})
	t.Run("ids are forgotten after a day", func(t *testing.T) {
		w.clock = w.clock.Add(25 * time.Hour)
		if n, err := w.sightings.Sweep(t.Context()); err != nil || n == 0 {
			t.Errorf("%d, %v", n, err)
		}
		if got := w.report(door, scan.Event{ID: "1", Number: "2A00A1B2CB", At: w.clock}); !slices.Equal(got, []string{"blocked"}) {
			t.Errorf("%v", got)
		}
	})
}

// TestAlarmFlood holds that a door that goes on and on alerts once an hour.
func TestAlarmFlood(t *testing.T) {
	w := newWorld(t)
	door := w.door("north", "")
	lost := w.fob("2A00A1B2CB", "Nils")
	w.setState(lost.ID, tagging.Blocked, tagging.Block)
	var same, unknown []scan.Event
	for i := range scan.MaxEvents {
		same = append(same, scan.Event{ID: fmt.Sprint("s", i), Number: "2A00A1B2CB", Door: "A", At: w.clock})
		unknown = append(unknown, scan.Event{ID: fmt.Sprint("u", i), Number: fmt.Sprintf("0F%08X", i), Door: "A", At: w.clock})
	}
	w.report(door, same...)
	list := w.seen()
	if len(list) != 1 || list[0].Times != scan.MaxEvents || len(list[0].Notices) != 1 {
		t.Fatalf("X-10 %d sightings, %+v", len(list), list[0])
	}
	alerts := func() (n int) {
		list, _, err := w.sightings.List(t.Context(), w.nord, scan.SightFilter{Kind: scan.SawUnknown}, "", 500)
		must(t, list, err)
		for _, x := range list {
			n += len(x.Notices)
		}
		return n
	}
	w.report(door, unknown[:250]...)
	w.report(door, unknown[250:]...)
	if n := alerts(); n != 1 {
		t.Errorf("%d alerts of unknown numbers", n)
	}
	w.report(w.door("south", ""), unknown[0])
	if n := alerts(); n != 2 {
		t.Errorf("%d alerts, another controller has its own", n)
	}
	w.clock = w.clock.Add(time.Hour)
	w.report(door, scan.Event{ID: "later", Number: "0F00000001", Door: "A", At: w.clock})
	if n := alerts(); n != 3 {
		t.Errorf("%d alerts in the next hour", n)
	}
}

// FuzzReport feeds events of any text: none may be lost without an answer, and a repeated report stores nothing more.
func FuzzReport(f *testing.F) {
	w := newWorld(f)
	w.fob("0F0368568B", "Ute")
	door := w.door("north", "")
	f.Add("1", "0F0368568B", "", "A", int64(0))
	f.Add("", "", "android", "\x00", int64(-1))
	f.Add("x", "WIFI:S:a;;", "hid", "Tür", int64(1<<40))
	f.Fuzz(func(t *testing.T, id, number, hint, place string, offset int64) {
		e := scan.Event{ID: id, Number: number, Hint: hint, Door: place, At: w.clock.Add(time.Duration(offset))}
		first, err := w.sightings.Report(t.Context(), door, []scan.Event{e})
		if err != nil || len(first) != 1 || first[0] == "" {
			t.Fatalf("%v, %v", first, err)
		}
		again, err := w.sightings.Report(t.Context(), door, []scan.Event{e})
		if err != nil || len(again) != 1 || first[0] != scan.EventRefused && again[0] != scan.EventRepeated {
			t.Fatalf("%v, then %v, %v", first, again, err)
		}
	})
}
