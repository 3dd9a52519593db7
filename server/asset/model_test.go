package asset_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tagwerk/tagwerk/server/asset"
)

func TestDue(t *testing.T) {
	for _, c := range []struct {
		name     string
		last     asset.Day
		interval int
		want     asset.Day
	}{
		{"F-27 a year", "2026-03-04", 12, "2027-03-04"},
		{"F-27 over the turn of the year", "2026-11-30", 3, "2027-02-28"},
		{"F-27 end of January", "2026-01-31", 1, "2026-02-28"},
		{"F-27 end of January in a leap year", "2028-01-31", 1, "2028-02-29"},
		{"F-27 end of February stays the 28th", "2026-02-28", 1, "2026-03-28"},
		{"F-27 leap day, a year later", "2028-02-29", 12, "2029-02-28"},
		{"F-27 leap day, four years later", "2028-02-29", 48, "2032-02-29"},
		{"F-27 2100 is no leap year", "2096-02-29", 48, "2100-02-28"},
		{"F-27 31 to a month of 30", "2026-08-31", 1, "2026-09-30"},
		{"F-27 31 to 31", "2026-08-31", 2, "2026-10-31"},
		{"F-27 never done", "", 12, ""},
		{"F-27 no interval", "2026-03-04", 0, ""},
		{"F-27 negative interval", "2026-03-04", -1, ""},
		{"F-27 no date", "2026-02-30", 12, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (asset.Upkeep{IntervalMonths: c.interval, LastDone: c.last}).Due(); got != c.want {
				t.Errorf("due %q, want %q", got, c.want)
			}
		})
	}
	t.Run("F-27 the month is always the one counted to", rapid.MakeCheck(func(t *rapid.T) {
		last := time.Date(2000, 1, 1+rapid.IntRange(0, 60_000).Draw(t, "days"), 0, 0, 0, 0, time.UTC)
		n := rapid.IntRange(1, 600).Draw(t, "months")
		due := asset.Upkeep{IntervalMonths: n, LastDone: asset.DayOf(last)}.Due().Time()
		month := (int(last.Month()) - 1 + n) % 12
		if int(due.Month())-1 != month || due.Year() != last.Year()+(int(last.Month())-1+n)/12 {
			t.Fatalf("%v + %d months is %v", last, n, due)
		}
		if tomorrow := due.AddDate(0, 0, 1); due.Day() != last.Day() && (due.Day() > last.Day() || tomorrow.Month() == due.Month()) {
			t.Fatalf("%v + %d months is %v, neither the same day nor the last of the month", last, n, due)
		}
	}))
}

func TestDay(t *testing.T) {
	t.Run("day round trip", rapid.MakeCheck(func(t *rapid.T) {
		at := time.Date(1900, 1, 1+rapid.IntRange(0, 200_000).Draw(t, "days"), rapid.IntRange(0, 23).Draw(t, "hour"), 0, 0, 0, time.UTC)
		d := asset.DayOf(at)
		if again := asset.DayOf(d.Time()); again != d {
			t.Fatalf("%q became %q", d, again)
		}
		if d.Time() != at.Truncate(24*time.Hour) {
			t.Fatalf("%q is %v, want the day of %v", d, d.Time(), at)
		}
	}))
	for _, bad := range []asset.Day{"", "2026-2-3", "2026-13-01", "2026-02-29", "03.04.2026", "2026-03-04T00:00:00Z"} {
		if !bad.Time().IsZero() {
			t.Errorf("%q is read as %v", bad, bad.Time())
		}
	}
}

func TestPermission(t *testing.T) {
	t.Run("F-10 every set survives words and JSON", func(t *testing.T) {
		seen := map[string]bool{}
		for p := range asset.AllPermissions + 1 {
			body, err := json.Marshal(map[string]asset.Permission{"p": p})
			if err != nil {
				t.Fatal(err)
			}
			var back map[string]asset.Permission
			if err := json.Unmarshal(body, &back); err != nil || back["p"] != p {
				t.Errorf("%d as %s reads back as %d, %v", p, body, back["p"], err)
			}
			words := strings.Join(p.Names(), " ")
			if seen[words] {
				t.Errorf("%q stands for two sets", words)
			}
			seen[words] = true
			var sum asset.Permission
			for _, n := range p.Names() {
				sum |= asset.ParsePermission(n)
			}
			if sum != p {
				t.Errorf("%d in words is %d", p, sum)
			}
		}
	})
	t.Run("F-10 an unknown word is never a right", func(t *testing.T) {
		for _, word := range []string{"all", "Faults", "faults,components", "appointments admin", "\x00"} {
			p := asset.AllPermissions
			if err := p.UnmarshalText([]byte(word)); err == nil {
				t.Errorf("%q was read as %v", word, p.Names())
			}
			if asset.ParsePermission(word) != 0 {
				t.Errorf("%q is a permission", word)
			}
		}
	})
	t.Run("F-10 words stand in the order of the standard", func(t *testing.T) {
		want := []string{"appointments", "components", "due_dates", "faults"}
		if got := asset.AllPermissions.Names(); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}
