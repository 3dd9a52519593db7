package tagging

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// vector is one line of testdata/tag-vectors.json, whose schema stands in the
// file.
type vector struct {
	ID        string     `json:"id"`
	Group     string     `json:"group"`
	Input     string     `json:"input"`
	Hint      string     `json:"hint"`
	Expect    []string   `json:"expect"`
	Ambiguous bool       `json:"ambiguous"`
	Flags     []string   `json:"flags"`
	Truth     string     `json:"truth"`
	Known     []KnownTag `json:"known"`
	Decision  Decision   `json:"decision"`
}

type vectorFile struct {
	Config struct {
		OwnBase string `json:"own_base"`
	} `json:"config"`
	Count   int      `json:"count"`
	Vectors []vector `json:"vectors"`
}

func loadVectors(t testing.TB) vectorFile {
	t.Helper()
	b, err := os.ReadFile("testdata/tag-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var f vectorFile
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Vectors) != f.Count || f.Count == 0 {
		t.Fatalf("%d vectors, the file says %d", len(f.Vectors), f.Count)
	}
	return f
}

func TestVectors(t *testing.T) {
	f := loadVectors(t)
	host := strings.TrimSuffix(strings.TrimPrefix(f.Config.OwnBase, "https://"), "/t/")
	config := Config{OwnHosts: []string{host}}
	for _, v := range f.Vectors {
		t.Run(v.ID+" "+v.Group, func(t *testing.T) {
			domain, scheme, _ := strings.Cut(v.Group, ".")
			switch domain {
			case "component":
				v.compare(t, ParseComponent(v.Input, config))
			case "tag":
				v.compare(t, ParseTag(v.Input, v.Hint))
			case "check":
				if got := CheckScheme(scheme).Valid(v.Input); got != slices.Equal(v.Expect, []string{"valid"}) {
					t.Errorf("valid: %v, want %v", got, v.Expect)
				}
			case "match":
				m := Match(ParseTag(v.Input, v.Hint), v.Known)
				if !slices.Equal(m.IDs, v.Expect) || m.Decision != v.Decision || (m.Decision == DecideAsk) != v.Ambiguous {
					t.Errorf("got %+v, want %v %s", m, v.Expect, v.Decision)
				}
			default:
				t.Fatalf("unknown group %q", v.Group)
			}
		})
	}
}

func (v vector) compare(t *testing.T, got Reading) {
	t.Helper()
	if !slices.Equal(got.Candidates, v.Expect) {
		t.Errorf("candidates %q\nwant %q", got.Candidates, v.Expect)
	}
	want := slices.Sorted(slices.Values(v.Flags))
	if flags := slices.Sorted(slices.Values(got.Flags)); !slices.Equal(flags, want) {
		t.Errorf("flags %q, want %q", flags, want)
	}
	if got.Ambiguous() != v.Ambiguous {
		t.Errorf("ambiguous %v", got.Ambiguous())
	}
	if v.Truth == "" {
		return
	}
	if !slices.ContainsFunc(got.Candidates, func(c string) bool { _, ok := Fit(c, v.Truth); return ok }) {
		t.Errorf("no candidate fits the truth %s", v.Truth)
	}
}
