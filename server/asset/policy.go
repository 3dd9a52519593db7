package asset

import (
	"context"
	"errors"
	"strings"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

var (
	// ErrNotFound is the one answer for what is not there and what the viewer may not know of (SEC-16).
	ErrNotFound = errors.New("asset: not found")
	// ErrNotAllowed is for callers who may know that the thing exists, but may not do this to it.
	ErrNotAllowed = errors.New("asset: not allowed")
)

// Permission is a set of the four grants of F-10, as bits.
type Permission uint8

// The four permissions (F-18, F-24, F-27, F-28).
const (
	SeeAppointments Permission = 1 << iota
	SeeComponents
	SeeDueDates
	Faults

	AllPermissions = SeeAppointments | SeeComponents | SeeDueDates | Faults
)

// permissionNames are the stored and public words, in the order of the bits.
var permissionNames = [...]string{"appointments", "components", "due_dates", "faults"}

// Has reports whether all of want are granted.
func (p Permission) Has(want Permission) bool { return p&want == want }

// Names lists the granted permissions in words.
func (p Permission) Names() []string {
	names := make([]string, 0, len(permissionNames))
	for i, n := range permissionNames {
		if p.Has(1 << i) {
			names = append(names, n)
		}
	}
	return names
}

// ParsePermission returns the bit of one word of [Permission.Names], or 0.
func ParsePermission(name string) Permission {
	for i, n := range permissionNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// MarshalText writes the set as words, so that stored grants can be read.
func (p Permission) MarshalText() ([]byte, error) { return []byte(strings.Join(p.Names(), " ")), nil }

// UnmarshalText reads the words back; an unknown word is an error, never a right.
func (p *Permission) UnmarshalText(b []byte) error {
	*p = 0
	for _, name := range strings.Fields(string(b)) {
		bit := ParsePermission(name)
		if bit == 0 {
			return errors.New("asset: unknown permission " + name)
		}
		*p |= bit
	}
	return nil
}

// Grant is what one portal user was granted on one asset, by each provider separately; together they add up (F-9, SEC-24).
type Grant struct {
	Person string     `json:"person"`
	Asset  string     `json:"asset"`
	By     []Granted  `json:"by"`
	Since  store.Time `json:"since"`
}

// Granted is the part of a grant that one provider gave and may change.
type Granted struct {
	Provider    string     `json:"provider"`
	Permissions Permission `json:"permissions"`
	Who         string     `json:"who"`
	At          store.Time `json:"at"`
}

// total adds up what all providers granted.
func (g *Grant) total() Permission {
	var all Permission
	if g != nil {
		for _, by := range g.By {
			all |= by.Permissions
		}
	}
	return all
}

// permitted is the policy of this package: what the viewer may do with an asset, given the viewer's grant on it (nil for
// none). Staff of the asset's provider may all; a portal user what was granted; everybody else nothing (F-2, X-3, SEC-19).
func permitted(v identity.Viewer, a *Asset, g *Grant) Permission {
	switch {
	case a == nil || v.MustEnrol:
		return 0
	case v.StaffOf(a.Provider):
		return AllPermissions
	case v.Kind == identity.CustomerUser && g != nil && g.Person == v.User && g.Asset == a.ID:
		return g.total()
	}
	return 0
}

// Access is an asset together with what this viewer may do with it. It exists only where that is something.
type Access struct {
	Asset *Asset
	May   Permission
	Staff bool
}

// Access returns an asset that the viewer may see something of, else ErrNotFound. The work is the same for an asset that is
// not there and one that is not granted (SEC-1).
func (s *Service) Access(ctx context.Context, v identity.Viewer, id string) (Access, error) {
	docs, err := s.engine.GetMany(ctx, []store.Ref{s.assets.Ref(id), s.grants.Ref(grantID(v.User, id))})
	if err != nil {
		return Access{}, err
	}
	var a *Asset
	var g *Grant
	if docs[0].Ver > 0 {
		if a, err = s.assets.Decode(docs[0]); err != nil {
			return Access{}, err
		}
	}
	if docs[1].Ver > 0 {
		if g, err = s.grants.Decode(docs[1]); err != nil {
			return Access{}, err
		}
	}
	may := permitted(v, a, g)
	if may == 0 {
		return Access{}, ErrNotFound
	}
	return Access{Asset: a, May: may, Staff: v.StaffOf(a.Provider)}, nil
}

// need is Access for an operation that needs one permission. Without any permission the asset is not there; with another one
// the asset is known, so the answer is ErrNotAllowed.
func (s *Service) need(ctx context.Context, v identity.Viewer, id string, want Permission) (Access, error) {
	a, err := s.Access(ctx, v, id)
	if err != nil {
		return Access{}, err
	}
	if !a.May.Has(want) {
		return Access{}, ErrNotAllowed
	}
	return a, nil
}

func grantID(person, asset string) string { return person + "~" + asset }
