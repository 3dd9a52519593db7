package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/server/table"
)

type importCmd struct {
	installation
	Company  string `help:"Whose tags, as company or company/branch; needed if the folder has several."`
	Customer string `help:"Number of the customer of lines that name none."`
	Check    bool   `help:"Only say what would become of each line."`
	TimeZone string `name:"time-zone" env:"TAGWERK_TIME_ZONE" default:"Europe/Berlin" help:"Zone in which the last day of a tag ends."`
	JSON     bool   `name:"json" help:"Print one line of JSON for each line: line, number, outcome, tag, column, reason, fits, warnings."`
	File     string `arg:"" help:"CSV file of key fobs and cards, in any usual encoding, with a header such as number;tenant;company;unit;issued;expires;note;customer;technology; - for standard input."`
}

// Run takes over the whole list, or nothing of it if a line is refused.
func (c *importCmd) Run(ctx context.Context, con console) error {
	catalogue, err := locale.Load()
	if err != nil {
		return err
	}
	words := func(key string, args map[string]any) string { return catalogue.Text(locale.English, key, args) }
	rows, err := c.read(con, words)
	if err != nil {
		return err
	}
	c.zone = c.TimeZone
	return c.open(ctx, "", false, func(app *server.App) error {
		v, err := operatorOf(ctx, app, c.Company)
		if err != nil {
			return err
		}
		customer := ""
		if c.Customer != "" {
			if customer, err = app.CustomerByNumber(ctx, c.Customer); err != nil {
				return err
			}
		}
		report, err := app.Assets.ImportTags(ctx, v, customer, rows, c.Check)
		switch {
		case errors.Is(err, asset.ErrNotFound):
			return fmt.Errorf("the service company does not serve a customer with the number %q", c.Customer)
		case errors.Is(err, asset.ErrImportSize):
			return fmt.Errorf("%s has a header, but no lines", c.File)
		case err != nil:
			return err
		}
		return c.tell(con, report, words)
	})
}

// read reads the list.
func (c *importCmd) read(con console, words func(string, map[string]any) string) ([]asset.ImportRow, error) {
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", c.File, reason(err))
		}
		defer f.Close()
		in = f
	}
	header, lines, err := table.Read(in, asset.MaxImport)
	if fault := (*table.Fault)(nil); errors.As(err, &fault) {
		return nil, fmt.Errorf("%s: %s", c.File, words("import.file."+fault.Code, map[string]any{"Line": fault.Line, "Column": fault.Column}))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", c.File, reason(err))
	}
	columns, err := asset.ColumnsOf(header)
	if field := (*asset.FieldError)(nil); errors.As(err, &field) {
		key := "import.file.no_number"
		if field.Code == asset.RepeatedColumn {
			key = "import.file.repeated"
		}
		return nil, fmt.Errorf("%s: %s", c.File, words(key, map[string]any{"Field": words("import.column."+field.Field, nil)}))
	}
	if len(columns.Unknown) > 0 {
		fmt.Fprintf(con.err, "not read: %s\n", strings.Join(columns.Unknown, ", "))
	}
	rows := make([]asset.ImportRow, len(lines))
	for i, l := range lines {
		for j := range l.Cells {
			l.Cells[j] = table.Unguard(l.Cells[j])
		}
		rows[i] = columns.Row(l.Line, l.Cells)
	}
	return rows, nil
}

// tell prints what became of the lines: as JSON of each, else of those that need a look.
func (c *importCmd) tell(con console, report asset.ImportReport, words func(string, map[string]any) string) error {
	out := json.NewEncoder(con.out)
	for _, r := range report.Results {
		if c.JSON {
			if err := out.Encode(importedLine{r.Line, r.Number, r.Outcome, r.Tag, r.Column, r.Reason, r.Fits, r.Other, r.Warnings}); err != nil {
				return err
			}
			continue
		}
		if r.Outcome == asset.ImportRefused {
			fmt.Fprintf(con.out, "line %d: %s: %s: %s", r.Line, r.Number, words("import.column."+r.Column, nil), words(r.ReasonKey(), map[string]any{"Line": r.Other}))
			if len(r.Fits) > 0 {
				fmt.Fprintf(con.out, " (%s)", strings.Join(r.Fits, ", "))
			}
			fmt.Fprintln(con.out)
		}
		for _, w := range r.Warnings {
			fmt.Fprintf(con.out, "line %d: %s: %s\n", r.Line, r.Number, words("import.warning."+w, nil))
		}
	}
	counts := fmt.Sprintf("%s new, %d known already, %d refused", plural(report.New, "tag"), report.Existing, report.Refused)
	switch {
	case report.Refused > 0:
		return fmt.Errorf("%s: nothing was stored", counts)
	case c.Check:
		counts += ": nothing was stored, this was a check"
	}
	_, err := fmt.Fprintln(con.err, counts)
	return err
}

// importedLine is a line of the report as a program reads it.
type importedLine struct {
	Line     int      `json:"line"`
	Number   string   `json:"number"`
	Outcome  string   `json:"outcome"`
	Tag      string   `json:"tag,omitempty"`
	Column   string   `json:"column,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Fits     []string `json:"fits,omitempty"`
	Other    int      `json:"other_line,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}
