package asset

import (
	"context"
	"errors"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// What one account blocks without being asked for proof (SEC-9). Losing fobs is everyday, losing many at once is not.
const (
	blocksAnHour = 10
	// usualShare is the part of a customer's tags on record, one in so many, that an account blocks in a day; a small customer has usualFew
	// at least.
	usualShare = 5
	usualFew   = 2
	// maxRated bounds the record of one account; it is far beyond both limits.
	maxRated = 500
)

// blockRate is what one account blocked in the last 24 hours.
type blockRate struct {
	Blocks []ratedBlock `json:"blocks"`
}

// ratedBlock is one block; Customer is "" for labels.
type ratedBlock struct {
	At       store.Time `json:"at"`
	Customer string     `json:"customer,omitempty"`
}

// forget drops what is older than a day, and what is too much. Times of a clock that was ahead count as now (SEC-88).
func (r *blockRate) forget(now store.Time) {
	kept := make([]ratedBlock, 0, len(r.Blocks)+1)
	for _, b := range r.Blocks {
		if b.At.After(now.Time) {
			b.At = now
		}
		if now.Sub(b.At.Time) < 24*time.Hour {
			kept = append(kept, b)
		}
	}
	r.Blocks = kept[max(0, len(kept)-maxRated+1):]
}

// of counts the blocks of tags of a customer.
func (r *blockRate) of(customer string) int {
	n := 0
	for _, b := range r.Blocks {
		if b.Customer == customer {
			n++
		}
	}
	return n
}

// unusual reports whether one more block would be over a limit; tags is how many the customer has.
func (r *blockRate) unusual(now store.Time, customer string, tags int) bool {
	hour := 0
	for _, b := range r.Blocks {
		if now.Sub(b.At.Time) < time.Hour {
			hour++
		}
	}
	n := r.of(customer) + 1
	return hour >= blocksAnHour || customer != "" && n > usualFew && usualShare*n > tags
}

// countBlock notes that the viewer is about to block a tag, before it is done, so that attempts at the same time are all counted. It
// reports whether that is unusually much; then identity.ErrProofNeeded is the answer without fresh proof, and nothing is counted.
func (s *Service) countBlock(ctx context.Context, v identity.Viewer, t *Tag) (unusual bool, err error) {
	id := v.User
	if id == "" {
		id = "operator~" + v.Provider
	}
	now := store.At(s.now())
	tags, err := s.countTagsFor(ctx, id, t)
	if err != nil {
		return false, err
	}
	for {
		counted, err := s.rate(ctx, id, func(r *blockRate) bool {
			r.forget(now) // stored in any case, so that times of a clock that was ahead do not stay ahead
			if !unusual && r.unusual(now, t.Customer, tags) {
				return false
			}
			r.Blocks = append(r.Blocks, ratedBlock{At: now, Customer: t.Customer})
			return true
		})
		if err != nil || counted {
			return unusual, err
		}
		unusual = true
		if err := s.people.ProvedRecently(ctx, v); err != nil {
			return true, err
		}
	}
}

// rate changes the record of an account, which is made at the first time, and returns what change does.
func (s *Service) rate(ctx context.Context, account string, change func(*blockRate) bool) (counted bool, err error) {
	for {
		_, err := s.blockRates.Update(ctx, account, func(r *blockRate) error { counted = change(r); return nil })
		if !errors.Is(err, store.ErrNotFound) {
			return counted, err
		}
		first := &blockRate{}
		counted = change(first)
		if err := s.blockRates.Insert(ctx, account, first); !store.IsDuplicate(err, "id") {
			return counted, err
		}
	}
}

// countTagsFor counts the tags of the customer of t as far as the share matters. Blocks that race with this one may raise it by no more than
// the limit of an hour, so that nobody is over the share by a count that stopped too early.
func (s *Service) countTagsFor(ctx context.Context, account string, t *Tag) (int, error) {
	if t.Customer == "" {
		return 0, nil
	}
	before, err := s.blockRates.Get(ctx, account)
	if errors.Is(err, store.ErrNotFound) {
		before = &blockRate{}
	} else if err != nil {
		return 0, err
	}
	return s.tags.Count(ctx, store.Query{Index: "customer", Eq: []any{t.Customer, t.Provider}}, usualShare*(before.of(t.Customer)+1+blocksAnHour))
}
