package scan

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// Event is what a controller reports.
type Event struct {
	ID      string // chosen by the controller, unique for it: repeats are dropped
	Number  string
	Hint    string // kind of reader, of [tagging.ParseTag]
	Door    string
	Granted bool
	At      time.Time // the zero time, or one ahead of ours, counts as now
}

// Bounds of a report. An event that breaks those of its texts is [EventRefused], so that one bad event does not hold up the others
// for ever.
const (
	MaxEvents    = 500 // of one report
	maxEventText = 200 // characters of a door or number
)

// What became of an event that is no sighting; see [Sightings.Report].
const (
	EventNoted    = "noted"    // the tag is in order, or nothing is known against it at the time of the event
	EventRepeated = "repeated" // was reported in the last 24 hours
	EventRefused  = "refused"  // has no id or number, or a text is too long or no plain text
	EventTooOld   = "too_old"  // is older than sightings are kept
)

// ErrEvents says that a report holds no event or more than [MaxEvents].
var ErrEvents = errors.New("scan: number of events out of range")

// eventMemory is for how long the ids of events are known.
const eventMemory = 24 * time.Hour

// seenEvent remembers an event of a controller by its id, or which sighting of an hour alerted of unknown numbers.
type seenEvent struct {
	Sighting string     `json:"sighting,omitempty"`
	Expires  store.Time `json:"expires"`
}

// Report takes a controller's events. Tags in order only have their time of last sight noted. The answer says for each event
// [EventNoted], [EventRepeated], [EventRefused], [EventTooOld] or a [SightKind]. Ids are remembered after what they told is stored, so
// that a report repeated after a crash loses nothing and alerts nobody twice.
func (s *Sightings) Report(ctx context.Context, v identity.Viewer, events []Event) ([]string, error) {
	if v.Kind != identity.DoorController || v.Provider == "" {
		return nil, asset.ErrNotAllowed
	}
	if len(events) < 1 || len(events) > MaxEvents {
		return nil, ErrEvents
	}
	set, err := s.assets.TagSettings(ctx, v.Provider)
	if err != nil {
		return nil, err
	}
	r := report{Sightings: s, viewer: v, now: s.now(), keep: kept(set.KeepSightings), at: map[string]time.Time{}, known: map[string]bool{}}
	if err := r.recall(ctx, events); err != nil {
		return nil, err
	}
	out := make([]string, len(events))
	for i, e := range events {
		if out[i], err = r.take(ctx, e); err != nil {
			return nil, err
		}
	}
	if err := r.store(ctx); err != nil {
		return nil, err
	}
	return out, s.assets.NoteHeard(ctx, v)
}

// report is one report while it is worked on.
type report struct {
	*Sightings
	viewer identity.Viewer
	now    time.Time
	keep   time.Duration

	known     map[string]bool      // events of before, by document id
	fresh     []string             // document ids of the events of this report
	at        map[string]time.Time // tags seen
	sightings []*Sighting
	alerted   string // sighting that alerted of unknown numbers this hour, once that is known
}

func (r *report) event(id string) string { return hashed("event", r.viewer.User, id) }

// recall finds out which of the events were reported before.
func (r *report) recall(ctx context.Context, events []Event) error {
	refs := make([]store.Ref, len(events))
	for i, e := range events {
		refs[i] = r.events.Ref(r.event(e.ID))
	}
	docs, err := r.engine.GetMany(ctx, refs)
	if err != nil {
		return err
	}
	for i, doc := range docs {
		if doc.Ver == 0 {
			continue
		}
		seen, err := r.events.Decode(doc)
		if err != nil {
			return err
		}
		r.known[refs[i].ID] = r.now.Before(seen.Expires.Time)
	}
	return nil
}

// take says what one event means, and keeps what is to be stored.
func (r *report) take(ctx context.Context, e Event) (string, error) {
	if !e.clean() {
		return EventRefused, nil
	}
	id := r.event(e.ID)
	if r.known[id] {
		return EventRepeated, nil
	}
	r.known[id] = true
	r.fresh = append(r.fresh, id)
	if e.At.IsZero() || e.At.After(r.now) {
		e.At = r.now
	}
	if r.now.Sub(e.At) >= r.keep {
		return EventTooOld, nil
	}
	t, kind, err := r.judge(ctx, e)
	if err != nil {
		return "", err
	}
	if t != nil && e.At.After(r.at[t.ID]) {
		r.at[t.ID] = e.At
	}
	if kind == "" {
		return EventNoted, nil
	}
	x := newSighting(kind, fromController, e.At, r.now)
	x.Provider, x.Reader, x.Place, x.Granted = r.viewer.Provider, r.viewer.User, e.Door, e.Granted
	x.Expires = store.At(e.At.Add(r.keep))
	if t != nil {
		x.Tag, x.Customer = t.ID, t.Customer
	} else {
		x.Number = e.Number
	}
	x.name()
	if i := slices.IndexFunc(r.sightings, func(same *Sighting) bool { return same.ID == x.ID }); i >= 0 {
		r.sightings[i].Times++
		r.sightings[i].Granted = r.sightings[i].Granted || x.Granted
		return string(kind), nil
	}
	r.sightings = append(r.sightings, x)
	return string(kind), nil
}

// judge finds the tag of an event among those of the controller's scope (SEC-10), and what is wrong with it. Where several tags fit,
// none is meant for sure: then nothing is wrong unless one of them should not turn up.
func (r *report) judge(ctx context.Context, e Event) (*asset.Tag, SightKind, error) {
	match, err := r.assets.MatchReading(ctx, office(r.viewer.Provider), asset.AccessTag, r.viewer.Provider, tagging.ParseTag(e.Number, e.Hint))
	if err != nil {
		return nil, "", err
	}
	fit := slices.DeleteFunc(match.Tags, func(t asset.TagView) bool { return r.viewer.Customer != "" && t.Customer != r.viewer.Customer })
	switch {
	case len(fit) == 0:
		return nil, SawUnknown, nil
	case len(fit) == 1:
		return fit[0].Tag, judge(fit[0].Tag, e.At, r.now), nil
	}
	for _, t := range fit {
		if judge(t.Tag, e.At, r.now) != "" {
			return nil, SawUnknown, nil
		}
	}
	return nil, "", nil
}

// office is the provider itself, for what its staff would look up by hand when a controller or finder tells them.
func office(provider string) identity.Viewer {
	return identity.Viewer{Kind: identity.Staff, Role: identity.Technician, Provider: provider}
}

// writesAtOnce is how many writes of one report wait together: the engine commits concurrent writes in one.
const writesAtOnce = 64

// store writes the sightings, then the times of last sight, and in the end which events these were.
func (r *report) store(ctx context.Context) error {
	recording, recordingCtx := errgroup.WithContext(ctx)
	recording.SetLimit(writesAtOnce)
	for _, x := range r.sightings {
		told, err := r.tells(ctx, x)
		if err == nil && told {
			err = r.alert(x, "")
		}
		if err != nil {
			return errors.Join(err, recording.Wait())
		}
		recording.Go(func() error { return r.record(recordingCtx, x) })
	}
	if err := recording.Wait(); err != nil {
		return err
	}
	if len(r.sightings) > 0 {
		r.wake()
	}
	if err := r.assets.NoteSeen(ctx, r.at); err != nil {
		return err
	}
	var docs []*seenEvent
	for range r.fresh {
		docs = append(docs, &seenEvent{Expires: store.At(r.now.Add(eventMemory))})
	}
	if len(docs) == 0 {
		return nil
	}
	// A duplicate is an event whose memory ended and was not swept yet, or the same report at the same time.
	if err := r.events.InsertAll(ctx, r.fresh, docs); !store.IsDuplicate(err, "id") {
		return err
	}
	return nil
}

// tells reports whether a sighting alerts: each does but that of unknown numbers a controller and hour alerts once. Who alerted is
// stored before, under the id that the sighting will have, so that a crash in between takes the alert away from nobody.
func (r *report) tells(ctx context.Context, x *Sighting) (bool, error) {
	if x.Kind != SawUnknown {
		return true, nil
	}
	if r.alerted != "" {
		return r.alerted == x.ID, nil
	}
	id := hashed("alert", r.viewer.User, r.now.UTC().Truncate(time.Hour).Format(time.RFC3339))
	err := r.events.Insert(ctx, id, &seenEvent{Sighting: x.ID, Expires: store.At(r.now.Add(eventMemory))})
	if !store.IsDuplicate(err, "id") {
		r.alerted = x.ID
		return err == nil, err
	}
	first, err := r.events.Get(ctx, id)
	if err != nil {
		return false, err
	}
	r.alerted = first.Sighting
	return r.alerted == x.ID, nil
}

// clean brings the texts of an event into the form in which they are stored, and reports whether they can be.
func (e *Event) clean() bool {
	e.Number = strings.TrimFunc(e.Number, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) })
	e.Door = strings.TrimSpace(e.Door)
	for _, text := range []string{e.ID, e.Number, e.Door} {
		if !plain(text, maxEventText, false) {
			return false
		}
	}
	return e.ID != "" && e.Number != "" && !secret(e.Number)
}

// plain reports whether a text is UTF-8 without control characters, and not too long; lines allows line breaks and tabs.
func plain(text string, most int, lines bool) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= most && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && !(lines && (r == '\n' || r == '\t'))
	})
}

// secret reports whether a text must not be stored: the password of a network, a one-time password (standards.md 1.5).
func secret(text string) bool { return tagging.ParseComponent(text, tagging.Config{}).Has("secret") }
