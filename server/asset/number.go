package asset

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/tagwerk/tagwerk/tagging"
)

// ReadingError says why a number cannot be taken: Flag is a flag of [tagging.Reading] without its value, "no_number",
// "not_unique_enough" or "rounded" (a spreadsheet left but its first digits).
type ReadingError struct{ Flag string }

// Error names the flag.
func (e *ReadingError) Error() string { return "asset: tag number: " + e.Flag }

// Hints are the kinds of reader that a number may come from, besides none (standards.md 2.3).
var Hints = []string{"125khz", "13.56mhz", "iso14443", "hid", "webnfc", "android", "ios", "wedge"}

// leastUnique is how many bits a number must show to be taken on record: what is matched on fewer asks for a confirmation each time
// (standards.md 2.6).
const leastUnique = 24

// number is a tag number that can be taken on record.
type number struct {
	text     string // as people know it
	hint     string
	reading  tagging.Reading // without what cannot be a number of this tag
	warnings []string        // remarks that refuse nothing, see [ImportResult]
}

// readNumber reads a number for the record, or returns a *ReadingError or *FieldError. Refused are what its likeliest reading shows
// to be no number of a tag: random, cut off, in itself wrong, or shared by too many. Such readings further back are left out.
func readNumber(text, hint string, own tagging.Config) (number, error) {
	if hint != "" && !slices.Contains(Hints, hint) {
		return number{}, &FieldError{"hint", NotChosen}
	}
	// Readers that act as a keyboard put control characters around a number.
	text, err := line("number", strings.TrimFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }), MaxNumber)
	if err != nil {
		return number{}, err
	}
	if err := identifies(tagging.ParseComponent(text, own)); err != nil {
		return number{}, err
	}
	n := number{text: text, hint: hint, reading: tagging.ParseTag(text, hint)}
	if rounded.MatchString(text) {
		return number{}, &ReadingError{"rounded"}
	}
	for _, flag := range []string{"parity_error", "inconsistent"} {
		if n.reading.Has(flag) {
			return number{}, &ReadingError{flag}
		}
	}
	if len(n.reading.Candidates) == 0 {
		return number{}, &ReadingError{"no_number"}
	}
	if flag := unfit(n.reading, n.reading.Candidates[0]); flag != "" {
		return number{}, &ReadingError{flag}
	}
	r := tagging.Reading{Flags: n.reading.Flags}
	for _, c := range n.reading.Candidates {
		if unfit(n.reading, c) == "" {
			r.Candidates = append(r.Candidates, c)
		}
	}
	n.reading = r
	n.warnings = remarks(r)
	return n, nil
}

// rounded is a long number as spreadsheets spoil it: 6.44817E+10.
var rounded = regexp.MustCompile(`^[0-9][.,][0-9]+[eE]\+[0-9]{1,2}$`)

// identifies refuses what names nothing, so that the password of a Wi-Fi never comes on record (standards.md 1.6 C6).
func identifies(r tagging.Reading) error {
	for _, flag := range []string{"secret", "not_an_identifier"} {
		if r.Has(flag) {
			return &ReadingError{flag}
		}
	}
	return nil
}

// unfit says why a candidate cannot be the number of a tag on record, "" if it can.
func unfit(r tagging.Reading, candidate string) string {
	bits, _ := tagging.Fit(candidate, candidate)
	switch {
	case r.Has("random_uid=" + candidate):
		return "random_uid"
	case strings.HasPrefix(candidate, "iso14443:") && strings.HasSuffix(candidate, "????????"):
		return "truncated_uid"
	case bits < leastUnique:
		return "not_unique_enough"
	}
	return ""
}

// remarks are what to know of a number that is taken all the same.
func remarks(r tagging.Reading) []string {
	var out []string
	first := r.Candidates[0]
	if bits, _ := tagging.Fit(first, first); bits < 32 {
		out = append(out, "low_bits")
	}
	kinds := map[string]bool{}
	for _, c := range r.Candidates {
		kind, value, _ := strings.Cut(c, ":")
		kinds[kind] = true
		// The low half of the first byte of a short UID (standards.md 2.3).
		if c == first && kind == "iso14443" && len(value) == 8 && value[1] == 'F' {
			out = append(out, "not_unique")
		}
	}
	if len(kinds) > 1 {
		out = append(out, "several_kinds")
	}
	if r.Has("hint_ignored") {
		out = append(out, "hint_ignored")
	}
	return out
}

// merge takes new readings of a tag on record: one that fits a stored one adds what that one does not know, and what else the new
// number may mean is dropped; if none fits, the tag has a further number (standards.md 2.6).
func merge(stored, fresh []string) []string {
	out := slices.Clone(stored)
	fitted := false
	for _, f := range fresh {
		for i, have := range out {
			if _, ok := tagging.Fit(f, have); ok {
				out[i], fitted = fill(have, f), true
			}
		}
	}
	if !fitted {
		out = append(out, fresh...)
	}
	var unique []string
	for _, r := range out {
		if !slices.Contains(unique, r) {
			unique = append(unique, r)
		}
	}
	return unique
}

// fill puts what b knows into the gaps of a; they fit.
func fill(a, b string) string {
	if rest, ok := strings.CutPrefix(a, "h10301:*:"); ok && strings.HasSuffix(b, ":"+rest) {
		return b
	}
	out := []byte(a)
	for i := range out {
		if out[i] == '?' && i < len(b) {
			out[i] = b[i]
		}
	}
	return string(out)
}
