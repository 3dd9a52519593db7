package mobileapi

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// The scan is what phones ask most, and encoding/json took a tenth of its time, so its answer writes itself. The form is that
// of the struct tags, byte for byte: TestScanJSON compares.

// AppendJSON appends the answer as JSON.
func (a ScanAnswer) AppendJSON(b []byte) []byte { return append(a.appendFields(b), '}') }

// AppendJSON appends the answer as JSON.
func (a PhotoAnswer) AppendJSON(b []byte) []byte {
	b = append(a.appendFields(b), `,"payloads":`...)
	b = appendList(b, a.Payloads, func(s string, b []byte) []byte { return appendString(b, s) })
	return append(b, '}')
}

func (a *ScanAnswer) appendFields(b []byte) []byte {
	b = a.Provider.appendJSON(append(b, `{"provider":`...))
	if t := a.Tag; t != nil {
		b = append(t.appendFields(append(b, `,"tag":`...)), '}')
	}
	b = appendGiven(b, `,"number":`, a.Number)
	if a.Holder != nil {
		b = a.Holder.appendJSON(append(b, `,"holder":`...))
	}
	if a.ExpiresAt != nil {
		b = appendTime(append(b, `,"expires_at":`...), *a.ExpiresAt)
	}
	if a.Confirm {
		b = append(b, `,"confirm":true`...)
	}
	if len(a.Choices) > 0 {
		b = appendList(append(b, `,"choices":`...), a.Choices, ScanChoice.appendJSON)
	}
	if a.MoreChoices {
		b = append(b, `,"more_choices":true`...)
	}
	if u := a.Unknown; u != nil {
		b = appendList(append(b, `,"unknown":{"candidates":`...), u.Candidates, Candidate.appendJSON)
		b = appendList(append(b, `,"flags":`...), u.Flags, Flag.appendJSON)
		b = append(b, '}')
	}
	if a.Component != nil {
		b = a.Component.appendJSON(append(b, `,"component":`...))
	}
	if t := a.Asset; t != nil {
		b = appendString(append(b, `,"asset":{"id":`...), t.ID)
		b = appendString(append(b, `,"number":`...), t.Number)
		b = appendString(append(b, `,"name":`...), t.Name)
		b = appendGiven(b, `,"group":`, t.Group)
		b = appendGiven(b, `,"location":`, t.Location)
		b = appendString(append(b, `,"provider":`...), t.Provider)
		b = append(b, '}')
	}
	if d := a.Due; d != nil {
		b = append(b, `,"due":{`...)
		b = appendGiven(b, `"component":`, d.Component)
		if d.Component != "" && d.Asset != "" {
			b = append(b, ',')
		}
		b = appendGiven(b, `"asset":`, d.Asset)
		b = append(b, '}')
	}
	if a.NextAppointment != nil {
		b = a.NextAppointment.appendJSON(append(b, `,"next_appointment":`...))
	}
	if a.OpenFaults != nil {
		b = appendList(append(b, `,"open_faults":`...), *a.OpenFaults, FaultRow.appendJSON)
	}
	if f := a.FaultForm; f != nil {
		b = appendList(append(b, `,"fault_form":{"fault_types":`...), f.FaultTypes, FaultType.appendJSON)
		b = strconv.AppendInt(append(b, `,"max_text":`...), int64(f.MaxText), 10)
		b = strconv.AppendInt(append(b, `,"max_photos":`...), int64(f.MaxPhotos), 10)
		b = append(b, '}')
	}
	return appendList(append(b, `,"actions":`...), a.Actions, ScanAction.appendJSON)
}

func (t *Tag) appendFields(b []byte) []byte {
	b = appendString(append(b, `{"code":`...), t.Code)
	b = appendString(append(b, `,"print":`...), t.Print)
	b = appendString(append(b, `,"kind":`...), t.Kind)
	b = appendString(append(b, `,"state":`...), t.State)
	return appendGiven(b, `,"replaced_by":`, t.ReplacedBy)
}

func (c ScanChoice) appendJSON(b []byte) []byte {
	b = c.Tag.appendFields(b)
	b = appendGiven(b, `,"asset":`, c.Asset)
	b = appendGiven(b, `,"component":`, c.Component)
	b = appendGiven(b, `,"number":`, c.Number)
	if c.Holder != nil {
		b = c.Holder.appendJSON(append(b, `,"holder":`...))
	}
	return append(b, '}')
}

func (h *TagHolder) appendJSON(b []byte) []byte {
	b = append(b, '{')
	begun := len(b)
	next := func(name string) string {
		if len(b) > begun {
			return "," + name
		}
		return name
	}
	b = appendGiven(b, next(`"tenant":`), h.Tenant)
	b = appendGiven(b, next(`"company":`), h.Company)
	b = appendGiven(b, next(`"unit":`), h.Unit)
	if h.IssuedAt != nil {
		b = appendTime(append(b, next(`"issued_at":`)...), *h.IssuedAt)
	}
	return append(b, '}')
}

func (c Candidate) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"reading":`...), c.Reading)
	b = appendString(append(b, `,"kind":`...), c.Kind)
	return append(b, '}')
}

func (f Flag) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"flag":`...), f.Flag)
	b = appendString(append(b, `,"text":`...), f.Text)
	return append(b, '}')
}

func (c *Contact) appendJSON(b []byte) []byte {
	b = append(b, '{')
	if c.ID != "" {
		b = append(appendGiven(b, `"id":`, c.ID), ',')
	}
	b = appendString(append(b, `"company":`...), c.Company)
	b = appendGiven(b, `,"branch":`, c.Branch)
	b = appendGiven(b, `,"phone":`, c.Phone)
	b = appendGiven(b, `,"email":`, c.Email)
	b = appendGiven(b, `,"web":`, c.Web)
	b = appendGiven(b, `,"address":`, c.Address)
	b = appendGiven(b, `,"hours":`, c.Hours)
	return append(b, '}')
}

func (c *Component) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"id":`...), c.ID)
	b = appendString(append(b, `,"name":`...), c.Name)
	b = appendGiven(b, `,"type":`, c.Type)
	b = appendGiven(b, `,"manufacturer":`, c.Manufacturer)
	b = appendGiven(b, `,"model":`, c.Model)
	b = appendGiven(b, `,"serial":`, c.Serial)
	if c.YearBuilt != 0 {
		b = strconv.AppendInt(append(b, `,"year_built":`...), int64(c.YearBuilt), 10)
	}
	b = appendGiven(b, `,"approval":`, c.Approval)
	b = appendGiven(b, `,"location":`, c.Location)
	b = appendGiven(b, `,"due":`, c.Due)
	return append(b, '}')
}

func (p *Appointment) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"id":`...), p.ID)
	b = appendTime(append(b, `,"start":`...), p.Start)
	b = appendString(append(b, `,"status":`...), p.Status)
	b = appendString(append(b, `,"subject":`...), p.Subject)
	if len(p.Reports) > 0 {
		b = appendList(append(b, `,"reports":`...), p.Reports, Report.appendJSON)
	}
	return append(b, '}')
}

func (r Report) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"id":`...), r.ID)
	b = appendString(append(b, `,"title":`...), r.Title)
	return append(b, '}')
}

func (r FaultRow) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"number":`...), r.Number)
	b = appendString(append(b, `,"status":`...), r.Status)
	b = appendString(append(b, `,"fault_type":`...), r.FaultType)
	b = appendTime(append(b, `,"created_at":`...), r.CreatedAt)
	b = strconv.AppendBool(append(b, `,"own":`...), r.Own)
	b = strconv.AppendBool(append(b, `,"follows":`...), r.Follows)
	return append(b, '}')
}

func (t FaultType) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"id":`...), t.ID)
	b = appendString(append(b, `,"name":`...), t.Name)
	return append(b, '}')
}

func (s ScanAction) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"action":`...), s.Action)
	b = appendString(append(b, `,"method":`...), s.Method)
	b = appendString(append(b, `,"url":`...), s.URL)
	return append(b, '}')
}

func appendList[T any](b []byte, list []T, appendOne func(T, []byte) []byte) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOne(v, b)
	}
	return append(b, ']')
}

func appendTime(b []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// appendGiven appends a field unless its value is empty.
func appendGiven(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, name...), value)
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string as encoding/json writes it without HTML escapes: control characters are escaped, bytes that
// are no UTF-8 become U+FFFD, and the two line ends that JavaScript knows beside "\n" are escaped.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
			if (r != utf8.RuneError || size > 1) && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
		}
		b = append(b, s[from:i]...)
		i += size
		from = i
		switch r {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		}
	}
	return append(append(b, s[from:]...), '"')
}
