package edge_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
)

func TestMain(m *testing.M) {
	// fasthttp keeps one clock for the Date header for ever, and notices only every ten seconds that a worker pool has stopped.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

var open = edge.Access{Who: edge.Public, Object: "none", Permission: "none"}

// lines is a log that tests read while the server writes.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// people are who the tests' Authenticate knows, by token and by cookie.
var people = map[string]identity.Viewer{
	"tech":   {Kind: identity.Staff, Role: identity.Technician, User: "p-tech", Provider: "a", Locale: locale.German},
	"admin":  {Kind: identity.Staff, Role: identity.Admin, User: "p-admin", Provider: "a", Locale: locale.English},
	"enrol":  {Kind: identity.Staff, Role: identity.Admin, User: "p-enrol", Provider: "a", MustEnrol: true, Locale: locale.English},
	"master": {Kind: identity.CustomerUser, Role: identity.Master, User: "p-master", Customer: "c", Locale: locale.Swedish},
	"gate":   {Kind: identity.DoorController, User: "d-1", Name: "Tor", Provider: "a", Locale: locale.Swedish},
}

var errStoreDown = errors.New("store: secret host 10.0.0.7 refused")

func options(t testing.TB, log io.Writer) edge.Options {
	t.Helper()
	catalogue, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	return edge.Options{
		PublicURL: "https://tagwerk.example",
		Catalogue: catalogue,
		Logger:    slog.New(slog.NewJSONHandler(log, nil)),
		Now:       time.Now,
		Random:    rand.Reader,
		Authenticate: func(_ context.Context, c edge.Credentials, l locale.Tag) (identity.Viewer, error) {
			if c.Bearer == "down" || c.Cookie == "down" {
				return identity.Viewer{}, errStoreDown
			}
			if v, ok := people[c.Bearer+c.Cookie]; ok {
				return v, nil
			}
			return identity.Nobody(l), nil
		},
		Timeouts: edge.Timeouts{Read: 2 * time.Second, Drain: 3 * time.Second},
	}
}

// server is one running Server.
type server struct {
	*edge.Server
	addr string
	log  *lines
	stop func() error
}

// start serves on a real listener (row 25) until the test ends.
func start(t testing.TB, change func(*edge.Options), routes func(*edge.Server)) *server {
	t.Helper()
	log := &lines{}
	o := options(t, log)
	if change != nil {
		change(&o)
	}
	s, err := edge.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if routes != nil {
		routes(s)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Listen(ctx, ln) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Listen: %v", err)
		}
	})
	return &server{Server: s, addr: ln.Addr().String(), log: log, stop: stop}
}

type answer struct {
	*http.Response
	body string
}

// problem decodes a problem answer and checks what each one must have (RFC 9457, SEC-54).
func (a answer) problem(t testing.TB) (code string, errs []edge.FieldText) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Code string
		Status                    int
		Errors                    []edge.FieldText
		RequestID                 string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("no problem: %v in %q", err, a.body)
	}
	if a.Header.Get("Content-Type") != "application/problem+json" || p.Status != a.StatusCode || len(p.RequestID) != 32 ||
		p.Type != "https://tagwerk.example/problems#"+p.Code || p.Title == "" || p.Detail == "" || strings.Contains(a.body, "⟦") {
		t.Errorf("incomplete problem %s of type %s", a.body, a.Header.Get("Content-Type"))
	}
	return p.Code, p.Errors
}

// do sends one request. Headers are "Name: value".
func (s *server) do(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if req.Header.Add(name, value); name == "Host" {
			req.Host = value
		}
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

func read(t testing.TB, res *http.Response) answer {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, string(b)}
}

// raw sends bytes as they are and returns all that comes back until the server closes or limit passes, and whether it closed.
func (s *server) raw(t testing.TB, sent string, limit time.Duration) (got string, closed bool) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, sent); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	return string(b), err == nil
}

// statuses lists the status codes of the answers in a raw stream.
func statuses(t testing.TB, stream string) (codes []int) {
	t.Helper()
	for r := bufio.NewReader(strings.NewReader(stream)); ; {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return codes
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		codes = append(codes, res.StatusCode)
	}
}
