package mobileapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// Number is a tag number as somebody reads or types it.
type Number struct {
	Number string `json:"number" minLength:"1" maxLength:"2048" doc:"In any form: as printed, typed or read"`
	Hint   string `json:"hint,omitempty" enum:"125khz,13.56mhz,iso14443,hid,webnfc,android,ios,wedge" doc:"What is known of the reader"`
}

// MatchInput is the input of POST /v1/tags/match: exactly one of number and payload.
type MatchInput struct {
	Body struct {
		Number  string `json:"number,omitempty" maxLength:"2048" doc:"Of an access tag, in any form"`
		Payload string `json:"payload,omitempty" maxLength:"2048" doc:"What a camera read: the code of a label or card, or a foreign code on equipment"`
		Hint    string `json:"hint,omitempty" enum:"125khz,13.56mhz,iso14443,hid,webnfc,android,ios,wedge" doc:"What is known of the reader of the number"`
	}
}

// MatchAnswer is what a number or code leads to among the tags that the viewer may see.
type MatchAnswer struct {
	Decision   string      `json:"decision" enum:"none,one,confirm,ask" doc:"confirm: one fits, on so few known digits that a person must say so; ask: several fit"`
	Candidates []Candidate `json:"candidates" doc:"What the input may mean, the likeliest first"`
	Flags      []Flag      `json:"flags" doc:"Remarks on the input"`
	Tags       []TagRecord `json:"tags" doc:"Those that fit, at most 20"`
	More       bool        `json:"more,omitempty" doc:"There are others that fit"`
}

// Candidate is one meaning of an input.
type Candidate struct {
	Reading string `json:"reading" doc:"In canonical form; ? is an unknown half byte, * an unknown facility"`
	Kind    string `json:"kind" doc:"What the reading is of, in the reader's language"`
}

// Flag is a remark on an input.
type Flag struct {
	Flag string `json:"flag"`
	Text string `json:"text" doc:"In the reader's language"`
}

func (a *api) tagMatching() {
	access := edge.Access{Who: edge.SignedIn, Object: "access tags of the own customer as granted, or tags of the own provider", Permission: "see tags"}
	match := op(http.MethodPost, "/v1/tags/match", "matchTag", "Find the tag that a number or code belongs to", "Tags")
	match.Description = "Never guesses: several tags that fit are listed. A POST because numbers of access tags do not belong into URLs; it changes nothing."
	edge.Operation(a.API, match, access, func(ctx context.Context, in *MatchInput) (*Out[MatchAnswer], error) {
		v := edge.ViewerFrom(ctx)
		number, payload := strings.TrimSpace(in.Body.Number), strings.TrimSpace(in.Body.Payload)
		var m asset.NumberMatch
		var err error
		switch {
		case (number == "") == (payload == ""):
			return nil, &edge.Problem{Code: "invalid_input", Fields: []edge.FieldError{{Pointer: "/number", Code: "one_of", Args: map[string]any{"Names": "number, payload"}}}}
		case number != "":
			m, err = a.Assets.MatchNumber(ctx, v, number, in.Body.Hint)
		default:
			m, err = a.matchPayload(ctx, v, payload)
		}
		if err != nil {
			return nil, err
		}
		return &Out[MatchAnswer]{a.matchOf(ctx, m)}, nil
	}, edge.RouteOptions{Limit: "scan"})
}

// matchPayload finds the tag whose own code a payload holds, or the alias of a foreign code.
func (a *api) matchPayload(ctx context.Context, v identity.Viewer, payload string) (asset.NumberMatch, error) {
	r := tagging.ParseComponent(payload, a.Own)
	if r.Has("not_an_identifier") || r.Has("secret") {
		return asset.NumberMatch{}, scan.ErrNoIdentifier
	}
	code, own := r.Own()
	if !own {
		return a.Assets.MatchReading(ctx, v, asset.Label, "", r)
	}
	t, err := a.Assets.Tag(ctx, v, string(code))
	if errors.Is(err, asset.ErrNotFound) {
		return asset.NumberMatch{Reading: r, Decision: tagging.DecideNone}, nil
	}
	if err != nil {
		return asset.NumberMatch{}, err
	}
	return asset.NumberMatch{Reading: r, Decision: tagging.DecideOne, Tags: []asset.TagView{t}}, nil
}

func (a *api) matchOf(ctx context.Context, m asset.NumberMatch) MatchAnswer {
	out := MatchAnswer{Decision: string(m.Decision), Candidates: a.candidatesOf(ctx, m.Reading.Candidates), Flags: a.flagsOf(ctx, m.Reading.Flags),
		Tags: make([]TagRecord, len(m.Tags)), More: m.More}
	for i, t := range m.Tags {
		out.Tags[i] = recordFor(edge.ViewerFrom(ctx))(t)
	}
	return out
}

// fits adds to a *asset.FitsError the tags that fit, so that a program can show them and ask for confirmation.
func (a *api) fits(ctx context.Context, err error) error {
	var e *asset.FitsError
	if errors.As(err, &e) {
		return edge.WithDetails(err, a.matchOf(ctx, e.Match))
	}
	return err
}
