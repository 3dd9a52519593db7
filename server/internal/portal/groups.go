package portal

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
)

// maxGroup is the most tags of a holder or unit that are looked through one by one; it is also how many tags a search for holders
// looks at.
const maxGroup = 200

// tagGroup is what a holder or unit is known by.
type tagGroup struct {
	By       string // "unit", "company" or "tenant"
	Name     string
	Customer string
	Tags     int
	People   string // who has them
}

func (g tagGroup) named() bool {
	return g.Name != "" && slices.Contains([]string{"unit", "company", "tenant"}, g.By)
}

// of is the text by which a holder belongs to a group of this sort.
func (g tagGroup) of(h asset.Holder) string {
	switch g.By {
	case "unit":
		return h.Unit
	case "company":
		return h.Company
	}
	return h.Tenant
}

// Path leads to the group; names of people stand in it only if they are the group.
func (g tagGroup) Path() string {
	return withQuery("/tags/find", "customer", g.Customer, "by", g.By, "name", g.Name)
}

// chooseGroup shows the holders and units that a search finds.
func (p *Portal) chooseGroup(r *edge.Request, page eliminationPage) error {
	v := r.Viewer()
	if v.Kind == identity.Staff {
		var err error
		if page.Customers, err = p.customers(r); err != nil {
			return err
		}
	} else {
		page.Customer = ""
	}
	if v.Kind == identity.Staff && page.Customer == "" {
		return p.views.elimination.render(r, http.StatusOK, page)
	}
	page.Searched = true
	list, more, err := p.tagsOf(r, page.Customer, page.Query)
	if err != nil {
		return err
	}
	page.Groups, page.MoreTags = groupsOf(list, page.Query, page.Customer), more
	return p.views.elimination.render(r, http.StatusOK, page)
}

// groupsOf lists the units, companies and tenants of tags that are in use: those whose own name contains the query, and the most
// local one of a tag whose holder does so only as a whole.
func groupsOf(list []asset.TagView, query, customer string) []tagGroup {
	words := strings.Fields(strings.ToLower(query))
	var groups []tagGroup
	note := func(by, name string, h asset.Holder) {
		at := slices.IndexFunc(groups, func(g tagGroup) bool { return g.By == by && g.Name == name })
		if at < 0 {
			at, groups = len(groups), append(groups, tagGroup{By: by, Name: name, Customer: customer})
		}
		g := &groups[at]
		g.Tags++
		if who, _ := holderLines(h); who != name && !strings.Contains(g.People, who) {
			g.People = strings.TrimPrefix(g.People+", "+who, ", ")
		}
	}
	for _, t := range list {
		if !t.Live() || t.Holder == nil {
			continue
		}
		h, noted := *t.Holder, false
		for _, by := range []string{"unit", "company", "tenant"} {
			name := tagGroup{By: by}.of(h)
			if name == "" || noted && len(words) == 0 || !containsAll(strings.ToLower(name), words) {
				continue
			}
			note(by, name, h)
			noted = true
		}
		for _, by := range []string{"unit", "company", "tenant"} {
			if name := (tagGroup{By: by}).of(h); name != "" && !noted {
				note(by, name, h)
				noted = true
			}
		}
	}
	slices.SortStableFunc(groups, func(a, b tagGroup) int { return strings.Compare(a.Name, b.Name) })
	return groups
}

// groupTags are the tags in use of a group, at most maxGroup; more says that there are others.
func (p *Portal) groupTags(r *edge.Request, g tagGroup) (tags []asset.TagView, more bool, err error) {
	if r.Viewer().Kind != identity.Staff {
		g.Customer = ""
	}
	list, more, err := p.tagsOf(r, g.Customer, g.Name)
	if err != nil {
		return nil, false, err
	}
	for _, t := range list {
		if t.Live() && t.Holder != nil && g.of(*t.Holder) == g.Name {
			tags = append(tags, t)
		}
	}
	slices.SortStableFunc(tags, func(a, b asset.TagView) int {
		wa, xa := holderLines(*a.Holder)
		wb, xb := holderLines(*b.Holder)
		return strings.Compare(wa+"\x00"+xa+"\x00"+a.Number, wb+"\x00"+xb+"\x00"+b.Number)
	})
	return tags, more, nil
}

// tagsOf are the first maxGroup access tags of a customer whose holder has the words; more says that there are others.
func (p *Portal) tagsOf(r *edge.Request, customer, words string) (list []asset.TagView, more bool, err error) {
	after := ""
	for range groupPages {
		part, next, err := p.opt.Assets.FindTags(r.Context(), r.Viewer(),
			asset.TagFilter{Kind: asset.AccessTag, Customer: customer, Holder: words}, after, maxGroup-len(list))
		if err != nil {
			return nil, false, err
		}
		list, after = append(list, part...), next
		if after == "" || len(list) == maxGroup {
			return list, after != "", nil
		}
	}
	return list, true, nil
}

// groupPages is how often a search goes on after a page that the filter left short.
const groupPages = 5
