package portal

import (
	"errors"
	"net/http"
	"slices"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// sightingsPage lists tags that turned up and should not have: to staff those of their provider, to Master users with the right
// those of their customer (X-10, SEC-93).
type sightingsPage struct {
	Path   string
	Kind   scan.SightKind // "" for all
	Tag    string         // code of the one tag that the list is about; "" for all
	Kinds  []scan.SightKind
	Rows   []sightingRow
	More   string
	Unseen []int // days, for the lists of tags that nobody saw
}

type sightingRow struct {
	Kind            scan.SightKind
	Number, TagPath string
	Holder          string
	Place, Reader   string
	Source          string
	Granted         bool // the door opened all the same
	At              store.Time
	Times           int
	Text, Contact   string
	Reactivate      string // path; "" where there is nothing to reactivate
}

// sightKinds are the kinds in the order of the filter. Unknown tags belong to no customer, so that its users need no filter for them.
var sightKinds = []scan.SightKind{scan.SawBlocked, scan.SawFound, scan.SawUnknown, scan.SawUnassigned, scan.SawReplaced, scan.SawRetired}

// unseenDays are the lists of tags not seen for so many days that the page offers.
var unseenDays = []int{30, 90, 365}

// sightingsPath is where the viewer finds the list.
func sightingsPath(v identity.Viewer) string {
	if v.Kind == identity.Staff {
		return "/staff/sightings"
	}
	return "/sightings"
}

func (p *Portal) getSightings(r *edge.Request) error {
	ctx, v := r.Context(), r.Viewer()
	page := sightingsPage{Path: sightingsPath(v), Kind: scan.SightKind(r.Query("kind")), Kinds: slices.Clone(sightKinds), Unseen: unseenDays}
	if v.Kind != identity.Staff {
		page.Kinds = slices.DeleteFunc(page.Kinds, func(k scan.SightKind) bool { return k == scan.SawUnknown })
	}
	if !slices.Contains(page.Kinds, page.Kind) {
		page.Kind = ""
	}
	if code, err := tagging.ParseCode(r.Query("tag")); err == nil {
		page.Tag = string(code)
	}
	after, err := p.place(r, "sightings", string(page.Kind), page.Tag)
	if err != nil {
		return err
	}
	list, next, err := p.opt.Sightings.List(ctx, v, scan.SightFilter{Kind: page.Kind, Tag: page.Tag}, after, pageRows)
	if err != nil {
		return err
	}
	n := p.sightNames(r)
	for _, s := range list {
		row, err := n.row(s)
		if err != nil {
			return err
		}
		page.Rows = append(page.Rows, row)
	}
	if next != "" {
		page.More = withQuery(page.Path, "kind", string(page.Kind), "tag", page.Tag, "after", p.placeAfter(r, next, "sightings", string(page.Kind), page.Tag))
	}
	return p.views.sightings.render(r, http.StatusOK, page)
}

// sightNames finds the tags and readers of sightings, each once for a request and with the eyes of the viewer.
type sightNames struct {
	p       *Portal
	r       *edge.Request
	names   *names
	tags    map[string]asset.TagView
	readers map[string]string
}

func (p *Portal) sightNames(r *edge.Request) *sightNames {
	return &sightNames{p: p, r: r, names: p.names(r), tags: map[string]asset.TagView{}, readers: map[string]string{}}
}

func (n *sightNames) row(s scan.Sighting) (sightingRow, error) {
	row := sightingRow{Kind: s.Kind, Number: s.Number, Place: s.Place, Source: s.Source, Granted: s.Granted, At: s.At, Times: s.Times, Text: s.Text, Contact: s.Contact}
	t, err := n.tag(s.Tag)
	if err != nil {
		return row, err
	}
	if t.Tag != nil {
		shown, err := n.names.tag(t)
		if err != nil {
			return row, err
		}
		row.Number, row.TagPath, row.Holder = shown.Number, shown.Path(), holderLine(t.Holder)
		if shown.MayAllow {
			row.Reactivate = row.TagPath + "/reactivate"
		}
	}
	row.Reader, err = n.reader(s.Source, s.Reader)
	return row, err
}

// tag is a tag as the viewer may see it; without a Tag if there is none.
func (n *sightNames) tag(id string) (asset.TagView, error) {
	if t, ok := n.tags[id]; ok || id == "" {
		return t, nil
	}
	t, err := n.p.opt.Assets.Tag(n.r.Context(), n.r.Viewer(), id)
	if err != nil && !errors.Is(err, asset.ErrNotFound) {
		return asset.TagView{}, err
	}
	n.tags[id] = t
	return t, nil
}

// reader is the name of the controller or person that saw a tag. Customers learn the names of their own people only.
func (n *sightNames) reader(source, id string) (string, error) {
	if name, ok := n.readers[id]; ok || id == "" {
		return name, nil
	}
	ctx, v := n.r.Context(), n.r.Viewer()
	name := ""
	var err error
	switch {
	case source == "controller" && v.Kind == identity.Staff:
		var c identity.Controller
		c, err = n.p.opt.People.Controller(ctx, v, id)
		name = c.Name
	case source == "scan":
		var who identity.Person
		if who, err = n.p.opt.People.Person(ctx, id); v.Kind == identity.Staff || who.Customer == v.Customer {
			name = who.Name
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	n.readers[id] = name
	return name, nil
}
