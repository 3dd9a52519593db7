package labels

import (
	"strings"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/labels/pdf"
)

// maxTextRunes bounds the work on foreign text; no label has room for more.
const maxTextRunes = 200

// minArcMM is the width below which a round label's lower end is left empty rather than filled with a few letters and an ellipsis.
const minArcMM = 14

// run is text on one line, placed in mm from the top left corner of the label.
type run struct {
	font    *pdf.Font
	size    float64 // points
	x, base float64 // left end and baseline
	text    string
}

// row is a run before its place is known.
type row struct {
	font  *pdf.Font
	size  float64
	text  string
	width float64 // mm
}

func newRow(font *pdf.Font, size float64, text string) row {
	return row{font, size, text, font.Width(text, size) / ptPerMM}
}

// cutRunes returns at most n characters of s.
func cutRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

// printable cleans foreign text for a font and cuts it to a bounded length.
func printable(font *pdf.Font, s string) string {
	// Cleaning may drop characters, so look at more than are kept, but not at a megabyte.
	s, _ = font.Printable(cutRunes(s, 4*maxTextRunes))
	return strings.TrimSpace(cutRunes(s, maxTextRunes))
}

// missing reports whether the fonts lack a character of the label's texts.
func (l *Label) missing() bool {
	_, lost := pdf.Mono().Printable(l.Code)
	for _, line := range l.Lines {
		_, n := pdf.Sans().Printable(line)
		lost += n
	}
	return lost > 0
}

// compose sets the texts of a label: in the largest size at which all of them fit whole, else at 6 points with ellipsis.
func (f *frame) compose(l *Label, runs []run) []run {
	code := f.codeRows(l.Code)
	codeHeight := 0.0
	for _, r := range code {
		codeHeight += leading * r.size / ptPerMM
	}
	texts := make([]string, 0, 4)
	for _, line := range l.Lines {
		if t := printable(pdf.Sans(), line); t != "" {
			texts = append(texts, t)
		}
	}
	rows, whole := []row(nil), len(texts) == 0
	for size := f.textSize; size >= minTextPt && !whole; size -= 0.5 {
		rows, whole = f.textRows(texts, size, codeHeight, size == minTextPt)
	}
	if f.below {
		rows = append(code, rows...)
	} else {
		rows = append(rows, code...)
	}
	return f.place(rows, runs)
}

// codeRows breaks the code at its separators into as many lines as the frame has for it.
func (f *frame) codeRows(code string) []row {
	if f.codeLines == 0 {
		return nil
	}
	code = printable(pdf.Mono(), code)
	ends := breakGroups(codeGroups(codeShape(code)), f.codeLines)
	rows := make([]row, 0, 4)
	for i, chars := range ends {
		line := cutRunes(code, chars)
		if i == len(ends)-1 {
			line = code
		}
		code = code[len(line):]
		rows = append(rows, newRow(pdf.Mono(), f.codeSize, strings.TrimSpace(line)))
	}
	return rows
}

// textRows breaks the texts into lines of one size and reports whether all of them are there whole. With force it shortens what does not
// fit: later texts go first, then the second line of the name.
func (f *frame) textRows(texts []string, size, codeHeight float64, force bool) (rows []row, whole bool) {
	font := pdf.Sans()
	room := f.text.h - codeHeight
	limit := 0
	for lineMM(limit+1, size) <= room+1e-6 && limit < 2+len(texts) {
		limit++
	}
	whole = true
	for i, text := range texts {
		for part := 0; text != ""; part++ {
			if len(rows) == limit {
				return rows, false
			}
			last := part == 1 || i > 0 || len(rows) == limit-1
			width := f.rowWidth(len(rows), size, codeHeight) * ptPerMM / size
			if f.radius > 0 {
				last = last || f.rowWidth(len(rows)+1, size, codeHeight) < minArcMM
				if width*size < minArcMM*ptPerMM && font.Width(text, 1) > width {
					return rows, false
				}
			}
			line, rest, ok := breakLine(font, text, width, last)
			if ok && rest != "" {
				line, rest = balance(font, line, rest, f.rowWidth(len(rows)+1, size, codeHeight)*ptPerMM/size)
			}
			if !ok {
				if whole = false; !force {
					return nil, false
				}
			}
			if line == "" {
				return rows, false
			}
			rows = append(rows, newRow(font, size, line))
			text = rest
		}
	}
	return rows, whole
}

// rowWidth is the room for the n-th line of text in mm.
func (f *frame) rowWidth(n int, size, codeHeight float64) float64 {
	y := f.text.y + codeHeight + float64(n)*leading*size/ptPerMM
	return f.widthAt(y, y+capEm*size/ptPerMM, descentEm*size/ptPerMM)
}

// breakLine takes the words from text that fit in a width, given in ems. On the last line, and where a single word is too long, it
// shortens with an ellipsis or cuts the word, and reports false.
func breakLine(font *pdf.Font, text string, width float64, last bool) (line, rest string, whole bool) {
	if font.Width(text, 1) <= width {
		return text, "", true
	}
	if last {
		const ellipsis = "…"
		cut := fitting(font, text, width-font.Width(ellipsis, 1))
		if cut == "" {
			return "", "", false
		}
		return strings.TrimRight(cut, " -.,;·") + ellipsis, "", false
	}
	cut := fitting(font, text, width)
	if at := len(cut); at < len(text) && text[at] == ' ' {
		return strings.TrimSpace(cut), strings.TrimSpace(text[at:]), true
	}
	if at := strings.LastIndexAny(cut, " -/"); at > 0 {
		return strings.TrimSpace(text[:at+1]), strings.TrimSpace(text[at+1:]), true
	}
	return cut, text[len(cut):], false
}

// balance moves words from the first line to the second as long as the longer of both gets shorter and the second stays within its width, in ems.
func balance(font *pdf.Font, line, rest string, width float64) (string, string) {
	for {
		at := strings.LastIndexByte(line, ' ')
		if at < 0 {
			return line, rest
		}
		second := line[at+1:] + " " + rest
		if w := font.Width(second, 1); w > width || w > font.Width(line, 1) {
			return line, rest
		}
		line, rest = line[:at], second
	}
}

// fitting is the longest beginning of text that is not wider than width, in ems.
func fitting(font *pdf.Font, text string, width float64) string {
	for i := 0; i < len(text); {
		_, n := utf8.DecodeRuneInString(text[i:])
		if width -= font.Width(text[i:i+n], 1); width < 0 {
			return text[:i]
		}
		i += n
	}
	return text
}

// place stacks rows: in the middle beside the symbol, from the top and centred below it.
func (f *frame) place(rows []row, runs []run) []run {
	y := f.text.y
	if !f.below && len(rows) > 0 {
		height := 0.0
		for _, r := range rows[:len(rows)-1] {
			height += leading * r.size / ptPerMM
		}
		height += lineMM(1, rows[len(rows)-1].size)
		y += (f.text.h - height) / 2
	}
	for _, r := range rows {
		x := f.text.x
		if f.below {
			x += (f.text.w - r.width) / 2
		}
		runs = append(runs, run{r.font, r.size, x, y + capEm*r.size/ptPerMM, r.text})
		y += leading * r.size / ptPerMM
	}
	return runs
}
