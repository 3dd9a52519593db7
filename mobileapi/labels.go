package mobileapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/tagging"
)

// MintInput is the input of POST /v1/tags: blank labels, or labels bound to components.
type MintInput struct {
	Key
	Body struct {
		Count      int      `json:"count,omitempty" minimum:"1" maximum:"2000" doc:"Blank labels"`
		Components []string `json:"components,omitempty" maxItems:"2000" doc:"Instead: a label for each component, the one it has or a new one"`
	}
}

// Minted is the answer to POST /v1/tags.
type Minted struct {
	Labels []MintedLabel `json:"labels"`
}

// MintedLabel is a label to print.
type MintedLabel struct {
	Code      string `json:"code"`
	URL       string `json:"url" doc:"What its QR code says"`
	Component string `json:"component,omitempty"`
}

// BindInput is the input of POST …/bind.
type BindInput struct {
	ID   string `path:"id" maxLength:"64" doc:"The code of the label"`
	Body struct {
		Component string `json:"component" minLength:"1" maxLength:"64"`
	}
}

// SheetInput is the input of POST /v1/label-sheets: exactly one of count, codes, components and asset says what to print.
type SheetInput struct {
	Key
	Accept string `header:"Accept"`
	Body   struct {
		Stock      string   `json:"stock" minLength:"1" maxLength:"64" doc:"Part number, such as L6009"`
		Count      int      `json:"count,omitempty" minimum:"1" maximum:"2000" doc:"New blank labels"`
		Codes      []string `json:"codes,omitempty" maxItems:"2000" doc:"Existing labels again"`
		Components []string `json:"components,omitempty" maxItems:"2000" doc:"Labels of these components"`
		Asset      string   `json:"asset,omitempty" maxLength:"64" doc:"Labels of all components of this asset"`
		Start      int      `json:"start,omitempty" minimum:"0" maximum:"1000" doc:"First free label of the sheet, from 0"`
	}
}

// SheetFile is a printed sheet.
type SheetFile struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Labels      string `header:"Tagwerk-Labels" doc:"How many labels the file holds"`
	Body        []byte
}

// labels are the operations that make, bind and print labels.
func (a *api) labels() {
	staff := edge.Access{Who: edge.Staff, Object: "tags of the own provider", Permission: "none"}

	mint := op(http.MethodPost, "/v1/tags", "mintTags", "Mint labels", "Tags")
	mint.DefaultStatus = http.StatusCreated
	edge.Operation(a.API, mint, staff, func(ctx context.Context, in *MintInput) (*Out[Minted], error) {
		v := edge.ViewerFrom(ctx)
		var made []asset.PrintLabel
		var err error
		if len(in.Body.Components) > 0 && in.Body.Count == 0 {
			made, err = a.Assets.LabelsForComponents(ctx, v, in.Body.Components)
		} else if len(in.Body.Components) == 0 {
			made, err = a.Assets.MintOnce(ctx, v, in.key(), in.Body.Count)
		} else {
			err = asset.ErrSheetOrder
		}
		if err != nil {
			return nil, err
		}
		out := Minted{Labels: make([]MintedLabel, len(made))}
		for i, l := range made {
			out.Labels[i] = MintedLabel{Code: string(l.Code), URL: a.Assets.LabelURL(l.Code)}
			if l.Component != nil {
				out.Labels[i].Component = l.Component.ID
			}
		}
		return &Out[Minted]{out}, nil
	}, edge.RouteOptions{Limit: "sheet"})

	edge.Operation(a.API, op(http.MethodPost, "/v1/tags/{id}/bind", "bindTag", "Bind a blank label to a component", "Tags"), staff,
		func(ctx context.Context, in *BindInput) (*Out[TagRecord], error) {
			code, err := tagging.ParseCode(in.ID)
			if err != nil {
				return nil, err
			}
			return a.record(ctx)(a.Assets.Bind(ctx, edge.ViewerFrom(ctx), code, in.Body.Component))
		}, edge.RouteOptions{Limit: "api"})

	sheet := op(http.MethodPost, "/v1/label-sheets", "printSheet", "Print a sheet of labels", "Tags")
	sheet.Description = "Answers application/pdf."
	sheet.Responses = map[string]*huma.Response{"200": {Description: "The sheet", Content: map[string]*huma.MediaType{
		"application/pdf": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}
	edge.Operation(a.API, sheet, staff, func(ctx context.Context, in *SheetInput) (*SheetFile, error) {
		if !edge.Accepts(in.Accept, "application/pdf") {
			return nil, &edge.Problem{Code: "not_acceptable", Args: map[string]any{"Types": "application/pdf"}}
		}
		p, err := a.Assets.PrintSheet(ctx, edge.ViewerFrom(ctx), asset.SheetOrder{Stock: in.Body.Stock, Count: in.Body.Count,
			Codes: in.Body.Codes, Components: in.Body.Components, Asset: in.Body.Asset, Start: in.Body.Start, Key: in.key()})
		if err != nil {
			return nil, err
		}
		return &SheetFile{ContentType: "application/pdf", Disposition: edge.Disposition("labels.pdf"), Labels: strconv.Itoa(p.Labels), Body: p.PDF}, nil
	}, edge.RouteOptions{Limit: "sheet"})
}
