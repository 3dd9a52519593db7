package scan

import (
	"context"
	"errors"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Sighting is that a tag turned up which should not: blocked, lost, replaced, retired, in no holder's hands, or unknown; or that a
// finder wrote.
type Sighting struct {
	ID       string     `json:"id"`
	Provider string     `json:"provider"`
	Customer string     `json:"customer"` // of the tag; "" for none
	Tag      string     `json:"tag"`      // id; "" for an unknown one
	Kind     SightKind  `json:"kind"`
	Source   string     `json:"source"` // "controller", "scan" or "finder"
	Reader   string     `json:"reader"` // id of the controller, or of the person who scanned; "" for a finder
	Place    string     `json:"place"`  // door, as the controller calls it; where a finder says that it was
	Number   string     `json:"number"` // as it was read, of an unknown tag only
	Text     string     `json:"text"`   // of a finder
	Contact  string     `json:"contact"`
	Granted  bool       `json:"granted"` // the controller says that it opened
	At       store.Time `json:"at"`
	Received store.Time `json:"received"`
	Expires  store.Time `json:"expires"` // when it is deleted (SEC-93)
	Times    int        `json:"times"`   // sightings of the same tag, source and place within the hour are one
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
	SawUnknown    SightKind = "unknown"
	SawFound      SightKind = "found" // a finder wrote
	sawUnsettled  SightKind = "unsettled"
)

// Event is what a controller reports.
type Event struct {
	ID      string // chosen by the controller, unique for it: repeats are dropped
	Number  string
	Hint    string
	Door    string
	Granted bool
	At      time.Time
}

// MaxEvents is the most events of one report.
const MaxEvents = 500

// Sighted tells the notice worker of a sighting: to the staff of the provider and, by setting, the owner.
const Sighted outbox.Event = "sighted"

// Found is what a finder writes. Every input is thanked for alike (SEC-5).
type Found struct {
	Code    string // of our own code on the tag's card, or a number as it was typed
	Place   string
	Text    string
	Contact string
}

// Sightings records what was seen, and the log of scans. Its writes are off the path of the request that caused them.
type Sightings struct{}

// Report takes a controller's events. Tags in order only have their time of last sight noted. The answer says for each event
// "noted", "repeated" or a [SightKind].
func (s *Sightings) Report(ctx context.Context, v identity.Viewer, events []Event) ([]string, error) {
	return nil, errors.ErrUnsupported
}

// SightFilter narrows a list of sightings.
type SightFilter struct {
	Tag  string // id
	Kind SightKind
}

// List returns sightings, the latest first: to staff those of their provider, to Master users of a customer with SeeTags those of its tags (SEC-93).
func (s *Sightings) List(ctx context.Context, v identity.Viewer, f SightFilter, after string, limit int) ([]Sighting, string, error) {
	return nil, "", errors.ErrUnsupported
}

// ReportFound takes what a finder wrote to the contact of a host. The same work is done for every input; what it leads to is found
// out afterwards (SEC-1, SEC-5). It is ErrNotFound where the provider shows no such form.
func (s *Sightings) ReportFound(ctx context.Context, host string, f Found) error {
	return errors.ErrUnsupported
}

// LogEntry is one scan by a person who may see the tag.
type LogEntry struct {
	ID       string     `json:"id"`
	Provider string     `json:"provider"`
	Tag      string     `json:"tag"`
	Person   string     `json:"person"`
	Name     string     `json:"name"`
	Source   string     `json:"source"`
	State    string     `json:"state"`
	At       store.Time `json:"at"`
	Expires  store.Time `json:"expires"`
}

// Log returns the scans of one tag, the latest first, to staff of its provider and Master users of its customer.
func (s *Sightings) Log(ctx context.Context, v identity.Viewer, tag, after string, limit int) ([]LogEntry, string, error) {
	return nil, "", errors.ErrUnsupported
}

// Run writes what scans left behind, settles what strangers scanned, and deletes what is too old, until ctx ends; then it writes the rest.
func (s *Sightings) Run(ctx context.Context) {}
