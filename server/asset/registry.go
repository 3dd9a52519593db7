package asset

import (
	"context"
	"errors"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

// TagView is a tag as one viewer may see it, with what the viewer may do with it.
type TagView struct {
	*Tag
	May TagRight
}

// Enrolment is a fob or card that becomes known.
type Enrolment struct {
	Number   string // in any form
	Hint     string // kind of reader: of [tagging.ParseTag]
	Customer string
	Holder   *Holder // nil: goes into the drawer
	Expires  Day     // last day on which it is valid; "" for none
	Note     string
	// Confirm says that the enroller has seen a [FitsError] and means another tag all the same.
	Confirm bool
}

// ReadingError says why a number cannot be taken: Flag is a flag of [tagging.Reading], "no_number" or "not_unique_enough".
type ReadingError struct{ Flag string }

// Error names the flag.
func (e *ReadingError) Error() string { return "asset: tag number: " + e.Flag }

// FitsError says that a number fits tags on record already. Blocking by an ambiguous number and enrolling one that fits are
// refused with the list (standards.md 2.6).
type FitsError struct{ Match NumberMatch }

// Error says that the number fits.
func (e *FitsError) Error() string { return "asset: number fits tags on record" }

// NumberMatch is what a number in any form leads to among the tags that the viewer may see.
type NumberMatch struct {
	Reading  tagging.Reading
	Decision tagging.Decision
	// Tags are those that fit, at most [MaxMatches]; More says that there are others.
	Tags []TagView
	More bool
}

// MaxMatches is the most tags that a match lists.
const MaxMatches = 20

// TagFilter narrows a list of tags. For customer users Kind is always [AccessTag].
type TagFilter struct {
	Kind     TagKind // "" for all
	State    tagging.State
	Customer string
	// Holder is what a tenant, company or unit contains, in words.
	Holder string
	// NotSeenDays lists tags in use that were not seen for so many days, the longest unseen first.
	NotSeenDays int
}

// Enrol makes a fob or card of a customer known; staff of the provider only, and the provider must serve the customer. A random or
// truncated number is a *ReadingError, one that fits a tag on record a *FitsError until confirmed.
func (s *Service) Enrol(ctx context.Context, v identity.Viewer, e Enrolment) (*Tag, error) {
	return nil, errors.ErrUnsupported
}

// AddReading adds what a reader says of a known tag: a full reading replaces partial ones that fit it (standards.md 2.6).
func (s *Service) AddReading(ctx context.Context, v identity.Viewer, id, number, hint string) (*Tag, error) {
	return nil, errors.ErrUnsupported
}

// Issue gives an access tag to a holder; one that is issued already changes its holder.
func (s *Service) Issue(ctx context.Context, v identity.Viewer, id string, h Holder, expires Day) (*Tag, error) {
	return nil, errors.ErrUnsupported
}

// Return takes an access tag back into the drawer.
func (s *Service) Return(ctx context.Context, v identity.Viewer, id, note string) (*Tag, error) {
	return nil, errors.ErrUnsupported
}

// Damage notes that a tag reads badly; it stays in use until it is replaced.
func (s *Service) Damage(ctx context.Context, v identity.Viewer, id, note string) (*Tag, error) {
	return nil, errors.ErrUnsupported
}

// Retire ends a tag for good.
func (s *Service) Retire(ctx context.Context, v identity.Viewer, id, note string) (*Tag, error) {
	return nil, errors.ErrUnsupported
}

// Replace puts the tag "with" in the place of another: what that one was bound or issued to passes over, and it is revoked. An
// empty "with" mints a new label. Repeating a replacement changes nothing.
func (s *Service) Replace(ctx context.Context, v identity.Viewer, id, with, note string) (old, fresh *Tag, err error) {
	return nil, nil, errors.ErrUnsupported
}

// BindForeign binds a code that we did not print to a component; staff of its provider only. The same code on the same component
// is one alias; on another one it is a *FitsError until confirmed. What identifies nothing is a *ReadingError.
func (s *Service) BindForeign(ctx context.Context, v identity.Viewer, payload string, own tagging.Config, component string, confirm bool) (*Tag, error) {
	return nil, errors.ErrUnsupported
}

// ComponentTags lists the labels and aliases of a component, to staff of its provider.
func (s *Service) ComponentTags(ctx context.Context, v identity.Viewer, component string) ([]*Tag, error) {
	return nil, errors.ErrUnsupported
}

// Tag returns one tag: to staff of its provider, and an access tag to users of its customer with [SeeTags]; else ErrNotFound.
func (s *Service) Tag(ctx context.Context, v identity.Viewer, id string) (TagView, error) {
	return TagView{}, errors.ErrUnsupported
}

// FindTags lists tags that the viewer may see, latest change first.
func (s *Service) FindTags(ctx context.Context, v identity.Viewer, f TagFilter, after string, limit int) ([]TagView, string, error) {
	return nil, "", errors.ErrUnsupported
}

// MatchNumber finds the access tags that a number in any form fits (standards.md 2.5, 2.6), also the code on a tag's card.
func (s *Service) MatchNumber(ctx context.Context, v identity.Viewer, number, hint string) (NumberMatch, error) {
	return NumberMatch{}, errors.ErrUnsupported
}

// MatchReading finds the tags of a kind that a reading fits, among those of one provider that the viewer may see; provider "" means
// all that the viewer has to do with.
func (s *Service) MatchReading(ctx context.Context, v identity.Viewer, kind TagKind, provider string, r tagging.Reading) (NumberMatch, error) {
	return NumberMatch{}, errors.ErrUnsupported
}
