package asset

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

const (
	// MaxForeign is the longest foreign code in characters.
	MaxForeign = 2048
	// MaxAliases is the most living labels and aliases of one component.
	MaxAliases = 50
)

// BindForeign binds a code that we did not print to a component; staff of its provider only. The same code on the same component
// is one alias; on another one it is a *FitsError until confirmed, and so is one that names a type and no single thing (flag
// class_level). What identifies nothing is a *ReadingError. A code of ours is bound as the label that it is.
func (s *Service) BindForeign(ctx context.Context, v identity.Viewer, payload string, own tagging.Config, component string, confirm bool) (*Tag, error) {
	c, err := s.components.Get(ctx, component)
	if err != nil {
		return nil, notFound(err)
	}
	a, err := s.staffAsset(ctx, v, c.Asset)
	if err != nil {
		return nil, err
	}
	if n := utf8.RuneCountInString(payload); n > MaxForeign {
		return nil, &FieldError{"payload", TooLong}
	} else if !utf8.ValidString(payload) {
		return nil, &FieldError{"payload", BadText}
	}
	r := tagging.ParseComponent(payload, own)
	if err := identifies(r); err != nil {
		return nil, err
	}
	if code, ok := r.Own(); ok {
		if t, err := s.Bind(ctx, v, code, component); err == nil || !errors.Is(err, ErrNotFound) {
			return t, err
		}
	}
	known := tagging.Reading{Flags: r.Flags}
	for _, c := range r.Candidates {
		if !strings.HasPrefix(c, "own:") {
			known.Candidates = append(known.Candidates, c)
		}
	}
	if len(known.Candidates) == 0 {
		if r.Has("own_check_failed") {
			return nil, &ReadingError{"own_check_failed"}
		}
		return nil, &ReadingError{"no_number"}
	}
	var bound *Tag
	err = s.alone(ctx, a.Provider, func(ctx context.Context) error {
		m, err := s.match(ctx, v, search{kind: Label, providers: []string{a.Provider}}, known)
		if err != nil {
			return err
		}
		for _, t := range m.Tags {
			if t.Component == c.ID && t.Foreign {
				bound = t.Tag
				return nil
			}
		}
		if !confirm && (m.Decision != tagging.DecideNone || r.Has("class_level")) {
			return &FitsError{m}
		}
		living, err := s.componentTags(ctx, component)
		if err != nil {
			return err
		}
		if len(living) >= MaxAliases {
			return ErrTooMany
		}
		t, err := s.newAlias(v, a.Provider, payload, known, c)
		if err != nil {
			return err
		}
		bound = t
		return s.tags.Insert(ctx, t.ID, t)
	})
	if err != nil {
		return nil, err
	}
	return bound, nil
}

// newAlias makes the label document of a foreign code.
func (s *Service) newAlias(v identity.Viewer, provider, payload string, r tagging.Reading, c *Component) (*Tag, error) {
	code, err := tagging.NewCode(s.random)
	if err != nil {
		return nil, err
	}
	t := newTag(code, Label, provider)
	t.Foreign, t.Readings, t.Component = true, r.Candidates, c.ID
	// Separators within the code are kept, they belong to it.
	t.Number = strings.TrimFunc(payload, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) })
	if err := t.step(tagging.Bind, v, store.At(s.now()), c.Name); err != nil {
		return nil, err
	}
	t.reindex()
	return t, nil
}

// ComponentTags lists the living labels and aliases of a component, its own labels first, to staff of its provider.
func (s *Service) ComponentTags(ctx context.Context, v identity.Viewer, component string) ([]*Tag, error) {
	c, err := s.components.Get(ctx, component)
	if err != nil {
		return nil, notFound(err)
	}
	if _, err := s.staffAsset(ctx, v, c.Asset); err != nil {
		return nil, err
	}
	return s.componentTags(ctx, component)
}

// componentTags are the labels and aliases of a component that did not end: at most [MaxAliases] and the labels that were replaced
// one by one, which are few.
func (s *Service) componentTags(ctx context.Context, component string) ([]*Tag, error) {
	var printed, foreign []*Tag
	err := s.tags.Each(ctx, store.Query{Index: "component", Eq: []any{component}}, func(it store.Item[Tag]) error {
		switch t := it.Value; {
		case t.Gone():
		case t.Foreign:
			foreign = append(foreign, t)
		default:
			printed = append(printed, t)
		}
		return nil
	})
	return append(printed, foreign...), err
}
