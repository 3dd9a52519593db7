package sqlite

import (
	"testing"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/storetest"
)

func open(t testing.TB, opt Options) *Engine {
	t.Helper()
	e, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestConformance(t *testing.T) {
	for _, variant := range []struct {
		name string
		opt  func(dir string) Options
	}{
		{"defaults", Defaults},
		{"no cache, no mapping", func(dir string) Options { return Options{Dir: dir} }},
		{"tiny cache", func(dir string) Options { return Options{Dir: dir, CacheBytes: 400_000} }},
	} {
		t.Run(variant.name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Engine { return open(t, variant.opt(t.TempDir())) })
			storetest.RunReopen(t, func(t *testing.T) func() store.Engine {
				dir := t.TempDir()
				return func() store.Engine { return open(t, variant.opt(dir)) }
			})
		})
	}
}

