package push

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/notify/push/fcmfake"
)

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

func TestNewFCMReadsAFile(t *testing.T) {
	fake := fcmfake.New(fcmfake.Options{Project: "example.com:old-style"})
	defer fake.Close()
	file := filepath.Join(t.TempDir(), "fcm.json")
	if err := os.WriteFile(file, fake.Credentials(), 0o600); err != nil {
		t.Fatal(err)
	}
	push := newSender(t, Config{CredentialsFile: file, Endpoint: fake.URL()})
	if push.Project() != "example.com:old-style" {
		t.Errorf("project %q", push.Project())
	}
	if o := push.Send(t.Context(), "ok", fault()); o.Verdict != Sent {
		t.Errorf("%+v", o)
	}
}

// ecKey is a sound key of the wrong kind.
func ecKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestNewFCMRefuses(t *testing.T) {
	fake := fcmfake.New(fcmfake.Options{})
	defer fake.Close()
	with := func(field, value string) []byte {
		var m map[string]string
		if err := json.Unmarshal(fake.Credentials(), &m); err != nil {
			t.Fatal(err)
		}
		m[field] = value
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	good := fake.Credentials()
	for _, tt := range []struct {
		name   string
		config Config
		want   string
	}{
		{"nothing", Config{}, "set either"},
		{"both", Config{CredentialsFile: "x", CredentialsJSON: good}, "set either"},
		{"no file", Config{CredentialsFile: filepath.Join(t.TempDir(), "none.json")}, "does not exist; create one in the Firebase console"},
		{"a folder", Config{CredentialsFile: t.TempDir()}, "is a directory"},
		{"not JSON", Config{CredentialsJSON: []byte("-----BEGIN")}, "not a JSON object"},
		{"too long", Config{CredentialsJSON: make([]byte, maxCredentials+1)}, "not a service-account file"},
		{"the app's file", Config{CredentialsJSON: []byte(`{"project_info":{"project_id":"x"},"client":[]}`)}, "google-services.json"},
		{"a person's login", Config{CredentialsJSON: with("type", "authorized_user")}, `type is "authorized_user"`},
		{"no e-mail", Config{CredentialsJSON: with("client_email", "")}, "client_email is missing"},
		{"no key", Config{CredentialsJSON: with("private_key", "")}, "private_key is missing"},
		{"key without line breaks", Config{CredentialsJSON: with("private_key", "-----BEGIN PRIVATE KEY----- abc")}, "line breaks"},
		{"cut key", Config{CredentialsJSON: with("private_key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}, "may be cut"},
		{"EC key", Config{CredentialsJSON: with("private_key", ecKey(t))}, "not an RSA key"},
		{"SEC-80 token exchange in clear", Config{CredentialsJSON: with("token_uri", "http://oauth2.example/token")}, "must be https"},
		{"token_uri without host", Config{CredentialsJSON: with("token_uri", "https:///token")}, "not a URL"},
		{"no project", Config{CredentialsJSON: with("project_id", "")}, "not a Firebase project id"},
		{"project that leaves the path", Config{CredentialsJSON: good, ProjectID: "../../x"}, "not a Firebase project id"},
		{"SEC-80 deadline over 30 s", Config{CredentialsJSON: good, Timeout: 31 * time.Second}, "outside 0 to 30s"},
		{"negative deadline", Config{CredentialsJSON: good, Timeout: -1}, "outside 0 to 30s"},
		{"endpoint elsewhere", Config{CredentialsJSON: good, Endpoint: "https://fcm.example"}, "loopback"},
		{"endpoint that only looks local", Config{CredentialsJSON: good, Endpoint: "http://127.0.0.1.example"}, "loopback"},
		{"endpoint with a name in front", Config{CredentialsJSON: good, Endpoint: "http://127.0.0.1@fcm.example"}, "loopback"},
		{"endpoint with a path", Config{CredentialsJSON: good, Endpoint: "http://127.0.0.1:1/v1"}, "without a path"},
		{"endpoint with a slash", Config{CredentialsJSON: good, Endpoint: "http://127.0.0.1:1/"}, "without a path"},
		{"endpoint of another scheme", Config{CredentialsJSON: good, Endpoint: "ftp://127.0.0.1:1"}, "loopback"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewFCM(t.Context(), tt.config)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "BEGIN") || strings.Contains(err.Error(), "\n") {
				t.Errorf("quotes the file or takes more than a line: %v", err)
			}
		})
	}
}

// FuzzServiceAccount: whatever the file holds, an accepted one is complete, and
// no error repeats a part of the key.
func FuzzServiceAccount(f *testing.F) {
	fake := fcmfake.New(fcmfake.Options{})
	f.Cleanup(fake.Close)
	f.Add(fake.Credentials())
	f.Add([]byte(`{"project_info":{}}`))
	f.Add([]byte(`{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := parseServiceAccount(raw)
		if err == nil && (a.ClientEmail == "" || checkKey(a.PrivateKey) != nil || !strings.HasPrefix(a.TokenURI, "http")) {
			t.Errorf("accepted %+v", a)
		}
		if err != nil && len(err.Error()) > 600 {
			t.Errorf("error of %d bytes", len(err.Error()))
		}
	})
}
