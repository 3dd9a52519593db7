package labels

import "sync"

// blockLayout says how the codewords of a symbol are cut into blocks (ISO/IEC 18004 table 9).
type blockLayout struct{ total, check, blocks int }

func (b blockLayout) data() int { return b.total - b.check*b.blocks }

// layouts is indexed by version and level L, M, Q, H.
var layouts = [maxVersion + 1][4]blockLayout{
	1:  {{26, 7, 1}, {26, 10, 1}, {26, 13, 1}, {26, 17, 1}},
	2:  {{44, 10, 1}, {44, 16, 1}, {44, 22, 1}, {44, 28, 1}},
	3:  {{70, 15, 1}, {70, 26, 1}, {70, 18, 2}, {70, 22, 2}},
	4:  {{100, 20, 1}, {100, 18, 2}, {100, 26, 2}, {100, 16, 4}},
	5:  {{134, 26, 1}, {134, 24, 2}, {134, 18, 4}, {134, 22, 4}},
	6:  {{172, 18, 2}, {172, 16, 4}, {172, 24, 4}, {172, 28, 4}},
	7:  {{196, 20, 2}, {196, 18, 4}, {196, 18, 6}, {196, 26, 5}},
	8:  {{242, 24, 2}, {242, 22, 4}, {242, 22, 6}, {242, 26, 6}},
	9:  {{292, 30, 2}, {292, 22, 5}, {292, 20, 8}, {292, 24, 8}},
	10: {{346, 18, 4}, {346, 26, 5}, {346, 24, 8}, {346, 28, 8}},
}

// alignment lists the centres of the alignment patterns (ISO/IEC 18004 annex E).
var alignment = [maxVersion + 1][]int{
	2: {6, 18}, 3: {6, 22}, 4: {6, 26}, 5: {6, 30}, 6: {6, 34},
	7: {6, 22, 38}, 8: {6, 24, 42}, 9: {6, 26, 46}, 10: {6, 28, 50},
}

func sizeOf(version int) int { return 17 + 4*version }

// symbol holds everything about a version that does not depend on the text.
type symbol struct {
	size     int
	function [maxSize]uint64       // dark modules of the fixed patterns
	order    [][8]spot             // where the bits of each codeword go
	overlays [4][8][maxSize]uint64 // by level and mask: what to flip, format information included
	reserved [maxSize]uint64       // modules that hold no data
}

type spot struct{ row, col uint8 }

type tables struct {
	symbols    [maxVersion + 1]symbol
	generators [31]*generator // by number of check codewords
}

// Built at first use, 0.5 ms once; read only after that.
var qrTables = sync.OnceValue(func() *tables {
	t := new(tables)
	for v := 1; v <= maxVersion; v++ {
		t.symbols[v].build(v)
		for _, lay := range layouts[v] {
			if t.generators[lay.check] == nil {
				t.generators[lay.check] = newGenerator(lay.check)
			}
		}
	}
	return t
})

func (s *symbol) build(version int) {
	s.size = sizeOf(version)
	s.fixedPatterns(version)
	s.dataOrder(layouts[version][0].total)
	for level := range s.overlays {
		for mask := range s.overlays[level] {
			s.overlay(level, mask)
		}
	}
}

func (s *symbol) set(x, y int, dark bool) {
	s.reserved[y] |= 1 << x
	if dark {
		s.function[y] |= 1 << x
	}
}

func (s *symbol) fixedPatterns(version int) {
	n := s.size
	for i := range n {
		s.set(6, i, i%2 == 0)
		s.set(i, 6, i%2 == 0)
	}
	for _, c := range [][2]int{{3, 3}, {n - 4, 3}, {3, n - 4}} {
		for dy := -4; dy <= 4; dy++ {
			for dx := -4; dx <= 4; dx++ {
				x, y := c[0]+dx, c[1]+dy
				if x < 0 || y < 0 || x >= n || y >= n {
					continue
				}
				ring := max(dx, -dx, dy, -dy)
				s.function[y] &^= 1 << x // the timing pattern ran through here
				s.set(x, y, ring != 2 && ring != 4)
			}
		}
	}
	centres := alignment[version]
	for i, cy := range centres {
		for j, cx := range centres {
			if i == 0 && j == 0 || i == 0 && j == len(centres)-1 || j == 0 && i == len(centres)-1 {
				continue // a finder pattern is there
			}
			for dy := -2; dy <= 2; dy++ {
				for dx := -2; dx <= 2; dx++ {
					s.set(cx+dx, cy+dy, max(dx, -dx, dy, -dy) != 1)
				}
			}
		}
	}
	for _, f := range formatSpots(n) {
		s.set(int(f[0].col), int(f[0].row), false)
		s.set(int(f[1].col), int(f[1].row), false)
	}
	s.set(8, n-8, true)
	if version >= 7 {
		rem := version
		for range 12 {
			rem = rem<<1 ^ rem>>11*0x1F25
		}
		word := version<<12 | rem
		for i := range 18 {
			dark := word>>i&1 == 1
			s.set(n-11+i%3, i/3, dark)
			s.set(i/3, n-11+i%3, dark)
		}
	}
}

// formatSpots are the two places of each of the 15 format bits, the lowest bit first.
func formatSpots(n int) (spots [15][2]spot) {
	for i := range 15 {
		at := func(row, col int) spot { return spot{uint8(row), uint8(col)} }
		switch {
		case i < 6:
			spots[i][0] = at(i, 8)
		case i < 8:
			spots[i][0] = at(i+1, 8)
		case i == 8:
			spots[i][0] = at(8, 7)
		default:
			spots[i][0] = at(8, 14-i)
		}
		if i < 8 {
			spots[i][1] = at(8, n-1-i)
		} else {
			spots[i][1] = at(n-15+i, 8)
		}
	}
	return spots
}

// dataOrder walks the zigzag of ISO/IEC 18004 7.7.3: pairs of columns from the right, up and down in turn.
func (s *symbol) dataOrder(codewords int) {
	s.order = make([][8]spot, codewords)
	bit, up := 0, true
	for right := s.size - 1; right > 0; right -= 2 {
		if right == 6 {
			right-- // the vertical timing pattern
		}
		for i := range s.size {
			y := i
			if up {
				y = s.size - 1 - i
			}
			for _, x := range [2]int{right, right - 1} {
				if s.reserved[y]>>x&1 == 1 {
					continue
				}
				if bit < codewords*8 { // up to 7 modules stay over
					s.order[bit/8][bit%8] = spot{uint8(y), uint8(x)}
				}
				bit++
			}
		}
		up = !up
	}
}

func (s *symbol) overlay(level, mask int) {
	rows := &s.overlays[level][mask]
	for i := range s.size {
		for j := range s.size {
			var flip bool
			switch mask {
			case 0:
				flip = (i+j)%2 == 0
			case 1:
				flip = i%2 == 0
			case 2:
				flip = j%3 == 0
			case 3:
				flip = (i+j)%3 == 0
			case 4:
				flip = (i/2+j/3)%2 == 0
			case 5:
				flip = i*j%2+i*j%3 == 0
			case 6:
				flip = (i*j%2+i*j%3)%2 == 0
			case 7:
				flip = ((i+j)%2+i*j%3)%2 == 0
			}
			if flip {
				rows[i] |= 1 << j
			}
		}
		rows[i] &^= s.reserved[i]
	}
	word := [4]int{1, 0, 3, 2}[level]<<3 | mask
	rem := word
	for range 10 {
		rem = rem<<1 ^ rem>>9*0x537
	}
	word = (word<<10 | rem) ^ 0x5412
	for i, pair := range formatSpots(s.size) {
		for _, at := range pair {
			rows[at.row] |= uint64(word>>i&1) << at.col
		}
	}
}

// generator divides by the Reed-Solomon generator polynomial of one degree: a step shifts the remainder by one codeword and
// adds the row of the codeword that fell out. Codewords lie in the words from the highest byte on.
type generator [256][4]uint64

func newGenerator(degree int) *generator {
	poly := make([]byte, degree) // without the leading 1, highest power first
	poly[degree-1] = 1
	root := byte(1)
	for range degree {
		for j := range poly {
			poly[j] = gfMul(poly[j], root)
			if j+1 < degree {
				poly[j] ^= poly[j+1]
			}
		}
		root = gfMul(root, 2)
	}
	g := new(generator)
	for f := range g {
		for i, c := range poly {
			g[f][i/8] |= uint64(gfMul(c, byte(f))) << (56 - i%8*8)
		}
	}
	return g
}

// gfMul multiplies in GF(256) modulo x⁸+x⁴+x³+x²+1.
func gfMul(a, b byte) byte {
	var p byte
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			p ^= a
		}
		carry := a >> 7
		a = a<<1 ^ carry*0x1D
	}
	return p
}

func (g *generator) remainder(block []byte) (rem [4]uint64) {
	var a, b, c, d uint64
	for _, w := range block {
		row := &g[w^byte(a>>56)]
		a = a<<8 | b>>56
		b = b<<8 | c>>56
		c = c<<8 | d>>56
		d <<= 8
		a, b, c, d = a^row[0], b^row[1], c^row[2], d^row[3]
	}
	return [4]uint64{a, b, c, d}
}
