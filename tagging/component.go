package tagging

import (
	"net/url"
	"strings"
)

// Config says which codes are ours.
type Config struct {
	// OwnHosts are the hosts of our printed URLs, as "scan.example.com" or
	// "scan.example.com:8443", in any case.
	OwnHosts []string
}

// ParseComponent lists what the input of a scanner, camera or keyboard may mean
// as the code of a component, in the order C0 to C7 of standards.md 1.6. It
// opens no address. A refused input has no candidates.
func ParseComponent(input string, c Config) Reading {
	var r Reading
	if tooLong(input) {
		return r
	}
	s, symbology := cutSymbology(trimScan(input))
	s = trimScan(s)
	if s == "" {
		return r
	}
	if code, ok := c.cutOwn(s); ok {
		r.addOwn(code, formLabelURL)
		if len(r.Candidates) == 0 {
			r.flag(FlagOwnCheckFailed)
		}
		return r
	}
	if link, ok := cutLink(s); ok {
		r.addLink(s, link)
		return r
	}
	if kind, ok := nonIdentifier(strings.TrimLeft(s, "\x1d")); ok && kind.secret {
		// Not even a reader that takes it for GS1 makes a secret a text to be stored.
		r.addOther(kind)
		return r
	}
	if gs1Symbology(symbology) || s[0] == gs {
		elements, fault := parseElements(strings.TrimPrefix(s, "\x1d"))
		r.addElements(s, elements, fault, formGS1Carrier)
		return r
	}
	if elements, fault, ok := parsePrinted(s); ok {
		r.addElements(s, elements, fault, formGS1Printed)
		return r
	}
	if strings.HasPrefix(s, envelopeStart) {
		r.addEnvelope(s)
		return r
	}
	if kind, ok := nonIdentifier(s); ok {
		r.addOther(kind)
		return r
	}
	r.addUnmarked(s)
	return r
}

// trimScan takes off what scanners put around the data (C0). GS, RS and EOT
// are data.
func trimScan(s string) string { return strings.Trim(s, "\x00\x02\x03\t\r\n ") }

// cutSymbology takes off an AIM symbology identifier: ], letter, digit (C0).
func cutSymbology(s string) (rest, id string) {
	if len(s) < 3 || s[0] != ']' || !isLetter(s[1]) || !isDigit(s[2]) {
		return s, ""
	}
	return s[3:], s[:3]
}

// cutOwn finds what follows our host and the path /t/, with or without scheme;
// query, fragment and a trailing slash are dropped (C1).
func (c Config) cutOwn(s string) (code string, ok bool) {
	rest, port := s, ""
	switch {
	case hasPrefixFold(s, "https://"):
		rest, port = s[len("https://"):], ":443"
	case hasPrefixFold(s, "http://"):
		rest, port = s[len("http://"):], ":80"
	}
	host, path, ok := strings.Cut(rest, "/")
	if !ok || !hasPrefixFold(path, "t/") {
		return "", false
	}
	for _, own := range c.OwnHosts {
		if !strings.EqualFold(host, own) && (port == "" || !strings.EqualFold(host, own+port)) {
			continue
		}
		code = path[len("t/"):]
		if end := strings.IndexAny(code, "?#"); end >= 0 {
			code = code[:end]
		}
		code = strings.TrimSuffix(code, "/")
		if plain, err := url.PathUnescape(code); err == nil {
			code = plain
		}
		return code, true
	}
	return "", false
}

// addOwn adds a code of ours, or the flag if only its check is wrong.
func (r *Reading) addOwn(s string, from form) {
	own, err := ParseCode(s)
	switch e := err.(type) {
	case nil:
		r.add("own:"+string(own), from)
	case *CodeError:
		if e.Kind == WrongCheck {
			r.flag(FlagOwnCheckFailed)
			r.near = e.Hint
		}
	}
}

// addOther says that a code identifies nothing, and only what it is.
func (r *Reading) addOther(kind otherKind) {
	r.add("other:"+kind.name, formPlain)
	r.flag(FlagNotAnIdentifier)
	if kind.secret {
		r.flag(FlagSecret)
	}
}

// addUnmarked adds all readings of a text without any marker (C7).
func (r *Reading) addUnmarked(s string) {
	r.addOwn(s, formLabel)
	if strings.HasPrefix(s, "01") || strings.HasPrefix(s, "8003") || strings.HasPrefix(s, "8006") {
		if elements, fault := parseElements(s); fault == "" {
			if key, class := elements.key(); key != "" {
				r.add(key, formGS1Unmarked)
				r.flag(FlagUnmarkedGS1)
				if class {
					r.flag(FlagClassLevel)
				}
			}
		}
	}
	if id, data, ok := cutIdentifier(s); ok && data != "" {
		switch id {
		case "1P", "30P":
			r.add("di:"+s, formField)
			r.flag(FlagClassLevel)
		case "25S":
			r.add("di:"+s, formField)
		}
	}
	r.addText(s)
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
