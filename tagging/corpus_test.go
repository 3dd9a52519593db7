package tagging

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// maxCorpus bounds the corpus of a fuzz target, in lines and in bytes a line.
const (
	maxCorpus     = 300
	maxCorpusLine = 400
)

// corpora are the fuzz targets that keep inputs in testdata/corpus/<target>.txt,
// one a line, each argument in Go quotes, with the number of their arguments.
var corpora = map[string]int{"FuzzParseTag": 2, "FuzzParseComponent": 1, "FuzzParseCode": 1, "FuzzKeys": 2}

// corpus reads the inputs kept for a target.
func corpus(t testing.TB, target string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "corpus", target+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	var inputs [][]string
	for line := range strings.Lines(string(text)) {
		args, err := unquoteAll(strings.TrimSpace(line))
		if err != nil || len(args) != corpora[target] {
			t.Fatalf("%s: %q: %d arguments, %v", target, line, len(args), err)
		}
		inputs = append(inputs, args)
	}
	return inputs
}

// unquoteAll reads Go strings with blanks between them.
func unquoteAll(line string) (args []string, err error) {
	for line != "" {
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil, err
		}
		arg, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		line = strings.TrimLeft(line[len(quoted):], " ")
	}
	return args, nil
}

// vectorInputs are the inputs of testdata/tag-vectors.json, as seeds.
func vectorInputs(t testing.TB) (inputs []struct{ Input, Hint string }) {
	t.Helper()
	text, err := os.ReadFile("testdata/tag-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	file := struct {
		Vectors *[]struct{ Input, Hint string }
	}{&inputs}
	if err := json.Unmarshal(text, &file); err != nil || len(inputs) == 0 {
		t.Fatalf("%d inputs, %v", len(inputs), err)
	}
	return inputs
}

// TestCorpus holds that the kept inputs can be read, are bounded and stand in
// order, so that they stay small and a change shows what is new.
//
// After fuzzing, take over what Go's cache found with
//
//	TAGWERK_CORPUS=$(go env GOCACHE)/fuzz/github.com/tagwerk/tagwerk/tagging go test ./tagging -run TestCorpus
//
// and commit testdata/corpus.
func TestCorpus(t *testing.T) {
	for target, args := range corpora {
		t.Run(target, func(t *testing.T) {
			if cache := os.Getenv("TAGWERK_CORPUS"); cache != "" {
				takeOver(t, filepath.Join(cache, target), target, args)
			}
			var lines []string
			for _, input := range corpus(t, target) {
				lines = append(lines, quoteAll(input))
			}
			if !slices.IsSortedFunc(lines, shortFirst) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
				t.Error("not in order, or a line stands twice")
			}
			if len(lines) == 0 || len(lines) > maxCorpus || len(lines[len(lines)-1]) > maxCorpusLine {
				t.Errorf("%d inputs, the longest of %d bytes", len(lines), len(lines[len(lines)-1]))
			}
		})
	}
}

// takeOver adds the inputs of a cache folder; of too many the shortest stay.
func takeOver(t *testing.T, cache, target string, args int) {
	t.Helper()
	var lines []string
	kept := filepath.Join("testdata", "corpus", target+".txt")
	if _, err := os.Stat(kept); err == nil {
		for _, input := range corpus(t, target) {
			lines = append(lines, quoteAll(input))
		}
	}
	entries, err := os.ReadDir(cache)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(cache, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		// A line is string("…"); the first one names the format.
		var input []string
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
			value, err := strconv.Unquote(strings.TrimSuffix(strings.TrimPrefix(line, "string("), ")"))
			if err != nil {
				t.Fatalf("%s: %q: %v", entry.Name(), line, err)
			}
			input = append(input, value)
		}
		if line := quoteAll(input); len(input) == args && len(line) <= maxCorpusLine {
			lines = append(lines, line)
		}
	}
	slices.SortFunc(lines, shortFirst)
	lines = slices.Compact(lines)
	lines = lines[:min(len(lines), maxCorpus)]
	if err := os.WriteFile(kept, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func shortFirst(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func quoteAll(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = fmt.Sprintf("%+q", a)
	}
	return strings.Join(quoted, " ")
}
