package edge

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
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
	// credentials are those that the viewer was found by, for [Wait].
	credentials Credentials
	locale      locale.Tag
	params      []string
	query       url.Values
	form        *Form
	rate        Decision // zero without a limit
	failed      error
	cache       string
	policy      string
	random      [16]byte
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

// Context carries the deadline and what [ViewerFrom] and the like return; it ends with the request and not at the start of a shutdown (rows 3, 4).
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
