package mobileapi

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

// Request is a request with its thread.
type Request struct {
	Number    string    `json:"number"`
	Type      string    `json:"type" enum:"fault_report,tag_block"`
	Status    string    `json:"status" enum:"waiting_handling,in_progress,waiting_customer,done"`
	Asset     string    `json:"asset" doc:"Empty for a request about tags"`
	Component string    `json:"component,omitempty"`
	FaultType string    `json:"fault_type"`
	Severity  int       `json:"severity" doc:"1 is the highest"`
	Tags      []string  `json:"tags,omitempty" doc:"Codes of the tags of a tag_block request"`
	Act       string    `json:"act,omitempty" enum:"block,reactivate" doc:"What a tag_block request did to its tags or asks for"`
	Decision  string    `json:"decision,omitempty" enum:"pending,approved,refused" doc:"Of an order to reactivate that staff have to approve"`
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Own       bool      `json:"own"`
	Follows   bool      `json:"follows"`
	Thread    []Entry   `json:"thread"`
	Photos    []Photo   `json:"photos"`
}

// Entry is a message or a change of status in a thread.
type Entry struct {
	ID    string    `json:"id"`
	At    time.Time `json:"at"`
	Name  string    `json:"name"`
	Staff bool      `json:"staff"`
	Text  string    `json:"text,omitempty"`
	From  string    `json:"from,omitempty"`
	To    string    `json:"to,omitempty"`
}

// Photo is a picture of a request.
type Photo struct {
	ID     string `json:"id"`
	URL    string `json:"url" doc:"Path on this server; a JPEG"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// NewRequest is the input of POST /v1/requests. Exactly one of code, component and asset says where.
type NewRequest struct {
	Key
	Body struct {
		Type      string `json:"type" enum:"fault_report"`
		Code      string `json:"code,omitempty" maxLength:"64"`
		Component string `json:"component,omitempty" maxLength:"64"`
		Asset     string `json:"asset,omitempty" maxLength:"64"`
		FaultType string `json:"fault_type" maxLength:"64"`
		Text      string `json:"text" maxLength:"4000"`
	}
}

// NumberInput names a request.
type NumberInput struct {
	Number string `path:"number" maxLength:"20"`
}

// NewMessage is the input of POST …/messages.
type NewMessage struct {
	NumberInput
	Key
	Body struct {
		Text string `json:"text" maxLength:"4000"`
	}
}

// NewStatus is the input of POST …/status.
type NewStatus struct {
	NumberInput
	Body struct {
		Status string `json:"status" enum:"waiting_handling,in_progress,waiting_customer,done"`
	}
}

// PhotoPath names a photo of a request.
type PhotoPath struct {
	NumberInput
	Photo string `path:"photo" maxLength:"40"`
}

// PhotoFile is a photo as it is kept.
type PhotoFile struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (a *api) requests() {
	signedIn := func(object string) edge.Access {
		return edge.Access{Who: edge.SignedIn, Object: object, Permission: "F-28"}
	}
	one := signedIn("one request that the viewer may see")
	limit := edge.RouteOptions{Limit: "api"}

	report := op(http.MethodPost, "/v1/requests", "createRequest", "Report a fault", "Requests")
	report.DefaultStatus = http.StatusCreated
	edge.Operation(a.API, report, signedIn("an asset or component with the faults grant"),
		func(ctx context.Context, in *NewRequest) (*Out[Request], error) {
			where := desk.Report{Component: in.Body.Component, Asset: in.Body.Asset, FaultType: in.Body.FaultType, Text: in.Body.Text, Key: in.key()}
			if in.Body.Code != "" {
				code, err := tagging.ParseCode(in.Body.Code)
				if err != nil {
					return nil, err
				}
				where.Code = code
			}
			v := edge.ViewerFrom(ctx)
			r, err := a.Desk.ReportFault(ctx, v, where)
			if err != nil {
				return nil, err
			}
			return a.request(ctx, r.Number)
		}, edge.RouteOptions{Limit: "report"})

	edge.Operation(a.API, op(http.MethodGet, "/v1/requests", "listRequests", "Requests of the own customer, or the queue of the own provider", "Requests"), signedIn("requests of the own customer as granted, or of the own provider"),
		func(ctx context.Context, in *Paging) (*Out[Page[Request]], error) {
			return page(ctx, a, "requests", *in, func(v identity.Viewer, after string) ([]desk.View, string, error) {
				return a.Desk.Requests(ctx, v, after, in.Limit)
			}, requestOf)
		}, limit)

	edge.Operation(a.API, op(http.MethodGet, "/v1/requests/{number}", "getRequest", "One request with its thread", "Requests"), one,
		func(ctx context.Context, in *NumberInput) (*Out[Request], error) { return a.request(ctx, in.Number) }, limit)

	message := op(http.MethodPost, "/v1/requests/{number}/messages", "writeMessage", "Write into the thread", "Requests")
	message.DefaultStatus = http.StatusCreated
	edge.Operation(a.API, message, one, func(ctx context.Context, in *NewMessage) (*Out[Request], error) {
		return viewed(a.Desk.Write(ctx, edge.ViewerFrom(ctx), in.Number, in.Body.Text, in.key()))
	}, edge.RouteOptions{Limit: "report"})

	status := edge.Access{Who: edge.Staff, Object: "one request of the own provider", Permission: "none"}
	edge.Operation(a.API, op(http.MethodPost, "/v1/requests/{number}/status", "setStatus", "Move a request on", "Requests"), status,
		func(ctx context.Context, in *NewStatus) (*Out[Request], error) {
			return viewed(a.Desk.SetStatus(ctx, edge.ViewerFrom(ctx), in.Number, desk.Status(in.Body.Status)))
		}, limit)

	edge.Operation(a.API, op(http.MethodPost, "/v1/requests/{number}/follow", "follow", "Be told of the progress instead of reporting again", "Requests"), one,
		func(ctx context.Context, in *NumberInput) (*Out[Request], error) {
			return viewed(a.Desk.Follow(ctx, edge.ViewerFrom(ctx), in.Number))
		}, limit)

	photo := op(http.MethodPost, "/v1/requests/{number}/photos", "addPhoto", "Add a photo", "Requests")
	photo.Description = "A JPEG or PNG of at most 12 MB and 40 megapixels. It is encoded anew without place or serial number. The same file again is no second photo."
	photo = edge.WithPhoto(photo)
	photo.DefaultStatus = http.StatusCreated
	edge.Operation(a.API, photo, one, func(ctx context.Context, in *NumberInput) (*Out[Request], error) {
		file, err := edge.PhotoFrom(ctx)
		if err != nil {
			return nil, err
		}
		return viewed(a.Desk.AddPhoto(ctx, edge.ViewerFrom(ctx), in.Number, file))
	}, edge.RouteOptions{Limit: "photo", Body: edge.PhotoLimit})

	show := op(http.MethodGet, "/v1/requests/{number}/photos/{photo}", "getPhoto", "A photo", "Requests")
	show.Responses = map[string]*huma.Response{"200": {Description: "The photo", Content: map[string]*huma.MediaType{
		"image/jpeg": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}
	edge.Operation(a.API, show, one, func(ctx context.Context, in *PhotoPath) (*PhotoFile, error) {
		p, body, err := a.Desk.Photo(ctx, edge.ViewerFrom(ctx), in.Number, in.Photo)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(body)
		if closed := body.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return nil, err
		}
		return &PhotoFile{ContentType: "image/jpeg", Disposition: edge.Disposition(in.Number + "-" + p.ID + ".jpg"), Body: data}, nil
	}, limit)
}

// request answers a request as the viewer sees it now.
func (a *api) request(ctx context.Context, number string) (*Out[Request], error) {
	return viewed(a.Desk.Request(ctx, edge.ViewerFrom(ctx), number))
}

func viewed(r desk.View, err error) (*Out[Request], error) {
	if err != nil {
		return nil, err
	}
	return &Out[Request]{requestOf(r)}, nil
}

func requestOf(r desk.View) Request {
	out := Request{Number: r.Number, Type: string(r.Type), Status: string(r.Status), Asset: r.Asset, Component: r.Component,
		FaultType: r.FaultType, Severity: r.Severity, Tags: r.Tags, Act: string(r.Act), Decision: string(r.Decision), Text: r.Text, CreatedAt: r.Created.Time, UpdatedAt: r.Updated.Time,
		Own: r.Own, Follows: r.Follows, Thread: make([]Entry, len(r.Thread)), Photos: make([]Photo, len(r.Photos))}
	for i, e := range r.Thread {
		out.Thread[i] = Entry{ID: e.ID, At: e.At.Time, Name: e.Name, Staff: e.Staff, Text: e.Text, From: string(e.From), To: string(e.To)}
	}
	for i, p := range r.Photos {
		out.Photos[i] = Photo{ID: p.ID, URL: "/v1/requests/" + r.Number + "/photos/" + p.ID, Width: p.Width, Height: p.Height}
	}
	return out
}
