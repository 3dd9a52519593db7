package identity

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/tagwerk/tagwerk/server/locale"
)

// Limits of texts, in bytes; those of addresses are RFC 5321 section 4.5.3.1.
const (
	maxAddress = 254
	maxLocal   = 64
	maxDomain  = 253
	maxName    = 200
	maxText    = 500
)

var errBadAddress = errors.New("identity: not an e-mail address")

// NormalizeLogin returns the form of an e-mail address under which a person is found: trimmed, NFC, lower case, the domain
// in its ASCII form (RFC 5890). Letters outside ASCII are allowed before the @ (RFC 6531); quoted local parts, address
// literals, white space and control characters are refused, so the result is safe in headers and envelopes (SEC-74).
// Applied to its own result it changes nothing.
func NormalizeLogin(address string) (string, error) {
	address = strings.TrimSpace(address)
	if len(address) > maxAddress || !utf8.ValidString(address) {
		return "", errBadAddress
	}
	local, domain, found := strings.Cut(address, "@")
	if !found {
		return "", errBadAddress
	}
	// Lower case first: some letters decompose when they lose their height.
	local = norm.NFC.String(strings.ToLower(norm.NFC.String(local)))
	if local == "" || len(local) > maxLocal || strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") ||
		strings.Contains(local, "..") || strings.ContainsFunc(local, notAtomic) {
		return "", errBadAddress
	}
	domain, err := idna.Lookup.ToASCII(domain)
	if err != nil || domain == "" || len(domain) > maxDomain {
		return "", errBadAddress
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 {
			return "", errBadAddress
		}
	}
	if len(local)+1+len(domain) > maxAddress {
		return "", errBadAddress
	}
	return local + "@" + domain, nil
}

// notAtomic reports whether r may not stand in a local part without quotes (RFC 5322 section 3.2.3, RFC 6531 section 3.3).
func notAtomic(r rune) bool {
	if r < utf8.RuneSelf {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r))
	}
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r)
}

// plain returns s trimmed and in NFC, or an error that names the field if it is too long or holds characters that do not
// print: line breaks, controls, and the marks that turn the direction of text.
func plain(field, s string, most int) (string, error) {
	s = norm.NFC.String(strings.TrimSpace(s))
	if len(s) > most {
		return "", &FieldError{Field: field, Key: "identity.field.long"}
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unprintable) {
		return "", &FieldError{Field: field, Key: "identity.field.characters"}
	}
	return s, nil
}

func unprintable(r rune) bool { return r != ' ' && !unicode.IsGraphic(r) }

// required is plain for a field that must not be empty.
func required(field, s string, most int) (string, error) {
	s, err := plain(field, s, most)
	if err == nil && s == "" {
		err = &FieldError{Field: field, Key: "identity.field.required"}
	}
	return s, err
}

// knownLocale returns l, English for none, or an error for a language that is not ours.
func knownLocale(l locale.Tag) (locale.Tag, error) {
	if l == "" {
		return locale.English, nil
	}
	if parsed, ok := locale.Parse(string(l)); ok {
		return parsed, nil
	}
	return "", &FieldError{Field: "locale", Key: "identity.locale.unknown"}
}
