package mobileapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/table"
)

// importLimit bounds the file of an import in bytes: [asset.MaxImport] lines of 400 characters.
const importLimit = 8 << 20

// typeCSV is what lists of tags are.
const typeCSV = "text/csv"

// ImportInput is the input of POST /v1/tags/import.
type ImportInput struct {
	Customer string `query:"customer" maxLength:"64" doc:"Whose tags they are where a line names no customer"`
	Check    bool   `query:"check" doc:"Only report what would become of each line"`
	RawBody  []byte `contentType:"text/csv"`
}

// ImportReport is what became of an import. If a line is refused, nothing is stored.
type ImportReport struct {
	New      int            `json:"new"`
	Existing int            `json:"existing"`
	Refused  int            `json:"refused"`
	Unread   []string       `json:"unread,omitempty" doc:"Names of columns that are not read"`
	Results  []ImportResult `json:"results"`
}

// ImportResult is what became of one line.
type ImportResult struct {
	Line     int      `json:"line"`
	Number   string   `json:"number"`
	Outcome  string   `json:"outcome" enum:"new,exists,refused"`
	Tag      string   `json:"tag,omitempty" doc:"Code of the new or known tag"`
	Column   string   `json:"column,omitempty" doc:"What was refused: number, hint, customer, tenant, company, unit, issued, expires or note"`
	Reason   string   `json:"reason,omitempty"`
	Text     string   `json:"text,omitempty" doc:"The reason in the reader's language"`
	Fits     []string `json:"fits,omitempty" doc:"Codes of the tags that it collides with"`
	Other    int      `json:"other_line,omitempty" doc:"The line that it collides with"`
	Warnings []Flag   `json:"warnings,omitempty" doc:"Remarks that refuse nothing"`
}

// ExportInput narrows an export.
type ExportInput struct {
	State       string `query:"state" enum:"minted,printed,bound,blocked,damaged,replaced,retired"`
	Customer    string `query:"customer" maxLength:"64"`
	Holder      string `query:"holder" maxLength:"200" doc:"Words of tenant, company or unit"`
	NotSeenDays int    `query:"not_seen_days" minimum:"1" maximum:"3650"`
	Accept      string `header:"Accept"`
}

// ListFile is a list as a file.
type ListFile struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// tagLists are the operations on whole lists of access tags, as files that spreadsheets make and open.
func (a *api) tagLists() {
	limit := edge.RouteOptions{Limit: "tag_list"}

	export := op(http.MethodGet, "/v1/tags/export", "exportTags", "Access tags as a list", "Tags")
	export.Description = "Answers text/csv that can be imported again."
	export.Responses = map[string]*huma.Response{"200": {Description: "The list", Content: map[string]*huma.MediaType{
		typeCSV: {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	see := edge.Access{Who: edge.SignedIn, Object: "access tags of the own customer as granted, or of the own provider", Permission: "see tags"}
	edge.Operation(a.API, export, see, func(ctx context.Context, in *ExportInput) (*ListFile, error) {
		if !edge.Accepts(in.Accept, typeCSV) {
			return nil, &edge.Problem{Code: "not_acceptable", Args: map[string]any{"Types": typeCSV}}
		}
		f := TagFilter{Kind: string(asset.AccessTag), State: in.State, Customer: in.Customer, Holder: in.Holder, NotSeenDays: in.NotSeenDays}
		body, err := a.exportTags(ctx, f.filter())
		if err != nil {
			return nil, err
		}
		return &ListFile{ContentType: typeCSV + "; charset=utf-8", Disposition: edge.Disposition("tags.csv"), Body: body}, nil
	}, limit)

	take := op(http.MethodPost, "/v1/tags/import", "importTags", "Take over a list of access tags", "Tags")
	take.Description = "The first line names the columns: number, and any of hint, customer (its number), tenant, company, unit, issued, expires and note, also in " +
		"German or Swedish. All lines are taken over or none: if one cannot be, the answer is 422 `import_refused` with the report in `details`. " +
		"Importing a list again changes nothing."
	edge.Operation(a.API, take, edge.Access{Who: edge.Staff, Object: "access tags of customers that the own provider serves", Permission: "none"},
		func(ctx context.Context, in *ImportInput) (*Out[ImportReport], error) {
			rows, unread, err := readList(in.RawBody)
			if err != nil {
				return nil, err
			}
			r, err := a.Assets.ImportTags(ctx, edge.ViewerFrom(ctx), in.Customer, rows, in.Check)
			if err != nil {
				return nil, err
			}
			out := a.reportOf(ctx, r)
			out.Unread = unread
			if r.Refused > 0 && !in.Check {
				return nil, &edge.Problem{Code: "import_refused", Args: map[string]any{"Refused": r.Refused}, Details: out}
			}
			return &Out[ImportReport]{out}, nil
		}, edge.RouteOptions{Limit: "tag_list", Body: importLimit})
}

// readList reads the lines of a list, and the names of the columns that mean nothing.
func readList(data []byte) (rows []asset.ImportRow, unread []string, err error) {
	header, lines, err := table.Read(bytes.NewReader(data), asset.MaxImport)
	if err != nil {
		return nil, nil, err
	}
	columns, err := asset.ColumnsOf(header)
	var field *asset.FieldError
	if errors.As(err, &field) {
		f := edge.FieldError{Code: field.Code, Message: "import.file.no_number"}
		if field.Code == asset.RepeatedColumn {
			f.Message, f.Args = "import.file.repeated", map[string]any{"Field": field.Field}
		}
		return nil, nil, &edge.Problem{Code: "list_unreadable", Fields: []edge.FieldError{f}, Cause: err}
	}
	if err != nil {
		return nil, nil, err
	}
	rows = make([]asset.ImportRow, len(lines))
	for i, l := range lines {
		for j := range l.Cells {
			l.Cells[j] = table.Unguard(l.Cells[j])
		}
		rows[i] = columns.Row(l.Line, l.Cells)
	}
	return rows, columns.Unknown, nil
}

func (a *api) reportOf(ctx context.Context, r asset.ImportReport) ImportReport {
	words := func(key string, args map[string]any) string { return a.Catalogue.Text(edge.LocaleFrom(ctx), key, args) }
	out := ImportReport{New: r.New, Existing: r.Existing, Refused: r.Refused, Results: make([]ImportResult, len(r.Results))}
	for i, l := range r.Results {
		out.Results[i] = ImportResult{Line: l.Line, Number: l.Number, Outcome: l.Outcome, Tag: l.Tag, Column: l.Column, Reason: l.Reason, Fits: l.Fits, Other: l.Other}
		if l.Reason != "" {
			out.Results[i].Text = words(l.ReasonKey(), map[string]any{"Line": l.Other})
		}
		for _, w := range l.Warnings {
			out.Results[i].Warnings = append(out.Results[i].Warnings, Flag{Flag: w, Text: words("import.warning."+w, nil)})
		}
	}
	return out
}

// exportTags writes the tags that the viewer may see, under the names that an import knows.
func (a *api) exportTags(ctx context.Context, f asset.TagFilter) ([]byte, error) {
	var b bytes.Buffer
	w := table.NewWriter(&b)
	if err := w.Write("number", "hint", "customer", "tenant", "company", "unit", "issued", "expires", "note", "code", "state", "seen"); err != nil {
		return nil, err
	}
	v := edge.ViewerFrom(ctx)
	numbers := map[string]string{}
	err := a.Assets.ExportTags(ctx, v, f, func(t asset.TagView) error {
		number, known := numbers[t.Customer]
		if !known {
			c, err := a.People.Customer(ctx, v, t.Customer)
			if err != nil {
				return err
			}
			number, numbers[t.Customer] = c.Number, c.Number
		}
		var h asset.Holder
		if t.Holder != nil {
			h = *t.Holder
		}
		expires := time.Time{}
		if t.Expires.Year() < never {
			// A tag expires at the midnight after its last day.
			expires = t.Expires.Add(-time.Millisecond)
		}
		return w.Write(t.Number, t.Hint, number, h.Tenant, h.Company, h.Unit, a.day(h.Issued.Time), a.day(expires), "", t.ID, string(t.State), a.day(t.Seen.Time))
	})
	if err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// day is the day of a moment where the installation is, "" for none.
func (a *api) day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(a.Zone).Format(time.DateOnly)
}
