package scan

import (
	"context"
	"errors"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// LogEntry is one scan by a person who may see the tag.
type LogEntry struct {
	ID       string     `json:"id"`
	Provider string     `json:"provider"`
	Tag      string     `json:"tag"`
	Person   string     `json:"person"`
	Name     string     `json:"name"`
	Source   string     `json:"source"` // of [Sources], "link" for an opened address, "" if nobody said
	State    string     `json:"state"`  // as it was answered
	At       store.Time `json:"at"`
	Expires  store.Time `json:"expires"` // by the settings as they were
}

// scanned is a scan that waits to be written, or in a [tally] several that are alike.
type scanned struct {
	entry  string     // id in the log once it has one, so that writing it again does not double it
	tag    *asset.Tag // as it was read; shared, not to be changed
	person string     // "" for a stranger
	name   string
	source string
	state  string
	at     time.Time // of the last one
	times  int
}

// scanned notes that a person scanned a tag on which the person has a right. It never waits.
func (s *Sightings) scanned(v identity.Viewer, t *asset.Tag, state, source string) {
	if s == nil {
		return
	}
	now := s.now()
	scan := scanned{tag: t, person: v.User, name: v.Name, source: source, state: state, at: now, times: 1}
	s.scans.put(scan)
	if judge(t, now, now) != "" {
		s.troubles.put(scan)
	}
}

// stray notes that somebody without a right scanned a code of ours: of whom, is not noted (SEC-93). It never waits, and looks nothing
// up, so that the answer takes as long for each code (SEC-1).
func (s *Sightings) stray(code tagging.Code) {
	if s == nil {
		return
	}
	s.strangers.Add(1)
	s.strays.put(code)
}

// strayNumber counts what a stranger scanned that is no code of ours; it is never resolved (SEC-5).
func (s *Sightings) strayNumber() {
	if s != nil {
		s.strangers.Add(1)
	}
}

// Strangers is how many scans were answered without rights on the code, since the start (SEC-93).
func (s *Sightings) Strangers() int64 { return s.strangers.Load() }

// Log returns the scans of one tag, the latest first, to staff of its provider and Master users of its customer.
func (s *Sightings) Log(ctx context.Context, v identity.Viewer, tag, after string, limit int) ([]LogEntry, string, error) {
	t, err := s.assets.Tag(ctx, v, tag)
	if err != nil {
		return nil, "", err
	}
	if !v.StaffOf(t.Provider) && v.Role != identity.Master {
		return nil, "", asset.ErrNotAllowed
	}
	items, next, err := s.scanLog.Find(ctx, store.Query{Index: "tag", Eq: []any{t.ID}, Desc: true, After: after, Limit: limit})
	if err != nil {
		return nil, "", err
	}
	out := make([]LogEntry, len(items))
	for i, it := range items {
		out[i] = *it.Value
	}
	return out, next, nil
}

// logRate is how many scans are written to the log in one round of the worker: more than people make, and so few that scanning at full
// load is hardly slower for it. A burst waits in the queue for its turn.
const logRate = 1000

// flushLog writes scans that wait, at most so many, and when their tags were last seen.
func (s *Sightings) flushLog(ctx context.Context, settings settingsOf, most int) error {
	scans := s.scans.take(most)
	for len(scans) > 0 {
		n := min(len(scans), store.MaxPage)
		if err := s.writeLog(ctx, scans[:n], settings); err != nil {
			s.scans.putBack(scans)
			return err
		}
		scans = scans[n:]
	}
	return nil
}

func (s *Sightings) writeLog(ctx context.Context, scans []scanned, settings settingsOf) error {
	var ids []string
	var entries []*LogEntry
	seen := map[string]time.Time{}
	for i, scan := range scans {
		if scan.at.Sub(scan.tag.Seen.Time) >= asset.SeenStep {
			seen[scan.tag.ID] = scan.at
		}
		set, err := settings.get(ctx, scan.tag.Provider)
		if err != nil {
			return err
		}
		if set.KeepScans < 0 {
			continue
		}
		if scan.entry == "" {
			if scan.entry, err = store.NewID(s.random); err != nil {
				return err
			}
			scans[i].entry = scan.entry
		}
		ids = append(ids, scan.entry)
		entries = append(entries, &LogEntry{ID: scan.entry, Provider: scan.tag.Provider, Tag: scan.tag.ID, Person: scan.person, Name: scan.name,
			Source: scan.source, State: scan.state, At: store.At(scan.at), Expires: store.At(scan.at.Add(kept(set.KeepScans)))})
	}
	if len(ids) > 0 {
		if err := s.scanLog.InsertAll(ctx, ids, entries); err != nil && !store.IsDuplicate(err, "id") {
			return err
		}
	}
	if err := s.assets.NoteSeen(ctx, seen); err != nil {
		// The scans are in the log; the time of the last sight follows with the next one.
		s.log.Warn("time of last sight not noted", "error", err)
	}
	return nil
}

// settingsOf reads the settings of each provider once in a round of the worker.
type settingsOf struct {
	assets *asset.Service
	held   map[string]asset.TagSettings
}

func (o settingsOf) get(ctx context.Context, provider string) (asset.TagSettings, error) {
	if set, ok := o.held[provider]; ok {
		return set, nil
	}
	set, err := o.assets.TagSettings(ctx, provider)
	if err != nil && !errors.Is(err, asset.ErrNotFound) {
		return set, err
	}
	o.held[provider] = set
	return set, nil
}
