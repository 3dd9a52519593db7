package store

import (
	"encoding/base32"
	"fmt"
	"io"
)

// idEncoding is Crockford's base 32 in lower case, which nobody misreads.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns 16 characters (80 bits) of a random source, for a document or a part of one.
func NewID(random io.Reader) (string, error) {
	b := make([]byte, 10)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("store: random source: %w", err)
	}
	return idEncoding.EncodeToString(b), nil
}
