// Package picture is the only place that opens images from outside.
//
// An image is judged by its content and its header before a decoder sees it
// (requirement SEC-61), decoders run a few at a time and stop when their time
// is up, and what is kept is always encoded anew (SEC-62), so that no place,
// serial number or appended file survives. JPEG and PNG are accepted, nothing
// else. What an image shows (a code, a fault) is not the business of this
// package.
package picture

import (
	"bytes"
	"errors"
	"fmt"
)

// Limits that Inspect holds before anything is decoded (SEC-61).
const (
	MaxBytes  = 12 << 20   // of the file
	MaxPixels = 40_000_000 // width times height
	MaxSide   = 16_384     // pixels, each side
)

const (
	// maxScans bounds the SOS markers of a JPEG. libjpeg writes 10 for a
	// progressive photo; 200 scans in 153 KB cost 25 s of CPU (measured).
	maxScans = 32
	// maxScanPixels bounds scans times pixels: each scan walks every pixel,
	// however few bytes it has. 10 scans of 24 megapixels pass.
	maxScanPixels = 240_000_000
	// maxWorkingBytes bounds what a decoder allocates: a progressive JPEG
	// needs five times the memory of a baseline one, 16-bit PNG twice that of
	// 8-bit PNG, so pixels alone do not bound memory.
	maxWorkingBytes = 192 << 20
)

// Errors of Inspect and of the methods of Reader; test with errors.Is.
var (
	ErrNotImage      = errors.New("picture: not an image")
	ErrUnsupported   = errors.New("picture: kind of image is not accepted")
	ErrTooLarge      = fmt.Errorf("picture: file has more than %d bytes", MaxBytes)
	ErrTooManyPixels = fmt.Errorf("picture: more than %d pixels, %d a side, or too much work to decode", MaxPixels, MaxSide)
	ErrDamaged       = errors.New("picture: image is damaged or cut short")
	ErrTooSlow       = errors.New("picture: decoding took too long")
)

// UnsupportedError tells which kind of image was found. It matches
// ErrUnsupported.
type UnsupportedError struct {
	// Kind is a lower-case name: gif, webp, heic, avif, svg, bmp, tiff, jxl,
	// ico, apng (animated PNG), jpeg-process (lossless or arithmetic JPEG) or
	// jpeg-scans (a JPEG of more than 32 scans).
	Kind string
}

// Error names the kind.
func (e *UnsupportedError) Error() string { return ErrUnsupported.Error() + ": " + e.Kind }

// Is makes errors.Is(err, ErrUnsupported) true.
func (e *UnsupportedError) Is(target error) bool { return target == ErrUnsupported }

// Info is what the header of an image says.
type Info struct {
	Format        string // "jpeg" or "png"
	Width, Height int    // pixels as stored, before Orientation is applied
	Orientation   int    // EXIF tag 0x0112, 1 to 8; 1 (upright) if absent or wrong
}

// Inspect reads the header of b and checks all limits without decoding pixels
// and without allocating in proportion to what the header claims. The errors
// are ErrNotImage, *UnsupportedError, ErrTooLarge, ErrTooManyPixels and
// ErrDamaged.
func Inspect(b []byte) (Info, error) {
	if len(b) > MaxBytes {
		return Info{}, ErrTooLarge
	}
	var (
		h   header
		err error
	)
	switch kind := sniff(b); kind {
	case "":
		return Info{}, ErrNotImage
	case "jpeg":
		h, err = inspectJPEG(b)
	case "png":
		h, err = inspectPNG(b)
	default:
		return Info{}, &UnsupportedError{Kind: kind}
	}
	if err != nil {
		return Info{}, err
	}
	return h.Info, h.check()
}

// header is an Info with what a decoder would spend on it.
type header struct {
	Info
	bytesPerPixel int // of the decoder's working memory
	scans         int // passes over all pixels
}

func (h header) check() error {
	if h.Width < 1 || h.Height < 1 {
		return ErrDamaged
	}
	if h.Width > MaxSide || h.Height > MaxSide {
		return ErrTooManyPixels
	}
	if h.scans > maxScans {
		return &UnsupportedError{Kind: "jpeg-scans"}
	}
	pixels := h.Width * h.Height
	if pixels > MaxPixels || pixels*h.bytesPerPixel > maxWorkingBytes || pixels*h.scans > maxScanPixels {
		return ErrTooManyPixels
	}
	return nil
}

// sniff names the kind of image by its first bytes, "" if it is none.
func sniff(b []byte) string {
	has := func(at int, magic string) bool {
		return len(b) >= at+len(magic) && string(b[at:at+len(magic)]) == magic
	}
	switch {
	case has(0, "\xff\xd8\xff"):
		return "jpeg"
	case has(0, pngSignature):
		return "png"
	case has(0, "GIF8"):
		return "gif"
	case has(0, "RIFF") && has(8, "WEBP"):
		return "webp"
	case has(4, "ftypavif"), has(4, "ftypavis"):
		return "avif"
	case has(4, "ftyphei"), has(4, "ftyphev"), has(4, "ftypmif1"), has(4, "ftypmsf1"):
		return "heic"
	case has(0, "\xff\x0a"), has(0, "\x00\x00\x00\x0cJXL "):
		return "jxl"
	case has(0, "II*\x00"), has(0, "MM\x00*"):
		return "tiff"
	case has(0, "\x00\x00\x01\x00"):
		return "ico"
	case has(0, "BM") && has(6, "\x00\x00\x00\x00"):
		return "bmp"
	}
	head := bytes.ToLower(b[:min(len(b), 1024)])
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if bytes.HasPrefix(head, []byte("<")) && bytes.Contains(head, []byte("<svg")) {
		return "svg"
	}
	return ""
}
