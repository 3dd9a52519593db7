package pdf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-fonts/dejavu/dejavusans"
	"golang.org/x/image/font/sfnt"
)

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("TAGWERK_TEST_STRICT") == "1" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("SKIPPED, NOT PROVED: %s is not installed", name)
	}
	return path
}

// texts makes one page of one line for each text.
func texts(lines ...string) iter.Seq2[Draw, error] {
	return func(yield func(Draw, error) bool) {
		for i, line := range lines {
			ok := yield(func(p *Page) error {
				p.SetSize(300, 100)
				p.Text([]*Font{Sans(), Mono()}[i%2], 12, 10, 50, line)
				return nil
			}, nil)
			if !ok {
				return
			}
		}
	}
}

func document(t *testing.T, o Options, pages iter.Seq2[Draw, error]) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out, o)
	if err := w.Pages(t.Context(), pages); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func both() []*Font { return []*Font{Sans(), Mono()} }

func TestTextReadsBack(t *testing.T) {
	qpdf, pdftotext := tool(t, "qpdf"), tool(t, "pdftotext")
	lines := []string{
		"ÄÖÜ äöü ß ẞ", "Å å Ångström", "12,50 € · 3 m² ✓ ☎", "Ελληνικά", "Кириллица", "ąćęłńóśźż ěščřž őű", "(a) b\\c) \\051", "0OlI1|",
		"u\u0308ber A\u030A", "漢", strings.Repeat("x", 30),
	}
	for i := range 300 {
		lines = append(lines, fmt.Sprintf("Seite %d", i))
	}
	file := filepath.Join(t.TempDir(), "text.pdf")
	if err := os.WriteFile(file, document(t, Options{Title: "Schilder für Süd – Å (1)", Language: "de", Fonts: both()}, texts(lines...)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), qpdf, "--check", file).CombinedOutput(); err != nil {
		t.Errorf("qpdf: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), pdftotext, file, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	pages := strings.Split(string(out), "\f")
	for i, line := range lines {
		want, _ := Sans().Printable(line)
		if got := strings.TrimSpace(pages[i]); got != want {
			t.Errorf("page %d says %q, want %q", i+1, got, want)
		}
	}
	info, err := exec.CommandContext(t.Context(), "pdfinfo", file).Output()
	if err == nil && !strings.Contains(string(info), "Schilder für Süd – Å (1)") {
		t.Errorf("title is not in\n%s", info)
	}
}

func TestCleanText(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"plain", "Tür 7, Süd – 3. OG", "Tür 7, Süd – 3. OG"},
		{"decomposed", "u\u0308 A\u030A \u212B", "ü Å Å"},
		{"overrides", "a\u202Eb\u2066c\u200Fd\u061Ce", "abcde"},
		{"controls", "a\x00b\x1b[1mc\x7fd\u0085e", "ab[1mcde"},
		{"blanks", "a\tb\nc\u00A0d\u2028e\u3000f", "a b c d e f"},
		{"invisible", "a\u00ADb\u200Bc\uFEFFd\U000E0041e\uFE0Ff", "abcdef"},
		{"not UTF-8", "a\xff\xfeb", "a\uFFFDb"},
		{"private and never assigned", "a\uE000b\uFFFFc\U0010FFFFd", "a\uFFFDb\uFFFDc\uFFFDd"},
	} {
		t.Run("SEC-70 "+row.name, func(t *testing.T) {
			if got := CleanText(row.in); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
	t.Run("SEC-70 the short cut agrees with the long way", func(t *testing.T) {
		for r := rune(' '); r < 0x3000; r++ {
			if plain(r) && CleanText(string(r)+"\t") != string(r)+" " {
				t.Errorf("%U is taken for plain", r)
			}
		}
	})
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{"Tür": "Tür", "漢字": "\uFFFD\uFFFD", "שלום": "\uFFFD\uFFFD\uFFFD\uFFFD", "a漢b": "a\uFFFDb"} {
		got, missing := Sans().Printable(in)
		if got != want || missing != strings.Count(want, "\uFFFD") {
			t.Errorf("%q gives %q and %d missing, want %q", in, got, missing, want)
		}
	}
}

// The font tables are read like another library reads them.
func TestFontEqualsPeer(t *testing.T) {
	peer, err := sfnt.Parse(dejavusans.TTF)
	if err != nil {
		t.Fatal(err)
	}
	var b sfnt.Buffer
	for r := rune(0); r < 0x30000; r++ {
		want, err := peer.GlyphIndex(&b, r)
		if err != nil {
			t.Fatal(err)
		}
		if got := Sans().glyph(r); got != uint16(want) {
			t.Fatalf("glyph of %U is %d, want %d", r, got, want)
		}
	}
	if w := Sans().Width("Å", 2048); w != float64(Sans().advances[Sans().glyph('Å')]) {
		t.Errorf("width %v", w)
	}
}

// A subset is a font of its own that draws the same outlines.
func TestSubset(t *testing.T) {
	f := Sans()
	full, err := sfnt.Parse(dejavusans.TTF)
	if err != nil {
		t.Fatal(err)
	}
	var glyphs []uint16
	for _, r := range "AÄåü€ß✓" {
		glyphs = append(glyphs, f.glyph(r))
	}
	data := f.subset(glyphs)
	if n := len(f.subset([]uint16{f.glyph('A')})); n > 4<<10 {
		t.Errorf("%d bytes for one letter", n)
	}
	if checksum(data) != 0xB1B0AFBA {
		t.Errorf("checksum of the file is %08X", checksum(data))
	}
	// The peer refuses a font without the tables that a PDF does not need, so outlines are looked for as bytes.
	var b sfnt.Buffer
	for _, g := range glyphs {
		want, err := full.LoadGlyph(&b, sfnt.GlyphIndex(g), 1000<<6, nil)
		if err != nil || len(want) == 0 {
			t.Fatalf("glyph %d: %v", g, err)
		}
		if !bytes.Contains(data, f.outline(g)) {
			t.Errorf("outline of glyph %d is missing", g)
		}
		for _, part := range components(f.outline(g)) {
			if !bytes.Contains(data, f.outline(part)) {
				t.Errorf("part %d of glyph %d is missing", part, g)
			}
		}
	}
	if parts := components(f.outline(f.glyph('Ä'))); len(parts) != 2 {
		t.Errorf("Ä is made of %v", parts)
	}
}

func TestParseFontRefuses(t *testing.T) {
	ttf := dejavusans.TTF
	for _, n := range []int{0, 11, 12, 100, 1000, len(ttf) / 2, len(ttf) - 1} {
		if _, err := ParseFont("cut", ttf[:n]); err == nil {
			t.Errorf("accepted a font cut after %d bytes", n)
		}
	}
	for _, table := range []string{"head", "hhea", "maxp", "hmtx", "loca", "glyf", "cmap"} {
		spoiled := bytes.Replace(ttf, []byte(table), []byte("zzzz"), 1)
		if _, err := ParseFont("spoiled", spoiled); err == nil {
			t.Errorf("accepted a font without %s", table)
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	var lines []string
	for i := range 400 {
		lines = append(lines, strings.Repeat(string(rune('A'+i%58)), 1+i%40)+string(rune(0xA1+i)))
	}
	want := document(t, Options{Title: "t", Fonts: both()}, texts(lines...))
	for range 5 {
		if !bytes.Equal(document(t, Options{Title: "t", Fonts: both()}, texts(lines...)), want) {
			t.Fatal("bytes differ")
		}
	}
}

func TestWriterErrors(t *testing.T) {
	broken := errors.New("broken")
	failing := func(yield func(Draw, error) bool) {
		for i := range 100 {
			draw := func(p *Page) error {
				if i == 50 {
					return broken
				}
				p.SetSize(10, 10)
				return nil
			}
			if !yield(draw, nil) {
				return
			}
		}
	}
	t.Run("of a page", func(t *testing.T) {
		w := NewWriter(io.Discard, Options{})
		if err := w.Pages(t.Context(), failing); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		if err := w.Close(); !errors.Is(err, broken) {
			t.Errorf("Close after an error: %v", err)
		}
		if w.PageCount() != 50 {
			t.Errorf("%d pages before the broken one, want 50", w.PageCount())
		}
	})
	t.Run("page without a size", func(t *testing.T) {
		w := NewWriter(io.Discard, Options{})
		if err := w.Pages(t.Context(), func(yield func(Draw, error) bool) { yield(func(*Page) error { return nil }, nil) }); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("no page", func(t *testing.T) {
		if err := NewWriter(io.Discard, Options{}).Close(); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("closed twice", func(t *testing.T) {
		w := NewWriter(io.Discard, Options{Fonts: both()})
		if err := w.Pages(t.Context(), texts("a")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err == nil {
			t.Error("accepted")
		}
		if err := w.Pages(t.Context(), texts("b")); err == nil {
			t.Error("page after Close accepted")
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := NewWriter(io.Discard, Options{Fonts: both()}).Pages(ctx, texts("a", "b")); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a panic of the sequence leaves no goroutine", func(t *testing.T) {
		before := runtime.NumGoroutine()
		func() {
			defer func() { _ = recover() }()
			_ = NewWriter(io.Discard, Options{Fonts: both()}).Pages(t.Context(), func(yield func(Draw, error) bool) {
				for range 10 {
					texts("a")(yield)
				}
				panic("source")
			})
		}()
		for deadline := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
			runtime.Gosched()
		}
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("%d goroutines, %d before", n, before)
		}
	})
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0 ", 1: "1 ", 0.5: "0.5 ", -0.25: "-0.25 ", 12.34567: "12.3457 ", 100.0001: "100.0001 ", 0.00001: "0 ", 595.2: "595.2 "} {
		var p Page
		p.number(v)
		if string(p.content) != want {
			t.Errorf("%v is written %q, want %q", v, p.content, want)
		}
	}
}
