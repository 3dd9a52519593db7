package tagging

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// slowest is far more than a parser needs for the worst 2,048 characters (ten
// milliseconds), so that a busy machine does not count as a finding.
const slowest = 2 * time.Second

// canonical are the forms of candidates, but for raw, url, di and text.
var canonical = map[string]*regexp.Regexp{
	"own":      regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{13}$`),
	"gs1":      regexp.MustCompile("^\\((00|01|253|414|417|8003|8004|8006)\\)[!\"%&'()*+,./0-9:;<=>?A-Z_a-z-]+$"),
	"other":    regexp.MustCompile(`^(vcard|mecard|wifi|ical|tel|mailto|sms|geo|otpauth|epc_payment|swiss_payment)$`),
	"em4100":   regexp.MustCompile(`^[0-9A-F?]{10}$`),
	"iso14443": regexp.MustCompile(`^([0-9A-F]{8}|[0-9A-F]{6}([0-9A-F]{8}|\?{8})|[0-9A-F]{20})$`),
	"iso15693": regexp.MustCompile(`^E0[0-9A-F]{14}$`),
	"felica":   regexp.MustCompile(`^[0-9A-F]{16}$`),
	"h10301":   regexp.MustCompile(`^(\*|0|[1-9][0-9]{0,2}):(0|[1-9][0-9]{0,4})$`),
	"h10306":   regexp.MustCompile(`^(0|[1-9][0-9]{0,4}):(0|[1-9][0-9]{0,4})$`),
	"h10302":   regexp.MustCompile(`^(0|[1-9][0-9]{0,10})$`),
	"h10304":   regexp.MustCompile(`^(0|[1-9][0-9]{0,4}):(0|[1-9][0-9]{0,5})$`),
	"c1k35":    regexp.MustCompile(`^(0|[1-9][0-9]{0,3}):(0|[1-9][0-9]{0,6})$`),
}

// checkReading holds what is true of every reading.
func checkReading(t *testing.T, input string, r Reading, took time.Duration) {
	t.Helper()
	if took > slowest {
		t.Fatalf("%q takes %v", input, took)
	}
	if len(r.Candidates) > 12 {
		t.Fatalf("%q: %d candidates", input, len(r.Candidates))
	}
	for _, list := range [][]string{r.Candidates, r.Flags} {
		for i, s := range list {
			if s == "" || slices.Contains(list[:i], s) {
				t.Fatalf("%q: %q twice or empty", input, list)
			}
		}
	}
	for _, c := range r.Candidates {
		kind, value, _ := strings.Cut(c, ":")
		if form := canonical[kind]; !slices.Contains(Kinds(), kind) || value == "" || form != nil && !form.MatchString(value) {
			t.Fatalf("%q: candidate %q", input, c)
		}
		// NFKC makes at most 18 characters of one, upper case three.
		if n := utf8.RuneCountInString(value); n > 20*maxInput {
			t.Fatalf("%q: a candidate of %d characters", input, n)
		}
	}
	for _, f := range r.Flags {
		name, of, about := strings.Cut(f, "=")
		if !slices.Contains(Flags(), name) || about && !slices.Contains(r.Candidates, of) {
			t.Fatalf("%q: flag %q of %q", input, f, r.Candidates)
		}
	}
	why := r.Why()
	if len(why) != max(1, len(r.Candidates)+len(r.Flags)) {
		t.Fatalf("%q: %d remarks on %d candidates and %d flags", input, len(why), len(r.Candidates), len(r.Flags))
	}
	for _, remark := range why {
		if len(remark.Messages) == 0 || remark.Candidate != "" && remark.Flag != "" {
			t.Fatalf("%q: remark %+v", input, remark)
		}
	}
}

func FuzzParseTag(f *testing.F) {
	for _, v := range vectorInputs(f) {
		f.Add(v.Input, v.Hint)
	}
	for _, c := range corpus(f, "FuzzParseTag") {
		f.Add(c[0], c[1])
	}
	f.Add(strings.Repeat("1", 37), "hid")
	f.Add(strings.Repeat("A1:", maxInput/3), "")
	f.Fuzz(func(t *testing.T, input, hint string) {
		begin := time.Now()
		r := ParseTag(input, hint)
		checkReading(t, input, r, time.Since(begin))
		for _, c := range r.Candidates {
			if strings.HasPrefix(c, "raw:") && len(c) == len("raw:A") {
				continue
			}
			if !checkKeys(t, c, c) {
				t.Fatalf("%q: %q does not fit itself", input, c)
			}
			checkTagRoundTrip(t, c)
		}
		if m := Match(r, []KnownTag{{"a", r.Candidates}, {"b", nil}}); slices.Contains(m.IDs, "b") {
			t.Fatalf("%q: %+v", input, m)
		}
	})
}

// checkTagRoundTrip types a candidate in a form that says all of it, and gets
// it back first.
func checkTagRoundTrip(t *testing.T, candidate string) {
	t.Helper()
	kind, value, _ := strings.Cut(candidate, ":")
	typed, hint := "HEX:"+value, map[string]string{"em4100": "125khz", "iso14443": "webnfc", "iso15693": "ios", "felica": "wedge"}[kind]
	switch {
	case kind == "h10301" && value[0] != '*' || kind == "h10306":
		// Five digits are the two halves of 32 bits.
		facility, card, _ := strings.Cut(value, ":")
		if kind == "h10306" {
			facility = strings.Repeat("0", 5-len(facility)) + facility
		}
		typed, hint = facility+","+card, "hid"
	case hint == "" || strings.Contains(value, "?"):
		return
	case kind == "iso14443" && strings.HasPrefix(value, "88"):
		// A cascade tag is no first byte: such a number is read as part of another one.
		return
	}
	if back := ParseTag(typed, hint); len(back.Candidates) == 0 || back.Candidates[0] != candidate {
		t.Fatalf("%s typed as %q is %q", candidate, typed, back.Candidates)
	}
}

func FuzzParseComponent(f *testing.F) {
	for _, v := range vectorInputs(f) {
		f.Add(v.Input)
	}
	for _, c := range corpus(f, "FuzzParseComponent") {
		f.Add(c[0])
	}
	f.Add("(01)" + strings.Repeat("(21)", 500))
	f.Add("https://ex.com" + strings.Repeat("/01", 600))
	f.Add("[)>\x1e06" + strings.Repeat("\x1dS", 1000))
	config := Config{OwnHosts: []string{"scan.example.com"}}
	f.Fuzz(func(t *testing.T, input string) {
		begin := time.Now()
		r := ParseComponent(input, config)
		checkReading(t, input, r, time.Since(begin))
		if r.Has(FlagSecret) && (len(r.Candidates) != 1 || !strings.HasPrefix(r.Candidates[0], "other:")) {
			t.Fatalf("%q: a secret in %q", input, r.Candidates)
		}
		for _, c := range r.Candidates {
			checkComponentRoundTrip(t, c, config)
			if kept := !strings.HasPrefix(c, "other:"); meet(c, c) != kept {
				t.Fatalf("%q meets itself: %v", c, !kept)
			}
		}
	})
}

// checkComponentRoundTrip scans a candidate again in a form that says all of it.
func checkComponentRoundTrip(t *testing.T, candidate string, config Config) {
	t.Helper()
	kind, value, _ := strings.Cut(candidate, ":")
	scanned := value
	switch kind {
	case "gs1":
		ai, data, _ := cutPrintedAI(value)
		fixed := map[string]int{"01": 14, "8006": 18}[ai]
		serial := ""
		if fixed > 0 {
			data, serial, _ = strings.Cut(data[:fixed]+"\x00"+data[fixed:], "\x00")
			serial = strings.TrimPrefix(serial, "(21)")
		}
		scanned = "]d2" + ai + data
		if serial != "" {
			scanned += "\x1d21" + serial
		}
	case "own", "url":
	case "text":
		if again := textKey(value); again != value {
			t.Fatalf("text %q becomes %q", value, again)
		}
		return
	default:
		return
	}
	back := ParseComponent(scanned, config)
	if !slices.Contains(back.Candidates, candidate) || kind != "url" && back.Candidates[0] != candidate {
		t.Fatalf("%s scanned as %q is %q", candidate, scanned, back.Candidates)
	}
}

func FuzzParseCode(f *testing.F) {
	for _, c := range corpus(f, "FuzzParseCode") {
		f.Add(c[0])
	}
	f.Fuzz(func(t *testing.T, s string) {
		begin := time.Now()
		code, err := ParseCode(s)
		if took := time.Since(begin); took > slowest {
			t.Fatalf("%q takes %v", s, took)
		}
		if err == nil {
			if again, err := ParseCode(code.Print()); err != nil || again != code || len(code) != CodeLength {
				t.Fatalf("%q became %q: %v", s, code, err)
			}
			return
		}
		var e *CodeError
		if !errors.As(err, &e) || code != "" {
			t.Fatalf("%q: %q, %v", s, code, err)
		}
		if again, err := ParseCode(string(e.Hint)); e.Hint != "" && (err != nil || again != e.Hint) {
			t.Fatalf("%q: hint %q is not valid", s, e.Hint)
		}
	})
}

// FuzzKeys compares the index with Fit and Match for the numbers a and b, and
// for a and b as readings that somebody made up.
func FuzzKeys(f *testing.F) {
	for _, c := range corpus(f, "FuzzKeys") {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, keys := range [][]string{Keys(a), Lookups(a)} {
			if len(slices.Compact(slices.Sorted(slices.Values(keys)))) != len(keys) || len(keys) > 8 {
				t.Fatalf("%q: keys %q", a, keys)
			}
		}
		if meet(a, b) && len(a) != len(b) && !strings.HasPrefix(a, "h10301:") {
			t.Fatalf("%q and %q meet", a, b)
		}
		stored, sought := ParseTag(a, ""), ParseTag(b, "")
		met := false
		for _, x := range stored.Candidates {
			for _, y := range sought.Candidates {
				met = checkKeys(t, x, y) || met
			}
		}
		m := Match(sought, []KnownTag{{"a", stored.Candidates}})
		if found := m.Decision != DecideNone; found != met {
			t.Fatalf("%q for %q: %+v, the index says %v", b, a, m, met)
		}
	})
}
