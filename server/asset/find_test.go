package asset_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

func TestFindTags(t *testing.T) {
	w := newWorld(t)
	w.companies()
	ctx := t.Context()
	nord := staffOf("nord")
	lars := w.user("lars", "hafen")
	if err := w.GrantTags(ctx, nord, lars.User, true, false); err != nil {
		t.Fatal(err)
	}
	holders := []asset.Holder{
		{Tenant: "Jürgen Müller", Unit: "WE 12"}, {Tenant: "Åsa Ek", Company: "Straßenbau GmbH"}, {Company: "Müllerei", Unit: "12"}, {Unit: "3 OG links"},
	}
	var fobs []*asset.Tag
	for i, h := range holders {
		w.clock = w.clock.Add(time.Minute)
		fobs = append(fobs, w.fob(fmt.Sprintf("0F0368570%d", i), "hafen", &h))
	}
	w.clock = w.clock.Add(time.Minute)
	drawer := w.fob("0F03685799", "hafen", nil)
	other := w.fob("2A00A1B2CB", "speicher", &asset.Holder{Tenant: "Mull"})
	label := string(w.label(w.components(w.asset("nord"), 1)[0]))

	// all reads page by page.
	all := func(v identity.Viewer, f asset.TagFilter, limit int) []string {
		t.Helper()
		var out []string
		for after, pages := "", 0; ; pages++ {
			page, next, err := w.FindTags(ctx, v, f, after, limit)
			if err != nil || len(page) > limit || pages > 50 {
				t.Fatalf("page %d of %d: %v", pages, len(page), err)
			}
			for _, tag := range page {
				out = append(out, tag.ID)
			}
			if after = next; next == "" {
				return out
			}
		}
	}
	of := func(list ...*asset.Tag) []string {
		var out []string
		for _, tag := range list {
			out = append(out, tag.ID)
		}
		return out
	}
	for _, c := range []struct {
		name   string
		filter asset.TagFilter
		want   []string // of staff
		own    []string // of the customer's user
	}{
		{"all", asset.TagFilter{}, append([]string{label}, of(other, drawer, fobs[3], fobs[2], fobs[1], fobs[0])...), of(drawer, fobs[3], fobs[2], fobs[1], fobs[0])},
		{"labels", asset.TagFilter{Kind: asset.Label}, []string{label}, of(drawer, fobs[3], fobs[2], fobs[1], fobs[0])},
		{"in the drawer", asset.TagFilter{Kind: asset.AccessTag, State: tagging.Minted}, of(drawer), of(drawer)},
		{"any kind in use", asset.TagFilter{State: tagging.Bound}, append([]string{label}, of(other, fobs[3], fobs[2], fobs[1], fobs[0])...), of(fobs[3], fobs[2], fobs[1], fobs[0])},
		{"of a customer", asset.TagFilter{Customer: "speicher"}, of(other), of(drawer, fobs[3], fobs[2], fobs[1], fobs[0])},
		{"without accents", asset.TagFilter{Holder: "muller"}, of(fobs[0], fobs[2]), of(fobs[2], fobs[0])},
		{"with them, decomposed", asset.TagFilter{Holder: "MU\u0308LLER"}, of(fobs[0], fobs[2]), of(fobs[2], fobs[0])},
		{"beginning", asset.TagFilter{Holder: "mül"}, of(fobs[0], fobs[2], other), of(fobs[2], fobs[0])},
		{"ß", asset.TagFilter{Holder: "strassen"}, of(fobs[1]), of(fobs[1])},
		{"two words", asset.TagFilter{Holder: "12 Mül"}, of(fobs[0], fobs[2]), of(fobs[2], fobs[0])},
		{"a unit", asset.TagFilter{Holder: "OG, 3"}, of(fobs[3]), of(fobs[3])},
		{"the middle of a word", asset.TagFilter{Holder: "üller"}, nil, nil},
		{"holder of a customer", asset.TagFilter{Holder: "mul", Customer: "hafen"}, of(fobs[2], fobs[0]), of(fobs[2], fobs[0])},
		{"only punctuation", asset.TagFilter{Holder: "--", Kind: asset.Label}, []string{label}, of(drawer, fobs[3], fobs[2], fobs[1], fobs[0])},
	} {
		for _, limit := range []int{1, 2, 200} {
			t.Run(fmt.Sprintf("X-8 %s by %d", c.name, limit), func(t *testing.T) {
				staff, want := all(nord, c.filter, limit), c.want
				if c.filter.Holder != "" && c.filter.Customer == "" || c.name == "any kind in use" || c.name == "all" {
					// By holder they stand in no order; the last two were made in one moment.
					staff, want = slices.Sorted(slices.Values(staff)), slices.Sorted(slices.Values(want))
				}
				if !slices.Equal(staff, want) {
					t.Errorf("staff: %v, want %v", staff, want)
				}
				if got := all(lars, c.filter, limit); !slices.Equal(got, c.own) {
					t.Errorf("customer: %v, want %v", got, c.own)
				}
			})
		}
	}
	t.Run("SEC-13 SEC-16 who may see none", func(t *testing.T) {
		waiting := nord
		waiting.MustEnrol = true
		for _, v := range []identity.Viewer{w.user("birgit", "hafen"), waiting, {}} {
			if _, _, err := w.FindTags(ctx, v, asset.TagFilter{}, "", 10); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("%+v: %v", v, err)
			}
			if err := w.ExportTags(ctx, v, asset.TagFilter{}, func(asset.TagView) error { t.Error("a tag was given out"); return nil }); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("export by %+v: %v", v, err)
			}
		}
		if _, _, err := w.FindTags(ctx, staffOf("syd"), asset.TagFilter{Customer: "speicher"}, "", 10); !errors.Is(err, asset.ErrNotFound) {
			t.Errorf("another provider's customer: %v", err)
		}
		if got := all(staffOf("syd"), asset.TagFilter{Customer: "hafen"}, 10); len(got) != 0 {
			t.Errorf("another provider's tags: %v", got)
		}
	})
	t.Run("SEC-18 a cursor of another list is no way to its rows", func(t *testing.T) {
		_, next, err := w.FindTags(ctx, nord, asset.TagFilter{Customer: "hafen"}, "", 1)
		if err != nil || next == "" {
			t.Fatal(err)
		}
		page, _, err := w.FindTags(ctx, staffOf("syd"), asset.TagFilter{Customer: "hafen"}, next, 10)
		if err == nil && len(page) > 0 {
			t.Errorf("%v", page)
		}
	})
	t.Run("X-10 tags in use that nobody saw for long, the longest unseen first", func(t *testing.T) {
		now := w.clock
		defer func() { w.clock = now }()
		w.clock = now.AddDate(0, 0, 40)
		for i, ago := range map[int]int{0: 35, 1: 5, 2: 100} {
			tag, err := w.tags.Update(ctx, fobs[i].ID, func(tag *asset.Tag) error { tag.Seen = store.At(w.clock.AddDate(0, 0, -ago)); return nil })
			must(t, tag, err)
		}
		// 2 was seen before it was enrolled here; 3 and the one of the other customer were never seen.
		if got := all(nord, asset.TagFilter{NotSeenDays: 30}, 200); !slices.Equal(sorted(got), sorted(of(fobs[0], fobs[2], fobs[3], other))) || got[len(got)-1] != fobs[0].ID {
			t.Errorf("staff: %v", got)
		}
		if got := all(lars, asset.TagFilter{NotSeenDays: 30}, 200); !slices.Equal(got, of(fobs[3], fobs[2], fobs[0])) {
			t.Errorf("customer: %v", got)
		}
		if got := all(nord, asset.TagFilter{NotSeenDays: 60}, 200); len(got) != 0 {
			t.Errorf("enrolled 40 days ago: %v", got)
		}
	})
	t.Run("SEC-73 an export gives each tag once, also one that changes meanwhile", func(t *testing.T) {
		var given []string
		err := w.ExportTags(ctx, lars, asset.TagFilter{}, func(tag asset.TagView) error {
			given = append(given, tag.ID)
			w.clock = w.clock.Add(time.Second)
			_, err := w.Issue(ctx, nord, tag.ID, asset.Holder{Unit: fmt.Sprint("moved ", len(given))}, "")
			return err
		})
		if err != nil || !slices.Equal(sorted(given), sorted(of(drawer, fobs[3], fobs[2], fobs[1], fobs[0]))) {
			t.Errorf("%v, %v", given, err)
		}
		stop := errors.New("no more room")
		if err := w.ExportTags(ctx, nord, asset.TagFilter{}, func(asset.TagView) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("%v", err)
		}
	})
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
