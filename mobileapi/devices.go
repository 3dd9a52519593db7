package mobileapi

import (
	"context"
	"net/http"

	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
)

// Device is where push messages go.
type Device struct {
	ID       string `json:"id"`
	Kind     string `json:"kind" enum:"fcm_token"`
	Platform string `json:"platform,omitempty"`
	Locale   string `json:"locale,omitempty" enum:"de,sv,en"`
}

// DeviceInput is the input of PUT /v1/devices/{id}.
type DeviceInput struct {
	ID   string `path:"id" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"Chosen by the app, the same for the life of an installation"`
	Body struct {
		FCMToken string `json:"fcm_token" minLength:"1" maxLength:"1024" doc:"The registration token that Firebase Cloud Messaging gave to the app"`
		Platform string `json:"platform,omitempty" maxLength:"32" doc:"android, ios, web …"`
		Locale   string `json:"locale,omitempty" enum:"de,sv,en" doc:"Language of the messages; the person's without it"`
	}
}

// DevicePath names a device.
type DevicePath struct {
	ID string `path:"id" maxLength:"64"`
}

func (a *api) devices() {
	own := edge.Access{Who: edge.SignedIn, Object: "own devices", Permission: "none"}
	limit := edge.RouteOptions{Limit: "api"}

	put := op(http.MethodPut, "/v1/devices/{id}", "putDevice", "Register a device for push messages", "Devices")
	put.Description = "Send it again at each start of the app and monthly. An address belongs to whoever registered it last."
	edge.Operation(a.API, put, own, func(ctx context.Context, in *DeviceInput) (*Out[Device], error) {
		d, err := a.People.PutDevice(ctx, edge.ViewerFrom(ctx), in.ID, identity.Device{Kind: identity.FCMToken, Address: in.Body.FCMToken,
			Platform: in.Body.Platform, Locale: locale.Tag(in.Body.Locale)})
		if err != nil {
			return nil, err
		}
		return &Out[Device]{Device{ID: d.Name, Kind: d.Kind, Platform: d.Platform, Locale: string(d.Locale)}}, nil
	}, limit)

	edge.Operation(a.API, op(http.MethodDelete, "/v1/devices/{id}", "deleteDevice", "Stop push messages to a device", "Devices"), own,
		func(ctx context.Context, in *DevicePath) (*struct{}, error) {
			return nil, a.People.DeleteDevice(ctx, edge.ViewerFrom(ctx), in.ID)
		}, limit)
}
