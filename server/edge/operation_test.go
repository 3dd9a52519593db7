package edge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tagwerk/tagwerk/server/edge"
)

type reportIn struct {
	Code  string `path:"code" maxLength:"20"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Body  struct {
		Text  string   `json:"text" minLength:"2" maxLength:"10"`
		Kind  string   `json:"kind,omitempty" enum:"door,lift"`
		Tags  []string `json:"tags,omitempty" maxItems:"2"`
		Count int32    `json:"count,omitempty"`
	}
}

type reportOut struct {
	Body struct {
		Said string `json:"said"`
	}
}

func TestOperations(t *testing.T) {
	errGone := errors.New("desk: no such request, secret")
	var api *edge.API
	signedIn := edge.Access{Who: edge.SignedIn, Object: "own", Permission: "F-18"}
	s := start(t, func(o *edge.Options) { o.Mappings = []edge.Mapping{{Err: errGone, Status: 404, Code: "not_found"}} }, func(s *edge.Server) {
		api = edge.NewAPI(s, edge.APIInfo{Title: "Tagwerk", Version: "1", Access: open})
		edge.Operation(api, huma.Operation{OperationID: "report", Method: "POST", Path: "/v1/t/{code}/report", Description: "Reports."}, signedIn,
			func(ctx context.Context, in *reportIn) (*reportOut, error) {
				if in.Body.Text == "gone" {
					return nil, fmt.Errorf("wrapped: %w", errGone)
				}
				out := &reportOut{}
				out.Body.Said = fmt.Sprintf("%s %s %d %s", edge.ViewerFrom(ctx).User, in.Code, in.Limit, in.Body.Text)
				return out, nil
			})
		edge.Operation(api, huma.Operation{OperationID: "leave", Method: "DELETE", Path: "/v1/session", DefaultStatus: 204}, open,
			func(context.Context, *struct{}) (*struct{}, error) { return &struct{}{}, nil })
		edge.Operation(api, huma.Operation{OperationID: "photo", Method: "POST", Path: "/v1/photo", MaxBodyBytes: edge.PhotoLimit}, open,
			func(_ context.Context, in *struct {
				RawBody multipart.Form
			}) (*struct {
				ContentType string `header:"Content-Type"`
				Body        []byte
			}, error) {
				out := &struct {
					ContentType string `header:"Content-Type"`
					Body        []byte
				}{ContentType: "application/pdf", Body: fmt.Append(nil, len(in.RawBody.File["f"]))}
				return out, nil
			})
	})
	const asJSON, asTech = "Content-Type: application/json", "Authorization: Bearer tech"
	for _, row := range []struct {
		name, path, body string
		headers          []string
		status           int
		want             string // said, or code and places
	}{
		{"works", "/v1/t/A%20B/report?limit=7", `{"text":"hello"}`, []string{asJSON, asTech}, 200, "p-tech A B 7 hello"},
		{"default of a parameter", "/v1/t/a/report", `{"text":"hello"}`, []string{asJSON, asTech}, 200, "p-tech a 50 hello"},
		{"charset is utf-8", "/v1/t/a/report", `{"text":"hello"}`, []string{"Content-Type: application/json; charset=UTF-8", asTech}, 200, "p-tech a 50 hello"},
		{"the table of errors holds", "/v1/t/a/report", `{"text":"gone"}`, []string{asJSON, asTech}, 404, "not_found"},
		{"no token", "/v1/t/a/report", `{"text":"hello"}`, []string{asJSON}, 401, "sign_in_required"},
		{"a cookie is no token", "/v1/t/a/report", `{"text":"hello"}`, []string{asJSON, "Cookie: __Host-session=tech"}, 401, "sign_in_required"},
		{"bad token", "/v1/t/a/report", `{"text":"hello"}`, []string{asJSON, "Authorization: Bearer nobody"}, 401, "bad_token"},
		{"other scheme", "/v1/t/a/report", `{"text":"hello"}`, []string{asJSON, "Authorization: Basic dGVjaA=="}, 401, "bad_token"},
		{"store down", "/v1/t/a/report", `{"text":"hello"}`, []string{asJSON, "Authorization: Bearer down"}, 500, "internal"},
		{"row 12 form", "/v1/t/a/report", `text=hello`, []string{"Content-Type: application/x-www-form-urlencoded", asTech}, 415, "unsupported_media_type"},
		{"text", "/v1/t/a/report", `{"text":"hello"}`, []string{"Content-Type: text/plain", asTech}, 415, "unsupported_media_type"},
		{"no type", "/v1/t/a/report", `{"text":"hello"}`, []string{"Content-Type: ", asTech}, 415, "unsupported_media_type"},
		{"row 12 +json", "/v1/t/a/report", `{"text":"hello"}`, []string{"Content-Type: application/vnd.x+json", asTech}, 415, "unsupported_media_type"},
		{"charset latin1", "/v1/t/a/report", `{"text":"hello"}`, []string{"Content-Type: application/json; charset=latin1", asTech}, 415, "unsupported_media_type"},
		{"no body", "/v1/t/a/report", ``, []string{asJSON, asTech}, 400, "invalid_request  required"},
		{"unknown key SEC-17", "/v1/t/a/report", `{"text":"hello","role":"admin"}`, []string{asJSON, asTech}, 400, "bad_json /role unknown_key"},
		{"repeated key", "/v1/t/a/report", `{"text":"hello","text":"x"}`, []string{asJSON, asTech}, 400, "bad_json /text repeated_key"},
		{"number out of range", "/v1/t/a/report", `{"text":"hello","count":3000000000}`, []string{asJSON, asTech}, 400, "bad_json /count out_of_range"},
		{"missing key", "/v1/t/a/report", `{}`, []string{asJSON, asTech}, 400, "invalid_request /text required"},
		{"too short", "/v1/t/a/report", `{"text":"x"}`, []string{asJSON, asTech}, 400, "invalid_request /text too_short"},
		{"several", "/v1/t/a/report", `{"text":"12345678901","kind":"car","tags":["a","b","c"]}`, []string{asJSON, asTech}, 400, "invalid_request /kind not_offered /tags too_many /text too_long"},
		{"parameters", "/v1/t/123456789012345678901/report?limit=0", `{"text":"hello"}`, []string{asJSON, asTech}, 400, "invalid_request path.code too_long query.limit too_small"},
		{"parameter of wrong type", "/v1/t/a/report?limit=x", `{"text":"hello"}`, []string{asJSON, asTech}, 400, "invalid_request query.limit wrong_type"},
		{"unknown parameter", "/v1/t/a/report?limits=1", `{"text":"hello"}`, []string{asJSON, asTech}, 400, "invalid_request query.limits unknown_key"},
	} {
		t.Run("SEC-50 operation: "+row.name, func(t *testing.T) {
			a := s.do(t, "POST", row.path, row.body, row.headers...)
			if a.StatusCode != row.status {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			if row.status == 200 {
				if want := `{"said":"` + row.want + `"}` + "\n"; a.body != want || a.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%s %q", a.Header.Get("Content-Type"), a.body)
				}
				return
			}
			got, errs := a.problem(t)
			var places []string
			for _, e := range errs {
				places = append(places, e.Pointer+e.Parameter+" "+e.Code)
			}
			slices.Sort(places)
			if got = strings.Join(append([]string{got}, places...), " "); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if strings.Contains(a.body, "secret") || strings.Contains(a.body, "admin") {
				t.Errorf("leaks: %s", a.body)
			}
		})
	}
	t.Run("an operation without output answers its status", func(t *testing.T) {
		if a := s.do(t, "DELETE", "/v1/session", ""); a.StatusCode != 204 || a.body != "" {
			t.Errorf("%d %q", a.StatusCode, a.body)
		}
	})
	t.Run("row 10 a multipart operation gets bounded parts and answers bytes", func(t *testing.T) {
		part := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nx\r\n"
		a := s.do(t, "POST", "/v1/photo", strings.Repeat(part, edge.PartLimit)+"--b--\r\n", "Content-Type: multipart/form-data; boundary=b")
		if a.StatusCode != 200 || a.body != fmt.Sprint(edge.PartLimit) || a.Header.Get("Content-Type") != "application/pdf" {
			t.Errorf("%d %q", a.StatusCode, a.body)
		}
		if a := s.do(t, "POST", "/v1/photo", strings.Repeat(part, edge.PartLimit+1)+"--b--\r\n", "Content-Type: multipart/form-data; boundary=b"); a.StatusCode != 400 {
			t.Errorf("21 parts: %d", a.StatusCode)
		}
		if a := s.do(t, "POST", "/v1/photo", strings.Repeat("x", edge.JSONLimit+1), "Content-Type: multipart/form-data; boundary=b"); a.StatusCode != 400 {
			t.Errorf("the body limit of the operation does not hold: %d", a.StatusCode)
		}
	})
	t.Run("SEC-12 operations stand in the route table with their access", func(t *testing.T) {
		i := slices.IndexFunc(s.Routes(), func(r edge.Route) bool { return r.Pattern == "/v1/t/{code}/report" && r.Method == "POST" })
		if i < 0 || s.Routes()[i].Access.Permission != "F-18" || !s.Routes()[i].Options.API {
			t.Errorf("route %d of %v", i, s.Routes())
		}
	})
	t.Run("OpenAPI 3.1 describes operations, access and problems", func(t *testing.T) {
		a := s.do(t, "GET", "/openapi.json", "")
		var doc struct {
			OpenAPI    string
			Paths      map[string]map[string]struct{ Description string }
			Components struct{ Schemas map[string]any }
		}
		if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
			t.Fatal(err)
		}
		if op := doc.Paths["/v1/t/{code}/report"]["post"]; doc.OpenAPI != "3.1.0" || op.Description != "Reports.\n\nAccess: signed in; object: own; permission: F-18." {
			t.Errorf("%s %+v", doc.OpenAPI, op)
		}
		if doc.Components.Schemas["Problem"] == nil || doc.Components.Schemas["ErrorModel"] != nil || strings.Contains(a.body, "ErrorModel") {
			t.Errorf("schemas %v", doc.Components.Schemas)
		}
		for _, path := range []string{"/docs", "/openapi.yaml", "/openapi-3.0.json", "/schemas/Problem.json"} {
			if a := s.do(t, "GET", path, ""); a.StatusCode != 404 {
				t.Errorf("%s: %d", path, a.StatusCode)
			}
		}
	})
}

func TestOperationWithoutAccess(t *testing.T) {
	t.Run("SEC-12 an operation without access is refused while wiring", func(t *testing.T) {
		s, err := edge.New(options(t, io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		api := edge.NewAPI(s, edge.APIInfo{Title: "Tagwerk", Version: "1", Access: open})
		defer func() {
			if recover() == nil {
				t.Error("accepted")
			}
		}()
		edge.Operation(api, huma.Operation{OperationID: "x", Method: "GET", Path: "/v1/x"}, edge.Access{},
			func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	})
}
