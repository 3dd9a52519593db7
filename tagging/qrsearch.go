package tagging

import (
	"cmp"
	"math"
	"slices"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

const (
	// mostCenters bounds what is taken for finder patterns, and usedCenters how
	// many of the surest are combined: the detector of gozxing combines all,
	// and a picture full of them cost it a minute of CPU.
	mostCenters = 400
	usedCenters = 30
	// mostTries bounds the triples that are sampled in one image.
	mostTries = 60
)

// readQR reads the QR Codes of a black and white image: every three finder
// patterns that may belong to one code are tried, the likeliest first. What was
// read is wiped out, and if there were more patterns, looked at again.
func (s *searcher) readQR(m *gozxing.BitMatrix) (found []Payload) {
	for m != nil && len(found) < mostPayloads {
		centers := s.finderCenters(m)
		read := 0
		var used []*detector.FinderPattern
		for _, t := range likelyTriples(centers[:min(len(centers), usedCenters)]) {
			if !s.more() {
				return found
			}
			if slices.ContainsFunc(t.centers[:], func(c *detector.FinderPattern) bool { return slices.Contains(used, c) }) {
				continue
			}
			p, area, ok := decodeQR(m, t.info())
			if !ok {
				continue
			}
			read++
			used = append(used, t.centers[:]...)
			found = addPayload(found, p)
			area.wipe(m)
			s.covered = max(s.covered, area.size()/float64(m.GetWidth()*m.GetHeight()))
			if s.covered > wholePart {
				return found
			}
		}
		if read == 0 || len(centers) <= usedCenters {
			return found
		}
	}
	return found
}

// decodeQR samples and decodes the symbol that three finder patterns span.
func decodeQR(m *gozxing.BitMatrix, info *detector.FinderPatternInfo) (Payload, quad, bool) {
	sampled, err := detector.NewDetector(m).ProcessFinderPatternInfo(info)
	if err != nil {
		return Payload{}, quad{}, false
	}
	side := float64(sampled.GetBits().GetWidth())
	result, err := decoder.NewDecoder().Decode(sampled.GetBits(), nil)
	if err != nil {
		return Payload{}, quad{}, false
	}
	p := Payload{Text: result.GetText(), Symbology: "]Q" + string(rune('0'+result.GetSymbologyModifier()))}
	return p, around(info, side/(side-7)), true
}

// finderCenters lists what looks like a finder pattern, the surest first: each
// five runs dark, light, dark, light, dark in the proportions 1:1:3:1:1 that
// look the same downwards and aslant. The scan of gozxing's detector skips rows
// once it knows two or three patterns, which loses those of other codes.
func (s *searcher) finderCenters(m *gozxing.BitMatrix) []*detector.FinderPattern {
	const step = 3 // rows; a center has three modules
	finder := detector.NewFinderPatternFinder(m, nil)
	row := gozxing.NewBitArray(m.GetWidth())
	for y := step - 1; y < m.GetHeight() && s.more() && len(finder.GetPossibleCenters()) < mostCenters; y += step {
		row = m.GetRow(y, row)
		runs := make([]int, 0, 5)
		for x := row.GetNextSet(0); x < row.GetSize(); {
			light := row.GetNextUnset(x)
			runs = append(runs, light-x)
			if len(runs) == 5 {
				if detector.FinderPatternFinder_foundPatternCross(runs) {
					finder.HandlePossibleCenter(runs, y, light)
				}
				runs = append(runs[:0], runs[2:]...)
			}
			x = row.GetNextSet(light)
			runs = append(runs, x-light)
		}
	}
	centers := slices.Clone(finder.GetPossibleCenters())
	slices.SortStableFunc(centers, func(a, b *detector.FinderPattern) int { return cmp.Compare(b.GetCount(), a.GetCount()) })
	return centers
}

// triple is three finder patterns that may belong to one code.
type triple struct {
	centers [3]*detector.FinderPattern
	doubt   float64 // 0 is a small upright square
}

func (t triple) info() *detector.FinderPatternInfo {
	bl, tl, tr := gozxing.ResultPoint_OrderBestPatterns(t.centers[0], t.centers[1], t.centers[2])
	return detector.NewFinderPatternInfo(bl.(*detector.FinderPattern), tl.(*detector.FinderPattern), tr.(*detector.FinderPattern))
}

// likelyTriples lists the triples that may belong together, the likeliest first.
func likelyTriples(centers []*detector.FinderPattern) []triple {
	var list []triple
	for i, a := range centers {
		for j, b := range centers[:i] {
			for _, c := range centers[:j] {
				if t := (triple{centers: [3]*detector.FinderPattern{a, b, c}}); t.likely() {
					list = append(list, t)
				}
			}
		}
	}
	slices.SortStableFunc(list, func(a, b triple) int { return cmp.Compare(a.doubt, b.doubt) })
	return list[:min(len(list), mostTries)]
}

// likely reports whether three patterns have about the same module size and
// stand at about a right angle with legs of similar length, and sets the doubt.
func (t *triple) likely() bool {
	a, b, c := t.centers[0], t.centers[1], t.centers[2]
	least := min(a.GetEstimatedModuleSize(), b.GetEstimatedModuleSize(), c.GetEstimatedModuleSize())
	most := max(a.GetEstimatedModuleSize(), b.GetEstimatedModuleSize(), c.GetEstimatedModuleSize())
	d := [3]float64{
		gozxing.ResultPoint_Distance(a, b),
		gozxing.ResultPoint_Distance(b, c),
		gozxing.ResultPoint_Distance(a, c),
	}
	slices.Sort(d[:])
	diagonal := d[2] / math.Hypot(d[0], d[1])
	if most > 1.8*least || d[0] < 8*least || d[1] > 1.8*d[0] || diagonal < 0.75 || diagonal > 1.25 {
		return false
	}
	// Of several codes in a grid the patterns of one stand closest.
	modules := d[0] / least
	t.doubt = (d[1]/d[0] - 1) + math.Abs(diagonal-1) + (most/least - 1) + modules/100
	return true
}

// quad is a convex four-sided area, its corners in turn.
type quad [4]struct{ x, y float64 }

// around gives the area of a symbol from its finder patterns, stretch times as
// wide as their centers are apart.
func around(info *detector.FinderPatternInfo, stretch float64) quad {
	bl, tl, tr := info.GetBottomLeft(), info.GetTopLeft(), info.GetTopRight()
	mx, my := (bl.GetX()+tr.GetX())/2, (bl.GetY()+tr.GetY())/2
	var q quad
	for i, p := range []*detector.FinderPattern{tl, tr, nil, bl} {
		x, y := 2*mx-tl.GetX(), 2*my-tl.GetY()
		if p != nil {
			x, y = p.GetX(), p.GetY()
		}
		q[i].x, q[i].y = mx+(x-mx)*stretch, my+(y-my)*stretch
	}
	return q
}

// size is the area in square pixels.
func (q quad) size() float64 {
	twice := 0.0
	for i, a := range q {
		b := q[(i+1)%4]
		twice += a.x*b.y - b.x*a.y
	}
	return math.Abs(twice) / 2
}

// wipe makes the area white.
func (q quad) wipe(m *gozxing.BitMatrix) {
	left, right, top, bottom := q[0].x, q[0].x, q[0].y, q[0].y
	for _, c := range q[1:] {
		left, right = min(left, c.x), max(right, c.x)
		top, bottom = min(top, c.y), max(bottom, c.y)
	}
	for y := max(0, int(top)); y <= int(bottom) && y < m.GetHeight(); y++ {
		for x := max(0, int(left)); x <= int(right) && x < m.GetWidth(); x++ {
			if q.holds(float64(x), float64(y)) {
				m.Unset(x, y)
			}
		}
	}
}

// holds reports whether a point is on the same side of all four edges.
func (q quad) holds(x, y float64) bool {
	sides := 0
	for i, a := range q {
		b := q[(i+1)%4]
		if (b.x-a.x)*(y-a.y)-(b.y-a.y)*(x-a.x) >= 0 {
			sides++
		}
	}
	return sides == 0 || sides == 4
}
