package tagging

import (
	"slices"
	"strings"
)

// element is one application identifier (AI) with its value.
type element struct{ ai, value string }

// elements are the AIs of one code, none twice.
type elements []element

func (e elements) get(ai string) (string, bool) {
	for _, x := range e {
		if x.ai == ai {
			return x.value, true
		}
	}
	return "", false
}

// add checks a value and appends it; the same AI with the same value again is
// tolerated.
func (e *elements) add(ai, value string) Flag {
	format, ok := lookUpAI(ai)
	if !ok {
		return FlagUnknownAI
	}
	if fault := format.check(ai, value); fault != "" {
		return fault
	}
	if old, ok := e.get(ai); ok {
		if old != value {
			return FlagDuplicate
		}
		return ""
	}
	*e = append(*e, element{ai, value})
	return ""
}

// gs1Symbology reports whether an AIM identifier announces an element string:
// GS1-128, GS1 DataMatrix, GS1 QR, DataBar and composite, DotCode.
func gs1Symbology(id string) bool {
	return slices.Contains([]string{"]C1", "]d2", "]Q3", "]e0", "]J1"}, id)
}

// aiFormat is the form of an AI's value: digits digits, then up to text
// characters of the GS1 set, at least least in all.
type aiFormat struct {
	digits, text, least int
	checkAt             int // length of the leading part whose last digit is a check digit
}

func numeric(n int) aiFormat      { return aiFormat{digits: n, least: n} }
func checked(n int) aiFormat      { return aiFormat{digits: n, least: n, checkAt: n} }
func alphanumeric(n int) aiFormat { return aiFormat{text: n, least: 1} }

// lookUpAI gives the format of a known AI (standards.md 1.4, from the GS1
// syntax dictionary).
func lookUpAI(ai string) (aiFormat, bool) {
	switch ai {
	case "00", "8017", "8018":
		return checked(18), true
	case "01", "02":
		return checked(14), true
	case "10", "21", "22", "243":
		return alphanumeric(20), true
	case "11", "12", "13", "15", "16", "17":
		return numeric(6), true
	case "20":
		return numeric(2), true
	case "235":
		return alphanumeric(28), true
	case "240", "241", "250", "251", "400", "90":
		return alphanumeric(30), true
	case "253":
		return aiFormat{digits: 13, text: 17, least: 13, checkAt: 13}, true
	case "37":
		return aiFormat{digits: 8, least: 1}, true
	case "410", "414", "417":
		return checked(13), true
	case "7040":
		return aiFormat{text: 4, least: 4}, true
	case "8003":
		return aiFormat{digits: 14, text: 16, least: 14, checkAt: 14}, true
	case "8004":
		return alphanumeric(30), true
	case "8006":
		return aiFormat{digits: 18, least: 18, checkAt: 14}, true
	case "91", "92", "93", "94", "95", "96", "97", "98", "99":
		return alphanumeric(90), true
	}
	return aiFormat{}, false
}

func (f aiFormat) check(ai, value string) Flag {
	if len(value) < f.least || len(value) > f.digits+f.text {
		return FlagLength
	}
	for i := range len(value) {
		if i < f.digits && !isDigit(value[i]) || !gs1Character(value[i]) {
			return FlagCharacters
		}
	}
	switch ai {
	case "8003":
		// A filler digit 0 stands before the 13 digits of the asset type.
		if value[0] != '0' {
			return FlagCheckDigit
		}
	case "8004":
		if len(value) < 4 {
			return FlagLength
		}
		if !allDigits(value[:4]) {
			return FlagCharacters
		}
	}
	if f.checkAt > 0 && !CheckGS1Mod10.Valid(value[:f.checkAt]) {
		return FlagCheckDigit
	}
	if ai == "8006" {
		piece, total := value[14:16], value[16:18]
		if piece == "00" || total == "00" || piece > total {
			return FlagCharacters
		}
	}
	return ""
}

// gs1Character reports whether c is in the GS1 character set 82.
func gs1Character(c byte) bool {
	return isDigit(c) || isLetter(c) || c != 0 && strings.IndexByte("!\"%&'()*+,-./:;<=>?_", c) >= 0
}

// preDefined reports whether an AI needs no FNC1 behind its value. It is a list
// of first digits, not of fixed lengths: 8006 has a fixed length and needs one.
func preDefined(ai string) bool {
	switch ai[:2] {
	case "00", "01", "02", "03", "04", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
		"31", "32", "33", "34", "35", "36", "41":
		return true
	}
	return false
}

// parseElements reads an element string as scanners send it: FNC1 is GS.
func parseElements(s string) (elements, Flag) {
	var found elements
	for s != "" {
		ai := ""
		for n := min(4, len(s)); n >= 2; n-- {
			if _, ok := lookUpAI(s[:n]); ok {
				ai = s[:n]
				break
			}
		}
		if ai == "" {
			return nil, FlagUnknownAI
		}
		s = s[len(ai):]
		value, rest, _ := strings.Cut(s, "\x1d")
		if format, _ := lookUpAI(ai); preDefined(ai) && len(value) > format.digits {
			value, rest = s[:format.digits], s[format.digits:]
		}
		if fault := found.add(ai, value); fault != "" {
			return nil, fault
		}
		s = rest
	}
	if len(found) == 0 {
		return nil, FlagNoKey
	}
	return found, ""
}

// parsePrinted reads the human-readable form, (AI)value(AI)value (C4); ok tells
// whether s begins like one.
func parsePrinted(s string) (found elements, fault Flag, ok bool) {
	ai, s, ok := cutPrintedAI(s)
	if !ok {
		return nil, "", false
	}
	for ai != "" {
		value, next := s, ""
		for i := range len(s) {
			if a, rest, ok := cutPrintedAI(s[i:]); ok {
				value, next, s = s[:i], a, rest
				break
			}
		}
		if fault := found.add(ai, strings.Trim(value, " ")); fault != "" {
			return nil, fault, true
		}
		ai = next
	}
	return found, "", true
}

// cutPrintedAI takes off "(" two to four digits ")".
func cutPrintedAI(s string) (ai, rest string, ok bool) {
	if s == "" || s[0] != '(' {
		return "", s, false
	}
	end := strings.IndexByte(s[:min(len(s), 6)], ')')
	if end < 3 || !allDigits(s[1:end]) {
		return "", s, false
	}
	return s[1:end], s[end+1:], true
}

// keyAIs are the AIs that name an object or its type, the most telling first.
var keyAIs = [...]string{"01", "8006", "8003", "8004", "00", "253", "414", "417"}

// key gives the one key of both carriers, "" if no AI is a key; class tells
// that it names a type of article or asset, not one object.
func (e elements) key() (key string, class bool) {
	for _, ai := range keyAIs {
		if _, ok := e.get(ai); ok {
			return e.keyOf(ai)
		}
	}
	return "", false
}

// keyOf is the key that the AI ai makes, which must be among the elements.
func (e elements) keyOf(ai string) (key string, class bool) {
	value, _ := e.get(ai)
	key = "gs1:(" + ai + ")" + value
	switch ai {
	case "01", "8006":
		serial, ok := e.get("21")
		if !ok {
			return key, true
		}
		return key + "(21)" + serial, false
	case "8003":
		return key, len(value) == 14
	}
	return key, false
}

// addElements adds the key of an element string, or the text of s with the
// fault as a flag (C3).
func (r *Reading) addElements(s string, e elements, fault Flag, from form) {
	key, class := e.key()
	if fault == "" && key == "" {
		fault = FlagNoKey
	}
	if fault != "" {
		r.flag(fault)
		r.addText(s)
		return
	}
	r.add(key, from)
	if class {
		r.flag(FlagClassLevel)
	}
}
