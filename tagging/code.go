package tagging

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode"
)

// alphabet is Crockford's base32; the value of a symbol is its position. I, L,
// O and U are never printed.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// CodeLength is the number of symbols of a Code: 12 random ones, which is 60
// bits, and a check symbol.
const CodeLength = 13

// Code is the identifier printed on one of our labels: 13 symbols in upper
// case, the last of them a check symbol (standards.md 1.1). It identifies and
// is no secret. Values come from NewCode or ParseCode.
type Code string

// NewCode draws a code from rand, which must be a cryptographic source such as
// crypto/rand.Reader: a code that follows from a counter, a time or another
// code can be guessed. The error is that of rand.
func NewCode(rand io.Reader) (Code, error) {
	var b [CodeLength]byte
	if _, err := io.ReadFull(rand, b[:CodeLength-1]); err != nil {
		return "", fmt.Errorf("tagging: draw a code: %w", err)
	}
	// 256 is a multiple of 32, so five bits of a byte are uniform.
	var c byte
	for i, v := range b[:CodeLength-1] {
		v &= 31
		b[i] = alphabet[v]
		c = damm32(c, v)
	}
	b[CodeLength-1] = alphabet[c]
	return Code(b[:]), nil
}

// damm32 is one step of the Damm check over GF(32) with the polynomial
// x^5+x^2+1: it catches every single error, every swap of two symbols and
// every twin error.
func damm32(c, v byte) byte {
	c = (c ^ v) << 1
	if c&32 != 0 {
		c ^= 37
	}
	return c
}

// CodeErrorKind says what is wrong with a typed code.
type CodeErrorKind string

// What can be wrong with a typed code, in the order of checking.
const (
	WrongSymbol CodeErrorKind = "wrong_symbol" // U, or anything outside letters and digits
	WrongLength CodeErrorKind = "wrong_length" // not 13 symbols
	WrongCheck  CodeErrorKind = "wrong_check"  // symbols mistaken or swapped
)

// CodeError tells what is wrong with a typed code, before any look-up and
// from the text alone, so that it reveals nothing about which codes exist.
type CodeError struct {
	Kind     CodeErrorKind
	Symbol   rune // of WrongSymbol, in upper case
	Position int  // of WrongSymbol, 1-based in the text without blanks and hyphens
	Length   int  // of WrongLength: symbols found
	// Hint, of WrongCheck, is the only code that differs by two neighbours
	// swapped or one look-alike (8 and B, 5 and S, …) and has a right check;
	// empty if there is none or more than one.
	Hint Code
}

// Error describes the mistake for logs; pages use the fields.
func (e *CodeError) Error() string {
	switch e.Kind {
	case WrongSymbol:
		return fmt.Sprintf("tagging: %q at position %d is not a symbol of a code", e.Symbol, e.Position)
	case WrongLength:
		return fmt.Sprintf("tagging: a code has %d symbols, not %d", CodeLength, e.Length)
	}
	return "tagging: the check symbol does not fit, a symbol is mistyped"
}

// ParseCode reads a code as people and scanners write it: any case, with
// blanks and hyphens anywhere, O for 0, I and L for 1. The error is always a
// *CodeError.
func ParseCode(s string) (Code, error) {
	if len(s) > maxInput*4 {
		return "", &CodeError{Kind: WrongLength, Length: len(s)}
	}
	var b []byte
	n := 0
	for _, r := range s {
		if unicode.IsSpace(r) || r == '-' || r >= '\u2010' && r <= '\u2015' {
			continue
		}
		n++
		symbol, ok := codeSymbol(r)
		if !ok {
			if r < unicode.MaxASCII {
				r = unicode.ToUpper(r)
			}
			return "", &CodeError{Kind: WrongSymbol, Symbol: r, Position: n}
		}
		if n <= CodeLength {
			b = append(b, symbol)
		}
	}
	if n != CodeLength {
		return "", &CodeError{Kind: WrongLength, Length: n}
	}
	if !CheckDamm32.Valid(string(b)) {
		return "", &CodeError{Kind: WrongCheck, Hint: repair(b)}
	}
	return Code(b), nil
}

// codeSymbol maps what may be written to a symbol of the alphabet.
func codeSymbol(r rune) (byte, bool) {
	if r >= 'a' && r <= 'z' {
		r -= 'a' - 'A'
	}
	switch r {
	case 'O':
		return '0', true
	case 'I', 'L':
		return '1', true
	}
	if r > unicode.MaxASCII || strings.IndexByte(alphabet, byte(r)) < 0 {
		return 0, false
	}
	return byte(r), true
}

// lookAlikes are pairs of symbols that are mistaken for each other in print
// and handwriting.
const lookAlikes = "8B 5S 2Z 6G 0D 0Q 17 VY CG EF MN KX PR 4A"

// repair finds the one code with a right check near b, "" if not exactly one.
func repair(b []byte) Code {
	found := Code("")
	try := func() (another bool) {
		if s := Code(b); CheckDamm32.Valid(string(s)) && s != found {
			if found != "" {
				return true
			}
			found = s
		}
		return false
	}
	for i := range b {
		if i > 0 && b[i-1] != b[i] {
			b[i-1], b[i] = b[i], b[i-1]
			another := try()
			b[i-1], b[i] = b[i], b[i-1]
			if another {
				return ""
			}
		}
		for pair := range strings.FieldsSeq(lookAlikes) {
			was := b[i]
			switch was {
			case pair[0]:
				b[i] = pair[1]
			case pair[1]:
				b[i] = pair[0]
			default:
				continue
			}
			another := try()
			b[i] = was
			if another {
				return ""
			}
		}
	}
	return found
}

// Print gives the form printed beside the symbol, grouped 4-4-5.
func (c Code) Print() string {
	if len(c) != CodeLength {
		return string(c)
	}
	return string(c[:4] + "-" + c[4:8] + "-" + c[8:])
}

// URL gives what the printed symbol holds, HTTPS://HOST/T/<code> in upper
// case, which a QR code packs tighter (standards.md 1.2). The base is the
// public address of the service, with or without the path /t/, as in
// "https://scan.example.com"; a port is kept. A base with another path, a user,
// query or fragment is refused, and so is a code that is not valid.
func (c Code) URL(base string) (string, error) {
	if valid, err := ParseCode(string(c)); err != nil || valid != c {
		return "", fmt.Errorf("tagging: %q is not a code", string(c))
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("tagging: base URL: %w", err)
	}
	path := strings.ToLower(strings.TrimSuffix(u.Path, "/"))
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return "", fmt.Errorf("tagging: base URL %q is not https://host", base)
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "", strings.HasSuffix(base, "#"), path != "" && path != "/t":
		return "", fmt.Errorf("tagging: base URL %q has more than scheme, host and port", base)
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r > unicode.MaxASCII }):
		return "", fmt.Errorf("tagging: base URL %q: write the host in its xn-- form", base)
	}
	return strings.ToUpper(u.Scheme+"://"+u.Host) + "/T/" + string(c), nil
}
