package asset_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

func TestEnrol(t *testing.T) {
	w := newWorld(t)
	w.companies()
	ctx := t.Context()
	nord := staffOf("nord")
	enrol := func(v identity.Viewer, e asset.Enrolment) (*asset.Tag, error) {
		if e.Customer == "" {
			e.Customer = "hafen"
		}
		return w.Enrol(ctx, v, e)
	}

	t.Run("X-5 a fob with its holder, and who made it known", func(t *testing.T) {
		got, err := enrol(nord, asset.Enrolment{Number: "\x020F0368568BB9\r\n\x03", Hint: "125khz", Expires: "2028-12-31", Note: "Schlüsselkasten",
			Holder: &asset.Holder{Tenant: " Lars Berg ", Unit: "WE 12"}})
		if err != nil {
			t.Fatal(err)
		}
		if got.State != tagging.Bound || got.Number != "0F0368568BB9" || got.Hint != "125khz" || !slices.Equal(got.Readings, []string{"em4100:0F0368568B"}) ||
			got.Holder.Tenant != "Lars Berg" || got.Holder.Issued != store.At(today) {
			t.Errorf("%+v, holder %+v", got, got.Holder)
		}
		if want := time.Date(2028, 12, 31, 23, 0, 0, 0, time.UTC); !got.Expires.Equal(want) {
			t.Errorf("its last day ends at %v, want %v", got.Expires, want)
		}
		if h := got.History; len(h) != 2 || h[0].Step != tagging.Mint || h[0].Note != "Schlüsselkasten" || h[1].Step != tagging.Issue || h[1].Note != "Lars Berg · WE 12" || h[1].Name != "Ute" {
			t.Errorf("history %+v", h)
		}
		stored, err := w.Tag(ctx, nord, got.ID)
		if err != nil || stored.Customer != "hafen" || stored.May != asset.SeeTags|asset.BlockTags|asset.ManageTags {
			t.Errorf("stored %+v, %v", stored, err)
		}
	})
	for _, c := range []struct {
		name   string
		number string
		hint   string
		flag   string
	}{
		{"a random UID", "08A1B2C3", "", "random_uid"}, {"a random UID by the phone", "08:a1:b2:c3", "webnfc", "random_uid"},
		{"a cut off UID", "8804A23B", "13.56mhz", "truncated_uid"}, {"five digits", "22155", "", "not_unique_enough"},
		{"two letters", "ZY", "hid", "not_unique_enough"}, {"wrong parity", "00000000000000000000000000", "", "parity_error"},
		{"a pair that contradicts its number", "0057169547 104,22156", "", "inconsistent"}, {"nothing", " \r\n", "", "no_number"},
		{"SEC-92 the password of a Wi-Fi", "WIFI:S:Hafen;P:geheim;;", "", "secret"}, {"a phone number of a code", "tel:+4912345", "", "not_an_identifier"},
	} {
		t.Run("X-5 refused with the reason: "+c.name, func(t *testing.T) {
			before := w.countTags("nord")
			_, err := enrol(nord, asset.Enrolment{Number: c.number, Hint: c.hint})
			var reading *asset.ReadingError
			if !errors.As(err, &reading) || reading.Flag != c.flag {
				t.Fatalf("%v, want %s", err, c.flag)
			}
			if strings.Contains(err.Error(), "geheim") || w.countTags("nord") != before {
				t.Error("the number was kept or told")
			}
		})
	}
	t.Run("X-5 a reading that could be random only in second place is left out", func(t *testing.T) {
		got, err := enrol(nord, asset.Enrolment{Number: "0145863363"}) // 0x08B1BEC3... as decimal
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got.Readings {
			if strings.HasPrefix(r, "iso14443:08") {
				t.Errorf("readings %v", got.Readings)
			}
		}
	})
	for field, e := range map[string]asset.Enrolment{
		"number": {Number: strings.Repeat("7", 201)}, "tenant": {Number: "0000000017", Holder: &asset.Holder{Tenant: "a\x00b"}},
		"unit": {Number: "0000000017", Holder: &asset.Holder{Unit: strings.Repeat("ä", 101)}}, "holder": {Number: "0000000017", Holder: &asset.Holder{Unit: " "}},
		"note": {Number: "0000000017", Note: "a\u0085b"}, "expires": {Number: "0000000017", Expires: "2027-01-01"}, "hint": {Number: "0000000017", Hint: "magic"},
	} {
		t.Run("SEC-17 a bad "+field+" is named", func(t *testing.T) {
			_, err := enrol(nord, e)
			var bad *asset.FieldError
			if !errors.As(err, &bad) || bad.Field != field {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("B-16 a number that fits a tag on record is refused with the list until confirmed", func(t *testing.T) {
		first := w.fob("2A00A1B2CB", "hafen", nil)
		_, err := enrol(nord, asset.Enrolment{Number: "161,45771", Customer: "speicher"})
		var fits *asset.FitsError
		if !errors.As(err, &fits) || !slices.Equal(ids(fits.Match), []string{first.ID}) {
			t.Fatalf("%v", err)
		}
		second, err := enrol(nord, asset.Enrolment{Number: "161,45771", Customer: "speicher", Confirm: true})
		if err != nil {
			t.Fatal(err)
		}
		m, err := w.MatchNumber(ctx, nord, "0010597067", "")
		if err != nil || m.Decision != tagging.DecideAsk || len(m.Tags) != 2 {
			t.Errorf("%s %v, %v; second %s", m.Decision, ids(m), err, second.ID)
		}
	})
	t.Run("X-5 the code of one of our tags is no number of another", func(t *testing.T) {
		first := w.fob("0102030408", "hafen", nil)
		if _, err := enrol(nord, asset.Enrolment{Number: first.Code().Print()}); !errors.As(err, new(*asset.FitsError)) {
			t.Errorf("%v", err)
		}
	})
	t.Run("X-5 of sixteen who enrol one fob at once one wins", func(t *testing.T) {
		var won, told atomic.Int32
		race(16, func(int) {
			switch _, err := enrol(nord, asset.Enrolment{Number: "DB96007D", Hint: "iso14443"}); {
			case err == nil:
				won.Add(1)
			case errors.As(err, new(*asset.FitsError)):
				told.Add(1)
			default:
				t.Error(err)
			}
		})
		if won.Load() != 1 || told.Load() != 15 {
			t.Errorf("%d won, %d were told", won.Load(), told.Load())
		}
	})
	t.Run("SEC-14 SEC-16 a customer that the provider does not serve, and others than staff", func(t *testing.T) {
		for name, c := range map[string]struct {
			v        identity.Viewer
			customer string
			want     error
		}{
			"another's customer": {staffOf("syd"), "speicher", asset.ErrNotFound}, "unknown": {nord, "none", asset.ErrNotFound},
			"customer's user": {w.user("lars", "hafen"), "hafen", asset.ErrNotAllowed}, "stranger": {identity.Viewer{}, "hafen", asset.ErrNotAllowed},
		} {
			if _, err := enrol(c.v, asset.Enrolment{Number: "0B0B0B0B0B", Customer: c.customer}); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestLifeOfAFob(t *testing.T) {
	w := newWorld(t)
	w.companies()
	ctx := t.Context()
	nord := staffOf("nord")
	steps := func(tag *asset.Tag) string {
		var out []string
		for _, e := range tag.History {
			out = append(out, string(e.Step))
		}
		return strings.Join(out, " ")
	}

	t.Run("X-5 issued, passed on, returned, issued again, retired: each step in the history, repeats in none", func(t *testing.T) {
		tag := w.fob("0F0368568B", "hafen", nil)
		for _, h := range []asset.Holder{{Tenant: "Lars Berg"}, {Tenant: "Lars Berg"}, {Company: "Reederei"}} {
			got, err := w.Issue(ctx, nord, tag.ID, h, "2028-03-01")
			if err != nil || got.State != tagging.Bound || got.Holder.Tenant != h.Tenant {
				t.Fatalf("%+v, %v", got, err)
			}
		}
		for range 2 {
			got, err := w.Return(ctx, nord, tag.ID, "Auszug")
			if err != nil || got.State != tagging.Minted || got.Holder != nil || got.Expires != store.Never {
				t.Fatalf("%+v, %v", got, err)
			}
		}
		if got, err := w.Issue(ctx, nord, tag.ID, asset.Holder{Unit: "3 OG"}, ""); err != nil || got.Expires != store.Never {
			t.Fatalf("%+v, %v", got, err)
		}
		var last *asset.Tag
		for range 2 {
			got, err := w.Retire(ctx, nord, tag.ID, "defekt")
			last = must(t, got, err)
		}
		if got := steps(last); got != "mint issue issue return issue retire" {
			t.Errorf("history: %s", got)
		}
		if _, err := w.Issue(ctx, nord, tag.ID, asset.Holder{Unit: "3 OG"}, ""); !errors.As(err, new(*tagging.StepError)) {
			t.Errorf("issue after the end: %v", err)
		}
	})
	t.Run("X-9 a retired fob is refused at doors, a damaged one is not", func(t *testing.T) {
		tag := w.fob("0F03685600", "hafen", &asset.Holder{Tenant: "Ute"})
		got, err := w.Damage(ctx, nord, tag.ID, "")
		if err != nil || got.Refused() || got.Listed != 0 || !got.Live() {
			t.Fatalf("damaged: %+v, %v", got, err)
		}
		if got, err = w.Retire(ctx, nord, tag.ID, ""); err != nil || !got.Refused() || got.Listed == 0 {
			t.Errorf("retired: %+v, %v", got, err)
		}
	})
	t.Run("standards 2.6 a full reading replaces a partial one, another number is added", func(t *testing.T) {
		tag := w.fob("104,22156", "hafen", nil)
		if !slices.Contains(tag.Readings, "em4100:????68568C") {
			t.Fatalf("readings %v", tag.Readings)
		}
		got, err := w.AddReading(ctx, nord, tag.ID, "0F0368568C", "125khz")
		if err != nil || !slices.Contains(got.Readings, "em4100:0F0368568C") || slices.Contains(got.Readings, "em4100:????68568C") {
			t.Fatalf("readings %v, %v", got.Readings, err)
		}
		if got, err = w.AddReading(ctx, nord, tag.ID, "04A23B7C118680", "webnfc"); err != nil || !slices.Contains(got.Readings, "iso14443:04A23B7C118680") || !slices.Contains(got.Readings, "em4100:0F0368568C") {
			t.Fatalf("readings %v, %v", got.Readings, err)
		}
		again, err := w.AddReading(ctx, nord, tag.ID, "04A23B7C118680", "webnfc")
		if err != nil || len(again.History) != len(got.History) {
			t.Errorf("again: %s, %v", steps(again), err)
		}
		other := w.fob("DD17380A", "hafen", nil)
		var fits *asset.FitsError
		if _, err := w.AddReading(ctx, nord, tag.ID, "DD17380A", ""); !errors.As(err, &fits) || !slices.Equal(ids(fits.Match), []string{other.ID}) {
			t.Errorf("the number of another tag: %v", err)
		}
	})
	t.Run("SEC-15 foreign, unknown and labels are one answer", func(t *testing.T) {
		tag := w.fob("0F03685611", "hafen", nil)
		minted, err := w.Mint(ctx, nord, 1)
		label := string(must(t, minted, err)[0].Code)
		for name, c := range map[string]struct {
			v  identity.Viewer
			id string
		}{"foreign": {staffOf("syd"), tag.ID}, "unknown": {nord, "none"}, "label": {nord, label}, "customer": {w.user("lars", "hafen"), tag.ID}} {
			for call, err := range map[string]error{
				"issue":  func() error { _, err := w.Issue(ctx, c.v, c.id, asset.Holder{Unit: "1"}, ""); return err }(),
				"return": func() error { _, err := w.Return(ctx, c.v, c.id, ""); return err }(),
				"read":   func() error { _, err := w.AddReading(ctx, c.v, c.id, "0F03685612", ""); return err }(),
			} {
				if !errors.Is(err, asset.ErrNotFound) {
					t.Errorf("%s %s: %v", call, name, err)
				}
			}
		}
		if _, err := w.Bind(ctx, nord, tagging.Code(tag.ID), w.components(w.asset("nord"), 1)[0].ID); !errors.Is(err, asset.ErrNotFound) {
			t.Errorf("bind a fob to a component: %v", err)
		}
		for _, v := range []identity.Viewer{staffOf("syd"), w.user("ove", "hafen"), {}} {
			if _, err := w.Tag(ctx, v, tag.ID); !errors.Is(err, asset.ErrNotFound) {
				t.Errorf("read by %+v: %v", v, err)
			}
		}
	})
}

func TestAccessTagByCode(t *testing.T) {
	w := newWorld(t)
	w.companies()
	ctx := t.Context()
	lars, birgit := w.user("lars", "hafen"), w.user("birgit", "hafen")
	if err := w.GrantTags(ctx, staffOf("nord"), lars.User, true, false); err != nil {
		t.Fatal(err)
	}
	own, foreign := w.fob("0F0368568B", "hafen", nil), w.fob("2A00A1B2CB", "speicher", nil)
	for _, state := range []tagging.State{tagging.Minted, tagging.Bound, tagging.Blocked, tagging.Replaced, tagging.Retired} {
		t.Run("X-1 X-2 a fob that is "+string(state), func(t *testing.T) {
			w.setState(own.Code(), state)
			for _, v := range []identity.Viewer{staffOf("nord"), lars} {
				got, err := w.ByCode(ctx, v, own.Code())
				if err != nil || got.Tag.State != state || !got.May.Has(asset.SeeTags) || got.May.Has(asset.ManageTags) != (v.Kind == identity.Staff) {
					t.Errorf("%s: %+v, %v", v.Name, got, err)
				}
			}
			waiting := staffOf("nord")
			waiting.MustEnrol = true
			for _, v := range []identity.Viewer{birgit, staffOf("syd"), waiting, {}} {
				if got, err := w.ByCode(ctx, v, own.Code()); !errors.Is(err, asset.ErrNotFound) || got != (asset.Tagged{}) {
					t.Errorf("%+v: %+v, %v", v, got, err)
				}
			}
			if got, err := w.ByCode(ctx, lars, foreign.Code()); !errors.Is(err, asset.ErrNotFound) || got != (asset.Tagged{}) {
				t.Errorf("another customer's: %+v, %v", got, err)
			}
		})
	}
}
