package labels

import (
	"fmt"
	"math"
	"strings"
)

// Limits of standards.md 3.2 and of the measurements in bench/labels-and-decode.md A.
const (
	warnModuleMM   = 0.40 // least on paper for phones
	refuseModuleMM = 0.25 // below, only industrial readers
	goodModuleMM   = 0.50
	warnDots       = 4
	refuseDots     = 3
)

// Warning is a stable name of something that makes a label worse than it should be.
type Warning string

// The warnings of [Preflight].
const (
	WarnSmallModules Warning = "small_modules" // under 0.4 mm or 4 printer dots: hard for phones
	WarnNarrowEdge   Warning = "narrow_edge"   // less than 1 mm between quiet zone and edge of the label: paper shift may clip it
	WarnNoCode       Warning = "no_code"       // no room for the code in readable text
	WarnCharacters   Warning = "characters"    // the font lacks characters, which are printed as U+FFFD
)

// Fit tells how a symbol comes out on a label.
type Fit struct {
	Version   int     // QR version
	Level     Level   // error correction level used
	Modules   int     // on a side, without quiet zone
	DPI       int     // printer resolution planned for
	Dots      int     // printer dots a module
	ModuleMM  float64 // width of a module
	SymbolMM  float64 // width of the symbol with its quiet zone
	EdgeMM    float64 // from the quiet zone to the nearest edge of the label
	ReadingMM float64 // expected reading distance: ten times the width of the symbol
	Warnings  []Warning
}

type quality int

const (
	qualityNone  quality = iota // refused
	qualityPoor                 // industrial readers
	qualityFloor                // 0.35 mm: the floor for phones
	qualityFair                 // no warning
	qualityGood                 // 0.5 mm
)

func moduleQuality(dots int, mm float64) quality {
	const rounding = 1e-6
	switch mm += rounding; {
	case dots < refuseDots || mm < refuseModuleMM:
		return qualityNone
	case dots >= warnDots && mm >= goodModuleMM:
		return qualityGood
	case dots >= warnDots && mm >= warnModuleMM:
		return qualityFair
	case mm >= 0.33:
		return qualityFloor
	}
	return qualityPoor
}

func (f *Fit) quality() quality { return moduleQuality(f.Dots, f.ModuleMM) }

// PreflightError refuses a label whose symbol would not scan, and says what would help.
type PreflightError struct {
	Stock     string  // id of the stock
	DPI       int     // of the printer
	Version   int     // QR version that the URL needs
	Level     Level   // at this level
	MinSideMM float64 // smallest label side (diameter if round) that would do with this URL and printer
	MinDPI    int     // smallest usual resolution at which the label would do, 0 if none
	MaxURL    int     // longest URL, in characters of the same kind, that would do on this label, 0 if none
}

// Error says in English what is wrong and what to change.
func (e *PreflightError) Error() string {
	advice := []string{fmt.Sprintf("labels of at least %.1f mm on the short side", e.MinSideMM)}
	if e.MaxURL > 0 {
		advice = append(advice, fmt.Sprintf("a URL of at most %d characters", e.MaxURL))
	}
	if e.MinDPI > 0 {
		advice = append(advice, fmt.Sprintf("a printer of %d dpi", e.MinDPI))
	}
	return fmt.Sprintf("labels: a QR symbol of version %d-%s does not fit on %s at %d dpi with modules of 0.25 mm and 3 dots: use %s",
		e.Version, e.Level, e.Stock, e.DPI, strings.Join(advice, ", or "))
}

// Preflight tells how a label will come out on a sheet, without drawing it. It refuses symbols that would not scan with a
// [*PreflightError], text over version 10 with [ErrTooLong], and a sheet that cannot be printed on with [ErrStock].
func Preflight(sheet Sheet, l Label) (Fit, error) {
	p, err := newPlan(sheet)
	if err != nil {
		return Fit{}, err
	}
	f, err := p.frame(l)
	if err != nil {
		return Fit{}, err
	}
	fit := f.fit
	if fit.quality() < qualityFair {
		fit.Warnings = append(fit.Warnings, WarnSmallModules)
	}
	if fit.EdgeMM < 1-1e-6 {
		fit.Warnings = append(fit.Warnings, WarnNarrowEdge)
	}
	if l.Code != "" && f.codeLines == 0 {
		fit.Warnings = append(fit.Warnings, WarnNoCode)
	}
	if l.missing() {
		fit.Warnings = append(fit.Warnings, WarnCharacters)
	}
	return fit, nil
}

func (p *plan) refuse(key frameKey, version int, level Level) error {
	area := labelArea(p.sheet.Stock)
	e := &PreflightError{Stock: p.sheet.Stock.ID, DPI: p.dpi, Version: version, Level: level}
	dots := max(refuseDots, int(math.Ceil(refuseModuleMM/dotMM(p.dpi)-1e-6)))
	side := float64(sizeOf(version)+2*quietZone) * float64(dots) * dotMM(p.dpi)
	if area.round {
		side *= math.Sqrt2
	}
	e.MinSideMM = math.Ceil((side+2*edges[len(edges)-1])*10) / 10
	for _, dpi := range []int{203, 300, 600} {
		if dpi > p.dpi && bestFrame(area, dpi, sizeOf(version), "") != nil {
			e.MinDPI = dpi
			break
		}
	}
	for v := version - 1; v >= 1; v-- {
		if bestFrame(area, p.dpi, sizeOf(v), "") != nil {
			e.MaxURL = capacity(key.mode, v, level)
			break
		}
	}
	return e
}
