package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"
)

// chunk is one PNG chunk with its checksum.
func chunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// headerBomb is a PNG that claims a size and holds next to nothing.
func headerBomb(width, height uint32, depth byte) []byte {
	ihdr := binary.BigEndian.AppendUint32(nil, width)
	ihdr = binary.BigEndian.AppendUint32(ihdr, height)
	ihdr = append(ihdr, depth, 6, 0, 0, 0)
	b := append([]byte(pngSignature), chunk("IHDR", ihdr)...)
	b = append(b, chunk("IDAT", []byte{0x78, 0x9c, 3, 0})...)
	return append(b, chunk("IEND", nil)...)
}

// marked is a small image that is dark in the upper left corner only.
func marked(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{230, 230, 230, 255}
			if x < w/2 && y < h/2 {
				c = color.RGBA{200, 20, 20, 255}
			}
			img.Set(x, y, c)
		}
	}
	return img
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withExif puts an APP1 segment with an orientation, a maker's serial number
// and a GPS directory behind the SOI of a JPEG.
func withExif(b []byte, orientation uint16, order binary.AppendByteOrder) []byte {
	head := "II*\x00"
	if order.String() == "BigEndian" {
		head = "MM\x00*"
	}
	tiff := order.AppendUint32([]byte(head), 8)
	tiff = order.AppendUint16(tiff, 3)
	entry := func(tag, kind uint16, count uint32) {
		tiff = order.AppendUint16(tiff, tag)
		tiff = order.AppendUint16(tiff, kind)
		tiff = order.AppendUint32(tiff, count)
	}
	entry(tagOrientation, 3, 1)
	tiff = order.AppendUint16(tiff, orientation)
	tiff = order.AppendUint16(tiff, 0)
	entry(0x8825, 4, 1)
	tiff = order.AppendUint32(tiff, 50)
	entry(0xa431, 2, 16)
	tiff = order.AppendUint32(tiff, 50)
	tiff = order.AppendUint32(tiff, 0)
	tiff = append(tiff, "GPS 59.3293N 18.0686E SN-4711\x00"...)
	body := append([]byte("Exif\x00\x00"), tiff...)
	seg := binary.BigEndian.AppendUint16([]byte{0xff, markerAPP1}, uint16(len(body)+2))
	return bytes.Join([][]byte{b[:2], seg, body, b[2:]}, nil)
}

// scanBomb is a JPEG header with n scans, progressive or not.
func scanBomb(sof byte, w, h uint16, components byte, n int) []byte {
	b := []byte{0xff, 0xd8, 0xff, sof, 0, 8 + 3*components, 8}
	b = binary.BigEndian.AppendUint16(b, h)
	b = binary.BigEndian.AppendUint16(b, w)
	b = append(b, components)
	for c := range components {
		b = append(b, c+1, 0x11, 0)
	}
	for range n {
		b = append(b, 0xff, markerSOS, 0, 8, 1, 1, 0, 0, 0, 0, 0x55, 0xff, 0x00, 0xff, 0xd3, 0x55)
	}
	return append(b, 0xff, markerEOI)
}

func TestInspect(t *testing.T) {
	small := jpegOf(t, marked(40, 30))
	progressive := func(w, h uint16, comps byte, n int) []byte { return scanBomb(markerSOF2, w, h, comps, n) }
	animated := bytes.Join([][]byte{headerBomb(8, 8, 8)[:33], chunk("acTL", make([]byte, 8))}, nil)
	var moving bytes.Buffer
	if err := gif.Encode(&moving, marked(8, 8), nil); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		in   []byte
		want Info
		err  error
		kind string
	}{
		{"JPEG", small, Info{"jpeg", 40, 30, 1}, nil, ""},
		{"PNG", pngOf(t, marked(41, 31)), Info{"png", 41, 31, 1}, nil, ""},
		{"EXIF little endian", withExif(small, 6, binary.LittleEndian), Info{"jpeg", 40, 30, 6}, nil, ""},
		{"EXIF big endian", withExif(small, 8, binary.BigEndian), Info{"jpeg", 40, 30, 8}, nil, ""},
		{"EXIF orientation out of range", withExif(small, 9, binary.BigEndian), Info{"jpeg", 40, 30, 1}, nil, ""},
		{"12 megapixel progressive of 10 scans", progressive(4000, 3000, 3, 10), Info{"jpeg", 4000, 3000, 1}, nil, ""},
		{"SEC-61 empty", nil, Info{}, ErrNotImage, ""},
		{"SEC-61 text", []byte("hello, this is no image"), Info{}, ErrNotImage, ""},
		{"SEC-61 HTML", []byte("<!doctype html><p>x"), Info{}, ErrNotImage, ""},
		{"SEC-61 PDF", []byte("%PDF-1.7 ..."), Info{}, ErrNotImage, ""},
		{"SEC-62 SVG", []byte("\ufeff<?xml version='1.0'?>\n<SVG onload=alert(1)>"), Info{}, ErrUnsupported, "svg"},
		{"SEC-61 GIF", moving.Bytes(), Info{}, ErrUnsupported, "gif"},
		{"SEC-61 WebP", []byte("RIFF\x10\x00\x00\x00WEBPVP8 "), Info{}, ErrUnsupported, "webp"},
		{"SEC-61 HEIC", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), Info{}, ErrUnsupported, "heic"},
		{"SEC-61 HEIF mif1", []byte("\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00"), Info{}, ErrUnsupported, "heic"},
		{"SEC-61 AVIF", []byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00"), Info{}, ErrUnsupported, "avif"},
		{"SEC-61 TIFF", []byte("MM\x00*\x00\x00\x00\x08"), Info{}, ErrUnsupported, "tiff"},
		{"SEC-61 more than one frame", animated, Info{}, ErrUnsupported, "apng"},
		{"SEC-61 over 12 MB", append(bytes.Clone(small), make([]byte, MaxBytes)...), Info{}, ErrTooLarge, ""},
		{"SEC-61 header bomb 60,000 x 60,000", headerBomb(60_000, 60_000, 8), Info{}, ErrTooManyPixels, ""},
		{"SEC-61 header bomb 2^32-1", headerBomb(1<<32-1, 1<<32-1, 8), Info{}, ErrTooManyPixels, ""},
		{"SEC-61 20,000 x 20,000", headerBomb(20_000, 20_000, 8), Info{}, ErrTooManyPixels, ""},
		{"SEC-61 one side 16,385", headerBomb(16_385, 1, 8), Info{}, ErrTooManyPixels, ""},
		{"SEC-61 over 40 megapixels", headerBomb(6_400, 6_400, 8), Info{}, ErrTooManyPixels, ""},
		{"SEC-61 16-bit memory", headerBomb(6_000, 6_000, 16), Info{}, ErrTooManyPixels, ""},
		{"SEC-61 JPEG over 40 megapixels", scanBomb(markerSOF0, 8000, 6000, 3, 1), Info{}, ErrTooManyPixels, ""},
		{"SEC-61 progressive memory", progressive(6000, 6000, 3, 1), Info{}, ErrTooManyPixels, ""},
		{"SEC-61 progressive work", progressive(6000, 6000, 1, 32), Info{}, ErrTooManyPixels, ""},
		{"SEC-61 33 scans", progressive(64, 64, 1, 33), Info{}, ErrUnsupported, "jpeg-scans"},
		{"SEC-61 32 scans", progressive(64, 64, 1, 32), Info{"jpeg", 64, 64, 1}, nil, ""},
		{"lossless JPEG", scanBomb(0xc3, 64, 64, 1, 1), Info{}, ErrUnsupported, "jpeg-process"},
		{"JPEG without size", scanBomb(markerSOF0, 0, 64, 1, 1), Info{}, ErrDamaged, ""},
		{"JPEG cut in its header", small[:30], Info{}, ErrDamaged, ""},
		{"PNG cut in its header", pngOf(t, marked(9, 9))[:20], Info{}, ErrDamaged, ""},
		{"PNG of no size", headerBomb(0, 5, 8), Info{}, ErrDamaged, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Inspect(tt.in)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			var unsupported *UnsupportedError
			if errors.As(err, &unsupported) != (tt.kind != "") || tt.kind != "" && unsupported.Kind != tt.kind {
				t.Fatalf("error %v, want kind %q", err, tt.kind)
			}
			if err == nil && got != tt.want {
				t.Fatalf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	t.Run("SEC-61 header bomb costs no memory", func(t *testing.T) {
		bomb := headerBomb(60_000, 60_000, 8)
		if n := testing.AllocsPerRun(10, func() { _, _ = Inspect(bomb) }); n > 4 {
			t.Errorf("%v allocations", n)
		}
	})
}
