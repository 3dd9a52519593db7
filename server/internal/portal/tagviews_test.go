package portal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// tagExecutions are the views of tags: the register, one tag, the lost one and the missing one.
func tagExecutions(p *Portal) []execution {
	v := p.views
	at := store.At(noon.Add(-3 * time.Hour))
	fob := tagRow{Code: "7K3M9QXD2VHTP", Number: "0009334109 142,27997", State: "issued", Kind: asset.AccessTag, Holder: "Maja Öberg", Where: "Trapphus A · lgh 1101",
		Customer: "Västkustens Bostäder", Expires: p.due("2026-12-01"), Seen: at, Updated: at, MayBlock: true}
	drawer := tagRow{Code: "7K3M9QXD2VHTP", Number: "04:A2:3B:7C:11:86:80", State: "drawer", Kind: asset.AccessTag, Updated: at, MayBlock: true}
	blocked := fob
	blocked.State, blocked.MayBlock, blocked.MayAllow, blocked.Request, blocked.Expires = "blocked", false, true, "100003", p.due("2026-11-01")
	rows := []tagRow{fob, drawer, blocked}
	var states []tagRow
	for _, kind := range []asset.TagKind{asset.AccessTag, asset.Label} {
		for _, s := range tagStates[kind] {
			states = append(states, tagRow{Code: "7K3M9QXD2VHTP", Number: "7K3M-9QXD-2VHTP", Kind: kind, State: tagState(&asset.Tag{Kind: kind, State: s}), Updated: at})
		}
	}
	var history []historyRow
	for _, s := range append(allSteps, asset.ReadNumber) {
		history = append(history, historyRow{Step: s, Name: "Åsa Lindström", At: at, Note: "Maja Öberg"})
	}
	history = append(history, historyRow{Step: tagging.Block, At: at, ByMachine: true})
	var readings []readingRow
	for _, kind := range []string{"em4100", "iso14443", "iso15693", "felica", "h10301", "h10302", "h10304", "h10306", "c1k35", "raw", "own", "gs1", "di", "url", "text", "other"} {
		readings = append(readings, readingRow{kind, "06008E6D5D"})
	}
	proof := []doorRow{{Name: "Haupteingang", Place: "Haus A", Requested: at}, {Name: "Keller", Requested: at, Sent: at, IsSent: true, Failed: "memory full"},
		{Name: "Nord", Requested: at, Sent: at, IsSent: true, Acked: at, IsAcked: true}, {Name: "Süd", Manual: true, Requested: at, Acked: at, IsAcked: true, By: "Åsa"}}
	steps := []tagging.Step{tagging.Issue, tagging.Return, tagging.Damage, tagging.Replace, stepRead, tagging.Retire}
	refused := stepForm{Step: stepRead, Error: "portal.tag.fits", Fits: rows, Number: "1", Hint: "hid"}
	customers := []choice{{"c1", "Elbklinik Altona (10423)"}, {"c2", "Västkustens Bostäder (20077)"}}
	group := tagGroup{By: "unit", Name: "Trapphus A, lgh 1101", Customer: "c2", Tags: 4, People: "Maja Öberg, Nils Öberg"}
	ticked := []tickedTag{{fob, "0009334109"}, {drawer, "142,27997"}}
	missing := func(n int, said said) eliminationPage {
		return eliminationPage{Group: &group, Ticks: "7K3M9QXD2VHTP=0009334109", Ticked: ticked, Missing: rows[:n], Said: said, Key: "form-1"}
	}
	asked := missing(2, said{})
	asked.Ask = &askedTag{Read: "27997", Hint: "hid", Tags: rows}
	photo := missing(2, said{Key: "portal.find.unknown", Read: "12", Remarks: []string{"portal.find.refine"}})
	photo.PhotoError, photo.MoreTags = "portal.scan.photo_no_code", true
	list := tagsPage{Filter: tagFilter{Kind: asset.AccessTag, Query: "1101", NotSeen: "45", Customer: "c2", State: tagging.Bound}, Filtered: true, Staff: true,
		States: []stateChoice{{tagging.Bound, "issued"}, {tagging.Minted, "drawer"}}, Unseen: []string{"30", "45"}, Customers: customers, Rows: states, Matches: rows, MoreMatches: true, More: "/x"}
	labels := list
	labels.Filter, labels.Matches, labels.Customers = tagFilter{Kind: asset.Label}, nil, nil
	return []execution{
		of("tags", v.tags, tagsPage{}, tagsPage{Staff: true}, tagsPage{Filter: tagFilter{Kind: asset.Label}, Staff: true}, tagsPage{Filtered: true}, tagsPage{Matches: rows[:1], Filtered: true}, list, labels),
		of("tag", v.tag, tagPage{tagRow: fob, Printed: "7K3M-9QXD-2VHTP", Issued: at, Readings: readings, History: history, Proof: proof, Old: "7K3M9QXD2VHTP", Staff: true, Steps: steps, Hints: readerKinds, Form: refused, Sightings: "/x", Log: true,
			Scans: []scan.LogEntry{{Name: "Ute", At: at}}},
			tagPage{tagRow: blocked, Printed: "X", New: "7K3M9QXD2VHTP", History: history[:1], Form: stepForm{Step: tagging.Block, Error: "portal.tag.step_not_possible"}},
			tagPage{tagRow: drawer, Printed: "X", Steps: steps, Form: stepForm{Step: tagging.Replace, Error: "portal.tag.replace_unclear", Number: "1"}},
			tagPage{tagRow: tagRow{Code: "7K3M9QXD2VHTP", Number: "X", Kind: asset.Label, State: "bound", Foreign: true, Component: "Öffner 1"}, Steps: []tagging.Step{tagging.Damage, tagging.Replace, tagging.Retire}}),
		of("enrol", v.enrol, enrolPage{Customers: customers, Hints: readerKinds}, enrolPage{Customers: customers, Hints: readerKinds, Error: "portal.tag.number_missing", CustomerError: "portal.tag.customer_missing", DayError: "portal.tag.bad_day",
			Form: enrolForm{stepForm{Number: "1", Hint: "hid"}, "c2"}}, enrolPage{Fits: rows, Hints: readerKinds}),
		of("block", v.block, blockPage{Tag: fob, Key: "form-1"}, blockPage{Tag: drawer, Error: "portal.text.too_long", Reason: "x"}),
		of("reactivate", v.reactivate, reactivatePage{Tag: blocked, Key: "form-1"}, reactivatePage{Tag: blocked, Approval: true, Error: "portal.text.missing", Reason: "x"}),
		of("choose", v.choose, choosePage{Confirm: true, Read: "27997", Rows: []chosenRow{{Path: "/tags/X", Printed: "1", Name: "Maja", Where: "A", State: "active", Fob: true}}},
			choosePage{Read: "27997", More: true, Rows: []chosenRow{{Path: "/t/X", Printed: "1", State: "replaced"}, {Path: "/tags/X", Printed: "2", State: "blocked", Fob: true}}}),
		of("unknown", v.unknown, unknownPage{Payload: "(21)17", Bind: true, Enrol: true, Readings: readings, Remarks: []string{"portal.find.refine"}}, unknownPage{Payload: "7K3M", Typo: &typo{Message: "portal.mistyped.wrong_length", Length: 12, Hint: "X", HintPath: "/t/X"}}),
		of("lost", v.lost, lostPage{}, lostPage{Error: "portal.lost.none", Remarks: []string{"portal.find.refine"}, Number: "1"}, lostPage{HolderError: "portal.lost.holder_none", PhotoError: "portal.scan.photo_no_code"},
			lostPage{Found: rows[:1], How: "one", Key: "form-1"}, lostPage{Found: rows[2:], How: "one"}, lostPage{Found: rows[:1], How: "confirm"}, lostPage{Found: rows, How: "ask", More: true}, lostPage{Found: rows, How: "holder"}),
		of("elimination", v.elimination, eliminationPage{}, eliminationPage{Customers: customers, Customer: "c2", Searched: true}, eliminationPage{Query: "x", Searched: true, Groups: []tagGroup{group, {By: "tenant", Name: "Maja"}}, MoreTags: true},
			eliminationPage{Group: &group, Missing: rows}, eliminationPage{Group: &tagGroup{By: "unit", Name: "leer"}}, missing(0, said{Key: "portal.find.there", Good: true, Number: "1"}),
			missing(1, said{Key: "portal.find.blocked", Read: "1", Code: "7K3M9QXD2VHTP"}), missing(3, said{Key: "portal.find.other", Read: "1", Holder: "Nils", Code: "7K3M9QXD2VHTP"}), asked, photo),
	}
}

// allSteps are all steps in the life of a tag.
var allSteps = []tagging.Step{tagging.Mint, tagging.Print, tagging.Bind, tagging.Issue, tagging.Return, tagging.Block, tagging.Reactivate, tagging.Damage, tagging.Replace, tagging.Retire}

func TestTicks(t *testing.T) {
	list := ticks{{"7K3M9QXD2VHTP", "142,27997"}, {"FR23R1AVZZEQ6", "a=b c\n%"}}
	again := readTicks(list.String())
	if len(again) != 2 || again[0] != list[0] || again[1] != list[1] {
		t.Errorf("ticks come back as %q", again)
	}
	for _, field := range []string{"nonsense", "7K3M9QXD2VHTU=1", "7K3M9QXD2VHTP=%zz", "=", "7K3M9QXD2VHTP"[:12] + "=x"} {
		if got := readTicks(field); len(got) != 0 {
			t.Errorf("%q is read as %q", field, got)
		}
	}
	var many ticks
	for range maxGroup + 10 {
		many = append(many, list[0])
	}
	if got := len(readTicks(many.String())); got != maxGroup {
		t.Errorf("SEC-49 a form carries %d ticks", got)
	}
}

func TestGroupsOf(t *testing.T) {
	hold := func(tenant, company, unit string, state tagging.State) asset.TagView {
		return asset.TagView{Tag: &asset.Tag{Kind: asset.AccessTag, State: state, Holder: &asset.Holder{Tenant: tenant, Company: company, Unit: unit}}}
	}
	list := []asset.TagView{hold("Maja Öberg", "", "A 1101", tagging.Bound), hold("Nils Öberg", "", "A 1101", tagging.Damaged), hold("Eva Berg", "", "A 1102", tagging.Bound),
		hold("Eva Berg", "", "A 1101", tagging.Blocked), hold("", "Bageriet AB", "", tagging.Bound), {Tag: &asset.Tag{Kind: asset.AccessTag, State: tagging.Minted}}}
	for _, c := range []struct {
		query string
		found []asset.TagView // what the register answers to the query
		want  string
	}{
		{"", list, "A 1101 2 Maja Öberg, Nils Öberg; A 1102 1 Eva Berg; Bageriet AB 1 "},
		{"a 1101", list[:2], "A 1101 2 Maja Öberg, Nils Öberg"},
		{"eva", list[2:4], "Eva Berg 1 "},
		// No part of the holder has both words, so the unit stands for it.
		{"eva 1102", list[2:3], "A 1102 1 Eva Berg"},
	} {
		var got []string
		for _, g := range groupsOf(c.found, c.query, "c1") {
			got = append(got, fmt.Sprintf("%s %d %s", g.Name, g.Tags, g.People))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("X-8 %q finds %q, want %q", c.query, got, c.want)
		}
	}
}
