package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/notify/push/fcmfake"
)

func newPair(t *testing.T) (*fcmfake.Server, *FCM) {
	t.Helper()
	fake := fcmfake.New(fcmfake.Options{})
	t.Cleanup(fake.Close)
	return fake, newSender(t, Config{CredentialsJSON: fake.Credentials(), Endpoint: fake.URL()})
}

func newSender(t *testing.T, c Config) *FCM {
	t.Helper()
	c.Now = func() time.Time { return sendTime }
	f, err := NewFCM(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// TestSend goes through the table of standards.md 4.1 with the real SDK.
func TestSend(t *testing.T) {
	fake, push := newPair(t)
	for _, tt := range []struct {
		name, token string
		verdict     Verdict
		after       time.Duration
		wait        time.Duration // first wait without jitter
		alert       bool
		requests    int
	}{
		{"X-20 taken", "ok-1", Sent, 0, 0, false, 1},
		{"SEC-83 unregistered", "unregistered", Gone, 0, 0, false, 1},
		{"SEC-83 invalid argument, dry run fails too", "badtoken", Gone, 0, 0, false, 2},
		{"invalid argument, dry run passes", "badmessage", Refused, 0, 0, false, 2},
		{"invalid argument without FCM's code", "badjson", Refused, 0, 0, false, 1},
		{"SEC-83 token of another project", "senderid", Gone, 0, 0, true, 1},
		{"forbidden without FCM's code", "forbidden", Hold, 0, 5 * time.Minute, true, 1},
		{"quota", "quota", Retry, 0, time.Minute, false, 1},
		{"quota with Retry-After", "quota-7", Retry, 7 * time.Second, 7 * time.Second, false, 1},
		{"unavailable", "unavailable", Retry, 0, 10 * time.Second, false, 1},
		{"unavailable with Retry-After", "unavailableA-90", Retry, 90 * time.Second, 90 * time.Second, false, 1},
		{"unavailable with a long Retry-After", "unavailableB-999", Retry, 999 * time.Second, 999 * time.Second, false, 1},
		{"internal", "internal", Retry, 0, 10 * time.Second, false, 1},
		{"internal with Retry-After", "internal-20", Retry, 20 * time.Second, 20 * time.Second, false, 1},
		{"unauthenticated", "unauthenticated", Hold, 0, 5 * time.Minute, true, 1},
		{"APNs key", "thirdparty", Hold, 0, 5 * time.Minute, true, 1},
		{"SEC-83 not found without FCM's code keeps the token", "notfound", Hold, 0, 5 * time.Minute, true, 1},
		{"SEC-80 answer is no JSON", "malformed", Retry, 0, 10 * time.Second, false, 1},
		{"SEC-80 answer names no message", "nameless", Retry, 0, 10 * time.Second, false, 1},
		{"SEC-80 answer is too long", "huge", Retry, 0, 10 * time.Second, false, 1},
		{"SEC-80 redirect", "redirect", Hold, 0, 5 * time.Minute, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := push.Send(t.Context(), tt.token, fault())
			if o.Verdict != tt.verdict || o.After != tt.after || o.Alert != tt.alert {
				t.Errorf("%s, after %s, alert %t (%v); want %s, %s, %t", o.Verdict, o.After, o.Alert, o.Err, tt.verdict, tt.after, tt.alert)
			}
			if got := o.Wait(1, func() float64 { return 0 }); got != tt.wait {
				t.Errorf("first wait %s, want %s", got, tt.wait)
			}
			if (o.Err == nil) != (tt.verdict == Sent) || (o.MessageID == "") != (tt.verdict != Sent) {
				t.Errorf("message id %q, error %v", o.MessageID, o.Err)
			}
			if got := fake.Tries(tt.token); got != tt.requests {
				t.Errorf("%d requests, want %d", got, tt.requests)
			}
			if o.Err != nil && strings.Contains(o.Err.Error(), tt.token+"\"") {
				t.Errorf("the reason holds the token: %v", o.Err)
			}
		})
	}
	if v := fake.Violations(); len(v) > 0 {
		t.Errorf("refused by the fake: %v", v)
	}
}

func TestSendOnTheWire(t *testing.T) {
	fake, push := newPair(t)
	o := push.Send(t.Context(), "ok-1", fault())
	got := fake.Messages()
	if len(got) != 1 || o.MessageID != got[0].Name {
		t.Fatalf("%+v, %+v", o, got)
	}
	sameJSON(t, got[0].Wire, wantFault)
	if fake.Exchanges() != 1 {
		t.Errorf("%d token exchanges", fake.Exchanges())
	}
	if push.Send(t.Context(), "ok-2", fault()).Verdict != Sent || fake.Exchanges() != 1 {
		t.Errorf("the access token is not used again: %d exchanges", fake.Exchanges())
	}
}

func TestSendUnavailableTwiceThenTaken(t *testing.T) {
	fake, push := newPair(t)
	for i, want := range []Verdict{Retry, Retry, Sent} {
		if o := push.Send(t.Context(), "unavailable", fault()); o.Verdict != want {
			t.Errorf("try %d: %s (%v), want %s", i+1, o.Verdict, o.Err, want)
		}
	}
	if n := len(fake.Messages()); n != 1 || fake.Tries("unavailable") != 3 {
		t.Errorf("%d messages by %d requests", n, fake.Tries("unavailable"))
	}
}

func TestSendRefusesWithoutARequest(t *testing.T) {
	fake, push := newPair(t)
	m := fault()
	m.Body = strings.Repeat("x", MaxPayload)
	var size *SizeError
	if o := push.Send(t.Context(), "ok", m); o.Verdict != Refused || !errors.As(o.Err, &size) {
		t.Errorf("too long: %+v", o)
	}
	var field *FieldError
	if o := push.Send(t.Context(), "", fault()); o.Verdict != Refused || !errors.As(o.Err, &field) {
		t.Errorf("no address: %+v", o)
	}
	if fake.Exchanges() != 0 {
		t.Error("the fake was asked")
	}
}

func TestSendWhileDown(t *testing.T) {
	fake, push := newPair(t)
	fake.Down(true)
	if o := push.Send(t.Context(), "ok", fault()); o.Verdict != Retry || !strings.Contains(o.Err.Error(), "token exchange") {
		t.Errorf("exchange down: %+v", o)
	}
	fake.Down(false)
	if o := push.Send(t.Context(), "ok", fault()); o.Verdict != Sent {
		t.Errorf("up: %+v", o)
	}
	fake.Down(true)
	if o := push.Send(t.Context(), "ok", fault()); o.Verdict != Retry {
		t.Errorf("down: %+v", o)
	}
	if n := len(fake.Messages()); n != 1 {
		t.Errorf("%d messages", n)
	}
}

func TestSendToNobody(t *testing.T) {
	fake := fcmfake.New(fcmfake.Options{})
	push := newSender(t, Config{CredentialsJSON: fake.Credentials(), Endpoint: fake.URL()})
	if o := push.Send(t.Context(), "ok", fault()); o.Verdict != Sent {
		t.Fatalf("%+v", o)
	}
	fake.Close()
	start := time.Now()
	if o := push.Send(t.Context(), "ok", fault()); o.Verdict != Retry || o.After != 0 {
		t.Errorf("%+v", o)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %s: the SDK's own retries are not stopped", d)
	}
}

func TestSendAuthorisesAgainAfter401(t *testing.T) {
	fake, push := newPair(t)
	push.Send(t.Context(), "unauthenticated", fault())
	if o := push.Send(t.Context(), "ok", fault()); o.Verdict != Sent || fake.Exchanges() != 2 {
		t.Errorf("%+v after %d exchanges", o, fake.Exchanges())
	}
}

func TestSendWithARevokedKey(t *testing.T) {
	fake, _ := newPair(t)
	other, _ := newPair(t)
	var mixed map[string]string
	if err := json.Unmarshal(other.Credentials(), &mixed); err != nil {
		t.Fatal(err)
	}
	mixed["token_uri"] = fake.URL() + "/token"
	raw, err := json.Marshal(mixed)
	if err != nil {
		t.Fatal(err)
	}
	push := newSender(t, Config{CredentialsJSON: raw, Endpoint: fake.URL()})
	o := push.Send(t.Context(), "ok", fault())
	if o.Verdict != Hold || !o.Alert || !strings.Contains(o.Err.Error(), "invalid_grant") {
		t.Errorf("%+v", o)
	}
	if v := fake.Violations(); len(v) != 1 || v[0].Reason != "JWT signature" {
		t.Errorf("%v", v)
	}
}

func TestSendToAnotherProjectKeepsTheToken(t *testing.T) {
	fake, _ := newPair(t)
	push := newSender(t, Config{CredentialsJSON: fake.Credentials(), Endpoint: fake.URL(), ProjectID: "other-project"})
	if o := push.Send(t.Context(), "ok", fault()); o.Verdict != Hold || !o.Alert {
		t.Errorf("SEC-83: %+v", o)
	}
}

func TestSendDeadline(t *testing.T) {
	const timeout = 150 * time.Millisecond
	fake, _ := newPair(t)
	push := newSender(t, Config{CredentialsJSON: fake.Credentials(), Endpoint: fake.URL(), Timeout: timeout})
	within := func(t *testing.T, send func() Outcome) {
		t.Helper()
		start := time.Now()
		if o := send(); o.Verdict != Retry || !errors.Is(o.Err, context.DeadlineExceeded) {
			t.Errorf("%+v", o)
		}
		if d := time.Since(start); d > timeout+time.Second {
			t.Errorf("took %s", d)
		}
	}
	t.Run("SEC-80 FCM hangs", func(t *testing.T) {
		if o := push.Send(t.Context(), "ok", fault()); o.Verdict == Refused {
			t.Fatalf("%+v", o)
		}
		within(t, func() Outcome { return push.Send(t.Context(), "hang", fault()) })
	})
	t.Run("SEC-80 token exchange hangs, for all who wait", func(t *testing.T) {
		release := make(chan struct{})
		stuck := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-release:
			}
		}))
		defer stuck.Close()
		defer close(release)
		raw := strings.ReplaceAll(string(fake.Credentials()), fake.URL(), stuck.URL)
		push := newSender(t, Config{CredentialsJSON: []byte(raw), Endpoint: fake.URL(), Timeout: timeout})
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { within(t, func() Outcome { return push.Send(t.Context(), "ok", fault()) }) })
		}
		all.Wait()
	})
	t.Run("caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if o := push.Send(ctx, "ok", fault()); o.Verdict != Retry || !errors.Is(o.Err, context.Canceled) {
			t.Errorf("%+v", o)
		}
	})
}

func TestSendVerifiesTLS(t *testing.T) {
	fake, _ := newPair(t)
	var asked bool
	strange := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	strange.Config.ErrorLog = discardLog()
	strange.StartTLS()
	defer strange.Close()
	push := newSender(t, Config{CredentialsJSON: fake.Credentials(), Endpoint: strange.URL})
	o := push.Send(t.Context(), "ok", fault())
	if o.Verdict != Retry || !strings.Contains(o.Err.Error(), "certificate") {
		t.Errorf("SEC-80: %+v", o)
	}
	if asked {
		t.Error("SEC-80: the request went out")
	}
}

func TestTokenEndpointAnswers(t *testing.T) {
	fake, _ := newPair(t)
	for _, tt := range []struct {
		name    string
		status  int
		body    string
		verdict Verdict
		after   time.Duration
	}{
		{"revoked key", 400, `{"error":"invalid_grant"}`, Hold, 0},
		{"unknown client", 401, `{"error":"invalid_client"}`, Hold, 0},
		{"wrong address", 404, `<html>`, Hold, 0},
		{"SEC-80 redirect", 302, ``, Hold, 0},
		{"limited", 429, ``, Retry, 8 * time.Second},
		{"broken", 500, ``, Retry, 8 * time.Second},
		{"away", 503, ``, Retry, 8 * time.Second},
		{"no JSON", 200, `<html>`, Retry, 0},
		{"no token", 200, `{"expires_in":3600}`, Retry, 0},
		{"expired token", 200, `{"access_token":"a","expires_in":1}`, Retry, 0},
		{"token that breaks a header", 200, `{"access_token":"a\r\nX: y","expires_in":3600}`, Retry, 0},
		{"SEC-80 too long", 200, `{"access_token":"` + strings.Repeat("a", maxAnswer) + `"}`, Retry, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked int
			endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				w.Header().Set("Location", r.URL.Path)
				if tt.after > 0 {
					w.Header().Set("Retry-After", "8")
				}
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			}))
			defer endpoint.Close()
			raw := strings.ReplaceAll(string(fake.Credentials()), fake.URL(), endpoint.URL)
			push := newSender(t, Config{CredentialsJSON: []byte(raw), Endpoint: fake.URL()})
			o := push.Send(t.Context(), "ok", fault())
			if o.Verdict != tt.verdict || o.After != tt.after || asked != 1 {
				t.Errorf("%s after %s (%v), %d exchanges; want %s after %s, one", o.Verdict, o.After, o.Err, asked, tt.verdict, tt.after)
			}
		})
	}
}

func TestSendConcurrently(t *testing.T) {
	fake, push := newPair(t)
	const n = 40
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if o := push.Send(t.Context(), fmt.Sprintf("ok-%d", i), fault()); o.Verdict != Sent {
				t.Errorf("%+v", o)
			}
		})
	}
	all.Wait()
	if len(fake.Messages()) != n || fake.Exchanges() != 1 || len(fake.Violations()) > 0 {
		t.Errorf("%d messages, %d exchanges, %v", len(fake.Messages()), fake.Exchanges(), fake.Violations())
	}
}

// TestSendBoundsTheAnswer: the reason tells a bound that held from JSON that
// was broken anyway.
func TestSendBoundsTheAnswer(t *testing.T) {
	_, push := newPair(t)
	if o := push.Send(t.Context(), "huge", fault()); !errors.Is(o.Err, errAnswer) {
		t.Errorf("SEC-80: %+v", o)
	}
}

// TestSendBelievesOnlyTheExactCode: FCM's detail with a status that does not
// belong to it is no proof that a token is dead.
func TestSendBelievesOnlyTheExactCode(t *testing.T) {
	fake, _ := newPair(t)
	for _, tt := range []struct {
		status int
		code   string
		want   Verdict
	}{
		{404, "UNREGISTERED", Gone},
		{500, "UNREGISTERED", Retry},
		{401, "UNREGISTERED", Hold},
		{404, "SENDER_ID_MISMATCH", Hold},
		{404, "INVALID_ARGUMENT", Hold},
		{410, "UNREGISTERED", Refused},
	} {
		push, err := newFCM(t.Context(), Config{CredentialsJSON: fake.Credentials()}, roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/token" {
				return respond(r, 200, `{"access_token":"a","expires_in":3600}`), nil
			}
			return respond(r, tt.status, `{"error":{"details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"`+tt.code+`"}]}}`), nil
		}), func() {})
		if err != nil {
			t.Fatal(err)
		}
		if o := push.Send(t.Context(), "ok", fault()); o.Verdict != tt.want {
			t.Errorf("SEC-83 %d %s: %s (%v), want %s", tt.status, tt.code, o.Verdict, o.Err, tt.want)
		}
	}
}
