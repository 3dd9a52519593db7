package edge

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
)

// API is a set of typed operations with their OpenAPI 3.1 description, on the routes of a [Server].
//
// Huma's own adapter for Fiber is not used: it reads bodies through the decompressing accessor (row 10), leaves path parameters
// escaped (row 13) and hands out unbounded multipart forms. The adapter here stands on [Request] instead.
type API struct {
	server *Server
	huma   huma.API
	spec   func() ([]byte, error)
}

// APIInfo describes an API. Access is that of its description at /openapi.json (SEC-96).
type APIInfo struct {
	Title, Version, Description string
	Access                      Access
}

// NewAPI adds an API without operations to a server.
func NewAPI(s *Server, info APIInfo) *API {
	api := &API{server: s}
	format := huma.Format{
		Marshal: newJSONWriter(),
		// The body was read strictly before Huma sees it.
		Unmarshal: json.Unmarshal,
	}
	api.huma = huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: info.Title, Version: info.Version, Description: info.Description},
			Servers: []*huma.Server{{URL: s.public.String()}},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer"}},
			},
		},
		Formats:                      map[string]huma.Format{typeJSON: format, "json": format},
		DefaultFormat:                typeJSON,
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{catchErrors},
	}, adapter{s})
	schemas := api.huma.OpenAPI().Components.Schemas
	schemas.Map()["Problem"] = schemas.Schema(reflect.TypeFor[problemBody](), false, "")
	api.spec = sync.OnceValues(func() ([]byte, error) {
		// Huma registers its own error form with each operation; ours is the one that is answered.
		delete(schemas.Map(), "ErrorModel")
		delete(schemas.Map(), "ErrorDetail")
		return json.Marshal(api.huma.OpenAPI())
	})
	s.Handle(fiber.MethodGet, "/openapi.json", info.Access, RouteOptions{API: true}, func(r *Request) error {
		body, err := api.spec()
		if err != nil {
			return err
		}
		return r.Bytes(fiber.StatusOK, "application/openapi+json", body)
	})
	return api
}

// Appender is an answer that writes its own JSON, because it is asked for so often that encoding/json would be felt.
type Appender interface {
	AppendJSON(b []byte) []byte
}

// newJSONWriter returns a function that writes an answer whole or not at all.
func newJSONWriter() func(w io.Writer, v any) error {
	buffers := sync.Pool{New: func() any { return new([]byte) }}
	return func(w io.Writer, v any) error {
		a, ok := v.(Appender)
		if !ok {
			e := json.NewEncoder(w)
			e.SetEscapeHTML(false)
			// It writes once, after all is encoded.
			return e.Encode(v)
		}
		b := buffers.Get().(*[]byte)
		*b = append(a.AppendJSON((*b)[:0]), '\n')
		_, err := w.Write(*b)
		if cap(*b) <= JSONLimit {
			buffers.Put(b)
		}
		return err
	}
}

// OpenAPI is the description of all operations, for tests. Do not change it.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

const (
	metaAccess  = "edge.access"
	metaOptions = "edge.options"
	metaBody    = "edge.body"
)

// Operation registers one typed operation. I and O are Huma input and output structs; the viewer is [ViewerFrom] of the context.
// Errors of the handler go through the table of [Options.Mappings] like those of pages. At most one RouteOptions is given; its
// API, Body and ContentTypes follow from op and I. It panics like [Server.Handle]. A RawBody []byte of I is a buffer of Huma's that
// is used again after the handler; everything else in I is a copy.
func Operation[I, O any](api *API, op huma.Operation, access Access, handler func(ctx context.Context, in *I) (*O, error), options ...RouteOptions) {
	var o RouteOptions
	if len(options) > 0 {
		o = options[0]
	}
	o.API = true
	if o.Body == 0 && op.MaxBodyBytes > 0 {
		o.Body = int(op.MaxBodyBytes)
	}
	// The edge has measured the body before Huma reads it, and Huma refuses at "equal" instead of "above".
	op.MaxBodyBytes = -1
	op.Metadata = map[string]any{metaAccess: access, metaOptions: o}
	if f, ok := reflect.TypeFor[I]().FieldByName("Body"); ok {
		op.Metadata[metaBody] = shapeOf(f.Type)
	}
	op.Description = strings.TrimSpace(op.Description + "\n\n" + accessNote(access))
	if access.Who != Public {
		op.Security = []map[string][]string{{"bearer": {}}}
	}
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses["default"] = &huma.Response{Description: "Problem (RFC 9457)", Content: map[string]*huma.MediaType{
		typeProblem: {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}},
	}}
	huma.Register(api.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			// Told apart by its own table after Huma has returned; Huma writes nothing for a nil output.
			from(ctx).failed = err
			return nil, nil
		}
		return out, nil
	})
}

func accessNote(a Access) string {
	note := "Access: " + a.Who.String()
	for i, r := range a.Roles {
		note += []string{" (", ", "}[min(i, 1)] + string(r)
	}
	if len(a.Roles) > 0 {
		note += ")"
	}
	return note + "; object: " + a.Object + "; permission: " + a.Permission + "."
}

// adapter puts Huma's operations on the routes of the server.
type adapter struct{ server *Server }

// Handle registers an operation that [Operation] has prepared.
func (a adapter) Handle(op *huma.Operation, serve func(huma.Context)) {
	access, ok := op.Metadata[metaAccess].(Access)
	if !ok {
		panic("edge: operation " + op.OperationID + " has no access: register it with edge.Operation")
	}
	options, _ := op.Metadata[metaOptions].(RouteOptions)
	body, _ := op.Metadata[metaBody].(*shape)
	options.ContentTypes = []string{}
	if op.RequestBody != nil {
		for mediaType := range op.RequestBody.Content {
			options.ContentTypes = append(options.ContentTypes, mediaType)
		}
	}
	isJSON := slices.Contains(options.ContentTypes, typeJSON)
	a.server.Handle(op.Method, op.Path, access, options, func(r *Request) error {
		if isJSON && body != nil && len(r.body()) > 0 {
			if err := checkJSON(r.body(), body); err != nil {
				return err
			}
		}
		serve(&humaContext{op: op, r: r})
		return r.failed
	})
}

// ServeHTTP is asked for by Huma's test tools only; operations are tested over a listener.
func (adapter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "not served here", http.StatusNotImplemented)
}

// catchErrors sees the errors that Huma found in the input before they are written, and keeps them for the server's own answer.
func catchErrors(ctx huma.Context, _ string, v any) (any, error) {
	if e, ok := v.(*huma.ErrorModel); ok {
		from(ctx.Context()).failed = inputProblem(e)
		return nil, nil
	}
	return v, nil
}

func inputProblem(e *huma.ErrorModel) error {
	switch {
	case e.Status >= 500:
		return fmt.Errorf("edge: huma: %s", e.Detail)
	case e.Status == http.StatusUnsupportedMediaType:
		return problemOf("unsupported_media_type")
	}
	p := &Problem{Code: "invalid_request", Status: fiber.StatusBadRequest}
	for _, d := range e.Errors {
		if d != nil && len(p.Fields) < maxFieldErrors {
			p.Fields = append(p.Fields, fieldError(d))
		}
	}
	if len(e.Errors) == 0 {
		p.Fields = []FieldError{{Code: "required"}}
	}
	return p
}

// complaints recognises Huma's validation messages, which are fixed texts in English, so that they can be told in the reader's
// language. Longer beginnings stand before shorter ones.
var complaints = []struct{ begins, code string }{
	{"unexpected property", "unknown_key"},
	{"unknown query parameter", "unknown_key"},
	{"expected required property ", "required"},
	{"required ", "required"},
	{"expected value to be one of", "not_offered"},
	{"expected number >= ", "too_small"},
	{"expected number > ", "too_small"},
	{"expected number <= ", "too_large"},
	{"expected number < ", "too_large"},
	{"expected array length >= ", "too_few"},
	{"expected array length <= ", "too_many"},
	{"expected array items to be unique", "repeated"},
	{"expected length >= ", "too_short"},
	{"expected length <= ", "too_long"},
	{"expected string to ", "bad_form"},
	{"expected boolean", "wrong_type"},
	{"expected number", "wrong_type"},
	{"expected integer", "wrong_type"},
	{"expected string", "wrong_type"},
	{"expected array", "wrong_type"},
	{"expected object", "wrong_type"},
	{"invalid ", "wrong_type"},
}

var indexes = regexp.MustCompile(`\[(\d+)\]`)

// fieldError translates a complaint of Huma. Its value is left out: it is the client's own input, perhaps a secret.
func fieldError(d *huma.ErrorDetail) FieldError {
	f := FieldError{Code: "invalid"}
	rest := ""
	for _, c := range complaints {
		if after, ok := strings.CutPrefix(d.Message, c.begins); ok {
			f.Code, rest = c.code, after
			break
		}
	}
	switch f.Code {
	case "too_small", "too_large", "too_few", "too_many", "too_short", "too_long":
		f.Args = map[string]any{"Limit": rest}
	}
	place, inner, _ := strings.Cut(d.Location, ".")
	if place != "body" {
		f.Parameter = d.Location
		return f
	}
	if inner != "" {
		f.Pointer = pointer(strings.Split(indexes.ReplaceAllString(inner, ".$1"), "."))
	}
	if f.Code == "required" {
		if name, ok := strings.CutSuffix(rest, " to be present"); ok {
			f.Pointer += pointer([]string{name})
		}
	}
	return f
}

// humaContext shows a request to Huma.
type humaContext struct {
	op     *huma.Operation
	r      *Request
	status int
}

// Operation returns the operation.
func (c *humaContext) Operation() *huma.Operation { return c.op }

// Context returns the context of the request.
func (c *humaContext) Context() context.Context { return c.r.ctx }

// TLS returns the state of the connection, nil without TLS.
func (c *humaContext) TLS() *tls.ConnectionState { return c.r.fctx.TLSConnectionState() }

// Version returns the version of the protocol, always HTTP/1 (row 20).
func (c *humaContext) Version() huma.ProtoVersion {
	return huma.ProtoVersion{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

// Method returns the method.
func (c *humaContext) Method() string { return c.r.Method() }

// Host returns the Host header.
func (c *humaContext) Host() string { return c.r.host }

// RemoteAddr returns the client's address, past trusted proxies.
func (c *humaContext) RemoteAddr() string { return c.r.client.String() }

// URL returns path and query.
func (c *humaContext) URL() url.URL {
	return url.URL{Path: c.r.Path(), RawQuery: string(c.r.fctx.URI().QueryString())}
}

// Param returns a decoded path parameter.
func (c *humaContext) Param(name string) string { return c.r.Param(name) }

// Query returns a query parameter.
func (c *humaContext) Query(name string) string { return c.r.Query(name) }

// Header returns a request header.
func (c *humaContext) Header(name string) string { return c.r.Header(name) }

// EachHeader visits the request headers.
func (c *humaContext) EachHeader(visit func(name, value string)) {
	for k, v := range c.r.fctx.Request.Header.All() {
		visit(string(k), string(v))
	}
}

// BodyReader reads the body as it was sent (row 10).
func (c *humaContext) BodyReader() io.Reader { return bytes.NewReader(c.r.body()) }

// GetMultipartForm reads a multipart body of at most PartLimit parts, in memory: it is no larger than the route's body limit.
func (c *humaContext) GetMultipartForm() (*multipart.Form, error) {
	boundary := string(c.r.fctx.Request.Header.MultipartFormBoundary())
	if err := checkParts(c.r.body(), boundary); err != nil {
		return nil, err
	}
	return multipart.NewReader(bytes.NewReader(c.r.body()), boundary).ReadForm(int64(len(c.r.body())) + 1<<20)
}

// SetReadDeadline does nothing: the body has been read within the server's own timeouts.
func (c *humaContext) SetReadDeadline(time.Time) error { return nil }

// SetStatus sets the status.
func (c *humaContext) SetStatus(code int) {
	c.status = code
	c.r.Status(code)
}

// Status returns the status set.
func (c *humaContext) Status() int { return c.status }

// SetHeader sets a header of the answer.
func (c *humaContext) SetHeader(name, value string) { c.r.SetHeader(name, value) }

// AppendHeader adds a header to the answer.
func (c *humaContext) AppendHeader(name, value string) { c.r.fctx.Response.Header.Add(name, value) }

// BodyWriter writes the body of the answer.
func (c *humaContext) BodyWriter() io.Writer { return c.r.fctx.Response.BodyWriter() }
