// Package portal serves the pages for people: customers, staff, and whoever finds a label. Pages are rendered on the server
// and work without script, but for the live camera.
//
// It owns words, layout and the order of steps. What a viewer may see and do is decided by the domain packages, which get the
// viewer with each call; status codes and headers belong to server/edge. A page has a data type of its own, filled by one
// handler and rendered by one view (see views).
package portal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// Options are the parts that a Portal is built from. Fields without "optional" are required.
type Options struct {
	Assets    *asset.Service
	Desk      *desk.Service
	Scan      *scan.Resolver
	Sightings *scan.Sightings
	People    *identity.Directory
	Photos    *tagging.PhotoReader
	Catalogue *locale.Catalogue
	// PublicURL is the configured base of all links; it names the installation in authenticator apps (SEC-53).
	PublicURL string
	// Hosts are all hosts under which our labels may be printed, as for [scan.Options]; optional, else that of PublicURL.
	Hosts []string
	Now   func() time.Time
	// Logger takes what staff printed and bound (SEC-92); optional.
	Logger *slog.Logger
	// Zone is the time zone in which moments are shown; optional, else that of the machine.
	Zone *time.Location
	// Key seals what stands between the two steps of a sign-in and signs places in lists. Instances beside each other need the same one;
	// optional, else one is drawn for this process.
	Key [32]byte
	// Random is the source of form keys and seals, safe for concurrent use; optional, else crypto/rand.
	Random io.Reader
	// PushConfigured says that notices can leave the house.
	PushConfigured bool
	// RequireStaffFactor says that staff must have a second factor, so that removing it is not offered to them.
	RequireStaffFactor bool
}

// Portal holds the handlers of all pages. It is safe for concurrent use.
type Portal struct {
	opt     Options
	issuer  string
	own     tagging.Config
	views   *views
	static  *static
	seal    *sealer
	cursors *edge.Cursors
	limiter *edge.Limiter
	// problems lists all kinds of problem in a language.
	problems func(locale.Tag) []edge.Failure
}

// New parses all templates and assets. It fails on a view that is missing or declared nowhere.
func New(o Options) (*Portal, error) {
	if o.Assets == nil || o.Desk == nil || o.Scan == nil || o.Sightings == nil || o.People == nil || o.Photos == nil || o.Catalogue == nil || o.Now == nil {
		return nil, errors.New("portal: assets, desk, scan, sightings, people, photos, catalogue and clock are required")
	}
	public, err := url.Parse(o.PublicURL)
	if err != nil || public.Host == "" {
		return nil, fmt.Errorf("portal: public URL %q is not like https://host", o.PublicURL)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Hosts == nil {
		o.Hosts = []string{strings.ToLower(public.Host)}
	}
	if o.Key == [32]byte{} {
		if _, err := io.ReadFull(o.Random, o.Key[:]); err != nil {
			return nil, fmt.Errorf("portal: random source: %w", err)
		}
	}
	p := &Portal{opt: o, issuer: public.Hostname(), own: tagging.Config{OwnHosts: o.Hosts}, cursors: edge.NewCursors(o.Key)}
	if p.static, err = loadStatic(); err != nil {
		return nil, err
	}
	if p.seal, err = newSealer(o.Key, o.Random); err != nil {
		return nil, err
	}
	if p.views, err = p.loadViews(templates); err != nil {
		return nil, err
	}
	return p, nil
}

// Mount registers all pages.
func (p *Portal) Mount(s *edge.Server) {
	p.limiter, p.problems = s.Limiter(), s.Problems
	multipart := []string{"multipart/form-data"}
	photos := edge.RouteOptions{Body: edge.PhotoLimit, ContentTypes: multipart, Limit: "report"}
	for _, r := range []struct {
		method, pattern string
		access          edge.Access
		options         edge.RouteOptions
		handler         func(*edge.Request) error
	}{
		{"GET", "/sign-in", open("none"), page(), p.getSignIn},
		{"POST", "/sign-in", open("none"), edge.RouteOptions{Limit: "sign_in_address"}, p.postSignIn},
		{"POST", "/sign-out", unenrolled("own session"), page(), p.postSignOut},
		{"POST", "/language", open("language of the own browser"), page(), p.postLanguage},

		{"GET", "/", signedIn("assets granted, or of own provider", "any of F-18, F-24, F-27, F-28"), page(), p.getOverview},
		{"GET", "/assets/{id}", signedIn("asset granted, or of own provider", "per tab F-18, F-24, F-27, F-28"), page(), p.getAsset},

		{"GET", "/t/{code}", open("tag; uniform without rights (X-2)"), edge.RouteOptions{Limit: "scan"}, p.getTag},
		{"GET", "/T/{code}", open("tag; uniform without rights (X-2)"), edge.RouteOptions{Limit: "scan"}, p.getTag},
		{"POST", "/t/{code}/bind", staff("blank label and component of own provider"), page(), p.postBind},
		{"GET", "/scan", open("none"), edge.RouteOptions{Limit: "scan"}, p.getScan},
		{"POST", "/scan", open("tag; uniform without rights (X-2)"), edge.RouteOptions{Limit: "scan"}, p.postScan},
		{"GET", "/scan/bind", staff("components of own provider"), page(), p.getBindForeign},
		{"POST", "/scan/bind", staff("component of own provider"), page(), p.postBindForeign},
		{"POST", "/scan/photo", signedIn("none: the codes found are opened at /t/{code}", "none"),
			edge.RouteOptions{Body: edge.PhotoLimit, ContentTypes: multipart, Limit: "photo"}, p.postScanPhoto},

		{"GET", "/report", signedIn("asset or component granted, or of own provider", "F-28"), page(), p.getReport},
		{"POST", "/report", signedIn("asset or component granted, or of own provider", "F-28"), photos, p.postReport},
		{"GET", "/requests", signedIn("requests of own customer or provider", "F-28"), page(), p.getRequests},
		{"GET", "/requests/{number}", signedIn("request of own customer or provider", "F-28"), page(), p.getRequest},
		{"POST", "/requests/{number}/messages", signedIn("request of own customer or provider", "F-28"), edge.RouteOptions{Limit: "report"}, p.postMessage},
		{"POST", "/requests/{number}/photos", signedIn("request of own customer or provider", "F-28"), photos, p.postPhoto},
		{"GET", "/requests/{number}/photos/{photo}", signedIn("request of own customer or provider", "F-28"), page(), p.getPhoto},
		{"POST", "/requests/{number}/follow", signedIn("request of own customer", "F-28"), page(), p.postFollow},
		{"POST", "/requests/{number}/reactivation", staff("request of own provider"), page(), p.postDecision},
		{"POST", "/requests/{number}/status", staff("request of own provider"), page(), p.postStatus},

		{"GET", "/tags", signedIn("access tags of own customer or provider", "X-5 see"), page(), p.getTags},
		{"POST", "/tags", staff("customer served by own provider"), page(), p.postEnrol},
		{"GET", "/tags/new", staff("customers served by own provider"), page(), p.getEnrol},
		{"GET", "/tags/lost", signedIn("access tags of own customer or provider", "X-5 see"), page(), p.getLost},
		{"POST", "/tags/lost", signedIn("access tags of own customer or provider", "X-5 see"), edge.RouteOptions{Limit: "scan"}, p.postLost},
		{"POST", "/tags/lost/photo", signedIn("access tags of own customer or provider", "X-5 see"),
			edge.RouteOptions{Body: edge.PhotoLimit, ContentTypes: multipart, Limit: "photo"}, p.postLostPhoto},
		{"GET", "/tags/find", signedIn("access tags of own customer or provider", "X-5 see"), page(), p.getElimination},
		{"POST", "/tags/find", signedIn("access tags of own customer or provider", "X-5 see"), edge.RouteOptions{Limit: "scan"}, p.postElimination},
		{"POST", "/tags/find/photo", signedIn("access tags of own customer or provider", "X-5 see"),
			edge.RouteOptions{Body: edge.PhotoLimit, ContentTypes: multipart, Limit: "photo"}, p.postEliminationPhoto},
		{"GET", "/tags/{code}", signedIn("access tag of own customer, or tag of own provider", "X-5 see"), page(), p.getTagPage},
		{"POST", "/tags/{code}/change", staff("tag of own provider"), page(), p.postTagChange},
		{"GET", "/tags/{code}/block", signedIn("access tag of own customer or provider", "B-16 block"), page(), p.getBlock},
		{"POST", "/tags/{code}/block", signedIn("access tag of own customer or provider", "B-16 block"), page(), p.postBlock},
		{"GET", "/tags/{code}/reactivate", signedIn("access tag of own customer or provider", "B-16 block"), page(), p.getReactivate},
		{"POST", "/tags/{code}/reactivate", signedIn("access tag of own customer or provider", "B-16 block"), page(), p.postReactivate},

		{"GET", "/account", signedIn("own account", "none"), page(), p.getAccount},
		{"POST", "/account/password", signedIn("own account", "none"), page(), p.postPassword},
		{"POST", "/account/sessions", signedIn("own sessions", "none"), page(), p.postEndSession},
		{"GET", "/account/second-factor", unenrolled("own account"), page(), p.getFactor},
		{"POST", "/account/second-factor", unenrolled("own account"), page(), p.postFactorBegin},
		{"POST", "/account/second-factor/confirm", unenrolled("own account"), page(), p.postFactorConfirm},
		{"POST", "/account/second-factor/remove", signedIn("own account", "none"), page(), p.postFactorRemove},
		{"POST", "/account/second-factor/recovery", signedIn("own account", "none"), page(), p.postRecovery},
		{"GET", "/account/prove", unenrolled("own session"), page(), p.getProve},
		{"POST", "/account/prove", unenrolled("own session"), page(), p.postProve},

		{"GET", "/staff/queue", staff("requests of own provider"), page(), p.getQueue},
		{"GET", "/staff/labels", staff("components of own provider"), page(), p.getLabels},
		{"POST", "/staff/labels", staff("components and labels of own provider"), edge.RouteOptions{Limit: "sheet"}, p.postLabels},
		{"GET", "/staff/tags", staff("tags of own provider"), page(), p.getStaffTags},
		{"GET", "/problems", open("none: the same list for everybody"), page(), p.getProblems},
		{"GET", "/staff/pushes", staff("notices of own provider"), page(), p.getPushes},

		{"GET", "/staff/controllers", staff("door controllers of own provider"), page(), p.getControllers},
		{"POST", "/staff/controllers", staff("customers of own provider; not technicians"), page(), p.postControllers},
		{"GET", "/staff/controllers/{id}", staff("door controller of own provider"), page(), p.getController},
		{"POST", "/staff/controllers/{id}", staff("door controller of own provider; not technicians"), page(), p.postController},
		{"POST", "/staff/controllers/{id}/acknowledge", staff("door controller of own provider"), page(), p.postAcknowledge},
		{"POST", "/staff/controllers/{id}/rotate", staff("door controller of own provider; not technicians"), page(), p.postRotate},
		{"POST", "/staff/controllers/{id}/deactivate", staff("door controller of own provider; not technicians"), page(), p.postDeactivate},
		{"GET", "/staff/sightings", staff("sightings of own provider"), page(), p.getSightings},
		{"GET", "/sightings", signedIn("sightings of own provider, or of tags of own customer", "Master with X-5 see"), page(), p.getSightings},
		{"GET", "/staff/tags/import", staff("customers served by own provider"), page(), p.getTagImport},
		{"POST", "/staff/tags/import", staff("customers served by own provider"),
			edge.RouteOptions{Body: importLimit + 64<<10, ContentTypes: multipart, Limit: "tag_list"}, p.postTagImport},
		{"GET", "/staff/tags/import/sample", staff("none: the same file for everybody"), page(), p.getImportSample},
		{"GET", "/staff/tags/export", staff("tags of own provider"), edge.RouteOptions{Limit: "tag_list"}, p.getTagExport},
		{"GET", "/staff/tag-settings", administrators("settings of own provider"), page(), p.getTagSettings},
		{"POST", "/staff/tag-settings", administrators("settings of own provider"), page(), p.postTagSettings},
		{"GET", "/staff/tag-rights", staff("users of customers served by own provider"), page(), p.getTagRights},
		{"POST", "/staff/tag-rights", staff("users of customers served by own provider"), page(), p.postTagRights},

		{"GET", "/t/{code}/found", open("none: the same form for every code"), edge.RouteOptions{Limit: "scan"}, p.getFound},
		{"POST", "/t/{code}/found", open("none: the same thanks for every code (SEC-5)"), edge.RouteOptions{Limit: "scan"}, p.postFound},
		{"GET", "/found", open("none: the same form for everybody"), edge.RouteOptions{Limit: "scan"}, p.getFound},
		{"POST", "/found", open("none: the same thanks for every number (SEC-5)"), edge.RouteOptions{Limit: "scan"}, p.postFound},
	} {
		s.Handle(r.method, r.pattern, r.access, r.options, r.handler)
	}
	p.static.mount(s)
}

// page is the table of rates for a route that only reads or changes little.
func page() edge.RouteOptions { return edge.RouteOptions{Limit: "page"} }

func open(object string) edge.Access {
	return edge.Access{Who: edge.Public, Object: object, Permission: "none", AllowUnenrolled: true}
}

func signedIn(object, permission string) edge.Access {
	return edge.Access{Who: edge.SignedIn, Object: object, Permission: permission}
}

func unenrolled(object string) edge.Access {
	return edge.Access{Who: edge.SignedIn, Object: object, Permission: "none", AllowUnenrolled: true}
}

func administrators(object string) edge.Access {
	return edge.Access{Who: edge.Staff, Roles: []identity.Role{identity.Admin}, Object: object, Permission: "role of staff"}
}

func staff(object string) edge.Access {
	return edge.Access{Who: edge.Staff, Object: object, Permission: "role of staff"}
}

// languageCookie keeps the language that somebody chose in this browser without being signed in.
const languageCookie = "language"

// language is the account's, else what the reader chose in this browser, else what the browser asks for.
func language(r *edge.Request) locale.Tag {
	if !r.Viewer().SignedIn() {
		if l, ok := locale.Parse(r.Cookie(languageCookie)); ok {
			return l
		}
	}
	return r.Locale()
}

func (p *Portal) postLanguage(r *edge.Request) error {
	l, ok := locale.Parse(r.FormValue("language"))
	if !ok {
		return &edge.Problem{Code: "bad_form", Status: http.StatusBadRequest}
	}
	if v := r.Viewer(); v.SignedIn() {
		if err := p.opt.People.SetLocale(r.Context(), v, l); err != nil {
			return err
		}
	}
	r.SetCookie(edge.Cookie{Name: languageCookie, Value: string(l), Lifetime: 365 * 24 * time.Hour})
	return r.Redirect(p.cameFrom(r))
}

// cameFrom is the page of ours that a form was sent from, by the Referer header (our policy sends it within the site). A hidden
// field would do too, but it would write the address into pages that must be the same for each address (SEC-1).
func (p *Portal) cameFrom(r *edge.Request) string {
	here, ok := strings.CutPrefix(r.Header("Referer"), strings.TrimSuffix(p.opt.PublicURL, "/"))
	if !ok {
		return "/"
	}
	return ownTarget(here, "/")
}

// ownTarget is next if it is a path of ours that a GET can answer, else the fallback (SEC-57).
func ownTarget(next, fallback string) string {
	path, _, _ := strings.Cut(next, "?")
	if len(next) > 500 || !edge.OwnPath(next) || path == "/sign-in" || path == "/sign-out" || path == "/language" {
		return fallback
	}
	return next
}

// withQuery adds a query to one of our paths; pairs of name and value, empty values are left out.
func withQuery(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// place is where in a list the page begins: the signed "after" of a link that [Portal.placeAfter] made for this viewer and list
// (SEC-18).
func (p *Portal) place(r *edge.Request, list ...string) (string, error) {
	return p.cursors.Open(r.Viewer(), strings.Join(list, "\x00"), r.Query("after"))
}

func (p *Portal) placeAfter(r *edge.Request, next string, list ...string) string {
	return p.cursors.Seal(r.Viewer(), strings.Join(list, "\x00"), next)
}

// formKey is a new Idempotency-Key for a form: sent twice, the form acts once (SEC-86).
func (p *Portal) formKey() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(p.opt.Random, b[:]); err != nil {
		return "", fmt.Errorf("portal: random source: %w", err)
	}
	return fmt.Sprintf("form-%x", b), nil
}

// text resolves a message key for the reader of a request.
func (p *Portal) text(r *edge.Request, key string, args map[string]any) string {
	return p.opt.Catalogue.Text(language(r), key, args)
}
