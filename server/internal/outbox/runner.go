package outbox

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Timing of a Runner. Poll bounds the delay when a wake-up is missed, as after a commit by another instance.
const (
	// Poll is how often a Runner looks without being woken, and how long it leaves a store in peace that failed.
	Poll = 2 * time.Second
	// batch is the most documents of one kind that are taken up at once, and the most that are under way.
	batch = 32
)

// Work is one kind of documents that a Runner delivers for.
type Work struct {
	// Due lists documents with notices that are due, at most limit.
	Due func(ctx context.Context, limit int) ([]string, error)
	// Deliver claims the notices of a document and settles them. Its errors are of the store; what a receiver answers is none.
	Deliver func(ctx context.Context, id string) error
}

// Runner drives workers: it looks for what is due when it is woken and now and then, and delivers for several documents at a time. The
// zero value is ready; it must not be copied.
type Runner struct {
	wake   chan struct{}
	slots  chan struct{} // one taken for each document under way
	failed atomic.Bool   // a delivery was interrupted since the last pause
	once   sync.Once
}

func (r *Runner) init() {
	r.once.Do(func() {
		r.wake = make(chan struct{}, 1)
		r.slots = make(chan struct{}, batch)
	})
}

// Wake makes the runner look at once. It never blocks.
func (r *Runner) Wake() {
	r.init()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends, and returns after the deliveries under way. A document that takes long keeps no other one waiting,
// unless all slots are taken by such.
func (r *Runner) Run(ctx context.Context, log *slog.Logger, work []Work) {
	r.init()
	t := time.NewTicker(Poll)
	defer t.Stop()
	var under sync.WaitGroup
	defer under.Wait()
	for ctx.Err() == nil {
		more, err := r.start(ctx, log, work, &under)
		if err != nil && ctx.Err() == nil {
			log.Error("notices: store does not answer, trying again", "error", err)
		}
		if more && err == nil && !r.failed.Load() {
			continue
		}
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-t.C:
		}
		r.failed.Store(false)
	}
}

// Once delivers what is due now, waits for it, and reports whether more may be waiting; after a failure it says no, so that a store that
// refuses writes is not asked without pause.
func (r *Runner) Once(ctx context.Context, log *slog.Logger, work []Work) (more bool, err error) {
	r.init()
	r.failed.Store(false)
	var under sync.WaitGroup
	more, err = r.start(ctx, log, work, &under)
	under.Wait()
	return more && !r.failed.Load(), err
}

// start begins to deliver what is due, a batch of each kind at most, and reports whether more may be waiting.
func (r *Runner) start(ctx context.Context, log *slog.Logger, work []Work, under *sync.WaitGroup) (more bool, err error) {
	for _, kind := range work {
		ids, err := kind.Due(ctx, batch)
		if err != nil {
			return false, err
		}
		for _, id := range ids {
			select {
			case r.slots <- struct{}{}:
			case <-ctx.Done():
				return false, ctx.Err()
			}
			under.Go(func() {
				defer func() { <-r.slots }()
				err := kind.Deliver(ctx, id)
				if err == nil {
					return
				}
				r.failed.Store(true)
				if ctx.Err() == nil {
					log.Error("notices: delivery interrupted, trying again", "id", id, "error", err)
				}
			})
		}
		more = more || len(ids) == batch
	}
	return more, nil
}
