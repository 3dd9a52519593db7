package server

import (
	"context"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
)

// sampleFob is a key fob of the demo. Its number stands as it was entered: off a reader, or as it is printed on the fob.
type sampleFob struct {
	number, hint  string
	holder        asset.Holder
	expiresInDays int // 0 for never
	note          string
}

// fobs makes the access tags of both customers, two door controllers, and lets the Master users look after the tags.
func (b *sampler) fobs(ctx context.Context) error {
	for _, v := range []identity.Viewer{b.german, b.swedish} {
		if err := b.app.Assets.PutTagSettings(ctx, v, asset.TagSettings{Provider: v.Provider, AlertOwner: true}); err != nil {
			return err
		}
	}
	if err := b.tagRights(ctx); err != nil {
		return err
	}
	if err := b.doors(ctx); err != nil {
		return err
	}
	people := map[string]identity.Viewer{}
	for _, email := range []string{"dispo@nordlicht.example", "kundtjanst@nordlicht.example", "fastighet@vastkusten.example"} {
		p, err := b.app.People.PersonByLogin(ctx, email)
		if err != nil {
			return err
		}
		people[email] = identity.ViewerFor(p)
	}
	if _, err := b.enrol(ctx, people["dispo@nordlicht.example"], b.clinic, []sampleFob{
		{number: "04:A2:3B:7C:11:86:80", hint: "13.56mhz", holder: asset.Holder{Tenant: "Dr. Helene Voss", Company: "Elbklinik Altona", Unit: "Haus A, Apotheke"}},
		{number: "04:51:AA:C3:79:00:00", hint: "13.56mhz", holder: asset.Holder{Tenant: "Murat Yıldız", Company: "Elbklinik Altona", Unit: "Haus A, Apotheke"}},
		{number: "0010597067 161,45771", holder: asset.Holder{Company: "Hansa Gebäudereinigung GmbH", Unit: "Haus A, Ebene 1"}, expiresInDays: 10},
		{number: "0013724561 209,27537", holder: asset.Holder{Company: "Hansa Gebäudereinigung GmbH", Unit: "Haus A, Ebene 2"}, expiresInDays: 200},
		{number: "0013724618 209,27594", holder: asset.Holder{Company: "Hansa Gebäudereinigung GmbH", Unit: "Parkhaus"}, expiresInDays: 200},
		{number: "0007719403 117,51691"},
	}); err != nil {
		return err
	}
	flats, err := b.enrol(ctx, people["kundtjanst@nordlicht.example"], b.housing, []sampleFob{
		{number: "0F0368568B", hint: "125khz", holder: asset.Holder{Tenant: "Maja Öberg", Unit: "Trapphus A, lgh 1101"}},
		{number: "06008E6D5D", hint: "125khz", holder: asset.Holder{Tenant: "Maja Öberg", Unit: "Trapphus A, lgh 1101"}},
		{number: "2A00A1B2CB", hint: "125khz", holder: asset.Holder{Tenant: "Nils Öberg", Unit: "Trapphus A, lgh 1101"}},
		{number: "3B0041C7A9", hint: "125khz", holder: asset.Holder{Tenant: "Nils Öberg", Unit: "Trapphus A, lgh 1101"}},
		{number: "3B0041C8F2", hint: "125khz", holder: asset.Holder{Tenant: "Eva Sandström", Unit: "Trapphus A, lgh 1102"}},
		{number: "3B0041C91D", hint: "125khz", holder: asset.Holder{Tenant: "Eva Sandström", Unit: "Trapphus A, lgh 1102"}, note: "Barnens"},
		{number: "3B0041CA30", hint: "125khz", holder: asset.Holder{Tenant: "Hassan Ali", Unit: "Trapphus B, lgh 1201"}},
		{number: "3B0041CB77", hint: "125khz", holder: asset.Holder{Tenant: "Hassan Ali", Unit: "Trapphus B, lgh 1201"}},
		{number: "3B0041CC05", hint: "125khz", holder: asset.Holder{Tenant: "Leila Ali", Unit: "Trapphus B, lgh 1201"}},
		{number: "3B0041CD4E", hint: "125khz", holder: asset.Holder{Company: "Bageri Havregatan AB", Unit: "Lokal 3"}, expiresInDays: 20},
		{number: "3B0041CE88", hint: "125khz", holder: asset.Holder{Company: "Bageri Havregatan AB", Unit: "Lokal 3"}},
		{number: "3B0041CFB1", hint: "125khz", holder: asset.Holder{Company: "Bageri Havregatan AB", Unit: "Lokal 3"}},
	})
	if err != nil {
		return err
	}
	_, err = b.app.Desk.BlockTags(ctx, people["fastighet@vastkusten.example"], desk.BlockOrder{Tags: []string{flats[5].ID}, Reason: "Tappad på bussen"})
	return err
}

func (b *sampler) enrol(ctx context.Context, v identity.Viewer, customer string, fobs []sampleFob) ([]*asset.Tag, error) {
	var made []*asset.Tag
	for _, f := range fobs {
		e := asset.Enrolment{Number: f.number, Hint: f.hint, Customer: customer, Note: f.note}
		if f.holder != (asset.Holder{}) {
			e.Holder = &f.holder
		}
		if f.expiresInDays > 0 {
			e.Expires = asset.DayOf(b.today.AddDate(0, 0, f.expiresInDays))
		}
		t, err := b.app.Assets.Enrol(ctx, v, e)
		if err != nil {
			return nil, err
		}
		made = append(made, t)
	}
	return made, nil
}

// tagRights lets the Master user of each customer see and block its access tags.
func (b *sampler) tagRights(ctx context.Context) error {
	for _, g := range []struct {
		by    identity.Viewer
		email string
	}{{b.german, "haustechnik@elbklinik.example"}, {b.swedish, "fastighet@vastkusten.example"}} {
		p, err := b.app.People.PersonByLogin(ctx, g.email)
		if err != nil {
			return err
		}
		if err := b.app.Assets.GrantTags(ctx, g.by, p.ID, true, true); err != nil {
			return err
		}
	}
	return nil
}

// doors makes a controller with a connector and one without. Nobody needs their keys: who tries the connector has one made anew.
func (b *sampler) doors(ctx context.Context) error {
	for _, d := range []identity.NewController{
		{Name: "Entréer Kvarteret Måsen", Place: "Kungsgatan 41, trapphus A–D", Customer: b.housing},
		{Name: "Tvättstuga och cykelrum", Place: "Kungsgatan 41, källarplan", Customer: b.housing, Manual: true},
	} {
		if _, _, err := b.app.People.AddController(ctx, b.swedish, d); err != nil {
			return err
		}
	}
	_, _, err := b.app.People.AddController(ctx, b.german, identity.NewController{Name: "Zutritt Haus A", Place: "Elbchaussee 200", Customer: b.clinic})
	return err
}
