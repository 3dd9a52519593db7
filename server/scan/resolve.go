package scan

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

// Payload resolves anything that a camera, reader or keyboard delivered: our own codes under any of our hosts, foreign codes bound
// to a component, and numbers of access tags, in that order; see [Resolver.foreign]. No address in a payload is ever opened.
// A mistyped code of ours is a *tagging.CodeError, for strangers before any look-up (SEC-2).
func (r *Resolver) Payload(ctx context.Context, v identity.Viewer, host string, in Input) (Answer, error) {
	if in.Payload == "" || utf8.RuneCountInString(in.Payload) > MaxPayload {
		return Answer{}, ErrPayload
	}
	reading := tagging.ParseComponent(in.Payload, r.own)
	if reading.Has("not_an_identifier") {
		return Answer{}, ErrNoIdentifier
	}
	code, own := reading.Own()
	if own {
		// A text that passes for a code of ours by chance, one in 32 does, may still be a serial or a number.
		a, err := r.code(ctx, v, host, code, in.Source)
		if err != nil || a.Granted || !reading.Ambiguous() || !known(v) {
			return a, err
		}
	}
	typo := mistyped(in.Payload, reading)
	if typo == nil || len(reading.Candidates) > 0 && known(v) {
		a, err := r.foreign(ctx, v, host, in, reading)
		if own && !allDigits(string(code)) {
			// It is a code of ours after all, of which this viewer may know nothing.
			a.Unknown, a.Actions = nil, nil
		}
		if err != nil || a.Granted || typo == nil {
			return a, err
		}
	}
	return Answer{}, typo
}

// known reports whether the viewer is a person to whom anything may be granted; for others nothing is looked up (SEC-5).
func known(v identity.Viewer) bool { return v.SignedIn() && !v.MustEnrol }

// mistyped is what is wrong with a text that is nearly a code of ours, or nil. Digits alone are a trade item or the number of a tag:
// of our codes hardly one in four million is without a letter.
func mistyped(payload string, reading tagging.Reading) error {
	if !reading.Has("own_check_failed") {
		return nil
	}
	text := lastSegment(payload)
	if len(reading.Candidates) > 0 && allDigits(text) {
		return nil
	}
	var typo *tagging.CodeError
	if _, err := tagging.ParseCode(text); errors.As(err, &typo) {
		return err
	}
	return nil
}

func allDigits(text string) bool { return strings.Trim(text, "0123456789") == "" }

// Photo resolves what a photo shows, and returns it with the answered code first: the first one that leads somewhere for this
// viewer. A mistyped code counts only if nothing better is there.
func (r *Resolver) Photo(ctx context.Context, v identity.Viewer, host string, shown []tagging.Payload) (Answer, []tagging.Payload, error) {
	if len(shown) == 0 {
		return Answer{}, nil, tagging.ErrNoCode
	}
	best, answer, failure := -1, Answer{}, error(nil)
	for i, p := range shown {
		a, err := r.Payload(ctx, v, host, Input{Payload: p.Input(), Source: "qr"})
		if err != nil && !errors.Is(err, ErrNoIdentifier) && !errors.Is(err, ErrPayload) && !errors.As(err, new(*tagging.CodeError)) {
			return Answer{}, nil, err
		}
		if err != nil {
			failure = err
			continue
		}
		if best < 0 || a.Granted {
			best, answer = i, a
		}
		if a.Granted {
			break
		}
	}
	if best < 0 {
		return Answer{}, nil, failure
	}
	return answer, append(shown[best:best+1:best+1], append(shown[:best:best], shown[best+1:]...)...), nil
}

// bare takes off what scanners put around the data and the symbology id (C0 of standards.md 1.6).
func bare(payload string) string {
	const around = "\x00\x02\x03 \t\r\n"
	payload = strings.Trim(payload, around)
	if len(payload) > 3 && payload[0] == ']' {
		payload = strings.Trim(payload[3:], around)
	}
	return payload
}

// lastSegment is the code of one of our printed URLs, or what was typed or read.
func lastSegment(payload string) string {
	payload = bare(payload)
	if i := strings.IndexAny(payload, "?#"); i >= 0 {
		payload = payload[:i]
	}
	payload = strings.TrimSuffix(payload, "/")
	return payload[strings.LastIndexByte(payload, '/')+1:]
}

// Code resolves one of our own codes. host is the host that was asked; it decides whose contact a stranger sees.
func (r *Resolver) Code(ctx context.Context, v identity.Viewer, host string, code tagging.Code) (Answer, error) {
	return r.code(ctx, v, host, code, sourceLink)
}

// sourceLink is how the log of scans calls an opened address of ours: the camera app of a phone, mostly.
const sourceLink = "link"

func (r *Resolver) code(ctx context.Context, v identity.Viewer, host string, code tagging.Code, source string) (Answer, error) {
	if !known(v) {
		r.sightings.stray(code)
		return r.stranger(ctx, v, host)
	}
	t, err := r.assets.ByCode(ctx, v, code)
	if errors.Is(err, asset.ErrNotFound) {
		r.sightings.stray(code)
		return r.stranger(ctx, v, host)
	}
	if err != nil {
		return Answer{}, err
	}
	return r.granted(ctx, v, t, source)
}

// stranger is the one answer for everybody without rights on the code, whatever the code is (X-2, SEC-1).
func (r *Resolver) stranger(ctx context.Context, v identity.Viewer, host string) (Answer, error) {
	p, err := r.contacts.Of(ctx, host)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Provider: p}
	if !v.SignedIn() {
		a.Actions = []Action{SignIn}
	}
	return a, nil
}

// openFaultsShown is how many open faults a scan lists.
const openFaultsShown = 5

// granted is what a tag leads to for a viewer who has a right on it.
func (r *Resolver) granted(ctx context.Context, v identity.Viewer, t asset.Tagged, source string) (Answer, error) {
	a := Answer{Granted: true, Access: t.Access, Tag: r.tag(t.Tag)}
	r.sightings.scanned(v, t.Tag, a.Tag.State, source)
	var err error
	if a.Provider, err = r.people.Provider(ctx, t.Tag.Provider); err != nil {
		return Answer{}, err
	}
	if t.Tag.Kind == asset.AccessTag {
		r.accessTag(&a, t.Tag, t.May)
		return a, nil
	}
	if t.Component == nil {
		if t.Tag.State == tagging.Minted || t.Tag.State == tagging.Printed {
			a.Actions = []Action{BindLabel}
		}
		return a, nil
	}
	may := t.Access.May
	if may.Has(asset.SeeComponents) {
		seen := t.Component.As(t.Access)
		a.Component = &seen
	}
	if may.Has(asset.SeeDueDates) {
		a.Due = &Due{Component: t.Component.Due(), Asset: t.Access.Asset.Due()}
	}
	if a.Next, err = r.assets.NextAppointment(ctx, t.Access); err != nil {
		return Answer{}, err
	}
	if may.Has(asset.Faults) {
		a.Faults = true
		if a.OpenFaults, err = r.desk.OpenFaults(ctx, v, t.Access, t.Component.ID, openFaultsShown); err != nil {
			return Answer{}, err
		}
		if a.FaultForm, err = r.desk.FaultTypes(ctx, t.Access); err != nil {
			return Answer{}, err
		}
		if len(a.FaultForm) > 0 {
			a.Actions = append(a.Actions, ReportFault)
		}
	}
	a.Actions = append(a.Actions, OpenAsset)
	return a, nil
}

// accessTag fills in what a viewer with a right on an access tag sees, and may do.
func (r *Resolver) accessTag(a *Answer, t *asset.Tag, may asset.TagRight) {
	a.Number, a.Holder, a.Expires = t.Number, t.Holder, t.Expires
	possible := func(step tagging.Step) bool {
		_, err := tagging.Next(t.State, step)
		return err == nil
	}
	if may.Has(asset.BlockTags) && possible(tagging.Block) && a.Tag.State != blocked {
		a.Actions = append(a.Actions, BlockTag)
	}
	if may.Has(asset.BlockTags) && possible(tagging.Reactivate) {
		a.Actions = append(a.Actions, ReactivateTag)
	}
	if may.Has(asset.ManageTags) && possible(tagging.Replace) {
		a.Actions = append(a.Actions, ReplaceTag)
	}
}

// blocked is the public state of a tag that doors refuse.
const blocked = "blocked"

// tag is the public part of a tag. Who gets to it may know what replaced it.
func (r *Resolver) tag(t *asset.Tag) *Tag {
	return &Tag{Code: t.Code(), Kind: t.Kind, State: publicState(t, r.now()), ReplacedBy: tagging.Code(t.ReplacedBy)}
}

// publicState is the state of a tag in five words. A tag whose last day is over is blocked, also before the worker has noted it.
func publicState(t *asset.Tag, now time.Time) string {
	switch {
	case t.Kind == asset.AccessTag && expired(t, now):
		return blocked
	case t.State == tagging.Minted, t.State == tagging.Printed:
		return "unbound"
	case t.State == tagging.Bound, t.State == tagging.Damaged:
		return "active"
	default:
		return string(t.State)
	}
}

// expired reports whether the last day of a tag in use is over.
func expired(t *asset.Tag, now time.Time) bool {
	inUse := slices.Contains([]tagging.State{tagging.Minted, tagging.Printed, tagging.Bound, tagging.Damaged}, t.State)
	return inUse && !t.Expires.IsZero() && !now.Before(t.Expires.Time)
}
