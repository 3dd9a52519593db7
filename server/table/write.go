package table

import (
	"bufio"
	"encoding/csv"
	"io"
	"regexp"
	"strings"
)

// Writer writes a table for spreadsheets: UTF-8 with a byte order mark, semicolons, CRLF, which German and Swedish ones open by a
// double click (standards.md section 5). Cells that they could take for a formula are guarded (SEC-69).
type Writer struct {
	csv    *csv.Writer
	marked bool
	mark   *bufio.Writer
}

// NewWriter returns a Writer to w; end it with Flush.
func NewWriter(w io.Writer) *Writer {
	b := bufio.NewWriter(w)
	c := csv.NewWriter(b)
	c.Comma, c.UseCRLF = ';', true
	return &Writer{csv: c, mark: b}
}

// Write adds a line.
func (w *Writer) Write(cells ...string) error {
	if !w.marked {
		if _, err := w.mark.WriteString("\ufeff"); err != nil {
			return err
		}
		w.marked = true
	}
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = Guard(c)
	}
	return w.csv.Write(out)
}

// Flush writes what is buffered, and returns the first error.
func (w *Writer) Flush() error {
	w.csv.Flush()
	if err := w.csv.Error(); err != nil {
		return err
	}
	return w.mark.Flush()
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
