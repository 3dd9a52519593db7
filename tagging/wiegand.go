package tagging

import (
	"fmt"
	"strings"
)

func h10301(facility, card uint64) string { return fmt.Sprintf("h10301:%d:%d", facility, card) }
func h10306(facility, card uint64) string { return fmt.Sprintf("h10306:%d:%d", facility, card) }
func h10304(facility, card uint64) string { return fmt.Sprintf("h10304:%d:%d", facility, card) }
func c1k35(company, card uint64) string   { return fmt.Sprintf("c1k35:%d:%d", company, card) }

// wiegandLength reports whether s is a bit string of a known format (T1).
func wiegandLength(s string) bool {
	switch len(s) {
	case 26, 34, 35, 37:
		return strings.Trim(s, "01") == ""
	}
	return false
}

// addWiegand reads a bit string, bit 0 first (standards.md 2.4). A wrong parity
// leaves no candidate.
func (r *Reading) addWiegand(s string) {
	// even and odd of the parity bit at p over the bits from, …, to.
	ones := func(p, from, to int) int {
		return int(s[p]-'0') + strings.Count(s[from:to+1], "1")
	}
	even := func(p, from, to int) bool { return ones(p, from, to)%2 == 0 }
	odd := func(p, from, to int) bool { return ones(p, from, to)%2 == 1 }
	value := func(from, to int) (n uint64) {
		for _, c := range s[from : to+1] {
			n = n<<1 | uint64(c-'0')
		}
		return n
	}
	switch {
	case len(s) == 26 && even(0, 1, 12) && odd(25, 13, 24):
		r.add(h10301(value(1, 8), value(9, 24)), formBits)
		r.add(em4100Low(value(1, 24), 6), formBits)
	case len(s) == 34 && even(0, 1, 16) && odd(33, 17, 32):
		r.add(h10306(value(1, 16), value(17, 32)), formBits)
		r.addU32(uint32(value(1, 32)), formBits)
	case len(s) == 35 && corporate1000(s):
		r.add(c1k35(value(2, 13), value(14, 33)), formBits)
	case len(s) == 37 && even(0, 1, 18) && odd(36, 18, 35):
		// Both 37-bit formats share the parity, so both are meant.
		r.add(fmt.Sprintf("h10302:%d", value(1, 35)), formBits)
		r.add(h10304(value(1, 16), value(17, 35)), formBits)
	default:
		r.flag(FlagParityError)
	}
}

// corporate1000 checks the three interleaved parity bits of the 35-bit format:
// bit 1 even over 2 3 5 6 … 32 33, bit 34 odd over 1 2 4 5 … 31 32, bit 0 odd
// over all others.
func corporate1000(s string) bool {
	inner, outer := int(s[1]-'0'), int(s[34]-'0')
	for i := 1; i <= 33; i++ {
		bit := int(s[i] - '0')
		if i > 1 && i%3 != 1 {
			inner += bit
		}
		if i%3 != 0 {
			outer += bit
		}
	}
	return inner%2 == 0 && outer%2 == 1 && strings.Count(s, "1")%2 == 1
}
