// Package mobileapi is the JSON API under /v1 for phone apps and integrations: operations, their wire types, and the OpenAPI
// description made from them. It decides nothing: the domain answers for the viewer, edge turns errors into problems.
package mobileapi

import (
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// Version is that of the API's description. A test asks for a higher one whenever the description changes.
const Version = "1.2.0"

// Options are the parts that the API stands on. Key is the installation's key; cursors are signed with one derived from it. Own says
// which hosts our labels are printed with.
type Options struct {
	Assets    *asset.Service
	Desk      *desk.Service
	Scan      *scan.Resolver
	Sightings *scan.Sightings
	People    *identity.Directory
	Photos    *tagging.PhotoReader
	Catalogue *locale.Catalogue
	Own       tagging.Config
	Now       func() time.Time
	Zone      *time.Location // in which lists write days
	Key       [32]byte
}

type api struct {
	Options
	*edge.API
	cursors *edge.Cursors
	misses  *edge.Limiter
}

// Mount registers all operations and the description at /openapi.json.
func Mount(s *edge.Server, o Options) *edge.API {
	a := &api{Options: o, cursors: edge.NewCursors(o.Key), misses: s.Limiter()}
	a.API = edge.NewAPI(s, edge.APIInfo{
		Title:   "Tagwerk",
		Version: Version,
		Description: "What a printed label or key fob leads to, and what to do about it.\n\nSign in with POST /v1/sessions and send the token as " +
			"`Authorization: Bearer`. Times are RFC 3339 in UTC, dates plain. Failures are problem+json (RFC 9457) with a stable code. " +
			"Reports, messages and new labels take an `Idempotency-Key`, kept as long as what they made: the same content under the same key is made once, " +
			"other content is answered 422. Lists are paged by `next_cursor`.",
		Access: edge.Access{Who: edge.SignedIn, Object: "the description of the API", Permission: "none"},
	})
	a.sessions()
	a.scanning()
	a.assets()
	a.requests()
	a.tagLists()
	a.tags()
	a.tagMatching()
	a.tagSteps()
	a.blocking()
	a.tagRights()
	a.labels()
	a.controllers()
	a.accessLists()
	a.sightings()
	a.devices()
	return a.API
}

// op describes an operation in one line.
func op(method, path, id, summary, tag string) huma.Operation {
	return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{tag}}
}

// Paging is the input of each list.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"2048" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Most entries of a page"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Ask for the next page with it; absent on the last page"`
}

// Out is the output of an operation.
type Out[T any] struct{ Body T }

// Key is the input of operations that must not act twice.
type Key struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"257" doc:"Chosen by the client, unique for each thing to make; quoted or bare"`
}

// key returns the key without the quotes of a structured field.
func (k Key) key() string {
	if s, ok := strings.CutPrefix(k.IdempotencyKey, `"`); ok {
		return strings.TrimSuffix(s, `"`)
	}
	return k.IdempotencyKey
}
