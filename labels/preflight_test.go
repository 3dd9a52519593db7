package labels

import (
	"errors"
	"slices"
	"testing"
)

func TestPreflight(t *testing.T) {
	stock := func(name string) Stock {
		s, ok := FindStock(name)
		if !ok {
			t.Fatal(name)
		}
		return s
	}
	const url = "HTTPS://TAGWERK.EXAMPLE/T/7K3M9QXD2VHTP"
	for _, row := range []struct {
		name     string
		sheet    Sheet
		url      string
		dots     int
		version  int
		warnings []Warning
	}{
		{"default component label", Sheet{Stock: stock("L6009")}, url, 6, 3, nil},
		{"600 dpi", Sheet{Stock: stock("L6009"), DPI: 600}, url, 12, 3, nil},
		{"203 dpi", Sheet{Stock: stock("L6009"), DPI: 203}, url, 4, 3, nil},
		{"small parts", Sheet{Stock: stock("L6008")}, url, 3, 3, []Warning{WarnSmallModules, WarnNarrowEdge}},
		{"short URL on a low label steps down to M", Sheet{Stock: stock("5167")}, "HTTPS://TW.EXAMPLE/T/7K3M9QXD2VHTP", 4, 2, []Warning{WarnSmallModules, WarnNarrowEdge}},
		{"round without room for the code", Sheet{Stock: stock("herma-4386")}, url, 4, 3, []Warning{WarnSmallModules, WarnNoCode}},
	} {
		t.Run("X-7 "+row.name, func(t *testing.T) {
			fit, err := Preflight(row.sheet, Label{URL: row.url, Code: "7K3M-9QXD-2VHTP"})
			if err != nil {
				t.Fatal(err)
			}
			if fit.Dots != row.dots || fit.Version != row.version {
				t.Errorf("%d dots, version %d-%s, want %d, %d", fit.Dots, fit.Version, fit.Level, row.dots, row.version)
			}
			if row.warnings != nil && !slices.Equal(fit.Warnings, row.warnings) || row.warnings == nil && len(fit.Warnings) > 0 {
				t.Errorf("warnings %v, want %v", fit.Warnings, row.warnings)
			}
		})
	}
	t.Run("X-7 what to change helps", func(t *testing.T) {
		sheet := Sheet{Stock: stock("zebra-38x13")}
		_, err := Preflight(sheet, Label{URL: url})
		var refused *PreflightError
		if !errors.As(err, &refused) || refused.MinDPI == 0 || refused.MaxURL == 0 {
			t.Fatalf("%v", err)
		}
		if _, err := Preflight(sheet, Label{URL: url[:refused.MaxURL]}); err != nil {
			t.Errorf("shorter URL: %v", err)
		}
		if _, err := Preflight(sheet, Label{URL: url[:refused.MaxURL+1]}); err == nil {
			t.Error("a URL of one character more is accepted as well")
		}
		higher := sheet
		higher.DPI = refused.MinDPI
		if _, err := Preflight(higher, Label{URL: url}); err != nil {
			t.Errorf("higher resolution: %v", err)
		}
		larger := sheet
		larger.Stock.LabelH, larger.Stock.PrintH = refused.MinSideMM, refused.MinSideMM
		if _, err := Preflight(larger, Label{URL: url}); err != nil {
			t.Errorf("larger label: %v", err)
		}
	})
	t.Run("characters that no font has", func(t *testing.T) {
		fit, err := Preflight(Sheet{Stock: stock("L6009")}, Label{URL: url, Lines: []string{"漢字"}})
		if err != nil || !slices.Equal(fit.Warnings, []Warning{WarnCharacters}) {
			t.Errorf("%v, %v", fit.Warnings, err)
		}
	})
	for name, sheet := range map[string]Sheet{
		"endless tape":       {Stock: stock("DK-22205")},
		"start past the end": {Stock: stock("L6009"), Start: 48},
		"start before":       {Stock: stock("L6009"), Start: -1},
		"3 dpi":              {Stock: stock("L6009"), DPI: 3},
		"a million dpi":      {Stock: stock("L6009"), DPI: 1e6},
		"no stock":           {},
		"level 9":            {Stock: stock("L6009"), Level: 9},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Preflight(sheet, Label{URL: url}); !errors.Is(err, ErrStock) {
				t.Errorf("%v, want ErrStock", err)
			}
		})
	}
}
