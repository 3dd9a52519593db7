package pdf

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf16"
)

// fontNames is the font part of the resources that all pages share.
func (d *Writer) fontNames() []byte {
	var b []byte
	for i := range d.fonts {
		b = fmt.Appendf(b, "/F%d %d 0 R", i, objFonts+objectsPerFont*i)
	}
	return b
}

// font writes the five objects of an embedded font: the glyphs used keep their numbers, which are the character codes on
// the pages (Identity-H, ISO 32000-1 9.7.5.2). A font that was not used is written with the missing-glyph box alone.
func (d *Writer) font(index int, f *Font) {
	use := &d.used[index]
	glyphs := slices.Clone(use.touched)
	slices.Sort(glyphs)
	file := f.subset(glyphs)
	first := objFonts + objectsPerFont*index
	composite, descendant, descriptor, program, unicodes := first, first+1, first+2, first+3, first+4

	sum := sha256.Sum256(file) // two documents joined into one must not mix their subsets up
	tag := make([]byte, 6)
	for i := range tag {
		tag[i] = 'A' + sum[i]%26
	}
	name := fmt.Sprintf("%s+%s", tag, f.name)
	em := func(v int) int { return v * 1000 / f.unitsPerEm }

	var widths []byte
	for i := 0; i < len(glyphs); {
		widths = fmt.Appendf(widths, "%d[", glyphs[i])
		for j := i; ; {
			widths = fmt.Appendf(widths, "%d ", em(int(f.advances[glyphs[j]])))
			j++
			if j == len(glyphs) || glyphs[j] != glyphs[j-1]+1 {
				i = j
				break
			}
		}
		widths[len(widths)-1] = ']'
	}
	flags := 32 // nonsymbolic
	if f.mono {
		flags |= 1
	}
	d.object(composite, "<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>",
		name, descendant, unicodes)
	d.object(descendant, "<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"+
		"/FontDescriptor %d 0 R/CIDToGIDMap/Identity/DW %d/W[%s]>>", name, descriptor, em(int(f.advances[0])), widths)
	d.object(descriptor, "<</Type/FontDescriptor/FontName/%s/Flags %d/FontBBox[%d %d %d %d]/ItalicAngle 0/Ascent %d/Descent %d/CapHeight %d"+
		"/StemV 80/FontFile2 %d 0 R>>", name, flags, em(int(f.bbox[0])), em(int(f.bbox[1])), em(int(f.bbox[2])), em(int(f.bbox[3])),
		em(f.ascent), em(f.descent), em(f.capHeight), program)
	d.stream(program, fmt.Sprintf("/Length1 %d/Filter/FlateDecode", len(file)), deflate(file))
	d.stream(unicodes, "/Filter/FlateDecode", deflate(toUnicode(glyphs, use.runes)))
}

func deflate(data []byte) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(data) // writing to a bytes.Buffer cannot fail
	z.Close()
	return b.Bytes()
}

// toUnicode maps glyphs back to characters so that text can be copied and searched (ISO 32000-1 9.10.3).
func toUnicode(glyphs []uint16, runes []rune) []byte {
	b := []byte("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def\n/CMapName/Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000><FFFF>\nendcodespacerange\n")
	for part := range slices.Chunk(glyphs, 100) { // at most 100 lines a section
		b = fmt.Appendf(b, "%d beginbfchar\n", len(part))
		for _, g := range part {
			b = fmt.Appendf(b, "<%04X><", g)
			for _, u := range utf16.Encode([]rune{runes[g]}) {
				b = fmt.Appendf(b, "%04X", u)
			}
			b = append(b, ">\n"...)
		}
		b = append(b, "endbfchar\n"...)
	}
	return append(b, "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"...)
}

// subset makes a TrueType file with the given glyphs, those they are composed of, and the missing-glyph box. Glyph numbers stay; the file
// ends after the highest one.
func (f *Font) subset(glyphs []uint16) []byte {
	kept := make([]bool, len(f.advances))
	var keep func(g uint16)
	keep = func(g uint16) {
		if int(g) >= len(kept) || kept[g] {
			return
		}
		kept[g] = true
		for _, part := range components(f.outline(g)) {
			keep(part)
		}
	}
	keep(0)
	for _, g := range glyphs {
		keep(g)
	}
	count := len(kept)
	for !kept[count-1] {
		count--
	}

	u16, u32 := binary.BigEndian.AppendUint16, binary.BigEndian.AppendUint32
	var glyf, loca, hmtx []byte
	for g := range count {
		loca = u32(loca, uint32(len(glyf)))
		if !kept[g] {
			hmtx = u32(hmtx, 0)
			continue
		}
		glyf = append(glyf, f.outline(uint16(g))...)
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
		hmtx = u16(u16(hmtx, f.advances[g]), f.bearing(g))
	}
	loca = u32(loca, uint32(len(glyf)))

	head, hhea, maxp := slices.Clone(f.tables["head"]), slices.Clone(f.tables["hhea"]), slices.Clone(f.tables["maxp"])
	binary.BigEndian.PutUint32(head[8:], 0)  // checksum of the whole, set below
	binary.BigEndian.PutUint16(head[50:], 1) // long offsets
	binary.BigEndian.PutUint16(hhea[34:], uint16(count))
	binary.BigEndian.PutUint16(maxp[4:], uint16(count))

	type table struct {
		tag  string
		data []byte
	}
	parts := []table{{"glyf", glyf}, {"head", head}, {"hhea", hhea}, {"hmtx", hmtx}, {"loca", loca}, {"maxp", maxp}}
	for _, tag := range keptTables {
		if data := f.tables[tag]; len(data) > 0 {
			parts = append(parts, table{tag, data})
		}
	}
	slices.SortFunc(parts, func(a, b table) int { return bytes.Compare([]byte(a.tag), []byte(b.tag)) })

	n, power := len(parts), 1
	log := 0
	for power*2 <= n {
		power, log = power*2, log+1
	}
	out := u16(u16(u16(u16(u32(nil, 0x00010000), uint16(n)), uint16(power*16)), uint16(log)), uint16((n-power)*16))
	at, headAt := 12+16*n, 0
	for _, p := range parts {
		out = u32(u32(u32(append(out, p.tag...), checksum(p.data)), uint32(at)), uint32(len(p.data)))
		if p.tag == "head" {
			headAt = at
		}
		at += (len(p.data) + 3) &^ 3
	}
	for _, p := range parts {
		out = append(out, p.data...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	binary.BigEndian.PutUint32(out[headAt+8:], 0xB1B0AFBA-checksum(out))
	return out
}

// bearing is the left side bearing of a glyph.
func (f *Font) bearing(g int) uint16 {
	hmtx := f.tables["hmtx"]
	metrics := int(binary.BigEndian.Uint16(f.tables["hhea"][34:]))
	at := 4*g + 2
	if g >= metrics {
		at = 4*metrics + 2*(g-metrics)
	}
	if at+2 > len(hmtx) {
		return 0
	}
	return binary.BigEndian.Uint16(hmtx[at:])
}

// components lists the glyphs that a composite outline is made of (OpenType "glyf").
func components(outline []byte) (parts []uint16) {
	if len(outline) < 10 || int16(binary.BigEndian.Uint16(outline)) >= 0 {
		return nil
	}
	const (
		wordArguments = 1 << 0
		oneScale      = 1 << 3
		more          = 1 << 5
		twoScales     = 1 << 6
		matrix        = 1 << 7
	)
	for rest := outline[10:]; len(rest) >= 4; {
		flags := binary.BigEndian.Uint16(rest)
		parts = append(parts, binary.BigEndian.Uint16(rest[2:]))
		size := 6
		if flags&wordArguments != 0 {
			size += 2
		}
		switch {
		case flags&oneScale != 0:
			size += 2
		case flags&twoScales != 0:
			size += 4
		case flags&matrix != 0:
			size += 8
		}
		if flags&more == 0 || len(rest) < size {
			break
		}
		rest = rest[size:]
	}
	return parts
}

func checksum(data []byte) (sum uint32) {
	for ; len(data) >= 4; data = data[4:] {
		sum += binary.BigEndian.Uint32(data)
	}
	if len(data) > 0 {
		var last [4]byte
		copy(last[:], data)
		sum += binary.BigEndian.Uint32(last[:])
	}
	return sum
}
