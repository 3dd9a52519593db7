package desk_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/sqlite"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/tagging/picture"
)

// world is the desk on the embedded engine: two providers, two users of one customer with the fault grant on one asset.
type world struct {
	*desk.Service
	t        *testing.T
	engine   store.Engine
	blobs    *store.Blobs
	requests store.Collection[desk.Request]
	people   *identity.Directory
	assets   *asset.Service
	wake     func() // called after a commit that left a notice

	mu  sync.Mutex
	now time.Time

	nord, syd    identity.Viewer // administrators of the two providers
	lars, birgit identity.Viewer // users of the same customer
	asset        asset.Asset     // of nord, with the fault grant of both
	component    asset.Component // of the asset
	foreign      asset.Asset     // of syd
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) turn(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// must fails the test on an error of a step that only prepares.
func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// newWorld opens the store; wrap, if there is one, stands between it and the domain.
func newWorld(t *testing.T, wrap ...func(store.Engine) store.Engine) *world {
	t.Helper()
	ctx := t.Context()
	opened, err := sqlite.Open(ctx, sqlite.Options{Dir: t.TempDir(), CacheBytes: 4 << 20})
	engine := store.Engine(must(t, opened, err))
	for _, f := range wrap {
		engine = f(engine)
	}
	w := &world{t: t, engine: engine, now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), wake: func() {}}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	var specs []store.Spec
	for _, s := range [][]store.Spec{asset.Specs(), desk.Specs(), identity.Specs(), store.BlobSpecs()} {
		specs = append(specs, s...)
	}
	if err := engine.Ensure(ctx, store.Schema{Version: 1, Collections: specs}); err != nil {
		t.Fatal(err)
	}
	people, err := identity.New(identity.Options{Engine: engine, Now: w.clock, Key: [32]byte{1},
		HashParams: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}})
	w.people = must(t, people, err)
	w.blobs = store.NewBlobs(engine, w.clock, rand.Reader)
	w.assets = asset.New(asset.Options{Engine: engine, People: people, Now: w.clock, Random: rand.Reader, LabelURL: "https://scan.example.com"})
	w.requests = store.In[desk.Request](engine, "requests")
	w.Service = desk.New(desk.Options{Engine: engine, Assets: w.assets, People: people, Blobs: w.blobs, Pictures: picture.NewReader(2),
		Now: w.clock, Random: rand.Reader, Wake: func() { w.wake() }})

	nord, syd := w.provider("Nordlicht"), w.provider("Sydhiss")
	customer, err := people.PutCustomer(ctx, identity.Customer{Name: "Hafen eG", Number: "4711", Providers: []string{nord.Provider, syd.Provider}})
	must(t, customer, err)
	w.nord, w.syd = nord, syd
	w.lars, w.birgit = w.user("lars", customer.ID), w.user("birgit", customer.ID)
	w.asset, w.foreign = w.newAsset(nord, customer.ID), w.newAsset(syd, customer.ID)
	parts, err := w.assets.PutComponents(ctx, nord, w.asset.ID, []asset.Component{{Name: "Klappe 7"}})
	w.component = must(t, parts, err)[0]
	for _, v := range []identity.Viewer{w.lars, w.birgit} {
		w.grant(v, w.asset, asset.Faults)
	}
	w.catalogue(nord, desk.FaultType{ID: "stuck", Severity: 2, Released: true}, desk.FaultType{ID: "fire", Severity: 1, Released: true},
		desk.FaultType{ID: "secret", Severity: 1})
	w.catalogue(syd, desk.FaultType{ID: "hiss", Severity: 3, Released: true})
	return w
}

// provider adds a provider with one administrator.
func (w *world) provider(name string) identity.Viewer {
	w.t.Helper()
	p, err := w.people.PutProvider(w.t.Context(), identity.Provider{Company: name, Locale: locale.German})
	return w.person(identity.NewPerson{Email: "admin@" + name + ".example", Name: name, Role: identity.Admin, Provider: must(w.t, p, err).ID, Locale: locale.German})
}

func (w *world) user(name, customer string) identity.Viewer {
	w.t.Helper()
	return w.person(identity.NewPerson{Email: name + "@hafen.example", Name: name, Role: identity.General, Customer: customer, Locale: locale.Swedish})
}

func (w *world) person(n identity.NewPerson) identity.Viewer {
	w.t.Helper()
	p, err := w.people.AddPerson(w.t.Context(), n, "Kran nie ohne Haken!")
	return identity.ViewerFor(must(w.t, p, err))
}

func (w *world) newAsset(staff identity.Viewer, customer string) asset.Asset {
	w.t.Helper()
	a, err := w.assets.PutAsset(w.t.Context(), staff, asset.Asset{Customer: customer, Number: "A-1", Name: "Entrauchung"})
	return must(w.t, a, err)
}

// grant sets what the asset's provider grants; 0 takes it away.
func (w *world) grant(v identity.Viewer, a asset.Asset, p asset.Permission) {
	w.t.Helper()
	staff := w.nord
	if a.Provider == w.syd.Provider {
		staff = w.syd
	}
	if err := w.assets.Grant(w.t.Context(), staff, v.User, a.ID, p); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) catalogue(admin identity.Viewer, types ...desk.FaultType) {
	w.t.Helper()
	if err := w.PutCatalogue(w.t.Context(), admin, types); err != nil {
		w.t.Fatal(err)
	}
}

// fault is a right report of lars on the component.
func (w *world) fault(text string) desk.Report {
	return desk.Report{Component: w.component.ID, FaultType: "stuck", Text: text}
}

// reported makes a request by lars.
func (w *world) reported(photos ...[]byte) *desk.Request {
	w.t.Helper()
	in := w.fault("Klappe schließt nicht")
	in.Photos = photos
	r, err := w.ReportFault(w.t.Context(), w.lars, in)
	return must(w.t, r, err)
}

// stored reads a request around all rights.
func (w *world) stored(number string) *desk.Request {
	w.t.Helper()
	r, err := w.requests.Get(w.t.Context(), number)
	return must(w.t, r, err)
}

// all counts the requests of both providers.
func (w *world) all() (n int) {
	w.t.Helper()
	for _, provider := range []string{w.nord.Provider, w.syd.Provider} {
		c, err := w.requests.Count(w.t.Context(), store.Query{Index: "queue", Eq: []any{provider}}, 10_000)
		n += must(w.t, c, err)
	}
	return n
}

// photo is a small picture, another one for each seed.
func photo(t testing.TB, seed int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 16, 16))
	img.SetGray(seed%16, seed/16, color.Gray{Y: 255})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
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

// sweep removes what is older than an hour and nobody refers to, as the server does.
func (w *world) sweep() int {
	w.t.Helper()
	n, err := w.blobs.Sweep(w.t.Context(), w.clock().Add(-time.Hour), func(ctx context.Context, b store.Blob) (bool, error) {
		return w.HasPhoto(ctx, b.Owner, b.ID)
	})
	return must(w.t, n, err)
}

// numbers are the requests of a list, in order.
func numbers(list []desk.View) string {
	s := []string{}
	for _, v := range list {
		s = append(s, v.Number)
	}
	return fmt.Sprint(s)
}
