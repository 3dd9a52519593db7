package tagging

import (
	"strings"
	"testing"
)

func TestParseComponent(t *testing.T) {
	config := Config{OwnHosts: []string{"scan.example.com", "10.0.0.7:8080"}}
	const gtin = "04031031455749"
	for _, tt := range []struct {
		name, in string
		want     []string
		flags    string
	}{
		{"nothing", "", nil, ""},
		{"only a symbology id", "]C0\r\n", nil, ""},
		{"over 2,048 characters", strings.Repeat("ä", 2049), nil, ""},
		{"2,048 characters", strings.Repeat("ä", 2048), []string{"text:" + strings.Repeat("Ä", 2048)}, ""},
		{"STX before the symbology id", "\x02]C03491\x03", []string{"text:3491"}, ""},
		{"own host with port", "http://10.0.0.7:8080/t/7k3m9qxd2vhtp", []string{"own:7K3M9QXD2VHTP"}, ""},
		{"own host, grouped code", "https://scan.example.com/t/7K3M-9QXD-2VHTP", []string{"own:7K3M9QXD2VHTP"}, ""},
		{"own host, blanks escaped", "https://scan.example.com/t/7K3M%209QXD%202VHTP", []string{"own:7K3M9QXD2VHTP"}, ""},
		{"own host, no code", "https://scan.example.com/t/", nil, "own_check_failed"},
		{"own host, more path", "https://scan.example.com/t/7K3M9QXD2VHTP/edit", nil, "own_check_failed"},
		{"own host, other port", "https://scan.example.com:81/t/7K3M9QXD2VHTP", []string{"url:https://scan.example.com:81/t/7K3M9QXD2VHTP"}, "il_ok"},
		{"own host as user name", "https://scan.example.com@evil.example/t/7K3M9QXD2VHTP", []string{"url:https://scan.example.com@evil.example/t/7K3M9QXD2VHTP"}, "il_ok"},
		{"own host, other page", "https://scan.example.com/about", []string{"url:https://scan.example.com/about"}, "il_ok"},
		{"EAN-13 has 13 symbols too", "4006381333931", []string{"text:4006381333931"}, "own_check_failed"},
		{"scheme only", "https://", []string{"text:HTTPS://"}, ""},
		{"javascript", "javascript:alert(1)//https://x", []string{"text:JAVASCRIPT:ALERT(1)//HTTPS://X"}, ""},
		{"user name keeps its case", "HTTPS://Me@EX.com/A", []string{"url:https://Me@ex.com/A"}, "il_case"},
		{"several rules broken", "HTTPS://ex.com/a b" + strings.Repeat("x", 255), []string{"url:https://ex.com/a b" + strings.Repeat("x", 255)}, "il_length il_chars il_case"},
		{"link: attribute unknown", "https://ex.com/01/" + gtin + "?05=1", []string{"url:https://ex.com/01/" + gtin + "?05=1"}, "gs1_unknown_ai il_ok"},
		{"link: key of wrong length", "https://ex.com/01/123/21/A", []string{"url:https://ex.com/01/123/21/A"}, "gs1_length il_ok"},
		{"link: value outside the set", "https://ex.com/01/" + gtin + "/21/A%20B", []string{"url:https://ex.com/01/" + gtin + "/21/A%20B"}, "gs1_charset il_chars"},
		{"link: broken escape", "https://ex.com/01/" + gtin + "/21/A%2", []string{"url:https://ex.com/01/" + gtin + "/21/A%2"}, "gs1_charset il_chars"},
		{"link: attribute twice", "https://ex.com/01/" + gtin + "?17=291231&17=291230", []string{"url:https://ex.com/01/" + gtin + "?17=291231&17=291230"}, "gs1_duplicate il_ok"},
		{"link: 235 alone", "https://ex.com/01/" + gtin + "/235/X7", []string{"gs1:(01)" + gtin, "url:https://ex.com/01/" + gtin + "/235/X7"}, "class_level"},
		{"link: 235 beside 21", "https://ex.com/01/" + gtin + "/21/A/235/X7", []string{"url:https://ex.com/01/" + gtin + "/21/A/235/X7"}, "gs1_qualifier_order il_ok"},
		{"link: GRAI has no qualifier", "https://ex.com/8003/00735000855168S1/21/A", []string{"url:https://ex.com/8003/00735000855168S1/21/A"}, "gs1_qualifier_order il_ok"},
		{"link: GTIN-8", "https://ex.com/01/96385074", []string{"gs1:(01)00000096385074", "url:https://ex.com/01/96385074"}, "class_level"},
		{"link: ITIP with serial", "https://ex.com/8006/040303879507620103/21/K1", []string{"gs1:(8006)040303879507620103(21)K1", "url:https://ex.com/8006/040303879507620103/21/K1"}, ""},
		{"a date in a path is no key", "https://ex.com/2024/11/22", []string{"url:https://ex.com/2024/11/22"}, "il_ok"},
		{"element string: no key", "]d210LOT7", []string{"text:10LOT7"}, "gs1_no_key"},
		{"element string: empty", "]d2\x1d", nil, "gs1_no_key"},
		{"element string: repeated alike", "]d201" + gtin + "21A\x1d21A", []string{"gs1:(01)" + gtin + "(21)A"}, ""},
		{"element string: repeated differently", "]d201" + gtin + "21A\x1d21B", []string{"text:01" + gtin + "21A 21B"}, "gs1_duplicate"},
		{"element string: superfluous FNC1", "]d201" + gtin + "\x1d21A", []string{"gs1:(01)" + gtin + "(21)A"}, ""},
		{"element string: cut short", "]d20104031031", []string{"text:0104031031"}, "gs1_length"},
		{"element string: bad character", "]d201" + gtin + "21A#B", []string{"text:01" + gtin + "21A#B"}, "gs1_charset"},
		{"element string: GIAI without prefix", "]d28004AB12", []string{"text:8004AB12"}, "gs1_charset"},
		{"element string: GRAI filler", "]d2800310735000855168", []string{"text:800310735000855168"}, "gs1_check_digit"},
		{"element string: GRAI type", "]d2800300735000855168", []string{"gs1:(8003)00735000855168"}, "class_level"},
		{"element string: piece 4 of 3", "]d28006040303879507620403", []string{"text:8006040303879507620403"}, "gs1_charset"},
		{"element string: SSCC", "]C100340123450000000000", []string{"gs1:(00)340123450000000000"}, ""},
		{"printed with blanks", "(01) " + gtin + " (21) A(b)", []string{"gs1:(01)" + gtin + "(21)A(b)"}, ""},
		{"a telephone number in parentheses", "(040) 12345", []string{"text:(040) 12345"}, "gs1_unknown_ai"},
		{"unmarked with FNC1", "01" + gtin + "10L\x1d21A", []string{"gs1:(01)" + gtin + "(21)A", "text:01" + gtin + "10L 21A"}, "unmarked_gs1"},
		{"envelope without trailer", "[)>\x1e06\x1d30PX1\x1dS7", []string{"di:30PX1|S7"}, ""},
		{"envelope: customer part only", "[)>\x1e06\x1dPX1\x1e\x04", []string{"di:PX1"}, "class_level"},
		{"envelope: first of a kind", "[)>\x1e06\x1d1PA\x1d1PB\x1dS1\x1dS2\x1e\x04", []string{"di:1PA|S1"}, ""},
		{"envelope: empty fields", "[)>\x1e06\x1d1P\x1dS\x1e\x04", []string{"text:[)> 06 1P S"}, "di_no_key"},
		{"envelope: another format", "[)>\x1e12\x1dX\x1e\x04", []string{"text:[)> 12 X"}, "di_no_key"},
		{"envelope: GS1 that is wrong", "[)>\x1e05\x1d0104031031455740\x1e\x04", []string{"text:[)> 05 0104031031455740"}, "gs1_check_digit"},
		{"bare serial 25S", "25SLEACME7", []string{"di:25SLEACME7", "text:25SLEACME7"}, ""},
		{"bare part of nothing", "1P", []string{"text:1P"}, ""},
		{"Wi-Fi in lower case", "wifi:S:x;P:geheim;;", []string{"other:wifi"}, "not_an_identifier secret"},
		{"OTP migration", "otpauth-migration://offline?data=AAA", []string{"other:otpauth"}, "not_an_identifier secret"},
		{"Swiss payment", "SPC\r\n0200\r\n1", []string{"other:swiss_payment"}, "not_an_identifier"},
		{"a serial that starts with SPC", "SPC-100", []string{"text:SPC-100"}, ""},
		{"EPC payment with CR LF", "BCD\r\n001\r\n1\r\nSCT", []string{"other:epc_payment"}, "not_an_identifier"},
		{"a calendar", "begin:vcalendar\nEND:VCALENDAR", []string{"other:ical"}, "not_an_identifier"},
		{"geo", "geo:59.33,18.06", []string{"other:geo"}, "not_an_identifier"},
		{"sms", "SMSTO:+49:hi", []string{"other:sms"}, "not_an_identifier"},
		{"sharp s", "Maßstab 7", []string{"text:MASSSTAB 7"}, ""},
		{"not UTF-8", "A\xffB", []string{"text:A\ufffdB"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := ParseComponent(tt.in, config)
			if got, want := strings.Join(r.Candidates, "\n"), strings.Join(tt.want, "\n"); got != want {
				t.Errorf("candidates %q\nwant %q", got, want)
			}
			if got := strings.Join(r.Flags, " "); got != tt.flags {
				t.Errorf("flags %s, want %s", got, tt.flags)
			}
		})
	}
}

// TestOneKeyForBothCarriers holds that a label keeps its component when the
// maker changes from a GS1 DataMatrix to a Digital Link.
func TestOneKeyForBothCarriers(t *testing.T) {
	for _, tt := range []struct{ element, printed, link string }{
		{"]d2010403103145574921A/1", "(01)04031031455749(21)A/1", "https://a.example/x/01/04031031455749/21/A%2F1?17=291231"},
		{"]C1800473500020261122P", "(8004)73500020261122P", "http://b.example/8004/73500020261122P"},
		{"]Q3800300735000855168S", "(8003)00735000855168S", "https://c.example/8003/00735000855168S#top"},
		{"]d28006040303879507620103\x1d21K1", "(8006)040303879507620103(21)K1", "https://d.example/8006/040303879507620103/21/K1"},
	} {
		a := ParseComponent(tt.element, Config{})
		for _, s := range []string{tt.printed, tt.link} {
			if b := ParseComponent(s, Config{}); len(a.Candidates) != 1 || b.Candidates[0] != a.Candidates[0] {
				t.Errorf("%q: %v and %v", s, a, b)
			}
		}
	}
}

func BenchmarkParseComponent(b *testing.B) {
	config := Config{OwnHosts: []string{"scan.example.com"}}
	for name, in := range map[string]string{
		"own URL": "HTTPS://SCAN.EXAMPLE.COM/T/KSGB8VDW5NMTA",
		"text":    "sn-3491/a",
		"worst":   "(01)" + strings.Repeat("(", 2044),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ParseComponent(in, config)
			}
		})
	}
}
