package tagging

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// link is an http or https URL in the parts that matter here.
type link struct {
	scheme, authority string // as scanned
	path, query       string // without ? and #
	rest              string // everything behind the authority
}

// cutLink recognises an http or https URL of another host (C2).
func cutLink(s string) (link, bool) {
	end := strings.Index(s, "://")
	if end < 0 || !strings.EqualFold(s[:end], "http") && !strings.EqualFold(s[:end], "https") {
		return link{}, false
	}
	l := link{scheme: s[:end], rest: s[end+3:]}
	if i := strings.IndexAny(l.rest, "/?#"); i >= 0 {
		l.authority, l.rest = l.rest[:i], l.rest[i:]
	} else {
		l.authority, l.rest = l.rest, ""
	}
	if l.authority == "" {
		return link{}, false
	}
	l.path, _, _ = strings.Cut(l.rest, "#")
	l.path, l.query, _ = strings.Cut(l.path, "?")
	return l, true
}

// key is the link with only scheme and host in lower case; everything else is
// kept byte for byte (IEC 61406-1, standards.md 1.3).
func (l link) key() string {
	user, host := "", l.authority
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		user, host = host[:at+1], host[at+1:]
	}
	return "url:" + strings.ToLower(l.scheme) + "://" + user + strings.ToLower(host) + l.rest
}

// addLink adds the readings of a foreign URL (C2): the GS1 key if it is a
// Digital Link, always the URL itself, and for a plain URL how it stands with
// the string rules of IEC 61406-1.
func (r *Reading) addLink(s string, l link) {
	found, fault := l.elements()
	if fault == "" && len(found) > 0 {
		// The key stands in the path; one in the query is an attribute.
		key, class := found.keyOf(found[0].ai)
		r.add(key, formGS1Link)
		r.add(l.key(), formPlain)
		if class {
			r.flag(FlagClassLevel)
		}
		return
	}
	r.add(l.key(), formPlain)
	if fault != "" {
		r.flag(fault)
	}
	r.flagIdentificationLink(s, l)
}

// flagIdentificationLink judges the string as scanned by the rules ILS-5, ILS-7
// and ILS-8 of IEC 61406-1.
func (r *Reading) flagIdentificationLink(s string, l link) {
	ok := true
	if utf8.RuneCountInString(s) > 255 {
		ok = false
		r.flag(FlagLinkLength)
	}
	if strings.ContainsFunc(s, func(c rune) bool {
		return c >= utf8.RuneSelf || !isLetter(byte(c)) && !isDigit(byte(c)) && !strings.ContainsRune("!#$&'()*+,-./:;=?@[]_~", c)
	}) {
		ok = false
		r.flag(FlagLinkCharacters)
	}
	if l.key() != "url:"+s {
		ok = false
		r.flag(FlagLinkCase)
	}
	if ok {
		r.flag(FlagLinkOK)
	}
}

// linkQualifiers gives the AIs that may follow a key in the path of a Digital
// Link, in their order.
func linkQualifiers(key string) []string {
	switch key {
	case "01", "8006":
		return []string{"22", "10", "21"}
	case "8004":
		return []string{"7040"}
	}
	return nil
}

// elements reads a GS1 Digital Link. No elements and no fault means that the
// path has no key AI, so that the URL is a plain one.
func (l link) elements() (elements, Flag) {
	segments := strings.Split(l.path, "/")
	at := len(segments) - 2
	for ; at >= 1; at -= 2 {
		if slices.Contains(keyAIs[:], segments[at]) {
			break
		}
		if _, known := lookUpAI(segments[at]); !known {
			return nil, ""
		}
	}
	if at < 1 {
		return nil, ""
	}
	var found elements
	key := segments[at]
	value, err := url.PathUnescape(segments[at+1])
	if err != nil {
		return nil, FlagCharacters
	}
	if n := len(value); key == "01" && allDigits(value) && (n == 8 || n == 12 || n == 13) {
		value = strings.Repeat("0", 14-n) + value
	}
	if fault := found.add(key, value); fault != "" {
		return nil, fault
	}
	allowed := linkQualifiers(key)
	if path := segments[at+2:]; key == "01" && len(path) == 2 && path[0] == "235" {
		allowed = []string{"235"}
	}
	if fault := found.addQualifiers(segments[at+2:], allowed); fault != "" {
		return nil, fault
	}
	if fault := found.addQuery(l.query); fault != "" {
		return nil, fault
	}
	return found, ""
}

// addQualifiers adds the pairs behind the key, which must be in the order of
// allowed.
func (e *elements) addQualifiers(path, allowed []string) Flag {
	for i := 0; i+1 < len(path); i += 2 {
		ai := path[i]
		value, err := url.PathUnescape(path[i+1])
		if err != nil {
			return FlagCharacters
		}
		if fault := e.add(ai, value); fault != "" {
			return fault
		}
		next := slices.Index(allowed, ai)
		if next < 0 {
			return FlagQualifierOrder
		}
		allowed = allowed[next+1:]
	}
	return ""
}

// addQuery adds the attributes of a query; names that are not numbers are not
// data.
func (e *elements) addQuery(query string) Flag {
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		ai, value, _ := strings.Cut(pair, "=")
		if !allDigits(ai) {
			continue
		}
		switch ai {
		case "22", "10", "21", "235", "7040":
			return FlagQualifierInQuery
		}
		value, err := url.PathUnescape(value)
		if err != nil {
			return FlagCharacters
		}
		if fault := e.add(ai, value); fault != "" {
			return fault
		}
	}
	return ""
}
