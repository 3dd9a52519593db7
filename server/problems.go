package server

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/tagwerk/tagwerk/labels"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/server/table"
	"github.com/tagwerk/tagwerk/tagging"
	"github.com/tagwerk/tagwerk/tagging/picture"
)

// problems is the one table from errors of the domain to HTTP: the first entry that fits answers. What stands in no entry is a
// 500 whose text says nothing of the cause.
func problems() []edge.Mapping {
	rows := []edge.Mapping{
		// Not there and not to be known of are one answer (SEC-16).
		{Err: asset.ErrNotFound, Status: http.StatusNotFound, Code: "not_found"},
		{Err: desk.ErrNotFound, Status: http.StatusNotFound, Code: "not_found"},
		{Err: store.ErrNotFound, Status: http.StatusNotFound, Code: "not_found"},
		{Err: asset.ErrNotAllowed, Status: http.StatusForbidden, Code: "not_allowed"},
		{Err: desk.ErrNotAllowed, Status: http.StatusForbidden, Code: "not_allowed"},
		{Err: identity.ErrNotAllowed, Status: http.StatusForbidden, Code: "not_allowed"},

		{Err: scan.ErrNoIdentifier, Status: http.StatusUnprocessableEntity, Code: "not_an_identifier"},
		{Err: scan.ErrPayload, Status: http.StatusUnprocessableEntity, Code: "bad_payload"},
		{Err: scan.ErrEvents, Status: http.StatusUnprocessableEntity, Code: "invalid_input"},
		{Err: tagging.ErrNoCode, Status: http.StatusUnprocessableEntity, Code: "photo_no_code"},
		{Err: picture.ErrTooLarge, Status: http.StatusRequestEntityTooLarge, Code: "photo_too_large"},
		{Err: picture.ErrTooManyPixels, Status: http.StatusUnprocessableEntity, Code: "photo_too_many_pixels"},
		{Err: picture.ErrNotImage, Status: http.StatusUnprocessableEntity, Code: "photo_not_image"},
		{Err: picture.ErrDamaged, Status: http.StatusUnprocessableEntity, Code: "photo_damaged"},
		{Err: picture.ErrTooSlow, Status: http.StatusUnprocessableEntity, Code: "photo_too_slow"},

		{Err: desk.ErrTooManyPhotos, Status: http.StatusUnprocessableEntity, Code: "too_many_photos"},
		{Err: desk.ErrKeyReused, Status: http.StatusUnprocessableEntity, Code: "idempotency_key_reused"},
		{Err: desk.ErrStatus, Status: http.StatusConflict, Code: "status_not_possible"},
		{Err: desk.ErrThreadFull, Status: http.StatusConflict, Code: "thread_full"},

		{Err: asset.ErrKeyReused, Status: http.StatusUnprocessableEntity, Code: "idempotency_key_reused"},
		{Err: asset.ErrBound, Status: http.StatusConflict, Code: "label_bound"},
		{Err: asset.ErrTooMany, Status: http.StatusUnprocessableEntity, Code: "label_count"},
		{Err: asset.ErrSheetOrder, Status: http.StatusUnprocessableEntity, Code: "sheet_order"},
		{Err: asset.ErrStock, Status: http.StatusUnprocessableEntity, Code: "label_stock"},

		{Err: asset.ErrApproval, Status: http.StatusConflict, Code: "approval_needed"},
		{Err: asset.ErrVersion, Status: http.StatusConflict, Code: "list_version"},
		{Err: asset.ErrImportSize, Status: http.StatusUnprocessableEntity, Code: "import_size"},
		{Err: asset.ErrExportSize, Status: http.StatusUnprocessableEntity, Code: "export_size"},

		{Err: identity.ErrBadCredentials, Status: http.StatusUnauthorized, Code: "bad_credentials"},
		{Err: identity.ErrOTPRequired, Status: http.StatusUnauthorized, Code: "otp_required"},
		{Err: identity.ErrOTPWrong, Status: http.StatusUnauthorized, Code: "otp_wrong"},
		{Err: identity.ErrBusy, Status: http.StatusServiceUnavailable, Code: "busy"},
		{Err: identity.ErrSignedOut, Status: http.StatusUnauthorized, Code: "signed_out"},
		{Err: identity.ErrProofNeeded, Status: http.StatusForbidden, Code: "proof_needed"},
		{Err: identity.ErrEnrolFirst, Status: http.StatusForbidden, Code: "second_factor_required"},
		{Err: identity.ErrLoginTaken, Status: http.StatusConflict, Code: "login_taken"},
		{Err: identity.ErrNoFactor, Status: http.StatusConflict, Code: "no_factor"},

		{Err: store.ErrFull, Status: http.StatusInsufficientStorage, Code: "storage_full"},
		{Err: store.ErrClosed, Status: http.StatusServiceUnavailable, Code: "storage_stopped"},
		{Err: store.ErrBadQuery, Status: http.StatusBadRequest, Code: "invalid_request"},

		// Only handlers return these, as a Problem of their own.
		{Match: never, Status: http.StatusNotAcceptable, Code: "not_acceptable"},
		{Match: never, Status: http.StatusConflict, Code: "tag_ambiguous"},
		{Match: never, Status: http.StatusUnprocessableEntity, Code: "import_refused"},
	}
	return append(rows,
		typed(http.StatusUnprocessableEntity, "mistyped_code", func(e *tagging.CodeError, p *edge.Problem) { p.Args = typo(e) }),
		typed(http.StatusUnprocessableEntity, "photo_unsupported", func(e *picture.UnsupportedError, p *edge.Problem) {
			p.Args = map[string]any{"Kind": e.Kind}
		}),
		typed(http.StatusUnprocessableEntity, "invalid_input", func(e *desk.FieldError, p *edge.Problem) {
			p.Fields = []edge.FieldError{{Pointer: "/" + e.Field, Code: fieldCode(e.Code)}}
		}),
		typed(http.StatusUnprocessableEntity, "invalid_input", func(e *identity.FieldError, p *edge.Problem) {
			p.Fields = []edge.FieldError{{Pointer: "/" + e.Field, Code: e.Key, Message: e.Key}}
		}),
		typed(http.StatusUnprocessableEntity, "password_refused", func(e *identity.PasswordError, p *edge.Problem) {
			p.Fields = []edge.FieldError{{Pointer: "/password", Code: e.Key, Message: e.Key, Args: map[string]any{"Min": e.Min, "Max": e.Max}}}
		}),
		typed(http.StatusTooManyRequests, "too_many_tries", func(e *identity.TooManyError, p *edge.Problem) {
			p.RetryAfter = e.RetryAfter
			p.Args = map[string]any{"Seconds": int(e.RetryAfter.Seconds()) + 1}
		}),
		typed(http.StatusUnprocessableEntity, "invalid_input", func(e *asset.FieldError, p *edge.Problem) {
			p.Fields = []edge.FieldError{{Pointer: "/" + e.Field, Code: fieldCode(e.Code)}}
		}),
		typed(http.StatusUnprocessableEntity, "list_unreadable", func(e *table.Fault, p *edge.Problem) {
			p.Fields = []edge.FieldError{{Code: e.Code, Message: "import.file." + e.Code, Args: map[string]any{"Line": e.Line, "Column": e.Column}}}
		}),
		typed(http.StatusUnprocessableEntity, "tag_number", func(e *asset.ReadingError, p *edge.Problem) {
			p.Fields = []edge.FieldError{{Pointer: "/number", Code: e.Flag, Message: "reading.flag." + e.Flag}}
		}),
		typed(http.StatusConflict, "tag_fits", func(e *asset.FitsError, p *edge.Problem) {
			for _, t := range e.Match.Tags {
				p.Fields = append(p.Fields, fitting(t))
			}
		}),
		typed(http.StatusConflict, "tag_step", func(*tagging.StepError, *edge.Problem) {}),
		typed(http.StatusUnprocessableEntity, "label_too_small", func(e *labels.PreflightError, p *edge.Problem) {
			p.Args = map[string]any{"Stock": e.Stock, "MinSide": fmt.Sprintf("%.1f", e.MinSideMM)}
		}),
	)
}

func never(error) bool { return false }

// fitting names a tag on record that a number fits, as people know it.
func fitting(t asset.TagView) edge.FieldError {
	f := edge.FieldError{Pointer: "/number", Code: "fits", Args: map[string]any{"Number": t.Number, "Print": t.Code().Print()}}
	if t.Holder != nil {
		f.Message, f.Args["Holder"] = "problem.field.fits_holder", t.Holder.String()
	}
	return f
}

// typo says what is wrong with a mistyped code, from its text alone (SEC-2).
func typo(e *tagging.CodeError) map[string]any {
	reason := edge.Text{Key: "typo." + string(e.Kind), Args: map[string]any{
		"Symbol": string(e.Symbol), "Position": e.Position, "Length": e.Length, "Hint": e.Hint.Print()}}
	if e.Hint != "" {
		reason.Key += "_hint"
	}
	return map[string]any{"Reason": reason}
}

// typed maps errors of one type, whose fields say more.
func typed[E error](status int, code string, explain func(E, *edge.Problem)) edge.Mapping {
	return edge.Mapping{
		Match:  func(err error) bool { var e E; return errors.As(err, &e) },
		Status: status,
		Code:   code,
		Explain: func(err error, p *edge.Problem) {
			var e E
			if errors.As(err, &e) {
				explain(e, p)
			}
		},
	}
}

// fieldCode is the wire word of a reason; the domain's limits on texts have no number in their message.
func fieldCode(reason string) string {
	if reason == desk.TooLong {
		return "text_too_long"
	}
	return reason
}
