package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
)

// Sample is what `tagwerk demo` tells about its data: who can sign in, and labels to scan.
type Sample struct {
	Users []SampleUser `json:"users"`
	// Codes are labels bound to components; the first belongs to one that the first customer may see with all four grants.
	Codes []string `json:"codes"`
}

// SampleUser can sign in to the demo. Role is "staff" or "customer"; Title says more to people.
type SampleUser struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Role     string `json:"role"`
	Title    string `json:"-"`
}

// sampleFile marks a data folder as made by the demo. Its name is a common one, so that the mark is what it says.
const (
	sampleFile   = "demo.json"
	sampleMadeBy = "tagwerk demo"
)

// keptSample is what the mark holds: what [Sample] tells but for the passwords.
type keptSample struct {
	MadeBy string       `json:"made_by"`
	Users  []keptPerson `json:"users"`
	Codes  []string     `json:"codes"`
}

type keptPerson struct {
	Email string `json:"email"`
	Role  string `json:"role"`
	Title string `json:"title"`
}

var (
	// ErrNotDemo says that a data folder holds something else, which the demo must not touch (SEC-26).
	ErrNotDemo = errors.New("the demo did not make this folder, or did not finish making it: choose another one with --data")
	// ErrDemo says that a data folder was made by the demo, which is for this machine alone (SEC-26).
	ErrDemo = errors.New("this folder was made by tagwerk demo, which is for this machine alone: choose another one with --data")
)

// CheckDemoFolder refuses a folder that holds anything but data of an earlier demo.
func CheckDemoFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, made := readMark(dir); !made {
		return fmt.Errorf("data folder %s: %w", dir, ErrNotDemo)
	}
	return nil
}

// CheckServeFolder refuses a folder that the demo made: its sign-ins stood on a terminal.
func CheckServeFolder(dir string) error {
	if _, made := readMark(dir); made {
		return fmt.Errorf("data folder %s: %w", dir, ErrDemo)
	}
	return nil
}

// readMark reads what an earlier demo noted in its folder.
func readMark(dir string) (kept keptSample, made bool) {
	text, err := os.ReadFile(filepath.Join(dir, sampleFile))
	if err != nil || json.Unmarshal(text, &kept) != nil {
		return keptSample{}, false
	}
	return kept, kept.MadeBy == sampleMadeBy
}

// MakeSample fills an empty installation with a service company of two branches, two customers and 60 components, or finds what
// an earlier demo left in the folder. Passwords are new and random each time.
func (a *App) MakeSample(ctx context.Context) (Sample, error) {
	if kept, made := readMark(a.Config.Data); made {
		return a.renewPasswords(ctx, kept)
	}
	b := sampler{app: a, today: a.now()}
	if err := b.build(ctx); err != nil {
		return Sample{}, fmt.Errorf("sample data: %w", err)
	}
	kept := keptSample{MadeBy: sampleMadeBy, Codes: b.out.Codes}
	for _, u := range b.out.Users {
		kept.Users = append(kept.Users, keptPerson{u.Email, u.Role, u.Title})
	}
	text, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return Sample{}, err
	}
	return b.out, writeSynced(filepath.Join(a.Config.Data, sampleFile), append(text, '\n'))
}

func (a *App) renewPasswords(ctx context.Context, kept keptSample) (Sample, error) {
	s := Sample{Codes: kept.Codes}
	for _, u := range kept.Users {
		password, err := a.People.ResetByOperator(ctx, u.Email, true)
		if err != nil {
			return Sample{}, fmt.Errorf("data folder %s: its database does not fit its %s; remove the folder, or choose another one with --data: %w", a.Config.Data, sampleFile, err)
		}
		s.Users = append(s.Users, SampleUser{Email: u.Email, Password: password, Role: u.Role, Title: u.Title})
	}
	return s, nil
}

// sampler builds the sample world step by step.
type sampler struct {
	app   *App
	today time.Time
	out   Sample

	german, swedish identity.Viewer // operators of the two branches
	clinic, housing string          // customers
	assets          []asset.Asset
	components      []asset.Component
}

func (b *sampler) build(ctx context.Context) error {
	for _, step := range []func(context.Context) error{b.branches, b.customers, b.germanAssets, b.swedishAssets, b.people, b.labels, b.fobs} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *sampler) branches(ctx context.Context) error {
	de, err := b.app.People.PutProvider(ctx, identity.Provider{Company: "Nordlicht Brandschutz", Branch: "Niederlassung Hamburg", Locale: locale.German,
		Phone: "+49 40 5550 1230", Email: "service.hamburg@nordlicht.example", Web: "https://nordlicht.example", Address: "Speicherstraße 12, 20457 Hamburg", Hours: "Mo–Fr 7–18 Uhr"})
	if err != nil {
		return err
	}
	se, err := b.app.People.PutProvider(ctx, identity.Provider{Company: "Nordlicht Brandskydd", Branch: "Filial Göteborg", Locale: locale.Swedish,
		Phone: "+46 31 555 01 40", Email: "service.goteborg@nordlicht.example", Web: "https://nordlicht.example/se", Address: "Södra Hamngatan 8, 411 14 Göteborg", Hours: "Mån–fre 7–17"})
	if err != nil {
		return err
	}
	b.german, b.swedish = identity.Operator(de.ID), identity.Operator(se.ID)
	types := []desk.FaultType{
		{ID: "stuck", Severity: 1, Released: true, Names: map[locale.Tag]string{locale.German: "Schließt oder öffnet nicht", locale.Swedish: "Öppnar eller stänger inte", locale.English: "Does not open or close"}},
		{ID: "alarm", Severity: 1, Released: true, Names: map[locale.Tag]string{locale.German: "Störmeldung an der Zentrale", locale.Swedish: "Fel visas i centralen", locale.English: "Fault shown at the panel"}},
		{ID: "damage", Severity: 2, Released: true, Names: map[locale.Tag]string{locale.German: "Sichtbarer Schaden", locale.Swedish: "Synlig skada", locale.English: "Visible damage"}},
		{ID: "noise", Severity: 3, Released: true, Names: map[locale.Tag]string{locale.German: "Geräusche", locale.Swedish: "Oljud", locale.English: "Noise"}},
		{ID: "internal", Severity: 4, Released: false, Names: map[locale.Tag]string{locale.German: "Nur intern", locale.Swedish: "Endast internt", locale.English: "Internal only"}},
	}
	return errors.Join(b.app.Desk.PutCatalogue(ctx, b.german, types), b.app.Desk.PutCatalogue(ctx, b.swedish, types))
}

func (b *sampler) customers(ctx context.Context) error {
	clinic, err := b.app.People.PutCustomer(ctx, identity.Customer{Number: "10423", Name: "Elbklinik Altona", Locale: locale.German,
		Providers: []string{b.german.Provider, b.swedish.Provider}})
	if err != nil {
		return err
	}
	housing, err := b.app.People.PutCustomer(ctx, identity.Customer{Number: "20077", Name: "Västkustens Bostäder", Locale: locale.Swedish,
		Providers: []string{b.swedish.Provider}})
	b.clinic, b.housing = clinic.ID, housing.ID
	return err
}

// place makes an object with one asset and its components.
func (b *sampler) place(ctx context.Context, v identity.Viewer, customer string, o asset.Object, a asset.Asset, parts []asset.Component) error {
	o.Customer, a.Customer = customer, customer
	o, err := b.app.Assets.PutObject(ctx, v, o)
	if err != nil {
		return err
	}
	a.Object = o.ID
	a.Upkeep = asset.Upkeep{IntervalMonths: 12, LastDone: b.monthsAgo(10)}
	if a, err = b.app.Assets.PutAsset(ctx, v, a); err != nil {
		return err
	}
	made, err := b.app.Assets.PutComponents(ctx, v, a.ID, parts)
	if err != nil {
		return err
	}
	b.assets = append(b.assets, a)
	b.components = append(b.components, made...)
	return b.appointments(ctx, v, a)
}

func (b *sampler) appointments(ctx context.Context, v identity.Viewer, a asset.Asset) error {
	subjects := map[locale.Tag][3]string{
		locale.German:  {"Jahreswartung", "Nachprüfung", "Interne Vorplanung"},
		locale.Swedish: {"Årlig service", "Efterkontroll", "Intern planering"},
	}
	language := locale.German
	if v.Provider == b.swedish.Provider {
		language = locale.Swedish
	}
	zone, err := time.LoadLocation(b.app.Config.TimeZone)
	if err != nil {
		return err
	}
	at := func(days, hour int) store.Time {
		d := b.today.In(zone).AddDate(0, 0, days)
		return store.At(time.Date(d.Year(), d.Month(), d.Day(), hour, 0, 0, 0, zone))
	}
	s := subjects[language]
	for _, p := range []asset.Appointment{
		{Start: at(-300, 8), Status: asset.AppointmentDone, Subject: s[0], Reports: []asset.Report{{ID: "r1", Title: s[0], Published: true}, {ID: "r2", Title: s[2]}}},
		{Start: at(23, 9), Status: asset.AppointmentConfirmed, Subject: s[0]},
		{Start: at(60, 9), Status: asset.AppointmentPlanned, Subject: s[1]},
		{Start: at(14, 7), Status: asset.AppointmentDraft, Subject: s[2]},
	} {
		p.Asset = a.ID
		if _, err := b.app.Assets.PutAppointment(ctx, v, p); err != nil {
			return err
		}
	}
	return nil
}

func (b *sampler) monthsAgo(n int) asset.Day { return asset.DayOf(b.today.AddDate(0, -n, 0)) }

// parts makes n components of a kind, with due dates from overdue to far ahead.
func (b *sampler) parts(n int, name, kind, maker, model, place string) []asset.Component {
	out := make([]asset.Component, n)
	for i := range out {
		out[i] = asset.Component{
			Name: fmt.Sprintf("%s %d", name, i+1), Type: kind, Manufacturer: maker, Model: model,
			Serial: fmt.Sprintf("%s-%05d", model, 10_417+37*i), YearBuilt: 2012 + i%12, Location: fmt.Sprintf("%s %d", place, i/4+1),
			Upkeep: asset.Upkeep{IntervalMonths: 12, LastDone: b.monthsAgo(1 + i%14)},
		}
	}
	return out
}

func (b *sampler) germanAssets(ctx context.Context) error {
	if err := b.place(ctx, b.german, b.clinic, asset.Object{Name: "Haus A", Address: "Elbchaussee 200, 22605 Hamburg"},
		asset.Asset{Number: "A-1001", Name: "Brandschutzklappen Haus A", Group: "Lüftung", Location: "Haus A, Ebenen 0–5"},
		b.parts(24, "Brandschutzklappe Flur Süd", "Brandschutzklappe", "Trox", "FKA2", "Ebene")); err != nil {
		return err
	}
	return b.place(ctx, b.german, b.clinic, asset.Object{Name: "Parkhaus", Address: "Elbchaussee 204, 22605 Hamburg"},
		asset.Asset{Number: "A-1002", Name: "Rauchabzug Parkhaus", Group: "Rauch- und Wärmeabzug", Location: "Parkhaus, Decks 1–4"},
		b.parts(12, "RWA-Öffner", "Rauchabzug", "STG-Beikirch", "TRZ24", "Deck"))
}

func (b *sampler) swedishAssets(ctx context.Context) error {
	if err := b.place(ctx, b.swedish, b.housing, asset.Object{Name: "Kvarteret Måsen", Address: "Kungsgatan 41, 411 15 Göteborg"},
		asset.Asset{Number: "G-2001", Name: "Entréer Kvarteret Måsen", Group: "Passage", Location: "Trapphus A–D"},
		b.parts(12, "Entrédörr trapphus", "Dörrautomatik", "ASSA ABLOY", "SW300", "Trapphus")); err != nil {
		return err
	}
	return b.place(ctx, b.swedish, b.clinic, asset.Object{Name: "Rehab Göteborg", Address: "Ågatan 3, 414 51 Göteborg"},
		asset.Asset{Number: "G-2002", Name: "Brandspjäll Rehab Göteborg", Group: "Ventilation", Location: "Plan 1–3"},
		b.parts(12, "Brandspjäll korridor", "Brandspjäll", "Swegon", "CRT", "Plan"))
}

func (b *sampler) people(ctx context.Context) error {
	add := func(role, title string, p identity.NewPerson) (string, error) {
		password, err := b.app.People.NewPassword()
		if err != nil {
			return "", err
		}
		made, err := b.app.People.AddPerson(ctx, p, password)
		b.out.Users = append(b.out.Users, SampleUser{Email: p.Email, Password: password, Role: role, Title: title})
		return made.ID, err
	}
	for _, s := range []struct {
		title, email, name string
		role               identity.Role
		provider           string
		locale             locale.Tag
	}{
		{"dispatcher, Hamburg", "dispo@nordlicht.example", "Jörg Petersen", identity.Dispatcher, b.german.Provider, locale.German},
		{"technician, Hamburg", "technik@nordlicht.example", "Aylin Groß", identity.Technician, b.german.Provider, locale.German},
		{"admin, Hamburg", "admin@nordlicht.example", "Ute Möller", identity.Admin, b.german.Provider, locale.German},
		{"dispatcher, Göteborg", "kundtjanst@nordlicht.example", "Åsa Lindström", identity.Dispatcher, b.swedish.Provider, locale.Swedish},
	} {
		if _, err := add("staff", s.title, identity.NewPerson{Email: s.email, Name: s.name, Role: s.role, Provider: s.provider, Locale: s.locale}); err != nil {
			return err
		}
	}
	dampers, smoke, doors, rehab := b.assets[0].ID, b.assets[1].ID, b.assets[2].ID, b.assets[3].ID
	type grant struct {
		by    identity.Viewer
		asset string
		may   asset.Permission
	}
	for _, c := range []struct {
		title, email, name string
		role               identity.Role
		customer           string
		locale             locale.Tag
		grants             []grant
	}{
		{"customer, all grants", "haustechnik@elbklinik.example", "Karin Schäfer", identity.Master, b.clinic, locale.German, []grant{
			{b.german, dampers, asset.AllPermissions}, {b.german, smoke, asset.AllPermissions}, {b.swedish, rehab, asset.AllPermissions}}},
		{"customer, due dates", "einkauf@elbklinik.example", "Bernd Weiß", identity.General, b.clinic, locale.German, []grant{
			{b.german, dampers, asset.SeeDueDates}}},
		{"customer, faults", "fastighet@vastkusten.example", "Björn Ågren", identity.Master, b.housing, locale.Swedish, []grant{
			{b.swedish, doors, asset.SeeComponents | asset.Faults}}},
		{"customer, no grants", "reception@vastkusten.example", "Maja Öberg", identity.General, b.housing, locale.Swedish, nil},
	} {
		id, err := add("customer", c.title, identity.NewPerson{Email: c.email, Name: c.name, Role: c.role, Customer: c.customer, Locale: c.locale})
		if err != nil {
			return err
		}
		for _, g := range c.grants {
			if err := b.app.Assets.Grant(ctx, g.by, id, g.asset, g.may); err != nil {
				return err
			}
		}
	}
	return nil
}

// labels mints a label for every second component, so that both kinds can be tried.
func (b *sampler) labels(ctx context.Context) error {
	for _, v := range []identity.Viewer{b.german, b.swedish} {
		var ids []string
		for i, c := range b.components {
			if c.Provider == v.Provider && i%2 == 0 {
				ids = append(ids, c.ID)
			}
		}
		made, err := b.app.Assets.LabelsForComponents(ctx, v, ids)
		if err != nil {
			return err
		}
		for _, l := range made {
			b.out.Codes = append(b.out.Codes, string(l.Code))
		}
	}
	return nil
}
