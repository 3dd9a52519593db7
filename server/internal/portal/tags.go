package portal

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// tagsPage lists tags: to portal users the access tags of their customer, to staff all of their provider, labels too.
type tagsPage struct {
	Filter    tagFilter
	Filtered  bool // anything narrows the list
	Staff     bool
	May       asset.TagRight
	States    []stateChoice
	Unseen    []string // days
	Customers []choice // to choose among; staff only
	// Matches are the tags that the query fits as a number, above those whose holder it names.
	Matches     []tagRow
	MoreMatches bool
	Rows        []tagRow
	More        string
}

// stateChoice is a state to filter by, with the word that people know it by.
type stateChoice struct {
	State tagging.State
	Word  string
}

// tagFilter is what narrows the list, as it stands in the address.
type tagFilter struct {
	Query    string // number in any form, or words of a holder
	Kind     asset.TagKind
	State    tagging.State
	Customer string
	NotSeen  string // days
}

// choice is an entry of a selection.
type choice struct{ ID, Name string }

// tagStates are the states to filter by, of each kind of tag.
var tagStates = map[asset.TagKind][]tagging.State{
	asset.AccessTag: {tagging.Bound, tagging.Minted, tagging.Blocked, tagging.Damaged, tagging.Replaced, tagging.Retired},
	asset.Label:     {tagging.Minted, tagging.Printed, tagging.Bound, tagging.Damaged, tagging.Blocked, tagging.Replaced, tagging.Retired},
}

// unseenChoices are the days without a sighting that the list offers to filter by.
var unseenChoices = []string{"30", "90", "180", "365"}

// maxNotSeen is the longest time in days that the list of tags not seen asks for.
const maxNotSeen = 3650

func (p *Portal) readTagFilter(r *edge.Request) tagFilter {
	f := tagFilter{Query: strings.TrimSpace(r.Query("q")), Kind: asset.TagKind(r.Query("kind")), State: tagging.State(r.Query("state")),
		Customer: r.Query("customer"), NotSeen: strings.TrimSpace(r.Query("not_seen_days"))}
	if f.Kind != asset.Label || r.Viewer().Kind != identity.Staff {
		f.Kind = asset.AccessTag
	}
	if !slices.Contains(tagStates[f.Kind], f.State) {
		f.State = ""
	}
	if days, err := strconv.Atoi(f.NotSeen); err != nil || days < 1 || days > maxNotSeen || f.Kind == asset.Label {
		f.NotSeen = ""
	}
	if r.Viewer().Kind != identity.Staff {
		f.Customer = ""
	}
	return f
}

// path is where the list with this filter is.
func (f tagFilter) path(more ...string) string {
	kind := ""
	if f.Kind == asset.Label {
		kind = string(f.Kind)
	}
	return withQuery("/tags", append([]string{"q", f.Query, "kind", kind, "state", string(f.State), "customer", f.Customer, "not_seen_days", f.NotSeen}, more...)...)
}

// mayTags is what the viewer may do with access tags, or an error for one who may nothing.
func (p *Portal) mayTags(r *edge.Request) (asset.TagRight, error) {
	may, err := p.opt.Assets.MayTags(r.Context(), r.Viewer())
	if err == nil && may == 0 {
		err = asset.ErrNotAllowed
	}
	return may, err
}

func (p *Portal) getTags(r *edge.Request) error {
	ctx, v := r.Context(), r.Viewer()
	may, err := p.mayTags(r)
	if err != nil {
		return err
	}
	f := p.readTagFilter(r)
	page := tagsPage{Filter: f, Staff: v.Kind == identity.Staff, May: may, Unseen: slices.Clone(unseenChoices)}
	for _, state := range tagStates[f.Kind] {
		page.States = append(page.States, stateChoice{state, tagState(&asset.Tag{Kind: f.Kind, State: state})})
	}
	if f.NotSeen != "" && !slices.Contains(page.Unseen, f.NotSeen) {
		page.Unseen = append(page.Unseen, f.NotSeen)
	}
	page.Filtered = f.Query != "" || f.State != "" || f.Customer != "" || f.NotSeen != ""
	if page.Staff && f.Kind == asset.AccessTag {
		if page.Customers, err = p.customers(r); err != nil {
			return err
		}
	}
	list := []string{"tags", string(f.Kind), f.Query, string(f.State), f.Customer, f.NotSeen}
	after, err := p.place(r, list...)
	if err != nil {
		return err
	}
	n := p.names(r)
	if f.Kind == asset.AccessTag && after == "" && strings.ContainsFunc(f.Query, unicode.IsDigit) {
		m, err := p.opt.Assets.MatchNumber(ctx, v, f.Query, "")
		if err != nil {
			return err
		}
		page.MoreMatches = m.More
		if page.Matches, err = n.tags(m.Tags); err != nil {
			return err
		}
	}
	days, _ := strconv.Atoi(f.NotSeen) // "" is 0
	found, next, err := p.opt.Assets.FindTags(ctx, v, asset.TagFilter{Kind: f.Kind, State: f.State, Customer: f.Customer, Holder: f.Query, NotSeenDays: days}, after, pageRows)
	if err != nil {
		return err
	}
	if page.Rows, err = n.tags(found); err != nil {
		return err
	}
	if next != "" {
		page.More = f.path("after", p.placeAfter(r, next, list...))
	}
	return p.views.tags.render(r, http.StatusOK, page)
}

// getStaffTags leads to the list of labels, which stood there before access tags did.
func (p *Portal) getStaffTags(r *edge.Request) error {
	return r.Redirect(tagFilter{Kind: asset.Label}.path())
}

// customersChosen is how many customers a selection offers.
const customersChosen = 200

// customers are those whom the viewer's provider serves, for selections.
func (p *Portal) customers(r *edge.Request) ([]choice, error) {
	list, _, err := p.opt.People.Customers(r.Context(), r.Viewer(), identity.Page{Limit: customersChosen})
	if err != nil {
		return nil, err
	}
	var out []choice
	for _, c := range list {
		out = append(out, choice{c.ID, c.Name + " (" + c.Number + ")"})
	}
	return out, nil
}

// tagRow is a tag in a list: its number as people know it, who has it, and how it stands.
type tagRow struct {
	Code    string // our own, as it is in paths
	Number  string // as people know it; our own code as it is printed for one without
	State   string // see tagState
	Kind    asset.TagKind
	Foreign bool // a label that we did not print
	// Holder is the tenant, else the company, else the unit; Where is the rest.
	Holder, Where string
	Customer      string // name, for staff
	Component     string
	Expires       dueDate
	Seen, Updated store.Time
	Request       string // number of the one that documents the last block
	MayBlock      bool   // it can be blocked, and by this viewer
	MayAllow      bool   // it is blocked, and this viewer may ask to let it pass again
}

// Path is where the tag has its page: a label that is not bound yet is bound there.
func (t tagRow) Path() string {
	if t.Kind == asset.Label && (t.State == string(tagging.Minted) || t.State == string(tagging.Printed)) {
		return "/t/" + t.Code
	}
	return "/tags/" + t.Code
}

// WasSeen reports whether the tag was seen at all.
func (t tagRow) WasSeen() bool { return !t.Seen.IsZero() }

// tag is the row of a tag that the viewer may see.
func (n *names) tag(t asset.TagView) (tagRow, error) {
	row := tagRow{Code: t.ID, Number: t.Number, State: tagState(t.Tag), Kind: t.Kind, Foreign: t.Foreign, Seen: t.Seen, Updated: t.Updated, Request: t.Request}
	if row.Number == "" {
		row.Number = groupCode(t.ID)
	}
	if t.Holder != nil {
		row.Holder, row.Where = holderLines(*t.Holder)
	}
	if t.Kind == asset.AccessTag {
		if t.Expires.Before(store.Never.Time) {
			row.Expires = n.p.due(lastDay(t.Tag, n.p.opt.Zone))
		}
		if t.May.Has(asset.BlockTags) {
			_, err := tagging.Next(t.State, tagging.Block)
			row.MayBlock, row.MayAllow = err == nil, t.State == tagging.Blocked
		}
	}
	var err error
	if n.viewer.Kind == identity.Staff && t.Customer != "" {
		if row.Customer, err = n.customer(t.Customer); err != nil {
			return row, err
		}
	}
	row.Component, err = n.component(t.Component)
	return row, err
}

func (n *names) tags(list []asset.TagView) ([]tagRow, error) {
	var rows []tagRow
	for _, t := range list {
		row, err := n.tag(t)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// tagsByID are the rows of tags, without those that the viewer may not see.
func (n *names) tagsByID(ids []string) ([]tagRow, error) {
	var rows []tagRow
	for _, id := range ids {
		t, err := n.p.opt.Assets.Tag(n.ctx, n.viewer, id)
		if errors.Is(err, asset.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		row, err := n.tag(t)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// tagState is the word for how a tag stands. An access tag is "issued" or in the "drawer" instead of bound or minted.
func tagState(t *asset.Tag) string {
	switch {
	case t.Kind == asset.AccessTag && t.State == tagging.Bound:
		return "issued"
	case t.Kind == asset.AccessTag && (t.State == tagging.Minted || t.State == tagging.Printed):
		return "drawer"
	}
	return string(t.State)
}

// holderLines are the holder in two lines: who, and where.
func holderLines(h asset.Holder) (who, where string) {
	var parts []string
	for _, s := range []string{h.Tenant, h.Company, h.Unit} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return "", ""
	}
	return parts[0], strings.Join(parts[1:], " · ")
}
