package pdf

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// Page is one page being drawn. Coordinates and sizes are points (1/72 inch) from the bottom left corner.
// A Page belongs to the [Draw] function that got it and must not be kept.
type Page struct {
	width, height float64
	content       []byte
	fonts         []*Font
	used          []glyphUse
}

// glyphUse remembers which glyphs of a font were drawn, and for which character.
type glyphUse struct {
	runes   []rune // by glyph, 0: not used
	touched []uint16
}

func (u *glyphUse) add(g uint16, r rune) {
	switch known := u.runes[g]; {
	case known == 0:
		u.touched = append(u.touched, g)
		u.runes[g] = r
	case r < known: // characters that share a glyph: the lowest, in whatever order pages are made
		u.runes[g] = r
	}
}

// SetSize sets the width and height of the page.
func (p *Page) SetSize(width, height float64) { p.width, p.height = width, height }

// Text draws text on one line from (x, y) on its baseline, in black. The font must be one of those given to [NewWriter].
// Control and format characters are left out, and what the font lacks is drawn as [Replacement].
func (p *Page) Text(f *Font, size, x, y float64, text string) {
	index := -1
	for i := range p.fonts {
		if p.fonts[i] == f {
			index = i
		}
	}
	if index < 0 {
		panic("pdf: text in a font that the document was not opened with")
	}
	text, _ = f.Printable(text)
	if text == "" {
		return
	}
	p.content = append(p.content, "BT /F"...)
	p.content = strconv.AppendInt(p.content, int64(index), 10)
	p.content = append(p.content, ' ')
	p.number(size)
	p.content = append(p.content, "Tf "...)
	p.number(x)
	p.number(y)
	p.content = append(p.content, "Td("...)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		g := f.glyph(r)
		p.used[index].add(g, r)
		p.content = appendEscaped(appendEscaped(p.content, byte(g>>8)), byte(g))
	}
	p.content = append(p.content, ")Tj ET\n"...)
}

// appendEscaped writes one byte of a literal string (ISO 32000-1 7.3.4.2).
func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '(', ')', '\\':
		return append(b, '\\', c)
	case '\r':
		return append(b, '\\', 'r') // a bare one would be read as a line feed
	}
	return append(b, c)
}

// Mask paints a picture of one bit a pixel in black, with its bottom left corner at (x, y); bits of 1 are painted, others left as they are.
// rows holds the pixels from the top, each row padded to whole bytes. The pixels must not spell the operator EI between
// white space, which is so where every byte is 0x00, 0x0F, 0xF0 or 0xFF.
func (p *Page) Mask(x, y, width, height float64, rows []byte, columns, lines int) {
	p.content = append(p.content, "q "...)
	p.number(width)
	p.content = append(p.content, "0 0 "...)
	p.number(height)
	p.number(x)
	p.number(y)
	p.content = append(p.content, "cm BI/W "...)
	p.content = strconv.AppendInt(p.content, int64(columns), 10)
	p.content = append(p.content, "/H "...)
	p.content = strconv.AppendInt(p.content, int64(lines), 10)
	p.content = append(p.content, "/IM true/D[1 0]ID "...)
	p.content = append(p.content, rows...)
	p.content = append(p.content, "\nEI Q\n"...)
}

// number appends v, rounded to 1/10,000 point, and a blank.
func (p *Page) number(v float64) {
	n := int64(math.Round(v * 10000))
	if n < 0 {
		p.content = append(p.content, '-')
		n = -n
	}
	p.content = strconv.AppendInt(p.content, n/10000, 10)
	if frac := n % 10000; frac > 0 {
		digits := [5]byte{'.', byte('0' + frac/1000), byte('0' + frac/100%10), byte('0' + frac/10%10), byte('0' + frac%10)}
		end := 5
		for digits[end-1] == '0' {
			end--
		}
		p.content = append(p.content, digits[:end]...)
	}
	p.content = append(p.content, ' ')
}
