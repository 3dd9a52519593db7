package scan

import (
	"context"
	"slices"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// SightFilter narrows a list of sightings.
type SightFilter struct {
	Tag  string // id
	Kind SightKind
}

// List returns sightings, the latest first: to staff those of their provider, to Master users of a customer with SeeTags those of its
// tags (SEC-93); others get [asset.ErrNotAllowed]. A page may hold fewer than limit while others follow: the cursor alone says whether
// it is the last.
func (s *Sightings) List(ctx context.Context, v identity.Viewer, f SightFilter, after string, limit int) ([]Sighting, string, error) {
	providers, err := s.seesOf(ctx, v)
	if err != nil {
		return nil, "", err
	}
	staff := v.ActsAsStaff()
	q := store.Query{Desc: true, After: after, Limit: limit}
	switch {
	case f.Tag != "":
		t, err := s.assets.Tag(ctx, v, f.Tag)
		if err != nil {
			return nil, "", err
		}
		q.Index, q.Eq = "tag", []any{t.ID}
	case staff && f.Kind != "":
		q.Index, q.Eq = "provider_kind", []any{v.Provider, f.Kind}
	case staff:
		q.Index, q.Eq = "provider", []any{v.Provider}
	case f.Kind != "":
		q.Index, q.Eq = "customer_kind", []any{v.Customer, f.Kind}
	default:
		q.Index, q.Eq = "customer", []any{v.Customer}
	}
	items, next, err := s.sightings.Find(ctx, q)
	if err != nil {
		return nil, "", err
	}
	var out []Sighting
	for _, it := range items {
		x := it.Value
		if x.Kind == sawUnsettled || f.Kind != "" && x.Kind != f.Kind || !slices.Contains(providers, x.Provider) || !staff && x.Customer != v.Customer {
			continue
		}
		out = append(out, *x)
	}
	return out, next, nil
}

// seesOf are the providers of whose tags the viewer may see sightings.
func (s *Sightings) seesOf(ctx context.Context, v identity.Viewer) ([]string, error) {
	if v.ActsAsStaff() && v.Provider != "" {
		return []string{v.Provider}, nil
	}
	if v.Kind != identity.CustomerUser || v.Role != identity.Master || v.Customer == "" {
		return nil, asset.ErrNotAllowed
	}
	c, err := s.people.Customer(ctx, v, v.Customer)
	if err != nil {
		return nil, asset.ErrNotAllowed
	}
	var out []string
	for _, p := range c.Providers {
		may, err := s.assets.TagRight(ctx, v, p, v.Customer)
		if err != nil {
			return nil, err
		}
		if may.Has(asset.SeeTags) {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, asset.ErrNotAllowed
	}
	return out, nil
}
