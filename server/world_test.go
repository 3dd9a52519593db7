package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/notify/push/fcmfake"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/tagging"
)

// world is a served demo installation: the real store, the real listener, and the stand-in for FCM.
type world struct {
	t       *testing.T
	app     *server.App
	sample  server.Sample
	url     string
	fcm     *fcmfake.Server
	client  *http.Client
	logs    *syncBuffer
	runtime server.Runtime
	stop    func()
	ahead   atomic.Int64 // nanoseconds by which the server's clock is ahead
}

// advance moves the server's clock.
func (w *world) advance(d time.Duration) { w.ahead.Add(int64(d)) }

// viewer is a sample person as the domain sees it.
func (w *world) viewer(prefix string) identity.Viewer {
	w.t.Helper()
	p, err := w.app.People.PersonByLogin(w.t.Context(), w.user(prefix).Email)
	if err != nil {
		w.t.Fatal(err)
	}
	return identity.ViewerFor(p)
}

// free is a table of limits that no test reaches by accident; tests of limits use the real one.
func free() []edge.Limit {
	table := edge.DefaultLimits()
	for i := range table {
		table[i].Rate = 1_000_000
	}
	return table
}

type worldOption func(*server.Config, *server.Runtime)

func withoutFCM(c *server.Config, _ *server.Runtime)      { c.FCMCredentials, c.FCMEndpoint = "", "" }
func withStaffFactor(c *server.Config, _ *server.Runtime) { c.StaffFactor = "required" }

func newWorld(t *testing.T, options ...worldOption) *world {
	t.Helper()
	w := &world{t: t, fcm: fcmfake.New(fcmfake.Options{}), logs: &syncBuffer{}}
	t.Cleanup(w.fcm.Close)
	credentials := filepath.Join(t.TempDir(), "fcm.json")
	if err := os.WriteFile(credentials, w.fcm.Credentials(), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.url = "http://" + ln.Addr().String()
	c := server.Config{PublicURL: w.url, Data: t.TempDir(), StaffFactor: "optional", TimeZone: "Europe/Stockholm", FCMCredentials: credentials, FCMEndpoint: w.fcm.URL()}
	now := func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	rt := server.Runtime{Now: now, Logger: slog.New(slog.NewJSONHandler(w.logs, nil)), Limits: free()}
	for _, o := range options {
		o(&c, &rt)
	}
	w.runtime = rt
	w.serve(c, ln)
	t.Cleanup(func() {
		w.stop()
		if t.Failed() {
			t.Logf("end of the server's log:\n%s", w.logs.end(8<<10))
		}
	})
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	w.client = &http.Client{Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return w
}

// serve opens the installation and answers on the listener until stop.
func (w *world) serve(c server.Config, ln net.Listener) {
	w.t.Helper()
	var err error
	if w.app, err = server.Open(w.t.Context(), c, w.runtime); err != nil {
		w.t.Fatal(err)
	}
	if w.sample, err = w.app.MakeSample(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.app.Serve(ctx, ln) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("serve: %v", err)
		}
	})
}

// restart stops the server and starts it again on its data with another configuration; passwords are new.
func (w *world) restart(c server.Config) {
	w.t.Helper()
	w.stop()
	ln, err := net.Listen("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.serve(c, ln)
}

// user returns the sign-in of a sample person by the start of the e-mail address.
func (w *world) user(prefix string) server.SampleUser {
	w.t.Helper()
	for _, u := range w.sample.Users {
		if strings.HasPrefix(u.Email, prefix) {
			return u
		}
	}
	w.t.Fatalf("no sample user %q", prefix)
	return server.SampleUser{}
}

// caller is somebody who sends requests: with a bearer token, a cookie, or nothing.
type caller struct {
	w              *world
	bearer, cookie string
	language       string
}

func (w *world) stranger() caller { return caller{w: w} }

// as signs a sample person in through the domain, which costs one password hash.
func (w *world) as(prefix string) caller {
	w.t.Helper()
	u := w.user(prefix)
	return w.signedIn(u.Email, u.Password)
}

func (w *world) signedIn(email, password string) caller {
	w.t.Helper()
	c := caller{w: w}
	for _, kind := range []string{identity.Bearer, identity.Cookie} {
		s, err := w.app.People.SignIn(w.t.Context(), identity.SignIn{Email: email, Password: password, Kind: kind, Locale: locale.English})
		if err != nil {
			w.t.Fatalf("sign in %s: %v", email, err)
		}
		if kind == identity.Bearer {
			c.bearer = s.Token
		} else {
			c.cookie = s.Token
		}
	}
	return c
}

// answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) decode(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("answer %d is not the JSON expected: %v\n%.400s", a.status, err, a.body)
	}
}

// code is the stable code of a problem.
func (a answer) code() string {
	var p struct{ Code string }
	_ = json.Unmarshal(a.body, &p)
	return p.Code
}

func (c caller) send(method, path, contentType string, body []byte, headers ...string) answer {
	c.w.t.Helper()
	req, err := http.NewRequestWithContext(c.w.t.Context(), method, c.w.url+path, bytes.NewReader(body))
	if err != nil {
		c.w.t.Fatal(err)
	}
	if len(body) == 0 {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.bearer != "" && strings.HasPrefix(path, "/v1/") || path == "/openapi.json" && c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	if c.cookie != "" && !strings.HasPrefix(path, "/v1/") {
		req.Header.Set("Cookie", "__Host-session="+c.cookie)
	}
	if c.language != "" {
		req.Header.Set("Accept-Language", c.language)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.w.client.Do(req)
	if err != nil {
		c.w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, text}
}

func (c caller) get(path string, headers ...string) answer {
	c.w.t.Helper()
	return c.send(http.MethodGet, path, "", nil, headers...)
}

func (c caller) post(path string, body any, headers ...string) answer {
	c.w.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return c.send(http.MethodPost, path, "application/json", text, headers...)
}

func (c caller) put(path string, body any) answer {
	c.w.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return c.send(http.MethodPut, path, "application/json", text)
}

// must fails the test unless the answer has the status.
func (a answer) must(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %.600s", a.status, status, a.body)
	}
	return a
}

// eventually waits for something that the worker does after the answer.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("did not happen within 15 s: %s", what)
}

// photo makes a JPEG with place and serial number in its EXIF data.
func photo(t *testing.T, seed uint8) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for y := range 240 {
		for x := range 320 {
			img.Set(x, y, color.RGBA{uint8(x) ^ seed, uint8(y), seed, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	exif := "Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00GPS-PLACE-SERIAL-4711"
	segment := append([]byte{0xff, 0xe1, byte((len(exif) + 2) >> 8), byte(len(exif) + 2)}, exif...)
	return append(append(append([]byte{}, b.Bytes()[:2]...), segment...), b.Bytes()[2:]...)
}

// form makes a multipart body of fields and photos.
func form(t *testing.T, fields map[string]string, files ...[]byte) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	var err error
	for name, value := range fields {
		err = errors.Join(err, m.WriteField(name, value))
	}
	for i, f := range files {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="photos"; filename="foto %d.jpg"`, i))
		h.Set("Content-Type", "image/jpeg")
		part, perr := m.CreatePart(h)
		if perr == nil {
			_, perr = part.Write(f)
		}
		err = errors.Join(err, perr)
	}
	if err := errors.Join(err, m.Close()); err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), b.Bytes()
}

// assetOf is the asset of the component that a sample label is bound to.
func (w *world) assetOf(code string) string {
	w.t.Helper()
	c, _, err := w.app.Assets.Component(w.t.Context(), w.viewer("dispo@"), w.tag(code).Component)
	if err != nil {
		w.t.Fatal(err)
	}
	return c.Asset
}

// tag finds a sample label through the staff's own list.
func (w *world) tag(code string) asset.Tag {
	w.t.Helper()
	for _, provider := range []string{"dispo@", "kundtjanst@"} {
		after := ""
		for {
			tags, next, err := w.app.Assets.FindTags(w.t.Context(), w.viewer(provider), asset.TagFilter{}, after, 200)
			if err != nil {
				w.t.Fatal(err)
			}
			for _, tag := range tags {
				if tag.ID == code {
					return *tag.Tag
				}
			}
			if after = next; next == "" {
				break
			}
		}
	}
	w.t.Fatalf("no tag %s", code)
	return asset.Tag{}
}

// neverMinted is a well-formed code that no label has.
func neverMinted(t *testing.T) string {
	t.Helper()
	code, err := tagging.NewCode(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(code)
}
