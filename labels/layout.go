package labels

import "math"

// area is one label as the printer sees it: its size and the strips that it cannot reach, in mm.
type area struct {
	w, h    float64
	round   bool
	blocked Edges
}

func labelArea(s Stock) area {
	a := area{w: s.LabelW, h: s.LabelH, round: s.Shape == ShapeRound}
	switch {
	case s.Unprintable != nil:
		a.blocked = *s.Unprintable
	case s.PrintW > 0 && s.PrintH > 0:
		dx, dy := (s.LabelW-s.PrintW)/2, (s.LabelH-s.PrintH)/2
		a.blocked = Edges{Left: dx, Right: dx, Top: dy, Bottom: dy}
	}
	return a
}

// inside is what is left of the label with a free edge, or with the blocked strips where those are wider.
func (a area) inside(edge float64) box {
	b := a.blocked
	left, top := max(edge, b.Left), max(edge, b.Top)
	return box{left, top, a.w - left - max(edge, b.Right), a.h - top - max(edge, b.Bottom)}
}

// box is a rectangle in mm from the top left corner of the label.
type box struct{ x, y, w, h float64 }

// frame divides a label into the place of the symbol and the place of the text. It depends on the sizes alone, so labels of a run share it.
type frame struct {
	fit       Fit
	symbol    box // quiet zone included
	text      box
	radius    float64 // of the circle that text stays inside; 0 on rectangular labels
	centre    [2]float64
	below     bool    // text below the symbol and centred, else right of it
	codeLines int     // 0: no room for the code
	codeSize  float64 // points
	textSize  float64 // largest size of the other lines, points
}

const (
	minTextPt  = 6.0  // standards.md 3.2
	maxTextPt  = 28.0 // what is larger shouts
	leading    = 1.15 // line distance by size
	textEdgeMM = 1.5  // printers shift paper by 0.5 to 1.5 mm, standards.md 3.1
	monoEm     = 0.602
	capEm      = 0.729
	descentEm  = 0.24
)

// edges are the free edges tried around the symbol, in mm, the wished one first.
var edges = [...]float64{1.5, 1, 0.5, 0.25}

// lineMM is the height of n lines from the top of the capitals of the first to the descenders of the last.
func lineMM(n int, size float64) float64 {
	if n == 0 {
		return 0
	}
	return (float64(n-1)*leading + capEm + descentEm) * size / ptPerMM
}

// bestFrame tries every module size in whole dots, every edge and every arrangement, and takes the one of the highest score: modules large enough
// for phones come first, then the code in one line, then the free edge. It returns nil if no symbol fits.
func bestFrame(a area, dpi, modules int, code string) *frame {
	groups := codeGroups(code)
	var best *frame
	var bestScore float64
	largest := floorDots(min(a.w, a.h)/float64(modules+2*quietZone), dpi)
	for dots := refuseDots; dots <= largest; dots++ {
		module := float64(dots) * dotMM(dpi)
		if moduleQuality(dots, module) == qualityNone {
			continue
		}
		side := float64(modules+2*quietZone) * module
		for _, edge := range edges {
			for _, try := range []func(area, float64, float64, []int) *frame{beside, under, inCircle} {
				f := try(a, side, edge, groups)
				if f == nil {
					continue
				}
				f.fit = Fit{Modules: modules, DPI: dpi, Dots: dots, ModuleMM: module, SymbolMM: side, ReadingMM: 10 * float64(modules) * module}
				f.fit.EdgeMM = f.edge(a)
				if score := f.score(a, edge); best == nil || score > bestScore+1e-9 {
					best, bestScore = f, score
				}
			}
		}
	}
	return best
}

// edge is the distance from the quiet zone to the nearest edge of the label.
func (f *frame) edge(a area) float64 {
	s := f.symbol
	if a.round {
		x, y := max(a.w/2-s.x, s.x+s.w-a.w/2), max(a.h/2-s.y, s.y+s.h-a.h/2)
		return a.w/2 - math.Hypot(x, y)
	}
	return min(s.x, s.y, a.w-s.x-s.w, a.h-s.y-s.h)
}

func (f *frame) score(a area, edge float64) float64 {
	var score float64
	switch f.fit.quality() {
	case qualityFloor:
		score = 35
	case qualityFair:
		score = 50
	case qualityGood:
		score = 60
	}
	score += [4]float64{0, 20, 14, 10}[f.codeLines]
	switch {
	case edge >= 1.5:
		score += 8
	case edge >= 1:
		score += 6
	case edge >= 0.5:
		score += 2
	}
	if lineMM(f.codeLines+1, minTextPt) <= f.text.h && f.text.w >= 10 {
		score += 6 // the name has room as well
	}
	// Larger than good is better up to a point: the text needs its share of the label.
	share := f.symbol.w / (0.45 * a.w)
	if f.below {
		share = f.symbol.w / (0.62 * a.h)
	}
	if share <= 1 {
		score += 10 * share
	} else if f.fit.quality() == qualityGood {
		score -= 10 * (share - 1)
	}
	return score
}

// beside puts the symbol left and the text right of it.
func beside(a area, side, edge float64, groups []int) *frame {
	in := a.inside(edge)
	if a.round || side > in.w+1e-6 || side > in.h+1e-6 {
		return nil
	}
	free := a.inside(textEdgeMM)
	x := in.x + side
	f := &frame{symbol: box{in.x, in.y + (in.h-side)/2, side, side}, text: box{x, free.y, free.x + free.w - x, free.h}}
	f.fitText(groups)
	if f.codeLines == 0 && f.text.w < 6 { // mm: nothing but the symbol
		f.symbol.x, f.text = in.x+(in.w-side)/2, box{}
	}
	return f
}

// under puts the symbol at the top and the text below it.
func under(a area, side, edge float64, groups []int) *frame {
	in := a.inside(edge)
	if a.round || side > in.w+1e-6 || side > in.h+1e-6 {
		return nil
	}
	free := a.inside(textEdgeMM)
	f := &frame{below: true}
	f.text = box{x: free.x, w: free.w, h: free.y + free.h - in.y - side}
	f.fitText(groups)
	// On tall labels symbol and text stand in the middle together.
	spare := max(0, f.text.h-lineMM(f.codeLines+4, f.textSize))
	f.symbol = box{in.x + (in.w-side)/2, in.y + spare/2, side, side}
	f.text.y, f.text.h = f.symbol.y+side, f.text.h-spare/2
	return f
}

// inCircle puts the symbol as high as its corners allow and the text below it, or the symbol alone in the middle.
func inCircle(a area, side, edge float64, groups []int) *frame {
	if !a.round {
		return nil
	}
	r := a.w/2 - max(edge, a.blocked.Left)
	if side/2*math.Sqrt2 > r+1e-6 {
		return nil
	}
	f := &frame{below: true, centre: [2]float64{a.w / 2, a.h / 2}}
	f.radius = a.w/2 - max(edge, 1, a.blocked.Left) // text keeps 1 mm
	top := a.h/2 - math.Sqrt(r*r-side*side/4)
	bottom := top + side
	f.text = box{x: a.w/2 - f.radius, y: bottom, w: 2 * f.radius, h: a.h/2 + f.radius - bottom}
	f.fitText(groups)
	if len(groups) > 0 && f.codeLines == 0 || f.text.h < lineMM(1, minTextPt) {
		top = (a.h - side) / 2
		f.text = box{}
	}
	f.symbol = box{(a.w - side) / 2, top, side, side}
	return f
}

// widthAt is the width that text of one line has whose capitals begin at y and whose baseline lies at base.
func (f *frame) widthAt(y, base, descent float64) float64 {
	if f.radius == 0 {
		return f.text.w
	}
	far := max(math.Abs(y-f.centre[1]), math.Abs(base+descent-f.centre[1]))
	if far >= f.radius {
		return 0
	}
	return 2 * math.Sqrt(f.radius*f.radius-far*far)
}

// fitText decides on how many lines and how large the code is printed, and how large the other text may be.
func (f *frame) fitText(groups []int) {
	f.textSize = min(maxTextPt, f.text.h*ptPerMM/(4*leading), f.text.w*ptPerMM/(13*monoEm))
	for lines := 1; lines <= 3 && len(groups) > 0; lines++ {
		parts := breakGroups(groups, lines)
		if parts == nil {
			continue
		}
		for size := maxTextPt; size >= minTextPt; size -= 0.5 {
			// The code leaves room for a line of the name where that is possible at all.
			room := f.text.h - float64(lines)*leading*size/ptPerMM
			if lineMM(lines, size) > f.text.h+1e-6 || size > minTextPt && (room < lineMM(1, minTextPt) || lines > 1 && size > 8 || lineMM(lines, size) > f.text.h*0.4) {
				continue
			}
			fits := true
			for i, chars := range parts {
				y := f.text.y + float64(i)*leading*size/ptPerMM
				fits = fits && float64(chars)*monoEm*size/ptPerMM <= f.widthAt(y, y+capEm*size/ptPerMM, 0)
			}
			if fits {
				f.codeLines, f.codeSize = lines, size
				f.textSize = math.Floor(2*max(minTextPt, min(f.textSize, 1.2*size))) / 2
				return
			}
		}
	}
	f.textSize = math.Floor(2*max(minTextPt, f.textSize)) / 2
}

// codeGroups are the lengths of the groups of a code, each with the separator behind it: 5, 5, 5 for "7K3M-9QXD-2VHTP".
func codeGroups(code string) (groups []int) {
	n := 0
	for i := range len(code) {
		n++
		if code[i] == '-' || code[i] == ' ' {
			groups = append(groups, n)
			n = 0
		}
	}
	if n > 0 {
		groups = append(groups, n)
	}
	return groups
}

// breakGroups deals groups to lines, the first lines the fuller ones, and returns the length of each line; nil if there are fewer groups than lines.
func breakGroups(groups []int, lines int) []int {
	if len(groups) < lines {
		return nil
	}
	out := make([]int, lines)
	for i, next := 0, 0; i < lines; i++ {
		take := (len(groups) - next + lines - i - 1) / (lines - i)
		for range take {
			out[i] += groups[next]
			next++
		}
	}
	return out
}
