package labels

import (
	"errors"
	"fmt"
	"math"

	"github.com/tagwerk/tagwerk/labels/pdf"
)

// Label is what one label says. URL goes into the symbol exactly as it is; the printed one is upper case for the smaller
// alphanumeric mode (standards.md 1.2). Code is the identifier for people, grouped as it shall be printed ("7K3M-9QXD-2VHTP"); it is
// never shortened, only broken at its hyphens or blanks. Lines are further texts: the first, usually the name, gets up
// to two lines, the others one each; what does not fit ends in an ellipsis or is left out from the last line on.
type Label struct {
	URL   string
	Code  string
	Lines []string
}

// Sheet says on what and how labels are printed.
type Sheet struct {
	Stock    Stock
	DPI      int    // of the printer; 0: that of the roll, else 300, whose grid fits 600 as well
	Start    int    // first free label of the first sheet, counted from 0 along the rows
	Level    Level  // LevelAuto: Q, or M where only that keeps the modules large enough
	Title    string // of the document, for viewers
	Language string // BCP 47 tag of the texts, may be empty
}

// ErrNoLabels says that there was nothing to print.
var ErrNoLabels = errors.New("labels: no labels to print")

// ErrStock says that labels cannot be laid out on a stock or sheet as it is given; the message tells why.
var ErrStock = errors.New("labels: unusable sheet")

const (
	mmPerInch = 25.4
	ptPerMM   = 72 / mmPerInch
	minDPI    = 150
	maxDPI    = 2400
)

// plan lays labels out on one sheet. It is used by one goroutine; the frames it returns may be read by all.
type plan struct {
	sheet  Sheet
	dpi    int
	frames map[frameKey]*frame
}

// frameKey is everything about a label that its frame depends on, so that a long run computes few.
type frameKey struct {
	mode  mode
	chars int
	code  string // each character replaced by x, separators kept
}

func newPlan(sheet Sheet) (*plan, error) {
	s := sheet.Stock
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStock, err)
	}
	if s.Type == TypeContinuous {
		return nil, fmt.Errorf("%w: %s is endless tape, which needs a printer driver of its own; choose a sheet or die-cut labels", ErrStock, s.ID)
	}
	dpi := sheet.DPI
	if dpi == 0 {
		dpi = s.DPI
	}
	if dpi == 0 {
		dpi = 300
	}
	if dpi < minDPI || dpi > maxDPI {
		return nil, fmt.Errorf("%w: %d dpi is not between %d and %d", ErrStock, dpi, minDPI, maxDPI)
	}
	if sheet.Level > LevelH {
		return nil, fmt.Errorf("%w: no QR level %d", ErrStock, sheet.Level)
	}
	if sheet.Start < 0 || sheet.Start >= s.PerPage() {
		return nil, fmt.Errorf("%w: start %d is not one of the %d labels of a sheet, counted from 0", ErrStock, sheet.Start, s.PerPage())
	}
	return &plan{sheet: sheet, dpi: dpi, frames: map[frameKey]*frame{}}, nil
}

// frame finds how a label is divided up, or refuses it with a *PreflightError.
func (p *plan) frame(l Label) (*frame, error) {
	key := frameKey{mode: modeOf(l.URL), chars: len(l.URL), code: codeShape(l.Code)}
	if f, ok := p.frames[key]; ok {
		return f, nil
	}
	f, err := p.arrange(key)
	if err != nil {
		return nil, err
	}
	if len(p.frames) >= 4096 { // foreign input may have any lengths
		clear(p.frames)
	}
	p.frames[key] = f
	return f, nil
}

func codeShape(code string) string {
	shape := make([]byte, 0, 32)
	for _, r := range cutRunes(pdf.CleanText(code), maxTextRunes) {
		if r == '-' || r == ' ' {
			shape = append(shape, byte(r))
		} else {
			shape = append(shape, 'x')
		}
	}
	return string(shape)
}

// arrange tries the level asked for, and for LevelAuto Q and then M.
func (p *plan) arrange(key frameKey) (*frame, error) {
	levels := []Level{p.sheet.Level}
	if p.sheet.Level == LevelAuto {
		levels = []Level{LevelQ, LevelM}
	}
	var best *frame
	var refusal error
	for _, level := range levels {
		version := versionFor(key.mode, key.chars, level)
		if version == 0 {
			refusal = fmt.Errorf("%w: %d characters at level %s", ErrTooLong, key.chars, level)
			continue
		}
		if best != nil && version == best.fit.Version {
			break
		}
		f := bestFrame(labelArea(p.sheet.Stock), p.dpi, sizeOf(version), key.code)
		if f == nil {
			refusal = p.refuse(key, version, level)
			continue
		}
		f.fit.Version, f.fit.Level = version, level
		if best == nil || f.fit.quality() > best.fit.quality() {
			best = f
		}
		if best.fit.quality() >= qualityFair {
			break
		}
	}
	if best == nil {
		return nil, refusal
	}
	return best, nil
}

// dotMM is the width of a printer dot.
func dotMM(dpi int) float64 { return mmPerInch / float64(dpi) }

// floorDots rounds a length down to whole dots, forgiving what figures in mm lose to rounding.
func floorDots(mm float64, dpi int) int { return int(math.Floor(mm/dotMM(dpi) + 1e-6)) }
