package desk

import (
	"context"
	"errors"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// rights is what a viewer may do with a request.
type rights struct {
	see, write, work bool
}

// may is the policy of this package. Staff of the provider may all. A fault is visible to those with the fault grant on its
// asset, whoever reported it, and to nobody without it (requirements.md, decisions; F-28). A request about tags is visible to whoever
// placed it, and to users of its customer who may see the provider's tags (B-16).
func (s *Service) may(ctx context.Context, v identity.Viewer, r *Request) (rights, error) {
	switch {
	case v.StaffOf(r.Provider):
		return rights{see: true, write: true, work: true}, nil
	case v.MustEnrol || v.Kind != identity.CustomerUser:
		return rights{}, nil
	case r.Type == TagBlock:
		return s.mayTags(ctx, v, r)
	}
	a, err := s.assets.Access(ctx, v, r.Asset)
	if errors.Is(err, asset.ErrNotFound) {
		return rights{}, nil
	}
	if err != nil {
		return rights{}, err
	}
	granted := a.May.Has(asset.Faults)
	return rights{see: granted, write: granted}, nil
}

func (s *Service) mayTags(ctx context.Context, v identity.Viewer, r *Request) (rights, error) {
	if r.Customer == "" || v.Customer != r.Customer {
		return rights{}, nil
	}
	if r.Reporter == v.User {
		return rights{see: true, write: true}, nil
	}
	right, err := s.assets.TagRight(ctx, v, r.Provider, r.Customer)
	if err != nil {
		return rights{}, err
	}
	granted := right.Has(asset.SeeTags)
	return rights{see: granted, write: granted}, nil
}

// visible returns a request and the viewer's rights on it, or ErrNotFound.
func (s *Service) visible(ctx context.Context, v identity.Viewer, number string) (*Request, rights, error) {
	r, err := s.requests.Get(ctx, number)
	if errors.Is(err, store.ErrNotFound) {
		return nil, rights{}, ErrNotFound
	}
	if err != nil {
		return nil, rights{}, err
	}
	may, err := s.may(ctx, v, r)
	if err != nil {
		return nil, rights{}, err
	}
	if !may.see {
		return nil, rights{}, ErrNotFound
	}
	return r, may, nil
}
