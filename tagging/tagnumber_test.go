package tagging

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// em4100Forms is table 2.2 of standards.md: all printed and typed forms of
// three numbers.
var em4100Forms = map[string][]string{
	"0F0368568B": {
		"0F0368568B", "0057169547", "06837899", "104,22155", "003.22155", "015.22155", "00872.22155", "0064481678987",
		"00064481678987", "F0C0166AD1", "001034014845649", "15001200010606101301", "0F0368568BB9", "0057169547 104,22155",
	},
	"06008E6D5D": {
		"06008E6D5D", "0009334109", "09334109", "142,27997", "000.27997", "006.27997", "00142.27997", "0025779137885",
		"00025779137885", "600071B6BA", "000412324312762", "06000000070111061110", "06008E6D5DB8", "0009334109 142,27997",
	},
	"2A00A1B2CB": {
		"2A00A1B2CB", "0010597067", "10597067", "161,45771", "000.45771", "042.45771", "00161.45771", "0180399223499",
		"00180399223499", "5400854DD3", "000360785989075", "05040000080504131303", "2A00A1B2CBF2", "0010597067 161,45771",
	},
}

func TestEM4100Forms(t *testing.T) {
	for number, forms := range em4100Forms {
		truth := "em4100:" + number
		for _, form := range forms {
			for _, typed := range []string{form, strings.ToLower(form), " " + form + "\r\n", "TAG: " + form, "tagg " + form} {
				r := ParseTag(typed, "")
				if !slices.ContainsFunc(r.Candidates, func(c string) bool { _, ok := Fit(c, truth); return ok }) {
					t.Errorf("%q: %q, none fits %s", typed, r.Candidates, truth)
				}
			}
			m := Match(ParseTag(form, "125khz"), []KnownTag{{"this", []string{truth}}, {"other", []string{"em4100:1122334455"}}})
			if !slices.Equal(m.IDs, []string{"this"}) || m.Decision != DecideOne {
				t.Errorf("%q: %+v", form, m)
			}
		}
	}
}

// TestUIDForms is table 2.3 of standards.md: hex, reversed, decimal in both
// orders, with check bytes.
func TestUIDForms(t *testing.T) {
	for truth, forms := range map[string][]string{
		"iso14443:DD17380A":         {"DD17380A", "0A3817DD", "3709286410", "0171448285", "DD17380AF8", "DD:17:38:0A"},
		"iso14443:DB96007D":         {"DB96007D", "7D0096DB", "3684040829", "2097190619", "DB96007D30"},
		"iso14443:A4C3B290":         {"A4C3B290", "90B2C3A4", "2764288656", "2427634596", "A4C3B29045", "a4c3b290h"},
		"iso14443:0451AAC3790000":   {"0451AAC3790000", "000079C3AA5104", "01215693772619776", "00000522973761796", "880451AA77C3790000BA"},
		"iso14443:04084C0ABB5D81":   {"04084C0ABB5D81", "815DBB0A4C0804", "01135022597430657", "36413329908697092", "8804084CC80ABB5D816D"},
		"iso14443:04A23B7C118680":   {"04A23B7C118680", "8086117C3BA204", "01304276275136128", "36176206675812868", "8804A23B157C1186806B"},
		"iso15693:E00401007E113CAD": {"E00401007E113CAD", "AD3C117E000104E0", "16142028066029386925", "12482871500027790560"},
		"iso15693:E0040108136EF522": {"E0040108136EF522", "22F56E13080104E0", "16142028098600105250", "2519040594601379040"},
		"iso15693:E00401080507DB6E": {"E00401080507DB6E", "6EDB0705080104E0", "16142028098358467438", "7987986082262222048"},
	} {
		for _, form := range forms {
			for _, hint := range []string{"", "13.56mhz"} {
				if r := ParseTag(form, hint); !slices.Contains(r.Candidates, truth) {
					t.Errorf("%s, hint %q: %q lacks %s", form, hint, r.Candidates, truth)
				}
			}
		}
	}
}

func TestWiegand(t *testing.T) {
	for bits, want := range map[string]string{
		"01010000110110010110010111":            "h10301:161:45771",
		"10000000100000000000000010":            "h10301:1:1",
		"01111111111111111111111111":            "h10301:255:65535",
		"1000001001101001010101011110011011":    "h10306:1234:43981",
		"1000000000000000100000000000000010":    "h10306:1:1",
		"0111111111111111100000000000000010":    "h10306:65535:1",
		"0000001001101001010101000110010011101": "h10304:1234:345678",
		"1000000000000000100000000000000000010": "h10304:1:1",
		"0" + strings.Repeat("1", 36):           "h10304:65535:524287",
		"1000010010011001011000000010110100101": "h10302:1234567890",
		strings.Repeat("0", 35) + "10":          "h10302:1",
		"0111001101011001010011000000010111111": "h10302:30963712095",
		"10100100101001100010101010010100101":   "c1k35:2345:567890",
		"11000000000001000000000000000000011":   "c1k35:1:1",
		"10" + strings.Repeat("1", 32) + "0":    "c1k35:4095:1048575",
	} {
		r := ParseTag(bits, "hid")
		if !slices.Contains(r.Candidates, want) || r.Has("parity_error") {
			t.Errorf("%s: %+v, want %s", bits, r, want)
		}
		for i := range bits {
			flipped := []byte(bits)
			flipped[i] ^= 1
			if r := ParseTag(string(flipped), ""); len(r.Candidates) != 0 || !r.Has("parity_error") {
				t.Errorf("bit %d flipped in %s: %+v", i, bits, r)
			}
		}
	}
}

func TestParseTag(t *testing.T) {
	for _, tt := range []struct {
		name, in, hint string
		want           string
		flags          string
	}{
		{"nothing", "", "", "", ""},
		{"only blanks", " \r\n", "", "", ""},
		{"only a label", "UID:", "", "", ""},
		{"over 2,048 characters", strings.Repeat("1", 2049), "", "", ""},
		{"label with dot", "Nr.: ABC-77", "", "raw:ABC77", ""},
		{"a short label needs its colon", "SN A7", "", "raw:SNA7", ""},
		{"decimal forced", "DEC=12345678", "iso14443", "iso14443:00BC614E iso14443:4E61BC00", ""},
		{"hex forced, digits only", "hex 112233", "", "em4100:????112233 h10301:17:8755", ""},
		{"trailing h", "0A3817DDH", "webnfc", "iso14443:0A3817DD", ""},
		{"random identifier of a phone is named turned round too", "C8AB1208", "iso14443", "iso14443:C8AB1208 iso14443:0812ABC8", "random_uid=iso14443:0812ABC8"},
		{"a remark goes with its reading", "C8AB1208", "125khz", "em4100:??C8AB1208", ""},
		{"hint without effect", "Nyckel 7", "125khz", "raw:NYCKEL7", "hint_ignored"},
		{"unknown hint", "A1B2CB", "uhf", "em4100:????A1B2CB h10301:161:45771", "hint_ignored"},
		{"parity error with a hint", strings.Repeat("0", 26), "hid", "", "parity_error"},
		{"full-width digits", "１６１，４５７７１", "hid", "h10301:161:45771", ""},
		{"ten bytes that only start like two levels", "880451AA77C3790000BB", "", "iso14443:880451AA77C3790000BB iso14443:BB000079C377AA510488", ""},
		{"six bytes with a wrong sum", "0F0368568BB8", "", "raw:0F0368568BB8", ""},
		{"20 digits over 64 bits", "99999999999999999999", "", "raw:99999999999999999999", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := ParseTag(tt.in, tt.hint)
			if got := strings.Join(r.Candidates, " "); got != tt.want {
				t.Errorf("candidates %s\nwant %s", got, tt.want)
			}
			if got := strings.Join(r.Flags, " "); got != tt.flags {
				t.Errorf("flags %s, want %s", got, tt.flags)
			}
		})
	}
}

func TestFit(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		bits int
	}{
		{"em4100:0F0368568B", "em4100:0F0368568B", 40},
		{"em4100:??0368568B", "em4100:0F0368568B", 32},
		{"em4100:??68??568B", "em4100:68????568B", 16},
		{"em4100:??????568B", "em4100:????????8B", 0},
		{"em4100:0F0368568B", "em4100:0F0368568C", 0},
		{"em4100:0F0368568B", "iso14443:0F0368568B", 0},
		{"iso14443:0451AA????????", "iso14443:0451AAC3790000", 24},
		{"iso14443:0451AAC3", "iso14443:0451AAC3790000", 0},
		{"h10301:*:7", "h10301:12:7", 16},
		{"h10301:*:7", "h10301:12:8", 0},
		{"h10301:11:7", "h10301:12:7", 0},
		{"h10304:1:7", "h10304:1:7", 35},
		{"h10302:7", "h10304:0:7", 0},
		{"raw:NYCKEL3491B", "raw:NYCKEL3491B", 88},
		{"raw:A", "raw:A", 0},
		{"", "", 0},
	} {
		for _, pair := range [][2]string{{tt.a, tt.b}, {tt.b, tt.a}} {
			if bits, ok := Fit(pair[0], pair[1]); bits != tt.bits || ok != (tt.bits > 0) {
				t.Errorf("%v: %d bits, %v", pair, bits, ok)
			}
		}
	}
}

func ExampleParseTag() {
	r := ParseTag("161-45771", "hid")
	fmt.Println(r.Candidates, r.Ambiguous())
	// Output: [h10301:161:45771] false
}
