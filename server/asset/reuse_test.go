package asset_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
)

func TestReuse(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	_, door := w.controller(identity.NewController{Name: "Tor"})
	retire := func(tag *asset.Tag) {
		t.Helper()
		got, err := w.Retire(ctx, w.staff, tag.ID, "")
		must(t, got, err)
	}
	since := int64(0)
	// passes reports what the last list said of a tag.
	passes := func(tag *asset.Tag) bool {
		t.Helper()
		l := w.list(door, since)
		since = l.Version
		e := entry(l, tag)
		return e != nil && !e.Blocked
	}

	t.Run("X-5 the number of a retired fob passes again when it is enrolled anew", func(t *testing.T) {
		old := w.fob("0F0368568B", "hafen", nil)
		retire(old)
		if passes(old) {
			t.Fatal("a retired fob passes")
		}
		fresh := w.fob("0F0368568B", "hafen", nil)
		if !passes(old) {
			t.Error("doors still refuse the number")
		}
		if got, err := w.tags.Get(ctx, old.ID); err != nil || got.Reused != fresh.ID || got.Refused() {
			t.Errorf("%+v, %v", got, err)
		}
		w.block(fresh)
		if l := w.list(door, 0); entry(l, fresh) == nil || entry(l, old) != nil {
			t.Errorf("%s", tagsOf(l))
		}
	})
	t.Run("X-5 so it does by an import", func(t *testing.T) {
		old := w.fob("06008E6D5D", "hafen", nil)
		retire(old)
		passes(old)
		r, err := w.ImportTags(ctx, w.staff, "hafen", []asset.ImportRow{{Line: 2, Number: "06008E6D5D"}}, false)
		if err != nil || r.New != 1 || !passes(old) {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("X-5 who issues a tag makes up for what a crash left undone", func(t *testing.T) {
		old := w.fob("2A00A1B2CB", "hafen", nil)
		retire(old)
		passes(old)
		// Taking the right to enrol, and the tag itself, are written; then the process dies.
		if _, err := w.over(dying(w.engine, 2)).Enrol(ctx, w.staff, asset.Enrolment{Number: "2A00A1B2CB", Customer: "hafen"}); !errors.Is(err, errCrash) {
			t.Fatalf("%v", err)
		}
		w.clock = w.clock.Add(5 * time.Minute) // the right ends with its lease
		m, err := w.MatchNumber(ctx, w.staff, "2A00A1B2CB", "")
		if err != nil || len(m.Tags) != 1 || passes(old) {
			t.Fatalf("%+v, %v", m, err)
		}
		tag, err := w.Issue(ctx, w.staff, m.Tags[0].ID, asset.Holder{Tenant: "Berg"}, "")
		if must(t, tag, err); !passes(old) {
			t.Error("doors still refuse the number")
		}
	})
	t.Run("SEC-8 the number of a fob that was blocked when it ended stays refused, and cannot be enrolled", func(t *testing.T) {
		old := w.block(w.fob("DD17380A", "hafen", nil))
		retire(old)
		var fits *asset.FitsError
		for _, confirm := range []bool{false, true} {
			_, err := w.Enrol(ctx, w.staff, asset.Enrolment{Number: "DD17380A", Customer: "hafen", Confirm: confirm})
			if !errors.As(err, &fits) || len(fits.Match.Tags) != 1 || fits.Match.Tags[0].ID != old.ID {
				t.Errorf("confirmed %v: %v", confirm, err)
			}
		}
		other := w.fob("04A23B7C118680", "hafen", nil)
		if _, err := w.AddReading(ctx, w.staff, other.ID, "DD17380A", ""); !errors.As(err, &fits) {
			t.Errorf("as a reading: %v", err)
		}
		r, err := w.ImportTags(ctx, w.staff, "hafen", []asset.ImportRow{{Line: 2, Number: "DD17380A"}}, false)
		if err != nil || r.Refused != 1 || r.Results[0].Reason != asset.BlockedNumber || r.Results[0].Fits[0] != old.ID {
			t.Errorf("%+v, %v", r, err)
		}
		if l := w.list(door, 0); entry(l, old) == nil {
			t.Errorf("%s", tagsOf(l))
		}
	})
	t.Run("SEC-8 one that was reactivated before it ended is like any other", func(t *testing.T) {
		old := w.reactivate(w.block(w.fob("A4C3B290", "hafen", nil)))
		retire(old)
		passes(old)
		w.fob("A4C3B290", "hafen", nil)
		if !passes(old) {
			t.Error("doors still refuse the number")
		}
	})
	t.Run("SEC-15 a tag of another provider is not looked at", func(t *testing.T) {
		old := w.block(w.fob("DB96007D", "hafen", nil))
		retire(old)
		tag, err := w.Enrol(ctx, staffOf("syd"), asset.Enrolment{Number: "DB96007D", Customer: "hafen"})
		if must(t, tag, err); passes(old) {
			t.Error("another provider lets it pass")
		}
	})
}
