package scan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// Sighting is that a tag turned up which should not: blocked, lost, replaced, retired, in no holder's hands, or unknown; or that a
// finder wrote.
type Sighting struct {
	ID       string     `json:"id"`
	Provider string     `json:"provider"`
	Customer string     `json:"customer"` // of an access tag; "" for none
	Tag      string     `json:"tag"`      // id; "" for an unknown one
	Kind     SightKind  `json:"kind"`
	Source   string     `json:"source"` // "controller", "scan" or "finder"
	Reader   string     `json:"reader"` // id of the controller, or of the person who scanned last; "" for a stranger
	Place    string     `json:"place"`  // door, as the controller calls it; where a finder says that it was
	Number   string     `json:"number"` // as it was read, of an unknown tag only
	Text     string     `json:"text"`   // of a finder
	Contact  string     `json:"contact"`
	Granted  bool       `json:"granted"` // the controller says that it opened
	At       store.Time `json:"at"`
	Received store.Time `json:"received"`
	// Expires is when it is deleted by the settings as they were; a shorter setting deletes it sooner (SEC-93).
	Expires store.Time `json:"expires"`
	Times   int        `json:"times"` // sightings of the same tag, source and place within the hour are one
	outbox.Box
}

// SightKind says what is wrong with a tag that was seen.
type SightKind string

// The kinds of sighting.
const (
	SawBlocked    SightKind = "blocked"
	SawReplaced   SightKind = "replaced"
	SawRetired    SightKind = "retired"
	SawUnassigned SightKind = "unassigned" // on record, but issued to nobody
	SawUnknown    SightKind = "unknown"    // fits no tag on record, or several of which one should not turn up
	SawFound      SightKind = "found"      // a finder wrote
	sawUnsettled  SightKind = "unsettled"  // a finder wrote, and which tag it is about is not found out yet
)

// Sources of a sighting.
const (
	fromController = "controller"
	fromScan       = "scan"
	fromFinder     = "finder"
)

// Sighted tells the notice worker of a sighting: to the staff of the provider and, by setting, the owner.
const Sighted outbox.Event = "sighted"

// Sightings records what was seen, and the log of scans. Its writes are off the path of the request that caused them.
type Sightings struct {
	engine    store.Engine
	sightings store.Collection[Sighting]
	scanLog   store.Collection[LogEntry]
	events    store.Collection[seenEvent]
	assets    *asset.Service
	people    *identity.Directory
	contacts  Contacts
	own       tagging.Config
	now       func() time.Time
	random    io.Reader
	log       *slog.Logger
	wake      func()

	scans    queue[scanned]
	troubles tally
	strays   queue[tagging.Code]
	// strangers counts what strangers scanned since the start (SEC-93).
	strangers atomic.Int64
	// unsettled says that a finder may have written since it was last looked.
	unsettled atomic.Bool
	flushing  sync.Mutex
}

// SightingsOptions are the parts that Sightings are built from. Wake is called after each commit that left a notice; nil for none.
type SightingsOptions struct {
	Engine   store.Engine
	Assets   *asset.Service
	People   *identity.Directory
	Contacts Contacts
	// Hosts are all hosts of our labels, as for [Options].
	Hosts  []string
	Now    func() time.Time
	Random io.Reader
	Logger *slog.Logger
	Wake   func()
}

// NewSightings returns the sightings over an engine whose schema holds [Specs].
func NewSightings(o SightingsOptions) *Sightings {
	if o.Wake == nil {
		o.Wake = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Sightings{
		engine:    o.Engine,
		sightings: store.In[Sighting](o.Engine, sightingDocs),
		scanLog:   store.In[LogEntry](o.Engine, scanDocs),
		events:    store.In[seenEvent](o.Engine, eventDocs),
		assets:    o.Assets,
		people:    o.People,
		contacts:  o.Contacts,
		own:       tagging.Config{OwnHosts: o.Hosts},
		now:       o.Now,
		random:    o.Random,
		log:       o.Logger,
		wake:      o.Wake,
		scans:     queue[scanned]{most: 4096},
		troubles:  tally{most: 1024},
		strays:    queue[tagging.Code]{most: 1024},
	}
}

// Names of the collections.
const (
	sightingDocs = "sightings"
	scanDocs     = "scan_log"
	eventDocs    = "seen_events"
)

// Specs declares the collections of this package.
func Specs() []store.Spec {
	return []store.Spec{
		{Name: sightingDocs, Indexes: []store.Index{
			{Name: "provider", Fields: []string{"provider", "at"}},
			{Name: "provider_kind", Fields: []string{"provider", "kind", "at"}},
			{Name: "customer", Fields: []string{"customer", "at"}},
			{Name: "customer_kind", Fields: []string{"customer", "kind", "at"}},
			{Name: "tag", Fields: []string{"tag", "at"}},
			{Name: "kind", Fields: []string{"kind", "at"}},
			outbox.Index(),
		}},
		{Name: scanDocs, Indexes: []store.Index{
			{Name: "provider", Fields: []string{"provider", "at"}},
			{Name: "tag", Fields: []string{"tag", "at"}},
		}},
		{Name: eventDocs, Indexes: []store.Index{{Name: "expires", Fields: []string{"expires"}}}},
	}
}

// judge says what is wrong with a tag that was seen at a time, "" for nothing. What happened to the tag well after that time does not
// count: a controller that was cut off tells late of people who still might pass. Clocks of doors may be wrong by [clockSkew].
func judge(t *asset.Tag, at, now time.Time) SightKind {
	var kind SightKind
	steps := []tagging.Step{tagging.Return, tagging.Mint}
	switch {
	case t.State == tagging.Blocked:
		kind, steps = SawBlocked, []tagging.Step{tagging.Block}
	case t.State == tagging.Replaced:
		kind, steps = SawReplaced, []tagging.Step{tagging.Replace}
	case t.State == tagging.Retired:
		kind, steps = SawRetired, []tagging.Step{tagging.Retire}
	case t.Kind != asset.AccessTag:
		return ""
	case expired(t, now):
		if at.Before(t.Expires.Add(-clockSkew)) {
			return ""
		}
		return SawBlocked
	case t.Holder == nil:
		kind = SawUnassigned
	default:
		return ""
	}
	for i := len(t.History) - 1; i >= 0; i-- {
		for _, step := range steps {
			if t.History[i].Step == step {
				if at.Before(t.History[i].At.Add(-clockSkew)) {
					return ""
				}
				return kind
			}
		}
	}
	return kind
}

// clockSkew is how wrong the clock of a controller may be without consequence.
const clockSkew = 5 * time.Minute

// newSighting is one sighting of a tag, or of a number that is on record nowhere.
func newSighting(kind SightKind, source string, at, now time.Time) *Sighting {
	return &Sighting{Kind: kind, Source: source, At: store.At(at), Received: store.At(now), Times: 1, Box: outbox.New()}
}

// name gives a sighting the id that all sightings of the same tag, kind, source and place within an hour have, so that a flood of
// alarms is one document and one alert, on several instances too.
func (x *Sighting) name() {
	reader := ""
	if x.Source == fromController {
		reader = x.Reader
	}
	x.ID = hashed(x.Provider, x.Tag, x.Number, string(x.Kind), x.Source, reader, x.Place, x.At.Truncate(time.Hour).Format(time.RFC3339))
}

// hashed makes an id of the parts.
func hashed(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// alert adds a notice of a sighting, which by caused and is not told of.
func (s *Sightings) alert(x *Sighting, by string) error {
	id, err := store.NewID(s.random)
	if err != nil {
		return err
	}
	x.Add(outbox.Notice{ID: id, Event: Sighted, By: by, At: x.Received})
	return nil
}

// record stores a sighting, or counts it where it is one of an hour that has it already: then nobody is alerted again.
func (s *Sightings) record(ctx context.Context, x *Sighting) error {
	for {
		err := s.sightings.Insert(ctx, x.ID, x)
		if !store.IsDuplicate(err, "id") {
			return err
		}
		_, err = s.sightings.Update(ctx, x.ID, func(held *Sighting) error {
			held.Times += x.Times
			held.Granted = held.Granted || x.Granted
			if x.At.After(held.At.Time) {
				held.At, held.Reader = x.At, x.Reader
			}
			return nil
		})
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
}

// kept is how long something is kept by a setting of days.
func kept(days int) time.Duration {
	if days == 0 {
		days = 30
	}
	return time.Duration(days) * 24 * time.Hour
}
