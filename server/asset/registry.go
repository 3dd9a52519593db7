package asset

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// Enrolment is a fob or card that becomes known.
type Enrolment struct {
	Number   string // in any form
	Hint     string // kind of reader, one of [Hints], or ""
	Customer string
	Holder   *Holder // nil: goes into the drawer
	Expires  Day     // last day on which it is valid; "" for none
	Note     string
	// Confirm says that the enroller has seen a [FitsError] and means another tag all the same.
	Confirm bool
	Key     string // Idempotency-Key, "" for none
}

// FitsError says that a number fits tags on record already. Blocking by an ambiguous number and enrolling one that fits are
// refused with the list (standards.md 2.6).
type FitsError struct{ Match NumberMatch }

// Error says that the number fits.
func (e *FitsError) Error() string { return "asset: number fits tags on record" }

// ReadNumber is the step in the history of a tag at which a number was added.
const ReadNumber tagging.Step = "read"

// Enrol makes a fob or card of a customer known; staff of the provider only, and the provider must serve the customer. A random or
// truncated number is a *ReadingError, one that fits a tag on record a *FitsError until confirmed, and one that fits a tag that was
// blocked when it was retired or replaced always. Of several who enrol one number at once, one wins.
// The same enrolment under the same key makes one tag; another one under the key is ErrKeyReused.
func (s *Service) Enrol(ctx context.Context, v identity.Viewer, e Enrolment) (*Tag, error) {
	if err := s.serves(ctx, v, e.Customer); err != nil {
		return nil, err
	}
	n, err := readNumber(e.Number, e.Hint, s.own)
	if err != nil {
		return nil, err
	}
	t, err := s.newAccessTag(v, n, e)
	if err != nil {
		return nil, err
	}
	if t.Expires.Before(s.now()) {
		return nil, &FieldError{"expires", OutOfRange}
	}
	err = s.alone(ctx, v.Provider, func(ctx context.Context) error {
		made, err := s.enrolledBefore(ctx, v, e, t)
		if made != nil || err != nil {
			t = made
			return err
		}
		if !e.Confirm {
			if err := s.collides(ctx, v, n, ""); err != nil {
				return err
			}
		}
		again, err := s.reusable(ctx, v, n)
		if err != nil {
			return err
		}
		if err := s.tags.Insert(ctx, t.ID, t); err != nil || !again {
			return err
		}
		return s.reuse(ctx, v, t)
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// serves returns nil for staff of a provider that serves the customer, ErrNotAllowed for others than staff, else ErrNotFound.
func (s *Service) serves(ctx context.Context, v identity.Viewer, customer string) error {
	if !v.ActsAsStaff() || v.Provider == "" {
		return ErrNotAllowed
	}
	_, err := s.people.Customer(ctx, v, customer)
	return notFound(err)
}

// newAccessTag makes the document of an enrolment; its customer was checked.
func (s *Service) newAccessTag(v identity.Viewer, n number, e Enrolment) (*Tag, error) {
	now := store.At(s.now())
	note, err := line("note", e.Note, MaxNote)
	if err != nil {
		return nil, err
	}
	code, err := tagging.NewCode(s.random)
	if err != nil {
		return nil, err
	}
	t := newTag(code, AccessTag, v.Provider)
	t.Customer, t.Number, t.Hint, t.Readings = e.Customer, n.text, n.hint, n.reading.Candidates
	if t.Expires, err = s.lastMoment(e.Expires); err != nil {
		return nil, err
	}
	t.add(tagging.Mint, v, now, note)
	if e.Holder != nil {
		if err := t.issue(v, *e.Holder, now); err != nil {
			return nil, err
		}
	}
	t.reindex()
	return t, nil
}

// lastMoment is when a tag whose last day is d stops being valid: the midnight after it, in the zone of the installation.
func (s *Service) lastMoment(d Day) (store.Time, error) {
	if d == "" {
		return store.Never, nil
	}
	t := d.Time()
	if t.IsZero() || t.Year() < 2000 || t.Year() > 2200 {
		return store.Time{}, &FieldError{"expires", OutOfRange}
	}
	return store.At(time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, s.zone)), nil
}

// issue gives the tag to a holder.
func (t *Tag) issue(v identity.Viewer, h Holder, now store.Time) error {
	h, err := h.clean(now)
	if err != nil {
		return err
	}
	if t.State, err = tagging.Next(t.State, tagging.Issue); err != nil {
		return err
	}
	t.Holder = &h
	t.add(tagging.Issue, v, now, h.String())
	return nil
}

// collides returns a *FitsError if the number fits a tag on record, but for the one named, or is the code of a tag. Tags that were
// retired or replaced do not count: their numbers may come back.
func (s *Service) collides(ctx context.Context, v identity.Viewer, n number, but string) error {
	if code, ok := tagging.ParseComponent(n.text, s.own).Own(); ok {
		t, err := s.Tag(ctx, v, string(code))
		if err == nil {
			return &FitsError{NumberMatch{Reading: n.reading, Decision: tagging.DecideOne, Tags: []TagView{t}}}
		}
		if !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	m, err := s.match(ctx, v, search{kind: AccessTag, providers: []string{v.Provider}, but: but}, n.reading)
	if err == nil && m.Decision != tagging.DecideNone {
		err = &FitsError{m}
	}
	return err
}

// AddReading adds what a reader says of a known tag: a full reading replaces partial ones that fit it (standards.md 2.6). A number
// that fits another tag is a *FitsError.
func (s *Service) AddReading(ctx context.Context, v identity.Viewer, id, text, hint string) (*Tag, error) {
	if _, err := s.accessTag(ctx, v, id); err != nil {
		return nil, err
	}
	n, err := readNumber(text, hint, s.own)
	if err != nil {
		return nil, err
	}
	var changed *Tag
	err = s.alone(ctx, v.Provider, func(ctx context.Context) error {
		if err := s.collides(ctx, v, n, id); err != nil {
			return err
		}
		if _, err := s.reusable(ctx, v, n); err != nil {
			return err
		}
		changed, err = s.change(ctx, v, id, func(t *Tag, now store.Time) error {
			if t.Kind != AccessTag || t.Gone() {
				return &tagging.StepError{State: t.State, Step: ReadNumber}
			}
			readings := merge(t.Readings, n.reading.Candidates)
			if slices.Equal(readings, t.Readings) {
				return nil
			}
			if len(readings) > maxReadings {
				return &FieldError{"number", TooLong}
			}
			t.Readings = readings
			t.add(ReadNumber, v, now, n.text)
			return nil
		})
		return err
	})
	return changed, err
}

// maxReadings bounds what one tag may be read as; a tag of two technologies has two to eight.
const maxReadings = 20

// Issue gives an access tag to a holder; one that is issued already changes its holder. An empty last day means that it does not
// expire. Repeating it changes nothing.
func (s *Service) Issue(ctx context.Context, v identity.Viewer, id string, h Holder, expires Day) (*Tag, error) {
	until, err := s.lastMoment(expires)
	if err != nil {
		return nil, err
	}
	if until.Before(s.now()) {
		return nil, &FieldError{"expires", OutOfRange}
	}
	t, err := s.changeAccess(ctx, v, id, func(t *Tag, now store.Time) error {
		if t.Holder != nil && t.State == tagging.Bound && t.Expires == until {
			same := h
			same.Issued = t.Holder.Issued
			if same, err := same.clean(now); err == nil && same == *t.Holder {
				return nil
			}
		}
		t.Expires = until
		return t.issue(v, h, now)
	})
	if err != nil {
		return nil, err
	}
	return t, s.reuse(ctx, v, t)
}

// Return takes an access tag back into the drawer; one that lies there already stays as it is.
func (s *Service) Return(ctx context.Context, v identity.Viewer, id, note string) (*Tag, error) {
	note, err := line("note", note, MaxNote)
	if err != nil {
		return nil, err
	}
	return s.changeAccess(ctx, v, id, func(t *Tag, now store.Time) error {
		if t.Holder == nil && (t.State == tagging.Minted || t.State == tagging.Printed) {
			return nil
		}
		var err error
		if t.State, err = tagging.Next(t.State, tagging.Return); err != nil {
			return err
		}
		t.Holder, t.Expires = nil, store.Never
		t.add(tagging.Return, v, now, note)
		return nil
	})
}

// Damage notes that a tag reads badly; it stays in use until it is replaced. Repeating it changes nothing.
func (s *Service) Damage(ctx context.Context, v identity.Viewer, id, note string) (*Tag, error) {
	return s.once(ctx, v, id, tagging.Damage, tagging.Damaged, note)
}

// Retire ends a tag for good; an access tag is refused at doors from then on. Repeating it changes nothing.
func (s *Service) Retire(ctx context.Context, v identity.Viewer, id, note string) (*Tag, error) {
	return s.once(ctx, v, id, tagging.Retire, tagging.Retired, note)
}

// once takes the step that leads to a state, unless the tag is there.
func (s *Service) once(ctx context.Context, v identity.Viewer, id string, step tagging.Step, to tagging.State, note string) (*Tag, error) {
	note, err := line("note", note, MaxNote)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, v, id, func(t *Tag, now store.Time) error {
		if t.State == to {
			return nil
		}
		return t.step(step, v, now, note)
	})
}

// step takes the tag one step on.
func (t *Tag) step(step tagging.Step, v identity.Viewer, now store.Time, note string) error {
	next, err := tagging.Next(t.State, step)
	if err != nil {
		return err
	}
	t.State = next
	t.add(step, v, now, note)
	return nil
}

// change applies a change to a tag of the viewer's provider, else ErrNotFound, and tells doors what it means for them. The change is
// pure; it may run more than once.
func (s *Service) change(ctx context.Context, v identity.Viewer, id string, change func(*Tag, store.Time) error) (*Tag, error) {
	t, err := s.staffTag(ctx, v, tagging.Code(id))
	if err != nil {
		return nil, err
	}
	l, err := s.listing(ctx, v, t)
	if err != nil {
		return nil, err
	}
	t, err = s.tags.Update(ctx, id, func(t *Tag) error {
		before := t.Keys
		if err := change(t, l.at); err != nil {
			return err
		}
		t.reindex()
		t.list(l)
		if t.Barred && !slices.Equal(before, t.Keys) {
			t.relist(l)
		}
		return nil
	})
	if err != nil {
		return nil, notFound(err)
	}
	if t.Kind == AccessTag {
		s.listed()
	}
	return t, nil
}

// changeAccess is change for access tags alone: a label is ErrNotFound.
func (s *Service) changeAccess(ctx context.Context, v identity.Viewer, id string, change func(*Tag, store.Time) error) (*Tag, error) {
	return s.change(ctx, v, id, func(t *Tag, now store.Time) error {
		if t.Kind != AccessTag {
			return ErrNotFound
		}
		return change(t, now)
	})
}

// accessTag returns an access tag of the viewer's own provider.
func (s *Service) accessTag(ctx context.Context, v identity.Viewer, id string) (*Tag, error) {
	t, err := s.staffTag(ctx, v, tagging.Code(id))
	if err == nil && t.Kind != AccessTag {
		return nil, ErrNotFound
	}
	return t, err
}
