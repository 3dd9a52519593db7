package picture

import "encoding/binary"

// Markers of ITU-T T.81, table B.1.
const (
	markerSOF0 = 0xc0
	markerSOF2 = 0xc2
	markerDHT  = 0xc4
	markerJPG  = 0xc8
	markerDAC  = 0xcc
	markerSOFF = 0xcf
	markerRST0 = 0xd0
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerAPP1 = 0xe1
)

// inspectJPEG walks the segments up to the end of the first image. Bytes
// between segments are skipped as image/jpeg does, so that both see the same
// scans; in entropy-coded data FF is always followed by 00 or a restart
// marker, so a scan ends at the first other marker.
func inspectJPEG(b []byte) (header, error) {
	h := header{Info: Info{Format: "jpeg", Orientation: 1}}
	for i := 2; ; {
		for i < len(b) && b[i] != 0xff {
			i++
		}
		for i < len(b) && b[i] == 0xff {
			i++
		}
		if i >= len(b) {
			break
		}
		marker := b[i]
		i++
		if marker == 0 || marker >= markerRST0 && marker <= markerSOI {
			continue
		}
		if marker == markerEOI {
			break
		}
		if i+2 > len(b) {
			break
		}
		n := int(binary.BigEndian.Uint16(b[i:]))
		if n < 2 {
			return h, ErrDamaged
		}
		if i+n > len(b) {
			break
		}
		body := b[i+2 : i+n]
		i += n
		switch {
		case marker == markerSOS:
			h.scans++
		case marker == markerAPP1:
			if o, ok := exifOrientation(body); ok && h.scans == 0 {
				h.Orientation = o
			}
		case marker >= markerSOF0 && marker <= markerSOFF && marker != markerDHT && marker != markerJPG && marker != markerDAC:
			if h.Width != 0 {
				return h, ErrDamaged
			}
			if err := h.frame(marker, body); err != nil {
				return h, err
			}
		}
	}
	if h.Width == 0 || h.scans == 0 {
		return h, ErrDamaged
	}
	return h, nil
}

// frame reads a start-of-frame segment: precision, height, width, components.
func (h *header) frame(marker byte, body []byte) error {
	if marker > markerSOF2 {
		return &UnsupportedError{Kind: "jpeg-process"}
	}
	if len(body) < 6 || len(body) != 6+3*int(body[5]) {
		return ErrDamaged
	}
	h.Height = int(binary.BigEndian.Uint16(body[1:]))
	h.Width = int(binary.BigEndian.Uint16(body[3:]))
	if h.Width == 0 || h.Height == 0 {
		return ErrDamaged
	}
	// Samples per pixel times two, since chroma is mostly halved both ways.
	samples2 := 0
	maxHV := 1
	for c := body[6:]; len(c) >= 3; c = c[3:] {
		maxHV = max(maxHV, int(c[1]>>4)*int(c[1]&15))
	}
	for c := body[6:]; len(c) >= 3; c = c[3:] {
		samples2 += max(1, 2*int(c[1]>>4)*int(c[1]&15)/maxHV)
	}
	h.bytesPerPixel = (samples2 + 1) / 2
	if marker == markerSOF2 {
		// image/jpeg keeps every coefficient as int32 beside the samples.
		h.bytesPerPixel = (samples2*5 + 1) / 2
	}
	return nil
}
