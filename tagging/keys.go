package tagging

import (
	"fmt"
	"slices"
	"strings"
)

// A printed form of a number shows only some of its half bytes, but always the
// same ones. So two readings fit when what both forms show is equal, and the
// few forms of a kind can be told in advance: a stored reading is filed under
// its form, once for each part that it shares with any form, and a candidate is
// looked up among the readings of each form by the part that it shares with
// that one. No bucket holds a tag that does not fit, so a look-up reads only
// what it answers, however many tags there are.

// Keys gives what a reading is filed under in an index of tags. For any two
// readings a and b of ParseTag, Keys(a) and Lookups(b) have a key in common
// exactly when Fit(a, b) holds (standards.md 2.6).
//
// The keys of a component (own:, gs1:, di:, url:, text:) match only themselves.
// Codes that identify nothing (other:) have no key, and neither have numbers
// too short to be compared. Keys are at most as long as the reading or 40 bytes.
func Keys(reading string) []string {
	p, exact, ok := split(reading)
	if !ok {
		return exact
	}
	var keys []string
	for _, form := range p.forms() {
		if key, ok := p.key(p.known, form); ok && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// Lookups gives what to look up in an index for a candidate: every reading
// filed under one of these by Keys fits it, and no other one does.
func Lookups(candidate string) []string {
	p, exact, ok := split(candidate)
	if !ok {
		return exact
	}
	var keys []string
	for _, form := range p.forms() {
		if key, ok := p.key(form, p.known); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// mask says which parts of a number are known, bit 0 the last one. The parts of
// a hex number are its half bytes, those of a 26-bit card its facility and its
// number.
type mask uint32

// masks are all forms in which ParseTag reads a kind of a length: the one place
// that knows them.
var masks = map[string][]mask{
	// 10 hex, low 32 (10D, 5.5), low 24 (8D, 3.5C), low 16 bits, 3.5A, 3.5B.
	"em4100.10":  {0x3ff, 0x0ff, 0x03f, 0x00f, 0x30f, 0x0cf},
	"h10301":     {0b11, 0b01},
	"iso14443.8": {0xff},
	// The last four bytes are missing behind a cascade tag.
	"iso14443.14": {0x3fff, 0x3f00},
	"iso14443.20": {0xfffff},
	"iso15693.16": {0xffff},
	"felica.16":   {0xffff},
}

// parted is a reading taken apart.
type parted struct {
	form  string   // kind and length, as in masks
	parts []string // the first one first
	bits  []int    // of each part
	known mask
}

// split takes a reading apart. If it is one that fits only itself, ok is false
// and exact its keys.
func split(reading string) (p parted, exact []string, ok bool) {
	kind, value, _ := strings.Cut(reading, ":")
	switch kind {
	case "em4100", "iso14443", "iso15693", "felica":
		if len(value) > 32 {
			return p, nil, false
		}
		p.form = fmt.Sprintf("%s.%d", kind, len(value))
		for i := range len(value) {
			p.add(value[i:i+1], 4, value[i] != '?')
		}
		return p, nil, true
	case "h10301":
		facility, card, _ := strings.Cut(value, ":")
		p.form = kind
		p.add(facility, 8, facility != "*")
		p.add(":"+card, 16, true)
		return p, nil, true
	case "h10302", "h10304", "h10306", "c1k35", "own", "gs1", "di", "url", "text":
		exact = []string{reading}
	case "raw":
		if 8*len(value) >= leastBits {
			exact = []string{reading}
		}
	}
	return p, exact, false
}

func (p *parted) add(part string, bits int, known bool) {
	p.parts = append(p.parts, part)
	p.bits = append(p.bits, bits)
	p.known <<= 1
	if known {
		p.known |= 1
	}
}

// forms are all forms of the kind, with the one of this reading.
func (p *parted) forms() []mask {
	forms := masks[p.form]
	if !slices.Contains(forms, p.known) {
		forms = append(slices.Clip(forms), p.known)
	}
	return forms
}

// key is what a reading of form stored and one of form sought must agree on;
// false if that is too little for a comparison.
func (p *parted) key(stored, sought mask) (string, bool) {
	common, compared := stored&sought, 0
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%X/%X:", p.form, stored, common)
	for i, part := range p.parts {
		if p.knows(common, i) {
			b.WriteString(part)
			compared += p.bits[i]
		}
	}
	return b.String(), compared >= leastBits
}

// knows reports whether a form shows the part at index i.
func (p *parted) knows(form mask, i int) bool { return form>>(len(p.parts)-1-i)&1 != 0 }
