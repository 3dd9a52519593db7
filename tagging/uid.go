package tagging

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const (
	cascadeTag  = 0x88 // first byte of a 7- or 10-byte UID read in part
	randomUID   = 0x08 // first byte of a UID that is new at each reading
	isoVicinity = 0xe0 // first byte of every ISO/IEC 15693 UID
	// unknownUIDTail stands for the four bytes that a truncated reading lacks.
	unknownUIDTail = "????????"
)

// addHex reads hex digits without separators (T6).
func (r *Reading) addHex(s string) {
	if b, ok := hexBytes(s); ok {
		r.addBytes(b)
	}
}

// addBytes reads the bytes of a hex number (T6).
func (r *Reading) addBytes(b []byte) {
	switch len(b) {
	case 3:
		n := bigEndianUint(b)
		r.add(em4100Low(n, 6), formHex)
		r.add(h10301(n>>16, n&0xffff), formHex)
	case 4:
		r.addUID4(b, false, formHex)
		r.addUID4(reversed(b), true, formHex)
		r.add(em4100Low(bigEndianUint(b), 8), formHex)
	case 5:
		n := bigEndianUint(b)
		if xor(b[:4]) == b[4] {
			r.flag(FlagBCCOK)
			r.addUID4(b[:4], false, formHexCheck)
		}
		r.add(em4100(n), formHex)
		r.add(em4100(reverseBits(n)), formUnique)
	case 6:
		if xor(b[:5]) == b[5] {
			r.flag(FlagChecksumOK)
			r.add(em4100(bigEndianUint(b[:5])), formHexCheck)
		}
	case 7:
		r.addB7(b, formHex)
	case 8:
		r.addB8(b, formHex)
	case 10:
		if b[0] == cascadeTag && xor(b[:4]) == b[4] && xor(b[5:9]) == b[9] {
			r.flag(FlagBCCOK)
			r.add(iso14443(slices.Concat(b[1:4], b[5:9])), formCascade)
			return
		}
		r.add(iso14443(b), formHex)
		r.addTurned(iso14443(reversed(b)), formHex)
	}
}

// addUID4 reads a 4-byte UID: 88 means that only three bytes of a longer one
// were read, 08 that the number is drawn anew each time.
func (r *Reading) addUID4(b []byte, turned bool, from form) {
	key := iso14443(b)
	switch b[0] {
	case cascadeTag:
		key = iso14443(b[1:]) + unknownUIDTail
		r.flag(FlagTruncatedUID)
	case randomUID:
		r.flag(FlagRandomUID + "=" + key)
	}
	r.put(key, origin{from, turned})
}

// addB7 reads a 7-byte UID. It starts with the chip maker, so when only the
// last byte is a maker the turned reading comes first.
func (r *Reading) addB7(b []byte, from form) {
	if !chipMaker(b[0]) && chipMaker(b[6]) {
		r.addTurned(iso14443(reversed(b)), from)
		r.add(iso14443(b), from)
		return
	}
	r.add(iso14443(b), from)
	r.addTurned(iso14443(reversed(b)), from)
}

// addB8 reads eight bytes: ISO/IEC 15693 in either order, a cascade tag and a
// 7-byte UID, or FeliCa.
func (r *Reading) addB8(b []byte, from form) {
	switch {
	case b[0] == isoVicinity:
		r.add(fmt.Sprintf("iso15693:%X", b), from)
	case b[7] == isoVicinity:
		r.addTurned(fmt.Sprintf("iso15693:%X", reversed(b)), from)
	case b[0] == cascadeTag:
		r.add(iso14443(b[1:]), formCascade)
	default:
		r.add(fmt.Sprintf("felica:%X", b), from)
	}
}

func iso14443(b []byte) string { return fmt.Sprintf("iso14443:%X", b) }

// chipMaker reports the makers whose chips are in access tags: ST, NXP,
// Infineon, TI, EM.
func chipMaker(b byte) bool { return bytes.IndexByte([]byte{0x02, 0x04, 0x05, 0x07, 0x16}, b) >= 0 }

func hexBytes(s string) ([]byte, bool) {
	b, err := hex.DecodeString(strings.ToLower(s))
	return b, err == nil && len(b) > 0
}

func reversed(b []byte) []byte {
	r := slices.Clone(b)
	slices.Reverse(r)
	return r
}

func xor(b []byte) (x byte) {
	for _, v := range b {
		x ^= v
	}
	return x
}

func bigEndianUint(b []byte) (n uint64) {
	for _, v := range b {
		n = n<<8 | uint64(v)
	}
	return n
}

func bigEndian(n uint64, bytes int) []byte {
	b := make([]byte, bytes)
	for i := range b {
		b[i] = byte(n >> (8 * (bytes - 1 - i)))
	}
	return b
}
