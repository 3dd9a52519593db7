package asset

import (
	"context"
	"errors"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// Replace puts the tag "with" in the place of another: what that one was bound or issued to passes over, and it is revoked. With is a
// blank label, or a fob of the same customer from the drawer; an empty one mints a new label, and is a *FieldError for fobs.
// Repeating a replacement changes nothing; one by another tag is ErrBound.
//
// The old tag first names its successor, then the new one is bound, then the old one is revoked. Whoever repeats the call, after a
// crash too, goes on from there and makes no second successor.
func (s *Service) Replace(ctx context.Context, v identity.Viewer, id, with, note string) (old, fresh *Tag, err error) {
	note, err = line("note", note, MaxNote)
	if err != nil {
		return nil, nil, err
	}
	if old, err = s.staffTag(ctx, v, tagging.Code(id)); err != nil {
		return nil, nil, err
	}
	if with, err = s.successor(ctx, v, old, with); err != nil {
		return nil, nil, err
	}
	if old, err = s.nameSuccessor(ctx, v, id, with); err != nil {
		return nil, nil, err
	}
	if fresh, err = s.succeed(ctx, v, old, with); err != nil {
		// Of any other error nobody knows whether the new tag was bound.
		if errors.Is(err, ErrBound) || errors.Is(err, ErrNotFound) || errors.As(err, new(*tagging.StepError)) {
			s.forgetSuccessor(ctx, v, id, with)
		}
		return nil, nil, err
	}
	old, err = s.change(ctx, v, id, func(t *Tag, now store.Time) error {
		if t.State == tagging.Replaced && t.ReplacedBy == with {
			return nil
		}
		if t.ReplacedBy != with {
			return ErrBound
		}
		return t.step(tagging.Replace, v, now, note)
	})
	return old, fresh, err
}

// successor checks who is to follow the old tag, or draws the code of a new label.
func (s *Service) successor(ctx context.Context, v identity.Viewer, old *Tag, with string) (string, error) {
	if old.ReplacedBy != "" {
		if with != "" && with != old.ReplacedBy {
			return "", ErrBound
		}
		return old.ReplacedBy, nil
	}
	if _, err := tagging.Next(old.State, tagging.Replace); err != nil {
		return "", err
	}
	if with == "" {
		if old.Kind != Label {
			return "", &FieldError{"with", Missing}
		}
		code, err := tagging.NewCode(s.random)
		return string(code), err
	}
	t, err := s.staffTag(ctx, v, tagging.Code(with))
	if err != nil {
		return "", err
	}
	return with, t.follows(old)
}

// follows returns nil if the tag is free to take the place of another.
func (t *Tag) follows(old *Tag) error {
	switch {
	case t.Kind != old.Kind || t.Customer != old.Customer:
		return ErrNotFound
	case t.ID == old.ID || t.State != tagging.Minted && t.State != tagging.Printed:
		return ErrBound
	}
	return nil
}

func (s *Service) nameSuccessor(ctx context.Context, v identity.Viewer, id, with string) (*Tag, error) {
	return s.change(ctx, v, id, func(t *Tag, _ store.Time) error {
		if t.ReplacedBy == with {
			return nil
		}
		if t.ReplacedBy != "" {
			return ErrBound
		}
		if _, err := tagging.Next(t.State, tagging.Replace); err != nil {
			return err
		}
		t.ReplacedBy = with
		return nil
	})
}

// forgetSuccessor lets another tag follow, after the one named could not.
func (s *Service) forgetSuccessor(ctx context.Context, v identity.Viewer, id, with string) {
	// Without it the next call names the same successor again, and is told the same.
	_, _ = s.change(ctx, v, id, func(t *Tag, _ store.Time) error {
		if t.ReplacedBy == with && t.State != tagging.Replaced {
			t.ReplacedBy = ""
		}
		return nil
	})
}

// succeed gives the new tag what the old one was bound or issued to.
func (s *Service) succeed(ctx context.Context, v identity.Viewer, old *Tag, with string) (*Tag, error) {
	take := func(t *Tag, now store.Time) error {
		if t.Replaces == old.ID {
			return nil
		}
		if err := t.follows(old); err != nil {
			return err
		}
		t.Replaces, t.Expires = old.ID, old.Expires
		if old.Kind == AccessTag {
			if old.Holder == nil {
				return nil // lost from the drawer; the new one lies there
			}
			h := *old.Holder
			h.Issued = now
			return t.issue(v, h, now)
		}
		t.Component = old.Component
		if t.Component == "" {
			return nil
		}
		return t.step(tagging.Bind, v, now, "")
	}
	t, err := s.change(ctx, v, with, take)
	if !errors.Is(err, ErrNotFound) || old.Kind != Label {
		return t, err
	}
	now := store.At(s.now())
	t = newLabel(v, tagging.Code(with), now)
	if err := take(t, now); err != nil {
		return nil, err
	}
	t.reindex()
	if err := s.tags.Insert(ctx, t.ID, t); store.IsDuplicate(err, "id") {
		return s.change(ctx, v, with, take)
	} else if err != nil {
		return nil, err
	}
	return t, nil
}
