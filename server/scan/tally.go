package scan

import (
	"sync"

	"github.com/tagwerk/tagwerk/tagging"
)

// tally holds scans of tags that should not turn up until the worker writes them. Scans of the same tag by the same person are one entry
// that counts, so that whoever scans one tag over and over does not push out what others see.
type tally struct {
	most int

	mu      sync.Mutex
	order   []tallyKey
	entries map[tallyKey]scanned
	dropped int
}

type tallyKey struct {
	tag, person string
	state       tagging.State
}

func (y *tally) put(scan scanned) {
	y.mu.Lock()
	defer y.mu.Unlock()
	key := tallyKey{scan.tag.ID, scan.person, scan.tag.State}
	held, again := y.entries[key]
	switch {
	case again:
		scan.times += held.times
		if held.at.After(scan.at) {
			scan.at, scan.tag = held.at, held.tag
		}
	case len(y.order) >= y.most:
		y.dropped += scan.times
		return
	default:
		y.order = append(y.order, key)
	}
	if y.entries == nil {
		y.entries = map[tallyKey]scanned{}
	}
	y.entries[key] = scan
}

// take empties the tally, the first tag first.
func (y *tally) take() []scanned {
	y.mu.Lock()
	defer y.mu.Unlock()
	scans := make([]scanned, len(y.order))
	for i, key := range y.order {
		scans[i] = y.entries[key]
	}
	y.order, y.entries = nil, nil
	return scans
}

// lost is how many scans were dropped since it was last asked.
func (y *tally) lost() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	n := y.dropped
	y.dropped = 0
	return n
}
