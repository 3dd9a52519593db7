package asset

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// MaxLabels is the most labels of one order (SEC-73).
const MaxLabels = 2000

// ErrBound says that a label is bound to another component already.
var ErrBound = errors.New("asset: label is bound to another component")

// ErrTooMany says that an order asks for no label or more than MaxLabels.
var ErrTooMany = errors.New("asset: number of labels out of range")

// PrintLabel is what a label sheet needs of one label.
type PrintLabel struct {
	Code      tagging.Code
	Component *Component // nil while unbound
	Asset     *Asset     // nil while unbound
}

func newLabel(v identity.Viewer, code tagging.Code, now store.Time) *Tag {
	t := newTag(code, Label, v.Provider)
	t.add(tagging.Mint, v, now, "")
	return t
}

// LabelsForComponents returns a label for each component: the one that it carries, or a new one bound to it. Callers who ask for
// the same component at once get the same label. All components must be of the viewer's provider, else ErrNotFound and nothing
// is minted.
func (s *Service) LabelsForComponents(ctx context.Context, v identity.Viewer, components []string) ([]PrintLabel, error) {
	if !v.ActsAsStaff() {
		return nil, ErrNotAllowed
	}
	if len(components) < 1 || len(components) > MaxLabels {
		return nil, ErrTooMany
	}
	out := make([]PrintLabel, len(components))
	missing := map[string][]int{} // component -> its places in the order
	for i, id := range components {
		c, err := s.components.Get(ctx, id)
		if err != nil {
			return nil, notFound(err)
		}
		a, err := s.staffAsset(ctx, v, c.Asset)
		if err != nil {
			return nil, err
		}
		out[i] = PrintLabel{Component: c, Asset: a}
		tag, err := s.labelOf(ctx, id)
		if err != nil {
			return nil, err
		}
		if tag == nil {
			missing[id] = append(missing[id], i)
			continue
		}
		out[i].Code = tagging.Code(tag.ID)
	}
	minting, ctx := errgroup.WithContext(ctx)
	minting.SetLimit(writesAtOnce)
	for _, places := range missing {
		minting.Go(func() error {
			code, err := s.mintFor(ctx, v, out[places[0]].Component)
			for _, i := range places {
				out[i].Code = code
			}
			return err
		})
	}
	return out, minting.Wait()
}

// writesAtOnce is how many writes of one order wait together: the engine commits concurrent writes in one, so a sheet costs a few
// syncs instead of one for each label.
const writesAtOnce = 64

// mintFor stores a new label bound to a component without one. The component reserves the code before the label exists, so that
// those who race, and the next one after a crash in between, make the same label and not a second one.
func (s *Service) mintFor(ctx context.Context, v identity.Viewer, c *Component) (tagging.Code, error) {
	code := c.Label
	if code != "" {
		switch t, err := s.tags.Get(ctx, string(code)); {
		case errors.Is(err, store.ErrNotFound): // reserved, and not stored yet
		case err != nil:
			return "", err
		case t.State == tagging.Bound && t.Component == c.ID:
			return code, nil
		default:
			code = ""
		}
	}
	if code == "" {
		fresh, err := tagging.NewCode(s.random)
		if err != nil {
			return "", fmt.Errorf("asset: mint: %w", err)
		}
		reserved, err := s.components.Update(ctx, c.ID, func(latest *Component) error {
			if latest.Label == c.Label {
				latest.Label = fresh
			}
			return nil
		})
		if err != nil {
			return "", notFound(err)
		}
		code = reserved.Label
	}
	now := store.At(s.now())
	t := newLabel(v, code, now)
	t.State, t.Component = tagging.Bound, c.ID
	t.add(tagging.Bind, v, now, c.Name)
	if err := s.tags.Insert(ctx, t.ID, t); err != nil && !store.IsDuplicate(err, "id") {
		return "", err
	}
	return code, nil
}

// labelOf returns the live label of ours that a component carries, or nil.
func (s *Service) labelOf(ctx context.Context, component string) (*Tag, error) {
	tags, err := s.componentTags(ctx, component)
	for _, t := range tags {
		if !t.Foreign && t.State == tagging.Bound {
			return t, nil
		}
	}
	return nil, err
}

// LabelsByCode returns existing labels of the viewer's provider, for printing again. An unknown or foreign code is ErrNotFound.
func (s *Service) LabelsByCode(ctx context.Context, v identity.Viewer, codes []tagging.Code) ([]PrintLabel, error) {
	if len(codes) < 1 || len(codes) > MaxLabels {
		return nil, ErrTooMany
	}
	out := make([]PrintLabel, len(codes))
	for i, code := range codes {
		t, err := s.staffTag(ctx, v, code)
		if err != nil {
			return nil, err
		}
		out[i].Code = code
		if t.Component == "" {
			continue
		}
		c, err := s.components.Get(ctx, t.Component)
		if err != nil {
			return nil, notFound(err)
		}
		a, err := s.assets.Get(ctx, c.Asset)
		if err != nil {
			return nil, notFound(err)
		}
		out[i].Component, out[i].Asset = c, a
	}
	return out, nil
}

// MarkPrinted records that labels were printed.
func (s *Service) MarkPrinted(ctx context.Context, v identity.Viewer, labels []PrintLabel) error {
	now := store.At(s.now())
	marking, ctx := errgroup.WithContext(ctx)
	marking.SetLimit(writesAtOnce)
	for _, l := range labels {
		marking.Go(func() error {
			_, err := s.tags.Update(ctx, string(l.Code), func(t *Tag) error {
				if !v.StaffOf(t.Provider) {
					return ErrNotFound
				}
				next, err := tagging.Next(t.State, tagging.Print)
				if err != nil {
					return err
				}
				t.State = next
				t.add(tagging.Print, v, now, "")
				return nil
			})
			return notFound(err)
		})
	}
	return marking.Wait()
}

// Bind ties a blank label to a component of the same provider. Binding it again to the same component changes nothing; to
// another one is ErrBound, because the sticker is on the first.
func (s *Service) Bind(ctx context.Context, v identity.Viewer, code tagging.Code, component string) (*Tag, error) {
	if t, err := s.staffTag(ctx, v, code); err != nil {
		return nil, err
	} else if t.Kind != Label {
		return nil, ErrNotFound
	}
	c, err := s.components.Get(ctx, component)
	if err != nil {
		return nil, notFound(err)
	}
	if _, err := s.staffAsset(ctx, v, c.Asset); err != nil {
		return nil, err
	}
	now := store.At(s.now())
	return s.tags.Update(ctx, string(code), func(t *Tag) error {
		if t.Component == c.ID && t.State == tagging.Bound {
			return nil
		}
		if t.Component != "" {
			return ErrBound
		}
		next, err := tagging.Next(t.State, tagging.Bind)
		if err != nil {
			return err
		}
		t.State, t.Component = next, c.ID
		t.add(tagging.Bind, v, now, c.Name)
		return nil
	})
}

// staffTag returns a tag of the viewer's own provider.
func (s *Service) staffTag(ctx context.Context, v identity.Viewer, code tagging.Code) (*Tag, error) {
	t, err := s.tags.Get(ctx, string(code))
	if err != nil {
		return nil, notFound(err)
	}
	if !v.StaffOf(t.Provider) {
		return nil, ErrNotFound
	}
	return t, nil
}
