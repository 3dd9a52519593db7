package tagging

import (
	"slices"
	"strings"
)

// keep applies a hint: only the kinds of that reader stay.
func (r *Reading) keep(hint string) Reading {
	if hint == "" || hint == "wedge" || len(r.Candidates) == 0 {
		return *r
	}
	kinds, asDelivered := hintedKinds(hint)
	kept := Reading{Flags: r.Flags}
	for i, c := range r.Candidates {
		kind, _, _ := strings.Cut(c, ":")
		turned := kind == "iso14443" && r.origins[i].turned
		if slices.Contains(kinds, kind) && !(asDelivered && turned) {
			kept.put(c, r.origins[i])
		}
	}
	if len(kept.Candidates) == 0 {
		r.flag(FlagHintIgnored)
		return *r
	}
	// Remarks about a reading go with it.
	kept.Flags = slices.DeleteFunc(slices.Clone(r.Flags), func(f string) bool {
		if of, ok := strings.CutPrefix(f, FlagRandomUID+"="); ok {
			return !slices.Contains(kept.Candidates, of)
		}
		return f == FlagTruncatedUID && !slices.ContainsFunc(kept.Candidates, func(c string) bool {
			return strings.HasPrefix(c, "iso14443:") && strings.HasSuffix(c, unknownUIDTail)
		})
	})
	return kept
}

// hintedKinds are the kinds that a reader can read, and whether it gives the
// bytes of an ISO/IEC 14443 UID in their order.
func hintedKinds(hint string) (kinds []string, asDelivered bool) {
	wiegand := []string{"h10301", "h10306", "h10302", "h10304", "c1k35"}
	switch strings.ToLower(hint) {
	case "125khz":
		return append(wiegand, "em4100"), false
	case "hid":
		return wiegand, false
	case "13.56mhz":
		return []string{"iso14443", "iso15693", "felica"}, false
	case "iso14443":
		return []string{"iso14443"}, false
	case "webnfc", "android", "ios":
		return []string{"iso14443", "iso15693", "felica"}, true
	}
	return nil, false
}
