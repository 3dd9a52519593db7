package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestReaderDecode(t *testing.T) {
	r := NewReader(2)
	whole := jpegOf(t, marked(640, 480))
	t.Run("whole", func(t *testing.T) {
		img, info, err := r.Decode(t.Context(), whole)
		if err != nil || info.Width != 640 || img.Bounds().Dx() != 640 {
			t.Fatalf("%v, %+v, %v", img, info, err)
		}
	})
	t.Run("gray of JPEG is the Y plane", func(t *testing.T) {
		img, _, err := r.Decode(t.Context(), whole)
		if err != nil {
			t.Fatal(err)
		}
		g, _, err := r.Gray(t.Context(), whole)
		if err != nil || !bytes.Equal(g.Pix, img.(*image.YCbCr).Y) {
			t.Fatalf("differs, %v", err)
		}
	})
	t.Run("gray of every PNG colour type is alike", func(t *testing.T) {
		src := marked(32, 32)
		palette := image.NewPaletted(src.Rect, color.Palette{color.RGBA{200, 20, 20, 255}, color.RGBA{230, 230, 230, 255}})
		deep := image.NewNRGBA64(src.Rect)
		clear := image.NewNRGBA(src.Rect)
		for y := range 32 {
			for x := range 32 {
				palette.Set(x, y, src.At(x, y))
				deep.Set(x, y, src.At(x, y))
				c := src.RGBAAt(x, y)
				clear.SetNRGBA(x, y, color.NRGBA{c.R, c.G, c.B, 254})
			}
		}
		for _, img := range []image.Image{src, palette, deep, clear} {
			g, _, err := r.Gray(t.Context(), pngOf(t, img))
			if err != nil {
				t.Fatal(err)
			}
			if dark, light := int(g.GrayAt(1, 1).Y), int(g.GrayAt(30, 30).Y); dark < 72 || dark > 77 || light < 228 || light > 232 {
				t.Errorf("%T: %d and %d", img, dark, light)
			}
		}
	})
	t.Run("transparent is white", func(t *testing.T) {
		g, _, err := r.Gray(t.Context(), pngOf(t, image.NewNRGBA(image.Rect(0, 0, 4, 4))))
		if err != nil || g.GrayAt(2, 2).Y != 255 {
			t.Fatalf("%v, %v", g, err)
		}
	})
	t.Run("cut short", func(t *testing.T) {
		for _, b := range [][]byte{whole[:len(whole)/2], pngOf(t, noise(200, 200))[:4000]} {
			if _, _, err := r.Decode(t.Context(), b); !errors.Is(err, ErrDamaged) {
				t.Errorf("got %v", err)
			}
		}
	})
	t.Run("SEC-61 refused before a decoder is waited for", func(t *testing.T) {
		busy := NewReader(1)
		busy.slots <- struct{}{}
		if _, _, err := busy.Decode(t.Context(), headerBomb(60_000, 60_000, 8)); !errors.Is(err, ErrTooManyPixels) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("waiting ends with the context", func(t *testing.T) {
		busy := NewReader(1)
		busy.slots <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, _, err := busy.Decode(ctx, whole); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a panic is contained and frees its place", func(t *testing.T) {
		one := NewReader(1)
		for range 3 {
			err := one.WithGray(t.Context(), whole, func(context.Context, *image.Gray, Info) error { panic("index out of range") })
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("got %v", err)
			}
		}
	})
}

// TestHaltingReader holds that a decoder stops in the middle of its work: the
// context ends after the tenth of some thousand reads.
func TestHaltingReader(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	src := &haltingReader{ctx: ctx, rest: pngOf(t, noise(300, 300))}
	reads := 0
	_, err := png.Decode(readerFunc(func(p []byte) (int, error) {
		if reads++; reads == 10 {
			cancel()
		}
		return src.Read(p)
	}))
	if !errors.Is(err, context.Canceled) || reads > 11 {
		t.Fatalf("%v after %d reads", err, reads)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestReaderIsBounded(t *testing.T) {
	const parallel = 2
	r := NewReader(parallel)
	b := jpegOf(t, marked(64, 64))
	var now, most atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			err := r.WithGray(t.Context(), b, func(context.Context, *image.Gray, Info) error {
				n := now.Add(1)
				defer now.Add(-1)
				for {
					m := most.Load()
					if n <= m || most.CompareAndSwap(m, n) {
						return nil
					}
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	t.Run("SEC-61 at most two decoders at once", func(t *testing.T) {
		if m := most.Load(); m < 1 || m > parallel {
			t.Errorf("%d at once", m)
		}
	})
}

func TestClean(t *testing.T) {
	r := NewReader(1)
	src := jpegOf(t, marked(400, 200))
	t.Run("SEC-62 place, serial number and appended bytes are gone", func(t *testing.T) {
		in := withExif(src, 1, binary.LittleEndian)
		in = append(in, "PK\x03\x04<script>alert(1)</script>"...)
		if !bytes.Contains(in, []byte("GPS 59.3293N")) {
			t.Fatal("the sample lost its place before the test")
		}
		out, _, err := r.Clean(t.Context(), in, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"GPS", "Exif", "SN-4711", "script", "PK\x03\x04"} {
			if bytes.Contains(out, []byte(s)) {
				t.Errorf("%q survived", s)
			}
		}
		if !bytes.HasSuffix(out, []byte{0xff, markerEOI}) || bytes.Count(out, []byte{0xff, markerEOI}) != 1 {
			t.Error("does not end with its only EOI")
		}
	})
	t.Run("SEC-62 a PNG with a page behind it becomes a plain JPEG", func(t *testing.T) {
		in := append(pngOf(t, marked(20, 20)), "<html><script>alert(1)</script>"...)
		out, info, err := r.Clean(t.Context(), in, 1000)
		if err != nil || info.Format != "jpeg" || bytes.Contains(out, []byte("script")) {
			t.Fatalf("%+v, %v", info, err)
		}
	})
	// The dark corner of the sample is stored upper left; where it must be
	// seen follows from CIPA DC-008.
	corners := map[uint16]struct{ right, down bool }{
		1: {false, false}, 2: {true, false}, 3: {true, true}, 4: {false, true},
		5: {false, false}, 6: {true, false}, 7: {true, true}, 8: {false, true},
	}
	for o, want := range corners {
		t.Run("orientation applied "+string('0'+rune(o)), func(t *testing.T) {
			out, info, err := r.Clean(t.Context(), withExif(src, o, binary.BigEndian), 100)
			if err != nil {
				t.Fatal(err)
			}
			w, h := 100, 50
			if o >= 5 {
				w, h = 50, 100
			}
			if info != (Info{"jpeg", w, h, 1}) {
				t.Fatalf("got %+v", info)
			}
			if again, err := Inspect(out); err != nil || again != info {
				t.Fatalf("inspected %+v, %v", again, err)
			}
			g, _, err := r.Gray(t.Context(), out)
			if err != nil {
				t.Fatal(err)
			}
			for _, right := range []bool{false, true} {
				for _, down := range []bool{false, true} {
					x, y := w/4, h/4
					if right {
						x += w / 2
					}
					if down {
						y += h / 2
					}
					dark := g.GrayAt(x, y).Y < 128
					if dark != (right == want.right && down == want.down) {
						t.Errorf("corner right=%v down=%v dark=%v", right, down, dark)
					}
				}
			}
		})
	}
	t.Run("never scaled up", func(t *testing.T) {
		if _, info, err := r.Clean(t.Context(), src, 5000); err != nil || info.Width != 400 {
			t.Fatalf("%+v, %v", info, err)
		}
	})
	t.Run("a thin image keeps a pixel", func(t *testing.T) {
		if _, info, err := r.Clean(t.Context(), pngOf(t, marked(3000, 1)), 100); err != nil || info.Width != 100 || info.Height != 1 {
			t.Fatalf("%+v, %v", info, err)
		}
	})
}

func TestScaleDownAverages(t *testing.T) {
	src := noise(157, 93)
	for _, side := range []int{156, 100, 79, 50, 7, 1} {
		out := scaleDown(src, side)
		var in, got float64
		for i := 0; i < len(src.Pix); i += 4 {
			in += float64(src.Pix[i])
		}
		for i := 0; i < len(out.Pix); i += 4 {
			got += float64(out.Pix[i])
		}
		in /= float64(len(src.Pix) / 4)
		got /= float64(len(out.Pix) / 4)
		if d := in - got; d > 1 || d < -1 {
			t.Errorf("side %d: mean %f became %f", side, in, got)
		}
	}
}

func noise(w, h int) *image.RGBA {
	rnd := rand.New(rand.NewPCG(1, 2))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = uint8(rnd.Uint32())
		if i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	return img
}

func FuzzPicture(f *testing.F) {
	small := jpegOf(f, marked(24, 16))
	f.Add(small)
	f.Add(withExif(small, 6, binary.LittleEndian))
	f.Add(pngOf(f, marked(24, 16)))
	f.Add(headerBomb(60_000, 60_000, 8))
	f.Add(scanBomb(markerSOF2, 64, 64, 3, 12))
	f.Add([]byte("<svg/>"))
	r := NewReader(1)
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := Inspect(b)
		if err != nil {
			return
		}
		if info.Width < 1 || info.Height < 1 || info.Width > MaxSide || info.Height > MaxSide ||
			info.Width*info.Height > MaxPixels || info.Orientation < 1 || info.Orientation > 8 {
			t.Fatalf("passed %+v", info)
		}
		if info.Width*info.Height > 1<<20 {
			return
		}
		out, cleaned, err := r.Clean(t.Context(), b, 64)
		if err != nil {
			return
		}
		if again, err := Inspect(out); err != nil || again != cleaned || cleaned.Width > 64 || cleaned.Height > 64 {
			t.Fatalf("cleaned %+v, inspected %+v, %v", cleaned, again, err)
		}
	})
}

func BenchmarkClean(b *testing.B) {
	photo := jpegOf(b, marked(4000, 3000))
	r := NewReader(1)
	b.SetBytes(int64(len(photo)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Clean(b.Context(), photo, 1600); err != nil {
			b.Fatal(err)
		}
	}
}
