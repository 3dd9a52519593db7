package edge

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tagwerk/tagwerk/server/identity"
)

const (
	cookiePrefix  = "__Host-"
	sessionCookie = "session"
	// maxCredential bounds what is handed to authentication: a token of 256 bits needs 64 signs.
	maxCredential = 256
)

// Cookie is a cookie of ours. Its name gets the prefix "__Host-", which ties it to this host and path "/" (SEC-39, row 23).
type Cookie struct {
	Name, Value string
	// Lifetime 0 makes it end with the browser.
	Lifetime time.Duration
}

// SetCookie is the only way to set a cookie: Secure, HttpOnly, SameSite=Lax, Path=/, no Domain. A lifetime below zero removes it.
func (r *Request) SetCookie(c Cookie) {
	var k fasthttp.Cookie
	k.SetKey(cookiePrefix + c.Name)
	k.SetValue(c.Value)
	k.SetPath("/")
	k.SetSecure(true)
	k.SetHTTPOnly(true)
	k.SetSameSite(fasthttp.CookieSameSiteLaxMode)
	switch {
	case c.Lifetime < 0:
		k.SetValue("")
		k.SetExpire(fasthttp.CookieExpireDelete)
	case c.Lifetime > 0:
		k.SetMaxAge(int(c.Lifetime.Seconds()))
	}
	r.fctx.Response.Header.SetCookie(&k)
}

// Cookie returns the value of our cookie of that name, "" if there is none.
func (r *Request) Cookie(name string) string {
	return string(r.fctx.Request.Header.Cookie(cookiePrefix + name))
}

// SetSession stores the secret of a new session; ClearSession removes it.
func (r *Request) SetSession(secret string, lifetime time.Duration) {
	r.SetCookie(Cookie{Name: sessionCookie, Value: secret, Lifetime: lifetime})
}

// ClearSession removes the session cookie.
func (r *Request) ClearSession() { r.SetCookie(Cookie{Name: sessionCookie, Lifetime: -1}) }

// authenticate finds the viewer. API routes know bearer tokens only and pages the cookie only, so that no foreign page can act
// through a cookie on the API. A bad token is told; a stale cookie makes a stranger.
func (s *Server) authenticate(r *Request) error {
	var c Credentials
	if r.route.Options.API {
		header := r.Header(fiber.HeaderAuthorization)
		if header == "" {
			return nil
		}
		scheme, token, _ := strings.Cut(header, " ")
		if c.Bearer = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || c.Bearer == "" || len(c.Bearer) > maxCredential {
			return problemOf("bad_token")
		}
	} else if c.Cookie = r.Cookie(sessionCookie); c.Cookie == "" || len(c.Cookie) > maxCredential {
		return nil
	}
	viewer, err := s.opt.Authenticate(r.ctx, c, r.locale)
	if err != nil {
		return err
	}
	if c.Bearer != "" && viewer.Kind == identity.Stranger {
		return problemOf("bad_token")
	}
	if viewer.Kind == identity.DoorController && r.route.Access.Who != Controller {
		return nil // a key opens the routes of controllers only; elsewhere its bearer is a stranger (SEC-42)
	}
	r.viewer, r.credentials = viewer, c
	return nil
}

// checkSameSite refuses a request that another site made a browser send (SEC-41): by Sec-Fetch-Site, which pages cannot forge,
// else by Origin against the public URL. A program sends neither and carries no ambient cookie.
func (s *Server) checkSameSite(r *Request) error {
	switch r.Header("Sec-Fetch-Site") {
	case "same-origin", "none":
		return nil
	case "":
	default:
		return problemOf("cross_site")
	}
	origin := r.Header(fiber.HeaderOrigin)
	if origin != "" && !strings.EqualFold(origin, s.public.Scheme+"://"+s.public.Host) {
		return problemOf("cross_site")
	}
	return nil
}
