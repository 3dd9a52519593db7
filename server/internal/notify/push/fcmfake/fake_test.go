package fcmfake

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2/google"
)

// login exchanges the fake's credentials with Google's own library.
func login(t *testing.T, s *Server) string {
	t.Helper()
	conf, err := google.JWTConfigFromJSON(s.Credentials(), scopeFCM)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := conf.TokenSource(t.Context()).Token()
	if err != nil {
		t.Fatal(err)
	}
	return tok.AccessToken
}

// validRequest is a request as the SDK makes it.
func validRequest(t *testing.T, s *Server, bearer, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		s.URL()+"/v1/projects/"+s.Project()+"/messages:send", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Goog-Api-Format-Version", "2")
	r.Header.Set("X-Firebase-Client", "fire-admin-go/4.19.0")
	return r
}

func do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s := New(o)
	t.Cleanup(s.Close)
	return s
}

func TestValidMessages(t *testing.T) {
	s := start(t, Options{})
	bearer := login(t, s)
	for _, body := range []string{
		`{"message":{"token":"ok","data":{"a":"b"}}}`,
		`{"message":{"token":"ok","notification":{"title":"T","body":"B"},"android":{"collapse_key":"c","priority":"high","ttl":"2419200s",
			"notification":{"channel_id":"faults","default_sound":true,"notification_count":3,"vibrate_timings":["0.500000000s"]}}}}`,
		`{"message":{"token":"ok","apns":{"headers":{"apns-priority":"10","apns-expiration":"0","apns-collapse-id":"` + strings.Repeat("x", 64) + `"},
			"payload":{"aps":{"sound":"default"},"own":1}},"webpush":{"fcm_options":{"link":"https://x.example"}}}}`,
		`{"message":{"token":"ok","data":{"a":"` + strings.Repeat("x", 4095) + `"}}}`,
	} {
		if status, answer := do(t, validRequest(t, s, bearer, body)); status != http.StatusOK {
			t.Errorf("%.80s: %d %s", body, status, answer)
		}
	}
	if v := s.Violations(); len(v) > 0 || len(s.Messages()) != 4 {
		t.Errorf("%d messages, %v", len(s.Messages()), v)
	}
}

func TestDryRunIsNotDelivered(t *testing.T) {
	s := start(t, Options{})
	status, answer := do(t, validRequest(t, s, login(t, s), `{"validate_only":true,"message":{"token":"ok"}}`))
	if status != http.StatusOK || !strings.Contains(answer, "/messages/fake_message_id") || len(s.Messages()) != 0 || s.DryRuns() != 1 {
		t.Errorf("%d %s, %d messages, %d dry runs", status, answer, len(s.Messages()), s.DryRuns())
	}
}

func TestBadMessages(t *testing.T) {
	s := start(t, Options{})
	bearer := login(t, s)
	for _, tt := range []struct{ name, body, reason string }{
		{"empty", ``, "not JSON"},
		{"cut", `{"message":{"token":"ok"}`, "not JSON"},
		{"two values", `{"message":{"token":"ok"}} {}`, "after the JSON"},
		{"list", `[]`, "body is not an object"},
		{"no message", `{}`, "message is missing"},
		{"null message", `{"message":null}`, "body.message is not an object"},
		{"unknown outer field", `{"message":{"token":"ok"},"dry_run":true}`, "dry_run is no known field"},
		{"validate_only as text", `{"validate_only":"true","message":{"token":"ok"}}`, "not a boolean"},
		{"unknown field", `{"message":{"token":"ok","to":"x"}}`, "body.message.to is no known field"},
		{"field in the other case", `{"message":{"Token":"ok"}}`, "Token is no known field"},
		{"unknown android field", `{"message":{"token":"ok","android":{"collapseKey":"x"}}}`, "collapseKey is no known field"},
		{"no target", `{"message":{"data":{"a":"b"}}}`, "0 of token"},
		{"two targets", `{"message":{"token":"ok","topic":"x"}}`, "2 of token"},
		{"topic with prefix", `{"message":{"topic":"/topics/x"}}`, "topic does not match"},
		{"number in data", `{"message":{"token":"ok","data":{"a":1}}}`, "data.a is not a string"},
		{"object in data", `{"message":{"token":"ok","data":{"a":{}}}}`, "data.a is not a string"},
		{"null in data", `{"message":{"token":"ok","data":{"a":null}}}`, "data.a is not a string"},
		{"reserved from", `{"message":{"token":"ok","data":{"from":"x"}}}`, "reserved"},
		{"reserved message_type", `{"message":{"token":"ok","data":{"message_type":"x"}}}`, "reserved"},
		{"reserved google", `{"message":{"token":"ok","data":{"google.x":"x"}}}`, "reserved"},
		{"reserved gcm", `{"message":{"token":"ok","data":{"gcm":"x"}}}`, "reserved"},
		{"reserved in android data", `{"message":{"token":"ok","android":{"data":{"gcm.x":"x"}}}}`, "reserved"},
		{"one byte too long", `{"message":{"token":"ok","data":{"a":"` + strings.Repeat("x", 4096) + `"}}}`, "payload of 4097 bytes"},
		{"too long with the notification", `{"message":{"token":"ok","notification":{"title":"` + strings.Repeat("x", 4092) + `"}}}`, "payload of 4097 bytes"},
		{"too long for a topic", `{"message":{"topic":"x","data":{"a":"` + strings.Repeat("x", 2048) + `"}}}`, "at most 2048"},
		{"ttl as number", `{"message":{"token":"ok","android":{"ttl":3600}}}`, "ttl does not match"},
		{"ttl without unit", `{"message":{"token":"ok","android":{"ttl":"3600"}}}`, "ttl does not match"},
		{"ttl in Go's form", `{"message":{"token":"ok","android":{"ttl":"1h0m0s"}}}`, "ttl does not match"},
		{"negative ttl", `{"message":{"token":"ok","android":{"ttl":"-1s"}}}`, "ttl does not match"},
		{"ttl over 28 days", `{"message":{"token":"ok","android":{"ttl":"2419200.000000001s"}}}`, "ttl is over"},
		{"priority", `{"message":{"token":"ok","android":{"priority":"urgent"}}}`, "priority is not one of"},
		{"colour", `{"message":{"token":"ok","android":{"notification":{"color":"red"}}}}`, "color does not match"},
		{"args as text", `{"message":{"token":"ok","android":{"notification":{"body_loc_args":"x"}}}}`, "not a list"},
		{"count as text", `{"message":{"token":"ok","android":{"notification":{"notification_count":"3"}}}}`, "not a number"},
		{"APNs priority", `{"message":{"token":"ok","apns":{"headers":{"apns-priority":"high"}}}}`, "apns-priority"},
		{"APNs priority as number", `{"message":{"token":"ok","apns":{"headers":{"apns-priority":10}}}}`, "not a string"},
		{"APNs collapse id", `{"message":{"token":"ok","apns":{"headers":{"apns-collapse-id":"` + strings.Repeat("x", 65) + `"}}}}`, "takes 65 bytes"},
		{"APNs expiration", `{"message":{"token":"ok","apns":{"headers":{"apns-expiration":"tomorrow"}}}}`, "no time"},
		{"APNs payload as text", `{"message":{"token":"ok","apns":{"payload":"x"}}}`, "not an object"},
		{"web push link in clear", `{"message":{"token":"ok","webpush":{"fcm_options":{"link":"http://x.example"}}}}`, "link does not match"},
		{"over any size", strings.Repeat(" ", maxRequest+1), "body: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(s.Violations())
			status, answer := do(t, validRequest(t, s, bearer, tt.body))
			v := s.Violations()
			if status != http.StatusBadRequest || !strings.Contains(answer, `"INVALID_ARGUMENT"`) {
				t.Errorf("%d %s", status, answer)
			}
			if len(v) != before+1 || !strings.Contains(v[before].Reason, tt.reason) {
				t.Errorf("%v, want %q", v[before:], tt.reason)
			}
		})
	}
	if len(s.Messages()) != 0 {
		t.Errorf("delivered: %v", s.Messages())
	}
}

func TestBadEnvelopes(t *testing.T) {
	now := time.Now()
	s := start(t, Options{Now: func() time.Time { return now }})
	bearer := login(t, s)
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"method", func(r *http.Request) { r.Method = http.MethodPut }, 404},
		{"path", func(r *http.Request) { r.URL.Path = "/v1/messages:send" }, 404},
		{"double slash", func(r *http.Request) { r.URL.Path = "/" + r.URL.Path }, 404},
		{"project", func(r *http.Request) { r.URL.Path = "/v1/projects/other/messages:send" }, 404},
		{"query", func(r *http.Request) { r.URL.RawQuery = "key=x" }, 404},
		{"no format version", func(r *http.Request) { r.Header.Del("X-Goog-Api-Format-Version") }, 400},
		{"format version", func(r *http.Request) { r.Header.Set("X-Goog-Api-Format-Version", "1") }, 400},
		{"no client", func(r *http.Request) { r.Header.Del("X-Firebase-Client") }, 400},
		{"content type", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 400},
		{"no bearer", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"basic", func(r *http.Request) { r.SetBasicAuth("a", "b") }, 401},
		{"two bearers", func(r *http.Request) { r.Header.Add("Authorization", "Bearer x") }, 401},
		{"strange bearer", func(r *http.Request) { r.Header.Set("Authorization", "Bearer fake.x") }, 401},
		{"expired bearer", func(*http.Request) { now = now.Add(bearerLife) }, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(s.Violations())
			r := validRequest(t, s, bearer, `{"message":{"token":"ok"}}`)
			tt.change(r)
			status, answer := do(t, r)
			if status != tt.status {
				t.Errorf("%d %s, want %d", status, answer, tt.status)
			}
			if status != http.StatusBadRequest && strings.Contains(answer, "FcmError") {
				t.Errorf("detail in an answer that FCM gives without: %s", answer)
			}
			if n := len(s.Violations()); n != before+1 {
				t.Errorf("%d violations", n-before)
			}
		})
	}
	if len(s.Messages()) != 0 {
		t.Errorf("delivered: %v", s.Messages())
	}
}

func TestTokenExchange(t *testing.T) {
	s := start(t, Options{})
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	type object = map[string]any
	sign := func(key *rsa.PrivateKey, header, claims object) string {
		part := func(v object) string {
			raw, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return base64.RawURLEncoding.EncodeToString(raw)
		}
		signed := part(header) + "." + part(claims)
		sum := sha256.Sum256([]byte(signed))
		sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
	header := object{"alg": "RS256", "typ": "JWT", "kid": keyID}
	claims := object{"iss": s.clientEmail(), "aud": s.tokenURI(), "scope": scopeFCM, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	with := func(m object, k string, v any) object { m = maps.Clone(m); m[k] = v; return m }
	form := func(assertion string) url.Values {
		return url.Values{"grant_type": {jwtBearer}, "assertion": {assertion}}
	}
	good := sign(s.key, header, claims)
	forged := good[:strings.LastIndexByte(good, '.')+1]

	for _, tt := range []struct {
		name   string
		form   url.Values
		reason string // empty: taken
	}{
		{"as Google's library", form(good), ""},
		{"broad scope", form(sign(s.key, header, with(claims, "scope", "x "+scopeGoogle))), ""},
		{"no form", url.Values{}, "grant_type"},
		{"grant type", url.Values{"grant_type": {"password"}, "assertion": {good}}, "grant_type"},
		{"two assertions", url.Values{"grant_type": {jwtBearer}, "assertion": {good, good}}, "nothing else"},
		{"more fields", url.Values{"grant_type": {jwtBearer}, "assertion": {good}, "scope": {"x"}}, "nothing else"},
		{"no JWT", form("a.b"), "not a JWT"},
		{"no base64", form("!.!.!"), "not a JWT"},
		{"no signature", form(forged), "signature"},
		{"another key", form(sign(stranger, header, claims)), "signature"},
		{"alg none", form(sign(s.key, with(header, "alg", "none"), claims)), "JWT header"},
		{"key id", form(sign(s.key, with(header, "kid", "x"), claims)), "JWT header"},
		{"iss", form(sign(s.key, header, with(claims, "iss", "x@example.com"))), "iss"},
		{"aud", form(sign(s.key, header, with(claims, "aud", "https://oauth2.googleapis.com/token"))), "aud"},
		{"scope", form(sign(s.key, header, with(claims, "scope", "https://www.googleapis.com/auth/datastore"))), "scope"},
		{"iat ahead", form(sign(s.key, header, with(claims, "iat", now.Add(time.Hour).Unix()))), "iat"},
		{"expired", form(sign(s.key, header, with(claims, "exp", now.Add(-time.Second).Unix()))), "exp has passed"},
		{"too long a life", form(sign(s.key, header, with(claims, "exp", now.Add(2*time.Hour).Unix()))), "over an hour"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(s.Violations())
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/token", strings.NewReader(tt.form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			status, answer := do(t, r)
			v := s.Violations()[before:]
			if tt.reason == "" {
				if status != http.StatusOK || !strings.Contains(answer, `"access_token"`) || len(v) > 0 {
					t.Errorf("%d %s %v", status, answer, v)
				}
				return
			}
			if status != http.StatusBadRequest || !strings.Contains(answer, "invalid_grant") || len(v) != 1 || !strings.Contains(v[0].Reason, tt.reason) {
				t.Errorf("%d %s %v, want %q", status, answer, v, tt.reason)
			}
		})
	}
	if s.Exchanges() != 2 {
		t.Errorf("%d exchanges", s.Exchanges())
	}
}

func TestControls(t *testing.T) {
	s := start(t, Options{})
	bearer := login(t, s)
	control := func(method, path string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return do(t, r)
	}
	if status, body := control("GET", "/received"); status != 200 || body != "{\"messages\":[],\"violations\":[]}\n" {
		t.Errorf("nothing yet: %d %s", status, body)
	}
	if status, _ := control("POST", "/down"); status != http.StatusNoContent {
		t.Errorf("down: %d", status)
	}
	message := `{"message":{"token":"ok-1","notification":{"title":"T"},"data":{"ref":"R-1"}}}`
	if status, _ := do(t, validRequest(t, s, bearer, message)); status != http.StatusServiceUnavailable {
		t.Errorf("while down: %d", status)
	}
	control("POST", "/up")
	do(t, validRequest(t, s, bearer, message))
	do(t, validRequest(t, s, bearer, `{"message":{}}`))
	status, body := control("GET", "/received")
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(body)); err != nil {
		t.Fatal(err)
	}
	want := `{"messages":[{"name":"projects/tagwerk-test/messages/1","token":"ok-1","title":"T","body":"","data":{"ref":"R-1"},` +
		`"message":{"token":"ok-1","notification":{"title":"T"},"data":{"ref":"R-1"}}}],` +
		`"violations":[{"request":"POST /v1/projects/tagwerk-test/messages:send","reason":"0 of token, topic, condition, want exactly one"}]}`
	if status != 200 || compact.String() != want {
		t.Errorf("%d %s\nwant %s", status, compact.String(), want)
	}
}

func TestListenRefuses(t *testing.T) {
	s := start(t, Options{})
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "127.0.0.1", strings.TrimPrefix(s.URL(), "http://")} {
		if other, err := Listen(Options{Addr: addr}); err == nil {
			other.Close()
			t.Errorf("%s: no error", addr)
		}
	}
}

func TestCloseEndsHangingRequests(t *testing.T) {
	s := New(Options{})
	r := validRequest(t, s, login(t, s), `{"message":{"token":"hang"}}`)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan error)
	go func() {
		resp, err := http.DefaultTransport.RoundTrip(r.WithContext(ctx))
		if err == nil {
			resp.Body.Close()
		}
		done <- err
	}()
	for s.Tries("hang") == 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	s.Close()
	if <-done; ctx.Err() != nil {
		t.Error("still hanging")
	}
}

// FuzzParseSend: no body crashes the fake, and a valid one has a target and no
// more than FCM's size.
func FuzzParseSend(f *testing.F) {
	f.Add([]byte(`{"message":{"token":"ok","data":{"a":"b"},"android":{"ttl":"1s"}}}`))
	f.Add([]byte(`{"message":{"token":"ok","token":null}}`))
	f.Add([]byte(`{"message":{"topic":"x","apns":{"headers":{"apns-priority":"5"}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := parseSend(body)
		if err != nil {
			return
		}
		size := len(req.title) + len(req.body)
		for k, v := range req.data {
			size += len(k) + len(v)
		}
		if req.target == "" || size > maxPayload || !json.Valid(req.wire) {
			t.Errorf("%+v", req)
		}
	})
}
