// Package edge holds all knowledge of Fiber and of HTTP at the socket: what a request may look like, who sent it, how long it
// may take, and how a failure is told. Handlers of the front ends see a [Request] or a context, never a fiber.Ctx.
//
// The 27 traps of style.md part 5 end here; a test parses the whole tree and refuses the banned calls elsewhere.
// TLS and HTTP/1.1 are served directly; HTTP/2 belongs to a proxy in front (row 20). Rate limits are counted per instance (row 21).
package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
)

// Credentials is what a request brings to prove who sends it: at most one of the two is set. Routes under /v1 read bearer
// tokens only, pages read the session cookie only, so that no cookie can act through the API.
type Credentials struct{ Bearer, Cookie string }

// Timeouts bound a connection and a request. A zero field means its default.
type Timeouts struct {
	Read   time.Duration // header and body of a request; 10 s
	Upload time.Duration // the most for a body above [JSONLimit], at 64 KiB a second; 120 s
	Write  time.Duration // one answer; 30 s
	Idle   time.Duration // between two requests of a connection; 60 s
	Handle time.Duration // deadline of the context that handlers get (SEC-49); 20 s
	Drain  time.Duration // after the stop signal until open requests are cut off; 12 s, more than Read (row 6)
}

// Options is all that a [Server] needs. Fields without "optional" are required.
type Options struct {
	// PublicURL is the configured base of all links, such as "https://tagwerk.example" (SEC-53).
	PublicURL string
	Catalogue *locale.Catalogue
	Logger    *slog.Logger
	// Now is the clock and Random the source of request ids; both must be safe for concurrent use.
	Now    func() time.Time
	Random io.Reader
	// Authenticate answers the viewer of the credentials. Unknown and expired ones are [identity.Nobody] without an error;
	// an error means that it could not be found out. It is not called for a request without credentials.
	Authenticate func(ctx context.Context, c Credentials, l locale.Tag) (identity.Viewer, error)
	// Mappings is the ordered table from errors of the domain to answers, searched before the entries of this package; optional.
	Mappings []Mapping
	// ErrorPage answers a failure on a page route with r.HTML; the status is already set. Optional: plain text without it.
	ErrorPage func(r *Request, f Failure) error
	// Ready reports why the server cannot work now, nil if it can; optional.
	Ready func(ctx context.Context) error
	// TrustedProxies are the CIDRs whose X-Forwarded-For is read (SEC-52); optional.
	TrustedProxies []string
	// Origins are the exact origins that may call the API from a browser (SEC-56); optional, none by default.
	Origins []string
	// Limits is the table of rate limits; optional, [DefaultLimits] without it.
	Limits   []Limit
	Timeouts Timeouts
	// TLS serves https on the listener; optional.
	TLS *tls.Config
}

// Server answers HTTP on one listener.
type Server struct {
	opt      Options
	app      *fiber.App
	fiber    fasthttp.RequestHandler
	public   *url.URL
	proxies  []netip.Prefix
	limiter  *Limiter
	routes   []Route
	large    []bodyRule
	mappings []Mapping
	hsts     bool
	base     context.Context
	cut      context.CancelFunc
	draining atomic.Bool
	// stopping ends when draining begins, for requests that only wait.
	stopping context.Context
	stop     context.CancelFunc

	languages languages
}

// New checks the options and returns a server without routes but /healthz and /readyz. It fails on a public URL that is not
// http(s), a proxy that is not a CIDR, an origin that is not one, and a mapping whose code has no text.
func New(o Options) (*Server, error) {
	if o.Catalogue == nil || o.Logger == nil || o.Now == nil || o.Random == nil || o.Authenticate == nil {
		return nil, errors.New("edge: catalogue, logger, clock, random source and authentication are required")
	}
	o.Timeouts = o.Timeouts.orDefault()
	if o.Timeouts.Drain <= o.Timeouts.Read {
		return nil, fmt.Errorf("edge: drain budget %v must be longer than the read timeout %v", o.Timeouts.Drain, o.Timeouts.Read)
	}
	public, err := url.Parse(o.PublicURL)
	if err != nil || public.Host == "" || (public.Scheme != "http" && public.Scheme != "https") || strings.TrimSuffix(public.Path, "/") != "" || public.RawQuery != "" || public.User != nil {
		return nil, fmt.Errorf("edge: public URL %q is not like https://host", o.PublicURL)
	}
	public.Path = ""
	var proxies []netip.Prefix
	for _, cidr := range o.TrustedProxies {
		p, err := ParseProxy(cidr)
		if err != nil {
			return nil, fmt.Errorf("edge: trusted proxy %w", err)
		}
		proxies = append(proxies, p)
	}
	for _, origin := range o.Origins {
		if err := ParseOrigin(origin); err != nil {
			return nil, fmt.Errorf("edge: %w", err)
		}
	}
	if o.Limits == nil {
		o.Limits = DefaultLimits()
	}
	limiter, err := NewLimiter(o.Limits, o.Now)
	if err != nil {
		return nil, err
	}
	s := &Server{
		opt: o, public: public, proxies: proxies, limiter: limiter,
		mappings: append(append([]Mapping{}, o.Mappings...), ownMappings()...),
		hsts:     public.Scheme == "https" && !localHost(public.Hostname()),
	}
	if err := s.checkTexts(); err != nil {
		return nil, err
	}
	s.base, s.cut = context.WithCancel(context.Background())
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.app = fiber.New(fiber.Config{
		Immutable:     true,                      // row 1
		StrictRouting: true, CaseSensitive: true, // row 14
		BodyLimit:                    JSONLimit, // row 11; larger ones through HeaderReceived
		DisablePreParseMultipartForm: true,
		ReadBufferSize:               HeaderLimit, // row 18
		ReadTimeout:                  o.Timeouts.Read,
		WriteTimeout:                 o.Timeouts.Write,
		IdleTimeout:                  o.Timeouts.Idle,
		EnableTrustedProxyCheck:      true, // row 8: with an empty list nothing forwarded is believed
		DisableStartupMessage:        true,
		ErrorHandler:                 s.unrouted,
	})
	s.fiber = s.app.Server().Handler
	h := s.app.Server()
	h.Handler = s.serve
	h.HeaderReceived = s.headerReceived
	h.ErrorHandler = s.transportError
	h.SecureErrorLogMessage = true
	h.CloseOnShutdown = true
	s.health()
	return s, nil
}

func (t Timeouts) orDefault() Timeouts {
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&t.Read, 10 * time.Second}, {&t.Upload, 120 * time.Second}, {&t.Write, 30 * time.Second},
		{&t.Idle, 60 * time.Second}, {&t.Handle, 20 * time.Second}, {&t.Drain, 12 * time.Second},
	} {
		if *f.v <= 0 {
			*f.v = f.d
		}
	}
	return t
}

// Limiter is the server's rate limiter, for limits that a front end counts itself (misses of the scan).
func (s *Server) Limiter() *Limiter { return s.limiter }

// PublicURL returns the absolute URL of one of our paths, from the configuration only (SEC-53).
func (s *Server) PublicURL(path string) string { return s.public.String() + path }

// Listen serves on ln until ctx ends, then lets open requests finish within the drain budget, cuts off the rest, and closes ln.
// It returns after the last connection is closed: nil after a stop, the cause if serving failed. A server listens once.
func (s *Server) Listen(ctx context.Context, ln net.Listener) error {
	conns := newConnections(ln)
	var serveOn net.Listener = conns
	if s.opt.TLS != nil {
		conf := s.opt.TLS.Clone()
		conf.NextProtos = []string{"http/1.1"}
		serveOn = tls.NewListener(conns, conf)
	}
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(serveOn) }()
	select {
	case err := <-served:
		s.stop()
		s.cut()
		conns.closeAll()
		return errors.Join(fmt.Errorf("edge: serving ended: %w", errOr(err, net.ErrClosed)), ignoreClosed(ln.Close()))
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.stop()
	budget, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opt.Timeouts.Drain)
	defer cancel()
	shut := s.app.ShutdownWithContext(budget)
	// Shutdown before Serve has begun returns at once and Serve would start afterwards (row 7): closing the listener ends it.
	closed := ignoreClosed(ln.Close())
	s.cut()
	conns.closeAll()
	<-served
	if shut != nil && !errors.Is(shut, context.DeadlineExceeded) {
		return fmt.Errorf("edge: shutdown: %w", shut)
	}
	if shut != nil {
		s.opt.Logger.Warn("requests were cut off at the end of the drain budget")
	}
	return closed
}

func errOr(err, otherwise error) error {
	if err == nil {
		return otherwise
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// serve is the outermost handler: nothing of Fiber runs before it, and it answers everything that came through the parser.
func (s *Server) serve(fctx *fasthttp.RequestCtx) {
	r := s.newRequest(fctx)
	defer s.finish(r)
	if err := inspect(&fctx.Request.Header); err != nil {
		s.refuse(r, err)
		return
	}
	if knownMethod(fctx.Method()) == "" {
		// Fiber answers these itself, without headers or error handler.
		s.fail(r, problemOf("method_not_allowed"))
		return
	}
	if s.preflight(r) {
		return
	}
	s.fiber(fctx)
}

// finish runs after everything else of a request, also after a panic (row 15).
func (s *Server) finish(r *Request) {
	if p := recover(); p != nil {
		s.opt.Logger.Error("panic", "request_id", r.id, "route", r.pattern(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		s.fail(r, problemOf("internal"))
	}
	s.applyHeaders(r)
	s.logAccess(r)
	r.end()
}

// unrouted is Fiber's error handler. Handlers' errors never come here (row 17), only "no such route" and "no such method".
func (s *Server) unrouted(c *fiber.Ctx, err error) error {
	r := requestOf(c.Context())
	allow := string(c.Response().Header.Peek(fiber.HeaderAllow))
	if errors.Is(err, fiber.ErrMethodNotAllowed) {
		s.fail(r, problemOf("method_not_allowed"))
		r.SetHeader(fiber.HeaderAllow, allow)
		return nil
	}
	s.fail(r, problemOf("not_found"))
	return nil
}

// transportError answers what fasthttp could not read. Nothing of the request may be relied on: at 431 method, path and
// headers are gone (row 16). The connection is closed after it.
func (s *Server) transportError(fctx *fasthttp.RequestCtx, err error) {
	r := s.newRequest(fctx)
	defer s.finish(r)
	var netErr net.Error
	var small *fasthttp.ErrSmallBuffer
	cause := inspect(&fctx.Request.Header)
	switch {
	case cause != nil && !errors.As(err, &small):
		s.refuse(r, cause)
	case errors.As(err, &small):
		s.refuse(r, problemOf("header_too_large"))
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		s.refuse(r, problemOf("body_too_large"))
	case errors.As(err, &netErr) && netErr.Timeout():
		s.refuse(r, problemOf("request_timeout"))
	default:
		s.refuse(r, problemOf("bad_request"))
	}
}

// refuse answers and closes the connection, reading on for a moment so that the client sees the answer instead of a reset.
func (s *Server) refuse(r *Request, err error) {
	s.fail(r, err)
	r.fctx.SetConnectionClose()
	lingerOn(r.fctx.Conn())
}

func (s *Server) health() {
	open := Access{Who: Public, Object: "none", Permission: "none"}
	o := RouteOptions{API: true, NoViewer: true}
	s.Handle(fiber.MethodGet, "/healthz", open, o, func(r *Request) error {
		return r.Text(fiber.StatusOK, "ok\n")
	})
	s.Handle(fiber.MethodGet, "/readyz", open, o, func(r *Request) error {
		if s.draining.Load() {
			return problemOf("unavailable")
		}
		if s.opt.Ready != nil {
			if err := s.opt.Ready(r.Context()); err != nil {
				s.opt.Logger.Warn("not ready", "request_id", r.id, "error", err)
				return problemOf("unavailable")
			}
		}
		return r.Text(fiber.StatusOK, "ready\n")
	})
}
