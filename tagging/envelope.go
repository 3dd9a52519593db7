package tagging

import "strings"

// envelopeStart is the message header of ISO/IEC 15434.
const envelopeStart = "[)>\x1e"

// addEnvelope adds the reading of an ISO/IEC 15434 message (C5): format 05
// holds GS1 AIs, format 06 data identifiers of ANSI MH10.8.2. The first format
// that is one of these counts; a missing trailer is tolerated.
func (r *Reading) addEnvelope(s string) {
	body := strings.TrimRight(strings.TrimPrefix(s, envelopeStart), "\x04")
	for format := range strings.SplitSeq(body, "\x1e") {
		switch {
		case strings.HasPrefix(format, "05\x1d"):
			elements, fault := parseElements(strings.TrimSuffix(format[3:], "\x1d"))
			r.addElements(s, elements, fault, formEnvelope)
			return
		case strings.HasPrefix(format, "06\x1d"):
			r.addIdentifiers(s, format[3:])
			return
		}
	}
	r.flag(FlagNoIdentifier)
	r.addText(s)
}

// addIdentifiers adds the key made of the fields of a format 06.
func (r *Reading) addIdentifiers(s, fields string) {
	first := map[string]string{}
	for field := range strings.SplitSeq(fields, "\x1d") {
		if id, data, ok := cutIdentifier(field); ok && data != "" && first[id] == "" {
			first[id] = field
		}
	}
	part := first["1P"]
	for _, id := range []string{"30P", "P"} {
		if part == "" {
			part = first[id]
		}
	}
	switch {
	case first["25S"] != "":
		r.add("di:"+first["25S"], formEnvelope)
	case part != "" && first["S"] != "":
		key := part + "|" + first["S"]
		if enterprise := first["18V"]; enterprise != "" {
			key = enterprise + "|" + key
		}
		r.add("di:"+key, formEnvelope)
	case part != "":
		r.add("di:"+part, formEnvelope)
		r.flag(FlagClassLevel)
	default:
		r.flag(FlagNoIdentifier)
		r.addText(s)
	}
}

// cutIdentifier takes a data identifier, up to three digits and a letter, off
// a field.
func cutIdentifier(field string) (id, data string, ok bool) {
	n := 0
	for n < len(field) && n < 3 && isDigit(field[n]) {
		n++
	}
	if n >= len(field) || field[n] < 'A' || field[n] > 'Z' {
		return "", field, false
	}
	return field[:n+1], field[n+1:], true
}
