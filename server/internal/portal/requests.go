package portal

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// requestRow is a request in a list.
type requestRow struct {
	Number, FaultType string
	Type              desk.Type
	Act               desk.TagAct   // of a request about tags
	Decision          desk.Decision // of one to reactivate a tag, that staff have to approve
	Tag               tagRow        // the first one that a request is about, as far as the viewer may know it
	MoreTags          int           // besides Tag
	Asset, Component  string        // names, as far as the viewer may know them
	Status            desk.Status
	Severity          int
	Created           store.Time
	Own, Follows      bool
	Open              bool
	Place             int // in the queue, from 1; 0 for none
}

func (p *Portal) requestRows(n *names, list []desk.View) ([]requestRow, error) {
	var rows []requestRow
	for _, v := range list {
		row := requestRow{Number: v.Number, Type: v.Type, Act: v.Act, Decision: v.Decision, Status: v.Status, Severity: v.Severity, Created: v.Created,
			Own: v.Own, Follows: v.Follows, Open: v.Open}
		if v.Type == desk.TagBlock {
			if len(v.Tags) > 0 {
				first, err := n.tagsByID(v.Tags[:1])
				if err != nil {
					return nil, err
				}
				for _, t := range first {
					row.Tag, row.MoreTags = t, len(v.Tags)-1
				}
			}
			rows = append(rows, row)
			continue
		}
		a, err := n.asset(v.Asset)
		if err != nil {
			return nil, err
		}
		if a.Asset != nil {
			row.Asset = a.Asset.Name
		}
		if row.Component, err = n.component(v.Component); err != nil {
			return nil, err
		}
		if row.FaultType, err = n.faultType(v); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// requestsPage lists what the viewer's customer asked for (B-2).
type requestsPage struct {
	Rows []requestRow
	More string
}

func (p *Portal) getRequests(r *edge.Request) error {
	after, err := p.place(r, "requests")
	if err != nil {
		return err
	}
	list, next, err := p.opt.Desk.Requests(r.Context(), r.Viewer(), after, pageRows)
	if err != nil {
		return err
	}
	page := requestsPage{}
	if page.Rows, err = p.requestRows(p.names(r), list); err != nil {
		return err
	}
	if next != "" {
		page.More = withQuery("/requests", "after", p.placeAfter(r, next, "requests"))
	}
	return p.views.requests.render(r, http.StatusOK, page)
}

// requestPage is one request with its thread.
type requestPage struct {
	requestRow
	AssetID    string
	Text       string
	Reporter   string
	Thread     []desk.Entry
	Photos     []desk.Photo
	MorePhotos bool // one more may be added
	Work       bool
	MayFollow  bool
	Statuses   []desk.Status // to which staff may move it
	Contact    identity.Provider
	Tags       []tagRow // that the request is about
	MayDecide  bool     // on the reactivation that it asks for

	DecideError, DecideReason string // message key, and what was typed

	Key        string // of the answer form
	Answer     string
	Error      string // message key, beside the answer
	PhotoError string
}

func (p *Portal) getRequest(r *edge.Request) error {
	return p.showRequest(r, http.StatusOK, requestPage{})
}

// showRequest renders a request; page holds what a refused form brought.
func (p *Portal) showRequest(r *edge.Request, status int, page requestPage) error {
	v, err := p.opt.Desk.Request(r.Context(), r.Viewer(), r.Param("number"))
	if err != nil {
		return err
	}
	n := p.names(r)
	rows, err := p.requestRows(n, []desk.View{v})
	if err != nil {
		return err
	}
	page.requestRow = rows[0]
	page.AssetID, page.Text, page.Thread, page.Photos, page.Work = v.Asset, v.Text, v.Thread, v.Photos, v.Work
	page.MorePhotos = len(v.Photos) < desk.MaxPhotos && v.Type != desk.TagBlock
	if page.Tags, err = n.tagsByID(v.Tags); err != nil {
		return err
	}
	page.MayDecide = v.Work && v.Decision == desk.Pending
	page.MayFollow = v.Open && !v.Follows && !v.Work
	if v.Work {
		for _, s := range desk.Statuses[1:] {
			if v.Type == desk.TagBlock && (!v.Open || s == desk.Done) {
				continue
			}
			if s != v.Status && !(s == desk.WaitingCustomer && v.Status == desk.Done) {
				page.Statuses = append(page.Statuses, s)
			}
		}
	}
	page.Reporter = v.ReporterName
	if page.Contact, err = p.opt.People.Provider(r.Context(), v.Provider); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if page.Key, err = p.formKey(); err != nil {
		return err
	}
	return p.views.request.render(r, status, page)
}

func requestPath(number, done string) string {
	return withQuery("/requests/"+number, "done", done)
}

func (p *Portal) postMessage(r *edge.Request) error {
	number, text := r.Param("number"), r.FormValue("text")
	_, err := p.opt.Desk.Write(r.Context(), r.Viewer(), number, text, r.FormValue("key"))
	if err == nil {
		return r.Redirect(requestPath(number, "answered"))
	}
	key, known := textTrouble(err)
	if !known {
		return err
	}
	return p.showRequest(r, http.StatusUnprocessableEntity, requestPage{Answer: text, Error: key})
}

// textTrouble is the message key for a text that was refused, and whether err is about the text at all.
func textTrouble(err error) (string, bool) {
	var field *desk.FieldError
	switch {
	case errors.As(err, &field) && field.Field == "text":
		return "portal.text." + field.Code, true
	case errors.Is(err, desk.ErrThreadFull):
		return "portal.text.thread_full", true
	case errors.Is(err, desk.ErrKeyReused):
		return "portal.text.sent_before", true
	}
	return "", false
}

func (p *Portal) postPhoto(r *edge.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	number := r.Param("number")
	files := chosenFiles(form)
	if len(files) == 0 {
		return p.showRequest(r, http.StatusUnprocessableEntity, requestPage{PhotoError: "portal.scan.photo_missing"})
	}
	for _, file := range files {
		_, err := p.opt.Desk.AddPhoto(r.Context(), r.Viewer(), number, file)
		if key, ok := photoTrouble(err); ok {
			return p.showRequest(r, http.StatusUnprocessableEntity, requestPage{PhotoError: key})
		}
		if errors.Is(err, desk.ErrTooManyPhotos) {
			return p.showRequest(r, http.StatusUnprocessableEntity, requestPage{PhotoError: "portal.photo.too_many"})
		}
		if err != nil {
			return err
		}
	}
	return r.Redirect(requestPath(number, "photo"))
}

// chosenFiles are the files of a form; a browser sends an empty part for an input in which nothing was chosen.
func chosenFiles(form *edge.Form) [][]byte {
	var files [][]byte
	for _, f := range form.Files {
		if len(f.Data) > 0 {
			files = append(files, f.Data)
		}
	}
	return files
}

// getPhoto answers a photo as an attachment in a sandbox: pages show it, and opened by itself it is saved (SEC-64).
func (p *Portal) getPhoto(r *edge.Request) error {
	number := r.Param("number")
	photo, body, err := p.opt.Desk.Photo(r.Context(), r.Viewer(), number, r.Param("photo"))
	if err != nil {
		return err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("portal: photo: %w", err)
	}
	return r.Attachment("image/jpeg", number+"-"+photo.ID+".jpg", data)
}

func (p *Portal) postFollow(r *edge.Request) error {
	number := r.Param("number")
	if _, err := p.opt.Desk.Follow(r.Context(), r.Viewer(), number); err != nil {
		return err
	}
	return r.Redirect(requestPath(number, "followed"))
}

func (p *Portal) postStatus(r *edge.Request) error {
	number := r.Param("number")
	_, err := p.opt.Desk.SetStatus(r.Context(), r.Viewer(), number, desk.Status(r.FormValue("status")))
	if errors.Is(err, desk.ErrStatus) {
		// Somebody else moved it meanwhile: show where it stands now.
		return r.Redirect(requestPath(number, ""))
	}
	if err != nil {
		return err
	}
	return r.Redirect(requestPath(number, "status"))
}

// postDecision approves or refuses the reactivation of a tag; staff with fresh proof only (SEC-8).
func (p *Portal) postDecision(r *edge.Request) error {
	number, approve, reason := r.Param("number"), r.FormValue("decision") == "approve", strings.TrimSpace(r.FormValue("reason"))
	_, err := p.opt.Desk.DecideReactivation(r.Context(), r.Viewer(), number, approve, reason)
	switch key, isText := reasonTrouble(err); {
	case err == nil && approve:
		return r.Redirect(requestPath(number, "reactivation_approved"))
	case err == nil:
		return r.Redirect(requestPath(number, "reactivation_refused"))
	case errors.Is(err, identity.ErrProofNeeded):
		return p.proveFirst(r, requestPath(number, ""))
	case errors.Is(err, desk.ErrStatus):
		// Somebody else decided meanwhile: show how.
		return r.Redirect(requestPath(number, ""))
	case isText:
		return p.showRequest(r, http.StatusUnprocessableEntity, requestPage{DecideError: key, DecideReason: reason})
	}
	return err
}

// reportForm reports a fault. Exactly one of Code, Component and Asset says where.
type reportForm struct {
	Code, Component, Asset string
	Types                  []faultOption // none: nothing can be reported here
	Chosen, Text           string
	Key                    string

	TypeError, TextError, PhotoError string // message keys
}

type faultOption struct{ ID, Name string }

// reportPage is the form on a page of its own.
type reportPage struct {
	Form            reportForm
	AssetID         string
	AssetName       string
	ComponentName   string
	ChooseComponent []asset.Component // where else in the asset the fault may be
	OpenFaults      []requestRow
}

func (p *Portal) newReportForm(r *edge.Request, types []desk.FaultType) (reportForm, error) {
	key, err := p.formKey()
	if err != nil {
		return reportForm{}, err
	}
	form := reportForm{Key: key}
	for _, f := range types {
		form.Types = append(form.Types, faultOption{f.ID, f.Name(language(r))})
	}
	return form, nil
}

func (p *Portal) getReport(r *edge.Request) error {
	return p.showReport(r, http.StatusOK, reportForm{Code: r.Query("code"), Component: r.Query("component"), Asset: r.Query("asset")})
}

// showReport renders the form for the place that in names, with what was typed into it and what is wrong with that.
func (p *Portal) showReport(r *edge.Request, status int, in reportForm) error {
	ctx, v := r.Context(), r.Viewer()
	place, access, err := p.reportPlace(r, in)
	if err != nil {
		return err
	}
	if !access.May.Has(asset.Faults) {
		return desk.ErrNotAllowed
	}
	types, err := p.opt.Desk.FaultTypes(ctx, access)
	if err != nil {
		return err
	}
	page := reportPage{AssetID: access.Asset.ID, AssetName: access.Asset.Name, ComponentName: place.Name}
	if page.Form, err = p.newReportForm(r, types); err != nil {
		return err
	}
	page.Form.Code, page.Form.Component, page.Form.Asset = in.Code, in.Component, in.Asset
	page.Form.Chosen, page.Form.Text = in.Chosen, in.Text
	page.Form.TypeError, page.Form.TextError, page.Form.PhotoError = in.TypeError, in.TextError, in.PhotoError
	if in.Key != "" && in.TextError != "portal.text.sent_before" {
		page.Form.Key = in.Key
	}
	open, err := p.opt.Desk.OpenFaults(ctx, v, access, place.ID, faultsCounted)
	if err != nil {
		return err
	}
	if page.OpenFaults, err = p.requestRows(p.names(r), open); err != nil {
		return err
	}
	if in.Asset != "" && access.May.Has(asset.SeeComponents) {
		if page.ChooseComponent, _, err = p.opt.Assets.Components(ctx, v, access.Asset.ID, "", pageRows); err != nil {
			return err
		}
	}
	return p.views.report.render(r, status, page)
}

// reportPlace is where a report points: a component, or the zero one for the asset in general.
func (p *Portal) reportPlace(r *edge.Request, in reportForm) (asset.Component, asset.Access, error) {
	ctx, v := r.Context(), r.Viewer()
	switch {
	case in.Code != "":
		code, err := tagging.ParseCode(in.Code)
		if err != nil {
			return asset.Component{}, asset.Access{}, asset.ErrNotFound
		}
		t, err := p.opt.Assets.ByCode(ctx, v, code)
		if err != nil {
			return asset.Component{}, asset.Access{}, err
		}
		if t.Component == nil {
			return asset.Component{}, asset.Access{}, asset.ErrNotFound
		}
		return t.Component.As(t.Access), t.Access, nil
	case in.Component != "":
		return p.opt.Assets.Component(ctx, v, in.Component)
	}
	a, err := p.opt.Assets.Access(ctx, v, in.Asset)
	return asset.Component{}, a, err
}

func (p *Portal) postReport(r *edge.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	value := form.Values.Get
	in := reportForm{Code: value("code"), Component: value("component"), Asset: value("asset"),
		Chosen: value("fault_type"), Text: value("text"), Key: value("key")}
	if in.Component != "" && in.Asset != "" {
		in.Asset = "" // a component chosen on the form of the asset
	}
	code, err := tagging.ParseCode(in.Code)
	if in.Code != "" && err != nil {
		return asset.ErrNotFound
	}
	made, err := p.opt.Desk.ReportFault(r.Context(), r.Viewer(), desk.Report{
		Code: code, Component: in.Component, Asset: in.Asset,
		FaultType: in.Chosen, Text: in.Text, Key: in.Key, Photos: chosenFiles(form),
	})
	if err == nil {
		return r.Redirect(requestPath(made.Number, "reported"))
	}
	var field *desk.FieldError
	switch photo, isPhoto := photoTrouble(err); {
	case isPhoto:
		in.PhotoError = photo
	case errors.Is(err, desk.ErrTooManyPhotos):
		in.PhotoError = "portal.photo.too_many"
	case errors.As(err, &field) && field.Field == "fault_type":
		in.TypeError = "portal.report.choose_type"
	default:
		key, known := textTrouble(err)
		if !known {
			return err
		}
		in.TextError = key
	}
	return p.showReport(r, http.StatusUnprocessableEntity, in)
}
