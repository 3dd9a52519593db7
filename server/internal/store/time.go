package store

import (
	"fmt"
	"time"
)

// timeForm has a fixed width, so that the order of bytes is the order of time on each engine.
const timeForm = "2006-01-02T15:04:05.000Z"

// Time is an instant as it is stored: UTC, milliseconds, fixed width. The zero Time is the year 1.
type Time struct{ time.Time }

// At returns t as it is stored.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// Never is later than any real instant, for fields that must be present but hold no date.
var Never = Time{time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}

// Key is the text of t in documents and queries.
func (t Time) Key() string { return t.UTC().Format(timeForm) }

// MarshalJSON writes the fixed-width form, or fails outside the years 0 to 9999, where it would not be of fixed width.
func (t Time) MarshalJSON() ([]byte, error) {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("store: year %d cannot be stored", y)
	}
	return []byte(`"` + t.Key() + `"`), nil
}

// UnmarshalJSON reads the fixed-width form only.
func (t *Time) UnmarshalJSON(b []byte) error {
	if len(b) < 2 || b[0] != '"' {
		return fmt.Errorf("store: time is not a string: %.40q", b)
	}
	v, err := time.Parse(timeForm, string(b[1:len(b)-1]))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	t.Time = v
	return nil
}
