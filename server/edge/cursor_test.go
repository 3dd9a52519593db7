package edge

import (
	"testing"

	"github.com/tagwerk/tagwerk/server/identity"
)

func TestCursors(t *testing.T) {
	c := NewCursors([32]byte{1})
	one, two := identity.Viewer{User: "one"}, identity.Viewer{User: "two"}
	sealed := c.Seal(one, "assets", "place\x00x")
	if got, err := c.Open(one, "assets", sealed); err != nil || got != "place\x00x" {
		t.Fatalf("own cursor: %q, %v", got, err)
	}
	if got, err := c.Open(one, "assets", ""); got != "" || err != nil {
		t.Fatalf("no cursor: %q, %v", got, err)
	}
	bent := []byte(sealed)
	bent[len(bent)-1] ^= 1
	for name, open := range map[string]func() (string, error){
		"SEC-18 of another viewer":       func() (string, error) { return c.Open(two, "assets", sealed) },
		"SEC-18 of another list":         func() (string, error) { return c.Open(one, "requests", sealed) },
		"SEC-18 changed":                 func() (string, error) { return c.Open(one, "assets", string(bent)) },
		"SEC-18 of another installation": func() (string, error) { return NewCursors([32]byte{2}).Open(one, "assets", sealed) },
		"SEC-18 too short":               func() (string, error) { return c.Open(one, "assets", "AAAA") },
		"SEC-18 no base64":               func() (string, error) { return c.Open(one, "assets", "%%%") },
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := open(); err == nil || got != "" {
				t.Errorf("got %q, %v; want a problem", got, err)
			}
		})
	}
}
