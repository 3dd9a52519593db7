package tagging

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/datamatrix"
	"github.com/makiuchi-d/gozxing/oned"
	"rsc.io/qr"

	"github.com/tagwerk/tagwerk/tagging/picture"
)

// patient is a PhotoReader without a time limit, so that a busy machine
// changes no result.
func patient() *PhotoReader {
	p := NewPhotoReader(picture.NewReader(2))
	p.limit = time.Hour
	return p
}

func ownURL(t testing.TB, c Code) string {
	t.Helper()
	u, err := c.URL("https://scan.example.com")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestSimulatedPhotos holds the bar of design.md section 7: what a phone sees
// at 4 pixels a module out of focus, and at 3 pixels sharp, is read always and
// never wrongly.
func TestSimulatedPhotos(t *testing.T) {
	r := patient()
	for _, tt := range []struct {
		pixels, sigma float64
		w, h, n       int
	}{
		{4, 1.4, 400, 300, 24},
		{3, 0.8, 400, 300, 16},
		{2.5, 0.8, 400, 300, 6},
		{6, 1.4, 500, 400, 4},
		{8, 1.4, 1600, 1200, 1},
	} {
		t.Run(fmt.Sprintf("%.1f pixels a module, blur %.1f, %d wide", tt.pixels, tt.sigma, tt.w), func(t *testing.T) {
			for i, code := range someCodes(t, tt.n) {
				rnd := rand.New(rand.NewPCG(uint64(i), 7))
				want := ownURL(t, code)
				l := qrLabel(t, want, []qr.Level{qr.M, qr.Q}[i%2])
				g := photograph(rnd, 120, []label{l}, []shot{{
					w: tt.w, h: tt.h, pixels: tt.pixels, sigma: tt.sigma, noise: 4,
					angle: 2 * math.Pi * rnd.Float64(), tilt: 0.15 * rnd.Float64(),
				}})
				got, err := r.Read(t.Context(), asJPEG(t, inColour(g), 85))
				if err != nil || len(got) != 1 || got[0] != (Payload{want, "]Q1"}) {
					t.Errorf("photo %d: %v, %v", i, got, err)
				}
			}
		})
	}
}

func matrixLabel(t testing.TB, w gozxing.Writer, f gozxing.BarcodeFormat, text string, width, height int) label {
	t.Helper()
	m, err := w.Encode(text, f, width, height, nil)
	if err != nil {
		t.Fatal(err)
	}
	return label{m.GetWidth(), m.GetHeight(), 4, m.Get}
}

func TestPhotoReader(t *testing.T) {
	r := patient()
	codes := someCodes(t, 6)
	rnd := rand.New(rand.NewPCG(3, 4))
	one := func(l label, s shot) *image.Gray { return photograph(rnd, 200, []label{l}, []shot{s}) }
	read := func(t *testing.T, b []byte) []Payload {
		t.Helper()
		got, err := r.Read(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}

	t.Run("several labels in one photo", func(t *testing.T) {
		var labels []label
		var shots []shot
		var want []string
		for i, c := range codes {
			want = append(want, ownURL(t, c))
			labels = append(labels, qrLabel(t, want[i], qr.Q))
			shots = append(shots, shot{w: 900, h: 640, pixels: 6, sigma: 0.8, noise: 3, angle: 0.1,
				dx: float64(i%3-1) * 280, dy: float64(i/3)*290 - 145})
		}
		var texts []string
		for _, p := range read(t, asJPEG(t, photograph(rnd, 200, labels, shots), 85)) {
			texts = append(texts, p.Text)
		}
		slices.Sort(texts)
		slices.Sort(want)
		if !slices.Equal(texts, want) {
			t.Errorf("got %q\nwant %q", texts, want)
		}
	})
	t.Run("a sheet of 24 labels", func(t *testing.T) {
		var labels []label
		var shots []shot
		want := map[string]bool{}
		for i, c := range someCodes(t, 24) {
			u := ownURL(t, c)
			want[u] = true
			labels = append(labels, qrLabel(t, u, qr.Q))
			shots = append(shots, shot{w: 1000, h: 700, pixels: 4, sigma: 0.8, noise: 3,
				dx: float64(i%6)*160 - 400, dy: float64(i/6)*160 - 240})
		}
		got := read(t, asJPEG(t, photograph(rnd, 215, labels, shots), 85))
		for _, p := range got {
			delete(want, p.Text)
		}
		if len(got) != 24 || len(want) != 0 {
			t.Errorf("%d read, missing %d", len(got), len(want))
		}
	})
	t.Run("turned and mirrored", func(t *testing.T) {
		want := ownURL(t, codes[0])
		l := qrLabel(t, want, qr.Q)
		mirrored := l
		mirrored.black = func(x, y int) bool { return l.black(l.w-1-x, y) }
		for quarter := range 4 {
			for _, l := range []label{l, mirrored} {
				g := one(l, shot{w: 300, h: 300, pixels: 6, sigma: 1, noise: 3, angle: float64(quarter) * math.Pi / 2})
				if got := read(t, asPNG(t, g)); got[0].Text != want {
					t.Errorf("quarter %d: %q", quarter, got)
				}
			}
		}
	})
	t.Run("light modules on dark ground", func(t *testing.T) {
		want := ownURL(t, codes[1])
		g := one(qrLabel(t, want, qr.Q), shot{w: 300, h: 300, pixels: 6, sigma: 0.8, noise: 3, dark: 215, light: 40})
		if got := read(t, asPNG(t, g)); got[0].Text != want {
			t.Errorf("got %q", got)
		}
	})
	t.Run("Data Matrix", func(t *testing.T) {
		l := matrixLabel(t, datamatrix.NewDataMatrixWriter(), gozxing.BarcodeFormat_DATA_MATRIX, "SC-3491XY", 0, 0)
		got := read(t, asPNG(t, one(l, shot{w: 300, h: 240, pixels: 8, sigma: 0.8, noise: 3, angle: 0.2})))
		if got[0] != (Payload{"SC-3491XY", "]d1"}) {
			t.Errorf("got %q", got)
		}
	})
	for name, angle := range map[string]float64{"upright": 0, "turned": math.Pi / 2, "upside down": math.Pi} {
		t.Run("Code 128 "+name, func(t *testing.T) {
			l := matrixLabel(t, oned.NewCode128Writer(), gozxing.BarcodeFormat_CODE_128, "1P3491-77", 1, 40)
			l.quiet = 12
			got := read(t, asPNG(t, one(l, shot{w: 640, h: 640, pixels: 3, sigma: 0.8, noise: 3, angle: angle})))
			if got[0].Symbology != "]C0" || got[0].Text != "1P3491-77" {
				t.Errorf("got %q", got)
			}
		})
	}
	t.Run("GS1-128 becomes a GS1 key", func(t *testing.T) {
		// ñ is FNC1 in this writer.
		const fnc1 = "\u00f1"
		l := matrixLabel(t, oned.NewCode128Writer(), gozxing.BarcodeFormat_CODE_128, fnc1+"010403103145574921A77"+fnc1+"10L", 1, 40)
		l.quiet = 12
		got := read(t, asPNG(t, one(l, shot{w: 900, h: 300, pixels: 3, sigma: 0.6, noise: 3})))
		reading := ParseComponent(got[0].Input(), Config{})
		if !slices.Equal(reading.Candidates, []string{"gs1:(01)04031031455749(21)A77"}) {
			t.Errorf("%q: %+v", got, reading)
		}
	})
}

func TestPhotoReaderRefuses(t *testing.T) {
	r := patient()
	small := NewPhotoReader(picture.NewReader(1))
	small.limit = 0
	for _, tt := range []struct {
		name string
		in   []byte
		want error
	}{
		{"SEC-61 not an image", []byte("no image"), picture.ErrNotImage},
		{"SEC-61 HEIC", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), picture.ErrUnsupported},
		{"SEC-61 too many bytes", make([]byte, picture.MaxBytes+1), picture.ErrTooLarge},
		{"no code on plain ground", asPNG(t, image.NewGray(image.Rect(0, 0, 320, 240))), ErrNoCode},
		{"no code in a pixel", asPNG(t, image.NewGray(image.Rect(0, 0, 1, 1))), ErrNoCode},
		{"no code in a line", asPNG(t, image.NewGray(image.Rect(0, 0, 2000, 1))), ErrNoCode},
		{"no code in a column", asPNG(t, image.NewGray(image.Rect(0, 0, 3, 2000))), ErrNoCode},
		{"no code in noise", asPNG(t, grain(400, 300)), ErrNoCode},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := r.Read(t.Context(), tt.in); !errors.Is(err, tt.want) || len(got) != 0 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	t.Run("the search stops when its time is up", func(t *testing.T) {
		g := photograph(rand.New(rand.NewPCG(1, 1)), 200, []label{qrLabel(t, "X", qr.Q)}, []shot{{w: 200, h: 200, pixels: 6}})
		if got, err := small.Read(t.Context(), asPNG(t, g)); !errors.Is(err, ErrNoCode) {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("a caller who has gone is told so", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Read(ctx, asPNG(t, grain(50, 50))); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// TestHostilePhotos holds that pictures made to keep the search busy do not:
// gozxing's own detector combines all finder patterns of a picture and needed a
// minute for the first ones.
func TestHostilePhotos(t *testing.T) {
	r := NewPhotoReader(picture.NewReader(1))
	for name, g := range hostile() {
		t.Run("SEC-61 "+name, func(t *testing.T) {
			start := time.Now()
			got, err := r.Read(t.Context(), asPNG(t, g))
			if !errors.Is(err, ErrNoCode) {
				t.Errorf("%v, %v", got, err)
			}
			// The bar is 0.5 s; a busy machine under the race detector needs more.
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func hostile() map[string]*image.Gray {
	return map[string]*image.Gray{
		"finder patterns of two sizes":   finders(900, 1, 2),
		"finder patterns of three sizes": finders(1800, 2, 4),
		"stripes like finder patterns":   stripes(1800),
		"noise":                          grain(1152, 864),
	}
}

// finders is full of finder patterns of lo to hi pixels a module.
func finders(side, lo, hi int) *image.Gray {
	rnd := rand.New(rand.NewPCG(9, 9))
	g := image.NewGray(image.Rect(0, 0, side, side))
	for i := range g.Pix {
		g.Pix[i] = 230
	}
	for y := 0; y+9*hi < side; y += 8 * hi {
		for x := 0; x+9*hi < side; x += 8 * hi {
			m := lo + rnd.IntN(hi-lo+1)
			for i := range 49 * m * m {
				u, v := i%(7*m)/m, i/(7*m)/m
				ring := max(u-3, 3-u, v-3, 3-v)
				if ring != 2 {
					g.Pix[(y+i/(7*m))*g.Stride+x+i%(7*m)] = 20
				}
			}
		}
	}
	return g
}

// stripes looks like a finder pattern in every row at every place.
func stripes(side int) *image.Gray {
	g := image.NewGray(image.Rect(0, 0, side, side))
	for i := range g.Pix {
		if x := i % side / 2 % 8; x == 1 || x == 5 || x == 7 {
			g.Pix[i] = 230
		}
	}
	return g
}

// grain is noise: hostile to finders, which see patterns everywhere.
func grain(w, h int) *image.Gray {
	rnd := rand.New(rand.NewPCG(5, 6))
	g := image.NewGray(image.Rect(0, 0, w, h))
	for i := range g.Pix {
		g.Pix[i] = uint8(rnd.Uint32())
	}
	return g
}

// FuzzSearch flips modules of a code and cuts the image, which reaches deep
// into the decoders: they must not panic, and what they read must be text.
func FuzzSearch(f *testing.F) {
	f.Add(uint16(120), uint16(120), []byte{1, 2, 3})
	f.Add(uint16(1), uint16(300), []byte("flip"))
	l := qrLabel(f, "HTTPS://SCAN.EXAMPLE.COM/T/7K3M9QXD2VHTP", qr.Q)
	whole := photograph(rand.New(rand.NewPCG(1, 1)), 200, []label{l}, []shot{{w: 160, h: 160, pixels: 4}})
	f.Fuzz(func(t *testing.T, w, h uint16, flips []byte) {
		part := image.Rect(0, 0, int(w%160)+1, int(h%160)+1)
		g := image.NewGray(part)
		for y := range part.Dy() {
			copy(g.Pix[y*g.Stride:], whole.Pix[y*whole.Stride:][:part.Dx()])
		}
		for i, b := range flips {
			g.Pix[(i*7919+int(b)*4093)%len(g.Pix)] ^= 0xff
		}
		for _, p := range search(t.Context(), g) {
			if p.Text == "" || len(p.Symbology) != 3 {
				t.Fatalf("payload %+v", p)
			}
		}
	})
}

func BenchmarkPhotoDecode(b *testing.B) {
	r := NewPhotoReader(picture.NewReader(2))
	rnd := rand.New(rand.NewPCG(9, 9))
	l := qrLabel(b, "HTTPS://SCAN.EXAMPLE.COM/T/7K3M9QXD2VHTP", qr.Q)
	photo := func(w, h int, pixels float64) []byte {
		g := photograph(rnd, 150, []label{l}, []shot{{w: w, h: h, pixels: pixels, angle: 0.3, sigma: 1.4, noise: 4, tilt: 0.05}})
		return asJPEG(b, inColour(g), 88)
	}
	blank := photograph(rnd, 150, []label{{black: func(int, int) bool { return false }}}, []shot{{w: 1152, h: 864, sigma: 1.4, noise: 4, pixels: 6}})
	for _, bench := range []struct {
		name string
		jpeg []byte
		want error
	}{
		{"1 MP", photo(1152, 864, 8), nil},
		{"12 MP", photo(4000, 3000, 24), nil},
		{"1 MP, nothing to find", asJPEG(b, inColour(blank), 88), ErrNoCode},
		{"1 MP, noise", asJPEG(b, inColour(grain(1152, 864)), 88), ErrNoCode},
		{"hostile finder patterns", asPNG(b, finders(1800, 2, 4)), ErrNoCode},
		{"hostile stripes", asPNG(b, stripes(1800)), ErrNoCode},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bench.jpeg)))
			for b.Loop() {
				if _, err := r.Read(b.Context(), bench.jpeg); !errors.Is(err, bench.want) {
					b.Fatal(err)
				}
			}
		})
	}
}
