package push

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"
)

// maxAnswer is the most bytes read of an answer; real ones take under 2 KB.
const maxAnswer = 64 << 10

// newTransport returns the connection pool to Google. TLS is verified against
// the system's roots (SEC-80).
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           16,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    maxTimeout,
		MaxResponseHeaderBytes: maxAnswer,
		// A dead connection is found between sends, not by the next alert.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 10 * time.Second},
	}
}

// guard passes on only answers that are no redirect and of bounded size, and
// passes them on in full, so that a cancelled context cannot cut them later.
type guard struct{ base http.RoundTripper }

func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	// The SDK would take a 302 for a success.
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return nil, errRedirect
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, errAnswer
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	return resp, nil
}

// tokens exchanges the service account's key for access tokens and keeps the
// newest. Unlike the token source of oauth2 it waits no longer than the caller's
// context, neither for the exchange nor for another caller's.
type tokens struct {
	conf   *jwt.Config
	base   http.RoundTripper
	turn   chan struct{} // capacity 1; holds the right to touch latest
	latest *oauth2.Token
}

func (t *tokens) get(ctx context.Context) (*oauth2.Token, error) {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-t.turn }()
	if t.latest.Valid() {
		return t.latest, nil
	}
	rt := &boundTrip{ctx: ctx, base: t.base}
	fresh, err := t.conf.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: rt})).Token()
	if rt.err != nil {
		return nil, rt.err
	}
	if err != nil {
		return nil, err
	}
	if !fresh.Valid() {
		return nil, errors.New("token endpoint answered without a usable access token")
	}
	t.latest = fresh
	return fresh, nil
}

// forget drops a token that FCM did not accept, so that the next send exchanges
// the key again.
func (t *tokens) forget(ctx context.Context, refused string) {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-t.turn }()
	if t.latest != nil && t.latest.AccessToken == refused {
		t.latest = nil
	}
}

// boundTrip ties the exchange to a context, which the oauth2 package does not,
// and keeps the error, which it flattens to text.
type boundTrip struct {
	ctx  context.Context
	base http.RoundTripper
	err  error
}

func (b *boundTrip) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.base.RoundTrip(req.WithContext(b.ctx))
	b.err = err
	return resp, err
}

// attempt records the one request of a send. The SDK keeps the error of a
// failed connection as text only, and tries again by itself after 0, 1, 2 and
// 4 s on network errors and 503, although FCM asks for 10 s at least and a
// repeat may be a double; stop ends the send before that, and the worker's
// stored backoff takes over.
type attempt struct {
	token  string // bearer
	status int    // 0: no answer
	header http.Header
	err    error
	stop   context.CancelFunc
}

type attemptKey struct{}

// bearer authorises the SDK's requests and records them in the attempt of their
// context.
type bearer struct{ base http.RoundTripper }

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	a, ok := req.Context().Value(attemptKey{}).(*attempt)
	if !ok {
		return nil, errors.New("request outside of a send")
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+a.token)
	resp, err := b.base.RoundTrip(req)
	if err != nil {
		a.err = err
		a.stop()
		return nil, err
	}
	a.status, a.header = resp.StatusCode, resp.Header
	if resp.StatusCode == http.StatusServiceUnavailable {
		a.stop()
	}
	return resp, nil
}
