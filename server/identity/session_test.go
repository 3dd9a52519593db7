package identity

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := w.signIn(form(w.user))
	t.Run("SEC-39 256 random bits, found by hash only", func(t *testing.T) {
		if !strings.HasPrefix(out.Token, "tws_") || len(out.Token) != len("tws_")+43 {
			t.Errorf("%q", out.Token)
		}
		if again := w.signIn(form(w.user)); again.Token == out.Token || again.Session.ID == out.Session.ID {
			t.Error("the same token twice")
		}
		if len(out.Session.ID) != 64 || strings.Contains(out.Token, out.Session.ID) {
			t.Errorf("session id %q", out.Session.ID)
		}
	})
	for name, token := range map[string]string{
		"empty": "", "id of the session": out.Session.ID, "id with the prefix": "tws_" + out.Session.ID, "cut": out.Token[:len(out.Token)-1],
		"longer": out.Token + "A", "other": "tws_" + strings.Repeat("A", 43), "huge": "tws_" + strings.Repeat("A", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			v, err := w.Authenticate(t.Context(), token, Bearer, locale.Swedish)
			if err != nil || v != Nobody(locale.Swedish) {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
	t.Run("SEC-41 a bearer token in a cookie is nobody", func(t *testing.T) {
		if w.viewerOf(out.Token, Cookie).SignedIn() {
			t.Error("accepted")
		}
	})
}

func TestLifetimes(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, row := range []struct {
		kind           string
		idle, absolute time.Duration
	}{{Cookie, 12 * time.Hour, 14 * day}, {Bearer, 14 * day, 90 * day}} {
		t.Run("SEC-40 "+row.kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			in := form(w.user)
			in.Kind = row.kind
			alive := func(token string) bool { return w.viewerOf(token, row.kind).SignedIn() }

			token := w.signIn(in).Token
			w.clock.turn(row.idle - time.Millisecond)
			if !alive(token) {
				t.Error("dead before the idle limit")
			}
			w.clock.turn(row.idle - time.Millisecond)
			if !alive(token) {
				t.Error("use does not begin the idle time anew")
			}
			w.clock.turn(row.idle)
			if alive(token) {
				t.Error("alive at the idle limit")
			}
			w.clock.turn(-row.idle)
			if alive(token) {
				t.Error("an expired session came back when the clock stepped back")
			}

			token = w.signIn(in).Token
			begun := w.clock.now()
			for w.clock.now().Sub(begun) < row.absolute-row.idle {
				w.clock.turn(row.idle / 2)
				if !alive(token) {
					t.Fatalf("dead after %v", w.clock.now().Sub(begun))
				}
			}
			w.clock.turn(begun.Add(row.absolute - time.Millisecond).Sub(w.clock.now()))
			if !alive(token) {
				t.Error("dead before the absolute limit")
			}
			w.clock.turn(time.Millisecond)
			if alive(token) {
				t.Error("alive at the absolute limit")
			}
		})
	}
}

func TestClockStepsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := w.signIn(form(w.user))
	w.clock.turn(-clockSkew)
	if !w.viewerOf(out.Token, Bearer).SignedIn() {
		t.Error("an instance whose clock is a little behind refuses")
	}
	v := w.viewerOf(out.Token, Bearer)
	w.clock.turn(-time.Millisecond)
	if w.viewerOf(out.Token, Bearer).SignedIn() {
		t.Error("SEC-40 a clock before the last use is believed")
	}
	if _, err := w.Sessions(t.Context(), v); !errors.Is(err, ErrSignedOut) {
		t.Errorf("SEC-40 own sessions: %v", err)
	}
	w.clock.turn(10 * 365 * 24 * time.Hour)
	ahead := w.signIn(form(w.user))
	w.clock.turn(-10 * 365 * 24 * time.Hour)
	if w.viewerOf(ahead.Token, Bearer).SignedIn() {
		t.Error("SEC-40 a session begun ten years ahead is alive")
	}
	w.enter(w.user)
}

// countingEngine counts calls, fails deletes on demand and lets something happen before an insert.
type countingEngine struct {
	store.Engine
	gets, others int
	deleteErr    error
	beforeInsert func(collection string)
}

func (e *countingEngine) Insert(ctx context.Context, collection, id string, body []byte) error {
	if f := e.beforeInsert; f != nil {
		e.beforeInsert = nil
		f(collection)
	}
	return e.Engine.Insert(ctx, collection, id, body)
}

func (e *countingEngine) Get(ctx context.Context, collection, id string) (store.Doc, error) {
	e.gets++
	return e.Engine.Get(ctx, collection, id)
}

func (e *countingEngine) Find(ctx context.Context, collection string, q store.Query) (store.Page, error) {
	e.others++
	return e.Engine.Find(ctx, collection, q)
}

func (e *countingEngine) Replace(ctx context.Context, collection, id string, body []byte, ver int64) error {
	e.others++
	return e.Engine.Replace(ctx, collection, id, body, ver)
}

func (e *countingEngine) Delete(ctx context.Context, collection, id string, ver int64) error {
	e.others++
	if e.deleteErr != nil {
		return e.deleteErr
	}
	return e.Engine.Delete(ctx, collection, id, ver)
}

func TestAuthenticateIsCheap(t *testing.T) {
	t.Parallel()
	counted := &countingEngine{}
	w := newWorld(t, func(o *Options) {
		counted.Engine = o.Engine
		o.Engine = counted
	})
	token := w.signIn(form(w.user)).Token
	check := func(when string, gets, others int) {
		t.Helper()
		counted.gets, counted.others = 0, 0
		if !w.viewerOf(token, Bearer).SignedIn() {
			t.Fatal("not signed in")
		}
		if counted.gets != gets || counted.others != others {
			t.Errorf("%s: %d reads by id and %d other calls, want %d and %d", when, counted.gets, counted.others, gets, others)
		}
	}
	check("at once", 2, 0)
	w.clock.turn(seenEvery - time.Millisecond)
	check("within five minutes", 2, 0)
	w.clock.turn(time.Millisecond)
	check("after five minutes", 3, 1)
	check("right afterwards", 2, 0)
	counted.gets = 0
	w.viewerOf("tws_short", Bearer)
	if counted.gets != 0 {
		t.Error("a malformed token reaches the store")
	}
}

func TestFailedSignOut(t *testing.T) {
	t.Parallel()
	broken := &countingEngine{}
	w := newWorld(t, func(o *Options) {
		broken.Engine = o.Engine
		o.Engine = broken
	})
	v := w.enter(w.user)
	if _, err := w.PutDevice(t.Context(), v, "phone", Device{Kind: FCMToken, Address: "a"}); err != nil {
		t.Fatal(err)
	}
	broken.deleteErr = store.ErrFull
	if err := w.SignOut(t.Context(), v); !errors.Is(err, store.ErrFull) {
		t.Errorf("a failed end of session is swallowed: %v", err)
	}
	if err := w.EndSession(t.Context(), v, v.Session); !errors.Is(err, store.ErrFull) {
		t.Errorf("a failed end of session is swallowed: %v", err)
	}
	t.Run("SEC-40 ending all sessions needs no delete", func(t *testing.T) {
		if err := w.EndAllSessions(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Sessions(t.Context(), v); !errors.Is(err, ErrSignedOut) {
			t.Errorf("the session lives: %v", err)
		}
		if devices, err := w.DevicesOf(t.Context(), w.user.ID); len(devices) != 0 || err != nil {
			t.Errorf("SEC-44 pushes still go to %v, %v", devices, err)
		}
		if !strings.Contains(w.log.String(), "not removed yet") {
			t.Error("the failure is not logged")
		}
	})
}

// TestMeanwhile lets something end the viewer's session, or change what it began, in the middle of a call.
func TestMeanwhile(t *testing.T) {
	t.Parallel()
	setUp := func(t *testing.T) (*world, *countingEngine, Viewer) {
		between := &countingEngine{}
		w := newWorld(t, func(o *Options) {
			between.Engine = o.Engine
			o.Engine = between
		})
		return w, between, w.enter(w.user)
	}
	living := func(w *world) int {
		t.Helper()
		n, err := w.sessions.Count(t.Context(), store.Query{Index: "person", Eq: []any{w.user.ID}}, 100)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	t.Run("SEC-44 sign-out while a device is registered", func(t *testing.T) {
		w, between, v := setUp(t)
		between.beforeInsert = func(string) {
			if err := w.SignOut(t.Context(), v); err != nil {
				t.Error(err)
			}
		}
		if _, err := w.PutDevice(t.Context(), v, "phone", Device{Kind: FCMToken, Address: "a"}); !errors.Is(err, ErrSignedOut) {
			t.Errorf("%v, want ErrSignedOut", err)
		}
		if got := w.addresses(w.user); got != "" {
			t.Errorf("pushes go to %s", got)
		}
	})
	t.Run("SEC-40 all sessions end while the password is changed", func(t *testing.T) {
		w, between, v := setUp(t)
		between.beforeInsert = func(string) {
			if err := w.EndAllSessions(t.Context(), v); err != nil {
				t.Error(err)
			}
		}
		p, s, err := w.own(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.renew(t.Context(), p, s, func(*Person) error { return nil }); !errors.Is(err, ErrSignedOut) {
			t.Errorf("%v, want ErrSignedOut", err)
		}
		if n := living(w); n != 0 {
			t.Errorf("%d sessions left", n)
		}
	})
	t.Run("SEC-31 a second factor begun anew while it is confirmed", func(t *testing.T) {
		w, between, v := setUp(t)
		e, err := w.BeginTOTP(t.Context(), v, "Tagwerk")
		if err != nil {
			t.Fatal(err)
		}
		between.beforeInsert = func(string) {
			if _, err := w.BeginTOTP(t.Context(), v, "Tagwerk"); err != nil {
				t.Error(err)
			}
		}
		if _, err := w.ConfirmTOTP(t.Context(), v, w.codeOf(e)); !errors.Is(err, ErrOTPWrong) {
			t.Errorf("%v, want ErrOTPWrong", err)
		}
		if p, err := w.Person(t.Context(), w.user.ID); err != nil || p.Factor.Confirmed() {
			t.Errorf("a secret that was not proved is in force, %v", err)
		}
		if n := living(w); n != 1 {
			t.Errorf("%d sessions, want the viewer's", n)
		}
	})
	t.Run("SEC-40 deactivated in the store itself", func(t *testing.T) {
		w, _, v := setUp(t)
		out := w.signIn(form(w.user))
		if _, err := w.people.Update(t.Context(), v.User, func(p *Person) error { p.Active = false; return nil }); err != nil {
			t.Fatal(err)
		}
		if w.viewerOf(out.Token, Bearer).SignedIn() {
			t.Error("the session lives")
		}
		if err := w.Prove(t.Context(), v, goodPassword, ""); !errors.Is(err, ErrSignedOut) {
			t.Errorf("proof: %v", err)
		}
	})
}

func TestOwnSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	foreign := w.enter(w.staff)
	in := form(w.user)
	in.Agent = "Firefox\r\n on\x00 \u202eLinux" + strings.Repeat("x", 300)
	first := w.viewerOf(w.signIn(in).Token, Bearer)
	w.clock.turn(time.Minute)
	second := w.signIn(form(w.user))
	v := w.viewerOf(second.Token, Bearer)
	list, err := w.Sessions(ctx, v)
	if err != nil || len(list) != 2 || list[0].ID != v.Session || list[1].ID != first.Session {
		t.Fatalf("%+v, %v", list, err)
	}
	if agent := list[1].Agent; !strings.HasPrefix(agent, "Firefox on Linux") || len(agent) > maxName {
		t.Errorf("SEC-74 agent %q", agent)
	}
	if err := w.EndSession(ctx, v, foreign.Session); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("SEC-40 another person's session: %v", err)
	}
	if err := w.EndSession(ctx, v, first.Session); err != nil {
		t.Fatal(err)
	}
	if list, err := w.Sessions(ctx, v); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if err := w.SignOut(ctx, v); err != nil {
		t.Fatal(err)
	}
	if w.viewerOf(second.Token, Bearer).SignedIn() {
		t.Error("alive after sign-out")
	}
	if err := w.SignOut(ctx, Nobody(locale.English)); !errors.Is(err, ErrSignedOut) {
		t.Errorf("nobody signs out: %v", err)
	}
	if _, err := w.Sessions(ctx, foreign); err != nil {
		t.Errorf("the other person's session: %v", err)
	}
}

func TestDeactivate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := form(w.staff)
	first, second := w.signIn(in), w.signIn(in)
	if _, err := w.PutDevice(t.Context(), w.viewerOf(first.Token, Bearer), "phone", Device{Kind: FCMToken, Address: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Deactivate(t.Context(), w.staff.ID); err != nil {
		t.Fatal(err)
	}
	for _, out := range []SignedIn{first, second} {
		if w.viewerOf(out.Token, Bearer).SignedIn() {
			t.Error("SEC-40 a session lives")
		}
	}
	if list, err := w.StaffOf(t.Context(), w.provider.ID); len(list) != 0 || err != nil {
		t.Errorf("alerts would go to %v, %v", list, err)
	}
	if list, err := w.DevicesOf(t.Context(), w.staff.ID); len(list) != 0 || err != nil {
		t.Errorf("pushes would go to %v, %v", list, err)
	}
	w.clock.turn(90 * 24 * time.Hour)
	if n, err := w.Sweep(t.Context()); err != nil || n != 2 { // counters of account and address; the sessions went at once
		t.Errorf("swept %d, %v", n, err)
	}
}
