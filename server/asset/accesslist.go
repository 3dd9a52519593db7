package asset

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// accessHead is the last version given out for a provider's access list.
type accessHead struct {
	Version int64 `json:"version"`
}

// AccessList is what a controller has to know: which tags to refuse. Versions rise; a list from 0 holds the refused tags
// only, one from a later version each tag that changed since, refused or not.
type AccessList struct {
	Version int64 // ask from here next; the version that entries up to here make
	More    bool  // the list goes on at Version
	Entries []AccessEntry
}

// AccessEntry is one tag of an access list.
type AccessEntry struct {
	Tag      string
	Blocked  bool     // refuse it
	Readings []string // what a reader may say of the tag, see standards.md 2.1
	Changed  store.Time
	Version  int64
}

// ErrVersion says that a controller names a version of its access list that was never given out: it has to ask for the whole list, from 0.
var ErrVersion = errors.New("asset: no such version of the access list")

// MaxAccessEntries is the most entries of one answer.
const MaxAccessEntries = 1000

const (
	// mostExamined bounds the tags that are read for one answer, most of which may be let pass again by now.
	mostExamined = 20_000
	// sequencedAtOnce is how many changes get their versions together.
	sequencedAtOnce = 100
	// lookEvery is how often one who waits looks for changes of other instances, and whether it still may (SEC-20).
	lookEvery = time.Second
)

// AccessList answers a controller's question for what changed since a version; 0 asks for the whole list. The controller gets its
// own provider's tags only, and of one customer if it belongs to one (SEC-10). Tags that it could not change come again with each answer
// until they work. Errors are ErrVersion, ErrNotAllowed for others than controllers, and identity.ErrSignedOut for one that was
// ended.
func (s *Service) AccessList(ctx context.Context, v identity.Viewer, since int64) (AccessList, error) {
	c, err := s.controller(ctx, v)
	if err != nil {
		return AccessList{}, err
	}
	list, err := s.changes(ctx, c, since)
	if err != nil {
		return AccessList{}, err
	}
	door, err := s.door(ctx, c)
	if err != nil {
		return AccessList{}, err
	}
	again, err := s.failedAgain(ctx, c, door, since)
	if err != nil {
		return AccessList{}, err
	}
	list.Entries = append(again, list.Entries...)
	return list, s.handOut(ctx, c, door, list, since)
}

// AwaitAccessList waits until there is a change since a version, or ctx ends; then it answers like AccessList. The controller is asked
// for again each second, so that the wait ends with it (SEC-20).
func (s *Service) AwaitAccessList(ctx context.Context, v identity.Viewer, since int64) (AccessList, error) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		told := s.changed.next()
		c, err := s.controller(ctx, v)
		if err == nil {
			var list AccessList
			if list, err = s.changes(ctx, c, since); err == nil && (len(list.Entries) > 0 || list.More) {
				break
			}
		}
		if err != nil && ctx.Err() == nil {
			return AccessList{}, err
		}
		select {
		case <-told:
			continue
		case <-look.C:
			continue
		case <-ctx.Done():
		}
		break
	}
	// What ctx ended was the wait, not the answer.
	answer, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
	defer cancel()
	return s.AccessList(answer, v, since)
}

// answerWithin is the time for the answer after a wait.
const answerWithin = 5 * time.Second

// EntryFor is the entry of one tag for an active controller, as it stands on the list now, for the webhook that tells of it; ErrNotFound
// for a tag that does not concern the controller or was never listed (SEC-21).
func (s *Service) EntryFor(ctx context.Context, controller, tag string) (AccessEntry, error) {
	c, err := s.people.ActiveController(ctx, controller)
	if err != nil {
		return AccessEntry{}, notFound(err)
	}
	for {
		if _, err := s.sequence(ctx, c.Provider); err != nil {
			return AccessEntry{}, err
		}
		t, err := s.tags.Get(ctx, tag)
		if err != nil {
			return AccessEntry{}, notFound(err)
		}
		if t.Kind != AccessTag || t.Listed == 0 || !c.Covers(t.Provider, t.Customer) {
			return AccessEntry{}, ErrNotFound
		}
		if t.Listed != listPending {
			return t.entry(), nil
		}
	}
}

func (t *Tag) entry() AccessEntry {
	return AccessEntry{Tag: t.ID, Blocked: t.Barred, Readings: t.Readings, Changed: t.ListedAt, Version: t.Listed}
}

// controller returns the active controller that asks.
func (s *Service) controller(ctx context.Context, v identity.Viewer) (identity.Controller, error) {
	if v.Kind != identity.DoorController {
		return identity.Controller{}, ErrNotAllowed
	}
	c, err := s.people.ActiveController(ctx, v.User)
	if errors.Is(err, store.ErrNotFound) {
		err = identity.ErrSignedOut
	}
	return c, err
}

// changes lists the entries of a controller after a version, complete up to the version of the answer.
func (s *Service) changes(ctx context.Context, c identity.Controller, since int64) (AccessList, error) {
	head, err := s.sequence(ctx, c.Provider)
	if err != nil {
		return AccessList{}, err
	}
	if since < 0 || since > head {
		return AccessList{}, ErrVersion
	}
	list := AccessList{Version: head}
	examined := 0
	err = s.tags.Each(ctx, listQuery(c, since, head), func(it store.Item[Tag]) error {
		if since > 0 || it.Value.Barred {
			list.Entries = append(list.Entries, it.Value.entry())
		}
		if examined++; examined == mostExamined || len(list.Entries) == MaxAccessEntries {
			list.Version, list.More = it.Value.Listed, it.Value.Listed < head
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, err
}

// errEnough ends a walk through a list.
var errEnough = errors.New("asset: enough")

// listQuery asks for the tags of a controller that were listed after one version and up to another, in this order.
func listQuery(c identity.Controller, after, to int64) store.Query {
	q := store.Query{Index: "listed", Eq: []any{c.Provider}, Lo: after + 1, Hi: to}
	if c.Customer != "" {
		q.Index, q.Eq = "customer_listed", []any{c.Provider, c.Customer}
	}
	return q
}

// sequence gives each pending change of a provider a version, and returns one up to which the list is complete: no entry with it or
// a lower one will come.
//
// A version is drawn from the head for a change that was seen pending, and written only while that change still is (Tag.Change tells it from
// a later one of the same tag). So if none is pending after the head was read, all versions up to it are written, or will never
// be: their change was given another one, or has gone by. Whoever reads the list does this, therefore it takes no particular
// process to live, and one that dies on the way leaves unused versions at most.
func (s *Service) sequence(ctx context.Context, provider string) (int64, error) {
	ctx = store.Essential(ctx)
	for {
		pending, err := s.pending(ctx, provider, 1)
		if err == nil && len(pending) > 0 {
			err = s.giveVersions(ctx, provider)
		}
		if err != nil {
			return 0, err
		}
		head, err := s.heads.Get(ctx, provider)
		if errors.Is(err, store.ErrNotFound) {
			head, err = &accessHead{}, nil
		}
		if err != nil {
			return 0, err
		}
		version := head.Version
		if pending, err = s.pending(ctx, provider, 1); err != nil {
			return 0, err
		}
		if len(pending) == 0 {
			return version, nil
		}
	}
}

func (s *Service) pending(ctx context.Context, provider string, limit int) ([]store.Item[Tag], error) {
	items, _, err := s.tags.Find(ctx, store.Query{Index: "listed", Eq: []any{provider, int64(listPending)}, Limit: limit})
	return items, err
}

// giveVersions works on the pending changes of a provider; in this process one at a time does, and the others find it done.
func (s *Service) giveVersions(ctx context.Context, provider string) error {
	select {
	case s.sequencing <- struct{}{}:
		defer func() { <-s.sequencing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	pending, err := s.pending(ctx, provider, sequencedAtOnce)
	if err != nil || len(pending) == 0 {
		return err
	}
	last, err := s.drawVersions(ctx, provider, int64(len(pending)))
	if err != nil {
		return err
	}
	giving, ctx := errgroup.WithContext(ctx)
	giving.SetLimit(writesAtOnce)
	for i, it := range pending {
		version, seen := last-int64(len(pending)-1-i), it.Value.Change
		giving.Go(func() error {
			_, err := s.tags.Update(ctx, it.ID, func(t *Tag) error {
				if t.Listed == listPending && t.Change == seen {
					t.Listed = version
				}
				return nil
			})
			return err
		})
	}
	return giving.Wait()
}

// drawVersions takes the next n versions of a provider and returns the last of them.
func (s *Service) drawVersions(ctx context.Context, provider string, n int64) (int64, error) {
	for {
		head, err := s.heads.Update(ctx, provider, func(h *accessHead) error { h.Version += n; return nil })
		if err == nil {
			return head.Version, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return 0, err
		}
		err = s.heads.Insert(ctx, provider, &accessHead{Version: n})
		if err == nil {
			return n, nil
		}
		if !store.IsDuplicate(err, "id") {
			return 0, err
		}
	}
}
