package portal

import (
	"errors"
	"net/http"
	"slices"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// contactPage is what everybody without rights gets for any well-formed code (X-2, SEC-1): whom to call. It is the same byte for
// byte for each code, so its way to the sign-in and back is a link relative to the page.
type contactPage struct {
	Contact  identity.Provider
	SignIn   string   // relative link; "" for who is signed in
	Found    string   // link to the form for finders; "" where the provider has none
	Language string   // of the contact's own texts
	Foreign  bool     // the payload was none of our codes
	Remarks  []string // message keys: what its text alone says of it, for people
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
	// Replaced is when another label took the place of this one, which is ReplacedBy; only staff get so far.
	Replaced   store.Time
	ReplacedBy string
}

type answerDue struct{ Component, Asset dueDate }

func (p *Portal) getTag(r *edge.Request) error {
	typed := r.Param("code")
	code, err := tagging.ParseCode(typed)
	if err != nil {
		return p.mistyped(r, typed, err)
	}
	if r.Query("found") != "" {
		return r.Redirect("/t/" + string(code) + "/found")
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
		return p.bindForm(r, bindTarget{code: code}, http.StatusOK, bindPage{})
	case a.Tag.Kind == asset.AccessTag, a.Access.Asset == nil:
		// A fob has a page of its own, and so has a label that is bound to nothing and never will be.
		return r.Redirect("/tags/" + string(code))
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
	if a.Unknown != nil {
		page.Remarks = flagTexts(a.Unknown.Flags)
	}
	if err := p.limiter.Miss(r.Context()); err != nil {
		return err
	}
	if !r.Viewer().SignedIn() {
		page.SignIn = signIn
	}
	var err error
	if page.Found, err = p.foundLink(r, a.Provider, foreign); err != nil {
		return err
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
	if a.Tag.ReplacedBy != "" {
		t, err := p.opt.Assets.Tag(r.Context(), r.Viewer(), string(code))
		if err != nil {
			return page, err
		}
		page.Replaced, page.ReplacedBy = t.Updated, string(a.Tag.ReplacedBy)
	}
	if slices.Contains(a.Actions, scan.ReportFault) {
		page.Form, err = p.newReportForm(r, a.FaultForm)
		page.Form.Code = string(code)
	}
	return page, err
}
