package asset

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// enrolledBefore looks up what an enrolment under its Idempotency-Key has made (SEC-86). It is stored before the tag: whoever repeats
// the enrolment, after a crash or a refusal too, gets the tag, or completes the same one, for which t takes the code that was kept. Another
// enrolment under the key is ErrKeyReused; confirming one is not another.
func (s *Service) enrolledBefore(ctx context.Context, v identity.Viewer, e Enrolment, t *Tag) (*Tag, error) {
	if e.Key == "" {
		return nil, nil
	}
	if len(e.Key) > identity.MaxKey {
		return nil, ErrKeyReused
	}
	id := v.StoredKey(e.Key)
	e.Key, e.Confirm = "", false
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	content := v.StoredKey(string(text))
	order := &mintOrder{Codes: []tagging.Code{t.Code()}, Content: content, At: store.At(s.now())}
	err = s.mintOrders.Insert(ctx, id, order)
	if err == nil || !store.IsDuplicate(err, "id") {
		return nil, err
	}
	if order, err = s.mintOrders.Get(ctx, id); err != nil {
		return nil, err
	}
	if order.Content != content || len(order.Codes) != 1 {
		return nil, ErrKeyReused
	}
	t.ID = string(order.Codes[0])
	made, err := s.tags.Get(ctx, t.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err == nil && made.Provider != t.Provider:
		return nil, ErrKeyReused
	}
	return made, err
}
