package tagging

import (
	"slices"
	"strings"
	"testing"
)

// withCheck puts the GS1 check digit behind digits.
func withCheck(digits string) string {
	for c := '0'; c <= '9'; c++ {
		if s := digits + string(c); CheckGS1Mod10.Valid(s) {
			return s
		}
	}
	return ""
}

// TestApplicationIdentifiers is the table of standards.md 1.4: for each AI a
// right value, and what one character more or less and a wrong one give.
func TestApplicationIdentifiers(t *testing.T) {
	const giai = "(8004)7350A"
	text := func(n int) string { return strings.Repeat("a/", n)[:n] }
	for _, tt := range []struct {
		ai, longest, shortest string
		fnc1                  bool // needed behind the value
	}{
		{"00", withCheck("34012345000000001"), "", false},
		{"01", withCheck("0403103145574"), "", false},
		{"02", withCheck("0403103145574"), "", false},
		{"10", text(20), "a", true}, {"21", text(20), "a", true}, {"22", text(20), "a", true}, {"243", text(20), "a", true},
		{"11", "261122", "", false}, {"12", "261100", "", false}, {"13", "261122", "", false},
		{"15", "261122", "", false}, {"16", "261122", "", false}, {"17", "291231", "", false},
		{"20", "07", "", false},
		{"235", text(28), "a", true},
		{"240", text(30), "a", true}, {"241", text(30), "a", true}, {"250", text(30), "a", true}, {"251", text(30), "a", true},
		{"400", text(30), "a", true}, {"90", text(30), "a", true},
		{"253", withCheck("735000000000") + text(17), withCheck("735000000000"), true},
		{"37", "12345678", "1", true},
		{"410", withCheck("735000000000"), "", false}, {"414", withCheck("735000000000"), "", false}, {"417", withCheck("735000000000"), "", false},
		{"7040", "1A/x", "", true},
		{"8003", "0" + withCheck("073500085516") + text(16), "0" + withCheck("073500085516"), true},
		{"8004", "7350" + text(26), "7350", true},
		{"8006", withCheck("0403038795076") + "0103", "", true},
		{"8017", withCheck("73500000000000000"), "", true}, {"8018", withCheck("73500000000000000"), "", true},
		{"91", text(90), "a", true}, {"95", text(90), "a", true}, {"99", text(90), "a", true},
	} {
		if tt.shortest == "" {
			tt.shortest = tt.longest
		}
		next := "375"
		if tt.ai == "37" {
			next = "90q"
		}
		read := func(value string) (elements, Flag) {
			if tt.fnc1 {
				value += "\x1d"
			}
			return parseElements(tt.ai + value + next)
		}
		for _, value := range []string{tt.longest, tt.shortest} {
			if e, fault := read(value); fault != "" || len(e) == 0 || e[0] != (element{tt.ai, value}) {
				t.Errorf("(%s)%s: %v %s", tt.ai, value, e, fault)
			}
			if r := ParseComponent("("+tt.ai+")"+value+giai, Config{}); tt.ai != "8004" && (len(r.Candidates) != 1 || strings.HasPrefix(r.Candidates[0], "text:")) {
				t.Errorf("(%s)%s printed: %+v", tt.ai, value, r)
			}
		}
		if _, fault := parseElements(tt.ai + tt.longest + "\x1d" + next); fault != "" {
			t.Errorf("(%s): a superfluous FNC1 gives %s", tt.ai, fault)
		}
		if _, fault := parseElements(tt.ai + tt.shortest[1:]); fault != FlagLength {
			t.Errorf("(%s) too short gives %q", tt.ai, fault)
		}
		if tt.fnc1 {
			if _, fault := parseElements(tt.ai + tt.longest + "9"); fault != FlagLength {
				t.Errorf("(%s) too long gives %q", tt.ai, fault)
			}
		}
		for _, wrong := range []string{"#", " ", "ä", "~", "\\", "[", "@", "^", "`", "{", "$"} {
			if wrong = wrong + tt.longest[len(wrong):]; len(wrong) == len(tt.longest) {
				if _, fault := parseElements(tt.ai + wrong); fault != FlagCharacters {
					t.Errorf("(%s)%s gives %q", tt.ai, wrong, fault)
				}
			}
		}
	}
	for _, unknown := range []string{"03", "04", "05", "14", "18", "19", "23", "24", "30", "310", "411", "8005", "8001", "704", "70", "80"} {
		if _, ok := lookUpAI(unknown); ok {
			t.Errorf("(%s) is not in the table", unknown)
		}
	}
	for i, c := range []byte("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz") {
		if _, fault := parseElements("21" + string(c)); fault != "" {
			t.Errorf("character %d, %q: %s", i, c, fault)
		}
	}
}

func TestCheckDigits(t *testing.T) {
	for _, value := range []string{
		"00340123450000000000", "0104031031455749", "0204031031455749", "2537350000000008", "4107350000000008", "4147350000000008",
		"800300735000855168", "8006040303879507620103", "8017735000000000000001",
	} {
		e, fault := parseElements(value)
		if fault == FlagCheckDigit {
			// The table of this test holds no check digits of its own.
			value = withRightCheck(t, value)
			e, fault = parseElements(value)
		}
		if fault != "" {
			t.Fatalf("%s: %s", value, fault)
		}
		ai := e[0].ai
		format, _ := lookUpAI(ai)
		for i := len(ai); i < len(ai)+format.checkAt; i++ {
			wrong := []byte(value)
			wrong[i] = '0' + (wrong[i]-'0'+1)%10
			if _, fault := parseElements(string(wrong)); fault != FlagCheckDigit {
				t.Errorf("%s with digit %d wrong: %q", wrong, i, fault)
			}
		}
	}
}

// withRightCheck sets the check digit of the one AI of an element string.
func withRightCheck(t *testing.T, s string) string {
	t.Helper()
	for n := 4; n >= 2; n-- {
		if format, ok := lookUpAI(s[:n]); ok && format.checkAt > 0 {
			end := n + format.checkAt
			return s[:n] + withCheck(s[n:end-1]) + s[end:]
		}
	}
	t.Fatalf("%s has no check digit", s)
	return ""
}

func TestElementStrings(t *testing.T) {
	const gtin = "04031031455749"
	for _, tt := range []struct{ in, want, flags string }{
		{"]C101" + gtin + "21A", "gs1:(01)" + gtin + "(21)A", ""},
		{"]d201" + gtin + "21A", "gs1:(01)" + gtin + "(21)A", ""},
		{"]Q301" + gtin + "21A", "gs1:(01)" + gtin + "(21)A", ""},
		{"]e001" + gtin + "21A", "gs1:(01)" + gtin + "(21)A", ""},
		{"]J101" + gtin + "21A", "gs1:(01)" + gtin + "(21)A", ""},
		{"]C001" + gtin, "gs1:(01)" + gtin + " text:01" + gtin, "unmarked_gs1 class_level"},
		{"]d101" + gtin, "gs1:(01)" + gtin + " text:01" + gtin, "unmarked_gs1 class_level"},
		{"]Q1X7", "text:X7", ""}, {"]A0X7", "text:X7", ""}, {"]z0X7", "text:X7", ""}, {"]L0X7", "text:X7", ""}, {"]I0X7", "text:X7", ""},
		{"]X", "text:]X", ""}, {"]1AX", "text:]1AX", ""}, {"]CAX", "text:]CAX", ""},
		{"\x1d01" + gtin + "21A\x1d", "gs1:(01)" + gtin + "(21)A", ""},
		{"]C1\x1d01" + gtin + "21A", "gs1:(01)" + gtin + "(21)A", ""},
		{"]d221A\x1d01" + gtin, "gs1:(01)" + gtin + "(21)A", ""},
		{"]d221A", "text:21A", "gs1_no_key"},
		{"]d202" + gtin + "375", "text:02" + gtin + "375", "gs1_no_key"},
		{"]d24107350000000000", "text:4107350000000000", "gs1_check_digit"},
		{"]d201" + gtin + "01" + gtin, "gs1:(01)" + gtin, "class_level"},
		{"]d2800400AB", "text:800400AB", "gs1_charset"},
		{"]d28004735", "text:8004735", "gs1_length"},
		{"]d28006040303879507620003", "text:8006040303879507620003", "gs1_charset"},
		{"]d28006040303879507620100", "text:8006040303879507620100", "gs1_charset"},
		{"]d28006040303879507620303", "gs1:(8006)040303879507620303", "class_level"},
		{"8006040303879507620103", "gs1:(8006)040303879507620103 text:8006040303879507620103", "unmarked_gs1 class_level"},
		{"800300735000855168S1", "gs1:(8003)00735000855168S1 text:800300735000855168S1", "unmarked_gs1"},
		{"80047350A", "text:80047350A", ""},
		{"]d2WIFI:S:x;P:geheim;;", "other:wifi", "not_an_identifier secret"},
		{"\x1dotpauth:totp?secret=A", "other:otpauth", "not_an_identifier secret"},
		{"]Q3https://ex.com/01/" + gtin, "gs1:(01)" + gtin + " url:https://ex.com/01/" + gtin, "class_level"},
		{"(8006)040303879507620103(21)K1", "gs1:(8006)040303879507620103(21)K1", ""},
		{"(12345)6", "text:(12345)6", ""}, {"(1)6", "text:(1)6", ""}, {"(10)LOT", "text:(10)LOT", "gs1_no_key"},
	} {
		checkComponent(t, tt.in, tt.want, tt.flags)
	}
}

func TestDigitalLinks(t *testing.T) {
	const gtin = "04031031455749"
	for _, tt := range []struct{ path, key, flags string }{
		{"/01/" + gtin + "/22/V/10/L/21/S", "(01)" + gtin + "(21)S", ""},
		{"/01/" + gtin + "/22/V/21/S", "(01)" + gtin + "(21)S", ""},
		{"/01/" + gtin + "/10/L", "(01)" + gtin, "class_level"},
		{"/01/" + gtin + "/10/L/22/V", "", "gs1_qualifier_order il_ok"},
		{"/01/" + gtin + "/21/S/22/V", "", "gs1_qualifier_order il_ok"},
		{"/01/" + gtin + "/21/S/21/S", "", "gs1_qualifier_order il_ok"},
		{"/01/" + gtin + "/21/S/21/T", "", "gs1_duplicate il_ok"},
		{"/01/" + gtin + "/17/291231", "", "gs1_qualifier_order il_ok"},
		{"/8006/040303879507620103/22/V/10/L/21/S", "(8006)040303879507620103(21)S", ""},
		{"/8006/040303879507620103/235/S", "", "gs1_qualifier_order il_ok"},
		{"/8004/7350A/7040/1ABC", "(8004)7350A", ""},
		{"/8004/7350A/7040/1AB", "", "gs1_length il_ok"},
		{"/8004/7350A/21/S", "", "gs1_qualifier_order il_ok"},
		{"/00/340123450000000000", "(00)340123450000000000", ""},
		{"/253/" + withCheck("735000000000") + "D1", "(253)" + withCheck("735000000000") + "D1", ""},
		{"/414/" + withCheck("735000000000"), "(414)" + withCheck("735000000000"), ""},
		{"/417/" + withCheck("735000000000"), "(417)" + withCheck("735000000000"), ""},
		{"/01/614141007349", "(01)00614141007349", "class_level"},
		{"/01/6141410073491", "", "gs1_check_digit il_ok"},
		{"/a/b/c/01/" + gtin, "(01)" + gtin, "class_level"},
		{"/10/x/01/" + gtin, "(01)" + gtin, "class_level"},
		{"/01/" + gtin + "/", "", "il_ok"},
		{"/01/" + gtin + "/about/us", "", "il_ok"},
		{"/1/" + gtin, "", "il_ok"},
		{"/01/" + gtin + "/21/%41%2f", "(01)" + gtin + "(21)A/", ""},
		{"/01/" + gtin + "/21/%c3%a4", "", "gs1_charset il_chars"},
		{"/01/" + gtin + "/21/" + strings.Repeat("S", 21), "", "gs1_length il_ok"},
		{"/01/" + gtin + "?17=291231&11=261122&x=1&99=q", "(01)" + gtin, "class_level"},
		{"/01/" + gtin + "?17=29123", "", "gs1_length il_ok"},
		{"/01/" + gtin + "?17=29123x", "", "gs1_charset il_ok"},
		{"/01/" + gtin + "?123456=1", "", "gs1_unknown_ai il_ok"},
		{"/01/" + gtin + "?10=L", "", "gs1_qualifier_in_query il_ok"},
		{"/01/" + gtin + "?22=V", "", "gs1_qualifier_in_query il_ok"},
		{"/01/" + gtin + "?235=V", "", "gs1_qualifier_in_query il_ok"},
		{"/8004/7350A?7040=1ABC", "", "gs1_qualifier_in_query il_ok"},
		{"/8004/7350A?01=" + gtin, "(8004)7350A", ""},
		{"/01/" + gtin + "?01=" + gtin, "(01)" + gtin, "class_level"},
		{"/01/" + gtin + "/21/S#/10/L", "(01)" + gtin + "(21)S", ""},
		{"/01/" + gtin + "/21/S?", "(01)" + gtin + "(21)S", ""},
	} {
		link := "https://ex.com" + tt.path
		want := "url:" + link
		if tt.key != "" {
			want = "gs1:" + tt.key + " " + want
		}
		checkComponent(t, link, want, tt.flags)
	}
}

func TestIdentificationLinks(t *testing.T) {
	for in, flags := range map[string]string{
		"https://id.ex.com/!#$&'()*+,-./0:;=?@AZ[]_az~": FlagLinkOK,
		"http://id.ex.com":                           FlagLinkOK,
		"https://xn--bcher-kva.example/1":            FlagLinkOK,
		"https://ex.com/" + strings.Repeat("x", 240): FlagLinkOK,
		"https://ex.com/" + strings.Repeat("x", 241): FlagLinkLength,
		"https://ex.com/a%20b":                       FlagLinkCharacters,
		"https://ex.com/a b":                         FlagLinkCharacters,
		"https://ex.com/a\"b":                        FlagLinkCharacters,
		"https://ex.com/a\\b":                        FlagLinkCharacters,
		"https://ex.com/a<b>":                        FlagLinkCharacters,
		"https://ex.com/ä":                           FlagLinkCharacters,
		"https://ex.com/a^b":                         FlagLinkCharacters,
		"https://ex.com/a{b}|`":                      FlagLinkCharacters,
		"Https://ex.com/":                            FlagLinkCase,
		"https://Ex.com:8443/A":                      FlagLinkCase,
	} {
		r := ParseComponent(in, Config{})
		if len(r.Candidates) != 1 || !slices.Equal(r.Flags, []string{flags}) {
			t.Errorf("%s: %+v, want %s", in, r, flags)
		}
	}
}

func TestDataIdentifiers(t *testing.T) {
	const head, tail = "[)>\x1e06\x1d", "\x1e\x04"
	for _, tt := range []struct{ in, want, flags string }{
		{head + "30PA\x1d1PB\x1dPC\x1dSD" + tail, "di:1PB|SD", ""},
		{head + "PC\x1d30PA\x1dSD" + tail, "di:30PA|SD", ""},
		{head + "PC\x1dSD" + tail, "di:PC|SD", ""},
		{head + "18VX\x1dPC" + tail, "di:PC", "class_level"},
		{head + "18VX\x1d25SY\x1d1PB\x1dSD" + tail, "di:25SY", ""},
		{head + "SD" + tail, "text:[)> 06 SD", "di_no_key"},
		{head + "18VX\x1dSD" + tail, "text:[)> 06 18VX SD", "di_no_key"},
		{head + "1T7\x1dD261122\x1d16D20261122\x1dQ2\x1d33Lhttps://x\x1d1PB" + tail, "di:1PB", "class_level"},
		{head + "1234PB\x1dab\x1d\x1d1PB" + tail, "di:1PB", "class_level"},
		{"]d1" + head + "1PB\x1dSD" + tail, "di:1PB|SD", ""},
		{"[)>\x1e05\x1d8004" + "7350A\x1d10L\x1e\x04", "gs1:(8004)7350A", ""},
		{"[)>\x1e05\x1d10L\x1e\x04", "text:[)> 05 10L", "gs1_no_key"},
		{"30P77", "di:30P77 text:30P77", "class_level"},
		{"1Pab", "di:1Pab text:1PAB", "class_level"},
		{"PX1", "text:PX1", ""}, {"SX1", "text:SX1", ""}, {"18VX", "text:18VX", ""}, {"25S", "text:25S", ""},
	} {
		checkComponent(t, tt.in, tt.want, tt.flags)
	}
}

// checkComponent compares the readings, with blanks between them, and the flags
// in any order.
func checkComponent(t *testing.T, in, want, flags string) {
	t.Helper()
	r := ParseComponent(in, Config{})
	if got := strings.Join(r.Candidates, " "); got != want {
		t.Errorf("%q: %s\nwant %s", in, got, want)
	}
	if wanted := strings.Fields(flags); !slices.Equal(slices.Sorted(slices.Values(r.Flags)), slices.Sorted(slices.Values(wanted))) {
		t.Errorf("%q: flags %q, want %q", in, r.Flags, wanted)
	}
}
