package portal

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// bindPage ties a blank label, or a code that we did not print, to a component in two steps: choose the asset, then the component.
type bindPage struct {
	Code    string // of a label
	Payload string // of a foreign code
	// Path is where the steps are, Target where the last one is sent to.
	Path, Target string
	Query        string
	Assets       []overviewRow
	MoreAssets   string
	AssetID      string
	AssetName    string
	Components   []asset.Component
	More         string
	Error        string // message key
	// Bound are the components that carry the same code, Class says that it names a type of thing: either has to be confirmed.
	Bound     []tagRow
	Class     bool
	Component string // chosen before
}

// bindTarget is what is to be bound.
type bindTarget struct {
	code    tagging.Code
	payload string
}

func (t bindTarget) path() string {
	if t.code != "" {
		return "/t/" + string(t.code)
	}
	return "/scan/bind"
}

// link is one of the steps; the payload goes along.
func (t bindTarget) link(pairs ...string) string {
	return withQuery(t.path(), append(pairs, "payload", t.payload)...)
}

// foreignTarget is the foreign code of a form or address; one of ours has its own page.
func (p *Portal) foreignTarget(payload string) (bindTarget, bool) {
	return bindTarget{payload: payload}, payload != "" && utf8.RuneCountInString(payload) <= scan.MaxPayload
}

func (p *Portal) getBindForeign(r *edge.Request) error {
	t, ok := p.foreignTarget(r.Query("payload"))
	if !ok {
		return r.Redirect("/scan")
	}
	return p.bindForm(r, t, http.StatusOK, bindPage{})
}

// bindForm shows the step of binding that comes next; page holds what a refused form brought.
func (p *Portal) bindForm(r *edge.Request, t bindTarget, status int, page bindPage) error {
	ctx, v := r.Context(), r.Viewer()
	page.Code, page.Payload, page.Path, page.Target, page.Query = string(t.code), t.payload, t.path(), t.path(), strings.TrimSpace(r.Query("q"))
	if t.code != "" {
		page.Target += "/bind"
	}
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
			page.More = t.link("asset", id, "after", p.placeAfter(r, next, "bind", id))
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
		page.MoreAssets = t.link("q", page.Query, "after", p.placeAfter(r, next, "bind in", page.Query))
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
	t, component := bindTarget{code: code}, r.FormValue("component")
	if component == "" {
		return p.bindForm(r, t, http.StatusUnprocessableEntity, bindPage{Error: "portal.bind.choose_component"})
	}
	_, err = p.opt.Assets.Bind(r.Context(), r.Viewer(), code, component)
	var step *tagging.StepError
	switch {
	case errors.Is(err, asset.ErrBound):
		return p.bindForm(r, t, http.StatusConflict, bindPage{Error: "portal.bind.bound_before"})
	case errors.As(err, &step):
		return p.bindForm(r, t, http.StatusConflict, bindPage{Error: "portal.bind.not_possible"})
	case err != nil:
		return err
	}
	p.bound(r, component)
	return r.Redirect("/t/" + string(code) + "?done=bound")
}

func (p *Portal) bound(r *edge.Request, component string) {
	p.opt.Logger.InfoContext(r.Context(), "label bound", "request_id", r.ID(), "action", "bind label", "person", r.Viewer().User,
		"component", component, "result", "ok")
}

// postBindForeign binds a code that we did not print. One that another component carries, or that names a type of thing, has to be
// confirmed.
func (p *Portal) postBindForeign(r *edge.Request) error {
	t, ok := p.foreignTarget(r.FormValue("payload"))
	if !ok {
		return r.Redirect("/scan")
	}
	page := bindPage{Component: r.FormValue("component")}
	if page.Component == "" {
		page.Error = "portal.bind.choose_component"
		return p.bindForm(r, t, http.StatusUnprocessableEntity, page)
	}
	made, err := p.opt.Assets.BindForeign(r.Context(), r.Viewer(), t.payload, p.own, page.Component, r.FormValue("confirm") != "")
	if err == nil {
		p.bound(r, page.Component)
		return r.Redirect("/t/" + made.ID + "?done=bound")
	}
	status := http.StatusUnprocessableEntity
	var fits *asset.FitsError
	var field *asset.FieldError
	switch key, isReading := readingTrouble(err); {
	case isReading:
		page.Error = key
	case errors.As(err, &field):
		page.Error = fieldText(field)
	case errors.Is(err, asset.ErrBound):
		page.Error = "portal.bind.bound_before"
	case errors.Is(err, asset.ErrTooMany):
		page.Error = "portal.bind.too_many"
	case errors.As(err, &fits):
		status, page.Class = http.StatusConflict, slices.Contains(fits.Match.Reading.Flags, tagging.FlagClassLevel)
		if page.Bound, err = p.names(r).tags(fits.Match.Tags); err != nil {
			return err
		}
	default:
		return err
	}
	return p.bindForm(r, t, status, page)
}
