package asset_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// The model is what the test knows to be true. It shares no code with the policy: rights are words, due dates are counted in
// months by hand, and who sees what is written down as in requirements.md.
type (
	modelWorld struct {
		providers, people []string
		assets            []*modelAsset
		blank             []modelLabel
	}
	modelAsset struct {
		stored       asset.Asset
		due          asset.Day
		parts        []modelPart
		appointments []asset.Appointment
		grants       map[string]map[string][]string // person -> provider -> words
	}
	modelPart struct {
		stored asset.Component
		due    asset.Day
		label  modelLabel
	}
	modelLabel struct {
		code     tagging.Code
		provider string
		state    tagging.State
	}
)

var words = []string{"appointments", "components", "due_dates", "faults"}

// rights is the oracle: the words that the viewer holds on the asset.
func (a *modelAsset) rights(v identity.Viewer) []string {
	var held []string
	switch {
	case v.MustEnrol, v.Kind == identity.Stranger:
	case v.Kind == identity.Staff:
		if v.Provider == a.stored.Provider {
			held = words
		}
	default:
		for _, w := range words {
			for _, given := range a.grants[v.User] {
				if slices.Contains(given, w) {
					held = append(held, w)
					break
				}
			}
		}
	}
	return held
}

// upkeep draws a rhythm and the due date that follows from it; days end at the 28th, month ends have a test of their own.
func upkeep(t *rapid.T) (asset.Upkeep, asset.Day) {
	month, day, n := rapid.IntRange(1, 12).Draw(t, "month"), rapid.IntRange(1, 28).Draw(t, "day"), rapid.IntRange(0, 30).Draw(t, "interval")
	u := asset.Upkeep{IntervalMonths: n, LastDone: asset.Day(fmt.Sprintf("2027-%02d-%02d", month, day))}
	if rapid.IntRange(0, 4).Draw(t, "never done") == 0 {
		u.LastDone = ""
	}
	if n == 0 || u.LastDone == "" {
		return u, ""
	}
	return u, asset.Day(fmt.Sprintf("%04d-%02d-%02d", 2027+(month-1+n)/12, (month-1+n)%12+1, day))
}

// build draws a world and puts it into the store. prefix keeps the worlds of one engine apart.
func (w *world) build(t *rapid.T, prefix string) *modelWorld {
	ctx := w.t.Context()
	m := &modelWorld{}
	for i := range rapid.IntRange(2, 3).Draw(t, "providers") {
		m.providers = append(m.providers, fmt.Sprintf("%s-provider%d", prefix, i))
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "people") {
		m.people = append(m.people, fmt.Sprintf("%s-person%d", prefix, i))
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "assets") {
		provider := rapid.SampledFrom(m.providers).Draw(t, "provider")
		a := &modelAsset{grants: map[string]map[string][]string{}}
		u, due := upkeep(t)
		a.due = due
		stored := asset.Asset{Customer: "hafen", Number: fmt.Sprint(i), Name: "Anlage", Upkeep: u}
		if rapid.Bool().Draw(t, "has object") {
			o, err := w.PutObject(ctx, staffOf(provider), asset.Object{Customer: "hafen", Name: "Speicher"})
			stored.Object = must(t, o, err).ID
		}
		stored, err := w.PutAsset(ctx, staffOf(provider), stored)
		a.stored = must(t, stored, err)
		w.furnish(t, a)
		m.assets = append(m.assets, a)
	}
	for _, provider := range m.providers {
		made, err := w.Mint(ctx, staffOf(provider), 1)
		l := modelLabel{code: must(t, made, err)[0].Code, provider: provider,
			state: rapid.SampledFrom([]tagging.State{tagging.Minted, tagging.Printed, tagging.Retired}).Draw(t, "blank state")}
		w.setState(l.code, l.state)
		m.blank = append(m.blank, l)
	}
	return m
}

// furnish adds components with labels in all states, and appointments around today, to an asset.
func (w *world) furnish(t *rapid.T, a *modelAsset) {
	ctx := w.t.Context()
	staff := staffOf(a.stored.Provider)
	for i := range rapid.IntRange(0, 3).Draw(t, "components") {
		u, due := upkeep(t)
		made, err := w.PutComponents(ctx, staff, a.stored.ID, []asset.Component{{Name: fmt.Sprint("Klappe ", i), Serial: "S-1", Upkeep: u}})
		part := modelPart{stored: must(t, made, err)[0], due: due, label: modelLabel{provider: a.stored.Provider}}
		part.label.code = w.label(part.stored)
		part.label.state = rapid.SampledFrom([]tagging.State{tagging.Bound, tagging.Bound, tagging.Bound, tagging.Blocked, tagging.Damaged, tagging.Replaced, tagging.Retired}).Draw(t, "state")
		w.setState(part.label.code, part.label.state)
		a.parts = append(a.parts, part)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "appointments") {
		p := asset.Appointment{Asset: a.stored.ID, Subject: fmt.Sprint("Besuch ", i),
			Status: rapid.SampledFrom([]asset.AppointmentStatus{"", "asked_for", asset.AppointmentDraft, asset.AppointmentPlanned, asset.AppointmentConfirmed, asset.AppointmentDone}).Draw(t, "status"),
			Start:  store.At(today.Add(time.Duration(rapid.IntRange(-30, 30).Draw(t, "hours"))*time.Hour + time.Duration(i)*time.Minute))}
		for r := range rapid.IntRange(0, 2).Draw(t, "reports") {
			p.Reports = append(p.Reports, asset.Report{ID: fmt.Sprint(r), Title: "Bericht", Published: rapid.Bool().Draw(t, "published")})
		}
		p, err := w.PutAppointment(ctx, staff, p)
		a.appointments = append(a.appointments, must(t, p, err))
	}
}

// step changes one grant: by the asset's provider through the service, by another one as an earlier owner left it in the store.
func (w *world) step(t *rapid.T, m *modelWorld) {
	ctx := w.t.Context()
	a := rapid.SampledFrom(m.assets).Draw(t, "asset")
	person, provider := rapid.SampledFrom(m.people).Draw(t, "person"), rapid.SampledFrom(m.providers).Draw(t, "by")
	given := rapid.SliceOfDistinct(rapid.SampledFrom(words), rapid.ID[string]).Draw(t, "words")
	var set asset.Permission
	for _, word := range given {
		set |= asset.ParsePermission(word)
	}
	if provider != a.stored.Provider {
		if err := w.Grant(ctx, staffOf(provider), person, a.stored.ID, set); !errors.Is(err, asset.ErrNotFound) {
			t.Fatalf("F-10 a grant on another provider's asset: %v", err)
		}
		if a.grants[person] == nil {
			return
		}
		g, err := w.grants.Update(ctx, person+"~"+a.stored.ID, func(g *asset.Grant) error {
			g.By = slices.DeleteFunc(g.By, func(by asset.Granted) bool { return by.Provider == provider })
			g.By = append(g.By, asset.Granted{Provider: provider, Permissions: set})
			return nil
		})
		must(t, g, err)
	} else if err := w.Grant(ctx, staffOf(provider), person, a.stored.ID, set); err != nil {
		t.Fatal(err)
	}
	if a.grants[person] == nil {
		if len(given) == 0 {
			return
		}
		a.grants[person] = map[string][]string{}
	}
	a.grants[person][provider] = given
}

// viewers are all who may ask, and some who pretend.
func (m *modelWorld) viewers() []identity.Viewer {
	list := []identity.Viewer{{}, {User: m.people[0]}, customerUser("somebody-else")}
	for _, p := range m.people {
		list = append(list, customerUser(p))
	}
	for _, p := range m.providers {
		waiting, impostor := staffOf(p), staffOf(p)
		waiting.MustEnrol = true
		impostor.Provider, impostor.User = "elsewhere", m.people[0]
		list = append(list, staffOf(p), waiting, impostor)
	}
	return list
}

// TestPolicy builds random worlds, changes grants in random order, and compares every reader with the oracle for every viewer.
func TestPolicy(t *testing.T) {
	w := newWorld(t)
	worlds := 0
	t.Run("X-3 F-2 F-9 SEC-19 SEC-20 every reader agrees with the oracle", rapid.MakeCheck(func(rt *rapid.T) {
		worlds++
		m := w.build(rt, fmt.Sprint("world", worlds))
		for range rapid.IntRange(1, 3).Draw(rt, "rounds") {
			for range rapid.IntRange(1, 6).Draw(rt, "steps") {
				w.step(rt, m)
			}
			for _, v := range m.viewers() {
				c := checker{w, rt, v}
				c.lists(m)
				for _, a := range m.assets {
					c.scans(a)
					c.components(a)
					c.dueDates(a)
					c.appointments(a)
				}
				for _, l := range m.blank {
					got, err := w.ByCode(w.t.Context(), v, l.code)
					staff := v.Kind == identity.Staff && v.Provider == l.provider && !v.MustEnrol
					if staff && (err != nil || got.Component != nil || got.Tag.State != l.state) || !staff && !errors.Is(err, asset.ErrNotFound) {
						rt.Fatalf("X-2 blank label for %+v: %+v, %v", v, got, err)
					}
				}
			}
		}
	}))
}

// checker compares the answers to one viewer with the model.
type checker struct {
	*world
	rt *rapid.T
	v  identity.Viewer
}

// refusal is the error that the viewer gets for want of a right, or nil if the right is held (SEC-16).
func (c checker) refusal(a *modelAsset, want string) error {
	switch held := a.rights(c.v); {
	case len(held) == 0:
		return asset.ErrNotFound
	case !slices.Contains(held, want):
		return asset.ErrNotAllowed
	}
	return nil
}

// refused checks an error against the one expected, and reports whether the answer ends there.
func (c checker) refused(what string, err, want error) bool {
	if !errors.Is(err, want) {
		c.rt.Fatalf("%s for %+v: %v, want %v", what, c.v, err, want)
	}
	return want != nil
}

func (c checker) same(what string, got, want any) {
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		c.rt.Fatalf("%s for %+v:\n got %s\nwant %s", what, c.v, g, w)
	}
}

// lists checks F-14 to F-17: the rows, their fields, and the filter of F-16.
func (c checker) lists(m *modelWorld) {
	for _, filter := range append([]string{""}, m.providers...) {
		var got []string
		for after, pages := "", 0; ; pages++ {
			rows, next, err := c.Assets(c.t.Context(), c.v, filter, after, 2)
			if c.v.Kind == identity.Stranger || c.v.MustEnrol {
				c.refused("F-14 list", err, asset.ErrNotAllowed)
				return
			}
			c.refused("F-14 list", err, nil)
			for _, row := range rows {
				got = append(got, describe(row))
			}
			if after = next; next == "" {
				break
			}
			if pages > 10 {
				c.rt.Fatal("the list does not end")
			}
		}
		var want []string
		for _, a := range m.assets {
			if len(a.rights(c.v)) > 0 && (filter == "" || filter == a.stored.Provider) {
				want = append(want, c.overview(a))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		c.same("F-14 F-16 F-17 list", got, want)
	}
}

func describe(o asset.Overview) string {
	object, next := "", ""
	if o.Object != nil {
		object = o.Object.ID
	}
	if o.Next != nil {
		next = o.Next.Subject
	}
	return fmt.Sprint(o.Asset.ID, " object=", object, " may=", o.May.Names(), " staff=", o.Staff, " components=", o.Components, " due=", o.Due, " next=", next)
}

// overview is the row that the viewer must see of an asset.
func (c checker) overview(a *modelAsset) string {
	held := a.rights(c.v)
	components, due, next := -1, asset.Day(""), ""
	if slices.Contains(held, "components") {
		components = len(a.parts)
	}
	if slices.Contains(held, "due_dates") {
		due = a.due
		for _, p := range a.parts {
			if p.due != "" && (due == "" || p.due < due) {
				due = p.due
			}
		}
	}
	if slices.Contains(held, "appointments") {
		midnight := today.Add(-12 * time.Hour)
		var first time.Time
		for _, p := range c.visits(a) {
			if !p.Start.Before(midnight) && p.Status != asset.AppointmentDone && (first.IsZero() || p.Start.Before(first)) {
				first, next = p.Start.Time, p.Subject
			}
		}
	}
	return fmt.Sprint(a.stored.ID, " object=", a.stored.Object, " may=", held, " staff=", c.v.Kind == identity.Staff, " components=", components, " due=", due, " next=", next)
}

// visits are the appointments that a viewer with the right sees (F-19, F-20).
func (c checker) visits(a *modelAsset) []asset.Appointment {
	var list []asset.Appointment
	for _, p := range a.appointments {
		if c.v.Kind != identity.Staff {
			if !slices.Contains([]asset.AppointmentStatus{"planned", "confirmed", "carried_out"}, p.Status) {
				continue
			}
			all := p.Reports
			p.Reports = nil
			for _, r := range all {
				if r.Published {
					p.Reports = append(p.Reports, r)
				}
			}
		}
		list = append(list, p)
	}
	return list
}

func (c checker) appointments(a *modelAsset) {
	got, next, err := c.Appointments(c.t.Context(), c.v, a.stored.ID, "", 50)
	if c.refused("F-18 appointments", err, c.refusal(a, "appointments")) {
		return
	}
	want := c.visits(a)
	slices.SortFunc(want, func(x, y asset.Appointment) int { return y.Start.Compare(x.Start.Time) })
	if next != "" {
		c.rt.Fatal("one page has a next one")
	}
	c.same("F-19 F-20 appointments", got, want)
}

func (c checker) components(a *modelAsset) {
	got, _, err := c.Components(c.t.Context(), c.v, a.stored.ID, "", 50)
	if !c.refused("F-24 components", err, c.refusal(a, "components")) {
		want := []asset.Component{}
		for _, p := range a.parts {
			want = append(want, c.part(a, p))
		}
		for i := range got {
			got[i].Label = ""
		}
		c.same("F-24 F-26 components", got, want)
	}
	for _, p := range a.parts {
		got, access, err := c.Component(c.t.Context(), c.v, p.stored.ID)
		var want error
		if len(a.rights(c.v)) == 0 {
			want = asset.ErrNotFound
		}
		if c.refused("F-24 component", err, want) {
			continue
		}
		got.Label = ""
		c.same("F-24 F-26 component", got, c.part(a, p))
		c.same("rights", access.May.Names(), a.rights(c.v))
	}
}

// part is a component as the viewer may see it, if something of its asset (F-24, F-26, F-27).
func (c checker) part(a *modelAsset, p modelPart) asset.Component {
	held := a.rights(c.v)
	seen := asset.Component{ID: p.stored.ID, Asset: p.stored.Asset, Provider: p.stored.Provider}
	if slices.Contains(held, "components") {
		seen.Position, seen.Name, seen.Serial = p.stored.Position, p.stored.Name, p.stored.Serial
	}
	if slices.Contains(held, "due_dates") {
		seen.IntervalMonths, seen.LastDone = p.stored.IntervalMonths, p.stored.LastDone
	}
	return seen
}

func (c checker) dueDates(a *modelAsset) {
	got, _, err := c.DueDates(c.t.Context(), c.v, a.stored.ID, "", 50)
	if c.refused("F-27 due dates", err, c.refusal(a, "due_dates")) {
		return
	}
	named := slices.Contains(a.rights(c.v), "components")
	var want, flat []string
	if a.due != "" {
		want = append(want, "asset "+string(a.due))
	}
	for _, p := range a.parts {
		if name := p.stored.Name; p.due != "" {
			if !named {
				name = ""
			}
			want = append(want, name+" "+string(p.due))
		}
	}
	for _, d := range got {
		name := ""
		if d.OfAsset {
			name = "asset"
		} else if d.Component != nil {
			name = d.Component.Name
		}
		flat = append(flat, name+" "+string(d.Due))
	}
	c.same("F-24 F-27 due dates", flat, want)
}

// scans checks the labels of an asset: staff see each with its state, portal users the living ones of what they may see (SEC-1).
func (c checker) scans(a *modelAsset) {
	held := a.rights(c.v)
	for _, p := range a.parts {
		got, err := c.ByCode(c.t.Context(), c.v, p.label.code)
		var want error
		living := p.label.state == tagging.Bound || p.label.state == tagging.Damaged
		if len(held) == 0 || c.v.Kind != identity.Staff && !living {
			want = asset.ErrNotFound
		}
		if c.refused("X-2 SEC-1 label "+string(p.label.state), err, want) {
			if got != (asset.Tagged{}) {
				c.rt.Fatalf("a refusal carries %+v", got)
			}
			continue
		}
		if got.Tag.State != p.label.state || got.Component.ID != p.stored.ID || got.Access.Asset.ID != a.stored.ID {
			c.rt.Fatalf("label leads to %+v", got)
		}
		c.same("X-3 scan", got.Access.May.Names(), held)
		seen := got.Component.As(got.Access)
		seen.Label = ""
		c.same("F-26 scan", seen, c.part(a, p))
	}
}
