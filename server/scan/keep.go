package scan

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Timing of the worker.
const (
	flushEvery = time.Second
	sweepEvery = time.Hour
	tellEvery  = time.Minute // about what was dropped or could not be written; and to look for what another instance left
)

// Run writes what scans left behind, settles what strangers scanned, and deletes what is too old, until ctx ends; then it writes the rest.
func (s *Sightings) Run(ctx context.Context) {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	var swept, told time.Time
	var trouble error
	for {
		select {
		case <-ctx.Done():
			rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			if err := s.Flush(rest); err != nil {
				s.log.Error("scans not written at the end", "error", err)
			}
			s.tellDropped()
			return
		case <-t.C:
		}
		now := s.now()
		if err := s.flush(ctx, logRate); err != nil && ctx.Err() == nil {
			trouble = err
		}
		if now.Sub(swept) >= sweepEvery {
			swept = now
			if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				trouble = err
			}
		}
		if now.Sub(told) >= tellEvery {
			told = now
			s.unsettled.Store(true)
			s.tellDropped()
			if trouble != nil {
				s.log.Error("scans and sightings wait: the store does not take them", "error", trouble)
			}
			trouble = nil
		}
	}
}

func (s *Sightings) tellDropped() {
	if scans, sightings, strays := s.scans.lost(), s.troubles.lost(), s.strays.lost(); scans+sightings+strays > 0 {
		s.log.Warn("more scans than can be written: some are not logged", "scans", scans, "sightings", sightings, "strangers", strays)
	}
}

// Flush writes all that waits, in order of weight: sightings, then what finders wrote, then the log. What the store does not take waits
// on.
func (s *Sightings) Flush(ctx context.Context) error { return s.flush(ctx, math.MaxInt) }

func (s *Sightings) flush(ctx context.Context, entries int) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	settings := settingsOf{s.assets, map[string]asset.TagSettings{}}
	err := errors.Join(s.flushTroubles(ctx, settings), s.flushStrays(ctx, settings))
	if s.unsettled.CompareAndSwap(true, false) {
		if e := s.settle(ctx); e != nil {
			s.unsettled.Store(true)
			err = errors.Join(err, e)
		}
	}
	return errors.Join(err, s.flushLog(ctx, settings, entries))
}

// flushTroubles records what people scanned that should not turn up. Nobody is alerted of a tag without holder: a person who scans
// such a tag is about to issue it.
func (s *Sightings) flushTroubles(ctx context.Context, settings settingsOf) error {
	scans := s.troubles.take()
	for i, scan := range scans {
		err := s.sighted(ctx, settings, scan)
		if err != nil {
			for _, later := range scans[i:] {
				s.troubles.put(later)
			}
			return err
		}
	}
	if len(scans) > 0 {
		s.wake()
	}
	return nil
}

// sighted records scans of a tag that should not turn up; those without a person are strangers'.
func (s *Sightings) sighted(ctx context.Context, settings settingsOf, scan scanned) error {
	kind := judge(scan.tag, scan.at, scan.at)
	set, err := settings.get(ctx, scan.tag.Provider)
	if err != nil || kind == "" {
		return err
	}
	x := newSighting(kind, fromScan, scan.at, scan.at)
	x.Provider, x.Tag, x.Reader, x.Times = scan.tag.Provider, scan.tag.ID, scan.person, scan.times
	if scan.tag.Kind == asset.AccessTag {
		x.Customer = scan.tag.Customer
	}
	x.Expires = store.At(scan.at.Add(kept(set.KeepSightings)))
	x.name()
	if kind != SawUnassigned {
		if err := s.alert(x, scan.person); err != nil {
			return err
		}
	}
	return s.record(ctx, x)
}

// flushStrays settles what strangers scanned: of blocked and replaced tags it is recorded that they turned up, of all others nothing
// is stored (SEC-93).
func (s *Sightings) flushStrays(ctx context.Context, settings settingsOf) error {
	strays := s.strays.take(math.MaxInt)
	if len(strays) == 0 {
		return nil
	}
	tags, err := s.assets.Revoked(ctx, strays)
	if err != nil {
		s.strays.putBack(strays)
		return err
	}
	now := s.now()
	for _, t := range tags {
		if err := s.sighted(ctx, settings, scanned{tag: t, at: now, times: 1}); err != nil {
			return err
		}
	}
	if len(tags) > 0 {
		s.wake()
	}
	return nil
}

// Sweep deletes what was kept as long as the settings say now, and returns how many documents that were (SEC-93).
func (s *Sightings) Sweep(ctx context.Context) (int, error) {
	// A full disk must not keep the sweep from making room.
	ctx = store.Essential(ctx)
	settings := settingsOf{s.assets, map[string]asset.TagSettings{}}
	scans, err := s.sweepByProvider(ctx, scanDocs, settings, func(set asset.TagSettings) int { return set.KeepScans })
	if err != nil {
		return scans, err
	}
	sightings, err := s.sweepByProvider(ctx, sightingDocs, settings, func(set asset.TagSettings) int { return set.KeepSightings })
	if err != nil {
		return scans + sightings, err
	}
	events, err := s.drop(ctx, eventDocs, store.Query{Index: "expires", Hi: store.At(s.now())})
	return scans + sightings + events, err
}

// sweepByProvider goes from provider to provider along the index, and deletes what is older than each one keeps it.
func (s *Sightings) sweepByProvider(ctx context.Context, docs string, settings settingsOf, days func(asset.TagSettings) int) (int, error) {
	in := store.In[struct {
		Provider string `json:"provider"`
	}](s.engine, docs)
	dropped, after := 0, ""
	for {
		first, err := in.First(ctx, store.Query{Index: "provider", Lo: after})
		if errors.Is(err, store.ErrNotFound) {
			return dropped, nil
		}
		if err != nil {
			return dropped, err
		}
		provider := first.Value.Provider
		set, err := settings.get(ctx, provider)
		if err != nil {
			return dropped, err
		}
		before := s.now()
		if n := days(set); n >= 0 {
			before = before.Add(-kept(n))
		}
		n, err := s.drop(ctx, docs, store.Query{Index: "provider", Eq: []any{provider}, Hi: store.At(before)})
		dropped += n
		if err != nil {
			return dropped, err
		}
		after = provider + "\x01"
	}
}

// drop deletes what a query finds, some hundred in one commit. What changed meanwhile is found again by the next sweep.
func (s *Sightings) drop(ctx context.Context, docs string, q store.Query) (int, error) {
	dropped := 0
	q.Limit = store.MaxPage
	for {
		page, err := s.engine.Find(ctx, docs, q)
		if err != nil || len(page.Docs) == 0 {
			return dropped, err
		}
		ops := make([]store.Op, len(page.Docs))
		for i, doc := range page.Docs {
			ops[i] = store.Op{Kind: store.OpDelete, Collection: docs, ID: doc.ID, Ver: doc.Ver}
		}
		results, err := s.engine.Batch(ctx, ops)
		if err != nil {
			return dropped, err
		}
		for _, err := range results {
			if err == nil {
				dropped++
			}
		}
		if q.After = page.Next; q.After == "" {
			return dropped, nil
		}
	}
}
