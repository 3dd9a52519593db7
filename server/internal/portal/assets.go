package portal

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

const (
	// pageRows is how many rows a list shows at once.
	pageRows = 50
	// searchRows is how many rows one search looks through before it offers to go on.
	searchRows = 1000
	// faultsCounted is how many open faults the overview counts before it says "or more".
	faultsCounted = 9
)

// dueDate is a date with how near it is: "overdue", "soon" (30 days) or "later".
type dueDate struct {
	Day   asset.Day
	State string
}

func (p *Portal) due(d asset.Day) dueDate {
	today := asset.DayOf(p.opt.Now().In(p.opt.Zone))
	soon := asset.DayOf(p.opt.Now().In(p.opt.Zone).AddDate(0, 0, 30))
	switch {
	case d == "":
		return dueDate{}
	case d < today:
		return dueDate{d, "overdue"}
	case d <= soon:
		return dueDate{d, "soon"}
	}
	return dueDate{d, "later"}
}

// overviewPage is the list of released assets (F-14) with a search and a filter by service company (F-15, F-16).
type overviewPage struct {
	Query     string
	Provider  string
	Companies []company // to choose among; none if there is no choice
	Rows      []overviewRow
	// Which columns anybody needs in these rows (F-17).
	Appointments, DueDates, Components, Faults bool
	More                                       string // path of what follows; "" for the end
}

type company struct{ ID, Name string }

// overviewRow is one asset. What the viewer may not see is left at its zero value, with the permission missing in May.
type overviewRow struct {
	ID, Number, Name, Group, Location, Object string
	Company                                   string
	MayAppointments, MayDueDates              bool
	MayComponents, MayFaults                  bool
	Next                                      *asset.Appointment
	Due                                       dueDate
	Components                                int
	OpenFaults                                int
	ManyFaults                                bool
}

func (p *Portal) getOverview(r *edge.Request) error {
	v, ctx := r.Viewer(), r.Context()
	page := overviewPage{Query: strings.TrimSpace(r.Query("q")), Provider: r.Query("provider")}
	names := p.names(r)
	companies, err := p.companies(ctx, v, names)
	if err != nil {
		return err
	}
	if len(companies) > 1 {
		page.Companies = companies
	}
	after, err := p.place(r, "assets", page.Query, page.Provider)
	if err != nil {
		return err
	}
	list, next, err := p.findAssets(ctx, v, page.Query, page.Provider, after)
	if err != nil {
		return err
	}
	for _, o := range list {
		row, err := p.overviewRow(ctx, v, o, names)
		if err != nil {
			return err
		}
		page.Rows = append(page.Rows, row)
		page.Appointments = page.Appointments || row.MayAppointments
		page.DueDates = page.DueDates || row.MayDueDates
		page.Components = page.Components || row.MayComponents
		page.Faults = page.Faults || row.MayFaults
	}
	if next != "" {
		page.More = withQuery("/", "q", page.Query, "provider", page.Provider, "after", p.placeAfter(r, next, "assets", page.Query, page.Provider))
	}
	return p.views.overview.render(r, http.StatusOK, page)
}

// companies are the service companies that serve the viewer's customer, for the filter; staff have none to choose.
func (p *Portal) companies(ctx context.Context, v identity.Viewer, names *names) ([]company, error) {
	if v.Kind != identity.CustomerUser {
		return nil, nil
	}
	c, err := p.opt.People.Customer(ctx, v, v.Customer)
	if err != nil {
		return nil, err
	}
	var list []company
	for _, id := range c.Providers {
		name, err := names.provider(id)
		if err != nil {
			return nil, err
		}
		list = append(list, company{id, name})
	}
	return list, nil
}

// findAssets answers a page of the viewer's assets that contain all words of a search.
func (p *Portal) findAssets(ctx context.Context, v identity.Viewer, query, provider, after string) ([]asset.Overview, string, error) {
	words := strings.Fields(strings.ToLower(query))
	if len(words) == 0 && provider == "" {
		return p.opt.Assets.Assets(ctx, v, "", after, pageRows)
	}
	var found []asset.Overview
	for seen := 0; seen < searchRows && len(found) < pageRows; seen += pageRows {
		list, next, err := p.opt.Assets.Assets(ctx, v, provider, after, pageRows)
		if err != nil {
			return nil, "", err
		}
		for _, o := range list {
			if containsAll(searchText(o), words) {
				found = append(found, o)
			}
		}
		if after = next; after == "" {
			break
		}
	}
	return found, after, nil
}

// searchText is what the search looks at; all of it is shown in the list too (SEC-18).
func searchText(o asset.Overview) string {
	text := o.Asset.Number + "\n" + o.Asset.Name + "\n" + o.Asset.Group + "\n" + o.Asset.Location
	if o.Object != nil {
		text += "\n" + o.Object.Name + "\n" + o.Object.Address
	}
	return strings.ToLower(text)
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

func (p *Portal) overviewRow(ctx context.Context, v identity.Viewer, o asset.Overview, names *names) (overviewRow, error) {
	row := overviewRow{
		ID: o.Asset.ID, Number: o.Asset.Number, Name: o.Asset.Name, Group: o.Asset.Group, Location: o.Asset.Location,
		MayAppointments: o.May.Has(asset.SeeAppointments), MayDueDates: o.May.Has(asset.SeeDueDates),
		MayComponents: o.May.Has(asset.SeeComponents), MayFaults: o.May.Has(asset.Faults),
		Next: o.Next, Due: p.due(o.Due), Components: o.Components,
	}
	if o.Object != nil {
		row.Object = o.Object.Name + ", " + o.Object.Address
	}
	var err error
	if row.Company, err = names.provider(o.Asset.Provider); err != nil {
		return row, err
	}
	if row.MayFaults {
		faults, err := p.opt.Desk.OpenFaults(ctx, v, o.Access, "", faultsCounted+1)
		if err != nil {
			return row, err
		}
		row.OpenFaults, row.ManyFaults = min(len(faults), faultsCounted), len(faults) > faultsCounted
	}
	return row, nil
}

// assetPage is one asset with the tabs that the viewer's permissions open.
type assetPage struct {
	ID, Number, Name, Group, Location string
	Object                            *asset.Object
	Contact                           identity.Provider
	MayReport                         bool
	Staff                             bool
	Tabs                              []tab
	Tab                               string // name of the one shown
	More                              string

	Appointments []appointmentRow
	Components   []componentRow
	DueDates     []dueRow
	Faults       []requestRow
	// WithDue says that the list of components shows due dates (F-26).
	WithDue bool
}

type tab struct {
	Name    string
	Current bool
}

type appointmentRow struct {
	asset.Appointment
	Past bool
}

type componentRow struct {
	asset.Component
	Due dueDate
}

type dueRow struct {
	Name  string // of the component, if the viewer may know it
	Whole bool   // the asset itself
	Due   dueDate
}

// assetTabs are the tabs with the permission that opens each (F-18, F-24, F-27, F-28).
var assetTabs = []struct {
	name string
	need asset.Permission
}{
	{"appointments", asset.SeeAppointments}, {"components", asset.SeeComponents}, {"due", asset.SeeDueDates}, {"faults", asset.Faults},
}

func (p *Portal) getAsset(r *edge.Request) error {
	v, ctx, id := r.Viewer(), r.Context(), r.Param("id")
	o, err := p.opt.Assets.Overview(ctx, v, id)
	if err != nil {
		return err
	}
	page := assetPage{ID: id, Number: o.Asset.Number, Name: o.Asset.Name, Group: o.Asset.Group, Location: o.Asset.Location,
		Object: o.Object, MayReport: o.May.Has(asset.Faults), Staff: o.Staff, WithDue: o.May.Has(asset.SeeDueDates)}
	if page.Contact, err = p.opt.People.Provider(ctx, o.Asset.Provider); err != nil {
		return err
	}
	wanted := r.Query("tab")
	for _, t := range assetTabs {
		if o.May.Has(t.need) {
			if page.Tab == "" || t.name == wanted {
				page.Tab = t.name
			}
			page.Tabs = append(page.Tabs, tab{Name: t.name})
		} else if t.name == wanted {
			return asset.ErrNotAllowed
		}
	}
	for i := range page.Tabs {
		page.Tabs[i].Current = page.Tabs[i].Name == page.Tab
	}
	after, err := p.place(r, "asset", id, page.Tab)
	if err != nil {
		return err
	}
	next, err := p.fillTab(r, &page, o, after)
	if err != nil {
		return err
	}
	if next != "" {
		page.More = withQuery("/assets/"+id, "tab", page.Tab, "after", p.placeAfter(r, next, "asset", id, page.Tab))
	}
	return p.views.asset.render(r, http.StatusOK, page)
}

// fillTab reads the rows of the tab that is shown, and the cursor of those that follow.
func (p *Portal) fillTab(r *edge.Request, page *assetPage, o asset.Overview, after string) (string, error) {
	v, ctx := r.Viewer(), r.Context()
	switch page.Tab {
	case "appointments":
		list, next, err := p.opt.Assets.Appointments(ctx, v, page.ID, after, pageRows)
		for _, a := range list {
			page.Appointments = append(page.Appointments, appointmentRow{a, a.Start.Before(p.opt.Now())})
		}
		return next, err
	case "components":
		list, next, err := p.opt.Assets.Components(ctx, v, page.ID, after, pageRows)
		for _, c := range list {
			page.Components = append(page.Components, componentRow{c, p.due(c.Due())})
		}
		return next, err
	case "due":
		list, next, err := p.opt.Assets.DueDates(ctx, v, page.ID, after, pageRows)
		for i, d := range list {
			// The asset's own date is the first row of the first page, if it has one.
			row := dueRow{Due: p.due(d.Due), Whole: i == 0 && after == "" && o.Asset.Due() != ""}
			if d.Component != nil {
				row.Name = d.Component.Name
			}
			page.DueDates = append(page.DueDates, row)
		}
		return next, err
	case "faults":
		list, next, err := p.opt.Desk.Faults(ctx, v, page.ID, after, pageRows)
		if err != nil {
			return "", err
		}
		page.Faults, err = p.requestRows(p.names(r), list)
		return next, err
	}
	return "", nil
}

// names finds what ids are called, each once for a request. It asks with the viewer, so that nobody reads a name here that
// is kept from him elsewhere.
type names struct {
	p          *Portal
	ctx        context.Context
	viewer     identity.Viewer
	lang       func(desk.FaultType) string
	providers  map[string]string
	assets     map[string]asset.Access
	components map[string]string
	customers  map[string]string
}

func (p *Portal) names(r *edge.Request) *names {
	l := language(r)
	return &names{p: p, ctx: r.Context(), viewer: r.Viewer(), lang: func(f desk.FaultType) string { return f.Name(l) },
		providers: map[string]string{}, assets: map[string]asset.Access{}, components: map[string]string{}, customers: map[string]string{}}
}

// provider is a company with its branch; "" for one that is gone.
func (n *names) provider(id string) (string, error) {
	if name, ok := n.providers[id]; ok {
		return name, nil
	}
	pr, err := n.p.opt.People.Provider(n.ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	n.providers[id] = companyName(pr)
	return n.providers[id], nil
}

func companyName(pr identity.Provider) string {
	if pr.Branch == "" {
		return pr.Company
	}
	return pr.Company + ", " + pr.Branch
}

// customer is the name of a customer, "" if the viewer may not know it.
func (n *names) customer(id string) (string, error) {
	if name, ok := n.customers[id]; ok {
		return name, nil
	}
	c, err := n.p.opt.People.Customer(n.ctx, n.viewer, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	n.customers[id] = c.Name
	return c.Name, nil
}

// asset is the viewer's access to an asset; without an Asset if there is none.
func (n *names) asset(id string) (asset.Access, error) {
	if a, ok := n.assets[id]; ok {
		return a, nil
	}
	a, err := n.p.opt.Assets.Access(n.ctx, n.viewer, id)
	if err != nil && !errors.Is(err, asset.ErrNotFound) {
		return asset.Access{}, err
	}
	n.assets[id] = a
	return a, nil
}

// component is the name of a component, "" if the viewer may not know it or there is none.
func (n *names) component(id string) (string, error) {
	if name, ok := n.components[id]; ok || id == "" {
		return name, nil
	}
	c, _, err := n.p.opt.Assets.Component(n.ctx, n.viewer, id)
	if err != nil && !errors.Is(err, asset.ErrNotFound) {
		return "", err
	}
	n.components[id] = c.Name
	return c.Name, nil
}

// faultType is what the fault type of a request is called.
func (n *names) faultType(v desk.View) (string, error) {
	f, err := n.p.opt.Desk.FaultType(n.ctx, v)
	return n.lang(f), err
}
