package desk_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

const lease = 2 * time.Minute

// claim takes the due notices of a request, or nil.
func (w *world) claim(number string) *desk.Claim {
	w.t.Helper()
	c, err := w.Outbox().Claim(w.t.Context(), number, w.clock(), lease)
	return must(w.t, c, err)
}

func (w *world) settle(c *desk.Claim, outcomes ...desk.Outcome) {
	w.t.Helper()
	if err := w.Outbox().Settle(w.t.Context(), c, outcomes); err != nil {
		w.t.Fatal(err)
	}
}

// due lists the requests with a notice that is due now.
func (w *world) due() []string {
	w.t.Helper()
	list, err := w.Outbox().Due(w.t.Context(), w.clock(), 100)
	return must(w.t, list, err)
}

func TestOutbox(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()

	t.Run("SEC-89 of many workers one gets a notice", func(t *testing.T) {
		number := w.reported().Number
		var got atomic.Int32
		race(16, func(int) {
			if c, err := w.Outbox().Claim(ctx, number, w.clock(), lease); err != nil {
				t.Error(err)
			} else if c != nil {
				got.Add(1)
			}
		})
		if got.Load() != 1 || len(w.due()) != 0 {
			t.Errorf("claimed %d times, due %v", got.Load(), w.due())
		}
	})
	t.Run("SEC-89 who lost the lease removes nothing, but what was sent is noted", func(t *testing.T) {
		number := w.reported().Number
		first := w.claim(number)
		id := first.Notices[0].ID
		w.turn(lease - time.Second)
		if w.claim(number) != nil {
			t.Fatal("claimed within the lease of another worker")
		}
		w.turn(time.Second)
		second := w.claim(number)
		if second == nil || second.Notices[0].ID != id {
			t.Fatal("nobody can take over after the lease")
		}
		w.settle(first, desk.Outcome{Notice: id, Sent: []string{"phone"}, Done: true})
		r := w.stored(number)
		if len(r.Notices) != 1 || !slices.Equal(r.Notices[0].Sent, []string{"phone"}) || r.Notices[0].Tries != 0 {
			t.Fatalf("after the late one: %+v", r.Notices)
		}
		if w.claim(number) != nil {
			t.Error("the late one freed the lease of the other")
		}
		w.settle(second, desk.Outcome{Notice: id, Sent: []string{"tablet", "phone"}, Next: w.clock().Add(time.Hour), Trouble: "push_service_down"})
		r = w.stored(number)
		if n := r.Notices[0]; !slices.Equal(n.Sent, []string{"phone", "tablet"}) || n.Tries != 1 || n.Trouble != "push_service_down" {
			t.Errorf("after the second: %+v", n)
		}
		w.turn(time.Hour)
		third := w.claim(number)
		w.settle(third, desk.Outcome{Notice: id, Done: true})
		if r := w.stored(number); len(r.Notices) != 0 || r.NoticeDue != store.Never {
			t.Errorf("delivered, yet %+v, due %v", r.Notices, r.NoticeDue)
		}
	})
	t.Run("SEC-89 a lease that ran out, but that nobody took, may still be settled", func(t *testing.T) {
		number := w.reported().Number
		c := w.claim(number)
		w.turn(2 * lease)
		w.settle(c, desk.Outcome{Notice: c.Notices[0].ID, Done: true})
		if n := w.stored(number).Notices; len(n) != 0 {
			t.Errorf("%+v", n)
		}
	})
	t.Run("SEC-87 notices are handed out in the order of what happened, the longest waiting request first", func(t *testing.T) {
		w.turn(24 * time.Hour)
		for _, number := range w.due() {
			c := w.claim(number)
			for _, n := range c.Notices {
				w.settle(c, desk.Outcome{Notice: n.ID, Done: true})
			}
		}
		old := w.reported().Number
		w.turn(time.Second)
		young := w.reported().Number
		w.turn(time.Second)
		for i := range 3 {
			v, err := w.Write(ctx, []identity.Viewer{w.lars, w.nord}[i%2], old, fmt.Sprint("Nachricht ", i), "")
			must(t, v, err)
		}
		if got := w.due(); !slices.Equal(got, []string{old, young}) {
			t.Errorf("due %v, want %v", got, []string{old, young})
		}
		var events []desk.Event
		for _, n := range w.claim(old).Notices {
			events = append(events, n.Event)
		}
		if want := []desk.Event{desk.Reported, desk.Replied, desk.Answered, desk.Replied}; !slices.Equal(events, want) {
			t.Errorf("events %v, want %v", events, want)
		}
	})
	t.Run("SEC-87 one that comes while others are claimed is due at once", func(t *testing.T) {
		number := w.reported().Number
		first := w.claim(number)
		v, err := w.Write(ctx, w.lars, number, "noch etwas", "")
		must(t, v, err)
		second := w.claim(number)
		if second == nil || len(second.Notices) != 1 || second.Notices[0].Event != desk.Replied {
			t.Fatalf("claimed %+v", second)
		}
		w.settle(first, desk.Outcome{Notice: first.Notices[0].ID, Done: true})
		if n := w.stored(number).Notices; len(n) != 1 || n[0].ID != second.Notices[0].ID {
			t.Errorf("left %+v", n)
		}
	})
	t.Run("SEC-87 nothing to claim is no error", func(t *testing.T) {
		if c := w.claim("999999"); c != nil {
			t.Errorf("claimed %+v", c)
		}
	})
}

func TestUndelivered(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	number := w.reported().Number
	t.Run("SEC-87 one that was given up is tried no more and stays in sight", func(t *testing.T) {
		c := w.claim(number)
		w.settle(c, desk.Outcome{Notice: c.Notices[0].ID, Next: desk.NoticeGivenUp.Time, Trouble: "given_up"})
		w.turn(365 * 24 * time.Hour)
		if got := w.due(); len(got) != 0 {
			t.Errorf("due %v", got)
		}
		list, err := w.Undelivered(ctx, w.nord, 10)
		if err != nil || len(list) != 1 || list[0].Number != number || list[0].Notice.Trouble != "given_up" {
			t.Errorf("%+v, %v", list, err)
		}
	})
	t.Run("SEC-87 later notices of the request go out all the same", func(t *testing.T) {
		v, err := w.Write(ctx, w.lars, number, "Hallo?", "")
		must(t, v, err)
		c := w.claim(number)
		if c == nil || len(c.Notices) != 1 || c.Notices[0].Event != desk.Replied {
			t.Fatalf("claimed %+v", c)
		}
		w.settle(c, desk.Outcome{Notice: c.Notices[0].ID, Done: true})
		if list, err := w.Undelivered(ctx, w.nord, 10); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
	})
	t.Run("SEC-24 staff see those of their own provider, nobody else any", func(t *testing.T) {
		if list, err := w.Undelivered(ctx, w.syd, 10); err != nil || len(list) != 0 {
			t.Errorf("syd: %+v, %v", list, err)
		}
		waiting := w.nord
		waiting.MustEnrol = true
		for _, v := range []identity.Viewer{w.lars, {}, waiting} {
			if _, err := w.Undelivered(ctx, v, 10); !errors.Is(err, desk.ErrNotAllowed) {
				t.Errorf("%+v: %v", v, err)
			}
		}
	})
	t.Run("SEC-87 when too many wait, each event keeps its newest and the report stays", func(t *testing.T) {
		number := w.reported().Number
		report := w.stored(number).Notices[0].ID
		var last desk.View
		for i := range 40 {
			a, err := w.Write(ctx, w.nord, number, fmt.Sprint("Antwort ", i), "")
			must(t, a, err)
			s, err := w.SetStatus(ctx, w.nord, number, []desk.Status{desk.InProgress, desk.WaitingCustomer}[i%2])
			last = must(t, s, err)
		}
		waiting := last.Notices
		if len(waiting) != 60 || waiting[0].ID != report {
			t.Errorf("%d wait, the first is %s", len(waiting), waiting[0].Event)
		}
		if n := waiting[len(waiting)-1]; n.Event != desk.StatusChanged || n.Status != desk.WaitingCustomer {
			t.Errorf("the newest is %+v", n)
		}
		if !slices.IsSortedFunc(waiting, func(a, b desk.Notice) int { return a.At.Compare(b.At.Time) }) {
			t.Error("out of order")
		}
	})
}
