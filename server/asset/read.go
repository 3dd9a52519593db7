package asset

import (
	"context"
	"errors"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// Overview is one row of a list of assets. Fields beyond the asset are filled only as the viewer's permissions allow (F-17).
type Overview struct {
	Access
	Object     *Object
	Components int          // with SeeComponents, else -1
	Due        Day          // with SeeDueDates: the earliest of asset and components
	Next       *Appointment // with SeeAppointments
}

// Assets lists what the viewer may see something of: for staff the assets of their provider, for portal users those granted
// over all providers (F-9, F-14). provider narrows the list to one service company, "" for all (F-16).
func (s *Service) Assets(ctx context.Context, v identity.Viewer, provider, after string, limit int) ([]Overview, string, error) {
	var ids []string
	var next string
	switch {
	case v.MustEnrol:
		return nil, "", ErrNotAllowed
	case v.Kind == identity.Staff:
		items, n, err := s.assets.Find(ctx, store.Query{Index: "provider", Eq: []any{v.Provider}, After: after, Limit: limit})
		if err != nil {
			return nil, "", err
		}
		for _, it := range items {
			ids = append(ids, it.ID)
		}
		next = n
	case v.Kind == identity.CustomerUser:
		items, n, err := s.grants.Find(ctx, store.Query{Index: "person", Eq: []any{v.User}, After: after, Limit: limit})
		if err != nil {
			return nil, "", err
		}
		for _, it := range items {
			ids = append(ids, it.Value.Asset)
		}
		next = n
	default:
		return nil, "", ErrNotAllowed
	}
	var out []Overview
	for _, id := range ids {
		o, err := s.Overview(ctx, v, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		if provider == "" || o.Asset.Provider == provider {
			out = append(out, o)
		}
	}
	return out, next, nil
}

// Overview is one asset as the viewer may see it.
func (s *Service) Overview(ctx context.Context, v identity.Viewer, id string) (Overview, error) {
	a, err := s.Access(ctx, v, id)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Access: a, Components: -1}
	if a.Asset.Object != "" {
		if o.Object, err = s.objects.Get(ctx, a.Asset.Object); err != nil {
			return Overview{}, notFound(err)
		}
	}
	if a.May.Has(SeeComponents) {
		if o.Components, err = s.components.Count(ctx, store.Query{Index: "asset", Eq: []any{id}}, 10_000); err != nil {
			return Overview{}, err
		}
	}
	if a.May.Has(SeeDueDates) {
		if o.Due, err = s.earliestDue(ctx, a.Asset); err != nil {
			return Overview{}, err
		}
	}
	if a.May.Has(SeeAppointments) {
		if o.Next, err = s.NextAppointment(ctx, a); err != nil {
			return Overview{}, err
		}
	}
	return o, nil
}

func (s *Service) earliestDue(ctx context.Context, a *Asset) (Day, error) {
	due := a.Due()
	err := s.components.Each(ctx, store.Query{Index: "asset", Eq: []any{a.ID}}, func(c store.Item[Component]) error {
		if d := c.Value.Due(); d != "" && (due == "" || d < due) {
			due = d
		}
		return nil
	})
	return due, err
}

// Components lists the components of an asset with their master data (F-24). Due dates are in it only with SeeDueDates (F-26).
func (s *Service) Components(ctx context.Context, v identity.Viewer, asset, after string, limit int) ([]Component, string, error) {
	a, err := s.need(ctx, v, asset, SeeComponents)
	if err != nil {
		return nil, "", err
	}
	items, next, err := s.components.Find(ctx, store.Query{Index: "asset", Eq: []any{asset}, After: after, Limit: limit})
	if err != nil {
		return nil, "", err
	}
	out := make([]Component, len(items))
	for i, it := range items {
		out[i] = *it.Value
		if !a.May.Has(SeeDueDates) {
			out[i].Upkeep = Upkeep{}
		}
	}
	return out, next, nil
}

// DueDate is when the asset itself or a component is to be maintained next. Component is nil for the asset, and for those who
// may not see components by name.
type DueDate struct {
	Due       Day
	OfAsset   bool
	Component *Component
}

// DueDates lists the due dates of the asset and of every component (F-27), in the order of the components.
func (s *Service) DueDates(ctx context.Context, v identity.Viewer, asset, after string, limit int) ([]DueDate, string, error) {
	a, err := s.need(ctx, v, asset, SeeDueDates)
	if err != nil {
		return nil, "", err
	}
	items, next, err := s.components.Find(ctx, store.Query{Index: "asset", Eq: []any{asset}, After: after, Limit: limit})
	if err != nil {
		return nil, "", err
	}
	var out []DueDate
	if d := a.Asset.Due(); d != "" && after == "" {
		out = append(out, DueDate{Due: d, OfAsset: true})
	}
	for _, it := range items {
		d := DueDate{Due: it.Value.Due()}
		if a.May.Has(SeeComponents) {
			d.Component = it.Value
		}
		if d.Due != "" {
			out = append(out, d)
		}
	}
	return out, next, nil
}

// Appointments lists the appointments of an asset, latest first: customers see them from planned onward (F-19), and of their
// reports the published ones (F-20).
func (s *Service) Appointments(ctx context.Context, v identity.Viewer, asset, after string, limit int) ([]Appointment, string, error) {
	a, err := s.need(ctx, v, asset, SeeAppointments)
	if err != nil {
		return nil, "", err
	}
	items, next, err := s.appointments.Find(ctx, store.Query{Index: "asset", Eq: []any{asset}, Desc: true, After: after, Limit: limit})
	if err != nil {
		return nil, "", err
	}
	var out []Appointment
	for _, it := range items {
		if p, ok := visibleAppointment(a, it.Value); ok {
			out = append(out, p)
		}
	}
	return out, next, nil
}

// visibleAppointment is an appointment as one may see it who has SeeAppointments.
func visibleAppointment(a Access, p *Appointment) (Appointment, bool) {
	if a.Staff {
		return *p, true
	}
	switch p.Status {
	case AppointmentPlanned, AppointmentConfirmed, AppointmentDone:
	default:
		return Appointment{}, false
	}
	seen := *p
	seen.Reports = nil
	for _, r := range p.Reports {
		if r.Published {
			seen.Reports = append(seen.Reports, r)
		}
	}
	return seen, true
}

// NextAppointment is the first one from today on, or nil; also without SeeAppointments.
func (s *Service) NextAppointment(ctx context.Context, a Access) (*Appointment, error) {
	if !a.May.Has(SeeAppointments) {
		return nil, nil
	}
	// The bound is midnight, not now: it keeps the query the same all day, so that its answer can be cached.
	today := s.now().UTC().Truncate(24 * time.Hour)
	q := store.Query{Index: "asset", Eq: []any{a.Asset.ID}, Lo: store.At(today).Key(), Limit: 10}
	for {
		items, next, err := s.appointments.Find(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			if p, ok := visibleAppointment(a, it.Value); ok && p.Status != AppointmentDone {
				return &p, nil
			}
		}
		if q.After = next; next == "" {
			return nil, nil
		}
	}
}

// Component returns one component with the access to its asset; without SeeComponents only its id is filled.
func (s *Service) Component(ctx context.Context, v identity.Viewer, id string) (Component, Access, error) {
	c, a, err := s.component(ctx, v, id)
	if err != nil {
		return Component{}, Access{}, err
	}
	return c.As(a), a, nil
}

// As is the component as one may see it who has that access.
func (c *Component) As(a Access) Component {
	seen := Component{ID: c.ID, Asset: c.Asset, Provider: c.Provider}
	if a.May.Has(SeeComponents) {
		seen = *c
		seen.Upkeep = Upkeep{}
	}
	if a.May.Has(SeeDueDates) {
		seen.Upkeep = c.Upkeep
	}
	return seen
}

// component reads a component and the access to its asset; it does the same work when there is none (SEC-1).
func (s *Service) component(ctx context.Context, v identity.Viewer, id string) (*Component, Access, error) {
	c, err := s.components.Get(ctx, id)
	asset := decoy(id)
	if err == nil {
		asset = c.Asset
	} else if !errors.Is(err, store.ErrNotFound) {
		return nil, Access{}, err
	}
	a, err := s.Access(ctx, v, asset)
	if err != nil {
		return nil, Access{}, err
	}
	return c, a, nil
}

// decoy is an id that no document has, another one for each id: it is looked up where the next id is missing, so that a code that
// leads nowhere costs as many reads, cached or not, as one that leads to what the viewer may not see (SEC-1).
func decoy(id string) string { return "-" + id }

// Tagged is what a scanned tag leads to, as this viewer may see it.
type Tagged struct {
	Tag       *Tag
	Component *Component // of a label; nil while unbound. Mind [Component.As] before showing it
	Access    Access     // of the component's asset; zero while unbound
	May       TagRight   // of an access tag
}

// ByCode finds what a code of ours leads to for this viewer. Staff get each tag of their provider with its state; portal users get
// living labels of assets on which something is granted, and access tags of their customer with [SeeTags], in any state. Everything
// else (unknown, foreign, blocked, retired, replaced, not granted) is ErrNotFound after the same work (X-2, SEC-1).
func (s *Service) ByCode(ctx context.Context, v identity.Viewer, code tagging.Code) (Tagged, error) {
	t, err := s.tags.Get(ctx, string(code))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Tagged{}, err
	}
	if t != nil && t.Kind == AccessTag {
		return s.accessByCode(ctx, v, t)
	}
	component := decoy(string(code))
	if t != nil && t.Component != "" {
		component = t.Component
	}
	c, a, err := s.component(ctx, v, component)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Tagged{}, err
	}
	staff := t != nil && v.StaffOf(t.Provider)
	switch {
	case staff && t.Component == "":
		return Tagged{Tag: t}, nil
	case err != nil, t == nil, !staff && !t.Live():
		return Tagged{}, ErrNotFound
	}
	return Tagged{Tag: t, Component: c, Access: a}, nil
}

// accessByCode is the end of ByCode for an access tag. It reads as much, and in the same steps, as for a code that leads nowhere:
// a component that is not there, then two documents of which the second says what the viewer was granted (SEC-1).
func (s *Service) accessByCode(ctx context.Context, v identity.Viewer, t *Tag) (Tagged, error) {
	nothing := decoy(t.ID)
	if _, err := s.components.Get(ctx, nothing); err != nil && !errors.Is(err, store.ErrNotFound) {
		return Tagged{}, err
	}
	docs, err := s.engine.GetMany(ctx, []store.Ref{s.assets.Ref(nothing), s.rights.Ref(tagRightsID(v.User, t.Provider))})
	if err != nil {
		return Tagged{}, err
	}
	var granted *TagRights
	if docs[1].Ver > 0 {
		if granted, err = s.rights.Decode(docs[1]); err != nil {
			return Tagged{}, err
		}
	}
	may := permittedTags(v, t.Provider, t.Customer, granted)
	if !may.Has(SeeTags) {
		return Tagged{}, ErrNotFound
	}
	return Tagged{Tag: t, May: may}, nil
}
