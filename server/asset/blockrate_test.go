package asset_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

// fobs enrols n fobs of a customer.
func (w *doorWorld) fobs(first, n int, customer string) []*asset.Tag {
	w.t.Helper()
	list := make([]*asset.Tag, n)
	for i := range list {
		list[i] = w.fob(fmt.Sprintf("31%08X", (first+i)*7919), customer, nil)
	}
	return list
}

func TestBlockRate(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	fobs := w.fobs(1, 80, "hafen")
	next := func() string { id := fobs[0].ID; fobs = fobs[1:]; return id }
	stale := func() {
		w.clock = w.clock.Add(6 * time.Minute)
	}

	t.Run("SEC-9 the eleventh block of an hour asks for proof; the ten stay", func(t *testing.T) {
		stale()
		var made []string
		for range 10 {
			id := next()
			if b, err := w.Block(ctx, w.holder, id, asset.Blocking{}); err != nil || b.Alarm {
				t.Fatalf("%+v, %v", b, err)
			}
			made = append(made, id)
		}
		eleventh := next()
		b, err := w.Block(ctx, w.holder, eleventh, asset.Blocking{})
		if !errors.Is(err, identity.ErrProofNeeded) || !b.Alarm {
			t.Errorf("%+v, %v", b, err)
		}
		for _, id := range made {
			if got, err := w.tags.Get(ctx, id); err != nil || got.State != tagging.Blocked {
				t.Errorf("%s is %s, %v", id, got.State, err)
			}
		}
		if got, err := w.tags.Get(ctx, eleventh); err != nil || got.State == tagging.Blocked {
			t.Errorf("blocked without proof: %v", err)
		}
		if b, err := w.Block(ctx, w.signIn("hanna@hafen.example"), eleventh, asset.Blocking{}); err != nil || !b.Alarm {
			t.Errorf("with proof: %+v, %v", b, err)
		}
	})
	t.Run("SEC-9 other accounts are not held up, staff are counted like all", func(t *testing.T) {
		for range 10 {
			if b, err := w.Block(ctx, w.staff, next(), asset.Blocking{}); err != nil || b.Alarm {
				t.Fatalf("%+v, %v", b, err)
			}
		}
		if b, err := w.Block(ctx, w.staff, next(), asset.Blocking{}); !errors.Is(err, identity.ErrProofNeeded) || !b.Alarm {
			t.Errorf("%+v, %v", b, err)
		}
	})
	t.Run("SEC-9 an hour later blocks count anew, up to a fifth of the customer's tags a day", func(t *testing.T) {
		w.clock = w.clock.Add(time.Hour)
		// The holder blocked 11 of 80; 16 are a fifth.
		for i := range 5 {
			if b, err := w.Block(ctx, w.holder, next(), asset.Blocking{}); err != nil || b.Alarm {
				t.Fatalf("%d: %+v, %v", i, b, err)
			}
		}
		if b, err := w.Block(ctx, w.holder, next(), asset.Blocking{}); !errors.Is(err, identity.ErrProofNeeded) || !b.Alarm {
			t.Errorf("%+v, %v", b, err)
		}
		w.clock = w.clock.Add(24 * time.Hour)
		if b, err := w.Block(ctx, w.holder, next(), asset.Blocking{}); err != nil || b.Alarm {
			t.Errorf("a day later: %+v, %v", b, err)
		}
	})
	t.Run("SEC-9 a small customer loses two fobs without being asked", func(t *testing.T) {
		few := w.fobs(1000, 4, "speicher")
		w.clock = w.clock.Add(24 * time.Hour)
		for _, f := range few[:2] {
			if b, err := w.Block(ctx, w.staff, f.ID, asset.Blocking{}); err != nil || b.Alarm {
				t.Errorf("%+v, %v", b, err)
			}
		}
		if b, err := w.Block(ctx, w.staff, few[2].ID, asset.Blocking{}); !errors.Is(err, identity.ErrProofNeeded) || !b.Alarm {
			t.Errorf("%+v, %v", b, err)
		}
	})
	t.Run("SEC-88 a clock that was ahead locks nobody out for longer", func(t *testing.T) {
		ahead := w.clock
		w.clock = ahead.Add(1000 * time.Hour)
		for range 10 {
			if _, err := w.Block(ctx, w.holder, next(), asset.Blocking{}); err != nil {
				t.Fatal(err)
			}
		}
		w.clock = ahead.Add(48 * time.Hour)
		if _, err := w.Block(ctx, w.holder, next(), asset.Blocking{}); err == nil {
			t.Error("the clock hid ten blocks")
		}
		w.clock = w.clock.Add(25 * time.Hour)
	})
	t.Run("SEC-9 attempts at the same time are all counted", func(t *testing.T) {
		many := w.fobs(5000, 100, "hafen")
		var made, refused atomic.Int64
		race(20, func(i int) {
			_, err := w.Block(ctx, w.holder, many[i].ID, asset.Blocking{})
			switch {
			case err == nil:
				made.Add(1)
			case errors.Is(err, identity.ErrProofNeeded), errors.Is(err, identity.ErrSignedOut):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
		if made.Load() != 10 || refused.Load() != 10 {
			t.Errorf("%d made, %d refused", made.Load(), refused.Load())
		}
	})
	t.Run("SEC-9 the operator at the box is counted and needs no session", func(t *testing.T) {
		w.clock = w.clock.Add(48 * time.Hour)
		for i, f := range w.fobs(9000, 12, "hafen") {
			if b, err := w.Block(ctx, identity.Operator("nord"), f.ID, asset.Blocking{}); err != nil || b.Alarm != (i >= 10) {
				t.Errorf("%d: %+v, %v", i, b.Alarm, err)
			}
		}
	})
}
