package asset

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// ErrKeyReused says that an Idempotency-Key came again with another order (SEC-86).
var ErrKeyReused = errors.New("asset: idempotency key used for another order")

// mintOrder remembers which labels, or which access tag, were made under an Idempotency-Key. It is stored before them: whoever repeats
// the order, after a crash too, completes the same ones and makes no others.
type mintOrder struct {
	Codes   []tagging.Code `json:"codes"`
	Content string         `json:"content,omitempty"` // hash of an enrolment; "" for blank labels, which are told by their number
	At      store.Time     `json:"at"`
}

// Mint makes n new blank labels of the viewer's provider, to be bound by scanning later.
func (s *Service) Mint(ctx context.Context, v identity.Viewer, n int) ([]PrintLabel, error) {
	codes, err := s.newCodes(v, n)
	if err != nil {
		return nil, err
	}
	now := store.At(s.now())
	ids := make([]string, n)
	docs := make([]*Tag, n)
	for i, code := range codes {
		ids[i], docs[i] = string(code), newLabel(v, code, now)
	}
	// A collision of 60 random bits would fail the whole order, loudly, rather than ever give one code twice.
	if err := s.tags.InsertAll(ctx, ids, docs); err != nil {
		return nil, err
	}
	return blank(codes), nil
}

// MintOnce is [Service.Mint] for a client that may repeat itself: the same order under the same key makes its labels once, another
// number under the same key is ErrKeyReused. Keys of different people do not meet.
func (s *Service) MintOnce(ctx context.Context, v identity.Viewer, key string, n int) ([]PrintLabel, error) {
	if key == "" {
		return s.Mint(ctx, v, n)
	}
	codes, err := s.newCodes(v, n)
	if err != nil {
		return nil, err
	}
	if len(key) > identity.MaxKey {
		return nil, ErrKeyReused
	}
	id := v.StoredKey(key)
	order := &mintOrder{Codes: codes, At: store.At(s.now())}
	if err := s.mintOrders.Insert(ctx, id, order); store.IsDuplicate(err, "id") {
		if order, err = s.mintOrders.Get(ctx, id); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	if len(order.Codes) != n || order.Content != "" {
		return nil, ErrKeyReused
	}
	minting, ctx := errgroup.WithContext(ctx)
	minting.SetLimit(writesAtOnce)
	for _, code := range order.Codes {
		minting.Go(func() error {
			err := s.tags.Insert(ctx, string(code), newLabel(v, code, order.At))
			if store.IsDuplicate(err, "id") {
				return nil
			}
			return err
		})
	}
	return blank(order.Codes), minting.Wait()
}

// newCodes draws the codes of an order of blank labels.
func (s *Service) newCodes(v identity.Viewer, n int) ([]tagging.Code, error) {
	if !v.ActsAsStaff() {
		return nil, ErrNotAllowed
	}
	if n < 1 || n > MaxLabels {
		return nil, ErrTooMany
	}
	codes := make([]tagging.Code, n)
	for i := range codes {
		code, err := tagging.NewCode(s.random)
		if err != nil {
			return nil, fmt.Errorf("asset: mint: %w", err)
		}
		codes[i] = code
	}
	return codes, nil
}

func blank(codes []tagging.Code) []PrintLabel {
	out := make([]PrintLabel, len(codes))
	for i, code := range codes {
		out[i].Code = code
	}
	return out
}
