// Package notify carries the notices that stand in requests to the people they are for, after the commit that wrote them. It
// owns the worker; push holds the ways out.
package notify

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/notify/push"
	"github.com/tagwerk/tagwerk/server/locale"
)

// Timing of the worker. Poll bounds the delay when a wake-up is missed, as after a commit by another instance; Lease is how long
// one worker keeps a notice to itself.
const (
	poll  = 2 * time.Second
	lease = 2 * time.Minute
	batch = 32
)

// Troubles are stable words for why a notice waits; staff read them as message keys "trouble.<word>".
const (
	NotConfigured = "push_not_configured"
	ServiceDown   = "push_service_down"
	Credentials   = "push_credentials"
	GivenUp       = "given_up"
)

// Worker delivers notices. Several may run on one store: each notice is claimed by one of them at a time.
type Worker struct {
	Outbox    desk.Outbox
	People    *identity.Directory
	Push      push.Sender // nil: not configured, notices wait in sight of staff
	Catalogue *locale.Catalogue
	PublicURL string
	Now       func() time.Time
	Logger    *slog.Logger

	wake chan struct{}
	once sync.Once
}

func (w *Worker) init() { w.once.Do(func() { w.wake = make(chan struct{}, 1) }) }

// Wake makes the worker look at once. It never blocks.
func (w *Worker) Wake() {
	w.init()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends, and returns after the sendings under way.
func (w *Worker) Run(ctx context.Context) {
	w.init()
	t := time.NewTicker(poll)
	defer t.Stop()
	for ctx.Err() == nil {
		more, err := w.Deliver(ctx)
		if err != nil && ctx.Err() == nil {
			w.Logger.Error("notices: store does not answer, trying again", "error", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-t.C:
		}
	}
}

// Deliver tries every notice that is due now and reports whether more may be waiting; after a failure it says no, so that a store
// that refuses writes is not asked without pause.
func (w *Worker) Deliver(ctx context.Context) (more bool, err error) {
	numbers, err := w.Outbox.Due(ctx, w.Now(), batch)
	if err != nil {
		return false, err
	}
	var wg sync.WaitGroup
	var failed atomic.Bool
	for _, number := range numbers {
		wg.Go(func() {
			err := w.deliver(ctx, number)
			if err == nil {
				return
			}
			failed.Store(true)
			if ctx.Err() == nil {
				w.Logger.Error("notices: delivery interrupted, trying again", "request", number, "error", err)
			}
		})
	}
	wg.Wait()
	return len(numbers) == batch && !failed.Load(), nil
}

// deliver takes the due notices of one request and tries them in order, so that a person reads of a report before its answer.
func (w *Worker) deliver(ctx context.Context, number string) error {
	claim, err := w.Outbox.Claim(ctx, number, w.Now(), lease)
	if err != nil || claim == nil {
		return err
	}
	sending, cancel := context.WithTimeout(ctx, lease-15*time.Second)
	defer cancel()
	var outcomes []desk.Outcome
	var broken error
	for _, n := range claim.Notices {
		out, err := w.try(sending, claim.Request, n)
		if err != nil {
			broken = err
			out.Done, out.Next, out.Trouble = false, w.Now().Add(poll), n.Trouble
		}
		outcomes = append(outcomes, out)
		if err != nil {
			break
		}
	}
	// What was sent is written down even while stopping, or it would be sent again after the restart.
	noting, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	return errors.Join(broken, w.Outbox.Settle(noting, claim, outcomes))
}

// try sends one notice to all devices of its recipients that do not have it yet.
func (w *Worker) try(ctx context.Context, r *desk.Request, n desk.Notice) (desk.Outcome, error) {
	now := w.Now()
	out := desk.Outcome{Notice: n.ID}
	if now.Sub(n.At.Time) > desk.NoticeLife {
		w.Logger.Warn("notice given up", "request", r.Number, "event", n.Event, "tries", n.Tries)
		out.Next, out.Trouble = desk.NoticeGivenUp.Time, GivenUp
		return out, nil
	}
	if w.Push == nil {
		out.Next, out.Trouble = now.Add(time.Hour), NotConfigured
		return out, nil
	}
	people, err := w.Outbox.Recipients(ctx, r, n)
	if err != nil {
		return out, err
	}
	out.Done = true
	for _, p := range people {
		devices, err := w.People.DevicesOf(ctx, p.ID)
		if err != nil {
			return out, err
		}
		for _, d := range devices {
			if d.Kind != "fcm_token" || slices.Contains(n.Sent, d.ID) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return out, err
			}
			if err := w.send(ctx, r, n, p, d, &out); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

func (w *Worker) send(ctx context.Context, r *desk.Request, n desk.Notice, p identity.Person, d identity.Device, out *desk.Outcome) error {
	got := w.Push.Send(ctx, d.Address, w.message(r, n, p, d))
	log := w.Logger.With("request", r.Number, "event", n.Event, "verdict", got.Verdict.String())
	wait := func(trouble string) {
		out.Done = false
		next := w.Now().Add(got.Wait(n.Tries+1, rand.Float64))
		if next.After(out.Next) {
			out.Next = next
		}
		out.Trouble = trouble
	}
	if got.Alert {
		log.Error("push needs a person to look", "error", got.Err)
	}
	switch got.Verdict {
	case push.Sent:
		out.Sent = append(out.Sent, d.ID)
	case push.Gone:
		log.Info("push address is gone, device removed")
		return w.People.DropAddress(ctx, d.Address)
	case push.Refused:
		// Sending it again unchanged cannot succeed; the log is where this fault of ours is seen.
		log.Error("push refused", "error", got.Err)
		out.Sent = append(out.Sent, d.ID)
	case push.Hold:
		wait(Credentials)
	default:
		log.Warn("push waits", "error", got.Err, "tries", n.Tries)
		wait(ServiceDown)
	}
	return nil
}

// message says what happened in the language of the device, with the request's number and nothing personal (X-20, SEC-83).
func (w *Worker) message(r *desk.Request, n desk.Notice, p identity.Person, d identity.Device) push.Message {
	l := d.Locale
	if l == "" {
		l = p.Locale
	}
	args := map[string]string{"Number": r.Number}
	if n.Status != "" {
		args["Status"] = w.Catalogue.Text(l, "status."+string(n.Status), nil)
	}
	return push.Message{
		ID:     n.ID,
		Kind:   "request_" + string(n.Event),
		Title:  w.Catalogue.Text(l, "push."+string(n.Event)+".title", args),
		Body:   w.Catalogue.Text(l, "push."+string(n.Event)+".body", args),
		Ref:    r.Number,
		Link:   w.PublicURL + "/requests/" + url.PathEscape(r.Number),
		Urgent: n.Event == desk.Reported,
		TTL:    24 * time.Hour,
	}
}
