package portal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// stepLife is how long the second step of a sign-in may take.
const stepLife = 5 * time.Minute

// firstStep is what the first step of a sign-in leaves for the second.
type firstStep struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// sealer encrypts what a form carries to its next step, so that a page never holds a password and no server has to remember one
// (SEC-43). The purpose is bound in, and what is sealed ends by time (SEC-45).
type sealer struct {
	aead   cipher.AEAD
	random io.Reader
}

const sealPurpose = "tagwerk/portal/first step of sign-in"

func newSealer(key [32]byte, random io.Reader) (*sealer, error) {
	derived, err := hkdf.Key(sha256.New, key[:], nil, sealPurpose, 32)
	if err != nil {
		return nil, fmt.Errorf("portal: derive key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	return &sealer{aead, random}, nil
}

// close returns the step as text for a form field.
func (s *sealer) close(step firstStep, now time.Time) (string, error) {
	plain, err := json.Marshal(step)
	if err != nil {
		return "", err
	}
	plain = append(binary.BigEndian.AppendUint64(nil, uint64(now.Add(stepLife).Unix())), plain...)
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := io.ReadFull(s.random, nonce); err != nil {
		return "", fmt.Errorf("portal: random source: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(sealPurpose))), nil
}

// open is the inverse of close. ok is false for what is not ours, changed, or over.
func (s *sealer) open(text string, now time.Time) (step firstStep, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < s.aead.NonceSize() {
		return firstStep{}, false
	}
	nonce, sealed := b[:s.aead.NonceSize()], b[s.aead.NonceSize():]
	plain, err := s.aead.Open(nil, nonce, sealed, []byte(sealPurpose))
	if err != nil || len(plain) < 8 {
		return firstStep{}, false
	}
	left := int64(binary.BigEndian.Uint64(plain)) - now.Unix()
	if left <= 0 || left > int64(stepLife.Seconds()) || json.Unmarshal(plain[8:], &step) != nil {
		return firstStep{}, false
	}
	return step, true
}
