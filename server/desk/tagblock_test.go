package desk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/tagging"
)

// tagWorld is a world with fobs of the customer at nord, and the people who have to do with them, signed in.
type tagWorld struct {
	*world
	staff   identity.Viewer // of nord
	blocker identity.Viewer // may see and block
	seer    identity.Viewer // may see
	master  identity.Viewer // of the customer, without a grant
	nobody  identity.Viewer // of the customer, without a grant
	fobs    int
}

func newTagWorld(t *testing.T, wrap ...func(store.Engine) store.Engine) *tagWorld {
	t.Helper()
	w := &tagWorld{world: newWorld(t, wrap...)}
	customer := w.asset.Customer
	w.staff = w.signedIn(identity.NewPerson{Name: "chef", Role: identity.Admin, Provider: w.nord.Provider})
	w.blocker = w.signedIn(identity.NewPerson{Name: "bo", Role: identity.General, Customer: customer})
	w.seer = w.signedIn(identity.NewPerson{Name: "siri", Role: identity.General, Customer: customer})
	w.master = w.signedIn(identity.NewPerson{Name: "maja", Role: identity.Master, Customer: customer})
	w.nobody = w.signedIn(identity.NewPerson{Name: "nils", Role: identity.General, Customer: customer})
	w.grantTags(w.blocker, true, true)
	w.grantTags(w.seer, true, false)
	return w
}

func (w *tagWorld) grantTags(v identity.Viewer, see, block bool) {
	w.t.Helper()
	if err := w.assets.GrantTags(w.t.Context(), w.staff, v.User, see, block); err != nil {
		w.t.Fatal(err)
	}
}

// signedIn adds a person and returns the viewer of a session that has just begun.
func (w *tagWorld) signedIn(n identity.NewPerson) identity.Viewer {
	w.t.Helper()
	n.Email, n.Locale = n.Name+"@tags.example", locale.German
	p, err := w.people.AddPerson(w.t.Context(), n, "Kran nie ohne Haken!")
	must(w.t, p, err)
	return w.again(n.Email)
}

// again signs in anew: the proof of it is fresh.
func (w *tagWorld) again(email string) identity.Viewer {
	w.t.Helper()
	s, err := w.people.SignIn(w.t.Context(), identity.SignIn{Email: email, Password: "Kran nie ohne Haken!", Kind: identity.Bearer})
	must(w.t, s, err)
	v, err := w.people.Authenticate(w.t.Context(), s.Token, identity.Bearer, locale.German)
	return must(w.t, v, err)
}

// fob enrols a fob of the customer and returns its id.
func (w *tagWorld) fob() string {
	w.t.Helper()
	w.fobs++
	tag, err := w.assets.Enrol(w.t.Context(), w.staff, asset.Enrolment{Number: fmt.Sprintf("%014X", 0x04A1B2C3D40000+w.fobs*0x1357), Hint: "iso14443",
		Customer: w.asset.Customer, Holder: &asset.Holder{Tenant: "Kim"}, Confirm: true})
	return must(w.t, tag, err).ID
}

func (w *tagWorld) fobsOf(n int) (ids []string) {
	for range n {
		ids = append(ids, w.fob())
	}
	return ids
}

func (w *tagWorld) state(id string) tagging.State {
	w.t.Helper()
	tag, err := w.assets.Tag(w.t.Context(), w.staff, id)
	return must(w.t, tag, err).State
}

// told are the names of those whom a notice of an event in a request goes to, sorted; "none" if there is no such notice.
func (w *tagWorld) told(number string, e outbox.Event) string {
	w.t.Helper()
	r := w.stored(number)
	for _, n := range r.Notices {
		if n.Event != e {
			continue
		}
		people, err := w.Outbox().Recipients(w.t.Context(), r, n)
		must(w.t, people, err)
		var names []string
		for _, p := range people {
			names = append(names, p.Name)
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	return "none"
}

func TestBlockTags(t *testing.T) {
	w := newTagWorld(t)
	ctx := t.Context()
	t.Run("B-16 one order blocks several tags and documents them in a request that is done", func(t *testing.T) {
		ids := w.fobsOf(2)
		b, err := w.BlockTags(ctx, w.blocker, desk.BlockOrder{Tags: ids, Reason: " Schlüsselbund\nverloren "})
		if err != nil {
			t.Fatal(err)
		}
		r := b.Request
		if r.Type != desk.TagBlock || r.Act != desk.ActBlock || r.Status != desk.Done || r.Open || r.Text != "Schlüsselbund verloren" || !slices.Equal(r.Tags, ids) ||
			r.Customer != w.asset.Customer || r.Provider != w.nord.Provider || r.Reporter != w.blocker.User || r.Decision != "" {
			t.Errorf("%+v", r)
		}
		for i, id := range ids {
			if w.state(id) != tagging.Blocked || b.Tags[i].ID != id || b.Tags[i].Request != r.Number {
				t.Errorf("%+v", b.Tags[i])
			}
		}
		if got := w.told(r.Number, desk.TagsBlocked); got != "Nordlicht chef maja" {
			t.Errorf("told %s", got)
		}
		m := w.Outbox().Message(r, r.Notices[0])
		if m.Key != "tag_blocked" || m.Ref != r.Number || strings.Contains(fmt.Sprint(m), "Schlüssel") {
			t.Errorf("%+v", m)
		}
	})
	t.Run("B-16 others who may block are told when staff block, and those who may only see are not", func(t *testing.T) {
		b, err := w.BlockTags(ctx, w.staff, desk.BlockOrder{Tags: w.fobsOf(1)})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.told(b.Request.Number, desk.TagsBlocked); got != "Nordlicht bo maja" {
			t.Errorf("told %s", got)
		}
	})
	t.Run("SEC-86 X-12 the same order under the same key blocks once, other content is refused", func(t *testing.T) {
		o := desk.BlockOrder{Tags: w.fobsOf(2), Reason: "weg", Key: "k1"}
		first, err := w.BlockTags(ctx, w.blocker, o)
		must(t, first, err)
		before := w.all()
		second, err := w.BlockTags(ctx, w.blocker, o)
		if err != nil || second.Request.Number != first.Request.Number || w.all() != before || len(second.Tags) != 2 || second.Tags[1].State != tagging.Blocked {
			t.Errorf("%+v, %v", second, err)
		}
		o.Reason = "doch da"
		if _, err := w.BlockTags(ctx, w.blocker, o); !errors.Is(err, desk.ErrKeyReused) {
			t.Error(err)
		}
	})
	t.Run("B-16 a tag that was blocked before stays under its request", func(t *testing.T) {
		w := newTagWorld(t)
		ids := w.fobsOf(2)
		first, err := w.BlockTags(ctx, w.blocker, desk.BlockOrder{Tags: ids[:1]})
		must(t, first, err)
		both, err := w.BlockTags(ctx, w.staff, desk.BlockOrder{Tags: ids})
		if err != nil || both.Request.Number == first.Request.Number || !slices.Equal(both.Request.Tags, ids[1:]) || both.Tags[0].Request != first.Request.Number {
			t.Errorf("%+v, %v", both.Request, err)
		}
		again, err := w.BlockTags(ctx, w.staff, desk.BlockOrder{Tags: ids[:1]})
		if err != nil || again.Request.Number != first.Request.Number || w.all() != 2 {
			t.Errorf("%+v, %v, %d requests", again.Request, err, w.all())
		}
	})
	t.Run("SEC-16 who may not, blocks nothing and leaves no request", func(t *testing.T) {
		ids, before := w.fobsOf(1), w.all()
		waiting := w.staff
		waiting.MustEnrol = true
		for _, c := range []struct {
			name string
			v    identity.Viewer
			want error
		}{
			{"a user who may only see", w.seer, asset.ErrNotAllowed}, {"a user without a grant", w.nobody, desk.ErrNotFound}, {"a master without a grant", w.master, desk.ErrNotFound},
			{"staff of another provider", w.syd, desk.ErrNotFound}, {"a stranger", identity.Nobody(locale.German), desk.ErrNotFound},
			{"staff who must enrol", waiting, desk.ErrNotFound},
			{"a door controller", identity.Viewer{Kind: identity.DoorController, User: "door", Provider: w.nord.Provider}, desk.ErrNotFound},
		} {
			if _, err := w.BlockTags(ctx, c.v, desk.BlockOrder{Tags: ids}); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
		if w.state(ids[0]) == tagging.Blocked || w.all() != before {
			t.Error("something was done")
		}
	})
	t.Run("B-16 orders that are refused in words", func(t *testing.T) {
		id := w.fob()
		long := make([]string, desk.MaxBlock+1)
		for i := range long {
			long[i] = id
		}
		minted, err := w.assets.Mint(ctx, w.staff, 1)
		must(t, minted, err)
		for name, c := range map[string]struct {
			o    desk.BlockOrder
			want desk.FieldError
		}{
			"none":         {desk.BlockOrder{}, desk.FieldError{Field: "tags", Code: desk.Missing}},
			"too many":     {desk.BlockOrder{Tags: long}, desk.FieldError{Field: "tags", Code: desk.TooMany}},
			"of two":       {desk.BlockOrder{Tags: []string{id, string(minted[0].Code)}}, desk.FieldError{Field: "tags", Code: desk.Owners}},
			"long reason":  {desk.BlockOrder{Tags: []string{id}, Reason: strings.Repeat("ä", asset.MaxNote+1)}, desk.FieldError{Field: "reason", Code: desk.TooLong}},
			"control text": {desk.BlockOrder{Tags: []string{id}, Reason: "a\x00b"}, desk.FieldError{Field: "reason", Code: desk.BadText}},
		} {
			var got *desk.FieldError
			if _, err := w.BlockTags(ctx, w.staff, c.o); !errors.As(err, &got) || *got != c.want {
				t.Errorf("%s: %v", name, err)
			}
		}
		b, err := w.BlockTags(ctx, w.staff, desk.BlockOrder{Tags: []string{id, id}})
		if err != nil || len(b.Tags) != 1 || len(b.Request.Tags) != 1 {
			t.Errorf("a tag named twice: %+v, %v", b, err)
		}
	})
}

// failing is an engine that loses requests: inserts of them fail while it is set.
type failing struct {
	store.Engine
	lose bool
}

var errLost = errors.New("power cut")

// Insert implements store.Engine.
func (f *failing) Insert(ctx context.Context, collection, id string, body []byte) error {
	if f.lose && collection == "requests" {
		return errLost
	}
	return f.Engine.Insert(ctx, collection, id, body)
}

func TestInterruptedBlock(t *testing.T) {
	var disk *failing
	w := newTagWorld(t, func(e store.Engine) store.Engine { disk = &failing{Engine: e}; return disk })
	ctx := t.Context()
	interrupt := func(o desk.BlockOrder) {
		t.Helper()
		disk.lose = true
		if _, err := w.BlockTags(ctx, w.blocker, o); !errors.Is(err, errLost) {
			t.Fatal(err)
		}
		disk.lose = false
	}
	t.Run("B-16 repeating an order after an interruption writes the request that is missing", func(t *testing.T) {
		o := desk.BlockOrder{Tags: w.fobsOf(2), Reason: "weg", Key: "k"}
		interrupt(o)
		before := w.all()
		b, err := w.BlockTags(ctx, w.blocker, o)
		if err != nil || w.all() != before+1 || !slices.Equal(b.Request.Tags, o.Tags) {
			t.Fatalf("%+v, %v", b.Request, err)
		}
		for _, tag := range b.Tags {
			if tag.State != tagging.Blocked || tag.Request != b.Request.Number {
				t.Errorf("%+v", tag)
			}
		}
		again, err := w.BlockTags(ctx, w.blocker, o)
		if err != nil || again.Request.Number != b.Request.Number || w.all() != before+1 {
			t.Errorf("%+v, %v", again.Request, err)
		}
	})
	t.Run("B-16 another order that meets interrupted ones documents them too", func(t *testing.T) {
		one, two := w.fobsOf(1), w.fobsOf(1)
		interrupt(desk.BlockOrder{Tags: one})
		interrupt(desk.BlockOrder{Tags: two})
		before := w.all()
		b, err := w.BlockTags(ctx, w.staff, desk.BlockOrder{Tags: slices.Concat(one, two, w.fobsOf(1))})
		if err != nil || w.all() != before+2 {
			t.Fatalf("%d requests more, %v", w.all()-before, err)
		}
		for _, tag := range b.Tags {
			if r := w.stored(tag.Request); !slices.Contains(r.Tags, tag.ID) {
				t.Errorf("%s is not named by its request %+v", tag.ID, r.Tags)
			}
		}
	})
	t.Run("SEC-86 of the same order many times at once, each tag is named by the request it is blocked under", func(t *testing.T) {
		o := desk.BlockOrder{Tags: w.fobsOf(5), Key: "race"}
		race(8, func(int) {
			if _, err := w.BlockTags(ctx, w.staff, o); err != nil {
				t.Error(err)
			}
		})
		for _, id := range o.Tags {
			tag, err := w.assets.Tag(ctx, w.staff, id)
			must(t, tag, err)
			if r := w.stored(tag.Request); tag.State != tagging.Blocked || !slices.Contains(r.Tags, id) {
				t.Errorf("%s is blocked under %s, which names %v", id, tag.Request, r.Tags)
			}
		}
	})
}

func TestUnusualBlocks(t *testing.T) {
	w := newTagWorld(t)
	ctx := t.Context()
	w.fobsOf(100) // so that the share of the customer's tags is not what counts
	w.turn(6 * time.Minute)
	ids := w.fobsOf(13)
	t.Run("SEC-9 over the limit of an hour an order stops, what it blocked stays and is documented, and staff are alerted", func(t *testing.T) {
		o := desk.BlockOrder{Tags: ids[:12], Reason: "Einbruch", Key: "many"}
		b, err := w.BlockTags(ctx, w.blocker, o)
		if !errors.Is(err, identity.ErrProofNeeded) || b.Request == nil || !slices.Equal(b.Request.Tags, ids[:10]) {
			t.Fatalf("%+v, %v", b.Request, err)
		}
		if got := w.told(b.Request.Number, desk.BlockAlarm); got != "Nordlicht chef" {
			t.Errorf("alarm to %s", got)
		}
		if m := w.Outbox().Message(b.Request, outbox.Notice{Event: desk.BlockAlarm}); !m.Urgent {
			t.Error("the alarm may wait")
		}
		if w.state(ids[9]) != tagging.Blocked || w.state(ids[10]) == tagging.Blocked {
			t.Error("not blocked up to the limit")
		}
		fresh, err := w.BlockTags(ctx, w.again("bo@tags.example"), o)
		if err != nil || fresh.Request.Number == b.Request.Number || !slices.Equal(fresh.Request.Tags, ids[10:12]) {
			t.Errorf("after proof: %+v, %v", fresh.Request, err)
		}
	})
	t.Run("SEC-9 an order that blocks nothing any more alerts staff all the same, once", func(t *testing.T) {
		w := newTagWorld(t)
		w.fobsOf(100)
		w.turn(6 * time.Minute)
		b, err := w.BlockTags(ctx, w.blocker, desk.BlockOrder{Tags: w.fobsOf(10)})
		must(t, b, err)
		if got := w.told(b.Request.Number, desk.BlockAlarm); got != "none" {
			t.Fatalf("ten blocks are usual, but alarm to %s", got)
		}
		for range 3 {
			if _, err := w.BlockTags(ctx, w.blocker, desk.BlockOrder{Tags: w.fobsOf(1)}); !errors.Is(err, identity.ErrProofNeeded) {
				t.Fatal(err)
			}
		}
		n := 0
		for _, notice := range w.stored(b.Request.Number).Notices {
			if notice.Event == desk.BlockAlarm {
				n++
			}
		}
		if n != 1 || w.told(b.Request.Number, desk.BlockAlarm) != "Nordlicht chef" {
			t.Errorf("%d alarms", n)
		}
	})
}
