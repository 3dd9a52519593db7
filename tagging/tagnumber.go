package tagging

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// ParseTag lists what a printed, typed or read number may mean as the number
// of an access tag, in order of preference (T0 to T7 of standards.md 2.5).
//
// The hint says what is known about the reader: "" or one of 125khz, 13.56mhz,
// iso14443, hid, webnfc, android, ios. A hint that would leave nothing is
// dropped with the flag hint_ignored.
func ParseTag(input, hint string) Reading {
	if tooLong(input) {
		return Reading{}
	}
	s, base := cutTagLabel(input)
	if s == "" {
		return Reading{}
	}
	var t tagReading
	t.parse(s, base)
	return t.keep(hint)
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

// tagReading collects candidates with what a hint must know about them.
type tagReading struct {
	Reading
	// reversed holds the ISO/IEC 14443 candidates whose bytes were turned
	// round.
	reversed []string
}

// add appends a candidate; found straight as well as turned round it counts as
// straight.
func (t *tagReading) add(candidate string) {
	t.Reading.add(candidate)
	t.reversed = slices.DeleteFunc(t.reversed, func(s string) bool { return s == candidate })
}

func (t *tagReading) addReversed(candidate string) {
	if slices.Contains(t.Candidates, candidate) {
		return
	}
	t.Reading.add(candidate)
	t.reversed = append(t.reversed, candidate)
}

func (t *tagReading) parse(s string, base numberBase) {
	if wiegandLength(s) {
		t.addWiegand(s)
		return
	}
	if groups, ok := hexGroups(s); ok {
		t.addBytes(groups)
	} else if m := printedCard.FindStringSubmatch(s); m != nil && base != forcedHex {
		t.addDecimal(m[1], forcedDecimal)
		n, _ := strconv.ParseUint(m[1], 10, 64)
		facility, _ := strconv.ParseUint(m[2], 10, 64)
		card, _ := strconv.ParseUint(m[3], 10, 64)
		if n&0xffffff != facility<<16|card {
			t.addPair(m[2], m[3])
			t.flag("inconsistent")
		}
	} else if m := numberPair.FindStringSubmatch(s); m != nil && base != forcedHex {
		t.addPair(m[1], m[2])
	} else if allDigits(s) && base != forcedHex {
		t.addDecimal(s, base)
	} else if m := hexNumber.FindStringSubmatch(s); m != nil && base != forcedDecimal {
		t.addHex(m[1] + m[2])
	}
	if len(t.Candidates) > 0 {
		return
	}
	if raw := strings.Map(dropPunctuation, s); raw != "" {
		t.add("raw:" + raw)
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
func (t *tagReading) addPair(first, second string) {
	f, _ := strconv.ParseUint(first, 10, 32)
	c, _ := strconv.ParseUint(second, 10, 32)
	five := len(first) == 5
	low, high := c <= 0xffff, f <= 0xffff
	formA := func() {
		if f <= 0xff && low {
			t.add(h10301(f, c))
			t.add(em4100Parts("????", f, 2, c))
			t.add(em4100Parts("??", f, 2, c))
			t.add(em4100Parts("", f, 2, c))
		}
	}
	formB := func() {
		if low && high && (f > 0xff || five) {
			t.add(em4100Parts("??", f, 4, c))
			t.add(h10306(f, c))
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
		t.add(h10304(f, c))
	}
	if f <= 4095 && c <= 1_048_575 && (f > 0xff || !low) {
		t.add(c1k35(f, c))
	}
}

// addDecimal reads digits (T5).
func (t *tagReading) addDecimal(s string, base numberBase) {
	length := len(s)
	n, err := strconv.ParseUint(s, 10, 64)
	fits := func(bits uint) bool { return err == nil && n < 1<<bits }
	if length <= 5 && fits(16) {
		t.add("h10301:*:" + strconv.FormatUint(n, 10))
		t.add(em4100Low(n, 4))
		t.flag("weak")
		return
	}
	if length <= 8 && fits(24) {
		t.add(em4100Low(n, 6))
		t.add(h10301(n>>16, n&0xffff))
	}
	if length <= 10 && fits(32) {
		t.addU32(uint32(n))
	}
	if fits(40) {
		switch {
		case length <= 12 && n >= 1<<32, length == 13, length == 14:
			t.add(em4100(n))
		case length == 15:
			t.add(em4100(reverseBits(n)))
			t.add(em4100(n))
		}
	}
	unique, zk := parseZK(s)
	switch {
	case zk:
		t.add(em4100(reverseBits(unique)))
		if b := bigEndian(n, 8); err == nil && (b[0] == 0xe0 || b[7] == 0xe0) {
			t.addB8(b)
		}
	case length == 17 && fits(56), length < 17 && fits(56) && n >= 1<<40:
		t.addB7(bigEndian(n, 7))
	case err == nil && (length == 20 || n >= 1<<56):
		t.addB8(bigEndian(n, 8))
	}
	if base != forcedDecimal && (length == 8 || length == 10 || length == 14 || length == 16) {
		t.addHex(s)
	}
}

// addU32 reads 32 bits that are the low part of an EM4100 number or a UID.
func (t *tagReading) addU32(n uint32) {
	t.add(em4100Low(uint64(n), 8))
	b := bigEndian(uint64(n), 4)
	t.addUID4(b, false)
	t.addUID4(reversed(b), true)
}

// keep applies a hint: only the kinds of that reader stay.
func (t *tagReading) keep(hint string) Reading {
	if hint == "" || len(t.Candidates) == 0 {
		return t.Reading
	}
	var kinds []string
	asDelivered := false
	wiegand := []string{"h10301", "h10306", "h10302", "h10304", "c1k35"}
	switch strings.ToLower(hint) {
	case "125khz":
		kinds = append(wiegand, "em4100")
	case "hid":
		kinds = wiegand
	case "13.56mhz":
		kinds = []string{"iso14443", "iso15693", "felica"}
	case "iso14443":
		kinds = []string{"iso14443"}
	case "webnfc", "android", "ios":
		kinds = []string{"iso14443", "iso15693", "felica"}
		asDelivered = true
	}
	kept := slices.DeleteFunc(slices.Clone(t.Candidates), func(c string) bool {
		kind, _, _ := strings.Cut(c, ":")
		return !slices.Contains(kinds, kind) || asDelivered && slices.Contains(t.reversed, c)
	})
	if len(kept) == 0 {
		t.flag("hint_ignored")
		return t.Reading
	}
	// Remarks about a reading go with it.
	flags := slices.DeleteFunc(slices.Clone(t.Flags), func(f string) bool {
		if of, ok := strings.CutPrefix(f, "random_uid="); ok {
			return !slices.Contains(kept, of)
		}
		return f == "truncated_uid" && !slices.ContainsFunc(kept, func(c string) bool {
			return strings.HasPrefix(c, "iso14443:") && strings.HasSuffix(c, unknownUIDTail)
		})
	})
	return Reading{Candidates: kept, Flags: flags}
}
