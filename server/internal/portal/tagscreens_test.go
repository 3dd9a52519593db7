package portal_test

import (
	"net/url"
	"os"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
)

// TestTagScreens opens the pages about access tags in a browser, on a phone and on a desk, in the languages of their readers.
func TestTagScreens(t *testing.T) {
	ctx := chromium(t)
	w := newWorld(t)
	widths := []int64{390}
	if os.Getenv("TAGWERK_SHOTS") != "" {
		widths = append(widths, 1280)
	}
	fob := w.fob(t, "dispo@", "0010597067").ID
	inDrawer := w.fob(t, "dispo@", "0007719403").ID
	swedish, blocked := w.fob(t, "kundtjanst@", "0F0368568B").ID, w.fob(t, "kundtjanst@", "3B0041C91D").ID
	flat := "/tags/find?" + url.Values{"by": {"unit"}, "name": {"Trapphus A, lgh 1101"}}.Encode()
	for _, visit := range []struct {
		who, language string
		paths         map[string]string
	}{
		{"haustechnik@", "de", map[string]string{"tags-customer": "/tags", "tag-customer": "/tags/" + fob, "lost": "/tags/lost", "find": "/tags/find", "block": "/tags/" + fob + "/block"}},
		{"dispo@", "de", map[string]string{"tags-staff": "/tags", "tags-labels": "/tags?kind=label", "tags-query": "/tags?q=161,45771", "tags-none": "/tags?q=nobody", "tag-staff": "/tags/" + fob, "tag-drawer": "/tags/" + inDrawer,
			"enrol": "/tags/new", "find-staff": "/tags/find", "tag-label": "/tags/" + w.sample.Codes[0],
			"bind-foreign": "/scan/bind?payload=FKA2-10417"}},
		{"fastighet@", "sv", map[string]string{"tags-sv": "/tags", "tag-sv": "/tags/" + swedish, "tag-blocked-sv": "/tags/" + blocked, "find-sv": "/tags/find", "find-flat-sv": flat, "lost-sv": "/tags/lost", "requests-sv": "/requests"}},
		{"kundtjanst@", "sv", map[string]string{"tag-staff-sv": "/tags/" + blocked, "enrol-sv": "/tags/new", "queue-sv": "/staff/queue"}},
	} {
		w.signInBrowser(t, ctx, visit.who, visit.language)
		for name, path := range visit.paths {
			w.look(t, ctx, name, path, widths...)
		}
	}
}

// fob is the access tag that a number fits, as a sample member of staff sees it.
func (w *world) fob(t *testing.T, staff, number string) asset.TagView {
	t.Helper()
	m, err := w.app.Assets.MatchNumber(t.Context(), w.viewer(t, staff), number, "")
	if err != nil || len(m.Tags) != 1 {
		t.Fatalf("%s fits %d tags: %v", number, len(m.Tags), err)
	}
	return m.Tags[0]
}
