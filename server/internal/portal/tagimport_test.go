package portal_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/table"
)

// sendList sends a file of tags through the form; do is the button that is pressed.
func (b *browser) sendList(file, customer, do string) *page {
	b.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("file", "liste.csv")
	if err == nil {
		_, err = part.Write([]byte(file))
	}
	for name, value := range map[string]string{"customer": customer, "do": do} {
		if err == nil {
			err = m.WriteField(name, value)
		}
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return b.send(http.MethodPost, "/staff/tags/import", m.FormDataContentType(), body.Bytes())
}

func (w *world) fobs(t *testing.T) int {
	t.Helper()
	n := 0
	if err := w.app.Assets.ExportTags(t.Context(), w.viewer(t, "dispo@"), asset.TagFilter{Kind: asset.AccessTag}, func(asset.TagView) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTagImport(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, "dispo@")
	customer, before := w.viewer(t, "haustechnik@").Customer, w.fobs(t)
	const good = "Nummer;Mieter;Wohnung;Farbe\r\n0F0368568B;Karin Ahlers;4;rot\r\n06008E6D5D;Björn Ek;5;blau\r\n"
	t.Run("X-5 a check stores nothing and says so", func(t *testing.T) {
		p := b.sendList(good, customer, "check").is(http.StatusOK)
		if got := p.has("#report"); !strings.Contains(got, "2 new") || !strings.Contains(got, "Farbe") {
			t.Errorf("the report says %q", got)
		}
		if n := p.Find("tbody tr").Length(); n != 2 || w.fobs(t) != before {
			t.Errorf("%d lines, %d tags", n, w.fobs(t))
		}
	})
	t.Run("X-5 one refused line refuses the list", func(t *testing.T) {
		p := b.sendList(good+"08A1B2C3;Ida;6;\r\n", customer, "import").is(http.StatusUnprocessableEntity)
		p.has("#report .warn")
		first := p.has("tbody tr:first-child")
		if !strings.Contains(first, "Line 4") || !strings.Contains(first, "refused") || !strings.Contains(first, "number:") || w.fobs(t) != before {
			t.Errorf("first row %q, %d tags", first, w.fobs(t))
		}
	})
	t.Run("X-5 it is taken over, and once", func(t *testing.T) {
		b.sendList(good, customer, "import").is(http.StatusOK).has("#report .notice")
		if n := w.fobs(t); n != before+2 {
			t.Fatalf("%d tags", n)
		}
		if got := b.sendList(good, customer, "import").is(http.StatusOK).has("#report"); !strings.Contains(got, "2 known already") || w.fobs(t) != before+2 {
			t.Errorf("again: %q", got)
		}
	})
	t.Run("X-5 what goes out comes in again", func(t *testing.T) {
		for _, path := range []string{"/staff/tags/export", "/staff/tags/export?customer=" + customer, "/staff/tags/import/sample"} {
			for _, language := range []string{"en", "de", "sv"} {
				b.send(http.MethodPost, "/language", "application/x-www-form-urlencoded", []byte("language="+language))
				p := b.get(path)
				if p.status != http.StatusOK || !strings.HasPrefix(p.header.Get("Content-Disposition"), "attachment;") || p.header.Get("Content-Type") != "text/csv; charset=utf-8" {
					t.Fatalf("%s: %d %v", path, p.status, p.header)
				}
				header, rows, err := table.Read(bytes.NewReader(p.body), asset.MaxImport)
				if err != nil {
					t.Fatal(err)
				}
				columns, err := asset.ColumnsOf(header)
				if err != nil || strings.Contains(path, "sample") && len(columns.Unknown) > 0 {
					t.Fatalf("%s in %s: header %q: %v, not known %q", path, language, header, err, columns.Unknown)
				}
				if !strings.Contains(path, "sample") {
					if len(rows) != before+2 || !bytes.Contains(p.body, []byte("Karin Ahlers")) {
						t.Errorf("%d rows:\n%s", len(rows), p.body)
					}
				}
				report := b.sendList(string(p.body), customer, "check").is(http.StatusOK)
				if report.Find("#report .warn").Length() > 0 {
					t.Errorf("%s in %s is refused: %s", path, language, report.has("tbody"))
				}
			}
		}
		b.send(http.MethodPost, "/language", "application/x-www-form-urlencoded", []byte("language=en"))
	})
	t.Run("SEC-66 what is no list is told in words", func(t *testing.T) {
		for name, c := range map[string]struct{ file, want string }{
			"empty":           {"", "choose a file"},
			"header alone":    {"number\n", "The file is empty"},
			"no number":       {"a;b\n1;2\n", "No column is called number"},
			"two numbers":     {"number;uid\n1;2\n", "both stand for"},
			"open quotation":  {"number\n\"1\n", "quotation mark"},
			"not text":        {"number\n1\x00\x81\x8d\n", "no text"},
			"too many fields": {"number\n1;2;3\n", "more fields"},
		} {
			t.Run(name, func(t *testing.T) {
				p := b.sendList(c.file, customer, "import").is(http.StatusUnprocessableEntity)
				if got := p.has("#file-error"); !strings.Contains(got, c.want) || strings.Contains(got, "no value") {
					t.Errorf("it says %q", got)
				}
			})
		}
		b.sendList(good, w.viewer(t, "fastighet@").Customer, "check").is(http.StatusNotFound)
	})
	t.Run("SEC-12 staff only", func(t *testing.T) {
		c := w.as(t, "haustechnik@")
		for _, path := range []string{"/staff/tags/import", "/staff/tags/import/sample", "/staff/tags/export"} {
			c.get(path).is(http.StatusForbidden)
		}
		c.sendList(good, customer, "import").is(http.StatusForbidden)
		b.get("/staff/tags/export?customer=" + w.viewer(t, "fastighet@").Customer).is(http.StatusNotFound)
		if other := w.as(t, "kundtjanst@").get("/staff/tags/export"); bytes.Contains(other.body, []byte("Karin Ahlers")) {
			t.Error("staff of another branch get the list")
		}
	})
}
