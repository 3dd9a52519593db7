package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/labels"
	"github.com/tagwerk/tagwerk/tagging/vectors"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const url = "HTTPS://SCAN.EXAMPLE.COM/T/7K3M9QXD2VHTP"
	stock, ok := labels.FindStock("L6011")
	if !ok {
		t.Fatal("no stock")
	}
	label := filepath.Join(dir, "label.png")
	f, err := os.Create(label)
	if err != nil {
		t.Fatal(err)
	}
	if err := labels.PNG(f, labels.Label{URL: url, Code: "7K3M-9QXD-2VHTP", Lines: []string{"Brandspjäll å"}}, stock, 300); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	text := writeFile(t, dir, "text.jpg", "no picture at all")

	t.Run("a label", func(t *testing.T) {
		if r := tagwerk(t, "decode", label).want(t, exitOK); r.out != label+": "+url+"\n" || r.err != "" {
			t.Errorf("%q %q", r.out, r.err)
		}
	})
	t.Run("a text file, a folder and nothing", func(t *testing.T) {
		r := tagwerk(t, "decode", text, dir, dir+"/nowhere.png", label).want(t, exitFailed, text+": not a JPEG or PNG image\n",
			dir+": ", dir+"/nowhere.png: no such file", "tagwerk: no code from 3 of 4 files\n")
		if r.out != label+": "+url+"\n" {
			t.Errorf("the others are not decoded: %q", r.out)
		}
	})
	t.Run("SEC-61 a file of 13 MB", func(t *testing.T) {
		big := writeFile(t, dir, "big.jpg", "")
		if err := os.Truncate(big, 13<<20); err != nil {
			t.Fatal(err)
		}
		tagwerk(t, "decode", big).want(t, exitFailed, "over 12 MB")
	})
	t.Run("for programs", func(t *testing.T) {
		r := tagwerk(t, "decode", "--json", label, text).want(t, exitFailed)
		lines := strings.Split(strings.TrimSpace(r.out), "\n")
		var good, bad map[string]any
		decodeJSON(t, lines[0], &good)
		decodeJSON(t, lines[1], &bad)
		if texts := good["texts"].([]any); len(texts) != 1 || texts[0] != url || good["file"] != label || good["ms"].(float64) <= 0 || good["error"] != nil {
			t.Errorf("%v", good)
		}
		if texts, ok := bad["texts"].([]any); !ok || len(texts) != 0 || bad["error"] != "not a JPEG or PNG image" {
			t.Errorf("%v", bad)
		}
	})
}

func TestVectors(t *testing.T) {
	t.Parallel()
	const published = "../../tagging/testdata/tag-vectors.json"
	t.Run("the published file", func(t *testing.T) {
		for _, args := range [][]string{{"parse", "--vectors", published}, {"parse", "--json", "--vectors", published}} {
			if r := tagwerk(t, args...).want(t, exitOK); r.out != "162 passed, 0 failed\n" || r.err != "" {
				t.Errorf("%q %q", r.out, r.err)
			}
		}
	})
	text, err := os.ReadFile(published)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Config  map[string]any   `json:"config"`
		Vectors []map[string]any `json:"vectors"`
	}
	decodeJSON(t, string(text), &file)
	// with runs the file with one change to one vector, whose group and field are given.
	with := func(t *testing.T, group, field string, value any) result {
		t.Helper()
		changed := slices.Clone(file.Vectors)
		at := slices.IndexFunc(changed, func(v map[string]any) bool {
			return strings.HasPrefix(v["group"].(string), group) && (field != "truth" || v["truth"] != nil)
		})
		if at < 0 {
			t.Fatalf("no vector of %s with %s", group, field)
		}
		v := map[string]any{}
		for k, old := range changed[at] {
			v[k] = old
		}
		v[field] = value
		changed[at] = v
		out, err := json.Marshal(map[string]any{"config": file.Config, "count": len(changed), "vectors": changed})
		if err != nil {
			t.Fatal(err)
		}
		return tagwerk(t, "parse", "--json", "--vectors", writeFile(t, t.TempDir(), "v.json", string(out)))
	}
	for _, row := range []struct {
		group, field string
		value        any
		reason       string
	}{
		{"component.", "expect", []string{"own:0"}, "other results"},
		{"component.", "ambiguous", false, "other ambiguity"},
		{"tag.", "flags", []string{"no such flag"}, "other flags"},
		{"tag.", "truth", "em4100:0000000000", "no candidate fits the truth em4100:0000000000"},
		{"check.", "expect", []string{"perhaps"}, "other results"},
		{"match", "decision", "guess", "other decision"},
		{"match", "expect", []string{"nobody"}, "other results"},
		{"tag.", "group", "weather.today", "unknown group"},
	} {
		t.Run(row.group+row.field, func(t *testing.T) {
			r := with(t, row.group, row.field, row.value).want(t, exitFailed, "1 vector of 162 failed")
			line, sum, _ := strings.Cut(r.out, "\n")
			var f vectors.Failure
			decodeJSON(t, line, &f)
			if f.Reason != row.reason || f.ID == "" || sum != "161 passed, 1 failed\n" {
				t.Errorf("%q %q", line, sum)
			}
		})
	}
	for name, row := range map[string]struct{ text, say string }{
		"cut":        {`{"count":2,"vectors":[{"group":"tag.x"}]}`, "is cut: 1 vectors of 2"},
		"empty":      {`{"vectors":[]}`, "holds no vectors"},
		"other JSON": {`[]`, "no file of test vectors"},
		"other text": {`x`, "no file of test vectors"},
	} {
		t.Run(name, func(t *testing.T) {
			tagwerk(t, "parse", "--vectors", writeFile(t, t.TempDir(), "v.json", row.text)).want(t, exitFailed, row.say).oneLine(t)
		})
	}
	t.Run("not there", func(t *testing.T) {
		tagwerk(t, "parse", "--vectors", "nowhere.json").want(t, exitFailed, "nowhere.json: no such file").oneLine(t)
	})
}
