package edge

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// pagePolicy is the CSP of pages (standards.md section 5).
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; manifest-src 'self'; " +
	"worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const (
	// apiPolicy is also that of files: opened by itself, none can do anything (SEC-64).
	apiPolicy       = "default-src 'none'; sandbox; frame-ancestors 'none'"
	permissions     = "camera=(self), geolocation=()"
	referrer        = "same-origin"
	transport       = "max-age=31536000; includeSubDomains"
	headerRequestID = "X-Request-Id"
)

// applyHeaders sets what each answer has, errors included (SEC-55). It runs last, so that no handler can leave it out.
func (s *Server) applyHeaders(r *Request) {
	h := &r.fctx.Response.Header
	policy := r.policy
	if policy == "" {
		policy = pagePolicy
		if r.route == nil || r.route.Options.API {
			policy = apiPolicy
		}
		if r.route == nil && strings.HasPrefix(string(h.ContentType()), "text/html") {
			policy = pagePolicy
		}
	}
	h.Set(fiber.HeaderContentSecurityPolicy, policy)
	h.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	h.Set(fiber.HeaderReferrerPolicy, referrer)
	h.Set(fiber.HeaderPermissionsPolicy, permissions)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set(headerRequestID, r.id)
	if s.hsts {
		h.Set(fiber.HeaderStrictTransportSecurity, transport)
	}
	cache := r.cache
	if cache == "" {
		cache = "no-store"
	}
	h.Set(fiber.HeaderCacheControl, cache)
	if r.rate.limit != nil {
		r.rate.writeTo(h)
	}
	s.allowOrigin(r)
}

// ParseOrigin checks the exact origin of a page that may call the API, such as https://app.example (SEC-56).
func ParseOrigin(o string) error {
	u, err := url.Parse(o)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != o || strings.Contains(o, "*") {
		return fmt.Errorf("%q is not an origin such as https://app.example", o)
	}
	return nil
}

// crossOrigin reports whether the request comes from one of the configured origins and asks for the API (SEC-56). Cookies are
// never allowed along: pages have no cross-origin callers.
func (s *Server) crossOrigin(r *Request) (string, bool) {
	if len(s.opt.Origins) == 0 || !strings.HasPrefix(string(r.fctx.Request.Header.RequestURI()), "/v1/") {
		return "", false
	}
	origin := r.Header(fiber.HeaderOrigin)
	return origin, slices.Contains(s.opt.Origins, origin)
}

func (s *Server) allowOrigin(r *Request) {
	if origin, ok := s.crossOrigin(r); ok {
		h := &r.fctx.Response.Header
		h.Set(fiber.HeaderAccessControlAllowOrigin, origin)
		h.Set(fiber.HeaderAccessControlExposeHeaders, "Retry-After, RateLimit, RateLimit-Policy, ETag, Link, "+headerRequestID)
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	if len(s.opt.Origins) > 0 {
		r.fctx.Response.Header.Add(fiber.HeaderVary, fiber.HeaderOrigin)
	}
}

// preflight answers the browser's question before a cross-origin call, and reports whether it did.
func (s *Server) preflight(r *Request) bool {
	if string(r.fctx.Method()) != fiber.MethodOptions || len(r.fctx.Request.Header.Peek(fiber.HeaderAccessControlRequestMethod)) == 0 {
		return false
	}
	if _, ok := s.crossOrigin(r); !ok {
		return false
	}
	r.Status(fiber.StatusNoContent)
	r.SetHeader(fiber.HeaderAccessControlAllowMethods, "GET, POST, PUT, PATCH, DELETE")
	r.SetHeader(fiber.HeaderAccessControlAllowHeaders, "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Accept-Language")
	r.SetHeader(fiber.HeaderAccessControlMaxAge, "600")
	return true
}
