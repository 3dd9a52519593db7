package server_test

import (
	"bytes"
	"sync"
)

// syncBuffer takes the log of a running server.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends a line.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns all lines.
func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// end returns the last bytes, at most n.
func (b *syncBuffer) end(n int) string {
	all := b.String()
	return all[max(0, len(all)-n):]
}
