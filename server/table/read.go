// Package table reads and writes lists as files that spreadsheets make and open. It is a leaf: what a column means is known by those
// who call it.
package table

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Limits of what is read.
const (
	MaxBytes   = 16 << 20
	MaxColumns = 200
	MaxCell    = 8192 // bytes of one cell
)

// Row is a line of a table. Line is where it begins in its file, the first one is 1.
type Row struct {
	Line  int
	Cells []string
}

// Cell returns the trimmed text of a column, "" if the row has no such column.
func (r Row) Cell(i int) string {
	if i < 0 || i >= len(r.Cells) {
		return ""
	}
	return strings.TrimSpace(r.Cells[i])
}

// Fault says what is wrong with a file and where. Line and Column count from 1; Column counts characters of the line, 0 for the whole
// line; Line is 0 for the whole file.
type Fault struct {
	Code         string
	Line, Column int
}

// The reasons of a [Fault].
const (
	Empty       = "empty"           // no line at all
	NoText      = "not_text"        // neither UTF-8, UTF-16 nor Windows-1252
	Quotes      = "quotes"          // a quotation mark is missing or too many
	FieldCount  = "field_count"     // more cells than the first line
	TooLarge    = "too_large"       // over MaxBytes
	TooManyRows = "too_many_rows"   // over the caller's limit
	TooWide     = "too_many_fields" // over MaxColumns
	CellTooLong = "cell_too_long"   // over MaxCell
)

// Error names reason and place.
func (f *Fault) Error() string {
	switch {
	case f.Line == 0:
		return "table: " + f.Code
	case f.Column == 0:
		return fmt.Sprintf("table: line %d: %s", f.Line, f.Code)
	}
	return fmt.Sprintf("table: line %d, column %d: %s", f.Line, f.Column, f.Code)
}

// Read reads a table whose first line names its columns, as spreadsheets save it: UTF-8, UTF-16 or Windows-1252, with semicolons,
// commas or tabs between the cells. Empty lines are left out, a line may have fewer cells than the first one. It reads at most
// maxRows lines after the first; errors of the file are a *Fault, others those of in.
func Read(in io.Reader, maxRows int) (header []string, rows []Row, err error) {
	raw, err := io.ReadAll(io.LimitReader(in, MaxBytes+1))
	if err != nil {
		return nil, nil, err
	}
	if len(raw) > MaxBytes {
		return nil, nil, &Fault{Code: TooLarge}
	}
	text, err := Text(raw)
	if err != nil {
		return nil, nil, err
	}
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	r.Comma = Separator(text)
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fault(err)
		}
		row, err := check(r, cells)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case header == nil:
			header = trimEnd(cells)
			for i := range header {
				header[i] = strings.TrimSpace(header[i])
			}
		case blank(cells):
		case len(trimEnd(cells)) > len(header):
			_, column := r.FieldPos(len(header))
			return nil, nil, &Fault{FieldCount, row.Line, column}
		case len(rows) == maxRows:
			return nil, nil, &Fault{TooManyRows, row.Line, 0}
		default:
			rows = append(rows, row)
		}
	}
	if header == nil || blank(header) {
		return nil, nil, &Fault{Code: Empty}
	}
	return header, rows, nil
}

// check bounds a line.
func check(r *csv.Reader, cells []string) (Row, error) {
	first, _ := r.FieldPos(0)
	if len(cells) > MaxColumns {
		return Row{}, &Fault{TooWide, first, 0}
	}
	for i, c := range cells {
		if len(c) > MaxCell {
			at, column := r.FieldPos(i)
			return Row{}, &Fault{CellTooLong, at, column}
		}
	}
	return Row{Line: first, Cells: cells}, nil
}

func fault(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return &Fault{Quotes, parse.Line, parse.Column}
	}
	return err
}

func blank(cells []string) bool { return len(trimEnd(cells)) == 0 }

// trimEnd leaves out empty cells at the end: spreadsheets fill up short lines.
func trimEnd(cells []string) []string {
	for len(cells) > 0 && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	return cells
}

// Text decodes a file as text: by its byte order mark; without one UTF-8 if it is that, UTF-16 if every second byte of its beginning
// is zero, else Windows-1252. Line ends become \n. A text with NUL or with bytes that Windows-1252 leaves open is a *Fault.
func Text(raw []byte) (string, error) {
	var text string
	switch {
	case bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")):
		text = string(raw[3:])
	case bytes.HasPrefix(raw, []byte("\xff\xfe")):
		text = wide(raw[2:], 0)
	case bytes.HasPrefix(raw, []byte("\xfe\xff")):
		text = wide(raw[2:], 1)
	case len(raw) >= 4 && raw[1] == 0 && raw[3] == 0:
		text = wide(raw, 0)
	case len(raw) >= 4 && raw[0] == 0 && raw[2] == 0:
		text = wide(raw, 1)
	case utf8.Valid(raw):
		text = string(raw)
	default:
		b, err := charmap.Windows1252.NewDecoder().Bytes(raw)
		if err != nil {
			return "", &Fault{Code: NoText}
		}
		text = string(b)
	}
	for line, n := text, 1; ; n++ {
		this, rest, more := strings.Cut(line, "\n")
		if i := strings.IndexFunc(this, func(r rune) bool { return r == 0 || r == utf8.RuneError }); i >= 0 {
			return "", &Fault{NoText, n, utf8.RuneCountInString(this[:i]) + 1}
		}
		if !more {
			break
		}
		line = rest
	}
	// Old spreadsheets end lines by CR alone.
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), nil
}

// wide decodes UTF-16; low is the place of the low byte of a pair. What is no text comes out as U+FFFD.
func wide(raw []byte, low int) string {
	units := make([]uint16, 0, len(raw)/2+1)
	for len(raw) >= 2 {
		units = append(units, uint16(raw[low])|uint16(raw[1-low])<<8)
		raw = raw[2:]
	}
	if len(raw) > 0 {
		units = append(units, utf8.RuneError)
	}
	return string(utf16.Decode(units))
}

// Separator is what stands between the cells of a text: of semicolon, tab and comma the one that its first line has most of outside
// quotation marks, in doubt the first of these.
func Separator(text string) rune {
	count := map[rune]int{}
	quoted := false
	s := bufio.NewReader(strings.NewReader(text))
	for {
		r, _, err := s.ReadRune()
		if err != nil || r == '\n' && !quoted {
			break
		}
		if r == '"' {
			quoted = !quoted
		} else if !quoted {
			count[r]++
		}
	}
	best := ';'
	for _, r := range "\t," {
		if count[r] > count[best] {
			best = r
		}
	}
	return best
}
