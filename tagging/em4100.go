package tagging

import (
	"fmt"
	"math/bits"
	"strings"
)

// em4100 is the full 40-bit number.
func em4100(n uint64) string { return fmt.Sprintf("em4100:%010X", n) }

// em4100Low is a number of which only the last half bytes are known.
func em4100Low(n uint64, halfBytes int) string {
	return fmt.Sprintf("em4100:%s%0*X", strings.Repeat("?", 10-halfBytes), halfBytes, n)
}

// em4100Parts is a printed pair: unknown half bytes, the first number in the
// given count of half bytes, unknown ones again, and the low 16 bits.
func em4100Parts(unknown string, first uint64, halfBytes int, low uint64) string {
	gap := strings.Repeat("?", 10-len(unknown)-halfBytes-4)
	return fmt.Sprintf("em4100:%s%0*X%s%04X", unknown, halfBytes, first, gap, low)
}

// reverseBits turns the bits of each of five bytes round, as readers do that
// show the "Unique" number.
func reverseBits(n uint64) uint64 {
	return bits.ReverseBytes64(bits.Reverse64(n))
}

// parseZK reads 20 digits of which each pair is a half byte.
func parseZK(s string) (n uint64, ok bool) {
	if len(s) != 20 {
		return 0, false
	}
	for i := 0; i < 20; i += 2 {
		v := 10*(s[i]-'0') + s[i+1] - '0'
		if v > 15 {
			return 0, false
		}
		n = n<<4 | uint64(v)
	}
	return n, true
}
