package scan_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/sqlite"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
	"github.com/tagwerk/tagwerk/tagging/picture"
)

// host is the one that labels are printed with; the others are known too.
const host = "scan.example.com"

var hosts = []string{host, "alias.example.org", "box.local:8443"}

// world is the resolver on the embedded engine: two providers, and an asset of the first with a labelled component.
type world struct {
	*scan.Resolver
	t         testing.TB
	clock     time.Time
	engine    store.Engine
	people    *identity.Directory
	assets    *asset.Service
	desk      *desk.Service
	sightings *scan.Sightings
	woken     int
	tags      store.Collection[asset.Tag]
	nord, syd identity.Viewer // administrators
	lars      identity.Viewer // user of the customer; grants are given by the tests
	maja      identity.Viewer // its Master user
	asset     asset.Asset
	component asset.Component
	code      tagging.Code // of the component
	other     tagging.Code // of a component of another asset of nord
}

// must fails the test on an error of a step that only prepares.
func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := t.Context()
	engine, err := sqlite.Open(ctx, sqlite.Options{Dir: t.TempDir(), CacheBytes: 4 << 20})
	must(t, engine, err)
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	var specs []store.Spec
	for _, s := range [][]store.Spec{scan.Specs(), asset.Specs(), desk.Specs(), identity.Specs(), store.BlobSpecs()} {
		specs = append(specs, s...)
	}
	if err := engine.Ensure(ctx, store.Schema{Version: 1, Collections: specs}); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, engine: engine, clock: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC), tags: store.In[asset.Tag](engine, "tags")}
	now := func() time.Time { return w.clock }
	w.people, err = identity.New(identity.Options{Engine: engine, Now: now, Key: [32]byte{1},
		HashParams: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}})
	must(t, w.people, err)
	w.assets = asset.New(asset.Options{Engine: engine, People: w.people, Now: now, Random: rand.Reader, LabelURL: "https://" + host, Hosts: hosts})
	w.desk = desk.New(desk.Options{Engine: engine, Assets: w.assets, People: w.people, Blobs: store.NewBlobs(engine, now, rand.Reader),
		Pictures: picture.NewReader(1), Now: now, Random: rand.Reader})

	w.nord, w.syd = w.provider("Nordlicht"), w.provider("Sydhiss")
	c, err := w.people.PutCustomer(ctx, identity.Customer{Name: "Hafen", Providers: []string{w.nord.Provider, w.syd.Provider}, Locale: locale.German})
	must(t, c, err)
	w.lars = w.person("lars@hafen.example", identity.General, "", c.ID)
	w.maja = w.person("maja@hafen.example", identity.Master, "", c.ID)
	contacts := scan.Contacts{People: w.people, Other: w.nord.Provider,
		ByHost: map[string]string{"alias.example.org": w.syd.Provider, "box.local:8443": w.syd.Provider}}
	w.sightings = scan.NewSightings(scan.SightingsOptions{Engine: engine, Assets: w.assets, People: w.people, Contacts: contacts, Hosts: hosts,
		Now: now, Random: rand.Reader, Wake: func() { w.woken++ }})
	w.Resolver = scan.New(scan.Options{Assets: w.assets, Desk: w.desk, People: w.people, Contacts: contacts, Hosts: hosts, Sightings: w.sightings, Now: now})

	w.asset, w.component, w.code = w.labelled(w.nord)
	_, _, w.other = w.labelled(w.nord)
	types := []desk.FaultType{{ID: "stuck", Severity: 2, Released: true}, {ID: "secret", Severity: 1}}
	if err := w.desk.PutCatalogue(ctx, w.nord, types); err != nil {
		t.Fatal(err)
	}
	p, err := w.assets.PutAppointment(ctx, w.nord, asset.Appointment{Asset: w.asset.ID, Start: store.At(now().AddDate(0, 0, 3)), Status: asset.AppointmentPlanned})
	must(t, p, err)
	r, err := w.desk.ReportFault(ctx, w.nord, desk.Report{Component: w.component.ID, FaultType: "stuck", Text: "klemmt"})
	must(t, r, err)
	return w
}

// provider makes a service company, and an administrator of it.
func (w *world) provider(name string) identity.Viewer {
	w.t.Helper()
	p, err := w.people.PutProvider(w.t.Context(), identity.Provider{Company: name, Locale: locale.German})
	must(w.t, p, err)
	return w.person("chef@"+strings.ToLower(name)+".example", identity.Admin, p.ID, "")
}

func (w *world) person(email string, role identity.Role, provider, customer string) identity.Viewer {
	w.t.Helper()
	p, err := w.people.AddPerson(w.t.Context(), identity.NewPerson{Email: email, Name: email, Role: role, Provider: provider, Customer: customer,
		Locale: locale.German}, "zwölf lange Zeichen")
	return identity.ViewerFor(must(w.t, p, err))
}

// labelled makes an asset with one component that carries a label.
func (w *world) labelled(staff identity.Viewer) (asset.Asset, asset.Component, tagging.Code) {
	w.t.Helper()
	ctx := w.t.Context()
	upkeep := asset.Upkeep{IntervalMonths: 12, LastDone: "2026-01-31"}
	a, err := w.assets.PutAsset(ctx, staff, asset.Asset{Customer: w.lars.Customer, Number: "A-1", Name: "Entrauchung", Upkeep: upkeep})
	must(w.t, a, err)
	parts, err := w.assets.PutComponents(ctx, staff, a.ID, []asset.Component{{Name: "Klappe 7", Serial: "S-1", Upkeep: upkeep}})
	must(w.t, parts, err)
	labels, err := w.assets.LabelsForComponents(ctx, staff, []string{parts[0].ID})
	return a, parts[0], must(w.t, labels, err)[0].Code
}

func (w *world) grant(p asset.Permission) {
	w.t.Helper()
	if err := w.assets.Grant(w.t.Context(), w.nord, w.lars.User, w.asset.ID, p); err != nil {
		w.t.Fatal(err)
	}
}

// grantTags gives rights on the access tags of the customer.
func (w *world) grantTags(v identity.Viewer, see, block bool) {
	w.t.Helper()
	if err := w.assets.GrantTags(w.t.Context(), w.nord, v.User, see, block); err != nil {
		w.t.Fatal(err)
	}
}

// fob takes an access tag of the customer on record; an empty tenant leaves it in the drawer.
func (w *world) fob(number, tenant string, staff ...identity.Viewer) *asset.Tag {
	w.t.Helper()
	e := asset.Enrolment{Number: number, Customer: w.lars.Customer}
	if tenant != "" {
		e.Holder = &asset.Holder{Tenant: tenant}
	}
	t, err := w.assets.Enrol(w.t.Context(), append(staff, w.nord)[0], e)
	return must(w.t, t, err)
}

// alias binds a foreign code to a component of nord.
func (w *world) alias(payload, component string) *asset.Tag {
	w.t.Helper()
	t, err := w.assets.BindForeign(w.t.Context(), w.nord, payload, tagging.Config{OwnHosts: hosts}, component, true)
	return must(w.t, t, err)
}

// setState brings a tag into a state as if a step had done it now.
func (w *world) setState(id string, s tagging.State, step tagging.Step) {
	w.t.Helper()
	t, err := w.tags.Update(w.t.Context(), id, func(t *asset.Tag) error {
		t.State = s
		t.History = append(t.History, asset.TagEvent{Step: step, At: store.At(w.clock)})
		return nil
	})
	must(w.t, t, err)
}

// flush writes what scans left behind.
func (w *world) flush() {
	w.t.Helper()
	if err := w.sightings.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// seen lists the sightings as staff of nord see them.
func (w *world) seen() []scan.Sighting {
	w.t.Helper()
	list, _, err := w.sightings.List(w.t.Context(), w.nord, scan.SightFilter{}, "", 200)
	return must(w.t, list, err)
}

// tag is a tag as it is stored.
func (w *world) tag(id string) *asset.Tag {
	w.t.Helper()
	t, err := w.tags.Get(w.t.Context(), id)
	return must(w.t, t, err)
}
