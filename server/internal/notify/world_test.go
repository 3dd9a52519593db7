package notify_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/notify"
	"github.com/tagwerk/tagwerk/server/internal/notify/push"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/sqlite"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/tagging/picture"
)

const password = "Kran nie ohne Haken!"

// sending is one message as it reached the push service.
type sending struct {
	address string
	message push.Message
}

// recorder is a push service that keeps what it was sent and answers as the test says; the zero answer is Sent.
type recorder struct {
	t      *testing.T
	answer func(ctx context.Context, address string) push.Outcome

	mu  sync.Mutex
	got []sending
}

// Send implements push.Sender. It checks what holds for every message (X-20, SEC-83).
func (r *recorder) Send(ctx context.Context, address string, m push.Message) push.Outcome {
	if m.ID == "" || m.Title == "" || m.Body == "" || m.Ref == "" || m.Link != "https://scan.example.com/requests/"+m.Ref ||
		m.TTL <= 0 || m.TTL > push.MaxTTL || !strings.HasPrefix(m.Kind, "request_") || m.Urgent != (m.Kind == "request_reported") {
		r.t.Errorf("message %+v", m)
	}
	for _, text := range []string{m.Title, m.Body} {
		if strings.ContainsAny(text, "⟦{") || strings.Contains(text, "Klappe") || strings.Contains(text, "lars") {
			r.t.Errorf("text %q has an unknown key, a placeholder or something personal", text)
		}
	}
	r.mu.Lock()
	r.got = append(r.got, sending{address, m})
	r.mu.Unlock()
	if r.answer != nil {
		if o := r.answer(ctx, address); o.Verdict != 0 {
			return o
		}
	}
	return push.Outcome{Verdict: push.Sent}
}

// take returns what was sent since the last call, by address.
func (r *recorder) take() []sending {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	slices.SortStableFunc(got, func(a, b sending) int { return cmp.Compare(a.address, b.address) })
	return got
}

// world is a worker over the embedded engine, with a provider of two staff and a customer user who reports.
type world struct {
	*notify.Worker
	t        *testing.T
	engine   store.Engine
	push     *recorder
	desk     *desk.Service
	people   *identity.Directory
	assets   *asset.Service
	requests store.Collection[desk.Request]
	asset    asset.Asset
	staff    identity.Viewer // has no device; acts
	ute, jan identity.Viewer // staff, told of reports
	lars     identity.Viewer // reports, told of answers

	mu  sync.Mutex
	now time.Time
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

// newWorld opens the store; wrap, if there is one, stands between it and the desk.
func newWorld(t *testing.T, wrap ...func(store.Engine) store.Engine) *world {
	t.Helper()
	ctx := t.Context()
	engine, err := sqlite.Open(ctx, sqlite.Options{Dir: t.TempDir(), CacheBytes: 4 << 20})
	w := &world{t: t, engine: must(t, engine, err), push: &recorder{t: t}, now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, f := range wrap {
		w.engine = f(w.engine)
	}
	var specs []store.Spec
	for _, s := range [][]store.Spec{asset.Specs(), desk.Specs(), identity.Specs(), store.BlobSpecs()} {
		specs = append(specs, s...)
	}
	if err := w.engine.Ensure(ctx, store.Schema{Version: 1, Collections: specs}); err != nil {
		t.Fatal(err)
	}
	people, err := identity.New(identity.Options{Engine: w.engine, Now: w.clock, Key: [32]byte{1},
		HashParams: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}})
	w.people = must(t, people, err)
	assets := asset.New(asset.Options{Engine: w.engine, People: people, Now: w.clock, Random: rand.Reader, LabelURL: "https://scan.example.com"})
	w.assets = assets
	w.requests = store.In[desk.Request](w.engine, "requests")
	w.Worker = w.worker(w.push)
	w.desk = desk.New(desk.Options{Engine: w.engine, Assets: assets, People: people, Blobs: store.NewBlobs(w.engine, w.clock, rand.Reader),
		Pictures: picture.NewReader(1), Now: w.clock, Random: rand.Reader, Wake: w.Wake})
	w.Sources = []notify.Source{notify.From(w.desk.Outbox())}

	provider, err := people.PutProvider(ctx, identity.Provider{Company: "Nordlicht", Locale: locale.German})
	must(t, provider, err)
	customer, err := people.PutCustomer(ctx, identity.Customer{Name: "Hafen eG", Number: "4711", Providers: []string{provider.ID}})
	must(t, customer, err)
	for name, v := range map[string]*identity.Viewer{"chef": &w.staff, "ute": &w.ute, "jan": &w.jan} {
		*v = w.signedIn(identity.NewPerson{Email: name + "@nord.example", Name: name, Role: identity.Admin, Provider: provider.ID, Locale: locale.German})
	}
	w.lars = w.signedIn(identity.NewPerson{Email: "lars@hafen.example", Name: "lars", Role: identity.General, Customer: customer.ID, Locale: locale.Swedish})
	a, err := assets.PutAsset(ctx, w.staff, asset.Asset{Customer: customer.ID, Number: "A-1", Name: "Entrauchung"})
	w.asset = must(t, a, err)
	if err := assets.Grant(ctx, w.staff, w.lars.User, a.ID, asset.Faults); err != nil {
		t.Fatal(err)
	}
	if err := w.desk.PutCatalogue(ctx, w.staff, []desk.FaultType{{ID: "stuck", Severity: 2, Released: true}}); err != nil {
		t.Fatal(err)
	}
	return w
}

// worker is one over the store of the world, as another instance would run it.
func (w *world) worker(sender push.Sender) *notify.Worker {
	w.t.Helper()
	catalogue, err := locale.Load()
	n := &notify.Worker{People: w.people, Push: sender, Catalogue: must(w.t, catalogue, err), PublicURL: "https://scan.example.com",
		Now: w.clock, Logger: slog.New(slog.DiscardHandler)}
	if w.desk != nil {
		n.Sources = []notify.Source{notify.From(w.desk.Outbox())}
	}
	return n
}

func (w *world) signedIn(n identity.NewPerson) identity.Viewer {
	w.t.Helper()
	ctx := w.t.Context()
	p, err := w.people.AddPerson(ctx, n, password)
	must(w.t, p, err)
	s, err := w.people.SignIn(ctx, identity.SignIn{Email: n.Email, Password: password, Kind: identity.Bearer})
	must(w.t, s, err)
	v, err := w.people.Authenticate(ctx, s.Token, identity.Bearer, locale.English)
	return must(w.t, v, err)
}

// device registers a device whose address is its name.
func (w *world) device(v identity.Viewer, name string, l locale.Tag) identity.Device {
	w.t.Helper()
	d, err := w.people.PutDevice(w.t.Context(), v, name, identity.Device{Kind: identity.FCMToken, Address: name, Platform: "android", Locale: l})
	return must(w.t, d, err)
}

// reported makes a request by lars, with one notice to the staff.
func (w *world) reported() string {
	w.t.Helper()
	r, err := w.desk.ReportFault(w.t.Context(), w.lars, desk.Report{Asset: w.asset.ID, FaultType: "stuck", Text: "Klappe klemmt"})
	return must(w.t, r, err).Number
}

func (w *world) notices(number string) []outbox.Notice {
	w.t.Helper()
	r, err := w.requests.Get(w.t.Context(), number)
	return must(w.t, r, err).Notices
}

// deliver runs one round of the worker.
func (w *world) deliver() {
	w.t.Helper()
	if _, err := w.Deliver(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func addresses(list []sending) string {
	s := []string{}
	for _, x := range list {
		s = append(s, x.address)
	}
	return fmt.Sprint(s)
}
