package picture

import "encoding/binary"

const pngSignature = "\x89PNG\r\n\x1a\n"

// inspectPNG walks the chunks of a PNG (ISO/IEC 15948).
func inspectPNG(b []byte) (header, error) {
	h := header{Info: Info{Format: "png", Orientation: 1}, scans: 1}
	for i := len(pngSignature); i+8 <= len(b); {
		n := int64(binary.BigEndian.Uint32(b[i:]))
		kind := string(b[i+4 : i+8])
		first := h.Width == 0
		if first != (kind == "IHDR") {
			return h, ErrDamaged
		}
		end := int64(i) + 8 + n
		if end > int64(len(b)) {
			break
		}
		body := b[i+8 : end]
		switch kind {
		case "IHDR":
			if len(body) != 13 {
				return h, ErrDamaged
			}
			width, height := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
			if width == 0 || height == 0 {
				return h, ErrDamaged
			}
			if width > MaxSide || height > MaxSide {
				return h, ErrTooManyPixels
			}
			h.Width, h.Height = int(width), int(height)
			h.bytesPerPixel = pngBytesPerPixel(body[8], body[9], body[12])
		case "acTL":
			return h, &UnsupportedError{Kind: "apng"}
		case "eXIf":
			if o, ok := tiffOrientation(body); ok {
				h.Orientation = o
			}
		case "IEND":
			return h, nil
		}
		i = int(end) + 4
	}
	if h.Width == 0 {
		return h, ErrDamaged
	}
	// A cut data chunk is for the decoder to report.
	return h, nil
}

// pngBytesPerPixel is what image/png allocates for a pixel: gray and palette
// one byte, colour four, twice that for 16 bits, and half as much again for
// the passes of an interlaced image.
func pngBytesPerPixel(depth, colour, interlace byte) int {
	n := 1
	if colour&2 != 0 && colour != 3 || colour == 4 {
		n = 4
	}
	if depth == 16 {
		n *= 2
	}
	if interlace != 0 {
		n += (n + 1) / 2
	}
	return n
}
