package picture

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"time"
)

// decodeLimit stops a decoder even if the caller's context has no deadline. A
// progressive JPEG of 12 megapixels needs about one second.
const decodeLimit = 4 * time.Second

// Reader decodes images from outside, a few at a time. It is safe for
// concurrent use.
type Reader struct {
	slots chan struct{}
}

// NewReader returns a Reader that runs at most parallel decoders at once; at
// least one. SEC-61 asks for two in the whole process, so share one Reader.
func NewReader(parallel int) *Reader {
	return &Reader{slots: make(chan struct{}, max(1, parallel))}
}

// Decode inspects and decodes b. The pixels are as stored: Info.Orientation
// is not applied. Besides the errors of Inspect it returns ErrTooSlow, or the
// error of ctx when that ended first, also while waiting for a free decoder.
func (r *Reader) Decode(ctx context.Context, b []byte) (img image.Image, info Info, err error) {
	err = r.use(ctx, b, func(_ context.Context, decoded image.Image, i Info) error {
		img, info = decoded, i
		return nil
	})
	return img, info, err
}

// Gray is Decode for readers of codes: the brightness only, which for a JPEG
// is its Y plane without a copy. The orientation is not applied, since such
// readers look in all directions anyway.
func (r *Reader) Gray(ctx context.Context, b []byte) (gray *image.Gray, info Info, err error) {
	err = r.WithGray(ctx, b, func(_ context.Context, g *image.Gray, i Info) error {
		gray, info = g, i
		return nil
	})
	return gray, info, err
}

// WithGray calls f with the result of Gray while it still holds the decoder's
// place, so that the work of f is bounded like decoding itself. The error of
// f is returned as it is; a panic in f becomes ErrDamaged.
func (r *Reader) WithGray(ctx context.Context, b []byte, f func(context.Context, *image.Gray, Info) error) error {
	return r.use(ctx, b, func(ctx context.Context, img image.Image, info Info) error {
		return f(ctx, gray(img), info)
	})
}

// use inspects b, waits for a place, decodes and calls f in that place.
func (r *Reader) use(ctx context.Context, b []byte, f func(context.Context, image.Image, Info) error) error {
	info, err := Inspect(b)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	img, err := decode(ctx, b, info.Format)
	if err != nil {
		return err
	}
	return contain(func() error { return f(ctx, img, info) })
}

// contain turns a panic of f into ErrDamaged: image decoders and readers of
// codes have had index errors on malformed input before.
func contain(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: panic: %v", ErrDamaged, p)
		}
	}()
	return f()
}

func decode(ctx context.Context, b []byte, format string) (img image.Image, err error) {
	limited, cancel := context.WithTimeoutCause(ctx, decodeLimit, ErrTooSlow)
	defer cancel()
	err = contain(func() error {
		src := &haltingReader{ctx: limited, rest: b}
		if format == "jpeg" {
			img, err = jpeg.Decode(src)
		} else {
			img, err = png.Decode(src)
		}
		return err
	})
	switch {
	case err == nil:
		return img, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, ErrTooSlow
	case errors.Is(err, ErrDamaged):
		return nil, err
	case errors.As(err, new(jpeg.UnsupportedError)):
		return nil, &UnsupportedError{Kind: "jpeg-process"}
	}
	return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
}

// haltingReader hands out few bytes at a time and fails once its context is
// done: the decoders of the standard library know no context, and a few bytes
// can mean much work (64 bytes a read stopped a scan bomb after 1.1 s).
type haltingReader struct {
	ctx  context.Context
	rest []byte
}

func (h *haltingReader) Read(p []byte) (int, error) {
	if err := h.ctx.Err(); err != nil {
		return 0, err
	}
	if len(h.rest) == 0 {
		return 0, io.EOF
	}
	const few = 64
	n := copy(p, h.rest[:min(few, len(h.rest))])
	h.rest = h.rest[n:]
	return n, nil
}

// gray gives the brightness of an image, for YCbCr without a copy.
func gray(img image.Image) *image.Gray {
	switch img := img.(type) {
	case *image.Gray:
		return img
	case *image.YCbCr:
		return &image.Gray{Pix: img.Y, Stride: img.YStride, Rect: img.Rect}
	}
	b := img.Bounds()
	g := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	switch img := img.(type) {
	case *image.NRGBA:
		grayNRGBA(g, img)
	case *image.RGBA:
		for y := range b.Dy() {
			src := img.Pix[y*img.Stride:]
			for x := range b.Dx() {
				g.Pix[y*g.Stride+x] = luma(uint32(src[4*x]), uint32(src[4*x+1]), uint32(src[4*x+2]))
			}
		}
	default:
		// A transparent background is paper, not ink.
		draw.Draw(g, g.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(g, g.Rect, img, b.Min, draw.Over)
	}
	return g
}

func grayNRGBA(g *image.Gray, img *image.NRGBA) {
	for y := range g.Rect.Dy() {
		src := img.Pix[y*img.Stride:]
		for x := range g.Rect.Dx() {
			alpha := uint32(src[4*x+3])
			l := uint32(luma(uint32(src[4*x]), uint32(src[4*x+1]), uint32(src[4*x+2])))
			g.Pix[y*g.Stride+x] = uint8((l*alpha + 255*(255-alpha)) / 255)
		}
	}
}

// luma is the Y of JFIF (ITU-R BT.601).
func luma(r, g, b uint32) uint8 {
	return uint8((19595*r + 38470*g + 7471*b + 1<<15) >> 16)
}
