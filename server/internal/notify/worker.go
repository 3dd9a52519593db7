// Package notify carries the notices that stand in documents to the people they are for, after the commit that wrote them. It owns
// the worker; push holds the ways out to people's devices, webhook the one to door controllers.
package notify

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/notify/push"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/locale"
)

// lease is how long one worker keeps a notice to itself.
const lease = 2 * time.Minute

// Troubles are stable words for why a notice waits; staff read them as message keys "trouble.<word>".
const (
	NotConfigured = "push_not_configured"
	ServiceDown   = "push_service_down"
	Credentials   = "push_credentials"
	GivenUp       = "given_up"
)

// Worker delivers notices. Several may run on one store: each notice is claimed by one of them at a time.
type Worker struct {
	Sources   []Source
	People    *identity.Directory
	Push      push.Sender // nil: not configured, notices wait in sight of staff
	Catalogue *locale.Catalogue
	PublicURL string
	Now       func() time.Time
	Logger    *slog.Logger

	runner outbox.Runner
}

// Wake makes the worker look at once. It never blocks.
func (w *Worker) Wake() { w.runner.Wake() }

// Run delivers until ctx ends, and returns after the sendings under way.
func (w *Worker) Run(ctx context.Context) { w.runner.Run(ctx, w.Logger, w.work()) }

// Deliver tries every notice that is due now and reports whether more may be waiting.
func (w *Worker) Deliver(ctx context.Context) (more bool, err error) {
	return w.runner.Once(ctx, w.Logger, w.work())
}

func (w *Worker) work() []outbox.Work {
	var work []outbox.Work
	for _, s := range w.Sources {
		work = append(work, outbox.Work{
			Due:     func(ctx context.Context, limit int) ([]string, error) { return s.due(ctx, w.Now(), limit) },
			Deliver: func(ctx context.Context, id string) error { return w.deliver(ctx, s, id) },
		})
	}
	return work
}

// deliver takes the due notices of one document and tries them in order, so that a person reads of a report before its answer.
func (w *Worker) deliver(ctx context.Context, s Source, id string) error {
	c, err := s.claim(ctx, id, w.Now(), lease)
	if err != nil || c == nil {
		return err
	}
	sending, cancel := context.WithTimeout(ctx, lease-15*time.Second)
	defer cancel()
	var outcomes []outbox.Outcome
	var broken error
	for _, n := range c.notices() {
		out, err := w.try(sending, id, c, n)
		if err != nil {
			broken = err
			out.Done, out.Next, out.Trouble = false, w.Now().Add(outbox.Poll), n.Trouble
		}
		outcomes = append(outcomes, out)
		if err != nil {
			break
		}
	}
	// What was sent is written down even while stopping, or it would be sent again after the restart.
	noting, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	return errors.Join(broken, c.settle(noting, outcomes))
}

// try sends one notice to all devices of its recipients that do not have it yet.
func (w *Worker) try(ctx context.Context, id string, c claim, n outbox.Notice) (outbox.Outcome, error) {
	now := w.Now()
	out := outbox.Outcome{Notice: n.ID}
	if now.Sub(n.At.Time) > outbox.Life {
		w.Logger.Warn("notice given up", "id", id, "event", n.Event, "tries", n.Tries)
		out.Next, out.Trouble = outbox.GivenUp.Time, GivenUp
		return out, nil
	}
	if w.Push == nil {
		out.Next, out.Trouble = now.Add(time.Hour), NotConfigured
		return out, nil
	}
	people, err := c.recipients(ctx, n)
	if err != nil {
		return out, err
	}
	out.Done = true
	m := c.message(n)
	for _, p := range people {
		devices, err := w.People.DevicesOf(ctx, p.ID)
		if err != nil {
			return out, err
		}
		for _, d := range devices {
			if d.Kind != identity.FCMToken || n.Has(d.ID) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return out, err
			}
			if err := w.send(ctx, n, w.message(n, m, p, d), d, &out); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

func (w *Worker) send(ctx context.Context, n outbox.Notice, m push.Message, d identity.Device, out *outbox.Outcome) error {
	got := w.Push.Send(ctx, d.Address, m)
	log := w.Logger.With("ref", m.Ref, "event", n.Event, "verdict", got.Verdict.String())
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

// message puts what a notice says into the language of the device.
func (w *Worker) message(n outbox.Notice, m outbox.Message, p identity.Person, d identity.Device) push.Message {
	l := d.Locale
	if l == "" {
		l = p.Locale
	}
	args := maps.Clone(m.Args)
	if args == nil {
		args = map[string]string{}
	}
	for name, key := range m.Words {
		args[name] = w.Catalogue.Text(l, key, nil)
	}
	return push.Message{
		ID:     n.ID,
		Kind:   m.Kind,
		Title:  w.Catalogue.Text(l, "push."+m.Key+".title", args),
		Body:   w.Catalogue.Text(l, "push."+m.Key+".body", args),
		Ref:    m.Ref,
		Link:   w.PublicURL + m.Path,
		Urgent: m.Urgent,
		TTL:    24 * time.Hour,
	}
}
