// Package push tells people's devices that something happened, through Firebase
// Cloud Messaging.
//
// [FCM] turns a [Message] into FCM's form, sends it once with the real SDK and
// answers with an [Outcome]: what the caller has to do with the message and
// with the device's address. Storing notices, repeating them and deleting dead
// addresses belong to the worker in the package above.
//
// A message carries an id and no personal data (X-20, SEC-83). Calls are bounded
// in time and size, follow no redirect and verify TLS (SEC-80).
package push

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/messaging"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"
	"google.golang.org/api/option"
)

// scope is the one right that sending needs. The SDK on its own would ask for
// six, the whole cloud project among them.
const scope = "https://www.googleapis.com/auth/firebase.messaging"

// Bounds of Config.Timeout (SEC-80).
const (
	defaultTimeout = 20 * time.Second
	maxTimeout     = 30 * time.Second
)

// Config says with which credentials to send. The zero value of every field but
// the credentials is fit for production.
type Config struct {
	// CredentialsFile is the path of the service-account file from the Firebase
	// console. Exactly one of CredentialsFile and CredentialsJSON is set.
	CredentialsFile string
	// CredentialsJSON is the contents of such a file.
	CredentialsJSON []byte
	// ProjectID is the Firebase project; empty means the one in the credentials.
	ProjectID string
	// Endpoint replaces FCM by a fake on loopback, as scheme, address and port.
	// For tests only.
	Endpoint string
	// Timeout is the deadline of one send, at most 30 s; zero means 20 s.
	Timeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// FCM is a [Sender] over Firebase Cloud Messaging (HTTP v1 API, standards.md
// 4.1). Its addresses are registration tokens.
type FCM struct {
	client  *messaging.Client
	tokens  *tokens
	project string
	timeout time.Duration
	now     func() time.Time
	idle    func()
}

var _ Sender = (*FCM)(nil)

// NewFCM checks the configuration and returns a sender; it opens no connection.
// Errors say what to do, for the operator who reads them at start, and do not
// quote the credentials. ctx is only used for the construction.
func NewFCM(ctx context.Context, c Config) (*FCM, error) {
	base := newTransport()
	return newFCM(ctx, c, base, base.CloseIdleConnections)
}

// newFCM is NewFCM over any transport; idle closes its idle connections.
func newFCM(ctx context.Context, c Config, base http.RoundTripper, idle func()) (*FCM, error) {
	if c.Timeout < 0 || c.Timeout > maxTimeout {
		return nil, fmt.Errorf("push: timeout %s is outside 0 to %s", c.Timeout, maxTimeout)
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	raw := c.CredentialsJSON
	switch {
	case (c.CredentialsFile == "") == (len(raw) == 0):
		return nil, errors.New("push: set either a credentials file or its contents")
	case c.CredentialsFile != "":
		var err error
		if raw, err = readCredentials(c.CredentialsFile); err != nil {
			return nil, err
		}
	}
	account, err := parseServiceAccount(raw)
	if err != nil {
		return nil, err
	}
	project := c.ProjectID
	if project == "" {
		project = account.ProjectID
	}
	if !projectPattern.MatchString(project) {
		return nil, fmt.Errorf("push: %.80q is not a Firebase project id; name the project, or use a credentials file with project_id", project)
	}
	if c.Now == nil {
		c.Now = time.Now
	}

	guarded := guard{base}
	// The SDK's own HTTP client has no bound on answers and follows redirects,
	// so it gets ours, which also does the token exchange.
	opts := []option.ClientOption{option.WithHTTPClient(&http.Client{Transport: bearer{guarded}})}
	if c.Endpoint != "" {
		if err := checkEndpoint(c.Endpoint); err != nil {
			return nil, err
		}
		opts = append(opts, option.WithEndpoint(c.Endpoint+"/v1"))
	}
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: project}, opts...)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	client, err := app.Messaging(ctx)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	return &FCM{
		client: client,
		tokens: &tokens{
			conf: &jwt.Config{
				Email:        account.ClientEmail,
				PrivateKey:   []byte(account.PrivateKey),
				PrivateKeyID: account.PrivateKeyID,
				Scopes:       []string{scope},
				TokenURL:     account.TokenURI,
			},
			base: guarded,
			turn: make(chan struct{}, 1),
		},
		project: project,
		timeout: c.Timeout,
		now:     c.Now,
		idle:    idle,
	}, nil
}

// Project returns the Firebase project that messages go to.
func (f *FCM) Project() string { return f.project }

// Close closes idle connections. Sends that run are not touched.
func (f *FCM) Close() { f.idle() }

// Send sends m to the device with this registration token: one attempt, within
// Config.Timeout. If it ends in doubt (deadline, broken connection, an answer
// that makes no sense) the outcome is Retry, the message may have arrived, and
// the app drops the repeat by the event id.
func (f *FCM) Send(ctx context.Context, token string, m Message) Outcome {
	msg, err := build(m, token, f.now())
	if err != nil {
		return refused(err)
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	o, undecided := f.try(ctx, msg, f.client.Send)
	if !undecided {
		return o
	}
	// INVALID_ARGUMENT blames the token or the message without saying which. Only
	// if FCM refuses a minimal message to the same token as well, it is the token;
	// a check that could not be finished proves nothing.
	check, alsoInvalid := f.try(ctx, minimal(token), f.client.SendDryRun)
	switch {
	case alsoInvalid:
		return Outcome{Verdict: Gone, Err: o.Err}
	case check.Verdict == Sent:
		return o
	default:
		return check
	}
}

// try makes one call of the SDK and classifies how it ended.
func (f *FCM) try(ctx context.Context, msg *messaging.Message, call func(context.Context, *messaging.Message) (string, error)) (o Outcome, undecided bool) {
	bearer, err := f.tokens.get(ctx)
	if err != nil {
		return f.exchangeFailed(err), false
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a := &attempt{token: bearer.AccessToken, stop: stop}
	name, err := call(context.WithValue(ctx, attemptKey{}, a), msg)
	switch {
	case errors.Is(a.err, errRedirect):
		return hold(a.err), false
	case a.err != nil:
		return retry(a.err), false
	case a.status == 0:
		return refused(fmt.Errorf("push: not sent: %w", err)), false
	case a.status == http.StatusServiceUnavailable:
		return byStatus(errors.New("FCM is unavailable"), a.status, a.header, f.now()), false
	case a.status >= 300:
		if a.status == http.StatusUnauthorized {
			f.tokens.forget(ctx, a.token)
		}
		return classify(err, f.now())
	case err != nil:
		return retry(err), false
	case !strings.HasPrefix(name, "projects/"+f.project+"/messages/"):
		return retry(errors.New("FCM took the message without naming it")), false
	}
	return Outcome{Verdict: Sent, MessageID: name}, false
}

// exchangeFailed classifies a failed token exchange: a key that the endpoint
// does not take is for a person, all else passes.
func (f *FCM) exchangeFailed(err error) Outcome {
	err = fmt.Errorf("token exchange: %w", err)
	var answer *oauth2.RetrieveError
	switch {
	case errors.Is(err, errRedirect):
		return hold(err)
	case !errors.As(err, &answer):
		return retry(err)
	}
	o := byStatus(err, answer.Response.StatusCode, answer.Response.Header, f.now())
	if o.Verdict == Refused {
		// invalid_grant comes as 400: a revoked key or a wrong clock, not a bad message.
		return hold(err)
	}
	return o
}
