package asset

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tagwerk/tagwerk/tagging"
)

// TestReadingKeys compares the index with [tagging.Fit]: of any two readings, those that fit share a key, and no others.
func TestReadingKeys(t *testing.T) {
	// shown prints a number in some form of its kind.
	shown := func(rt *rapid.T, kind string, id []byte) tagging.Reading {
		var of []form
		for _, f := range forms {
			if f.kind == kind {
				of = append(of, f)
			}
		}
		return tagging.ParseTag(rapid.SampledFrom(of).Draw(rt, "form").print(id), "")
	}
	found := map[bool]int{}
	t.Run("B-16 standards 2.6 readings that fit share a key, and no others", rapid.MakeCheck(func(rt *rapid.T) {
		k := rapid.SampledFrom(fobKinds).Draw(rt, "kind")
		id := rapid.SliceOfN(rapid.SampledFrom([]byte{0x04, 0xe0, 0x21, 0x88}), k.bytes, k.bytes).Draw(rt, "number")
		a := shown(rt, k.kind, id)
		// The other one is the same, or differs in a part that a form may not show.
		if at := rapid.IntRange(-1, k.bytes-1).Draw(rt, "differs"); at >= 0 {
			id[at] ^= 0x10
		}
		b := shown(rt, k.kind, id)
		for _, x := range a.Candidates {
			tag := Tag{Kind: AccessTag, Provider: "nord", Readings: []string{x}}
			tag.reindex()
			for _, y := range b.Candidates {
				_, fits := tagging.Fit(x, y)
				meet := func(provider string) bool {
					keys := search{kind: AccessTag, providers: []string{provider}}.keys(tagging.Reading{Candidates: []string{y}})
					return slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(tag.Keys, k) })
				}
				if found[fits]++; meet("nord") != fits || meet("syd") {
					rt.Fatalf("%s and %s: fit %v, share a key %v", x, y, fits, meet("nord"))
				}
			}
		}
	}))
	if found[true] < 100 || found[false] < 100 {
		t.Errorf("%d fit and %d do not: the numbers show too little", found[true], found[false])
	}
	t.Run("B-16 the keys of one number lie side by side", func(t *testing.T) {
		full := "em4100:0F0368568B"
		for _, number := range []string{"0F0368568B", "0057169547", "06837899", "104,22155", "003.22155", "22155"} {
			met := 0
			for _, c := range tagging.ParseTag(number, "125khz").Candidates {
				if _, fits := tagging.Fit(c, full); !fits {
					continue
				}
				met++
				if got, want := readingKeys("nord", c, []string{""}), readingKeys("nord", full, []string{""}); !slices.Equal(got, want) {
					t.Errorf("%s of %s lies at %v, %s at %v", c, number, got, full, want)
				}
			}
			if met == 0 {
				t.Errorf("%s fits nothing", number)
			}
		}
	})
}
