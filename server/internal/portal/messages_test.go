package portal

import (
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/locale"
)

// TestMessages compares the texts of this package in three languages with each other and with what is asked for.
func TestMessages(t *testing.T) {
	texts := map[locale.Tag]map[string]string{}
	for _, l := range locale.Tags {
		b, err := os.ReadFile("../../locale/messages/portal." + string(l) + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, ref(texts, l)); err != nil {
			t.Fatal(err)
		}
	}
	placeholder := regexp.MustCompile(`\{\{\.\w+\}\}`)
	for key, english := range texts[locale.English] {
		want := placeholder.FindAllString(english, -1)
		slices.Sort(want)
		for _, l := range locale.Tags {
			got := placeholder.FindAllString(texts[l][key], -1)
			slices.Sort(got)
			if texts[l][key] == "" || !slices.Equal(got, want) {
				t.Errorf("%s in %s has the placeholders %v, want %v", key, l, got, want)
			}
		}
	}
	for _, l := range locale.Tags {
		if len(texts[l]) != len(texts[locale.English]) {
			t.Errorf("%s has %d texts, English %d", l, len(texts[l]), len(texts[locale.English]))
		}
	}
	used := map[string]bool{}
	asked := regexp.MustCompile(`"(portal\.[a-z_.]+[a-z_])"`)
	for _, dir := range []fs.FS{os.DirFS("."), os.DirFS("templates")} {
		for _, pattern := range []string{"*.go", "*.html"} {
			names, err := fs.Glob(dir, pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				b, err := fs.ReadFile(dir, name)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range asked.FindAllSubmatch(b, -1) {
					used[string(m[1])] = true
					if key := string(m[1]); texts[locale.English][key] == "" && key != "portal.css" {
						t.Errorf("%s asks for %s, which has no text", name, key)
					}
				}
			}
		}
	}
	for key := range texts[locale.English] {
		if !used[key] && !slices.ContainsFunc(spoken, func(begin string) bool { return strings.HasPrefix(key, begin) }) {
			t.Errorf("nobody asks for %s", key)
		}
	}
}

// spoken are the beginnings of keys that are put together from a word of the domain.
var spoken = []string{"portal.done.", "portal.appointment.", "portal.severity.", "portal.mistyped.", "portal.tab.", "portal.tag.", "portal.tags.is.",
	"portal.text.", "portal.request.to.", "portal.request.decision.", "portal.sightings.kinds.", "portal.import.outcome."}

func ref(m map[locale.Tag]map[string]string, l locale.Tag) *map[string]string {
	texts := map[string]string{}
	m[l] = texts
	return &texts
}
