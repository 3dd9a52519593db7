package asset_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// sluggish is an engine whose processes stop for a moment before writes, so that others overtake them there.
type sluggish struct{ store.Engine }

func (e sluggish) Replace(ctx context.Context, collection, id string, body []byte, ver int64) error {
	if rand.N(4) == 0 {
		time.Sleep(rand.N(4 * time.Millisecond))
	}
	return e.Engine.Replace(ctx, collection, id, body, ver)
}

// poller is a controller that follows its list by changes alone.
type poller struct {
	s     *asset.Service
	v     identity.Viewer
	since int64
	holds map[string]asset.AccessEntry
}

// poll asks once and checks what every answer has to be.
func (p *poller) poll(t *testing.T, given *sync.Map) {
	l, err := p.s.AccessList(t.Context(), p.v, p.since)
	if err != nil {
		t.Error(err)
		return
	}
	if l.Version < p.since {
		t.Errorf("the version fell from %d to %d", p.since, l.Version)
	}
	for _, e := range l.Entries {
		if e.Version <= p.since || e.Version > l.Version {
			t.Errorf("version %d in the answer for (%d, %d]", e.Version, p.since, l.Version)
		}
		if first, known := given.LoadOrStore(e.Version, e.Tag+fmt.Sprint(e.Blocked)); known && first != e.Tag+fmt.Sprint(e.Blocked) {
			t.Errorf("version %d means %v and %s %v", e.Version, first, e.Tag, e.Blocked)
		}
		p.holds[e.Tag] = e
	}
	p.since = l.Version
}

// TestAccessListRaces lets instances block, reactivate and answer at once. Whoever follows the changes alone holds the truth in the end.
func TestAccessListRaces(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	_, all := w.controller(identity.NewController{Name: "alle"})
	_, own := w.controller(identity.NewController{Name: "hafen", Customer: "hafen"})
	fobs := append(w.fobs(1, 5, "hafen"), w.fobs(100, 3, "speicher")...)
	var instances [3]*asset.Service
	for i := range instances {
		instances[i] = w.over(sluggish{w.engine})
	}
	var pollers []*poller
	for i := range 6 {
		pollers = append(pollers, &poller{s: instances[i%3], v: []identity.Viewer{all, own}[i%2], holds: map[string]asset.AccessEntry{}})
	}
	var given sync.Map
	for round := range 12 {
		var busy sync.WaitGroup
		done := make(chan struct{})
		for i := range 6 {
			busy.Go(func() {
				for n := range 8 {
					tag, s := fobs[(i*3+n)%len(fobs)], instances[(i+n)%3]
					var err error
					if n%2 == 0 {
						_, err = s.Block(ctx, identity.Operator("nord"), tag.ID, asset.Blocking{})
					} else {
						_, err = s.Reactivate(ctx, identity.Operator("nord"), tag.ID, "gefunden")
					}
					if err != nil && !errors.As(err, new(*tagging.StepError)) {
						t.Error(err)
					}
				}
			})
		}
		var polling sync.WaitGroup
		for _, p := range pollers {
			polling.Go(func() {
				for {
					select {
					case <-done:
						p.poll(t, &given)
						return
					default:
						p.poll(t, &given)
					}
				}
			})
		}
		busy.Wait()
		close(done)
		polling.Wait()
		for i, p := range pollers {
			for _, f := range fobs {
				got, err := w.tags.Get(ctx, f.ID)
				must(t, got, err)
				held, covers := p.holds[f.ID], p.v == all || f.Customer == "hafen"
				switch {
				case !covers && held.Tag != "":
					t.Errorf("SEC-10 poller %d was told of %s", i, f.ID)
				case covers && (held.Tag != "" && held.Version != got.Listed || held.Blocked != got.Refused()):
					// A tag that nothing is held of passed again before the first answer, which is the whole list.
					t.Fatalf("X-9 round %d: poller %d holds %+v at %d, the tag is %s with version %d", round, i, held, p.since, got.State, got.Listed)
				}
			}
		}
	}
}

// during lets others work until enough has happened.
func during(t *testing.T, enough func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !enough(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Error("nothing happens")
			return
		}
	}
}

// TestScansWhileBlocking lets many scan a tag while it is blocked: whoever begins after the block was confirmed is told.
func TestScansWhileBlocking(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	holder := &asset.Holder{Tenant: "Berg"}
	instances := map[string][]*asset.Service{"one instance": {w.Service, w.Service}, "two instances": {w.Service, w.over(w.engine)}}
	n := 0
	for name, two := range instances {
		for _, kind := range []asset.TagKind{asset.AccessTag, asset.Label} {
			t.Run(fmt.Sprintf("SEC-7 B-16 64 scanners of a %s, %s", kind, name), func(t *testing.T) {
				for range 3 {
					n++
					var code tagging.Code
					if kind == asset.Label {
						code = w.label(w.components(w.asset("nord"), 1)[0])
					} else {
						code = w.fob(fmt.Sprintf("41%08X", n*104729), "hafen", holder).Code()
					}
					var confirmed atomic.Bool
					var scans, late atomic.Int64
					stop := make(chan struct{})
					var scanners sync.WaitGroup
					for i := range 64 {
						scanners.Go(func() {
							s := two[i%2]
							for {
								select {
								case <-stop:
									return
								default:
								}
								after := confirmed.Load()
								scans.Add(1)
								state := tagging.Blocked
								if i%4 < 2 {
									got, err := s.ByCode(ctx, w.staff, code)
									if err != nil {
										t.Error(err)
										return
									}
									state = got.Tag.State
								} else if got, err := s.Tag(ctx, w.staff, string(code)); err != nil {
									t.Error(err)
									return
								} else {
									state = got.State
								}
								if after {
									late.Add(1)
									if state != tagging.Blocked {
										t.Errorf("a scan after the block says %s", state)
										return
									}
								}
							}
						})
					}
					during(t, func() bool { return scans.Load() >= 64 })
					before := scans.Load()
					if _, err := two[0].Block(ctx, identity.Operator("nord"), string(code), asset.Blocking{Reason: "verloren"}); err != nil {
						t.Error(err)
					}
					confirmed.Store(true)
					during(t, func() bool { return late.Load() >= 64 })
					close(stop)
					scanners.Wait()
					if scans.Load()-late.Load() < before {
						t.Errorf("%d of %d scans after the block, %d before", late.Load(), scans.Load(), before)
					}
				}
			})
		}
	}
}

// gate is an engine that holds the first write of a tag until it is opened.
type gate struct {
	store.Engine
	once    sync.Once
	reached chan struct{}
	open    chan struct{}
}

func (g *gate) Replace(ctx context.Context, collection, id string, body []byte, ver int64) error {
	if collection == "tags" {
		g.once.Do(func() { close(g.reached); <-g.open })
	}
	return g.Engine.Replace(ctx, collection, id, body, ver)
}

func TestSequencingOvertaken(t *testing.T) {
	w := newDoorWorld(t)
	_, door := w.controller(identity.NewController{Name: "Tor"})
	fob := w.fob("0F0368568B", "hafen", nil)
	g := &gate{Engine: w.engine, reached: make(chan struct{}), open: make(chan struct{})}
	slow := w.over(g)

	t.Run("X-9 one who gives a version late gives it to no later change", func(t *testing.T) {
		w.block(fob)
		answered := make(chan asset.AccessList, 1)
		go func() {
			l, err := slow.AccessList(t.Context(), door, 0)
			if err != nil {
				t.Error(err)
			}
			answered <- l
		}()
		<-g.reached // with a version in its hand
		held := w.list(door, 0)
		if e := entry(held, fob); e == nil || !e.Blocked {
			t.Fatalf("%+v", held)
		}
		w.reactivate(fob)
		close(g.open)
		if l := <-answered; l.Version <= held.Version || entry(l, fob) != nil {
			t.Errorf("%+v after %d", l, held.Version)
		}
		if e := entry(w.list(door, held.Version), fob); e == nil || e.Blocked {
			t.Errorf("who holds %d never hears that the tag passes again", held.Version)
		}
	})
}
