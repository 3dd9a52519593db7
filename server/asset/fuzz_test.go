package asset

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/tagging"
)

// FuzzReadNumber takes any text for a number: what is taken on record shows enough, and fits itself when it is read again.
func FuzzReadNumber(f *testing.F) {
	for _, seed := range []string{"0F0368568B", "0057169547 104,22155", "22155", "08A1B2C3", "8804A23B", "\x020F0368568BB9\r\n\x03", "WIFI:S:a;P:b;;", "6,44E+10",
		"01111111111111111111111111", "raw-ÅÄÖ"} {
		for _, hint := range []string{"", "125khz", "webnfc"} {
			f.Add(seed, hint)
		}
	}
	own := tagging.Config{OwnHosts: []string{"scan.example.com"}}
	f.Fuzz(func(t *testing.T, text, hint string) {
		n, err := readNumber(text, hint, own)
		if err != nil {
			return
		}
		if utf8.RuneCountInString(n.text) > MaxNumber || strings.ContainsFunc(n.text, unicode.IsControl) || len(n.reading.Candidates) == 0 {
			t.Fatalf("%q: %+v", text, n)
		}
		for _, c := range n.reading.Candidates {
			if bits, ok := tagging.Fit(c, c); !ok || bits < leastUnique || n.reading.Has("random_uid="+c) {
				t.Fatalf("%q is kept as %s", text, c)
			}
		}
		again, err := readNumber(n.text, hint, own)
		if err != nil || !slices.Equal(again.reading.Candidates, n.reading.Candidates) {
			t.Fatalf("%q: %v, again %v, %v", text, n.reading.Candidates, again.reading.Candidates, err)
		}
		tag := Tag{Kind: AccessTag, Provider: "nord", Readings: n.reading.Candidates}
		tag.reindex()
		for _, key := range (search{kind: AccessTag, providers: []string{"nord"}}).keys(n.reading) {
			if slices.Contains(tag.Keys, key) {
				return
			}
		}
		t.Fatalf("%q is not found by itself: %v", text, n.reading.Candidates)
	})
}

// FuzzHolder searches holders by the beginnings of their own words, in any case and with or without accents.
func FuzzHolder(f *testing.F) {
	for _, seed := range []string{"Jürgen Müller", "Straßenbau GmbH", "3 OG links", "ÅÄÖ åäö", "İstanbul", "ﬁ", "\u0301x", "日本"} {
		f.Add(seed, 2)
	}
	f.Fuzz(func(t *testing.T, text string, cut int) {
		h := &Holder{Tenant: text}
		for _, w := range h.words() {
			r := []rune(w)
			begin := string(r[:1+max(cut, -cut, 0)%len(r)])
			if !h.matches([]string{w}) || !h.matches([]string{begin}) {
				t.Fatalf("%q does not match its own %q or %q", text, w, begin)
			}
			if key := searched(begin); len([]rune(begin)) >= shortBeginning && !slices.Contains(indexed(w), key) {
				t.Fatalf("%q stands under %q and is searched under %q", w, indexed(w), key)
			}
			if again := foldedWords(w); len(again) != 1 || again[0] != w {
				t.Fatalf("%q folds to %q", w, again)
			}
		}
	})
}

// FuzzImportColumns reads any header and line.
func FuzzImportColumns(f *testing.F) {
	f.Add("Nummer;Mieter;Ausgegeben", "1;Lars;1.5.2027")
	f.Add("UID;Technik;Gültig bis", "0F;125 kHz;2027-05-01 00:00:00")
	f.Fuzz(func(t *testing.T, header, line string) {
		names, cells := strings.Split(header, ";"), strings.Split(line, ";")
		c, err := ColumnsOf(names)
		if err != nil {
			return
		}
		if len(c.at)+len(c.Unknown) > len(names) {
			t.Fatalf("%d columns of %q", len(c.at)+len(c.Unknown), header)
		}
		row := c.Row(1, cells)
		for _, text := range []string{row.Number, row.Tenant, row.Note} {
			if text != "" && !strings.Contains(line, text) {
				t.Fatalf("%q comes from nowhere in %q", text, line)
			}
		}
	})
}
