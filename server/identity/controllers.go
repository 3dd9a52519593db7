package identity

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// Controller is a door controller or the connector in front of several: a program with a key of its own, which reads its access
// list and reports events. A manual one has no connector and no key; staff acknowledge for it.
type Controller struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Customer string `json:"customer"` // whose tags alone it gets; "" for all of the provider
	Name     string `json:"name"`
	Place    string `json:"place"`
	Manual   bool   `json:"manual"`
	Active   bool   `json:"active"`
	// Keys are its API keys, the newest first; KeyHashes repeats their hashes for the look-up.
	Keys      []ControllerKey `json:"keys,omitempty"`
	KeyHashes []string        `json:"key_hashes"`
	// Secrets sign lists and webhooks; the newest first, others while they overlap (SEC-82).
	Secrets []ControllerSecret `json:"secrets,omitempty"`
	Webhook string             `json:"webhook"` // address for events; "" for none
	Created store.Time         `json:"created"`
}

// Covers reports whether the controller has to know of the tags of a customer of its provider (SEC-10).
func (c Controller) Covers(provider, customer string) bool {
	return provider != "" && c.Provider == provider && (c.Customer == "" || c.Customer == customer)
}

// shown is the controller as people see it: without what is derived from its secrets (SEC-17).
func (c Controller) shown() Controller {
	keys := make([]ControllerKey, len(c.Keys))
	for i, k := range c.Keys {
		k.Hash = ""
		keys[i] = k
	}
	c.Keys, c.KeyHashes, c.Secrets = keys, nil, nil
	return c
}

// NewController is what a controller is made from.
type NewController struct {
	Name, Place, Customer, Webhook string
	Manual                         bool
}

// maxControllers is the most active controllers of one provider: each block of a tag is a notice to each of them, in the document
// of the tag.
const maxControllers = 200

// maxWebhook is the longest address of a webhook in bytes.
const maxWebhook = 500

// AddController makes a controller of the viewer's provider; administrators and dispatchers. Its customer must be served by the
// provider. What is returned beside it is shown once; a manual controller gets none. Errors are a *FieldError, ErrNotAllowed and
// ErrEnrolFirst.
func (d *Directory) AddController(ctx context.Context, v Viewer, n NewController) (Controller, ControllerSecrets, error) {
	if err := mayControl(v); err != nil {
		return Controller{}, ControllerSecrets{}, err
	}
	n, err := checkController(n)
	if err != nil {
		return Controller{}, ControllerSecrets{}, err
	}
	if n.Customer != "" {
		c, err := d.customers.Get(ctx, n.Customer)
		if err != nil {
			return Controller{}, ControllerSecrets{}, unknownReference("customer", err)
		}
		if !c.ServedBy(v.Provider) {
			return Controller{}, ControllerSecrets{}, unknownReference("customer", store.ErrNotFound)
		}
	}
	known, err := d.activeControllers(ctx, v.Provider)
	if err != nil {
		return Controller{}, ControllerSecrets{}, err
	}
	if len(known) >= maxControllers {
		return Controller{}, ControllerSecrets{}, &FieldError{Field: "name", Key: "identity.controller.many"}
	}
	c := Controller{Provider: v.Provider, Customer: n.Customer, Name: n.Name, Place: n.Place, Webhook: n.Webhook,
		Manual: n.Manual, Active: true, Created: store.At(d.now())}
	if c.ID, err = d.newID(); err != nil {
		return Controller{}, ControllerSecrets{}, err
	}
	var shown ControllerSecrets
	if !c.Manual {
		fresh, err := d.newControllerSecrets(c.ID)
		if err != nil {
			return Controller{}, ControllerSecrets{}, err
		}
		fresh.addTo(&c, c.Created)
		shown = fresh.shown
	}
	if err := d.doors.Insert(ctx, c.ID, &c); err != nil {
		return Controller{}, ControllerSecrets{}, err
	}
	d.log.InfoContext(ctx, "controller added", "action", "add controller", "person", v.User, "controller", c.ID, "result", "ok")
	return c.shown(), shown, nil
}

// ChangeController renames a controller or changes its webhook; an empty webhook ends it. Whose tags it gets and whether it is manual
// stays as it was made. Errors are those of [Directory.AddController], and store.ErrNotFound.
func (d *Directory) ChangeController(ctx context.Context, v Viewer, id string, n NewController) (Controller, error) {
	if err := mayControl(v); err != nil {
		return Controller{}, err
	}
	before, err := d.ownController(ctx, v, id)
	if err != nil {
		return Controller{}, err
	}
	n.Manual = before.Manual
	if n, err = checkController(n); err != nil {
		return Controller{}, err
	}
	c, err := d.doors.Update(ctx, id, func(c *Controller) error {
		if !c.Active {
			return store.ErrNotFound
		}
		c.Name, c.Place, c.Webhook = n.Name, n.Place, n.Webhook
		return nil
	})
	if err != nil {
		return Controller{}, err
	}
	d.log.InfoContext(ctx, "controller changed", "action", "change controller", "person", v.User, "controller", id, "result", "ok")
	return c.shown(), nil
}

// DeactivateController ends a controller and all its keys at once, also on a full disk (SEC-20, SEC-85).
func (d *Directory) DeactivateController(ctx context.Context, v Viewer, id string) error {
	if err := mayControl(v); err != nil {
		return err
	}
	if _, err := d.ownController(ctx, v, id); err != nil {
		return err
	}
	_, err := d.doors.Update(store.Essential(ctx), id, func(c *Controller) error {
		c.Active, c.Keys, c.KeyHashes, c.Secrets = false, nil, nil, nil
		return nil
	})
	if err != nil {
		return err
	}
	d.log.WarnContext(ctx, "controller deactivated", "action", "deactivate controller", "person", v.User, "controller", id, "result", "ok")
	return nil
}

// Controllers lists the active controllers of the viewer's provider by name, at most 200, to all its staff.
func (d *Directory) Controllers(ctx context.Context, v Viewer) ([]Controller, error) {
	if err := mayWork(v); err != nil {
		return nil, err
	}
	list, err := d.activeControllers(ctx, v.Provider)
	for i := range list {
		list[i] = list[i].shown()
	}
	return list, err
}

// Controller returns one active controller of the viewer's provider to its staff, or store.ErrNotFound.
func (d *Directory) Controller(ctx context.Context, v Viewer, id string) (Controller, error) {
	if err := mayWork(v); err != nil {
		return Controller{}, err
	}
	c, err := d.ownController(ctx, v, id)
	return c.shown(), err
}

// ControllersFor lists the active controllers that have to know of a tag of the provider and customer; it is for the domain and the workers.
func (d *Directory) ControllersFor(ctx context.Context, provider, customer string) ([]Controller, error) {
	list, err := d.activeControllers(ctx, provider)
	if err != nil {
		return nil, err
	}
	var covering []Controller
	for _, c := range list {
		if c.Covers(provider, customer) {
			covering = append(covering, c)
		}
	}
	return covering, nil
}

// ActiveController returns an active controller by id, for workers and for signing; else store.ErrNotFound.
func (d *Directory) ActiveController(ctx context.Context, id string) (Controller, error) {
	c, err := d.doors.Get(ctx, id)
	if err != nil {
		return Controller{}, err
	}
	if !c.Active {
		return Controller{}, store.ErrNotFound
	}
	return *c, nil
}

// errEnough ends a walk through a list.
var errEnough = errors.New("identity: enough")

func (d *Directory) activeControllers(ctx context.Context, provider string) ([]Controller, error) {
	if provider == "" {
		return nil, nil
	}
	var list []Controller
	err := d.doors.Each(ctx, store.Query{Index: "provider", Eq: []any{provider}}, func(it store.Item[Controller]) error {
		if it.Value.Active {
			list = append(list, *it.Value)
		}
		if len(list) == maxControllers {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, err
}

// ownController returns an active controller of the viewer's provider.
func (d *Directory) ownController(ctx context.Context, v Viewer, id string) (Controller, error) {
	c, err := d.ActiveController(ctx, id)
	if err == nil && !v.StaffOf(c.Provider) {
		return Controller{}, store.ErrNotFound
	}
	return c, err
}

// mayWork returns an error unless the viewer is staff who may work.
func mayWork(v Viewer) error {
	switch {
	case v.Kind != Staff || v.Provider == "":
		return ErrNotAllowed
	case v.MustEnrol:
		return ErrEnrolFirst
	}
	return nil
}

// mayControl returns an error unless the viewer may make and change controllers.
func mayControl(v Viewer) error {
	if err := mayWork(v); err != nil {
		return err
	}
	if v.Role != Admin && v.Role != Dispatcher {
		return ErrNotAllowed
	}
	return nil
}

func checkController(n NewController) (NewController, error) {
	var err error
	if n.Name, err = required("name", n.Name, maxName); err != nil {
		return n, err
	}
	if n.Place, err = plain("place", n.Place, maxText); err != nil {
		return n, err
	}
	if n.Webhook, err = plain("webhook", n.Webhook, maxWebhook); err != nil || n.Webhook == "" {
		return n, err
	}
	if n.Manual {
		return n, &FieldError{Field: "webhook", Key: "identity.controller.manual"}
	}
	if !webhookAddress(n.Webhook) {
		return n, &FieldError{Field: "webhook", Key: "identity.webhook.invalid"}
	}
	return n, nil
}

// webhookAddress judges the form of an address only. Whether http or a private host is allowed is decided on the address that is
// dialled, because names change what they stand for (SEC-81).
func webhookAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.Opaque == "" &&
		!strings.Contains(s, "#") && !strings.ContainsAny(s, " \\")
}

// provedFor is how long proof of password or second factor lets a blocked tag be reactivated (SEC-8).
const provedFor = 5 * time.Minute

// ProvedRecently returns ErrProofNeeded unless the viewer's session proved password or second factor in the last five minutes
// (SEC-8). [Operator], who sits at the box, has no session and needs none.
func (d *Directory) ProvedRecently(ctx context.Context, v Viewer) error {
	if v == Operator(v.Provider) {
		return nil
	}
	_, s, err := d.own(ctx, v)
	if err != nil {
		return err
	}
	if age := d.now().Sub(s.Fresh.Time); age >= provedFor || age < -clockSkew {
		return ErrProofNeeded
	}
	return nil
}
