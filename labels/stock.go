package labels

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// Kinds of stock.
const (
	TypeSheet      = "sheet"      // several labels on a page of an office printer
	TypeRoll       = "roll"       // one label after the other, each of a fixed size
	TypeContinuous = "continuous" // tape that the printer cuts
)

// Shapes of a label.
const (
	ShapeRect  = "rect"
	ShapeRound = "round"
)

// Stock is one article of blank labels, in millimetres (standards.md 3.1).
//
// On a sheet, label (column, row), counted from 0, has its top left corner at (MarginLeft + column·PitchX,
// MarginTop + row·PitchY). On a roll LabelW lies across the print head and LabelH along the feed.
type Stock struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"` // TypeSheet, TypeRoll or TypeContinuous
	Brand    string   `json:"brand"`
	Part     string   `json:"part"`
	Aliases  []string `json:"aliases"`
	Material string   `json:"material"`
	Region   string   `json:"region"`
	Shape    string   `json:"shape"` // ShapeRect or ShapeRound
	Note     string   `json:"note,omitempty"`

	LabelW       float64 `json:"label_w"`
	LabelH       float64 `json:"label_h"`       // 0 on endless tape
	CornerRadius float64 `json:"corner_radius"` // 0: not known

	// Sheets only.
	PageW      float64 `json:"page_w,omitempty"`
	PageH      float64 `json:"page_h,omitempty"`
	Cols       int     `json:"cols,omitempty"`
	Rows       int     `json:"rows,omitempty"`
	MarginLeft float64 `json:"margin_left,omitempty"`
	MarginTop  float64 `json:"margin_top,omitempty"`
	PitchX     float64 `json:"pitch_x,omitempty"`
	PitchY     float64 `json:"pitch_y,omitempty"`

	// Rolls only. PrintW × PrintH is the area the printer reaches; Unprintable says where it lies, else it is centred.
	DPI         int     `json:"dpi,omitempty"`
	PrintW      float64 `json:"print_w,omitempty"`
	PrintH      float64 `json:"print_h,omitempty"`
	Unprintable *Edges  `json:"unprintable,omitempty"`
	MinH        float64 `json:"min_h,omitempty"`
	MaxH        float64 `json:"max_h,omitempty"`
}

// Edges are widths along the four sides of a label, in millimetres.
type Edges struct {
	Left   float64 `json:"left"`
	Right  float64 `json:"right"`
	Top    float64 `json:"top"`
	Bottom float64 `json:"bottom"`
}

// PerPage is the number of labels on one page: columns × rows of a sheet, 1 on a roll.
func (s Stock) PerPage() int {
	if s.Type == TypeSheet {
		return s.Cols * s.Rows
	}
	return 1
}

// Validate checks the arithmetic of standards.md 3.1: sizes are positive and sane, labels do not overlap, and the last column
// and row lie on the page. It reports every fault found, joined.
func (s Stock) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	const tolerance = 0.02 // published figures are rounded to 0.01 mm, and that adds up over the columns

	for name, v := range map[string]float64{
		"label_w": s.LabelW, "label_h": s.LabelH, "page_w": s.PageW, "page_h": s.PageH, "pitch_x": s.PitchX,
		"pitch_y": s.PitchY, "margin_left": s.MarginLeft, "margin_top": s.MarginTop,
	} {
		if math.IsNaN(v) || v < 0 || v > 2000 {
			return fmt.Errorf("stock %q: %s %v mm is not between 0 and 2000", s.ID, name, v)
		}
	}
	if s.Shape != ShapeRect && s.Shape != ShapeRound {
		fault("shape %q is neither %q nor %q", s.Shape, ShapeRect, ShapeRound)
	}
	if s.Shape == ShapeRound && s.LabelW != s.LabelH {
		fault("round label of %v × %v mm", s.LabelW, s.LabelH)
	}
	if s.LabelW <= 0 || (s.LabelH <= 0 && s.Type != TypeContinuous) {
		fault("label of %v × %v mm", s.LabelW, s.LabelH)
	}
	switch s.Type {
	case TypeSheet:
		if s.Cols < 1 || s.Rows < 1 || s.Cols > 100 || s.Rows > 200 {
			fault("%d × %d labels on a sheet", s.Cols, s.Rows)
			break
		}
		if s.PageW <= 0 || s.PageH <= 0 {
			fault("page of %v × %v mm", s.PageW, s.PageH)
		}
		if s.Cols > 1 && s.PitchX < s.LabelW-tolerance || s.Rows > 1 && s.PitchY < s.LabelH-tolerance {
			fault("labels overlap: pitch %v × %v mm under label %v × %v mm", s.PitchX, s.PitchY, s.LabelW, s.LabelH)
		}
		if right := s.MarginLeft + float64(s.Cols-1)*s.PitchX + s.LabelW; right > s.PageW+tolerance {
			fault("last column ends at %.2f mm of %v mm", right, s.PageW)
		}
		if bottom := s.MarginTop + float64(s.Rows-1)*s.PitchY + s.LabelH; bottom > s.PageH+tolerance {
			fault("last row ends at %.2f mm of %v mm", bottom, s.PageH)
		}
	case TypeRoll, TypeContinuous:
		if s.PrintW > s.LabelW+tolerance || s.LabelH > 0 && s.PrintH > s.LabelH+tolerance {
			fault("printable area %v × %v mm is larger than the label", s.PrintW, s.PrintH)
		}
	default:
		fault("type %q is not one of %q, %q, %q", s.Type, TypeSheet, TypeRoll, TypeContinuous)
	}
	if len(faults) > 0 {
		return fmt.Errorf("stock %q: %w", s.ID, errors.Join(faults...))
	}
	return nil
}

//go:embed stock.json
var stockJSON []byte

type stockIndex struct {
	list   []Stock
	byName map[string]int
}

// The file is part of the program and a test reads it, so a fault in it is a bug of this package.
var knownStock = sync.OnceValue(func() stockIndex {
	var file struct {
		Stock []Stock `json:"stock"`
	}
	if err := json.Unmarshal(stockJSON, &file); err != nil {
		panic("labels: embedded stock.json: " + err.Error())
	}
	ix := stockIndex{list: file.Stock, byName: map[string]int{}}
	for i, s := range file.Stock {
		for _, name := range append([]string{s.ID, s.Part, s.Brand + s.Part}, s.Aliases...) {
			ix.byName[stockName(name)] = i
		}
	}
	return ix
})

// Stocks lists all known stock in the order of the published list: office sheets, endless tape, rolls. The caller may change it.
func Stocks() []Stock {
	list := slices.Clone(knownStock().list)
	for i := range list {
		list[i].Aliases = slices.Clone(list[i].Aliases)
	}
	return list
}

// FindStock looks a stock up by id, part number, brand with part number, or alias; case, blanks and punctuation
// do not matter ("avery-l6009", "L6009", "6009", "dk 11201").
func FindStock(name string) (Stock, bool) {
	ix := knownStock()
	i, ok := ix.byName[stockName(name)]
	if !ok {
		return Stock{}, false
	}
	s := ix.list[i]
	s.Aliases = slices.Clone(s.Aliases)
	return s, true
}

func stockName(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}
