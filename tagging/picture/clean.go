package picture

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"io"
)

const cleanQuality = 85

// Clean decodes b, turns it upright as its EXIF orientation says, scales it
// down until no side is longer than maxSide pixels (0 and less: MaxSide), and
// encodes it anew as a JPEG. Only pixels survive: no EXIF block, place, serial
// number, colour profile, comment, second picture or appended bytes (SEC-62).
// Transparent parts become white. The Info is that of the result.
// The errors are those of Decode.
func (r *Reader) Clean(ctx context.Context, b []byte, maxSide int) (clean []byte, info Info, err error) {
	if maxSide < 1 {
		maxSide = MaxSide
	}
	err = r.use(ctx, b, func(ctx context.Context, img image.Image, found Info) error {
		upright := orient(scaleDown(img, maxSide), found.Orientation)
		var out bytes.Buffer
		if err := jpeg.Encode(&haltingWriter{ctx, &out}, upright, &jpeg.Options{Quality: cleanQuality}); err != nil {
			return err
		}
		clean = out.Bytes()
		info = Info{Format: "jpeg", Width: upright.Rect.Dx(), Height: upright.Rect.Dy(), Orientation: 1}
		return nil
	})
	return clean, info, err
}

// haltingWriter stops an encoder whose caller has gone.
type haltingWriter struct {
	ctx context.Context
	w   io.Writer
}

func (h *haltingWriter) Write(p []byte) (int, error) {
	if err := h.ctx.Err(); err != nil {
		return 0, err
	}
	return h.w.Write(p)
}

// orient turns and mirrors img so that it stands as EXIF orientation o means
// it to be seen (CIPA DC-008, 4.6.4 A, Orientation).
func orient(img *image.RGBA, o int) *image.RGBA {
	if o < 2 || o > 8 {
		return img
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	ow, oh := w, h
	if o >= 5 {
		ow, oh = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, ow, oh))
	for y := range oh {
		for x := range ow {
			var sx, sy int
			switch o {
			case 2:
				sx, sy = w-1-x, y
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sx, sy = x, h-1-y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, h-1-x
			case 7:
				sx, sy = w-1-y, h-1-x
			case 8:
				sx, sy = w-1-y, x
			}
			copy(out.Pix[out.PixOffset(x, y):][:4], img.Pix[img.PixOffset(sx, sy):][:4])
		}
	}
	return out
}
