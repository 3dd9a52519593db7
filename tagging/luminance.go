package tagging

import (
	"image"

	"github.com/makiuchi-d/gozxing"
)

// plane is a grayscale image without gaps between its rows.
type plane struct {
	w, h int
	pix  []byte
}

func newPlane(w, h int) plane { return plane{w, h, make([]byte, w*h)} }

// shrink copies g, each pixel the average of k times k.
func shrink(g *image.Gray, k int) plane {
	p := newPlane(g.Rect.Dx()/k, g.Rect.Dy()/k)
	if k == 1 {
		for y := range p.h {
			copy(p.pix[y*p.w:][:p.w], g.Pix[y*g.Stride:])
		}
		return p
	}
	sums := make([]uint32, p.w)
	area := uint32(k * k)
	for y := range p.h {
		clear(sums)
		for dy := range k {
			row := g.Pix[(y*k+dy)*g.Stride:][:p.w*k]
			for x := range sums {
				s := uint32(0)
				for _, v := range row[x*k:][:k] {
					s += uint32(v)
				}
				sums[x] += s
			}
		}
		for x, s := range sums {
			p.pix[y*p.w+x] = uint8(s / area)
		}
	}
	return p
}

// blur smooths with the weights 1 2 1 in both directions.
func (p plane) blur() plane {
	out := newPlane(p.w, p.h)
	line := make([]int, p.w+2)
	for y := range p.h {
		above, here, below := p.row(y-1), p.row(y), p.row(y+1)
		for x := range p.w {
			line[x+1] = int(above[x]) + 2*int(here[x]) + int(below[x])
		}
		line[0], line[p.w+1] = line[1], line[p.w]
		for x := range p.w {
			out.pix[y*p.w+x] = uint8((line[x] + 2*line[x+1] + line[x+2] + 8) / 16)
		}
	}
	return out
}

// row gives row y, beyond the edge the nearest one.
func (p plane) row(y int) []byte {
	y = max(0, min(y, p.h-1))
	return p.pix[y*p.w:][:p.w]
}

// sharpen adds strength times the difference to the blurred image.
func (p plane) sharpen(strength int) plane {
	out := p.blur()
	for i, v := range p.pix {
		out.pix[i] = uint8(max(0, min(255, int(v)+strength*(int(v)-int(out.pix[i])))))
	}
	return out
}

// resize scales with linear interpolation to w times h pixels.
func (p plane) resize(w, h int) plane {
	out := newPlane(w, h)
	const one = 256
	at := func(i, n, from int) (int, int) {
		pos := max(0, ((2*i+1)*from*one/n-one)/2)
		k := min(pos/one, from-1)
		return k, pos - k*one
	}
	left := make([]int, w)
	share := make([]int, w)
	for x := range w {
		left[x], share[x] = at(x, w, p.w)
	}
	for y := range h {
		k, v := at(y, h, p.h)
		above, below := p.row(k), p.row(k+1)
		for x := range w {
			l := left[x]
			r := min(l+1, p.w-1)
			u := share[x]
			a := int(above[l])*(one-u) + int(above[r])*u
			b := int(below[l])*(one-u) + int(below[r])*u
			out.pix[y*w+x] = uint8((a*(one-v) + b*v + one*one/2) / (one * one))
		}
	}
	return out
}

// crop copies the part of p that r covers; r lies inside p.
func (p plane) crop(r image.Rectangle) plane {
	out := newPlane(r.Dx(), r.Dy())
	for y := range out.h {
		copy(out.row(y), p.row(r.Min.Y + y)[r.Min.X:])
	}
	return out
}

// turn turns by a quarter.
func (p plane) turn() plane {
	out := newPlane(p.h, p.w)
	for y := range p.h {
		for x, v := range p.row(y) {
			out.pix[x*p.h+p.h-1-y] = v
		}
	}
	return out
}

// source is the plane as gozxing wants it.
func (p plane) source() gozxing.LuminanceSource {
	s, err := gozxing.NewPlanarYUVLuminanceSource(p.pix, p.w, p.h, 0, 0, p.w, p.h, false)
	if err != nil {
		// Only a crop that does not fit is refused, and this is the whole.
		panic(err)
	}
	return s
}

// global is black where darker than one threshold for the whole image; nil if
// the histogram has no two peaks.
func (p plane) global() *gozxing.BitMatrix {
	m, err := gozxing.NewGlobalHistgramBinarizer(p.source()).GetBlackMatrix()
	if err != nil {
		return nil
	}
	return m
}

// hybrid is black by thresholds of blocks of 8 times 8 and their neighbours.
func (p plane) hybrid() *gozxing.BitMatrix {
	m, err := gozxing.NewHybridBinarizer(p.source()).GetBlackMatrix()
	if err != nil {
		return nil
	}
	return m
}

// means knows the sum of every rectangle of a plane, so that the mean of any
// window costs four look-ups.
type means struct {
	plane
	sums []uint32 // of all pixels above and left of a corner
}

func (p plane) means() means {
	m := means{p, make([]uint32, (p.w+1)*(p.h+1))}
	for y := range p.h {
		above, here := m.sums[y*(p.w+1)+1:][:p.w], m.sums[(y+1)*(p.w+1)+1:][:p.w]
		s := uint32(0)
		for x, v := range p.row(y) {
			s += uint32(v)
			here[x] = above[x] + s
		}
	}
	return m
}

// black is black where darker than the mean of a window around, whose side is
// the given part of the image's longer side.
func (m means) black(part int) *gozxing.BitMatrix {
	matrix, err := gozxing.NewBitMatrix(m.w, m.h)
	if err != nil {
		return nil
	}
	half := max(m.w, m.h) / part / 2
	row := gozxing.NewBitArray(m.w)
	for y := range m.h {
		top, bottom := max(0, y-half), min(m.h, y+half+1)
		upper, lower := m.sums[top*(m.w+1):][:m.w+1], m.sums[bottom*(m.w+1):][:m.w+1]
		row.Clear()
		word := uint32(0)
		for x, v := range m.row(y) {
			left, right := max(0, x-half), min(m.w, x+half+1)
			sum := lower[right] - lower[left] - upper[right] + upper[left]
			area := uint32((right - left) * (bottom - top))
			// Darker than 96 % of the mean, so that paper stays white. A window
			// has at most a few 100,000 pixels, so nothing overflows.
			if 25*area*uint32(v) < 24*sum {
				word |= 1 << (x & 31)
			}
			if x&31 == 31 || x == m.w-1 {
				row.SetBulk(x, word)
				word = 0
			}
		}
		matrix.SetRow(y, row)
	}
	return matrix
}
