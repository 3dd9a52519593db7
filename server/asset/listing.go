package asset

import (
	"context"
	"sync"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Events of the notices in tags, for the webhooks of controllers. A tag that was replaced or retired is told as blocked.
const (
	TagBlocked     outbox.Event = "tag.blocked"
	TagReactivated outbox.Event = "tag.reactivated"
)

// listing is what putting a tag on the access list needs beside the tag. It is read before the write of the tag, which is pure. A
// controller that comes in between gets the tag with its list; the notices are there to make it quick.
type listing struct {
	at      store.Time
	notices []outbox.Notice // one for each webhook, without its event
}

// listing prepares a step of the viewer's that may change what doors make of a tag.
func (s *Service) listing(ctx context.Context, v identity.Viewer, t *Tag) (listing, error) {
	l := listing{at: store.At(s.now())}
	if t.Kind != AccessTag {
		return l, nil
	}
	controllers, err := s.people.ControllersFor(ctx, t.Provider, t.Customer)
	if err != nil {
		return listing{}, err
	}
	for _, c := range controllers {
		if c.Webhook == "" {
			continue
		}
		id, err := store.NewID(s.random)
		if err != nil {
			return listing{}, err
		}
		l.notices = append(l.notices, outbox.Notice{ID: id, To: c.ID, By: v.User, At: l.at})
	}
	return l, nil
}

// list puts the tag on the access list if doors have to treat it otherwise than before; each step of an access tag that may end in another
// answer of [Tag.Refused] calls it last, inside its write. A blocked tag that is retired stays on the list as it is.
func (t *Tag) list(l listing) {
	if t.Refused() != t.Barred {
		t.relist(l)
	}
}

// relist puts an access tag on the list again, for a change of its readings while doors refuse it.
func (t *Tag) relist(l listing) {
	t.Listed, t.ListedAt, t.Barred = listPending, l.at, t.Refused()
	t.Change++
	event := TagReactivated
	if t.Barred {
		event = TagBlocked
	}
	for _, n := range l.notices {
		n.Event = event
		t.Add(n)
	}
}

// listed tells those who wait that there is something new; to be called after each commit with a [Tag.list] in it.
func (s *Service) listed() {
	s.changed.tell()
	s.wake()
}

// TagOutbox is the worker's view of the notices to controllers.
func (s *Service) TagOutbox() outbox.Queue[Tag] {
	return outbox.Queue[Tag]{Docs: s.tags, Box: func(t *Tag) *outbox.Box { return &t.Box }}
}

// broadcast wakes all who wait for a change of the access list in this process.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{}
}

// next is closed by the next [broadcast.tell]; ask for it before looking at what may change.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) tell() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
