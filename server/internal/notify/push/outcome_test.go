package push

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/server/internal/notify/push/fcmfake"
)

func TestWait(t *testing.T) {
	quota := byStatus(errors.New("x"), http.StatusTooManyRequests, http.Header{}, sendTime)
	for _, tt := range []struct {
		name        string
		outcome     Outcome
		attempt     int
		least, most time.Duration
	}{
		{"first", retry(errors.New("x")), 1, 10 * time.Second, 15 * time.Second},
		{"second", retry(errors.New("x")), 2, 20 * time.Second, 30 * time.Second},
		{"fifth", retry(errors.New("x")), 5, 160 * time.Second, 240 * time.Second},
		{"capped", retry(errors.New("x")), 1 << 40, 5 * time.Minute, 450 * time.Second},
		{"made by another sender", Outcome{Verdict: Retry}, 0, 10 * time.Second, 15 * time.Second},
		{"quota first", quota, 1, time.Minute, 90 * time.Second},
		{"quota third", quota, 3, 4 * time.Minute, 6 * time.Minute},
		{"hold", hold(errors.New("x")), 1, 5 * time.Minute, 450 * time.Second},
		{"asked for", Outcome{Verdict: Retry, After: 30 * time.Second}, 7, 30 * time.Second, 33 * time.Second},
		{"sent", Outcome{Verdict: Sent}, 1, 0, 0},
		{"gone", Outcome{Verdict: Gone}, 1, 0, 0},
		{"refused", refused(errors.New("x")), 1, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.outcome.Wait(tt.attempt, func() float64 { return 0 }); got != tt.least {
				t.Errorf("least %s, want %s", got, tt.least)
			}
			if got := tt.outcome.Wait(tt.attempt, func() float64 { return 1 }); got != tt.most {
				t.Errorf("most %s, want %s", got, tt.most)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  time.Duration
	}{
		{"", 0}, {"7", 7 * time.Second}, {" 7 ", 7 * time.Second}, {"0", 0}, {"-7", 0}, {"7.5", 0}, {"soon", 0},
		{"86400", time.Hour}, {"18446744073709551615", 0}, {"4294967295", time.Hour},
		{"Sun, 01 Mar 2026 12:00:30 GMT", 30 * time.Second},
		{"Sun, 01 Mar 2026 11:00:00 GMT", 0},
		{"Sun, 01 Mar 2099 11:00:00 GMT", time.Hour},
	} {
		if got := retryAfter(tt.value, sendTime); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.value, got, tt.want)
		}
	}
}

func TestReasonFitsALogLine(t *testing.T) {
	cause := errors.New("a\nb\x1b[31m\xff" + strings.Repeat("x", 10_000))
	got := reason(cause)
	if s := got.Error(); len(s) > 320 || strings.ContainsAny(s, "\n\x1b") || !utf8.ValidString(s) || !strings.HasPrefix(s, "push: a b [31m?x") {
		t.Errorf("%q", s)
	}
	if !errors.Is(got, cause) {
		t.Error("the cause is lost")
	}
}

// roundTrip is a transport without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}
}

// FuzzAnswer gives FCM any answer to say. Whatever it is, a device is deleted
// only on the exact codes, and a send counts as done only with a message's name.
func FuzzAnswer(f *testing.F) {
	fake := fcmfake.New(fcmfake.Options{})
	f.Cleanup(fake.Close)
	f.Add(200, `{"name":"projects/tagwerk-test/messages/1"}`, "")
	f.Add(404, `{"error":{"status":"NOT_FOUND","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED"}]}}`, "")
	f.Add(400, `{"error":{"details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"INVALID_ARGUMENT"}]}}`, "1")
	f.Add(403, `{"error":{"details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"SENDER_ID_MISMATCH"}]}}`, "")
	f.Add(503, `<html>`, "Sun, 01 Mar 2026 12:00:30 GMT")
	f.Add(302, `{}`, "")
	f.Add(404, `null`, "\x00")
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		if status < 200 || status > 999 {
			t.Skip("net/http never passes these on")
		}
		var sends int
		push, err := newFCM(t.Context(), Config{CredentialsJSON: fake.Credentials(), Now: func() time.Time { return sendTime }},
			roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/token" {
					return respond(r, 200, `{"access_token":"a","expires_in":3600,"token_type":"Bearer"}`), nil
				}
				sends++
				resp := respond(r, status, body)
				resp.Header.Set("Retry-After", after)
				return resp, nil
			}), func() {})
		if err != nil {
			t.Fatal(err)
		}
		o := push.Send(t.Context(), "token", fault())
		switch o.Verdict {
		case Sent:
			if status >= 300 || !strings.HasPrefix(o.MessageID, "projects/tagwerk-test/messages/") {
				t.Errorf("sent by %d %q", status, body)
			}
		case Gone:
			if status != 404 && status != 400 && status != 403 {
				t.Errorf("gone by %d %q", status, body)
			}
		case Retry, Hold, Refused:
			if o.Err == nil || len(o.Err.Error()) > 400 {
				t.Errorf("%s: %v", o.Verdict, o.Err)
			}
		default:
			t.Errorf("%s", o.Verdict)
		}
		if o.After < 0 || o.After > time.Hour || sends < 1 || sends > 2 {
			t.Errorf("after %s, %d requests", o.After, sends)
		}
	})
}
