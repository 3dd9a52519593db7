package webhook_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/notify/webhook"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/signing"
)

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestTold(t *testing.T) {
	w := newWorld(t)
	c, all := w.controller("Haupttor", "")
	_, own := w.controller("Hafen", w.customer)
	_, foreign := w.controller("Speicher", w.other)
	t.Run("X-9 a block reaches the controllers that are to know of it, as it stands on their list", func(t *testing.T) {
		id := w.blocked()
		w.deliver()
		got := all.take()
		if types(got) != "[tag.blocked]" || types(own.take()) != "[tag.blocked]" || len(foreign.take()) != 0 {
			t.Fatalf("%+v", got)
		}
		list, err := w.Assets.AccessList(t.Context(), identity.Viewer{Kind: identity.DoorController, User: c.ID, Provider: c.Provider}, 0)
		must(t, list, err)
		e, d := list.Entries[0], got[0].event.Data
		if d.Tag != id || !d.Blocked || d.Version != e.Version || !d.ChangedAt.Equal(e.Changed.Time) || strings.Join(d.Readings, " ") != strings.Join(e.Readings, " ") || len(d.Readings) == 0 {
			t.Errorf("%+v is not %+v", d, e)
		}
		if !got[0].event.Timestamp.Equal(w.clock()) || len(w.waiting(id).Notices) != 0 {
			t.Errorf("%+v, left %+v", got[0].event, w.waiting(id).Notices)
		}
		w.turn(24 * time.Hour)
		if w.deliver(); len(all.take()) != 0 {
			t.Error("told again")
		}
	})
	t.Run("X-9 a reactivation too, and a controller of another customer of neither", func(t *testing.T) {
		id := w.blocked()
		w.reactivate(id)
		w.deliver()
		got := own.take()
		if types(got) != "[tag.blocked tag.reactivated]" || got[1].event.Data.Blocked || got[0].id == got[1].id || len(foreign.take()) != 0 {
			t.Errorf("%+v", got)
		}
		all.take()
	})
	t.Run("SEC-82 while secrets overlap, a receiver with the old and one with the new secret accept", func(t *testing.T) {
		shown, err := w.People.RotateController(t.Context(), w.staff, c.ID)
		must(t, shown, err)
		w.blocked()
		w.deliver() // the sink has the old secret and checks
		all.knows(shown)
		w.blocked()
		w.deliver()
		if len(all.take()) != 2 {
			t.Error("not told")
		}
		w.turn(48 * time.Hour)
		secret, err := signing.ParseSecret(shown.Secret)
		must(t, secret, err)
		w.again()
		w.blocked()
		w.deliver()
		if len(all.take()) != 1 {
			t.Error("not told")
		}
		own.take()
	})
	t.Run("SEC-21 SEC-40 a controller that was ended meanwhile is told nothing, and nothing waits", func(t *testing.T) {
		id := w.blocked()
		if err := w.People.DeactivateController(t.Context(), w.staff, c.ID); err != nil {
			t.Fatal(err)
		}
		w.deliver()
		if len(all.take()) != 0 || len(own.take()) != 1 || len(w.waiting(id).Notices) != 0 {
			t.Errorf("left %+v", w.waiting(id).Notices)
		}
	})
}

func TestRetries(t *testing.T) {
	w := newWorld(t)
	c, s := w.controller("Haupttor", "")
	s.answer = func(context.Context, post) int { return http.StatusBadGateway }
	id := w.blocked()
	t.Run("SEC-82 SEC-87 the same id again, at growing distances from 5 seconds to an hour, in sight of staff", func(t *testing.T) {
		w.deliver()
		first := s.take()
		if len(first) != 1 || w.trouble(c.ID) != webhook.Refused {
			t.Fatalf("%+v, trouble %q", first, w.trouble(c.ID))
		}
		var before time.Duration
		for try := 1; try <= 14; try++ {
			n := w.waiting(id).Notices[0]
			wait := n.Next.Sub(w.clock())
			if n.Tries != try || n.Trouble != webhook.Refused || wait < 5*time.Second-time.Millisecond || wait > time.Hour || try < 8 && wait < before*4/3 {
				t.Errorf("try %d: %+v, waits %v after %v", try, n, wait, before)
			}
			if try > 10 && wait < 40*time.Minute-time.Millisecond {
				t.Errorf("try %d waits %v only", try, wait)
			}
			before = wait
			w.turn(wait - time.Millisecond)
			if w.deliver(); len(s.take()) != 0 {
				t.Error("tried too early")
			}
			w.turn(time.Minute) // also over the peace that a failing controller is left in
			w.deliver()
			if got := s.take(); len(got) != 1 || got[0].id != first[0].id {
				t.Errorf("try %d: %+v", try, got)
			}
		}
	})
	t.Run("SEC-87 given up after its life, in sight, and what comes later goes out", func(t *testing.T) {
		w.turn(outbox.Life)
		w.deliver()
		if n := w.waiting(id).Notices[0]; n.Next != outbox.GivenUp || n.Trouble != webhook.GivenUp || w.trouble(c.ID) != webhook.GivenUp || len(s.take()) != 0 {
			t.Errorf("%+v, trouble %q", n, w.trouble(c.ID))
		}
		s.answer = nil
		w.reactivate(id)
		w.deliver()
		if got := s.take(); types(got) != "[tag.reactivated]" || w.trouble(c.ID) != "" {
			t.Errorf("%+v, trouble %q", got, w.trouble(c.ID))
		}
	})
	t.Run("SEC-81 an address that is not allowed is said to be that", func(t *testing.T) {
		changed, err := w.People.ChangeController(t.Context(), w.staff, c.ID, identity.NewController{Name: c.Name, Webhook: "https://10.0.0.1/hook"})
		must(t, changed, err)
		id := w.blocked()
		w.deliver()
		if n := w.waiting(id).Notices[0]; n.Trouble != webhook.BadAddress || w.trouble(c.ID) != webhook.BadAddress {
			t.Errorf("%+v", n)
		}
	})
}

func TestAskedToWait(t *testing.T) {
	w := newWorld(t)
	var c identity.Controller
	hits := 0
	url := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		hits++
		rw.Header().Set("Retry-After", "1200")
		rw.WriteHeader(http.StatusTooManyRequests)
	}))
	c, _, err := w.People.AddController(t.Context(), w.staff, identity.NewController{Name: "Tor", Webhook: url})
	must(t, c, err)
	t.Run("SEC-80 a wait that the receiver asks for is kept", func(t *testing.T) {
		id := w.blocked()
		w.deliver()
		if wait := w.waiting(id).Notices[0].Next.Sub(w.clock()); hits != 1 || wait != 20*time.Minute {
			t.Errorf("waits %v after %d", wait, hits)
		}
	})
}

func TestOrder(t *testing.T) {
	w := newWorld(t)
	_, down := w.controller("Haupttor", "")
	_, up := w.controller("Nebentor", "")
	down.answer = func(context.Context, post) int { return http.StatusInternalServerError }
	id := w.blocked()
	t.Run("X-9 an event that failed holds back the later ones of its tag and controller, no others", func(t *testing.T) {
		w.deliver()
		w.reactivate(id)
		w.deliver()
		if types(down.take()) != "[tag.blocked]" || types(up.take()) != "[tag.blocked tag.reactivated]" {
			t.Error("wrong order")
		}
		if n := w.waiting(id).Notices; len(n) != 2 || n[1].Tries != 0 {
			t.Errorf("%+v", n)
		}
	})
	t.Run("X-9 once the controller is back both come, in order, with what holds now", func(t *testing.T) {
		down.answer = nil
		w.turn(time.Hour)
		w.deliver()
		got := down.take()
		if types(got) != "[tag.blocked tag.reactivated]" || got[0].event.Data.Blocked || got[0].event.Data.Version != got[1].event.Data.Version {
			t.Errorf("%+v", got)
		}
	})
	t.Run("X-9 what is new does not wait for the long distance of what failed for hours", func(t *testing.T) {
		down.answer = func(context.Context, post) int { return http.StatusInternalServerError }
		id := w.blocked()
		for range 10 {
			w.deliver()
			w.turn(w.waiting(id).Notices[0].Next.Sub(w.clock()) + time.Minute)
		}
		w.deliver()
		down.take()
		if wait := w.waiting(id).Notices[0].Next.Sub(w.clock()); wait < 40*time.Minute-time.Millisecond {
			t.Fatalf("waits %v", wait)
		}
		down.answer = nil
		w.turn(2 * time.Minute)
		w.reactivate(id)
		w.deliver() // finds that the block waits, and makes it due
		w.deliver()
		if got := down.take(); types(got) != "[tag.blocked tag.reactivated]" || len(w.waiting(id).Notices) != 0 {
			t.Errorf("%+v, left %+v", types(got), w.waiting(id).Notices)
		}
	})
}

func TestGone(t *testing.T) {
	w := newWorld(t)
	c, s := w.controller("Haupttor", "")
	s.answer = func(context.Context, post) int { return http.StatusGone }
	t.Run("SEC-82 410 ends the webhook, staff see it, and nothing waits", func(t *testing.T) {
		id := w.blocked()
		w.deliver()
		got, err := w.People.Controller(t.Context(), w.staff, c.ID)
		if must(t, got, err); got.Webhook != "" || w.trouble(c.ID) != webhook.SignedOff || len(w.waiting(id).Notices) != 0 {
			t.Errorf("%+v, trouble %q, left %+v", got, w.trouble(c.ID), w.waiting(id).Notices)
		}
		s.take()
		w.blocked()
		if w.deliver(); len(s.take()) != 0 {
			t.Error("told again")
		}
	})
	t.Run("SEC-82 an address that staff gave meanwhile stays", func(t *testing.T) {
		changed, err := w.People.ChangeController(t.Context(), w.staff, c.ID, identity.NewController{Name: c.Name, Webhook: s.url})
		must(t, changed, err)
		s.answer = func(context.Context, post) int {
			changed, err := w.People.ChangeController(context.Background(), w.staff, c.ID, identity.NewController{Name: c.Name, Webhook: s.url + "/new"})
			if err != nil {
				t.Errorf("%+v, %v", changed, err)
			}
			return http.StatusGone
		}
		w.blocked()
		w.deliver()
		got, err := w.People.Controller(t.Context(), w.staff, c.ID)
		if must(t, got, err); got.Webhook != s.url+"/new" {
			t.Errorf("%+v", got)
		}
	})
}
