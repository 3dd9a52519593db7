package table

import (
	"bufio"
	"io"
	"regexp"
	"strings"
)

// Writer writes a table for spreadsheets: UTF-8 with a byte order mark, semicolons, CRLF, which German and Swedish ones open by a
// double click (standards.md section 5). Cells that they could take for a formula are guarded (SEC-69).
type Writer struct {
	out *bufio.Writer
	err error
	// begun is set once the byte order mark is written.
	begun bool
}

// NewWriter returns a Writer to w; end it with Flush.
func NewWriter(w io.Writer) *Writer { return &Writer{out: bufio.NewWriter(w)} }

// Write adds a line. Of errors the first one stays.
func (w *Writer) Write(cells ...string) error {
	line := ""
	if !w.begun {
		line, w.begun = "\ufeff", true
	}
	for i, c := range cells {
		if i > 0 {
			line += ";"
		}
		line += quoted(Guard(c), len(cells) == 1)
	}
	if w.err == nil {
		_, w.err = w.out.WriteString(line + "\r\n")
	}
	return w.err
}

// quoted is a cell in quotation marks if it needs them (RFC 4180). Those with another separator in it do as well: readers like [Read] find
// out the separator by what the first line has most of.
func quoted(cell string, alone bool) string {
	if cell == "" && alone || cell == `\.` || strings.HasPrefix(cell, " ") || strings.ContainsAny(cell, ";,\t\"\r\n") {
		return `"` + strings.NewReplacer(`"`, `""`, "\n", "\r\n").Replace(cell) + `"`
	}
	return cell
}

// Flush writes what is buffered, and returns the first error.
func (w *Writer) Flush() error {
	if w.err == nil {
		w.err = w.out.Flush()
	}
	return w.err
}

// plainNumber is a number or a phone number, which no spreadsheet computes.
var plainNumber = regexp.MustCompile(`^[+-]?[0-9][0-9 ()/.,-]*$`)

// Guard returns a cell that no spreadsheet takes for a formula: one that begins like one gets a leading apostrophe, unless it is a
// plain number or phone number (SEC-69). Line breaks become those of the file's form; NUL, which spreadsheets cut off at, a blank.
func Guard(cell string) string {
	cell = strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(cell, "\x00", " "), "\r\n", "\n"), "\r", "\n")
	if dangerous(cell) && !plainNumber.MatchString(cell) {
		return "'" + cell
	}
	return cell
}

// dangerous reports whether the text begins like a formula, also behind blanks that a spreadsheet may take off.
func dangerous(cell string) bool {
	if strings.HasPrefix(cell, "\t") || strings.HasPrefix(cell, "\n") {
		return true
	}
	for _, r := range strings.TrimLeft(cell, " \u00a0\u2007\u202f\u3000\ufeff") {
		return strings.ContainsRune("=+-@＝＋－＠\t\n", r)
	}
	return false
}

// Unguard takes off the apostrophe that [Guard] set, for a file that comes back.
func Unguard(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && Guard(rest) == cell {
		return rest
	}
	return cell
}
