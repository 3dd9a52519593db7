package asset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// SeenStep is how exactly it is kept when a tag was last seen: a tag that passes doors all day is written once in this time.
const SeenStep = time.Hour

// NoteSeen notes when tags, by id, were last seen. Times that are no [SeenStep] later than the noted one change nothing, and neither
// do ids without a tag. It leaves a tag alone that somebody else writes at the same time; the next sight of it is noted.
func (s *Service) NoteSeen(ctx context.Context, at map[string]time.Time) error {
	var refs []store.Ref
	for id := range at {
		refs = append(refs, s.tags.Ref(id))
	}
	for batch := range slices.Chunk(refs, store.MaxPage) {
		docs, err := s.engine.GetMany(ctx, batch)
		if err != nil {
			return err
		}
		var ops []store.Op
		for i, doc := range docs {
			if doc.Ver == 0 {
				continue
			}
			t, err := s.tags.Decode(doc)
			if err != nil {
				return err
			}
			seen := at[batch[i].ID]
			if seen.Sub(t.Seen.Time) < SeenStep {
				continue
			}
			changed := *t
			changed.Seen = store.At(seen)
			body, err := json.Marshal(&changed)
			if err != nil {
				return fmt.Errorf("asset: tag %s: %w", doc.ID, err)
			}
			ops = append(ops, store.Op{Kind: store.OpReplace, Collection: batch[i].Collection, ID: doc.ID, Ver: doc.Ver, Body: body})
		}
		if len(ops) == 0 {
			continue
		}
		results, err := s.engine.Batch(ctx, ops)
		if err != nil {
			return err
		}
		for _, err := range results {
			if err != nil && !errors.Is(err, store.ErrStale) && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// Revoked returns those of the codes, each once, whose tags are blocked or replaced. It is for the worker that settles what strangers
// scanned: what it finds is told to staff of the tag's provider and its owner, never to who scanned (SEC-1, SEC-93).
func (s *Service) Revoked(ctx context.Context, codes []tagging.Code) ([]*Tag, error) {
	codes = slices.Compact(slices.Sorted(slices.Values(codes)))
	var out []*Tag
	for batch := range slices.Chunk(codes, store.MaxPage) {
		refs := make([]store.Ref, len(batch))
		for i, code := range batch {
			refs[i] = s.tags.Ref(string(code))
		}
		docs, err := s.engine.GetMany(ctx, refs)
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			if doc.Ver == 0 {
				continue
			}
			t, err := s.tags.Decode(doc)
			if err != nil {
				return nil, err
			}
			if t.State == tagging.Blocked || t.State == tagging.Replaced {
				out = append(out, t)
			}
		}
	}
	return out, nil
}
