package asset

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

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
	Controller identity.Controller // what may be known of it: no webhook and no keys
	Step       string              // "requested", "sent", "acknowledged" or "failed"
	Requested  store.Time
	Sent       store.Time
	Acked      store.Time
	Failed     string
	By         string
}

// The steps of a [DoorState], in order.
const (
	DoorRequested    = "requested"
	DoorSent         = "sent"
	DoorAcknowledged = "acknowledged"
	DoorFailed       = "failed"
)

// FailedTag is a tag that a controller could not change.
type FailedTag struct{ Tag, Reason string }

const (
	// MaxFailed is the most tags that one acknowledgement names as failed.
	MaxFailed = 200
	// maxFailures bounds the tags that one controller failed at; one that fails at more does not work by the list.
	maxFailures = 1000
	// maxProved is how many tags hold an acknowledgement one by one; more at once, as at the first, is the [Door.Base].
	maxProved = 2000
	// maxProofs bounds the proofs of one tag, those of controllers that are no more among them; the oldest go first.
	maxProofs = 250
)

// proof of a controller for the change that the tag shows, or nil.
func (t *Tag) proof(controller string) *Proof {
	for i := range t.Proofs {
		if p := &t.Proofs[i]; p.Controller == controller && p.Version == t.Listed {
			return p
		}
	}
	return nil
}

// prove keeps the latest proof of each controller.
func (t *Tag) prove(p Proof) {
	t.Proofs = slices.DeleteFunc(t.Proofs, func(old Proof) bool { return old.Controller == p.Controller })
	t.Proofs = append(t.Proofs, p)
	t.Proofs = t.Proofs[max(0, len(t.Proofs)-maxProofs):]
}

// NoteSent notes that a controller's webhook took the event of a change, if the tag has not changed again. It is for the write in which the
// worker settles the notice.
func (t *Tag) NoteSent(controller string, version int64, at store.Time) {
	if t.Listed == version && t.proof(controller) == nil {
		t.prove(Proof{Controller: controller, Version: version, Sent: at})
	}
}

// acknowledgement is that a controller works by the list up to a version, but for the failed tags; by a person or by itself.
type acknowledgement struct {
	version int64
	failed  []FailedTag
	by      string
	at      store.Time
}

// Acknowledge notes that a controller works by the list up to version, but for the failed tags, which are handed out again until an
// acknowledgement does not name them. A version below the acknowledged one is a fall that staff see (SEC-10). Errors are ErrVersion,
// ErrNotFound for a failed tag that is not the controller's, *FieldError, and those of [Service.AccessList].
func (s *Service) Acknowledge(ctx context.Context, v identity.Viewer, version int64, failed []FailedTag) error {
	c, err := s.controller(ctx, v)
	if err != nil {
		return err
	}
	if len(failed) > MaxFailed {
		return &FieldError{"failed", TooLong}
	}
	head, err := s.sequence(ctx, c.Provider)
	if err != nil {
		return err
	}
	if version < 0 || version > head {
		return ErrVersion
	}
	ack := acknowledgement{version: version, failed: slices.Clone(failed), at: store.At(s.now())}
	for i := range ack.failed {
		f := &ack.failed[i]
		t, err := s.tags.Get(ctx, f.Tag)
		if err == nil && (t.Listed == 0 || t.Kind != AccessTag || !c.Covers(t.Provider, t.Customer)) {
			err = ErrNotFound
		}
		if err != nil {
			return notFound(err)
		}
		if f.Reason, err = line("failed", f.Reason, maxWord); err != nil {
			return err
		}
		if f.Reason == "" {
			f.Reason = "unknown"
		}
	}
	return s.acknowledge(ctx, c, ack)
}

// AcknowledgeByHand notes that a member of staff saw to it that a controller works by the list as it is now; what it failed at, and that it
// fell back, is put right with it.
func (s *Service) AcknowledgeByHand(ctx context.Context, v identity.Viewer, controller string) error {
	c, err := s.staffController(ctx, v, controller)
	if err != nil {
		return err
	}
	head, err := s.sequence(ctx, c.Provider)
	if err != nil {
		return err
	}
	by := v.User
	if by == "" {
		by = v.Name
	}
	if err := s.acknowledge(ctx, c, acknowledgement{version: head, by: by, at: store.At(s.now())}); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "access list acknowledged by hand", "action", "acknowledge", "person", v.User, "controller", c.ID, "version", head, "result", "ok")
	return nil
}

// acknowledge writes the proof into the tags first and then into the door, whose version says from where the next one goes on: after a crash
// in between, the same acknowledgement does the same again.
func (s *Service) acknowledge(ctx context.Context, c identity.Controller, ack acknowledgement) error {
	ctx = store.Essential(ctx)
	door, err := s.door(ctx, c)
	if err != nil {
		return err
	}
	if len(door.Failed)+len(ack.failed) > maxFailures {
		return &FieldError{"failed", TooLong}
	}
	proved, base, err := s.provedBy(ctx, c, door, ack)
	if err != nil {
		return err
	}
	proving, provingCtx := errgroup.WithContext(ctx)
	proving.SetLimit(writesAtOnce)
	for id, why := range proved {
		proving.Go(func() error {
			_, err := s.tags.Update(provingCtx, id, func(t *Tag) error {
				if t.Listed < 1 || t.Listed > ack.version {
					return nil // changed again: the next acknowledgement is about that
				}
				p := Proof{Controller: c.ID, Version: t.Listed, Sent: door.sent(t.Listed), Acked: ack.at, Failed: why, By: ack.by}
				if old := t.proof(c.ID); old != nil && !old.Sent.IsZero() {
					p.Sent = old.Sent
				}
				t.prove(p)
				return nil
			})
			return err
		})
	}
	if err := proving.Wait(); err != nil {
		return err
	}
	return s.changeDoor(ctx, c, func(d *Door) error {
		if base {
			d.Base = DoorBase{Version: ack.version, Sent: d.sent(ack.version), At: ack.at, By: ack.by}
		}
		d.acknowledge(ack, proved)
		return nil
	})
}

// provedBy are the tags that an acknowledgement says something of, each with why it failed or "". base says that those which it does not
// name are too many to hold it one by one.
func (s *Service) provedBy(ctx context.Context, c identity.Controller, d Door, ack acknowledgement) (proved map[string]string, base bool, err error) {
	proved = map[string]string{}
	if base = d.Acked == 0 && ack.version > 0; !base && ack.version > d.Acked {
		err = s.tags.Each(ctx, listQuery(c, d.Acked, ack.version), func(it store.Item[Tag]) error {
			proved[it.ID] = ""
			if len(proved) > maxProved {
				return errEnough
			}
			return nil
		})
		if base = errors.Is(err, errEnough); base {
			proved, err = map[string]string{}, nil
		}
	}
	for _, f := range d.Failed {
		if f.Again || ack.by != "" {
			proved[f.Tag] = ""
		}
	}
	for _, f := range ack.failed {
		proved[f.Tag] = f.Reason
	}
	return proved, base, err
}

// acknowledge notes an acknowledgement; proved are the tags that it said something of.
func (d *Door) acknowledge(ack acknowledgement, proved map[string]string) {
	d.Failed = slices.DeleteFunc(d.Failed, func(f DoorFailure) bool { _, said := proved[f.Tag]; return said })
	for _, f := range ack.failed {
		if !slices.ContainsFunc(d.Failed, func(known DoorFailure) bool { return known.Tag == f.Tag }) {
			d.Failed = append(d.Failed, DoorFailure{Tag: f.Tag})
		}
	}
	switch {
	case ack.by != "":
		d.Fell = nil
	case ack.version < d.Acked:
		d.Fell = &DoorFall{From: d.Acked, To: ack.version, At: ack.at}
	}
	if ack.by == "" {
		d.hear(ack.at)
	}
	d.Acked, d.AckedAt = ack.version, ack.at
	d.Sent = slices.DeleteFunc(d.Sent, func(step DoorStep) bool { return step.Version <= ack.version })
}

// sent is when a version was handed to the controller, the zero time if it was not or that is forgotten.
func (d Door) sent(version int64) store.Time {
	for _, step := range d.Sent {
		if step.Version >= version {
			return step.At
		}
	}
	return store.Time{}
}

// ProofOf says for each controller how it stands to the last block or reactivation of a tag, to whoever may see the tag; nothing for a tag
// that was never on the access list.
func (s *Service) ProofOf(ctx context.Context, v identity.Viewer, id string) ([]DoorState, error) {
	t, err := s.tagWith(ctx, v, id, SeeTags)
	if err != nil {
		return nil, err
	}
	if t.Listed == 0 {
		return nil, nil
	}
	if _, err := s.sequence(ctx, t.Provider); err != nil {
		return nil, err
	}
	if t, err = s.tags.Get(ctx, id); err != nil {
		return nil, notFound(err)
	}
	controllers, err := s.people.ControllersFor(ctx, t.Provider, t.Customer)
	if err != nil {
		return nil, err
	}
	list := make([]DoorState, len(controllers))
	for i, c := range controllers {
		door, err := s.door(ctx, c)
		if err != nil {
			return nil, err
		}
		list[i] = door.stateOf(t)
		list[i].Controller = identity.Controller{ID: c.ID, Provider: c.Provider, Customer: c.Customer, Name: c.Name, Place: c.Place,
			Manual: c.Manual, Active: c.Active, Created: c.Created}
	}
	return list, nil
}

// stateOf is how the controller stands to the last change of a tag. An acknowledgement counts only as long as the controller has not gone back
// to an older list.
func (d Door) stateOf(t *Tag) DoorState {
	state := DoorState{Step: DoorRequested, Requested: t.ListedAt}
	if t.Listed < 1 {
		return state // changed again this moment
	}
	p := t.proof(d.ID)
	if p == nil {
		p = &Proof{}
	}
	based := t.Listed <= d.Base.Version
	if state.Sent = p.Sent; state.Sent.IsZero() {
		state.Sent = d.sent(t.Listed)
	}
	if based && state.Sent.IsZero() {
		state.Sent = d.Base.Sent
	}
	if !state.Sent.IsZero() {
		state.Step = DoorSent
	}
	switch {
	case p.Failed != "":
		state.Step, state.Acked, state.Failed = DoorFailed, p.Acked, p.Failed
	case t.Listed > d.Acked:
	case based && d.Base.At.After(p.Acked.Time):
		state.Step, state.Acked, state.By = DoorAcknowledged, d.Base.At, d.Base.By
	case !p.Acked.IsZero():
		state.Step, state.Acked, state.By = DoorAcknowledged, p.Acked, p.By
	}
	return state
}
