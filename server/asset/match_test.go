package asset_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/tagging"
)

func ids(m asset.NumberMatch) []string {
	var out []string
	for _, t := range m.Tags {
		out = append(out, t.ID)
	}
	return out
}

func TestMatchNumber(t *testing.T) {
	w := newWorld(t)
	w.companies()
	ctx := t.Context()
	lars := w.user("lars", "hafen")
	if err := w.GrantTags(ctx, staffOf("nord"), lars.User, true, false); err != nil {
		t.Fatal(err)
	}
	em := w.fob("0F0368568B", "hafen", nil)
	short, long := w.fob("DD17380A", "hafen", nil), w.fob("04A23B7C118680", "hafen", nil)
	vicinity := w.fob("E0040108136EF522", "hafen", nil)
	card := w.fob("255,65535", "hafen", nil)
	foreign := w.fob("2A00A1B2CB", "speicher", nil)

	match := func(v identity.Viewer, number string) asset.NumberMatch {
		t.Helper()
		m, err := w.MatchNumber(ctx, v, number, "")
		return must(t, m, err)
	}
	for _, c := range []struct {
		form, number string
		want         *asset.Tag
		decision     tagging.Decision
	}{
		{"10 hex", "0f 03 68 56 8b", em, tagging.DecideOne}, {"10D", "0057169547", em, tagging.DecideOne}, {"8D", "06837899", em, tagging.DecideOne},
		{"3.5C", "104,22155", em, tagging.DecideOne}, {"3.5B", "003.22155", em, tagging.DecideOne}, {"3.5A", "015.22155", em, tagging.DecideOne},
		{"5.5", "00872.22155", em, tagging.DecideOne}, {"13D", "0064481678987", em, tagging.DecideOne}, {"unique hex", "F0C0166AD1", em, tagging.DecideOne},
		{"ZK", "15001200010606101301", em, tagging.DecideOne}, {"card print", "0057169547 104,22155", em, tagging.DecideOne},
		{"five digits", "22155", em, tagging.DecideConfirm}, {"halves that disagree", "0057169547 104,22156", em, tagging.DecideConfirm},
		{"UID", "DD:17:38:0A", short, tagging.DecideOne}, {"UID turned", "0a3817dd", short, tagging.DecideOne}, {"UID decimal", "3709286410", short, tagging.DecideOne},
		{"UID with check", "DD17380AF8", short, tagging.DecideOne},
		{"7 bytes turned", "8086117C3BA204", long, tagging.DecideOne}, {"17D", "01304276275136128", long, tagging.DecideOne},
		{"only the first level", "8804A23B", long, tagging.DecideOne},
		{"vicinity turned", "22F56E13080104E0", vicinity, tagging.DecideOne}, {"20D", "2519040594601379040", vicinity, tagging.DecideOne},
		{"26 bit", "11111111111111111111111111", nil, tagging.DecideNone}, {"Wiegand", "01111111111111111111111111", card, tagging.DecideOne},
		{"nobody's", "0000000001", nil, tagging.DecideNone}, {"empty", "", nil, tagging.DecideNone},
	} {
		t.Run("B-16 "+c.form, func(t *testing.T) {
			m := match(staffOf("nord"), c.number)
			want := []string(nil)
			if c.want != nil {
				want = []string{c.want.ID}
			}
			if m.Decision != c.decision || !slices.Equal(ids(m), want) || m.More {
				t.Errorf("%s: %s %v more %v, want %s %v", c.number, m.Decision, ids(m), m.More, c.decision, want)
			}
		})
	}
	t.Run("B-16 the code on the card of a fob, in each spelling", func(t *testing.T) {
		for _, text := range []string{em.ID, em.Code().Print(), "HTTPS://SCAN.EXAMPLE.COM/T/" + em.ID, "https://old.example.net/t/" + em.ID + "?x=1"} {
			if m := match(staffOf("nord"), text); m.Decision != tagging.DecideOne || !slices.Equal(ids(m), []string{em.ID}) {
				t.Errorf("%s: %s %v", text, m.Decision, ids(m))
			}
		}
	})
	t.Run("SEC-15 SEC-18 a customer's user finds the own customer's, staff of another provider nothing", func(t *testing.T) {
		for _, text := range []string{"2A00A1B2CB", "0010597067", "45771", foreign.ID} {
			if m := match(staffOf("nord"), text); !slices.Equal(ids(m), []string{foreign.ID}) {
				t.Errorf("staff by %s: %s %v", text, m.Decision, ids(m))
			}
			for name, v := range map[string]identity.Viewer{"customer": lars, "other staff": staffOf("syd")} {
				if m := match(v, text); m.Decision != tagging.DecideNone || len(m.Tags) != 0 || m.More {
					t.Errorf("%s by %s: %s %v", name, text, m.Decision, ids(m))
				}
			}
		}
		if m := match(lars, "0057169547"); !slices.Equal(ids(m), []string{em.ID}) || m.Tags[0].May != asset.SeeTags {
			t.Errorf("own: %s %v", m.Decision, ids(m))
		}
	})
	t.Run("SEC-12 who may see no tags is refused before any look-up", func(t *testing.T) {
		waiting := staffOf("nord")
		waiting.MustEnrol = true
		for _, v := range []identity.Viewer{w.user("birgit", "hafen"), waiting, {}} {
			if _, err := w.MatchNumber(ctx, v, em.Number, ""); !errors.Is(err, asset.ErrNotAllowed) {
				t.Errorf("%+v: %v", v, err)
			}
		}
	})
	t.Run("X-5 a retired fob is found by its card and by who scans it, and its number is free", func(t *testing.T) {
		tag := w.fob("0102030405", "hafen", nil)
		w.setState(tagging.Code(tag.ID), tagging.Retired)
		if m := match(staffOf("nord"), "0102030405"); m.Decision != tagging.DecideNone {
			t.Errorf("by number: %s %v", m.Decision, ids(m))
		}
		if m := match(staffOf("nord"), tag.ID); !slices.Equal(ids(m), []string{tag.ID}) {
			t.Errorf("by card: %s %v", m.Decision, ids(m))
		}
		scan := func() asset.NumberMatch {
			m, err := w.MatchReading(ctx, staffOf("nord"), asset.AccessTag, "nord", tagging.ParseTag("0102030405", ""))
			return must(t, m, err)
		}
		if m := scan(); !slices.Equal(ids(m), []string{tag.ID}) || m.Tags[0].State != tagging.Retired {
			t.Errorf("scanned: %s %v", m.Decision, ids(m))
		}
		again := w.fob("0102030405", "hafen", nil)
		if m := scan(); m.Decision != tagging.DecideOne || !slices.Equal(ids(m), []string{again.ID}) {
			t.Errorf("scanned after it was enrolled again: %s %v", m.Decision, ids(m))
		}
	})
	t.Run("SEC-49 a number that fits many lists the first ones and says that there are more", func(t *testing.T) {
		for i := range asset.MaxMatches + 3 {
			w.fob(fmt.Sprintf("%02XBB40FACE", i), "hafen", nil)
		}
		for number, want := range map[string]int{fmt.Sprint(0x40FACE): asset.MaxMatches, fmt.Sprint(0xFACE): asset.MaxWeakMatches} {
			if m := match(staffOf("nord"), number); m.Decision != tagging.DecideAsk || len(m.Tags) != want || !m.More {
				t.Errorf("%s: %s, %d tags, more %v", number, m.Decision, len(m.Tags), m.More)
			}
		}
	})
	t.Run("SEC-14 another provider asked for by name answers nothing", func(t *testing.T) {
		m, err := w.MatchReading(ctx, staffOf("syd"), asset.AccessTag, "nord", tagging.ParseTag("0F0368568B", ""))
		if err != nil || m.Decision != tagging.DecideNone {
			t.Errorf("%s %v, %v", m.Decision, ids(m), err)
		}
		m, err = w.MatchReading(ctx, identity.Viewer{}, asset.AccessTag, "", tagging.ParseTag("0F0368568B", ""))
		if err != nil || m.Decision != tagging.DecideNone {
			t.Errorf("stranger: %s %v, %v", m.Decision, ids(m), err)
		}
	})
}
