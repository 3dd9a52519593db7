package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/tagwerk/tagwerk/labels"
	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
)

type labelsCmd struct {
	installation
	Stock     string   `default:"L6009" help:"Label stock by part number, such as L6009 or 3474."`
	Stocks    bool     `help:"List the label stock that is known, and stop."`
	Start     int      `help:"First free label of the sheet, from 0."`
	DPI       int      `name:"dpi" default:"300" help:"With a CSV file: dots per inch of the printer; modules are whole dots."`
	Count     int      `short:"n" help:"Instead of a CSV file: mint this many blank labels in the data folder, 1 to 2000."`
	Asset     string   `help:"Instead of a CSV file: the labels of all components of the asset with this number."`
	Company   string   `help:"With --count or --asset: whose, as company or company/branch; needed if the folder has several."`
	PublicURL string   `name:"public-url" env:"TAGWERK_PUBLIC_URL" help:"With --count or --asset: the address to print, such as https://scan.example.com."`
	Files     []string `arg:"" optional:"" help:"CSV file in UTF-8 with a header (url, line1, line2, line3 and code, in any order; - for standard input), then the PDF to write."`
}

// Run writes the sheet; the file is there whole or not at all.
func (c *labelsCmd) Run(ctx context.Context, con console) error {
	if c.Stocks {
		return listStocks(con.out)
	}
	stock, ok := labels.FindStock(c.Stock)
	if !ok {
		return misuse("no label stock is called %q: see the part number on the pack, and the list of tagwerk labels --stocks", c.Stock)
	}
	sheet := labels.Sheet{Stock: stock, DPI: c.DPI, Start: c.Start, Title: "Tagwerk " + stock.Part}
	count, err := 0, error(nil)
	switch {
	case c.Count != 0 || c.Asset != "":
		count, err = c.fromInstallation(ctx)
	case len(c.Files) != 2:
		return misuse("labels wants two files: the CSV to read and the PDF to write")
	default:
		count, err = c.fromCSV(ctx, con, sheet)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted: %s was not written", c.Files[len(c.Files)-1])
	case errors.Is(err, labels.ErrStock):
		return misuse("%s", strings.TrimPrefix(err.Error(), labels.ErrStock.Error()+": "))
	case errors.Is(err, labels.ErrNoLabels):
		return fmt.Errorf("%s has a header, but no labels", c.Files[0])
	case err != nil:
		return err
	}
	fmt.Fprintf(con.err, "%s in %s: print at 100 %%, actual size\n", plural(count, "label"), c.Files[len(c.Files)-1])
	return nil
}

func (c *labelsCmd) fromCSV(ctx context.Context, con console, sheet labels.Sheet) (int, error) {
	in := os.Stdin
	if c.Files[0] != "-" {
		f, err := os.Open(c.Files[0])
		if err != nil {
			return 0, fmt.Errorf("cannot read %s: %w", c.Files[0], reason(err))
		}
		defer f.Close()
		in = f
		if sameFile(f, c.Files[1]) {
			return 0, misuse("%s cannot be both the CSV to read and the PDF to write", c.Files[1])
		}
	}
	p := newProgress(con.err, "labels")
	defer p.end()
	err := writeWhole(c.Files[1], func(w io.Writer) error {
		_, err := labels.WritePDF(ctx, w, sheet, readLabels(in, p.step))
		return err
	})
	return p.count, err
}

func sameFile(f *os.File, path string) bool {
	a, errA := f.Stat()
	b, errB := os.Stat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

func (c *labelsCmd) fromInstallation(ctx context.Context) (int, error) {
	switch {
	case len(c.Files) != 1:
		return 0, misuse("labels with --count or --asset wants one file: the PDF to write")
	case c.Count != 0 && c.Asset != "":
		return 0, misuse("give --count or --asset, not both")
	case c.Asset == "" && !orderable(c.Count):
		return 0, misuse("--count must be 1 to %d", asset.MaxLabels)
	case c.PublicURL == "":
		return 0, misuse("%s", needPublicURL)
	}
	var printed asset.PrintedSheet
	err := c.open(ctx, c.PublicURL, false, func(app *server.App) error {
		v, err := operatorOf(ctx, app, c.Company)
		if err != nil {
			return err
		}
		o := asset.SheetOrder{Stock: c.Stock, Count: c.Count, Start: c.Start}
		if c.Asset != "" {
			if o.Asset, err = assetByNumber(ctx, app, v, c.Asset); err != nil {
				return err
			}
		}
		// The sheet is in memory before codes are noted as printed; the file comes last, so that a full disk costs blank codes only.
		if printed, err = app.Assets.PrintSheet(ctx, v, o); err != nil {
			return err
		}
		return writeWhole(c.Files[0], func(w io.Writer) error { _, err := w.Write(printed.PDF); return err })
	})
	return printed.Labels, err
}

const needPublicURL = "the address to print is missing: give --public-url https://scan.example.com or TAGWERK_PUBLIC_URL, because printed labels stay for years"

func orderable(n int) bool { return n >= 1 && n <= asset.MaxLabels }

func assetByNumber(ctx context.Context, app *server.App, v identity.Viewer, number string) (string, error) {
	for after := ""; ; {
		page, next, err := app.Assets.Assets(ctx, v, v.Provider, after, 200)
		if err != nil {
			return "", err
		}
		for _, o := range page {
			if o.Asset.Number == number {
				return o.Asset.ID, nil
			}
		}
		if after = next; after == "" {
			return "", fmt.Errorf("no asset has the number %q", number)
		}
	}
}

func listStocks(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "PART\tBRAND\tMILLIMETRES\tPER PAGE\tMATERIAL")
	for _, s := range labels.Stocks() {
		size := fmt.Sprintf("%g × %g", s.LabelW, s.LabelH)
		if s.LabelH == 0 {
			size = fmt.Sprintf("%g, endless", s.LabelW)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", s.Part, s.Brand, size, s.PerPage(), s.Material)
	}
	return table.Flush()
}

func plural(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// writeWhole writes a file beside its place and moves it there when it is complete.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("cannot write %s: it is a folder", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tagwerk-*")
	if err != nil {
		return fmt.Errorf("cannot write %s: folder %s: %w", path, filepath.Dir(path), reason(err))
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
	installation
	Count     int    `short:"n" required:"" help:"How many, 1 to 2000."`
	Company   string `help:"Whose labels, as company or company/branch; needed if the folder has several."`
	PublicURL string `name:"public-url" env:"TAGWERK_PUBLIC_URL" help:"The address to print, such as https://scan.example.com."`
	JSON      bool   `name:"json" help:"Print one line of JSON a label: code, url."`
}

// Run prints one URL a line.
func (c *mintCmd) Run(ctx context.Context, con console) error {
	if !orderable(c.Count) {
		return misuse("--count must be 1 to %d", asset.MaxLabels)
	}
	if c.PublicURL == "" {
		return misuse("%s", needPublicURL)
	}
	return c.open(ctx, c.PublicURL, false, func(app *server.App) error {
		v, err := operatorOf(ctx, app, c.Company)
		if err != nil {
			return err
		}
		made, err := app.Assets.Mint(ctx, v, c.Count)
		if err != nil {
			return err
		}
		e := json.NewEncoder(con.out)
		for _, l := range made {
			url := app.Assets.LabelURL(l.Code)
			if !c.JSON {
				fmt.Fprintln(con.out, url)
				continue
			}
			err = errors.Join(err, e.Encode(struct {
				Code string `json:"code"`
				URL  string `json:"url"`
			}{string(l.Code), url}))
		}
		return err
	})
}
