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

// postScan takes what somebody typed or a reader, phone or camera delivered.
func (p *Portal) postScan(r *edge.Request) error {
	in := scan.Input{Payload: strings.TrimSpace(r.FormValue("payload")), Source: r.FormValue("source")}
	if !slices.Contains(scan.Sources, in.Source) {
		in.Source = "typed"
	}
	own, err := p.ownCode(r, in.Payload)
	if err != nil {
		return err
	}
	if own != "" {
		return r.Redirect("/t/" + string(own))
	}
	page := scanPage{Typed: in.Payload}
	// What a stranger types is nothing but a code of ours; for others it may be a number of a tag or a foreign code.
	if typo := typedTypo(in.Payload); typo != nil && !r.Viewer().SignedIn() {
		page.Typo = typo
		return p.views.scan.render(r, http.StatusUnprocessableEntity, page)
	}
	if err := p.limiter.CheckMisses(r.Context()); err != nil {
		return err
	}
	a, err := p.opt.Scan.Payload(r.Context(), r.Viewer(), r.Host(), in)
	if err != nil {
		return p.payloadRefused(r, page, err)
	}
	return p.resolved(r, in, a)
}

// ownCode is the code of ours that a payload is, "" for none. One text in 32 of the same length passes for one by chance; for people it is
// ours only if it leads somewhere, because it may be a serial or the number of a tag.
func (p *Portal) ownCode(r *edge.Request, payload string) (tagging.Code, error) {
	reading := tagging.ParseComponent(payload, p.own)
	code, ok := reading.Own()
	if !ok || !reading.Ambiguous() || !r.Viewer().SignedIn() {
		return code, nil
	}
	number := tagging.ParseTag(payload, "")
	if !slices.ContainsFunc(number.Candidates, func(c string) bool { return !strings.HasPrefix(c, "raw:") }) {
		return code, nil
	}
	_, err := p.opt.Assets.ByCode(r.Context(), r.Viewer(), code)
	if errors.Is(err, asset.ErrNotFound) {
		return "", nil
	}
	return code, err
}

// resolved leads on to what a payload means for the viewer: one tag, several to choose among, one to confirm, or nothing on record.
func (p *Portal) resolved(r *edge.Request, in scan.Input, a scan.Answer) error {
	switch {
	case len(a.Choices) > 0 || a.Confirm:
		return p.views.choose.render(r, http.StatusOK, p.choices(in, a))
	case a.Granted && a.Tag != nil && a.Tag.Kind == asset.AccessTag:
		return r.Redirect("/tags/" + string(a.Tag.Code))
	case a.Granted && a.Tag != nil:
		return r.Redirect("/t/" + string(a.Tag.Code))
	case len(a.Actions) > 0 && r.Viewer().Kind == identity.Staff:
		return p.unknown(r, in, a)
	}
	if typo := typedTypo(in.Payload); typo != nil && (a.Unknown == nil || len(a.Unknown.Flags) == 0) && nearlyCode(typo.Length) {
		if err := p.limiter.Miss(r.Context()); err != nil {
			return err
		}
		return p.views.scan.render(r, http.StatusUnprocessableEntity, scanPage{Typed: in.Payload, Typo: typo})
	}
	return p.contact(r, a, "/sign-in?next=%2Fscan", true)
}

// nearlyCode reports whether a text of so many symbols is taken for a code of ours with one left out or twice; 0 is a code of the right
// length.
func nearlyCode(length int) bool {
	return length == 0 || length == tagging.CodeLength-1 || length == tagging.CodeLength+1
}

// choosePage asks which of several tags is meant, or whether one is that was read in part only.
type choosePage struct {
	Read string
	// Sure says that there is one to confirm, not several to choose among.
	Confirm bool
	Rows    []chosenRow
	More    bool
}

type chosenRow struct {
	Path, Printed      string
	Name, Where, State string // State is a word of the public states
	Fob                bool
}

func (p *Portal) choices(in scan.Input, a scan.Answer) choosePage {
	page := choosePage{Read: clip(in.Payload), Confirm: a.Confirm, More: a.MoreChoices}
	list := a.Choices
	if a.Confirm {
		list = []scan.Choice{{Tag: *a.Tag, Number: a.Number, Holder: a.Holder}}
	}
	for _, c := range list {
		row := chosenRow{Path: "/t/" + string(c.Code), Printed: c.Code.Print(), Name: c.Component, Where: c.Asset, State: c.State}
		if c.Kind == asset.AccessTag {
			row.Path, row.Fob = "/tags/"+string(c.Code), true
			if c.Number != "" {
				row.Printed = c.Number
			}
			if c.Holder != nil {
				row.Name, row.Where = holderLines(*c.Holder)
			}
		}
		page.Rows = append(page.Rows, row)
	}
	return page
}

// unknownPage tells staff what a payload may mean that is on record nowhere, and offers to put it there.
type unknownPage struct {
	Payload  string
	Readings []readingRow
	Remarks  []string // message keys
	Typo     *typo    // for what is nearly a code of ours
	Bind     bool
	Enrol    bool
}

// maxReadings is how many meanings of a payload are shown.
const maxReadings = 8

// unknown counts as a miss like every scan that leads nowhere (SEC-6).
func (p *Portal) unknown(r *edge.Request, in scan.Input, a scan.Answer) error {
	if err := p.limiter.Miss(r.Context()); err != nil {
		return err
	}
	page := unknownPage{Payload: in.Payload, Bind: slices.Contains(a.Actions, scan.BindCode), Enrol: slices.Contains(a.Actions, scan.Enrol)}
	if typo := typedTypo(in.Payload); typo != nil && nearlyCode(typo.Length) {
		page.Typo = typo
	}
	if a.Unknown != nil {
		page.Remarks = flagTexts(a.Unknown.Flags)
		for _, c := range a.Unknown.Candidates[:min(len(a.Unknown.Candidates), maxReadings)] {
			kind, value, _ := strings.Cut(c, ":")
			page.Readings = append(page.Readings, readingRow{kind, clip(value)})
		}
	}
	return p.views.unknown.render(r, http.StatusOK, page)
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
	a, shown, err := p.opt.Scan.Photo(r.Context(), r.Viewer(), r.Host(), shown)
	if err != nil {
		return p.payloadRefused(r, scanPage{}, err)
	}
	return p.resolved(r, scan.Input{Payload: shown[0].Input(), Source: "qr"}, a)
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
