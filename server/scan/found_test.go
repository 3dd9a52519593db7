package scan_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/scan"
)

// TestFound holds what becomes of what finders write.
func TestFound(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	fob, theirs := w.fob("0F0368568B", "Ute"), w.fob("06008E6D5D", "Nils", w.syd)
	note := scan.Found{Code: fob.ID, Place: "Bushaltestelle", Text: "lag im Gras\nneben der Bank", Contact: "finder@example.org"}
	if err := w.sightings.ReportFound(ctx, host, note); !errors.Is(err, asset.ErrNotFound) {
		t.Errorf("X-1 without the setting: %v", err)
	}
	if err := w.assets.PutTagSettings(ctx, w.nord, asset.TagSettings{FoundForm: true, KeepSightings: 10}); err != nil {
		t.Fatal(err)
	}
	if err := w.sightings.ReportFound(ctx, "alias.example.org", note); !errors.Is(err, asset.ErrNotFound) {
		t.Errorf("SEC-3 the host of a provider without the setting: %v", err)
	}
	for _, c := range []struct{ name, code, tag, number string }{
		{"the code of its card", fob.ID, fob.ID, ""},
		{"the printed URL", "HTTPS://SCAN.EXAMPLE.COM/T/" + fob.ID, fob.ID, ""},
		{"its number", "0064481678987", fob.ID, ""},
		{"a number in other form", "00872.22155", fob.ID, ""},
		{"a label", string(w.code), string(w.code), ""},
		{"too few digits", "22155", "", "22155"},
		{"a code that nobody made", "7K3M9QXD2VHTP", "", "7K3M9QXD2VHTP"},
		{"the tag of another provider", theirs.ID, "", theirs.ID},
		{"nothing", "", "", ""},
		{"a network's password is not kept", "WIFI:T:WPA;S:Gast;P:geheim;;", "", ""},
	} {
		t.Run("X-1 SEC-5 "+c.name, func(t *testing.T) {
			n := note
			n.Code = c.code
			if err := w.sightings.ReportFound(ctx, host, n); err != nil {
				t.Fatal(err)
			}
			if len(w.seen()) != 0 {
				t.Error("seen before it is settled")
			}
			w.flush()
			list := w.seen()
			if len(list) != 1 {
				t.Fatalf("%+v", list)
			}
			x := list[0]
			if x.Kind != scan.SawFound || x.Tag != c.tag || x.Number != c.number || x.Place != note.Place || x.Text != note.Text || x.Contact != note.Contact ||
				len(x.Notices) != 1 || x.Provider != w.nord.Provider || (x.Customer != "") != (c.tag == fob.ID) || x.Expires.Sub(x.At.Time) != 10*24*time.Hour {
				t.Errorf("%+v", x)
			}
			w.clock = w.clock.AddDate(0, 0, 10)
			if n, err := w.sightings.Sweep(ctx); err != nil || n != 1 {
				t.Errorf("SEC-93 %d deleted, %v", n, err)
			}
		})
	}
	for name, n := range map[string]scan.Found{
		"code":    {Code: strings.Repeat("x", scan.MaxFoundLine+1)},
		"place":   {Place: "a\nb"},
		"text":    {Text: strings.Repeat("å", scan.MaxFoundText+1)},
		"contact": {Contact: "\x1b[31m"},
	} {
		t.Run("X-1 a bad "+name, func(t *testing.T) {
			var field *asset.FieldError
			if err := w.sightings.ReportFound(ctx, host, n); !errors.As(err, &field) || field.Field != name {
				t.Errorf("%v", err)
			}
		})
	}
}
