package identity

import (
	"context"
	"encoding/base32"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/sqlite"
	"github.com/tagwerk/tagwerk/server/locale"
)

// cheapHash makes tests of everything but the hash fast.
var cheapHash = &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

const goodPassword = "Kran nie ohne Haken!"

// clock is a clock that tests turn.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// lines collects what is logged.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is a directory on the embedded engine with a provider, a customer and one person of each.
type world struct {
	*Directory
	t        *testing.T
	engine   store.Engine
	clock    *clock
	log      *lines
	provider Provider
	customer Customer
	staff    Person
	user     Person
}

func (w *world) options() Options {
	return Options{Engine: w.engine, Now: w.clock.now, Key: [32]byte{1}, HashParams: cheapHash, Logger: slog.New(slog.NewJSONHandler(w.log, nil))}
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	ctx := t.Context()
	engine, err := sqlite.Open(ctx, sqlite.Options{Dir: t.TempDir(), CacheBytes: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := engine.Ensure(ctx, store.Schema{Version: 1, Collections: Specs()}); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, engine: engine, clock: &clock{t: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}, log: &lines{}}
	o := w.options()
	for _, f := range change {
		f(&o)
	}
	if w.Directory, err = New(o); err != nil {
		t.Fatal(err)
	}
	if w.provider, err = w.PutProvider(ctx, Provider{Company: "Nordlicht Aufzüge", Branch: "Kiel", Locale: locale.German}); err != nil {
		t.Fatal(err)
	}
	if w.customer, err = w.PutCustomer(ctx, Customer{Name: "Hafen eG", Number: "4711", Providers: []string{w.provider.ID}}); err != nil {
		t.Fatal(err)
	}
	w.staff = w.add(NewPerson{Email: "Ute@Example.test", Name: "Ute Petersen", Role: Dispatcher, Provider: w.provider.ID, Locale: locale.German})
	w.user = w.add(NewPerson{Email: "lars@example.test", Name: "Lars Berg", Role: General, Customer: w.customer.ID, Locale: locale.Swedish})
	return w
}

func (w *world) add(n NewPerson) Person {
	w.t.Helper()
	p, err := w.AddPerson(w.t.Context(), n, goodPassword)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// form is a right sign-in of p from an address.
func form(p Person) SignIn {
	return SignIn{Email: p.Email, Password: goodPassword, Kind: Bearer, Address: netip.MustParseAddr("192.0.2.1"), Agent: "test"}
}

// signIn signs p in and fails the test if that is refused.
func (w *world) signIn(in SignIn) SignedIn {
	w.t.Helper()
	out, err := w.SignIn(w.t.Context(), in)
	if err != nil {
		w.t.Fatalf("sign in %s: %v", in.Email, err)
	}
	return out
}

// viewerOf returns whom a token shows.
func (w *world) viewerOf(token, kind string) Viewer {
	w.t.Helper()
	v, err := w.Authenticate(w.t.Context(), token, kind, locale.English)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// enter signs p in and returns the viewer.
func (w *world) enter(p Person) Viewer {
	w.t.Helper()
	v := w.viewerOf(w.signIn(form(p)).Token, Bearer)
	if !v.SignedIn() {
		w.t.Fatal("not signed in")
	}
	return v
}

// codeOf computes the present code of an enrolment, as an app does.
func (w *world) codeOf(e Enrolment) string {
	w.t.Helper()
	secret, err := base32Secret(e.Secret)
	if err != nil {
		w.t.Fatal(err)
	}
	code, err := totpCode(secret, totpStep(w.clock.now()), totpDigits)
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// enrol puts a second factor of p into force and turns the clock to the next step.
func (w *world) enrol(p Person) (Enrolment, Confirmed) {
	w.t.Helper()
	v := w.enter(p)
	e, err := w.BeginTOTP(w.t.Context(), v, "Tagwerk")
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := w.ConfirmTOTP(w.t.Context(), v, w.codeOf(e))
	if err != nil {
		w.t.Fatal(err)
	}
	w.clock.turn(30 * time.Second)
	return e, c
}

// race runs f n times at once and returns how many had no error; other errors than allowed fail the test.
func race(t *testing.T, n int, f func(ctx context.Context) error, allowed ...error) int {
	t.Helper()
	start, results := make(chan struct{}), make(chan error, n)
	for range n {
		go func() {
			<-start
			results <- f(t.Context())
		}()
	}
	close(start)
	won := 0
next:
	for range n {
		err := <-results
		if err == nil {
			won++
			continue
		}
		for _, a := range allowed {
			if errors.Is(err, a) {
				continue next
			}
		}
		t.Errorf("racer: %v", err)
	}
	return won
}

// need skips loudly, or fails in a strict run, if a tool is missing.
func need(t *testing.T, err error, tool string) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("TAGWERK_TEST_STRICT") == "1" {
		t.Fatalf("%s is missing: %v", tool, err)
	}
	t.Skipf("SKIPPED, NOT TESTED: %s is missing: %v", tool, err)
}

func base32Secret(s string) ([]byte, error) {
	return base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
}
