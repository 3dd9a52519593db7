package asset

import (
	"context"
	"errors"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// TagView is a tag as one viewer may see it, with what the viewer may do with it.
type TagView struct {
	*Tag
	May TagRight
}

// view is a tag for the viewer, or ErrNotFound: staff see those of their provider, users of a customer its access tags with
// [SeeTags], and living labels of assets of which they may see something.
func (s *Service) view(ctx context.Context, v identity.Viewer, t *Tag) (TagView, error) {
	if t.Kind == Label && !v.StaffOf(t.Provider) {
		if !t.Live() {
			return TagView{}, ErrNotFound
		}
		_, _, err := s.component(ctx, v, t.Component)
		return TagView{Tag: t}, err
	}
	may, err := s.TagRight(ctx, v, t.Provider, t.Customer)
	if err == nil && !may.Has(SeeTags) {
		err = ErrNotFound
	}
	return TagView{Tag: t, May: may}, err
}

// Tag returns one tag: to staff of its provider, and an access tag to users of its customer with [SeeTags]; else ErrNotFound, after
// the same work whether there is one or not (SEC-1).
func (s *Service) Tag(ctx context.Context, v identity.Viewer, id string) (TagView, error) {
	t, err := s.tags.Get(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return TagView{}, err
	}
	provider, customer := decoy(id), ""
	if t != nil {
		provider, customer = t.Provider, t.Customer
	}
	may, err := s.TagRight(ctx, v, provider, customer)
	if err != nil {
		return TagView{}, err
	}
	if t == nil || !may.Has(SeeTags) {
		return TagView{}, ErrNotFound
	}
	return TagView{Tag: t, May: may}, nil
}

// TagFilter narrows a list of tags. For customer users Kind is always [AccessTag].
type TagFilter struct {
	Kind     TagKind // "" for all
	State    tagging.State
	Customer string
	// Holder is what a tenant, company or unit contains, in words: each word begins a word of the holder.
	Holder string
	// NotSeenDays lists access tags in use that were not seen for so many days, the longest unseen first.
	NotSeenDays int
}

const (
	// MaxTags is the most tags of one page.
	MaxTags = 200
	// maxTagReads bounds the tags that one page of a list reads to find those that the filter lets through (SEC-49).
	maxTagReads = 2000
)

// FindTags lists tags that the viewer may see, latest change first; those of a customer that several providers serve stand by
// provider, those found by their holder in no particular order. A page may hold fewer than limit tags while others follow: the cursor
// alone says whether it is the last. Who may see no tags gets ErrNotAllowed.
func (s *Service) FindTags(ctx context.Context, v identity.Viewer, f TagFilter, after string, limit int) ([]TagView, string, error) {
	q, passes, err := s.tagQuery(ctx, v, f)
	if err != nil {
		return nil, "", err
	}
	q.After = after
	return s.findTags(ctx, v, q, passes, min(max(limit, 1), MaxTags))
}

func (s *Service) findTags(ctx context.Context, v identity.Viewer, q store.Query, passes func(*Tag) bool, limit int) ([]TagView, string, error) {
	var out []TagView
	for read := 0; ; {
		q.Limit = limit - len(out)
		items, next, err := s.tags.Find(ctx, q)
		if err != nil {
			return nil, "", err
		}
		for _, it := range items {
			if !passes(it.Value) {
				continue
			}
			t, err := s.view(ctx, v, it.Value)
			if err == nil {
				out = append(out, t)
			} else if !errors.Is(err, ErrNotFound) {
				return nil, "", err
			}
		}
		// Small remainders are left for the next page: reading on for them alone would take many small steps.
		if read += len(items); next == "" || read >= maxTagReads || len(out) > limit/2 {
			return out, next, nil
		}
		q.After = next
	}
}

// tagQuery is the index that a filter is answered from, and what is left to look at in each tag.
func (s *Service) tagQuery(ctx context.Context, v identity.Viewer, f TagFilter) (store.Query, func(*Tag) bool, error) {
	provider := v.Provider
	if v.ActsAsStaff() && provider != "" {
		if f.Customer != "" {
			if err := s.serves(ctx, v, f.Customer); err != nil {
				return store.Query{}, nil, err
			}
		}
	} else {
		seen, err := s.seenProviders(ctx, v)
		switch {
		case err != nil:
			return store.Query{}, nil, err
		case len(seen) == 0:
			return store.Query{}, nil, ErrNotAllowed
		case len(seen) == 1:
			provider = seen[0]
		}
		f.Kind, f.Customer = AccessTag, v.Customer
	}
	words, unseen := foldedWords(f.Holder), time.Time{}
	if f.NotSeenDays > 0 {
		f.Kind, f.State = AccessTag, tagging.Bound
		unseen = s.now().AddDate(0, 0, -f.NotSeenDays)
	}
	passes := func(t *Tag) bool {
		return (f.Kind == "" || t.Kind == f.Kind) && (f.State == "" || t.State == f.State) && (f.Customer == "" || t.Customer == f.Customer) &&
			(len(words) == 0 || t.Holder.matches(words)) && (unseen.IsZero() || t.lastKnown().Before(unseen))
	}
	return f.query(provider, words, unseen), passes, nil
}

// query is the narrowest index for a filter whose defaults are set; provider is empty for a customer's user with several.
func (f TagFilter) query(provider string, words []string, unseen time.Time) store.Query {
	switch {
	case provider == "":
		return store.Query{Index: "customer", Eq: []any{f.Customer}, Desc: true}
	case f.Customer != "" && !unseen.IsZero():
		return store.Query{Index: "unseen", Eq: []any{f.Customer, provider, tagging.Bound}, Hi: store.At(unseen).Key()}
	case f.Customer != "":
		return store.Query{Index: "customer", Eq: []any{f.Customer, provider}, Desc: true}
	case !unseen.IsZero():
		return store.Query{Index: "seen", Eq: []any{provider, AccessTag, tagging.Bound}, Hi: store.At(unseen).Key()}
	case len(words) > 0:
		best := words[0]
		for _, w := range words[1:] {
			if len(w) > len(best) {
				best = w
			}
		}
		return store.Query{Index: "word", Eq: []any{wordKey(provider, searched(best))}}
	case f.Kind != "" && f.State != "":
		return store.Query{Index: "state", Eq: []any{provider, f.Kind, f.State}, Desc: true}
	case f.Kind != "":
		return store.Query{Index: "kind", Eq: []any{provider, f.Kind}, Desc: true}
	}
	return store.Query{Index: "provider", Eq: []any{provider}, Desc: true}
}

// lastKnown is when somebody last knew where the tag is: seen, issued or taken on record.
func (t *Tag) lastKnown() time.Time {
	last := t.Seen.Time
	if t.Holder != nil && t.Holder.Issued.After(last) {
		last = t.Holder.Issued.Time
	}
	if len(t.History) > 0 && t.History[0].At.After(last) {
		last = t.History[0].At.Time
	}
	return last
}

// MaxExport is the most tags of one export (SEC-73).
const MaxExport = 100_000

// ErrExportSize says that an export was cut at [MaxExport] tags.
var ErrExportSize = errors.New("asset: too many tags for one export")

// ExportTags calls yield for each tag that FindTags lists, the longest unchanged first, and stops at an error of yield. What was given
// out before ErrExportSize is right; there is more. A tag that changes meanwhile is given out once, as it was or as it is.
func (s *Service) ExportTags(ctx context.Context, v identity.Viewer, f TagFilter, yield func(TagView) error) error {
	q, passes, err := s.tagQuery(ctx, v, f)
	if err != nil {
		return err
	}
	// A tag that changes moves to the end, where it is met again and not missed.
	q.Desc = false
	given := map[string]bool{}
	defer func() {
		s.log.InfoContext(ctx, "tags exported", "action", "export tags", "person", v.User, "provider", v.Provider, "customer", v.Customer, "tags", len(given))
	}()
	for {
		page, next, err := s.findTags(ctx, v, q, passes, MaxTags)
		if err != nil {
			return err
		}
		for _, t := range page {
			if given[t.ID] {
				continue
			}
			if len(given) == MaxExport {
				return ErrExportSize
			}
			given[t.ID] = true
			if err := yield(t); err != nil {
				return err
			}
		}
		if q.After = next; next == "" {
			return nil
		}
	}
}
