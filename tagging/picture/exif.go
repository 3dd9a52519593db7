package picture

import (
	"bytes"
	"encoding/binary"
)

const tagOrientation = 0x0112

// exifOrientation reads the orientation from the body of a JPEG APP1 segment.
func exifOrientation(app1 []byte) (int, bool) {
	tiff, ok := bytes.CutPrefix(app1, []byte("Exif\x00\x00"))
	if !ok {
		return 0, false
	}
	return tiffOrientation(tiff)
}

// tiffOrientation reads tag 0x0112 from the first directory of a TIFF block
// (CIPA DC-008, 4.6). Anything unexpected counts as no orientation.
func tiffOrientation(b []byte) (int, bool) {
	var order binary.ByteOrder
	switch {
	case len(b) < 8:
		return 0, false
	case string(b[:4]) == "II*\x00":
		order = binary.LittleEndian
	case string(b[:4]) == "MM\x00*":
		order = binary.BigEndian
	default:
		return 0, false
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 0, false
	}
	entries := b[at+2:]
	for range order.Uint16(b[at:]) {
		if len(entries) < 12 {
			return 0, false
		}
		const short = 3
		if order.Uint16(entries) == tagOrientation && order.Uint16(entries[2:]) == short {
			o := int(order.Uint16(entries[8:]))
			return o, o >= 1 && o <= 8
		}
		entries = entries[12:]
	}
	return 0, false
}
