package mobileapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// SightingsInput is what a controller reports.
type SightingsInput struct {
	Body struct {
		Events []DoorEvent `json:"events" minItems:"1" maxItems:"500"`
	}
}

// DoorEvent is that a tag was shown at a door.
type DoorEvent struct {
	ID      string    `json:"id" minLength:"1" maxLength:"100" doc:"Chosen by the controller, unique for it: repeats are dropped"`
	Number  string    `json:"number" minLength:"1" maxLength:"2048" doc:"What the reader said, in any form"`
	Hint    string    `json:"hint,omitempty" enum:"125khz,13.56mhz,iso14443,hid,webnfc,android,ios,wedge" doc:"What is known of the reader"`
	Door    string    `json:"door,omitempty" maxLength:"200" doc:"As the controller calls it"`
	Granted bool      `json:"granted" doc:"The door opened"`
	At      time.Time `json:"at"`
}

// SightingsAnswer says what became of each event.
type SightingsAnswer struct {
	Results []EventResult `json:"results"`
}

// EventResult is what became of one event.
type EventResult struct {
	ID      string `json:"id"`
	Outcome string `json:"outcome" doc:"noted: the tag is in order; repeated: it was reported before; else what is wrong with the tag: blocked, replaced, retired, unassigned or unknown; or of the event: refused for what it says, too_old"`
}

// SightingList narrows the list of sightings.
type SightingList struct {
	Paging
	Tag  string `query:"tag" maxLength:"64" doc:"Code of a tag"`
	Kind string `query:"kind" enum:"blocked,replaced,retired,unassigned,unknown,found"`
}

// Sighting is that a tag turned up which should not, or that a finder wrote.
type Sighting struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind" enum:"blocked,replaced,retired,unassigned,unknown,found"`
	Source     string    `json:"source" enum:"controller,scan,finder"`
	Tag        string    `json:"tag,omitempty" doc:"Code of the tag; absent for an unknown one"`
	Customer   string    `json:"customer,omitempty" doc:"Whose tag it is"`
	Reader     string    `json:"reader,omitempty" doc:"Id of the controller, or of the person who scanned"`
	Place      string    `json:"place,omitempty" doc:"Door, or where a finder says that it was"`
	Number     string    `json:"number,omitempty" doc:"Of an unknown tag: as it was read"`
	Text       string    `json:"text,omitempty" doc:"Of a finder"`
	Contact    string    `json:"contact,omitempty" doc:"Of a finder"`
	Granted    bool      `json:"granted" doc:"The controller says that the door opened"`
	At         time.Time `json:"at"`
	ReceivedAt time.Time `json:"received_at"`
	Times      int       `json:"times" doc:"Sightings of the same tag, source and place within the hour are one"`
}

// ScanOf is one scan of a tag by a person who may see it.
type ScanOf struct {
	At     time.Time `json:"at"`
	Person string    `json:"person"`
	Name   string    `json:"name"`
	Source string    `json:"source,omitempty" doc:"How it was read; link for an opened address"`
	State  string    `json:"state" doc:"What the scan said"`
}

// ScanList is the input of GET /v1/tags/{id}/scans.
type ScanList struct {
	TagPath
	Paging
}

func (a *api) sightings() {
	report := op(http.MethodPost, "/v1/sightings", "reportSightings", "Report which tags were shown at doors", "Door controllers")
	report.Description = "Repeat a report whose answer got lost: events are known by their ids."
	edge.Operation(a.API, report, edge.Access{Who: edge.Controller, Object: "events at the controller's own doors", Permission: "none"},
		func(ctx context.Context, in *SightingsInput) (*Out[SightingsAnswer], error) {
			events := make([]scan.Event, len(in.Body.Events))
			for i, e := range in.Body.Events {
				events[i] = scan.Event{ID: e.ID, Number: e.Number, Hint: e.Hint, Door: e.Door, Granted: e.Granted, At: e.At}
			}
			outcomes, err := a.Sightings.Report(ctx, edge.ViewerFrom(ctx), events)
			if err != nil {
				return nil, err
			}
			out := SightingsAnswer{Results: make([]EventResult, len(outcomes))}
			for i, o := range outcomes {
				out.Results[i] = EventResult{ID: events[i].ID, Outcome: o}
			}
			return &Out[SightingsAnswer]{out}, nil
		}, edge.RouteOptions{Limit: "api", Body: 1 << 20})

	list := edge.Access{Who: edge.SignedIn, Object: "sightings of the own provider, or of the own customer's tags for Master users", Permission: "see tags"}
	edge.Operation(a.API, op(http.MethodGet, "/v1/sightings", "listSightings", "Tags that turned up and should not, the latest first", "Tags"), list,
		func(ctx context.Context, in *SightingList) (*Out[Page[Sighting]], error) {
			f := scan.SightFilter{Tag: in.Tag, Kind: scan.SightKind(in.Kind)}
			return page(ctx, a, fmt.Sprintf("sightings %+v", f), in.Paging, func(v identity.Viewer, after string) ([]scan.Sighting, string, error) {
				return a.Sightings.List(ctx, v, f, after, in.Limit)
			}, sightingOf)
		}, edge.RouteOptions{Limit: "api"})

	scans := op(http.MethodGet, "/v1/tags/{id}/scans", "listScans", "Who scanned a tag, the latest first", "Tags")
	scans.Description = "Kept for as many days as the service company's setting says; for staff and Master users."
	edge.Operation(a.API, scans, edge.Access{Who: edge.SignedIn, Object: "a tag of the own provider, or of the own customer for Master users", Permission: "see tags"},
		func(ctx context.Context, in *ScanList) (*Out[Page[ScanOf]], error) {
			code, err := tagging.ParseCode(in.ID)
			if err != nil {
				return nil, err
			}
			return page(ctx, a, "scans "+string(code), in.Paging, func(v identity.Viewer, after string) ([]scan.LogEntry, string, error) {
				return a.Sightings.Log(ctx, v, string(code), after, in.Limit)
			}, func(e scan.LogEntry) ScanOf {
				return ScanOf{At: e.At.Time, Person: e.Person, Name: e.Name, Source: e.Source, State: e.State}
			})
		}, edge.RouteOptions{Limit: "api"})
}

func sightingOf(s scan.Sighting) Sighting {
	return Sighting{ID: s.ID, Kind: string(s.Kind), Source: s.Source, Tag: s.Tag, Customer: s.Customer, Reader: s.Reader, Place: s.Place, Number: s.Number,
		Text: s.Text, Contact: s.Contact, Granted: s.Granted, At: s.At.Time, ReceivedAt: s.Received.Time, Times: s.Times}
}
