package webhook_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/notify/webhook"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

func TestDown(t *testing.T) {
	w := newWorld(t)
	_, down := w.controller("Haupttor", "")
	_, up := w.controller("Nebentor", "")
	down.answer = func(context.Context, post) int { return http.StatusInternalServerError }
	const tags = 60
	for range tags {
		w.blocked()
	}
	t.Run("X-9 a controller that fails is left in peace, and the others hear of all", func(t *testing.T) {
		posted, heard := 0, 0
		for begin := time.Now(); heard < tags && time.Since(begin) < 20*time.Second; w.turn(200 * time.Millisecond) {
			w.deliver()
			posted, heard = posted+len(down.take()), heard+len(up.take())
		}
		if posted > 8 || heard != tags {
			t.Errorf("%d posts to the one that fails, %d of %d to the other", posted, heard, tags)
		}
	})
	t.Run("X-9 after its return it hears of all, of what is new within a minute", func(t *testing.T) {
		down.answer = nil
		w.turn(time.Minute)
		w.again()
		fresh := w.blocked()
		heard := map[string]bool{}
		for range 6 {
			for more := true; more; {
				var err error
				if more, err = w.Deliver(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for _, p := range down.take() {
				heard[p.event.Data.Tag] = true
			}
			w.turn(10 * time.Second)
		}
		if !heard[fresh] {
			t.Error("the new one waits")
		}
		if len(heard) != tags+1 {
			t.Errorf("heard of %d of %d", len(heard), tags+1)
		}
	})
}

func TestHangs(t *testing.T) {
	w := newWorld(t)
	_, slow := w.controller("Haupttor", "")
	_, quick := w.controller("Nebentor", "")
	end := make(chan struct{})
	slow.answer = func(ctx context.Context, _ post) int {
		select {
		case <-ctx.Done():
		case <-end:
		}
		return 0
	}
	t.Run("X-9 a controller that hangs does not hold up the others", func(t *testing.T) {
		const tags = 100 // four batches, which would take 45 seconds if each waited for the slow one
		for range tags {
			w.blocked()
		}
		running, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(running); close(ended) }()
		begin := time.Now()
		for n := 0; n < tags; n += len(quick.take()) {
			if time.Since(begin) > 40*time.Second {
				t.Fatalf("heard of %d of %d", n, tags)
			}
			time.Sleep(20 * time.Millisecond)
			w.turn(20 * time.Millisecond)
			w.Wake()
		}
		close(end)
		stop()
		<-ended
	})
}

func TestStop(t *testing.T) {
	w := newWorld(t)
	_, s := w.controller("Haupttor", "")
	t.Run("SEC-87 what was under way at a stop is posted again after the restart, under the same id", func(t *testing.T) {
		arrived := make(chan struct{})
		s.answer = func(ctx context.Context, _ post) int {
			close(arrived)
			<-ctx.Done()
			return 0
		}
		id := w.blocked()
		running, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(running); close(ended) }()
		<-arrived
		stop()
		<-ended
		if n := w.waiting(id).Notices; len(n) != 1 || n[0].Tries != 0 || n[0].Next.After(w.clock()) {
			t.Errorf("%+v", n)
		}
		first := s.take()
		s.answer = nil
		if _, err := w.twin().Deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.take(); len(got) != 1 || got[0].id != first[0].id || len(w.waiting(id).Notices) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestTwoWorkers(t *testing.T) {
	w := newWorld(t)
	_, s := w.controller("Haupttor", "")
	t.Run("SEC-89 two workers on one store post each event once", func(t *testing.T) {
		const tags = 40
		running, stop := context.WithCancel(t.Context())
		var workers sync.WaitGroup
		for _, x := range []*webhook.Worker{w.Worker, w.twin()} {
			workers.Go(func() { x.Run(running) })
		}
		for range tags {
			w.blocked()
			w.Wake()
		}
		times := map[string]int{}
		for begin := time.Now(); len(times) < tags && time.Since(begin) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
			w.turn(20 * time.Millisecond)
			for _, p := range s.take() {
				times[p.id]++
			}
		}
		stop()
		workers.Wait()
		for _, p := range s.take() {
			times[p.id]++
		}
		for id, n := range times {
			if n != 1 {
				t.Errorf("%s posted %d times", id, n)
			}
		}
		if len(times) != tags {
			t.Errorf("%d of %d", len(times), tags)
		}
	})
}

// full is an engine whose disk is nearly full: only what is essential is written.
type full struct {
	store.Engine
	on atomic.Bool
}

// Replace implements store.Engine.
func (f *full) Replace(ctx context.Context, collection, id string, body []byte, ver int64) error {
	if f.on.Load() && !store.IsEssential(ctx) {
		return store.ErrFull
	}
	return f.Engine.Replace(ctx, collection, id, body, ver)
}

// Insert implements store.Engine.
func (f *full) Insert(ctx context.Context, collection, id string, body []byte) error {
	if f.on.Load() && !store.IsEssential(ctx) {
		return store.ErrFull
	}
	return f.Engine.Insert(ctx, collection, id, body)
}

func TestFullDisk(t *testing.T) {
	var disk *full
	w := newWorld(t, func(e store.Engine) store.Engine { disk = &full{Engine: e}; return disk })
	_, s := w.controller("Haupttor", "")
	t.Run("SEC-85 on a full disk a block still reaches the doors", func(t *testing.T) {
		id := w.fob(w.customer)
		disk.on.Store(true)
		defer disk.on.Store(false)
		w.block(id)
		w.deliver()
		if got := s.take(); types(got) != "[tag.blocked]" || len(w.waiting(id).Notices) != 0 {
			t.Errorf("%+v, left %+v", got, w.waiting(id).Notices)
		}
	})
}
