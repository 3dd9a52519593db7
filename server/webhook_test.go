package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/notify/webhook"
	"github.com/tagwerk/tagwerk/server/signing"
	"github.com/tagwerk/tagwerk/tagging"
)

// gate is the receiver of a door controller's webhooks.
type gate struct {
	mu     sync.Mutex
	secret []byte
	now    func() time.Time
	heard  map[string]string // tag: type of its last event
	forged int
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var e webhook.Event
	g.mu.Lock()
	defer g.mu.Unlock()
	h := r.Header
	if err != nil || json.Unmarshal(body, &e) != nil || signing.Verify([][]byte{g.secret}, h.Get(signing.IDHeader), h.Get(signing.TimestampHeader), h.Get(signing.SignatureHeader), body, g.now()) != nil {
		g.forged++
		return
	}
	g.heard[e.Data.Tag] = e.Type
}

func (g *gate) last(tag string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.heard[tag]
}

// gate adds a door controller of the sample's provider and its receiver on this machine.
func (w *world) gate() (*gate, identity.Controller) {
	w.t.Helper()
	g := &gate{now: w.runtime.Now, heard: map[string]string{}}
	s := httptest.NewServer(g)
	w.t.Cleanup(s.Close)
	c, shown, err := w.app.People.AddController(w.t.Context(), w.viewer("dispo@"), identity.NewController{Name: "Haupttor", Webhook: s.URL + "/hook"})
	if err == nil {
		g.secret, err = signing.ParseSecret(shown.Secret)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return g, c
}

// keyFob enrols a fob of a sample customer, valid up to a day or "" for without end.
func (w *world) keyFob(number string, last asset.Day) *asset.Tag {
	w.t.Helper()
	tag, err := w.app.Assets.Enrol(w.t.Context(), w.viewer("dispo@"), asset.Enrolment{Number: number, Hint: "iso14443", Customer: w.viewer("haustechnik@").Customer,
		Holder: &asset.Holder{Tenant: "Kim"}, Expires: last, Confirm: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return tag
}

func TestWebhook(t *testing.T) {
	w := newWorld(t, func(c *server.Config, _ *server.Runtime) { c.Connectors = "127.0.0.0/8" })
	g, door := w.gate()
	t.Run("X-9 the served installation tells a door controller of a block within seconds", func(t *testing.T) {
		tag := w.keyFob("04A1B2C3D4E5F6", "")
		if _, err := w.app.Desk.BlockTags(t.Context(), w.viewer("dispo@"), desk.BlockOrder{Tags: []string{tag.ID}, Reason: "verloren"}); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		eventually(t, "the controller hears of it", func() bool { return g.last(tag.ID) == string(asset.TagBlocked) })
		t.Logf("told after %v", time.Since(begin))
		eventually(t, "staff see that it was sent, before the controller asks for its list", func() bool {
			states, err := w.app.Assets.ProofOf(t.Context(), w.viewer("dispo@"), tag.ID)
			return err == nil && slices.ContainsFunc(states, func(s asset.DoorState) bool {
				return s.Controller.ID == door.ID && s.Step == asset.DoorSent && !s.Sent.Before(begin.Add(-time.Second))
			})
		})
	})
	t.Run("X-5 a fob whose last day is over is blocked and the controller told", func(t *testing.T) {
		tag := w.keyFob("04A1B2C3D4E7F8", asset.Day(time.Now().UTC().Format(time.DateOnly)))
		w.advance(48 * time.Hour)
		w.restart(w.app.Config)
		eventually(t, "the fob is blocked", func() bool {
			seen, err := w.app.Assets.Tag(t.Context(), w.viewer("dispo@"), tag.ID)
			return err == nil && seen.State == tagging.Blocked
		})
		eventually(t, "the controller hears of it", func() bool { return g.last(tag.ID) == string(asset.TagBlocked) })
	})
	if g.forged != 0 {
		t.Errorf("%d posts that the receiver could not check", g.forged)
	}
}

func TestWebhookInside(t *testing.T) {
	w := newWorld(t)
	g, c := w.gate()
	t.Run("SEC-81 without the operator's list nothing of this machine is reached, and staff see why", func(t *testing.T) {
		tag := w.keyFob("04A1B2C3D4E5F6", "")
		if _, err := w.app.Desk.BlockTags(t.Context(), w.viewer("dispo@"), desk.BlockOrder{Tags: []string{tag.ID}}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "staff see that the address is not allowed", func() bool {
			doors, err := w.app.Assets.Doors(t.Context(), w.viewer("dispo@"))
			return err == nil && slices.ContainsFunc(doors, func(d asset.DoorProgress) bool {
				return d.Controller.ID == c.ID && d.Door.Trouble == webhook.BadAddress
			})
		})
		if g.last(tag.ID) != "" || g.forged != 0 {
			t.Error("reached")
		}
	})
}
