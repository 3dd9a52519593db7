package portal

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// tagPage is one tag with all that happened to it, and what the viewer may do with it.
type tagPage struct {
	tagRow
	Printed  string // our own code
	Issued   store.Time
	Readings []readingRow
	History  []historyRow
	Proof    []doorRow // of the last block or reactivation, per controller
	// Old and New are the codes of the tags that this one replaced and that replaced it.
	Old, New string
	Staff    bool // may do what staff may
	Steps    []tagging.Step
	Hints    []string
	Form     stepForm
	// Sightings leads to where the tag was seen; "" for whom that is not for.
	Sightings string
	// Scans are the last ones by people, for staff and Master users; Log says that the page may show them.
	Log   bool
	Scans []scan.LogEntry
}

// readingRow is one thing that the number may mean (standards.md 2.1).
type readingRow struct{ Kind, Value string }

type historyRow struct {
	Step      tagging.Step
	Name      string
	At        store.Time
	Note      string
	ByMachine bool // nobody did it: it blocked itself when it expired
}

// doorRow is how one controller stands to the last change of the tag.
type doorRow struct {
	Name, Place            string
	Manual                 bool
	Requested, Sent, Acked store.Time
	IsSent, IsAcked        bool
	Failed                 string // the controller's own word for why not
	By                     string // who acknowledged by hand
}

// stepForm holds what a refused form of the tag page brought.
type stepForm struct {
	Step    tagging.Step
	Error   string // message key
	Fits    []tagRow
	Tenant  string
	Company string
	Unit    string
	Expires string
	Note    string
	Number  string
	Hint    string
}

// scansShown is how many of the last scans the page of a tag lists.
const scansShown = 10

// stepRead is the form that adds what a reader says; no step of a tag's life.
const stepRead tagging.Step = "reading"

// readerKinds are the kinds of reader that people tell apart, as hints of [tagging.ParseTag].
var readerKinds = []string{"125khz", "13.56mhz", "hid", "webnfc"}

func (p *Portal) getTagPage(r *edge.Request) error {
	return p.showTag(r, http.StatusOK, stepForm{})
}

// tagOf is the tag that a path names, as the viewer may see it.
func (p *Portal) tagOf(r *edge.Request) (asset.TagView, error) {
	code, err := tagging.ParseCode(r.Param("code"))
	if err != nil {
		return asset.TagView{}, asset.ErrNotFound
	}
	return p.opt.Assets.Tag(r.Context(), r.Viewer(), string(code))
}

// showTag renders the page of a tag; form holds what a refused form brought.
func (p *Portal) showTag(r *edge.Request, status int, form stepForm) error {
	t, err := p.tagOf(r)
	if err != nil {
		return err
	}
	page := tagPage{Printed: groupCode(t.ID), Old: t.Replaces, New: t.ReplacedBy, Form: form, Hints: readerKinds,
		Staff: r.Viewer().StaffOf(t.Provider) && (t.Kind == asset.Label || t.May.Has(asset.ManageTags))}
	if page.tagRow, err = p.names(r).tag(t); err != nil {
		return err
	}
	if t.Holder != nil {
		page.Issued = t.Holder.Issued
		if form.Step == "" {
			page.Form.Tenant, page.Form.Company, page.Form.Unit = t.Holder.Tenant, t.Holder.Company, t.Holder.Unit
			page.Form.Expires = string(page.Expires.Day)
		}
	}
	for _, reading := range t.Readings {
		kind, value, _ := strings.Cut(reading, ":")
		page.Readings = append(page.Readings, readingRow{kind, value})
	}
	for i := len(t.History) - 1; i >= 0; i-- {
		e := t.History[i]
		page.History = append(page.History, historyRow{Step: e.Step, Name: e.Name, At: e.At, Note: e.Note, ByMachine: e.Who == "" && e.Name == ""})
	}
	if t.Kind == asset.AccessTag {
		if page.Proof, err = p.proof(r, t.ID); err != nil {
			return err
		}
	}
	if page.Staff {
		page.Steps = stepsOf(t.Tag)
	}
	if v := r.Viewer(); v.StaffOf(t.Provider) || v.Role == identity.Master {
		page.Log, page.Sightings = true, withQuery(sightingsPath(v), "tag", t.ID)
		if page.Scans, _, err = p.opt.Sightings.Log(r.Context(), v, t.ID, "", scansShown); err != nil {
			return err
		}
	}
	return p.views.tag.render(r, status, page)
}

// stepsOf are the steps that staff may take on the tag's page, in the order in which they are offered. Blocking has a page of its
// own, and so has the binding of a label.
func stepsOf(t *asset.Tag) []tagging.Step {
	offered := []tagging.Step{tagging.Damage, tagging.Replace, tagging.Retire}
	if t.Kind == asset.AccessTag {
		offered = []tagging.Step{tagging.Issue, tagging.Return, tagging.Damage, tagging.Replace, stepRead, tagging.Retire}
	}
	var steps []tagging.Step
	for _, s := range offered {
		_, err := tagging.Next(t.State, s)
		if s == stepRead && t.State != tagging.Replaced && t.State != tagging.Retired || err == nil {
			steps = append(steps, s)
		}
	}
	return steps
}

// proof is what each controller made of the last change of a tag.
func (p *Portal) proof(r *edge.Request, id string) ([]doorRow, error) {
	states, err := p.opt.Assets.ProofOf(r.Context(), r.Viewer(), id)
	if err != nil {
		return nil, err
	}
	var rows []doorRow
	for _, s := range states {
		row := doorRow{Name: s.Controller.Name, Place: s.Controller.Place, Manual: s.Controller.Manual, Requested: s.Requested, Sent: s.Sent, Acked: s.Acked,
			IsSent: !s.Sent.IsZero(), IsAcked: s.Step == "acknowledged", Failed: s.Failed}
		if s.By != "" {
			who, err := p.opt.People.Person(r.Context(), s.By)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
			row.By = who.Name
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// postTagChange takes one step in the life of a tag; staff only.
func (p *Portal) postTagChange(r *edge.Request) error {
	t, err := p.tagOf(r)
	if err != nil {
		return err
	}
	ctx, v := r.Context(), r.Viewer()
	if !v.StaffOf(t.Provider) {
		return asset.ErrNotAllowed
	}
	form := readStepForm(r)
	done := "tag_" + string(form.Step)
	switch form.Step {
	case tagging.Issue:
		expires, ok := dayTyped(form.Expires)
		if !ok {
			form.Error = "portal.tag.bad_day"
			return p.showTag(r, http.StatusUnprocessableEntity, form)
		}
		_, err = p.opt.Assets.Issue(ctx, v, t.ID, asset.Holder{Tenant: form.Tenant, Company: form.Company, Unit: form.Unit}, expires)
	case tagging.Return:
		_, err = p.opt.Assets.Return(ctx, v, t.ID, form.Note)
	case tagging.Damage:
		_, err = p.opt.Assets.Damage(ctx, v, t.ID, form.Note)
	case tagging.Retire:
		_, err = p.opt.Assets.Retire(ctx, v, t.ID, form.Note)
	case tagging.Replace:
		return p.replace(r, t, form)
	case stepRead:
		_, err = p.opt.Assets.AddReading(ctx, v, t.ID, form.Number, form.Hint)
	default:
		return &edge.Problem{Code: "bad_form", Status: http.StatusBadRequest}
	}
	if err != nil {
		return p.stepRefused(r, form, err)
	}
	return r.Redirect("/tags/" + t.ID + "?done=" + done)
}

func readStepForm(r *edge.Request) stepForm {
	text := func(name string) string { return strings.TrimSpace(r.FormValue(name)) }
	return stepForm{Step: tagging.Step(r.FormValue("step")), Tenant: text("tenant"), Company: text("company"), Unit: text("unit"),
		Expires: text("expires"), Note: text("note"), Number: text("number"), Hint: r.FormValue("hint")}
}

// dayTyped reads the date of a form, as the browser's own field or a person writes it: 2026-12-31 or 31.12.2026.
func dayTyped(text string) (asset.Day, bool) {
	for _, form := range []string{time.DateOnly, "2.1.2006", "02.01.2006"} {
		if d, err := time.Parse(form, text); err == nil {
			return asset.DayOf(d), true
		}
	}
	return "", text == ""
}

// replace puts another tag in the place of this one: a fob on record, named by its number in any form, or for a label a new or blank one.
func (p *Portal) replace(r *edge.Request, t asset.TagView, form stepForm) error {
	with, refused, err := p.tagNamed(r, form.Number, form.Hint)
	switch {
	case err != nil:
		return err
	case t.Kind == asset.Label && form.Number == "":
		with, refused = "", ""
	case t.Kind == asset.Label:
		code, err := tagging.ParseCode(form.Number)
		if with, refused = string(code), ""; err != nil {
			refused = "portal.tag.replace_code"
		}
	}
	if refused != "" {
		form.Error = refused
		return p.showTag(r, http.StatusUnprocessableEntity, form)
	}
	_, fresh, err := p.opt.Assets.Replace(r.Context(), r.Viewer(), t.ID, with, form.Note)
	if err != nil {
		return p.stepRefused(r, form, err)
	}
	return r.Redirect("/tags/" + fresh.ID + "?done=tag_replace")
}

// tagNamed is the id of the one access tag that a number in any form names, or the message key that says why there is none.
func (p *Portal) tagNamed(r *edge.Request, number, hint string) (id, refused string, err error) {
	if number == "" {
		return "", "portal.tag.number_missing", nil
	}
	m, err := p.opt.Assets.MatchNumber(r.Context(), r.Viewer(), number, hint)
	switch {
	case err != nil:
		return "", "", err
	case m.Decision == tagging.DecideOne:
		return m.Tags[0].ID, "", nil
	case m.Decision == tagging.DecideNone:
		return "", "portal.tag.replace_unknown", nil
	}
	return "", "portal.tag.replace_unclear", nil
}

// stepRefused shows on the tag's page why a step was not taken.
func (p *Portal) stepRefused(r *edge.Request, form stepForm, err error) error {
	status := http.StatusUnprocessableEntity
	var field *asset.FieldError
	var step *tagging.StepError
	var fits *asset.FitsError
	switch key, isReading := readingTrouble(err); {
	case isReading:
		form.Error = key
	case errors.As(err, &field):
		form.Error = fieldText(field)
	case errors.As(err, &step):
		form.Error, status = "portal.tag.step_not_possible", http.StatusConflict
	case errors.Is(err, asset.ErrBound):
		form.Error, status = "portal.tag.replace_taken", http.StatusConflict
	case form.Step == tagging.Replace && errors.Is(err, asset.ErrNotFound):
		form.Error = "portal.tag.replace_unknown"
	case errors.As(err, &fits):
		form.Error, status = "portal.tag.fits", http.StatusConflict
		if form.Fits, err = p.names(r).tags(fits.Match.Tags); err != nil {
			return err
		}
	default:
		return err
	}
	return p.showTag(r, status, form)
}

// lastDay is the last day on which a tag is valid.
func lastDay(t *asset.Tag, zone *time.Location) asset.Day {
	return asset.DayOf(t.Expires.Add(-time.Millisecond).In(zone))
}
