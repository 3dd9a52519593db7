package table_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/server/table"
)

// inUTF16 encodes a text with or without a byte order mark.
func inUTF16(text string, bigEndian, mark bool) string {
	if mark {
		text = "\ufeff" + text
	}
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		if bigEndian {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

func TestRead(t *testing.T) {
	const list = "Nummer;Mieter;Bemerkung\r\n0057169547;Åsa Müller;\"a;b\r\nc\"\r\n\r\n06837899;;\r\n"
	want := []table.Row{{2, []string{"0057169547", "Åsa Müller", "a;b\nc"}}, {5, []string{"06837899", "", ""}}}
	for name, file := range map[string]string{
		"UTF-8": list, "UTF-8 with mark": "\ufeff" + list, "UTF-16 LE": inUTF16(list, false, true), "UTF-16 BE": inUTF16(list, true, true),
		"UTF-16 LE without mark": inUTF16(list, false, false), "UTF-16 BE without mark": inUTF16(list, true, false),
		"Windows-1252": strings.NewReplacer("Å", "\xc5", "ü", "\xfc").Replace(list), "CR alone": strings.ReplaceAll(list, "\r\n", "\r"),
		"commas": strings.NewReplacer(";", ",").Replace(strings.ReplaceAll(list, "a;b", "a;b")), "tabs": strings.ReplaceAll(list, ";", "\t"),
		"filled up": strings.ReplaceAll(list, "Bemerkung", "Bemerkung;;;"), "no end": strings.TrimSuffix(list, "\r\n"),
	} {
		t.Run("F-32 "+name, func(t *testing.T) {
			header, rows, err := table.Read(strings.NewReader(file), 10)
			if err != nil || !slices.Equal(header, []string{"Nummer", "Mieter", "Bemerkung"}) || len(rows) != 2 {
				t.Fatalf("%q %v, %v", header, rows, err)
			}
			for i, r := range rows {
				cells := slices.Clone(r.Cells)
				for j := range cells {
					cells[j] = strings.NewReplacer("a,b", "a;b", "a\tb", "a;b").Replace(cells[j])
				}
				if r.Line != want[i].Line || !slices.Equal(cells, want[i].Cells) {
					t.Errorf("row %d: %d %q", i, r.Line, r.Cells)
				}
			}
		})
	}
	for _, c := range []struct {
		name, file string
		want       table.Fault
	}{
		{"nothing", "", table.Fault{Code: table.Empty}}, {"blank lines", "\n ; \n", table.Fault{Code: table.Empty}},
		{"an open quotation mark", "a;b\n1;\"2\n3;4", table.Fault{table.Quotes, 3, 4}},
		{"a stray quotation mark", "a;b\n1;x\"2\n", table.Fault{table.Quotes, 2, 4}},
		{"a cell too many", "a;b\n1;2\n1;2;3\n", table.Fault{table.FieldCount, 3, 5}},
		{"a row too many", "a\n1\n2\n3\n4\n", table.Fault{table.TooManyRows, 5, 0}},
		{"NUL", "a;b\n1;2\n1;\x002\n", table.Fault{table.NoText, 3, 3}},
		{"open bytes of Windows-1252", "a\n\xe4\n\x81\n", table.Fault{table.NoText, 3, 1}},
		{"broken UTF-8 behind its mark", "\ufeffa\n\xff\n", table.Fault{table.NoText, 2, 1}},
		{"half a character of UTF-16", inUTF16("a\nb\n", false, true) + "x", table.Fault{table.NoText, 3, 1}},
		{"half a pair of UTF-16", "\xff\xfea\x00\n\x00\x3d\xd8b\x00", table.Fault{table.NoText, 2, 1}},
		{"a long cell", "a\n" + strings.Repeat("x", table.MaxCell+1), table.Fault{table.CellTooLong, 2, 1}},
		{"many columns", strings.Repeat("x;", table.MaxColumns+1), table.Fault{table.TooWide, 1, 0}},
		{"a large file", strings.Repeat("x", table.MaxBytes+1), table.Fault{Code: table.TooLarge}},
	} {
		t.Run("SEC-66 "+c.name, func(t *testing.T) {
			_, _, err := table.Read(strings.NewReader(c.file), 3)
			var fault *table.Fault
			if !errors.As(err, &fault) || *fault != c.want {
				t.Errorf("%+v, want %+v", err, c.want)
			}
		})
	}
	t.Run("an error of the file itself", func(t *testing.T) {
		if _, _, err := table.Read(broken{}, 3); !errors.Is(err, errBroken) {
			t.Error(err)
		}
	})
	t.Run("a cell of a column that is not there", func(t *testing.T) {
		if r := (table.Row{Cells: []string{" x "}}); r.Cell(0) != "x" || r.Cell(1) != "" || r.Cell(-1) != "" {
			t.Error(r)
		}
	})
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

func TestWrite(t *testing.T) {
	var b bytes.Buffer
	w := table.NewWriter(&b)
	for _, line := range [][]string{{"Nummer", "Mieter"}, {"0057169547", "Åsa \"Ö\"; Ek"}, {"=1+1", "+49 40 1234"}} {
		if err := w.Write(line...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "\ufeffNummer;Mieter\r\n0057169547;\"Åsa \"\"Ö\"\"; Ek\"\r\n'=1+1;+49 40 1234\r\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	t.Run("an error of the file comes out", func(t *testing.T) {
		w := table.NewWriter(full{})
		_ = w.Write(strings.Repeat("x", 9000))
		if err := w.Flush(); !errors.Is(err, errBroken) {
			t.Error(err)
		}
	})
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errBroken }

func TestGuard(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "Lars": "Lars", "a=b": "a=b", "12": "12", "-12,5": "-12,5", "+49 (40) 12-34/5": "+49 (40) 12-34/5",
		"=1": "'=1", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "-2+3": "'-2+3", "@SUM(1)": "'@SUM(1)", "\tx": "'\tx", "\rx": "'\nx",
		"＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠x": "'＠x", " =1": "' =1", "\u00a0=1": "'\u00a0=1", "-": "'-", "+": "'+", "1=2": "1=2", "a\x00b": "a b",
	} {
		t.Run(fmt.Sprintf("SEC-69 %q", cell), func(t *testing.T) {
			if got := table.Guard(cell); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// FuzzRead reads any file and checks the limits; what was read and is written again is the same.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"a;b\n1;2\n", "\ufeffa\tb\r\n\"x\ny\"\t2", "a,b\n\xe4,2", inUTF16("a;b\n1;2", false, true), "'=x;y\n'=1;2\n", "a\n\"", ";\n;"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		const most = 50
		header, rows, err := table.Read(bytes.NewReader(raw), most)
		if err != nil {
			if !errors.As(err, new(*table.Fault)) {
				t.Fatal(err)
			}
			return
		}
		if len(header) == 0 || len(header) > table.MaxColumns || len(rows) > most {
			t.Fatalf("%d columns, %d rows", len(header), len(rows))
		}
		var b bytes.Buffer
		w := table.NewWriter(&b)
		if err := w.Write(header...); err != nil {
			t.Fatal(err)
		}
		last := 0
		for _, r := range rows {
			if r.Line <= last {
				t.Fatalf("line %d after line %d", r.Line, last)
			}
			last = r.Line
			trimmed := make([]string, len(header))
			for i := range header {
				trimmed[i] = r.Cell(i)
			}
			for _, c := range r.Cells {
				if !utf8.ValidString(c) || strings.ContainsAny(c, "\x00\r") {
					t.Fatalf("cell %q", c)
				}
			}
			if err := w.Write(trimmed...); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		head, again, err := table.Read(&b, most)
		if len(header) == 1 || err != nil && len(rows) == 0 {
			return // one column alone may be taken for another separator
		}
		if err != nil || len(head) < len(header) || len(again) != len(rows) {
			t.Fatalf("written and read again: %q, %d rows of %d, %v", head, len(again), len(rows), err)
		}
		for i, r := range rows {
			for j := range header {
				// An apostrophe of the list's own is taken for the guard.
				if got := table.Unguard(again[i].Cell(j)); got != r.Cell(j) && !strings.HasPrefix(r.Cell(j), "'") {
					t.Fatalf("row %d, cell %d: %q became %q", i, j, r.Cell(j), got)
				}
			}
		}
	})
}

// FuzzGuard checks that no guarded cell begins like a formula but numbers, and that the guard is taken off again.
func FuzzGuard(f *testing.F) {
	for _, seed := range []string{"=1", "-1", "+49", "'=1", "''", " @x", "\t", "＝"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		got := table.Guard(cell)
		first, _ := utf8.DecodeRuneInString(strings.TrimLeft(got, " \u00a0"))
		number := len(got) > 1 && strings.ContainsRune("+-", first) && got[1] >= '0' && got[1] <= '9' && strings.Trim(got[1:], "0123456789 ()/.,-") == ""
		if got != "" && strings.ContainsRune("=+-@＝＋－＠\t\r\n", first) && !number {
			t.Fatalf("%q stays %q", cell, got)
		}
		if clean := strings.NewReplacer("\x00", " ", "\r\n", "\n", "\r", "\n").Replace(cell); !strings.HasPrefix(clean, "'") && table.Unguard(got) != clean {
			t.Fatalf("%q comes back as %q", clean, table.Unguard(got))
		}
	})
}
