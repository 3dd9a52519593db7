package server

import (
	"context"
	"fmt"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/identity"
)

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
	// Numbers stand as they were entered: off a reader, or as they are printed on the fob.
	if _, err := b.enrol(ctx, people["dispo@nordlicht.example"], b.clinic, []asset.ImportRow{
		{Number: "04:A2:3B:7C:11:86:80", Hint: "13.56mhz", Tenant: "Dr. Helene Voss", Company: "Elbklinik Altona", Unit: "Haus A, Apotheke"},
		{Number: "04:51:AA:C3:79:00:00", Hint: "13.56mhz", Tenant: "Murat Yıldız", Company: "Elbklinik Altona", Unit: "Haus A, Apotheke"},
		{Number: "0010597067 161,45771", Company: "Hansa Gebäudereinigung GmbH", Unit: "Haus A, Ebene 1", Expires: b.inDays(10)},
		{Number: "0013724561 209,27537", Company: "Hansa Gebäudereinigung GmbH", Unit: "Haus A, Ebene 2", Expires: b.inDays(200)},
		{Number: "0013724618 209,27594", Company: "Hansa Gebäudereinigung GmbH", Unit: "Parkhaus", Expires: b.inDays(200)},
		{Number: "0007719403 117,51691"},
	}); err != nil {
		return err
	}
	flats, err := b.enrol(ctx, people["kundtjanst@nordlicht.example"], b.housing, []asset.ImportRow{
		{Number: "0F0368568B", Hint: "125khz", Tenant: "Maja Öberg", Unit: "Trapphus A, lgh 1101"},
		{Number: "06008E6D5D", Hint: "125khz", Tenant: "Maja Öberg", Unit: "Trapphus A, lgh 1101"},
		{Number: "2A00A1B2CB", Hint: "125khz", Tenant: "Nils Öberg", Unit: "Trapphus A, lgh 1101"},
		{Number: "3B0041C7A9", Hint: "125khz", Tenant: "Nils Öberg", Unit: "Trapphus A, lgh 1101"},
		{Number: "3B0041C8F2", Hint: "125khz", Tenant: "Eva Sandström", Unit: "Trapphus A, lgh 1102"},
		{Number: "3B0041C91D", Hint: "125khz", Tenant: "Eva Sandström", Unit: "Trapphus A, lgh 1102", Note: "Barnens"},
		{Number: "3B0041CA30", Hint: "125khz", Tenant: "Hassan Ali", Unit: "Trapphus B, lgh 1201"},
		{Number: "3B0041CB77", Hint: "125khz", Tenant: "Hassan Ali", Unit: "Trapphus B, lgh 1201"},
		{Number: "3B0041CC05", Hint: "125khz", Tenant: "Leila Ali", Unit: "Trapphus B, lgh 1201"},
		{Number: "3B0041CD4E", Hint: "125khz", Company: "Bageri Havregatan AB", Unit: "Lokal 3", Expires: b.inDays(20)},
		{Number: "3B0041CE88", Hint: "125khz", Company: "Bageri Havregatan AB", Unit: "Lokal 3"},
		{Number: "3B0041CFB1", Hint: "125khz", Company: "Bageri Havregatan AB", Unit: "Lokal 3"},
	})
	if err != nil {
		return err
	}
	_, err = b.app.Desk.BlockTags(ctx, people["fastighet@vastkusten.example"], desk.BlockOrder{Tags: []string{flats[5]}, Reason: "Tappad på bussen"})
	return err
}

func (b *sampler) inDays(n int) asset.Day { return asset.DayOf(b.today.AddDate(0, 0, n)) }

// enrol takes a list of fobs over and returns their ids.
func (b *sampler) enrol(ctx context.Context, v identity.Viewer, customer string, fobs []asset.ImportRow) ([]string, error) {
	for i := range fobs {
		fobs[i].Line = i + 1
	}
	report, err := b.app.Assets.ImportTags(ctx, v, customer, fobs, false)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range report.Results {
		if r.Outcome != asset.ImportNew {
			return nil, fmt.Errorf("fob %s is %s: %s %s", r.Number, r.Outcome, r.Column, r.Reason)
		}
		ids = append(ids, r.Tag)
	}
	return ids, nil
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
