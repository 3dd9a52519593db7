// Package vectors runs files of test vectors against the parsers of tagging, for the tests of this module and for whoever has
// vectors of his own (tagwerk parse --vectors). The schema of a file stands in the file, see ../testdata/tag-vectors.json.
package vectors

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tagwerk/tagwerk/tagging"
)

// File is a file of test vectors.
type File struct {
	Config struct {
		// OwnBase is the address of our labels, as in "https://scan.example.com/t/".
		OwnBase string `json:"own_base"`
	} `json:"config"`
	Count   int      `json:"count"`
	Vectors []Vector `json:"vectors"`
}

// Vector is an input with what must come out of it.
type Vector struct {
	ID    string `json:"id"`
	Group string `json:"group"` // <domain>.<case>, the domain being component, tag, check or match
	Input string `json:"input"`
	Hint  string `json:"hint"`
	Outcome
	Truth string             `json:"truth"` // a reading that one candidate must fit, or empty
	Known []tagging.KnownTag `json:"known"` // of the domain match
}

// Outcome is what a vector asks for or what came out. The flags of one that came out are sorted.
type Outcome struct {
	Expect    []string         `json:"expect"`
	Ambiguous bool             `json:"ambiguous"`
	Flags     []string         `json:"flags,omitempty"`
	Decision  tagging.Decision `json:"decision,omitempty"`
}

// Failure is a vector of which something else came out.
type Failure struct {
	ID     string  `json:"id"`
	Group  string  `json:"group"`
	Input  string  `json:"input"`
	Want   Outcome `json:"want"`
	Got    Outcome `json:"got"`
	Reason string  `json:"reason"`
}

// Parse reads a file. The errors are about the content and name no file.
func Parse(text []byte) (File, error) {
	var f File
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("no file of test vectors: %w", err)
	}
	if len(f.Vectors) == 0 {
		return f, errors.New("holds no vectors")
	}
	if f.Count != 0 && f.Count != len(f.Vectors) {
		return f, fmt.Errorf("is cut: %d vectors of %d", len(f.Vectors), f.Count)
	}
	if _, err := url.Parse(f.Config.OwnBase); err != nil {
		return f, fmt.Errorf("own_base: %w", err)
	}
	return f, nil
}

// Run runs all vectors and gives those that fail.
func (f File) Run() []Failure {
	var config tagging.Config
	if base, err := url.Parse(f.Config.OwnBase); err == nil {
		config.OwnHosts = []string{base.Host}
	}
	var failures []Failure
	for _, v := range f.Vectors {
		if got, reason := v.run(config); reason != "" {
			failures = append(failures, Failure{v.ID, v.Group, v.Input, v.Outcome, got, reason})
		}
	}
	return failures
}

// run gives what came out and, if it is not what the vector asks for, in which point.
func (v Vector) run(config tagging.Config) (got Outcome, reason string) {
	domain, scheme, _ := strings.Cut(v.Group, ".")
	var r tagging.Reading
	switch domain {
	case "component":
		r = tagging.ParseComponent(v.Input, config)
	case "tag":
		r = tagging.ParseTag(v.Input, v.Hint)
	case "check":
		got.Expect = []string{"invalid"}
		if tagging.CheckScheme(scheme).Valid(v.Input) {
			got.Expect = []string{"valid"}
		}
		return got, v.differs(got)
	case "match":
		m := tagging.Match(tagging.ParseTag(v.Input, v.Hint), v.Known)
		got = Outcome{Expect: m.IDs, Decision: m.Decision, Ambiguous: m.Decision == tagging.DecideAsk}
		return got, v.differs(got)
	default:
		return got, "unknown group"
	}
	got = Outcome{Expect: r.Candidates, Ambiguous: r.Ambiguous(), Flags: sorted(r.Flags)}
	if reason = v.differs(got); reason == "" && v.Truth != "" {
		fits := func(c string) bool { _, ok := tagging.Fit(c, v.Truth); return ok }
		if !slices.ContainsFunc(r.Candidates, fits) {
			reason = "no candidate fits the truth " + v.Truth
		}
	}
	return got, reason
}

func (v Vector) differs(got Outcome) string {
	switch {
	case !slices.Equal(got.Expect, v.Expect):
		return "other results"
	case got.Ambiguous != v.Ambiguous:
		return "other ambiguity"
	case !slices.Equal(got.Flags, sorted(v.Flags)):
		return "other flags"
	case got.Decision != v.Decision:
		return "other decision"
	}
	return ""
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }
