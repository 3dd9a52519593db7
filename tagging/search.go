package tagging

import (
	"context"
	"image"
	"slices"

	"github.com/makiuchi-d/gozxing"
)

const (
	// workingSide is the length in pixels to which the longer side of a photo
	// is averaged down first: noise goes, and most codes are still 4 pixels a
	// module and more.
	workingSide = 900
	// fineSide is that of the second look, for small codes in a large photo.
	fineSide = 2 * workingSide
	// smallSide is up to where enlarging three times is worth its time.
	smallSide = 640
	// wholePart is the part of a photo that one code must fill for more codes
	// beside it to be unlikely.
	wholePart = 0.1
)

// search tries ever costlier ways to see a code and stops at the first that
// shows one. Thresholds for the whole image and for blocks read what is sharp;
// means of a window about the size of a code, on an image twice as fine, read
// what is small or out of focus (95 % of simulated photos at 3 pixels a module,
// where block thresholds read 77 %).
func search(ctx context.Context, g *image.Gray) []Payload {
	if g.Rect.Dx() < 1 || g.Rect.Dy() < 1 {
		return nil
	}
	s := newSearcher(ctx, g)
	steps := []func() []Payload{
		func() []Payload { s.global = s.view.global(); return s.readQR(s.global) },
		func() []Payload { s.hybrid = s.view.hybrid(); return s.readQR(s.hybrid) },
		func() []Payload { s.mean = s.view.means().black(4); return s.readQR(s.mean) },
		func() []Payload { s.fineMean = s.fineMeans().black(4); return s.readQR(s.fineMean) },
		func() []Payload { return readDataMatrix(s.hybrid, s.mean) },
		func() []Payload { return readCode128(s.view) },
		func() []Payload { return s.readQR(s.fineMeans().black(8)) },
		func() []Payload { return s.readQR(s.finer().hybrid()) },
		func() []Payload { return s.readQR(s.view.blur().global()) },
		func() []Payload { s.fineNear = s.fineMeans().black(16); return s.readQR(s.fineNear) },
		func() []Payload { return s.readAroundCenters(s.fineNear) },
		func() []Payload { return readDataMatrix(s.fineMean) },
		func() []Payload { return s.readQR(inverted(s.hybrid)) },
		func() []Payload { return s.readQR(inverted(s.mean)) },
		func() []Payload { return s.readQR(enlarged(s.view.sharpen(4)).means().black(4)) },
		func() []Payload { return s.readQR(enlarged(s.view.blur()).means().black(4)) },
		func() []Payload { return s.readQR(s.view.sharpen(2).hybrid()) },
		func() []Payload { return s.readQR(s.coarser().global()) },
		func() []Payload { return s.readQR(s.coarser().hybrid()) },
		func() []Payload { return s.readEnlarged() },
	}
	for _, step := range steps {
		if !s.more() {
			return nil
		}
		found := step()
		if len(found) == 0 {
			continue
		}
		if s.hybrid == nil && s.covered <= wholePart {
			// One threshold for all leaves codes in shadow unseen.
			for _, p := range s.readQR(s.view.hybrid()) {
				found = addPayload(found, p)
			}
		}
		return found
	}
	return nil
}

// searcher keeps the views of one photo that several steps use.
type searcher struct {
	ctx    context.Context // of one call of search
	gray   *image.Gray
	factor int // by which view is averaged down from gray
	view   plane
	fine   plane // made on demand by finer

	fineSums means // made on demand by fineMeans

	covered float64 // part of the photo that the largest code found fills

	global, hybrid, mean, fineMean, fineNear *gozxing.BitMatrix
}

func newSearcher(ctx context.Context, g *image.Gray) *searcher {
	factor := reduction(g, workingSide)
	return &searcher{ctx: ctx, gray: g, factor: factor, view: shrink(g, factor)}
}

// more reports whether there is time for another step.
func (s *searcher) more() bool { return s.ctx.Err() == nil }

// reduction is the whole number by which g is averaged down to about side
// pixels, so that each direction keeps at least one.
func reduction(g *image.Gray, side int) int {
	w, h := g.Rect.Dx(), g.Rect.Dy()
	return min(max(1, (max(w, h)+side/2)/side), w, h)
}

// finer is the photo at about twice the working size, enlarged if it does not
// have as many pixels.
func (s *searcher) finer() plane {
	if s.fine.pix == nil {
		switch f := reduction(s.gray, fineSide); {
		case f < s.factor:
			s.fine = shrink(s.gray, f)
		default:
			s.fine = enlarged(s.view)
		}
	}
	return s.fine
}

// fineMeans are the means of the finer photo.
func (s *searcher) fineMeans() means {
	if s.fineSums.sums == nil {
		s.fineSums = s.finer().means()
	}
	return s.fineSums
}

// enlarged is twice as large, but not above fineSide.
func enlarged(p plane) plane {
	long := max(p.w, p.h)
	side := min(2*long, max(long, fineSide))
	return p.resize(p.w*side/long, p.h*side/long)
}

// coarser is the photo at 0.7 of the working size, which closes gaps in
// dotted and badly printed modules.
func (s *searcher) coarser() plane {
	return s.view.resize(max(1, s.view.w*7/10), max(1, s.view.h*7/10))
}

// readEnlarged enlarges a small photo three times, as it is and sharpened.
func (s *searcher) readEnlarged() []Payload {
	if max(s.view.w, s.view.h) > smallSide {
		return nil
	}
	for _, strength := range []int{2, 6, 0} {
		large := s.view.sharpen(strength).resize(3*s.view.w, 3*s.view.h).means()
		for _, part := range []int{4, 8} {
			if !s.more() {
				return nil
			}
			if found := s.readQR(large.black(part)); len(found) > 0 {
				return found
			}
		}
	}
	return nil
}

// readAroundCenters cuts out and enlarges what stands around places that look
// like a finder pattern: a code that is small in a large photo gets a threshold
// and a resolution of its own.
func (s *searcher) readAroundCenters(m *gozxing.BitMatrix) []Payload {
	const (
		reach  = 40 // modules around a center that hold a symbol of version 4
		module = 7  // pixels wanted
		most   = 6  // places
	)
	var seen []image.Rectangle
	for _, c := range s.finderCenters(m) {
		size := c.GetEstimatedModuleSize()
		at := image.Pt(int(c.GetX()), int(c.GetY()))
		if len(seen) == most || !s.more() {
			return nil
		}
		if slices.ContainsFunc(seen, func(r image.Rectangle) bool { return at.In(r) }) {
			continue
		}
		seen = append(seen, image.Rectangle{at, at}.Inset(-int(reach*size/2)))
		area := image.Rectangle{at, at}.Inset(-int(reach * size)).Intersect(image.Rect(0, 0, s.fine.w, s.fine.h))
		part := s.fine.crop(area)
		if k := min(4, int(module/size)); k > 1 {
			part = part.resize(k*part.w, k*part.h)
		}
		means := part.means()
		for _, window := range []int{4, 8} {
			if found := s.readQR(means.black(window)); len(found) > 0 {
				return found
			}
		}
	}
	return nil
}

func inverted(m *gozxing.BitMatrix) *gozxing.BitMatrix {
	if m != nil {
		m.FlipAll()
	}
	return m
}
