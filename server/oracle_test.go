package server_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/mobileapi"
	"github.com/tagwerk/tagwerk/server/asset"
)

// TestScanBlocks holds F-40 to F-42 and the field policy: each grant shows its blocks and nothing else.
func TestScanBlocks(t *testing.T) {
	m := newMatrix(t)
	for _, v := range m.viewers {
		t.Run(v.name, func(t *testing.T) {
			var a mobileapi.ScanAnswer
			v.caller.get("/v1/scan/"+m.code).must(t, 200).decode(t, &a)
			for _, block := range []struct {
				name string
				got  bool
				want bool
			}{
				{"X-1 tag", a.Tag != nil, v.may != 0},
				{"asset", a.Asset != nil, v.may != 0},
				{"F-24 component", a.Component != nil, v.may.Has(asset.SeeComponents)},
				{"F-27 due", a.Due != nil, v.may.Has(asset.SeeDueDates)},
				{"F-18 next appointment", a.NextAppointment != nil, v.may.Has(asset.SeeAppointments)},
				{"F-28 open faults", a.OpenFaults != nil, v.may.Has(asset.Faults)},
				{"F-28 fault form", a.FaultForm != nil, v.may.Has(asset.Faults)},
				{"F-26 due date of the component", a.Component != nil && a.Component.Due != "", v.may.Has(asset.SeeComponents | asset.SeeDueDates)},
				{"contact", a.Provider.Phone != "", true},
			} {
				if block.got != block.want {
					t.Errorf("%s: shown %v, want %v", block.name, block.got, block.want)
				}
			}
		})
	}
}

// TestNoExistenceOracle holds E1: who has no rights on a code cannot tell by status, headers, body or time whether it exists.
func TestNoExistenceOracle(t *testing.T) {
	m := newMatrix(t)
	foreign := m.code
	for _, v := range m.viewers {
		if v.may != 0 {
			continue
		}
		t.Run("X-2 "+v.name, func(t *testing.T) {
			for _, path := range []string{"/v1/scan/", "/t/", "/T/"} {
				a, b := v.caller.get(path+foreign), v.caller.get(path+m.unknown)
				if a.status != b.status || !bytes.Equal(a.body, b.body) {
					t.Errorf("SEC-1 %s: %d and %d, or other bodies", path, a.status, b.status)
				}
				if x, y := headerNames(a), headerNames(b); !slices.Equal(x, y) {
					t.Errorf("SEC-1 %s: headers %v and %v", path, x, y)
				}
			}
			n := 1500
			if testing.Short() {
				n = 300
			}
			scan := func(code string) time.Duration { return timed(v.caller, code) }
			if auc, gap := distinguish(scan, n, foreign, m.unknown); auc > 0.5+tolerance(n) || gap > 50*time.Microsecond {
				t.Errorf("SEC-1 time tells them apart: AUC off by %.3f, median gap %v", auc-0.5, gap)
			}
		})
	}
	t.Run("control: a third of a millisecond is told apart", func(t *testing.T) {
		stranger := m.stranger()
		leaky := func(code string) time.Duration {
			took := timed(stranger, code)
			if code == foreign {
				took += leak
			}
			return took
		}
		if auc, _ := distinguish(leaky, 300, foreign, m.unknown); auc < 0.5+tolerance(300) {
			t.Fatalf("the distinguisher sees nothing (AUC off by %.3f): the test would pass whatever we do", auc-0.5)
		}
	})
}

// leak is what the control adds for a code that exists: about what a look-up on the disk costs.
const leak = 330 * time.Microsecond

func headerNames(a answer) []string {
	var names []string
	for name := range a.header {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// tolerance is four standard deviations of the area under the curve for n samples each, and at least the bar of E1.
func tolerance(n int) float64 { return max(0.02, 4*0.41/math.Sqrt(float64(n))) }

// distinguish times n interleaved pairs of scans and returns how well their times tell them apart: the area under the ROC curve,
// 0.5 for not at all and 1 for always, whichever is slower; and the gap of the medians. Of three rounds the least counts, since
// other work on the machine can only add to it.
func distinguish(scan func(code string) time.Duration, n int, one, two string) (auc float64, gap time.Duration) {
	auc = 1
	for range 3 {
		var x, y []time.Duration
		for i := range n {
			first, second := one, two
			if i%2 == 1 {
				first, second = two, one
			}
			a, b := scan(first), scan(second)
			if i%2 == 1 {
				a, b = b, a
			}
			x, y = append(x, a), append(y, b)
		}
		slices.Sort(x)
		slices.Sort(y)
		wins := 0.0
		for _, a := range x {
			lo, _ := slices.BinarySearch(y, a)
			hi, _ := slices.BinarySearch(y, a+1)
			wins += float64(lo) + float64(hi-lo)/2
		}
		area := wins / float64(n) / float64(n)
		area = max(area, 1-area)
		if area < auc {
			auc, gap = area, (x[n/2] - y[n/2]).Abs()
		}
	}
	return auc, gap
}

func timed(c caller, code string) time.Duration {
	begin := time.Now()
	c.get("/v1/scan/" + code)
	return time.Since(begin)
}

// TestMistypedCode holds SEC-2: what is wrong with a typed code is told before any look-up, in the reader's language.
func TestMistypedCode(t *testing.T) {
	w := newWorld(t, withoutFCM)
	right := w.sample.Codes[0]
	swapped := right[:3] + string(right[4]) + string(right[3]) + right[5:]
	for _, c := range []struct{ name, language, code, say string }{
		{"wrong symbol", "de", right[:5] + "U" + right[6:], "„U“ an Stelle 6"},
		{"wrong symbol", "sv", right[:5] + "U" + right[6:], "”U” på plats 6"},
		{"too short", "en", right[:12], "here are 12"},
		{"swapped", "en", swapped, "mistyped or swapped"},
	} {
		t.Run(fmt.Sprint(c.name, " ", c.language), func(t *testing.T) {
			caller := w.stranger()
			caller.language = c.language
			for _, a := range []answer{caller.get("/v1/scan/" + c.code), caller.post("/v1/scan", map[string]any{"payload": w.url + "/t/" + c.code})} {
				if a.status != 422 || a.code() != "mistyped_code" || !bytes.Contains(a.body, []byte(c.say)) {
					t.Errorf("%d %s, want 422 that says %q", a.status, a.body, c.say)
				}
			}
		})
	}
	for name, spelling := range map[string]string{"lower case": "/t/" + strings.ToLower(right), "upper path": "/T/" + right, "hyphens": "/t/" + right[:4] + "-" + right[4:8] + "-" + right[8:]} {
		t.Run("X-4 "+name, func(t *testing.T) {
			w.as("haustechnik@").get(spelling).must(t, 200)
		})
	}
}

// TestContactByHost holds SEC-3: the contact follows the host that was asked, never the tag.
func TestContactByHost(t *testing.T) {
	w := newWorld(t, withoutFCM)
	swedish, err := w.app.People.Provider(t.Context(), w.viewer("kundtjanst@").Provider)
	if err != nil {
		t.Fatal(err)
	}
	c := w.app.Config
	c.URLAliases = "scan.example.se=" + swedish.ID
	w.restart(c)
	var here, there mobileapi.ScanAnswer
	w.stranger().get("/v1/scan/"+w.sample.Codes[0]).must(t, 200).decode(t, &here)
	w.stranger().get("/v1/scan/"+w.sample.Codes[0], "Host", "scan.example.se").must(t, 200).decode(t, &there)
	if here.Provider.Branch != "Niederlassung Hamburg" || there.Provider.Branch != "Filial Göteborg" {
		t.Fatalf("contacts %q and %q", here.Provider.Branch, there.Provider.Branch)
	}
	t.Run("X-4 the old host's labels still scan", func(t *testing.T) {
		var a mobileapi.ScanAnswer
		w.as("haustechnik@").post("/v1/scan", map[string]any{"payload": "HTTPS://SCAN.EXAMPLE.SE/T/" + w.sample.Codes[0]}).must(t, 200).decode(t, &a)
		if a.Component == nil {
			t.Fatalf("label of the alias is not resolved: %+v", a)
		}
	})
}
