package mobileapi

import (
	"context"
	"net/http"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
)

// Controller is a door controller, or the connector in front of several, with how far it follows its access list.
type Controller struct {
	ID        string              `json:"id"`
	Name      string              `json:"name"`
	Place     string              `json:"place,omitempty"`
	Customer  string              `json:"customer,omitempty" doc:"Whose tags alone it gets; absent: all of the service company"`
	Manual    bool                `json:"manual" doc:"Without a connector: staff acknowledge for it"`
	Webhook   string              `json:"webhook,omitempty" doc:"Address for events"`
	CreatedAt time.Time           `json:"created_at"`
	Keys      []ControllerKey     `json:"keys"`
	Progress  *ControllerProgress `json:"progress,omitempty"`
}

// ControllerKey tells the keys of a controller apart.
type ControllerKey struct {
	Hint      string     `json:"hint" doc:"Its last four symbols"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	UsedAt    *time.Time `json:"used_at,omitempty" doc:"Exact to a few minutes"`
}

// ControllerProgress is how far a controller follows its access list.
type ControllerProgress struct {
	Version        int64         `json:"version" doc:"Of the list now"`
	Acknowledged   int64         `json:"acknowledged" doc:"Version that the controller works by"`
	AcknowledgedAt *time.Time    `json:"acknowledged_at,omitempty"`
	Sent           []VersionSent `json:"sent" doc:"Versions handed out and not acknowledged yet"`
	HeardAt        *time.Time    `json:"heard_at,omitempty" doc:"Last sign of life, exact to a minute"`
	Waiting        int           `json:"waiting" doc:"Changes of its tags that it has not acknowledged, counted up to 200"`
	Silent         bool          `json:"silent" doc:"It was not heard of for too long"`
	FellBack       *VersionFall  `json:"fell_back,omitempty" doc:"Alarm: it showed an older version than it had acknowledged"`
	WebhookTrouble string        `json:"webhook_trouble,omitempty" doc:"Why its webhook fails, as a stable word"`
}

// VersionSent is a version of the access list that was handed to a controller.
type VersionSent struct {
	Version int64     `json:"version"`
	At      time.Time `json:"at"`
}

// VersionFall is a controller that went back to an older list.
type VersionFall struct {
	From int64     `json:"from"`
	To   int64     `json:"to"`
	At   time.Time `json:"at"`
}

// ControllerDetail is one controller with the tags whose change it has not acknowledged.
type ControllerDetail struct {
	Controller
	WaitingTags []TagRecord `json:"waiting_tags" doc:"At most 200"`
}

// ControllerSecrets are shown once.
type ControllerSecrets struct {
	Key    string `json:"key" doc:"API key: send it as Authorization: Bearer"`
	Secret string `json:"secret" doc:"Signs access lists and webhooks (Standard Webhooks)"`
}

// NewController is a controller that was just made, with its secrets.
type NewController struct {
	Controller
	ControllerSecrets
}

// ControllerInput is the input of POST /v1/controllers.
type ControllerInput struct {
	Body struct {
		Name     string `json:"name" minLength:"1" maxLength:"100"`
		Place    string `json:"place,omitempty" maxLength:"200"`
		Customer string `json:"customer,omitempty" maxLength:"64" doc:"Only the tags of this customer; absent: all of the own provider"`
		Webhook  string `json:"webhook,omitempty" maxLength:"500" doc:"https address for events"`
		Manual   bool   `json:"manual,omitempty" doc:"Without a connector"`
	}
}

// ControllerChange is the input of PUT /v1/controllers/{id}.
type ControllerChange struct {
	ControllerPath
	Body struct {
		Name    string `json:"name" minLength:"1" maxLength:"100"`
		Place   string `json:"place,omitempty" maxLength:"200"`
		Webhook string `json:"webhook,omitempty" maxLength:"500" doc:"https address for events; absent ends the webhook"`
	}
}

// ControllerPath names a controller.
type ControllerPath struct {
	ID string `path:"id" maxLength:"64"`
}

func (a *api) controllers() {
	staff := edge.Access{Who: edge.Staff, Object: "door controllers of the own provider", Permission: "none"}
	managers := staff
	managers.Roles = []identity.Role{identity.Dispatcher, identity.Admin}
	limit := edge.RouteOptions{Limit: "api"}

	edge.Operation(a.API, op(http.MethodGet, "/v1/controllers", "listControllers", "Door controllers, those not up to date first", "Door controllers"), staff,
		func(ctx context.Context, _ *struct{}) (*Out[Page[Controller]], error) {
			doors, err := a.Assets.Doors(ctx, edge.ViewerFrom(ctx))
			if err != nil {
				return nil, err
			}
			out := Page[Controller]{Items: make([]Controller, len(doors))}
			for i, d := range doors {
				out.Items[i] = controllerWith(d)
			}
			return &Out[Page[Controller]]{out}, nil
		}, limit)

	add := op(http.MethodPost, "/v1/controllers", "addController", "Add a door controller", "Door controllers")
	add.Description = "The answer shows key and secret once. Without an Idempotency-Key for that reason: after an answer that got lost, delete the controller and add it again."
	add.DefaultStatus = http.StatusCreated
	edge.Operation(a.API, add, managers, func(ctx context.Context, in *ControllerInput) (*Out[NewController], error) {
		b := in.Body
		c, secrets, err := a.People.AddController(ctx, edge.ViewerFrom(ctx), identity.NewController{Name: b.Name, Place: b.Place, Customer: b.Customer, Webhook: b.Webhook, Manual: b.Manual})
		if err != nil {
			return nil, err
		}
		return &Out[NewController]{NewController{Controller: controllerOf(c), ControllerSecrets: ControllerSecrets(secrets)}}, nil
	}, limit)

	edge.Operation(a.API, op(http.MethodGet, "/v1/controllers/{id}", "getController", "One door controller with the tags that wait for it", "Door controllers"), staff,
		func(ctx context.Context, in *ControllerPath) (*Out[ControllerDetail], error) {
			return a.controller(ctx, in.ID)
		}, limit)

	edge.Operation(a.API, op(http.MethodPut, "/v1/controllers/{id}", "changeController", "Rename a door controller, or change its webhook", "Door controllers"), managers,
		func(ctx context.Context, in *ControllerChange) (*Out[ControllerDetail], error) {
			b := in.Body
			if _, err := a.People.ChangeController(ctx, edge.ViewerFrom(ctx), in.ID, identity.NewController{Name: b.Name, Place: b.Place, Webhook: b.Webhook}); err != nil {
				return nil, err
			}
			return a.controller(ctx, in.ID)
		}, limit)

	rotate := op(http.MethodPost, "/v1/controllers/{id}/rotate", "rotateController", "Make a new key and secret", "Door controllers")
	rotate.Description = "Those before stay valid for a day."
	edge.Operation(a.API, rotate, managers, func(ctx context.Context, in *ControllerPath) (*Out[ControllerSecrets], error) {
		secrets, err := a.People.RotateController(ctx, edge.ViewerFrom(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return &Out[ControllerSecrets]{ControllerSecrets(secrets)}, nil
	}, limit)

	ack := op(http.MethodPost, "/v1/controllers/{id}/ack", "acknowledgeByHand", "Note that a door controller was seen to work by the list as it is now", "Door controllers")
	edge.Operation(a.API, ack, staff, func(ctx context.Context, in *ControllerPath) (*Out[ControllerDetail], error) {
		if err := a.Assets.AcknowledgeByHand(ctx, edge.ViewerFrom(ctx), in.ID); err != nil {
			return nil, err
		}
		return a.controller(ctx, in.ID)
	}, limit)

	edge.Operation(a.API, op(http.MethodDelete, "/v1/controllers/{id}", "removeController", "End a door controller and its keys at once", "Door controllers"), managers,
		func(ctx context.Context, in *ControllerPath) (*struct{}, error) {
			return nil, a.People.DeactivateController(ctx, edge.ViewerFrom(ctx), in.ID)
		}, limit)
}

// controller answers a controller as it is now.
func (a *api) controller(ctx context.Context, id string) (*Out[ControllerDetail], error) {
	v := edge.ViewerFrom(ctx)
	door, err := a.Assets.Door(ctx, v, id)
	if err != nil {
		return nil, err
	}
	tags, err := a.Assets.WaitingTags(ctx, v, id)
	if err != nil {
		return nil, err
	}
	out := ControllerDetail{Controller: controllerWith(door), WaitingTags: make([]TagRecord, len(tags))}
	for i, t := range tags {
		out.WaitingTags[i] = recordFor(v)(asset.TagView{Tag: t, May: allTagRights})
	}
	return &Out[ControllerDetail]{out}, nil
}

func controllerOf(c identity.Controller) Controller {
	out := Controller{ID: c.ID, Name: c.Name, Place: c.Place, Customer: c.Customer, Manual: c.Manual, Webhook: c.Webhook, CreatedAt: c.Created.Time,
		Keys: make([]ControllerKey, len(c.Keys))}
	for i, k := range c.Keys {
		out.Keys[i] = ControllerKey{Hint: k.Hint, CreatedAt: k.Created.Time, ExpiresAt: k.Expires.Time, UsedAt: moment(k.Used.Time)}
	}
	return out
}

func controllerWith(d asset.DoorProgress) Controller {
	out := controllerOf(d.Controller)
	p := &ControllerProgress{Version: d.Version, Acknowledged: d.Door.Acked, AcknowledgedAt: moment(d.Door.AckedAt.Time), Sent: make([]VersionSent, len(d.Door.Sent)),
		HeardAt: moment(d.Door.Heard.Time), Waiting: d.Waiting, Silent: d.Silent, WebhookTrouble: d.Door.Trouble}
	for i, s := range d.Door.Sent {
		p.Sent[i] = VersionSent{Version: s.Version, At: s.At.Time}
	}
	if f := d.Door.Fell; f != nil {
		p.FellBack = &VersionFall{From: f.From, To: f.To, At: f.At.Time}
	}
	out.Progress = p
	return out
}
