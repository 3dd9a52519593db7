package asset

import (
	"context"
	"errors"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

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

// MaxKeepDays is the longest that scans and sightings are kept.
const MaxKeepDays = 3650

// TagSettings returns the settings of a provider; everything in it may be known to anybody.
func (s *Service) TagSettings(ctx context.Context, provider string) (TagSettings, error) {
	set, err := s.settings.Get(ctx, provider)
	if errors.Is(err, store.ErrNotFound) {
		return TagSettings{Provider: provider}, nil
	}
	if err != nil {
		return TagSettings{}, err
	}
	return *set, nil
}

// PutTagSettings stores the settings of the viewer's provider; administrators only. Days out of 0 (the default) to [MaxKeepDays],
// and -1 for KeepScans, are a *FieldError.
func (s *Service) PutTagSettings(ctx context.Context, v identity.Viewer, set TagSettings) error {
	switch {
	case !v.ActsAsStaff() || v.Role != identity.Admin || v.Provider == "":
		return ErrNotAllowed
	case set.KeepScans < -1 || set.KeepScans > MaxKeepDays:
		return &FieldError{"keep_scans", OutOfRange}
	case set.KeepSightings < 0 || set.KeepSightings > MaxKeepDays:
		return &FieldError{"keep_sightings", OutOfRange}
	}
	set.Provider = v.Provider
	err := s.settings.Insert(ctx, v.Provider, &set)
	if !store.IsDuplicate(err, "id") {
		return err
	}
	_, err = s.settings.Update(ctx, v.Provider, func(stored *TagSettings) error { *stored = set; return nil })
	return err
}
