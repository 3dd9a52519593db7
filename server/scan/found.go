package scan

import (
	"context"
	"errors"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// Found is what a finder writes. Every input is thanked for alike (SEC-5).
type Found struct {
	Code    string // of our own code on the tag's card, or a number as it was typed
	Place   string
	Text    string
	Contact string
}

// Longest texts of a finder in characters.
const (
	MaxFoundLine = 200 // code, place, contact
	MaxFoundText = 2000
)

// ReportFound takes what a finder wrote to the contact of a host. The same work is done for every input; what it leads to is found
// out afterwards (SEC-1, SEC-5). It is [asset.ErrNotFound] where the provider shows no such form, and a *[asset.FieldError] for a text
// that is too long or no plain text.
func (s *Sightings) ReportFound(ctx context.Context, host string, f Found) error {
	p, err := s.contacts.Of(ctx, host)
	if errors.Is(err, store.ErrNotFound) {
		return asset.ErrNotFound
	}
	if err != nil {
		return err
	}
	set, err := s.assets.TagSettings(ctx, p.ID)
	if err != nil {
		return err
	}
	if p.ID == "" || !set.FoundForm {
		return asset.ErrNotFound
	}
	for _, text := range []struct {
		name  string
		text  *string
		most  int
		lines bool
	}{{"code", &f.Code, MaxFoundLine, false}, {"place", &f.Place, MaxFoundLine, false}, {"text", &f.Text, MaxFoundText, true}, {"contact", &f.Contact, MaxFoundLine, false}} {
		*text.text = strings.TrimSpace(strings.ReplaceAll(*text.text, "\r\n", "\n"))
		switch {
		case !plain(*text.text, len(*text.text), text.lines):
			return &asset.FieldError{Field: text.name, Code: asset.BadText}
		case !plain(*text.text, text.most, text.lines):
			return &asset.FieldError{Field: text.name, Code: asset.TooLong}
		}
	}
	if secret(f.Code) {
		f.Code = ""
	}
	now := s.now()
	x := newSighting(sawUnsettled, fromFinder, now, now)
	x.Provider, x.Place, x.Number, x.Text, x.Contact = p.ID, f.Place, f.Code, f.Text, f.Contact
	x.Expires = store.At(now.Add(kept(set.KeepSightings)))
	if x.ID, err = store.NewID(s.random); err != nil {
		return err
	}
	if err := s.sightings.Insert(ctx, x.ID, x); err != nil {
		return err
	}
	s.unsettled.Store(true)
	return nil
}

// settle finds out which tags finders wrote about, and alerts.
func (s *Sightings) settle(ctx context.Context) error {
	settled := false
	err := s.sightings.Each(ctx, store.Query{Index: "kind", Eq: []any{sawUnsettled}}, func(it store.Item[Sighting]) error {
		settled = true
		return s.settleOne(ctx, it.Value)
	})
	if settled {
		s.wake()
	}
	return err
}

func (s *Sightings) settleOne(ctx context.Context, found *Sighting) error {
	t, err := s.meant(ctx, found)
	if err != nil {
		return err
	}
	id, err := store.NewID(s.random)
	if err != nil {
		return err
	}
	_, err = s.sightings.Update(ctx, found.ID, func(x *Sighting) error {
		if x.Kind != sawUnsettled {
			return nil
		}
		x.Kind = SawFound
		if t != nil {
			x.Tag, x.Customer, x.Number = t.ID, t.Customer, ""
		}
		x.Add(outbox.Notice{ID: id, Event: Sighted, At: x.Received})
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// meant is the one tag that a finder wrote about, or nil, among those of the provider to whom the finder wrote: what a finder tells of
// himself goes to nobody else.
func (s *Sightings) meant(ctx context.Context, found *Sighting) (*asset.Tag, error) {
	v := office(found.Provider)
	reading := tagging.ParseComponent(found.Number, s.own)
	if code, ok := reading.Own(); ok {
		t, err := s.assets.Tag(ctx, v, string(code))
		if err == nil {
			return t.Tag, nil
		}
		if !errors.Is(err, asset.ErrNotFound) {
			return nil, err
		}
	}
	if reading.Has("not_an_identifier") {
		return nil, nil
	}
	for _, as := range []struct {
		kind    asset.TagKind
		reading tagging.Reading
	}{{asset.AccessTag, tagging.ParseTag(found.Number, "")}, {asset.Label, reading}} {
		match, err := s.assets.MatchReading(ctx, v, as.kind, found.Provider, as.reading)
		if err != nil {
			return nil, err
		}
		if match.Decision == tagging.DecideOne {
			return match.Tags[0].Tag, nil
		}
	}
	return nil, nil
}
