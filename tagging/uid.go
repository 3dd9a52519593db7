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
func (t *tagReading) addHex(s string) {
	if b, ok := hexBytes(s); ok {
		t.addBytes(b)
	}
}

// addBytes reads the bytes of a hex number (T6).
func (t *tagReading) addBytes(b []byte) {
	switch len(b) {
	case 3:
		n := bigEndianUint(b)
		t.add(em4100Low(n, 6))
		t.add(h10301(n>>16, n&0xffff))
	case 4:
		t.addUID4(b, false)
		t.addUID4(reversed(b), true)
		t.add(em4100Low(bigEndianUint(b), 8))
	case 5:
		n := bigEndianUint(b)
		if xor(b[:4]) == b[4] {
			t.flag("bcc_ok")
			t.addUID4(b[:4], false)
		}
		t.add(em4100(n))
		t.add(em4100(reverseBits(n)))
	case 6:
		if xor(b[:5]) == b[5] {
			t.flag("checksum_ok")
			t.add(em4100(bigEndianUint(b[:5])))
		}
	case 7:
		t.addB7(b)
	case 8:
		t.addB8(b)
	case 10:
		if b[0] == cascadeTag && xor(b[:4]) == b[4] && xor(b[5:9]) == b[9] {
			t.flag("bcc_ok")
			t.add(iso14443(slices.Concat(b[1:4], b[5:9])))
			return
		}
		t.add(iso14443(b))
		t.addReversed(iso14443(reversed(b)))
	}
}

// addUID4 reads a 4-byte UID: 88 means that only three bytes of a longer one
// were read, 08 that the number is drawn anew each time.
func (t *tagReading) addUID4(b []byte, turned bool) {
	key := iso14443(b)
	switch b[0] {
	case cascadeTag:
		key = iso14443(b[1:]) + unknownUIDTail
		t.flag("truncated_uid")
	case randomUID:
		t.flag("random_uid=" + key)
	}
	if turned {
		t.addReversed(key)
	} else {
		t.add(key)
	}
}

// addB7 reads a 7-byte UID. It starts with the chip maker, so when only the
// last byte is a maker the turned reading comes first.
func (t *tagReading) addB7(b []byte) {
	if !chipMaker(b[0]) && chipMaker(b[6]) {
		t.addReversed(iso14443(reversed(b)))
		t.add(iso14443(b))
		return
	}
	t.add(iso14443(b))
	t.addReversed(iso14443(reversed(b)))
}

// addB8 reads eight bytes: ISO/IEC 15693 in either order, a cascade tag and a
// 7-byte UID, or FeliCa.
func (t *tagReading) addB8(b []byte) {
	switch {
	case b[0] == isoVicinity:
		t.add(fmt.Sprintf("iso15693:%X", b))
	case b[7] == isoVicinity:
		t.add(fmt.Sprintf("iso15693:%X", reversed(b)))
	case b[0] == cascadeTag:
		t.add(iso14443(b[1:]))
	default:
		t.add(fmt.Sprintf("felica:%X", b))
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
