package mobileapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// ScanAnswer is what a code leads to. A stranger gets provider and actions, whatever the code is.
type ScanAnswer struct {
	Provider        Contact      `json:"provider" doc:"Whom to call"`
	Tag             *Tag         `json:"tag,omitempty" doc:"Absent where choices are to choose among"`
	Number          string       `json:"number,omitempty" doc:"Of an access tag, as people know it"`
	Holder          *TagHolder   `json:"holder,omitempty" doc:"Of an access tag; absent while nobody has it"`
	ExpiresAt       *time.Time   `json:"expires_at,omitempty" doc:"When an access tag blocks itself"`
	Confirm         bool         `json:"confirm,omitempty" doc:"The number shows so few digits that a person must say whether this tag is meant"`
	Choices         []ScanChoice `json:"choices,omitempty" doc:"Tags that fit: a person must say which one, then ask for its code"`
	MoreChoices     bool         `json:"more_choices,omitempty" doc:"There are others that fit"`
	Unknown         *ScanUnknown `json:"unknown,omitempty" doc:"What was read and is on record nowhere; others than staff get remarks alone"`
	Component       *Component   `json:"component,omitempty" doc:"With the components grant"`
	Asset           *AssetBrief  `json:"asset,omitempty"`
	Due             *Due         `json:"due,omitempty" doc:"With the due dates grant"`
	NextAppointment *Appointment `json:"next_appointment,omitempty" doc:"With the appointments grant"`
	OpenFaults      *[]FaultRow  `json:"open_faults,omitempty" doc:"With the faults grant: open faults of this component; follow one instead of reporting it again"`
	FaultForm       *FaultForm   `json:"fault_form,omitempty" doc:"With the faults grant"`
	Actions         []ScanAction `json:"actions"`
}

// Contact is the public contact of a service company.
type Contact struct {
	ID      string `json:"id,omitempty"`
	Company string `json:"company"`
	Branch  string `json:"branch,omitempty"`
	Phone   string `json:"phone,omitempty"`
	Email   string `json:"email,omitempty"`
	Web     string `json:"web,omitempty"`
	Address string `json:"address,omitempty"`
	Hours   string `json:"hours,omitempty"`
}

// Tag is the public part of a tag.
type Tag struct {
	Code  string `json:"code"`
	Print string `json:"print" doc:"As it is printed"`
	Kind  string `json:"kind" enum:"label,access"`
	State string `json:"state" enum:"unbound,active,blocked,retired,replaced"`
	// ReplacedBy is for those who may know the other tag.
	ReplacedBy string `json:"replaced_by,omitempty" doc:"Code of the tag that replaced this one"`
}

// ScanChoice is one of several tags that fit, with what tells it from the others.
type ScanChoice struct {
	Tag
	Asset     string     `json:"asset,omitempty" doc:"Name of a label's asset"`
	Component string     `json:"component,omitempty" doc:"Name; with the components grant"`
	Number    string     `json:"number,omitempty" doc:"Of an access tag"`
	Holder    *TagHolder `json:"holder,omitempty" doc:"Of an access tag"`
}

// ScanUnknown is the reading of what is on record nowhere.
type ScanUnknown struct {
	Candidates []Candidate `json:"candidates" doc:"What the payload may mean, the likeliest first: the code of a component, the number of a tag"`
	Flags      []Flag      `json:"flags" doc:"Remarks, such as why a number cannot be used"`
}

// Due holds due dates; absent ones are unknown.
type Due struct {
	Component string `json:"component,omitempty" format:"date"`
	Asset     string `json:"asset,omitempty" format:"date"`
}

// FaultForm is how to report a fault here.
type FaultForm struct {
	FaultTypes []FaultType `json:"fault_types"`
	MaxText    int         `json:"max_text" doc:"Characters"`
	MaxPhotos  int         `json:"max_photos"`
}

// FaultType is a kind of fault that can be reported.
type FaultType struct {
	ID   string `json:"id"`
	Name string `json:"name" doc:"In the language of the viewer"`
}

// ScanAction is what the viewer may do now.
type ScanAction struct {
	Action string `json:"action" enum:"sign_in,report_fault,open_asset,bind,block,reactivate,replace,bind_code,enrol"`
	Method string `json:"method"`
	URL    string `json:"url" doc:"Path on this server; {id} is to be filled in"`
}

// CodeInputPath carries one of our codes.
type CodeInputPath struct {
	Code string `path:"code" maxLength:"64" doc:"Our own code, any spelling"`
}

// PayloadInput is the input of POST /v1/scan.
type PayloadInput struct {
	Body struct {
		Payload   string `json:"payload" minLength:"1" maxLength:"2048" doc:"What was read, as it is"`
		Symbology string `json:"symbology,omitempty" maxLength:"16"`
		Source    string `json:"source,omitempty" enum:"qr,nfc,webnfc,android,ios,wedge,typed" doc:"What read it: a camera, a phone's NFC, a reader that types, a person"`
		Hint      string `json:"hint,omitempty" enum:"125khz,13.56mhz,iso14443,hid" doc:"Kind of reader, where more is known than the source says"`
	}
}

// PhotoAnswer is what a photo shows.
type PhotoAnswer struct {
	ScanAnswer
	Payloads []string `json:"payloads" doc:"All texts that were read, the answered one first"`
}

func (a *api) scanning() {
	access := edge.Access{Who: edge.Public, Object: "what a code leads to, as granted to the viewer", Permission: "F-18, F-24, F-27, F-28 by block"}

	edge.Operation(a.API, op(http.MethodGet, "/v1/scan/{code}", "scanCode", "Resolve one of our codes", "Scan"), access,
		func(ctx context.Context, in *CodeInputPath) (*Out[ScanAnswer], error) {
			code, err := tagging.ParseCode(in.Code)
			if err != nil {
				return nil, err
			}
			if err := a.misses.CheckMisses(ctx); err != nil {
				return nil, err
			}
			return a.answer(ctx)(a.Scan.Code(ctx, edge.ViewerFrom(ctx), edge.HostFrom(ctx), code))
		}, edge.RouteOptions{Limit: "scan"})

	edge.Operation(a.API, op(http.MethodPost, "/v1/scan", "scanPayload", "Resolve anything that was read", "Scan"), access,
		func(ctx context.Context, in *PayloadInput) (*Out[ScanAnswer], error) {
			if err := a.misses.CheckMisses(ctx); err != nil {
				return nil, err
			}
			return a.answer(ctx)(a.Scan.Payload(ctx, edge.ViewerFrom(ctx), edge.HostFrom(ctx),
				scan.Input{Payload: in.Body.Payload, Source: in.Body.Source, Hint: in.Body.Hint}))
		}, edge.RouteOptions{Limit: "scan"})

	photo := op(http.MethodPost, "/v1/scan/photo", "scanPhoto", "Decode a photo and resolve what it shows", "Scan")
	photo.Description = "A JPEG or PNG of at most 12 MB and 40 megapixels, as the body or as the file of a form."
	photo = edge.WithPhoto(photo)
	edge.Operation(a.API, photo, access, a.scanPhoto, edge.RouteOptions{Limit: "photo", Body: edge.PhotoLimit})
}

func (a *api) scanPhoto(ctx context.Context, _ *struct{}) (*Out[PhotoAnswer], error) {
	file, err := edge.PhotoFrom(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.misses.CheckMisses(ctx); err != nil {
		return nil, err
	}
	if err := a.misses.StrangerPhoto(ctx); err != nil {
		return nil, err
	}
	read, err := a.Photos.Read(ctx, file)
	if err != nil {
		return nil, err
	}
	answer, shown, err := a.Scan.Photo(ctx, edge.ViewerFrom(ctx), edge.HostFrom(ctx), read)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(shown))
	for i, p := range shown {
		texts[i] = p.Text
	}
	out, err := a.answer(ctx)(answer, nil)
	if err != nil {
		return nil, err
	}
	return &Out[PhotoAnswer]{PhotoAnswer{ScanAnswer: out.Body, Payloads: texts}}, nil
}

// answer turns a resolver's answer into its wire form. An answer without rights counts as a miss of its caller: too many of them
// are refused, and a scan that leads somewhere is never refused because of them (SEC-6).
func (a *api) answer(ctx context.Context) func(scan.Answer, error) (*Out[ScanAnswer], error) {
	return func(s scan.Answer, err error) (*Out[ScanAnswer], error) {
		if err != nil {
			return nil, err
		}
		v := edge.ViewerFrom(ctx)
		if !s.Granted {
			if err := a.misses.Miss(ctx); err != nil {
				return nil, err
			}
		}
		out := scanAnswer(v, s)
		if u := s.Unknown; u != nil {
			out.Unknown = &ScanUnknown{Candidates: a.candidatesOf(ctx, u.Candidates), Flags: a.flagsOf(ctx, u.Flags)}
		}
		return &Out[ScanAnswer]{out}, nil
	}
}

func scanAnswer(v identity.Viewer, s scan.Answer) ScanAnswer {
	out := ScanAnswer{Provider: contactOf(s.Provider), Actions: make([]ScanAction, 0, len(s.Actions))}
	code := ""
	if s.Tag != nil {
		code = string(s.Tag.Code)
		tag := scannedTag(*s.Tag)
		out.Tag = &tag
		out.Number, out.Holder, out.Confirm = s.Number, holderOf(s.Holder), s.Confirm
		if s.Expires.Year() < never {
			out.ExpiresAt = moment(s.Expires.Time)
		}
	}
	for _, c := range s.Choices {
		out.Choices = append(out.Choices, ScanChoice{Tag: scannedTag(c.Tag), Asset: c.Asset, Component: c.Component, Number: c.Number, Holder: holderOf(c.Holder)})
	}
	out.MoreChoices = s.MoreChoices
	if s.Access.Asset != nil {
		brief := briefOf(s.Access.Asset)
		out.Asset = &brief
	}
	if s.Component != nil {
		c := componentOf(*s.Component, s.Access.May)
		out.Component = &c
	}
	if s.Due != nil {
		out.Due = &Due{Component: string(s.Due.Component), Asset: string(s.Due.Asset)}
	}
	if s.Next != nil {
		p := appointmentOf(*s.Next)
		out.NextAppointment = &p
	}
	if s.Faults {
		rows := faultRows(s.OpenFaults)
		out.OpenFaults = &rows
		out.FaultForm = &FaultForm{FaultTypes: faultTypesOf(v.Locale, s.FaultForm), MaxText: desk.MaxText, MaxPhotos: desk.MaxPhotos}
	}
	for _, action := range s.Actions {
		out.Actions = append(out.Actions, actionOf(action, code, s.Access.Asset))
	}
	return out
}

func scannedTag(t scan.Tag) Tag {
	return Tag{Code: string(t.Code), Print: t.Code.Print(), Kind: string(t.Kind), State: t.State, ReplacedBy: string(t.ReplacedBy)}
}

// holderOf is who has an access tag, or nil.
func holderOf(h *asset.Holder) *TagHolder {
	if h == nil {
		return nil
	}
	return &TagHolder{Tenant: h.Tenant, Company: h.Company, Unit: h.Unit, IssuedAt: moment(h.Issued.Time)}
}

// candidatesOf says of what kind each meaning of an input is, in the reader's language.
func (a *api) candidatesOf(ctx context.Context, candidates []string) []Candidate {
	out := make([]Candidate, len(candidates))
	for i, c := range candidates {
		kind, _, _ := strings.Cut(c, ":")
		out[i] = Candidate{Reading: c, Kind: a.Catalogue.Text(edge.LocaleFrom(ctx), "reading.kind."+kind, map[string]any{})}
	}
	return out
}

// flagsOf explains the remarks on an input in the reader's language.
func (a *api) flagsOf(ctx context.Context, flags []string) []Flag {
	out := make([]Flag, len(flags))
	for i, f := range flags {
		name, of, _ := strings.Cut(f, "=")
		out[i] = Flag{Flag: f, Text: a.Catalogue.Text(edge.LocaleFrom(ctx), "reading.flag."+name, map[string]any{"Reading": of})}
	}
	return out
}

func actionOf(action scan.Action, code string, a *asset.Asset) ScanAction {
	switch action {
	case scan.SignIn:
		return ScanAction{string(action), http.MethodPost, "/v1/sessions"}
	case scan.ReportFault:
		return ScanAction{string(action), http.MethodPost, "/v1/requests"}
	case scan.BindLabel, scan.BlockTag, scan.ReactivateTag, scan.ReplaceTag:
		return ScanAction{string(action), http.MethodPost, "/v1/tags/" + code + "/" + string(action)}
	case scan.BindCode:
		return ScanAction{string(action), http.MethodPost, "/v1/components/{id}/codes"}
	case scan.Enrol:
		return ScanAction{string(action), http.MethodPost, "/v1/tags/enrol"}
	default:
		return ScanAction{string(action), http.MethodGet, "/v1/assets/" + a.ID}
	}
}

func contactOf(p identity.Provider) Contact {
	return Contact{ID: p.ID, Company: p.Company, Branch: p.Branch, Phone: p.Phone, Email: p.Email, Web: p.Web, Address: p.Address, Hours: p.Hours}
}

func faultTypesOf(l locale.Tag, types []desk.FaultType) []FaultType {
	out := make([]FaultType, len(types))
	for i, t := range types {
		out[i] = FaultType{ID: t.ID, Name: t.Name(l)}
	}
	return out
}

// FaultRow is a fault in short.
type FaultRow struct {
	Number    string    `json:"number"`
	Status    string    `json:"status" enum:"waiting_handling,in_progress,waiting_customer,done"`
	FaultType string    `json:"fault_type"`
	CreatedAt time.Time `json:"created_at"`
	Own       bool      `json:"own" doc:"Reported by the viewer"`
	Follows   bool      `json:"follows" doc:"The viewer is told of its progress"`
}

func faultRows(list []desk.View) []FaultRow {
	out := make([]FaultRow, len(list))
	for i, r := range list {
		out[i] = FaultRow{Number: r.Number, Status: string(r.Status), FaultType: r.FaultType, CreatedAt: r.Created.Time, Own: r.Own, Follows: r.Follows}
	}
	return out
}
