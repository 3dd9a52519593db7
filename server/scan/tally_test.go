package scan_test

import (
	"testing"

	"github.com/tagwerk/tagwerk/tagging"
)

func TestFloodOfOneTag(t *testing.T) {
	w := newWorld(t)
	flooded, other := w.fob("0F0368568B", "Ute"), w.fob("06008E6D5D", "Lars")
	for _, id := range []string{flooded.ID, other.ID} {
		w.setState(id, tagging.Blocked, tagging.Block)
	}
	const scans = 3000 // more than wait at once
	for range scans {
		w.read(w.nord, flooded.ID, "qr")
	}
	w.read(w.nord, other.ID, "qr")
	w.flush()
	times := map[string]int{}
	for _, x := range w.seen() {
		times[x.Tag] += x.Times
	}
	if times[flooded.ID] != scans || times[other.ID] != 1 {
		t.Errorf("X-10 whoever scans one tag over and over pushes out what others see: %v", times)
	}
}
