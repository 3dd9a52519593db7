package fcmfake

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	keyID       = "fcmfake-1"
	bearerLife  = time.Hour
	maxLife     = time.Hour
	clockSkew   = time.Minute
	jwtBearer   = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523, 2.1
	scopeFCM    = "https://www.googleapis.com/auth/firebase.messaging"
	scopeGoogle = "https://www.googleapis.com/auth/cloud-platform"
)

func (s *Server) clientEmail() string { return "fcmfake@" + s.project + ".iam.gserviceaccount.com" }
func (s *Server) tokenURI() string    { return s.url + "/token" }

// serviceAccount returns the file in the form of the Firebase console.
func (s *Server) serviceAccount() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return nil, fmt.Errorf("fcmfake: %w", err)
	}
	return json.MarshalIndent(map[string]string{
		"type":            "service_account",
		"project_id":      s.project,
		"private_key_id":  keyID,
		"private_key":     string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email":    s.clientEmail(),
		"client_id":       "100000000000000000000",
		"auth_uri":        s.url + "/auth",
		"token_uri":       s.tokenURI(),
		"universe_domain": "googleapis.com",
	}, "", "  ")
}

// exchange answers a JWT-bearer token request (RFC 7523).
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, body []byte) {
	s.mu.Lock()
	down := s.down
	s.mu.Unlock()
	if down {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "temporarily_unavailable"})
		return
	}
	if err := s.checkExchange(r, body); err != nil {
		s.violate(r, err.Error())
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": err.Error()})
		return
	}
	bearer := "fake." + rand.Text()
	s.mu.Lock()
	s.bearers[bearer] = s.now().Add(bearerLife)
	s.exchanges++
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": bearer, "expires_in": int(bearerLife.Seconds()), "token_type": "Bearer",
	})
}

func (s *Server) checkExchange(r *http.Request, body []byte) error {
	if ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || ct != "application/x-www-form-urlencoded" {
		return fmt.Errorf("content type %q", r.Header.Get("Content-Type"))
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return errors.New("body is not a form")
	}
	if g := form["grant_type"]; len(g) != 1 || g[0] != jwtBearer {
		return fmt.Errorf("grant_type is %q", g)
	}
	if len(form["assertion"]) != 1 || len(form) != 2 {
		return errors.New("want grant_type and assertion once, and nothing else")
	}
	return s.checkAssertion(form.Get("assertion"))
}

func (s *Server) checkAssertion(assertion string) error {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return errors.New("assertion is not a JWT")
	}
	var header struct{ Alg, Typ, Kid string }
	var claims struct {
		Iss, Aud, Scope string
		Iat, Exp        int64
	}
	if decodePart(parts[0], &header) != nil || decodePart(parts[1], &claims) != nil {
		return errors.New("assertion is not a JWT")
	}
	if header.Alg != "RS256" || header.Typ != "JWT" || header.Kid != keyID {
		return fmt.Errorf("JWT header %+v", header)
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, sum[:], sig) != nil {
		return errors.New("JWT signature")
	}
	now := s.now()
	issued, expires := time.Unix(claims.Iat, 0), time.Unix(claims.Exp, 0)
	switch {
	case claims.Iss != s.clientEmail():
		return fmt.Errorf("iss is %q", claims.Iss)
	case claims.Aud != s.tokenURI():
		return fmt.Errorf("aud is %q", claims.Aud)
	case issued.After(now.Add(clockSkew)):
		return errors.New("iat is in the future")
	case !expires.After(now):
		return errors.New("exp has passed")
	case expires.Sub(issued) > maxLife+clockSkew:
		return errors.New("exp is over an hour after iat")
	}
	for scope := range strings.FieldsSeq(claims.Scope) {
		if scope == scopeFCM || scope == scopeGoogle {
			return nil
		}
	}
	return fmt.Errorf("scope %q does not cover messaging", claims.Scope)
}

func decodePart(part string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

func (s *Server) knowsBearer(values []string) bool {
	if len(values) != 1 {
		return false
	}
	bearer, ok := strings.CutPrefix(values[0], "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	expires, known := s.bearers[bearer]
	return ok && known && s.now().Before(expires)
}
