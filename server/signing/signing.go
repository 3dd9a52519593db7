// Package signing signs what goes to door controllers, webhooks and access lists alike, the way of Standard Webhooks 1.0 (standards.md
// section 5; SEC-10, SEC-82): a keyed hash over id, time and raw body in three headers.
package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed message. Names are as the standard writes them; HTTP does not mind the case.
const (
	IDHeader        = "webhook-id"
	TimestampHeader = "webhook-timestamp"
	SignatureHeader = "webhook-signature"
)

// Tolerance is how far the time of a message may be from the receiver's clock.
const Tolerance = 5 * time.Minute

// SecretPrefix begins the written form of a secret.
const SecretPrefix = "whsec_"

const version = "v1,"

// mostSignatures is how many signatures of one message are looked at: a sender that changes secrets has two.
const mostSignatures = 16

var (
	// ErrSecret says that a written secret is not whsec_ and base64 of 24 to 64 bytes.
	ErrSecret = errors.New("signing: not a secret")
	// ErrStale says that a message is too old, or of the future, or has no time.
	ErrStale = errors.New("signing: time of the message out of tolerance")
	// ErrSignature says that no signature of a message fits.
	ErrSignature = errors.New("signing: no signature fits")
)

// ParseSecret reads the written form of a secret: whsec_ and base64 of 24 to 64 bytes.
func ParseSecret(s string) ([]byte, error) {
	text, ok := strings.CutPrefix(s, SecretPrefix)
	secret, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(secret) < 24 || len(secret) > 64 {
		return nil, ErrSecret
	}
	return secret, nil
}

// Sign returns the signature of a body under one secret: "v1," and the base64 of HMAC-SHA256 over id.timestamp.body. The id has no
// full stop; the timestamp is in whole seconds.
func Sign(secret []byte, id string, at time.Time, body []byte) string {
	return sign(secret, id, strconv.FormatInt(at.Unix(), 10), body)
}

func sign(secret []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return version + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Signatures is the value of the header [SignatureHeader]: one signature for each secret, so that a receiver that knows the old or the
// new one of two accepts the message.
func Signatures(secrets [][]byte, id string, at time.Time, body []byte) string {
	list := make([]string, len(secrets))
	for i, s := range secrets {
		list[i] = Sign(s, id, at, body)
	}
	return strings.Join(list, " ")
}

// Verify checks a received message against the receiver's secrets: id, timestamp and signatures are the values of its headers, now is
// the receiver's clock. It returns ErrStale or ErrSignature. Whether the id came before is for the receiver to know.
func Verify(secrets [][]byte, id, timestamp, signatures string, body []byte, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" || timestamp != strconv.FormatInt(seconds, 10) {
		return ErrStale
	}
	// In seconds, since a time.Duration overflows on a foreign number.
	if off := now.Unix() - seconds; seconds < 0 || off > int64(Tolerance/time.Second) || off < -int64(Tolerance/time.Second) {
		return ErrStale
	}
	given := strings.Fields(signatures)
	fits := false
	for _, secret := range secrets {
		want := sign(secret, id, timestamp, body)
		for _, s := range given[:min(len(given), mostSignatures)] {
			if hmac.Equal([]byte(s), []byte(want)) {
				fits = true
			}
		}
	}
	if !fits {
		return ErrSignature
	}
	return nil
}
