package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/labels"
)

var errNotUTF8 = errors.New("is not in UTF-8: save the table as \"CSV UTF-8\"")

// readLabels reads labels from CSV one by one, so that a long list never stands in memory. Faults name their line. What
// spreadsheets make is taken as it comes: a byte order mark, and semicolons or tabs between the fields.
func readLabels(in io.Reader, step func()) iter.Seq2[labels.Label, error] {
	return func(yield func(labels.Label, error) bool) {
		r, at, err := openTable(in)
		if err != nil {
			yield(labels.Label{}, fmt.Errorf("CSV %w", err))
			return
		}
		for {
			row, err := r.Read()
			if err == io.EOF {
				return
			}
			var l labels.Label
			if err == nil {
				l, err = at.label(row)
			}
			if err != nil {
				err = rowFault(r, row, err)
			}
			if err != nil {
				yield(labels.Label{}, fmt.Errorf("CSV %w", err))
				return
			}
			step()
			if !yield(l, nil) {
				return
			}
		}
	}
}

// columns are the places of the columns by name.
type columns map[string]int

// openTable reads the header.
func openTable(in io.Reader) (*csv.Reader, columns, error) {
	b := bufio.NewReaderSize(in, 16<<10)
	start, err := b.Peek(b.Size())
	if err != nil && err != io.EOF {
		return nil, nil, reason(err)
	}
	if start, marked := bytes.CutPrefix(start, []byte("\ufeff")); marked {
		_, _ = b.Discard(len("\ufeff"))
		return readHeader(b, start)
	}
	return readHeader(b, start)
}

func readHeader(b io.Reader, start []byte) (*csv.Reader, columns, error) {
	line, _, _ := bytes.Cut(start, []byte("\n"))
	r := csv.NewReader(b)
	r.ReuseRecord = true
	for _, comma := range ";\t" {
		if bytes.ContainsRune(line, comma) && !bytes.ContainsRune(line, ',') {
			r.Comma = comma
		}
	}
	head, err := r.Read()
	if err == io.EOF {
		return nil, nil, errors.New("file is empty: the first line must name the columns, of which url is one")
	}
	if err != nil {
		return nil, nil, rowFault(r, head, err)
	}
	at := columns{}
	for i, name := range head {
		if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return nil, nil, fmt.Errorf("file %w", errNotUTF8)
		}
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := at[name]; twice && name != "" {
			return nil, nil, fmt.Errorf("header: two columns are called %s", name)
		}
		at[name] = i
	}
	if _, ok := at["url"]; !ok {
		return nil, nil, fmt.Errorf("header: no column is called url; the first line names %s", strings.Join(head, ", "))
	}
	return r, at, nil
}

// rowFault names the line of a fault.
func rowFault(r *csv.Reader, row []string, err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		if len(row) == 0 {
			return err
		}
		line, _ := r.FieldPos(0)
		return fmt.Errorf("line %d: %w", line, err)
	}
	if errors.Is(err, csv.ErrFieldCount) {
		return fmt.Errorf("line %d: %s where the first line has %d: put texts with %q in quotation marks", parse.StartLine, plural(len(row), "field"), r.FieldsPerRecord, r.Comma)
	}
	return fmt.Errorf("line %d: a quotation mark is missing or too many, seen at line %d, column %d", parse.StartLine, parse.Line, parse.Column)
}

func (at columns) label(row []string) (labels.Label, error) {
	for _, text := range row {
		if !utf8.ValidString(text) {
			return labels.Label{}, errNotUTF8
		}
	}
	field := func(name string) string {
		if i, ok := at[name]; ok {
			return strings.Clone(strings.TrimSpace(row[i]))
		}
		return ""
	}
	l := labels.Label{URL: field("url"), Code: field("code")}
	if l.URL == "" {
		return labels.Label{}, errors.New("the url is empty")
	}
	for _, name := range []string{"line1", "line2", "line3"} {
		if text := field(name); text != "" {
			l.Lines = append(l.Lines, text)
		}
	}
	return l, nil
}

// progress counts on a terminal while something takes longer than a second.
type progress struct {
	w     io.Writer // nil if nobody watches
	what  string
	now   func() time.Time
	next  time.Time
	shown bool
	count int
}

func newProgress(w io.Writer, what string) *progress {
	p := &progress{what: what, now: time.Now}
	if isTerminal(w) {
		p.w = w
	}
	p.next = p.now().Add(time.Second)
	return p
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (p *progress) step() {
	p.count++
	if p.w == nil || p.count%64 != 0 {
		return
	}
	if now := p.now(); now.After(p.next) {
		fmt.Fprintf(p.w, "\r%d %s", p.count, p.what)
		p.shown, p.next = true, now.Add(200*time.Millisecond)
	}
}

// end removes the counter.
func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
