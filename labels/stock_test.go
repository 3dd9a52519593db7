package labels

import (
	"math"
	"strings"
	"testing"
)

func TestStocks(t *testing.T) {
	t.Run("X-6 every stock of the list adds up", func(t *testing.T) {
		list := Stocks()
		if len(list) != 120 {
			t.Fatalf("%d stocks, want 120", len(list))
		}
		counts := map[string]int{}
		for _, s := range list {
			counts[s.Type]++
			if err := s.Validate(); err != nil {
				t.Error(err)
			}
			if s.Type != TypeSheet {
				continue
			}
			right := s.PageW - s.MarginLeft - float64(s.Cols-1)*s.PitchX - s.LabelW
			if d := math.Abs(right - s.MarginLeft); d > 0.15 && s.Part != "6570" { // the one odd sheet, standards.md 3.1
				t.Errorf("%s: left margin %.2f mm, right %.2f mm", s.ID, s.MarginLeft, right)
			}
		}
		if counts[TypeSheet] != 70 || counts[TypeRoll] != 38 || counts[TypeContinuous] != 12 {
			t.Errorf("kinds %v", counts)
		}
	})
	t.Run("X-6 found by every name", func(t *testing.T) {
		for _, s := range Stocks() {
			for _, name := range append([]string{s.ID, s.Part, strings.ToLower(s.Part), strings.ToUpper(s.ID), s.Brand + " " + s.Part}, s.Aliases...) {
				if got, ok := FindStock(name); !ok || got.ID != s.ID {
					t.Errorf("%q gives %q, want %q", name, got.ID, s.ID)
				}
			}
		}
		for name, id := range map[string]string{"L6009": "avery-l6009", "avery-l6009": "avery-l6009", "6009": "avery-l6009", " l 6009 ": "avery-l6009", "dk 11201": "brother-dk-11201"} {
			if got, ok := FindStock(name); !ok || got.ID != id {
				t.Errorf("%q gives %q, want %q", name, got.ID, id)
			}
		}
		for _, name := range []string{"", "-", "L60099", "\x00"} {
			if got, ok := FindStock(name); ok {
				t.Errorf("%q gives %q", name, got.ID)
			}
		}
	})
	t.Run("callers cannot change the list", func(t *testing.T) {
		Stocks()[1].Aliases[0] = "changed"
		s, _ := FindStock("6009")
		s.Aliases[0] = "changed"
		if s, _ := FindStock("6009"); s.Aliases[0] != "6009" {
			t.Errorf("alias became %q", s.Aliases[0])
		}
	})
}

func TestStockValidate(t *testing.T) {
	good, _ := FindStock("L6009")
	for name, spoil := range map[string]func(*Stock){
		"overlap across":         func(s *Stock) { s.PitchX = 45 },
		"overlap down":           func(s *Stock) { s.PitchY = 21 },
		"last column off page":   func(s *Stock) { s.Cols = 5 },
		"last row off page":      func(s *Stock) { s.MarginTop = 60 },
		"no label":               func(s *Stock) { s.LabelH = 0 },
		"negative":               func(s *Stock) { s.MarginLeft = -1 },
		"not a number":           func(s *Stock) { s.LabelW = math.NaN() },
		"infinite":               func(s *Stock) { s.PageH = math.Inf(1) },
		"no columns":             func(s *Stock) { s.Cols = 0 },
		"a billion rows":         func(s *Stock) { s.Rows = 1 << 30 },
		"unknown type":           func(s *Stock) { s.Type = "heap" },
		"unknown shape":          func(s *Stock) { s.Shape = "star" },
		"round and not a circle": func(s *Stock) { s.Shape = ShapeRound },
		"prints past its edge":   func(s *Stock) { s.Type, s.PrintW = TypeRoll, 99 },
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			spoil(&s)
			if s.Validate() == nil {
				t.Error("accepted")
			}
		})
	}
}
