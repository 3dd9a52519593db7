package scan

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

// Unknown is what a payload may mean that leads nowhere. Staff get the reading, to bind the code or to enrol the tag; others only why
// a number cannot be used, which its text alone tells (SEC-1).
type Unknown struct {
	// Candidates are canonical readings, the likeliest first: as the code of a component, then as the number of a tag.
	Candidates []string
	// Flags are remarks on them, see [tagging.Flag].
	Flags []string
}

// hints are what a source says of the reader in the words of [tagging.ParseTag].
var hints = map[string]string{"webnfc": "webnfc", "android": "android", "ios": "ios", "nfc": "13.56mhz"}

// number is the payload as the number of an access tag.
func (in Input) number() tagging.Reading {
	hint := in.Hint
	if hint == "" {
		hint = hints[in.Source]
	}
	return tagging.ParseTag(bare(in.Payload), hint)
}

// plausible drops a number where the payload was marked as something else, and one that is only text where it came from a camera.
func (in Input) plausible(reading, number tagging.Reading) tagging.Reading {
	kind := ""
	if len(reading.Candidates) > 0 && !reading.Has("unmarked_gs1") {
		kind, _, _ = strings.Cut(reading.Candidates[0], ":")
	}
	isText := !slices.ContainsFunc(number.Candidates, func(c string) bool { return !strings.HasPrefix(c, "raw:") })
	if kind == "gs1" || kind == "url" || isText && in.camera() {
		return tagging.Reading{Flags: number.Flags}
	}
	return number
}

// camera reports whether the payload was read from a picture, or nobody said.
func (in Input) camera() bool { return in.Source == "" || in.Source == "qr" }

// foreign resolves what is no code of ours. A payload from a camera is the code of a component, and only if none fits the number of a
// tag; what a reader or keyboard delivered may be either, so a match of both is a choice. Replaced and retired tags count only where no
// other fits, and several aliases of one component are one match; what is left is never guessed (standards.md 2.6). The viewer finds
// what the viewer may see, all else is on record nowhere (SEC-1). For strangers nothing is looked up (SEC-5).
func (r *Resolver) foreign(ctx context.Context, v identity.Viewer, host string, in Input, reading tagging.Reading) (Answer, error) {
	if !known(v) {
		r.sightings.strayNumber()
		return r.stranger(ctx, v, host)
	}
	reading.Candidates = slices.DeleteFunc(slices.Clone(reading.Candidates), func(c string) bool { return strings.HasPrefix(c, "own:") })
	number := in.number()
	fit, err := r.aliases(ctx, v, reading)
	if err != nil {
		return Answer{}, err
	}
	if len(fit.tags) == 0 || !in.camera() {
		if err := r.numbers(ctx, v, number, &fit); err != nil {
			return Answer{}, err
		}
	}
	switch {
	case len(fit.tags) == 0:
		a, err := r.stranger(ctx, v, host)
		number = in.plausible(reading, number)
		a.Unknown = unknown(v, reading, number)
		if v.ActsAsStaff() {
			a.Actions = offers(reading, number)
		}
		return a, err
	case len(fit.tags) > 1 || fit.more:
		a, err := r.stranger(ctx, v, host)
		a.Granted, a.MoreChoices = true, fit.more
		for _, t := range fit.tags {
			a.Choices = append(a.Choices, r.choice(t))
		}
		return a, err
	case fit.unsure:
		a := Answer{Granted: true, Confirm: true, Tag: r.tag(fit.tags[0].Tag)}
		if a.Provider, err = r.people.Provider(ctx, fit.tags[0].Tag.Provider); err != nil {
			return Answer{}, err
		}
		r.accessTag(&a, fit.tags[0].Tag, fit.tags[0].May)
		a.Actions = nil
		return a, nil
	}
	return r.granted(ctx, v, fit.tags[0], in.Source)
}

// fitting are the tags that a payload fits and the viewer may see.
type fitting struct {
	tags   []asset.Tagged
	more   bool // there are others
	unsure bool // the one was found by so few bits that it has to be confirmed
}

// aliases finds the component that a foreign code is bound to.
func (r *Resolver) aliases(ctx context.Context, v identity.Viewer, reading tagging.Reading) (fitting, error) {
	var fit fitting
	if len(reading.Candidates) == 0 {
		return fit, nil
	}
	match, err := r.assets.MatchReading(ctx, v, asset.Label, "", reading)
	if err != nil {
		return fit, err
	}
	for _, t := range match.Tags {
		tagged, err := r.assets.ByCode(ctx, v, t.Code())
		if errors.Is(err, asset.ErrNotFound) {
			continue
		}
		if err != nil {
			return fit, err
		}
		fit.tags = append(fit.tags, tagged)
	}
	fit.more = match.More
	slices.SortStableFunc(fit.tags, func(a, b asset.Tagged) int { return strings.Compare(a.Tag.Component, b.Tag.Component) })
	fit.tags = slices.CompactFunc(fit.tags, func(a, b asset.Tagged) bool { return a.Tag.Component == b.Tag.Component })
	return fit, nil
}

// numbers adds the access tags that a number fits.
func (r *Resolver) numbers(ctx context.Context, v identity.Viewer, number tagging.Reading, fit *fitting) error {
	if len(number.Candidates) == 0 {
		return nil
	}
	match, err := r.assets.MatchReading(ctx, v, asset.AccessTag, "", number)
	if err != nil {
		return err
	}
	fit.unsure = match.Decision == tagging.DecideConfirm && len(fit.tags) == 0
	fit.more = fit.more || match.More
	for _, t := range match.Tags {
		fit.tags = append(fit.tags, asset.Tagged{Tag: t.Tag, May: t.May})
	}
	return nil
}

func (r *Resolver) choice(t asset.Tagged) Choice {
	c := Choice{Tag: *r.tag(t.Tag)}
	if t.Tag.Kind == asset.AccessTag {
		c.Number, c.Holder = t.Tag.Number, t.Tag.Holder
		return c
	}
	if t.Access.Asset != nil {
		c.Asset = t.Access.Asset.Name
	}
	if t.Component != nil {
		c.Component = t.Component.As(t.Access).Name
	}
	return c
}

// unknown is what the viewer is told of a payload that leads nowhere; it follows from the payload and the viewer alone.
func unknown(v identity.Viewer, reading, number tagging.Reading) *Unknown {
	u := &Unknown{Flags: hindrances(reading, number)}
	if v.ActsAsStaff() {
		u.Candidates = slices.Concat(reading.Candidates, number.Candidates)
		u.Flags = slices.Concat(reading.Flags, number.Flags)
	}
	if len(u.Candidates)+len(u.Flags) == 0 {
		return nil
	}
	return u
}

// hindrances are the flags that say why a number cannot be used, or not surely. Ten digits have several readings; what is wrong with
// one of them matters only for the likeliest.
func hindrances(reading, number tagging.Reading) []string {
	likeliest := ""
	if len(number.Candidates) > 0 {
		likeliest = number.Candidates[0]
	}
	return slices.DeleteFunc(slices.Concat(reading.Flags, number.Flags), func(flag string) bool {
		name, of, _ := strings.Cut(flag, "=")
		switch name {
		case "random_uid":
			return of != likeliest
		case "truncated_uid":
			return !truncated(likeliest)
		case "parity_error", "inconsistent", "weak", "class_level", "di_no_key":
			return false
		}
		return !strings.HasPrefix(name, "gs1_")
	})
}

// truncated reports whether a reading lacks bytes that its reader did not deliver.
func truncated(candidate string) bool {
	return strings.HasPrefix(candidate, "iso14443:") && strings.Contains(candidate, "?")
}

// offers are what staff may do about a payload that is on record nowhere. Whether it can be bound or enrolled is judged there.
func offers(reading, number tagging.Reading) []Action {
	var actions []Action
	if len(reading.Candidates) > 0 {
		actions = append(actions, BindCode)
	}
	if slices.ContainsFunc(number.Candidates, func(c string) bool { return !truncated(c) && !slices.Contains(number.Flags, "random_uid="+c) }) {
		actions = append(actions, Enrol)
	}
	return actions
}
