package server_test

import (
	"net/http"
	"testing"

	"github.com/tagwerk/tagwerk/server"
)

// TestUsedUpMisses asks every way to a label for somebody whose unknown codes are used up: a guesser is turned away before
// anything is looked up, whatever way he takes.
func TestUsedUpMisses(t *testing.T) {
	w := newWorld(t, func(_ *server.Config, rt *server.Runtime) { rt.Limits = nil })
	guesser, code := w.as("haustechnik@"), w.sample.Codes[0]
	user := w.viewer("haustechnik@").User
	multipart, file := form(t, nil, photo(t, 1))
	for _, row := range []struct {
		name string
		ask  func() answer
	}{
		{"page of a label", func() answer { return guesser.get("/t/" + code) }},
		{"typed on a page", func() answer {
			return guesser.send(http.MethodPost, "/scan", "application/x-www-form-urlencoded", []byte("payload=https://other.example/4711"))
		}},
		{"photo on a page", func() answer { return guesser.send(http.MethodPost, "/scan/photo", multipart, file) }},
		{"code", func() answer { return guesser.get("/v1/scan/" + code) }},
		{"payload", func() answer { return guesser.post("/v1/scan", map[string]string{"payload": "4006381333931"}) }},
		{"photo", func() answer { return guesser.send(http.MethodPost, "/v1/scan/photo", multipart, file) }},
	} {
		t.Run("SEC-6 E3 "+row.name, func(t *testing.T) {
			for w.app.Edge.Limiter().Allow("scan_miss", user).OK {
			}
			row.ask().must(t, http.StatusTooManyRequests)
		})
	}
}
