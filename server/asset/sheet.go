package asset

import (
	"bytes"
	"context"
	"errors"

	"github.com/tagwerk/tagwerk/labels"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

var (
	// ErrSheetOrder says that an order names not exactly one of count, codes, components and asset.
	ErrSheetOrder = errors.New("asset: order must say exactly one of count, codes, components and asset")
	// ErrStock says that no label stock has the name, or that the start is none of its labels.
	ErrStock = errors.New("asset: no such label stock or start")
)

// SheetOrder asks for a sheet of labels: exactly one of Count (new blank labels), Codes (existing labels again), Components and
// Asset (the labels of components, minted and bound where they have none).
type SheetOrder struct {
	Stock      string
	Count      int
	Codes      []string
	Components []string
	Asset      string
	Start      int // first free label of the sheet, from 0
	// Key is the client's Idempotency-Key for Count, "" for none; the other orders print the same labels by themselves.
	Key string
}

// PrintedSheet is a sheet ready for the printer.
type PrintedSheet struct {
	PDF    []byte
	Labels int
	Pages  int
}

// LabelURL is what the QR code of a label says: our address in upper case, which keeps the symbol small (standards.md 1.2).
func (s *Service) LabelURL(code tagging.Code) string {
	url, err := code.URL(s.labelURL)
	if err != nil {
		// The address was checked when the configuration was read.
		panic(err)
	}
	return url
}

// PrintSheet makes the PDF of an order and records that its labels were printed. Nothing is minted for a stock that is
// unknown or too small for the symbol: that is checked first, with *labels.PreflightError saying what to change.
func (s *Service) PrintSheet(ctx context.Context, v identity.Viewer, o SheetOrder) (PrintedSheet, error) {
	if !v.ActsAsStaff() {
		return PrintedSheet{}, ErrNotAllowed
	}
	stock, ok := labels.FindStock(o.Stock)
	if !ok {
		return PrintedSheet{}, ErrStock
	}
	sheet := labels.Sheet{Stock: stock, Start: o.Start, Title: "Tagwerk " + stock.Part, Language: string(v.Locale)}
	if _, err := labels.Preflight(sheet, s.printed(PrintLabel{Code: blankCode})); err != nil {
		if errors.Is(err, labels.ErrStock) {
			err = errors.Join(ErrStock, err)
		}
		return PrintedSheet{}, err
	}
	list, err := s.order(ctx, v, o)
	if err != nil {
		return PrintedSheet{}, err
	}
	out := make([]labels.Label, len(list))
	for i, l := range list {
		out[i] = s.printed(l)
	}
	var pdf bytes.Buffer
	pages, err := labels.WritePDF(ctx, &pdf, sheet, labels.All(out))
	if err != nil {
		return PrintedSheet{}, err
	}
	if err := s.MarkPrinted(ctx, v, list); err != nil {
		return PrintedSheet{}, err
	}
	return PrintedSheet{PDF: pdf.Bytes(), Labels: len(list), Pages: pages}, nil
}

// blankCode stands for any code where only its length counts.
const blankCode tagging.Code = "0000000000000"

func (s *Service) printed(l PrintLabel) labels.Label {
	out := labels.Label{URL: s.LabelURL(l.Code), Code: l.Code.Print()}
	if l.Component != nil && l.Asset != nil {
		// The asset's number, not its name: one long line would make all lines small.
		place := l.Asset.Number
		if l.Component.Location != "" {
			place += " · " + l.Component.Location
		}
		out.Lines = []string{l.Component.Name, place}
	}
	return out
}

// order resolves what is to be printed.
func (s *Service) order(ctx context.Context, v identity.Viewer, o SheetOrder) ([]PrintLabel, error) {
	given := 0
	for _, set := range []bool{o.Count != 0, len(o.Codes) > 0, len(o.Components) > 0, o.Asset != ""} {
		if set {
			given++
		}
	}
	if given != 1 {
		return nil, ErrSheetOrder
	}
	switch {
	case o.Count != 0:
		return s.MintOnce(ctx, v, o.Key, o.Count)
	case len(o.Components) > 0:
		return s.LabelsForComponents(ctx, v, o.Components)
	case o.Asset != "":
		if _, err := s.staffAsset(ctx, v, o.Asset); err != nil {
			return nil, err
		}
		var ids []string
		err := s.components.Each(ctx, store.Query{Index: "asset", Eq: []any{o.Asset}}, func(c store.Item[Component]) error {
			ids = append(ids, c.ID)
			return nil
		})
		if err != nil {
			return nil, err
		}
		return s.LabelsForComponents(ctx, v, ids)
	}
	codes := make([]tagging.Code, len(o.Codes))
	for i, text := range o.Codes {
		code, err := tagging.ParseCode(text)
		if err != nil {
			return nil, err
		}
		codes[i] = code
	}
	return s.LabelsByCode(ctx, v, codes)
}
