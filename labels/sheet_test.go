package labels

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"iter"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/tagwerk/tagwerk/labels/pdf"
)

// sample makes n labels with different URLs.
func sample(n int) []Label {
	list := make([]Label, n)
	for i := range list {
		list[i] = Label{
			URL:   fmt.Sprintf("HTTPS://TAGWERK.EXAMPLE/T/7K3M9QXD%05d", i),
			Code:  fmt.Sprintf("7K3M-9QXD-%05d", i),
			Lines: []string{"Brandschutztür Süd", "Gebäude Ängsö ß €"},
		}
	}
	return list
}

func printed(t testing.TB, sheet Sheet, list []Label) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := WritePDF(context.Background(), &out, sheet, All(list)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, name), args...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && name == "zbarimg" && exit.ExitCode() == 4 {
			return "" // nothing found
		}
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func readPGM(t testing.TB, name string) *image.Gray {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var w, h, top int
	if _, err := fmt.Sscanf(string(data[:40]), "P5\n%d %d\n%d\n", &w, &h, &top); err != nil || top != 255 {
		t.Fatalf("%s: %v", name, err)
	}
	return &image.Gray{Pix: data[len(data)-w*h:], Stride: w, Rect: image.Rect(0, 0, w, h)}
}

// cut is the picture of one label on a rendered page of 300 dpi.
func cut(page *image.Gray, s Stock, place int) *image.Gray {
	left := s.MarginLeft + float64(place%max(1, s.Cols))*s.PitchX
	top := s.MarginTop + float64(place/max(1, s.Cols))*s.PitchY
	px := func(mm float64) int { return int(math.Round(mm * 300 / mmPerInch)) }
	return page.SubImage(image.Rect(px(left), px(top), px(left+s.LabelW), px(top+s.LabelH))).(*image.Gray)
}

// Every stock that preflight accepts, one full page each: printed, rendered at 300 dpi, every symbol read by two readers, texts read back.
func TestEveryStockReadsBack(t *testing.T) {
	tool(t, "pdftoppm")
	tool(t, "pdftotext")
	tool(t, "qpdf")
	tool(t, "zbarimg")
	// Stocks of one label size differ in where the labels lie on the page. CI prints them all.
	seen := map[string]bool{}
	strict := os.Getenv("TAGWERK_TEST_STRICT") == "1"
	for _, s := range Stocks() {
		size := fmt.Sprintf("%.0f × %.0f", s.LabelW/2, s.LabelH/2)
		if s.Type == TypeContinuous || seen[size] && !strict {
			continue
		}
		seen[size] = true
		t.Run("SEC-71 "+s.ID, func(t *testing.T) {
			t.Parallel()
			sheet := Sheet{Stock: s}
			list := sample(s.PerPage())
			fit, err := Preflight(sheet, list[0])
			var refused *PreflightError
			if errors.As(err, &refused) {
				if min(s.LabelW, s.LabelH) >= refused.MinSideMM {
					t.Errorf("refused although its short side has the %.1f mm asked for: %v", refused.MinSideMM, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			file := filepath.Join(dir, "sheet.pdf")
			if err := os.WriteFile(file, printed(t, sheet, list), 0o600); err != nil {
				t.Fatal(err)
			}
			command(t, "qpdf", "--check", file)
			command(t, "pdftoppm", "-r", "300", "-gray", "-singlefile", file, filepath.Join(dir, "page"))
			page := readPGM(t, filepath.Join(dir, "page.pgm"))

			zbar := []string{"--nodbus", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"}
			// zbar finds symbols of 3 pixels a module alone, but not in a page full of them.
			whole := fit.Dots >= 4 || s.DPI == 203
			if whole {
				zbar = append(zbar, filepath.Join(dir, "page.pgm"))
			}
			for i, l := range list {
				label := cut(page, s, i)
				if strict || i%16 == 0 || i == len(list)-1 {
					if got, err := detect(withMargin(label)); err != nil || got != l.URL {
						t.Fatalf("label %d: gozxing read %q, %v", i, got, err)
					}
				}
				if !whole {
					name := filepath.Join(dir, fmt.Sprintf("%d.png", i))
					var b bytes.Buffer
					if err := png.Encode(&b, withMargin(label)); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
						t.Fatal(err)
					}
					zbar = append(zbar, name)
				}
			}
			read := strings.Fields(command(t, "zbarimg", zbar...))
			slices.Sort(read)
			if len(read) != len(list) {
				t.Errorf("zbar read %d of %d", len(read), len(list))
			}
			for i, l := range list {
				if _, ok := slices.BinarySearch(read, l.URL); !ok {
					t.Fatalf("label %d not read by zbar", i)
				}
			}
			checkText(t, file, s, fit, list)
		})
	}
}

// detect finds and reads a symbol as a camera program does, at the size given and doubled.
func detect(img *image.Gray) (text string, err error) {
	for _, picture := range []*image.Gray{img, doubled(img)} {
		var res *gozxing.Result
		bmp, e := gozxing.NewBinaryBitmapFromImage(picture)
		if e != nil {
			return "", e
		}
		if res, err = qrcode.NewQRCodeReader().Decode(bmp, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}); err == nil {
			return res.GetText(), nil
		}
	}
	return "", err
}

func doubled(img *image.Gray) *image.Gray {
	b := img.Bounds()
	out := image.NewGray(image.Rect(0, 0, 2*b.Dx(), 2*b.Dy()))
	for y := range out.Rect.Max.Y {
		for x := range out.Rect.Max.X {
			out.Pix[y*out.Stride+x] = img.Pix[y/2*img.Stride+x/2]
		}
	}
	return out
}

// withMargin puts a label back on white, as a camera sees it.
func withMargin(label *image.Gray) *image.Gray {
	const margin = 20
	b := label.Bounds()
	out := image.NewGray(image.Rect(0, 0, b.Dx()+2*margin, b.Dy()+2*margin))
	for i := range out.Pix {
		out.Pix[i] = 0xFF
	}
	for y := range b.Dy() {
		copy(out.Pix[(y+margin)*out.Stride+margin:], label.Pix[label.PixOffset(b.Min.X, b.Min.Y+y):][:b.Dx()])
	}
	return out
}

// word is one word of pdftotext -bbox, in points from the top left corner.
type word struct {
	XMin float64 `xml:"xMin,attr"`
	XMax float64 `xml:"xMax,attr"`
	YMin float64 `xml:"yMin,attr"`
	YMax float64 `xml:"yMax,attr"`
	Text string  `xml:",chardata"`
}

func words(t testing.TB, file string) []word {
	t.Helper()
	var doc struct {
		Words []word `xml:"body>doc>page>word"`
	}
	dec := xml.NewDecoder(strings.NewReader(command(t, "pdftotext", "-bbox", "-l", "1", file, "-")))
	dec.Strict, dec.Entity = false, xml.HTMLEntity
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc.Words
}

// checkText reads the texts back and finds each word inside a label or, for the note about actual size, outside of all of them.
func checkText(t *testing.T, file string, s Stock, fit Fit, list []Label) {
	text := command(t, "pdftotext", "-layout", file, "-")
	flat := strings.Join(strings.Fields(text), "")
	for i, l := range list {
		want := strings.ReplaceAll(l.Code, "-", "")
		if slices.Contains(fit.Warnings, WarnNoCode) {
			break
		}
		if one := strings.ReplaceAll(flat, "-", ""); !strings.Contains(one, want) && !strings.Contains(one, want[8:]) {
			t.Fatalf("code of label %d is not in the text", i)
		}
	}
	for _, want := range []string{"Brandschutztür", "Ängsö", "€"} {
		if s.Shape == ShapeRect && s.LabelW >= 45 && s.LabelH >= 21 && !strings.Contains(text, want) {
			t.Errorf("%q is not in the text", want)
		}
	}
	for _, w := range words(t, file) {
		if outsideLabels(s, w) {
			t.Errorf("%q at %.1f–%.1f, %.1f–%.1f pt crosses the edge of a label", w.Text, w.XMin, w.XMax, w.YMin, w.YMax)
		}
	}
}

// outsideLabels reports whether a word lies partly on a label and partly not. The box of a word is as high as the whole font, so what is
// tested is its middle line, where the letters are.
func outsideLabels(s Stock, w word) bool {
	middle := (w.YMin + w.YMax) / 2
	high := (w.YMax - w.YMin) * 0.3
	corners := [][2]float64{{w.XMin, middle - high}, {w.XMax, middle - high}, {w.XMin, middle + high}, {w.XMax, middle + high}}
	hits := map[int]int{}
	for _, c := range corners {
		x, y := c[0]/ptPerMM-s.MarginLeft, c[1]/ptPerMM-s.MarginTop
		place := -1
		for i := range s.PerPage() {
			left, top := float64(i%max(1, s.Cols))*s.PitchX, float64(i/max(1, s.Cols))*s.PitchY
			inside := x >= left && y >= top && x <= left+s.LabelW && y <= top+s.LabelH
			if inside && s.Shape == ShapeRound {
				inside = math.Hypot(x-left-s.LabelW/2, y-top-s.LabelH/2) <= s.LabelW/2
			}
			if inside {
				place = i
				break
			}
		}
		hits[place]++
	}
	return len(hits) != 1
}

func TestWritePDF(t *testing.T) {
	s, _ := FindStock("L6009")
	t.Run("X-7 starts at the first free label", func(t *testing.T) {
		dir := t.TempDir()
		file := filepath.Join(dir, "sheet.pdf")
		var out bytes.Buffer
		pages, err := WritePDF(t.Context(), &out, Sheet{Stock: s, Start: 46}, All(sample(3)))
		if err != nil || pages != 2 {
			t.Fatalf("%d pages, %v", pages, err)
		}
		if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		command(t, "pdftoppm", "-r", "300", "-gray", "-l", "1", "-singlefile", file, filepath.Join(dir, "page"))
		page := readPGM(t, filepath.Join(dir, "page.pgm"))
		for place, want := range map[int]string{45: "", 46: sample(3)[0].URL, 47: sample(3)[1].URL} {
			if got, _ := detect(withMargin(cut(page, s, place))); got != want {
				t.Errorf("place %d says %q, want %q", place, got, want)
			}
		}
	})
	t.Run("same labels, same bytes", func(t *testing.T) {
		list := sample(500)
		if a, b := printed(t, Sheet{Stock: s}, list), printed(t, Sheet{Stock: s}, list); !bytes.Equal(a, b) {
			t.Error("bytes differ")
		}
	})
	t.Run("nothing to print", func(t *testing.T) {
		if _, err := WritePDF(t.Context(), io.Discard, Sheet{Stock: s}, All(nil)); !errors.Is(err, ErrNoLabels) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a refused label is named", func(t *testing.T) {
		list := sample(30)
		list[17].URL += strings.Repeat("X", 400)
		if _, err := WritePDF(t.Context(), io.Discard, Sheet{Stock: s}, All(list)); !errors.Is(err, ErrTooLong) || !strings.Contains(err.Error(), "label 18") {
			t.Errorf("%v", err)
		}
	})
	t.Run("an error of the source ends it", func(t *testing.T) {
		broken := errors.New("row 3 is broken")
		var source iter.Seq2[Label, error] = func(yield func(Label, error) bool) {
			_ = yield(sample(1)[0], nil) && yield(Label{}, broken)
		}
		if _, err := WritePDF(t.Context(), io.Discard, Sheet{Stock: s}, source); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	})
	t.Run("an error of the writer ends it", func(t *testing.T) {
		full := &limited{left: 100 << 10}
		if _, err := WritePDF(t.Context(), full, Sheet{Stock: s}, endless); !errors.Is(err, errFull) {
			t.Errorf("%v", err)
		}
	})
	t.Run("SEC-73 a run can be cancelled", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var source iter.Seq2[Label, error] = func(yield func(Label, error) bool) {
			n := 0
			for l := range endless {
				if n++; n == 1000 {
					stop()
				}
				if !yield(l, nil) {
					return
				}
			}
		}
		if _, err := WritePDF(ctx, io.Discard, Sheet{Stock: s}, source); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a roll has one label a page", func(t *testing.T) {
		roll, _ := FindStock("dymo-99012")
		pages, err := WritePDF(t.Context(), io.Discard, Sheet{Stock: roll}, All(sample(5)))
		if err != nil || pages != 5 {
			t.Errorf("%d pages, %v", pages, err)
		}
	})
}

var errFull = errors.New("disk full")

type limited struct{ left int }

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func endless(yield func(Label, error) bool) {
	list := sample(100)
	for i := 0; yield(list[i%len(list)], nil); i++ {
	}
}

// hostile texts must come out as text, inside the label.
func hostile() []string {
	list := []string{
		"a\u202Eb\u202Dc\u2066d\u2069", "\u200F\u200E\u061C", "nul\x00nul", "\x1b[31mred", "line\nbreak\r\nand\ttab", "(", ")", "((((", "))))", "\\", "\\\\)", "\\051",
		"/JS (app.alert(1))", "/OpenAction", "<</S/JavaScript>>", "endstream endobj", "BT ET Q q", ") Tj ET Q\nBI", "EI ", "%PDF-1.7", "%%EOF", "startxref 0",
		strings.Repeat("x", 10<<10), strings.Repeat("ä ", 5<<10), strings.Repeat("W", 300), strings.Repeat("\u0301", 2000), strings.Repeat("\u202E", 5000) + "end",
		"😀👨‍👩‍👧‍👦🏳️‍🌈", "漢字かな", "עברית", "العربية", "\xff\xfe\xfd", "\xed\xa0\x80", "\uFFFD\uFFFE\uFFFF", "\U0010FFFF", "\uE000", "\u00AD\u200B\u200D\u2060\uFEFF",
		"u\u0308ber A\u030A", "\u2028\u2029", "", " ", "\u00A0\u3000", "﷽﷽﷽﷽﷽﷽﷽﷽", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘", "${jndi:ldap://x}", "{{.}}", "<script>alert(1)</script>", "=cmd|'/C calc'!A0",
		"https://evil.example/", "javascript:alert(1)", "^XA^FDx^FS^XZ", "~JA", "'; DROP TABLE labels; --",
	}
	for r := rune(0); len(list) < 80; r++ {
		list = append(list, strings.Repeat(string(r), 3)+"control"+string(0x80+r))
	}
	return list
}

func TestHostileTexts(t *testing.T) {
	for _, name := range []string{"L6009", "L6008", "L6112", "herma-4387", "L7051"} {
		s, _ := FindStock(name)
		t.Run("SEC-70 "+name, func(t *testing.T) {
			var list []Label
			for _, text := range hostile() {
				list = append(list, Label{URL: sample(1)[0].URL, Code: text, Lines: []string{text, text}}, Label{URL: sample(1)[0].URL, Code: "7K3M-9QXD-2VHTP", Lines: []string{text, text}})
			}
			data := printed(t, Sheet{Stock: s, Title: strings.Join(hostile(), "")}, list)
			if err := checkStructure(data); err != nil {
				t.Fatal(err)
			}
			for _, l := range list {
				checkInside(t, s, l)
			}
			file := filepath.Join(t.TempDir(), "hostile.pdf")
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			command(t, "qpdf", "--check", file)
			text := command(t, "pdftotext", file, "-")
			if i := strings.IndexFunc(text, func(r rune) bool {
				return r < ' ' && r != '\n' && r != '\f' || r == 0x7F || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
			}); i >= 0 {
				t.Errorf("control character %q in the text", text[i:i+3])
			}
		})
	}
}

// checkInside measures every run of a label against its edges.
func checkInside(t *testing.T, s Stock, l Label) {
	t.Helper()
	p, err := newPlan(Sheet{Stock: s})
	if err != nil {
		t.Fatal(err)
	}
	f, err := p.frame(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.compose(&l, nil) {
		right := r.x + r.font.Width(r.text, r.size)/ptPerMM
		top, bottom := r.base-r.font.CapHeight(r.size)/ptPerMM, r.base+r.font.Descent(r.size)/ptPerMM
		if r.size < minTextPt {
			t.Errorf("%q in %v points", r.text, r.size)
		}
		for _, c := range [][2]float64{{r.x, top}, {right, top}, {r.x, bottom}, {right, bottom}} {
			outside := c[0] < 1 || c[0] > s.LabelW-1 || c[1] < 1 || c[1] > s.LabelH-1
			if s.Shape == ShapeRound {
				outside = math.Hypot(c[0]-s.LabelW/2, c[1]-s.LabelH/2) > s.LabelW/2-0.5
			}
			if outside {
				t.Errorf("%q reaches %.2f, %.2f mm on %s", r.text, c[0], c[1], s.ID)
			}
		}
		const slack = 0.01 // the metrics used for the layout are rounded
		symbol := f.symbol
		if r.x < symbol.x+symbol.w-slack && right > symbol.x+slack && top < symbol.y+symbol.h-slack && bottom > symbol.y+slack {
			t.Errorf("%q covers the symbol or its quiet zone", r.text)
		}
	}
}

// The same layout constants stand in this package and in the fonts.
func TestFontMetrics(t *testing.T) {
	for name, pair := range map[string][2]float64{
		"mono advance":    {pdf.Mono().Width("0", 1000), 1000 * monoEm},
		"sans capitals":   {pdf.Sans().CapHeight(1000), 1000 * capEm},
		"mono capitals":   {pdf.Mono().CapHeight(1000), 1000 * capEm},
		"sans descenders": {pdf.Sans().Descent(1000), 1000 * descentEm},
	} {
		if math.Abs(pair[0]-pair[1]) > 1 {
			t.Errorf("%s: %.1f, want %.1f", name, pair[0], pair[1])
		}
	}
}
