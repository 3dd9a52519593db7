package portal

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/internal/store"
)

// enrolPage takes a fob or card on record.
type enrolPage struct {
	Form      enrolForm
	Hints     []string
	Customers []choice
	Fits      []tagRow // on record already
	// Error is about the number, CustomerError and DayError about their fields; message keys.
	Error, CustomerError, DayError string
}

type enrolForm struct {
	stepForm
	Customer string
}

func (p *Portal) getEnrol(r *edge.Request) error {
	form := enrolForm{Customer: r.Query("customer")}
	form.Number = strings.TrimSpace(r.Query("number"))
	return p.showEnrol(r, http.StatusOK, enrolPage{Form: form})
}

func (p *Portal) showEnrol(r *edge.Request, status int, page enrolPage) error {
	var err error
	page.Hints = readerKinds
	if page.Customers, err = p.customers(r); err != nil {
		return err
	}
	return p.views.enrol.render(r, status, page)
}

func (p *Portal) postEnrol(r *edge.Request) error {
	form := enrolForm{stepForm: readStepForm(r), Customer: r.FormValue("customer")}
	page := enrolPage{Form: form}
	expires, ok := dayTyped(form.Expires)
	if !ok {
		page.DayError = "portal.tag.bad_day"
	}
	if form.Customer == "" {
		page.CustomerError = "portal.tag.customer_missing"
	}
	if form.Number == "" {
		page.Error = "portal.tag.number_missing"
	}
	if page.DayError != "" || page.CustomerError != "" || page.Error != "" {
		return p.showEnrol(r, http.StatusUnprocessableEntity, page)
	}
	e := asset.Enrolment{Number: form.Number, Hint: form.Hint, Customer: form.Customer, Expires: expires, Note: form.Note, Confirm: r.FormValue("confirm") != ""}
	if h := (asset.Holder{Tenant: form.Tenant, Company: form.Company, Unit: form.Unit}); h != (asset.Holder{}) {
		e.Holder = &h
	}
	t, err := p.opt.Assets.Enrol(r.Context(), r.Viewer(), e)
	if err == nil {
		return r.Redirect("/tags/" + t.ID + "?done=tag_enrolled")
	}
	status := http.StatusUnprocessableEntity
	var field *asset.FieldError
	var fits *asset.FitsError
	switch key, isReading := readingTrouble(err); {
	case isReading:
		page.Error = key
	case errors.As(err, &field) && field.Field == "expires":
		page.DayError = fieldText(field)
	case errors.As(err, &field):
		page.Error = fieldText(field)
	case errors.As(err, &fits):
		status = http.StatusConflict
		if page.Fits, err = p.names(r).tags(fits.Match.Tags); err != nil {
			return err
		}
	case errors.Is(err, store.ErrNotFound), errors.Is(err, asset.ErrNotFound):
		page.CustomerError = "portal.tag.customer_missing"
	default:
		return err
	}
	return p.showEnrol(r, status, page)
}

// readingTrouble is the message key for a number that cannot be taken, and whether err is about that.
func readingTrouble(err error) (string, bool) {
	var reading *asset.ReadingError
	if !errors.As(err, &reading) {
		return "", false
	}
	return flagText(reading.Flag), true
}

// flagText is the message key for a flag of a reading; a flag may carry a value after "=".
func flagText(flag string) string {
	name, _, _ := strings.Cut(flag, "=")
	return "reading.flag." + name
}

// fieldText is the message key for a field of a tag's forms that was refused.
func fieldText(e *asset.FieldError) string {
	switch {
	case e.Field == "expires":
		return "portal.tag.bad_day"
	case e.Field == "holder" && e.Code == asset.Missing:
		return "portal.tag.holder_missing"
	case e.Field == "with":
		return "portal.tag.number_missing"
	case e.Field == "number" && e.Code == asset.Missing:
		return "portal.tag.number_missing"
	}
	return "portal.tag.field." + e.Code
}
