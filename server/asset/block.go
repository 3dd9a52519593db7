package asset

import (
	"context"
	"errors"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Blocking is why and under which request a tag is blocked.
type Blocking struct {
	Reason  string
	Request string // number of the request that documents it
}

// Blocked is what a block did.
type Blocked struct {
	Tag *Tag
	// Already says that the tag was blocked before; Tag.Request is the request of that block.
	Already bool
	// Alarm says that the account blocks unusually much, so that staff are to look (SEC-9).
	Alarm bool
}

// blockRate is how much one account blocked lately.
type blockRate struct {
	At []store.Time `json:"at"`
}

// Block refuses a tag at every scan from the moment it returns, and puts it on the access list; customers with [BlockTags] and
// staff (B-16, SEC-7). Blocking a blocked tag changes nothing. An account that blocks unusually much needs fresh proof
// (identity.ErrProofNeeded); what it blocked before stays blocked (SEC-9).
func (s *Service) Block(ctx context.Context, v identity.Viewer, id string, b Blocking) (Blocked, error) {
	return Blocked{}, errors.ErrUnsupported
}

// Reactivate lets a blocked tag pass again. It needs a reason, and proof of the last five minutes (identity.ErrProofNeeded); a
// customer whose provider approves reactivations gets ErrApproval, unless approved is set by the desk for staff (SEC-8).
func (s *Service) Reactivate(ctx context.Context, v identity.Viewer, id, reason string) (*Tag, error) {
	return nil, errors.ErrUnsupported
}

// ErrApproval says that staff of the provider must approve the reactivation first.
var ErrApproval = errors.New("asset: reactivation waits for the approval of the service company")

// BlockExpired blocks access tags whose last day is over; a worker calls it now and then. It returns how many.
func (s *Service) BlockExpired(ctx context.Context) (int, error) {
	return 0, errors.ErrUnsupported
}
