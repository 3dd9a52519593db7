package mobileapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

// HolderInput is to whom an access tag is given; at least one of the three is not empty.
type HolderInput struct {
	Tenant  string `json:"tenant,omitempty" maxLength:"200"`
	Company string `json:"company,omitempty" maxLength:"200"`
	Unit    string `json:"unit,omitempty" maxLength:"200" doc:"Flat, floor, room"`
}

// EnrolInput is the input of POST /v1/tags/enrol.
type EnrolInput struct {
	Key
	Body struct {
		Number
		Customer string       `json:"customer" minLength:"1" maxLength:"64" doc:"Whose tag it is: id of a customer that the own provider serves"`
		Holder   *HolderInput `json:"holder,omitempty" doc:"Absent: goes into the drawer"`
		Expires  string       `json:"expires,omitempty" format:"date" doc:"Last day on which it is valid"`
		Note     string       `json:"note,omitempty" maxLength:"500"`
		Confirm  bool         `json:"confirm,omitempty" doc:"After 409 tag_fits: it is another tag all the same"`
	}
}

// ReadingInput is the input of POST …/readings.
type ReadingInput struct {
	TagPath
	Body Number
}

// IssueInput is the input of POST …/issue.
type IssueInput struct {
	TagPath
	Body struct {
		Holder  HolderInput `json:"holder"`
		Expires string      `json:"expires,omitempty" format:"date" doc:"Last day on which it is valid"`
	}
}

// NoteInput is the input of steps that take a note.
type NoteInput struct {
	TagPath
	Body struct {
		Note string `json:"note,omitempty" maxLength:"500"`
	}
}

// ReplaceInput is the input of POST …/replace.
type ReplaceInput struct {
	TagPath
	Body struct {
		With string `json:"with,omitempty" maxLength:"64" doc:"Code of the tag that takes the place; absent: a new label"`
		Note string `json:"note,omitempty" maxLength:"500"`
	}
}

// Replacement is the answer to POST …/replace.
type Replacement struct {
	Old TagRecord `json:"old"`
	New TagRecord `json:"new"`
}

// ComponentPath names a component.
type ComponentPath struct {
	ID string `path:"id" maxLength:"64"`
}

// ForeignInput is the input of POST /v1/components/{id}/codes.
type ForeignInput struct {
	ComponentPath
	Body struct {
		Payload string `json:"payload" minLength:"1" maxLength:"2048" doc:"What the reader delivered, unchanged"`
		Confirm bool   `json:"confirm,omitempty" doc:"After 409 tag_fits: it is on this component all the same"`
	}
}

func (a *api) tagSteps() {
	staff := edge.Access{Who: edge.Staff, Object: "one tag of the own provider", Permission: "none"}
	limit := edge.RouteOptions{Limit: "api"}

	enrol := op(http.MethodPost, "/v1/tags/enrol", "enrolTag", "Make a key fob or card known", "Tags")
	enrol.Description = "A number that fits a tag on record is answered 409 `tag_fits` with the tags in `details`, in the form of matchTag; send it again with `confirm` if it is another one."
	enrol.DefaultStatus = http.StatusCreated
	edge.Operation(a.API, enrol, edge.Access{Who: edge.Staff, Object: "access tags of customers that the own provider serves", Permission: "none"},
		func(ctx context.Context, in *EnrolInput) (*Out[TagRecord], error) {
			b := in.Body
			e := asset.Enrolment{Number: b.Number.Number, Hint: b.Hint, Customer: b.Customer, Expires: asset.Day(b.Expires), Note: b.Note, Confirm: b.Confirm, Key: in.key()}
			if b.Holder != nil {
				h := b.Holder.holder()
				e.Holder = &h
			}
			t, err := a.Assets.Enrol(ctx, edge.ViewerFrom(ctx), e)
			return a.record(ctx)(t, a.fits(ctx, err))
		}, limit)

	edge.Operation(a.API, op(http.MethodPost, "/v1/tags/{id}/readings", "addReading", "Add what a reader says of a known tag", "Tags"), staff,
		func(ctx context.Context, in *ReadingInput) (*Out[TagRecord], error) {
			return a.step(ctx, in.TagPath, func(v identity.Viewer, id string) (*asset.Tag, error) {
				return a.Assets.AddReading(ctx, v, id, in.Body.Number, in.Body.Hint)
			})
		}, limit)

	edge.Operation(a.API, op(http.MethodPost, "/v1/tags/{id}/issue", "issueTag", "Give an access tag to a holder", "Tags"), staff,
		func(ctx context.Context, in *IssueInput) (*Out[TagRecord], error) {
			return a.step(ctx, in.TagPath, func(v identity.Viewer, id string) (*asset.Tag, error) {
				return a.Assets.Issue(ctx, v, id, in.Body.Holder.holder(), asset.Day(in.Body.Expires))
			})
		}, limit)

	for _, step := range []struct {
		name, id, summary string
		do                func(ctx context.Context, v identity.Viewer, id, note string) (*asset.Tag, error)
	}{
		{"return", "returnTag", "Take an access tag back into the drawer", a.Assets.Return},
		{"damage", "damageTag", "Note that a tag reads badly; it stays in use until it is replaced", a.Assets.Damage},
		{"retire", "retireTag", "End a tag for good", a.Assets.Retire},
	} {
		edge.Operation(a.API, op(http.MethodPost, "/v1/tags/{id}/"+step.name, step.id, step.summary, "Tags"), staff,
			func(ctx context.Context, in *NoteInput) (*Out[TagRecord], error) {
				return a.step(ctx, in.TagPath, func(v identity.Viewer, id string) (*asset.Tag, error) {
					return step.do(ctx, v, id, in.Body.Note)
				})
			}, limit)
	}

	edge.Operation(a.API, op(http.MethodPost, "/v1/tags/{id}/replace", "replaceTag", "Put another tag in the place of this one, which is revoked", "Tags"), staff,
		func(ctx context.Context, in *ReplaceInput) (*Out[Replacement], error) {
			code, err := tagging.ParseCode(in.ID)
			if err != nil {
				return nil, err
			}
			with := tagging.Code("")
			if in.Body.With != "" {
				if with, err = tagging.ParseCode(in.Body.With); err != nil {
					return nil, err
				}
			}
			old, fresh, err := a.Assets.Replace(ctx, edge.ViewerFrom(ctx), string(code), string(with), in.Body.Note)
			if err != nil {
				return nil, err
			}
			var out Replacement
			if out.Old, err = a.recordOf(ctx, old); err == nil {
				out.New, err = a.recordOf(ctx, fresh)
			}
			return &Out[Replacement]{out}, err
		}, edge.RouteOptions{Limit: "sheet"})

	foreign := op(http.MethodPost, "/v1/components/{id}/codes", "bindForeign", "Bind a code that we did not print to a component", "Tags")
	foreign.DefaultStatus = http.StatusCreated
	foreign.Description = "The same code on the same component is one alias. On another component it is answered 409 `tag_fits` until confirmed."
	edge.Operation(a.API, foreign, edge.Access{Who: edge.Staff, Object: "one component of the own provider", Permission: "none"},
		func(ctx context.Context, in *ForeignInput) (*Out[TagRecord], error) {
			t, err := a.Assets.BindForeign(ctx, edge.ViewerFrom(ctx), in.Body.Payload, a.Own, in.ID, in.Body.Confirm)
			return a.record(ctx)(t, a.fits(ctx, err))
		}, limit)
}

// step does something to the tag that a path names, and answers it as it is then.
func (a *api) step(ctx context.Context, in TagPath, do func(v identity.Viewer, id string) (*asset.Tag, error)) (*Out[TagRecord], error) {
	code, err := tagging.ParseCode(in.ID)
	if err != nil {
		return nil, err
	}
	t, err := do(edge.ViewerFrom(ctx), string(code))
	return a.record(ctx)(t, a.fits(ctx, err))
}

func (h HolderInput) holder() asset.Holder {
	return asset.Holder{Tenant: strings.TrimSpace(h.Tenant), Company: strings.TrimSpace(h.Company), Unit: strings.TrimSpace(h.Unit)}
}
