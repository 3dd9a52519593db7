package mobileapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

// TagRecord is a tag on record, as the viewer may see it.
type TagRecord struct {
	Code        string     `json:"code" doc:"Id of the tag: printed on a label or card, or not printed at all"`
	Print       string     `json:"print" doc:"The code as it is printed"`
	Kind        string     `json:"kind" enum:"label,access"`
	State       string     `json:"state" enum:"minted,printed,bound,blocked,damaged,replaced,retired"`
	Provider    string     `json:"provider"`
	Customer    string     `json:"customer,omitempty" doc:"Of an access tag"`
	Component   string     `json:"component,omitempty" doc:"Of a bound label"`
	Foreign     bool       `json:"foreign,omitempty" doc:"A code that we did not print, bound to a component as an alias"`
	Number      string     `json:"number,omitempty" doc:"Of an access tag or a foreign code: as it was entered first"`
	Hint        string     `json:"hint,omitempty" doc:"Kind of reader that the number came from"`
	Readings    []string   `json:"readings,omitempty" doc:"What the number may mean, in canonical form; ? is an unknown half byte"`
	Holder      *TagHolder `json:"holder,omitempty" doc:"Absent while nobody has the tag"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" doc:"When it blocks itself"`
	SeenAt      *time.Time `json:"seen_at,omitempty" doc:"Last sighting, exact to an hour"`
	Replaces    string     `json:"replaces,omitempty"`
	ReplacedBy  string     `json:"replaced_by,omitempty"`
	Request     string     `json:"request,omitempty" doc:"Number of the request that documents the last block"`
	Permissions []string   `json:"permissions" doc:"What the viewer may do with the tag: see, block, manage"`
	UpdatedAt   time.Time  `json:"updated_at"`
	History     []TagEvent `json:"history"`
}

// TagHolder is who was given an access tag.
type TagHolder struct {
	Tenant   string     `json:"tenant,omitempty"`
	Company  string     `json:"company,omitempty"`
	Unit     string     `json:"unit,omitempty" doc:"Flat, floor, room"`
	IssuedAt *time.Time `json:"issued_at,omitempty"`
}

// TagEvent is a step in the life of a tag.
type TagEvent struct {
	Step string    `json:"step"`
	Who  string    `json:"who,omitempty" doc:"Id of the person, for staff"`
	Name string    `json:"name,omitempty" doc:"Name of the person, as it was then"`
	At   time.Time `json:"at"`
	Note string    `json:"note,omitempty"`
}

// TagDetail is one tag with what door controllers made of its last block or reactivation.
type TagDetail struct {
	TagRecord
	Controllers []DoorState `json:"controllers" doc:"Empty for a tag that was never blocked"`
}

// DoorState is how a door controller stands to the last block or reactivation of a tag.
type DoorState struct {
	Controller     string     `json:"controller"`
	Name           string     `json:"name"`
	Place          string     `json:"place,omitempty"`
	Manual         bool       `json:"manual,omitempty" doc:"Without a connector: staff acknowledge for it"`
	Step           string     `json:"step" enum:"requested,sent,acknowledged,failed"`
	RequestedAt    *time.Time `json:"requested_at,omitempty"`
	SentAt         *time.Time `json:"sent_at,omitempty"`
	AcknowledgedAt *time.Time `json:"acknowledged_at,omitempty"`
	Failed         string     `json:"failed,omitempty" doc:"The controller's own word for why not"`
	By             string     `json:"by,omitempty" doc:"Who acknowledged by hand"`
}

// TagFilter is the filter of lists of tags.
type TagFilter struct {
	Kind        string `query:"kind" enum:"label,access"`
	State       string `query:"state" enum:"minted,printed,bound,blocked,damaged,replaced,retired"`
	Customer    string `query:"customer" maxLength:"64"`
	Holder      string `query:"holder" maxLength:"200" doc:"Words of tenant, company or unit"`
	NotSeenDays int    `query:"not_seen_days" minimum:"1" maximum:"3650" doc:"Tags in use that were not seen for so many days, the longest unseen first"`
}

// TagsInput narrows the list of tags.
type TagsInput struct {
	TagFilter
	Paging
}

// TagPath names a tag.
type TagPath struct {
	ID string `path:"id" maxLength:"64" doc:"Code of the tag, in any printed form"`
}

func (a *api) tags() {
	see := func(object string) edge.Access {
		return edge.Access{Who: edge.SignedIn, Object: object, Permission: "see tags"}
	}
	limit := edge.RouteOptions{Limit: "api"}

	edge.Operation(a.API, op(http.MethodGet, "/v1/tags", "listTags", "Tags, latest change first", "Tags"), see("access tags of the own customer as granted, or tags of the own provider"),
		func(ctx context.Context, in *TagsInput) (*Out[Page[TagRecord]], error) {
			return page(ctx, a, fmt.Sprintf("tags %+v", in.TagFilter), in.Paging, func(v identity.Viewer, after string) ([]asset.TagView, string, error) {
				return a.Assets.FindTags(ctx, v, in.filter(), after, in.Limit)
			}, recordFor(edge.ViewerFrom(ctx)))
		}, limit)

	edge.Operation(a.API, op(http.MethodGet, "/v1/tags/{id}", "getTag", "One tag with its history, and what door controllers made of its last block", "Tags"), see("one tag of the own customer as granted, or of the own provider"),
		func(ctx context.Context, in *TagPath) (*Out[TagDetail], error) {
			code, err := tagging.ParseCode(in.ID)
			if err != nil {
				return nil, err
			}
			v := edge.ViewerFrom(ctx)
			t, err := a.Assets.Tag(ctx, v, string(code))
			if err != nil {
				return nil, err
			}
			doors, err := a.Assets.ProofOf(ctx, v, t.ID)
			if err != nil {
				return nil, err
			}
			out := TagDetail{TagRecord: recordFor(v)(t), Controllers: make([]DoorState, len(doors))}
			for i, d := range doors {
				out.Controllers[i] = doorStateOf(d)
			}
			return &Out[TagDetail]{out}, nil
		}, limit)

	edge.Operation(a.API, op(http.MethodGet, "/v1/components/{id}/tags", "listComponentTags", "Labels and foreign codes of a component", "Tags"),
		edge.Access{Who: edge.Staff, Object: "tags of a component of the own provider", Permission: "none"},
		func(ctx context.Context, in *ComponentPath) (*Out[Page[TagRecord]], error) {
			v := edge.ViewerFrom(ctx)
			tags, err := a.Assets.ComponentTags(ctx, v, in.ID)
			if err != nil {
				return nil, err
			}
			out := Page[TagRecord]{Items: make([]TagRecord, len(tags))}
			for i, t := range tags {
				out.Items[i] = recordFor(v)(asset.TagView{Tag: t, May: allTagRights})
			}
			return &Out[Page[TagRecord]]{out}, nil
		}, limit)
}

// allTagRights are those of staff of the tag's provider.
const allTagRights = asset.SeeTags | asset.BlockTags | asset.ManageTags

func (f TagFilter) filter() asset.TagFilter {
	return asset.TagFilter{Kind: asset.TagKind(f.Kind), State: tagging.State(f.State), Customer: f.Customer, Holder: f.Holder, NotSeenDays: f.NotSeenDays}
}

// record answers a tag that was just changed, with what the viewer may do with it now.
func (a *api) record(ctx context.Context) func(*asset.Tag, error) (*Out[TagRecord], error) {
	return func(t *asset.Tag, err error) (*Out[TagRecord], error) {
		if err != nil {
			return nil, err
		}
		out, err := a.recordOf(ctx, t)
		return &Out[TagRecord]{out}, err
	}
}

func (a *api) recordOf(ctx context.Context, t *asset.Tag) (TagRecord, error) {
	v := edge.ViewerFrom(ctx)
	may := allTagRights
	if !v.StaffOf(t.Provider) {
		var err error
		if may, err = a.Assets.TagRight(ctx, v, t.Provider, t.Customer); err != nil {
			return TagRecord{}, err
		}
	}
	return recordFor(v)(asset.TagView{Tag: t, May: may}), nil
}

// recordFor shows tags to a viewer: the ids of people are for staff of the tag's provider only.
func recordFor(v identity.Viewer) func(asset.TagView) TagRecord {
	return func(t asset.TagView) TagRecord {
		out := TagRecord{Code: t.ID, Print: t.Code().Print(), Kind: string(t.Kind), State: string(t.State), Provider: t.Provider, Customer: t.Customer,
			Component: t.Component, Foreign: t.Foreign, Number: t.Number, Hint: t.Hint, Readings: t.Readings, SeenAt: moment(t.Seen.Time),
			Replaces: t.Replaces, ReplacedBy: t.ReplacedBy, Request: t.Request, Permissions: rightNames(t.May), UpdatedAt: t.Updated.Time,
			History: make([]TagEvent, len(t.History))}
		out.Holder = holderOf(t.Holder)
		if t.Expires.Year() < never {
			out.ExpiresAt = moment(t.Expires.Time)
		}
		for i, e := range t.History {
			out.History[i] = TagEvent{Step: string(e.Step), Name: e.Name, At: e.At.Time, Note: e.Note}
			if v.StaffOf(t.Provider) {
				out.History[i].Who = e.Who
			}
		}
		return out
	}
}

// rightNames are the wire names of rights on tags.
func rightNames(r asset.TagRight) []string {
	names := []string{}
	for _, known := range []struct {
		right asset.TagRight
		name  string
	}{{asset.SeeTags, "see"}, {asset.BlockTags, "block"}, {asset.ManageTags, "manage"}} {
		if r.Has(known.right) {
			names = append(names, known.name)
		}
	}
	return names
}

func doorStateOf(d asset.DoorState) DoorState {
	return DoorState{Controller: d.Controller.ID, Name: d.Controller.Name, Place: d.Controller.Place, Manual: d.Controller.Manual, Step: d.Step,
		RequestedAt: moment(d.Requested.Time), SentAt: moment(d.Sent.Time), AcknowledgedAt: moment(d.Acked.Time), Failed: d.Failed, By: d.By}
}

// never is the year in which a tag without expiry expires.
const never = 9999

// moment is a time that may not have come; nil is absent on the wire.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
