package portal

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

//go:embed templates/*.html
var templates embed.FS

// views are all pages, each with the type of its data.
type views struct {
	signIn     view[signInPage]
	signInCode view[signInCodePage]
	overview   view[overviewPage]
	asset      view[assetPage]
	contact    view[contactPage]
	mistyped   view[mistypedPage]
	answer     view[answerPage]
	bind       view[bindPage]
	scan       view[scanPage]
	report     view[reportPage]
	requests   view[requestsPage]
	request    view[requestPage]
	account    view[accountPage]
	factor     view[factorPage]
	prove      view[provePage]
	queue      view[queuePage]
	labels     view[labelsPage]
	tags       view[tagsPage]
	pushes     view[pushesPage]
	problems   view[problemsPage]
	failure    view[failurePage]

	tag         view[tagPage]
	enrol       view[enrolPage]
	lost        view[lostPage]
	elimination view[eliminationPage]
	block       view[blockPage]
	choose      view[choosePage]
	unknown     view[unknownPage]
	reactivate  view[reactivatePage]

	controllers    view[controllersPage]
	controller     view[controllerPage]
	controllerKeys view[controllerKeysPage]
	sightings      view[sightingsPage]
	tagImport      view[tagImportPage]
	tagSettings    view[tagSettingsPage]
	tagRights      view[tagRightsPage]
	found          view[foundPage]
	foundThanks    view[foundThanksPage]
}

func (p *Portal) loadViews(files fs.FS) (*views, error) {
	l := &viewLoader{portal: p, files: files, layouts: map[locale.Tag]*template.Template{}}
	for _, tag := range locale.Tags {
		t, err := template.New("").Funcs(p.functions(tag)).ParseFS(files, "templates/layout.html", "templates/parts.html")
		if err != nil {
			return nil, fmt.Errorf("portal: %w", err)
		}
		l.layouts[tag] = t
	}
	v := &views{
		signIn:     declare[signInPage](l, "sign-in"),
		signInCode: declare[signInCodePage](l, "sign-in-code"),
		overview:   declare[overviewPage](l, "overview"),
		asset:      declare[assetPage](l, "asset"),
		contact:    declare[contactPage](l, "contact"),
		mistyped:   declare[mistypedPage](l, "mistyped"),
		answer:     declare[answerPage](l, "answer"),
		bind:       declare[bindPage](l, "bind"),
		scan:       declare[scanPage](l, "scan"),
		report:     declare[reportPage](l, "report"),
		requests:   declare[requestsPage](l, "requests"),
		request:    declare[requestPage](l, "request"),
		account:    declare[accountPage](l, "account"),
		factor:     declare[factorPage](l, "second-factor"),
		prove:      declare[provePage](l, "prove"),
		queue:      declare[queuePage](l, "queue"),
		labels:     declare[labelsPage](l, "labels"),
		tags:       declare[tagsPage](l, "tags"),
		pushes:     declare[pushesPage](l, "pushes"),
		problems:   declare[problemsPage](l, "problems"),
		failure:    declare[failurePage](l, "failure"),

		tag:         declare[tagPage](l, "tag"),
		enrol:       declare[enrolPage](l, "enrol"),
		lost:        declare[lostPage](l, "lost"),
		elimination: declare[eliminationPage](l, "elimination"),
		block:       declare[blockPage](l, "block"),
		choose:      declare[choosePage](l, "choose"),
		unknown:     declare[unknownPage](l, "unknown"),
		reactivate:  declare[reactivatePage](l, "reactivate"),

		controllers:    declare[controllersPage](l, "controllers"),
		controller:     declare[controllerPage](l, "controller"),
		controllerKeys: declare[controllerKeysPage](l, "controller-keys"),
		sightings:      declare[sightingsPage](l, "sightings"),
		tagImport:      declare[tagImportPage](l, "tag-import"),
		tagSettings:    declare[tagSettingsPage](l, "tag-settings"),
		tagRights:      declare[tagRightsPage](l, "tag-rights"),
		found:          declare[foundPage](l, "found"),
		foundThanks:    declare[foundThanksPage](l, "found-thanks"),
	}
	return v, l.finish()
}

// viewLoader parses each view once for each language. It keeps the first error, for [viewLoader.finish].
type viewLoader struct {
	portal  *Portal
	files   fs.FS
	layouts map[locale.Tag]*template.Template
	names   []string
	err     error
}

func declare[T any](l *viewLoader, name string) view[T] {
	v := view[T]{portal: l.portal, sets: map[locale.Tag]*template.Template{}}
	l.names = append(l.names, name+".html")
	for tag, layout := range l.layouts {
		t, err := layout.Clone()
		if err == nil {
			t, err = t.ParseFS(l.files, "templates/"+name+".html")
		}
		if err == nil && (t.Lookup("title") == nil || t.Lookup("main") == nil) {
			err = fmt.Errorf("view %s defines no title or no main", name)
		}
		if err != nil && l.err == nil {
			l.err = fmt.Errorf("portal: %w", err)
		}
		v.sets[tag] = t
	}
	return v
}

// finish answers what went wrong, or that a file in the folder is no declared view.
func (l *viewLoader) finish() error {
	if l.err != nil {
		return l.err
	}
	files, err := fs.Glob(l.files, "templates/*.html")
	if err != nil {
		return err
	}
	for _, f := range files {
		if name := path.Base(f); name != "layout.html" && name != "parts.html" && !slices.Contains(l.names, name) {
			return fmt.Errorf("portal: template %s is not declared as a view", name)
		}
	}
	return nil
}

// view is one page whose data have type T.
type view[T any] struct {
	portal *Portal
	sets   map[locale.Tag]*template.Template
}

// framed is what a template sees: the frame around every page, and its own data.
type framed[T any] struct {
	Frame frame
	Page  T
}

// render writes the page into a buffer and sends it as a whole, so that a failing template never leaves half a page.
func (v view[T]) render(r *edge.Request, status int, data T) error {
	body, err := v.execute(v.portal.frame(r), data)
	if err != nil {
		return err
	}
	return r.HTML(status, body)
}

func (v view[T]) execute(f frame, data T) ([]byte, error) {
	var b bytes.Buffer
	if err := v.sets[f.Lang].ExecuteTemplate(&b, "layout", framed[T]{f, data}); err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	return b.Bytes(), nil
}

// frame is what stands around every page.
type frame struct {
	Lang     locale.Tag
	SignedIn bool
	Staff    bool
	Role     identity.Role
	Enrolled bool   // may go elsewhere than to the enrolment
	Tags     bool   // there may be access tags for the viewer
	Section  string // entry of the navigation
	Notice   string // message key of what the last act did
}

// notices are what a redirect may say on the next page, as "?done=".
var notices = []string{"reported", "answered", "status", "photo", "followed", "password", "session", "bound", "factor_removed",
	"tag_block", "tag_reactivate", "reactivation_waits", "tag_enrolled", "tag_issue", "tag_return", "tag_damage", "tag_retire", "tag_replace", "tag_reading",
	"reactivation_approved", "reactivation_refused",
	"controller_added", "controller_changed", "controller_acknowledged", "controller_ended", "tag_settings", "tag_rights"}

// tagTabs are the pages around tags, for a kind of viewer, and which of them is shown.
type tagTabs struct {
	Staff, Admin, Master bool
	Here                 string
}

func (p *Portal) frame(r *edge.Request) frame {
	v := r.Viewer()
	f := frame{Lang: language(r), SignedIn: v.SignedIn(), Staff: v.Kind == identity.Staff, Role: v.Role, Enrolled: !v.MustEnrol}
	f.Section = section(r.Path())
	if r.Path() == "/tags" && r.Query("kind") == string(asset.Label) {
		f.Section = "labels"
	}
	if f.SignedIn && f.Enrolled {
		may, err := p.opt.Assets.MayTags(r.Context(), v)
		if err != nil {
			p.opt.Logger.WarnContext(r.Context(), "menu without tags", "request_id", r.ID(), "error", err)
		}
		f.Tags = may != 0
	}
	if done := r.Query("done"); slices.Contains(notices, done) {
		f.Notice = "portal.done." + done
	}
	return f
}

func section(path string) string {
	switch {
	case path == "/", strings.HasPrefix(path, "/assets/"):
		return "assets"
	case path == "/scan", strings.HasPrefix(path, "/t/"), strings.HasPrefix(path, "/T/"), strings.HasPrefix(path, "/scan/"):
		return "scan"
	case strings.HasPrefix(path, "/requests"), path == "/report", path == "/staff/queue":
		return "requests"
	case path == "/tags", strings.HasPrefix(path, "/tags/"), strings.HasPrefix(path, "/staff/tag"), path == "/staff/sightings", path == "/sightings",
		strings.HasPrefix(path, "/staff/controllers"):
		return "tags"
	case path == "/staff/labels", path == "/staff/pushes":
		return "labels"
	case strings.HasPrefix(path, "/account"):
		return "account"
	}
	return ""
}

// functions are what templates may call, for readers of one language.
func (p *Portal) functions(l locale.Tag) template.FuncMap {
	text := func(key string, args ...any) (string, error) {
		if len(args)%2 != 0 {
			return "", fmt.Errorf("arguments of %s are not pairs", key)
		}
		values := map[string]any{}
		for i := 0; i < len(args); i += 2 {
			name, ok := args[i].(string)
			if !ok {
				return "", fmt.Errorf("argument %d of %s is not a name", i, key)
			}
			values[name] = args[i+1]
		}
		return p.opt.Catalogue.Text(l, key, values), nil
	}
	return template.FuncMap{
		"t":      text,
		"static": p.static.url,
		"day": func(d asset.Day) string {
			if d.Time().IsZero() {
				return ""
			}
			return locale.Date(l, d.Time())
		},
		"moment":    func(at store.Time) string { return locale.Moment(l, at.In(p.opt.Zone)) },
		"age":       func(at store.Time) (string, error) { return age(text, p.opt.Now().Sub(at.Time)) },
		"languages": func() []locale.Tag { return locale.Tags },
		"link":      withQuery,
		"lines":     func(s string) []string { return strings.Split(s, "\n") },
		"group":     groupCode,
		"number":    func(v float64) string { return number(l, v) },
		"inc":       func(i int) int { return i + 1 },
		"phone":     dialled,
		"mailbox":   mailbox,
		"tabs": func(f frame, here string) tagTabs {
			return tagTabs{f.Staff, f.Role == identity.Admin, f.Role == identity.Master, here}
		},
		"pair": func(what string, page labelsPage) labelsPart { return labelsPart{what, page} },
	}
}

// age says how long ago something was, in the largest unit that fits.
func age(text func(string, ...any) (string, error), d time.Duration) (string, error) {
	switch {
	case d < time.Minute:
		return text("portal.age.now")
	case d < time.Hour:
		return text("portal.age.minutes", "N", int(d.Minutes()))
	case d < 48*time.Hour:
		return text("portal.age.hours", "N", int(d.Hours()))
	}
	return text("portal.age.days", "N", int(d.Hours()/24))
}

// number writes a decimal as its readers do.
func number(l locale.Tag, v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if l != locale.English {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

// dialled is a phone number as RFC 3966 has it in links: digits, with the plus of the country in front.
func dialled(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c == '+' {
			return c
		}
		return -1
	}, strings.ReplaceAll(s, "(0)", ""))
}

// mailbox parts an e-mail address before the @, where a narrow screen may break it.
func mailbox(address string) [2]string {
	i := max(strings.LastIndexByte(address, '@'), 0)
	return [2]string{address[:i], address[i:]}
}
