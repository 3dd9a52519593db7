package asset

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// FieldError says which field of an input is wrong and why. Field is the wire name, Code the stable reason.
type FieldError struct{ Field, Code string }

// Error names field and reason.
func (e *FieldError) Error() string { return "asset: field " + e.Field + ": " + e.Code }

// The reasons of a [FieldError].
const (
	Missing    = "missing"
	TooLong    = "too_long"
	NotChosen  = "not_in_list"
	BadText    = "bad_text"
	OutOfRange = "out_of_range"
)

// Longest texts in characters.
const (
	MaxName   = 100 // tenant, company, unit
	MaxNote   = 500
	MaxNumber = 200 // tag number or foreign code of an access tag
)

// line checks a text of one line: UTF-8 without control characters, not too long; it returns it trimmed.
func line(field, text string, most int) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "", &FieldError{field, BadText}
	case utf8.RuneCountInString(text) > most:
		return "", &FieldError{field, TooLong}
	}
	return text, nil
}
