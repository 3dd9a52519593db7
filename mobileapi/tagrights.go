package mobileapi

import (
	"context"
	"net/http"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
)

// TagRights is what the service company granted to a portal user on the access tags of the user's customer.
type TagRights struct {
	Person   string    `json:"person"`
	Customer string    `json:"customer"`
	See      bool      `json:"see"`
	Block    bool      `json:"block"`
	Who      string    `json:"who" doc:"Id of the member of staff who granted it"`
	At       time.Time `json:"at"`
}

// TagRightsInput names the customer whose users are asked for.
type TagRightsInput struct {
	Customer string `query:"customer" required:"true" minLength:"1" maxLength:"64"`
}

// TagRightsChange is the input of PUT /v1/tag-rights/{person}.
type TagRightsChange struct {
	Person string `path:"person" maxLength:"64"`
	Body   struct {
		See   bool `json:"see"`
		Block bool `json:"block" doc:"Neither right takes the grant away"`
	}
}

// TagSettings is how a service company handles its tags.
type TagSettings struct {
	ApproveReactivation bool `json:"approve_reactivation" doc:"Staff approve a customer's reactivation before it takes effect"`
	AlertOwner          bool `json:"alert_owner" doc:"Sightings of blocked and lost tags are pushed to the customer's users who may block, too"`
	FoundForm           bool `json:"found_form" doc:"Finders see a form on the contact page"`
	KeepScans           int  `json:"keep_scans" minimum:"-1" maximum:"3650" doc:"Days for which scans are kept; 0 means 30, -1 keeps none"`
	KeepSightings       int  `json:"keep_sightings" minimum:"0" maximum:"3650" doc:"Days for which sightings are kept; 0 means 30"`
}

// TagSettingsInput is the input of PUT /v1/tag-settings.
type TagSettingsInput struct{ Body TagSettings }

func (a *api) tagRights() {
	staff := edge.Access{Who: edge.Staff, Object: "rights of users of a customer that the own provider serves", Permission: "none"}
	limit := edge.RouteOptions{Limit: "api"}

	edge.Operation(a.API, op(http.MethodGet, "/v1/tag-rights", "listTagRights", "Rights on access tags that the users of a customer have", "Tags"), staff,
		func(ctx context.Context, in *TagRightsInput) (*Out[Page[TagRights]], error) {
			rights, err := a.Assets.TagRightsOf(ctx, edge.ViewerFrom(ctx), in.Customer)
			if err != nil {
				return nil, err
			}
			out := Page[TagRights]{Items: make([]TagRights, len(rights))}
			for i, r := range rights {
				out.Items[i] = TagRights{Person: r.Person, Customer: r.Customer, See: r.See, Block: r.Block, Who: r.Who, At: r.At.Time}
			}
			return &Out[Page[TagRights]]{out}, nil
		}, limit)

	edge.Operation(a.API, op(http.MethodPut, "/v1/tag-rights/{person}", "putTagRights", "Grant or take away rights on access tags", "Tags"), staff,
		func(ctx context.Context, in *TagRightsChange) (*struct{}, error) {
			return nil, a.Assets.GrantTags(ctx, edge.ViewerFrom(ctx), in.Person, in.Body.See, in.Body.Block)
		}, limit)

	admin := edge.Access{Who: edge.Staff, Roles: []identity.Role{identity.Admin}, Object: "settings of the own provider", Permission: "none"}
	edge.Operation(a.API, op(http.MethodGet, "/v1/tag-settings", "getTagSettings", "How the own service company handles its tags", "Tags"), admin,
		func(ctx context.Context, _ *struct{}) (*Out[TagSettings], error) { return a.tagSettings(ctx) }, limit)

	edge.Operation(a.API, op(http.MethodPut, "/v1/tag-settings", "putTagSettings", "Change how the own service company handles its tags", "Tags"), admin,
		func(ctx context.Context, in *TagSettingsInput) (*Out[TagSettings], error) {
			b, v := in.Body, edge.ViewerFrom(ctx)
			err := a.Assets.PutTagSettings(ctx, v, asset.TagSettings{Provider: v.Provider, ApproveReactivation: b.ApproveReactivation, AlertOwner: b.AlertOwner,
				FoundForm: b.FoundForm, KeepScans: b.KeepScans, KeepSightings: b.KeepSightings})
			if err != nil {
				return nil, err
			}
			return a.tagSettings(ctx)
		}, limit)
}

func (a *api) tagSettings(ctx context.Context) (*Out[TagSettings], error) {
	s, err := a.Assets.TagSettings(ctx, edge.ViewerFrom(ctx).Provider)
	if err != nil {
		return nil, err
	}
	return &Out[TagSettings]{TagSettings{ApproveReactivation: s.ApproveReactivation, AlertOwner: s.AlertOwner, FoundForm: s.FoundForm,
		KeepScans: s.KeepScans, KeepSightings: s.KeepSightings}}, nil
}
