package tagging

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// ParseTag lists what a printed, typed or read number may mean as the number
// of an access tag, in order of preference (T0 to T7 of standards.md 2.5).
//
// The hint says what is known about the reader: "" or one of 125khz, 13.56mhz,
// iso14443, hid, webnfc, android, ios, wedge. A reader that types what it reads
// (wedge) may be of any kind, so this hint keeps everything. A hint that would
// leave nothing is dropped with the flag hint_ignored.
func ParseTag(input, hint string) Reading {
	if tooLong(input) {
		return Reading{}
	}
	s, base := cutTagLabel(input)
	if s == "" {
		return Reading{}
	}
	var r Reading
	r.addNumber(s, base)
	return r.keep(hint)
}

// numberBase is what a label says about the digits that follow.
type numberBase int

const (
	anyBase numberBase = iota
	forcedHex
	forcedDecimal
)

// cutTagLabel normalises, trims and takes off one leading label (T0).
func cutTagLabel(input string) (s string, base numberBase) {
	trim := func(s string) string {
		return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	}
	s = trim(upper(trim(norm.NFKC.String(input))))
	label := ""
	for _, form := range []*regexp.Regexp{labelWithMark, labelWithBlank} {
		if m := form.FindStringSubmatch(s); m != nil {
			label, s = m[1], trim(s[len(m[0]):])
			break
		}
	}
	switch label {
	case "HEX":
		base = forcedHex
	case "DEZ", "DEC":
		base = forcedDecimal
	}
	return s, base
}

// Patterns of what people type.
var (
	labelWithMark  = regexp.MustCompile(`^(UID|ID|CSN|SN|S/N|SERIAL|TAGG?|CARD|KARTE|CHIP|KORTNR|NR|NO|HEX|DEZ|DEC|EM)\.?\s*[:#=]`)
	labelWithBlank = regexp.MustCompile(`^(UID|CSN|TAGG?|CARD|KARTE|CHIP|KORTNR|HEX|DEZ|DEC|EM)\.?\s`)
	printedCard    = regexp.MustCompile(`^([0-9]{10})\s+([0-9]{3})[,.]([0-9]{5})$`)
	numberPair     = regexp.MustCompile(`^([0-9]{1,5})(?:\s*[,.:/\-_]\s*|\s+)([0-9]{1,6})$`)
	hexNumber      = regexp.MustCompile(`^(?:0X([0-9A-F]+)|([0-9A-F]+)H?)$`)
)

// addNumber reads what is left of an input without its label.
func (r *Reading) addNumber(s string, base numberBase) {
	if wiegandLength(s) {
		r.addWiegand(s)
		return
	}
	if groups, ok := hexGroups(s); ok {
		r.addBytes(groups)
	} else if m := printedCard.FindStringSubmatch(s); m != nil && base != forcedHex {
		r.addDecimal(m[1], forcedDecimal)
		n, _ := strconv.ParseUint(m[1], 10, 64)
		facility, _ := strconv.ParseUint(m[2], 10, 64)
		card, _ := strconv.ParseUint(m[3], 10, 64)
		if n>>16&0xff != facility || n&0xffff != card {
			r.addPair(m[2], m[3])
			r.flag(FlagInconsistent)
		}
	} else if m := numberPair.FindStringSubmatch(s); m != nil && base != forcedHex {
		r.addPair(m[1], m[2])
	} else if allDigits(s) && base != forcedHex {
		r.addDecimal(s, base)
	} else if m := hexNumber.FindStringSubmatch(s); m != nil && base != forcedDecimal {
		r.addHex(m[1] + m[2])
	}
	if len(r.Candidates) > 0 {
		return
	}
	if raw := strings.Map(dropPunctuation, s); raw != "" {
		r.add("raw:"+raw, formPlain)
	}
}

// dropPunctuation leaves out what printed numbers are grouped with (T7).
func dropPunctuation(r rune) rune {
	if unicode.IsSpace(r) || strings.ContainsRune("-:._/", r) {
		return -1
	}
	return r
}

// hexGroups recognises three or more two-digit groups with one separator (T2).
func hexGroups(s string) ([]byte, bool) {
	if len(s) < 8 || len(s)%3 != 2 || !strings.ContainsRune(":-. ", rune(s[2])) {
		return nil, false
	}
	for i := 2; i < len(s); i += 3 {
		if s[i] != s[2] {
			return nil, false
		}
	}
	return hexBytes(strings.ReplaceAll(s, s[2:3], ""))
}

// addPair reads two decimal numbers, facility code and card number or the
// halves of an EM4100 number (T4).
func (r *Reading) addPair(first, second string) {
	f, _ := strconv.ParseUint(first, 10, 32)
	c, _ := strconv.ParseUint(second, 10, 32)
	five := len(first) == 5
	low, high := c <= 0xffff, f <= 0xffff
	formA := func() {
		if f <= 0xff && low {
			r.add(h10301(f, c), formPair)
			r.add(em4100Parts("????", f, 2, c), formPair35C)
			r.add(em4100Parts("??", f, 2, c), formPair35B)
			r.add(em4100Parts("", f, 2, c), formPair35A)
		}
	}
	formB := func() {
		if low && high && (f > 0xff || five) {
			r.add(em4100Parts("??", f, 4, c), formPair55)
			r.add(h10306(f, c), formPair)
		}
	}
	if five {
		formB()
		formA()
	} else {
		formA()
		formB()
	}
	if c <= 524_287 && high && (f > 0xff || five || !low) {
		r.add(h10304(f, c), formPair)
	}
	if f <= 4095 && c <= 1_048_575 && (f > 0xff || !low) {
		r.add(c1k35(f, c), formPair)
	}
}

// addDecimal reads digits (T5).
func (r *Reading) addDecimal(s string, base numberBase) {
	length := len(s)
	n, err := strconv.ParseUint(s, 10, 64)
	fits := func(bits uint) bool { return err == nil && n < 1<<bits }
	if length <= 5 && fits(16) {
		r.add("h10301:*:"+strconv.FormatUint(n, 10), formCard)
		r.add(em4100Low(n, 4), formCard)
		r.flag(FlagWeak)
		return
	}
	if length <= 8 && fits(24) {
		r.add(em4100Low(n, 6), form8D)
		r.add(h10301(n>>16, n&0xffff), form8D)
	}
	if length <= 10 && fits(32) {
		r.addU32(uint32(n), form10D)
	}
	if fits(40) {
		switch {
		case length <= 12 && n >= 1<<32, length == 13, length == 14:
			r.add(em4100(n), form13D)
		case length == 15:
			r.add(em4100(reverseBits(n)), formIK3)
			r.add(em4100(n), form13D)
		}
	}
	unique, zk := parseZK(s)
	switch {
	case zk:
		r.add(em4100(reverseBits(unique)), formZK)
		if b := bigEndian(n, 8); err == nil && (b[0] == 0xe0 || b[7] == 0xe0) {
			r.addB8(b, formDecimal)
		}
	case length == 17 && fits(56), length < 17 && fits(56) && n >= 1<<40:
		r.addB7(bigEndian(n, 7), formDecimal)
	case err == nil && (length == 20 || n >= 1<<56):
		r.addB8(bigEndian(n, 8), formDecimal)
	}
	if base != forcedDecimal && (length == 8 || length == 10 || length == 14 || length == 16) {
		r.addHex(s)
	}
}

// addU32 reads 32 bits that are the low part of an EM4100 number or a UID.
func (r *Reading) addU32(n uint32, from form) {
	r.add(em4100Low(uint64(n), 8), from)
	b := bigEndian(uint64(n), 4)
	r.addUID4(b, false, from)
	r.addUID4(reversed(b), true, from)
}
