package asset_test

import (
	"context"
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

func TestAccessList(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	_, door := w.controller(identity.NewController{Name: "alle"})
	a, b := w.fob("0F0368568B", "hafen", &asset.Holder{Tenant: "Berg"}), w.fob("06008E6D5D", "hafen", nil)

	t.Run("X-9 nothing is refused at the beginning", func(t *testing.T) {
		if l := w.list(door, 0); l.Version != 0 || l.More || len(l.Entries) != 0 {
			t.Errorf("%+v", l)
		}
	})
	w.block(a)
	first := w.list(door, 0)
	t.Run("X-9 a blocked tag comes with its readings", func(t *testing.T) {
		e := entry(first, a)
		if e == nil || !e.Blocked || !slices.Contains(e.Readings, "em4100:0F0368568B") || e.Version != first.Version || e.Changed != store.At(today) || first.More {
			t.Fatalf("%+v", first)
		}
		if again := w.list(door, first.Version); len(again.Entries) != 0 || again.Version != first.Version {
			t.Errorf("%+v", again)
		}
	})
	t.Run("X-9 changes since a version hold what passes again, a whole list does not", func(t *testing.T) {
		w.block(b)
		w.reactivate(a)
		l := w.list(door, first.Version)
		if e := entry(l, a); e == nil || e.Blocked {
			t.Errorf("%s", tagsOf(l))
		}
		if e := entry(l, b); e == nil || !e.Blocked || l.Version <= first.Version {
			t.Errorf("%s at %d", tagsOf(l), l.Version)
		}
		if whole := w.list(door, 0); tagsOf(whole) != b.ID+"!" || whole.Version != l.Version {
			t.Errorf("%s at %d", tagsOf(whole), whole.Version)
		}
	})
	t.Run("X-5 replaced and retired fobs are refused, whether blocked before or not", func(t *testing.T) {
		fresh, lost := w.fob("2A00A1B2CB", "hafen", nil), w.fob("DD17380A", "hafen", nil)
		w.reactivate(b)
		since := w.list(door, 0).Version
		must(t, 0, func() error { _, _, err := w.Replace(ctx, w.staff, a.ID, fresh.ID, ""); return err }())
		must(t, 0, func() error { _, err := w.Retire(ctx, w.staff, b.ID, ""); return err }())
		l := w.list(door, since)
		if e := entry(l, a); e == nil || !e.Blocked || entry(l, b) == nil || !entry(l, b).Blocked || entry(l, fresh) != nil {
			t.Errorf("%s", tagsOf(l))
		}
		w.block(lost)
		since = w.list(door, 0).Version
		must(t, 0, func() error { _, err := w.Retire(ctx, w.staff, lost.ID, ""); return err }())
		if l := w.list(door, since); len(l.Entries) != 0 || l.Version != since {
			t.Errorf("retiring a blocked tag is news: %s", tagsOf(l))
		}
		if whole := w.list(door, 0); entry(whole, lost) == nil {
			t.Errorf("%s", tagsOf(whole))
		}
	})
	t.Run("X-9 a new reading of a refused tag reaches the doors", func(t *testing.T) {
		part := w.fob("03430008", "hafen", nil)
		w.block(part)
		since := w.list(door, 0).Version
		tag, err := w.AddReading(ctx, w.staff, part.ID, "AB12345678", "")
		must(t, tag, err)
		if e := entry(w.list(door, since), part); e == nil || !slices.Contains(e.Readings, "em4100:AB12345678") {
			t.Errorf("%+v", e)
		}
	})
	t.Run("X-9 a version that was never given is told", func(t *testing.T) {
		for _, since := range []int64{-1, w.list(door, 0).Version + 1, 1 << 62} {
			if _, err := w.AccessList(ctx, door, since); !errors.Is(err, asset.ErrVersion) {
				t.Errorf("%d: %v", since, err)
			}
		}
	})
	t.Run("SEC-10 people have no access list, not even staff", func(t *testing.T) {
		for _, v := range []identity.Viewer{w.staff, w.holder, {}, identity.Operator("nord")} {
			if _, err := w.AccessList(ctx, v, 0); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("%+v: %v", v, err)
			}
			if err := w.Acknowledge(ctx, v, 0, nil); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("%+v acknowledges: %v", v, err)
			}
		}
	})
	t.Run("SEC-20 a controller that was ended gets nothing more", func(t *testing.T) {
		c, v := w.controller(identity.NewController{Name: "bald fort"})
		if err := w.people.DeactivateController(ctx, w.staff, c.ID); err != nil {
			t.Fatal(err)
		}
		_, list := w.AccessList(ctx, v, 0)
		_, waited := w.AwaitAccessList(ctx, v, w.list(door, 0).Version)
		for name, err := range map[string]error{"list": list, "wait": waited, "ack": w.Acknowledge(ctx, v, 1, nil), "heard": w.NoteHeard(ctx, v)} {
			if !errors.Is(err, identity.ErrSignedOut) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAccessListScope(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	syd, err := w.people.AddPerson(ctx, identity.NewPerson{Email: "siv@syd.example", Name: "Siv", Role: identity.Admin, Provider: "syd"}, password)
	must(t, syd, err)
	_, secrets, err := w.people.AddController(ctx, w.signIn("siv@syd.example"), identity.NewController{Name: "syd"})
	must(t, secrets, err)
	foreign, err := w.people.Authenticate(ctx, secrets.Key, identity.Bearer, "de")
	must(t, foreign, err)
	all, own, other := func() (a, b, c identity.Viewer) {
		_, a = w.controller(identity.NewController{Name: "alle"})
		_, b = w.controller(identity.NewController{Name: "hafen", Customer: "hafen"})
		_, c = w.controller(identity.NewController{Name: "speicher", Customer: "speicher"})
		return
	}()
	ours, theirs := w.block(w.fob("0F0368568B", "hafen", nil)), w.block(w.fob("06008E6D5D", "speicher", nil))
	both := []string{ours.ID + "! " + theirs.ID + "!", theirs.ID + "! " + ours.ID + "!"}

	for _, row := range []struct {
		name string
		v    identity.Viewer
		want []string
	}{{"of the provider", all, both}, {"of the customer", own, []string{ours.ID + "!"}}, {"of another customer", other, []string{theirs.ID + "!"}}, {"of another provider", foreign, []string{""}}} {
		t.Run("SEC-10 a controller "+row.name+" gets its own tags only", func(t *testing.T) {
			if l := w.list(row.v, 0); !slices.Contains(row.want, tagsOf(l)) {
				t.Errorf("%s, want %s", tagsOf(l), row.want)
			}
		})
	}
	t.Run("SEC-10 SEC-16 what is another's cannot be acknowledged, delivered or found out", func(t *testing.T) {
		for _, tag := range []string{theirs.ID, "0000000000000"} {
			if err := w.Acknowledge(ctx, own, 1, []asset.FailedTag{{Tag: tag, Reason: "x"}}); !errors.Is(err, asset.ErrNotFound) {
				t.Errorf("%s: %v", tag, err)
			}
			if _, err := w.EntryFor(ctx, own.User, tag); !errors.Is(err, asset.ErrNotFound) {
				t.Errorf("%s delivered: %v", tag, err)
			}
		}
		if _, err := w.EntryFor(ctx, foreign.User, ours.ID); !errors.Is(err, asset.ErrNotFound) {
			t.Errorf("to another provider: %v", err)
		}
		if e, err := w.EntryFor(ctx, own.User, ours.ID); err != nil || !e.Blocked || e.Version == 0 {
			t.Errorf("%+v, %v", e, err)
		}
	})
	t.Run("SEC-24 staff of another provider see none of it", func(t *testing.T) {
		siv := w.signIn("siv@syd.example")
		doors, err := w.Doors(ctx, siv)
		if err != nil || len(doors) != 1 || doors[0].Controller.ID != foreign.User || doors[0].Waiting != 0 {
			t.Errorf("%+v, %v", doors, err)
		}
		if _, err := w.WaitingTags(ctx, siv, own.User); !errors.Is(err, asset.ErrNotFound) {
			t.Errorf("waiting: %v", err)
		}
		if err := w.AcknowledgeByHand(ctx, siv, own.User); !errors.Is(err, asset.ErrNotFound) {
			t.Errorf("by hand: %v", err)
		}
		if _, err := w.ProofOf(ctx, siv, ours.ID); !errors.Is(err, asset.ErrNotFound) {
			t.Errorf("proof: %v", err)
		}
	})
}

func TestAccessListPages(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	_, door := w.controller(identity.NewController{Name: "Tor"})
	const refused, passing = asset.MaxAccessEntries + 200, 300
	var ids []string
	var docs []*asset.Tag
	for i := range refused + passing {
		id := fmt.Sprintf("T%012d", i)
		tag := &asset.Tag{ID: id, Kind: asset.AccessTag, Provider: "nord", Customer: "hafen", State: tagging.Blocked, Expires: store.Never,
			Listed: -1, Change: 1, Barred: i < refused, Readings: []string{fmt.Sprintf("em4100:%010X", i)}, Box: w.emptyBox()}
		if i >= refused {
			tag.State = tagging.Minted
		}
		ids, docs = append(ids, id), append(docs, tag)
	}
	if err := w.tags.InsertAll(ctx, ids, docs); err != nil {
		t.Fatal(err)
	}
	pages := func(since int64) (seen map[string]bool, count int) {
		t.Helper()
		seen = map[string]bool{}
		for {
			l := w.list(door, since)
			count++
			for _, e := range l.Entries {
				if seen[e.Tag] || e.Version <= since || e.Version > l.Version {
					t.Fatalf("%+v in the page after %d up to %d", e, since, l.Version)
				}
				seen[e.Tag] = true
			}
			if len(l.Entries) > asset.MaxAccessEntries {
				t.Fatalf("%d entries", len(l.Entries))
			}
			since = l.Version
			if !l.More {
				return seen, count
			}
		}
	}
	t.Run("SEC-49 X-9 a long list comes in pages without a gap", func(t *testing.T) {
		seen, n := pages(0)
		for i, id := range ids {
			// Tags that pass again may stand on later pages, where the controller has a version already.
			if !seen[id] && i < refused {
				t.Errorf("%s is missing", id)
			}
		}
		if n < 2 {
			t.Errorf("%d pages", n)
		}
	})
	t.Run("X-9 versions are one for each change", func(t *testing.T) {
		if seen, _ := pages(1); len(seen) != len(ids)-1 {
			t.Errorf("%d changes after the first, want %d", len(seen), len(ids)-1)
		}
	})
}

func TestAwaitAccessList(t *testing.T) {
	w := newDoorWorld(t)
	c, door := w.controller(identity.NewController{Name: "Tor", Customer: "hafen"})
	fobs := w.fobs(1, 6, "hafen")
	foreign := w.fob("0F0368568B", "speicher", nil)
	type answer struct {
		list asset.AccessList
		err  error
		took time.Duration
	}
	wait := func(s *asset.Service, since int64, d time.Duration) <-chan answer {
		out := make(chan answer, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), d)
			defer cancel()
			begin := time.Now()
			l, err := s.AwaitAccessList(ctx, door, since)
			out <- answer{l, err, time.Since(begin)}
		}()
		time.Sleep(50 * time.Millisecond)
		return out
	}
	t.Run("X-9 a block ends the wait at once", func(t *testing.T) {
		got := wait(w.Service, 0, 20*time.Second)
		w.block(fobs[0])
		if a := <-got; a.err != nil || entry(a.list, fobs[0]) == nil || a.took > time.Second {
			t.Errorf("%+v", a)
		}
	})
	t.Run("X-9 a block on another instance ends it within about a second", func(t *testing.T) {
		since := w.list(door, 0).Version
		got := wait(w.over(w.engine), since, 20*time.Second)
		w.block(fobs[1])
		if a := <-got; a.err != nil || tagsOf(a.list) != fobs[1].ID+"!" || a.took > 2500*time.Millisecond {
			t.Errorf("%+v", a)
		}
	})
	t.Run("X-9 without news it answers when its time is over", func(t *testing.T) {
		since := w.list(door, 0).Version
		got := wait(w.Service, since, 400*time.Millisecond)
		w.block(foreign)
		a := <-got
		if a.err != nil || len(a.list.Entries) != 0 || a.list.Version != since+1 || a.took < 400*time.Millisecond {
			t.Errorf("%+v", a)
		}
	})
	t.Run("X-9 what there is already does not wait", func(t *testing.T) {
		if a := <-wait(w.Service, 0, 20*time.Second); a.err != nil || len(a.list.Entries) != 2 || a.took > time.Second {
			t.Errorf("%+v", a)
		}
	})
	t.Run("X-9 a version that was never given does not wait", func(t *testing.T) {
		if a := <-wait(w.Service, 1<<40, 20*time.Second); !errors.Is(a.err, asset.ErrVersion) || a.took > time.Second {
			t.Errorf("%+v", a)
		}
	})
	t.Run("SEC-20 the wait of a controller that is ended ends within about a second", func(t *testing.T) {
		got := wait(w.Service, w.list(door, 0).Version, 20*time.Second)
		if err := w.people.DeactivateController(t.Context(), w.staff, c.ID); err != nil {
			t.Fatal(err)
		}
		if a := <-got; !errors.Is(a.err, identity.ErrSignedOut) || a.took > 2500*time.Millisecond {
			t.Errorf("%+v", a)
		}
	})
}

// TestAccessListCrash stops the process after each number of writes of blocking, sequencing and acknowledging, and goes on in another one.
func TestAccessListCrash(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	c, door := w.controller(identity.NewController{Name: "Tor"})
	fobs := w.fobs(1, 40, "hafen")
	held, since := map[string]bool{}, int64(0)
	for writes := range 24 {
		t.Run(fmt.Sprintf("SEC-84 X-9 dies after %d writes", writes), func(t *testing.T) {
			dead := w.over(dying(w.engine, writes))
			a, b := fobs[writes], fobs[writes+1]
			blocked := map[string]bool{}
			for _, f := range []*asset.Tag{a, b} {
				if got, err := dead.Block(ctx, identity.Operator("nord"), f.ID, asset.Blocking{}); err == nil {
					blocked[f.ID] = got.Tag.State == tagging.Blocked
				} else if !errors.Is(err, errCrash) {
					t.Fatal(err)
				}
			}
			if l, err := dead.AccessList(ctx, door, since); err == nil {
				if err := dead.Acknowledge(ctx, door, l.Version, nil); err != nil && !errors.Is(err, errCrash) {
					t.Fatal(err)
				}
			} else if !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			// Another process goes on, where the controller is.
			l := w.list(door, since)
			for _, e := range l.Entries {
				held[e.Tag] = e.Blocked
			}
			for id := range blocked {
				if !held[id] {
					t.Errorf("%s is blocked, and the controller was not told", id)
				}
			}
			since = l.Version
			w.ack(door, since)
			if p := w.progress(c); p.Waiting != 0 || p.Door.Acked != since || p.Door.Fell != nil {
				t.Errorf("%+v", p)
			}
			for id := range blocked {
				if s := w.state(c, &asset.Tag{ID: id}); s.Step != asset.DoorAcknowledged || s.Acked.IsZero() {
					t.Errorf("%s: %+v", id, s)
				}
			}
		})
	}
	if whole := w.list(door, 0); strings.Count(tagsOf(whole), "!") != len(held) {
		t.Errorf("%d refused, the controller holds %d", len(whole.Entries), len(held))
	}
}
