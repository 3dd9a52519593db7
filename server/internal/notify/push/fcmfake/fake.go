// Package fcmfake stands in for Firebase Cloud Messaging in tests: a server on
// loopback that is both the send endpoint of the HTTP v1 API and the OAuth token
// endpoint of a service account made for it (standards.md 4.1). Google offers no
// emulator.
//
// It is stricter than FCM: a request with anything that the real SDK would not
// send is refused and kept as a [Violation]. Valid messages are answered by the
// name of their token, and kept as [Message] when FCM would have delivered them:
//
//	ok…            taken
//	unregistered…  404 UNREGISTERED
//	badtoken…      400 INVALID_ARGUMENT, for the dry run of a minimal message too
//	badmessage…    400 INVALID_ARGUMENT, but a dry run passes
//	badjson…       400 INVALID_ARGUMENT without FCM's own code
//	senderid…      403 SENDER_ID_MISMATCH
//	forbidden…     403 PERMISSION_DENIED without FCM's own code
//	quota…         429 QUOTA_EXCEEDED
//	unavailable…   503 UNAVAILABLE twice, then taken
//	internal…      500 INTERNAL
//	unauthenticated…  401 without FCM's own code
//	thirdparty…    401 THIRD_PARTY_AUTH_ERROR
//	notfound…      404 without FCM's own code
//	malformed…     taken, but the answer is no JSON
//	nameless…      taken, but the answer names no message
//	huge…          taken, but the answer has a megabyte
//	redirect…      302 to the same address
//	hang…          no answer until the caller gives up
//
// A number after the last hyphen, as in quota-30, is sent as Retry-After with
// the errors. Any other token is answered like badtoken, as FCM does.
package fcmfake

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options change what the fake is made with; the zero value is fit for tests.
type Options struct {
	Addr    string           // where to listen, on loopback; empty means 127.0.0.1:0
	Project string           // Firebase project; empty means tagwerk-test
	Now     func() time.Time // clock; nil means time.Now
}

// Message is one that FCM would have delivered.
type Message struct {
	Name  string            `json:"name"` // FCM's name for it
	Token string            `json:"token"`
	Title string            `json:"title"`
	Body  string            `json:"body"`
	Data  map[string]string `json:"data"`
	Wire  json.RawMessage   `json:"message"` // the message object as received
}

// Violation is one request that FCM, or the stricter fake, would not take.
type Violation struct {
	Request string `json:"request"` // method and path
	Reason  string `json:"reason"`
}

// Server is a running fake. Its methods are safe for concurrent use.
type Server struct {
	url     string
	project string
	now     func() time.Time
	key     *rsa.PrivateKey
	creds   []byte
	http    *http.Server
	served  chan struct{}
	closing chan struct{}

	mu         sync.Mutex
	down       bool
	bearers    map[string]time.Time // access token -> expiry
	tries      map[string]int       // device token -> valid requests
	exchanges  int
	dryRuns    int
	messages   []Message
	violations []Violation
}

// New starts a fake and panics if it cannot listen, like httptest.NewServer.
func New(o Options) *Server {
	s, err := Listen(o)
	if err != nil {
		panic(err)
	}
	return s
}

// Listen starts a fake. It fails if the address is not on loopback or taken.
func Listen(o Options) (*Server, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Project == "" {
		o.Project = "tagwerk-test"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	host, _, err := net.SplitHostPort(o.Addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("fcmfake: %q is not a loopback address with a port", o.Addr)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("fcmfake: %w", err)
	}
	ln, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("fcmfake: %w", err)
	}
	s := &Server{
		url:     "http://" + ln.Addr().String(),
		project: o.Project,
		now:     o.Now,
		key:     key,
		served:  make(chan struct{}),
		closing: make(chan struct{}),
		bearers: map[string]time.Time{},
		tries:   map[string]int{},
	}
	if s.creds, err = s.serviceAccount(); err != nil {
		ln.Close()
		return nil, err
	}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.served)
		// Serve always ends with an error, ErrServerClosed after Close.
		_ = s.http.Serve(ln)
	}()
	return s, nil
}

// Close stops the fake and ends the requests that hang. It is called once.
func (s *Server) Close() {
	close(s.closing)
	s.http.Close()
	<-s.served
}

// URL returns scheme, address and port, as push.Config.Endpoint takes it.
func (s *Server) URL() string { return s.url }

// Project returns the Firebase project.
func (s *Server) Project() string { return s.project }

// Credentials returns the service-account file whose token_uri points here.
func (s *Server) Credentials() []byte { return slices.Clone(s.creds) }

// Down makes every send and token exchange fail with 503, or lets them pass
// again.
func (s *Server) Down(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Messages returns the delivered messages in the order of their arrival.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Violations returns the refused requests in the order of their arrival.
func (s *Server) Violations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Exchanges returns how many access tokens were handed out.
func (s *Server) Exchanges() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exchanges
}

// Tries returns how many valid requests came for a device token, dry runs
// included, whatever the answer.
func (s *Server) Tries(token string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries[token]
}

// DryRuns returns how many valid requests asked for validation only.
func (s *Server) DryRuns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dryRuns
}

// maxRequest is far over any valid request.
const maxRequest = 64 << 10

// ServeHTTP answers a send, a token exchange, or one of the controls for shell
// scripts: GET /received, POST /down, POST /up.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		s.refuse(w, r, http.StatusBadRequest, "body: "+err.Error())
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /received":
		s.mu.Lock()
		all := struct {
			Messages   []Message   `json:"messages"`
			Violations []Violation `json:"violations"`
		}{append([]Message{}, s.messages...), append([]Violation{}, s.violations...)}
		s.mu.Unlock()
		writeJSON(w, http.StatusOK, all)
	case "POST /down", "POST /up":
		s.Down(r.URL.Path == "/down")
		w.WriteHeader(http.StatusNoContent)
	case "POST /token":
		s.exchange(w, r, body)
	default:
		s.send(w, r, body)
	}
}

// send answers one messages:send request.
func (s *Server) send(w http.ResponseWriter, r *http.Request, body []byte) {
	if status, err := s.checkEnvelope(r); err != nil {
		s.refuse(w, r, status, err.Error())
		return
	}
	req, err := parseSend(body)
	if err != nil {
		s.refuse(w, r, http.StatusBadRequest, err.Error())
		return
	}
	s.mu.Lock()
	s.tries[req.target]++
	a := answerTo(req.target, s.tries[req.target], req.dryRun)
	if s.down {
		a = answer{status: http.StatusServiceUnavailable}
	}
	name := fmt.Sprintf("projects/%s/messages/%d", s.project, len(s.messages)+1)
	if req.dryRun {
		s.dryRuns++
		name = fmt.Sprintf("projects/%s/messages/fake_message_id", s.project)
	} else if a.status == http.StatusOK {
		s.messages = append(s.messages, Message{
			Name: name, Token: req.target, Title: req.title, Body: req.body, Data: req.data, Wire: req.wire,
		})
	}
	s.mu.Unlock()

	if a.hang {
		select {
		case <-r.Context().Done():
		case <-s.closing:
		}
		return
	}
	a.write(w, r, name)
}

// refuse keeps a violation and answers as FCM does: the detail with FCM's own
// code only where the request was read as a message.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	s.violate(r, reason)
	a := answer{status: status}
	if status == http.StatusBadRequest {
		a.code = "INVALID_ARGUMENT"
	}
	a.text = reason
	a.write(w, r, "")
}

func (s *Server) violate(r *http.Request, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, Violation{Request: r.Method + " " + r.URL.Path, Reason: reason})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	// The caller may have gone; nothing is left to tell it.
	_ = json.NewEncoder(w).Encode(v)
}

// checkEnvelope checks all of a send request but its body.
func (s *Server) checkEnvelope(r *http.Request) (int, error) {
	path := "/v1/projects/" + s.project + "/messages:send"
	if r.Method != http.MethodPost || r.URL.Path != path || r.URL.RawQuery != "" {
		return http.StatusNotFound, errors.New("want POST " + path)
	}
	for name, want := range map[string]string{
		"Content-Type":              "application/json",
		"X-Goog-Api-Format-Version": "2",
		"X-Firebase-Client":         "fire-admin-go/4.19.0",
	} {
		if got := r.Header.Values(name); len(got) != 1 || got[0] != want {
			return http.StatusBadRequest, fmt.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if !s.knowsBearer(r.Header.Values("Authorization")) {
		return http.StatusUnauthorized, errors.New("no bearer token of this endpoint, or an expired one")
	}
	return 0, nil
}
