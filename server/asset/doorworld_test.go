package asset_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/outbox"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

// doorWorld is a world with companies, people in sessions and door controllers.
type doorWorld struct {
	*world
	staff  identity.Viewer // dispatcher of nord, with a session
	holder identity.Viewer // user of hafen who may block nord's tags
	looker identity.Viewer // user of hafen who may only see them
}

func newDoorWorld(t testing.TB) *doorWorld {
	t.Helper()
	w := &doorWorld{world: newWorld(t)}
	w.companies()
	p, err := w.people.AddPerson(t.Context(), identity.NewPerson{Email: "ute@nord.example", Name: "Ute", Role: identity.Dispatcher, Provider: "nord"}, password)
	must(t, p, err)
	w.staff = w.signIn("ute@nord.example")
	w.user("hanna", "hafen")
	w.user("lotte", "hafen")
	w.holder, w.looker = w.signIn("hanna@hafen.example"), w.signIn("lotte@hafen.example")
	if err := errors.Join(w.GrantTags(t.Context(), w.staff, w.holder.User, true, true), w.GrantTags(t.Context(), w.staff, w.looker.User, true, false)); err != nil {
		t.Fatal(err)
	}
	return w
}

// password is that of all people of the tests.
const password = "Kran nie ohne Haken!"

// signIn begins a session, whose proof is fresh.
func (w *doorWorld) signIn(email string) identity.Viewer {
	w.t.Helper()
	in, err := w.people.SignIn(w.t.Context(), identity.SignIn{Email: email, Password: password, Kind: identity.Bearer,
		Address: netip.MustParseAddr("192.0.2.1"), Agent: "test"})
	must(w.t, in, err)
	v, err := w.people.Authenticate(w.t.Context(), in.Token, identity.Bearer, locale.English)
	return must(w.t, v, err)
}

// controller adds a door controller of nord and returns it with its viewer.
func (w *doorWorld) controller(n identity.NewController) (identity.Controller, identity.Viewer) {
	w.t.Helper()
	c, secrets, err := w.people.AddController(w.t.Context(), w.staff, n)
	must(w.t, c, err)
	if n.Manual {
		return c, identity.Viewer{}
	}
	v, err := w.people.Authenticate(w.t.Context(), secrets.Key, identity.Bearer, locale.English)
	return c, must(w.t, v, err)
}

// block blocks a tag, as the operator where no other viewer is given, who is never asked for proof.
func (w *doorWorld) block(t *asset.Tag) *asset.Tag {
	w.t.Helper()
	b, err := w.Block(w.t.Context(), identity.Operator(t.Provider), t.ID, asset.Blocking{Reason: "verloren"})
	return must(w.t, b, err).Tag
}

func (w *doorWorld) reactivate(t *asset.Tag) *asset.Tag {
	w.t.Helper()
	back, err := w.Reactivate(w.t.Context(), identity.Operator(t.Provider), t.ID, "gefunden")
	return must(w.t, back, err)
}

func (w *doorWorld) list(v identity.Viewer, since int64) asset.AccessList {
	w.t.Helper()
	l, err := w.AccessList(w.t.Context(), v, since)
	return must(w.t, l, err)
}

func (w *doorWorld) ack(v identity.Viewer, version int64, failed ...asset.FailedTag) {
	w.t.Helper()
	if err := w.Acknowledge(w.t.Context(), v, version, failed); err != nil {
		w.t.Fatal(err)
	}
}

// state is how a controller stands to a tag.
func (w *doorWorld) state(c identity.Controller, tag *asset.Tag) asset.DoorState {
	w.t.Helper()
	states, err := w.ProofOf(w.t.Context(), w.staff, tag.ID)
	for _, s := range must(w.t, states, err) {
		if s.Controller.ID == c.ID {
			return s
		}
	}
	w.t.Fatal("the controller is not told of the tag")
	return asset.DoorState{}
}

// progress is how far a controller is.
func (w *doorWorld) progress(c identity.Controller) asset.DoorProgress {
	w.t.Helper()
	doors, err := w.Doors(w.t.Context(), w.staff)
	for _, d := range must(w.t, doors, err) {
		if d.Controller.ID == c.ID {
			return d
		}
	}
	w.t.Fatal("the controller is not listed")
	return asset.DoorProgress{}
}

// over is another instance of the services over an engine.
func (w *doorWorld) over(e store.Engine) *asset.Service {
	w.t.Helper()
	now := func() time.Time { return w.clock }
	people, err := identity.New(identity.Options{Engine: e, Now: now, Key: [32]byte{1},
		HashParams: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}})
	must(w.t, people, err)
	return asset.New(asset.Options{Engine: e, People: people, Now: now, Random: rand.Reader, Zone: stockholm})
}

// entry of a tag in a list, or nil.
func entry(l asset.AccessList, t *asset.Tag) *asset.AccessEntry {
	for i := range l.Entries {
		if l.Entries[i].Tag == t.ID {
			return &l.Entries[i]
		}
	}
	return nil
}

// tagsOf names the tags of a list, refused ones with an exclamation mark.
func tagsOf(l asset.AccessList) string {
	var names []string
	for _, e := range l.Entries {
		if e.Blocked {
			e.Tag += "!"
		}
		names = append(names, e.Tag)
	}
	return strings.Join(names, " ")
}

var errCrash = errors.New("the process died here")

// mortal is an engine whose process dies after some writes.
type mortal struct {
	store.Engine
	left atomic.Int64
}

func dying(e store.Engine, writes int) *mortal {
	m := &mortal{Engine: e}
	m.left.Store(int64(writes))
	return m
}

func (m *mortal) Insert(ctx context.Context, collection, id string, body []byte) error {
	if m.left.Add(-1) < 0 {
		return errCrash
	}
	return m.Engine.Insert(ctx, collection, id, body)
}

func (m *mortal) Replace(ctx context.Context, collection, id string, body []byte, ver int64) error {
	if m.left.Add(-1) < 0 {
		return errCrash
	}
	return m.Engine.Replace(ctx, collection, id, body, ver)
}

// full is an engine on a disk that has room for essential writes only.
type full struct{ store.Engine }

func (f full) Insert(ctx context.Context, collection, id string, body []byte) error {
	if !store.IsEssential(ctx) {
		return store.ErrFull
	}
	return f.Engine.Insert(ctx, collection, id, body)
}

func (f full) Replace(ctx context.Context, collection, id string, body []byte, ver int64) error {
	if !store.IsEssential(ctx) {
		return store.ErrFull
	}
	return f.Engine.Replace(ctx, collection, id, body, ver)
}

// emptyBox is that of a document without notices.
func (w *doorWorld) emptyBox() outbox.Box { return outbox.New() }
