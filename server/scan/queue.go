package scan

import "sync"

// queue holds what scans leave behind until the worker writes it. Putting something in never waits: when the queue is full the new
// entry is dropped and counted, so that a scan is as fast as without a log.
type queue[T any] struct {
	most int

	mu      sync.Mutex
	items   []T
	dropped int
}

func (q *queue[T]) put(item T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) >= q.most {
		q.dropped++
		return
	}
	q.items = append(q.items, item)
}

// take takes the first entries out of the queue, at most so many.
func (q *queue[T]) take(most int) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = nil
	if len(items) > most {
		q.items = append(q.items, items[most:]...)
		items = items[:most]
	}
	return items
}

// putBack returns what could not be written, before what came since, as far as there is room.
func (q *queue[T]) putBack(items []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	room := max(q.most-len(q.items), 0)
	if len(items) > room {
		q.dropped += len(items) - room
		items = items[:room]
	}
	q.items = append(items[:len(items):len(items)], q.items...)
}

// lost is how many were dropped since it was last asked.
func (q *queue[T]) lost() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.dropped
	q.dropped = 0
	return n
}
