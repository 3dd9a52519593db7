package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// BlockOrder asks to block lost tags (B-16). The customer is that of the tags.
type BlockOrder struct {
	Tags   []string // ids, all of one provider and customer, at most [MaxBlock]
	Reason string   // at most asset.MaxNote characters, may be empty
	Key    string   // Idempotency-Key, "" for none
}

// MaxBlock is the most tags of one order.
const MaxBlock = 50

// BlockedTags is what became of an order: the tags are refused from now on, and the request documents it.
type BlockedTags struct {
	Request *Request
	Tags    []*asset.Tag // in the order in which they were named
}

// BlockTags blocks tags at once and documents it in a request of type tag_block that is done already, also on a full disk (SEC-85).
// Staff are told, and so are Master users of the customer and those who may block. Tags that were blocked before stay as they are, under
// the request of then; if all were, that one is answered. When a tag cannot be blocked, those before it are, and the request names
// them; the error says why. Errors of its own are ErrNotFound, ErrKeyReused and *FieldError.
func (s *Service) BlockTags(ctx context.Context, v identity.Viewer, o BlockOrder) (BlockedTags, error) {
	ctx = store.Essential(ctx)
	reason, err := cleanReason(o.Reason, false)
	if err != nil {
		return BlockedTags{}, err
	}
	tags, err := s.tagsOf(ctx, v, o.Tags)
	if err != nil {
		return BlockedTags{}, err
	}
	key, content, err := s.idempotency(v, o.Key, append([]string{string(ActBlock), reason}, o.Tags...)...)
	if err != nil {
		return BlockedTags{}, err
	}
	if made, err := s.madeBefore(ctx, key, content); made != nil || err != nil {
		return BlockedTags{made, tags}, err
	}
	number, err := s.blockNumber(ctx, tags)
	if err != nil {
		return BlockedTags{}, err
	}
	r := s.tagRequest(v, tags[0], number, ActBlock, reason)
	r.Key, r.Content = key, content
	under := map[string][]string{} // number of a request: tags that are blocked under it
	var failed error
	for i, t := range tags {
		b, err := s.assets.Block(ctx, v, t.ID, asset.Blocking{Reason: reason, Request: number})
		r.Alarmed = r.Alarmed || b.Alarm
		if err != nil {
			failed = hidden(err)
			break
		}
		tags[i] = b.Tag
		under[b.Tag.Request] = append(under[b.Tag.Request], t.ID)
	}
	if failed != nil {
		// The key stands for the whole order, which is still to be carried out.
		if r.Key, r.Content, err = s.idempotency(v, ""); err != nil {
			return BlockedTags{}, errors.Join(failed, err)
		}
	}
	if failed != nil && len(under) == 0 {
		if r.Alarmed {
			failed = errors.Join(failed, s.alarm(ctx, v, r))
		}
		return BlockedTags{}, failed
	}
	r, err = s.documentBlocks(ctx, v, r, under)
	return BlockedTags{r, tags}, errors.Join(failed, err)
}

// tagsOf returns the tags of an order as the viewer may see them: of one provider and customer, each once.
func (s *Service) tagsOf(ctx context.Context, v identity.Viewer, ids []string) ([]*asset.Tag, error) {
	switch {
	case len(ids) == 0:
		return nil, &FieldError{"tags", Missing}
	case len(ids) > MaxBlock:
		return nil, &FieldError{"tags", TooMany}
	}
	var tags []*asset.Tag
	for _, id := range ids {
		t, err := s.assets.Tag(ctx, v, id)
		if err != nil {
			return nil, hidden(err)
		}
		if slices.ContainsFunc(tags, func(other *asset.Tag) bool { return other.ID == t.ID }) {
			continue
		}
		if len(tags) > 0 && (t.Provider != tags[0].Provider || t.Customer != tags[0].Customer) {
			return nil, &FieldError{"tags", Owners}
		}
		tags = append(tags, t.Tag)
	}
	return tags, nil
}

// blockNumber is the number under which an order blocks. It is reserved before the first tag is touched; if a block was interrupted
// before its request was written, the order takes that block's number and writes the request that is missing.
func (s *Service) blockNumber(ctx context.Context, tags []*asset.Tag) (string, error) {
	for _, t := range tags {
		if t.State != tagging.Blocked || t.Request == "" {
			continue
		}
		_, err := s.requests.Get(ctx, t.Request)
		if errors.Is(err, store.ErrNotFound) {
			return t.Request, nil
		}
		if err != nil {
			return "", err
		}
	}
	return s.nextNumber(ctx)
}

// tagRequest is a request about one tag, done already and without a key.
func (s *Service) tagRequest(v identity.Viewer, t *asset.Tag, number string, act TagAct, reason string) *Request {
	now := store.At(s.now())
	return &Request{
		Number: number, Type: TagBlock, Provider: t.Provider, Customer: t.Customer, Tags: []string{t.ID}, Act: act, Text: reason,
		Severity: 1, Status: Done, Reporter: v.User, ReporterName: v.Name, Created: now, Updated: now,
		Rank: rank(false, 1, now), Box: outbox.New(),
	}
}

// documentBlocks stores the request of an order, and those that are missing of blocks before. It returns the order's own, or if all tags
// were blocked before, one of those.
func (s *Service) documentBlocks(ctx context.Context, v identity.Viewer, r *Request, under map[string][]string) (*Request, error) {
	var other *Request
	for number, tags := range under {
		if number == r.Number || number == "" {
			continue
		}
		before, err := s.requests.Get(ctx, number)
		if errors.Is(err, store.ErrNotFound) {
			missing := *r
			missing.Number, missing.Tags, missing.Alarmed, missing.Box = number, tags, false, outbox.New()
			if missing.Key, missing.Content, err = s.idempotency(v, ""); err == nil {
				before, err = s.documentBlock(ctx, v, &missing)
			}
		}
		if err != nil {
			return nil, err
		}
		other = before
	}
	r.Tags = under[r.Number]
	if len(r.Tags) == 0 {
		// Blocked without a request, as by the end of its term: the order is what documents it.
		r.Tags = under[""]
	}
	if len(r.Tags) == 0 {
		return other, nil
	}
	return s.documentBlock(ctx, v, r)
}

// documentBlock stores the request of a block with its notices.
func (s *Service) documentBlock(ctx context.Context, v identity.Viewer, r *Request) (*Request, error) {
	events := []outbox.Event{TagsBlocked}
	if r.Alarmed {
		events = append(events, BlockAlarm)
	}
	for _, e := range events {
		if err := s.note(r, outbox.Notice{Event: e, By: v.User, At: r.Created}); err != nil {
			return nil, err
		}
	}
	err := s.requests.Insert(ctx, r.Number, r)
	if store.IsDuplicate(err, "key") {
		// The same order came twice at once; each tag is blocked under one of the two numbers, and both get their request.
		if r.Key, r.Content, err = s.idempotency(v, ""); err == nil {
			err = s.requests.Insert(ctx, r.Number, r)
		}
	}
	if store.IsDuplicate(err, "id") {
		// Another order met the block before its request was there, and wrote it.
		r, err = s.requests.Update(ctx, r.Number, func(stored *Request) error {
			for _, t := range r.Tags {
				if !slices.Contains(stored.Tags, t) {
					stored.Tags = append(stored.Tags, t)
				}
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	s.wake()
	return r, nil
}

// alarm tells staff that the viewer blocks unusually much, although this order blocked nothing (SEC-9): by a notice in the viewer's
// last request of this kind, once a request.
func (s *Service) alarm(ctx context.Context, v identity.Viewer, order *Request) error {
	const looked = 50
	items, _, err := s.requests.Find(ctx, store.Query{Index: "customer", Eq: []any{order.Customer}, Desc: true, Limit: looked})
	if err != nil {
		return err
	}
	for _, it := range items {
		if r := it.Value; r.Type != TagBlock || r.Act != ActBlock || r.Reporter != v.User || r.Provider != order.Provider {
			continue
		}
		_, err := s.requests.Update(ctx, it.ID, func(r *Request) error {
			if r.Alarmed {
				return nil
			}
			r.Alarmed = true
			return s.note(r, outbox.Notice{Event: BlockAlarm, By: v.User, At: store.At(s.now())})
		})
		s.wake()
		return err
	}
	return nil
}

// cleanReason checks a reason, which goes into the history of a tag as one line.
func cleanReason(reason string, required bool) (string, error) {
	reason, err := cleanText("reason", reason, required)
	if err != nil {
		return "", err
	}
	reason = strings.Join(strings.Fields(reason), " ")
	if utf8.RuneCountInString(reason) > asset.MaxNote {
		return "", &FieldError{"reason", TooLong}
	}
	return reason, nil
}
