package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/tagwerk/tagwerk/labels"
	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
)

type labelsCmd struct {
	Stock     string   `default:"L6009" help:"Label stock by part number, such as L6009 or 3474."`
	Start     int      `help:"First free label of the sheet, from 0."`
	DPI       int      `name:"dpi" default:"300" help:"Dots per inch of the printer; modules are whole dots."`
	Count     int      `short:"n" help:"Instead of a CSV file: mint this many blank labels in the data folder."`
	Company   string   `help:"With --count: whose labels, as company or company/branch; needed if the folder has several."`
	Files     []string `arg:"" optional:"" help:"CSV file with a header (url, line1, line2, line3 and code, in any order; - for standard input), then the PDF to write." type:"path"`
	Data      string   `name:"data" env:"TAGWERK_DATA" default:"./data" help:"With --count: the data folder."`
	PublicURL string   `name:"public-url" env:"TAGWERK_PUBLIC_URL" help:"With --count: the address to print."`
}

// Run writes the sheet; the file is there whole or not at all.
func (c *labelsCmd) Run(ctx context.Context, con console) error {
	if c.Count > 0 {
		if len(c.Files) != 1 {
			return usageError{"labels --count wants one file: the PDF to write"}
		}
		return c.mintAndPrint(ctx, con)
	}
	if len(c.Files) != 2 {
		return usageError{"labels wants two files: the CSV to read and the PDF to write"}
	}
	stock, ok := labels.FindStock(c.Stock)
	if !ok {
		return fmt.Errorf("no label stock is called %q: see the part number on the pack", c.Stock)
	}
	in := os.Stdin
	if c.Files[0] != "-" && filepath.Base(c.Files[0]) != "-" {
		f, err := os.Open(c.Files[0])
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	count := 0
	err := writeWhole(c.Files[1], func(w io.Writer) error {
		_, err := labels.WritePDF(ctx, w, labels.Sheet{Stock: stock, DPI: c.DPI, Start: c.Start, Title: "Tagwerk " + stock.Part}, readLabels(in, &count))
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(con.err, "%d labels in %s: print at 100 %%, actual size\n", count, c.Files[1])
	return nil
}

func (c *labelsCmd) mintAndPrint(ctx context.Context, con console) error {
	return withApp(ctx, c.Data, c.PublicURL, func(app *server.App) error {
		v, err := operatorOf(ctx, app, c.Company)
		if err != nil {
			return err
		}
		sheet, err := app.Assets.PrintSheet(ctx, v, asset.SheetOrder{Stock: c.Stock, Count: c.Count, Start: c.Start})
		if err != nil {
			return err
		}
		err = writeWhole(c.Files[0], func(w io.Writer) error { _, err := w.Write(sheet.PDF); return err })
		if err == nil {
			fmt.Fprintf(con.err, "%d labels in %s: print at 100 %%, actual size\n", sheet.Labels, c.Files[0])
		}
		return err
	})
}

// readLabels reads labels from CSV one by one, so that a long list never stands in memory. Faults name their line.
func readLabels(in io.Reader, count *int) iter.Seq2[labels.Label, error] {
	return func(yield func(labels.Label, error) bool) {
		r := csv.NewReader(in)
		r.ReuseRecord = true
		head, err := r.Read()
		if err != nil {
			yield(labels.Label{}, fmt.Errorf("CSV: %w", err))
			return
		}
		at := map[string]int{}
		for i, name := range head {
			at[strings.ToLower(strings.Trim(name, "\ufeff "))] = i
		}
		url, ok := at["url"]
		if !ok {
			yield(labels.Label{}, errors.New("CSV: the header has no column url"))
			return
		}
		for {
			row, err := r.Read()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(labels.Label{}, fmt.Errorf("CSV: %w", err))
				return
			}
			l := labels.Label{URL: strings.Clone(row[url])}
			if i, ok := at["code"]; ok {
				l.Code = strings.Clone(row[i])
			}
			for _, name := range []string{"line1", "line2", "line3"} {
				if i, ok := at[name]; ok && row[i] != "" {
					l.Lines = append(l.Lines, strings.Clone(row[i]))
				}
			}
			*count++
			if !yield(l, nil) {
				return
			}
		}
	}
}

// writeWhole writes a file beside its place and moves it there when it is complete.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".tagwerk-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

type mintCmd struct {
	Count     int    `short:"n" required:"" help:"How many, 1 to 2000."`
	Company   string `help:"Whose labels, as company or company/branch; needed if the folder has several."`
	Data      string `name:"data" env:"TAGWERK_DATA" default:"./data" help:"The data folder."`
	PublicURL string `name:"public-url" env:"TAGWERK_PUBLIC_URL" help:"The address to print."`
}

// Run prints one URL a line.
func (c *mintCmd) Run(ctx context.Context, con console) error {
	return withApp(ctx, c.Data, c.PublicURL, func(app *server.App) error {
		v, err := operatorOf(ctx, app, c.Company)
		if err != nil {
			return err
		}
		made, err := app.Assets.Mint(ctx, v, c.Count)
		if err != nil {
			return err
		}
		for _, l := range made {
			fmt.Fprintln(con.out, app.Assets.LabelURL(l.Code))
		}
		return nil
	})
}

// withApp opens an installation for a command at the box. The server must not be running on the same folder.
func withApp(ctx context.Context, data, publicURL string, do func(*server.App) error) error {
	if publicURL == "" {
		publicURL = "https://localhost"
	}
	app, err := server.Open(ctx, server.Config{Data: data, PublicURL: publicURL, StaffFactor: "required", TimeZone: "UTC"}, server.Runtime{})
	if err != nil {
		return err
	}
	return errors.Join(do(app), app.Close())
}

// operatorOf is the operator's view of one provider, the only one if none is named.
func operatorOf(ctx context.Context, app *server.App, company string) (identity.Viewer, error) {
	all, err := app.People.Providers(ctx)
	if err != nil {
		return identity.Viewer{}, err
	}
	var found []identity.Provider
	for _, p := range all {
		if company == "" || company == p.Company || company == p.Company+"/"+p.Branch {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return identity.Viewer{}, fmt.Errorf("%d service companies fit: name one with --company COMPANY/BRANCH", len(found))
	}
	return identity.Operator(found[0].ID), nil
}
