package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/tagging"
)

func TestParse(t *testing.T) {
	t.Parallel()
	t.Run("a label code", func(t *testing.T) {
		if r := tagwerk(t, "parse", "7k3m 9qxd-2vhtp").want(t, exitOK); !strings.HasPrefix(r.out, "7k3m 9qxd-2vhtp\n  own:7K3M9QXD2VHTP\n") {
			t.Errorf("%q", r.out)
		}
	})
	t.Run("its URL, with and without our host", func(t *testing.T) {
		url := "https://scan.example.com/t/7k3m9qxd2vhtp"
		if r := tagwerk(t, "parse", "--own-host", "scan.example.com", url).want(t, exitOK); !strings.Contains(r.out, "own:7K3M9QXD2VHTP") {
			t.Errorf("%q", r.out)
		}
		if r := tagwerk(t, "parse", url); strings.Contains(r.out, "own:") {
			t.Errorf("%q", r.out)
		}
	})
	t.Run("a typing error is named", func(t *testing.T) {
		if r := tagwerk(t, "parse", "7K3M-9QXD-2HVTP"); !strings.Contains(r.out, "the check symbol does not fit") || !strings.Contains(r.out, "7K3M-9QXD-2VHTP would be a right code") {
			t.Errorf("%q", r.out)
		}
	})
	t.Run("the number of a fob", func(t *testing.T) {
		r := tagwerk(t, "parse", "--tag", "--hint", "125khz", "--json", "1234567890").want(t, exitOK)
		var p parsed
		decodeJSON(t, r.out, &p)
		if p.Input != "1234567890" || !slices.Contains(p.Candidates, "em4100:??499602D2") || p.Flags == nil {
			t.Errorf("%+v", p)
		}
	})
	t.Run("one of two is no code", func(t *testing.T) {
		r := tagwerk(t, "parse", "--json", "--own-host", "scan.example.com", "7K3M9QXD2VHTP", "https://scan.example.com/t/X8QQT1SDVA8HX").want(t, exitFailed, "not every input is a code")
		lines := strings.Split(strings.TrimSpace(r.out), "\n")
		if len(lines) != 2 || !strings.Contains(lines[1], `"candidates":[]`) {
			t.Errorf("%q", r.out)
		}
	})
	t.Run("escape sequences of an input do not reach the terminal", func(t *testing.T) {
		if r := tagwerk(t, "parse", "A\x1b[2JB"); strings.ContainsRune(r.out, 0x1b) {
			t.Errorf("%q", r.out)
		}
	})
	t.Run("bad input is explained", func(t *testing.T) {
		for input, say := range map[string]string{
			"08C88C09":                   "makes up a new one at each reading",
			"880451AA":                   "only three bytes of a longer number",
			"01010000110110010110010110": "parity bits do not fit",
			"DD17380AF8":                 "check byte of the number is right",
			"0057169547 105,22155":       "do not agree",
			"22155":                      "16 of 24 bits known, the card number alone",
			"0057169547":                 "EM4100 tag (125 kHz), 32 of 40 bits known, read as a decimal number of 32 bits (10D)",
			"0A3817DD":                   "read as a hexadecimal number, order of the bytes turned round",
			" ":                          "nothing to read",
			"0FD38DAB":                   "not surely unique",
		} {
			if r := tagwerk(t, "parse", "--tag", input); !strings.Contains(r.out, say) {
				t.Errorf("%s: %q is not said in %q", input, say, r.out)
			}
		}
		for input, say := range map[string]string{
			"]d2010403103145574021A1":                     "the check digit is wrong",
			"https://example.com/01/04031031455749?21=A1": "behind the question mark",
			"HTTPS://id.example.com/1":                    "not in lower case",
			"WIFI:T:WPA;S:Werkstatt;P:geheim;;":           "neither stored nor logged",
			"https://example.com/01/04031031455749/21/A1": "GS1 trade item number (GTIN), from a GS1 Digital Link",
			"[)>\x1e06\x1d1PA\x1dS1\x1e\x04":              "from an ISO/IEC 15434 envelope",
		} {
			if r := tagwerk(t, "parse", input); !strings.Contains(r.out, say) {
				t.Errorf("%q: %q is not said in %q", input, say, r.out)
			}
		}
	})
	t.Run("a reader that types", func(t *testing.T) {
		if r := tagwerk(t, "parse", "--tag", "--hint", "wedge", "0057169547").want(t, exitOK); !strings.Contains(r.out, "em4100:??0368568B") || strings.Contains(r.out, "hint_ignored") {
			t.Errorf("%q", r.out)
		}
	})
}

func TestParseLanguage(t *testing.T) {
	t.Run("people get theirs, programs English", func(t *testing.T) {
		t.Setenv("LC_ALL", "de_AT.UTF-8")
		if r := tagwerk(t, "parse", "--tag", "22155"); !strings.Contains(r.out, "16 von 24 Bit bekannt") {
			t.Errorf("%q", r.out)
		}
		r := tagwerk(t, "parse", "--tag", "--json", "22155")
		var p parsed
		decodeJSON(t, r.out, &p)
		want := []because{
			{Candidate: "h10301:*:22155", Text: "Wiegand card, 26 bits (H10301), 16 of 24 bits known, the card number alone"},
			{Candidate: "em4100:??????568B", Text: "EM4100 tag (125 kHz), 16 of 40 bits known, the card number alone"},
			{Flag: "weak", Text: "This is only the card number, without the facility code. Many tags share it."},
		}
		if !slices.Equal(p.Why, want) {
			t.Errorf("%+v", p.Why)
		}
	})
	for _, row := range []struct {
		env  map[string]string
		want locale.Tag
	}{
		{nil, locale.English},
		{map[string]string{"LANG": "sv_SE.UTF-8"}, locale.Swedish},
		{map[string]string{"LANG": "sv_SE.UTF-8", "LC_ALL": "C"}, locale.English},
		{map[string]string{"LANG": "sv_SE", "LC_MESSAGES": "de@euro"}, locale.German},
		{map[string]string{"LANG": "fr_FR.UTF-8"}, locale.English},
		{map[string]string{"LANG": "\xff.."}, locale.English},
	} {
		if got := terminalLanguage(func(name string) string { return row.env[name] }); got != row.want {
			t.Errorf("%v: %s", row.env, got)
		}
	}
}

// TestEveryReadingHasWords holds that no remark of the parsers comes out as a bare key, in any language.
func TestEveryReadingHasWords(t *testing.T) {
	t.Parallel()
	texts, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range tagging.MessageKeys() {
		for _, language := range locale.Tags {
			if text := texts.Text(language, key, nil); strings.ContainsAny(text, "⟦⟧") {
				t.Errorf("%s: %s", language, text)
			}
		}
	}
}
