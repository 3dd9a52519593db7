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
	// Flags are remarks in the words of standards.md 1.6 and 2.5, none twice.
	Flags []string
}

// Ambiguous reports whether more than one candidate is left.
func (r Reading) Ambiguous() bool { return len(r.Candidates) > 1 }

// Has reports whether the reading carries a flag, such as "secret".
func (r Reading) Has(flag string) bool { return slices.Contains(r.Flags, flag) }

// Own gives the label code among the candidates, if there is one.
func (r Reading) Own() (Code, bool) {
	for _, c := range r.Candidates {
		if code, ok := strings.CutPrefix(c, "own:"); ok {
			return Code(code), true
		}
	}
	return "", false
}

func (r *Reading) add(candidate string) {
	if !slices.Contains(r.Candidates, candidate) {
		r.Candidates = append(r.Candidates, candidate)
	}
}

func (r *Reading) flag(name string) {
	if !r.Has(name) {
		r.Flags = append(r.Flags, name)
	}
}

// addText adds the text key of s, unless nothing is left of it.
func (r *Reading) addText(s string) {
	if key := textKey(s); key != "" {
		r.add("text:" + key)
	}
}

func tooLong(input string) bool {
	return len(input) > maxInput && utf8.RuneCountInString(input) > maxInput
}

// textKey is NFKC, separators and runs of blanks as one blank, upper case (C7).
func textKey(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == eot || r >= fs && r <= us {
			return ' '
		}
		return r
	}, s)
	return upper(strings.Join(strings.Fields(norm.NFKC.String(s)), " "))
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
