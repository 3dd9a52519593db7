package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/sqlite"
)

// letter is a small document that carries notices.
type letter struct {
	Text string `json:"text"`
	outbox.Box
}

const lease = 2 * time.Minute

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// world is a queue over the embedded engine.
type world struct {
	outbox.Queue[letter]
	t   *testing.T
	now time.Time
	ids int
}

func newWorld(t *testing.T) *world {
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
	spec := store.Spec{Name: "letters", Indexes: []store.Index{outbox.Index()}}
	if err := engine.Ensure(t.Context(), store.Schema{Version: 1, Collections: []store.Spec{spec}}); err != nil {
		t.Fatal(err)
	}
	docs := store.In[letter](engine, "letters")
	return &world{Queue: outbox.Queue[letter]{Docs: docs, Box: func(l *letter) *outbox.Box { return &l.Box }}, t: t, now: start}
}

// notice is one of the event that is due at once.
func (w *world) notice(event outbox.Event) outbox.Notice {
	w.ids++
	return outbox.Notice{ID: fmt.Sprint("n", w.ids), Event: event, By: "ute", At: store.At(w.now)}
}

// letter stores a document with one notice for each event, and returns its id.
func (w *world) letter(events ...outbox.Event) string {
	w.t.Helper()
	w.ids++
	id := fmt.Sprint("letter", w.ids)
	l := &letter{Text: "Moin", Box: outbox.New()}
	for _, e := range events {
		l.Add(w.notice(e))
	}
	if err := w.Docs.Insert(w.t.Context(), id, l); err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) stored(id string) *letter {
	w.t.Helper()
	l, err := w.Docs.Get(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// claim takes the due notices of a document, or nil.
func (w *world) claim(id string) *outbox.Claim[letter] {
	w.t.Helper()
	c, err := w.Claim(w.t.Context(), id, w.now, lease)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) settle(c *outbox.Claim[letter], outcomes ...outbox.Outcome) {
	w.t.Helper()
	if err := w.Settle(w.t.Context(), c, outcomes, nil); err != nil {
		w.t.Fatal(err)
	}
}

// due lists the documents with a notice that is due now.
func (w *world) due() []string {
	w.t.Helper()
	list, err := w.Due(w.t.Context(), w.now, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func events(list []outbox.Notice) string {
	s := []outbox.Event{}
	for _, n := range list {
		s = append(s, n.Event)
	}
	return fmt.Sprint(s)
}

func TestLease(t *testing.T) {
	w := newWorld(t)
	t.Run("SEC-89 of many workers one gets a notice", func(t *testing.T) {
		id := w.letter("a")
		var got atomic.Int32
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if c, err := w.Claim(t.Context(), id, w.now, lease); err != nil {
					t.Error(err)
				} else if c != nil {
					got.Add(1)
				}
			})
		}
		all.Wait()
		if got.Load() != 1 || len(w.due()) != 0 {
			t.Errorf("claimed %d times, due %v", got.Load(), w.due())
		}
	})
	t.Run("SEC-89 who lost the lease removes nothing, but what was sent is noted", func(t *testing.T) {
		id := w.letter("a")
		first := w.claim(id)
		n := first.Notices[0].ID
		w.now = w.now.Add(lease - time.Second)
		if w.claim(id) != nil {
			t.Fatal("claimed within the lease of another worker")
		}
		w.now = w.now.Add(time.Second)
		second := w.claim(id)
		if second == nil || second.Notices[0].ID != n {
			t.Fatal("nobody can take over after the lease")
		}
		w.settle(first, outbox.Outcome{Notice: n, Sent: []string{"phone"}, Done: true})
		l := w.stored(id)
		if len(l.Notices) != 1 || !l.Notices[0].Has("phone") || l.Notices[0].Tries != 0 {
			t.Fatalf("after the late one: %+v", l.Notices)
		}
		if w.claim(id) != nil {
			t.Error("the late one freed the lease of the other")
		}
		w.settle(second, outbox.Outcome{Notice: n, Sent: []string{"tablet", "phone"}, Next: w.now.Add(time.Hour), Trouble: "down"})
		if got := w.stored(id).Notices[0]; !got.Has("phone") || !got.Has("tablet") || got.Has("watch") || len(got.Sent) != 2 || got.Tries != 1 || got.Trouble != "down" {
			t.Errorf("after the second: %+v", got)
		}
		w.now = w.now.Add(time.Hour)
		w.settle(w.claim(id), outbox.Outcome{Notice: n, Done: true})
		if l := w.stored(id); len(l.Notices) != 0 || l.Box.Due != store.Never {
			t.Errorf("delivered, yet %+v, due %v", l.Notices, l.Box.Due)
		}
	})
	t.Run("SEC-89 a lease that ran out, but that nobody took, may still be settled", func(t *testing.T) {
		id := w.letter("a")
		c := w.claim(id)
		w.now = w.now.Add(2 * lease)
		w.settle(c, outbox.Outcome{Notice: c.Notices[0].ID, Done: true})
		if n := w.stored(id).Notices; len(n) != 0 {
			t.Errorf("%+v", n)
		}
	})
	t.Run("SEC-87 nothing to claim is no error", func(t *testing.T) {
		if c := w.claim("unknown"); c != nil {
			t.Errorf("claimed %+v", c)
		}
		if c := w.claim(w.letter()); c != nil {
			t.Errorf("claimed %+v", c)
		}
	})
}

func TestOrder(t *testing.T) {
	w := newWorld(t)
	t.Run("SEC-87 notices are handed out in the order of what happened, the longest waiting document first", func(t *testing.T) {
		old := w.letter("a", "b")
		w.now = w.now.Add(time.Second)
		young := w.letter("c")
		if got := w.due(); !slices.Equal(got, []string{old, young}) {
			t.Errorf("due %v, want %v", got, []string{old, young})
		}
		if got := events(w.claim(old).Notices); got != "[a b]" {
			t.Errorf("claimed %s", got)
		}
	})
	t.Run("SEC-87 one that comes while others are claimed is due at once", func(t *testing.T) {
		id := w.letter("a")
		first := w.claim(id)
		if _, err := w.Docs.Update(t.Context(), id, func(l *letter) error { l.Add(w.notice("b")); return nil }); err != nil {
			t.Fatal(err)
		}
		second := w.claim(id)
		if second == nil || events(second.Notices) != "[b]" {
			t.Fatalf("claimed %+v", second)
		}
		w.settle(first, outbox.Outcome{Notice: first.Notices[0].ID, Done: true})
		if got := events(w.stored(id).Notices); got != "[b]" {
			t.Errorf("left %s", got)
		}
	})
	t.Run("SEC-87 what a worker did not reach is given back, after the one it stopped at", func(t *testing.T) {
		id := w.letter("a", "b", "c")
		c := w.claim(id)
		w.settle(c, outbox.Outcome{Notice: c.Notices[0].ID, Done: true}, outbox.Outcome{Notice: c.Notices[1].ID, Next: w.now.Add(time.Second)})
		if w.claim(id) != nil {
			t.Error("due before the one that failed")
		}
		w.now = w.now.Add(time.Second)
		again := w.claim(id)
		if again == nil || events(again.Notices) != "[b c]" || again.Notices[0].Tries != 1 || again.Notices[1].Tries != 0 {
			t.Fatalf("claimed %+v", again)
		}
		w.settle(again)
		if got := w.claim(id); got == nil || events(got.Notices) != "[b c]" {
			t.Errorf("a worker that tried nothing kept %+v", got)
		}
	})
	t.Run("SEC-87 what is for one receiver is settled on its own", func(t *testing.T) {
		id := w.letter()
		if _, err := w.Docs.Update(t.Context(), id, func(l *letter) error {
			for _, to := range []string{"x", "y", "x"} {
				n := w.notice(outbox.Event("for " + to))
				n.To = to
				l.Add(n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		c := w.claim(id)
		x := c.For("x")
		w.settle(x, outbox.Outcome{Notice: x.Notices[0].ID, Done: true}, outbox.Outcome{Notice: x.Notices[1].ID, Done: true})
		if len(x.Notices) != 2 || events(w.stored(id).Notices) != "[for y]" || w.claim(id) != nil {
			t.Errorf("left %+v", w.stored(id).Notices)
		}
		w.settle(c.For("y"))
		if got := w.claim(id); got == nil || events(got.Notices) != "[for y]" {
			t.Errorf("claimed %+v", got)
		}
	})
	t.Run("SEC-87 one that is held back for another counts no try", func(t *testing.T) {
		id := w.letter("a")
		c := w.claim(id)
		w.settle(c, outbox.Outcome{Notice: c.Notices[0].ID, Held: true, Next: w.now.Add(time.Minute)})
		if n := w.stored(id).Notices[0]; n.Tries != 0 || !n.Next.Equal(w.now.Add(time.Minute)) {
			t.Errorf("%+v", n)
		}
	})
	t.Run("SEC-87 what else is written stands with the outcome", func(t *testing.T) {
		id := w.letter("a")
		c := w.claim(id)
		outcomes := []outbox.Outcome{{Notice: c.Notices[0].ID, Done: true}}
		err := w.Settle(t.Context(), c, outcomes, func(l *letter) { l.Text = "sent"; l.Add(w.notice("b")) })
		if l := w.stored(id); err != nil || l.Text != "sent" || events(l.Notices) != "[b]" || !slices.Contains(w.due(), id) {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

func TestBounds(t *testing.T) {
	w := newWorld(t)
	t.Run("SEC-87 when too many wait, each event keeps its newest for each receiver", func(t *testing.T) {
		box := outbox.New()
		first := w.notice("first")
		box.Add(first)
		for i := range 200 {
			n := w.notice([]outbox.Event{"even", "odd"}[i%2])
			n.To = fmt.Sprint("door", i%3)
			box.Add(n)
			w.now = w.now.Add(time.Second)
		}
		if len(box.Notices) != 60 || box.Notices[0].ID != first.ID || box.Due != first.At {
			t.Errorf("%d wait, the first is %+v, due %v", len(box.Notices), box.Notices[0], box.Due)
		}
		if !slices.IsSortedFunc(box.Notices, func(a, b outbox.Notice) int { return a.At.Compare(b.At.Time) }) {
			t.Error("out of order")
		}
		newest := map[string]bool{}
		for _, n := range box.Notices[len(box.Notices)-6:] {
			newest[string(n.Event)+n.To] = true
		}
		if len(newest) != 6 {
			t.Errorf("the newest are %v", newest)
		}
	})
	t.Run("SEC-87 a notice to very many devices stays small and is given up for the rest", func(t *testing.T) {
		id := w.letter("a")
		c := w.claim(id)
		out := outbox.Outcome{Notice: c.Notices[0].ID, Next: w.now.Add(time.Second), Trouble: "down"}
		for i := range 5000 {
			out.Sent = append(out.Sent, fmt.Sprint("857AHV66QV1MHJW130S3TAZCYR.a-name-as-long-as-an-app-may-choose-it-for-its-device-", i))
		}
		w.settle(c, out)
		n := w.stored(id).Notices[0]
		if n.Next != outbox.GivenUp || n.Trouble != "down" || !n.Has(out.Sent[0]) {
			t.Errorf("next %v, trouble %s", n.Next, n.Trouble)
		}
		size := 0
		for _, s := range n.Sent {
			size += len(s) + 3
		}
		if size > 6<<10 {
			t.Errorf("%d devices take %d bytes", len(n.Sent), size)
		}
	})
	t.Run("SEC-87 one that was given up is tried no more and stays", func(t *testing.T) {
		w.now = w.now.Add(365 * 24 * time.Hour)
		for _, id := range w.due() {
			c := w.claim(id)
			for _, n := range c.Notices {
				w.settle(c, outbox.Outcome{Notice: n.ID, Next: outbox.GivenUp.Time, Trouble: "given_up"})
			}
			if l := w.stored(id); len(l.Notices) == 0 {
				t.Errorf("%s lost its notice", id)
			}
		}
		if got := w.due(); len(got) != 0 {
			t.Errorf("due %v", got)
		}
	})
}

func TestStopped(t *testing.T) {
	w := newWorld(t)
	t.Run("SEC-84 a claim that could not be written is none", func(t *testing.T) {
		id := w.letter("a")
		ended, end := context.WithCancel(t.Context())
		end()
		if c, err := w.Claim(ended, id, w.now, lease); c != nil || err == nil {
			t.Errorf("%+v, %v", c, err)
		}
		if w.claim(id) == nil {
			t.Error("the failed claim kept the notice")
		}
	})
}
