package notify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/notify"
	"github.com/tagwerk/tagwerk/server/internal/notify/push"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

func TestVerdicts(t *testing.T) {
	w := newWorld(t)
	w.device(w.ute, "ute-phone", locale.German)
	w.device(w.jan, "jan-phone", locale.Swedish)
	trouble := errors.New("the service says no")
	// answers says what the service answers for jan's phone; ute's always gets its message.
	answers := func(o push.Outcome) {
		o.Err = trouble
		w.push.answer = func(_ context.Context, address string) push.Outcome {
			if address == "jan-phone" {
				return o
			}
			return push.Outcome{}
		}
	}

	t.Run("SEC-87 sent: told once, and the notice is gone", func(t *testing.T) {
		number := w.reported()
		w.deliver()
		got := w.push.take()
		if addresses(got) != "[jan-phone ute-phone]" || len(w.notices(number)) != 0 {
			t.Fatalf("sent to %s, left %+v", addresses(got), w.notices(number))
		}
		if got[0].message.ID != got[1].message.ID || got[0].message.Ref != number {
			t.Errorf("messages %+v", got)
		}
		w.turn(24 * time.Hour)
		if w.deliver(); len(w.push.take()) != 0 {
			t.Error("told again")
		}
	})
	t.Run("SEC-87 retry: only the device that failed, under the same id, at growing distances", func(t *testing.T) {
		answers(push.Outcome{Verdict: push.Retry})
		number := w.reported()
		w.deliver()
		first := w.push.take()
		if addresses(first) != "[jan-phone ute-phone]" {
			t.Fatalf("sent to %s", addresses(first))
		}
		var before time.Duration
		for try := 1; try <= 4; try++ {
			n := w.notices(number)[0]
			wait := n.Next.Sub(w.clock())
			// Each wait doubles and is spread by up to a half.
			if n.Tries != try || n.Trouble != notify.ServiceDown || wait < before*4/3 || wait <= 0 {
				t.Errorf("try %d: %+v, waits %v after %v", try, n, wait, before)
			}
			before = wait
			w.turn(wait - time.Millisecond)
			if w.deliver(); len(w.push.take()) != 0 {
				t.Error("tried too early")
			}
			w.turn(time.Millisecond)
			w.deliver()
			if got := w.push.take(); addresses(got) != "[jan-phone]" || got[0].message.ID != first[0].message.ID {
				t.Errorf("try %d: %+v", try, got)
			}
		}
		w.push.answer = nil
		w.turn(2 * before * 2)
		w.deliver()
		if got := w.push.take(); addresses(got) != "[jan-phone]" || len(w.notices(number)) != 0 {
			t.Errorf("at last to %s, left %+v", addresses(got), w.notices(number))
		}
	})
	t.Run("SEC-80 retry: a wait that the service asks for is kept", func(t *testing.T) {
		answers(push.Outcome{Verdict: push.Retry, After: 17 * time.Minute})
		number := w.reported()
		w.deliver()
		if wait := w.notices(number)[0].Next.Sub(w.clock()); wait < 17*time.Minute || wait > 19*time.Minute {
			t.Errorf("waits %v", wait)
		}
		w.push.answer = nil
		w.turn(20 * time.Minute)
		w.deliver()
		w.push.take()
	})
	t.Run("SEC-87 hold: waits in sight of staff with the reason", func(t *testing.T) {
		answers(push.Outcome{Verdict: push.Hold, Alert: true})
		number := w.reported()
		w.deliver()
		list, err := w.desk.Undelivered(t.Context(), w.staff, 10)
		if err != nil || len(list) != 1 || list[0].Number != number || list[0].Notice.Trouble != notify.Credentials {
			t.Errorf("%+v, %v", list, err)
		}
		w.push.take()
		w.push.answer = nil
		w.turn(24 * time.Hour)
		w.deliver()
		if got := w.push.take(); addresses(got) != "[jan-phone]" || len(w.notices(number)) != 0 {
			t.Errorf("then to %s", addresses(got))
		}
	})
	t.Run("SEC-83 refused: never the same again, and the others are told", func(t *testing.T) {
		answers(push.Outcome{Verdict: push.Refused})
		number := w.reported()
		w.deliver()
		if got := w.push.take(); addresses(got) != "[jan-phone ute-phone]" || len(w.notices(number)) != 0 {
			t.Errorf("sent to %s, left %+v", addresses(got), w.notices(number))
		}
		if devices, err := w.people.DevicesOf(t.Context(), w.jan.User); err != nil || len(devices) != 1 {
			t.Errorf("devices %+v, %v", devices, err)
		}
	})
	t.Run("SEC-87 given up after its life, and then in sight", func(t *testing.T) {
		answers(push.Outcome{Verdict: push.Retry})
		number := w.reported()
		w.deliver()
		w.turn(outbox.Life)
		w.deliver()
		if n := w.notices(number)[0]; n.Tries != 2 || n.Trouble != notify.ServiceDown {
			t.Errorf("on the last day: %+v", n)
		}
		w.turn(time.Hour)
		w.deliver()
		if n := w.notices(number)[0]; n.Trouble != notify.GivenUp || n.Next != outbox.GivenUp {
			t.Errorf("after its life: %+v", n)
		}
		w.push.take()
		w.push.answer = nil
		w.turn(24 * time.Hour)
		if w.deliver(); len(w.push.take()) != 0 {
			t.Error("tried after it was given up")
		}
	})
	t.Run("SEC-83 gone: the address is dropped, the notice done", func(t *testing.T) {
		answers(push.Outcome{Verdict: push.Gone})
		number := w.reported()
		w.deliver()
		w.push.take()
		if devices, err := w.people.DevicesOf(t.Context(), w.jan.User); err != nil || len(devices) != 0 || len(w.notices(number)) != 0 {
			t.Errorf("devices %+v, left %+v, %v", devices, w.notices(number), err)
		}
		w.reported()
		w.deliver()
		if got := w.push.take(); addresses(got) != "[ute-phone]" {
			t.Errorf("next one to %s", addresses(got))
		}
	})
}

func TestMessages(t *testing.T) {
	w := newWorld(t)
	for i, l := range locale.Tags {
		w.device(w.lars, fmt.Sprint("lars-", i), l)
	}
	w.device(w.ute, "ute-phone", locale.German)
	ctx := t.Context()
	number := w.reported()
	v, err := w.desk.SetStatus(ctx, w.staff, number, desk.WaitingCustomer)
	must(t, v, err)
	v, err = w.desk.Write(ctx, w.staff, number, "Welche Klappe?", "")
	must(t, v, err)
	w.deliver()

	byDevice := map[string][]push.Message{}
	for _, s := range w.push.take() {
		byDevice[s.address] = append(byDevice[s.address], s.message)
	}
	t.Run("B-9 X-20 each device in its own language, in the order of what happened", func(t *testing.T) {
		texts := map[string]bool{}
		catalogue := w.Catalogue
		for i, l := range locale.Tags {
			got := byDevice[fmt.Sprint("lars-", i)]
			if len(got) != 2 || got[0].Kind != "request_status_changed" || got[1].Kind != "request_answered" {
				t.Fatalf("%s: %+v", l, got)
			}
			status := catalogue.Text(l, "status.waiting_customer", nil)
			if whole := got[0].Title + " " + got[0].Body; !strings.Contains(whole, status) || !strings.Contains(whole, number) {
				t.Errorf("%s: %q does not say %q and the number", l, whole, status)
			}
			texts[got[1].Title+got[1].Body] = true
		}
		if len(texts) != len(locale.Tags) {
			t.Errorf("%d texts in %d languages", len(texts), len(locale.Tags))
		}
	})
	t.Run("X-20 staff are told of the report alone", func(t *testing.T) {
		if got := byDevice["ute-phone"]; len(got) != 1 || got[0].Kind != "request_reported" || !got[0].Urgent {
			t.Errorf("%+v", got)
		}
	})
	t.Run("SEC-21 SEC-40 who was deactivated is told nothing", func(t *testing.T) {
		number := w.reported()
		if err := w.people.Deactivate(ctx, w.ute.User); err != nil {
			t.Fatal(err)
		}
		w.deliver()
		if got := w.push.take(); len(got) != 0 || len(w.notices(number)) != 0 {
			t.Errorf("sent to %s", addresses(got))
		}
	})
}

func TestNotConfigured(t *testing.T) {
	w := newWorld(t)
	w.device(w.ute, "ute-phone", locale.German)
	w.Push = nil
	t.Run("SEC-87 without a push service notices wait in sight, and go out once there is one", func(t *testing.T) {
		number := w.reported()
		w.deliver()
		list, err := w.desk.Undelivered(t.Context(), w.staff, 10)
		if err != nil || len(list) != 1 || list[0].Notice.Trouble != notify.NotConfigured {
			t.Fatalf("%+v, %v", list, err)
		}
		w.Push = w.push
		w.turn(time.Hour)
		w.deliver()
		if got := w.push.take(); addresses(got) != "[ute-phone]" || len(w.notices(number)) != 0 {
			t.Errorf("sent to %s", addresses(got))
		}
	})
}

// interrupters are goroutines of the pool of connections, one each: a read that is cancelled replaces that of its connection, which
// is no leak.
var interrupters = goleak.IgnoreTopFunction("zombiezen.com/go/sqlite.(*Conn).SetInterrupt.func1")

func TestStop(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ids := map[string]string{}
	for _, v := range []identity.Viewer{w.ute, w.jan} {
		for _, name := range []string{"a", "b"} {
			d := w.device(v, v.Name+"-"+name, locale.German)
			ids[d.Address] = d.ID
		}
	}
	t.Run("SEC-87 a stop during a sending notes what was sent before", func(t *testing.T) {
		leak := goleak.IgnoreCurrent()
		number := w.reported()
		running, stop := context.WithCancel(ctx)
		defer stop()
		var mu sync.Mutex
		first := ""
		w.push.answer = func(ctx context.Context, address string) push.Outcome {
			mu.Lock()
			defer mu.Unlock()
			if first == "" {
				first = address
				return push.Outcome{}
			}
			stop()
			<-ctx.Done()
			return push.Outcome{Verdict: push.Retry, Err: ctx.Err()}
		}
		ended := make(chan struct{})
		go func() { w.Run(running); close(ended) }()
		<-ended
		if err := goleak.Find(leak, interrupters); err != nil {
			t.Error(err)
		}
		interrupted := w.push.take()
		left := w.notices(number)
		if len(interrupted) != 2 || len(left) != 1 || len(left[0].Sent) != 1 || !left[0].Has(ids[first]) {
			t.Fatalf("first %s of %s, left %+v", first, addresses(interrupted), left)
		}
		w.push.answer = nil
		w.turn(time.Hour)
		w.deliver()
		again := w.push.take()
		if len(again) != 3 || strings.Contains(addresses(again), first) || again[0].message.ID != left[0].ID || len(w.notices(number)) != 0 {
			t.Errorf("after the restart to %s, first had it already", addresses(again))
		}
	})
}

// failing is an engine that refuses to replace requests while it is full.
type failing struct {
	store.Engine
	mu   sync.Mutex
	full bool
	asks int
}

func (f *failing) set(full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full, f.asks = full, 0
}

// Replace implements store.Engine.
func (f *failing) Replace(ctx context.Context, collection, id string, body []byte, ver int64) error {
	f.mu.Lock()
	full := f.full && collection == "requests"
	if full {
		f.asks++
	}
	f.mu.Unlock()
	if full {
		return store.ErrFull
	}
	return f.Engine.Replace(ctx, collection, id, body, ver)
}

func TestFullDisk(t *testing.T) {
	var disk *failing
	w := newWorld(t, func(e store.Engine) store.Engine { disk = &failing{Engine: e}; return disk })
	w.device(w.ute, "ute-phone", locale.German)
	const waiting = 40 // more than one batch
	for range waiting {
		w.reported()
	}
	t.Run("SEC-85 a store that refuses writes is left in peace until the next round, and nothing is sent", func(t *testing.T) {
		disk.set(true)
		more, err := w.Deliver(t.Context())
		if more || err != nil || disk.asks == 0 || len(w.push.take()) != 0 {
			t.Errorf("more %v, %v, %d writes tried", more, err, disk.asks)
		}
	})
	t.Run("SEC-85 with room again all go out", func(t *testing.T) {
		disk.set(false)
		for more := true; more; {
			var err error
			if more, err = w.Deliver(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.push.take(); len(got) != waiting {
			t.Errorf("%d sent, want %d", len(got), waiting)
		}
	})
}

func TestTwoWorkers(t *testing.T) {
	w := newWorld(t)
	w.device(w.ute, "ute-phone", locale.German)
	w.device(w.jan, "jan-phone", locale.Swedish)
	t.Run("SEC-89 two workers on one store deliver each notice once", func(t *testing.T) {
		leak := goleak.IgnoreCurrent()
		const reports = 60
		arrived := make(chan struct{}, 4*reports)
		w.push.answer = func(context.Context, string) push.Outcome { arrived <- struct{}{}; return push.Outcome{} }
		other := w.worker(w.push)
		running, stop := context.WithCancel(t.Context())
		defer stop()
		var workers sync.WaitGroup
		for _, n := range []*notify.Worker{w.Worker, other} {
			workers.Go(func() { n.Run(running) })
		}
		var numbers []string
		for range reports {
			numbers = append(numbers, w.reported())
			other.Wake()
		}
		late := time.After(20 * time.Second)
		for range 2 * reports {
			select {
			case <-arrived:
			case <-late:
				t.Fatal("not all messages arrived")
			}
		}
		stop()
		workers.Wait()
		if err := goleak.Find(leak, interrupters); err != nil {
			t.Error(err)
		}
		times := map[string]int{}
		for _, s := range w.push.take() {
			times[s.address+" "+s.message.Ref]++
		}
		for _, number := range numbers {
			if times["ute-phone "+number] != 1 || times["jan-phone "+number] != 1 || len(w.notices(number)) != 0 {
				t.Errorf("%s: ute %d, jan %d times, left %+v", number, times["ute-phone "+number], times["jan-phone "+number], w.notices(number))
			}
		}
	})
}

func TestSlow(t *testing.T) {
	w := newWorld(t)
	w.device(w.ute, "ute-phone", locale.German)
	t.Run("SEC-87 a service that hangs on one message keeps no others waiting", func(t *testing.T) {
		leak := goleak.IgnoreCurrent()
		const reports = 100 // more than the slots
		arrived, hang := make(chan string, reports), make(chan struct{})
		var one sync.Once
		w.push.answer = func(ctx context.Context, address string) push.Outcome {
			slow := false
			one.Do(func() { slow = true })
			if slow {
				<-hang
			}
			arrived <- address
			return push.Outcome{}
		}
		for range reports {
			w.reported()
		}
		running, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan struct{})
		go func() { w.Run(running); close(ended) }()
		late := time.After(20 * time.Second)
		wait := func(what string) {
			t.Helper()
			select {
			case <-arrived:
			case <-late:
				t.Fatal(what)
			}
		}
		for range reports - 1 {
			wait("the others wait for the slow one")
		}
		close(hang)
		wait("the slow one never arrived")
		stop()
		<-ended
		if err := goleak.Find(leak, interrupters); err != nil {
			t.Error(err)
		}
	})
}
