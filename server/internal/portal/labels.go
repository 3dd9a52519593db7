package portal

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/tagwerk/tagwerk/labels"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/tagging"
)

// labelsPage orders a sheet of labels in two steps: the stock, then what to print on it.
type labelsPage struct {
	Query  string
	Stocks []stockRow // found by the search
	More   bool       // there are more than shown
	Stock  *stockRow  // chosen

	What       string // "blank", "asset", "components" or "codes"
	Count      string
	Start      string
	AssetQuery string
	Assets     []overviewRow
	Asset      string
	AssetName  string
	Components []asset.Component
	Chosen     map[string]bool
	MoreParts  bool
	Codes      string

	CountError, StartError, AssetError, CodesError string // message keys
	Fault                                          *sheetFault
	MaxLabels                                      int
}

// labelsPart is one of the forms on the page, for the parts that they share.
type labelsPart struct {
	What string
	Page labelsPage
}

// stockRow is one article of blank labels.
type stockRow struct {
	ID, Name, Material string
	Width, Height      float64 // mm
	PerPage            int
	Sheet              bool
}

// sheetFault says why a stock cannot carry the label.
type sheetFault struct {
	Key         string // message key
	Side        string // mm that a label must have at least; "" if no size would help
	DPI, MaxURL int    // that would do, 0 if none
}

// stocksShown is how many articles a search shows.
const stocksShown = 12

// partsShown is how many components can be ticked: a form has at most edge.FormFields fields.
const partsShown = 150

func stockRowOf(s labels.Stock) stockRow {
	return stockRow{ID: s.ID, Name: strings.TrimSpace(s.Brand + " " + s.Part), Material: s.Material, Width: s.LabelW, Height: s.LabelH,
		PerPage: s.PerPage(), Sheet: s.Type == labels.TypeSheet}
}

func (p *Portal) getLabels(r *edge.Request) error {
	page := labelsPage{What: first(r.Query("what"), "blank"), Asset: r.Query("asset"), Count: r.Query("count"), Start: r.Query("start")}
	return p.showLabels(r, http.StatusOK, r.Query("stock"), page)
}

// showLabels renders the step that comes next; page holds what a refused order brought.
func (p *Portal) showLabels(r *edge.Request, status int, stock string, page labelsPage) error {
	page.Query, page.AssetQuery, page.MaxLabels = strings.TrimSpace(r.Query("q")), strings.TrimSpace(r.Query("asset_q")), asset.MaxLabels
	found, ok := labels.FindStock(stock)
	if !ok {
		page.Stocks, page.More = findStocks(page.Query)
		return p.views.labels.render(r, status, page)
	}
	row := stockRowOf(found)
	page.Stock = &row
	if page.Count == "" {
		page.Count = strconv.Itoa(found.PerPage())
	}
	if page.Start == "" {
		page.Start = "1"
	}
	ctx, v := r.Context(), r.Viewer()
	if page.Asset != "" {
		a, err := p.opt.Assets.Access(ctx, v, page.Asset)
		if err != nil {
			return err
		}
		page.AssetName = a.Asset.Name
		list, next, err := p.opt.Assets.Components(ctx, v, page.Asset, "", partsShown)
		if err != nil {
			return err
		}
		page.Components, page.MoreParts = list, next != ""
		return p.views.labels.render(r, status, page)
	}
	list, _, err := p.findAssets(ctx, v, page.AssetQuery, "", "")
	if err != nil {
		return err
	}
	for _, o := range list {
		page.Assets = append(page.Assets, overviewRow{ID: o.Asset.ID, Number: o.Asset.Number, Name: o.Asset.Name, Components: o.Components})
	}
	return p.views.labels.render(r, status, page)
}

// findStocks answers the articles whose name, number or material contains all words.
func findStocks(query string) (rows []stockRow, more bool) {
	words := strings.Fields(strings.ToLower(query))
	for _, s := range labels.Stocks() {
		text := strings.ToLower(strings.Join(append([]string{s.ID, s.Brand, s.Part, s.Material}, s.Aliases...), " "))
		if !containsAll(text, words) {
			continue
		}
		if len(rows) == stocksShown {
			return rows, true
		}
		rows = append(rows, stockRowOf(s))
	}
	return rows, false
}

func (p *Portal) postLabels(r *edge.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	value := form.Values.Get
	page := labelsPage{What: value("what"), Count: value("count"), Start: value("start"), Asset: value("asset"), Codes: value("codes"), Chosen: map[string]bool{}}
	refuse := func(status int) error { return p.showLabels(r, status, value("stock"), page) }

	order := asset.SheetOrder{Stock: value("stock")}
	stock, known := labels.FindStock(order.Stock)
	if !known {
		return refuse(http.StatusUnprocessableEntity)
	}
	start, err := strconv.Atoi(strings.TrimSpace(first(page.Start, "1")))
	if err != nil || start < 1 || start > max(1, stock.PerPage()) {
		page.StartError = "portal.labels.start_range"
		return refuse(http.StatusUnprocessableEntity)
	}
	order.Start = start - 1
	switch page.What {
	case "asset":
		order.Asset = page.Asset
	case "components":
		order.Components = form.Values["component"]
		for _, id := range order.Components {
			page.Chosen[id] = true
		}
		if len(order.Components) == 0 {
			page.AssetError = "portal.labels.choose_components"
			return refuse(http.StatusUnprocessableEntity)
		}
	case "codes":
		for word := range strings.FieldsFuncSeq(page.Codes, func(c rune) bool { return c == '\n' || c == ',' || c == ';' }) {
			code, err := tagging.ParseCode(strings.TrimSpace(word))
			if err != nil {
				page.CodesError = "portal.labels.bad_code"
				return refuse(http.StatusUnprocessableEntity)
			}
			order.Codes = append(order.Codes, string(code))
		}
		if len(order.Codes) == 0 {
			page.CodesError = "portal.labels.no_codes"
			return refuse(http.StatusUnprocessableEntity)
		}
	default:
		page.What = "blank"
		if order.Count, err = strconv.Atoi(strings.TrimSpace(page.Count)); err != nil || order.Count < 1 || order.Count > asset.MaxLabels {
			page.CountError = "portal.labels.count_range"
			return refuse(http.StatusUnprocessableEntity)
		}
	}
	sheet, err := p.opt.Assets.PrintSheet(r.Context(), r.Viewer(), order)
	if err == nil {
		p.opt.Logger.InfoContext(r.Context(), "labels printed", "request_id", r.ID(), "action", "print labels", "person", r.Viewer().User,
			"stock", stock.ID, "labels", sheet.Labels, "result", "ok")
		return r.Attachment("application/pdf", "labels-"+stock.ID+".pdf", sheet.PDF)
	}
	var unfit *labels.PreflightError
	switch {
	case errors.As(err, &unfit):
		page.Fault = &sheetFault{Key: "portal.labels.unfit", Side: strconv.FormatFloat(unfit.MinSideMM, 'f', 1, 64), DPI: unfit.MinDPI, MaxURL: unfit.MaxURL}
	case errors.Is(err, labels.ErrStock), errors.Is(err, labels.ErrTooLong):
		page.Fault = &sheetFault{Key: "portal.labels.unusable"}
	case errors.Is(err, asset.ErrTooMany):
		page.CountError = "portal.labels.count_range"
	case errors.Is(err, asset.ErrNotFound) && page.What == "codes":
		page.CodesError = "portal.labels.unknown_code"
	default:
		return err
	}
	return refuse(http.StatusUnprocessableEntity)
}

// groupCode writes a label code as it is printed; other ids stay as they are.
func groupCode(id string) string { return tagging.Code(id).Print() }
