package labels

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/tagwerk/tagwerk/labels/pdf"
)

// footerMM is the page margin that the note about actual size needs.
const footerMM = 5.0

// WritePDF prints labels on a sheet and returns the number of pages: on an office sheet one label after the other along the rows, from
// sheet.Start on the first page; on a roll one label a page of the label's size. It streams: memory does not grow with
// the number of labels, pages are made on all cores, and the sequence is read on the calling goroutine no further ahead than a few pages.
//
// It stops at the first error of the sequence, of w or of ctx, and at the first label that cannot be printed ([*PreflightError],
// [ErrTooLong]); what was written by then is not a usable document. An empty sequence is [ErrNoLabels], an
// impossible sheet [ErrStock]. The same labels give the same bytes.
func WritePDF(ctx context.Context, w io.Writer, sheet Sheet, labels iter.Seq2[Label, error]) (pages int, err error) {
	p, err := newPlan(sheet)
	if err != nil {
		return 0, err
	}
	doc := pdf.NewWriter(w, pdf.Options{Title: sheet.Title, Language: sheet.Language, Fonts: []*pdf.Font{pdf.Sans(), pdf.Mono()}})
	if err := doc.Pages(ctx, p.pages(labels)); err != nil {
		return doc.PageCount(), err
	}
	if doc.PageCount() == 0 {
		return 0, ErrNoLabels
	}
	return doc.PageCount(), doc.Close()
}

// item is a label with its place on the sheet.
type item struct {
	label Label
	frame *frame
	place int // counted along the rows
}

// pages deals labels to pages.
func (p *plan) pages(labels iter.Seq2[Label, error]) iter.Seq2[pdf.Draw, error] {
	return func(yield func(pdf.Draw, error) bool) {
		perPage := p.sheet.Stock.PerPage()
		place, n, page := p.sheet.Start, 0, 0
		var items []item
		flush := func() bool {
			page++
			number, full := page, items
			items, place = nil, 0
			return yield(func(pg *pdf.Page) error { return p.draw(pg, number, full) }, nil)
		}
		for l, err := range labels {
			n++
			if err == nil {
				var f *frame
				if f, err = p.frame(l); err == nil {
					if items == nil {
						items = make([]item, 0, perPage-place)
					}
					items = append(items, item{l, f, place})
				} else {
					err = fmt.Errorf("label %d: %w", n, err)
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if place++; place == perPage && !flush() {
				return
			}
		}
		if len(items) > 0 {
			flush()
		}
	}
}

// draw draws one page. Symbols lie on the grid of printer dots, counted from the top left corner of the page.
func (p *plan) draw(pg *pdf.Page, number int, items []item) error {
	s := &p.sheet.Stock
	pageW, pageH := s.LabelW, s.LabelH
	if s.Type == TypeSheet {
		pageW, pageH = s.PageW, s.PageH
	}
	// A page of whole dots has the same grid from its top and from its bottom, whichever the printer's driver uses.
	dot := 72 / float64(p.dpi)
	width, height := math.Round(pageW*ptPerMM/dot)*dot, math.Round(pageH*ptPerMM/dot)*dot
	pg.SetSize(width, height)

	var runs []run
	var pixels []byte
	for i := range items {
		it := &items[i]
		m, err := Encode(it.label.URL, it.frame.fit.Level)
		if err != nil {
			return err
		}
		left, top := 0.0, 0.0
		if s.Type == TypeSheet {
			left = s.MarginLeft + float64(it.place%s.Cols)*s.PitchX
			top = s.MarginTop + float64(it.place/s.Cols)*s.PitchY
		}
		fit, symbol := &it.frame.fit, it.frame.symbol
		side := float64(fit.Modules*fit.Dots) * dot
		quiet := quietZone * fit.ModuleMM
		x := math.Round((left+symbol.x+quiet)*ptPerMM/dot) * dot
		y := math.Round((top+symbol.y+quiet)*ptPerMM/dot) * dot
		var columns int
		pixels, columns = appendMask(pixels[:0], &m)
		pg.Mask(x, height-y-side, side, side, pixels, columns, columns)

		runs = it.frame.compose(&it.label, runs[:0])
		for _, r := range runs {
			pg.Text(r.font, r.size, (left+r.x)*ptPerMM, height-(top+r.base)*ptPerMM, r.text)
		}
	}
	if s.Type == TypeSheet {
		p.footer(pg, height, number)
	}
	return nil
}

// appendMask draws a symbol with 4 × 4 pixels a module: viewers that smooth enlarged pictures would blur the edges of single pixels. Every byte is
// 0x00, 0x0F, 0xF0 or 0xFF, as Page.Mask wants.
func appendMask(b []byte, m *Matrix) (pixels []byte, columns int) {
	n := m.Size()
	for y := range n {
		start := len(b)
		for x, row := 0, m.rows[y]; x < n; x, row = x+2, row>>2 {
			b = append(b, byte(row&1)*0xF0|byte(row>>1&1)*0x0F)
		}
		line := b[start:]
		b = append(append(append(b, line...), line...), line...)
	}
	return b, 4 * n
}

// footer notes in the page margin that the sheet must be printed in its actual size, where no label is.
func (p *plan) footer(pg *pdf.Page, height float64, number int) {
	s := &p.sheet.Stock
	last := s.MarginTop + float64(s.Rows-1)*s.PitchY + s.LabelH
	middle := (last + s.PageH) / 2
	if s.PageH-last < footerMM {
		if s.MarginTop < footerMM {
			return
		}
		middle = s.MarginTop / 2
	}
	text := fmt.Sprintf("%s %s · 100 %%, actual size / nicht skalieren / skala inte · %d", s.Brand, s.Part, number)
	text = printable(pdf.Sans(), text)
	x := (s.PageW*ptPerMM - pdf.Sans().Width(text, minTextPt)) / 2
	pg.Text(pdf.Sans(), minTextPt, x, height-middle*ptPerMM-capEm*minTextPt/2, text)
}

// All is the sequence of the labels of a slice, for [WritePDF].
func All(labels []Label) iter.Seq2[Label, error] {
	return func(yield func(Label, error) bool) {
		for _, l := range labels {
			if !yield(l, nil) {
				return
			}
		}
	}
}
