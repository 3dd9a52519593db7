package asset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// ImportRow is one line of a list of fobs. Line is where it stands in its file.
type ImportRow struct {
	Line     int
	Number   string
	Hint     string
	Customer string // number of the customer; "" for that of the order
	Tenant   string
	Company  string
	Unit     string
	Issued   Day
	Expires  Day
	Note     string
}

// What becomes of a line.
const (
	ImportNew     = "new"
	ImportExists  = "exists" // the number is on record, nothing changes
	ImportRefused = "refused"
)

// Reasons to refuse a line, besides those of [FieldError] and the flags of [ReadingError].
const (
	RepeatedNumber  = "repeated"       // Other is the line that has the number too
	AmbiguousNumber = "ambiguous"      // Fits are several tags on record
	OthersNumber    = "other_customer" // Fits is a tag of another customer
	BlockedNumber   = "blocked_number" // Fits is a tag that was blocked when it was retired or replaced
	OwnCode         = "own_code"       // the code of one of our tags, Fits, is no number
)

// ImportResult is what becomes of one line.
type ImportResult struct {
	Line    int
	Number  string
	Outcome string
	// Tag is the id of a new or known tag; "" for a new one that a check only counted.
	Tag string
	// Column and Reason say what was refused: the wire name of a field of the line, and a stable word. Fits are the ids of tags, and
	// Other the line, that it collides with.
	Column, Reason string
	Fits           []string
	Other          int
	// Warnings are remarks that refuse nothing, as stable words: "low_bits" (others may have the number), "not_unique" (its maker does
	// not promise that nobody has it), "several_kinds", "hint_ignored", "expired" and "fits_others" (part of it is that of other tags).
	Warnings []string
}

// ReasonKey is the message key of Reason, with the placeholder Line for Other.
func (r ImportResult) ReasonKey() string {
	switch r.Reason {
	case Missing, TooLong, NotChosen, BadText, OutOfRange, RepeatedNumber, AmbiguousNumber, OthersNumber, BlockedNumber, OwnCode:
		return "import.reason." + r.Reason
	}
	return "reading.flag." + r.Reason
}

// ImportReport is what became of an import. If any line is refused, nothing is stored.
type ImportReport struct {
	Results                []ImportResult
	New, Existing, Refused int
}

// MaxImport is the most lines of one import.
const MaxImport = 20_000

// importBatch is how many tags are written at once.
const importBatch = 1000

// ErrImportSize says that a list has no lines or over [MaxImport].
var ErrImportSize = errors.New("asset: number of lines out of range")

// ImportTags takes over a list of fobs of customers that the viewer's provider serves, all lines or none; customer is the one of
// lines that name none, "" if each does. With check set it only reports. Importing a list again changes nothing, and completes an
// import that was cut off.
func (s *Service) ImportTags(ctx context.Context, v identity.Viewer, customer string, rows []ImportRow, check bool) (ImportReport, error) {
	if !v.ActsAsStaff() || v.Provider == "" {
		return ImportReport{}, ErrNotAllowed
	}
	if len(rows) < 1 || len(rows) > MaxImport {
		return ImportReport{}, ErrImportSize
	}
	im := tagImport{s: s, v: v, customer: customer, keys: map[string][]int{}}
	if customer != "" {
		if err := s.serves(ctx, v, customer); err != nil {
			return ImportReport{}, err
		}
	}
	var err error
	if im.numbers, err = s.customerNumbers(ctx, v); err != nil {
		return ImportReport{}, err
	}
	if check {
		err = im.plan(ctx, rows)
	} else {
		err = s.alone(ctx, v.Provider, func(ctx context.Context) error {
			if err := im.plan(ctx, rows); err != nil || im.report.Refused > 0 {
				return err
			}
			return im.store(ctx)
		})
	}
	if err != nil {
		return ImportReport{}, err
	}
	if check || im.report.Refused > 0 {
		for i := range im.report.Results {
			if r := &im.report.Results[i]; r.Outcome == ImportNew {
				r.Tag = ""
			}
		}
	} else {
		s.log.InfoContext(ctx, "tags imported", "action", "import tags", "person", v.User, "provider", v.Provider, "customer", customer, "new", im.report.New, "result", "ok")
	}
	return im.report, nil
}

// tagImport is one import on its way.
type tagImport struct {
	s        *Service
	v        identity.Viewer
	customer string
	numbers  map[string][]string // customer number -> ids
	rows     []ImportRow
	read     []number
	keys     map[string][]int // key of a reading -> earlier lines
	report   ImportReport
	fresh    []*Tag
	again    []*Tag // fresh ones with the number of a tag that ended
}

// customerNumbers finds the customers of the viewer's provider by their numbers.
func (s *Service) customerNumbers(ctx context.Context, v identity.Viewer) (map[string][]string, error) {
	out := map[string][]string{}
	for after := ""; ; {
		list, next, err := s.people.Customers(ctx, v, identity.Page{After: after, Limit: 200})
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			if c.Number != "" {
				out[c.Number] = append(out[c.Number], c.ID)
			}
		}
		if after = next; next == "" {
			return out, nil
		}
	}
}

func (im *tagImport) plan(ctx context.Context, rows []ImportRow) error {
	im.rows, im.read = rows, make([]number, len(rows))
	for i := range rows {
		r, err := im.line(ctx, i)
		if err != nil {
			return err
		}
		switch r.Outcome {
		case ImportNew:
			im.report.New++
		case ImportExists:
			im.report.Existing++
		default:
			im.report.Refused++
		}
		im.report.Results = append(im.report.Results, r)
	}
	return nil
}

// line says what becomes of one line, and keeps the tag of a new one for [tagImport.store].
func (im *tagImport) line(ctx context.Context, i int) (ImportResult, error) {
	row := im.rows[i]
	r := ImportResult{Line: row.Line, Number: row.Number, Outcome: ImportRefused}
	n, t, err := im.tag(row)
	var field *FieldError
	var reading *ReadingError
	switch {
	case errors.As(err, &field):
		r.Column, r.Reason = field.Field, field.Code
		return r, nil
	case errors.As(err, &reading):
		r.Column, r.Reason = "number", reading.Flag
		return r, nil
	case err != nil:
		return r, err
	}
	r.Number, r.Warnings = n.text, n.warnings
	if t.Expires.Before(im.s.now()) {
		r.Warnings = append(r.Warnings, "expired")
	}
	im.read[i] = n
	other, weak := im.repeated(i)
	if other >= 0 {
		r.Column, r.Reason, r.Other = "number", RepeatedNumber, im.rows[other].Line
		return r, nil
	}
	known, weaker, err := im.known(ctx, n)
	if err != nil {
		return r, err
	}
	if weak || weaker {
		r.Warnings = append(r.Warnings, "fits_others")
	}
	if len(known) > 0 {
		im.judge(&r, t, known)
		return r, nil
	}
	if code, ok := tagging.ParseComponent(n.text, im.s.own).Own(); ok {
		tag, err := im.s.Tag(ctx, im.v, string(code))
		if err == nil {
			r.Column, r.Reason, r.Fits = "number", OwnCode, []string{tag.ID}
			return r, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return r, err
		}
	}
	again, err := im.s.reusable(ctx, im.v, n)
	var ended *FitsError
	if errors.As(err, &ended) {
		r.Column, r.Reason = "number", BlockedNumber
		for _, k := range ended.Match.Tags {
			r.Fits = append(r.Fits, k.ID)
		}
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if again {
		im.again = append(im.again, t)
	}
	r.Outcome, r.Tag = ImportNew, t.ID
	im.fresh = append(im.fresh, t)
	return r, nil
}

// judge says what becomes of a line whose number tags on record have.
func (im *tagImport) judge(r *ImportResult, t *Tag, known []TagView) {
	switch {
	case len(known) > 1:
		r.Column, r.Reason = "number", AmbiguousNumber
	case known[0].Customer != t.Customer:
		r.Column, r.Reason = "number", OthersNumber
	default:
		r.Outcome, r.Tag = ImportExists, known[0].ID
		return
	}
	for _, k := range known {
		r.Fits = append(r.Fits, k.ID)
	}
}

// tag makes the document of a line.
func (im *tagImport) tag(row ImportRow) (number, *Tag, error) {
	customer := im.customer
	if row.Customer != "" || customer == "" {
		ids := im.numbers[row.Customer]
		switch {
		case row.Customer == "":
			return number{}, nil, &FieldError{"customer", Missing}
		case len(ids) == 0:
			return number{}, nil, &FieldError{"customer", NotChosen}
		case len(ids) > 1:
			return number{}, nil, &FieldError{"customer", AmbiguousNumber}
		}
		customer = ids[0]
	}
	n, err := readNumber(row.Number, row.Hint, im.s.own)
	if err != nil {
		return number{}, nil, err
	}
	e := Enrolment{Customer: customer, Expires: row.Expires, Note: row.Note}
	h := Holder{Tenant: row.Tenant, Company: row.Company, Unit: row.Unit}
	if row.Issued != "" {
		d := row.Issued.Time()
		if d.IsZero() || d.After(im.s.now().AddDate(0, 0, 1)) || d.Year() < 1970 {
			return number{}, nil, &FieldError{"issued", OutOfRange}
		}
		h.Issued = store.At(time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, im.s.zone))
	}
	if h.String() != "" {
		e.Holder = &h
	}
	t, err := im.s.newAccessTag(im.v, n, e)
	return n, t, err
}

// repeated is the earlier line that has the number of line i too, or -1; weak says that a line shares a part of it alone.
func (im *tagImport) repeated(i int) (other int, weak bool) {
	other = -1
	candidates := im.read[i].reading.Candidates
	for _, c := range candidates {
		for _, key := range tagging.Lookups(c) {
			for _, j := range im.keys[key] {
				if bitsOf(candidates, im.read[j].reading.Candidates) >= leastUnique {
					other = j
				} else {
					weak = true
				}
			}
		}
	}
	for _, c := range candidates {
		for _, key := range tagging.Keys(c) {
			if !slices.Contains(im.keys[key], i) {
				im.keys[key] = append(im.keys[key], i)
			}
		}
	}
	return other, weak
}

// known are the tags on record that have the number; weak says that others share a part of it alone, as the short forms of numbers
// do by chance.
func (im *tagImport) known(ctx context.Context, n number) (same []TagView, weak bool, err error) {
	m, err := im.s.match(ctx, im.v, search{kind: AccessTag, providers: []string{im.v.Provider}, most: maxMatchReads}, n.reading)
	for _, t := range m.Tags {
		if bitsOf(n.reading.Candidates, t.Readings) >= leastUnique {
			same = append(same, t)
		} else {
			weak = true
		}
	}
	return same, weak, err
}

// bitsOf is how many bits two numbers have in common at most, 0 if they do not fit.
func bitsOf(a, b []string) int {
	most := 0
	for _, x := range a {
		for _, y := range b {
			bits, _ := tagging.Fit(x, y)
			most = max(most, bits)
		}
	}
	return most
}

// store writes the new tags. Who imports the list again finds those that were written before a crash.
func (im *tagImport) store(ctx context.Context) error {
	for batch := range slices.Chunk(im.fresh, importBatch) {
		ids := make([]string, len(batch))
		for i, t := range batch {
			ids[i] = t.ID
		}
		if err := im.s.tags.InsertAll(ctx, ids, batch); err != nil {
			return fmt.Errorf("asset: import: %w", err)
		}
	}
	for _, t := range im.again {
		if err := im.s.reuse(ctx, im.v, t); err != nil {
			return fmt.Errorf("asset: import: %w", err)
		}
	}
	return nil
}
