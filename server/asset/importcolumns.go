package asset

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// importNames are the names of the columns of a list of fobs in three languages, folded; the first word is the wire name of the field.
var importNames = map[string][]string{
	"number": {"number", "no", "nr", "nummer", "tag", "tagg", "tag number", "tag no", "tagnummer", "taggnummer", "tagg nr", "transponder", "transpondernummer",
		"transponder nr", "uid", "chip", "chipnummer", "chip nr", "kortnummer", "kort nr", "kortnr", "bricka", "bricknummer", "kartennummer", "karte",
		"card", "card number", "card no", "fob", "fob number", "fob no", "schlusselnummer", "id"},
	"hint":     {"hint", "technology", "technologie", "technik", "teknik", "reader", "leser", "lesegerat", "lasare", "frequency", "frequenz", "frekvens"},
	"customer": {"customer", "customer number", "customer no", "kunde", "kundennummer", "kunden nr", "kund", "kundnummer", "kund nr", "kundnr"},
	"tenant": {"tenant", "mieter", "mieterin", "hyresgast", "person", "name", "namn", "holder", "inhaber", "inhaberin", "innehavare",
		"user", "nutzer", "anvandare"},
	"company": {"company", "firma", "unternehmen", "foretag"},
	"unit": {"unit", "einheit", "enhet", "wohnung", "wohneinheit", "we", "whg", "lagenhet", "lagenhetsnummer", "lgh", "apartment", "flat", "room", "raum", "rum",
		"zimmer"},
	"issued":  {"issued", "issued on", "issue date", "ausgegeben", "ausgegeben am", "ausgabe", "ausgabedatum", "utlamnad", "utlamnad den", "utdelad"},
	"expires": {"expires", "expires on", "expiry", "expiry date", "valid until", "gultig bis", "ablauf", "ablaufdatum", "giltig till", "giltig t o m", "utgar"},
	"note":    {"note", "notes", "comment", "remark", "notiz", "bemerkung", "anmerkung", "kommentar", "anteckning", "anmarkning"},
}

// ImportColumns are the places of the columns of a list of fobs.
type ImportColumns struct {
	at map[string]int
	// Unknown are the names of columns that are not read.
	Unknown []string
}

// RepeatedColumn is the reason of a *FieldError for a field that two columns name.
const RepeatedColumn = "repeated"

// ColumnsOf recognises the columns of a list of fobs by their names in German, Swedish or English, in any case and spelling of umlauts.
// A list without a column of numbers, or with two columns for one field, is a *FieldError that names the field.
func ColumnsOf(header []string) (ImportColumns, error) {
	c := ImportColumns{at: map[string]int{}}
	for i, name := range header {
		folded := strings.Join(foldedWords(name), " ")
		field := ""
		for f, names := range importNames {
			if slices.Contains(names, folded) {
				field = f
			}
		}
		if field == "" {
			if strings.TrimSpace(name) != "" {
				c.Unknown = append(c.Unknown, name)
			}
			continue
		}
		if _, twice := c.at[field]; twice {
			return ImportColumns{}, &FieldError{field, RepeatedColumn}
		}
		c.at[field] = i
	}
	if _, ok := c.at["number"]; !ok {
		return ImportColumns{}, &FieldError{"number", Missing}
	}
	return c, nil
}

// Row is a line of the list as an [ImportRow]. Days may be written as in 2028-12-31, 31.12.2028 or 31/12/2028; one that is none is
// kept as it stands, for [Service.ImportTags] to refuse. Technologies are understood by their usual names.
func (c ImportColumns) Row(line int, cells []string) ImportRow {
	text := func(field string) string {
		i, ok := c.at[field]
		if !ok || i >= len(cells) {
			return ""
		}
		return strings.TrimSpace(cells[i])
	}
	return ImportRow{Line: line, Number: text("number"), Hint: technology(text("hint")), Customer: text("customer"),
		Tenant: text("tenant"), Company: text("company"), Unit: text("unit"),
		Issued: day(text("issued")), Expires: day(text("expires")), Note: text("note")}
}

// technologies are what people call the kinds of reader of [Hints].
var technologies = map[string][]string{
	"125khz":   {"125", "125 khz", "125khz", "em", "em4100", "em4102", "unique", "lf"},
	"13.56mhz": {"13 56", "13 56 mhz", "13 56mhz", "hf", "nfc", "rfid"},
	"iso14443": {"iso14443", "iso 14443", "iso14443a", "mifare", "mifare classic", "mifare desfire", "desfire", "ntag", "ultralight"},
	"hid":      {"hid", "hid prox", "wiegand", "prox"},
}

// technology is the hint that a text names. What it does not know stays as it stands.
func technology(text string) string {
	words := strings.Join(foldedWords(text), " ")
	for hint, names := range technologies {
		if slices.Contains(names, words) {
			return hint
		}
	}
	return strings.ToLower(text)
}

// midnight is what spreadsheets add to a day.
var midnight = regexp.MustCompile(`[T ]00:00(:00(\.0+)?)?$`)

// day reads a day as people in the three languages write it.
func day(text string) Day {
	text = midnight.ReplaceAllString(text, "")
	for _, form := range []string{time.DateOnly, "2.1.2006", "2.1.06", "2/1/2006", "20060102"} {
		if t, err := time.Parse(form, text); err == nil {
			return DayOf(t)
		}
	}
	return Day(text)
}
