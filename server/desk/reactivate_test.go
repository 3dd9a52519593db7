package desk_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// blocked enrols a fob and blocks it.
func (w *tagWorld) blocked() string {
	w.t.Helper()
	id := w.fob()
	b, err := w.BlockTags(w.t.Context(), w.staff, desk.BlockOrder{Tags: []string{id}})
	must(w.t, b, err)
	return id
}

// approval sets whether staff approve reactivations.
func (w *tagWorld) approval(on bool) {
	w.t.Helper()
	if err := w.assets.PutTagSettings(w.t.Context(), w.staff, asset.TagSettings{ApproveReactivation: on}); err != nil {
		w.t.Fatal(err)
	}
}

func TestReactivate(t *testing.T) {
	w := newTagWorld(t)
	ctx := t.Context()
	t.Run("B-16 SEC-8 a reactivation takes effect at once, with a request that is done, and all masters hear of it", func(t *testing.T) {
		id := w.blocked()
		got, err := w.ReactivateTag(ctx, w.blocker, desk.ReactivateOrder{Tag: id, Reason: "gefunden"})
		if err != nil || got.Waiting || w.state(id) != tagging.Bound {
			t.Fatalf("%+v, %v", got, err)
		}
		r := got.Request
		if r.Type != desk.TagBlock || r.Act != desk.ActReactivate || r.Status != desk.Done || r.Text != "gefunden" || r.Tags[0] != id {
			t.Errorf("%+v", r)
		}
		if got := w.told(r.Number, desk.TagReactivated); got != "Nordlicht chef maja" {
			t.Errorf("told %s", got)
		}
	})
	t.Run("SEC-8 a master is told also of what was done in the master's own name", func(t *testing.T) {
		w.grantTags(w.master, true, true)
		defer w.grantTags(w.master, false, false)
		id := w.blocked()
		got, err := w.ReactivateTag(ctx, w.master, desk.ReactivateOrder{Tag: id, Reason: "gefunden"})
		if must(t, got, err); !strings.Contains(w.told(got.Request.Number, desk.TagReactivated), "maja") {
			t.Error("not told")
		}
	})
	t.Run("SEC-8 without a reason, fresh proof or the right nothing happens", func(t *testing.T) {
		id, before := w.blocked(), w.all()
		var field *desk.FieldError
		if _, err := w.ReactivateTag(ctx, w.blocker, desk.ReactivateOrder{Tag: id, Reason: " \n"}); !errors.As(err, &field) || field.Field != "reason" {
			t.Error(err)
		}
		for _, c := range []struct {
			v    identity.Viewer
			want error
		}{{w.seer, asset.ErrNotAllowed}, {w.nobody, desk.ErrNotFound}, {w.master, desk.ErrNotFound}, {w.syd, desk.ErrNotFound}, {identity.Viewer{}, desk.ErrNotFound}} {
			if _, err := w.ReactivateTag(ctx, c.v, desk.ReactivateOrder{Tag: id, Reason: "da"}); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.v.Name, err, c.want)
			}
		}
		w.turn(5 * time.Minute)
		for _, v := range []identity.Viewer{w.blocker, w.staff} {
			if _, err := w.ReactivateTag(ctx, v, desk.ReactivateOrder{Tag: id, Reason: "da"}); !errors.Is(err, identity.ErrProofNeeded) {
				t.Errorf("%s: %v", v.Name, err)
			}
		}
		if w.state(id) != tagging.Blocked || w.all() != before {
			t.Error("something was done")
		}
		w.blocker, w.staff = w.again("bo@tags.example"), w.again("chef@tags.example")
	})
	t.Run("B-16 a tag that is not blocked cannot be reactivated", func(t *testing.T) {
		var step *tagging.StepError
		if _, err := w.ReactivateTag(ctx, w.blocker, desk.ReactivateOrder{Tag: w.fob(), Reason: "da"}); !errors.As(err, &step) {
			t.Error(err)
		}
	})
	t.Run("SEC-86 X-12 the same order under the same key is one request", func(t *testing.T) {
		o := desk.ReactivateOrder{Tag: w.blocked(), Reason: "gefunden", Key: "once"}
		first, err := w.ReactivateTag(ctx, w.blocker, o)
		must(t, first, err)
		second, err := w.ReactivateTag(ctx, w.blocker, o)
		if err != nil || second.Request.Number != first.Request.Number || second.Waiting {
			t.Errorf("%+v, %v", second.Request, err)
		}
		o.Reason = "anders"
		if _, err := w.ReactivateTag(ctx, w.blocker, o); !errors.Is(err, desk.ErrKeyReused) {
			t.Error(err)
		}
	})
}

func TestInterruptedReactivation(t *testing.T) {
	var disk *failing
	w := newTagWorld(t, func(e store.Engine) store.Engine { disk = &failing{Engine: e}; return disk })
	ctx := t.Context()
	t.Run("B-16 repeating a reactivation after an interruption writes the request that is missing, once", func(t *testing.T) {
		o := desk.ReactivateOrder{Tag: w.blocked(), Reason: "gefunden"}
		disk.lose = true
		if _, err := w.ReactivateTag(ctx, w.blocker, o); !errors.Is(err, errLost) {
			t.Fatal(err)
		}
		disk.lose = false
		got, err := w.ReactivateTag(ctx, w.blocker, o)
		if err != nil || got.Request == nil || got.Request.Act != desk.ActReactivate || got.Tag.State != tagging.Bound {
			t.Fatalf("%+v, %v", got, err)
		}
		var step *tagging.StepError
		if _, err := w.ReactivateTag(ctx, w.blocker, o); !errors.As(err, &step) {
			t.Errorf("documented twice: %v", err)
		}
	})
}

func TestApproval(t *testing.T) {
	w := newTagWorld(t)
	ctx := t.Context()
	w.approval(true)
	// asked is a request that waits for staff.
	asked := func(key string) (string, *desk.Request) {
		t.Helper()
		id := w.blocked()
		got, err := w.ReactivateTag(ctx, w.blocker, desk.ReactivateOrder{Tag: id, Reason: "gefunden", Key: key})
		if must(t, got, err); !got.Waiting {
			t.Fatal("does not wait")
		}
		return id, got.Request
	}
	t.Run("SEC-8 a customer's reactivation waits for staff on top of the queue, and the tag stays blocked", func(t *testing.T) {
		id, r := asked("")
		if w.state(id) != tagging.Blocked || r.Status != desk.WaitingHandling || !r.Open || r.Decision != desk.Pending || r.Severity != 1 {
			t.Errorf("%+v", r)
		}
		if got := w.told(r.Number, desk.ReactivationAsked); got != "Nordlicht chef" {
			t.Errorf("told %s", got)
		}
		queue, _, err := w.Queue(ctx, w.staff, "", "", 10)
		if must(t, queue, err); queue[0].Number != r.Number {
			t.Errorf("queue %s", numbers(queue))
		}
	})
	t.Run("SEC-8 asking again, by anybody and at once, answers the request that waits", func(t *testing.T) {
		id := w.blocked()
		w.grantTags(w.seer, true, true)
		defer w.grantTags(w.seer, true, false)
		before, got := w.all(), make([]string, 8)
		race(len(got), func(i int) {
			r, err := w.ReactivateTag(ctx, []identity.Viewer{w.blocker, w.seer}[i%2], desk.ReactivateOrder{Tag: id, Reason: "gefunden", Key: "again"})
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = r.Request.Number
		})
		for _, n := range got {
			if n != got[0] || w.all() != before+1 {
				t.Fatalf("numbers %v, %d requests more", got, w.all()-before)
			}
		}
	})
	t.Run("SEC-8 staff approve: the tag passes, reporter and all masters are told", func(t *testing.T) {
		id, r := asked("approve")
		v, err := w.DecideReactivation(ctx, w.staff, r.Number, true, "geprüft")
		if err != nil || w.state(id) != tagging.Bound {
			t.Fatal(err)
		}
		if v.Status != desk.Done || v.Open || v.Decision != desk.Approved || v.Thread[0].Text != "geprüft" || v.Thread[0].To != desk.Done || !v.Thread[0].Staff {
			t.Errorf("%+v", v.Request)
		}
		if got := w.told(r.Number, desk.TagReactivated); got != "Nordlicht bo maja" {
			t.Errorf("told %s", got)
		}
		again, err := w.ReactivateTag(ctx, w.blocker, desk.ReactivateOrder{Tag: id, Reason: "gefunden", Key: "approve"})
		if err != nil || again.Request.Number != r.Number {
			t.Errorf("repeated after the decision: %+v, %v", again, err)
		}
	})
	t.Run("SEC-8 staff refuse with a reason: the tag stays blocked, the reporter is told, and may ask anew", func(t *testing.T) {
		id, r := asked("")
		var field *desk.FieldError
		if _, err := w.DecideReactivation(ctx, w.staff, r.Number, false, ""); !errors.As(err, &field) {
			t.Errorf("refused without a reason: %v", err)
		}
		v, err := w.DecideReactivation(ctx, w.staff, r.Number, false, "Bitte vorbeibringen")
		if err != nil || v.Decision != desk.Refused || v.Status != desk.Done || w.state(id) != tagging.Blocked {
			t.Fatalf("%+v, %v", v.Request, err)
		}
		if got := w.told(r.Number, desk.ReactivationRefused); got != "bo" {
			t.Errorf("told %s", got)
		}
		anew, err := w.ReactivateTag(ctx, w.blocker, desk.ReactivateOrder{Tag: id, Reason: "liegt vor"})
		if err != nil || !anew.Waiting || anew.Request.Number == r.Number {
			t.Errorf("%+v, %v", anew, err)
		}
	})
	t.Run("SEC-8 a decision is for staff with fresh proof, once", func(t *testing.T) {
		id, r := asked("")
		for _, c := range []struct {
			v    identity.Viewer
			want error
		}{{w.blocker, desk.ErrNotAllowed}, {w.nobody, desk.ErrNotFound}, {w.syd, desk.ErrNotFound}} {
			if _, err := w.DecideReactivation(ctx, c.v, r.Number, true, ""); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", c.v.Name, err)
			}
		}
		w.turn(5 * time.Minute)
		for _, approve := range []bool{true, false} {
			if _, err := w.DecideReactivation(ctx, w.staff, r.Number, approve, "so"); !errors.Is(err, identity.ErrProofNeeded) {
				t.Errorf("%v: %v", approve, err)
			}
		}
		if w.state(id) != tagging.Blocked {
			t.Fatal("passes")
		}
		w.staff, w.blocker = w.again("chef@tags.example"), w.again("bo@tags.example")
		v, err := w.DecideReactivation(ctx, w.staff, r.Number, true, "")
		must(t, v, err)
		for _, approve := range []bool{true, false} {
			if _, err := w.DecideReactivation(ctx, w.staff, r.Number, approve, "so"); !errors.Is(err, desk.ErrStatus) {
				t.Errorf("%v: %v", approve, err)
			}
		}
		if _, err := w.DecideReactivation(ctx, w.staff, w.reported().Number, true, ""); !errors.Is(err, desk.ErrStatus) {
			t.Errorf("a fault: %v", err)
		}
	})
	t.Run("SEC-8 a reactivation by staff themselves is the approval of what waits", func(t *testing.T) {
		id, r := asked("")
		got, err := w.ReactivateTag(ctx, w.staff, desk.ReactivateOrder{Tag: id, Reason: "hier abgegeben"})
		if err != nil || got.Request.Number != r.Number || got.Request.Decision != desk.Approved {
			t.Errorf("%+v, %v", got.Request, err)
		}
	})
	t.Run("SEC-8 an approval that was interrupted after the tag can be repeated", func(t *testing.T) {
		id, r := asked("")
		tag, err := w.assets.Reactivate(ctx, w.staff, id, "geprüft")
		must(t, tag, err)
		v, err := w.DecideReactivation(ctx, w.staff, r.Number, true, "geprüft")
		if err != nil || v.Decision != desk.Approved {
			t.Errorf("%+v, %v", v.Request, err)
		}
	})
	t.Run("SEC-8 a key that its reporter used for something else meanwhile does not hinder the decision", func(t *testing.T) {
		_, r := asked("twice")
		w.grant(w.blocker, w.asset, asset.Faults)
		in := w.fault("Klappe")
		in.Key = "twice"
		f, err := w.ReportFault(ctx, w.blocker, in)
		must(t, f, err)
		if v, err := w.DecideReactivation(ctx, w.staff, r.Number, false, "nein"); err != nil || v.Decision != desk.Refused {
			t.Error(err)
		}
	})
	t.Run("SEC-8 what waits for a decision is not ended by its status, and what is done is not opened again", func(t *testing.T) {
		_, r := asked("")
		if _, err := w.SetStatus(ctx, w.staff, r.Number, desk.Done); !errors.Is(err, desk.ErrStatus) {
			t.Error(err)
		}
		if _, err := w.SetStatus(ctx, w.staff, r.Number, desk.WaitingCustomer); err != nil {
			t.Error(err)
		}
		v, err := w.Write(ctx, w.blocker, r.Number, "Morgen bringe ich ihn.", "")
		if err != nil || v.Status != desk.InProgress || v.Decision != desk.Pending {
			t.Errorf("%+v, %v", v.Request, err)
		}
		v, err = w.DecideReactivation(ctx, w.staff, r.Number, true, "")
		must(t, v, err)
		if _, err := w.SetStatus(ctx, w.staff, r.Number, desk.InProgress); !errors.Is(err, desk.ErrStatus) {
			t.Error(err)
		}
	})
}

func TestTagRequestPolicy(t *testing.T) {
	w := newTagWorld(t)
	ctx := t.Context()
	b, err := w.BlockTags(ctx, w.blocker, desk.BlockOrder{Tags: w.fobsOf(1)})
	must(t, b, err)
	number := b.Request.Number
	sees := func(v identity.Viewer) bool {
		t.Helper()
		_, err := w.Request(ctx, v, number)
		if err != nil && !errors.Is(err, desk.ErrNotFound) {
			t.Fatal(err)
		}
		list, _, listErr := w.Requests(ctx, v, "", 10)
		if v.SignedIn() {
			must(t, list, listErr)
		}
		if listed := strings.Contains(numbers(list), number); listed != (err == nil) {
			t.Errorf("%s: listed %v", v.Name, listed)
		}
		return err == nil
	}
	t.Run("B-16 SEC-19 staff, reporter and who may see the tags see the request, nobody else", func(t *testing.T) {
		for _, v := range []identity.Viewer{w.staff, w.nord, w.blocker, w.seer} {
			if !sees(v) {
				t.Errorf("%s does not see it", v.Name)
			}
		}
		for _, v := range []identity.Viewer{w.syd, w.master, w.nobody, w.lars, {}, {Kind: identity.DoorController, User: "d", Provider: w.nord.Provider, Customer: w.asset.Customer}} {
			if sees(v) {
				t.Errorf("%s sees it", v.Name)
			}
		}
	})
	t.Run("SEC-20 a grant that is taken away hides it at once, but not from the reporter", func(t *testing.T) {
		w.grantTags(w.seer, false, false)
		w.grantTags(w.blocker, false, false)
		if sees(w.seer) || !sees(w.blocker) {
			t.Error("wrong")
		}
	})
	t.Run("SEC-21 the notices follow the policy of now", func(t *testing.T) {
		r := w.stored(number)
		people, err := w.Outbox().Recipients(ctx, r, outbox.Notice{Event: desk.TagsBlocked, By: w.staff.User})
		must(t, people, err)
		for _, p := range people {
			if p.ID == w.blocker.User {
				t.Error("told although the right to block is gone")
			}
		}
	})
	t.Run("F-28 the faults of an asset do not list it", func(t *testing.T) {
		list, _, err := w.Faults(ctx, w.staff, w.asset.ID, "", 10)
		if must(t, list, err); len(list) != 0 {
			t.Errorf("%s", numbers(list))
		}
	})
}
