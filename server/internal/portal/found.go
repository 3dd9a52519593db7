package portal

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// foundPage lets a finder write to the contact of the host, without an account. It is the same for every code but for the
// code that the finder came with.
type foundPage struct {
	Action  string // where the form goes
	Code    string // as it is printed; "" where a number is typed
	Contact identity.Provider
	Token   string
	Days    int // for which the message is kept

	Number, Place, Text, Reach                     string
	NumberError, PlaceError, TextError, ReachError string // message keys
	Error                                          string // about the form as a whole
	MaxLine, MaxText                               int
}

// foundThanksPage is what every finder gets, whatever was found (SEC-5).
type foundThanksPage struct{ Contact identity.Provider }

// A form of a finder is taken when it is this old: people need some seconds to write, and programs that fill in forms do not wait;
// after some hours nobody comes back to it.
const (
	foundSoonest = 3 * time.Second
	foundLatest  = 2 * time.Hour
)

// foundContact is the contact of the host that was asked and the settings of its provider; errNoPage where there is no such form.
func (p *Portal) foundContact(r *edge.Request) (identity.Provider, asset.TagSettings, error) {
	contact, err := p.opt.Scan.Contact(r.Context(), r.Host())
	if err != nil {
		return contact, asset.TagSettings{}, err
	}
	set, err := p.opt.Assets.TagSettings(r.Context(), contact.ID)
	if err == nil && !set.FoundForm {
		err = errNoPage
	}
	return contact, set, err
}

// foundLink leads from the page with the contact to the form: relative to the page of a code, so that it is the same for each; "" where
// the provider has no such form.
func (p *Portal) foundLink(r *edge.Request, contact identity.Provider, foreign bool) (string, error) {
	set, err := p.opt.Assets.TagSettings(r.Context(), contact.ID)
	switch {
	case err != nil || !set.FoundForm:
		return "", err
	case foreign:
		return "/found", nil
	}
	return "?found=1", nil
}

// getFound shows the form. Nothing is looked up by the code (SEC-1).
func (p *Portal) getFound(r *edge.Request) error {
	page, err := p.newFound(r)
	var typo *tagging.CodeError
	if errors.As(err, &typo) {
		return p.mistyped(r, r.Param("code"), err)
	}
	if err != nil {
		return err
	}
	return p.views.found.render(r, http.StatusOK, page)
}

// newFound is an empty form for the code of the address, if it has one; a mistyped one is a *[tagging.CodeError].
func (p *Portal) newFound(r *edge.Request) (foundPage, error) {
	page := foundPage{Action: "/found", MaxLine: scan.MaxFoundLine, MaxText: scan.MaxFoundText}
	if typed := r.Param("code"); typed != "" {
		code, err := tagging.ParseCode(typed)
		if err != nil {
			return page, err
		}
		page.Action, page.Code = "/t/"+string(code)+"/found", code.Print()
	}
	contact, set, err := p.foundContact(r)
	if err != nil {
		return page, err
	}
	page.Contact, page.Days = contact, set.KeepSightings
	if page.Days <= 0 {
		page.Days = defaultKeepDays
	}
	page.Token = p.foundToken(p.opt.Now())
	return page, nil
}

func (p *Portal) postFound(r *edge.Request) error {
	page, err := p.newFound(r)
	var typo *tagging.CodeError
	if errors.As(err, &typo) {
		return p.mistyped(r, r.Param("code"), err)
	}
	if err != nil {
		return err
	}
	page.Number, page.Place = strings.TrimSpace(r.FormValue("number")), strings.TrimSpace(r.FormValue("place"))
	page.Text, page.Reach = strings.TrimSpace(r.FormValue("text")), strings.TrimSpace(r.FormValue("reach"))
	if !page.check() {
		return p.views.found.render(r, http.StatusUnprocessableEntity, page)
	}
	switch age, ok := p.foundAge(r.FormValue("token")); {
	case !ok || age > foundLatest:
		page.Error = "portal.found.too_old"
		return p.views.found.render(r, http.StatusUnprocessableEntity, page)
	case age < foundSoonest:
		page.Error = "portal.found.too_soon"
		return p.views.found.render(r, http.StatusUnprocessableEntity, page)
	}
	thanks := foundThanksPage{page.Contact}
	if r.FormValue("website") != "" { // no person sees that field
		return p.views.foundThanks.render(r, http.StatusOK, thanks)
	}
	if d := p.allowFound(r); !d.OK {
		page.Error = "portal.found.too_many"
		return p.views.found.render(r, http.StatusTooManyRequests, page)
	}
	number := page.Number
	if page.Code != "" {
		number = page.Code
	}
	err = p.opt.Sightings.ReportFound(r.Context(), r.Host(), scan.Found{Code: number, Place: page.Place, Text: page.Text, Contact: page.Reach})
	var field *asset.FieldError
	if errors.As(err, &field) {
		page.refuse(field.Field)
		return p.views.found.render(r, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return err
	}
	return p.views.foundThanks.render(r, http.StatusOK, thanks)
}

// refuse notes beside its field that a text has signs that are not taken.
func (f *foundPage) refuse(field string) {
	const bad = "portal.text.bad_text"
	switch field {
	case "code":
		f.NumberError = bad
	case "place":
		f.PlaceError = bad
	case "contact":
		f.ReachError = bad
	default:
		f.TextError = bad
	}
}

// allowFound counts a message by its sender, and all together, so that staff who read each are not buried.
func (p *Portal) allowFound(r *edge.Request) edge.Decision {
	key := first(r.Viewer().User, edge.AddressKey(r.ClientIP()))
	if d := p.limiter.Allow("found", key); !d.OK {
		return d
	}
	return p.limiter.Allow("found_total", "")
}

// check notes what is wrong beside each field and reports whether all is right. It looks at the text alone.
func (f *foundPage) check() bool {
	if f.Code == "" {
		f.NumberError = foundTrouble(f.Number, scan.MaxFoundLine, "portal.found.number_missing", false)
	}
	f.PlaceError = foundTrouble(f.Place, scan.MaxFoundLine, "portal.found.place_missing", false)
	f.TextError = foundTrouble(f.Text, scan.MaxFoundText, "", true)
	f.ReachError = foundTrouble(f.Reach, scan.MaxFoundLine, "", false)
	return f.NumberError == "" && f.PlaceError == "" && f.TextError == "" && f.ReachError == ""
}

// foundTrouble is the message key for what is wrong with a text; missing is that for an empty one, "" where it may be empty.
func foundTrouble(text string, most int, missing string, lines bool) string {
	switch {
	case text == "":
		return missing
	case utf8.RuneCountInString(text) > most:
		return "portal.found.too_long"
	case strings.ContainsFunc(text, func(c rune) bool {
		return c < ' ' && !(lines && (c == '\n' || c == '\r' || c == '\t')) || c == 0x7f || c == utf8.RuneError
	}):
		return "portal.text.bad_text"
	}
	return ""
}

// foundMAC is the length of a signature: 128 bits.
const foundMAC = 16

// foundToken is the moment at which a form was drawn, signed, so that its age is known when it comes back (SEC-45).
func (p *Portal) foundToken(now time.Time) string {
	at := binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(append(at, p.signFound(at)...))
}

// foundAge is how long ago the form of a token was drawn; ok is false for what we did not sign and for what lies ahead.
func (p *Portal) foundAge(token string) (age time.Duration, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != 8+foundMAC || subtle.ConstantTimeCompare(b[8:], p.signFound(b[:8])) != 1 {
		return 0, false
	}
	age = p.opt.Now().Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(b))))
	return age, age >= 0
}

func (p *Portal) signFound(at []byte) []byte {
	mac := hmac.New(sha256.New, p.opt.Key[:])
	mac.Write([]byte("tagwerk/portal/found form\x00"))
	mac.Write(at)
	return mac.Sum(nil)[:foundMAC]
}
