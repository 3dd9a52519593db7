package asset

import (
	"context"
	"errors"
	"strings"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// Blocking is why and under which request a tag is blocked.
type Blocking struct {
	Reason  string // at most [MaxNote] characters
	Request string // number of the request that documents it
}

// Blocked is what a block did.
type Blocked struct {
	Tag *Tag
	// Already says that the tag was blocked before; Tag.Request is the request of that block.
	Already bool
	// Alarm says that the account blocks unusually much, so that staff are to look (SEC-9); also beside identity.ErrProofNeeded.
	Alarm bool
}

// ErrApproval says that staff of the provider must approve the reactivation first.
var ErrApproval = errors.New("asset: reactivation waits for the approval of the service company")

// expiredNote is the reason in the history of a tag that was blocked because its last day was over.
const expiredNote = "expired"

// Refused reports whether doors have to refuse the tag: an access tag that is blocked, and one that was replaced or retired, whether blocked
// before or not, because the old fob may still be about. Its number stays refused unless another tag has it now, see [Tag.Reused]. Labels
// are not for doors.
func (t *Tag) Refused() bool {
	return t.Kind == AccessTag && (t.State == tagging.Blocked || t.Gone() && t.Reused == "")
}

// Block refuses a tag at every scan from the moment it returns, and puts it on the access list; customers with [BlockTags] and
// staff, labels staff only (B-16, SEC-7). It works while the disk is nearly full (SEC-85). Blocking a blocked tag changes nothing. An account
// that blocks unusually much needs fresh proof (identity.ErrProofNeeded); what it blocked before stays blocked (SEC-9). Other errors are
// ErrNotFound, ErrNotAllowed for those who only see the tag, *tagging.StepError and *FieldError.
func (s *Service) Block(ctx context.Context, v identity.Viewer, id string, b Blocking) (Blocked, error) {
	ctx = store.Essential(ctx)
	reason, err := reasonText(b.Reason)
	if err != nil {
		return Blocked{}, err
	}
	t, err := s.tagWith(ctx, v, id, BlockTags)
	if err != nil {
		return Blocked{}, err
	}
	if t.State == tagging.Blocked {
		return Blocked{Tag: t, Already: true}, nil
	}
	if _, err := tagging.Next(t.State, tagging.Block); err != nil {
		return Blocked{}, err
	}
	var out Blocked
	if out.Alarm, err = s.countBlock(ctx, v, t); err != nil {
		s.log.WarnContext(ctx, "block refused", "action", "block tag", "person", v.User, "tag", id, "unusual", out.Alarm, "error", err)
		return out, err
	}
	l, err := s.listing(ctx, v, t)
	if err != nil {
		return out, err
	}
	out.Tag, err = s.tags.Update(ctx, id, func(t *Tag) error {
		if out.Already = t.State == tagging.Blocked; out.Already {
			return nil
		}
		next, err := tagging.Next(t.State, tagging.Block)
		if err != nil {
			return err
		}
		t.State, t.Request = next, b.Request
		t.add(tagging.Block, v, l.at, reason)
		t.list(l)
		return nil
	})
	if err != nil {
		return out, notFound(err)
	}
	s.listed()
	s.log.InfoContext(ctx, "tag blocked", "action", "block tag", "person", v.User, "tag", id, "request", b.Request, "unusual", out.Alarm, "result", "ok")
	return out, nil
}

// Reactivate lets a blocked tag pass again: bound if it has a component or a holder, else minted. It needs a reason of at most
// [MaxNote] characters (*FieldError), and proof of the last five minutes (identity.ErrProofNeeded, SEC-8). Customers get ErrApproval
// where the provider approves reactivations, and always for a tag whose last day is over: only staff lift that limit, and do so by this. A tag
// that is not blocked is a *tagging.StepError.
func (s *Service) Reactivate(ctx context.Context, v identity.Viewer, id, reason string) (*Tag, error) {
	reason, err := reasonText(reason)
	if err != nil {
		return nil, err
	}
	if reason == "" {
		return nil, &FieldError{"reason", Missing}
	}
	t, err := s.tagWith(ctx, v, id, BlockTags)
	if err != nil {
		return nil, err
	}
	if _, err := tagging.Next(t.State, tagging.Reactivate); err != nil {
		return nil, err
	}
	if err := s.people.ProvedRecently(ctx, v); err != nil {
		return nil, err
	}
	l, err := s.listing(ctx, v, t)
	if err != nil {
		return nil, err
	}
	if !v.StaffOf(t.Provider) {
		set, err := s.TagSettings(ctx, t.Provider)
		if err != nil {
			return nil, err
		}
		if set.ApproveReactivation || !t.Expires.After(l.at.Time) {
			return nil, ErrApproval
		}
	}
	t, err = s.tags.Update(ctx, id, func(t *Tag) error {
		next, err := tagging.Next(t.State, tagging.Reactivate)
		if err != nil {
			return err
		}
		if t.Component == "" && t.Holder == nil {
			next = tagging.Minted
		}
		if !t.Expires.After(l.at.Time) {
			t.Expires = store.Never
		}
		t.State = next
		t.add(tagging.Reactivate, v, l.at, reason)
		t.list(l)
		return nil
	})
	if err != nil {
		return nil, notFound(err)
	}
	s.listed()
	s.log.InfoContext(ctx, "tag reactivated", "action", "reactivate tag", "person", v.User, "tag", id, "result", "ok")
	return t, nil
}

// BlockExpired blocks access tags in use whose last day is over; a worker calls it now and then. It returns how many; one that cannot be
// blocked does not hold up the others.
func (s *Service) BlockExpired(ctx context.Context) (int, error) {
	ctx = store.Essential(ctx)
	blocked := 0
	var failures error
	for _, state := range []tagging.State{tagging.Bound, tagging.Damaged} {
		due := store.Query{Index: "expires", Eq: []any{AccessTag, state}, Hi: store.At(s.now()).Key()}
		err := s.tags.Each(ctx, due, func(it store.Item[Tag]) error {
			done, err := s.blockExpired(ctx, it.Value)
			failures = errors.Join(failures, err)
			if done {
				blocked++
			}
			return ctx.Err()
		})
		failures = errors.Join(failures, err)
	}
	if blocked > 0 {
		s.listed()
	}
	return blocked, failures
}

func (s *Service) blockExpired(ctx context.Context, t *Tag) (done bool, err error) {
	l, err := s.listing(ctx, identity.Viewer{}, t)
	if err != nil {
		return false, err
	}
	_, err = s.tags.Update(ctx, t.ID, func(t *Tag) error {
		if done = t.Live() && !t.Expires.After(l.at.Time); !done {
			return nil // blocked, ended or prolonged meanwhile
		}
		next, err := tagging.Next(t.State, tagging.Block)
		if err != nil {
			return err
		}
		t.State, t.Request = next, ""
		t.add(tagging.Block, identity.Viewer{}, l.at, expiredNote)
		t.list(l)
		return nil
	})
	if done = done && err == nil; done {
		s.log.InfoContext(ctx, "tag blocked", "action", "block tag", "tag", t.ID, "reason", expiredNote, "result", "ok")
	}
	return done, err
}

// tagWith returns a tag on which the viewer has a right: ErrNotFound without any, after the same work as for one that is not there
// (SEC-1), and ErrNotAllowed with another one only.
func (s *Service) tagWith(ctx context.Context, v identity.Viewer, id string, want TagRight) (*Tag, error) {
	t, err := s.tags.Get(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	provider, customer := decoy(id), v.Customer
	if t != nil {
		provider, customer = t.Provider, t.Customer
	}
	right, err := s.TagRight(ctx, v, provider, customer)
	switch {
	case err != nil:
		return nil, err
	case t == nil || right == 0:
		return nil, ErrNotFound
	case !right.Has(want):
		return nil, ErrNotAllowed
	}
	return t, nil
}

// reasonText is a reason on one line.
func reasonText(text string) (string, error) {
	return line("reason", strings.Join(strings.Fields(text), " "), MaxNote)
}
