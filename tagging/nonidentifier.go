package tagging

import "strings"

// otherKind is a well-known code that identifies no component.
type otherKind struct {
	name   string
	secret bool // must be neither stored nor logged
}

// otherPrefixes are the beginnings of codes that identify nothing.
var otherPrefixes = [...]struct {
	prefix string
	kind   otherKind
}{
	{"BEGIN:VCARD", otherKind{name: "vcard"}},
	{"MECARD:", otherKind{name: "mecard"}},
	{"WIFI:", otherKind{name: "wifi", secret: true}},
	{"BEGIN:VCALENDAR", otherKind{name: "ical"}},
	{"BEGIN:VEVENT", otherKind{name: "ical"}},
	{"TEL:", otherKind{name: "tel"}},
	{"MAILTO:", otherKind{name: "mailto"}},
	{"MATMSG:", otherKind{name: "mailto"}},
	{"SMS:", otherKind{name: "sms"}},
	{"SMSTO:", otherKind{name: "sms"}},
	{"GEO:", otherKind{name: "geo"}},
	{"OTPAUTH:", otherKind{name: "otpauth", secret: true}},
	{"OTPAUTH-MIGRATION:", otherKind{name: "otpauth", secret: true}},
}

// Payments are known by their first lines.
var (
	epcPayment   = otherKind{name: "epc_payment"}
	swissPayment = otherKind{name: "swiss_payment"}
)

// nonIdentifier recognises codes that identify nothing by their beginning, in
// any case (C6).
func nonIdentifier(s string) (otherKind, bool) {
	for _, known := range otherPrefixes {
		if hasPrefixFold(s, known.prefix) {
			return known.kind, true
		}
	}
	first, rest, ok := strings.Cut(strings.ReplaceAll(s, "\r", "\n"), "\n")
	rest = strings.TrimLeft(rest, "\n")
	switch {
	case !ok:
	case strings.EqualFold(first, "BCD") && (strings.HasPrefix(rest, "001") || strings.HasPrefix(rest, "002")):
		return epcPayment, true
	case strings.EqualFold(first, "SPC"):
		return swissPayment, true
	}
	return otherKind{}, false
}
