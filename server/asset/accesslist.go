package asset

import (
	"context"
	"errors"
	"sync"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Events of the notices in tags, for the webhooks of controllers.
const (
	TagBlocked     outbox.Event = "tag.blocked"
	TagReactivated outbox.Event = "tag.reactivated"
)

// accessHead is the last version given out for a provider's access list.
type accessHead struct {
	Version int64 `json:"version"`
}

// AccessList is what a controller has to know: which tags to refuse. Versions rise; a list from 0 holds the blocked tags
// only, one from a later version each tag that changed since, blocked or not.
type AccessList struct {
	Version int64 // ask from here next; the version that entries up to here make
	More    bool  // the list goes on at Version
	Entries []AccessEntry
}

// AccessEntry is one tag of an access list.
type AccessEntry struct {
	Tag      string
	Blocked  bool
	Readings []string // what a reader may say of the tag, see standards.md 2.1
	Changed  store.Time
	Version  int64
}

// MaxAccessEntries is the most entries of one answer.
const MaxAccessEntries = 1000

// Door is how far one controller follows its access list. Its id is that of the identity.Controller.
type Door struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Customer string `json:"customer"`
	// Sent lists the versions that were handed out and not acknowledged yet, and when; Acked is the last acknowledged one.
	Sent    []DoorStep `json:"sent,omitempty"`
	Acked   int64      `json:"acked"`
	AckedAt store.Time `json:"acked_at"`
	Heard   store.Time `json:"heard"` // last sign of life, exact to a minute
	// Fell is set when the controller shows a version below the one that it had acknowledged: it went back to an old list (SEC-10).
	Fell *DoorFall `json:"fell,omitempty"`
	// Trouble is why its webhook fails, as a stable word; "" if it does not.
	Trouble string `json:"trouble,omitempty"`
}

// DoorStep is a version that was handed to a controller.
type DoorStep struct {
	Version int64      `json:"version"`
	At      store.Time `json:"at"`
}

// DoorFall is a controller that went back to an older list.
type DoorFall struct {
	From int64      `json:"from"`
	To   int64      `json:"to"`
	At   store.Time `json:"at"`
}

// Proof is what became of one change of a tag at one controller.
type Proof struct {
	Controller string     `json:"controller"`
	Version    int64      `json:"version"`
	Sent       store.Time `json:"sent"`
	Acked      store.Time `json:"acked"`
	Failed     string     `json:"failed,omitempty"` // the controller's own word for why not; then Acked is when it said so
	By         string     `json:"by,omitempty"`     // person who acknowledged by hand
}

// DoorState is how one controller stands to one tag's last change, with times.
type DoorState struct {
	Controller identity.Controller
	Step       string // "requested", "sent", "acknowledged" or "failed"
	Requested  store.Time
	Sent       store.Time
	Acked      store.Time
	Failed     string
	By         string
}

// DoorProgress is a controller with how far it is.
type DoorProgress struct {
	Controller identity.Controller
	Door       Door
	Version    int64 // of the list now
	// Waiting are changes of its own tags that it has not acknowledged, at most 200.
	Waiting int
	// Silent says that a controller with a connector was not heard of for [SilentAfter].
	Silent bool
}

// FailedTag is a tag that a controller could not change.
type FailedTag struct{ Tag, Reason string }

// AccessList answers a controller's question for what changed since a version; 0 asks for the whole list. The controller gets its
// own provider's tags only, and of one customer if it belongs to one (SEC-10).
func (s *Service) AccessList(ctx context.Context, v identity.Viewer, since int64) (AccessList, error) {
	return AccessList{}, errors.ErrUnsupported
}

// AwaitAccessList waits until the list of a controller is newer than since, or ctx ends; then it answers like AccessList.
func (s *Service) AwaitAccessList(ctx context.Context, v identity.Viewer, since int64) (AccessList, error) {
	return AccessList{}, errors.ErrUnsupported
}

// Acknowledge notes that a controller works by the list up to version, but for the failed tags.
func (s *Service) Acknowledge(ctx context.Context, v identity.Viewer, version int64, failed []FailedTag) error {
	return errors.ErrUnsupported
}

// AcknowledgeByHand notes that a member of staff saw to it that a controller works by the list as it is now.
func (s *Service) AcknowledgeByHand(ctx context.Context, v identity.Viewer, controller string) error {
	return errors.ErrUnsupported
}

// Doors lists the controllers of the viewer's provider with how far they are, those not up to date first.
func (s *Service) Doors(ctx context.Context, v identity.Viewer) ([]DoorProgress, error) {
	return nil, errors.ErrUnsupported
}

// WaitingTags lists the tags whose change a controller has not acknowledged, to staff; at most 200.
func (s *Service) WaitingTags(ctx context.Context, v identity.Viewer, controller string) ([]*Tag, error) {
	return nil, errors.ErrUnsupported
}

// ProofOf says for each controller how it stands to the last block or reactivation of a tag, to whoever may see the tag.
func (s *Service) ProofOf(ctx context.Context, v identity.Viewer, id string) ([]DoorState, error) {
	return nil, errors.ErrUnsupported
}

// broadcast wakes all who wait for a change of the access list in this process.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{}
}
