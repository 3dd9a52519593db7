package portal

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
	"github.com/tagwerk/tagwerk/tagging/picture"
)

// contactPage is what everybody without rights gets for any well-formed code (X-2, SEC-1): whom to call. It is the same byte for
// byte for each code, so its way to the sign-in and back is a link relative to the page.
type contactPage struct {
	Contact  identity.Provider
	SignIn   string // relative link; "" for who is signed in
	Language string // of the contact's own texts
	Foreign  bool   // the payload was none of our codes
}

// mistypedPage names what is wrong with a typed code, before any look-up (SEC-2).
type mistypedPage struct {
	Typed string
	typo
}

// typo is a *tagging.CodeError as it is told.
type typo struct {
	Message  string // message key
	Symbol   string
	Position int
	Length   int
	Hint     string // the code that was probably meant, as it is printed
	HintPath string
}

func typoOf(e *tagging.CodeError) typo {
	t := typo{Symbol: string(e.Symbol), Position: e.Position, Length: e.Length, Message: "portal.mistyped." + string(e.Kind)}
	if e.Hint != "" {
		t.Hint, t.HintPath = e.Hint.Print(), "/t/"+string(e.Hint)
	}
	return t
}

// answerPage is the granted view of a bound label.
type answerPage struct {
	Code       string
	Tag        scan.Tag
	Contact    identity.Provider
	AssetID    string
	AssetName  string
	Component  *asset.Component
	Due        *answerDue
	Next       *asset.Appointment
	Faults     bool
	OpenFaults []requestRow
	Form       reportForm
	Staff      bool
}

type answerDue struct{ Component, Asset dueDate }

// bindPage ties a blank label to a component in two steps: choose the asset, then the component.
type bindPage struct {
	Code       string
	Query      string
	Assets     []overviewRow
	MoreAssets string
	AssetID    string
	AssetName  string
	Components []asset.Component
	More       string
	Error      string
}

func (p *Portal) getTag(r *edge.Request) error {
	typed := r.Param("code")
	code, err := tagging.ParseCode(typed)
	if err != nil {
		return p.mistyped(r, typed, err)
	}
	if r.Query("sign-in") != "" && !r.Viewer().SignedIn() {
		return r.Redirect(withQuery("/sign-in", "next", "/t/"+string(code)))
	}
	if err := p.limiter.CheckMisses(r.Context()); err != nil {
		return err
	}
	a, err := p.opt.Scan.Code(r.Context(), r.Viewer(), r.Host(), code)
	if err != nil {
		return err
	}
	switch {
	case !a.Granted:
		return p.contact(r, a, "?sign-in=1", false)
	case slices.Contains(a.Actions, scan.BindLabel):
		return p.bindForm(r, code, http.StatusOK, "")
	}
	page, err := p.answer(r, code, a)
	if err != nil {
		return err
	}
	return p.views.answer.render(r, http.StatusOK, page)
}

func (p *Portal) mistyped(r *edge.Request, typed string, err error) error {
	var e *tagging.CodeError
	if !errors.As(err, &e) {
		return err
	}
	return p.views.mistyped.render(r, http.StatusNotFound, mistypedPage{Typed: typed, typo: typoOf(e)})
}

// contact answers a scan without rights, and counts it as a miss of its caller (SEC-6). signIn is the link for who is not signed in.
func (p *Portal) contact(r *edge.Request, a scan.Answer, signIn string, foreign bool) error {
	page := contactPage{Contact: a.Provider, Language: string(a.Provider.Locale), Foreign: foreign}
	if err := p.limiter.Miss(r.Context()); err != nil {
		return err
	}
	if !r.Viewer().SignedIn() {
		page.SignIn = signIn
	}
	return p.views.contact.render(r, http.StatusOK, page)
}

func (p *Portal) answer(r *edge.Request, code tagging.Code, a scan.Answer) (answerPage, error) {
	page := answerPage{
		Code: code.Print(), Tag: *a.Tag, Contact: a.Provider, Component: a.Component, Next: a.Next, Faults: a.Faults,
		AssetID: a.Access.Asset.ID, AssetName: a.Access.Asset.Name, Staff: a.Access.Staff,
	}
	if a.Due != nil {
		page.Due = &answerDue{p.due(a.Due.Component), p.due(a.Due.Asset)}
	}
	var err error
	if page.OpenFaults, err = p.requestRows(p.names(r), a.OpenFaults); err != nil {
		return page, err
	}
	if slices.Contains(a.Actions, scan.ReportFault) {
		page.Form, err = p.newReportForm(r, a.FaultForm)
		page.Form.Code = string(code)
	}
	return page, err
}

// bindForm shows the step of binding that comes next.
func (p *Portal) bindForm(r *edge.Request, code tagging.Code, status int, message string) error {
	ctx, v, path := r.Context(), r.Viewer(), "/t/"+string(code)
	page := bindPage{Code: string(code), Query: strings.TrimSpace(r.Query("q")), Error: message}
	if id := first(r.Query("asset"), r.FormValue("asset")); id != "" {
		a, err := p.opt.Assets.Access(ctx, v, id)
		if err != nil {
			return err
		}
		after, err := p.place(r, "bind", id)
		if err != nil {
			return err
		}
		list, next, err := p.opt.Assets.Components(ctx, v, id, after, pageRows)
		if err != nil {
			return err
		}
		page.AssetID, page.AssetName, page.Components = id, a.Asset.Name, list
		if next != "" {
			page.More = withQuery(path, "asset", id, "after", p.placeAfter(r, next, "bind", id))
		}
		return p.views.bind.render(r, status, page)
	}
	after, err := p.place(r, "bind in", page.Query)
	if err != nil {
		return err
	}
	list, next, err := p.findAssets(ctx, v, page.Query, "", after)
	if err != nil {
		return err
	}
	for _, o := range list {
		row := overviewRow{ID: o.Asset.ID, Number: o.Asset.Number, Name: o.Asset.Name, Location: o.Asset.Location, Components: o.Components}
		page.Assets = append(page.Assets, row)
	}
	if next != "" {
		page.MoreAssets = withQuery(path, "q", page.Query, "after", p.placeAfter(r, next, "bind in", page.Query))
	}
	return p.views.bind.render(r, status, page)
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func (p *Portal) postBind(r *edge.Request) error {
	code, err := tagging.ParseCode(r.Param("code"))
	if err != nil {
		return p.mistyped(r, r.Param("code"), err)
	}
	component := r.FormValue("component")
	if component == "" {
		return p.bindForm(r, code, http.StatusUnprocessableEntity, "portal.bind.choose_component")
	}
	_, err = p.opt.Assets.Bind(r.Context(), r.Viewer(), code, component)
	var step *tagging.StepError
	switch {
	case errors.Is(err, asset.ErrBound):
		return p.bindForm(r, code, http.StatusConflict, "portal.bind.bound_before")
	case errors.As(err, &step):
		return p.bindForm(r, code, http.StatusConflict, "portal.bind.not_possible")
	case err != nil:
		return err
	}
	p.opt.Logger.InfoContext(r.Context(), "label bound", "request_id", r.ID(), "action", "bind label", "person", r.Viewer().User,
		"component", component, "result", "ok")
	return r.Redirect("/t/" + string(code) + "?done=bound")
}

// scanPage reads a label by camera, by photo or by typing.
type scanPage struct {
	Typed      string
	Typo       *typo  // beside the field
	Error      string // message key, about the code or payload
	PhotoError string // message key, about the photo
	Found      []foundCode
}

// foundCode is one of several labels in a photo.
type foundCode struct{ Path, Printed string }

func (p *Portal) getScan(r *edge.Request) error {
	return p.views.scan.render(r, http.StatusOK, scanPage{})
}

// postScan takes what somebody typed or the live camera read.
func (p *Portal) postScan(r *edge.Request) error {
	payload := strings.TrimSpace(r.FormValue("payload"))
	if code, ok := tagging.ParseComponent(payload, p.own).Own(); ok {
		return r.Redirect("/t/" + string(code))
	}
	page := scanPage{Typed: payload}
	typo := typedTypo(payload)
	// What a stranger types is nothing but a code of ours; for others it may be a number of a tag or a foreign code.
	if typo != nil && !r.Viewer().SignedIn() {
		page.Typo = typo
		return p.views.scan.render(r, http.StatusUnprocessableEntity, page)
	}
	if err := p.limiter.CheckMisses(r.Context()); err != nil {
		return err
	}
	a, err := p.opt.Scan.Payload(r.Context(), r.Viewer(), r.Host(), scan.Input{Payload: payload, Source: "typed"})
	switch {
	case err != nil:
		return p.payloadRefused(r, page, err)
	case a.Granted && a.Tag != nil:
		return r.Redirect("/t/" + string(a.Tag.Code))
	case typo != nil && !a.Granted:
		if err := p.limiter.Miss(r.Context()); err != nil {
			return err
		}
		page.Typo = typo
		return p.views.scan.render(r, http.StatusUnprocessableEntity, page)
	}
	return p.contact(r, a, "/sign-in?next=%2Fscan", true)
}

// typedTypo is what is wrong with a typed code, or nil for what is one or was not meant to be one.
func typedTypo(payload string) *typo {
	var e *tagging.CodeError
	if _, err := tagging.ParseCode(payload); payload == "" || strings.ContainsAny(payload, ":/") || !errors.As(err, &e) {
		return nil
	}
	t := typoOf(e)
	return &t
}

// payloadRefused shows what cannot be looked up beside the field.
func (p *Portal) payloadRefused(r *edge.Request, page scanPage, err error) error {
	var e *tagging.CodeError
	switch {
	case errors.As(err, &e):
		t := typoOf(e)
		page.Typo = &t
	case errors.Is(err, scan.ErrNoIdentifier):
		page.Error = "portal.scan.no_identifier"
	case errors.Is(err, scan.ErrPayload):
		page.Error = "portal.scan.empty"
	default:
		return err
	}
	return p.views.scan.render(r, http.StatusUnprocessableEntity, page)
}

func (p *Portal) postScanPhoto(r *edge.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	if len(form.Files) == 0 || len(form.Files[0].Data) == 0 {
		return p.photoRefused(r, "portal.scan.photo_missing")
	}
	if err := p.limiter.CheckMisses(r.Context()); err != nil {
		return err
	}
	shown, err := p.opt.Photos.Read(r.Context(), form.Files[0].Data)
	if key, ok := photoTrouble(err); ok {
		return p.photoRefused(r, key)
	}
	if err != nil {
		return err
	}
	var codes []tagging.Code
	for _, payload := range shown {
		if code, ok := tagging.ParseComponent(payload.Input(), p.own).Own(); ok && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	switch len(codes) {
	case 0:
	case 1:
		return r.Redirect("/t/" + string(codes[0]))
	default:
		page := scanPage{}
		for _, c := range codes {
			page.Found = append(page.Found, foundCode{"/t/" + string(c), c.Print()})
		}
		return p.views.scan.render(r, http.StatusOK, page)
	}
	a, _, err := p.opt.Scan.Photo(r.Context(), r.Viewer(), r.Host(), shown)
	if err != nil {
		return p.payloadRefused(r, scanPage{}, err)
	}
	if a.Granted && a.Tag != nil {
		return r.Redirect("/t/" + string(a.Tag.Code))
	}
	return p.contact(r, a, "/sign-in?next=%2Fscan", true)
}

func (p *Portal) photoRefused(r *edge.Request, key string) error {
	return p.views.scan.render(r, http.StatusUnprocessableEntity, scanPage{PhotoError: key})
}

// photoTrouble is the message key for a file that cannot be used, and whether err is about the file at all.
func photoTrouble(err error) (string, bool) {
	var kind *picture.UnsupportedError
	switch {
	case errors.Is(err, tagging.ErrNoCode):
		return "portal.scan.photo_no_code", true
	case errors.As(err, &kind):
		return "portal.photo.unsupported", true
	case errors.Is(err, picture.ErrNotImage):
		return "portal.photo.not_image", true
	case errors.Is(err, picture.ErrTooLarge), errors.Is(err, picture.ErrTooManyPixels):
		return "portal.photo.too_large", true
	case errors.Is(err, picture.ErrDamaged), errors.Is(err, picture.ErrTooSlow):
		return "portal.photo.damaged", true
	}
	return "", false
}
