package asset_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

func TestBlock(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	_, hook := w.controller(identity.NewController{Name: "Tor", Webhook: "https://door.example/"})
	w.controller(identity.NewController{Name: "Speicher", Customer: "speicher", Webhook: "https://door.example/2"})
	w.controller(identity.NewController{Name: "ohne Webhook"})

	t.Run("B-16 SEC-7 one call refuses the tag, with who, when, why and the request", func(t *testing.T) {
		fob := w.fob("0F0368568B", "hafen", &asset.Holder{Tenant: "Berg"})
		b, err := w.Block(ctx, w.holder, fob.ID, asset.Blocking{Reason: " im Bus \n verloren ", Request: "17"})
		if err != nil || b.Already || b.Alarm {
			t.Fatalf("%+v, %v", b, err)
		}
		got := b.Tag
		last := got.History[len(got.History)-1]
		if got.State != tagging.Blocked || !got.Refused() || !got.Barred || got.Request != "17" || got.ListedAt != store.At(today) ||
			last.Step != tagging.Block || last.Who != w.holder.User || last.Name != "hanna" || last.Note != "im Bus verloren" {
			t.Errorf("%+v, %+v", got, last)
		}
		if len(got.Notices) != 1 || got.Notices[0].To != hook.User || got.Notices[0].Event != asset.TagBlocked || got.Notices[0].By != w.holder.User || got.Due != got.Notices[0].Next {
			t.Errorf("notices %+v", got.Notices)
		}
		if ids, err := w.TagOutbox().Due(ctx, today, 10); err != nil || len(ids) != 1 || ids[0] != fob.ID {
			t.Errorf("due: %v, %v", ids, err)
		}
	})
	t.Run("B-16 blocking a blocked tag changes nothing", func(t *testing.T) {
		fob := w.block(w.fob("06008E6D5D", "hafen", nil))
		b, err := w.Block(ctx, w.holder, fob.ID, asset.Blocking{Reason: "noch einmal", Request: "18"})
		if err != nil || !b.Already || b.Tag.Request != fob.Request || len(b.Tag.History) != len(fob.History) || b.Tag.Change != fob.Change {
			t.Errorf("%+v, %v", b, err)
		}
	})
	t.Run("B-16 of those who block one tag at once one does", func(t *testing.T) {
		fob := w.fob("2A00A1B2CB", "hafen", nil)
		var first atomic.Int64
		race(8, func(i int) {
			b, err := w.Block(ctx, identity.Operator("nord"), fob.ID, asset.Blocking{Reason: fmt.Sprint(i)})
			if err != nil || b.Tag.State != tagging.Blocked {
				t.Errorf("%+v, %v", b, err)
			}
			if !b.Already {
				first.Add(1)
			}
		})
		if got, err := w.tags.Get(ctx, fob.ID); err != nil || first.Load() != 1 || got.Change != 1 {
			t.Errorf("%d times, %+v, %v", first.Load(), got, err)
		}
	})
	t.Run("X-5 a tag can get lost in each state but the last ones", func(t *testing.T) {
		for state, want := range map[tagging.State]bool{tagging.Minted: true, tagging.Bound: true, tagging.Damaged: true, tagging.Retired: false, tagging.Replaced: false} {
			fob := w.fob(fmt.Sprintf("11%08X", int(state[0])<<16|int(state[2])*7919), "hafen", nil)
			w.setState(fob.Code(), state)
			b, err := w.Block(ctx, identity.Operator("nord"), fob.ID, asset.Blocking{})
			var refused *tagging.StepError
			if want && (err != nil || b.Tag.State != tagging.Blocked) || !want && !errors.As(err, &refused) {
				t.Errorf("%s: %+v, %v", state, b.Tag, err)
			}
		}
	})
	t.Run("SEC-85 blocking and its way to the doors go on while the disk is full", func(t *testing.T) {
		fob := w.fob("DD17380A", "hafen", nil)
		s := w.over(full{w.engine})
		if _, err := s.Enrol(ctx, w.staff, asset.Enrolment{Number: "DB96007D", Customer: "hafen"}); !errors.Is(err, store.ErrFull) {
			t.Fatalf("the disk is not full: %v", err)
		}
		if _, err := s.Block(ctx, w.holder, fob.ID, asset.Blocking{Reason: "weg"}); err != nil {
			t.Error(err)
		}
		l, err := s.AccessList(ctx, hook, 0)
		if err != nil || entry(l, fob) == nil {
			t.Errorf("%s, %v", tagsOf(l), err)
		}
		if err := s.Acknowledge(ctx, hook, l.Version, nil); err != nil {
			t.Error(err)
		}
		if _, err := s.Reactivate(ctx, w.staff, fob.ID, "gefunden"); !errors.Is(err, store.ErrFull) {
			t.Errorf("reactivated: %v", err)
		}
	})
	for name, reason := range map[string]string{"long": strings.Repeat("x", asset.MaxNote+1), "broken": "a\xffb", "control": "a\x00b"} {
		t.Run("B-16 a reason is refused: "+name, func(t *testing.T) {
			fob := w.fob(fmt.Sprintf("A4C3B2%02X", len(name)), "hafen", nil)
			var refused *asset.FieldError
			if _, err := w.Block(ctx, w.staff, fob.ID, asset.Blocking{Reason: reason}); !errors.As(err, &refused) || refused.Field != "reason" {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestBlockRights is the matrix of who may block and reactivate what.
func TestBlockRights(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	_, door := w.controller(identity.NewController{Name: "Tor"})
	w.user("ove", "speicher")
	stranger, other := identity.Viewer{}, w.signIn("ove@speicher.example")
	if err := w.GrantTags(ctx, w.staff, other.User, true, true); err != nil {
		t.Fatal(err)
	}
	w.user("karl", "hafen")
	nothing := w.signIn("karl@hafen.example")
	enrol := w.staff
	enrol.MustEnrol = true
	label := w.label(w.components(w.asset("nord"), 1)[0])
	if err := w.Grant(ctx, w.staff, w.holder.User, func() string { tg, err := w.ByCode(ctx, w.staff, label); return must(t, tg, err).Access.Asset.ID }(), asset.AllPermissions); err != nil {
		t.Fatal(err)
	}
	fob := w.fob("0F0368568B", "hafen", nil)
	for _, row := range []struct {
		name       string
		v          identity.Viewer
		fob, label error
	}{
		{"staff", w.staff, nil, nil},
		{"staff that must enrol", enrol, asset.ErrNotFound, asset.ErrNotFound},
		{"staff of another provider", staffOf("syd"), asset.ErrNotFound, asset.ErrNotFound},
		{"user with the right", w.holder, nil, asset.ErrNotFound},
		{"user who sees", w.looker, asset.ErrNotAllowed, asset.ErrNotFound},
		{"user without a grant", nothing, asset.ErrNotFound, asset.ErrNotFound},
		{"user of another customer", other, asset.ErrNotFound, asset.ErrNotFound},
		{"door controller", door, asset.ErrNotFound, asset.ErrNotFound},
		{"stranger", stranger, asset.ErrNotFound, asset.ErrNotFound},
	} {
		for what, id := range map[string]string{"fob": fob.ID, "label": string(label), "unknown": "0000000000000"} {
			t.Run("SEC-12 SEC-16 B-16 "+row.name+": "+what, func(t *testing.T) {
				want := asset.ErrNotFound
				switch what {
				case "fob":
					want = row.fob
				case "label":
					want = row.label
				}
				if _, err := w.Block(ctx, row.v, id, asset.Blocking{}); !errors.Is(err, want) {
					t.Errorf("block: %v, want %v", err, want)
				}
				if _, err := w.Reactivate(ctx, row.v, id, "gefunden"); !errors.Is(err, want) {
					t.Errorf("reactivate: %v, want %v", err, want)
				}
				if got, err := w.tags.Get(ctx, id); err == nil && got.State == tagging.Blocked {
					t.Error("stays blocked")
				}
			})
		}
	}
	t.Run("B-16 a label that was blocked is not for doors", func(t *testing.T) {
		b, err := w.Block(ctx, w.staff, string(label), asset.Blocking{})
		if err != nil || b.Tag.Refused() || b.Tag.Listed != 0 || len(b.Tag.Notices) != 0 {
			t.Errorf("%+v, %v", b.Tag, err)
		}
		if l := w.list(door, 0); entry(l, b.Tag) != nil {
			t.Error("on the access list")
		}
	})
}

func TestReactivate(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	_, hook := w.controller(identity.NewController{Name: "Tor", Webhook: "https://door.example/"})
	n := 0
	fob := func(h *asset.Holder) *asset.Tag {
		n++
		return w.block(w.fob(fmt.Sprintf("21%08X", n*104729), "hafen", h))
	}
	t.Run("SEC-8 a tag passes again, bound if somebody has it, and doors hear of it", func(t *testing.T) {
		for want, h := range map[tagging.State]*asset.Holder{tagging.Bound: {Unit: "3 links"}, tagging.Minted: nil} {
			got, err := w.Reactivate(ctx, w.holder, fob(h).ID, "lag im Büro")
			if err != nil || got.State != want || got.Refused() || got.Barred {
				t.Fatalf("%+v, %v", got, err)
			}
			if last := got.History[len(got.History)-1]; last.Step != tagging.Reactivate || last.Note != "lag im Büro" || last.Who != w.holder.User {
				t.Errorf("%+v", last)
			}
			if last := got.Notices[len(got.Notices)-1]; last.Event != asset.TagReactivated || last.To != hook.User {
				t.Errorf("%+v", last)
			}
			var refused *tagging.StepError
			if _, err := w.Reactivate(ctx, w.holder, got.ID, "noch einmal"); !errors.As(err, &refused) {
				t.Errorf("again: %v", err)
			}
		}
	})
	t.Run("SEC-8 without a reason it stays blocked", func(t *testing.T) {
		tag := fob(nil)
		for _, reason := range []string{"", " \n\t ", strings.Repeat("ä", asset.MaxNote+1)} {
			var refused *asset.FieldError
			if _, err := w.Reactivate(ctx, w.staff, tag.ID, reason); !errors.As(err, &refused) || refused.Field != "reason" {
				t.Errorf("%q: %v", reason, err)
			}
		}
		if _, err := w.Reactivate(ctx, w.staff, tag.ID, strings.Repeat("ä", asset.MaxNote)); err != nil {
			t.Error(err)
		}
	})
	t.Run("SEC-8 proof of more than five minutes ago does not count", func(t *testing.T) {
		tag := fob(nil)
		w.clock = w.clock.Add(5 * time.Minute)
		for _, v := range []identity.Viewer{w.holder, w.staff} {
			if _, err := w.Reactivate(ctx, v, tag.ID, "gefunden"); !errors.Is(err, identity.ErrProofNeeded) {
				t.Errorf("%s: %v", v.Name, err)
			}
			if _, err := w.Block(ctx, v, fob(nil).ID, asset.Blocking{}); err != nil {
				t.Errorf("blocking asks for proof: %v", err)
			}
		}
		w.staff, w.holder = w.signIn("ute@nord.example"), w.signIn("hanna@hafen.example")
	})
	t.Run("SEC-8 where the provider approves, customers wait and staff decide", func(t *testing.T) {
		admin := identity.Operator("nord")
		if err := w.PutTagSettings(ctx, admin, asset.TagSettings{ApproveReactivation: true}); err != nil {
			t.Fatal(err)
		}
		tag := fob(nil)
		if _, err := w.Reactivate(ctx, w.holder, tag.ID, "gefunden"); !errors.Is(err, asset.ErrApproval) {
			t.Errorf("customer: %v", err)
		}
		if got, err := w.tags.Get(ctx, tag.ID); err != nil || got.State != tagging.Blocked {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := w.Reactivate(ctx, w.staff, tag.ID, "gefunden"); err != nil {
			t.Errorf("staff: %v", err)
		}
		if err := w.PutTagSettings(ctx, admin, asset.TagSettings{}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestBlockExpired(t *testing.T) {
	w := newDoorWorld(t)
	ctx := t.Context()
	_, door := w.controller(identity.NewController{Name: "Tor", Webhook: "https://door.example/"})
	enrol := func(number string, expires asset.Day, h *asset.Holder) *asset.Tag {
		tag, err := w.Enrol(ctx, w.staff, asset.Enrolment{Number: number, Customer: "hafen", Expires: expires, Holder: h})
		return must(t, tag, err)
	}
	tenant := &asset.Holder{Tenant: "Monteur"}
	due, damaged := enrol("0F0368568B", "2028-02-29", tenant), enrol("06008E6D5D", "2028-02-29", tenant)
	later, drawer, lost := enrol("2A00A1B2CB", "2028-03-01", tenant), enrol("DD17380A", "2028-02-29", nil), enrol("DB96007D", "2028-02-29", tenant)
	w.setState(damaged.Code(), tagging.Damaged)
	w.block(lost)
	w.list(door, 0)
	state := func(tag *asset.Tag) tagging.State {
		got, err := w.tags.Get(ctx, tag.ID)
		return must(t, got, err).State
	}
	t.Run("X-5 nothing is blocked on the last day", func(t *testing.T) {
		if n, err := w.BlockExpired(ctx); err != nil || n != 0 {
			t.Errorf("%d, %v", n, err)
		}
	})
	w.clock = today.Add(24 * time.Hour)
	t.Run("X-5 after the last day a tag in use is refused, by nobody and for a stable reason", func(t *testing.T) {
		if n, err := w.BlockExpired(ctx); err != nil || n != 2 {
			t.Errorf("%d, %v", n, err)
		}
		if state(due) != tagging.Blocked || state(damaged) != tagging.Blocked || state(later) != tagging.Bound || state(drawer) != tagging.Minted {
			t.Errorf("%s %s %s %s", state(due), state(damaged), state(later), state(drawer))
		}
		got, err := w.tags.Get(ctx, due.ID)
		if last := must(t, got, err).History; last[len(last)-1].Who != "" || last[len(last)-1].Note != "expired" {
			t.Errorf("%+v", last)
		}
		if l := w.list(door, 1); entry(l, due) == nil || entry(l, damaged) == nil || entry(l, lost) != nil {
			t.Errorf("%s", tagsOf(l))
		}
		if n, err := w.BlockExpired(ctx); err != nil || n != 0 {
			t.Errorf("again: %d, %v", n, err)
		}
	})
	t.Run("X-5 only staff let an expired tag pass again, and it stays so", func(t *testing.T) {
		holder := w.signIn("hanna@hafen.example")
		if _, err := w.Reactivate(ctx, holder, due.ID, "bleibt länger"); !errors.Is(err, asset.ErrApproval) {
			t.Errorf("customer: %v", err)
		}
		if _, err := w.Reactivate(ctx, w.signIn("ute@nord.example"), due.ID, "bleibt länger"); err != nil {
			t.Fatal(err)
		}
		if n, err := w.BlockExpired(ctx); err != nil || n != 0 || state(due) != tagging.Bound {
			t.Errorf("%d, %v, %s", n, err, state(due))
		}
	})
}
