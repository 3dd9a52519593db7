package desk

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/tagwerk/tagwerk/server/asset"
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

	TagsBlocked         outbox.Event = "tag_blocked"          // to staff, Masters and those who may block (B-16)
	BlockAlarm          outbox.Event = "block_alarm"          // to staff: an account blocks unusually much (SEC-9)
	ReactivationAsked   outbox.Event = "reactivation_asked"   // to staff
	ReactivationRefused outbox.Event = "reactivation_refused" // to reporter and followers
	TagReactivated      outbox.Event = "tag_reactivated"      // to staff, reporter, followers and all Masters (SEC-8)
)

// audience is who is told of an event.
type audience struct{ staff, followers, masters, blockers bool }

var audiences = map[outbox.Event]audience{
	Reported:            {staff: true},
	Answered:            {followers: true},
	StatusChanged:       {followers: true},
	Replied:             {staff: true},
	TagsBlocked:         {staff: true, masters: true, blockers: true},
	BlockAlarm:          {staff: true},
	ReactivationAsked:   {staff: true},
	ReactivationRefused: {followers: true},
	TagReactivated:      {staff: true, followers: true, masters: true},
}

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
		Ref: r.Number, Path: "/requests/" + url.PathEscape(r.Number), Urgent: n.Event == Reported || n.Event == BlockAlarm,
	}
	if n.Status != "" {
		m.Words = map[string]string{"Status": "status." + n.Status}
	}
	return m
}

// Recipients are the people whom a notice is for, with their rights checked now (SEC-21): never the one who caused it, and nobody who
// was deactivated. Master users hear of what is done to their tags without a right to see them; of a reactivation also the one who did
// it, since whoever took over an account acts in that name (SEC-8).
func (o Outbox) Recipients(ctx context.Context, r *Request, n outbox.Notice) ([]identity.Person, error) {
	to := audiences[n.Event]
	people, err := o.s.meant(ctx, r, to)
	if err != nil {
		return nil, err
	}
	var out []identity.Person
	for _, p := range people {
		if !p.Active || slices.ContainsFunc(out, func(told identity.Person) bool { return told.ID == p.ID }) {
			continue
		}
		told := to.masters && p.Role == identity.Master && p.Customer == r.Customer && (p.ID != n.By || n.Event == TagReactivated)
		if !told && p.ID != n.By {
			may, err := o.s.may(ctx, identity.ViewerFor(p), r)
			if err != nil {
				return nil, err
			}
			told = may.see
		}
		if told {
			out = append(out, p)
		}
	}
	return out, nil
}

// meant are the people of an audience, before their right to see the request is looked at.
func (s *Service) meant(ctx context.Context, r *Request, to audience) (people []identity.Person, err error) {
	if to.staff {
		if people, err = s.people.StaffOf(ctx, r.Provider); err != nil {
			return nil, err
		}
	}
	if to.followers {
		for _, id := range append([]string{r.Reporter}, r.Followers...) {
			p, err := s.people.Person(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			people = append(people, p)
		}
	}
	if !to.masters {
		return people, nil
	}
	users, err := s.people.UsersOf(ctx, r.Customer)
	if err != nil {
		return nil, err
	}
	for _, p := range users {
		chosen := p.Role == identity.Master
		if !chosen && to.blockers {
			right, err := s.assets.TagRight(ctx, identity.ViewerFor(p), r.Provider, r.Customer)
			if err != nil {
				return nil, err
			}
			chosen = right.Has(asset.BlockTags)
		}
		if chosen {
			people = append(people, p)
		}
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
