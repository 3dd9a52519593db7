package asset

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Holder is who was given an access tag.
type Holder struct {
	Tenant  string     `json:"tenant,omitempty"`  // person
	Company string     `json:"company,omitempty"` //
	Unit    string     `json:"unit,omitempty"`    // flat, floor, room
	Issued  store.Time `json:"issued"`
}

// String names the holder in one line, for histories.
func (h Holder) String() string {
	var parts []string
	for _, p := range []string{h.Tenant, h.Company, h.Unit} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " · ")
}

// clean checks the texts of a holder, of whom something must be known, and sets when the tag was issued.
func (h Holder) clean(now store.Time) (Holder, error) {
	for _, f := range []struct {
		name string
		text *string
	}{{"tenant", &h.Tenant}, {"company", &h.Company}, {"unit", &h.Unit}} {
		var err error
		if *f.text, err = line(f.name, *f.text, MaxName); err != nil {
			return Holder{}, err
		}
	}
	if h.String() == "" {
		return Holder{}, &FieldError{"holder", Missing}
	}
	if h.Issued.IsZero() {
		h.Issued = now
	}
	return h, nil
}

// foldedWords are the words of a text as people search for them: without case, accents and punctuation, so that "Müller" is found by
// "muller", and "Strasse" by "Straße".
func foldedWords(texts ...string) []string {
	var words []string
	for _, text := range texts {
		text = norm.NFKC.String(cases.Fold().String(norm.NFKD.String(text)))
		text = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) {
				return -1
			}
			return r
		}, norm.NFD.String(text))
		words = append(words, strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	return words
}

// words of the holder in no order; nil has none.
func (h *Holder) words() []string {
	if h == nil {
		return nil
	}
	return foldedWords(h.Tenant, h.Company, h.Unit)
}

// matches reports whether each of the words begins a word of the holder.
func (h *Holder) matches(words []string) bool {
	held := h.words()
	for _, w := range words {
		found := false
		for _, have := range held {
			if strings.HasPrefix(have, w) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// Beginnings of words by which holders are found: a word stands in the index under its first three and its first five letters, a
// shorter one as it is. So a search by the beginning of a word is one look-up of few tags, at two entries a word.
const shortBeginning, longBeginning = 3, 5

// indexed gives what a word stands under in the index.
func indexed(word string) []string {
	r := []rune(word)
	switch {
	case len(r) < shortBeginning:
		return []string{word}
	case len(r) < longBeginning:
		return []string{string(r[:shortBeginning])}
	}
	return []string{string(r[:shortBeginning]), string(r[:longBeginning])}
}

// searched gives what to look a word of a search up by; a shorter word than three letters is found whole only.
func searched(word string) string {
	all := indexed(word)
	return all[len(all)-1]
}
