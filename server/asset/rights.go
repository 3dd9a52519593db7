package asset

import (
	"context"
	"errors"

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

// TagSettings is how a provider handles its tags. The zero value is the default.
type TagSettings struct {
	Provider string `json:"provider"`
	// ApproveReactivation asks staff before a customer's reactivation takes effect.
	ApproveReactivation bool `json:"approve_reactivation"`
	// AlertOwner pushes sightings of blocked and lost tags to the customer's users with the right to block, too.
	AlertOwner bool `json:"alert_owner"`
	// FoundForm shows finders a form on the contact page.
	FoundForm bool `json:"found_form"`
	// KeepScans and KeepSightings are days for which scans and sightings are kept; 0 means 30 (SEC-93). A negative KeepScans turns the log off.
	KeepScans     int `json:"keep_scans"`
	KeepSightings int `json:"keep_sightings"`
}

// GrantTags sets what the viewer's provider grants to a portal user on the access tags of the user's customer; neither right takes
// the grant away (F-32).
func (s *Service) GrantTags(ctx context.Context, v identity.Viewer, person string, see, block bool) error {
	return errors.ErrUnsupported
}

// TagRightsOf lists what the viewer's provider granted to users of a customer that it serves.
func (s *Service) TagRightsOf(ctx context.Context, v identity.Viewer, customer string) ([]TagRights, error) {
	return nil, errors.ErrUnsupported
}

// TagRight is what the viewer may do with the access tags of a provider and customer: the policy for access tags. Staff of the
// provider may all; a user of the customer what the provider granted; everybody else nothing (X-3, SEC-19).
func (s *Service) TagRight(ctx context.Context, v identity.Viewer, provider, customer string) (TagRight, error) {
	return 0, errors.ErrUnsupported
}

// MayTags reports whether any access tags may be there for the viewer, for menus.
func (s *Service) MayTags(ctx context.Context, v identity.Viewer) (TagRight, error) {
	return 0, errors.ErrUnsupported
}

// TagSettings returns the settings of a provider; everything in it may be known to anybody.
func (s *Service) TagSettings(ctx context.Context, provider string) (TagSettings, error) {
	return TagSettings{}, errors.ErrUnsupported
}

// PutTagSettings stores the settings of the viewer's provider; administrators only.
func (s *Service) PutTagSettings(ctx context.Context, v identity.Viewer, set TagSettings) error {
	return errors.ErrUnsupported
}
