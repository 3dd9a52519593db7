package portal

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// doorTagsShown is how many tags the page of a controller shows with their proof, which costs a look at the record of each.
const doorTagsShown = 40

// controllerPage is one controller: what waits, what it acknowledged, its keys, and what staff can do.
type controllerPage struct {
	controllerRow
	Webhook  string
	Version  int64 // of the list now
	Acked    int64
	AckedAt  store.Time
	FellBack *asset.DoorFall
	Keys     []identity.ControllerKey
	Tags     []doorTagRow
	MoreTags bool // that wait and are not shown
	May      bool
	// SilentMinutes is after how long a connector counts as silent.
	SilentMinutes int
	Form          controllerForm
	// Unconfirmed is the act whose box was not ticked: "acknowledge", "rotate" or "deactivate".
	Unconfirmed string
}

// doorTagRow is one tag with how far its last change is at the controller.
type doorTagRow struct {
	Code, Path, Number, Holder string
	Blocked                    bool // else it was let in again
	Requested, Sent, Acked     store.Time
	IsSent, IsAcked            bool
	Failed                     string // the controller's own word for why not
	By                         string // who acknowledged by hand
}

func controllerPath(id, done string) string { return withQuery("/staff/controllers/"+id, "done", done) }

func (p *Portal) getController(r *edge.Request) error {
	return p.showController(r, http.StatusOK, controllerPage{})
}

// showController renders a controller; page holds what a refused form brought.
func (p *Portal) showController(r *edge.Request, status int, page controllerPage) error {
	ctx, v := r.Context(), r.Viewer()
	c, err := p.opt.People.Controller(ctx, v, r.Param("id"))
	if err != nil {
		return err
	}
	if !c.Active {
		return errNoPage
	}
	door, err := p.opt.Assets.Door(ctx, v, c.ID)
	if err != nil {
		return err
	}
	if page.controllerRow, err = p.controllerRow(p.names(r), door); err != nil {
		return err
	}
	page.SilentMinutes = int(asset.SilentAfter.Minutes())
	page.Webhook, page.Keys, page.May = c.Webhook, c.Keys, mayManage(v)
	page.Version, page.Acked, page.AckedAt, page.FellBack = door.Version, door.Door.Acked, door.Door.AckedAt, door.Door.Fell
	if !page.Form.Tried {
		page.Form = controllerForm{Name: c.Name, Place: c.Place, Webhook: c.Webhook, Manual: c.Manual}
	}
	if page.Tags, page.MoreTags, err = p.doorTags(ctx, v, c); err != nil {
		return err
	}
	return p.views.controller.render(r, status, page)
}

// doorTags lists first what the controller has not acknowledged, then what is blocked and is known there; more says that there
// are others which wait.
func (p *Portal) doorTags(ctx context.Context, v identity.Viewer, c identity.Controller) (rows []doorTagRow, more bool, err error) {
	list, err := p.opt.Assets.WaitingTags(ctx, v, c.ID)
	if err != nil {
		return nil, false, err
	}
	if more = len(list) > doorTagsShown; more {
		list = list[:doorTagsShown]
	}
	blocked, _, err := p.opt.Assets.FindTags(ctx, v, asset.TagFilter{Kind: asset.AccessTag, State: tagging.Blocked, Customer: c.Customer}, "", doorTagsShown/2)
	if err != nil {
		return nil, false, err
	}
	for _, t := range blocked {
		if !slices.ContainsFunc(list, func(w *asset.Tag) bool { return w.ID == t.ID }) && len(list) < doorTagsShown {
			list = append(list, t.Tag)
		}
	}
	for _, t := range list {
		row, known, err := p.doorTag(ctx, v, c.ID, t)
		if err != nil {
			return nil, false, err
		}
		if known {
			rows = append(rows, row)
		}
	}
	return rows, more, nil
}

// doorTag is how one tag stands at a controller; known is false if the controller has nothing to do with it.
func (p *Portal) doorTag(ctx context.Context, v identity.Viewer, controller string, t *asset.Tag) (row doorTagRow, known bool, err error) {
	states, err := p.opt.Assets.ProofOf(ctx, v, t.ID)
	if errors.Is(err, asset.ErrNotFound) {
		return row, false, nil
	}
	if err != nil {
		return row, false, err
	}
	at := slices.IndexFunc(states, func(s asset.DoorState) bool { return s.Controller.ID == controller })
	if at < 0 {
		return row, false, nil
	}
	s := states[at]
	row = doorTagRow{Code: groupCode(t.ID), Path: "/tags/" + t.ID, Number: t.Number, Holder: holderLine(t.Holder), Blocked: t.Refused(),
		Requested: s.Requested, Sent: s.Sent, Acked: s.Acked, IsSent: !s.Sent.IsZero(), IsAcked: s.Step == asset.DoorAcknowledged, Failed: s.Failed}
	if s.By != "" {
		who, err := p.opt.People.Person(ctx, s.By)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return row, false, err
		}
		row.By = first(who.Name, s.By)
	}
	return row, true, nil
}

// holderLine is who has a tag and where, in one line.
func holderLine(h *asset.Holder) string {
	if h == nil {
		return ""
	}
	who, where := holderLines(*h)
	if where != "" {
		who += " · " + where
	}
	return who
}

func (p *Portal) postController(r *edge.Request) error {
	form := controllerForm{Tried: true, Name: r.FormValue("name"), Place: r.FormValue("place"), Webhook: strings.TrimSpace(r.FormValue("webhook"))}
	c, err := p.opt.People.ChangeController(r.Context(), r.Viewer(), r.Param("id"), form.order())
	if err != nil {
		if !form.refused(err) {
			return err
		}
		return p.showController(r, http.StatusUnprocessableEntity, controllerPage{Form: form})
	}
	return r.Redirect(controllerPath(c.ID, "controller_changed"))
}

// confirmed reports whether the box of a form is ticked that asks for a second thought.
func confirmed(r *edge.Request) bool { return r.FormValue("confirm") == "yes" }

func (p *Portal) postAcknowledge(r *edge.Request) error {
	id := r.Param("id")
	if !confirmed(r) {
		return p.showController(r, http.StatusUnprocessableEntity, controllerPage{Unconfirmed: "acknowledge"})
	}
	if err := p.opt.Assets.AcknowledgeByHand(r.Context(), r.Viewer(), id); err != nil {
		return err
	}
	return r.Redirect(controllerPath(id, "controller_acknowledged"))
}

func (p *Portal) postRotate(r *edge.Request) error {
	id := r.Param("id")
	if !confirmed(r) {
		return p.showController(r, http.StatusUnprocessableEntity, controllerPage{Unconfirmed: "rotate"})
	}
	c, err := p.opt.People.Controller(r.Context(), r.Viewer(), id)
	if err != nil {
		return err
	}
	secrets, err := p.opt.People.RotateController(r.Context(), r.Viewer(), id)
	if err != nil {
		return err
	}
	return p.showKeys(r, c, secrets, true)
}

func (p *Portal) postDeactivate(r *edge.Request) error {
	id := r.Param("id")
	if !confirmed(r) {
		return p.showController(r, http.StatusUnprocessableEntity, controllerPage{Unconfirmed: "deactivate"})
	}
	if err := p.opt.People.DeactivateController(r.Context(), r.Viewer(), id); err != nil {
		return err
	}
	return r.Redirect("/staff/controllers?done=controller_ended")
}
