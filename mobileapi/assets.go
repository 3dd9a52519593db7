package mobileapi

import (
	"context"
	"net/http"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
)

// AssetBrief names an asset.
type AssetBrief struct {
	ID       string `json:"id"`
	Number   string `json:"number"`
	Name     string `json:"name"`
	Group    string `json:"group,omitempty"`
	Location string `json:"location,omitempty"`
	Provider string `json:"provider" doc:"Id of the service company"`
}

// Asset is an asset with what the viewer may know of it.
type Asset struct {
	AssetBrief
	Permissions     []string     `json:"permissions" doc:"What the viewer may see: appointments, components, due_dates, faults"`
	Object          string       `json:"object,omitempty"`
	Address         string       `json:"address,omitempty"`
	Components      *int         `json:"components,omitempty"`
	Due             string       `json:"due,omitempty" format:"date" doc:"Earliest due date of asset and components"`
	NextAppointment *Appointment `json:"next_appointment,omitempty"`
}

// Component is a part of an asset.
type Component struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Type         string `json:"type,omitempty"`
	Manufacturer string `json:"manufacturer,omitempty"`
	Model        string `json:"model,omitempty"`
	Serial       string `json:"serial,omitempty"`
	YearBuilt    int    `json:"year_built,omitempty"`
	Approval     string `json:"approval,omitempty"`
	Location     string `json:"location,omitempty"`
	Due          string `json:"due,omitempty" format:"date" doc:"With the due dates grant"`
}

// Appointment is a visit.
type Appointment struct {
	ID      string    `json:"id"`
	Start   time.Time `json:"start"`
	Status  string    `json:"status" enum:"draft,planned,confirmed,carried_out"`
	Subject string    `json:"subject"`
	Reports []Report  `json:"reports,omitempty" doc:"Published ones"`
}

// Report is a document about a visit.
type Report struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// DueDate is a date of maintenance.
type DueDate struct {
	Due           string `json:"due" format:"date"`
	Of            string `json:"of" enum:"asset,component"`
	ComponentID   string `json:"component_id,omitempty" doc:"With the components grant"`
	ComponentName string `json:"component_name,omitempty" doc:"With the components grant"`
}

// AssetsInput narrows the list of assets.
type AssetsInput struct {
	Paging
	Provider string `query:"provider" maxLength:"64" doc:"Only assets of this service company"`
}

// AssetInput names an asset.
type AssetInput struct {
	ID string `path:"id" maxLength:"64"`
}

// AssetListInput names an asset and a page of its list.
type AssetListInput struct {
	AssetInput
	Paging
}

func (a *api) assets() {
	access := func(object, permission string) edge.Access {
		return edge.Access{Who: edge.SignedIn, Object: object, Permission: permission}
	}
	limit := edge.RouteOptions{Limit: "api"}

	edge.Operation(a.API, op(http.MethodGet, "/v1/assets", "listAssets", "Released assets over all service companies", "Assets"), access("assets granted to the viewer, or of the own provider", "any grant"),
		func(ctx context.Context, in *AssetsInput) (*Out[Page[Asset]], error) {
			return page(ctx, a, "assets "+in.Provider, in.Paging, func(v identity.Viewer, after string) ([]asset.Overview, string, error) {
				return a.Assets.Assets(ctx, v, in.Provider, after, in.Limit)
			}, assetOf)
		}, limit)

	edge.Operation(a.API, op(http.MethodGet, "/v1/assets/{id}", "getAsset", "One asset", "Assets"), access("one asset granted to the viewer, or of the own provider", "any grant"),
		func(ctx context.Context, in *AssetInput) (*Out[Asset], error) {
			o, err := a.Assets.Overview(ctx, edge.ViewerFrom(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			return &Out[Asset]{assetOf(o)}, nil
		}, limit)

	edge.Operation(a.API, op(http.MethodGet, "/v1/assets/{id}/components", "listComponents", "Components with master data", "Assets"), access("components of one asset", "F-24"),
		func(ctx context.Context, in *AssetListInput) (*Out[Page[Component]], error) {
			return page(ctx, a, "components "+in.ID, in.Paging, func(v identity.Viewer, after string) ([]asset.Component, string, error) {
				return a.Assets.Components(ctx, v, in.ID, after, in.Limit)
			}, func(c asset.Component) Component { return componentOf(c, asset.AllPermissions) })
		}, limit)

	edge.Operation(a.API, op(http.MethodGet, "/v1/assets/{id}/appointments", "listAppointments", "Appointments from planned onward, and published reports", "Assets"), access("appointments of one asset", "F-18"),
		func(ctx context.Context, in *AssetListInput) (*Out[Page[Appointment]], error) {
			return page(ctx, a, "appointments "+in.ID, in.Paging, func(v identity.Viewer, after string) ([]asset.Appointment, string, error) {
				return a.Assets.Appointments(ctx, v, in.ID, after, in.Limit)
			}, appointmentOf)
		}, limit)

	edge.Operation(a.API, op(http.MethodGet, "/v1/assets/{id}/due-dates", "listDueDates", "Due dates of the asset and every component", "Assets"), access("due dates of one asset", "F-27"),
		func(ctx context.Context, in *AssetListInput) (*Out[Page[DueDate]], error) {
			return page(ctx, a, "due "+in.ID, in.Paging, func(v identity.Viewer, after string) ([]asset.DueDate, string, error) {
				return a.Assets.DueDates(ctx, v, in.ID, after, in.Limit)
			}, dueDateOf)
		}, limit)

	edge.Operation(a.API, op(http.MethodGet, "/v1/assets/{id}/faults", "listFaults", "Faults with their status, open ones first", "Assets"), access("faults of one asset", "F-28"),
		func(ctx context.Context, in *AssetListInput) (*Out[Page[Request]], error) {
			return page(ctx, a, "faults "+in.ID, in.Paging, func(v identity.Viewer, after string) ([]desk.View, string, error) {
				return a.Desk.Faults(ctx, v, in.ID, after, in.Limit)
			}, requestOf)
		}, limit)
}

// page answers one page of a list whose cursor is bound to viewer and list.
func page[D, W any](ctx context.Context, a *api, list string, in Paging, find func(v identity.Viewer, after string) ([]D, string, error), wire func(D) W) (*Out[Page[W]], error) {
	v := edge.ViewerFrom(ctx)
	after, err := a.cursors.Open(v, list, in.Cursor)
	if err != nil {
		return nil, err
	}
	items, next, err := find(v, after)
	if err != nil {
		return nil, err
	}
	out := Page[W]{Items: make([]W, len(items)), NextCursor: a.cursors.Seal(v, list, next)}
	for i, it := range items {
		out.Items[i] = wire(it)
	}
	return &Out[Page[W]]{out}, nil
}

func briefOf(a *asset.Asset) AssetBrief {
	return AssetBrief{ID: a.ID, Number: a.Number, Name: a.Name, Group: a.Group, Location: a.Location, Provider: a.Provider}
}

func assetOf(o asset.Overview) Asset {
	out := Asset{AssetBrief: briefOf(o.Asset), Permissions: o.May.Names(), Due: string(o.Due)}
	if o.Object != nil {
		out.Object, out.Address = o.Object.Name, o.Object.Address
	}
	if o.Components >= 0 {
		out.Components = &o.Components
	}
	if o.Next != nil {
		p := appointmentOf(*o.Next)
		out.NextAppointment = &p
	}
	return out
}

func componentOf(c asset.Component, may asset.Permission) Component {
	out := Component{ID: c.ID, Name: c.Name, Type: c.Type, Manufacturer: c.Manufacturer, Model: c.Model, Serial: c.Serial, YearBuilt: c.YearBuilt, Approval: c.Approval, Location: c.Location}
	if may.Has(asset.SeeDueDates) {
		out.Due = string(c.Due())
	}
	return out
}

func appointmentOf(p asset.Appointment) Appointment {
	out := Appointment{ID: p.ID, Start: p.Start.Time, Status: string(p.Status), Subject: p.Subject}
	for _, r := range p.Reports {
		out.Reports = append(out.Reports, Report{ID: r.ID, Title: r.Title})
	}
	return out
}

func dueDateOf(d asset.DueDate) DueDate {
	out := DueDate{Due: string(d.Due), Of: "component"}
	if d.OfAsset {
		out.Of = "asset"
	}
	if d.Component != nil {
		out.ComponentID, out.ComponentName = d.Component.ID, d.Component.Name
	}
	return out
}
