package pdf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/dejavu/dejavusansmono"
	"golang.org/x/text/unicode/norm"
)

// Font is a TrueType font that documents embed in part. It is read only and may be used by many documents at once.
type Font struct {
	name       string // PostScript-like name, without the subset prefix
	mono       bool
	unitsPerEm int
	bbox       [4]int16
	ascent     int
	descent    int
	capHeight  int
	tables     map[string][]byte
	advances   []uint16 // by glyph
	offsets    []uint32 // of glyf, by glyph, one more than glyphs
	low        [0x600]uint16
	groups     []cmapGroup // sorted, all characters
}

type cmapGroup struct {
	first, last rune
	glyph       uint32
}

// Sans is DejaVu Sans: Latin with all European accents, Greek, Cyrillic, signs such as ✓ and ☎; no Chinese,
// Japanese or Korean.
func Sans() *Font { return sans() }

// Mono is DejaVu Sans Mono, whose zero has a mark inside that tells it from the letter O: for codes that people read and type.
func Mono() *Font { return mono() }

var (
	sans = sync.OnceValue(func() *Font { return mustParse("DejaVuSans", dejavusans.TTF) })
	mono = sync.OnceValue(func() *Font { return mustParse("DejaVuSansMono", dejavusansmono.TTF) })
)

// The two fonts are part of the program, so a fault in them is a bug that every test finds.
func mustParse(name string, ttf []byte) *Font {
	f, err := ParseFont(name, ttf)
	if err != nil {
		panic("pdf: font " + name + ": " + err.Error())
	}
	return f
}

// keptTables go into the subset unchanged: the programs that hint outlines need them.
var keptTables = []string{"cvt ", "fpgm", "prep"}

// ParseFont reads a TrueType font with glyf outlines and a format 12 character map, as the fonts of the DejaVu family have.
// name is what the document calls it. The bytes are kept and must not change. Only fonts that belong to the program
// should be given: the outlines are not checked.
func ParseFont(name string, ttf []byte) (*Font, error) {
	f := &Font{name: name, tables: map[string][]byte{}}
	if len(ttf) < 12 {
		return nil, errors.New("not a TrueType font")
	}
	for i := range int(binary.BigEndian.Uint16(ttf[4:])) {
		if len(ttf) < 28+16*i {
			return nil, errors.New("table directory is cut off")
		}
		rec := ttf[12+16*i : 28+16*i]
		start, size := int64(binary.BigEndian.Uint32(rec[8:])), int64(binary.BigEndian.Uint32(rec[12:]))
		if start+size > int64(len(ttf)) {
			return nil, fmt.Errorf("table %q is cut off", rec[:4])
		}
		f.tables[string(rec[:4])] = ttf[start : start+size]
	}
	for table, size := range map[string]int{"head": 54, "hhea": 36, "maxp": 6, "hmtx": 4, "loca": 4, "glyf": 1, "cmap": 4} {
		if len(f.tables[table]) < size {
			return nil, fmt.Errorf("table %q is missing or short", table)
		}
	}
	head, hhea := f.tables["head"], f.tables["hhea"]
	u16 := binary.BigEndian.Uint16
	f.unitsPerEm = int(u16(head[18:]))
	for i := range f.bbox {
		f.bbox[i] = int16(u16(head[36+2*i:]))
	}
	f.ascent, f.descent = int(int16(u16(hhea[4:]))), int(int16(u16(hhea[6:])))
	glyphs, metrics := int(u16(f.tables["maxp"][4:])), int(u16(hhea[34:]))
	hmtx, loca := f.tables["hmtx"], f.tables["loca"]
	long := u16(head[50:]) == 1
	if f.unitsPerEm == 0 || metrics == 0 || len(hmtx) < 4*metrics || len(loca) < (glyphs+1)*2 || long && len(loca) < (glyphs+1)*4 {
		return nil, errors.New("metrics do not fit the number of glyphs")
	}
	f.advances, f.offsets = make([]uint16, glyphs), make([]uint32, glyphs+1)
	for g := range f.advances {
		f.advances[g] = u16(hmtx[4*min(g, metrics-1):])
	}
	for g := range f.offsets {
		if long {
			f.offsets[g] = binary.BigEndian.Uint32(loca[4*g:])
		} else {
			f.offsets[g] = 2 * uint32(u16(loca[2*g:]))
		}
		if int(f.offsets[g]) > len(f.tables["glyf"]) || g > 0 && f.offsets[g] < f.offsets[g-1] {
			return nil, errors.New("glyph offsets are not in order")
		}
	}
	if err := f.parseCmap(); err != nil {
		return nil, err
	}
	if h := f.outline(f.glyph('H')); len(h) >= 10 {
		f.capHeight = int(int16(u16(h[8:])))
	}
	f.mono = f.advances[f.glyph('i')] == f.advances[f.glyph('M')]
	return f, nil
}

func (f *Font) parseCmap() error {
	cmap := f.tables["cmap"]
	for i := range int(binary.BigEndian.Uint16(cmap[2:])) {
		if len(cmap) < 12+8*i {
			return errors.New("character map is cut off")
		}
		start := int64(binary.BigEndian.Uint32(cmap[8+8*i:]))
		if start+16 > int64(len(cmap)) || binary.BigEndian.Uint16(cmap[start:]) != 12 {
			continue
		}
		sub := cmap[start:]
		n := int(binary.BigEndian.Uint32(sub[12:]))
		if len(sub) < 16+12*n {
			return errors.New("character map is cut off")
		}
		for g := range n {
			rec := sub[16+12*g:]
			group := cmapGroup{rune(binary.BigEndian.Uint32(rec)), rune(binary.BigEndian.Uint32(rec[4:])), binary.BigEndian.Uint32(rec[8:])}
			if group.last < group.first || int64(group.glyph)+int64(group.last-group.first) >= int64(len(f.advances)) {
				return errors.New("character map names glyphs that do not exist")
			}
			f.groups = append(f.groups, group)
		}
		for r := range f.low {
			f.low[r] = f.search(rune(r))
		}
		return nil
	}
	return errors.New("no character map of format 12")
}

func (f *Font) search(r rune) uint16 {
	i, ok := slices.BinarySearchFunc(f.groups, r, func(g cmapGroup, r rune) int {
		switch {
		case r < g.first:
			return 1
		case r > g.last:
			return -1
		}
		return 0
	})
	if !ok {
		return 0
	}
	return uint16(f.groups[i].glyph + uint32(r-f.groups[i].first))
}

// glyph is the glyph of a character, 0 if the font has none.
func (f *Font) glyph(r rune) uint16 {
	if r >= 0 && int(r) < len(f.low) {
		return f.low[r]
	}
	return f.search(r)
}

func (f *Font) outline(g uint16) []byte {
	return f.tables["glyf"][f.offsets[g]:f.offsets[g+1]]
}

func (f *Font) has(r rune) bool { return f.glyph(r) != 0 && !rightToLeft(r) }

// Replacement stands for a character that the font lacks, so that nothing disappears silently.
const Replacement = '\uFFFD'

// CleanText prepares foreign text for printing on one line (SEC-70): NFC, so that a decomposed ü from macOS becomes one glyph;
// line breaks and other blanks become a space; controls, direction marks and overrides, and other invisible format
// characters go. Invalid UTF-8 becomes [Replacement].
func CleanText(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', unicode.Is(unicode.Z, r):
			return ' '
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r):
			return -1
		case unicode.Is(unicode.Co, r), unicode.Is(unicode.Noncharacter_Code_Point, r):
			return Replacement
		}
		return r
	}, norm.NFC.String(strings.ToValidUTF8(s, string(Replacement))))
}

// plain reports characters that cleaning leaves alone whatever stands beside them: most of what is printed in Europe.
func plain(r rune) bool {
	return r >= ' ' && r <= '~' || r >= 0xA1 && r < 0x300 && r != 0xAD || r >= 0x2010 && r < 0x2028 || r >= 0x20A0 && r < 0x20C0
}

// Printable returns text as the font can draw it: cleaned by [CleanText], with [Replacement] for each character that
// the font lacks and for right-to-left letters, which need a shaping engine to be readable. Missing counts them.
func (f *Font) Printable(text string) (printable string, missing int) {
	text = CleanText(text)
	return strings.Map(func(r rune) rune {
		if f.has(r) {
			return r
		}
		missing++
		return Replacement
	}, text), missing
}

func rightToLeft(r rune) bool {
	return r >= 0x590 && (r <= 0x8FF || r >= 0xFB1D && r <= 0xFDFF || r >= 0xFE70 && r <= 0xFEFC || r >= 0x10800 && r <= 0x10FFF || r >= 0x1E800 && r <= 0x1EFFF)
}

// Width is the length of text in points at a size in points. It measures exactly what [Page.Text] draws; text should have
// passed [Font.Printable].
func (f *Font) Width(text string, size float64) float64 {
	units := 0
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[i:])
		}
		units += int(f.advances[f.glyph(r)])
		i += n
	}
	return float64(units) * size / float64(f.unitsPerEm)
}

// CapHeight is the height of a capital letter in points at a size in points.
func (f *Font) CapHeight(size float64) float64 {
	return float64(f.capHeight) * size / float64(f.unitsPerEm)
}

// Descent is how far letters such as g reach below the baseline, in points at a size in points.
func (f *Font) Descent(size float64) float64 { return 0.24 * size }
