package asset

import (
	"context"
	"errors"

	"github.com/tagwerk/tagwerk/server/identity"
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

// ImportResult is what becomes of one line.
type ImportResult struct {
	Line   int
	Number string
	// Outcome is "new", "exists" (the number is on record, nothing changes) or "refused".
	Outcome string
	// Tag is the id of a new or known tag.
	Tag string
	// Column and Reason say what was refused, Fits with which tags it collides; Warnings are remarks that refuse nothing.
	Column, Reason string
	Fits           []string
	Warnings       []string
}

// ImportReport is what became of an import. If any line is refused, nothing is stored.
type ImportReport struct {
	Results                []ImportResult
	New, Existing, Refused int
}

// MaxImport is the most lines of one import.
const MaxImport = 20_000

// ErrImportSize says that a list has no lines or over [MaxImport].
var ErrImportSize = errors.New("asset: number of lines out of range")

// ImportTags takes over a list of fobs of customers that the viewer's provider serves, all lines or none; customer is the one of
// lines that name none. With check set it only reports. Importing a list again changes nothing.
func (s *Service) ImportTags(ctx context.Context, v identity.Viewer, customer string, rows []ImportRow, check bool) (ImportReport, error) {
	return ImportReport{}, errors.ErrUnsupported
}
