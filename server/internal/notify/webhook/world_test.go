package webhook_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/notify/webhook"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/sqlite"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/server/signing"
)

// post is one webhook as it reached its receiver.
type post struct {
	id    string
	event webhook.Event
}

// sink is a controller's receiver. It answers as the test says; 0 is 204.
type sink struct {
	t      *testing.T
	url    string
	answer func(ctx context.Context, p post) int

	mu      sync.Mutex
	secrets [][]byte
	got     []post
}

// ServeHTTP implements http.Handler. It checks what holds for every webhook (SEC-82, SEC-83).
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender stopped
	}
	s.mu.Lock()
	secrets := s.secrets
	s.mu.Unlock()
	at := r.Header.Get(signing.TimestampHeader)
	if err := signing.Verify(secrets, r.Header.Get(signing.IDHeader), at, r.Header.Get(signing.SignatureHeader), body, clockOf(at)); err != nil {
		s.t.Errorf("%v: %v", err, r.Header)
	}
	p := post{id: r.Header.Get(signing.IDHeader)}
	if err := json.Unmarshal(body, &p.event); err != nil || len(body) >= 20_000 || p.event.Data.Readings == nil {
		s.t.Errorf("%s: %v", body, err)
	}
	s.mu.Lock()
	s.got = append(s.got, p)
	s.mu.Unlock()
	status := 0
	if s.answer != nil {
		status = s.answer(r.Context(), p)
	}
	if status == 0 {
		status = http.StatusNoContent
	}
	w.WriteHeader(status)
}

// clockOf lets signatures of a test's own time pass.
func clockOf(seconds string) time.Time {
	var n int64
	_, _ = fmt.Sscan(seconds, &n)
	return time.Unix(n, 0)
}

// take returns what came since the last call.
func (s *sink) take() []post {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

// types are the events of posts, in order.
func types(list []post) string {
	out := []string{}
	for _, p := range list {
		out = append(out, p.event.Type)
	}
	return fmt.Sprint(out)
}

// world is a worker over the embedded engine, with a provider, two customers and their fobs.
type world struct {
	*webhook.Worker
	t        *testing.T
	tags     store.Collection[asset.Tag]
	staff    identity.Viewer // administrator, in a session that has just begun
	customer string
	other    string // another customer
	fobs     int

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

// newWorld opens the store; wrap, if there is one, stands between it and the domain.
func newWorld(t *testing.T, wrap ...func(store.Engine) store.Engine) *world {
	t.Helper()
	ctx := t.Context()
	opened, err := sqlite.Open(ctx, sqlite.Options{Dir: t.TempDir(), CacheBytes: 4 << 20})
	engine := store.Engine(must(t, opened, err))
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, f := range wrap {
		engine = f(engine)
	}
	schema := store.Schema{Version: 1, Collections: append(asset.Specs(), identity.Specs()...)}
	if err := engine.Ensure(ctx, schema); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), tags: store.In[asset.Tag](engine, "tags")}
	people, err := identity.New(identity.Options{Engine: engine, Now: w.clock, Key: [32]byte{1},
		HashParams: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}})
	must(t, people, err)
	w.Worker = &webhook.Worker{People: people, Now: w.clock, Logger: slog.New(slog.DiscardHandler),
		Assets: asset.New(asset.Options{Engine: engine, People: people, Now: w.clock, Random: rand.Reader, LabelURL: "https://scan.example.com"}),
		Sender: webhook.NewSender(webhook.Options{Networks: networks(t, "127.0.0.0/8")})}
	t.Cleanup(w.Sender.Close)
	provider, err := people.PutProvider(ctx, identity.Provider{Company: "Nordlicht", Locale: locale.German})
	must(t, provider, err)
	for id, name := range map[*string]string{&w.customer: "Hafen eG", &w.other: "Speicher AB"} {
		c, err := people.PutCustomer(ctx, identity.Customer{Name: name, Number: name, Providers: []string{provider.ID}})
		*id = must(t, c, err).ID
	}
	p, err := people.AddPerson(ctx, identity.NewPerson{Email: "chef@nord.example", Name: "chef", Role: identity.Admin, Provider: provider.ID, Locale: locale.German}, "Kran nie ohne Haken!")
	must(t, p, err)
	w.again()
	return w
}

// again signs in anew, so that the proof is fresh.
func (w *world) again() {
	w.t.Helper()
	in, err := w.People.SignIn(w.t.Context(), identity.SignIn{Email: "chef@nord.example", Password: "Kran nie ohne Haken!", Kind: identity.Bearer})
	must(w.t, in, err)
	v, err := w.People.Authenticate(w.t.Context(), in.Token, identity.Bearer, locale.German)
	w.staff = must(w.t, v, err)
}

// twin is another worker on the same store.
func (w *world) twin() *webhook.Worker {
	twin := &webhook.Worker{People: w.People, Assets: w.Assets, Now: w.clock, Logger: w.Logger,
		Sender: webhook.NewSender(webhook.Options{Networks: networks(w.t, "127.0.0.0/8")})}
	w.t.Cleanup(twin.Sender.Close)
	return twin
}

// controller adds a door controller, of one customer or of all, and its receiver.
func (w *world) controller(name, customer string) (identity.Controller, *sink) {
	w.t.Helper()
	s := &sink{t: w.t}
	server := serve(w.t, s)
	s.url = server + "/hook"
	c, secrets, err := w.People.AddController(w.t.Context(), w.staff, identity.NewController{Name: name, Customer: customer, Webhook: s.url})
	must(w.t, c, err)
	s.knows(secrets)
	return c, s
}

// knows gives the receiver a secret.
func (s *sink) knows(shown identity.ControllerSecrets) {
	s.t.Helper()
	secret, err := signing.ParseSecret(shown.Secret)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets = [][]byte{must(s.t, secret, err)}
}

// fob enrols a fob of a customer and returns its id.
func (w *world) fob(customer string) string {
	w.t.Helper()
	w.fobs++
	tag, err := w.Assets.Enrol(w.t.Context(), w.staff, asset.Enrolment{Number: fmt.Sprintf("%014X", 0x04A1B2C3D40000+w.fobs*0x1357), Hint: "iso14443",
		Customer: customer, Holder: &asset.Holder{Tenant: "Kim"}, Confirm: true})
	return must(w.t, tag, err).ID
}

func (w *world) block(id string) {
	w.t.Helper()
	b, err := w.Assets.Block(w.t.Context(), w.staff, id, asset.Blocking{Reason: "verloren", Request: "100001"})
	must(w.t, b, err)
}

// blocked is a fob that has just been blocked.
func (w *world) blocked() string {
	w.t.Helper()
	id := w.fob(w.customer)
	w.block(id)
	return id
}

func (w *world) reactivate(id string) {
	w.t.Helper()
	w.again()
	tag, err := w.Assets.Reactivate(w.t.Context(), w.staff, id, "gefunden")
	must(w.t, tag, err)
}

// waiting are the notices of a tag as they are stored.
func (w *world) waiting(id string) *asset.Tag {
	w.t.Helper()
	tag, err := w.tags.Get(w.t.Context(), id)
	return must(w.t, tag, err)
}

// trouble is what staff see of a controller's webhook.
func (w *world) trouble(controller string) string {
	w.t.Helper()
	doors, err := w.Assets.Doors(w.t.Context(), w.staff)
	for _, d := range must(w.t, doors, err) {
		if d.Controller.ID == controller {
			return d.Door.Trouble
		}
	}
	w.t.Fatalf("no controller %s", controller)
	return ""
}

// deliver runs one round of the worker.
func (w *world) deliver() {
	w.t.Helper()
	if _, err := w.Deliver(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}
