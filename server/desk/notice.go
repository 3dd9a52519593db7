package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Event is what a notice tells of.
type Event string

// The events.
const (
	Reported      Event = "reported"       // to the staff of the provider
	Answered      Event = "answered"       // by staff, to reporter and followers
	StatusChanged Event = "status_changed" // by staff, to reporter and followers
	Replied       Event = "replied"        // by the customer, to the staff
)

// toStaff reports who is told of an event: the provider's staff, or the reporter and the followers.
func (e Event) toStaff() bool { return e == Reported || e == Replied }

// Notice is a message about a request that has to reach the devices of some people. It is stored with what it tells of and
// sent afterwards, at least once, under a stable id by which a receiver drops repeats (SEC-87).
type Notice struct {
	ID      string     `json:"id"`
	Event   Event      `json:"event"`
	Status  Status     `json:"status,omitempty"` // of StatusChanged
	By      string     `json:"by"`               // who caused it, and is not told
	At      store.Time `json:"at"`
	Next    store.Time `json:"next"` // not to be tried before
	Tries   int        `json:"tries"`
	Sent    []string   `json:"sent,omitempty"`    // devices that have it
	Trouble string     `json:"trouble,omitempty"` // stable word for why it still waits
}

// NoticeLife is how long delivery is tried before staff see the notice as given up (SEC-87).
const NoticeLife = 5 * 24 * time.Hour

// NoticeGivenUp is the Next of a notice that nobody tries again; it stays in the request so that staff see it.
var NoticeGivenUp = store.Time{Time: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)}

// notify adds a notice to a request.
func (r *Request) notify(n Notice) {
	if len(r.Notices) >= maxNotices {
		r.makeRoom()
	}
	n.Next = n.At
	r.Notices = append(r.Notices, n)
	r.schedule()
}

// makeRoom drops the oldest notice that a newer one of the same event stands for: no reader, and no member of staff who looks at
// what is undelivered, misses that something happened, only how often (SEC-87).
func (r *Request) makeRoom() {
	for i, old := range r.Notices {
		if slices.ContainsFunc(r.Notices[i+1:], func(newer Notice) bool { return newer.Event == old.Event }) {
			r.Notices = slices.Delete(r.Notices, i, i+1)
			return
		}
	}
}

// schedule sets NoticeDue to the earliest moment at which a notice is to be tried.
func (r *Request) schedule() {
	r.NoticeDue = store.Never
	for _, n := range r.Notices {
		if n.Next.Before(r.NoticeDue.Time) {
			r.NoticeDue = n.Next
		}
	}
}

// Outbox is the worker's view of the notices: it hands out requests whose notices are due, one worker at a time, and takes
// back what became of them.
type Outbox struct{ s *Service }

// Outbox returns the worker's view.
func (s *Service) Outbox() Outbox { return Outbox{s} }

// Due lists requests with a notice that is due, the longest waiting first.
func (o Outbox) Due(ctx context.Context, now time.Time, limit int) ([]string, error) {
	items, _, err := o.s.requests.Find(ctx, store.Query{Index: "notice_due", Hi: store.At(now).Key(), Limit: limit})
	if err != nil {
		return nil, err
	}
	numbers := make([]string, len(items))
	for i, it := range items {
		numbers[i] = it.ID
	}
	return numbers, nil
}

var errNotDue = errors.New("desk: no notice due")

// Claim takes the due notices of a request for the time of the lease: no other worker is given them until then. It returns
// nil if nothing is due (any more). The lease is written by compare-and-swap, so two workers never both get it.
func (o Outbox) Claim(ctx context.Context, number string, now time.Time, lease time.Duration) (*Claim, error) {
	var due []Notice
	until := store.At(now.Add(lease))
	r, err := o.s.requests.Update(ctx, number, func(r *Request) error {
		due = nil
		for i, n := range r.Notices {
			if !n.Next.After(now) {
				due = append(due, n)
				r.Notices[i].Next = until
			}
		}
		if len(due) == 0 {
			return errNotDue
		}
		r.schedule()
		return nil
	})
	if errors.Is(err, errNotDue) || errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Claim{Request: r, Notices: due, until: until}, nil
}

// Claim is a set of notices that one worker delivers until its lease ends.
type Claim struct {
	Request *Request
	Notices []Notice
	until   store.Time
}

// Outcome is what became of one notice.
type Outcome struct {
	Notice string
	// Sent are the devices that have it now.
	Sent []string
	// Done removes the notice; else it waits until Next.
	Done    bool
	Next    time.Time
	Trouble string
}

// Settle stores the outcomes of a claim. A notice whose lease ran out and was taken by another worker is left to that one
// (SEC-89), but what was sent is noted all the same.
func (o Outbox) Settle(ctx context.Context, c *Claim, outcomes []Outcome) error {
	_, err := o.s.requests.Update(ctx, c.Request.Number, func(r *Request) error {
		kept := r.Notices[:0:0]
		for _, n := range r.Notices {
			for _, out := range outcomes {
				if out.Notice != n.ID {
					continue
				}
				n.Sent = union(n.Sent, out.Sent)
				if !n.Next.Equal(c.until.Time) {
					break
				}
				if out.Done {
					n.ID = ""
					break
				}
				n.Next, n.Trouble = store.At(out.Next), out.Trouble
				n.Tries++
			}
			if n.ID != "" {
				kept = append(kept, n)
			}
		}
		r.Notices = kept
		r.schedule()
		return nil
	})
	return err
}

func union(a, b []string) []string {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}

// Recipients are the people whom a notice is for, with their rights checked now (SEC-21): staff of the provider, or reporter and
// followers who may still see the request; never the one who caused it, and nobody who was deactivated.
func (o Outbox) Recipients(ctx context.Context, r *Request, n Notice) ([]identity.Person, error) {
	var people []identity.Person
	if n.Event.toStaff() {
		staff, err := o.s.people.StaffOf(ctx, r.Provider)
		if err != nil {
			return nil, err
		}
		people = staff
	} else {
		for _, id := range union([]string{r.Reporter}, r.Followers) {
			p, err := o.s.people.Person(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			people = append(people, p)
		}
	}
	var out []identity.Person
	for _, p := range people {
		if p.ID == n.By || !p.Active {
			continue
		}
		may, err := o.s.may(ctx, identity.ViewerFor(p), r)
		if err != nil {
			return nil, err
		}
		if may.see {
			out = append(out, p)
		}
	}
	return out, nil
}

// Waiting is an undelivered notice as staff see it.
type Waiting struct {
	Number string
	Notice Notice
}

// Undelivered lists the notices of the viewer's provider that did not reach everybody yet, so that staff see what a missing or
// failing push service holds back.
func (s *Service) Undelivered(ctx context.Context, v identity.Viewer, limit int) ([]Waiting, error) {
	if !v.ActsAsStaff() {
		return nil, ErrNotAllowed
	}
	items, _, err := s.requests.Find(ctx, store.Query{
		Index: "provider_notice", Eq: []any{v.Provider}, Hi: NoticeGivenUp.Key(), Limit: limit})
	if err != nil {
		return nil, err
	}
	var out []Waiting
	for _, it := range items {
		for _, n := range it.Value.Notices {
			out = append(out, Waiting{Number: it.ID, Notice: n})
		}
	}
	return out, nil
}
