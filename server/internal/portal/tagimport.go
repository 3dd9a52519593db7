package portal

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/table"
	"github.com/tagwerk/tagwerk/tagging"
)

// importLimit bounds the file of an import in bytes: [asset.MaxImport] lines of 400 characters.
const importLimit = 8 << 20

// importShown is how many lines of a report are shown, first those that were refused.
const importShown = 200

// tagImportPage takes over a list of access tags from a CSV file, tells what became of each line, and gives such lists out.
type tagImportPage struct {
	Customers    []choice
	Customer     string
	MaxLines     int
	Megabytes    int
	FileError    string // message key, with the placeholders Line, Column and Field
	Line, Column int
	Field        string
	ExportError  string // message key
	MaxExport    int
	Report       *importReport
}

// importReport is what became of a file. Rows begins with the lines that were refused.
type importReport struct {
	Stored                 bool // else it was only checked, or refused as a whole
	New, Existing, Refused int
	Unknown                string // columns that were not read
	Rows                   []importRow
	More                   bool
}

type importRow struct {
	Line     int
	Number   string
	Outcome  string // message key
	Refused  bool
	Column   string // message key
	Reason   string // message key, with the placeholder Line for Other
	Other    int
	Fits     []tagLink
	Warnings []string // message keys
}

// tagLink leads to the page of a tag.
type tagLink struct{ Path, Code string }

func (p *Portal) getTagImport(r *edge.Request) error {
	return p.showTagImport(r, http.StatusOK, tagImportPage{})
}

// showTagImport renders the form; page holds what a refused one brought, or the report.
func (p *Portal) showTagImport(r *edge.Request, status int, page tagImportPage) error {
	var err error
	if page.Customers, err = p.customers(r); err != nil {
		return err
	}
	page.MaxLines, page.Megabytes, page.MaxExport = asset.MaxImport, importLimit>>20, asset.MaxExport
	return p.views.tagImport.render(r, status, page)
}

func (p *Portal) postTagImport(r *edge.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	page := tagImportPage{Customer: form.Values.Get("customer")}
	check := form.Values.Get("do") != "import"
	var data []byte
	if len(form.Files) > 0 {
		data = form.Files[0].Data
	}
	rows, unknown, err := readImport(data)
	if !p.importFault(r, &page, err) {
		return err
	}
	if page.FileError != "" {
		return p.showTagImport(r, http.StatusUnprocessableEntity, page)
	}
	report, err := p.opt.Assets.ImportTags(r.Context(), r.Viewer(), page.Customer, rows, check)
	if errors.Is(err, asset.ErrImportSize) {
		page.FileError = "import.file." + table.Empty
		return p.showTagImport(r, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return err
	}
	shown := reportOf(report)
	shown.Stored, shown.Unknown = !check && report.Refused == 0, strings.Join(unknown, ", ")
	page.Report = &shown
	p.opt.Logger.InfoContext(r.Context(), "list of tags read", "request_id", r.ID(), "action", "import tags", "person", r.Viewer().User,
		"new", report.New, "existing", report.Existing, "refused", report.Refused, "stored", shown.Stored, "result", "ok")
	status := http.StatusOK
	if report.Refused > 0 {
		status = http.StatusUnprocessableEntity
	}
	return p.showTagImport(r, status, page)
}

// errNoFile says that a form came without its file.
var errNoFile = errors.New("portal: no file")

// readImport reads the lines of a list and the names of the columns that it does not know.
func readImport(data []byte) ([]asset.ImportRow, []string, error) {
	if len(data) == 0 {
		return nil, nil, errNoFile
	}
	if len(data) > importLimit {
		return nil, nil, &table.Fault{Code: table.TooLarge}
	}
	header, lines, err := table.Read(bytes.NewReader(data), asset.MaxImport)
	if err != nil {
		return nil, nil, err
	}
	columns, err := asset.ColumnsOf(header)
	if err != nil {
		return nil, nil, err
	}
	rows := make([]asset.ImportRow, len(lines))
	for i, l := range lines {
		rows[i] = columns.Row(l.Line, l.Cells)
	}
	return rows, columns.Unknown, nil
}

// importFault notes on the page what is wrong with the file as a whole, and reports whether err is nothing else.
func (p *Portal) importFault(r *edge.Request, page *tagImportPage, err error) bool {
	var fault *table.Fault
	var column *asset.FieldError
	switch {
	case err == nil:
	case errors.Is(err, errNoFile):
		page.FileError = "portal.import.file_missing"
	case errors.As(err, &fault):
		page.FileError, page.Line, page.Column = "import.file."+fault.Code, fault.Line, fault.Column
	case errors.As(err, &column) && column.Code == asset.RepeatedColumn:
		page.FileError, page.Field = "import.file.repeated", p.text(r, "import.column."+column.Field, nil)
	case errors.As(err, &column):
		page.FileError = "import.file.no_number"
	default:
		return false
	}
	return true
}

// reportOf orders the results by how much they ask of the reader: refused lines, those with remarks, the rest.
func reportOf(report asset.ImportReport) importReport {
	shown := importReport{New: report.New, Existing: report.Existing, Refused: report.Refused, More: len(report.Results) > importShown}
	for _, wanted := range []func(asset.ImportResult) bool{
		func(l asset.ImportResult) bool { return l.Outcome == asset.ImportRefused },
		func(l asset.ImportResult) bool { return l.Outcome != asset.ImportRefused && len(l.Warnings) > 0 },
		func(l asset.ImportResult) bool { return l.Outcome != asset.ImportRefused && len(l.Warnings) == 0 },
	} {
		for _, l := range report.Results {
			if wanted(l) && len(shown.Rows) < importShown {
				shown.Rows = append(shown.Rows, importRowOf(l))
			}
		}
	}
	return shown
}

func importRowOf(l asset.ImportResult) importRow {
	row := importRow{Line: l.Line, Number: l.Number, Outcome: "portal.import.outcome." + l.Outcome, Refused: l.Outcome == asset.ImportRefused, Other: l.Other}
	if row.Refused {
		row.Reason = l.ReasonKey()
		if l.Column != "" {
			row.Column = "import.column." + l.Column
		}
	}
	for _, id := range l.Fits {
		row.Fits = append(row.Fits, tagLink{"/tags/" + id, tagging.Code(id).Print()})
	}
	for _, w := range l.Warnings {
		row.Warnings = append(row.Warnings, "import.warning."+w)
	}
	return row
}

// importColumns are the columns of a list that goes out and can come in again, by the wire names of their fields.
var importColumns = []string{"number", "hint", "customer", "tenant", "company", "unit", "issued", "expires", "note"}

func (p *Portal) header(r *edge.Request) []string {
	var names []string
	for _, c := range importColumns {
		names = append(names, p.text(r, "import.column."+c, nil))
	}
	return names
}

// getImportSample answers a small list with the columns in the reader's language.
func (p *Portal) getImportSample(r *edge.Request) error {
	var b bytes.Buffer
	w := table.NewWriter(&b)
	for _, row := range [][]string{p.header(r),
		{"0009334109", "125 kHz", "", "Anna Lind", "", "A 1101", "2026-03-01", "", ""},
		{"04A23B7C118680", "13.56 MHz", "", "", "Hansa GmbH", "B 2", "2026-03-01", "2028-12-31", ""}} {
		if err := w.Write(row...); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return r.Attachment("text/csv; charset=utf-8", "tags-sample.csv", b.Bytes())
}

// getTagExport answers the access tags of the provider, or of one of its customers, as a list that can come in again.
func (p *Portal) getTagExport(r *edge.Request) error {
	customer := r.Query("customer")
	if customer != "" {
		if _, err := p.opt.People.Customer(r.Context(), r.Viewer(), customer); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	w := table.NewWriter(&b)
	more := []string{p.text(r, "portal.tags.code", nil), p.text(r, "portal.status", nil), p.text(r, "portal.import.seen", nil)}
	if err := w.Write(append(p.header(r), more...)...); err != nil {
		return err
	}
	numbers := map[string]string{}
	err := p.opt.Assets.ExportTags(r.Context(), r.Viewer(), asset.TagFilter{Kind: asset.AccessTag, Customer: customer}, func(t asset.TagView) error {
		number, known := numbers[t.Customer]
		if !known {
			c, err := p.opt.People.Customer(r.Context(), r.Viewer(), t.Customer)
			if err != nil {
				return err
			}
			number, numbers[t.Customer] = c.Number, c.Number
		}
		return w.Write(p.exported(r, t, number)...)
	})
	if errors.Is(err, asset.ErrExportSize) {
		return p.showTagImport(r, http.StatusUnprocessableEntity, tagImportPage{Customer: customer, ExportError: "portal.import.export_size"})
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return err
	}
	return r.Attachment("text/csv; charset=utf-8", "tags-"+p.opt.Now().In(p.opt.Zone).Format("2006-01-02")+".csv", b.Bytes())
}

// exported is the line of a tag; customer is the number of its customer.
func (p *Portal) exported(r *edge.Request, t asset.TagView, customer string) []string {
	var h asset.Holder
	issued, expires, seen := "", "", ""
	if t.Holder != nil {
		h = *t.Holder
		issued = string(asset.DayOf(h.Issued.In(p.opt.Zone)))
	}
	if t.Expires.Before(store.Never.Time) {
		expires = string(lastDay(t.Tag, p.opt.Zone))
	}
	if !t.Seen.IsZero() {
		seen = t.Seen.In(p.opt.Zone).Format("2006-01-02 15:04")
	}
	return []string{t.Number, t.Hint, customer, h.Tenant, h.Company, h.Unit, issued, expires, "",
		groupCode(t.ID), p.text(r, "portal.tags.is."+tagState(t.Tag), nil), seen}
}
