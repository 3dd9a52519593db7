package tagging

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"

	"rsc.io/qr"
)

// A simulated photo: labels with a code on a grey ground, seen through a
// camera that is turned, tilted, out of focus and noisy. The seed fixes it all.

// label is a matrix of modules with a white quiet zone around.
type label struct {
	w, h  int
	quiet int
	black func(x, y int) bool
}

func qrLabel(t testing.TB, text string, level qr.Level) label {
	t.Helper()
	c, err := qr.Encode(text, level)
	if err != nil {
		t.Fatal(err)
	}
	return label{c.Size, c.Size, 4, c.Black}
}

// shot is how a label is seen.
type shot struct {
	w, h        int     // of the photo, pixels
	pixels      float64 // a module
	angle       float64 // radians
	tilt        float64 // perspective: how much nearer one side is, 0 to 0.3
	sigma       float64 // blur, pixels
	noise       float64 // standard deviation, grey levels
	dark, light float64 // ink and paper
	dx, dy      float64 // of the label from the centre, pixels
}

func (s shot) plain() shot {
	if s.light == 0 {
		s.dark, s.light = 40, 215
	}
	return s
}

// photograph renders labels into one gray image.
func photograph(rnd *rand.Rand, ground float64, labels []label, shots []shot) *image.Gray {
	w, h := shots[0].w, shots[0].h
	pix := make([]float64, w*h)
	for i := range pix {
		pix[i] = ground + 15*math.Sin(float64(i%w)/37)*math.Sin(float64(i/w)/53)
	}
	for i, s := range shots {
		draw(pix, w, h, labels[i], s.plain())
	}
	pix = gauss(pix, w, h, shots[0].sigma)
	g := image.NewGray(image.Rect(0, 0, w, h))
	for i, v := range pix {
		shade := 1 - 0.2*float64(i%w)/float64(w)
		g.Pix[i] = uint8(max(0, min(255, v*shade+shots[0].noise*rnd.NormFloat64())))
	}
	return g
}

func draw(pix []float64, w, h int, l label, s shot) {
	sin, cos := math.Sincos(s.angle)
	reach := float64(max(l.w, l.h)+2*l.quiet) * s.pixels
	cx, cy := float64(w)/2+s.dx, float64(h)/2+s.dy
	const n = 2 // samples a pixel and direction
	for y := max(0, int(cy-reach)); y < min(h, int(cy+reach)); y++ {
		for x := max(0, int(cx-reach)); x < min(w, int(cx+reach)); x++ {
			sum, hits := 0.0, 0
			for k := range n * n {
				px := float64(x) + (float64(k%n)+0.5)/n - cx
				py := float64(y) + (float64(k/n)+0.5)/n - cy
				u, v := cos*px+sin*py, -sin*px+cos*py
				depth := 1 + s.tilt*u/reach*2
				u, v = u/depth/s.pixels, v/depth/s.pixels
				mx, my := int(math.Floor(u+float64(l.w)/2)), int(math.Floor(v+float64(l.h)/2))
				switch {
				case mx < -l.quiet || my < -l.quiet || mx >= l.w+l.quiet || my >= l.h+l.quiet:
					continue
				case mx >= 0 && my >= 0 && mx < l.w && my < l.h && l.black(mx, my):
					sum += s.dark
				default:
					sum += s.light
				}
				hits++
			}
			if hits > 0 {
				at := y*w + x
				pix[at] = (sum + pix[at]*float64(n*n-hits)) / (n * n)
			}
		}
	}
}

// gauss blurs in both directions.
func gauss(pix []float64, w, h int, sigma float64) []float64 {
	if sigma == 0 {
		return pix
	}
	r := int(math.Ceil(3 * sigma))
	kernel := make([]float64, 2*r+1)
	total := 0.0
	for i := range kernel {
		kernel[i] = math.Exp(-float64((i-r)*(i-r)) / (2 * sigma * sigma))
		total += kernel[i]
	}
	pass := func(in []float64, n, stride, lines, step int) []float64 {
		out := make([]float64, len(in))
		for line := range lines {
			for i := range n {
				sum := 0.0
				for k, weight := range kernel {
					j := max(0, min(n-1, i+k-r))
					sum += weight * in[line*step+j*stride]
				}
				out[line*step+i*stride] = sum / total
			}
		}
		return out
	}
	return pass(pass(pix, w, 1, h, w), h, w, w, 1)
}

func asJPEG(t testing.TB, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// inColour makes the gray image a colour one, as cameras write it.
func inColour(g *image.Gray) image.Image {
	img := image.NewYCbCr(g.Rect, image.YCbCrSubsampleRatio420)
	for y := range g.Rect.Dy() {
		copy(img.Y[y*img.YStride:], g.Pix[y*g.Stride:][:g.Rect.Dx()])
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = 120, 134
	}
	return img
}
