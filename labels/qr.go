package labels

import (
	"errors"
	"fmt"
	"math/bits"
)

// Level is the error correction level of a QR symbol: how much of it may be dirty or torn and still be read
// (ISO/IEC 18004; standards.md 1.2).
type Level uint8

// The levels, from least to most redundant. LevelAuto is LevelQ in [Encode]; on a [Sheet] it steps down to LevelM
// where only that keeps the modules large enough.
const (
	LevelAuto Level = iota
	LevelL          // 7 % of the codewords
	LevelM          // 15 %
	LevelQ          // 25 %, the default for labels on equipment
	LevelH          // 30 %
)

// String is the letter of the level, "auto" for LevelAuto.
func (l Level) String() string {
	switch l {
	case LevelAuto:
		return "auto"
	case LevelL, LevelM, LevelQ, LevelH:
		return "LMQH"[l-LevelL : l-LevelL+1]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// ErrTooLong says that a text does not fit in version 10, the largest symbol made here: 57 modules a side, which
// already needs 20 mm at the smallest printable module.
var ErrTooLong = errors.New("labels: text too long for a QR symbol of version 10")

const (
	maxVersion = 10
	maxSize    = 17 + 4*maxVersion
	quietZone  = 4 // modules on every side, ISO/IEC 18004
)

// Matrix is one QR symbol without its quiet zone. It is a value: copying it is cheap and nothing in it is shared.
// The zero value is no symbol.
type Matrix struct {
	rows    [maxSize]uint64 // bit x of rows[y] is the module at column x
	version uint8
	mask    uint8
}

// Size is the number of modules on a side: 17 + 4 × version.
func (m *Matrix) Size() int {
	if m.version == 0 {
		return 0
	}
	return sizeOf(int(m.version))
}

// Version is the QR version, 1 to 10.
func (m *Matrix) Version() int { return int(m.version) }

// Dark reports whether the module at column x and row y, counted from 0 at the top left, is dark. Everything outside is light.
func (m *Matrix) Dark(x, y int) bool {
	n := m.Size()
	return x >= 0 && y >= 0 && x < n && y < n && m.rows[y]>>x&1 == 1
}

// Encode makes the smallest QR symbol of version 1 to 10 that holds text at the given level, in one mode for the whole text
// (numeric, alphanumeric or bytes), with the mask of the lowest penalty (ISO/IEC 18004 7.8). Text that is not
// ASCII is written as UTF-8, as readers expect. It fails with [ErrTooLong].
func Encode(text string, level Level) (Matrix, error) {
	return encode(text, level, -1)
}

// encode is Encode with a fixed mask where mask is 0 to 7.
func encode(text string, level Level, mask int) (Matrix, error) {
	if level == LevelAuto {
		level = LevelQ
	}
	if level > LevelH {
		return Matrix{}, fmt.Errorf("labels: no QR level %d", level)
	}
	mode := modeOf(text)
	version := versionFor(mode, len(text), level)
	if version == 0 {
		return Matrix{}, fmt.Errorf("%w: %d characters at level %s", ErrTooLong, len(text), level)
	}
	t := qrTables()
	sym := &t.symbols[version]

	var stream [346]byte // codewords of version 10
	n := codewords(&stream, text, mode, version, level)
	lay := layouts[version][level-LevelL]
	var words [346]byte
	interleave(&words, &stream, n, lay, t.generators[lay.check])

	// Four light rows above and below stand for the quiet zone in the penalty rules.
	var plain, padded [4 + maxSize + 4]uint64
	copy(plain[4:], sym.function[:])
	place(&plain, &words, sym)

	size := sym.size
	best, lowest := mask, 1<<30
	if mask < 0 {
		for i := range 8 {
			overlay := &sym.overlays[level-LevelL][i]
			for y := range size {
				padded[4+y] = plain[4+y] ^ overlay[y]
			}
			if p := penalty(&padded, size, lowest); p < lowest {
				best, lowest = i, p
			}
		}
	}
	m := Matrix{version: uint8(version), mask: uint8(best)}
	overlay := &sym.overlays[level-LevelL][best]
	for y := range size {
		m.rows[y] = plain[4+y] ^ overlay[y]
	}
	return m, nil
}

type mode uint8

const (
	modeNumeric mode = iota
	modeAlphanumeric
	modeByte
)

func modeOf(text string) mode {
	m := modeNumeric
	for i := range len(text) {
		c := text[i]
		if c >= '0' && c <= '9' {
			continue
		}
		if alphanumeric(c) < 0 {
			return modeByte
		}
		m = modeAlphanumeric
	}
	return m
}

// alphanumeric is the value of c in the alphanumeric mode, or -1.
func alphanumeric(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10
	}
	switch c {
	case ' ':
		return 36
	case '$':
		return 37
	case '%':
		return 38
	case '*':
		return 39
	case '+':
		return 40
	case '-':
		return 41
	case '.':
		return 42
	case '/':
		return 43
	case ':':
		return 44
	}
	return -1
}

// countBits is the width of the character count; it grows at version 10.
func countBits(m mode, version int) int {
	if version < 10 {
		return [3]int{10, 9, 8}[m]
	}
	return [3]int{12, 11, 16}[m]
}

// dataBits is the length of n characters with their header.
func dataBits(m mode, n, version int) int {
	head := 4 + countBits(m, version)
	switch m {
	case modeNumeric:
		return head + n/3*10 + [3]int{0, 4, 7}[n%3]
	case modeAlphanumeric:
		return head + n/2*11 + n%2*6
	}
	return head + n*8
}

// versionFor is the smallest version that holds n characters, 0 if none does.
func versionFor(m mode, n int, level Level) int {
	for v := 1; v <= maxVersion; v++ {
		if n < 1000 && dataBits(m, n, v) <= 8*layouts[v][level-LevelL].data() {
			return v
		}
	}
	return 0
}

// capacity is the number of characters that fit in a version.
func capacity(m mode, version int, level Level) int {
	n := 0
	for dataBits(m, n+1, version) <= 8*layouts[version][level-LevelL].data() {
		n++
	}
	return n
}

// codewords writes header, text, terminator and padding, and returns the number of data codewords.
func codewords(out *[346]byte, text string, m mode, version int, level Level) int {
	var acc uint64
	held, n := 0, 0
	put := func(v, width int) {
		acc = acc<<width | uint64(v)
		for held += width; held >= 8; n++ {
			held -= 8
			out[n] = byte(acc >> held)
		}
	}
	put(1<<m, 4)
	put(len(text), countBits(m, version))
	switch m {
	case modeNumeric:
		for len(text) >= 3 {
			put(int(text[0]-'0')*100+int(text[1]-'0')*10+int(text[2]-'0'), 10)
			text = text[3:]
		}
		switch len(text) {
		case 2:
			put(int(text[0]-'0')*10+int(text[1]-'0'), 7)
		case 1:
			put(int(text[0]-'0'), 4)
		}
	case modeAlphanumeric:
		for len(text) >= 2 {
			put(alphanumeric(text[0])*45+alphanumeric(text[1]), 11)
			text = text[2:]
		}
		if len(text) == 1 {
			put(alphanumeric(text[0]), 6)
		}
	case modeByte:
		for i := range len(text) {
			put(int(text[i]), 8)
		}
	}
	total := layouts[version][level-LevelL].data()
	put(0, min(4, total*8-n*8-held))
	if held > 0 {
		put(0, 8-held)
	}
	for pad := byte(0xEC); n < total; n++ {
		out[n] = pad
		pad ^= 0xEC ^ 0x11
	}
	return total
}

// interleave cuts the data into blocks, appends the check codewords of each, and writes them column by column (ISO/IEC 18004 7.6).
func interleave(out, data *[346]byte, n int, lay blockLayout, gen *generator) {
	short := n / lay.blocks
	long := n % lay.blocks // the last blocks hold one codeword more
	start := 0
	for b := range lay.blocks {
		size := short
		if b >= lay.blocks-long {
			size++
		}
		block := data[start : start+size]
		start += size

		for i, c := range block {
			at := i*lay.blocks + b
			if i == short {
				at = short*lay.blocks + b - (lay.blocks - long)
			}
			out[at] = c
		}
		rem := gen.remainder(block)
		for i := range lay.check {
			out[n+i*lay.blocks+b] = byte(rem[i/8] >> (56 - i%8*8))
		}
	}
}

// place puts the codewords on the data modules, the highest bit first.
func place(rows *[4 + maxSize + 4]uint64, words *[346]byte, sym *symbol) {
	for i, spots := range sym.order {
		w := uint64(words[i])
		for k, s := range spots {
			rows[4+s.row] |= w >> (7 - k) & 1 << s.col
		}
	}
}

// penalty scores a masked symbol by the four rules of ISO/IEC 18004 7.8.3, a whole row of modules at a time. rows has four
// light rows above and below; columns left and right of the symbol are light. It stops early once limit is reached.
func penalty(rows *[4 + maxSize + 4]uint64, size, limit int) int {
	full := uint64(1)<<size - 1
	pairs := full >> 1
	p, dark := 0, 0
	var sameAbove, v1, v2, v3, lastFive uint64 // column pairs equal: (y-1,y) down to (y-4,y-3)
	for y := range size {
		r := rows[4+y]
		dark += bits.OnesCount64(r)

		// Rule 1: a run of n ≥ 5 costs n-2, that is one for every window of five and two for every first window.
		same := ^(r ^ r>>1) & pairs
		five := same & (same >> 1) & (same >> 2) & (same >> 3)
		p += bits.OnesCount64(five) + 2*bits.OnesCount64(five&^(five<<1))
		if y > 0 {
			above := rows[3+y]
			sameAbove, v1, v2, v3 = ^(r^above)&full, sameAbove, v1, v2
			five = sameAbove & v1 & v2 & v3
			p += bits.OnesCount64(five) + 2*bits.OnesCount64(five&^lastFive)
			lastFive = five

			// Rule 2: 2 × 2 modules of one colour.
			p += 3 * bits.OnesCount64(same&(sameAbove&(sameAbove>>1)))
		}

		// Rule 3: dark-light-3 dark-light-dark with four light modules before or after it.
		w := r << 4
		if core := w &^ (w >> 1) & (w >> 2) & (w >> 3) & (w >> 4) &^ (w >> 5) & (w >> 6); core != 0 {
			before := w<<1 | w<<2 | w<<3 | w<<4
			after := w>>7 | w>>8 | w>>9 | w>>10
			p += 40 * bits.OnesCount64(core&^(before&after))
		}
		if y+6 < size {
			c := rows[4+y : 4+y+11]
			if core := c[0] &^ c[1] & c[2] & c[3] & c[4] &^ c[5] & c[6]; core != 0 {
				before := rows[y] | rows[y+1] | rows[y+2] | rows[y+3]
				after := c[7] | c[8] | c[9] | c[10]
				p += 40 * bits.OnesCount64(core&^(before&after))
			}
		}
		if p >= limit {
			return p
		}
	}
	// Rule 4: ten for every full 5 % that the dark share is away from one half.
	off := dark*2 - size*size
	if off < 0 {
		off = -off
	}
	return p + off*10/(size*size)*10
}
