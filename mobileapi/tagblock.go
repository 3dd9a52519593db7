package mobileapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/tagging"
)

// ReasonInput is the input of blocking or reactivating one tag.
type ReasonInput struct {
	TagPath
	Key
	Body struct {
		Reason string `json:"reason" maxLength:"500"`
	}
}

// BlockInput is the input of POST /v1/tags/block: exactly one of number and tags.
type BlockInput struct {
	Key
	Body struct {
		Number  string   `json:"number,omitempty" maxLength:"2048" doc:"In any form, or the code on the tag's card"`
		Hint    string   `json:"hint,omitempty" enum:"125khz,13.56mhz,iso14443,hid,webnfc,android,ios,wedge" doc:"What is known of the reader of the number"`
		Tags    []string `json:"tags,omitempty" maxItems:"50" doc:"Codes of tags of one customer, such as those of a holder"`
		Reason  string   `json:"reason" maxLength:"500"`
		Confirm bool     `json:"confirm,omitempty" doc:"After 409 tag_ambiguous with one tag: it is that one"`
	}
}

// BlockAnswer is what became of an order to block: the tags are refused from now on.
type BlockAnswer struct {
	Request string      `json:"request" doc:"Number of the request that documents it"`
	Tags    []TagRecord `json:"tags"`
}

// ReactivateAnswer is what became of an order to reactivate.
type ReactivateAnswer struct {
	Request string    `json:"request" doc:"Number of the request that documents it"`
	Waiting bool      `json:"waiting" doc:"Staff have to approve; the tag stays blocked"`
	Tag     TagRecord `json:"tag"`
}

// ReactivateOut is 200, or 202 while the order waits for staff.
type ReactivateOut struct {
	Status int
	Body   ReactivateAnswer
}

// DecisionInput is the input of POST /v1/requests/{number}/decision.
type DecisionInput struct {
	NumberInput
	Body struct {
		Approve bool   `json:"approve"`
		Reason  string `json:"reason" maxLength:"500"`
	}
}

// ProofInput is the input of POST /v1/me/proof.
type ProofInput struct {
	Body struct {
		Password string `json:"password" minLength:"1" maxLength:"1024"`
		OTP      string `json:"otp,omitempty" maxLength:"40" doc:"TOTP or recovery code, where a second factor is set up"`
	}
}

func (a *api) blocking() {
	may := edge.Access{Who: edge.SignedIn, Object: "access tags of the own customer as granted, or tags of the own provider", Permission: "block tags"}
	limit := edge.RouteOptions{Limit: "report"}

	one := op(http.MethodPost, "/v1/tags/{id}/block", "blockTag", "Block a lost tag", "Tags")
	one.Description = "It is refused at every scan from the answer on, and door controllers are told. Blocking a blocked tag changes nothing."
	edge.Operation(a.API, one, may, func(ctx context.Context, in *ReasonInput) (*Out[BlockAnswer], error) {
		return a.block(ctx, []string{in.ID}, in.Body.Reason, in.key())
	}, limit)

	byNumber := op(http.MethodPost, "/v1/tags/block", "blockTags", "Block lost tags, by number in any form or by their codes", "Tags")
	byNumber.Description = "A number that does not lead to exactly one tag without doubt is answered 409 `tag_ambiguous`, with what fits in `details` in the form of matchTag, " +
		"and blocks nothing: send the code of the right one in `tags`, or `confirm` if `decision` is confirm."
	edge.Operation(a.API, byNumber, may, func(ctx context.Context, in *BlockInput) (*Out[BlockAnswer], error) {
		number := strings.TrimSpace(in.Body.Number)
		if (number == "") == (len(in.Body.Tags) == 0) {
			return nil, &edge.Problem{Code: "invalid_input", Fields: []edge.FieldError{{Pointer: "/number", Code: "one_of", Args: map[string]any{"Names": "number, tags"}}}}
		}
		tags := in.Body.Tags
		if number != "" {
			id, err := a.certain(ctx, number, in.Body.Hint, in.Body.Confirm)
			if err != nil {
				return nil, err
			}
			tags = []string{id}
		}
		return a.block(ctx, tags, in.Body.Reason, in.key())
	}, limit)

	again := op(http.MethodPost, "/v1/tags/{id}/reactivate", "reactivateTag", "Let a blocked tag pass again", "Tags")
	again.Description = "Needs proof by POST /v1/me/proof in the five minutes before, else 403 `proof_needed`. Answers 202 where staff of the service company have to approve."
	edge.Operation(a.API, again, may, func(ctx context.Context, in *ReasonInput) (*ReactivateOut, error) {
		code, err := tagging.ParseCode(in.ID)
		if err != nil {
			return nil, err
		}
		r, err := a.Desk.ReactivateTag(ctx, edge.ViewerFrom(ctx), desk.ReactivateOrder{Tag: string(code), Reason: in.Body.Reason, Key: in.key()})
		if err != nil {
			return nil, err
		}
		out := &ReactivateOut{Status: http.StatusOK, Body: ReactivateAnswer{Request: r.Request.Number, Waiting: r.Waiting}}
		if r.Waiting {
			out.Status = http.StatusAccepted
		}
		out.Body.Tag, err = a.recordOf(ctx, r.Tag)
		return out, err
	}, limit)

	decide := op(http.MethodPost, "/v1/requests/{number}/decision", "decideReactivation", "Approve or refuse a reactivation", "Requests")
	decide.Description = "Needs proof by POST /v1/me/proof in the five minutes before, else 403 `proof_needed`."
	edge.Operation(a.API, decide, edge.Access{Who: edge.Staff, Object: "one request of the own provider", Permission: "none"},
		func(ctx context.Context, in *DecisionInput) (*Out[Request], error) {
			return viewed(a.Desk.DecideReactivation(ctx, edge.ViewerFrom(ctx), in.Number, in.Body.Approve, in.Body.Reason))
		}, edge.RouteOptions{Limit: "api"})

	proof := op(http.MethodPost, "/v1/me/proof", "prove", "Show password and second factor again", "Sessions")
	proof.Description = "For what answers 403 `proof_needed` without it."
	edge.Operation(a.API, proof, edge.Access{Who: edge.SignedIn, Object: "own session", Permission: "none"},
		func(ctx context.Context, in *ProofInput) (*struct{}, error) {
			return nil, a.People.Prove(ctx, edge.ViewerFrom(ctx), in.Body.Password, in.Body.OTP)
		}, edge.RouteOptions{Limit: "api"})
}

// certain is the one tag that a number leads to without doubt, or that the caller confirms; else nothing may be blocked
// (standards.md 2.6).
func (a *api) certain(ctx context.Context, number, hint string, confirm bool) (string, error) {
	m, err := a.Assets.MatchNumber(ctx, edge.ViewerFrom(ctx), number, hint)
	if err != nil {
		return "", err
	}
	switch {
	case m.Decision == tagging.DecideOne, m.Decision == tagging.DecideConfirm && confirm:
		return m.Tags[0].ID, nil
	case m.Decision == tagging.DecideNone:
		return "", asset.ErrNotFound
	}
	return "", &edge.Problem{Code: "tag_ambiguous", Details: a.matchOf(ctx, m), Cause: &asset.FitsError{Match: m}}
}

func (a *api) block(ctx context.Context, tags []string, reason, key string) (*Out[BlockAnswer], error) {
	order := desk.BlockOrder{Tags: make([]string, len(tags)), Reason: reason, Key: key}
	for i, tag := range tags {
		code, err := tagging.ParseCode(tag)
		if err != nil {
			return nil, err
		}
		order.Tags[i] = string(code)
	}
	b, failed := a.Desk.BlockTags(ctx, edge.ViewerFrom(ctx), order)
	if failed != nil && b.Request == nil {
		return nil, failed
	}
	out := BlockAnswer{Request: b.Request.Number, Tags: make([]TagRecord, len(b.Tags))}
	for i, t := range b.Tags {
		var err error
		if out.Tags[i], err = a.recordOf(ctx, t); err != nil {
			return nil, err
		}
	}
	if failed != nil {
		// Those before the one that failed are blocked.
		return nil, edge.WithDetails(failed, out)
	}
	return &Out[BlockAnswer]{out}, nil
}
