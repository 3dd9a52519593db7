package desk

import (
	"context"
	"errors"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
)

// BlockOrder asks to block lost tags (B-16). The customer is that of the tags.
type BlockOrder struct {
	Tags   []string // ids, all of one provider and customer, at most [MaxBlock]
	Reason string
	Key    string // Idempotency-Key, "" for none
}

// MaxBlock is the most tags of one order.
const MaxBlock = 50

// BlockedTags is what became of an order: the tags are refused from now on, and the request documents it.
type BlockedTags struct {
	Request *Request
	Tags    []*asset.Tag
}

// BlockTags blocks tags at once and documents it in a request of type tag_block that is done already. Staff are told, and so are
// Master users of the customer. Tags that were blocked before stay as they are. When a tag cannot be blocked, those before it are, and the
// request names them; the error says why.
func (s *Service) BlockTags(ctx context.Context, v identity.Viewer, o BlockOrder) (BlockedTags, error) {
	return BlockedTags{}, errors.ErrUnsupported
}

// ReactivateOrder asks to let a blocked tag pass again.
type ReactivateOrder struct {
	Tag    string
	Reason string
	Key    string
}

// Reactivated is what became of a ReactivateOrder. Waiting says that the request waits for staff, and the tag stays blocked.
type Reactivated struct {
	Request *Request
	Tag     *asset.Tag
	Waiting bool
}

// ReactivateTag lets a blocked tag pass again, or, if the provider approves reactivations, places a request for it. It needs a reason and
// fresh proof (identity.ErrProofNeeded). All Masters of the customer are told (SEC-8).
func (s *Service) ReactivateTag(ctx context.Context, v identity.Viewer, o ReactivateOrder) (Reactivated, error) {
	return Reactivated{}, errors.ErrUnsupported
}

// DecideReactivation approves or refuses a request that waits for it; staff with fresh proof only.
func (s *Service) DecideReactivation(ctx context.Context, v identity.Viewer, number string, approve bool, reason string) (View, error) {
	return View{}, errors.ErrUnsupported
}
