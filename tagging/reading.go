package tagging

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// maxInput bounds what a scanner or keyboard may deliver, in characters.
const maxInput = 2048

// Reading is what an input may mean. The zero Reading means that the input was
// empty or had over 2,048 characters.
type Reading struct {
	// Candidates are canonical keys, the likeliest first, none twice. The part
	// before the first colon is the kind, as in own:, gs1:, di:, url:, text:,
	// other: for components and em4100:, iso14443:, iso15693:, felica:,
	// h10301:, h10302:, h10304:, h10306:, c1k35:, raw: for tags. No candidate
	// means that the input is refused; the flags say why.
	Candidates []string
	// Flags are remarks, none twice: each a Flag, random_uid followed by = and
	// the candidate that it is about. Why explains them.
	Flags []string

	origins []origin // of each candidate
	near    Code     // the one code that a mistyped one may mean
}

// Ambiguous reports whether more than one candidate is left.
func (r Reading) Ambiguous() bool { return len(r.Candidates) > 1 }

// Has reports whether the reading carries a flag.
func (r Reading) Has(f Flag) bool { return slices.Contains(r.Flags, f) }

// Own gives the label code among the candidates, if there is one.
func (r Reading) Own() (Code, bool) {
	for _, c := range r.Candidates {
		if code, ok := strings.CutPrefix(c, "own:"); ok {
			return Code(code), true
		}
	}
	return "", false
}

// form says from which spelling of the input a candidate was read; it ends the
// message key reading.form.<form>.
type form string

// origin is where a candidate comes from.
type origin struct {
	form   form
	turned bool // the order of the bytes was turned round
}

func (r *Reading) add(candidate string, from form) { r.put(candidate, origin{form: from}) }

func (r *Reading) addTurned(candidate string, from form) { r.put(candidate, origin{from, true}) }

// put appends a candidate; found straight as well as turned round it counts as
// straight.
func (r *Reading) put(candidate string, o origin) {
	if at := slices.Index(r.Candidates, candidate); at >= 0 {
		if !o.turned && r.origins[at].turned {
			r.origins[at] = o
		}
		return
	}
	r.Candidates = append(r.Candidates, candidate)
	r.origins = append(r.origins, o)
}

func (r *Reading) flag(f Flag) {
	if !r.Has(f) {
		r.Flags = append(r.Flags, f)
	}
}

// addText adds the text key of s, unless nothing is left of it.
func (r *Reading) addText(s string) {
	if key := textKey(s); key != "" {
		r.add("text:"+key, formPlain)
	}
}

func tooLong(input string) bool {
	return len(input) > maxInput && utf8.RuneCountInString(input) > maxInput
}

// textKey is NFKC, separators and runs of blanks as one blank, upper case (C7),
// and NFKC once more: upper case takes some letters with accents apart.
func textKey(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == eot || r >= fs && r <= us {
			return ' '
		}
		return r
	}, s)
	return norm.NFKC.String(upper(strings.Join(strings.Fields(norm.NFKC.String(s)), " ")))
}

// upper maps to upper case in full, so that ß and SS are the same key.
func upper(s string) string { return cases.Upper(language.Und).String(s) }

// Control characters that separate data in codes (ISO/IEC 15434, GS1).
const (
	eot = 0x04
	fs  = 0x1c
	gs  = 0x1d
	rs  = 0x1e
	us  = 0x1f
)
