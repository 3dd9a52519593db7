package tagging

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawReading makes canonical readings that are alike often, of every kind and
// form, so that pairs of them fit, nearly fit and do not fit.
func drawReading(t *rapid.T) string {
	form := rapid.SampledFrom([]string{
		"em4100.10", "h10301", "iso14443.8", "iso14443.14", "iso14443.20", "iso15693.16", "felica.16",
		"h10302", "h10304", "h10306", "c1k35", "raw",
	}).Draw(t, "form")
	kind, length, _ := strings.Cut(form, ".")
	small := rapid.IntRange(0, 2)
	switch kind {
	case "h10301":
		if rapid.Bool().Draw(t, "any facility") {
			return fmt.Sprintf("h10301:*:%d", small.Draw(t, "card"))
		}
		return fmt.Sprintf("h10301:%d:%d", small.Draw(t, "facility"), small.Draw(t, "card"))
	case "h10302":
		return fmt.Sprintf("h10302:%d", small.Draw(t, "card"))
	case "h10304", "h10306", "c1k35":
		return fmt.Sprintf("%s:%d:%d", kind, small.Draw(t, "facility"), small.Draw(t, "card"))
	case "raw":
		return "raw:" + rapid.SampledFrom([]string{"A", "Ä", "AB", "ABC"}).Draw(t, "text")
	}
	known := rapid.SampledFrom(masks[form]).Draw(t, "mask")
	var n int
	fmt.Sscan(length, &n)
	value := make([]byte, n)
	for i := range value {
		value[i] = '?'
		if known>>(n-1-i)&1 != 0 {
			value[i] = "0000000000000000000000000000001F"[rapid.IntRange(0, 31).Draw(t, "half byte")]
		}
	}
	return kind + ":" + string(value)
}

// meet reports whether a stored reading is found for a candidate.
func meet(stored, candidate string) bool {
	lookups := Lookups(candidate)
	return slices.ContainsFunc(Keys(stored), func(key string) bool { return slices.Contains(lookups, key) })
}

// checkKeys compares the index with Fit, both ways round.
func checkKeys(t interface {
	Helper()
	Fatalf(string, ...any)
}, a, b string) (fits bool) {
	t.Helper()
	_, fits = Fit(a, b)
	if meet(a, b) != fits || meet(b, a) != fits {
		t.Fatalf("%s and %s: fit %v, but stored under %q and looked up under %q", a, b, fits, Keys(a), Lookups(b))
	}
	return fits
}

func TestKeys(t *testing.T) {
	t.Run("2.6 readings meet exactly when they fit", func(t *testing.T) {
		met := 0
		rapid.Check(t, func(t *rapid.T) {
			a, b := drawReading(t), drawReading(t)
			if checkKeys(t, a, b) && a != b {
				met++
			}
			checkKeys(t, a, a)
		})
		var forms []string
		for number, printed := range em4100Forms {
			forms = append(forms, "em4100:"+number)
			for _, f := range printed {
				forms = append(forms, ParseTag(f, "").Candidates...)
			}
		}
		forms = append(forms, "iso14443:0451AAC3790000", "iso14443:0451AA????????", "iso14443:0451AB????????", "h10301:*:45771", "raw:NYCKEL3491B")
		for _, a := range forms {
			for _, b := range forms {
				if checkKeys(t, a, b) && a != b {
					met++
				}
			}
		}
		if met < 100 {
			t.Errorf("only %d pairs of different readings met", met)
		}
	})
	t.Run("no reading of ParseTag is of a form that the table lacks", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			number := rapid.OneOf(
				rapid.StringMatching(`[0-9]{1,20}`), rapid.StringMatching(`[0-9A-F]{6,20}`), rapid.StringMatching(`(88|08|E0)[0-9A-F]{6,18}`),
				rapid.StringMatching(`[0-9]{1,5}[,.:/ -][0-9]{1,6}`), rapid.StringMatching(`[01]{26}|[01]{34}|[01]{35}|[01]{37}`),
			).Draw(t, "number")
			for _, c := range ParseTag(number, "").Candidates {
				if p, _, ok := split(c); ok && !slices.Contains(masks[p.form], p.known) {
					t.Fatalf("%s: %s has the form %s %X", number, c, p.form, p.known)
				}
			}
		})
	})
	t.Run("keys are few and short", func(t *testing.T) {
		for reading, most := range map[string]int{
			"em4100:0F0368568B": 6, "em4100:??????568B": 1, "iso14443:0451AAC3790000": 2, "iso15693:E00401007E113CAD": 1,
			"h10301:161:45771": 2, "h10301:*:45771": 1, "h10302:1234567890": 1, "raw:NYCKEL3491B": 1,
			"own:7K3M9QXD2VHTP": 1, "gs1:(8004)4012345": 1, "di:1PA|S1": 1, "url:https://a.example/": 1, "text:A": 1,
			"raw:A": 0, "other:wifi": 0, "em4100:???????68B": 0, "": 0, "unknown:1": 0,
		} {
			keys := Keys(reading)
			if len(keys) != most || len(slices.Compact(slices.Sorted(slices.Values(keys)))) != most || len(Lookups(reading)) > 6 {
				t.Errorf("%s: keys %q, look-ups %q", reading, keys, Lookups(reading))
			}
			for _, key := range keys {
				if len(key) > max(40, len(reading)) {
					t.Errorf("%s: key %s", reading, key)
				}
			}
			if met := meet(reading, reading); met != (most > 0) {
				t.Errorf("%s meets itself: %v", reading, met)
			}
		}
	})
}
