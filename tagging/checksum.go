package tagging

import "strings"

// CheckScheme names a way to check a code that ends in check symbols
// (standards.md 1.1).
type CheckScheme string

// The schemes found on equipment. Our own labels use CheckDamm32, GS1 keys
// CheckGS1Mod10.
const (
	CheckDamm32     CheckScheme = "damm32"             // Crockford base32, 1 symbol
	CheckDamm10     CheckScheme = "damm10"             // digits, 1 digit
	CheckGS1Mod10   CheckScheme = "gs1_mod10"          // digits, 1 digit
	CheckMod37x36   CheckScheme = "iso7064_mod37_36"   // 0-9A-Z, 1 symbol
	CheckMod1271x36 CheckScheme = "iso7064_mod1271_36" // 0-9A-Z, 2 symbols
	CheckCrockford  CheckScheme = "crockford37"        // base32, 1 symbol of 37
)

const (
	base36          = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	crockfordChecks = alphabet + "*~$=U"
)

// dammTable is the quasigroup of order 10 of H. M. Damm, row by row.
const dammTable = "0317598642" + "7092154863" + "4206871359" + "1750983426" + "6123045978" +
	"3674209581" + "5869720134" + "8945362017" + "9438617205" + "2581436790"

// Valid reports whether text, in the normalised form of the scheme, consists
// of symbols of the scheme and ends in the right check.
func (s CheckScheme) Valid(text string) bool {
	switch s {
	case CheckDamm32:
		v, ok := values(text, alphabet)
		var c byte
		for _, v := range v {
			c = damm32(c, v)
		}
		return ok && c == 0
	case CheckDamm10:
		v, ok := values(text, base36[:10])
		var c byte
		for _, v := range v {
			c = dammTable[10*c+v] - '0'
		}
		return ok && c == 0
	case CheckGS1Mod10:
		v, ok := values(text, base36[:10])
		sum := 0
		for i, v := range v {
			weight := 1
			if (len(text)-i)%2 == 0 {
				weight = 3
			}
			sum += weight * int(v)
		}
		return ok && sum%10 == 0
	case CheckMod37x36:
		v, ok := values(text, base36)
		if !ok {
			return false
		}
		last := len(v) - 1
		p := 36
		for _, v := range v[:last] {
			sum := (p + int(v)) % 36
			if sum == 0 {
				sum = 36
			}
			p = 2 * sum % 37
		}
		return (p+int(v[last]))%36 == 1
	case CheckMod1271x36:
		v, ok := values(text, base36)
		if !ok || len(v) < 3 {
			return false
		}
		last := len(v) - 2
		p := 0
		for _, v := range v[:last] {
			p = 36 * (p + int(v)) % 1271
		}
		return (36*p+36*int(v[last])+int(v[last+1]))%1271 == 1
	case CheckCrockford:
		if len(text) < 2 {
			return false
		}
		v, ok := values(text[:len(text)-1], alphabet)
		n := 0
		for _, v := range v {
			n = (32*n + int(v)) % 37
		}
		return ok && crockfordChecks[n] == text[len(text)-1]
	}
	return false
}

// values maps each byte of text to its position in set; false if one is not
// in it or text is empty.
func values(text, set string) ([]byte, bool) {
	v := make([]byte, len(text))
	for i := range v {
		at := strings.IndexByte(set, text[i])
		if at < 0 {
			return nil, false
		}
		v[i] = byte(at)
	}
	return v, len(v) > 0
}
