package portal

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestContrast measures the colours of the style sheet in both schemes (WCAG 2.2, 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	css, err := assetFiles.ReadFile("assets/portal.css")
	if err != nil {
		t.Fatal(err)
	}
	schemes := regexp.MustCompile(`:root \{[^}]*\}`).FindAllString(string(css), -1)
	if len(schemes) != 2 {
		t.Fatalf("%d schemes", len(schemes))
	}
	colours := map[string]string{}
	for i, scheme := range schemes {
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(scheme, -1) {
			colours[m[1]] = m[2]
		}
		for _, pair := range []struct {
			text, grounds string
			least         float64
		}{
			{"text", "ground card plain-soft main-soft", 4.5}, {"muted", "ground card main-soft", 4.5}, {"main", "ground card main-soft", 4.5},
			{"on-main", "main main-hover", 4.5}, {"bad", "bad-soft card ground", 4.5}, {"warn", "warn-soft", 4.5}, {"good", "good-soft", 4.5},
			{"info", "info-soft", 4.5}, {"ask", "ask-soft", 4.5}, {"field", "card", 3},
		} {
			for ground := range strings.FieldsSeq(pair.grounds) {
				if got := contrast(t, colours[pair.text], colours[ground]); got < pair.least {
					t.Errorf("scheme %d: %s on %s is %.2f to 1, want %.1f", i, pair.text, ground, got, pair.least)
				}
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	light := func(hex string) float64 {
		v, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for shift, weight := range map[int]float64{16: 0.2126, 8: 0.7152, 0: 0.0722} {
			c := float64(v>>shift&255) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	x, y := light(a), light(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}
