package portal

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// keyWarning is how long before the end of a controller's key staff are told.
const keyWarning = 30 * 24 * time.Hour

// controllersPage lists the door controllers of a provider, those not up to date first.
type controllersPage struct {
	Rows     []controllerRow
	May      bool // add and change them
	Form     controllerForm
	Protocol string
}

// controllerRow is one controller with how far it is.
type controllerRow struct {
	ID, Name, Place, Customer string
	Manual                    bool
	Waiting                   int
	ManyWaiting               bool // Waiting is as far as it is counted
	Heard                     store.Time
	Never                     bool // was never heard of
	Silent, Fell              bool
	Trouble                   bool       // its webhook fails
	KeyEnds                   store.Time // of the key that lasts longest
	KeyEnding, KeyEnded       bool
}

// controllerForm is what a controller is made from, with what is wrong beside each field (message keys).
type controllerForm struct {
	Name, Place, Customer, Webhook                     string
	Manual                                             bool
	Tried                                              bool // it was sent before
	NameError, PlaceError, CustomerError, WebhookError string
	Customers                                          []choice // to choose among
}

// controllerKeysPage shows the key and the secret of a controller, once.
type controllerKeysPage struct {
	ID, Name, Key, Secret, URL, Protocol string
	Rotated                              bool
}

// protocolDocument describes what a connector has to do.
const protocolDocument = "https://github.com/tagwerk/tagwerk/blob/main/mobileapi/connector/README.md"

// mayManage reports whether the viewer may make and change what belongs to the provider as a whole.
func mayManage(v identity.Viewer) bool {
	return v.Role == identity.Admin || v.Role == identity.Dispatcher
}

func (p *Portal) getControllers(r *edge.Request) error {
	return p.showControllers(r, http.StatusOK, controllerForm{})
}

// showControllers renders the list; form holds what a refused order brought.
func (p *Portal) showControllers(r *edge.Request, status int, form controllerForm) error {
	list, err := p.opt.Assets.Doors(r.Context(), r.Viewer())
	if err != nil {
		return err
	}
	page := controllersPage{May: mayManage(r.Viewer()), Form: form, Protocol: protocolDocument}
	if page.Form.Customers, err = p.customers(r); err != nil {
		return err
	}
	n := p.names(r)
	for _, d := range list {
		row, err := p.controllerRow(n, d)
		if err != nil {
			return err
		}
		page.Rows = append(page.Rows, row)
	}
	return p.views.controllers.render(r, status, page)
}

func (p *Portal) controllerRow(n *names, d asset.DoorProgress) (controllerRow, error) {
	c := d.Controller
	row := controllerRow{ID: c.ID, Name: c.Name, Place: c.Place, Manual: c.Manual, Waiting: d.Waiting, ManyWaiting: d.Waiting >= asset.MaxWaiting,
		Heard: d.Door.Heard, Never: d.Door.Heard.IsZero(), Silent: d.Silent, Fell: d.Door.Fell != nil, Trouble: d.Door.Trouble != ""}
	for _, k := range c.Keys {
		if row.KeyEnds.IsZero() || k.Expires.After(row.KeyEnds.Time) {
			row.KeyEnds = k.Expires
		}
	}
	if now := p.opt.Now(); !c.Manual && len(c.Keys) > 0 {
		row.KeyEnded = !row.KeyEnds.After(now)
		row.KeyEnding = !row.KeyEnded && row.KeyEnds.Before(now.Add(keyWarning))
	}
	var err error
	row.Customer, err = n.customer(c.Customer)
	return row, err
}

func (p *Portal) postControllers(r *edge.Request) error {
	form := controllerForm{Tried: true, Name: r.FormValue("name"), Place: r.FormValue("place"), Customer: r.FormValue("customer"),
		Webhook: strings.TrimSpace(r.FormValue("webhook")), Manual: r.FormValue("kind") == "manual"}
	c, secrets, err := p.opt.People.AddController(r.Context(), r.Viewer(), form.order())
	if err != nil {
		if !form.refused(err) {
			return err
		}
		return p.showControllers(r, http.StatusUnprocessableEntity, form)
	}
	if c.Manual {
		return r.Redirect("/staff/controllers/" + c.ID + "?done=controller_added")
	}
	return p.showKeys(r, c, secrets, false)
}

func (f controllerForm) order() identity.NewController {
	return identity.NewController{Name: f.Name, Place: f.Place, Customer: f.Customer, Webhook: f.Webhook, Manual: f.Manual}
}

// refused notes what is wrong beside its field, and reports whether err is about a field at all.
func (f *controllerForm) refused(err error) bool {
	var e *identity.FieldError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Field {
	case "place":
		f.PlaceError = e.Key
	case "customer":
		f.CustomerError = e.Key
	case "webhook":
		f.WebhookError = e.Key
	default:
		f.NameError = e.Key
	}
	return true
}

// showKeys answers the post itself with what is shown once, so that it stands in no address and no history of one (SEC-43).
func (p *Portal) showKeys(r *edge.Request, c identity.Controller, s identity.ControllerSecrets, rotated bool) error {
	return p.views.controllerKeys.render(r, http.StatusOK, controllerKeysPage{ID: c.ID, Name: c.Name, Key: s.Key, Secret: s.Secret,
		URL: strings.TrimSuffix(p.opt.PublicURL, "/"), Protocol: protocolDocument, Rotated: rotated})
}
