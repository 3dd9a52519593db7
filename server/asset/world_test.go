package asset_test

import (
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/sqlite"
	"github.com/tagwerk/tagwerk/server/locale"
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
	people *identity.Directory
	clock  time.Time
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
	if err := engine.Ensure(t.Context(), store.Schema{Version: 1, Collections: append(asset.Specs(), identity.Specs()...)}); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, engine: engine, clock: today, tags: store.In[asset.Tag](engine, "tags"), grants: store.In[asset.Grant](engine, "grants")}
	now := func() time.Time { return w.clock }
	people, err := identity.New(identity.Options{Engine: engine, Now: now, Key: [32]byte{1},
		HashParams: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}})
	w.people = must(t, people, err)
	w.Service = asset.New(asset.Options{Engine: engine, People: people, Now: now, Random: rand.Reader,
		LabelURL: "https://scan.example.com", Hosts: []string{"scan.example.com", "old.example.net"}, Zone: stockholm})
	return w
}

// stockholm is where the days of the tests' installation end.
var stockholm = time.FixedZone("Europe/Stockholm", 3600)

// companies puts in the providers nord and syd, and the customers hafen of both and speicher of nord alone.
func (w *world) companies() {
	w.t.Helper()
	for _, id := range []string{"nord", "syd"} {
		p, err := w.people.PutProvider(w.t.Context(), identity.Provider{ID: id, Company: id, Locale: locale.German})
		must(w.t, p, err)
	}
	for _, c := range []identity.Customer{
		{ID: "hafen", Name: "Hafen eG", Number: "4711", Providers: []string{"nord", "syd"}},
		{ID: "speicher", Name: "Speicher AB", Number: "4712", Providers: []string{"nord"}},
	} {
		c, err := w.people.PutCustomer(w.t.Context(), c)
		must(w.t, c, err)
	}
}

// user adds a user of a customer who can sign in.
func (w *world) user(name, customer string) identity.Viewer {
	w.t.Helper()
	p, err := w.people.AddPerson(w.t.Context(), identity.NewPerson{Email: name + "@" + customer + ".example", Name: name,
		Role: identity.Master, Customer: customer, Locale: locale.Swedish}, "Kran nie ohne Haken!")
	return identity.ViewerFor(must(w.t, p, err))
}

// fob enrols a fob of a customer.
func (w *world) fob(number, customer string, holder *asset.Holder) *asset.Tag {
	w.t.Helper()
	t, err := w.Enrol(w.t.Context(), staffOf("nord"), asset.Enrolment{Number: number, Customer: customer, Holder: holder})
	return must(w.t, t, err)
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
