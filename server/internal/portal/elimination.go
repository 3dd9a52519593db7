package portal

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/tagging"
)

// eliminationPage finds a lost tag by scanning those that are still there. First a holder or unit is chosen; then its tags are
// ticked off as they are read, until the missing one is left. What was ticked stands in the form, so that nothing is stored.
type eliminationPage struct {
	// To choose among; Customers is for staff, who choose one first.
	Query     string
	Customers []choice
	Customer  string
	Groups    []tagGroup
	Searched  bool
	MoreTags  bool // the search looked at maxGroup tags and there are more

	Group      *tagGroup // the chosen one
	Ticks      string    // as the form carries them
	Ticked     []tickedTag
	Missing    []tagRow
	Said       said
	Ask        *askedTag
	Key        string
	PhotoError string // message key
}

// tickedTag is a tag that is still there, with what was read.
type tickedTag struct {
	tagRow
	Read string
}

// said is what became of the last reading.
type said struct {
	Key     string // message key; "" for nothing
	Good    bool
	Read    string
	Number  string // of the tag that it names
	Holder  string
	Code    string   // of a tag that has a page, "" for none
	Remarks []string // message keys
}

// askedTag is a reading that fits more than one tag, or too little to be sure.
type askedTag struct {
	Read, Hint string
	Tags       []tagRow
}

func (p *Portal) getElimination(r *edge.Request) error {
	if _, err := p.mayTags(r); err != nil {
		return err
	}
	page := eliminationPage{Query: strings.TrimSpace(r.Query("q")), Customer: r.Query("customer")}
	group := tagGroup{By: r.Query("by"), Name: strings.TrimSpace(r.Query("name")), Customer: page.Customer}
	if group.named() {
		return p.showGroup(r, group, page)
	}
	return p.chooseGroup(r, page)
}

// showGroup renders a group with what was ticked so far.
func (p *Portal) showGroup(r *edge.Request, g tagGroup, page eliminationPage) error {
	tags, more, err := p.groupTags(r, g)
	if err != nil {
		return err
	}
	return p.renderGroup(r, g, tags, more, readTicks(page.Ticks), page)
}

func (p *Portal) renderGroup(r *edge.Request, g tagGroup, tags []asset.TagView, more bool, done ticks, page eliminationPage) error {
	rows, err := p.names(r).tags(tags)
	if err != nil {
		return err
	}
	var kept ticks
	for _, t := range done {
		if i := slices.IndexFunc(rows, func(row tagRow) bool { return row.Code == t.code }); i >= 0 && !kept.has(t.code) {
			page.Ticked = append(page.Ticked, tickedTag{rows[i], t.read})
			kept = append(kept, t)
		}
	}
	for _, row := range rows {
		if !kept.has(row.Code) {
			page.Missing = append(page.Missing, row)
		}
	}
	slices.Reverse(page.Ticked) // the last one read on top
	g.Tags = len(rows)
	page.Group, page.Ticks, page.MoreTags, page.Customer = &g, kept.String(), more, g.Customer
	if page.Key, err = p.formKey(); err != nil {
		return err
	}
	return p.views.elimination.render(r, http.StatusOK, page)
}

// postElimination takes a reading, a confirmation, or takes a tick back.
func (p *Portal) postElimination(r *edge.Request) error {
	if _, err := p.mayTags(r); err != nil {
		return err
	}
	return p.eliminate(r, strings.TrimSpace(r.FormValue("number")))
}

// postEliminationPhoto reads the number off a photo of a tag's card.
func (p *Portal) postEliminationPhoto(r *edge.Request) error {
	if _, err := p.mayTags(r); err != nil {
		return err
	}
	number, refused, err := p.numberInPhoto(r)
	if err != nil {
		return err
	}
	if refused != "" {
		return p.showGroup(r, groupSent(r), eliminationPage{Ticks: r.FormValue("ticks"), PhotoError: refused})
	}
	return p.eliminate(r, number)
}

func groupSent(r *edge.Request) tagGroup {
	return tagGroup{By: r.FormValue("by"), Name: strings.TrimSpace(r.FormValue("name")), Customer: r.FormValue("customer")}
}

func (p *Portal) eliminate(r *edge.Request, number string) error {
	g := groupSent(r)
	if !g.named() {
		return r.Redirect("/tags/find")
	}
	tags, more, err := p.groupTags(r, g)
	if err != nil {
		return err
	}
	done, page := readTicks(r.FormValue("ticks")), eliminationPage{}
	if back := r.FormValue("untick"); back != "" {
		done = slices.DeleteFunc(done, func(t tick) bool { return t.code == back })
		return p.renderGroup(r, g, tags, more, done, page)
	}
	if number == "" {
		page.Said = said{Key: "portal.tag.number_missing"}
		return p.renderGroup(r, g, tags, more, done, page)
	}
	found, err := p.readInGroup(r, tags, number, r.FormValue("hint"), r.FormValue("confirm"))
	if err != nil {
		return err
	}
	page.Said, page.Ask = found.said, found.ask
	switch {
	case found.code == "":
	case done.has(found.code):
		page.Said.Key = "portal.find.twice"
	default:
		done = append(done, tick{found.code, clip(number)})
	}
	return p.renderGroup(r, g, tags, more, done, page)
}

// groupReading is what a reading means within a group.
type groupReading struct {
	code string // of the tag to tick, "" for none
	said said
	ask  *askedTag
}

// readInGroup finds the tag of a group that was read. One is ticked only if nothing else on record fits and enough of the number is
// known; else the reader is asked, and answers with the id of the tag in confirmed.
func (p *Portal) readInGroup(r *edge.Request, group []asset.TagView, number, hint, confirmed string) (groupReading, error) {
	m, err := p.opt.Assets.MatchNumber(r.Context(), r.Viewer(), number, hint)
	if err != nil {
		return groupReading{}, err
	}
	n := p.names(r)
	fit := fitting(group, m)
	for _, t := range fit {
		if t.ID == confirmed || len(fit) == 1 && m.Decision == tagging.DecideOne {
			row, err := n.tag(t)
			return groupReading{code: t.ID, said: said{Key: "portal.find.there", Good: true, Read: number, Number: row.Number, Holder: row.Holder}}, err
		}
	}
	if len(fit) > 0 {
		rows, err := n.tags(fit)
		return groupReading{ask: &askedTag{Read: number, Hint: hint, Tags: rows}}, err
	}
	s := said{Key: "portal.find.unknown", Read: number, Remarks: remarks(m.Reading)}
	if len(m.Tags) > 0 {
		row, err := n.tag(m.Tags[0])
		if err != nil {
			return groupReading{}, err
		}
		s.Number, s.Holder = row.Number, row.Holder
		switch {
		case len(m.Tags) > 1:
			s.Key = "portal.find.others"
		case m.Tags[0].State == tagging.Blocked:
			s.Key, s.Code = "portal.find.blocked", row.Code
		case !m.Tags[0].Live():
			s.Key, s.Code = "portal.find.unused", row.Code
		default:
			s.Key, s.Code = "portal.find.other", row.Code
		}
	}
	return groupReading{said: s}, nil
}

// fitting are the tags of a group among those that a number fits.
func fitting(group []asset.TagView, m asset.NumberMatch) []asset.TagView {
	var known []tagging.KnownTag
	for _, t := range group {
		known = append(known, tagging.KnownTag{ID: t.ID, Readings: t.Readings})
	}
	ids := tagging.Match(m.Reading, known).IDs
	for _, t := range m.Tags { // one that was found by the code on its card has no reading that fits
		ids = append(ids, t.ID)
	}
	var out []asset.TagView
	for _, t := range group {
		if slices.Contains(ids, t.ID) {
			out = append(out, t)
		}
	}
	return out
}

// tick is a tag that was seen, with what was read of it.
type tick struct{ code, read string }

// ticks are in the order of reading.
type ticks []tick

func (l ticks) has(code string) bool {
	return slices.ContainsFunc(l, func(t tick) bool { return t.code == code })
}

// String is the form field: one field for all, because forms with a photo have few.
func (l ticks) String() string {
	var parts []string
	for _, t := range l {
		parts = append(parts, t.code+"="+url.QueryEscape(t.read))
	}
	return strings.Join(parts, " ")
}

// readTicks reads the form field; what is not ours in it is dropped, and so is what goes beyond a group.
func readTicks(field string) ticks {
	var l ticks
	for _, part := range strings.Fields(field) {
		code, read, _ := strings.Cut(part, "=")
		read, err := url.QueryUnescape(read)
		if _, bad := tagging.ParseCode(code); err != nil || bad != nil || len(l) >= maxGroup {
			continue
		}
		l = append(l, tick{code, clip(read)})
	}
	return l
}

// maxRead is how many characters of a reading are shown again: 200 of them fit into a form (SEC-48).
const maxRead = 40

func clip(read string) string {
	if r := []rune(read); len(r) > maxRead {
		return string(r[:maxRead]) + "…"
	}
	return read
}
