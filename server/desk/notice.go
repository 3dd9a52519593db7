package desk

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// The events of requests.
const (
	Reported      outbox.Event = "reported"       // to the staff of the provider
	Answered      outbox.Event = "answered"       // by staff, to reporter and followers
	StatusChanged outbox.Event = "status_changed" // by staff, to reporter and followers
	Replied       outbox.Event = "replied"        // by the customer, to the staff
)

// toStaff reports who is told of an event: the provider's staff, or the reporter and the followers.
func toStaff(e outbox.Event) bool { return e == Reported || e == Replied }

// Outbox is the worker's view of the notices in requests.
type Outbox struct{ s *Service }

// Outbox returns the worker's view.
func (s *Service) Outbox() Outbox { return Outbox{s} }

// Queue hands out the notices of all requests.
func (o Outbox) Queue() outbox.Queue[Request] {
	return outbox.Queue[Request]{Docs: o.s.requests, Box: func(r *Request) *outbox.Box { return &r.Box }}
}

// Message says what happened, with the number of the request and nothing personal (X-20, SEC-83).
func (o Outbox) Message(r *Request, n outbox.Notice) outbox.Message {
	m := outbox.Message{
		Kind: "request_" + string(n.Event), Key: string(n.Event), Args: map[string]string{"Number": r.Number},
		Ref: r.Number, Path: "/requests/" + url.PathEscape(r.Number), Urgent: n.Event == Reported,
	}
	if n.Status != "" {
		m.Words = map[string]string{"Status": "status." + n.Status}
	}
	return m
}

// Recipients are the people whom a notice is for, with their rights checked now (SEC-21): staff of the provider, or reporter and
// followers who may still see the request; never the one who caused it, and nobody who was deactivated.
func (o Outbox) Recipients(ctx context.Context, r *Request, n outbox.Notice) ([]identity.Person, error) {
	people, err := o.s.meant(ctx, r, n.Event)
	if err != nil {
		return nil, err
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

// meant are the people whom an event concerns, before their rights are looked at.
func (s *Service) meant(ctx context.Context, r *Request, e outbox.Event) ([]identity.Person, error) {
	if toStaff(e) {
		return s.people.StaffOf(ctx, r.Provider)
	}
	var people []identity.Person
	ids := []string{r.Reporter}
	for _, id := range r.Followers {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		p, err := s.people.Person(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		people = append(people, p)
	}
	return people, nil
}

// Waiting is an undelivered notice as staff see it.
type Waiting struct {
	Number string
	Notice outbox.Notice
}

// Undelivered lists the notices of the viewer's provider that did not reach everybody yet, so that staff see what a missing or
// failing push service holds back.
func (s *Service) Undelivered(ctx context.Context, v identity.Viewer, limit int) ([]Waiting, error) {
	if !v.ActsAsStaff() {
		return nil, ErrNotAllowed
	}
	items, _, err := s.requests.Find(ctx, store.Query{
		Index: "provider_notice", Eq: []any{v.Provider}, Hi: outbox.GivenUp.Key(), Limit: limit})
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
