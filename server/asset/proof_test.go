package asset_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

func TestProof(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	c, door := w.controller(identity.NewController{Name: "Tor", Place: "Hof", Webhook: "https://door.example/"})
	fobs := w.fobs(1, 30, "hafen")
	a, b := fobs[0], fobs[1]
	tick := func() store.Time { w.clock = w.clock.Add(10 * time.Second); return store.At(w.clock) }

	t.Run("X-9 requested, sent, acknowledged, each with its time", func(t *testing.T) {
		requested := tick()
		w.block(a)
		if s := w.state(c, a); s.Step != asset.DoorRequested || s.Requested != requested || !s.Sent.IsZero() || !s.Acked.IsZero() {
			t.Errorf("%+v", s)
		}
		sent := tick()
		l := w.list(door, 0)
		if s := w.state(c, a); s.Step != asset.DoorSent || s.Sent != sent || !s.Acked.IsZero() {
			t.Errorf("%+v", s)
		}
		tick()
		w.list(door, 0) // asks again before it acknowledges
		acked := tick()
		w.ack(door, l.Version)
		if s := w.state(c, a); s.Step != asset.DoorAcknowledged || s.Requested != requested || s.Sent != sent || s.Acked != acked || s.By != "" {
			t.Errorf("%+v", s)
		}
		b = w.block(b)
		sent = tick()
		l = w.list(door, l.Version)
		acked = tick()
		w.ack(door, l.Version)
		if s := w.state(c, b); s.Step != asset.DoorAcknowledged || s.Sent != sent || s.Acked != acked {
			t.Errorf("%+v", s)
		}
	})
	t.Run("X-9 a new change of a tag begins anew", func(t *testing.T) {
		w.reactivate(a)
		if s := w.state(c, a); s.Step != asset.DoorRequested || s.Requested != store.At(w.clock) {
			t.Errorf("%+v", s)
		}
		if s := w.state(c, b); s.Step != asset.DoorAcknowledged {
			t.Errorf("the other one: %+v", s)
		}
	})
	t.Run("X-9 the webhook counts as sent, for the change that it told of alone", func(t *testing.T) {
		e, err := w.EntryFor(ctx, c.ID, a.ID)
		must(t, e, err)
		at := tick()
		for _, version := range []int64{e.Version + 1, e.Version - 1} {
			tag, err := w.tags.Update(ctx, a.ID, func(t *asset.Tag) error { t.NoteSent(c.ID, version, at); return nil })
			if must(t, tag, err); w.state(c, a).Step != asset.DoorRequested {
				t.Errorf("version %d counts", version)
			}
		}
		tag, err := w.tags.Update(ctx, a.ID, func(t *asset.Tag) error { t.NoteSent(c.ID, e.Version, at); return nil })
		must(t, tag, err)
		if s := w.state(c, a); s.Step != asset.DoorSent || s.Sent != at {
			t.Errorf("%+v", s)
		}
		tick()
		w.ack(door, w.list(door, w.progress(c).Door.Acked).Version)
		if s := w.state(c, a); s.Step != asset.DoorAcknowledged || s.Sent != at {
			t.Errorf("%+v", s)
		}
	})
	t.Run("X-9 who may see the tag sees the proof, without the keys and addresses of controllers", func(t *testing.T) {
		for _, v := range []identity.Viewer{w.staff, w.holder, w.looker} {
			states, err := w.ProofOf(ctx, v, a.ID)
			if err != nil || len(states) != 1 || states[0].Controller.Name != "Tor" || states[0].Controller.Webhook != "" || states[0].Controller.Keys != nil {
				t.Errorf("%s: %+v, %v", v.Name, states, err)
			}
		}
		for _, v := range []identity.Viewer{{}, door, staffOf("syd"), customerUser("karl")} {
			if _, err := w.ProofOf(ctx, v, a.ID); !errors.Is(err, asset.ErrNotFound) {
				t.Errorf("%+v: %v", v, err)
			}
		}
		if states, err := w.ProofOf(ctx, w.staff, fobs[9].ID); err != nil || states != nil {
			t.Errorf("never listed: %+v, %v", states, err)
		}
	})
	t.Run("X-9 a version that was never given cannot be acknowledged", func(t *testing.T) {
		for _, version := range []int64{-1, w.list(door, 0).Version + 1} {
			if err := w.Acknowledge(ctx, door, version, nil); !errors.Is(err, asset.ErrVersion) {
				t.Errorf("%d: %v", version, err)
			}
		}
	})
	t.Run("SEC-10 a controller that goes back to an old list is seen, and its tags count as open again", func(t *testing.T) {
		high := w.progress(c).Door.Acked
		w.ack(door, 1)
		p := w.progress(c)
		if p.Door.Fell == nil || p.Door.Fell.From != high || p.Door.Fell.To != 1 || p.Door.Acked != 1 || p.Waiting != 2 || !p.Behind() {
			t.Errorf("%+v", p)
		}
		if s := w.state(c, b); s.Step == asset.DoorAcknowledged {
			t.Errorf("%+v", s)
		}
		acked := tick()
		w.ack(door, w.list(door, 1).Version)
		if p := w.progress(c); p.Waiting != 0 || p.Door.Fell == nil || !p.Behind() {
			t.Errorf("the fall is forgotten: %+v", p)
		}
		if s := w.state(c, b); s.Step != asset.DoorAcknowledged || s.Acked != acked {
			t.Errorf("%+v", s)
		}
		if err := w.AcknowledgeByHand(ctx, w.staff, c.ID); err != nil || w.progress(c).Door.Fell != nil {
			t.Errorf("staff looked at it: %v", err)
		}
	})
	t.Run("X-9 a tag keeps one proof of each controller", func(t *testing.T) {
		for range 3 {
			w.reactivate(b)
			w.ack(door, w.list(door, 0).Version)
			w.block(b)
			w.ack(door, w.list(door, 0).Version)
		}
		if got, err := w.tags.Get(ctx, b.ID); err != nil || len(got.Proofs) != 1 || got.Proofs[0].Version != got.Listed {
			t.Errorf("%+v, %v", got.Proofs, err)
		}
	})
}

func TestFailedTags(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	c, door := w.controller(identity.NewController{Name: "Tor"})
	a, b := w.block(w.fob("0F0368568B", "hafen", nil)), w.block(w.fob("06008E6D5D", "hafen", nil))
	version := w.list(door, 0).Version
	waiting := func() []string {
		list, err := w.WaitingTags(ctx, w.staff, c.ID)
		var ids []string
		for _, t := range must(t, list, err) {
			ids = append(ids, t.ID)
		}
		return ids
	}
	t.Run("X-9 a tag that a controller could not change is seen as failed and still open", func(t *testing.T) {
		w.ack(door, version, asset.FailedTag{Tag: a.ID, Reason: " memory full "})
		if s := w.state(c, a); s.Step != asset.DoorFailed || s.Failed != "memory full" || s.Acked != store.At(w.clock) {
			t.Errorf("%+v", s)
		}
		if s := w.state(c, b); s.Step != asset.DoorAcknowledged {
			t.Errorf("%+v", s)
		}
		if p := w.progress(c); p.Waiting != 1 || !slices.Equal(waiting(), []string{a.ID}) {
			t.Errorf("%d waiting, %v", p.Waiting, waiting())
		}
	})
	t.Run("X-9 it stays so while later changes are acknowledged that do not mention it", func(t *testing.T) {
		more := w.block(w.fob("2A00A1B2CB", "hafen", nil))
		// The connector got this by a webhook, and did not ask for the list.
		e, err := w.EntryFor(ctx, c.ID, more.ID)
		w.ack(door, must(t, e, err).Version)
		if s := w.state(c, a); s.Step != asset.DoorFailed {
			t.Errorf("%+v", s)
		}
		version = e.Version
	})
	t.Run("X-9 it comes again with each answer, and works once an acknowledgement does not name it", func(t *testing.T) {
		if l := w.list(door, version); tagsOf(l) != a.ID+"!" || l.Version != version {
			t.Errorf("%s", tagsOf(l))
		}
		w.ack(door, version, asset.FailedTag{Tag: a.ID})
		if s := w.state(c, a); s.Step != asset.DoorFailed || s.Failed != "unknown" {
			t.Errorf("%+v", s)
		}
		w.list(door, version)
		w.ack(door, version)
		if s := w.state(c, a); s.Step != asset.DoorAcknowledged || len(waiting()) != 0 {
			t.Errorf("%+v", s)
		}
		if l := w.list(door, version); len(l.Entries) != 0 {
			t.Errorf("%s", tagsOf(l))
		}
	})
	t.Run("X-9 a person who sees to it ends a failure", func(t *testing.T) {
		w.ack(door, version, asset.FailedTag{Tag: b.ID, Reason: "offline"})
		if err := w.AcknowledgeByHand(ctx, w.staff, c.ID); err != nil {
			t.Fatal(err)
		}
		if s := w.state(c, b); s.Step != asset.DoorAcknowledged || s.By != w.staff.User || len(waiting()) != 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("SEC-48 what a controller says is bounded and plain", func(t *testing.T) {
		many := slices.Repeat([]asset.FailedTag{{Tag: a.ID}}, asset.MaxFailed+1)
		for name, failed := range map[string][]asset.FailedTag{
			"many": many, "long": {{Tag: a.ID, Reason: strings.Repeat("x", 201)}}, "broken": {{Tag: a.ID, Reason: "\xff"}}, "control": {{Tag: a.ID, Reason: "a\x1b[2J"}},
		} {
			var refused *asset.FieldError
			if err := w.Acknowledge(ctx, door, version, failed); !errors.As(err, &refused) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if s := w.state(c, a); s.Step != asset.DoorAcknowledged {
			t.Errorf("%+v", s)
		}
	})
}

func TestAcknowledgeByHand(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	c, _ := w.controller(identity.NewController{Name: "Schließzylinder", Manual: true, Customer: "hafen"})
	fobs := w.fobs(1, 3, "hafen")
	w.block(fobs[0])
	t.Run("SEC-12 staff of the provider acknowledge by hand, nobody else", func(t *testing.T) {
		for _, v := range []identity.Viewer{w.holder, {}, {Kind: identity.DoorController, User: c.ID, Provider: "nord"}} {
			if err := w.AcknowledgeByHand(ctx, v, c.ID); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("%+v: %v", v, err)
			}
			if _, err := w.Doors(ctx, v); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("list: %v", err)
			}
			if _, err := w.WaitingTags(ctx, v, c.ID); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("waiting: %v", err)
			}
		}
		for _, id := range []string{"", "nobody"} {
			if err := w.AcknowledgeByHand(ctx, w.staff, id); !errors.Is(err, asset.ErrNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
	})
	t.Run("X-9 the proof names the person", func(t *testing.T) {
		for _, f := range fobs {
			if f != fobs[0] {
				w.block(f)
			}
			if p := w.progress(c); p.Waiting != 1 || p.Silent {
				t.Errorf("%+v", p)
			}
			if err := w.AcknowledgeByHand(ctx, w.staff, c.ID); err != nil {
				t.Fatal(err)
			}
			if s := w.state(c, f); s.Step != asset.DoorAcknowledged || s.By != w.staff.User || s.Acked != store.At(w.clock) {
				t.Errorf("%+v", s)
			}
		}
		if p := w.progress(c); p.Waiting != 0 || !p.Door.Heard.IsZero() {
			t.Errorf("%+v", p)
		}
	})
}

func TestDoors(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	add := func(name, customer string, manual bool) (identity.Controller, identity.Viewer) {
		return w.controller(identity.NewController{Name: name, Customer: customer, Manual: manual})
	}
	ready, readyV := add("B bereit", "hafen", false)
	silent, _ := add("A still", "speicher", false)
	behind, behindV := add("C zurück", "", false)
	hand, _ := add("D von Hand", "speicher", true)
	w.block(w.fob("0F0368568B", "hafen", nil))
	w.clock = w.clock.Add(asset.SilentAfter)
	w.ack(readyV, w.list(readyV, 0).Version)
	w.list(behindV, 0)

	t.Run("X-9 one controller is told as the list tells it, SEC-16 to staff of its provider alone", func(t *testing.T) {
		doors, err := w.Doors(ctx, w.staff)
		for _, want := range must(t, doors, err) {
			got, err := w.Door(ctx, w.staff, want.Controller.ID)
			if err != nil || got.Waiting != want.Waiting || got.Silent != want.Silent || got.Version != want.Version || got.Door.Acked != want.Door.Acked {
				t.Errorf("%+v, want %+v, %v", got, want, err)
			}
			if _, err := w.Door(ctx, staffOf("syd"), want.Controller.ID); !errors.Is(err, asset.ErrNotFound) {
				t.Errorf("staff of another provider get %v", err)
			}
		}
	})
	t.Run("X-9 controllers that are not up to date come first, then those that are silent", func(t *testing.T) {
		doors, err := w.Doors(ctx, w.staff)
		var got []string
		for _, d := range must(t, doors, err) {
			got = append(got, fmt.Sprint(d.Controller.Name, " ", d.Waiting, " ", d.Silent, " ", d.Version))
		}
		if want := []string{"C zurück 1 false 1", "A still 0 true 1", "B bereit 0 false 1", "D von Hand 0 false 1"}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		for _, d := range doors {
			if d.Controller.KeyHashes != nil || d.Controller.Secrets != nil {
				t.Errorf("SEC-17 %+v", d.Controller)
			}
		}
	})
	t.Run("X-9 changes of other customers' tags do not wait for a controller", func(t *testing.T) {
		if p := w.progress(hand); p.Waiting != 0 || p.Behind() {
			t.Errorf("%+v", p)
		}
		w.block(w.fob("06008E6D5D", "speicher", nil))
		if a, b := w.progress(hand), w.progress(ready); a.Waiting != 1 || b.Waiting != 0 {
			t.Errorf("%d, %d", a.Waiting, b.Waiting)
		}
	})
	t.Run("X-9 a controller that never acknowledged has to know of refused tags only", func(t *testing.T) {
		tag := w.block(w.fob("2A00A1B2CB", "speicher", nil))
		w.reactivate(tag)
		if p := w.progress(silent); p.Waiting != 1 {
			t.Errorf("%d", p.Waiting)
		}
	})
	t.Run("X-9 a sign of life is written once a minute", func(t *testing.T) {
		doors := store.In[asset.Door](w.engine, "doors")
		version := func() int64 { it, err := doors.Item(ctx, behind.ID); return must(t, it, err).Ver }
		since := w.list(behindV, 0).Version
		before := version()
		for range 5 {
			w.clock = w.clock.Add(11 * time.Second)
			w.list(behindV, since)
		}
		if version() != before {
			t.Errorf("%d writes", version()-before)
		}
		w.clock = w.clock.Add(5 * time.Second)
		w.list(behindV, since)
		if p := w.progress(behind); version() != before+1 || p.Door.Heard != store.At(w.clock) {
			t.Errorf("%d writes, heard %v", version()-before, p.Door.Heard)
		}
		w.clock = w.clock.Add(asset.SilentAfter)
		if err := w.NoteHeard(ctx, behindV); err != nil || w.progress(behind).Silent {
			t.Errorf("%v", err)
		}
		w.clock = w.clock.Add(asset.SilentAfter)
		if !w.progress(behind).Silent {
			t.Error("not silent")
		}
	})
	t.Run("X-9 trouble of a webhook is noted and ended", func(t *testing.T) {
		for _, word := range []string{"refused", ""} {
			if err := w.NoteTrouble(ctx, silent.ID, word); err != nil || w.progress(silent).Door.Trouble != word {
				t.Errorf("%q: %v", word, err)
			}
		}
		if err := w.NoteTrouble(ctx, "nobody", "refused"); !errors.Is(err, asset.ErrNotFound) {
			t.Errorf("%v", err)
		}
	})
	t.Run("X-9 what was handed out and never acknowledged is bounded", func(t *testing.T) {
		tag := w.fob("DD17380A", "hafen", nil)
		since := w.list(behindV, 0).Version
		for i := range 120 {
			if i%2 == 0 {
				w.block(tag)
			} else {
				w.reactivate(tag)
			}
			since = w.list(behindV, since).Version
		}
		p := w.progress(behind)
		if len(p.Door.Sent) != 100 || p.Door.Sent[99].Version != since || w.state(behind, tag).Step != asset.DoorSent {
			t.Errorf("%d steps", len(p.Door.Sent))
		}
		w.ack(behindV, since)
		if p := w.progress(behind); len(p.Door.Sent) != 0 || p.Waiting != 0 {
			t.Errorf("%+v", p)
		}
	})
}

// TestProofOfMany acknowledges more at once than tags hold one by one.
func TestProofOfMany(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	c, door := w.controller(identity.NewController{Name: "Tor"})
	first := w.block(w.fob("0F0368568B", "hafen", nil))
	w.ack(door, w.list(door, 0).Version)
	const many = 2100
	ids, docs := make([]string, many), make([]*asset.Tag, many)
	for i := range ids {
		ids[i] = fmt.Sprintf("T%012d", i)
		docs[i] = &asset.Tag{ID: ids[i], Kind: asset.AccessTag, Provider: "nord", Customer: "hafen", State: tagging.Blocked, Expires: store.Never,
			Listed: -1, Change: 1, Barred: true, ListedAt: store.At(w.clock), Box: w.emptyBox()}
	}
	if err := w.tags.InsertAll(ctx, ids, docs); err != nil {
		t.Fatal(err)
	}
	since := int64(1)
	for more := true; more; {
		l := w.list(door, since)
		since, more = l.Version, l.More
	}
	t.Run("X-9 each of very many acknowledged tags has its proof", func(t *testing.T) {
		before := w.clock
		w.clock = w.clock.Add(time.Minute)
		w.ack(door, since, asset.FailedTag{Tag: ids[7], Reason: "broken"})
		for _, id := range []string{ids[0], ids[many-1], ids[many/2]} {
			if s := w.state(c, &asset.Tag{ID: id}); s.Step != asset.DoorAcknowledged || s.Acked != store.At(w.clock) || s.Sent != store.At(before) {
				t.Errorf("%s: %+v", id, s)
			}
		}
		if s := w.state(c, &asset.Tag{ID: ids[7]}); s.Step != asset.DoorFailed {
			t.Errorf("%+v", s)
		}
		if s := w.state(c, first); s.Step != asset.DoorAcknowledged {
			t.Errorf("%+v", s)
		}
	})
	t.Run("X-9 waiting tags are counted and listed up to a bound", func(t *testing.T) {
		w.ack(door, 1)
		list, err := w.WaitingTags(ctx, w.staff, c.ID)
		if p := w.progress(c); err != nil || len(list) != asset.MaxWaiting || p.Waiting != asset.MaxWaiting {
			t.Errorf("%d, %d, %v", len(list), p.Waiting, err)
		}
	})
}
