package identity

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
)

func TestJudgePassword(t *testing.T) {
	t.Parallel()
	about := []string{"Ute Petersen", "ute.petersen@nordlicht.example", "Nordlicht Aufzüge", "Kiel"}
	for _, row := range []struct {
		name, password string
		shortest       int
		key            string // "" is accepted
	}{
		{"SEC-27 twelve characters alone", "blaue lampe7", 12, ""},
		{"SEC-27 eleven characters alone", "blaue lampe", 12, "identity.password.short"},
		{"SEC-27 eight characters with a second factor", "kr8bfq!z", 8, ""},
		{"SEC-27 seven characters with a second factor", "kr8bfq!", 8, "identity.password.short"},
		{"SEC-27 no composition rule", "vier gute worte reichen", 12, ""},
		{"SEC-27 characters, not bytes", "åäöåäöåäöxx", 12, "identity.password.short"},
		{"SEC-27 common word repeated", "passwordpassword", 12, "identity.password.common"},
		{"SEC-27 common word with a year", "Sommer2026!!", 12, "identity.password.common"},
		{"SEC-27 common word with replaced letters", "P@ssw0rt1234", 12, "identity.password.common"},
		{"SEC-27 common German word", "Mustermann123", 12, "identity.password.common"},
		{"SEC-27 common Swedish word", "Lösenord1234", 12, "identity.password.common"},
		{"SEC-27 digits in order", "123456789012", 12, "identity.password.common"},
		{"SEC-27 row of keys", "qwertzuiopü+", 12, "identity.password.common"},
		{"SEC-27 row of keys backwards", "poiuytrewq98", 12, "identity.password.common"},
		{"SEC-27 one character", "aaaaaaaaaaaaaaaa", 12, "identity.password.common"},
		{"SEC-27 own name", "Petersen-1979", 12, "identity.password.context"},
		{"SEC-27 company", "nordlicht2026", 12, "identity.password.context"},
		{"SEC-27 company and a common word", "NordlichtSommer1", 12, "identity.password.context"},
		{"SEC-27 name of the program", "Tagwerk-12345", 12, "identity.password.context"},
		{"SEC-27 name inside a sentence", "Petersen fährt im Nebel Rad", 12, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := judgePassword(row.password, row.shortest, about...)
			var refused *PasswordError
			switch {
			case row.key == "" && err != nil:
				t.Errorf("%q: %v", row.password, err)
			case row.key != "" && (!errors.As(err, &refused) || refused.Key != row.key):
				t.Errorf("%q: %v, want %s", row.password, err, row.key)
			}
		})
	}
}

func FuzzJudgePassword(f *testing.F) {
	f.Add("Petersen-1979", "Ute Petersen")
	f.Add("ǅǅǅ\u0301", "\u0301\u0301\u0301\u0301")
	f.Add("\xff\xfe", "aaaa")
	f.Fuzz(func(t *testing.T, password, about string) {
		prepared, ok := preparePassword(password)
		if !ok {
			return
		}
		if again, ok := preparePassword(prepared); !ok || again != prepared {
			t.Errorf("preparing %q twice gives %q", prepared, again)
		}
		if err := judgePassword(prepared, 12, about); err == nil && len([]rune(prepared)) < 12 {
			t.Errorf("%q was accepted", prepared)
		}
	})
}

func TestPasswordIsTakenWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("Ein Kran, 12 Haken. ", 13)[:255]
	if err := w.SetPassword(t.Context(), w.user.ID, long+"x"); err != nil {
		t.Fatal(err)
	}
	in := form(w.user)
	in.Password = long + "x"
	w.signIn(in)
	in.Password = long + "y"
	if _, err := w.SignIn(t.Context(), in); !errors.Is(err, ErrBadCredentials) {
		t.Errorf("SEC-27 the 256th character does not count: %v", err)
	}
	in.Password = long + "xy"
	if _, err := w.SignIn(t.Context(), in); !errors.Is(err, ErrBadCredentials) {
		t.Errorf("SEC-27 cut at 256: %v", err)
	}
	var refused *PasswordError
	if err := w.SetPassword(t.Context(), w.user.ID, long+"xy"); !errors.As(err, &refused) || refused.Key != "identity.password.long" {
		t.Errorf("257 characters: %v", err)
	}
}

func TestPasswordIsTheSameInEachUnicodeForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.SetPassword(t.Context(), w.user.ID, "Gru\u0308ne Ba\u0308ume am Kai"); err != nil {
		t.Fatal(err)
	}
	in := form(w.user)
	in.Password = "Grüne Bäume am Kai"
	w.signIn(in)
}

func TestHashParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.HashParams = nil })
	p, err := w.Person(t.Context(), w.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("SEC-27 argon2id 19 MiB 2 1", func(t *testing.T) {
		if !strings.HasPrefix(p.Password, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Error(p.Password)
		}
	})
	t.Run("SEC-28 the decoy costs the same", func(t *testing.T) {
		real, salt, key, err := argon2id.DecodeHash(p.Password)
		if err != nil {
			t.Fatal(err)
		}
		decoy, decoySalt, decoyKey, err := argon2id.DecodeHash(w.hasher.decoy)
		if err != nil || *decoy != *real || len(decoySalt) != len(salt) || len(decoyKey) != len(key) {
			t.Errorf("%+v and %+v, %v", decoy, real, err)
		}
	})
	t.Run("SEC-27 a weaker hash is replaced at sign-in", func(t *testing.T) {
		weak, err := argon2id.CreateHash(goodPassword, cheapHash)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.people.Update(t.Context(), p.ID, func(p *Person) error { p.Password = weak; return nil }); err != nil {
			t.Fatal(err)
		}
		first := w.signIn(form(w.user))
		p, err := w.Person(t.Context(), p.ID)
		if err != nil || !strings.HasPrefix(p.Password, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("%s, %v", p.Password, err)
		}
		if !w.viewerOf(first.Token, Bearer).SignedIn() {
			t.Error("the session ended with it")
		}
		w.signIn(form(w.user))
	})
}

func TestHashQueueIsBounded(t *testing.T) {
	t.Parallel()
	h, err := newHasher(cheapHash, strings.NewReader(strings.Repeat("x", 64)))
	if err != nil {
		t.Fatal(err)
	}
	var leave []func()
	for range hashesAtOnce {
		l, err := h.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiters := make(chan error)
	for range hashesWaiting {
		go func() {
			l, err := h.enter(ctx)
			if err == nil {
				l()
			}
			waiters <- err
		}()
	}
	// The queue is full as soon as all waiters stand in it; a caller sooner waits itself until its own context ends.
	for len(h.admitted) < hashesAtOnce+hashesWaiting {
		select {
		case err := <-waiters:
			t.Fatalf("a waiter left: %v", err)
		default:
			runtime.Gosched()
		}
	}
	if _, err := h.enter(t.Context()); !errors.Is(err, ErrBusy) {
		t.Errorf("SEC-27 the queue takes more than %d: %v", hashesWaiting, err)
	}
	if n := len(h.running); n != hashesAtOnce {
		t.Errorf("%d hashes at once", n)
	}
	cancel()
	for range hashesWaiting {
		if err := <-waiters; !errors.Is(err, context.Canceled) {
			t.Errorf("waiter: %v", err)
		}
	}
	for _, l := range leave {
		l()
	}
	if match, _, err := h.check(t.Context(), "x", ""); match || err != nil {
		t.Errorf("afterwards: %v, %v", match, err)
	}
	if n := len(h.admitted) + len(h.running); n != 0 {
		t.Errorf("%d places lost", n)
	}
}

// TestHashesAsAWeapon is drill B3: 500 sign-ins at once, each of another account and address, with the real memory of a
// hash but one pass over it, which is all that differs in time. It is not parallel, since it looks at the memory of the process.
func TestHashesAsAWeapon(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.HashParams = &argon2id.Params{Memory: 19456, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	})
	runtime.GC()
	var start runtime.MemStats
	runtime.ReadMemStats(&start)
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapInuse)
			case <-done:
				peak <- most
				return
			}
		}
	}()
	before := w.HashLoad()
	const callers = 500
	results := make(chan error, callers)
	for i := range callers {
		go func() {
			_, err := w.SignIn(t.Context(), SignIn{
				Email: fmt.Sprintf("p%d@example.test", i), Password: "wrong and long enough", Kind: Bearer,
				Address: netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}),
			})
			results <- err
		}()
	}
	busy := 0
	for range callers {
		switch err := <-results; {
		case errors.Is(err, ErrBusy):
			busy++
		case !errors.Is(err, ErrBadCredentials):
			t.Errorf("caller: %v", err)
		}
	}
	close(done)
	grown := int64(<-peak) - int64(start.HeapInuse)
	after := w.HashLoad()
	if int(after.Refused-before.Refused) != busy || int(after.Done-before.Done)+busy != callers || after.Queued != 0 {
		t.Errorf("%d busy, load %+v, before %+v", busy, after, before)
	}
	if most := int64(8 * 19 << 20); grown > most {
		t.Errorf("B3 the heap grew by %d MiB, the bar is %d", grown>>20, most>>20)
	}
	t.Logf("%d hashed, %d refused, the heap grew by %d MiB", callers-busy, busy, grown>>20)
}
