package asset_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/tagging"
)

func TestReplace(t *testing.T) {
	w := newWorld(t)
	w.companies()
	ctx := t.Context()
	nord := staffOf("nord")
	a := w.asset("nord")
	blank := func() string {
		made, err := w.Mint(ctx, nord, 1)
		return string(must(t, made, err)[0].Code)
	}

	t.Run("X-5 the new label leads to the component, the old one is revoked, repeats change nothing", func(t *testing.T) {
		for _, with := range []string{"", blank()} {
			c := w.components(a, 1)[0]
			code := string(w.label(c))
			old, fresh, err := w.Replace(ctx, nord, code, with, "abgerissen")
			if err != nil || old.State != tagging.Replaced || old.ReplacedBy != fresh.ID || fresh.Replaces != code || fresh.State != tagging.Bound || fresh.Component != c.ID {
				t.Fatalf("old %+v, new %+v, %v", old, fresh, err)
			}
			if with != "" && fresh.ID != with {
				t.Errorf("replaced by %s, want %s", fresh.ID, with)
			}
			for _, repeat := range []string{"", fresh.ID} {
				again, next, err := w.Replace(ctx, nord, code, repeat, "")
				if err != nil || next.ID != fresh.ID || len(again.History) != len(old.History) || len(next.History) != len(fresh.History) {
					t.Errorf("again with %q: %+v, %+v, %v", repeat, again, next, err)
				}
			}
			if _, _, err := w.Replace(ctx, nord, code, blank(), ""); !errors.Is(err, asset.ErrBound) {
				t.Errorf("by yet another: %v", err)
			}
			if got := string(w.label(c)); got != fresh.ID {
				t.Errorf("the component's label is %s, want %s", got, fresh.ID)
			}
			if got, err := w.ByCode(ctx, nord, tagging.Code(code)); err != nil || got.Tag.State != tagging.Replaced || got.Tag.ReplacedBy != fresh.ID {
				t.Errorf("staff scan the old one: %+v, %v", got.Tag, err)
			}
		}
	})
	t.Run("X-5 sixteen who replace at once make one successor", func(t *testing.T) {
		c := w.components(a, 1)[0]
		code := string(w.label(c))
		before := w.countTags("nord")
		var done atomic.Int32
		race(16, func(int) {
			_, _, err := w.Replace(ctx, nord, code, "", "")
			if err == nil {
				done.Add(1)
			} else if !errors.Is(err, asset.ErrBound) {
				t.Error(err)
			}
		})
		if made := w.countTags("nord") - before; made != 1 || done.Load() == 0 {
			t.Errorf("%d successors, %d calls told of success", made, done.Load())
		}
	})
	t.Run("X-5 who died between the steps is followed by one who completes them", func(t *testing.T) {
		for crashed := range 3 {
			c := w.components(a, 1)[0]
			code, with := string(w.label(c)), blank()
			if crashed >= 0 {
				old, err := w.tags.Update(ctx, code, func(t *asset.Tag) error { t.ReplacedBy = with; return nil })
				must(t, old, err)
			}
			if crashed == 1 {
				fresh, err := w.tags.Update(ctx, with, func(t *asset.Tag) error {
					t.Replaces, t.Component, t.State = code, c.ID, tagging.Bound
					return nil
				})
				must(t, fresh, err)
			}
			if crashed == 2 {
				if err := w.tags.Delete(ctx, with); err != nil { // reserved, and not stored yet
					t.Fatal(err)
				}
			}
			old, fresh, err := w.Replace(ctx, nord, code, "", "")
			if err != nil || fresh.ID != with || old.State != tagging.Replaced || fresh.Component != c.ID || fresh.State != tagging.Bound {
				t.Errorf("after a crash at %d: %+v, %+v, %v", crashed, old, fresh, err)
			}
		}
	})
	t.Run("B-16 a lost fob is replaced by one from the drawer, which goes to its holder", func(t *testing.T) {
		lost, spare := w.fob("0F0368568B", "hafen", &asset.Holder{Tenant: "Lars Berg"}), w.fob("2A00A1B2CB", "hafen", nil)
		if _, _, err := w.Replace(ctx, nord, lost.ID, "", ""); !errors.As(err, new(*asset.FieldError)) {
			t.Errorf("without a successor: %v", err)
		}
		taken := w.fob("06008E6D5D", "hafen", &asset.Holder{Tenant: "Ute"})
		if _, _, err := w.Replace(ctx, nord, lost.ID, taken.ID, ""); !errors.Is(err, asset.ErrBound) {
			t.Errorf("by one that somebody has: %v", err)
		}
		other := w.fob("0102030405", "speicher", nil)
		if _, _, err := w.Replace(ctx, nord, lost.ID, other.ID, ""); !errors.Is(err, asset.ErrNotFound) {
			t.Errorf("by one of another customer: %v", err)
		}
		if _, _, err := w.Replace(ctx, nord, lost.ID, blank(), ""); !errors.Is(err, asset.ErrNotFound) {
			t.Errorf("by a label: %v", err)
		}
		old, fresh, err := w.Replace(ctx, nord, lost.ID, spare.ID, "verloren")
		if err != nil || !old.Refused() || old.Listed == 0 || fresh.Holder.Tenant != "Lars Berg" || fresh.State != tagging.Bound || fresh.Refused() {
			t.Fatalf("old %+v, new %+v, %v", old, fresh, err)
		}
		found, _, err := w.FindTags(ctx, nord, asset.TagFilter{Holder: "berg"}, "", 10)
		if err != nil || len(found) != 1 || found[0].ID != spare.ID {
			t.Errorf("found by the holder: %+v, %v", found, err)
		}
	})
	t.Run("X-5 a blank label is not replaced, and neither is one that ended", func(t *testing.T) {
		ended := blank()
		w.setState(tagging.Code(ended), tagging.Retired)
		for _, code := range []string{blank(), ended} {
			if _, _, err := w.Replace(ctx, nord, code, "", ""); !errors.As(err, new(*tagging.StepError)) {
				t.Errorf("%v", err)
			}
		}
	})
	t.Run("SEC-15 foreign and unknown are one answer, and mint nothing", func(t *testing.T) {
		code := string(w.label(w.components(a, 1)[0]))
		before := w.countTags("nord")
		for _, err := range []error{
			third(w.Replace(ctx, staffOf("syd"), code, "", "")), third(w.Replace(ctx, nord, "none", "", "")),
			third(w.Replace(ctx, nord, code, "0000000000000", "")), third(w.Replace(ctx, w.user("lars", "hafen"), code, "", "")),
		} {
			if !errors.Is(err, asset.ErrNotFound) {
				t.Error(err)
			}
		}
		if w.countTags("nord") != before {
			t.Error("a label was minted")
		}
	})
}

func third[A, B any](_ A, _ B, err error) error { return err }

func TestBindForeign(t *testing.T) {
	w := newWorld(t)
	w.companies()
	ctx := t.Context()
	nord := staffOf("nord")
	a := w.asset("nord")
	own := tagging.Config{OwnHosts: []string{"scan.example.com"}}
	bind := func(payload, component string, confirm bool) (*asset.Tag, error) {
		return w.BindForeign(ctx, nord, payload, own, component, confirm)
	}
	lookUp := func(kind asset.TagKind, payload string) asset.NumberMatch {
		m, err := w.MatchReading(ctx, nord, kind, "", tagging.ParseComponent(payload, own))
		return must(t, m, err)
	}

	t.Run("X-5 several codes of makers lead to one component, each by all its carriers", func(t *testing.T) {
		c := w.components(a, 1)[0]
		for _, payload := range []string{"]d2010952123454321321SN-7", "https://id.maker.example/p?sn=7", "SN 4711-7\r\n"} {
			got, err := bind(payload, c.ID, false)
			if err != nil || !got.Foreign || got.State != tagging.Bound || got.Component != c.ID {
				t.Fatalf("%q: %+v, %v", payload, got, err)
			}
			again, err := bind(payload, c.ID, false)
			if err != nil || again.ID != got.ID {
				t.Errorf("again: %+v, %v", again, err)
			}
		}
		for _, payload := range []string{"https://maker.example/01/09521234543213/21/SN-7", "(01)09521234543213(21)SN-7", "sn  4711-7", "HTTPS://ID.MAKER.EXAMPLE/p?sn=7"} {
			if m := lookUp(asset.Label, payload); m.Decision != tagging.DecideOne || m.Tags[0].Component != c.ID {
				t.Errorf("%s: %s %v", payload, m.Decision, ids(m))
			}
		}
		w.label(c)
		list, err := w.ComponentTags(ctx, nord, c.ID)
		if err != nil || len(list) != 4 || list[0].Foreign || list[3].Number == "" {
			t.Errorf("%d labels and aliases, %v", len(list), err)
		}
	})
	t.Run("SEC-92 what identifies nothing is refused and kept nowhere", func(t *testing.T) {
		c := w.components(a, 1)[0]
		before := w.countTags("nord")
		for payload, flag := range map[string]string{
			"WIFI:T:WPA;S:Hafen;P:geheim;;": "secret", "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP": "secret", "tel:+491234": "not_an_identifier",
			"": "no_number", "\r\n": "no_number", "https://scan.example.com/t/7K3M9QXD2VHTQ": "own_check_failed",
		} {
			_, err := bind(payload, c.ID, true)
			var reading *asset.ReadingError
			if !errors.As(err, &reading) || reading.Flag != flag {
				t.Errorf("%q: %v, want %s", payload, err, flag)
			}
		}
		if w.countTags("nord") != before {
			t.Error("one was kept")
		}
	})
	t.Run("X-5 a code on another component, or of a type alone, is bound after a look at it", func(t *testing.T) {
		c := w.components(a, 2)
		first, err := bind("SERIAL 0815", c[0].ID, false)
		must(t, first, err)
		var fits *asset.FitsError
		if _, err := bind("serial 0815", c[1].ID, false); !errors.As(err, &fits) || ids(fits.Match)[0] != first.ID {
			t.Fatalf("%v", err)
		}
		if _, err := bind("serial 0815", c[1].ID, true); err != nil {
			t.Fatal(err)
		}
		if m := lookUp(asset.Label, "SERIAL 0815"); m.Decision != tagging.DecideAsk || len(m.Tags) != 2 {
			t.Errorf("%s %v", m.Decision, ids(m))
		}
		if _, err := bind("]d20109521234543213", c[0].ID, false); !errors.As(err, &fits) || !fits.Match.Reading.Has("class_level") {
			t.Errorf("a type: %v", err)
		}
		if _, err := bind("]d20109521234543213", c[0].ID, true); err != nil {
			t.Errorf("a type, confirmed: %v", err)
		}
	})
	t.Run("X-5 a code of ours is bound as the label that it is", func(t *testing.T) {
		made, err := w.Mint(ctx, nord, 1)
		code := must(t, made, err)[0].Code
		c := w.components(a, 1)[0]
		got, err := bind(code.Print(), c.ID, false)
		if err != nil || got.ID != string(code) || got.Foreign {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("X-5 an alias that was replaced says so to staff", func(t *testing.T) {
		c := w.components(a, 1)[0]
		alias, err := bind("OLD PLATE 9", c.ID, false)
		must(t, alias, err)
		if _, fresh, err := w.Replace(ctx, nord, alias.ID, "", ""); err != nil || fresh.Foreign || fresh.Component != c.ID {
			t.Fatalf("%+v, %v", fresh, err)
		}
		if m := lookUp(asset.Label, "old plate 9"); m.Decision != tagging.DecideOne || m.Tags[0].State != tagging.Replaced {
			t.Errorf("%s %v", m.Decision, ids(m))
		}
	})
	t.Run("X-3 a customer's user is led by an alias as by the label", func(t *testing.T) {
		lars := w.user("lars", "hafen")
		asked := w.asset("nord")
		c := w.components(asked, 1)[0]
		alias, err := bind("PLATE 77", c.ID, false)
		must(t, alias, err)
		seen := func() asset.NumberMatch {
			m, err := w.MatchReading(ctx, lars, asset.Label, "", tagging.ParseComponent("plate 77", own))
			return must(t, m, err)
		}
		if m := seen(); m.Decision != tagging.DecideNone {
			t.Errorf("without a grant: %s", m.Decision)
		}
		if err := w.Grant(ctx, nord, lars.User, asked.ID, asset.SeeComponents); err != nil {
			t.Fatal(err)
		}
		if m := seen(); m.Decision != tagging.DecideOne || m.Tags[0].Component != c.ID || m.Tags[0].May != 0 {
			t.Errorf("with a grant: %s", m.Decision)
		}
		w.setState(alias.Code(), tagging.Blocked)
		if m := seen(); m.Decision != tagging.DecideNone {
			t.Errorf("blocked: %s", m.Decision)
		}
	})
	t.Run("SEC-15 others than staff of its provider", func(t *testing.T) {
		c := w.components(a, 1)[0]
		for _, err := range []error{
			second(w.BindForeign(ctx, staffOf("syd"), "X 1", own, c.ID, true)), second(w.BindForeign(ctx, w.user("birgit", "hafen"), "X 1", own, c.ID, true)),
			second(bind("X 1", "none", true)), second(w.ComponentTags(ctx, staffOf("syd"), c.ID)), second(w.ComponentTags(ctx, nord, "none")),
		} {
			if !errors.Is(err, asset.ErrNotFound) {
				t.Error(err)
			}
		}
	})
	t.Run("SEC-49 one component has a bounded number of them", func(t *testing.T) {
		c := w.components(a, 1)[0]
		for i := range asset.MaxAliases {
			got, err := bind("N "+string(rune('A'+i%26))+string(rune('a'+i/26))+"-x", c.ID, false)
			must(t, got, err)
		}
		if _, err := bind("ONE TOO MANY", c.ID, false); !errors.Is(err, asset.ErrTooMany) {
			t.Error(err)
		}
	})
	t.Run("SEC-49 an intake waits no longer than its caller", func(t *testing.T) {
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := w.BindForeign(cancelled, nord, "LATE 1", own, w.components(a, 1)[0].ID, false); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func second[A any](_ A, err error) error { return err }
