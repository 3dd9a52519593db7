package edge

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
)

const (
	typeJSON      = "application/json"
	typeForm      = "application/x-www-form-urlencoded"
	typeMultipart = "multipart/form-data"
)

// Request is one request in the hands of a handler. Everything that its methods return is a copy and may be kept (SEC-58); the
// Request itself must not be used after the handler has returned, nor from another goroutine (row 2).
type Request struct {
	server *Server
	fctx   *fasthttp.RequestCtx // nil once the request is answered
	ctx    context.Context
	cancel context.CancelFunc
	route  *Route
	id     string
	start  time.Time
	host   string
	client netip.Addr
	viewer identity.Viewer
	locale locale.Tag
	params []string
	query  url.Values
	form   *Form
	rate   Decision // zero without a limit
	failed error
	cache  string
	policy string
	random [16]byte
}

type requestKey struct{}

func (s *Server) newRequest(fctx *fasthttp.RequestCtx) *Request {
	r := &Request{server: s, fctx: fctx, start: s.opt.Now()}
	if _, err := io.ReadFull(s.opt.Random, r.random[:]); err != nil {
		panic(fmt.Sprintf("edge: random source: %v", err))
	}
	r.id = hex.EncodeToString(r.random[:])
	r.host = string(fctx.Request.Header.Host())
	r.client = s.clientIP(fctx)
	r.locale = s.languages.negotiate(fctx.Request.Header.Peek(fiber.HeaderAcceptLanguage))
	r.viewer = identity.Nobody(r.locale)
	limited, cancel := context.WithTimeout(s.base, s.opt.Timeouts.Handle)
	r.ctx, r.cancel = requestContext{limited, r}, cancel
	fctx.SetUserValue(requestKey{}, r)
	return r
}

// languages remembers what Accept-Language headers came to: browsers send few different ones, and reading one costs more than
// the rest of an empty request.
type languages struct {
	mu    sync.RWMutex
	known map[string]locale.Tag
}

// maxLanguages bounds the memory that made-up headers can take, with the 256 bytes that locale.Negotiate reads.
const maxLanguages = 512

func (l *languages) negotiate(header []byte) locale.Tag {
	if len(header) == 0 || len(header) > 256 {
		return locale.English
	}
	l.mu.RLock()
	tag, ok := l.known[string(header)]
	l.mu.RUnlock()
	if ok {
		return tag
	}
	tag = locale.Negotiate(string(header))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[string]locale.Tag{}
	}
	if len(l.known) < maxLanguages {
		l.known[string(header)] = tag
	}
	return tag
}

func requestOf(fctx *fasthttp.RequestCtx) *Request {
	r, _ := fctx.UserValue(requestKey{}).(*Request)
	return r
}

// requestContext lets code that has only a context find the viewer and the like. It may outlive the request (a derived context in
// the store), which is why it leads to copied fields only.
type requestContext struct {
	context.Context
	request *Request
}

func (c requestContext) Value(key any) any {
	if _, ok := key.(requestKey); ok {
		return c.request
	}
	return c.Context.Value(key)
}

func from(ctx context.Context) *Request {
	r, _ := ctx.Value(requestKey{}).(*Request)
	return r
}

// ViewerFrom returns the viewer of the request that ctx belongs to, a stranger if it belongs to none.
func ViewerFrom(ctx context.Context) identity.Viewer {
	if r := from(ctx); r != nil {
		return r.viewer
	}
	return identity.Nobody(locale.English)
}

// LocaleFrom returns the language of the answer: the viewer's, else the browser's.
func LocaleFrom(ctx context.Context) locale.Tag {
	if r := from(ctx); r != nil {
		return r.Locale()
	}
	return locale.English
}

// RequestIDFrom returns the id that stands in the access log, or "".
func RequestIDFrom(ctx context.Context) string {
	if r := from(ctx); r != nil {
		return r.id
	}
	return ""
}

// ClientIPFrom returns the address of the client (SEC-52), the zero Addr without a request.
func ClientIPFrom(ctx context.Context) netip.Addr {
	if r := from(ctx); r != nil {
		return r.client
	}
	return netip.Addr{}
}

// HostFrom returns the Host header, for the stranger's contact only: links are built from the public URL (SEC-3, SEC-53).
func HostFrom(ctx context.Context) string {
	if r := from(ctx); r != nil {
		return r.host
	}
	return ""
}

func (r *Request) end() {
	r.cancel()
	r.fctx = nil
}

func (r *Request) pattern() string {
	if r.route == nil {
		return ""
	}
	return r.route.Pattern
}

// Context carries the deadline and the request id; it ends with the request and not at the start of a shutdown (rows 3, 4).
func (r *Request) Context() context.Context { return r.ctx }

// ID is the request id: 16 random bytes in hex, never taken from the client.
func (r *Request) ID() string { return r.id }

// Viewer is who asks.
func (r *Request) Viewer() identity.Viewer { return r.viewer }

// Locale is the language of the answer: the viewer's, else the browser's.
func (r *Request) Locale() locale.Tag {
	if r.viewer.Locale != "" {
		return r.viewer.Locale
	}
	return r.locale
}

// Message resolves a message key in the language of the answer.
func (r *Request) Message(key string, args any) string {
	return r.server.opt.Catalogue.Text(r.Locale(), key, args)
}

// ClientIP is the address of the client, past the configured proxies (SEC-52).
func (r *Request) ClientIP() netip.Addr { return r.client }

// Host is the Host header, for the stranger's contact only (SEC-3).
func (r *Request) Host() string { return r.host }

// Method is the request's method.
func (r *Request) Method() string { return knownMethod(r.fctx.Method()) }

// Path is the path as it was sent, still escaped.
func (r *Request) Path() string { return string(r.fctx.URI().PathOriginal()) }

// Header returns a request header.
func (r *Request) Header(name string) string { return string(r.fctx.Request.Header.Peek(name)) }

// Param returns a path parameter of the pattern, decoded exactly once (SEC-51); "" if the pattern has none of that name.
func (r *Request) Param(name string) string {
	if r.route != nil {
		if i := slices.Index(r.route.names, name); i >= 0 && i < len(r.params) {
			return r.params[i]
		}
	}
	return ""
}

func (r *Request) readParams(c *fiber.Ctx) error {
	r.params = make([]string, len(r.route.names))
	for i, name := range r.route.names {
		if strings.HasSuffix(r.route.Pattern, "{"+name+"...}") {
			name = "*"
		}
		v, err := url.PathUnescape(c.Params(name))
		if err != nil || !cleanText(v) {
			return problemOf("not_found")
		}
		r.params[i] = v
	}
	return nil
}

// Query returns the first value of a query parameter, decoded; "" if absent or not UTF-8.
func (r *Request) Query(name string) string {
	if r.query == nil {
		// A malformed pair is left out, the rest counts.
		r.query, _ = url.ParseQuery(string(r.fctx.URI().QueryString()))
	}
	if v := r.query.Get(name); cleanText(v) {
		return v
	}
	return ""
}

// cleanText reports whether s is UTF-8 without NUL.
func cleanText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// body is the raw body, a view that ends with the request. Nothing is decompressed: a Content-Encoding never gets here (row 10).
func (r *Request) body() []byte { return r.fctx.Request.Body() }

// BodyRaw returns a copy of the body as it was sent.
func (r *Request) BodyRaw() []byte { return slices.Clone(r.body()) }

// DecodeJSON reads the body into v, strictly (SEC-50). The error is a *[Problem].
func (r *Request) DecodeJSON(v any) error { return DecodeJSON(r.body(), v) }

// checkBody refuses a body whose type the route did not ask for (SEC-41, row 12).
func (r *Request) checkBody() error {
	if len(r.body()) == 0 {
		return nil
	}
	media, params, err := mime.ParseMediaType(string(r.fctx.Request.Header.ContentType()))
	if err != nil || !slices.Contains(r.route.Options.ContentTypes, media) {
		return problemOf("unsupported_media_type")
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return problemOf("unsupported_media_type")
	}
	return nil
}

// Form is a decoded form.
type Form struct {
	Values url.Values
	Files  []File
}

// File is one uploaded file. Name and Type are what the client claims (SEC-62, SEC-63).
type File struct {
	Field, Name, Type string
	Data              []byte
}

// Form reads an urlencoded or multipart body of at most [FormFields] fields or [PartLimit] parts. The error is a *[Problem].
func (r *Request) Form() (*Form, error) {
	if r.form != nil {
		return r.form, nil
	}
	media, params, err := mime.ParseMediaType(string(r.fctx.Request.Header.ContentType()))
	switch {
	case len(r.body()) == 0:
		r.form = &Form{Values: url.Values{}}
	case err == nil && media == typeForm:
		r.form, err = readURLForm(r.body())
	case err == nil && media == typeMultipart:
		r.form, err = readMultipart(r.body(), params["boundary"])
	default:
		return nil, problemOf("unsupported_media_type")
	}
	if err != nil {
		r.form = nil
		return nil, &Problem{Code: "bad_form", Status: fiber.StatusBadRequest, Cause: err}
	}
	return r.form, nil
}

func readURLForm(body []byte) (*Form, error) {
	if bytes.Count(body, []byte("&")) >= FormFields {
		return nil, errors.New("too many fields")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	for name, list := range values {
		for _, v := range list {
			if !cleanText(name) || !cleanText(v) {
				return nil, errors.New("not UTF-8")
			}
		}
	}
	return &Form{Values: values}, nil
}

func readMultipart(body []byte, boundary string) (*Form, error) {
	if err := checkParts(body, boundary); err != nil {
		return nil, err
	}
	form := &Form{Values: url.Values{}}
	for reader := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		part, err := reader.NextPart()
		if err == io.EOF {
			return form, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		name, file := part.FormName(), part.FileName()
		if !cleanText(name) || !cleanText(file) {
			return nil, errors.New("not UTF-8")
		}
		if file != "" {
			form.Files = append(form.Files, File{Field: name, Name: file, Type: part.Header.Get(fiber.HeaderContentType), Data: data})
			continue
		}
		if !cleanText(string(data)) {
			return nil, errors.New("not UTF-8")
		}
		form.Values.Add(name, string(data))
	}
}

// checkParts counts delimiters before anything is parsed: 60,000 parts cost one pass over the body.
func checkParts(body []byte, boundary string) error {
	if boundary == "" || bytes.Count(body, []byte("--"+boundary)) > PartLimit+1 {
		return errors.New("no boundary, or too many parts")
	}
	return nil
}

// FormValue returns the first value of a form field, "" if absent or the body is no form.
func (r *Request) FormValue(name string) string {
	f, err := r.Form()
	if err != nil {
		return ""
	}
	return f.Values.Get(name)
}

// SetHeader sets a header of the answer. The security headers are set afterwards and cannot be changed by it.
func (r *Request) SetHeader(name, value string) { r.fctx.Response.Header.Set(name, value) }

// Status sets the status of the answer.
func (r *Request) Status(code int) { r.fctx.SetStatusCode(code) }

// Bytes answers data of a media type.
func (r *Request) Bytes(status int, mediaType string, data []byte) error {
	r.fctx.SetStatusCode(status)
	r.fctx.SetContentType(mediaType)
	r.fctx.SetBody(data)
	return nil
}

// HTML answers a page that html/template has written into a buffer (row 26).
func (r *Request) HTML(status int, page []byte) error {
	return r.Bytes(status, "text/html; charset=utf-8", page)
}

// Text answers plain text.
func (r *Request) Text(status int, text string) error {
	return r.Bytes(status, "text/plain; charset=utf-8", []byte(text))
}

// JSON answers v as JSON.
func (r *Request) JSON(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("edge: encode answer: %w", err)
	}
	return r.Bytes(status, typeJSON, body)
}

// NoContent answers 204.
func (r *Request) NoContent() error {
	r.fctx.SetStatusCode(fiber.StatusNoContent)
	return nil
}

// Attachment answers a file for saving, under a name as RFC 6266 writes it and a policy that lets it do nothing (SEC-63, SEC-64).
func (r *Request) Attachment(mediaType, name string, data []byte) error {
	r.SetHeader(fiber.HeaderContentDisposition, Disposition(name))
	r.policy = "default-src 'none'; sandbox; frame-ancestors 'none'"
	return r.Bytes(fiber.StatusOK, mediaType, data)
}

// Accepts reports whether an Accept header takes a media type (RFC 9110, 12.5.1); no header takes everything.
func Accepts(header, mediaType string) bool {
	if strings.TrimSpace(header) == "" {
		return true
	}
	kind, _, _ := strings.Cut(mediaType, "/")
	for _, part := range strings.Split(header, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err == nil && params["q"] != "0" && (media == mediaType || media == kind+"/*" || media == "*/*") {
			return true
		}
	}
	return false
}

// Disposition writes the Content-Disposition of an attachment (RFC 6266, RFC 8187). Control characters and path separators of the
// name become "_".
func Disposition(name string) string {
	clean := strings.Map(func(c rune) rune {
		if c < 0x20 || c == 0x7f || c == utf8.RuneError || strings.ContainsRune(`/\"`, c) {
			return '_'
		}
		return c
	}, name)
	plain := strings.Map(func(c rune) rune {
		if c > 0x7e || c == '%' {
			return '_'
		}
		return c
	}, clean)
	if plain == clean {
		return `attachment; filename="` + plain + `"`
	}
	// url.PathEscape leaves a few signs that attr-char of RFC 8187 does not have.
	escaped := strings.NewReplacer("@", "%40", ":", "%3A", "=", "%3D", "'", "%27", "(", "%28", ")", "%29", "*", "%2A", ",", "%2C", ";", "%3B").Replace(url.PathEscape(clean))
	return `attachment; filename="` + plain + `"; filename*=UTF-8''` + escaped
}

// CachePublic lets everyone keep the answer: for assets whose name holds the hash of their content (row 27). All other answers
// are no-store.
func (r *Request) CachePublic() { r.cache = "public, max-age=31536000, immutable" }

// Redirect answers 303 to one of our own paths (SEC-57). Any other target is an error.
func (r *Request) Redirect(path string) error {
	if !OwnPath(path) {
		return errors.New("edge: redirect to a target that is not an own path")
	}
	r.fctx.SetStatusCode(fiber.StatusSeeOther)
	r.SetHeader(fiber.HeaderLocation, path)
	return nil
}

// OwnPath reports whether s is a path of this server with optional query, as a browser would read it: "//host", "/\host" and
// anything with a scheme, host, fragment or control character is not.
func OwnPath(s string) bool {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\#") || !cleanText(s) {
		return false
	}
	for _, c := range s {
		if c <= 0x20 || c == 0x7f {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil && u.Opaque == "" && !strings.HasPrefix(u.Path, "//") && !strings.Contains(u.Path, "\\")
}
