package scan

import (
	"context"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
)

// Queue hands out the notices of sightings to the worker that sends them.
func (s *Sightings) Queue() outbox.Queue[Sighting] {
	return outbox.Queue[Sighting]{Docs: s.sightings, Box: func(x *Sighting) *outbox.Box { return &x.Box }}
}

// Recipients are the people whom a notice is for, with their rights checked now (SEC-21): the staff of the provider and, if the
// provider alerts owners, those users of the tag's customer who may block it; never the one who caused it.
func (s *Sightings) Recipients(ctx context.Context, x *Sighting, n outbox.Notice) ([]identity.Person, error) {
	people, err := s.people.StaffOf(ctx, x.Provider)
	if err != nil {
		return nil, err
	}
	owners, err := s.owners(ctx, x)
	if err != nil {
		return nil, err
	}
	var out []identity.Person
	for _, p := range append(people, owners...) {
		if p.Active && p.ID != n.By {
			out = append(out, p)
		}
	}
	return out, nil
}

func (s *Sightings) owners(ctx context.Context, x *Sighting) ([]identity.Person, error) {
	if x.Customer == "" {
		return nil, nil
	}
	set, err := s.assets.TagSettings(ctx, x.Provider)
	if err != nil || !set.AlertOwner {
		return nil, err
	}
	users, err := s.people.UsersOf(ctx, x.Customer)
	if err != nil {
		return nil, err
	}
	var out []identity.Person
	for _, p := range users {
		may, err := s.assets.TagRight(ctx, identity.ViewerFor(p), x.Provider, x.Customer)
		if err != nil {
			return nil, err
		}
		if may.Has(asset.BlockTags) {
			out = append(out, p)
		}
	}
	return out, nil
}

// Message is what a notice says: that something was seen, and where it is read after sign-in; nothing of the tag or its holder
// (SEC-83).
func (s *Sightings) Message(x *Sighting, _ outbox.Notice) outbox.Message {
	m := outbox.Message{Kind: "tag_sighted", Key: "sighted_" + string(x.Kind), Ref: x.Tag, Path: "/tags/" + x.Tag, Urgent: true}
	if x.Tag == "" || x.Kind == SawFound {
		m.Ref, m.Path = x.ID, "/sightings"
	}
	return m
}
