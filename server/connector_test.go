package server_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/mobileapi"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/signing"
)

// connector is the example controller of mobileapi/connector, built and run as the program that it is.
type connector struct {
	t                  *testing.T
	binary, state, url string
	keys               mobileapi.ControllerSecrets
	log                syncBuffer
	in                 io.Writer
	answers            *bufio.Scanner
	stop               func()
}

func buildConnector(t *testing.T, url string, keys mobileapi.ControllerSecrets) *connector {
	t.Helper()
	c := &connector{t: t, binary: filepath.Join(t.TempDir(), "connector"), state: filepath.Join(t.TempDir(), "list.json"), url: url, keys: keys}
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", c.binary, "../mobileapi/connector")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the connector's log:\n%s", c.log.end(4<<10))
		}
	})
	return c
}

// start runs the program until stop, which kills it as a power cut would.
func (c *connector) start() {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, c.binary, c.state)
	cmd.Env = append(os.Environ(), "TAGWERK_URL="+c.url, "TAGWERK_KEY="+c.keys.Key, "TAGWERK_SECRET="+c.keys.Secret)
	cmd.Stderr = &c.log
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if inErr != nil || outErr != nil {
		c.t.Fatal(inErr, outErr)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.in, c.answers = in, bufio.NewScanner(out)
	c.stop = func() {
		cancel()
		_ = cmd.Wait()
	}
	c.t.Cleanup(c.stop)
}

// present shows a fob at the door and returns what the door does.
func (c *connector) present(number string) string {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, number); err != nil {
		c.t.Fatal(err)
	}
	if !c.answers.Scan() {
		c.t.Fatal("the connector ended")
	}
	return c.answers.Text()
}

// between stands between connector and server, and spoils the access list on demand.
type between struct {
	*httptest.Server
	spoil atomic.Pointer[func(http.Header, []byte) (http.Header, []byte)]
	last  atomic.Pointer[signedAnswer] // last list that had entries
}

type signedAnswer struct {
	header http.Header
	body   []byte
}

func newBetween(t *testing.T, w *world) *between {
	b := &between{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		if err != nil {
			return
		}
		req, err := http.NewRequestWithContext(in.Context(), in.Method, w.url+in.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			return
		}
		req.Header = in.Header
		resp, err := w.client.Do(req)
		if err != nil {
			out.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			return
		}
		header := resp.Header
		if in.URL.Path == "/v1/access-list" {
			if bytes.Contains(answer, []byte(`"tag":`)) {
				b.last.Store(&signedAnswer{header, answer})
			}
			if spoil := b.spoil.Load(); spoil != nil {
				header, answer = (*spoil)(header, answer)
			}
		}
		for name, values := range header {
			if name != "Content-Length" {
				out.Header()[name] = values
			}
		}
		out.WriteHeader(resp.StatusCode)
		_, _ = out.Write(answer)
	}))
	t.Cleanup(b.Close)
	return b
}

// doorWorld is an installation with a door controller of the first provider.
func doorWorld(t *testing.T) (w *world, staff caller, door mobileapi.NewController) {
	t.Helper()
	w = newWorld(t, withoutFCM)
	staff = w.as("dispo@")
	staff.post("/v1/controllers", map[string]any{"name": "Main entrance", "place": "House A"}).must(t, 201).decode(t, &door)
	return w, staff, door
}

// issued makes a fob of the first customer known and gives it to a tenant.
func (w *world) issued(number, tenant string) *asset.Tag {
	w.t.Helper()
	t, err := w.app.Assets.Enrol(w.t.Context(), w.viewer("dispo@"), asset.Enrolment{Number: number, Hint: "125khz",
		Customer: w.viewer("haustechnik@").Customer, Holder: &asset.Holder{Tenant: tenant}})
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// stepAt is how a door stands to the last change of a tag.
func stepAt(t *testing.T, staff caller, tag, controller string) string {
	t.Helper()
	var d mobileapi.TagDetail
	staff.get("/v1/tags/"+tag).must(t, 200).decode(t, &d)
	i := slices.IndexFunc(d.Controllers, func(s mobileapi.DoorState) bool { return s.Controller == controller })
	if i < 0 {
		return ""
	}
	return d.Controllers[i].Step
}

func TestExampleConnector(t *testing.T) {
	w, staff, door := doorWorld(t)
	anna, ben, cleo := w.issued("0A00C1D2E1", "Anna"), w.issued("0A00C1D2F3", "Ben"), w.issued("0A00C1D305", "Cleo")
	proxy := newBetween(t, w)
	c := buildConnector(t, proxy.URL, door.ControllerSecrets)
	acknowledged := func(tag string) func() bool {
		return func() bool { return stepAt(t, staff, tag, door.ID) == "acknowledged" }
	}
	block := func(number string) {
		t.Helper()
		staff.post("/v1/tags/block", map[string]any{"number": number, "hint": "125khz", "reason": "lost"}).must(t, 200)
	}

	c.start()
	if got := c.present("0a00c1d2e1"); got != "open" {
		t.Fatalf("before the block: %s", got)
	}
	eventually(t, "X-10 the fob in order was seen", func() bool {
		var d mobileapi.TagDetail
		staff.get("/v1/tags/"+anna.ID).must(t, 200).decode(t, &d)
		return d.SeenAt != nil
	})
	t.Run("B-16 X-9 a blocked fob is refused at the door, and the door says so", func(t *testing.T) {
		block("0012702433")
		eventually(t, "acknowledged", acknowledged(anna.ID))
		if a, b := c.present("0A00C1D2E1"), c.present("0A00C1D2F3"); a != "closed" || b != "open" {
			t.Errorf("blocked %s, other %s", a, b)
		}
	})
	t.Run("X-10 the fob that was shown is a sighting", func(t *testing.T) {
		eventually(t, "sighting of the blocked fob", func() bool {
			var seen mobileapi.Page[mobileapi.Sighting]
			staff.get("/v1/sightings?kind=blocked&tag="+anna.ID).must(t, 200).decode(t, &seen)
			return len(seen.Items) == 1 && seen.Items[0].Place == "main entrance" && seen.Items[0].Reader == door.ID && !seen.Items[0].Granted
		})
	})
	t.Run("X-9 what happens while it is stopped it catches up with", func(t *testing.T) {
		c.stop()
		block("12702451")
		block("193,54021")
		staff.post("/v1/tags/"+anna.ID+"/reactivate", map[string]any{"reason": "found"}).must(t, 200)
		for _, id := range []string{anna.ID, ben.ID, cleo.ID} {
			// A question that the dead program left behind may still be answered: then it says "sent".
			if step := stepAt(t, staff, id, door.ID); step != "requested" && step != "sent" {
				t.Errorf("%s while the door is stopped: %q", id, step)
			}
		}
		c.start()
		for _, id := range []string{anna.ID, ben.ID, cleo.ID} {
			eventually(t, "acknowledged", acknowledged(id))
		}
		if a, b, d := c.present("0A00C1D2E1"), c.present("0A00C1D2F3"), c.present("0A00C1D305"); a != "open" || b != "closed" || d != "closed" {
			t.Errorf("reactivated %s, blocked %s and %s", a, b, d)
		}
	})
	refused := func() bool { return strings.Contains(c.log.String(), "ALARM") }
	t.Run("SEC-10 a list that is not what was signed is refused", func(t *testing.T) {
		forge := func(h http.Header, body []byte) (http.Header, []byte) {
			return h, bytes.Replace(body, []byte(`"blocked":true`), []byte(`"blocked":false`), 1)
		}
		proxy.spoil.Store(&forge)
		block("0A00C1D2E1")
		eventually(t, "alarm", refused)
		if b, d := c.present("0A00C1D2F3"), c.present("0A00C1D305"); b != "closed" || d != "closed" {
			t.Errorf("the forged list opened the door: %s %s", b, d)
		}
		proxy.spoil.Store(nil)
		eventually(t, "acknowledged", acknowledged(anna.ID))
	})
	t.Run("SEC-10 an older list is refused, although it was signed", func(t *testing.T) {
		old := proxy.last.Load()
		block(w.issued("0A00C1D317", "Dora").Number)
		eventually(t, "a newer list", func() bool { return proxy.last.Load() != old })
		before := strings.Count(c.log.String(), "ALARM")
		replay := func(http.Header, []byte) (http.Header, []byte) { return old.header, old.body }
		proxy.spoil.Store(&replay)
		block(w.issued("0A00C1D329", "Emil").Number)
		eventually(t, "alarm", func() bool { return strings.Count(c.log.String(), "ALARM") > before })
		if got := c.present("0A00C1D317"); got != "closed" {
			t.Errorf("the old list opened the door: %s", got)
		}
	})
}

// TestLongPoll holds a controller's wait to news, to its key, and to the life of the server.
func TestLongPoll(t *testing.T) {
	w, staff, door := doorWorld(t)
	fob := w.issued("0A00C1D2E1", "Anna")
	c := caller{w: w, bearer: door.Key}
	type timed struct {
		answer
		took time.Duration
	}
	ask := func(path string, headers ...string) <-chan timed {
		out := make(chan timed, 1)
		begin := time.Now()
		go func() { a := c.get(path, headers...); out <- timed{a, time.Since(begin)} }()
		time.Sleep(300 * time.Millisecond)
		return out
	}
	empty := c.get("/v1/access-list").must(t, 200)
	t.Run("SEC-10 the bytes of a list are signed", func(t *testing.T) {
		secret, err := signing.ParseSecret(door.Secret)
		if err != nil {
			t.Fatal(err)
		}
		verify := func(body []byte) error {
			return signing.Verify([][]byte{secret}, empty.header.Get(signing.IDHeader), empty.header.Get(signing.TimestampHeader), empty.header.Get(signing.SignatureHeader), body, time.Now())
		}
		if err := verify(empty.body); err != nil {
			t.Error(err)
		}
		if err := verify(append(bytes.Clone(empty.body), ' ')); !errors.Is(err, signing.ErrSignature) {
			t.Errorf("with a byte more: %v", err)
		}
	})
	t.Run("a known list is 304 at once, and with wait after it", func(t *testing.T) {
		if a := c.get("/v1/access-list", "If-None-Match", empty.header.Get("ETag")).must(t, 304); len(a.body) > 0 || a.header.Get("ETag") != empty.header.Get("ETag") {
			t.Errorf("%q %v", a.body, a.header)
		}
		if a := <-ask("/v1/access-list?wait=1", "If-None-Match", empty.header.Get("ETag")); a.status != 304 || a.took < time.Second || a.took > 4*time.Second {
			t.Errorf("%d after %v", a.status, a.took)
		}
		if a := <-ask("/v1/access-list?wait=1"); a.status != 200 || a.took < time.Second {
			t.Errorf("without an ETag: %d after %v", a.status, a.took)
		}
		c.get("/v1/access-list?wait=16").must(t, 400)
		if a := c.get("/v1/access-list?since=99").must(t, 409); a.code() != "list_version" {
			t.Errorf("%s", a.body)
		}
	})
	t.Run("X-9 a block ends a wait", func(t *testing.T) {
		waiting := ask("/v1/access-list?wait=15", "If-None-Match", empty.header.Get("ETag"))
		staff.post("/v1/tags/"+fob.ID+"/block", map[string]any{"reason": "lost"}).must(t, 200)
		a := <-waiting
		var l mobileapi.AccessList
		a.must(t, 200).decode(t, &l)
		if a.took > 3*time.Second || len(l.Entries) != 1 || l.Entries[0].Tag != fob.ID || !l.Entries[0].Blocked || a.header.Get("ETag") != fmt.Sprintf(`"%d"`, l.Version) {
			t.Errorf("after %v: %s", a.took, a.body)
		}
		c.post("/v1/access-list/ack", map[string]any{"version": l.Version}).must(t, 204)
	})
	t.Run("SEC-20 the end of a controller ends its wait", func(t *testing.T) {
		waiting := ask("/v1/access-list?since=1&wait=15")
		staff.send("DELETE", "/v1/controllers/"+door.ID, "", nil).must(t, 204)
		if a := <-waiting; a.status != 401 || a.took > 3*time.Second {
			t.Errorf("%d after %v", a.status, a.took)
		}
	})
	t.Run("row 6 a stop of the server does not wait for it", func(t *testing.T) {
		var next mobileapi.NewController
		staff.post("/v1/controllers", map[string]any{"name": "Side entrance"}).must(t, 201).decode(t, &next)
		c = caller{w: w, bearer: next.Key}
		waiting := ask("/v1/access-list?since=1&wait=15")
		begin := time.Now()
		w.stop()
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("stopped after %v", took)
		}
		if a := <-waiting; a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}
