package asset

import (
	"context"
	"errors"
	"slices"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// TagRight is a set of what somebody may do with access tags, as bits. Labels follow the grants on their asset.
type TagRight uint8

// The rights on access tags.
const (
	SeeTags    TagRight = 1 << iota // numbers, holders and states
	BlockTags                       // block, and ask for reactivation (B-16)
	ManageTags                      // enrol, issue, take back, replace, retire: staff of the provider

	allTagRights = SeeTags | BlockTags | ManageTags
)

// Has reports whether all of want are given.
func (r TagRight) Has(want TagRight) bool { return r&want == want }

// TagRights is what a provider granted to a portal user on the access tags of the user's own customer.
type TagRights struct {
	Person   string     `json:"person"`
	Customer string     `json:"customer"`
	Provider string     `json:"provider"`
	See      bool       `json:"see"`
	Block    bool       `json:"block"`
	Who      string     `json:"who"`
	At       store.Time `json:"at"`
}

// permittedTags is the policy for access tags: what the viewer may do with those of a provider and customer, given what that provider
// granted to the viewer (nil for nothing). Staff of the provider may all; a user of that customer what was granted, and who may block
// sees; everybody else nothing, Masters and door controllers too (X-3, SEC-19).
func permittedTags(v identity.Viewer, provider, customer string, granted *TagRights) TagRight {
	switch {
	case v.MustEnrol || provider == "":
		return 0
	case v.StaffOf(provider):
		return allTagRights
	case v.Kind != identity.CustomerUser || customer == "" || v.Customer != customer:
		return 0
	case granted == nil || granted.Person != v.User || granted.Provider != provider || granted.Customer != customer:
		return 0
	}
	var r TagRight
	if granted.See || granted.Block {
		r |= SeeTags
	}
	if granted.Block {
		r |= BlockTags
	}
	return r
}

func tagRightsID(person, provider string) string { return person + "~" + provider }

// TagRight is what the viewer may do with the access tags of a provider and customer.
func (s *Service) TagRight(ctx context.Context, v identity.Viewer, provider, customer string) (TagRight, error) {
	granted, err := s.rights.Get(ctx, tagRightsID(v.User, provider))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	return permittedTags(v, provider, customer, granted), nil
}

// MayTags is what the viewer may do with any access tags, for menus: staff all, a customer's user what is granted by any of the
// providers that serve the customer.
func (s *Service) MayTags(ctx context.Context, v identity.Viewer) (TagRight, error) {
	var all TagRight
	providers, err := s.tagProviders(ctx, v)
	for _, p := range providers {
		r, err := s.TagRight(ctx, v, p, v.Customer)
		if err != nil {
			return 0, err
		}
		all |= r
	}
	return all, err
}

// tagProviders are the providers whose tags the viewer has to do with: the own one of staff, those that serve the customer of its
// users, none for others.
func (s *Service) tagProviders(ctx context.Context, v identity.Viewer) ([]string, error) {
	switch {
	case v.ActsAsStaff() && v.Provider != "":
		return []string{v.Provider}, nil
	case v.Kind != identity.CustomerUser || v.MustEnrol:
		return nil, nil
	}
	c, err := s.people.Customer(ctx, v, v.Customer)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return slices.Compact(slices.Sorted(slices.Values(c.Providers))), err
}

// GrantTags sets what the viewer's provider grants to a portal user on the access tags of the user's customer; neither right takes
// the grant away (F-32). Who may block also sees. The person must be an active user of a customer that the provider serves, else
// ErrNotFound (SEC-15).
func (s *Service) GrantTags(ctx context.Context, v identity.Viewer, person string, see, block bool) error {
	if !v.ActsAsStaff() {
		return ErrNotAllowed
	}
	user, err := s.people.UserServed(ctx, v, person)
	if err != nil {
		return notFound(err)
	}
	id := tagRightsID(user.ID, v.Provider)
	if !see && !block {
		if err := s.rights.Delete(ctx, id); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return nil
	}
	given := TagRights{Person: user.ID, Customer: user.Customer, Provider: v.Provider, See: true, Block: block, Who: v.User, At: store.At(s.now())}
	for {
		err := s.rights.Insert(ctx, id, &given)
		if !store.IsDuplicate(err, "id") {
			return err
		}
		_, err = s.rights.Update(ctx, id, func(r *TagRights) error {
			if r.Customer != given.Customer || r.See != given.See || r.Block != given.Block {
				*r = given
			}
			return nil
		})
		if !errors.Is(err, store.ErrNotFound) { // else taken away in between
			return err
		}
	}
}

// TagRightsOf lists what the viewer's provider granted to users of a customer that it serves, else ErrNotFound; at most 500.
func (s *Service) TagRightsOf(ctx context.Context, v identity.Viewer, customer string) ([]TagRights, error) {
	if !v.ActsAsStaff() {
		return nil, ErrNotAllowed
	}
	if _, err := s.people.Customer(ctx, v, customer); err != nil {
		return nil, notFound(err)
	}
	items, _, err := s.rights.Find(ctx, store.Query{Index: "customer", Eq: []any{v.Provider, customer}, Limit: store.MaxPage})
	list := make([]TagRights, len(items))
	for i, it := range items {
		list[i] = *it.Value
	}
	return list, err
}
