package scan_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

func TestScanLog(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	fob := w.fob("0F0368568B", "Ute")
	w.grantTags(w.lars, true, true)
	w.grantTags(w.maja, true, false)
	w.read(w.nord, "0F0368568B", "wedge")
	w.clock = w.clock.Add(time.Minute)
	w.read(w.lars, fob.ID, "qr")
	a, err := w.Code(ctx, w.nord, host, w.code)
	must(t, a, err)
	w.flush()

	list, next, err := w.sightings.Log(ctx, w.nord, fob.ID, "", 10)
	if err != nil || next != "" || len(list) != 2 || list[0].Person != w.lars.User || list[0].Source != "qr" || list[0].State != "active" ||
		list[1].Person != w.nord.User || list[1].Name != w.nord.Name || list[1].Source != "wedge" || list[0].Expires.Sub(list[0].At.Time) != 30*24*time.Hour {
		t.Errorf("X-10 %+v, %v", list, err)
	}
	if list, _, err := w.sightings.Log(ctx, w.nord, string(w.code), "", 10); err != nil || len(list) != 1 || list[0].Source != "link" {
		t.Errorf("X-10 of a label: %+v, %v", list, err)
	}
	t.Run("X-10 pages", func(t *testing.T) {
		first, next, err := w.sightings.Log(ctx, w.nord, fob.ID, "", 1)
		if err != nil || len(first) != 1 || next == "" {
			t.Fatalf("%+v, %v", first, err)
		}
		if rest, end, err := w.sightings.Log(ctx, w.nord, fob.ID, next, 1); err != nil || len(rest) != 1 || rest[0].ID == first[0].ID || end != "" {
			t.Errorf("%+v, %q, %v", rest, end, err)
		}
	})
	for name, c := range map[string]struct {
		viewer identity.Viewer
		want   error
	}{
		"Master user with See":      {w.maja, nil},
		"General user with a right": {w.lars, asset.ErrNotAllowed},
		"staff of another provider": {w.syd, asset.ErrNotFound},
		"stranger":                  {identity.Viewer{}, asset.ErrNotFound},
		"door controller":           {identity.Viewer{Kind: identity.DoorController, User: "c", Provider: w.nord.Provider}, asset.ErrNotFound},
	} {
		t.Run("SEC-93 "+name, func(t *testing.T) {
			list, _, err := w.sightings.Log(ctx, c.viewer, fob.ID, "", 10)
			if !errors.Is(err, c.want) || (len(list) > 0) != (c.want == nil) {
				t.Errorf("%d entries, %v", len(list), err)
			}
		})
	}
	t.Run("SEC-93 a Master user without right on tags", func(t *testing.T) {
		w.grantTags(w.maja, false, false)
		if list, _, err := w.sightings.Log(ctx, w.maja, fob.ID, "", 10); !errors.Is(err, asset.ErrNotFound) {
			t.Errorf("%d entries, %v", len(list), err)
		}
	})
	t.Run("X-10 time of last sight, exact to an hour", func(t *testing.T) {
		seen := func() time.Time { return w.tag(fob.ID).Seen.Time }
		first := seen()
		if first.IsZero() {
			t.Fatal("not noted")
		}
		w.clock = w.clock.Add(50 * time.Minute)
		w.read(w.nord, fob.ID, "qr")
		w.flush()
		if !seen().Equal(first) {
			t.Errorf("written after 50 minutes: %v", seen())
		}
		w.clock = w.clock.Add(20 * time.Minute)
		w.read(w.nord, fob.ID, "qr")
		w.flush()
		if !seen().Equal(w.clock) {
			t.Errorf("%v, want %v", seen(), w.clock)
		}
	})
	t.Run("SEC-93 a provider that keeps no log", func(t *testing.T) {
		if err := w.assets.PutTagSettings(ctx, w.nord, asset.TagSettings{KeepScans: -1}); err != nil {
			t.Fatal(err)
		}
		w.read(w.nord, fob.ID, "qr")
		w.flush()
		before, _, err := w.sightings.Log(ctx, w.nord, fob.ID, "", 10)
		must(t, before, err)
		if n, err := w.sightings.Sweep(ctx); err != nil || n != len(before)+1 {
			t.Errorf("%d deleted, %v", n, err)
		}
		if list, _, err := w.sightings.Log(ctx, w.nord, fob.ID, "", 10); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// TestRetention holds that what is kept goes when the setting of now says so, and for each provider by its own (SEC-93).
func TestRetention(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.setState(string(w.code), tagging.Blocked, tagging.Block)
	_, _, theirs := w.labelled(w.syd)
	w.setState(string(theirs), tagging.Blocked, tagging.Block)
	for range 600 {
		w.read(w.nord, string(w.code), "qr")
	}
	w.read(w.syd, string(theirs), "qr")
	w.flush()
	w.clock = w.clock.AddDate(0, 0, 7)
	w.read(w.nord, string(w.code), "qr")
	w.flush()
	count := func() (scans, sightings int) {
		t.Helper()
		var err error
		if scans, err = w.engine.Count(ctx, "scan_log", store.Query{Index: store.IDIndex}, 1000); err == nil {
			sightings, err = w.engine.Count(ctx, "sightings", store.Query{Index: store.IDIndex}, 1000)
		}
		if err != nil {
			t.Fatal(err)
		}
		return scans, sightings
	}
	sweep := func(scans, sightings int) {
		t.Helper()
		if _, err := w.sightings.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if a, b := count(); a != scans || b != sightings {
			t.Errorf("%d scans and %d sightings left, want %d and %d", a, b, scans, sightings)
		}
	}
	sweep(602, 3)
	if err := w.assets.PutTagSettings(ctx, w.nord, asset.TagSettings{KeepScans: 5, KeepSightings: 3}); err != nil {
		t.Fatal(err)
	}
	sweep(2, 2)
	w.clock = w.clock.AddDate(0, 0, 22)
	sweep(1, 1)
	w.clock = w.clock.AddDate(0, 0, 1)
	sweep(0, 0)
}

// TestRunWritesTheRest holds that nothing is lost when the server stops, and that a full queue never makes a scan wait.
func TestRunWritesTheRest(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.sightings.Run(ctx); close(done) }()
	for range 10 {
		w.read(w.nord, string(w.code), "qr")
	}
	stop()
	<-done
	list, _, err := w.sightings.Log(t.Context(), w.nord, string(w.code), "", 50)
	if err != nil || len(list) != 10 {
		t.Errorf("%d entries, %v", len(list), err)
	}
	for range 5000 {
		w.read(w.nord, string(w.code), "qr")
	}
	w.flush()
	n, err := w.engine.Count(t.Context(), "scan_log", store.Query{Index: store.IDIndex}, 10_000)
	if err != nil || n != 10+4096 {
		t.Errorf("%d entries, %v", n, err)
	}
}
