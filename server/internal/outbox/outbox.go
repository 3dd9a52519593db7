// Package outbox keeps notices inside the documents that they tell of, so that what happened and who has to hear of it are one
// atomic write, and hands them to workers afterwards: at least once, under a stable id by which a receiver drops repeats, one
// worker at a time (SEC-87, SEC-89).
package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Event is what a notice tells of, such as "reported". Message keys are made from it.
type Event string

// Notice is a message about a document that has to reach some people's devices, or one controller.
type Notice struct {
	ID      string     `json:"id"`
	Event   Event      `json:"event"`
	Status  string     `json:"status,omitempty"` // what the event changed to, where that is told
	To      string     `json:"to,omitempty"`     // the one whom it is for; "" for all whom the document's package names
	By      string     `json:"by"`               // who caused it, and is not told
	At      store.Time `json:"at"`
	Next    store.Time `json:"next"` // not to be tried before
	Tries   int        `json:"tries"`
	Sent    []string   `json:"sent,omitempty"`    // marks of the devices that have it, see [Notice.Has]
	Trouble string     `json:"trouble,omitempty"` // stable word for why it still waits
}

// Has reports whether a device has the notice.
func (n Notice) Has(device string) bool { return slices.Contains(n.Sent, mark(device)) }

// mark stands for a device in a notice: 48 bits of its id, so that a company with hundreds of phones fits beside the rest of the document.
func mark(device string) string {
	sum := sha256.Sum256([]byte(device))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// Life is how long delivery is tried before staff see the notice as given up (SEC-87).
const Life = 5 * 24 * time.Hour

// GivenUp is the Next of a notice that nobody tries again; it stays in its document so that staff see it.
var GivenUp = store.Time{Time: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)}

// Bounds of one document.
const (
	most     = 60  // undelivered notices; see [Box.makeRoom]
	mostSent = 400 // devices noted at one notice; see [Queue.Settle]
)

// Box is embedded in each stored document that carries notices. Due is indexed: when the worker has to look next, [store.Never] if
// no notice waits.
type Box struct {
	Notices []Notice   `json:"notices,omitempty"`
	Due     store.Time `json:"notice_due"`
}

// New is the box of a document without notices.
func New() Box { return Box{Due: store.Never} }

// Add puts in a notice that is due at once. A document that was made without [New] is put right.
func (b *Box) Add(n Notice) {
	if len(b.Notices) >= most {
		b.makeRoom()
	}
	n.Next = n.At
	b.Notices = append(b.Notices, n)
	b.schedule()
}

// makeRoom drops the oldest notice that a newer one of the same event for the same receiver stands for: no reader, and no member of
// staff who looks at what is undelivered, misses that something happened, only how often.
func (b *Box) makeRoom() {
	for i, old := range b.Notices {
		if slices.ContainsFunc(b.Notices[i+1:], func(newer Notice) bool { return newer.Event == old.Event && newer.To == old.To }) {
			b.Notices = slices.Delete(b.Notices, i, i+1)
			return
		}
	}
}

// schedule sets Due to the earliest moment at which a notice is to be tried.
func (b *Box) schedule() {
	b.Due = store.Never
	for _, n := range b.Notices {
		if n.Next.Before(b.Due.Time) {
			b.Due = n.Next
		}
	}
}

// Index is the index that a collection of carriers declares.
func Index() store.Index { return store.Index{Name: "notice_due", Fields: []string{"notice_due"}} }

// Queue is the worker's view of the notices of one collection.
type Queue[T any] struct {
	Docs store.Collection[T]
	// Box finds the box in a document.
	Box func(*T) *Box
}

// Claim is a set of notices of one document that one worker delivers until its lease ends.
type Claim[T any] struct {
	ID      string
	Doc     *T
	Notices []Notice
	until   store.Time
}

// Due lists the ids of documents with a notice that is due, the longest waiting first.
func (q Queue[T]) Due(ctx context.Context, now time.Time, limit int) ([]string, error) {
	items, _, err := q.Docs.Find(ctx, store.Query{Index: "notice_due", Hi: store.At(now).Key(), Limit: limit})
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(items))
	for i, it := range items {
		ids[i] = it.ID
	}
	return ids, nil
}

var errNotDue = errors.New("outbox: no notice due")

// Claim takes the due notices of a document for the time of the lease: no other worker is given them until then. It returns
// nil if nothing is due (any more). The lease is written by compare-and-swap, so two workers never both get it.
func (q Queue[T]) Claim(ctx context.Context, id string, now time.Time, lease time.Duration) (*Claim[T], error) {
	var due []Notice
	until := store.At(now.Add(lease))
	doc, err := q.Docs.Update(ctx, id, func(doc *T) error {
		due = nil
		b := q.Box(doc)
		for i, n := range b.Notices {
			if !n.Next.After(now) {
				due = append(due, n)
				b.Notices[i].Next = until
			}
		}
		if len(due) == 0 {
			return errNotDue
		}
		b.schedule()
		return nil
	})
	if errors.Is(err, errNotDue) || errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Claim[T]{ID: id, Doc: doc, Notices: due, until: until}, nil
}

// Outcome is what became of one notice.
type Outcome struct {
	Notice string
	// Sent are the ids of the devices that have it now.
	Sent []string
	// Done removes the notice; else it waits until Next.
	Done    bool
	Next    time.Time
	Trouble string
	// Held says that the notice was not tried, but waits for another one: that counts as no try.
	Held bool
}

// Settle stores the outcomes of a claim, and in the same write what also does to the document (nil for nothing; pure, it may
// run more than once). Notices of the claim without an outcome were not reached: they are due again together with the last one that was, so
// that the order stays. A notice whose lease ran out and was taken by another worker is left to that one (SEC-89), but what was sent
// is noted all the same. One that more devices have than can be noted is given up for the rest, rather than sent to all again.
func (q Queue[T]) Settle(ctx context.Context, c *Claim[T], outcomes []Outcome, also func(*T)) error {
	_, err := q.Docs.Update(ctx, c.ID, func(doc *T) error {
		b := q.Box(doc)
		b.Notices = slices.DeleteFunc(b.Notices, func(n Notice) bool {
			i := slices.IndexFunc(outcomes, func(out Outcome) bool { return out.Notice == n.ID })
			return i >= 0 && outcomes[i].Done && c.holds(n)
		})
		for i := range b.Notices {
			c.settle(&b.Notices[i], outcomes)
		}
		if also != nil {
			also(doc)
		}
		b.schedule()
		return nil
	})
	return err
}

// For is the part of a claim that is for some receivers, to be settled on its own.
func (c *Claim[T]) For(to ...string) *Claim[T] {
	part := *c
	part.Notices = slices.DeleteFunc(slices.Clone(c.Notices), func(n Notice) bool { return !slices.Contains(to, n.To) })
	return &part
}

// holds reports whether the lease on a notice is still the one of this claim.
func (c *Claim[T]) holds(n Notice) bool { return n.Next.Equal(c.until.Time) }

// settle writes the outcome of a notice that stays.
func (c *Claim[T]) settle(n *Notice, outcomes []Outcome) {
	i := slices.IndexFunc(outcomes, func(out Outcome) bool { return out.Notice == n.ID })
	if i < 0 {
		own := slices.IndexFunc(c.Notices, func(claimed Notice) bool { return claimed.ID == n.ID })
		if own >= 0 && c.holds(*n) {
			n.Next = c.Notices[own].Next
			if last := len(outcomes) - 1; last >= 0 && !outcomes[last].Done && outcomes[last].Next.Before(c.until.Time) {
				n.Next = store.At(outcomes[last].Next)
			}
		}
		return
	}
	out := outcomes[i]
	for _, device := range out.Sent {
		if !n.Has(device) && len(n.Sent) < mostSent {
			n.Sent = append(n.Sent, mark(device))
		}
	}
	if !c.holds(*n) {
		return
	}
	n.Next, n.Trouble = store.At(out.Next), out.Trouble
	if !out.Held {
		n.Tries++
	}
	if len(n.Sent) == mostSent {
		n.Next = GivenUp
	}
}
