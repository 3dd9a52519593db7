package edge

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/tagwerk/tagwerk/server/identity"
)

// Who is the first question of an [Access]. The zero value is none, so that a forgotten Access cannot be registered.
type Who int

// Who may call a route. Finer questions are answered by the domain with the viewer as an argument.
const (
	// Public routes answer everybody, each viewer by what he may see.
	Public Who = iota + 1
	// SignedIn routes answer staff and customer users.
	SignedIn
	// Customer routes answer customer users only.
	Customer
	// Staff routes answer staff of a provider only.
	Staff
	// Controller routes answer door controllers only, by their keys.
	Controller
)

// String names the value in the authorisation matrix.
func (w Who) String() string {
	switch w {
	case Public:
		return "public"
	case SignedIn:
		return "signed in"
	case Customer:
		return "customer"
	case Staff:
		return "staff"
	case Controller:
		return "door controller"
	}
	return "undeclared"
}

// Access is what each route declares (SEC-12). The generated authorisation matrix reads it.
type Access struct {
	Who Who
	// Roles narrows Who; empty means all roles of that kind.
	Roles []identity.Role
	// Object says in a few words which objects the route reaches, such as "components of own customer, as granted".
	Object string
	// Permission names the permission asked for by the domain, such as "F-18" or "none".
	Permission string
	// AllowUnenrolled opens the route to staff who must still set up a second factor (SEC-33): enrolment and sign-out.
	AllowUnenrolled bool
}

// RouteOptions refines a route. The zero value is a page that takes small forms.
type RouteOptions struct {
	// API marks a route for programs: bearer tokens instead of the cookie, failures as problem+json. Operations always are.
	API bool
	// Body is the largest body in bytes; 0 means [JSONLimit].
	Body int
	// ContentTypes are the media types that a body may have; nil means JSON on API routes and urlencoded forms on pages.
	ContentTypes []string
	// Limit names an entry of [Options.Limits] that counts each request by user, or by address if nobody is signed in.
	Limit string
	// NoViewer skips authentication on routes that are the same for everyone, such as assets.
	NoViewer bool
}

// Route is one line of the route table.
type Route struct {
	Method, Pattern string
	Access          Access
	Options         RouteOptions

	handler func(*Request) error
	limit   *limitState
	names   []string // of the parameters, in order
}

type bodyRule struct {
	method   string
	segments []string
	limit    int
}

// Handle registers a route. Pattern has parameters in braces, "/t/{code}", and at its end "{rest...}" for any remainder.
// A GET route answers HEAD as well. Handle panics if the access is incomplete, the limit unknown or the pattern malformed: it
// is called while the program is wired, before anything listens.
func (s *Server) Handle(method, pattern string, access Access, options RouteOptions, handler func(*Request) error) {
	at := "edge: route " + method + " " + pattern + ": "
	if access.Who < Public || access.Who > Controller || access.Object == "" || access.Permission == "" {
		panic(at + "access must say who, object and permission (SEC-12)")
	}
	for _, role := range access.Roles {
		if !role.Known() || (access.Who == Staff && !role.Staff()) || (access.Who == Customer && role.Staff()) || access.Who == Public || access.Who == Controller {
			panic(at + fmt.Sprintf("role %q does not fit %v", role, access.Who))
		}
	}
	if knownMethod([]byte(method)) == "" {
		panic(at + "unknown method")
	}
	if options.ContentTypes == nil {
		options.ContentTypes = []string{typeForm}
		if options.API {
			options.ContentTypes = []string{typeJSON}
		}
	}
	route := &Route{Method: method, Pattern: pattern, Access: access, Options: options, handler: handler}
	if options.Limit != "" {
		if route.limit = s.limiter.state(options.Limit); route.limit == nil {
			panic(at + "no limit is called " + options.Limit)
		}
	}
	path, names, err := fiberPattern(pattern)
	if err != nil {
		panic(at + err.Error())
	}
	route.names = names
	if options.Body > JSONLimit {
		s.large = append(s.large, bodyRule{method: method, segments: strings.Split(pattern, "/"), limit: options.Body})
	}
	s.routes = append(s.routes, *route)
	run := func(c *fiber.Ctx) error {
		r := requestOf(c.Context())
		r.route = route
		if err := s.run(c, r); err != nil {
			s.fail(r, err)
		}
		return nil
	}
	s.app.Add(method, path, run)
	if method == fiber.MethodGet {
		s.app.Add(fiber.MethodHead, path, run)
	}
}

// Routes returns the table of all routes in the order of their registration, for the authorisation matrix.
func (s *Server) Routes() []Route { return slices.Clone(s.routes) }

func fiberPattern(pattern string) (path string, names []string, err error) {
	if !strings.HasPrefix(pattern, "/") || strings.ContainsAny(pattern, ":*+?") {
		return "", nil, fmt.Errorf("pattern must begin with / and have parameters in braces")
	}
	segments := strings.Split(pattern, "/")
	for i, segment := range segments {
		if !strings.ContainsAny(segment, "{}") {
			continue
		}
		name, opened := strings.CutPrefix(segment, "{")
		name, closed := strings.CutSuffix(name, "}")
		if !opened || !closed || strings.ContainsAny(name, "{}") || name == "" {
			return "", nil, fmt.Errorf("a parameter must be a whole segment: %q", segment)
		}
		segments[i] = ":" + name
		if rest, ok := strings.CutSuffix(name, "..."); ok {
			if i != len(segments)-1 {
				return "", nil, fmt.Errorf("%q must stand at the end", segment)
			}
			name, segments[i] = rest, "*"
		}
		names = append(names, name)
	}
	return strings.Join(segments, "/"), names, nil
}

// bodyLimit is the limit of a request before routing: the path is compared octet by octet, so that a spelling which the router
// would not accept gets the small limit.
func (s *Server) bodyLimit(method, uri []byte) int {
	path, _, _ := bytes.Cut(uri, []byte("?"))
next:
	for _, rule := range s.large {
		if string(method) != rule.method {
			continue
		}
		rest := path
		for i, want := range rule.segments {
			got, after, more := bytes.Cut(rest, []byte("/"))
			if more != (i < len(rule.segments)-1) || (want != string(got) && !(strings.HasPrefix(want, "{") && len(got) > 0)) {
				continue next
			}
			rest = after
		}
		return rule.limit
	}
	return JSONLimit
}

// run is the chain of one route: parameters, body type, cross-site check, viewer, access, rate, handler.
func (s *Server) run(c *fiber.Ctx, r *Request) error {
	route := r.route
	if len(route.names) > 0 {
		if err := r.readParams(c); err != nil {
			return err
		}
	}
	if err := r.checkBody(); err != nil {
		return err
	}
	if !route.Options.API && unsafeMethod(route.Method) {
		if err := s.checkSameSite(r); err != nil {
			return err
		}
	}
	if !route.Options.NoViewer {
		if err := s.authenticate(r); err != nil {
			return err
		}
	}
	if err := allowed(route.Access, r.viewer); err != nil {
		return err
	}
	if route.limit != nil {
		if err := s.count(r, route.limit); err != nil {
			return err
		}
	}
	return route.handler(r)
}

// allowed compares a declared access with a viewer. It may tell "sign in" from "not for you", because routes are public knowledge;
// whether an object exists is answered by the domain (SEC-16).
func allowed(a Access, v identity.Viewer) error {
	if v.MustEnrol && !a.AllowUnenrolled {
		return problemOf("second_factor_required")
	}
	if a.Who == Public {
		return nil
	}
	if a.Who == Controller {
		if v.Kind != identity.DoorController {
			return problemOf("controller_key_required")
		}
		return nil
	}
	if !v.SignedIn() {
		return problemOf("sign_in_required")
	}
	if (a.Who == Customer && v.Kind != identity.CustomerUser) || (a.Who == Staff && v.Kind != identity.Staff) ||
		(len(a.Roles) > 0 && !slices.Contains(a.Roles, v.Role)) {
		return problemOf("forbidden")
	}
	return nil
}

func unsafeMethod(m string) bool {
	return m != fiber.MethodGet && m != fiber.MethodHead && m != fiber.MethodOptions
}

// knownMethod returns the method if a route can have it, else "". The value is a constant, safe to log and to keep.
func knownMethod(m []byte) string {
	switch string(m) {
	case fiber.MethodGet:
		return fiber.MethodGet
	case fiber.MethodHead:
		return fiber.MethodHead
	case fiber.MethodPost:
		return fiber.MethodPost
	case fiber.MethodPut:
		return fiber.MethodPut
	case fiber.MethodPatch:
		return fiber.MethodPatch
	case fiber.MethodDelete:
		return fiber.MethodDelete
	case fiber.MethodOptions:
		return fiber.MethodOptions
	}
	return ""
}
