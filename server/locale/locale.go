// Package locale holds the three languages of the product: the tags, the message files and the forms of dates.
// Text is resolved at the front ends (pages, API messages, pushes, mail); the domain speaks in message keys.
package locale

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// Tag is a language of the product: "de", "sv" or "en".
type Tag string

// The languages. English is used where nothing better is known.
const (
	German  Tag = "de"
	Swedish Tag = "sv"
	English Tag = "en"
)

// Tags lists the languages in the order in which they are offered.
var Tags = []Tag{German, Swedish, English}

// Name is what speakers call the language.
func (t Tag) Name() string {
	switch t {
	case German:
		return "Deutsch"
	case Swedish:
		return "Svenska"
	default:
		return "English"
	}
}

// Parse returns the language of a BCP 47 tag such as "de-AT", and whether it is one of ours.
func Parse(s string) (Tag, bool) {
	base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), "-")
	switch Tag(base) {
	case German, Swedish, English:
		return Tag(base), true
	}
	return English, false
}

var matcher = language.NewMatcher([]language.Tag{language.English, language.German, language.Swedish})

// Negotiate picks the best language for an Accept-Language header (RFC 9110, 12.5.4); English if there is none.
func Negotiate(acceptLanguage string) Tag {
	if len(acceptLanguage) > 256 {
		return English
	}
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(wanted) == 0 {
		return English
	}
	_, i, confidence := matcher.Match(wanted...)
	if confidence == language.No {
		return English
	}
	return []Tag{English, German, Swedish}[i]
}

//go:embed messages/*.json
var files embed.FS

// Catalogue resolves message keys. It is immutable and safe for concurrent use.
type Catalogue struct{ localizers map[Tag]*i18n.Localizer }

// Load reads the embedded message files "messages/<area>.<tag>.json": flat objects of key to text, with {{.Name}} for values.
// It fails on a key that stands twice.
func Load() (*Catalogue, error) {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	names, err := fs.Glob(files, "messages/*.json")
	if err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for _, name := range names {
		f, err := bundle.LoadMessageFileFS(files, name)
		if err != nil {
			return nil, fmt.Errorf("locale: %s: %w", name, err)
		}
		for _, m := range f.Messages {
			at := f.Tag.String() + " " + m.ID
			if other, twice := seen[at]; twice {
				return nil, fmt.Errorf("locale: key %q stands in %s and %s", m.ID, other, name)
			}
			seen[at] = name
		}
	}
	c := &Catalogue{localizers: map[Tag]*i18n.Localizer{}}
	for _, t := range Tags {
		c.localizers[t] = i18n.NewLocalizer(bundle, string(t), string(English))
	}
	return c, nil
}

// Text resolves a key; args is nil or a map or struct for the placeholders. An unknown key answers itself between ⟦ and ⟧,
// which the tests look for.
func (c *Catalogue) Text(t Tag, key string, args any) string {
	l := c.localizers[t]
	if l == nil {
		l = c.localizers[English]
	}
	s, err := l.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: args})
	if err != nil && s == "" {
		return "⟦" + key + "⟧"
	}
	return s
}

// Date writes a day as its readers do: 31.12.2026, 2026-12-31, 31 Dec 2026 (standards.md section 6).
func Date(t Tag, d time.Time) string {
	switch t {
	case German:
		return d.Format("02.01.2006")
	case Swedish:
		return d.Format("2006-01-02")
	default:
		return d.Format("2 Jan 2006")
	}
}

// Moment writes a day with hours and minutes.
func Moment(t Tag, d time.Time) string { return Date(t, d) + d.Format(" 15:04") }
