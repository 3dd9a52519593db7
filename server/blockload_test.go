package server_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/scan"
)

// scanned is one scan as its client saw it: when it began, and the state that it was told.
type scanned struct {
	began time.Time
	state string
}

// lateActive counts the scans that began after the block was acknowledged and were told that the tag is active all the same.
func lateActive(history []scanned, acknowledged time.Time) int {
	n := 0
	for _, s := range history {
		if s.began.After(acknowledged) && s.state == "active" {
			n++
		}
	}
	return n
}

// scanners is how many clients scan one tag at once.
const scanners = 64

// scanWhile lets all scanners read the tag until act has returned and a moment longer. It returns what they saw.
func scanWhile(read func(scanner int) string, act func()) []scanned {
	var mu sync.Mutex
	var history []scanned
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range scanners {
		all.Go(func() {
			var own []scanned
			for {
				select {
				case <-stop:
					mu.Lock()
					defer mu.Unlock()
					history = append(history, own...)
					return
				default:
				}
				began := time.Now()
				own = append(own, scanned{began, read(i)})
				time.Sleep(time.Millisecond) // between two scans, also of those that ask nobody
			}
		})
	}
	time.Sleep(60 * time.Millisecond)
	act()
	time.Sleep(120 * time.Millisecond)
	close(stop)
	all.Wait()
	return history
}

// TestBlockUnderLoad holds SEC-7 over HTTP: 64 clients scan one tag while it is blocked. The control scans through a cache, as a
// careless proxy would be, and must be caught.
func TestBlockUnderLoad(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	staff := w.viewer("dispo@")
	customer := w.viewer("haustechnik@").Customer
	door, secrets, err := w.app.People.AddController(ctx, w.viewer("admin@"), identity.NewController{Name: "Haupteingang", Customer: customer})
	if err != nil {
		t.Fatal(err)
	}
	callers := []caller{w.as("dispo@"), w.as("technik@"), w.as("haustechnik@")}
	blocker := w.as("admin@")
	connector := caller{w: w, bearer: secrets.Key}

	enrol := func(t *testing.T, trial int) string {
		tag, err := w.app.Assets.Enrol(ctx, staff, asset.Enrolment{Number: fmt.Sprintf("0F%08X", 57_169_547+trial<<8), Customer: customer, Holder: &asset.Holder{Unit: "4 tr"}})
		if err != nil {
			t.Fatal(err)
		}
		return tag.ID
	}
	state := func(t *testing.T, c caller, id string) string {
		got := c.get("/v1/scan/" + id)
		var a struct{ Tag struct{ State string } }
		if got.status == http.StatusOK {
			got.decode(t, &a)
		}
		return a.Tag.State
	}
	block := func(t *testing.T, id string) (acknowledged time.Time) {
		blocker.post("/v1/tags/"+id+"/block", map[string]any{"reason": "lost"}).must(t, http.StatusOK)
		return time.Now()
	}

	t.Run("SEC-7 from the acknowledgement on no scan says active", func(t *testing.T) {
		for trial := range 10 {
			id := enrol(t, trial)
			var acknowledged time.Time
			history := scanWhile(
				func(i int) string { return state(t, callers[i%len(callers)], id) },
				func() { acknowledged = block(t, id) })
			if n := lateActive(history, acknowledged); n != 0 {
				t.Errorf("trial %d: %d of %d scans that began after the block was acknowledged say active", trial, n, len(history))
			}
			seen := map[string]int{}
			for _, s := range history {
				seen[s.state]++
			}
			if seen["active"] == 0 || seen["blocked"] == 0 || len(seen) != 2 {
				t.Fatalf("trial %d: scans say %v; the test needs some before and some after the block, and nothing else", trial, seen)
			}
			var list struct {
				Entries []struct {
					Tag     string
					Blocked bool
				}
			}
			connector.get("/v1/access-list").must(t, http.StatusOK).decode(t, &list)
			listed := false
			for _, e := range list.Entries {
				listed = listed || e.Tag == id && e.Blocked
			}
			if !listed {
				t.Errorf("trial %d: the next access list of %s does not hold the tag", trial, door.Name)
			}
		}
	})

	t.Run("X-10 many scans of a blocked tag are one sighting and one alert", func(t *testing.T) {
		id := enrol(t, 100)
		var acknowledged time.Time
		scanWhile(func(i int) string { return state(t, callers[i%2], id) }, func() { acknowledged = block(t, id) })
		if acknowledged.IsZero() {
			t.Fatal("not blocked")
		}
		var list []scan.Sighting
		eventually(t, "the sighting is recorded", func() bool {
			list, _, err = w.app.Sightings.List(ctx, staff, scan.SightFilter{Tag: id}, "", 10)
			return err == nil && len(list) > 0 && list[0].Times > 1
		})
		if len(list) != 1 || list[0].Kind != scan.SawBlocked {
			t.Errorf("sightings %+v, want one of a blocked tag", list)
		}
	})

	t.Run("control: answers from a cache are caught", func(t *testing.T) {
		id := enrol(t, 200)
		kept := sync.OnceValue(func() string { return state(t, callers[0], id) })
		var acknowledged time.Time
		history := scanWhile(func(int) string { return kept() }, func() { acknowledged = block(t, id) })
		if lateActive(history, acknowledged) == 0 {
			t.Error("the check does not see a scan that is answered from an old cache: it proves nothing")
		}
	})
}
