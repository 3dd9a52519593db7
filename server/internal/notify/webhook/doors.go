package webhook

import (
	"context"
	"sync"
	"time"
)

const (
	// A notice that failed is tried again after 5 seconds, then after twice as long each time, up to an hour with jitter.
	firstWait   = 5 * time.Second
	longestWait = 40 * time.Minute
	// atOnce is how many posts to one controller are under way, and patience how long another one waits for its turn, so that a
	// controller that hangs does not hold up the others.
	atOnce   = 4
	patience = 250 * time.Millisecond
	// longestQuiet is how long a controller that fails is left in peace at most: what is new reaches it within that of its return.
	longestQuiet = time.Minute
)

// backoff is the wait after a try, counted from 1: between the doubled first wait and one and a half of it. random returns a number in
// [0,1).
func backoff(try int, random func() float64) time.Duration {
	wait := firstWait
	for ; try > 1 && wait < longestWait; try-- {
		wait *= 2
	}
	wait = min(wait, longestWait)
	return wait + time.Duration(random()*float64(wait)/2)
}

// doors is what a worker remembers of the controllers that it posts to. It is lost at a restart, which costs a few posts more.
type doors struct {
	mu   sync.Mutex
	byID map[string]*door
}

type door struct {
	turns  chan struct{} // one taken for each post under way
	failed int           // posts in a row
	quiet  time.Time     // no post before
}

func (d *doors) door(id string) *door {
	if d.byID == nil {
		d.byID = map[string]*door{}
	}
	if d.byID[id] == nil {
		d.byID[id] = &door{turns: make(chan struct{}, atOnce)}
	}
	return d.byID[id]
}

// enter takes a turn at a controller; leave gives it back. Without a turn leave is nil, and the post is to be tried again at the time
// returned. A controller that failed gets one post to show that it is back.
func (d *doors) enter(ctx context.Context, id string, now time.Time) (leave func(), again time.Time) {
	x, quiet, failed := d.look(id)
	switch {
	case quiet.After(now):
		return nil, quiet
	case failed && len(x.turns) > 0:
		return nil, now.Add(timeout)
	}
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case x.turns <- struct{}{}:
	case <-wait.C:
		return nil, now.Add(glance)
	case <-ctx.Done():
		return nil, now
	}
	if _, quiet, _ = d.look(id); quiet.After(now) {
		<-x.turns // it failed while this one waited
		return nil, quiet
	}
	return func() { <-x.turns }, time.Time{}
}

func (d *doors) look(id string) (x *door, quiet time.Time, failed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x = d.door(id)
	return x, x.quiet, x.failed > 0
}

func (d *doors) works(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.door(id)
	x.failed, x.quiet = 0, time.Time{}
}

// fails leaves a controller in peace for a while; posts that failed at the same time count once.
func (d *doors) fails(id string, now time.Time, random func() float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.door(id)
	if x.quiet.After(now) {
		return
	}
	x.failed++
	x.quiet = now.Add(min(backoff(x.failed, random), longestQuiet))
}
