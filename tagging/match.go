package tagging

import (
	"slices"
	"strings"
)

// Decision says what follows from a match (standards.md 2.6).
type Decision string

// Decisions of Match.
const (
	DecideNone    Decision = "none"    // no known tag fits: offer to create one
	DecideOne     Decision = "one"     // exactly one fits
	DecideConfirm Decision = "confirm" // one fits, on under 24 compared bits: ask
	DecideAsk     Decision = "ask"     // several fit: list them, never guess
)

const (
	leastBits   = 16 // fewer compared bits are no match
	certainBits = 24 // fewer need a confirmation
)

// KnownTag is a tag on record with all readings stored for it.
type KnownTag struct {
	ID       string
	Readings []string
}

// TagMatch is the answer of Match.
type TagMatch struct {
	IDs      []string // of the fitting tags, sorted
	Decision Decision
}

// Match compares a reading with known tags. Blocking a tag needs DecideOne.
func Match(r Reading, known []KnownTag) TagMatch {
	var m TagMatch
	most := 0
	for _, tag := range known {
		best := 0
		for _, stored := range tag.Readings {
			for _, candidate := range r.Candidates {
				if bits, ok := Fit(candidate, stored); ok {
					best = max(best, bits)
				}
			}
		}
		if best > 0 {
			m.IDs = append(m.IDs, tag.ID)
			most = max(most, best)
		}
	}
	slices.Sort(m.IDs)
	m.IDs = slices.Compact(m.IDs)
	switch {
	case len(m.IDs) == 0:
		m.Decision = DecideNone
	case len(m.IDs) > 1:
		m.Decision = DecideAsk
	case most < certainBits:
		m.Decision = DecideConfirm
	default:
		m.Decision = DecideOne
	}
	return m
}

// Fit reports whether two readings can be of the same tag: the kinds are equal
// and everything that both know is equal, which must be at least 16 bits. It
// also tells how many bits were compared.
func Fit(a, b string) (bits int, ok bool) {
	kind, a, _ := strings.Cut(a, ":")
	kindB, b, _ := strings.Cut(b, ":")
	if kind != kindB || a == "" || b == "" {
		return 0, false
	}
	switch kind {
	case "em4100", "iso14443", "iso15693", "felica":
		bits, ok = fitHalfBytes(a, b)
	case "h10301":
		bits, ok = fitFacility(a, b)
	case "h10306", "c1k35":
		bits, ok = 32, a == b
	case "h10302", "h10304":
		bits, ok = 35, a == b
	case "raw":
		bits, ok = 8*len(a), a == b
	}
	if !ok || bits < leastBits {
		return 0, false
	}
	return bits, true
}

// fitHalfBytes compares hex readings; ? is unknown.
func fitHalfBytes(a, b string) (bits int, ok bool) {
	if len(a) != len(b) {
		return 0, false
	}
	for i := range len(a) {
		switch {
		case a[i] == '?' || b[i] == '?':
		case a[i] != b[i]:
			return 0, false
		default:
			bits += 4
		}
	}
	return bits, true
}

// fitFacility compares facility:card of 26 bits; * is any facility.
func fitFacility(a, b string) (bits int, ok bool) {
	facilityA, cardA, _ := strings.Cut(a, ":")
	facilityB, cardB, _ := strings.Cut(b, ":")
	switch {
	case cardA != cardB:
		return 0, false
	case facilityA == "*" || facilityB == "*":
		return 16, true
	}
	return 24, facilityA == facilityB
}
