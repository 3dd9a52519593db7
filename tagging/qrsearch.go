package tagging

import (
	"cmp"
	"math"
	"slices"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

// readQR reads the QR Codes of a black and white image. Each one found is
// wiped out, so that the next look finds another.
func (s *searcher) readQR(m *gozxing.BitMatrix) (found []Payload) {
	for m != nil && len(found) < mostPayloads {
		info, err := detector.NewFinderPatternFinder(m, nil).Find(nil)
		if err != nil {
			return found
		}
		p, area, ok := decodeQR(m, info)
		if !ok {
			break
		}
		found = addPayload(found, p)
		area.wipe(m)
		s.covered = max(s.covered, area.size()/float64(m.GetWidth()*m.GetHeight()))
	}
	if len(found) == 0 || s.covered > wholePart {
		return found
	}
	return s.readOtherTriples(m, found)
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

// readOtherTriples tries the finder patterns that the detector did not choose:
// print beside the code may have a better looking false one, and of several
// codes it mixes the patterns. What it reads is added to found and wiped out, and
// the rest looked at again.
func (s *searcher) readOtherTriples(m *gozxing.BitMatrix, found []Payload) []Payload {
	for {
		payloads, areas := s.readTriples(m, finderCenters(m))
		for i, p := range payloads {
			found = addPayload(found, p)
			areas[i].wipe(m)
		}
		if len(payloads) == 0 || len(found) >= mostPayloads || !s.more() {
			return found
		}
	}
}

// readTriples tries all triples of centers that may belong to one code.
func (s *searcher) readTriples(m *gozxing.BitMatrix, centers []*detector.FinderPattern) (found []Payload, areas []quad) {
	const most = 30 // centers, 10 codes
	centers = centers[:min(len(centers), most)]
	used := make([]bool, len(centers))
	for i, a := range centers {
		for j, b := range centers[:i] {
			for k, c := range centers[:j] {
				if used[i] || used[j] || used[k] || !likelyTriple(a, b, c) {
					continue
				}
				if !s.more() {
					return found, areas
				}
				bl, tl, tr := gozxing.ResultPoint_OrderBestPatterns(a, b, c)
				info := detector.NewFinderPatternInfo(bl.(*detector.FinderPattern), tl.(*detector.FinderPattern), tr.(*detector.FinderPattern))
				if p, area, ok := decodeQR(m, info); ok {
					found, areas = append(found, p), append(areas, area)
					used[i], used[j], used[k] = true, true, true
				}
			}
		}
	}
	return found, areas
}

// finderCenters lists what looks like a finder pattern, the surest first. The
// detector's own scan stops and skips rows once it knows two or three patterns,
// which loses those of other codes, so the rows are walked here: each five runs
// dark, light, dark, light, dark in the proportions 1:1:3:1:1 are a candidate.
func finderCenters(m *gozxing.BitMatrix) []*detector.FinderPattern {
	if m == nil {
		return nil
	}
	const step = 3 // rows; a center has three modules
	finder := detector.NewFinderPatternFinder(m, nil)
	row := gozxing.NewBitArray(m.GetWidth())
	for y := step - 1; y < m.GetHeight(); y += step {
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

// likelyTriple reports whether three patterns have about the same module size
// and stand at about a right angle with legs of similar length.
func likelyTriple(a, b, c *detector.FinderPattern) bool {
	sizes := []float64{a.GetEstimatedModuleSize(), b.GetEstimatedModuleSize(), c.GetEstimatedModuleSize()}
	if slices.Max(sizes) > 1.6*slices.Min(sizes) {
		return false
	}
	d := []float64{
		gozxing.ResultPoint_Distance(a, b),
		gozxing.ResultPoint_Distance(b, c),
		gozxing.ResultPoint_Distance(a, c),
	}
	slices.Sort(d)
	if d[0] < 10*slices.Min(sizes) || d[1] > 1.7*d[0] {
		return false
	}
	hypotenuse := math.Hypot(d[0], d[1])
	return d[2] > 0.8*hypotenuse && d[2] < 1.2*hypotenuse
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
