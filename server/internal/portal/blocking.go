package portal

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

// blockPage asks once more before a tag is blocked, and why.
type blockPage struct {
	Tag    tagRow
	Reason string
	Error  string // message key
	Key    string
}

// reactivatePage asks why a blocked tag is to pass again.
type reactivatePage struct {
	Tag      tagRow
	Reason   string
	Error    string // message key
	Approval bool   // staff will have to approve it
	Key      string
}

func (p *Portal) getBlock(r *edge.Request) error {
	return p.showBlock(r, http.StatusOK, blockPage{})
}

func (p *Portal) showBlock(r *edge.Request, status int, page blockPage) error {
	t, err := p.tagOf(r)
	if err != nil {
		return err
	}
	if page.Tag, err = p.names(r).tag(t); err != nil {
		return err
	}
	if t.State == tagging.Blocked {
		return r.Redirect("/tags/" + t.ID)
	}
	if !page.Tag.MayBlock {
		return asset.ErrNotAllowed
	}
	if page.Key, err = p.formKey(); err != nil {
		return err
	}
	return p.views.block.render(r, status, page)
}

// postBlock blocks a tag at once (B-16). The reason is typed, or says from which page the order came.
func (p *Portal) postBlock(r *edge.Request) error {
	t, err := p.tagOf(r)
	if err != nil {
		return err
	}
	reason := strings.TrimSpace(r.FormValue("reason"))
	if reason == "" {
		reason = p.text(r, blockReason(r.FormValue("from")), nil)
	}
	_, err = p.opt.Desk.BlockTags(r.Context(), r.Viewer(), desk.BlockOrder{Tags: []string{t.ID}, Reason: reason, Key: r.FormValue("key")})
	if err == nil {
		return r.Redirect("/tags/" + t.ID + "?done=tag_block")
	}
	if errors.Is(err, identity.ErrProofNeeded) {
		return p.proveFirst(r, "/tags/"+t.ID+"/block")
	}
	var step *tagging.StepError
	switch key, isText := reasonTrouble(err); {
	case isText:
		return p.showBlock(r, http.StatusUnprocessableEntity, blockPage{Reason: reason, Error: key})
	case errors.As(err, &step):
		return p.showTag(r, http.StatusConflict, stepForm{Step: tagging.Block, Error: "portal.tag.step_not_possible"})
	}
	return err
}

// blockReason is what stands for a reason that nobody typed.
func blockReason(from string) string {
	if from == "find" {
		return "portal.find.reason"
	}
	return "portal.lost.reason"
}

// proveFirst sends those to the password form whose last proof is too old, and back to the page where they go on (SEC-8, SEC-9).
func (p *Portal) proveFirst(r *edge.Request, next string) error {
	return r.Redirect(withQuery("/account/prove", "next", next))
}

// reasonTrouble is the message key for a reason that was refused, and whether err is about it.
func reasonTrouble(err error) (string, bool) {
	var field *desk.FieldError
	switch {
	case errors.As(err, &field) && field.Field == "reason":
		return "portal.text." + field.Code, true
	case errors.Is(err, desk.ErrKeyReused):
		return "portal.text.sent_before", true
	}
	return "", false
}

// getReactivate asks for fresh proof before it shows the form, so that nothing typed into that is lost (SEC-8).
func (p *Portal) getReactivate(r *edge.Request) error {
	return p.showReactivate(r, http.StatusOK, reactivatePage{})
}

func (p *Portal) showReactivate(r *edge.Request, status int, page reactivatePage) error {
	ctx, v := r.Context(), r.Viewer()
	t, err := p.tagOf(r)
	if err != nil {
		return err
	}
	if page.Tag, err = p.names(r).tag(t); err != nil {
		return err
	}
	switch {
	case !t.May.Has(asset.BlockTags):
		return asset.ErrNotAllowed
	case !page.Tag.MayAllow:
		return r.Redirect("/tags/" + t.ID)
	}
	if err := p.opt.People.ProvedRecently(ctx, v); errors.Is(err, identity.ErrProofNeeded) {
		return p.proveFirst(r, "/tags/"+t.ID+"/reactivate")
	} else if err != nil {
		return err
	}
	set, err := p.opt.Assets.TagSettings(ctx, t.Provider)
	if err != nil {
		return err
	}
	page.Approval = set.ApproveReactivation && !v.StaffOf(t.Provider)
	if page.Key, err = p.formKey(); err != nil {
		return err
	}
	return p.views.reactivate.render(r, status, page)
}

func (p *Portal) postReactivate(r *edge.Request) error {
	t, err := p.tagOf(r)
	if err != nil {
		return err
	}
	reason := strings.TrimSpace(r.FormValue("reason"))
	done, err := p.opt.Desk.ReactivateTag(r.Context(), r.Viewer(), desk.ReactivateOrder{Tag: t.ID, Reason: reason, Key: r.FormValue("key")})
	if err == nil {
		if done.Waiting {
			return r.Redirect(requestPath(done.Request.Number, "reactivation_waits"))
		}
		return r.Redirect("/tags/" + t.ID + "?done=tag_reactivate")
	}
	if errors.Is(err, identity.ErrProofNeeded) {
		return p.proveFirst(r, "/tags/"+t.ID+"/reactivate")
	}
	var step *tagging.StepError
	switch key, isText := reasonTrouble(err); {
	case isText:
		return p.showReactivate(r, http.StatusUnprocessableEntity, reactivatePage{Reason: reason, Error: key})
	case errors.As(err, &step):
		return r.Redirect("/tags/" + t.ID)
	}
	return err
}
