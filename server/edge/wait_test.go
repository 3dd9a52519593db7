package edge_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
)

// TestWait holds long polls to their time, to the stop of the server, and to the rights of the one who waits.
func TestWait(t *testing.T) {
	var revoked atomic.Bool
	door := identity.Viewer{Kind: identity.DoorController, User: "d-1", Provider: "a"}
	entered := make(chan struct{}, 4)
	s := start(t, func(o *edge.Options) {
		o.Authenticate = func(_ context.Context, c edge.Credentials, l locale.Tag) (identity.Viewer, error) {
			switch {
			case c.Bearer == "down-later" && revoked.Load():
				return identity.Viewer{}, errStoreDown
			case c.Bearer == "door" && !revoked.Load(), c.Bearer == "down-later":
				return door, nil
			}
			return people[c.Bearer], nil
		}
	}, func(s *edge.Server) {
		access := edge.Access{Who: edge.Controller, Object: "own", Permission: "none"}
		s.Handle("GET", "/v1/wait/{for}", access, edge.RouteOptions{API: true, Limit: "api"}, func(r *edge.Request) error {
			d, err := time.ParseDuration(r.Param("for"))
			if err != nil {
				return err
			}
			waiting, done := edge.Wait(r.Context(), d)
			entered <- struct{}{}
			<-waiting.Done()
			if err := done(); err != nil {
				return err
			}
			return r.Text(200, "waited")
		})
	})
	wait := func(token, d string) (answer, time.Duration) {
		begin := time.Now()
		a := s.do(t, "GET", "/v1/wait/"+d, "", "Authorization: Bearer "+token)
		return a, time.Since(begin)
	}
	t.Run("a wait ends after its time", func(t *testing.T) {
		a, took := wait("door", "300ms")
		<-entered
		if a.body != "waited" || took < 300*time.Millisecond || took > 900*time.Millisecond {
			t.Errorf("%d %q after %v", a.StatusCode, a.body, took)
		}
	})
	t.Run("SEC-12 people have no key of a door controller", func(t *testing.T) {
		for _, token := range []string{"tech", "admin", "master"} {
			a, _ := wait(token, "1ms")
			if code, _ := a.problem(t); a.StatusCode != 401 || code != "controller_key_required" {
				t.Errorf("%s: %d %s", token, a.StatusCode, code)
			}
		}
	})
	t.Run("SEC-20 a revoked key ends a wait within a second or so", func(t *testing.T) {
		go func() {
			<-entered
			revoked.Store(true)
		}()
		a, took := wait("door", "10s")
		if code, _ := a.problem(t); a.StatusCode != 401 || code != "bad_token" || took > 2500*time.Millisecond {
			t.Errorf("%d %s after %v", a.StatusCode, code, took)
		}
	})
	t.Run("a store that does not answer for a while is no refusal", func(t *testing.T) {
		revoked.Store(false)
		go func() {
			<-entered
			revoked.Store(true)
		}()
		if a, _ := wait("down-later", "1500ms"); a.body != "waited" {
			t.Errorf("%d %q", a.StatusCode, a.body)
		}
		revoked.Store(false)
	})
	t.Run("row 6 a stop does not wait for long polls", func(t *testing.T) {
		answered := make(chan answer, 1)
		go func() {
			a, _ := wait("door", "10s")
			answered <- a
		}()
		<-entered
		begin := time.Now()
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("stopped after %v", took)
		}
		if a := <-answered; a.body != "waited" {
			t.Errorf("%d %q", a.StatusCode, a.body)
		}
	})
}
