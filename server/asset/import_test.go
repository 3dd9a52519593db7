package asset_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

func TestImportTags(t *testing.T) {
	w := newWorld(t)
	w.companies()
	ctx := t.Context()
	nord := staffOf("nord")
	list := []asset.ImportRow{
		{Line: 2, Number: "0F0368568B", Tenant: "Lars Berg", Unit: "WE 12", Issued: "2027-05-01", Expires: "2028-12-31", Note: "alt"},
		{Line: 3, Number: "0010597067", Company: "Reederei"}, {Line: 4, Number: "DD17380A", Hint: "iso14443"}, {Line: 6, Number: "04A23B7C118680"},
	}
	run := func(v identity.Viewer, customer string, rows []asset.ImportRow, check bool) asset.ImportReport {
		t.Helper()
		r, err := w.ImportTags(ctx, v, customer, rows, check)
		if err != nil || r.New+r.Existing+r.Refused != len(rows) || len(r.Results) != len(rows) {
			t.Fatalf("%+v, %v", r, err)
		}
		return r
	}

	t.Run("X-5 a check stores nothing, an import all, again nothing", func(t *testing.T) {
		if r := run(nord, "hafen", list, true); r.New != 4 || r.Results[0].Tag != "" || w.countTags("nord") != 0 {
			t.Errorf("check: %+v, %d stored", r, w.countTags("nord"))
		}
		first := run(nord, "hafen", list, false)
		if first.New != 4 || w.countTags("nord") != 4 {
			t.Fatalf("import: %+v, %d stored", first, w.countTags("nord"))
		}
		tag, err := w.Tag(ctx, nord, first.Results[0].Tag)
		if err != nil || tag.State != tagging.Bound || tag.Holder.Unit != "WE 12" || tag.Holder.Issued.Format("2006-01-02 15:04") != "2027-04-30 23:00" || tag.History[0].Note != "alt" {
			t.Errorf("%+v, holder %+v, %v", tag.Tag, tag.Holder, err)
		}
		if tag, err := w.Tag(ctx, nord, first.Results[2].Tag); err != nil || tag.State != tagging.Minted || tag.Customer != "hafen" {
			t.Errorf("in the drawer: %+v, %v", tag.Tag, err)
		}
		again := run(nord, "hafen", list, false)
		if again.Existing != 4 || again.Results[3].Tag != first.Results[3].Tag || w.countTags("nord") != 4 {
			t.Errorf("again: %+v", again)
		}
	})
	t.Run("X-5 an import that was cut off is completed by another", func(t *testing.T) {
		rows := make([]asset.ImportRow, 30)
		for i := range rows {
			rows[i] = asset.ImportRow{Line: i + 2, Number: fmt.Sprintf("0600%06X", 0x111111*(i%9)+i*7919), Hint: "125khz"}
		}
		first := run(nord, "hafen", rows[:17], false)
		if again := run(nord, "hafen", rows, false); again.Existing != 17 || again.New != 13 || again.Results[5].Tag != first.Results[5].Tag {
			t.Errorf("%+v", again)
		}
	})
	t.Run("X-5 one bad line and nothing is stored; each line says why", func(t *testing.T) {
		foreign := w.fob("9A88776655", "speicher", nil)
		twins := []*asset.Tag{w.fob("0102030405", "hafen", nil)}
		twin, err := w.Enrol(ctx, nord, asset.Enrolment{Number: "0102030405", Customer: "hafen", Confirm: true})
		twins = append(twins, must(t, twin, err))
		before := w.countTags("nord")
		for _, c := range []struct {
			row            asset.ImportRow
			column, reason string
			fits           []string
		}{
			{asset.ImportRow{Number: "22155"}, "number", "not_unique_enough", nil},
			{asset.ImportRow{Number: "08A1B2C3"}, "number", "random_uid", nil},
			{asset.ImportRow{Number: "6,44817E+10"}, "number", "rounded", nil},
			{asset.ImportRow{Number: ""}, "number", "no_number", nil},
			{asset.ImportRow{Number: "0F0F0F0F0F", Hint: "magic"}, "hint", asset.NotChosen, nil},
			{asset.ImportRow{Number: "0F0F0F0F0F", Tenant: strings.Repeat("x", 101)}, "tenant", asset.TooLong, nil},
			{asset.ImportRow{Number: "0F0F0F0F0F", Unit: "a\x01"}, "unit", asset.BadText, nil},
			{asset.ImportRow{Number: "0F0F0F0F0F", Expires: "morgen"}, "expires", asset.OutOfRange, nil},
			{asset.ImportRow{Number: "0F0F0F0F0F", Issued: "2031-01-01"}, "issued", asset.OutOfRange, nil},
			{asset.ImportRow{Number: "0F0F0F0F0F", Customer: "0815"}, "customer", asset.NotChosen, nil},
			{asset.ImportRow{Number: "0C0C0C0C0C"}, "number", asset.RepeatedNumber, nil},
			{asset.ImportRow{Number: "0202116108"}, "number", asset.RepeatedNumber, nil}, // the same in 10D
			{asset.ImportRow{Number: "9A88776655"}, "number", asset.OthersNumber, []string{foreign.ID}},
			{asset.ImportRow{Number: "0102030405"}, "number", asset.AmbiguousNumber, []string{twins[0].ID, twins[1].ID}},
			{asset.ImportRow{Number: foreign.Code().Print()}, "number", asset.OwnCode, []string{foreign.ID}},
		} {
			c.row.Line = 3
			r := run(nord, "hafen", []asset.ImportRow{{Line: 2, Number: "0C0C0C0C0C"}, c.row}, false)
			got := r.Results[1]
			if r.Refused != 1 || got.Outcome != asset.ImportRefused || got.Column != c.column || got.Reason != c.reason || !slices.Equal(sorted(got.Fits), sorted(c.fits)) {
				t.Errorf("%+v: %+v", c.row, got)
			}
			if c.reason == asset.RepeatedNumber && got.Other != 2 || r.Results[0].Tag != "" {
				t.Errorf("%+v: %+v after %+v", c.row, got, r.Results[0])
			}
		}
		if w.countTags("nord") != before {
			t.Error("something was stored")
		}
	})
	t.Run("X-5 remarks that refuse nothing", func(t *testing.T) {
		for _, c := range []struct {
			row  asset.ImportRow
			want []string
		}{
			{asset.ImportRow{Number: "9,1234"}, []string{"low_bits", "several_kinds"}}, {asset.ImportRow{Number: "3F112233", Hint: "iso14443"}, []string{"not_unique"}},
			{asset.ImportRow{Number: "0D0D0D0D0D", Expires: "2027-01-01"}, []string{"expired"}}, {asset.ImportRow{Number: "E00401007E113CAD", Hint: "125khz"}, []string{"hint_ignored"}},
			{asset.ImportRow{Number: "9,777"}, []string{"fits_others"}},
		} {
			c.row.Line = 3
			r := run(nord, "hafen", []asset.ImportRow{{Line: 2, Number: "7,777"}, c.row}, true)
			if got := r.Results[1]; got.Outcome != asset.ImportNew || !containsAll(got.Warnings, c.want) {
				t.Errorf("%+v: %+v", c.row, got)
			}
		}
	})
	t.Run("SEC-14 lines name customers by their numbers, of those that the provider serves", func(t *testing.T) {
		rows := []asset.ImportRow{{Line: 2, Number: "0E0E0E0E01", Customer: "4712"}, {Line: 3, Number: "0E0E0E0E02"}}
		r := run(nord, "hafen", rows, false)
		for i, want := range []string{"speicher", "hafen"} {
			if tag, err := w.Tag(ctx, nord, r.Results[i].Tag); err != nil || tag.Customer != want {
				t.Errorf("line %d: %+v, %v", i, tag.Tag, err)
			}
		}
		if r := run(staffOf("syd"), "", rows, false); r.Refused != 2 || r.Results[0].Reason != asset.NotChosen || r.Results[1].Reason != asset.Missing {
			t.Errorf("%+v", r)
		}
		if _, err := w.ImportTags(ctx, staffOf("syd"), "speicher", rows, true); !errors.Is(err, asset.ErrNotFound) {
			t.Error(err)
		}
	})
	t.Run("SEC-12 SEC-49 staff only, and so many lines", func(t *testing.T) {
		for _, v := range []identity.Viewer{w.user("lars", "hafen"), {}} {
			if _, err := w.ImportTags(ctx, v, "hafen", list, true); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("%+v: %v", v, err)
			}
		}
		for _, n := range []int{0, asset.MaxImport + 1} {
			if _, err := w.ImportTags(ctx, nord, "hafen", make([]asset.ImportRow, n), true); !errors.Is(err, asset.ErrImportSize) {
				t.Errorf("%d lines: %v", n, err)
			}
		}
	})
	t.Run("X-5 two who import one list at once store it once", func(t *testing.T) {
		rows := make([]asset.ImportRow, 200)
		for i := range rows {
			rows[i] = asset.ImportRow{Line: i + 2, Number: fmt.Sprintf("04%012X", 0xA0000000+i*4241)}
		}
		before := w.countTags("nord")
		race(4, func(int) {
			if r, err := w.ImportTags(ctx, nord, "hafen", rows, false); err != nil || r.Refused > 0 {
				t.Errorf("%+v, %v", r.Results[0], err)
			}
		})
		if made := w.countTags("nord") - before; made != len(rows) {
			t.Errorf("%d tags of %d lines", made, len(rows))
		}
	})
}

func containsAll(have, want []string) bool {
	for _, w := range want {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

func TestColumnsOf(t *testing.T) {
	for name, header := range map[string][]string{
		"de": {"Transponder-Nr.", "Technologie", "Kundennummer", "Mieter", "Firma", "Wohnung", "Ausgegeben am", "Gültig bis", "Bemerkung", "Farbe"},
		"sv": {"Taggnummer", "Teknik", "Kundnr", "Hyresgäst", "Företag", "Lägenhet", "Utlämnad", "Giltig till", "Anteckning", "Färg"},
		"en": {"Card No.", "Reader", "Customer number", "TENANT", "company", "Flat", "Issued on", "Valid until", "Notes", "Colour"},
	} {
		t.Run("X-5 "+name, func(t *testing.T) {
			c, err := asset.ColumnsOf(header)
			if err != nil || !slices.Equal(c.Unknown, header[9:]) {
				t.Fatalf("unknown %v, %v", c.Unknown, err)
			}
			for issued, want := range map[string]asset.Day{"2027-05-01": "2027-05-01", "1.5.2027": "2027-05-01", "01.05.27": "2027-05-01", "01/05/2027": "2027-05-01",
				"2027-05-01 00:00:00": "2027-05-01", "20270501": "2027-05-01", "gestern": "gestern", "": ""} {
				got := c.Row(7, []string{" 104,22155 ", "MIFARE Classic", "4711", "Lars", "Reederei", "WE 12", issued, "", "x"})
				if want := (asset.ImportRow{Line: 7, Number: "104,22155", Hint: "iso14443", Customer: "4711", Tenant: "Lars", Company: "Reederei", Unit: "WE 12", Issued: want, Note: "x"}); got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
			}
			if got := c.Row(8, []string{"1"}); got != (asset.ImportRow{Line: 8, Number: "1"}) {
				t.Errorf("a short line: %+v", got)
			}
		})
	}
	for reason, header := range map[string][]string{asset.Missing: {"Mieter"}, asset.RepeatedColumn: {"Nummer", "Tag", "Mieter"}} {
		t.Run("X-5 "+reason, func(t *testing.T) {
			_, err := asset.ColumnsOf(header)
			var field *asset.FieldError
			if !errors.As(err, &field) || field.Field != "number" || field.Code != reason {
				t.Error(err)
			}
		})
	}
	for text, want := range map[string]string{"125 kHz": "125khz", "EM4100": "125khz", "13,56 MHz": "13.56mhz", "HID Prox": "hid", "Zauber": "zauber", "": ""} {
		c, err := asset.ColumnsOf([]string{"Nr", "Technik"})
		if got := must(t, c, err).Row(1, []string{"1", text}).Hint; got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}
