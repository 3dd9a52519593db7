// Package asset owns what is maintained and who may see it: objects, assets, components with their due dates, appointments and
// reports, tags, and the grants of portal users. One policy function, [permitted], decides for every reader of this package.
package asset

import (
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/tagging"
)

// Object is a place that holds assets: a building, a site.
type Object struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Customer string `json:"customer"`
	Name     string `json:"name"`
	Address  string `json:"address"`
}

// Asset is a maintained installation of a customer, such as the smoke extraction of a building.
type Asset struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Customer string `json:"customer"`
	Object   string `json:"object"`
	Number   string `json:"number"`
	Name     string `json:"name"`
	Group    string `json:"group"`
	Location string `json:"location"`
	Upkeep
}

// Component is a part of an asset that carries a label of its own, with its master data.
type Component struct {
	ID           string `json:"id"`
	Asset        string `json:"asset"`
	Provider     string `json:"provider"` // of the asset, so that staff lists need no second read
	Position     int64  `json:"position"` // order in lists
	Name         string `json:"name"`
	Type         string `json:"type"`
	Manufacturer string `json:"manufacturer"`
	Model        string `json:"model"`
	Serial       string `json:"serial"`
	YearBuilt    int    `json:"year_built,omitempty"`
	Approval     string `json:"approval,omitempty"`
	Location     string `json:"location"`
	// Label is the code reserved for the label of this component, stored before the label is; see [Service.LabelsForComponents].
	Label tagging.Code `json:"label,omitempty"`
	Upkeep
}

// Upkeep is the maintenance rhythm from which a due date is computed (F-27).
type Upkeep struct {
	IntervalMonths int `json:"interval_months,omitempty"` // 0: not maintained by interval
	LastDone       Day `json:"last_done,omitempty"`
}

// Day is a calendar date, "2006-01-02"; the empty Day is none.
type Day string

// DayOf returns the date of t in its own zone.
func DayOf(t time.Time) Day { return Day(t.Format(time.DateOnly)) }

// Time returns midnight UTC of the day; the zero time for no or no valid date.
func (d Day) Time() time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Due is the date of the next maintenance: the last one plus the interval, and the last day of a shorter month. It is empty without both.
func (u Upkeep) Due() Day {
	last := u.LastDone.Time()
	if u.IntervalMonths <= 0 || last.IsZero() {
		return ""
	}
	due := last.AddDate(0, u.IntervalMonths, 0)
	if due.Day() != last.Day() {
		due = due.AddDate(0, 0, -due.Day())
	}
	return DayOf(due)
}

// AppointmentStatus is how far an appointment is.
type AppointmentStatus string

// The statuses in order. Customers see appointments from AppointmentPlanned onward (F-19).
const (
	AppointmentDraft     AppointmentStatus = "draft"
	AppointmentPlanned   AppointmentStatus = "planned"
	AppointmentConfirmed AppointmentStatus = "confirmed"
	AppointmentDone      AppointmentStatus = "carried_out"
)

// Appointment is a visit to an asset, with its reports.
type Appointment struct {
	ID       string            `json:"id"`
	Asset    string            `json:"asset"`
	Provider string            `json:"provider"`
	Start    store.Time        `json:"start"`
	Status   AppointmentStatus `json:"status"`
	Subject  string            `json:"subject"`
	Reports  []Report          `json:"reports,omitempty"`
}

// Report is a document about an appointment; customers see published ones only (F-20).
type Report struct {
	ID        string `json:"id"`
	Title     string `json:"title"`
	Published bool   `json:"published"`
}
