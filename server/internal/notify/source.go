package notify

import (
	"context"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
)

// Carrier is what a package gives whose documents T carry notices for people: requests, sightings. It needs the words of outbox and
// identity alone, so that the package does not know the worker.
type Carrier[T any] interface {
	// Queue hands out the notices of the collection.
	Queue() outbox.Queue[T]
	// Recipients are the people whom a notice is for, with their rights on the document checked now (SEC-21): never the one who
	// caused it, and nobody who was deactivated.
	Recipients(ctx context.Context, doc *T, n outbox.Notice) ([]identity.Person, error)
	// Message is what the notice says. It is asked once a notice, not once a device.
	Message(doc *T, n outbox.Notice) outbox.Message
}

// Source is a collection of carriers as the worker sees it; [From] makes one.
type Source interface {
	due(ctx context.Context, now time.Time, limit int) ([]string, error)
	claim(ctx context.Context, id string, now time.Time, lease time.Duration) (claim, error)
}

// claim is a set of notices of one document that the worker delivers until its lease ends.
type claim interface {
	notices() []outbox.Notice
	recipients(ctx context.Context, n outbox.Notice) ([]identity.Person, error)
	message(n outbox.Notice) outbox.Message
	settle(ctx context.Context, outcomes []outbox.Outcome) error
}

// From makes a source of a carrier.
func From[T any](c Carrier[T]) Source { return source[T]{c, c.Queue()} }

type source[T any] struct {
	carrier Carrier[T]
	queue   outbox.Queue[T]
}

func (s source[T]) due(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return s.queue.Due(ctx, now, limit)
}

func (s source[T]) claim(ctx context.Context, id string, now time.Time, lease time.Duration) (claim, error) {
	c, err := s.queue.Claim(ctx, id, now, lease)
	if c == nil || err != nil {
		return nil, err
	}
	return claimed[T]{s, c}, nil
}

type claimed[T any] struct {
	of    source[T]
	claim *outbox.Claim[T]
}

func (c claimed[T]) notices() []outbox.Notice { return c.claim.Notices }

func (c claimed[T]) recipients(ctx context.Context, n outbox.Notice) ([]identity.Person, error) {
	return c.of.carrier.Recipients(ctx, c.claim.Doc, n)
}

func (c claimed[T]) message(n outbox.Notice) outbox.Message {
	return c.of.carrier.Message(c.claim.Doc, n)
}

func (c claimed[T]) settle(ctx context.Context, outcomes []outbox.Outcome) error {
	return c.of.queue.Settle(ctx, c.claim, outcomes, nil)
}
