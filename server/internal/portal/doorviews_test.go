package portal

import (
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/scan"
)

// doorExecutions are the views of door controllers, sightings, lists of tags, settings and finders.
func doorExecutions(p *Portal, contact identity.Provider) []execution {
	v := p.views
	at := func(ago time.Duration) store.Time { return store.At(noon.Add(-ago)) }
	customers := []choice{{"c1", "Elbklinik Altona (10423)"}, {"c2", "Västkustens Bostäder (20077)"}}
	row := controllerRow{ID: "d1", Name: "Haupteingang", Place: "Haus A", Customer: "Elbklinik Altona", Heard: at(2 * time.Minute)}
	late, manual, never := row, row, row
	late.Waiting, late.Silent, late.Fell, late.Trouble, late.KeyEnded = 1, true, true, true, true
	manual.Manual, manual.Waiting, manual.ManyWaiting = true, 200, true
	never.Never, never.KeyEnding, never.Waiting, never.Customer = true, true, 7, ""
	refused := controllerForm{Tried: true, Name: "", Webhook: "ftp://x", Customer: "c9", Customers: customers,
		NameError: "identity.field.required", PlaceError: "identity.field.long", CustomerError: "identity.reference.unknown", WebhookError: "identity.webhook.invalid"}
	tags := []doorTagRow{
		{Code: "7K3M-9QXD-2VHTP", Path: "/tags/7K3M9QXD2VHTP", Number: "0009334109", Holder: "Karin · Wohnung 4", Blocked: true, Requested: at(time.Hour)},
		{Code: "7K3M-9QXD-2VHTP", Path: "/tags/x", Blocked: true, Requested: at(time.Hour), Sent: at(time.Minute), IsSent: true},
		{Code: "7K3M-9QXD-2VHTP", Path: "/tags/x", Requested: at(time.Hour), Sent: at(time.Minute), IsSent: true, Acked: at(time.Second), IsAcked: true},
		{Code: "7K3M-9QXD-2VHTP", Path: "/tags/x", Blocked: true, Requested: at(time.Hour), Acked: at(time.Second), IsAcked: true, By: "Jörg Petersen"},
		{Code: "7K3M-9QXD-2VHTP", Path: "/tags/x", Blocked: true, Requested: at(time.Hour), Failed: "memory full"},
	}
	keys := []identity.ControllerKey{{Hint: "7Q2M", Created: at(time.Hour), Expires: at(-time.Hour), Used: at(time.Minute)}, {Hint: "AAAA", Created: at(time.Hour), Expires: at(time.Minute)}}
	full := controllerPage{controllerRow: late, Webhook: "https://doors.example/hook", Version: 12, Acked: 9, AckedAt: at(time.Hour),
		FellBack: &asset.DoorFall{From: 11, To: 9, At: at(time.Hour)}, Keys: keys, Tags: tags, MoreTags: true, May: true, Form: refused, Unconfirmed: "rotate"}
	seen := []sightingRow{
		{Kind: scan.SawBlocked, Number: "0009334109", TagPath: "/tags/x", Holder: "Karin", Place: "Tür 3", Reader: "Haupteingang", Source: "controller", Granted: true, At: at(time.Minute), Times: 4, Reactivate: "/tags/x/reactivate"},
		{Kind: scan.SawUnknown, Number: "ABC", Place: "Tür 3", Source: "controller", At: at(time.Hour), Times: 1},
		{Kind: scan.SawFound, Place: "Bushaltestelle", Source: "finder", Text: "Liegt beim Fahrer.\nBitte melden.", Contact: "+49 40 1", At: at(time.Hour), Times: 1},
		{Kind: scan.SawReplaced, Number: "1", TagPath: "/tags/x", Source: "scan", Reader: "Jörg", At: at(time.Hour), Times: 1},
		{Kind: scan.SawRetired, Source: "scan", At: at(time.Hour), Times: 1}, {Kind: scan.SawUnassigned, Source: "scan", At: at(time.Hour), Times: 1},
	}
	report := importReport{Refused: 1, Unknown: "Farbe", New: 2, Existing: 1, More: true, Rows: []importRow{
		{Line: 3, Number: "12", Outcome: "portal.import.outcome.refused", Refused: true, Column: "import.column.number", Reason: "import.reason.repeated", Other: 7, Fits: []tagLink{{"/tags/x", "7K3M-9QXD-2VHTP"}}},
		{Line: 2, Number: "0009334109", Outcome: "portal.import.outcome.new", Warnings: []string{"import.warning.low_bits"}}}}
	form := foundPage{Action: "/t/7K3M9QXD2VHTP/found", Code: "7K3M-9QXD-2VHTP", Contact: contact, Token: "t", Days: 30, MaxLine: 1, MaxText: 3}
	wrong := foundPage{Action: "/found", Contact: contact, Token: "t", Number: "1", Place: "x", Text: "y", Reach: "z", NumberError: "portal.found.number_missing", PlaceError: "portal.found.place_missing",
		TextError: "portal.found.too_long", ReachError: "portal.text.bad_text", Error: "portal.found.too_old"}
	soon, many := form, form
	soon.Error, many.Error = "portal.found.too_soon", "portal.found.too_many"
	return []execution{
		of("controllers", v.controllers, controllersPage{}, controllersPage{May: true, Form: controllerForm{Customers: customers}, Protocol: protocolDocument},
			controllersPage{May: true, Form: refused, Protocol: protocolDocument, Rows: []controllerRow{late, manual, never, row}}),
		of("controller", v.controller, full, controllerPage{controllerRow: row}, controllerPage{controllerRow: manual, May: true, Unconfirmed: "acknowledge"},
			controllerPage{controllerRow: never, May: true, Unconfirmed: "deactivate"}),
		of("controller-keys", v.controllerKeys, controllerKeysPage{ID: "d1", Name: "Haupteingang", Key: "twc_x", Secret: "whsec_x", URL: "https://x", Protocol: protocolDocument}, controllerKeysPage{Rotated: true}),
		of("sightings", v.sightings, sightingsPage{Path: "/sightings", Kinds: sightKinds, Unseen: unseenDays}, sightingsPage{Path: "/staff/sightings", Kind: scan.SawFound, Kinds: sightKinds, Unseen: unseenDays},
			sightingsPage{Path: "/staff/sightings", Kinds: sightKinds, Rows: seen, More: "/x", Unseen: unseenDays, Tag: "7K3M9QXD2VHTP"}),
		of("tag-import", v.tagImport, tagImportPage{Customers: customers, MaxLines: 9}, tagImportPage{Customers: customers, Customer: "c2", FileError: "import.file.quotes", Line: 3, Column: 7, ExportError: "portal.import.export_size", Report: &report},
			tagImportPage{Report: &importReport{Stored: true, New: 3}}, tagImportPage{Report: &importReport{Existing: 3}}),
		of("tag-settings", v.tagSettings, tagSettingsPage{KeepScans: "30", KeepSightings: "30", MaxDays: 9},
			tagSettingsPage{Approve: true, AlertOwner: true, FoundForm: true, LogScans: true, KeepScans: "x", ScansError: "portal.tag_settings.days_range", SightingsError: "portal.tag_settings.days_range"}),
		of("tag-rights", v.tagRights, tagRightsPage{Customers: customers}, tagRightsPage{Customers: customers, Customer: "c1", Name: "Elbklinik"},
			tagRightsPage{Customers: customers, Customer: "c1", Name: "Elbklinik", Users: []tagRightsRow{{ID: "u1", Name: "Karin", Email: "karin@elbklinik.example", Role: "identity.role.master", See: true, Block: true},
				{ID: "u2", Name: "Ute", Role: "identity.role.general"}}, Next: "/x", Previous: "/y"}),
		of("found", v.found, form, wrong, soon, many),
		of("found-thanks", v.foundThanks, foundThanksPage{contact}),
	}
}
