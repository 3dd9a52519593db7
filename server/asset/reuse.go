package asset

import (
	"context"
	"errors"
	"slices"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// A number may come on record again after its tag was retired or replaced: the fob itself came back, and is enrolled as a fresh tag. Doors
// know numbers, not tags, so the refusal of the ended one has to go then. Except for a tag that was blocked when it ended: letting its
// number pass again would be a reactivation without reason and proof (SEC-8).

// ended are the access tags of a provider that were retired or replaced and that doors refuse by one of the readings.
func (s *Service) ended(ctx context.Context, provider string, readings []string) ([]*Tag, error) {
	var found []*Tag
	read := 0
	for _, key := range (search{providers: []string{provider}}).keys(tagging.Reading{Candidates: readings}) {
		err := s.tags.Each(ctx, store.Query{Index: "key", Eq: []any{key}}, func(it store.Item[Tag]) error {
			if read++; read > maxMatchReads {
				return errEnough
			}
			t := it.Value
			known := slices.ContainsFunc(found, func(f *Tag) bool { return f.ID == t.ID })
			if !known && t.Provider == provider && t.Gone() && t.Refused() && bitsOf(readings, t.Readings) >= leastUnique {
				found = append(found, t)
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// endedBlocked reports whether the tag was blocked when it was retired or replaced.
func (t *Tag) endedBlocked() bool {
	blocked := false
	for _, e := range t.History {
		switch e.Step {
		case tagging.Block:
			blocked = true
		case tagging.Reactivate:
			blocked = false
		}
	}
	return t.Gone() && blocked
}

// reusable returns a *FitsError, which no confirmation lifts, if a number is that of a tag that was blocked when it ended; else whether it
// is that of another one that ended, see [Service.reuse].
func (s *Service) reusable(ctx context.Context, v identity.Viewer, n number) (again bool, err error) {
	tags, err := s.ended(ctx, v.Provider, n.reading.Candidates)
	if err != nil {
		return false, err
	}
	m := NumberMatch{Reading: n.reading, Decision: tagging.DecideAsk}
	for _, t := range tags {
		if t.endedBlocked() {
			m.Tags = append(m.Tags, TagView{Tag: t, May: allTagRights})
		}
	}
	if len(m.Tags) > 0 {
		return false, &FitsError{m}
	}
	return len(tags) > 0, nil
}

// reuse ends the refusal of the tags that had the number of a fresh one before. It comes after the fresh one is stored: until then, and
// after a crash in between, doors rather refuse a tag in order. Whoever issues the tag repeats it.
func (s *Service) reuse(ctx context.Context, v identity.Viewer, fresh *Tag) error {
	tags, err := s.ended(ctx, fresh.Provider, fresh.Readings)
	if err != nil {
		return err
	}
	for _, t := range tags {
		if t.endedBlocked() {
			continue
		}
		l, err := s.listing(ctx, v, t)
		if err != nil {
			return err
		}
		_, err = s.tags.Update(ctx, t.ID, func(t *Tag) error {
			t.Reused = fresh.ID
			t.list(l)
			return nil
		})
		if err != nil {
			return err
		}
		s.listed()
	}
	return nil
}
