package asset

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// NumberMatch is what a number in any form leads to among the tags that the viewer may see.
type NumberMatch struct {
	Reading  tagging.Reading
	Decision tagging.Decision
	// Tags are those that fit, in the order of ids, at most [MaxMatches] or [MaxWeakMatches]; More says that there are others.
	Tags []TagView
	More bool
}

const (
	// MaxMatches is the most tags that a match lists.
	MaxMatches = 20
	// MaxWeakMatches is the same for a number that shows 16 bits alone, such as the five last digits: among a million tags some fifteen
	// have them, and whoever knows more digits is helped better by typing them.
	MaxWeakMatches = 3
)

// maxMatchReads bounds the documents that one match reads, those that the viewer may not see counted (SEC-49).
const maxMatchReads = 1000

// keyText writes index keys: 64 bits in 13 symbols.
var keyText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// digest is the beginning of a hash over a provider and a text; n is how many bytes of it.
func digest(provider, text string, n int) string {
	sum := sha256.Sum256([]byte(provider + "\x00" + text))
	return keyText.EncodeToString(sum[:n])
}

// wordKey is under what a tag of a provider is found by a word: short, because a tag has many, and hashed with the provider, so that
// one look-up reads tags of that provider alone. Two words that share a hash cost a read, no wrong answer: what is found is compared
// again.
func wordKey(provider, word string) string { return digest(provider, word, 8) }

// readingKeys are under what a tag of a provider is found by a reading, for what [tagging.Keys] or [tagging.Lookups] say of it. What
// the readings that may fit have in common stands first: a number is looked up by some ten keys, of which most find nothing, and
// with it they lie side by side in the index, and not each in another corner of it.
func readingKeys(provider, reading string, keys []string) []string {
	place := digest(provider, common(reading), 5)
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = place + digest(provider, k, 5)
	}
	return out
}

// common is the part of a reading that all forms of its kind show, so that it is equal for any two readings that fit.
func common(reading string) string {
	kind, value, _ := strings.Cut(reading, ":")
	switch {
	case kind == "em4100" && len(value) == 10:
		return "16 bits:" + value[6:]
	case kind == "iso14443" && len(value) == 14:
		return kind + ":" + value[:6]
	case kind == "h10301":
		// The same bits are read as the end of an EM4100 number too.
		if _, card, ok := strings.Cut(value, ":"); ok {
			if n, err := strconv.ParseUint(card, 10, 16); err == nil {
				return fmt.Sprintf("16 bits:%04X", n)
			}
		}
	}
	return reading
}

// reindex sets under what the tag is found. A tag that was retired or replaced is found by its readings, so that who scans it learns
// what became of it, and not any more by its last holder.
func (t *Tag) reindex() {
	t.Keys, t.Words = nil, nil
	for _, r := range t.Readings {
		t.Keys = append(t.Keys, readingKeys(t.Provider, r, tagging.Keys(r))...)
	}
	if !t.Gone() {
		for _, w := range t.Holder.words() {
			for _, beginning := range indexed(w) {
				t.Words = append(t.Words, wordKey(t.Provider, beginning))
			}
		}
	}
	for _, list := range []*[]string{&t.Keys, &t.Words} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
}

// search says among which tags a match looks.
type search struct {
	kind      TagKind
	providers []string
	gone      bool   // those that were retired or replaced too, if no other one fits
	but       string // id of a tag that is left out
	most      int    // how many to list, 0 for MaxMatches
}

// MatchNumber finds the access tags that a number in any form fits (standards.md 2.5, 2.6), also by the code on a tag's card. Tags
// that were retired or replaced are found by their card only: their numbers may be in use again. Who may see no tags gets
// ErrNotAllowed.
func (s *Service) MatchNumber(ctx context.Context, v identity.Viewer, number, hint string) (NumberMatch, error) {
	providers, err := s.seenProviders(ctx, v)
	if err != nil {
		return NumberMatch{}, err
	}
	if len(providers) == 0 {
		return NumberMatch{}, ErrNotAllowed
	}
	if card := tagging.ParseComponent(number, s.own); len(card.Candidates) > 0 {
		if m, ok, err := s.matchOwn(ctx, v, AccessTag, card); err != nil || ok {
			return m, err
		}
	}
	return s.match(ctx, v, search{kind: AccessTag, providers: providers}, tagging.ParseTag(number, hint))
}

// MatchReading finds the tags of a kind that a reading fits, among those of one provider that the viewer may see; provider "" means
// all that the viewer has to do with. Tags that were retired or replaced are found if no other one fits, so that staff learn why a
// scan leads nowhere.
func (s *Service) MatchReading(ctx context.Context, v identity.Viewer, kind TagKind, provider string, r tagging.Reading) (NumberMatch, error) {
	providers, err := s.tagProviders(ctx, v)
	if err != nil {
		return NumberMatch{}, err
	}
	if provider != "" {
		providers = slices.DeleteFunc(slices.Clone(providers), func(p string) bool { return p != provider })
	}
	if m, ok, err := s.matchOwn(ctx, v, kind, r); err != nil || ok {
		return m, err
	}
	return s.match(ctx, v, search{kind: kind, providers: providers, gone: true}, r)
}

// seenProviders are the providers of which the viewer may see access tags.
func (s *Service) seenProviders(ctx context.Context, v identity.Viewer) ([]string, error) {
	providers, err := s.tagProviders(ctx, v)
	var seen []string
	for _, p := range providers {
		r, err := s.TagRight(ctx, v, p, v.Customer)
		if err != nil {
			return nil, err
		}
		if r.Has(SeeTags) {
			seen = append(seen, p)
		}
	}
	return seen, err
}

// matchOwn finds the tag whose own code the reading holds; it beats what else the reading may mean (standards.md 1.6).
func (s *Service) matchOwn(ctx context.Context, v identity.Viewer, kind TagKind, r tagging.Reading) (NumberMatch, bool, error) {
	code, ok := r.Own()
	if !ok {
		return NumberMatch{}, false, nil
	}
	t, err := s.Tag(ctx, v, string(code))
	if errors.Is(err, ErrNotFound) || err == nil && t.Kind != kind {
		return NumberMatch{}, false, nil
	}
	return NumberMatch{Reading: r, Decision: tagging.DecideOne, Tags: []TagView{t}}, true, err
}

// match looks up each key that the reading's candidates share with the tags that they fit, and stops when more fit than are listed.
func (s *Service) match(ctx context.Context, v identity.Viewer, in search, r tagging.Reading) (NumberMatch, error) {
	if in.most == 0 {
		in.most = MaxMatches
		if r.Has(tagging.FlagWeak) {
			in.most = MaxWeakMatches
		}
	}
	var living, gone []TagView
	seen := map[string]bool{}
	more, read := false, 0
	for _, key := range in.keys(r) {
		q := store.Query{Index: "key", Eq: []any{key}, Limit: min(in.most, store.MaxPage)}
		for !more {
			items, next, err := s.tags.Find(ctx, q)
			if err != nil {
				return NumberMatch{}, err
			}
			for _, it := range items {
				t := it.Value
				if seen[t.ID] || t.Kind != in.kind || t.ID == in.but || t.Gone() && !in.gone {
					continue
				}
				seen[t.ID] = true
				view, err := s.view(ctx, v, t)
				switch {
				case errors.Is(err, ErrNotFound):
				case err != nil:
					return NumberMatch{}, err
				case t.Gone():
					gone = append(gone, view)
				default:
					living = append(living, view)
				}
			}
			// A full list with a next page has more; a longer one, which several keys filled, too.
			read += len(items)
			more = len(living) > in.most || next != "" && len(living) == in.most || read >= maxMatchReads
			if q.After = next; next == "" {
				break
			}
		}
	}
	if len(seen) == 0 && len(r.Candidates) > 0 && !v.ActsAsStaff() {
		// The same work as for a tag that is there and that the viewer may not see (SEC-1).
		nothing := decoy(r.Candidates[0])
		if _, err := s.view(ctx, v, &Tag{Kind: in.kind, Provider: nothing, State: tagging.Bound, Component: nothing}); err != nil && !errors.Is(err, ErrNotFound) {
			return NumberMatch{}, err
		}
	}
	if len(living) == 0 {
		living = gone
	}
	m := decide(in, r, living)
	m.More = m.More || more
	return m, nil
}

// keys are what the index is asked for, each once.
func (in search) keys(r tagging.Reading) []string {
	var keys []string
	for _, p := range in.providers {
		for _, c := range r.Candidates {
			for _, key := range readingKeys(p, c, tagging.Lookups(c)) {
				if !slices.Contains(keys, key) {
					keys = append(keys, key)
				}
			}
		}
	}
	return keys
}

// decide says what follows from the tags that were found: for access tags what [tagging.Match] says, and a question where a print
// contradicts itself; for foreign codes one if they are all on one component.
func decide(in search, r tagging.Reading, found []TagView) NumberMatch {
	m := NumberMatch{Reading: r, Decision: tagging.DecideNone}
	slices.SortFunc(found, func(a, b TagView) int { return strings.Compare(a.ID, b.ID) })
	if in.kind == AccessTag {
		known := make([]tagging.KnownTag, len(found))
		for i, t := range found {
			known[i] = tagging.KnownTag{ID: t.ID, Readings: t.Readings}
		}
		fits := tagging.Match(r, known)
		m.Decision = fits.Decision
		// Two numbers printed on one card that disagree are a slip of the pen in either: somebody has to look.
		if m.Decision == tagging.DecideOne && r.Has(tagging.FlagInconsistent) {
			m.Decision = tagging.DecideConfirm
		}
		m.Tags = slices.DeleteFunc(found, func(t TagView) bool { return !slices.Contains(fits.IDs, t.ID) })
	} else {
		m.Tags = slices.DeleteFunc(found, func(t TagView) bool {
			return !slices.ContainsFunc(t.Readings, func(have string) bool { return slices.Contains(r.Candidates, have) })
		})
		for _, t := range m.Tags {
			if m.Decision = tagging.DecideOne; t.Component != m.Tags[0].Component {
				m.Decision = tagging.DecideAsk
				break
			}
		}
	}
	if len(m.Tags) > in.most {
		m.Tags, m.More = m.Tags[:in.most], true
	}
	return m
}
