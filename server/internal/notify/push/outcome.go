package push

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"firebase.google.com/go/v4/errorutils"
	"firebase.google.com/go/v4/messaging"
)

// Sender delivers one message to one address, and says what to do next. It
// makes one attempt and does not wait; it is safe for concurrent use.
type Sender interface {
	Send(ctx context.Context, address string, m Message) Outcome
}

// Verdict is what the caller has to do after a sending.
type Verdict int

// The verdicts. The zero value is none of them, so that a forgotten outcome is
// not taken for a success.
const (
	_       Verdict = iota
	Sent            // the service has taken the message
	Gone            // the address is dead: delete it
	Retry           // try the same message again after Outcome.Wait
	Refused         // a bug of ours: never try it again unchanged
	Hold            // credentials or settings are wrong: keep the message, alert, try after Outcome.Wait
)

// String returns the verdict as a word for the log.
func (v Verdict) String() string {
	switch v {
	case Sent:
		return "sent"
	case Gone:
		return "gone"
	case Retry:
		return "retry"
	case Refused:
		return "refused"
	case Hold:
		return "hold"
	}
	return "verdict " + strconv.Itoa(int(v))
}

// Outcome is the result of one sending.
type Outcome struct {
	Verdict Verdict
	// After is the wait that the service asked for, at most an hour; zero if it
	// asked for none.
	After time.Duration
	// Alert says that a person has to look: credentials, settings, or a token
	// of another project.
	Alert bool
	// MessageID is the service's name for a sent message.
	MessageID string
	// Err is the reason of every verdict but Sent, short enough for a log line;
	// it never holds the address or a credential.
	Err error

	base time.Duration // first wait, if the service asked for none
}

// The first waits are the least that FCM asks for (standards.md 4.1). The
// longest keeps the backlog of a long outage inside ten minutes of its end
// (reliability.md N8), jitter included.
const (
	waitRetry   = 10 * time.Second
	waitQuota   = time.Minute
	waitHold    = 5 * time.Minute
	waitLongest = 5 * time.Minute
	maxAfter    = time.Hour
)

// Wait returns how long to wait before the next try of a Retry or Hold, and
// zero for the other verdicts. attempt counts the tries of this message made so
// far, from 1. random returns a number in [0,1) and spreads the tries of many
// messages: a wait that the service asked for grows by up to a tenth, an own
// one by up to a half.
func (o Outcome) Wait(attempt int, random func() float64) time.Duration {
	if o.Verdict != Retry && o.Verdict != Hold {
		return 0
	}
	if o.After > 0 {
		return o.After + time.Duration(random()*float64(o.After)/10)
	}
	wait := o.base
	if wait == 0 {
		wait = waitRetry
	}
	for ; attempt > 1 && wait < waitLongest; attempt-- {
		wait *= 2
	}
	wait = min(wait, waitLongest)
	return wait + time.Duration(random()*float64(wait)/2)
}

func retry(err error) Outcome   { return Outcome{Verdict: Retry, Err: reason(err), base: waitRetry} }
func refused(err error) Outcome { return Outcome{Verdict: Refused, Err: err} }
func hold(err error) Outcome {
	return Outcome{Verdict: Hold, Err: reason(err), Alert: true, base: waitHold}
}

// classify maps an error answer of FCM by the table of standards.md 4.1. err
// must be as the SDK returned it, since the tests of the SDK do not unwrap. A
// token counts as gone only if the status and FCM's own code both say so: a
// proxy's 404 or a wrong project must not delete the devices of a company
// (SEC-83). The second result asks for the dry run that tells a bad token from
// a bad message.
func classify(err error, now time.Time) (o Outcome, undecided bool) {
	resp := errorutils.HTTPResponse(err)
	if resp == nil {
		return retry(err), false
	}
	switch status := resp.StatusCode; {
	case status == http.StatusNotFound && messaging.IsUnregistered(err):
		return Outcome{Verdict: Gone, Err: reason(err)}, false
	case status == http.StatusForbidden && messaging.IsSenderIDMismatch(err):
		return Outcome{Verdict: Gone, Alert: true, Err: reason(err)}, false
	case status == http.StatusBadRequest && messaging.IsInvalidArgument(err):
		return refused(reason(err)), true
	default:
		return byStatus(err, status, resp.Header, now), false
	}
}

// byStatus maps an error answer that says nothing about a token: of FCM without
// its detail, of the OAuth endpoint, or of a proxy in between.
func byStatus(err error, status int, h http.Header, now time.Time) Outcome {
	var o Outcome
	switch {
	case status == http.StatusTooManyRequests:
		o = retry(err)
		o.base = waitQuota
	case status >= 500, status == http.StatusRequestTimeout:
		o = retry(err)
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound,
		status == http.StatusProxyAuthRequired, status < 400:
		o = hold(err)
	default:
		return refused(reason(err))
	}
	o.After = retryAfter(h.Get("Retry-After"), now)
	return o
}

// retryAfter reads the header Retry-After (RFC 9110, 10.2.3), seconds or a
// date. It returns zero for a value that is absent, malformed or in the past,
// and at most an hour: the answer is hostile until proven otherwise.
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

// reason bounds the text of a foreign error, which may hold a whole page of an
// answer, and makes it fit for a log line. The chain is kept for errors.Is.
func reason(err error) error {
	const most = 300
	text := err.Error()
	if len(text) > most {
		text = text[:most] + "…"
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return &reasonError{text: "push: " + text, cause: err}
}

type reasonError struct {
	text  string
	cause error
}

func (e *reasonError) Error() string { return e.text }
func (e *reasonError) Unwrap() error { return e.cause }

// errRedirect and errAnswer are what the transport refuses to pass on (SEC-80).
var (
	errRedirect = errors.New("redirect not followed")
	errAnswer   = fmt.Errorf("answer over %d bytes", maxAnswer)
)
