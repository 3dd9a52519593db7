package store

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestNewID(t *testing.T) {
	source := bytes.NewReader([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffshort"))
	for _, want := range []string{"0000000000000000", "zzzzzzzzzzzzzzzz"} {
		if got, err := NewID(source); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if id, err := NewID(source); id != "" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a source that ends gave %q, %v", id, err)
	}
}
