package push

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"regexp"
)

// howToGet ends every message about credentials that cannot be used.
const howToGet = "; create one in the Firebase console under Project settings, Service accounts, Generate new private key"

// maxCredentials is the most bytes read of a credentials file; real ones take
// 2.4 KB.
const maxCredentials = 64 << 10

// serviceAccount is Google's service-account file, as far as it is needed for
// the JWT-bearer exchange (RFC 7523).
type serviceAccount struct {
	Type         string `json:"type"`
	ProjectID    string `json:"project_id"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	ClientEmail  string `json:"client_email"`
	TokenURI     string `json:"token_uri"`
}

// projectPattern holds a project id to what is safe as a path segment; it takes
// the old ids with a domain ("example.com:name") as well.
var projectPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.:-]{2,61}[a-z0-9]$`)

func readCredentials(file string) ([]byte, error) {
	f, err := os.Open(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("push: FCM credentials file %s does not exist%s", file, howToGet)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("push: FCM credentials file %s is not readable for this user; give it to the user that runs the server, mode 0600", file)
	case err != nil:
		return nil, fmt.Errorf("push: FCM credentials file: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxCredentials+1))
	if err != nil {
		return nil, fmt.Errorf("push: FCM credentials file: %w", err)
	}
	return raw, nil
}

// parseServiceAccount checks everything that a send would stumble over later:
// an error at start is seen, one at night is not. No error quotes the contents.
func parseServiceAccount(raw []byte) (serviceAccount, error) {
	var a serviceAccount
	bad := func(format string, args ...any) (serviceAccount, error) {
		return serviceAccount{}, fmt.Errorf("push: FCM credentials: "+format+howToGet, args...)
	}
	if len(raw) > maxCredentials {
		return bad("over %d bytes, not a service-account file", maxCredentials)
	}
	var app struct {
		ProjectInfo json.RawMessage `json:"project_info"`
	}
	if json.Unmarshal(raw, &app) == nil && app.ProjectInfo != nil {
		return bad("this is google-services.json, the app's file; the server needs the service-account file")
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return bad("not a JSON object with text fields")
	}
	if a.Type != "service_account" {
		return bad("type is %.40q, not \"service_account\"", a.Type)
	}
	for _, f := range []struct{ name, value string }{
		{"client_email", a.ClientEmail}, {"private_key", a.PrivateKey}, {"token_uri", a.TokenURI},
	} {
		if f.value == "" {
			return bad("%s is missing", f.name)
		}
	}
	if err := checkKey(a.PrivateKey); err != nil {
		return bad("private_key %s", err)
	}
	u, err := url.Parse(a.TokenURI)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return bad("token_uri is not a URL")
	}
	// A bearer token over plain HTTP is for anyone on the way; loopback has no way.
	if u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u)) {
		return bad("token_uri must be https")
	}
	return a, nil
}

func checkKey(text string) error {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return errors.New("is not PEM; the line breaks may be lost")
	}
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return errors.New("cannot be read; the file may be cut")
	}
	if _, ok := key.(*rsa.PrivateKey); !ok {
		return errors.New("is not an RSA key")
	}
	return nil
}

// checkEndpoint lets only loopback stand in for FCM: with any other address, a
// slip in the settings would send device tokens and texts to a stranger.
func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !isLoopback(u) ||
		u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return fmt.Errorf("push: FCM endpoint %.80q must be http(s)://<loopback address>:<port> without a path; it is for tests only, leave it empty otherwise", endpoint)
	}
	return nil
}

func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
