// Package webhook tells door controllers at once which tags they have to refuse or let pass: signed posts by Standard Webhooks to the
// address that staff gave a controller (X-9, standards.md section 5). The access list stays what counts; whoever misses a post finds the
// same there.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

const (
	// lease is how long one worker keeps the notices of a tag to itself.
	lease = 2 * time.Minute
	// glance is how soon a notice is looked at again that waits for one before it.
	glance = 2 * time.Second
	// maxPayload is the most bytes of a message (Standard Webhooks).
	maxPayload = 20_000
)

// Worker posts the notices that stand in tags to the controllers that they are for. Several may run on one store.
type Worker struct {
	Assets *asset.Service
	People *identity.Directory
	Sender *Sender
	Now    func() time.Time
	Logger *slog.Logger

	runner outbox.Runner
	doors  doors
}

// Wake makes the worker look at once. It never blocks.
func (w *Worker) Wake() { w.runner.Wake() }

// Run delivers until ctx ends, and returns after the sendings under way. On a full disk it goes on, as blocking does (SEC-85).
func (w *Worker) Run(ctx context.Context) {
	w.runner.Run(store.Essential(ctx), w.Logger, w.work())
	w.Sender.Close()
}

// Deliver tries every notice that is due now and reports whether more may be waiting.
func (w *Worker) Deliver(ctx context.Context) (more bool, err error) {
	return w.runner.Once(store.Essential(ctx), w.Logger, w.work())
}

func (w *Worker) work() []outbox.Work {
	return []outbox.Work{{
		Due: func(ctx context.Context, limit int) ([]string, error) {
			return w.Assets.TagOutbox().Due(ctx, w.Now(), limit)
		},
		Deliver: w.deliver,
	}}
}

// deliver takes the due notices of one tag and posts them, to several controllers at a time, to each in the order of what happened.
func (w *Worker) deliver(ctx context.Context, id string) error {
	claim, err := w.Assets.TagOutbox().Claim(ctx, id, w.Now(), lease)
	if err != nil || claim == nil {
		return err
	}
	sending, cancel := context.WithTimeout(ctx, lease-timeout)
	defer cancel()
	told := make(chan telling)
	to := receivers(claim.Notices)
	for _, id := range to {
		go func() {
			told <- w.tell(sending, claim, id)
		}()
	}
	var failures error
	for left := len(to); left > 0; {
		some := gather(told, left)
		left -= len(some)
		for _, t := range some {
			failures = errors.Join(failures, t.err)
		}
		failures = errors.Join(failures, w.settle(ctx, claim, some))
	}
	return failures
}

// telling is what became of the notices for one controller.
type telling struct {
	to       string
	outcomes []outbox.Outcome
	version  int64      // of the list that the controller has taken an event of; 0 for none
	at       store.Time // when it did
	err      error
}

// gather waits for the first of the tellings, and for the others that end with it: mostly all, in one write, while one that hangs keeps
// none from being noted.
func gather(told <-chan telling, most int) []telling {
	some := []telling{<-told}
	soon := time.NewTimer(100 * time.Millisecond)
	defer soon.Stop()
	for len(some) < most {
		select {
		case t := <-told:
			some = append(some, t)
		case <-soon.C:
			return some
		}
	}
	return some
}

func (w *Worker) settle(ctx context.Context, claim *outbox.Claim[asset.Tag], some []telling) error {
	var to []string
	var outcomes []outbox.Outcome
	for _, t := range some {
		to, outcomes = append(to, t.to), append(outcomes, t.outcomes...)
	}
	// What was sent is written down even while stopping, or it would be sent again after the restart.
	noting, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	return w.Assets.TagOutbox().Settle(noting, claim.For(to...), outcomes, func(tag *asset.Tag) {
		w.hasten(&tag.Box, outcomes)
		for _, t := range some {
			if t.version > 0 {
				tag.NoteSent(t.to, t.version, t.at)
			}
		}
	})
}

// receivers are those whom notices are for, each once.
func receivers(list []outbox.Notice) (to []string) {
	for _, n := range list {
		if !slices.Contains(to, n.To) {
			to = append(to, n.To)
		}
	}
	return to
}

// tell posts the claimed notices for one controller. One that has to wait holds back those after it, so that a controller never hears of
// a reactivation before the block. Its error is of the store or of ctx; notices without an outcome were
// not tried.
func (w *Worker) tell(ctx context.Context, claim *outbox.Claim[asset.Tag], to string) telling {
	t := telling{to: to}
	now := w.Now()
	var after time.Time // when the one that holds back the others is tried again
	for _, n := range claim.Doc.Notices {
		if n.To != to || n.Next == outbox.GivenUp {
			continue
		}
		claimed := slices.ContainsFunc(claim.Notices, func(c outbox.Notice) bool { return c.ID == n.ID })
		switch {
		case !claimed && n.Next.After(now.Add(lease)):
			after = now // see hasten
		case !claimed:
			after = now.Add(glance)
		case !after.IsZero():
			t.outcomes = append(t.outcomes, outbox.Outcome{Notice: n.ID, Held: true, Next: after, Trouble: n.Trouble})
		default:
			out, version, err := w.try(ctx, claim.Doc, n)
			if err != nil {
				t.err = err
				return t
			}
			if version > 0 {
				t.version, t.at = version, store.At(w.Now())
			}
			t.outcomes = append(t.outcomes, out)
			if !out.Done && out.Next != outbox.GivenUp.Time {
				after = out.Next
			}
		}
	}
	return t
}

// hasten makes a notice due that waits for long, if another one to the same controller waits behind it since now: the order stays, and
// what is new does not wait for what failed hours ago. A shorter wait may be the lease of another worker, and is left alone.
func (w *Worker) hasten(b *outbox.Box, outcomes []outbox.Outcome) {
	now := w.Now()
	for i, n := range b.Notices {
		if n.Next == outbox.GivenUp || !n.Next.After(now.Add(lease)) {
			continue
		}
		overtaken := slices.ContainsFunc(b.Notices[i+1:], func(later outbox.Notice) bool {
			return later.To == n.To && slices.ContainsFunc(outcomes, func(out outbox.Outcome) bool {
				return out.Notice == later.ID && out.Held && !out.Next.After(now.Add(glance))
			})
		})
		if overtaken {
			b.Notices[i].Next = store.At(now)
		}
	}
}

// try posts one notice, if its controller still is to know of the tag (SEC-21). version is that of the list which the controller took, 0 if
// it took nothing.
func (w *Worker) try(ctx context.Context, t *asset.Tag, n outbox.Notice) (out outbox.Outcome, version int64, err error) {
	done := outbox.Outcome{Notice: n.ID, Done: true}
	c, err := w.People.ActiveController(ctx, n.To)
	if errors.Is(err, store.ErrNotFound) || err == nil && (c.Webhook == "" || !c.Covers(t.Provider, t.Customer)) {
		return done, 0, nil
	}
	if err != nil {
		return done, 0, err
	}
	now := w.Now()
	if now.Sub(n.At.Time) > outbox.Life {
		w.Logger.Warn("webhook given up", "controller", c.ID, "event", n.Event, "tries", n.Tries)
		w.note(ctx, c.ID, GivenUp)
		return outbox.Outcome{Notice: n.ID, Next: outbox.GivenUp.Time, Trouble: GivenUp}, 0, nil
	}
	leave, quiet := w.doors.enter(ctx, c.ID, now)
	if leave == nil {
		return outbox.Outcome{Notice: n.ID, Held: true, Next: quiet, Trouble: n.Trouble}, 0, ctx.Err()
	}
	defer leave()
	body, version, err := w.body(ctx, c, t, n)
	if errors.Is(err, asset.ErrNotFound) {
		return done, 0, nil
	}
	if err != nil {
		return done, 0, err
	}
	answer := Answer{Verdict: Retry, Trouble: NoSecret}
	secrets, err := w.People.SigningSecrets(c)
	if answer.Err = err; err == nil && len(secrets) > 0 {
		answer = w.Sender.Post(ctx, c.Webhook, Message{ID: n.ID, At: now, Body: body, Secrets: secrets})
	}
	if err := ctx.Err(); err != nil && answer.Verdict == Retry {
		return done, 0, err // stopped: nothing is known of the receiver
	}
	if answer.Verdict != Delivered {
		version = 0
	}
	out, err = w.judge(ctx, c, n, answer)
	return out, version, err
}

// body is what a controller is told. Its data are the tag as it stands now, so that whoever goes by them is right at once, also when
// an old event arrives late; type and timestamp are those of the event. version is that of the tag's entry.
func (w *Worker) body(ctx context.Context, c identity.Controller, t *asset.Tag, n outbox.Notice) (body []byte, version int64, err error) {
	entry, err := w.Assets.EntryFor(ctx, c.ID, t.ID)
	if err != nil {
		return nil, 0, err
	}
	e := Event{Type: string(n.Event), Timestamp: n.At.UTC(), Data: Data{Tag: entry.Tag, Blocked: entry.Blocked,
		Readings: append([]string{}, entry.Readings...), ChangedAt: entry.Changed.UTC(), Version: entry.Version}}
	body, err = json.Marshal(e)
	if err == nil && len(body) >= maxPayload {
		// Without readings the receiver has to ask for the list, which has no such bound.
		e.Data.Readings = []string{}
		body, err = json.Marshal(e)
	}
	return body, entry.Version, err
}

// Event is the body of a webhook: type "tag.blocked" or "tag.reactivated".
type Event struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      Data      `json:"data"`
}

// Data is the entry of a tag on the controller's access list, in the form of GET /v1/access-list.
type Data struct {
	Tag       string    `json:"tag"`
	Blocked   bool      `json:"blocked"`
	Readings  []string  `json:"readings"`
	ChangedAt time.Time `json:"changed_at"`
	Version   int64     `json:"version"`
}

// judge says what becomes of a notice after an answer, and notes for staff how the webhook fares.
func (w *Worker) judge(ctx context.Context, c identity.Controller, n outbox.Notice, a Answer) (outbox.Outcome, error) {
	out := outbox.Outcome{Notice: n.ID, Done: true}
	log := w.Logger.With("controller", c.ID, "event", n.Event)
	switch a.Verdict {
	case Delivered:
		w.doors.works(c.ID)
		w.note(ctx, c.ID, "")
		return out, nil
	case Gone:
		log.Warn("webhook ends", "error", a.Err)
		w.note(ctx, c.ID, SignedOff)
		return out, w.People.EndWebhook(context.WithoutCancel(ctx), c.ID, c.Webhook)
	default:
		log.Warn("webhook waits", "error", a.Err, "tries", n.Tries+1)
		now := w.Now()
		w.doors.fails(c.ID, now, rand.Float64)
		w.note(ctx, c.ID, a.Trouble)
		out.Done, out.Next, out.Trouble = false, now.Add(max(a.After, backoff(n.Tries+1, rand.Float64))), a.Trouble
		return out, nil
	}
}

// note tells staff how the webhook of a controller fares. That it cannot be written is no reason to post again.
func (w *Worker) note(ctx context.Context, controller, trouble string) {
	err := w.Assets.NoteTrouble(context.WithoutCancel(ctx), controller, trouble)
	if err != nil && !errors.Is(err, asset.ErrNotFound) {
		w.Logger.Error("webhook: state not noted", "controller", controller, "error", err)
	}
}
