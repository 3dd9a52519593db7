package asset

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Door is how far one controller follows its access list. Its id is that of the identity.Controller.
type Door struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Customer string `json:"customer"`
	// Sent lists the versions that were handed out and not acknowledged yet, and when; Acked is the last acknowledged one.
	Sent    []DoorStep `json:"sent,omitempty"`
	Acked   int64      `json:"acked"`
	AckedAt store.Time `json:"acked_at"`
	// Base is the last acknowledgement of so much at once that the tags do not hold it one by one, such as the first.
	Base DoorBase `json:"base"`
	// Failed are the tags that the controller could not change.
	Failed []DoorFailure `json:"failed,omitempty"`
	Heard  store.Time    `json:"heard"` // last sign of life, exact to a minute
	// Fell is set when the controller shows a version below the one that it had acknowledged: it went back to an old list (SEC-10). It stays
	// until staff acknowledge by hand.
	Fell *DoorFall `json:"fell,omitempty"`
	// Trouble is why its webhook fails, as a stable word; "" if it does not.
	Trouble string `json:"trouble,omitempty"`
}

// DoorStep is a version that was handed to a controller.
type DoorStep struct {
	Version int64      `json:"version"`
	At      store.Time `json:"at"`
}

// DoorBase is an acknowledgement of all tags up to a version.
type DoorBase struct {
	Version int64      `json:"version,omitempty"`
	Sent    store.Time `json:"sent"`
	At      store.Time `json:"at"`
	By      string     `json:"by,omitempty"` // person who acknowledged by hand
}

// DoorFailure is a tag that a controller could not change. Again says that it was handed out once more since then: an acknowledgement that
// does not name it any more means that it works now.
type DoorFailure struct {
	Tag   string `json:"tag"`
	Again bool   `json:"again,omitempty"`
}

// DoorFall is a controller that went back to an older list.
type DoorFall struct {
	From int64      `json:"from"`
	To   int64      `json:"to"`
	At   store.Time `json:"at"`
}

// DoorProgress is a controller with how far it is.
type DoorProgress struct {
	Controller identity.Controller
	Door       Door
	Version    int64 // of the list now
	// Waiting are changes of its own tags that it has not acknowledged, at most [MaxWaiting].
	Waiting int
	// Silent says that a controller with a connector was not heard of for [SilentAfter].
	Silent bool
}

// Behind reports whether the controller is not up to date, or cannot be trusted to be.
func (p DoorProgress) Behind() bool { return p.Waiting > 0 || p.Door.Fell != nil }

const (
	// SilentAfter is how long a connector may be silent; they ask about every half minute.
	SilentAfter = 15 * time.Minute
	// MaxWaiting is how many waiting tags of a controller are counted and listed.
	MaxWaiting = 200
	// maxSent bounds the versions that wait for an acknowledgement; the oldest go first, whose tags then count as sent with the next.
	maxSent = 100
	// maxWord bounds what controllers say in their own words, in characters.
	maxWord = 200
)

// Doors lists the controllers of the viewer's provider to its staff with how far they are, those not up to date first, then those that are
// silent.
func (s *Service) Doors(ctx context.Context, v identity.Viewer) ([]DoorProgress, error) {
	if !v.ActsAsStaff() {
		return nil, ErrNotAllowed
	}
	controllers, err := s.people.Controllers(ctx, v)
	if err != nil {
		return nil, err
	}
	head, err := s.sequence(ctx, v.Provider)
	if err != nil {
		return nil, err
	}
	list := make([]DoorProgress, len(controllers))
	for i, c := range controllers {
		if list[i], err = s.progress(ctx, c, head); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(list, func(a, b DoorProgress) int {
		return cmp.Or(falseLast(a.Behind(), b.Behind()), falseLast(a.Silent, b.Silent), cmp.Compare(a.Controller.Name, b.Controller.Name))
	})
	return list, nil
}

// Door is how far one active controller of the viewer's provider is, to its staff; else ErrNotFound.
func (s *Service) Door(ctx context.Context, v identity.Viewer, id string) (DoorProgress, error) {
	c, err := s.staffController(ctx, v, id)
	if err == nil && !c.Active {
		err = ErrNotFound
	}
	if err != nil {
		return DoorProgress{}, err
	}
	head, err := s.sequence(ctx, c.Provider)
	if err != nil {
		return DoorProgress{}, err
	}
	return s.progress(ctx, c, head)
}

// progress is how far a controller is on the list up to head.
func (s *Service) progress(ctx context.Context, c identity.Controller, head int64) (p DoorProgress, err error) {
	p.Controller, p.Version = c, head
	if p.Door, err = s.door(ctx, c); err != nil {
		return DoorProgress{}, err
	}
	if p.Waiting, err = s.countWaiting(ctx, c, p.Door, head); err != nil {
		return DoorProgress{}, err
	}
	p.Silent = !c.Manual && s.now().Sub(latest(p.Door.Heard, c.Created).Time) >= SilentAfter
	return p, nil
}

func falseLast(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func latest(a, b store.Time) store.Time {
	if a.After(b.Time) {
		return a
	}
	return b
}

// WaitingTags lists the tags whose change a controller has not acknowledged, or could not make, to staff of its provider; at most [MaxWaiting].
func (s *Service) WaitingTags(ctx context.Context, v identity.Viewer, controller string) ([]*Tag, error) {
	c, err := s.staffController(ctx, v, controller)
	if err != nil {
		return nil, err
	}
	head, err := s.sequence(ctx, c.Provider)
	if err != nil {
		return nil, err
	}
	door, err := s.door(ctx, c)
	if err != nil {
		return nil, err
	}
	return s.waiting(ctx, c, door, head)
}

func (s *Service) staffController(ctx context.Context, v identity.Viewer, id string) (identity.Controller, error) {
	if !v.ActsAsStaff() {
		return identity.Controller{}, ErrNotAllowed
	}
	c, err := s.people.Controller(ctx, v, id)
	return c, notFound(err)
}

// waiting lists the tags that a controller failed to change, and those after its last acknowledgement. One that never acknowledged anything
// only has to know of those that are refused.
func (s *Service) waiting(ctx context.Context, c identity.Controller, d Door, head int64) ([]*Tag, error) {
	var list []*Tag
	for _, f := range d.Failed {
		t, err := s.tags.Get(ctx, f.Tag)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err == nil && t.Listed > 0 && t.Listed <= d.Acked && len(list) < MaxWaiting {
			list = append(list, t)
		}
	}
	examined := 0
	err := s.tags.Each(ctx, listQuery(c, d.Acked, head), func(it store.Item[Tag]) error {
		if examined++; examined > mostExamined || len(list) >= MaxWaiting {
			return errEnough
		}
		if d.Acked > 0 || it.Value.Barred {
			list = append(list, it.Value)
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, err
}

func (s *Service) countWaiting(ctx context.Context, c identity.Controller, d Door, head int64) (int, error) {
	if d.Acked == 0 || len(d.Failed) > 0 {
		list, err := s.waiting(ctx, c, d, head)
		return len(list), err
	}
	return s.tags.Count(ctx, listQuery(c, d.Acked, head), MaxWaiting)
}

// door returns how far a controller is; one that was never heard of is at the beginning.
func (s *Service) door(ctx context.Context, c identity.Controller) (Door, error) {
	d, err := s.doors.Get(ctx, c.ID)
	if errors.Is(err, store.ErrNotFound) {
		return Door{ID: c.ID, Provider: c.Provider, Customer: c.Customer}, nil
	}
	if err != nil {
		return Door{}, err
	}
	return *d, nil
}

// changeDoor changes the record of a controller, which is made at the first time.
func (s *Service) changeDoor(ctx context.Context, c identity.Controller, change func(*Door) error) error {
	ctx = store.Essential(ctx)
	for {
		_, err := s.doors.Update(ctx, c.ID, change)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		d := &Door{ID: c.ID, Provider: c.Provider, Customer: c.Customer}
		if err := change(d); err != nil {
			return err
		}
		if err := s.doors.Insert(ctx, c.ID, d); !store.IsDuplicate(err, "id") {
			return err
		}
	}
}

// hear notes a sign of life, once a minute.
func (d *Door) hear(now store.Time) {
	if age := now.Sub(d.Heard.Time); age >= time.Minute || age < 0 {
		d.Heard = now
	}
}

// NoteHeard notes a sign of life of a controller that comes by another way than its access list.
func (s *Service) NoteHeard(ctx context.Context, v identity.Viewer) error {
	c, err := s.controller(ctx, v)
	if err != nil {
		return err
	}
	now := store.At(s.now())
	return s.changeDoor(ctx, c, func(d *Door) error { d.hear(now); return nil })
}

// NoteTrouble notes why the webhook of a controller fails, as a stable word, or by "" that it works.
func (s *Service) NoteTrouble(ctx context.Context, controller, word string) error {
	c, err := s.people.ActiveController(ctx, controller)
	if err != nil {
		return notFound(err)
	}
	return s.changeDoor(ctx, c, func(d *Door) error { d.Trouble = word; return nil })
}

// failedAgain are the entries of the tags that a controller failed to change, where the list since a version does not hold them anyway.
func (s *Service) failedAgain(ctx context.Context, c identity.Controller, d Door, since int64) ([]AccessEntry, error) {
	var entries []AccessEntry
	for _, f := range d.Failed {
		t, err := s.tags.Get(ctx, f.Tag)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err == nil && c.Covers(t.Provider, t.Customer) && t.Listed > 0 && t.Listed <= since {
			entries = append(entries, t.entry())
		}
	}
	return entries, nil
}

// handOut notes what a controller is about to get. A question that brings nothing new writes once a minute.
func (s *Service) handOut(ctx context.Context, c identity.Controller, before Door, list AccessList, since int64) error {
	now := store.At(s.now())
	change := func(d *Door) error {
		d.hear(now)
		for i := range d.Failed {
			named := slices.ContainsFunc(list.Entries, func(e AccessEntry) bool { return e.Tag == d.Failed[i].Tag })
			// A whole list takes the place of what the controller held, a failed tag that is not on it too.
			d.Failed[i].Again = d.Failed[i].Again || named || since == 0 && !list.More
		}
		if last := len(d.Sent) - 1; len(list.Entries) > 0 && list.Version > d.Acked && (last < 0 || d.Sent[last].Version < list.Version) {
			d.Sent = append(d.Sent, DoorStep{Version: list.Version, At: now})
			d.Sent = d.Sent[max(0, len(d.Sent)-maxSent):]
		}
		return nil
	}
	trial := before
	trial.Failed, trial.Sent = slices.Clone(before.Failed), slices.Clone(before.Sent)
	if err := change(&trial); err != nil {
		return err
	}
	if trial.Heard == before.Heard && slices.Equal(trial.Sent, before.Sent) && slices.Equal(trial.Failed, before.Failed) {
		return nil
	}
	return s.changeDoor(ctx, c, change)
}
