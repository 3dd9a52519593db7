package asset_test

import (
	"errors"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
)

func TestGrantTags(t *testing.T) {
	w := newWorld(t)
	w.companies()
	ctx := t.Context()
	lars, other := w.user("lars", "hafen"), w.user("ove", "speicher")
	right := func(v identity.Viewer, provider, customer string) asset.TagRight {
		t.Helper()
		got, err := w.TagRight(ctx, v, provider, customer)
		return must(t, got, err)
	}

	t.Run("B-16 F-32 granted, changed and taken away", func(t *testing.T) {
		for _, step := range []struct {
			see, block bool
			want       asset.TagRight
		}{
			{true, false, asset.SeeTags}, {true, true, asset.SeeTags | asset.BlockTags}, {false, true, asset.SeeTags | asset.BlockTags},
			{true, false, asset.SeeTags}, {false, false, 0}, {false, false, 0},
		} {
			if err := w.GrantTags(ctx, staffOf("nord"), lars.User, step.see, step.block); err != nil {
				t.Fatal(err)
			}
			if got := right(lars, "nord", "hafen"); got != step.want {
				t.Errorf("see %v, block %v: %b, want %b", step.see, step.block, got, step.want)
			}
			if got, err := w.MayTags(ctx, lars); err != nil || got != step.want {
				t.Errorf("menu: %b, %v", got, err)
			}
		}
	})
	t.Run("SEC-24 each provider gives and takes its own", func(t *testing.T) {
		for _, p := range []string{"nord", "syd"} {
			if err := w.GrantTags(ctx, staffOf(p), lars.User, true, p == "syd"); err != nil {
				t.Fatal(err)
			}
		}
		if right(lars, "nord", "hafen") != asset.SeeTags || right(lars, "syd", "hafen") != asset.SeeTags|asset.BlockTags {
			t.Error("one provider's grant is another's")
		}
		if right(lars, "nord", "speicher") != 0 {
			t.Error("the grant holds for another customer")
		}
		list, err := w.TagRightsOf(ctx, staffOf("nord"), "hafen")
		if err != nil || len(list) != 1 || list[0].Person != lars.User || list[0].Block || list[0].Who != "staff-nord" {
			t.Errorf("listed: %+v, %v", list, err)
		}
	})
	t.Run("SEC-15 unknown, foreign and deactivated people and staff are one answer", func(t *testing.T) {
		gone := w.user("greta", "hafen")
		if err := w.people.Deactivate(ctx, gone.User); err != nil {
			t.Fatal(err)
		}
		staff, err := w.people.AddPerson(ctx, identity.NewPerson{Email: "ute@nord.example", Name: "Ute", Role: identity.Dispatcher, Provider: "nord", Locale: "de"}, "Kran nie ohne Haken!")
		must(t, staff, err)
		for name, call := range map[string]error{
			"unknown":            w.GrantTags(ctx, staffOf("nord"), "nobody", true, true),
			"empty":              w.GrantTags(ctx, staffOf("nord"), "", true, true),
			"deactivated":        w.GrantTags(ctx, staffOf("nord"), gone.User, true, true),
			"staff":              w.GrantTags(ctx, staffOf("nord"), staff.ID, true, true),
			"of another's":       w.GrantTags(ctx, staffOf("syd"), other.User, true, true),
			"take from another":  w.GrantTags(ctx, staffOf("syd"), other.User, false, false),
			"list of another's":  func() error { _, err := w.TagRightsOf(ctx, staffOf("syd"), "speicher"); return err }(),
			"list of an unknown": func() error { _, err := w.TagRightsOf(ctx, staffOf("nord"), "none"); return err }(),
		} {
			if !errors.Is(call, asset.ErrNotFound) {
				t.Errorf("%s: %v", name, call)
			}
		}
	})
	t.Run("SEC-12 nobody but staff grants, and a Master has nothing by the role", func(t *testing.T) {
		if got := right(other, "nord", "speicher"); got != 0 {
			t.Errorf("a Master without a grant has %b", got)
		}
		waiting := staffOf("nord")
		waiting.MustEnrol = true
		for _, v := range []identity.Viewer{other, waiting, {}} {
			if err := w.GrantTags(ctx, v, other.User, true, true); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("%+v: %v", v, err)
			}
			if _, err := w.TagRightsOf(ctx, v, "speicher"); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("list by %+v: %v", v, err)
			}
		}
	})
	t.Run("F-32 many who grant and take at once leave one of both", func(t *testing.T) {
		race(16, func(i int) {
			if err := w.GrantTags(ctx, staffOf("nord"), other.User, i%2 == 0, false); err != nil {
				t.Error(err)
			}
		})
		if err := w.GrantTags(ctx, staffOf("nord"), other.User, true, true); err != nil {
			t.Fatal(err)
		}
		if right(other, "nord", "speicher") != asset.SeeTags|asset.BlockTags {
			t.Error("the last grant does not hold")
		}
	})
}

func TestTagSettings(t *testing.T) {
	w := newWorld(t)
	w.companies()
	ctx := t.Context()
	admin := staffOf("nord")
	admin.Role = identity.Admin
	if got, err := w.TagSettings(ctx, "nord"); err != nil || got != (asset.TagSettings{Provider: "nord"}) {
		t.Fatalf("default: %+v, %v", got, err)
	}
	t.Run("SEC-14 stored for the viewer's own provider, whatever the input says", func(t *testing.T) {
		for range 2 {
			if err := w.PutTagSettings(ctx, admin, asset.TagSettings{Provider: "syd", KeepScans: -1, KeepSightings: 3650, FoundForm: true}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := w.TagSettings(ctx, "nord"); err != nil || got != (asset.TagSettings{Provider: "nord", KeepScans: -1, KeepSightings: 3650, FoundForm: true}) {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := w.TagSettings(ctx, "syd"); err != nil || got.FoundForm {
			t.Errorf("another provider's: %+v, %v", got, err)
		}
	})
	t.Run("SEC-93 days have bounds", func(t *testing.T) {
		for _, set := range []asset.TagSettings{{KeepScans: -2}, {KeepScans: 3651}, {KeepSightings: -1}, {KeepSightings: 3651}} {
			if err := w.PutTagSettings(ctx, admin, set); !errors.As(err, new(*asset.FieldError)) {
				t.Errorf("%+v: %v", set, err)
			}
		}
	})
	t.Run("SEC-12 administrators only", func(t *testing.T) {
		waiting := admin
		waiting.MustEnrol = true
		for _, v := range []identity.Viewer{staffOf("nord"), waiting, w.user("lars", "hafen"), {}} {
			if err := w.PutTagSettings(ctx, v, asset.TagSettings{}); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("%+v: %v", v, err)
			}
		}
	})
}
