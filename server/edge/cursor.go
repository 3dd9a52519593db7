package edge

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"github.com/gofiber/fiber/v2"

	"github.com/tagwerk/tagwerk/server/identity"
)

// Cursors signs the places in lists that clients carry, bound to the viewer and the list, so that nobody makes up one or uses
// another's (SEC-18).
type Cursors struct{ key []byte }

// NewCursors derives the signing key from the installation's key.
func NewCursors(key [32]byte) *Cursors {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte("tagwerk/edge/cursor"))
	return &Cursors{key: mac.Sum(nil)}
}

// cursorTag is the length of a signature: 128 bits.
const cursorTag = 16

// Seal returns what a client may carry of a place in a list; "" stays "".
func (c *Cursors) Seal(v identity.Viewer, list, after string) string {
	if after == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(c.sign(v, list, after), after...))
}

// Open returns the place in the list. The error of anything that Seal did not make for this viewer and list is a *[Problem].
func (c *Cursors) Open(v identity.Viewer, list, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) <= cursorTag || subtle.ConstantTimeCompare(raw[:cursorTag], c.sign(v, list, string(raw[cursorTag:]))) != 1 {
		return "", &Problem{Code: "invalid_request", Status: fiber.StatusBadRequest, Fields: []FieldError{{Parameter: "query.cursor", Code: "invalid"}}}
	}
	return string(raw[cursorTag:]), nil
}

func (c *Cursors) sign(v identity.Viewer, list, after string) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(v.User + "\x00" + list + "\x00" + after))
	return mac.Sum(nil)[:cursorTag]
}
