package portal

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
)

// tagSettingsPage is how a provider handles its tags, for its administrators.
type tagSettingsPage struct {
	Approve, AlertOwner, FoundForm, LogScans bool
	KeepScans, KeepSightings                 string // days, as typed
	ScansError, SightingsError               string // message keys
	MaxDays                                  int
}

// defaultKeepDays is what 0 days in [asset.TagSettings] mean.
const defaultKeepDays = 30

func (p *Portal) getTagSettings(r *edge.Request) error {
	set, err := p.opt.Assets.TagSettings(r.Context(), r.Viewer().Provider)
	if err != nil {
		return err
	}
	page := tagSettingsPage{Approve: set.ApproveReactivation, AlertOwner: set.AlertOwner, FoundForm: set.FoundForm, LogScans: set.KeepScans >= 0,
		KeepScans: daysText(set.KeepScans), KeepSightings: daysText(set.KeepSightings)}
	return p.showTagSettings(r, http.StatusOK, page)
}

func (p *Portal) showTagSettings(r *edge.Request, status int, page tagSettingsPage) error {
	page.MaxDays = asset.MaxKeepDays
	return p.views.tagSettings.render(r, status, page)
}

// daysText is a number of days as a field shows it; what is not set shows the default.
func daysText(days int) string {
	if days <= 0 {
		days = defaultKeepDays
	}
	return strconv.Itoa(days)
}

func (p *Portal) postTagSettings(r *edge.Request) error {
	v := r.Viewer()
	ticked := func(name string) bool { return r.FormValue(name) == "yes" }
	page := tagSettingsPage{Approve: ticked("approve"), AlertOwner: ticked("alert_owner"), FoundForm: ticked("found_form"), LogScans: ticked("log_scans"),
		KeepScans: strings.TrimSpace(r.FormValue("keep_scans")), KeepSightings: strings.TrimSpace(r.FormValue("keep_sightings"))}
	set := asset.TagSettings{Provider: v.Provider, ApproveReactivation: page.Approve, AlertOwner: page.AlertOwner, FoundForm: page.FoundForm, KeepScans: -1}
	var ok bool
	if set.KeepSightings, ok = keepDays(page.KeepSightings); !ok {
		page.SightingsError = "portal.tag_settings.days_range"
	}
	if page.LogScans {
		if set.KeepScans, ok = keepDays(page.KeepScans); !ok {
			page.ScansError = "portal.tag_settings.days_range"
		}
	}
	if page.SightingsError != "" || page.ScansError != "" {
		return p.showTagSettings(r, http.StatusUnprocessableEntity, page)
	}
	if err := p.opt.Assets.PutTagSettings(r.Context(), v, set); err != nil {
		return err
	}
	p.opt.Logger.InfoContext(r.Context(), "tag settings changed", "request_id", r.ID(), "action", "change tag settings", "person", v.User, "result", "ok")
	return r.Redirect("/staff/tag-settings?done=tag_settings")
}

func keepDays(text string) (int, bool) {
	days, err := strconv.Atoi(text)
	return days, err == nil && days >= 1 && days <= asset.MaxKeepDays
}

// tagRightsPage is what the users of one customer may do with its access tags.
type tagRightsPage struct {
	Customers []choice
	Customer  string // "" until one is chosen
	Name      string
	Users     []tagRightsRow
	From      int // of Users among all users of the customer
	Next      string
	Previous  string
}

type tagRightsRow struct {
	ID, Name, Email string
	Role            string // message key
	See, Block      bool
}

// rightsShown is how many users one page of rights holds: each has three fields of at most [edge.FormFields].
const rightsShown = 60

func (p *Portal) getTagRights(r *edge.Request) error {
	page := tagRightsPage{Customer: r.Query("customer")}
	var err error
	if page.Customers, err = p.customers(r); err != nil {
		return err
	}
	if page.Customer != "" {
		page.From, _ = strconv.Atoi(r.Query("from")) // what is no number begins at the start
		if err := p.tagRights(r, &page); err != nil {
			return err
		}
	}
	return p.views.tagRights.render(r, http.StatusOK, page)
}

// tagRights fills in the users of a customer that the viewer's provider serves.
func (p *Portal) tagRights(r *edge.Request, page *tagRightsPage) error {
	ctx, v := r.Context(), r.Viewer()
	c, err := p.opt.People.Customer(ctx, v, page.Customer)
	if err != nil {
		return err
	}
	page.Name = c.Name
	rights, err := p.opt.Assets.TagRightsOf(ctx, v, c.ID)
	if err != nil {
		return err
	}
	users, err := p.opt.People.UsersOf(ctx, c.ID)
	if err != nil {
		return err
	}
	slices.SortFunc(users, func(a, b identity.Person) int { return strings.Compare(a.Name+"\x00"+a.ID, b.Name+"\x00"+b.ID) })
	page.From = min(max(page.From, 0), len(users))
	from, to := page.From, min(page.From+rightsShown, len(users))
	if to < len(users) {
		page.Next = withQuery("/staff/tag-rights", "customer", c.ID, "from", strconv.Itoa(to))
	}
	if from > 0 {
		page.Previous = withQuery("/staff/tag-rights", "customer", c.ID, "from", strconv.Itoa(max(from-rightsShown, 0)))
	}
	for _, u := range users[from:to] {
		row := tagRightsRow{ID: u.ID, Name: u.Name, Email: u.Email, Role: "identity.role." + string(u.Role)}
		for _, g := range rights {
			if g.Person == u.ID {
				row.See, row.Block = g.See, g.Block
			}
		}
		page.Users = append(page.Users, row)
	}
	return nil
}

// postTagRights stores what changed for the users that the form showed. Whoever may block may see, too.
func (p *Portal) postTagRights(r *edge.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	ctx, v := r.Context(), r.Viewer()
	page := tagRightsPage{Customer: form.Values.Get("customer")}
	page.From, _ = strconv.Atoi(form.Values.Get("from"))
	if err := p.tagRights(r, &page); err != nil {
		return err
	}
	for _, u := range page.Users {
		if !slices.Contains(form.Values["person"], u.ID) {
			continue // came after the form was drawn
		}
		block := slices.Contains(form.Values["block"], u.ID)
		see := block || slices.Contains(form.Values["see"], u.ID)
		if see == u.See && block == u.Block {
			continue
		}
		if err := p.opt.Assets.GrantTags(ctx, v, u.ID, see, block); err != nil {
			return err
		}
		p.opt.Logger.InfoContext(ctx, "rights on tags changed", "request_id", r.ID(), "action", "grant tags", "person", v.User, "to", u.ID,
			"see", see, "block", block, "result", "ok")
	}
	return r.Redirect(withQuery("/staff/tag-rights", "customer", page.Customer, "from", form.Values.Get("from"), "done", "tag_rights"))
}
