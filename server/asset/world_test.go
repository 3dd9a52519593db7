package asset_test

import (
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/sqlite"
	"github.com/tagwerk/tagwerk/tagging"
)

// today is the day of the tests' clock, at noon so that moments of the same day lie on both sides.
var today = time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC)

// world is the service on the embedded engine. The typed collections reach around the service, for states that no call of it
// makes yet and for what other programs may have written.
type world struct {
	*asset.Service
	t      testing.TB
	engine store.Engine
	tags   store.Collection[asset.Tag]
	grants store.Collection[asset.Grant]
}

func newWorld(t testing.TB) *world {
	t.Helper()
	engine, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), CacheBytes: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := engine.Ensure(t.Context(), store.Schema{Version: 1, Collections: asset.Specs()}); err != nil {
		t.Fatal(err)
	}
	return &world{
		Service: asset.New(asset.Options{Engine: engine, Now: func() time.Time { return today }, Random: rand.Reader, LabelURL: "https://scan.example.com"}),
		t:       t, engine: engine,
		tags: store.In[asset.Tag](engine, "tags"), grants: store.In[asset.Grant](engine, "grants"),
	}
}

func staffOf(provider string) identity.Viewer {
	return identity.Viewer{Kind: identity.Staff, Role: identity.Dispatcher, User: "staff-" + provider, Name: "Ute", Provider: provider}
}

func customerUser(id string) identity.Viewer {
	return identity.Viewer{Kind: identity.CustomerUser, Role: identity.General, User: id, Name: id, Customer: "hafen"}
}

// failer is what fails a test, or one case of a property.
type failer interface {
	Helper()
	Fatal(...any)
}

// must fails the test on an error of a step that only prepares.
func must[T any](t failer, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (w *world) asset(provider string) asset.Asset {
	w.t.Helper()
	a, err := w.PutAsset(w.t.Context(), staffOf(provider), asset.Asset{Customer: "hafen", Number: "A-1", Name: "Entrauchung"})
	return must(w.t, a, err)
}

// components adds n components to an asset.
func (w *world) components(a asset.Asset, n int) []asset.Component {
	w.t.Helper()
	list := make([]asset.Component, n)
	for i := range list {
		list[i].Name = "Brandschutzklappe"
	}
	made, err := w.PutComponents(w.t.Context(), staffOf(a.Provider), a.ID, list)
	return must(w.t, made, err)
}

// label mints and binds the label of a component.
func (w *world) label(c asset.Component) tagging.Code {
	w.t.Helper()
	made, err := w.LabelsForComponents(w.t.Context(), staffOf(c.Provider), []string{c.ID})
	return must(w.t, made, err)[0].Code
}

func (w *world) setState(code tagging.Code, s tagging.State) {
	w.t.Helper()
	tag, err := w.tags.Update(w.t.Context(), string(code), func(t *asset.Tag) error { t.State = s; return nil })
	must(w.t, tag, err)
}

// countTags counts the tags that the provider has.
func (w *world) countTags(provider string) int {
	w.t.Helper()
	n, err := w.tags.Count(w.t.Context(), store.Query{Index: "provider", Eq: []any{provider}}, 100_000)
	return must(w.t, n, err)
}

// race runs f n times at once.
func race(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() { <-start; f(i) })
	}
	close(start)
	wg.Wait()
}
