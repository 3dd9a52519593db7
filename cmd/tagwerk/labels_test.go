package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/labels"
	"github.com/tagwerk/tagwerk/tagging"
)

func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLabelsFromCSV(t *testing.T) {
	t.Parallel()
	const row = "HTTPS://SCAN.EXAMPLE.COM/T/7K3M9QXD2VHTP"
	for _, test := range []struct {
		name, csv string
		code      int
		say       string
	}{
		{"good", "url,line1,line2,code\n" + row + ",Brandschutzklappe Süd 1,Ebene 2,7K3M-9QXD-2VHTP\n" + row + ",Brandspjäll å,,\n", exitOK, "2 labels in "},
		{"one column", "url\n" + row + "\n", exitOK, "1 label in "},
		{"other order and unknown columns", "Line1 , Note,URL\nA,x," + row + "\n", exitOK, "1 label in "},
		{"byte order mark, semicolons and CRLF of a spreadsheet", "\ufeffURL;Line1\r\n" + row + ";\"Tür; links, oben\"\r\n", exitOK, "1 label in "},
		{"tabs", "url\tline1\n" + row + "\tA, B\n", exitOK, "1 label in "},
		{"empty lines", "url\n\n" + row + "\n\n", exitOK, "1 label in "},
		{"empty file", "", exitFailed, "CSV file is empty: the first line must name the columns"},
		{"byte order mark alone", "\ufeff", exitFailed, "CSV file is empty"},
		{"header alone", "url,line1\n", exitFailed, "has a header, but no labels"},
		{"no column url", "link,line1\n" + row + ",A\n", exitFailed, "no column is called url; the first line names link, line1"},
		{"no header", row + ",A\n", exitFailed, "no column is called url"},
		{"column twice", "url,line1,URL\na,b,c\n", exitFailed, "two columns are called url"},
		{"open quotation mark", "url,line1\n" + row + ",\"A\n" + row + ",B\n" + row + ",C\n", exitFailed, "CSV line 2: a quotation mark is missing or too many"},
		{"quotation mark inside", "url,line1\n" + row + ",A\n" + row + ",15\" Monitor\n", exitFailed, "CSV line 3: a quotation mark is missing or too many"},
		{"quotation mark in the header", "url,\"line1\n", exitFailed, "CSV line 1: a quotation mark"},
		{"comma in a text", "url,line1\n" + row + ",Tür, links\n", exitFailed, "CSV line 2: 3 fields where the first line has 2"},
		{"url left out", "url,line1\n" + row + ",A\n ,B\n", exitFailed, "CSV line 3: the url is empty"},
		{"Windows-1252", "url,line1\n" + row + ",K\xe4lte\n", exitFailed, `CSV line 2: is not in UTF-8: save the table as "CSV UTF-8"`},
		{"Windows-1252 in the header", "url,l\xe4nge\n" + row + ",A\n", exitFailed, "is not in UTF-8"},
		{"UTF-16", "\xff\xfeu\x00r\x00l\x00\n\x00", exitFailed, "is not in UTF-8"},
		{"url too long for the label", "url\n" + row + "\n" + strings.Repeat("x", 300) + "\n", exitFailed, "label 2: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			in, out := writeFile(t, dir, "in.csv", test.csv), filepath.Join(dir, "out.pdf")
			r := tagwerk(t, "labels", "--stock", "L6011", in, out).want(t, test.code, test.say)
			text, err := os.ReadFile(out)
			names, _ := os.ReadDir(dir)
			if test.code == exitOK {
				if err != nil || !bytes.HasPrefix(text, []byte("%PDF-")) || len(names) != 2 {
					t.Errorf("no PDF: %v, %v", err, names)
				}
				return
			}
			if len(names) != 1 {
				t.Errorf("something half-written is left: %v", names)
			}
			if strings.Count(r.err, "\n") != 1 {
				t.Errorf("not one line: %q", r.err)
			}
		})
	}
}

func TestLabelsUsedWrongly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := writeFile(t, dir, "in.csv", "url\nhttps://a.example/1\n")
	out := filepath.Join(dir, "out.pdf")
	for _, test := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{in}, exitUsage, "two files"},
		{[]string{in, out, out}, exitUsage, "two files"},
		{[]string{in, in}, exitUsage, "cannot be both"},
		{[]string{"--stock", "L9999", in, out}, exitUsage, "--stocks"},
		{[]string{"--start", "48", in, out}, exitUsage, "start 48 is not one of the 48 labels"},
		{[]string{"--start=-1", in, out}, exitUsage, "start -1"},
		{[]string{"--dpi", "5", in, out}, exitUsage, "5 dpi"},
		{[]string{"-n", "3", in, out}, exitUsage, "one file"},
		{[]string{"-n", "3", "--asset", "A", out}, exitUsage, "not both"},
		{[]string{"--count=-3", out}, exitUsage, "1 to 2000"},
		{[]string{"-n", "2001", out}, exitUsage, "1 to 2000"},
		{[]string{"-n", "3", out}, exitUsage, "--public-url"},
		{[]string{"-n", "3", "--public-url", "scan.example.com", out}, exitUsage, "must look like"},
		{[]string{dir + "/nowhere.csv", out}, exitFailed, "cannot read " + dir + "/nowhere.csv: no such file"},
		{[]string{in, dir + "/no/out.pdf"}, exitFailed, "cannot write " + dir + "/no/out.pdf: folder " + dir + "/no: no such file"},
		{[]string{in, dir}, exitFailed, "is a folder"},
		{[]string{dir, out}, exitFailed, "is a directory"},
	} {
		t.Run(strings.ReplaceAll(strings.Join(test.args, " "), dir, ""), func(t *testing.T) {
			tagwerk(t, append([]string{"labels"}, test.args...)...).want(t, test.code, test.say).oneLine(t)
			if names, _ := os.ReadDir(dir); len(names) != 1 {
				t.Errorf("it left %v", names)
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var stdout, stderr bytes.Buffer
		code := run(ctx, []string{"labels", in, out}, &stdout, &stderr)
		result{code, stdout.String(), stderr.String()}.want(t, exitFailed, "interrupted: "+out+" was not written").oneLine(t)
		if names, _ := os.ReadDir(dir); len(names) != 1 {
			t.Errorf("it left %v", names)
		}
	})
	t.Run("an old sheet stays when the new one fails", func(t *testing.T) {
		dir := t.TempDir()
		old, bad := writeFile(t, dir, "out.pdf", "old"), writeFile(t, dir, "bad.csv", "url\nhttps://a.example/1\n\"\n")
		tagwerk(t, "labels", bad, old).want(t, exitFailed, "CSV line 3")
		if text, err := os.ReadFile(old); err != nil || string(text) != "old" {
			t.Errorf("%q %v", text, err)
		}
	})
}

func TestStocksAreListed(t *testing.T) {
	t.Parallel()
	r := tagwerk(t, "labels", "--stocks").want(t, exitOK)
	for _, s := range labels.Stocks() {
		if !strings.Contains(r.out, "\n"+s.Part+" ") {
			t.Errorf("%s is not listed", s.Part)
		}
	}
}

func TestMintAndPrint(t *testing.T) {
	t.Parallel()
	dir, pdf := t.TempDir(), filepath.Join(t.TempDir(), "out.pdf")
	box := func(t *testing.T, args ...string) result {
		return tagwerk(t, append(args, "--data", dir, "--public-url", "https://scan.example.com")...)
	}
	tagwerk(t, "user", "add", "--data", dir, "--role", "admin", "--company", "Nordlicht/Hamburg", "a@b.example", "A").want(t, exitOK)
	t.Run("mint", func(t *testing.T) {
		lines := strings.Fields(box(t, "mint", "-n", "3").want(t, exitOK).out)
		if len(lines) != 3 {
			t.Fatalf("%q", lines)
		}
		for _, l := range lines {
			code, ok := strings.CutPrefix(l, "HTTPS://SCAN.EXAMPLE.COM/T/")
			if _, err := tagging.ParseCode(code); !ok || err != nil {
				t.Errorf("%s: %v", l, err)
			}
		}
	})
	t.Run("mint for programs", func(t *testing.T) {
		var l struct{ Code, URL string }
		decodeJSON(t, box(t, "mint", "-n", "1", "--json").want(t, exitOK).out, &l)
		if l.URL != "HTTPS://SCAN.EXAMPLE.COM/T/"+l.Code {
			t.Errorf("%+v", l)
		}
	})
	t.Run("mint used wrongly", func(t *testing.T) {
		for _, n := range []string{"-n=0", "-n=-1", "-n=2001"} {
			box(t, "mint", strings.Replace(n, "-n", "--count", 1)).want(t, exitUsage, "1 to 2000").oneLine(t)
		}
		tagwerk(t, "mint", "-n", "1", "--data", dir).want(t, exitUsage, "--public-url").oneLine(t)
	})
	t.Run("labels --count", func(t *testing.T) {
		box(t, "labels", "--count", "49", pdf).want(t, exitOK, "49 labels in "+pdf)
		text, err := os.ReadFile(pdf)
		if pages := regexp.MustCompile(`/Type */Page\b`).FindAll(text, -1); err != nil || !bytes.HasPrefix(text, []byte("%PDF-")) || len(pages) > 2 {
			t.Errorf("%v, %d pages", err, len(pages))
		}
	})
	t.Run("one of several companies", func(t *testing.T) {
		tagwerk(t, "user", "add", "--data", dir, "--role", "admin", "--company", "Nordlicht/Kiel", "b@b.example", "B").want(t, exitOK)
		box(t, "mint", "-n", "1").want(t, exitUsage, "--company", "'Nordlicht/Hamburg', 'Nordlicht/Kiel'").oneLine(t)
		box(t, "mint", "-n", "1", "--company", "Nordlicht").want(t, exitUsage, "--company").oneLine(t)
		box(t, "mint", "-n", "1", "--company", "Nordlicht/Kiel").want(t, exitOK)
	})
}

func TestLabelsOfAnAsset(t *testing.T) {
	t.Parallel()
	dir, pdf := t.TempDir(), filepath.Join(t.TempDir(), "out.pdf")
	serveUntil(t, "demo", "--json", "--listen", "127.0.0.1:0", "--data", dir).stop().want(t, exitOK)
	asset := func(t *testing.T, number string) result {
		return tagwerk(t, "labels", "--asset", number, "--company", "Nordlicht Brandschutz", "--data", dir, "--public-url", "https://scan.example.com", pdf)
	}
	asset(t, "A-1001").want(t, exitOK, "24 labels in "+pdf)
	asset(t, "G-2001").want(t, exitFailed, `no asset has the number "G-2001"`).oneLine(t)
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	p := newProgress(&out, "labels")
	if p.w != nil {
		t.Error("a buffer is taken for a terminal")
	}
	p.w, p.now, p.next = &out, func() time.Time { return now }, now.Add(time.Second)
	for range 640 {
		now = now.Add(time.Millisecond)
		p.step()
	}
	if p.end(); out.Len() > 0 {
		t.Errorf("it speaks within a second: %q", out.String())
	}
	for range 1280 {
		now = now.Add(time.Millisecond)
		p.step()
	}
	p.end()
	text := out.String()
	if n := strings.Count(text, "\r"); n < 3 || n > 8 || !strings.HasPrefix(text, "\r1024 labels\r") || !strings.HasSuffix(text, "\r\x1b[K") {
		t.Errorf("%q", text)
	}
	if p.count != 1920 {
		t.Errorf("count %d", p.count)
	}
}

// FuzzReadLabels feeds tables of any form: no panic, and every label has a text for its symbol in UTF-8.
func FuzzReadLabels(f *testing.F) {
	for _, s := range []string{"url,line1\na,b\n", "\ufeffURL;code\r\nx;\"y\"\r\n", "url\t\n\"", "url\n\xff\n", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		for l, err := range readLabels(strings.NewReader(text), func() { n++ }) {
			if err != nil {
				if strings.Contains(err.Error(), "%!") {
					t.Error(err)
				}
				n = -1
				continue
			}
			if n < 0 || l.URL == "" || fmt.Sprintf("%q", l.URL) != fmt.Sprintf("%q", strings.ToValidUTF8(l.URL, "�")) {
				t.Errorf("%+v", l)
			}
		}
	})
}
