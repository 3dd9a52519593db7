package mobileapi_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/mobileapi"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
)

const golden = "testdata/openapi.json"

func describe(t *testing.T) (*edge.Server, []byte) {
	t.Helper()
	catalogue, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	s, err := edge.New(edge.Options{PublicURL: "https://scan.example.com", Catalogue: catalogue, Logger: slog.New(slog.DiscardHandler),
		Now: time.Now, Random: rand.Reader,
		Authenticate: func(_ context.Context, _ edge.Credentials, l locale.Tag) (identity.Viewer, error) {
			return identity.Nobody(l), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(mobileapi.Mount(s, mobileapi.Options{}).OpenAPI(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return s, append(text, '\n')
}

// TestDescriptionIsVersioned refuses a changed API under an unchanged version: clients are made from the description.
// TAGWERK_UPDATE=1 writes it anew after the version was raised.
func TestDescriptionIsVersioned(t *testing.T) {
	_, now := describe(t)
	before, err := os.ReadFile(golden)
	if os.Getenv("TAGWERK_UPDATE") == "1" {
		if err := os.WriteFile(golden, now, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, now) {
		t.Fatalf("the API differs from %s: raise mobileapi.Version, then run the test with TAGWERK_UPDATE=1", golden)
	}
}

// TestDescriptionIsWhole checks that each API route is described, with its access, and that failures are problems.
func TestDescriptionIsWhole(t *testing.T) {
	s, text := describe(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Description string
			Security    []map[string][]string
			Responses   map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q", doc.OpenAPI)
	}
	described := 0
	for _, r := range s.Routes() {
		if !strings.HasPrefix(r.Pattern, "/v1/") {
			continue
		}
		op, ok := doc.Paths[r.Pattern][strings.ToLower(r.Method)]
		if !ok {
			t.Errorf("%s %s is not described", r.Method, r.Pattern)
			continue
		}
		described++
		if op.OperationID == "" || !strings.Contains(op.Description, "Access: "+r.Access.Who.String()) || op.Responses["default"] == nil {
			t.Errorf("%s %s: id %q, description %q, responses %d", r.Method, r.Pattern, op.OperationID, op.Description, len(op.Responses))
		}
		if public := r.Access.Who == edge.Public; public != (len(op.Security) == 0) {
			t.Errorf("SEC-12 %s %s: security %v for %v", r.Method, r.Pattern, op.Security, r.Access.Who)
		}
	}
	if described < 25 {
		t.Errorf("only %d operations are described", described)
	}
}
