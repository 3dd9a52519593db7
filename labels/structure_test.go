package labels

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"testing"
)

var (
	objectHead  = regexp.MustCompile(`^(\d+) 0 obj\n`)
	streamHead  = regexp.MustCompile(`^\d+ 0 obj\n<</Length (\d+)([^\n]*)>>stream\n`)
	forbidden   = regexp.MustCompile(`/(JS|JavaScript|A|AA|OpenAction|URI|Launch|Annots|AcroForm|EmbeddedFile|S)\b`)
	knownActive = map[string]bool{"q": true, "Q": true, "cm": true, "BT": true, "ET": true, "Tf": true, "Td": true, "Tj": true}
)

// checkStructure reads a PDF as this package writes it and fails on anything that does not belong: a cross-reference entry that misses
// its object, a dictionary with an action, a page content whose strings, text objects or graphics states are not balanced.
func checkStructure(data []byte) error {
	tail := bytes.LastIndex(data, []byte("startxref\n"))
	if tail < 0 || !bytes.HasSuffix(data, []byte("\n%%EOF\n")) {
		return errors.New("no end of file")
	}
	start, err := strconv.Atoi(string(bytes.Fields(data[tail:])[1]))
	if err != nil || start >= len(data) || !bytes.HasPrefix(data[start:], []byte("xref\n0 ")) {
		return fmt.Errorf("startxref %d does not point to the table", start)
	}
	lines := bytes.Split(data[start:], []byte("\n"))
	n, _ := strconv.Atoi(string(bytes.Fields(lines[1])[1]))
	covered := 0
	for i := 1; i < n; i++ {
		at, err := strconv.Atoi(string(lines[2+i][:10]))
		if err != nil || at >= start {
			return fmt.Errorf("object %d at %q", i, lines[2+i])
		}
		body := data[at:start]
		head := objectHead.FindSubmatch(body)
		if head == nil || string(head[1]) != strconv.Itoa(i) {
			return fmt.Errorf("entry %d points to %.20q", i, body)
		}
		if m := streamHead.FindSubmatch(body); m != nil {
			size, _ := strconv.Atoi(string(m[1]))
			rest := body[len(m[0]):]
			if size > len(rest) || !bytes.HasPrefix(rest[size:], []byte("\nendstream\nendobj\n")) {
				return fmt.Errorf("stream %d is not %d bytes long", i, size)
			}
			covered += len(m[0]) + size + len("\nendstream\nendobj\n")
			z, err := zlib.NewReader(bytes.NewReader(rest[:size]))
			if err != nil {
				return err
			}
			plain, err := io.ReadAll(z)
			if err != nil {
				return err
			}
			if string(m[2]) == "/Filter/FlateDecode" && !bytes.HasPrefix(plain, []byte("/CIDInit")) {
				if err := checkContent(plain); err != nil {
					return fmt.Errorf("object %d: %w", i, err)
				}
			}
			continue
		}
		end := bytes.Index(body, []byte("\nendobj\n"))
		if end < 0 || forbidden.Match(body[:end]) {
			return fmt.Errorf("object %d: %.200q", i, body[:max(end, 0)])
		}
		covered += end + len("\nendobj\n")
	}
	if first := bytes.Index(data, []byte("1 0 obj")); first < 0 {
		return errors.New("no object")
	}
	if head := len("%PDF-1.7\n%....\n"); covered+head != start {
		return fmt.Errorf("%d bytes belong to no object", start-covered-head)
	}
	return nil
}

func checkContent(b []byte) error {
	depth, text := 0, false
	for len(b) > 0 {
		switch c := b[0]; {
		case c == ' ' || c == '\n':
			b = b[1:]
		case c == '(':
			end := 1
			for ; end < len(b) && b[end] != ')'; end++ {
				if b[end] == '(' {
					return errors.New("bare parenthesis in a string")
				}
				if b[end] == '\\' {
					end++
				}
			}
			if end >= len(b) {
				return errors.New("string without end")
			}
			b = b[end+1:]
		case bytes.HasPrefix(b, []byte("BI/")):
			head := bytes.Index(b, []byte("ID "))
			var w, h int
			if _, err := fmt.Sscanf(string(b[:head]), "BI/W %d/H %d/IM true/D[1 0]", &w, &h); err != nil {
				return fmt.Errorf("%.60q: %w", b, err)
			}
			b = b[head+3+(w+7)/8*h:]
			if !bytes.HasPrefix(b, []byte("\nEI ")) {
				return errors.New("picture of another length")
			}
			b = b[4:]
		default:
			end := bytes.IndexAny(b, " \n([")
			if end < 0 {
				end = len(b)
			}
			word := string(b[:end])
			b = b[end:]
			if word[0] == '/' || word[0] == '-' || word[0] >= '0' && word[0] <= '9' {
				continue
			}
			if !knownActive[word] {
				return fmt.Errorf("operator %q", word)
			}
			switch word {
			case "q":
				depth++
			case "Q":
				depth--
			case "BT", "ET":
				if text == (word == "BT") {
					return errors.New("text objects are not balanced")
				}
				text = word == "BT"
			}
			if depth < 0 || depth > 1 {
				return errors.New("graphics states are not balanced")
			}
		}
	}
	if depth != 0 || text {
		return errors.New("content ends too early")
	}
	return nil
}

func FuzzLabelText(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text, text, uint8(0))
	}
	stocks := Stocks()
	f.Fuzz(func(t *testing.T, code, text string, which uint8) {
		sheet := Sheet{Stock: stocks[int(which)%len(stocks)], Title: text, Language: code}
		label := Label{URL: "HTTPS://TAGWERK.EXAMPLE/T/7K3M9QXD2VHTP", Code: code, Lines: []string{text, code, text}}
		var out bytes.Buffer
		_, err := WritePDF(context.Background(), &out, sheet, All([]Label{label, label}))
		var refused *PreflightError
		if errors.As(err, &refused) || errors.Is(err, ErrStock) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := checkStructure(out.Bytes()); err != nil {
			t.Fatal(err)
		}
		checkInside(t, sheet.Stock, label)
	})
}
