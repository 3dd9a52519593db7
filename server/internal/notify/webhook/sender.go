package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/server/signing"
)

const (
	// timeout is how long one sending takes at most, from the name to the end of the answer.
	timeout = 15 * time.Second
	// maxAnswer is the most bytes read of an answer, and of its header.
	maxAnswer = 64 << 10
	// maxAfter is the longest wait that a receiver can ask for.
	maxAfter = time.Hour
)

// Verdict is what became of one sending.
type Verdict int

// The verdicts. The zero value is none of them, so that a forgotten answer is not taken for a success.
const (
	_         Verdict = iota
	Delivered         // 2xx
	Gone              // 410: the receiver wants no more
	Retry             // anything else
)

// Answer is the result of one sending.
type Answer struct {
	Verdict Verdict
	// After is the wait that the receiver asked for, at most an hour; zero if it asked for none.
	After time.Duration
	// Trouble is a stable word for why the sending failed, Err the reason for the log: without the address, which may hold a secret.
	Trouble string
	Err     error
}

// Troubles of a webhook; staff read them as message keys "trouble.<word>".
const (
	Unreachable = "webhook_unreachable"
	Refused     = "webhook_refused"
	BadAddress  = "webhook_address"
	SignedOff   = "webhook_gone"
	NoSecret    = "webhook_secret"
	GivenUp     = "given_up"
)

// Message is one event for one receiver. It is signed with each of the secrets (SEC-82).
type Message struct {
	ID      string
	At      time.Time // of this sending
	Body    []byte    // JSON
	Secrets [][]byte
}

// Sender posts messages. It makes one attempt and does not wait; it is safe for concurrent use.
type Sender struct{ https, http *http.Client }

// Options are what a Sender needs; the zero value lets it reach public addresses over https.
type Options struct {
	// Networks are those of the operator that messages may go to although they are not public, also over plain http (SEC-81).
	Networks []netip.Prefix
	// Resolver looks names up; nil means the system's.
	Resolver *net.Resolver
	// Roots are the certificates that vouch for receivers; nil means the system's (SEC-80).
	Roots *x509.CertPool
}

// NewSender returns a sender. Close it when it is not needed any more.
func NewSender(o Options) *Sender {
	return &Sender{
		https: client(o, guard{networks: o.Networks, public: true}),
		http:  client(o, guard{networks: o.Networks}),
	}
}

func client(o Options, g guard) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, Resolver: o.Resolver, Control: g.control}
	return &http.Client{
		// A proxy of the environment would dial in our place, past the guard.
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    timeout,
			MaxIdleConns:           64,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close ends the connections that are kept open.
func (s *Sender) Close() {
	s.https.CloseIdleConnections()
	s.http.CloseIdleConnections()
}

// Post sends a message to an address. What the receiver answers is read as hostile: its status and the wait that it asks for, bounded,
// and nothing of its text (SEC-80).
func (s *Sender) Post(ctx context.Context, address string, m Message) Answer {
	target, err := url.Parse(address)
	if err != nil || target.Hostname() == "" || target.User != nil || target.Opaque != "" {
		return Answer{Verdict: Retry, Trouble: BadAddress, Err: ErrAddress}
	}
	var by *http.Client
	switch target.Scheme {
	case "https":
		by = s.https
	case "http":
		by = s.http
	default:
		return Answer{Verdict: Retry, Trouble: BadAddress, Err: ErrAddress}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(m.Body))
	if err != nil {
		return Answer{Verdict: Retry, Trouble: BadAddress, Err: ErrAddress}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Tagwerk")
	req.Header.Set(signing.IDHeader, m.ID)
	req.Header.Set(signing.TimestampHeader, strconv.FormatInt(m.At.Unix(), 10))
	req.Header.Set(signing.SignatureHeader, signing.Signatures(m.Secrets, m.ID, m.At, m.Body))
	resp, err := by.Do(req)
	if err != nil {
		return failure(err)
	}
	defer resp.Body.Close()
	// Read so far that the connection can be used again; the status alone counts.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	switch status := resp.StatusCode; {
	case status >= 200 && status < 300:
		return Answer{Verdict: Delivered}
	case status == http.StatusGone:
		return Answer{Verdict: Gone, Trouble: SignedOff, Err: errors.New("webhook: receiver answered 410")}
	default:
		return Answer{Verdict: Retry, Trouble: Refused, After: retryAfter(resp.Header.Get("Retry-After"), m.At),
			Err: errors.New("webhook: receiver answered " + strconv.Itoa(status))}
	}
}

// failure says why no answer came.
func failure(err error) Answer {
	// The outer error names the whole address.
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	if errors.Is(err, ErrAddress) {
		return Answer{Verdict: Retry, Trouble: BadAddress, Err: ErrAddress}
	}
	return Answer{Verdict: Retry, Trouble: Unreachable, Err: err}
}

// retryAfter reads the header Retry-After (RFC 9110, 10.2.3), seconds or a date; zero for none.
func retryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if secs, err := strconv.ParseUint(v, 10, 32); err == nil {
		return min(time.Duration(secs)*time.Second, maxAfter)
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxAfter)
}
