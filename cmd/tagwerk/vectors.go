package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/tagwerk/tagwerk/tagging"
)

// vectorFile is a file of test vectors; its field "schema" explains the others.
type vectorFile struct {
	Config struct {
		OwnBase string `json:"own_base"`
	} `json:"config"`
	Count   int      `json:"count"`
	Vectors []vector `json:"vectors"`
}

type vector struct {
	ID        string             `json:"id"`
	Group     string             `json:"group"`
	Input     string             `json:"input"`
	Hint      string             `json:"hint"`
	Expect    []string           `json:"expect"`
	Ambiguous bool               `json:"ambiguous"`
	Flags     []string           `json:"flags"`
	Truth     string             `json:"truth"`
	Known     []tagging.KnownTag `json:"known"`
	Decision  tagging.Decision   `json:"decision"`
}

// outcome is what a vector asks for or what came out, in the words of the file.
type outcome struct {
	Expect    []string         `json:"expect"`
	Ambiguous bool             `json:"ambiguous"`
	Flags     []string         `json:"flags,omitempty"`
	Decision  tagging.Decision `json:"decision,omitempty"`
}

// failure is one failed vector.
type failure struct {
	ID     string  `json:"id"`
	Group  string  `json:"group"`
	Input  string  `json:"input"`
	Want   outcome `json:"want"`
	Got    outcome `json:"got"`
	Reason string  `json:"reason"`
}

// runVectors runs a file of test vectors and prints each failure and the sum.
func runVectors(con console, path string, asJSON bool) error {
	file, err := readVectors(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	base, err := url.Parse(file.Config.OwnBase)
	if err != nil {
		return fmt.Errorf("%s: own_base: %w", path, err)
	}
	config := tagging.Config{OwnHosts: []string{base.Host}}
	failed := 0
	for _, v := range file.Vectors {
		got, reason := v.run(config)
		if reason == "" {
			continue
		}
		failed++
		f := failure{ID: v.ID, Group: v.Group, Input: v.Input, Want: v.want(), Got: got, Reason: reason}
		if asJSON {
			if err := json.NewEncoder(con.out).Encode(f); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(con.out, "%s %s %q: %s\n  want %+v\n  got  %+v\n", f.ID, f.Group, f.Input, f.Reason, f.Want, f.Got)
	}
	fmt.Fprintf(con.out, "%d passed, %d failed\n", len(file.Vectors)-failed, failed)
	if failed > 0 {
		return fmt.Errorf("%s of %d failed", plural(failed, "vector"), len(file.Vectors))
	}
	return nil
}

func readVectors(path string) (file vectorFile, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return file, reason(err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return file, fmt.Errorf("no file of test vectors: %w", err)
	}
	if len(file.Vectors) == 0 {
		return file, errors.New("holds no vectors")
	}
	if file.Count != 0 && file.Count != len(file.Vectors) {
		return file, fmt.Errorf("is cut: %d vectors of %d", len(file.Vectors), file.Count)
	}
	return file, nil
}

func (v vector) want() outcome {
	return outcome{Expect: v.Expect, Ambiguous: v.Ambiguous, Flags: sorted(v.Flags), Decision: v.Decision}
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// run gives what came out and, if it is not what the vector asks for, in which point.
func (v vector) run(config tagging.Config) (got outcome, fault string) {
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
		got = outcome{Expect: m.IDs, Decision: m.Decision, Ambiguous: m.Decision == tagging.DecideAsk}
		return got, v.differs(got)
	default:
		return got, "unknown group"
	}
	got = outcome{Expect: r.Candidates, Ambiguous: r.Ambiguous(), Flags: sorted(r.Flags)}
	if fault = v.differs(got); fault == "" && v.Truth != "" {
		fits := func(c string) bool { _, ok := tagging.Fit(c, v.Truth); return ok }
		if !slices.ContainsFunc(r.Candidates, fits) {
			fault = "no candidate fits the truth " + v.Truth
		}
	}
	return got, fault
}

func (v vector) differs(got outcome) string {
	want := v.want()
	switch {
	case !slices.Equal(got.Expect, want.Expect):
		return "other results"
	case got.Ambiguous != want.Ambiguous:
		return "other ambiguity"
	case !slices.Equal(got.Flags, want.Flags):
		return "other flags"
	case got.Decision != want.Decision:
		return "other decision"
	}
	return ""
}
