package desk

import (
	"context"
	"errors"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// ReactivateOrder asks to let a blocked tag pass again.
type ReactivateOrder struct {
	Tag    string
	Reason string // required, at most asset.MaxNote characters
	Key    string // Idempotency-Key, "" for none
}

// Reactivated is what became of a ReactivateOrder. Waiting says that the request waits for staff, and the tag stays blocked.
type Reactivated struct {
	Request *Request
	Tag     *asset.Tag
	Waiting bool
}

// ReactivateTag lets a blocked tag pass again, or, if the provider approves reactivations, places a request for it; while one waits,
// asking again answers that one. It needs a reason and fresh proof (identity.ErrProofNeeded). Staff and all Masters of the customer are
// told (SEC-8). Errors are those of [asset.Service.Reactivate], ErrNotFound, ErrKeyReused and *FieldError.
func (s *Service) ReactivateTag(ctx context.Context, v identity.Viewer, o ReactivateOrder) (Reactivated, error) {
	reason, err := cleanReason(o.Reason, true)
	if err != nil {
		return Reactivated{}, err
	}
	tag, err := s.assets.Tag(ctx, v, o.Tag)
	if err != nil {
		return Reactivated{}, hidden(err)
	}
	key, content, err := s.idempotency(v, o.Key, string(ActReactivate), o.Tag, reason)
	if err != nil {
		return Reactivated{}, err
	}
	if made, err := s.madeBefore(ctx, key, content); made != nil || err != nil {
		return Reactivated{Request: made, Tag: tag.Tag}, err
	}
	t, err := s.assets.Reactivate(ctx, v, tag.ID, reason)
	if errors.Is(err, asset.ErrApproval) {
		r, err := s.askApproval(ctx, v, tag.Tag, reason, key, content)
		return Reactivated{Request: r, Tag: tag.Tag, Waiting: err == nil}, err
	}
	var step *tagging.StepError
	if errors.As(err, &step) {
		undocumented, lookErr := s.undocumented(ctx, v, tag.Tag)
		if lookErr != nil || !undocumented {
			return Reactivated{}, errors.Join(err, lookErr)
		}
		t, err = tag.Tag, nil
	}
	if err != nil {
		return Reactivated{}, hidden(err)
	}
	r, err := s.documentReactivation(ctx, v, t, reason, key, content)
	return Reactivated{Request: r, Tag: t}, err
}

// undocumented reports whether the last that happened to a tag is that the viewer reactivated it, and the request of that was lost
// by an interruption.
func (s *Service) undocumented(ctx context.Context, v identity.Viewer, t *asset.Tag) (bool, error) {
	if len(t.History) == 0 {
		return false, nil
	}
	last := t.History[len(t.History)-1]
	if last.Step != tagging.Reactivate || last.Who != v.User {
		return false, nil
	}
	r, err := s.lastOf(ctx, t.ID, ActReactivate)
	return r == nil || r.Updated.Before(last.At.Time), err
}

// lastOf returns the latest request about a tag with an act, nil if there is none.
func (s *Service) lastOf(ctx context.Context, tag string, act TagAct) (last *Request, err error) {
	err = s.requests.Each(ctx, store.Query{Index: "tag", Eq: []any{tag}}, func(it store.Item[Request]) error {
		if it.Value.Act == act && (last == nil || it.Value.Updated.After(last.Updated.Time)) {
			last = it.Value
		}
		return nil
	})
	return last, err
}

// documentReactivation stores that a tag passes again: in the request that waits for it, if there is one, else in one of its own.
func (s *Service) documentReactivation(ctx context.Context, v identity.Viewer, t *asset.Tag, reason, key, content string) (*Request, error) {
	waiting, err := s.waitingFor(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	if waiting != nil {
		decided, err := s.decide(ctx, v, waiting.Number, Approved, reason)
		if !errors.Is(err, ErrStatus) {
			return decided.Request, err
		}
	}
	number, err := s.nextNumber(ctx)
	if err != nil {
		return nil, err
	}
	r := s.tagRequest(v, t, number, ActReactivate, reason)
	r.Key, r.Content = key, content
	if err := s.note(r, outbox.Notice{Event: TagReactivated, By: v.User, At: r.Created}); err != nil {
		return nil, err
	}
	err = s.requests.Insert(ctx, number, r)
	if store.IsDuplicate(err, "key") {
		return s.madeBefore(ctx, key, content)
	}
	if err != nil {
		return nil, err
	}
	s.wake()
	return r, nil
}

// waitingKey holds the place of the one request that may wait for a tag's reactivation.
func waitingKey(tag string) string { return "reactivate." + tag }

// waitingFor returns the request that waits for staff to let a tag pass again, nil if none does.
func (s *Service) waitingFor(ctx context.Context, tag string) (*Request, error) {
	return s.madeBefore(ctx, waitingKey(tag), "")
}

// askApproval places the request that waits for staff. Its key is the tag's while it waits, so that there is one; the key of its
// reporter takes its place with the decision.
func (s *Service) askApproval(ctx context.Context, v identity.Viewer, t *asset.Tag, reason, key, content string) (*Request, error) {
	if waiting, err := s.waitingFor(ctx, t.ID); waiting != nil || err != nil {
		return waiting, err
	}
	number, err := s.nextNumber(ctx)
	if err != nil {
		return nil, err
	}
	r := s.tagRequest(v, t, number, ActReactivate, reason)
	r.Status, r.Open, r.Rank, r.Decision = WaitingHandling, true, rank(true, r.Severity, r.Created), Pending
	r.Key, r.Asked = waitingKey(t.ID), &asked{Key: key, Content: content}
	if err := s.note(r, outbox.Notice{Event: ReactivationAsked, By: v.User, At: r.Created}); err != nil {
		return nil, err
	}
	err = s.requests.Insert(ctx, number, r)
	if store.IsDuplicate(err, "key") {
		return s.waitingFor(ctx, t.ID)
	}
	if err != nil {
		return nil, err
	}
	s.wake()
	return r, nil
}

// DecideReactivation approves or refuses a request that waits for it; staff with fresh proof only. The reason is required to refuse. The
// reporter is told, and of a reactivation all Masters of the customer (SEC-8). Errors are ErrNotFound, ErrNotAllowed, ErrStatus for a
// request that waits for no decision, *FieldError, and those of [asset.Service.Reactivate].
func (s *Service) DecideReactivation(ctx context.Context, v identity.Viewer, number string, approve bool, reason string) (View, error) {
	reason, err := cleanReason(reason, !approve)
	if err != nil {
		return View{}, err
	}
	r, may, err := s.visible(ctx, v, number)
	switch {
	case err != nil:
		return View{}, err
	case !may.work:
		return View{}, ErrNotAllowed
	case r.Decision != Pending:
		return View{}, ErrStatus
	}
	if err := s.people.ProvedRecently(ctx, v); err != nil {
		return View{}, err
	}
	if !approve {
		return s.decide(ctx, v, number, Refused, reason)
	}
	note := r.Text
	if reason != "" {
		note = reason
	}
	if _, err := s.assets.Reactivate(ctx, v, r.Tags[0], note); err != nil && !passes(err) {
		return View{}, hidden(err)
	}
	return s.decide(ctx, v, number, Approved, reason)
}

// passes reports whether a reactivation failed because the tag is in use already. That is what was asked for: the decision was
// interrupted, or another member of staff was faster.
func passes(err error) bool {
	var step *tagging.StepError
	return errors.As(err, &step) && (step.State == tagging.Bound || step.State == tagging.Minted || step.State == tagging.Printed)
}

// decide ends a request that waits for a decision. The first decision stands.
func (s *Service) decide(ctx context.Context, v identity.Viewer, number string, d Decision, reason string) (View, error) {
	id, err := store.NewID(s.random)
	if err != nil {
		return View{}, err
	}
	now := store.At(s.now())
	event := TagReactivated
	if d == Refused {
		event = ReactivationRefused
	}
	end := func(spare string) (View, error) {
		return s.change(ctx, v, number, func(r *Request, may rights) error {
			if r.Decision != Pending {
				return ErrStatus
			}
			r.Thread = append(r.Thread, Entry{ID: id, At: now, Author: v.User, Name: v.Name, Staff: may.work, Text: reason, From: r.Status, To: Done})
			r.Status, r.Open, r.Decision, r.Updated = Done, false, d, now
			r.Rank = rank(false, r.Severity, r.Created)
			if r.Key, r.Content = spare, ""; spare == "" {
				r.Key, r.Content = r.Asked.Key, r.Asked.Content
			}
			r.Asked = nil
			return s.note(r, outbox.Notice{Event: event, By: v.User, At: now})
		})
	}
	seen, err := end("")
	if store.IsDuplicate(err, "key") {
		// Its reporter used the key for another order meanwhile; a decision is not to hang on that.
		return end("-" + id)
	}
	return seen, err
}
