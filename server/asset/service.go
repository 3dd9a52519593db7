package asset

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// Service answers for assets, components, appointments, tags and grants.
type Service struct {
	engine       store.Engine
	objects      store.Collection[Object]
	assets       store.Collection[Asset]
	components   store.Collection[Component]
	appointments store.Collection[Appointment]
	grants       store.Collection[Grant]
	tags         store.Collection[Tag]
	mintOrders   store.Collection[mintOrder]
	rights       store.Collection[TagRights]
	settings     store.Collection[TagSettings]
	blockRates   store.Collection[blockRate]
	heads        store.Collection[accessHead]
	doors        store.Collection[Door]
	intakes      store.Collection[intake]
	people       *identity.Directory
	wake         func()
	changed      broadcast
	sequencing   chan struct{} // held by the one who gives versions, see [Service.sequence]
	log          *slog.Logger
	now          func() time.Time
	random       io.Reader
	labelURL     string
	own          tagging.Config
	zone         *time.Location
}

// Options are the parts that a Service is built from. Random is the source of label codes and ids (SEC-4); LabelURL is the public
// address that labels are printed with, such as "https://scan.example.com" (SEC-53).
type Options struct {
	Engine   store.Engine
	People   *identity.Directory
	Now      func() time.Time
	Random   io.Reader
	LabelURL string
	// Hosts are those of our printed codes, LabelURL's and its aliases, as "scan.example.com".
	Hosts []string
	// Zone is where the last day of a tag ends; nil means UTC.
	Zone *time.Location
	// Wake is called after each commit that left a notice in a tag; nil for none.
	Wake func()
	// Logger takes blocks, reactivations and acknowledgements by hand (SEC-92); nil means none.
	Logger *slog.Logger
}

// New returns the service over an engine whose schema holds [Specs].
func New(o Options) *Service {
	if o.Wake == nil {
		o.Wake = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return &Service{
		engine:       o.Engine,
		objects:      store.In[Object](o.Engine, "objects"),
		assets:       store.In[Asset](o.Engine, "assets"),
		components:   store.In[Component](o.Engine, "components"),
		appointments: store.In[Appointment](o.Engine, "appointments"),
		grants:       store.In[Grant](o.Engine, "grants"),
		tags:         store.In[Tag](o.Engine, "tags"),
		mintOrders:   store.In[mintOrder](o.Engine, "mint_orders"),
		rights:       store.In[TagRights](o.Engine, "tag_rights"),
		settings:     store.In[TagSettings](o.Engine, "tag_settings"),
		blockRates:   store.In[blockRate](o.Engine, "block_rates"),
		heads:        store.In[accessHead](o.Engine, "access_heads"),
		doors:        store.In[Door](o.Engine, "doors"),
		intakes:      store.In[intake](o.Engine, "tag_intakes"),
		people:       o.People,
		wake:         o.Wake,
		sequencing:   make(chan struct{}, 1),
		log:          o.Logger,
		now:          o.Now,
		random:       o.Random,
		labelURL:     o.LabelURL,
		own:          tagging.Config{OwnHosts: o.Hosts},
		zone:         o.Zone,
	}
}

// Specs declares the collections of this package.
func Specs() []store.Spec {
	return []store.Spec{
		{Name: "objects", Indexes: []store.Index{{Name: "provider", Fields: []string{"provider", "name"}}}},
		{Name: "assets", Indexes: []store.Index{{Name: "provider", Fields: []string{"provider", "number"}}}},
		{Name: "components", Indexes: []store.Index{{Name: "asset", Fields: []string{"asset", "position"}}}},
		{Name: "appointments", Indexes: []store.Index{{Name: "asset", Fields: []string{"asset", "start"}}}},
		{Name: "grants", Indexes: []store.Index{
			{Name: "person", Fields: []string{"person"}},
			{Name: "asset", Fields: []string{"asset"}},
		}},
		tagSpec(),
		{Name: "mint_orders"},
		{Name: "tag_rights", Indexes: []store.Index{{Name: "customer", Fields: []string{"provider", "customer"}}}},
		{Name: "tag_settings"},
		{Name: "block_rates"},
		{Name: "access_heads"},
		{Name: "tag_intakes"},
		{Name: "doors", Indexes: []store.Index{{Name: "provider", Fields: []string{"provider"}}}},
	}
}

// PutObject stores a new object of the viewer's provider and returns it with its id.
func (s *Service) PutObject(ctx context.Context, v identity.Viewer, o Object) (Object, error) {
	if !v.ActsAsStaff() {
		return Object{}, ErrNotAllowed
	}
	id, err := store.NewID(s.random)
	if err != nil {
		return Object{}, err
	}
	o.ID, o.Provider = id, v.Provider
	return o, s.objects.Insert(ctx, o.ID, &o)
}

// PutAsset stores a new asset of the viewer's provider and returns it with its id. Its object, if it has one, must be of the
// provider too, else ErrNotFound: whoever sees the asset sees the object (SEC-15).
func (s *Service) PutAsset(ctx context.Context, v identity.Viewer, a Asset) (Asset, error) {
	if !v.ActsAsStaff() {
		return Asset{}, ErrNotAllowed
	}
	if a.Object != "" {
		o, err := s.objects.Get(ctx, a.Object)
		if err != nil {
			return Asset{}, notFound(err)
		}
		if !v.StaffOf(o.Provider) {
			return Asset{}, ErrNotFound
		}
	}
	id, err := store.NewID(s.random)
	if err != nil {
		return Asset{}, err
	}
	a.ID, a.Provider = id, v.Provider
	return a, s.assets.Insert(ctx, a.ID, &a)
}

// PutComponents adds components to an asset of the viewer's provider, in order, and returns them with their ids.
func (s *Service) PutComponents(ctx context.Context, v identity.Viewer, asset string, list []Component) ([]Component, error) {
	a, err := s.staffAsset(ctx, v, asset)
	if err != nil {
		return nil, err
	}
	first, err := s.components.Count(ctx, store.Query{Index: "asset", Eq: []any{asset}}, 100_000)
	if err != nil {
		return nil, err
	}
	out := make([]Component, len(list))
	ids := make([]string, len(list))
	docs := make([]*Component, len(list))
	for i, c := range list {
		if c.ID, err = store.NewID(s.random); err != nil {
			return nil, err
		}
		c.Asset, c.Provider, c.Position = a.ID, a.Provider, int64(first+i+1)
		out[i], ids[i] = c, c.ID
		docs[i] = &out[i]
	}
	return out, s.components.InsertAll(ctx, ids, docs)
}

// PutAppointment adds an appointment to an asset of the viewer's provider.
func (s *Service) PutAppointment(ctx context.Context, v identity.Viewer, p Appointment) (Appointment, error) {
	a, err := s.staffAsset(ctx, v, p.Asset)
	if err != nil {
		return Appointment{}, err
	}
	if p.ID, err = store.NewID(s.random); err != nil {
		return Appointment{}, err
	}
	p.Provider = a.Provider
	return p, s.appointments.Insert(ctx, p.ID, &p)
}

// staffAsset returns an asset of the viewer's own provider.
func (s *Service) staffAsset(ctx context.Context, v identity.Viewer, id string) (*Asset, error) {
	a, err := s.Access(ctx, v, id)
	if err != nil {
		return nil, err
	}
	if !a.Staff {
		return nil, ErrNotAllowed
	}
	return a.Asset, nil
}

// Grant sets what the viewer's provider grants to a portal user on one of its assets; permissions of other providers stay.
// No permission takes the grant away (F-10, F-32).
func (s *Service) Grant(ctx context.Context, v identity.Viewer, person, asset string, p Permission) error {
	a, err := s.staffAsset(ctx, v, asset)
	if err != nil {
		return err
	}
	if person == "" || strings.Contains(person, "~") {
		return ErrNotFound
	}
	now := store.At(s.now())
	set := func(g *Grant) error {
		kept := g.By[:0:0]
		for _, by := range g.By {
			if by.Provider != a.Provider {
				kept = append(kept, by)
			}
		}
		if p != 0 {
			kept = append(kept, Granted{Provider: a.Provider, Permissions: p, Who: v.User, At: now})
		}
		g.By = kept
		return nil
	}
	for {
		_, err := s.grants.Update(ctx, grantID(person, asset), set)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if p == 0 {
			return nil
		}
		g := &Grant{Person: person, Asset: asset, Since: now}
		if err := set(g); err != nil {
			return err
		}
		if err := s.grants.Insert(ctx, grantID(person, asset), g); !store.IsDuplicate(err, "") {
			return err
		}
	}
}

// notFound turns the store's answer into this package's.
func notFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrNotFound
	}
	return err
}
