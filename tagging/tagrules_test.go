package tagging

import (
	"slices"
	"strings"
	"testing"
)

func checkTag(t *testing.T, in, hint, want, flags string) {
	t.Helper()
	r := ParseTag(in, hint)
	if got := strings.Join(r.Candidates, " "); got != want {
		t.Errorf("%q, hint %q: %s\nwant %s", in, hint, got, want)
	}
	if wanted := strings.Fields(flags); !slices.Equal(slices.Sorted(slices.Values(r.Flags)), slices.Sorted(slices.Values(wanted))) {
		t.Errorf("%q, hint %q: flags %q, want %q", in, hint, r.Flags, wanted)
	}
}

// TestTagLabels is T0: every label in every spelling.
func TestTagLabels(t *testing.T) {
	const number, uid = "DD17380A", "iso14443:DD17380A iso14443:0A3817DD em4100:??DD17380A"
	blank := []string{"UID", "CSN", "TAG", "TAGG", "CARD", "KARTE", "CHIP", "KORTNR", "HEX", "EM"}
	mark := []string{"ID", "SN", "S/N", "SERIAL", "NR", "NO"}
	for _, label := range slices.Concat(blank, mark) {
		for _, spelled := range []string{label, strings.ToLower(label), label[:1] + strings.ToLower(label[1:])} {
			for _, between := range []string{":", "#", "=", ": ", ".:", ".: ", ".#", ".=", " : ", "= "} {
				checkTag(t, " "+spelled+between+number+"\r\n", "", uid, "")
			}
		}
		for _, between := range []string{" ", "  ", "\t", "\u00a0", ". "} {
			in, want := label+between+number, uid
			if slices.Contains(mark, label) {
				want = "raw:" + strings.NewReplacer("/", "", ".", "").Replace(strings.TrimSpace(label+strings.TrimSpace(between))) + number
			}
			checkTag(t, in, "", want, "")
		}
		want := "raw:" + strings.ReplaceAll(label, "/", "") + number
		checkTag(t, label+number, "", want, "")
	}
	for _, tt := range []struct{ in, want, flags string }{
		{"\x00\x1b\x02\x7f\u0085DD17380A\x7f\x03\x00", uid, ""},
		{"UID: UID: DD17380A", "raw:UIDDD17380A", ""},
		{"HEX: 112233", "em4100:????112233 h10301:17:8755", ""},
		{"HEX 00000000000000", "iso14443:00000000000000", ""},
		{"HEX: 12345", "raw:12345", ""},
		{"DEZ: 12345678901234", "iso14443:000B3A73CE2FF2 iso14443:F22FCE733A0B00", ""},
		{"DEZ: 00064481678987", "em4100:0F0368568B", ""},
		{"dec 1215693772619776", "iso14443:0451AAC3790000 iso14443:000079C3AA5104", ""},
		{"DEZ: A1B2CB", "raw:A1B2CB", ""},
		{"DEC:45771", "h10301:*:45771 em4100:??????B2CB", "weak"},
	} {
		checkTag(t, tt.in, "", tt.want, tt.flags)
	}
}

// TestTagNumbers is T1 to T7 at their limits.
func TestTagNumbers(t *testing.T) {
	for _, tt := range []struct{ name, in, want, flags string }{
		{"T1 25 bits are no Wiegand format", strings.Repeat("0", 24) + "1", "raw:" + strings.Repeat("0", 24) + "1", ""},
		{"T1 26 digits that are no bits", strings.Repeat("2", 26), "raw:" + strings.Repeat("2", 26), ""},
		{"T1 34 bits of an EM4100", "1000000110110100001010110100010111", "h10306:872:22155 em4100:??0368568B iso14443:0368568B iso14443:8B566803", ""},
		{"T1 34 bits of a random UID", "0000010001100100010001100000010010", "h10306:2248:35849 em4100:??08C88C09 iso14443:08C88C09 iso14443:098CC808", "random_uid=iso14443:08C88C09"},
		{"T2 three groups", "A1:B2:CB", "em4100:????A1B2CB h10301:161:45771", ""},
		{"T2 groups of digits", "12-34-56-78", "iso14443:12345678 iso14443:78563412 em4100:??12345678", ""},
		{"T2 dots", "04.51.AA.C3.79.00.00", "iso14443:0451AAC3790000 iso14443:000079C3AA5104", ""},
		{"T2 two separators", "04:51-AA", "raw:0451AA", ""},
		{"T2 two groups", "A1:B2", "raw:A1B2", ""},
		{"T2 nine bytes", "01:02:03:04:05:06:07:08:09", "raw:010203040506070809", ""},
		{"T2 six bytes with their XOR", "0F 03 68 56 8B B9", "em4100:0F0368568B", "checksum_ok"},
		{"T3 a dot", "0057169547 104.22155", "em4100:??0368568B iso14443:0368568B iso14443:8B566803", ""},
		{"T3 the card number over 16 bits is no match", "0006919819 104,87691", "em4100:??0069968B iso14443:0069968B iso14443:8B966900 h10304:104:87691 c1k35:104:87691", "inconsistent"},
		{"T3 over 32 bits", "9999999999 011,58367", "em4100:02540BE3FF", ""},
		{"T4 a slash", "161/45771", "h10301:161:45771 em4100:????A1B2CB em4100:??A1??B2CB em4100:A1????B2CB", ""},
		{"T4 an underscore", "161_45771", "h10301:161:45771 em4100:????A1B2CB em4100:??A1??B2CB em4100:A1????B2CB", ""},
		{"T4 blanks", "161  45771", "h10301:161:45771 em4100:????A1B2CB em4100:??A1??B2CB em4100:A1????B2CB", ""},
		{"T4 blanks around", "161 : 45771", "h10301:161:45771 em4100:????A1B2CB em4100:??A1??B2CB em4100:A1????B2CB", ""},
		{"T4 255 and 65535", "255,65535", "h10301:255:65535 em4100:????FFFFFF em4100:??FF??FFFF em4100:FF????FFFF", ""},
		{"T4 256", "256,65535", "em4100:??0100FFFF h10306:256:65535 h10304:256:65535 c1k35:256:65535", ""},
		{"T4 the second over 16 bits", "12,65536", "h10304:12:65536 c1k35:12:65536", ""},
		{"T4 the second over 19 bits", "12,524288", "c1k35:12:524288", ""},
		{"T4 the company over 12 bits", "4096,5", "em4100:??10000005 h10306:4096:5 h10304:4096:5", ""},
		{"T4 five digits over 16 bits", "65536,5", "raw:65536,5", ""},
		{"T4 zero", "0,0", "h10301:0:0 em4100:????000000 em4100:??00??0000 em4100:00????0000", ""},
		{"T4 seven digits", "1,1234567", "raw:1,1234567", ""},
		{"T5 65535", "65535", "h10301:*:65535 em4100:??????FFFF", "weak"},
		{"T5 one digit", "7", "h10301:*:7 em4100:??????0007", "weak"},
		{"T5 65536", "65536", "em4100:????010000 h10301:1:0 em4100:??00010000 iso14443:00010000 iso14443:00000100", ""},
		{"T5 six digits, small number", "000007", "em4100:????000007 h10301:0:7 em4100:??00000007 iso14443:00000007 iso14443:07000000", ""},
		{"T5 2^24", "16777216", "em4100:??01000000 iso14443:01000000 iso14443:00000001 iso14443:16777216 iso14443:16727716 em4100:??16777216", ""},
		{"T5 2^32", "4294967296", "em4100:0100000000 em4100:4294967296 em4100:4229694E69", ""},
		{"T5 11 digits under 2^32", "00057169547", "raw:00057169547", ""},
		{"T5 12 digits", "064481678987", "em4100:0F0368568B", ""},
		{"T5 2^40", "1099511627776", "iso14443:00010000000000 iso14443:00000000000100", ""},
		{"T5 16 digits", "1215693772619776", "iso14443:0451AAC3790000 iso14443:000079C3AA5104 felica:1215693772619776", ""},
		{"T5 17 digits, a small number", "00000000000000004", "iso14443:04000000000000 iso14443:00000000000004", ""},
		{"T5 17 digits over 2^56", "99999999999999999", "felica:016345785D89FFFF", ""},
		{"T5 18 digits under 2^56", "001215693772619776", "raw:001215693772619776", ""},
		{"T5 19 digits of a vicinity chip turned round", "2519040594601379040", "iso15693:E0040108136EF522", ""},
		{"T5 20 digits as half bytes and a vicinity chip", "11000204121107031008", "em4100:0D24D3CE15 iso15693:E0635FD75D93A898", ""},
		{"T5 21 digits", "016142028066029386925", "iso15693:E00401007E113CAD", ""},
		{"T6 0x", "0x12345678", "iso14443:12345678 iso14443:78563412 em4100:??12345678", ""},
		{"T6 h", "12345678h", "iso14443:12345678 iso14443:78563412 em4100:??12345678", ""},
		{"T6 one byte", "0xA1", "raw:0XA1", ""},
		{"T6 five bytes with their XOR", "0102030404", "em4100:??0614DC44 iso14443:0614DC44 iso14443:44DC1406 iso14443:01020304 em4100:0102030404 em4100:8040C02020", "bcc_ok"},
		{"T6 a cascade tag and its XOR", "8804A23B15", "iso14443:04A23B???????? em4100:8804A23B15 em4100:112045DCA8", "bcc_ok truncated_uid"},
		{"T6 eight bytes from a cascade tag", "8804A23B7C118680", "iso14443:04A23B7C118680", ""},
		{"T6 two levels, one XOR wrong", "8804A23B147C1186806B", "iso14443:8804A23B147C1186806B iso14443:6B8086117C143BA20488", ""},
		{"T6 UID turned round with a cascade tag", "AA510488", "iso14443:AA510488 iso14443:0451AA???????? em4100:??AA510488", "truncated_uid"},
		{"T6 both bytes are makers", "04A23B7C118604", "iso14443:04A23B7C118604 iso14443:0486117C3BA204", ""},
		{"T6 other makers", "0000000000AA16", "iso14443:16AA0000000000 iso14443:0000000000AA16", ""},
		{"T7 letters", "Fob A-12/3_x", "raw:FOBA123X", ""},
		{"T7 only punctuation", "- : . _ /", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) { checkTag(t, tt.in, "", tt.want, tt.flags) })
	}
}

// TestTagHints is what each hint leaves of readings of all kinds.
func TestTagHints(t *testing.T) {
	for _, tt := range []struct{ in, hint, want, flags string }{
		{"DD17380A", "125khz", "em4100:??DD17380A", ""},
		{"DD17380A", "13.56mhz", "iso14443:DD17380A iso14443:0A3817DD", ""},
		{"DD17380A", "iso14443", "iso14443:DD17380A iso14443:0A3817DD", ""},
		{"DD17380A", "android", "iso14443:DD17380A", ""},
		{"DD17380A", "ios", "iso14443:DD17380A", ""},
		{"DD17380A", "webnfc", "iso14443:DD17380A", ""},
		{"DD17380A", "wedge", "iso14443:DD17380A iso14443:0A3817DD em4100:??DD17380A", ""},
		{"DD17380A", "hid", "iso14443:DD17380A iso14443:0A3817DD em4100:??DD17380A", "hint_ignored"},
		{"DD17380A", "WEBNFC", "iso14443:DD17380A", ""},
		{"000079C3AA5104", "webnfc", "iso14443:000079C3AA5104", ""},
		{"000079C3AA5104", "iso14443", "iso14443:0451AAC3790000 iso14443:000079C3AA5104", ""},
		{"E00401007E113CAD", "iso14443", "iso15693:E00401007E113CAD", "hint_ignored"},
		{"E00401007E113CAD", "13.56mhz", "iso15693:E00401007E113CAD", ""},
		{"01FE010203040506", "android", "felica:01FE010203040506", ""},
		{"01FE010203040506", "125khz", "felica:01FE010203040506", "hint_ignored"},
		{"04FF175A7D3FE8E1A08D", "android", "iso14443:04FF175A7D3FE8E1A08D", ""},
		{"22155", "hid", "h10301:*:22155", "weak"},
		{"1234:45678", "hid", "h10306:1234:45678 h10304:1234:45678 c1k35:1234:45678", ""},
		{"1234:45678", "125khz", "em4100:??04D2B26E h10306:1234:45678 h10304:1234:45678 c1k35:1234:45678", ""},
		{"01010000110110010110010111", "13.56mhz", "h10301:161:45771 em4100:????A1B2CB", "hint_ignored"},
		{"", "webnfc", "", ""},
	} {
		checkTag(t, tt.in, tt.hint, tt.want, tt.flags)
	}
}
