package scan_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

func (w *world) read(v identity.Viewer, payload, source string) scan.Answer {
	w.t.Helper()
	a, err := w.Payload(w.t.Context(), v, host, scan.Input{Payload: payload, Source: source})
	return must(w.t, a, err)
}

func TestForeignCodes(t *testing.T) {
	w := newWorld(t)
	w.grant(asset.SeeComponents)
	_, second, _ := w.labelled(w.nord)
	w.alias("]d2010401234567890121S1", w.component.ID)
	w.alias("SN 4711/b", w.component.ID)
	w.alias("sn 4711/b", w.component.ID)
	w.alias("https://maker.example/p/1?x=1", second.ID)

	for _, c := range []struct {
		name, payload, source string
		component             string // "" for nothing
	}{
		{"the element string", "]d2010401234567890121S1", "qr", w.component.ID},
		{"the same key as a Digital Link", "https://id.gs1.org/01/04012345678901/21/S1", "qr", w.component.ID},
		{"the same key as printed", "(01)04012345678901(21)S1", "typed", w.component.ID},
		{"a serial in another case, by a wedge reader", "sn  4711/B\r\n", "wedge", w.component.ID},
		{"a link of the manufacturer", "https://maker.example/p/1?x=1", "", second.ID},
		{"the host of a link in upper case", "HTTPS://MAKER.example/p/1?x=1", "qr", second.ID},
		{"another path", "https://maker.example/p/2?x=1", "qr", ""},
		{"another query", "https://maker.example/p/1?x=2", "qr", ""},
		{"the path in another case", "https://maker.example/P/1?x=1", "qr", ""},
	} {
		t.Run("X-5 "+c.name, func(t *testing.T) {
			a := w.read(w.nord, c.payload, c.source)
			switch {
			case c.component == "" && (a.Granted || a.Unknown == nil || !slices.Contains(a.Actions, scan.BindCode)):
				t.Errorf("%+v", a)
			case c.component != "" && (!a.Granted || a.Component == nil || a.Component.ID != c.component || a.Tag.State != "active"):
				t.Errorf("%+v, component %+v", a.Tag, a.Component)
			}
			// A portal user has the first asset only.
			u := w.read(w.lars, c.payload, c.source)
			if u.Granted != (c.component == w.component.ID) || !u.Granted && (u.Tag != nil || u.Unknown != nil || len(u.Actions) > 0) {
				t.Errorf("portal user: %+v", u)
			}
		})
	}
	t.Run("X-5 several aliases of one component are one match", func(t *testing.T) {
		if a := w.read(w.nord, "SN 4711/b", "typed"); len(a.Choices) > 0 || a.Tag == nil {
			t.Errorf("%+v", a)
		}
	})
	t.Run("X-5 one code on two components is asked", func(t *testing.T) {
		w.alias("INV 12", w.component.ID)
		w.alias("INV 12", second.ID)
		a := w.read(w.nord, "INV 12", "qr")
		if !a.Granted || a.Tag != nil || len(a.Choices) != 2 || a.Choices[0].Component != "Klappe 7" || a.Choices[0].Asset != "Entrauchung" {
			t.Errorf("%+v", a)
		}
		if u := w.read(w.lars, "INV 12", "qr"); !u.Granted || u.Component == nil || u.Component.ID != w.component.ID || len(u.Choices) > 0 {
			t.Errorf("SEC-19 a portal user chooses among what is granted: %+v", u)
		}
	})
	t.Run("X-5 a retired alias leads on only while no other fits", func(t *testing.T) {
		old := w.alias("INV 13", w.component.ID)
		w.setState(old.ID, tagging.Retired, tagging.Retire)
		if a := w.read(w.nord, "INV 13", "qr"); !a.Granted || a.Tag.State != "retired" {
			t.Errorf("%+v", a.Tag)
		}
		if u := w.read(w.lars, "INV 13", "qr"); u.Granted {
			t.Errorf("portal user: %+v", u.Tag)
		}
		w.alias("INV 13", second.ID)
		if a := w.read(w.nord, "INV 13", "qr"); !a.Granted || a.Tag == nil || a.Component.ID != second.ID {
			t.Errorf("%+v", a)
		}
	})
}

func TestAccessTags(t *testing.T) {
	w := newWorld(t)
	fob := w.fob("0F0368568B", "Ute Petersen")
	for _, c := range []struct{ name, payload, source string }{
		{"X-5 10 digits", "0057169547", "typed"},
		{"X-5 13 digits, as long as a code of ours", "0064481678987", "wedge"},
		{"X-5 by keyboard wedge with line end", "0057169547\r\n", "wedge"},
		{"X-5 facility and card", "00872.22155", "typed"},
		{"X-5 in a QR code", "0F0368568B", "qr"},
		{"X-5 the code on its card", string(fob.ID), "typed"},
		{"X-5 the printed URL on its card", "HTTPS://ALIAS.EXAMPLE.ORG/T/" + fob.ID, "qr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.read(w.nord, c.payload, c.source)
			if !a.Granted || a.Tag == nil || a.Tag.Code != fob.Code() || a.Tag.Kind != asset.AccessTag || a.Tag.State != "active" ||
				a.Holder == nil || a.Holder.Tenant != "Ute Petersen" || a.Number != "0F0368568B" || a.Confirm ||
				!slices.Equal(a.Actions, []scan.Action{scan.BlockTag, scan.ReplaceTag}) {
				t.Errorf("%+v", a)
			}
		})
	}
	t.Run("X-5 few digits are a question", func(t *testing.T) {
		a := w.read(w.nord, "22155", "typed")
		if !a.Granted || !a.Confirm || a.Tag == nil || a.Tag.Code != fob.Code() || len(a.Actions) > 0 {
			t.Errorf("%+v", a)
		}
	})
	t.Run("X-5 several that fit are a choice", func(t *testing.T) {
		w.fob("100368568B", "Nils Holm")
		a := w.read(w.nord, "0057169547", "wedge")
		if !a.Granted || a.Tag != nil || len(a.Choices) != 2 || a.Choices[0].Holder == nil || a.Choices[0].Number == "" || len(a.Actions) > 0 {
			t.Errorf("%+v", a)
		}
	})
	t.Run("X-5 a code of a component and a number at once", func(t *testing.T) {
		w.fob("A4C3B290", "Eva")
		w.alias("A4C3B290", w.component.ID)
		if a := w.read(w.nord, "A4C3B290", "wedge"); len(a.Choices) != 2 {
			t.Errorf("by reader: %+v", a)
		}
		if a := w.read(w.nord, "A4C3B290", "qr"); a.Component == nil || a.Component.ID != w.component.ID {
			t.Errorf("by camera the component is meant: %+v", a)
		}
	})
	t.Run("X-5 a phone says the bytes in their order", func(t *testing.T) {
		phone, err := w.assets.Enrol(t.Context(), w.nord, asset.Enrolment{Number: "04:a2:3b:7c:11:86:80", Hint: "android", Customer: w.lars.Customer})
		must(t, phone, err)
		if a := w.read(w.nord, "04:a2:3b:7c:11:86:80", "webnfc"); a.Tag == nil || a.Tag.Code != phone.Code() {
			t.Errorf("%+v", a)
		}
		if a := w.read(w.nord, "8086117C3BA204", "webnfc"); a.Granted {
			t.Errorf("turned round: %+v", a)
		}
	})
}

// TestAccessTagPolicy holds the table of the package comment for access tags.
func TestAccessTagPolicy(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	fob := w.fob("0F0368568B", "Ute Petersen")
	enrolFirst := w.nord
	enrolFirst.MustEnrol = true
	yard, err := w.people.PutCustomer(ctx, identity.Customer{Name: "Werft", Providers: []string{w.nord.Provider}, Locale: "de"})
	must(t, yard, err)
	outsider := w.person("kim@werft.example", identity.Master, "", yard.ID)
	w.grantTags(outsider, true, true)
	type want struct {
		granted bool
		actions []scan.Action
	}
	states := []struct {
		state  tagging.State
		step   tagging.Step
		shown  string
		see    want
		block  want
		manage want
	}{
		{tagging.Bound, tagging.Issue, "active", want{true, nil}, want{true, []scan.Action{scan.BlockTag}}, want{true, []scan.Action{scan.BlockTag, scan.ReplaceTag}}},
		{tagging.Damaged, tagging.Damage, "active", want{true, nil}, want{true, []scan.Action{scan.BlockTag}}, want{true, []scan.Action{scan.BlockTag, scan.ReplaceTag}}},
		{tagging.Blocked, tagging.Block, "blocked", want{true, nil}, want{true, []scan.Action{scan.ReactivateTag}}, want{true, []scan.Action{scan.ReactivateTag, scan.ReplaceTag}}},
		{tagging.Replaced, tagging.Replace, "replaced", want{true, nil}, want{true, nil}, want{true, nil}},
		{tagging.Retired, tagging.Retire, "retired", want{true, nil}, want{true, nil}, want{true, nil}},
	}
	check := func(t *testing.T, name string, v identity.Viewer, want want, shown string) {
		t.Helper()
		for _, payload := range []string{fob.ID, "0064481678987"} {
			a := w.read(v, payload, "typed")
			if a.Granted != want.granted {
				t.Errorf("%s, %s: granted %v", name, payload, a.Granted)
				continue
			}
			if !want.granted {
				if a.Tag != nil || a.Number != "" || a.Holder != nil || !a.Expires.IsZero() || a.Unknown != nil || len(a.Choices) > 0 ||
					!slices.Equal(a.Actions, want.actions) || a.Provider.ID != w.nord.Provider {
					t.Errorf("%s, %s: %+v", name, payload, a)
				}
				continue
			}
			if a.Tag == nil || a.Tag.State != shown || a.Number != "0F0368568B" || a.Holder == nil || !slices.Equal(a.Actions, want.actions) {
				t.Errorf("%s, %s: %+v, actions %v", name, payload, a.Tag, a.Actions)
			}
		}
	}
	for _, s := range states {
		t.Run("B-16 X-3 SEC-5 "+string(s.state), func(t *testing.T) {
			w.setState(fob.ID, s.state, s.step)
			check(t, "stranger", identity.Viewer{}, want{actions: []scan.Action{scan.SignIn}}, "")
			if a := w.read(w.syd, fob.ID, "typed"); a.Granted || a.Unknown != nil || len(a.Actions) > 0 {
				t.Errorf("staff of another provider: %+v", a)
			}
			if a := w.read(w.syd, "0064481678987", "typed"); a.Granted || a.Holder != nil || !slices.Equal(a.Actions, []scan.Action{scan.BindCode, scan.Enrol}) {
				t.Errorf("staff of another provider: %+v", a)
			}
			check(t, "staff who must enrol first", enrolFirst, want{}, "")
			check(t, "user of another customer", outsider, want{}, "")
			w.grantTags(w.lars, false, false)
			check(t, "user without right", w.lars, want{}, "")
			w.grantTags(w.lars, true, false)
			check(t, "user with See", w.lars, s.see, s.shown)
			w.grantTags(w.lars, true, true)
			check(t, "user with Block", w.lars, s.block, s.shown)
			check(t, "staff", w.nord, s.manage, s.shown)
		})
	}
	t.Run("B-16 a tag whose last day is over is blocked before the worker says so", func(t *testing.T) {
		w.setState(fob.ID, tagging.Bound, tagging.Reactivate)
		t1, err := w.tags.Update(ctx, fob.ID, func(t *asset.Tag) error { t.Expires = store.At(w.clock); return nil })
		must(t, t1, err)
		check(t, "staff", w.nord, want{true, []scan.Action{scan.ReplaceTag}}, "blocked")
	})
	t.Run("X-5 staff learn what replaced a tag", func(t *testing.T) {
		fresh := w.fob("06008E6D5D", "")
		t1, err := w.tags.Update(ctx, fob.ID, func(t *asset.Tag) error {
			t.State, t.ReplacedBy, t.Expires = tagging.Replaced, fresh.ID, store.Never
			return nil
		})
		must(t, t1, err)
		if a := w.read(w.nord, fob.ID, "qr"); a.Tag.ReplacedBy != fresh.Code() {
			t.Errorf("%+v", a.Tag)
		}
	})
}

// TestUnknown holds what is told of payloads that lead nowhere: to staff the reading, to others what the text alone tells.
func TestUnknown(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, payload, source string
		flag                  string // a hindrance that everybody signed in is told
		actions               []scan.Action
	}{
		{"a serial number", "SN 9/b", "qr", "", []scan.Action{scan.BindCode}},
		{"a link", "https://maker.example/x", "typed", "", []scan.Action{scan.BindCode}},
		{"a number by a reader", "0057169547", "wedge", "", []scan.Action{scan.BindCode, scan.Enrol}},
		{"a number that is no hex and no decimal", "PAXTON-77X", "typed", "", []scan.Action{scan.BindCode, scan.Enrol}},
		{"a random UID", "08A1B2C3", "webnfc", "random_uid", []scan.Action{scan.BindCode}},
		{"a truncated UID", "880451AA", "webnfc", "truncated_uid", []scan.Action{scan.BindCode}},
		{"Wiegand bits with wrong parity", "11010000110110010110010111", "wedge", "parity_error", []scan.Action{scan.BindCode}},
		{"a trade item", "]d20104012345678901", "qr", "class_level", []scan.Action{scan.BindCode}},
		{"a wrong check digit", "]d2010401234567890221S1", "qr", "gs1_check_digit", []scan.Action{scan.BindCode}},
		{"thirteen digits", "0064481678987", "wedge", "", []scan.Action{scan.BindCode, scan.Enrol}},
	} {
		t.Run("X-5 "+c.name, func(t *testing.T) {
			a := w.read(w.nord, c.payload, c.source)
			if a.Granted || a.Unknown == nil || len(a.Unknown.Candidates) == 0 || !slices.Equal(a.Actions, c.actions) {
				t.Fatalf("%+v, actions %v", a.Unknown, a.Actions)
			}
			u := w.read(w.lars, c.payload, c.source)
			if c.flag == "" {
				if u.Unknown != nil {
					t.Errorf("portal user: %+v", u.Unknown)
				}
			} else if !slices.ContainsFunc(a.Unknown.Flags, begins(c.flag)) || u.Unknown == nil || !slices.ContainsFunc(u.Unknown.Flags, begins(c.flag)) {
				t.Errorf("flags %+v, portal user %+v", a.Unknown, u.Unknown)
			}
			if u.Granted || len(u.Actions) > 0 || u.Unknown != nil && len(u.Unknown.Candidates) > 0 {
				t.Errorf("portal user: %+v", u)
			}
			if s := w.read(identity.Viewer{}, c.payload, c.source); s.Unknown != nil || !slices.Equal(s.Actions, []scan.Action{scan.SignIn}) {
				t.Errorf("stranger: %+v", s)
			}
		})
	}
}

func begins(flag string) func(string) bool {
	return func(f string) bool { return strings.HasPrefix(f, flag) }
}

// TestUniform holds SEC-1 for everything that can be scanned: without a right the answer is the same bytes, whatever it is.
func TestUniform(t *testing.T) {
	w := newWorld(t)
	w.alias("SN 4711/b", w.component.ID)
	blank, err := w.assets.Mint(t.Context(), w.nord, 1)
	must(t, blank, err)
	fobs := map[string]*asset.Tag{}
	payloads := map[string]string{
		"own label": string(w.code), "blank label": string(blank[0].Code), "never made": "7K3M9QXD2VHTP", "never made, as URL": "https://" + host + "/t/7K3M9QXD2VHTP",
		"alias": "SN 4711/b", "no alias": "SN 4712/b",
		"fob in use": "0064481678987", "fob never seen": "0025779137885",
	}
	for i, s := range []tagging.State{tagging.Blocked, tagging.Replaced, tagging.Retired, tagging.Damaged} {
		number := []string{"2A00A1B2CB", "2A00A1B2CC", "2A00A1B2CD", "2A00A1B2CE"}[i]
		fobs[string(s)] = w.fob(number, "Ute")
		w.setState(fobs[string(s)].ID, s, tagging.Block)
		payloads["number of a fob "+string(s)], payloads["card of a fob "+string(s)] = number, fobs[string(s)].ID
		_, _, label := w.labelled(w.nord)
		w.setState(string(label), s, tagging.Block)
		payloads["label "+string(s)] = string(label)
		alias := w.alias("INV "+string(s), w.component.ID)
		w.setState(alias.ID, s, tagging.Block)
		payloads["alias "+string(s)] = "INV " + string(s)
	}
	w.fob("0F0368568B", "Ute")
	for name, v := range map[string]identity.Viewer{"stranger": {}, "portal user": w.lars, "Master user": w.maja} {
		for _, source := range []string{"", "qr", "wedge", "webnfc", "typed"} {
			want, err := json.Marshal(w.read(v, "UNKNOWN", source))
			must(t, want, err)
			for what, payload := range payloads {
				t.Run("SEC-1 SEC-5 "+name+", "+source+", "+what, func(t *testing.T) {
					got, err := json.Marshal(w.read(v, payload, source))
					if err != nil || string(got) != string(want) {
						t.Errorf("%s, %v", got, err)
					}
				})
			}
		}
	}
}

// FuzzPayload feeds the resolver anything: it must not panic, and a stranger must get one and the same answer or an error that follows
// from the text alone, so that a second stranger at another time gets the same.
func FuzzPayload(f *testing.F) {
	w := newWorld(f)
	w.alias("SN 4711/b", w.component.ID)
	w.fob("0F0368568B", "Ute")
	for _, p := range []string{string(w.code), w.assets.LabelURL(w.code), "SN 4711/b", "0064481678987", "]C1", "]", "\x1d01", "WIFI:S:x;;", "\x02\x03",
		"04:a2:3b:7c:11:86:80", "11010000110110010110010111", "https://scan.example.com/t/%zz", "(01)04012345678901(21)S1", "[)>\x1e06\x1dS1\x1e\x04"} {
		for _, source := range append(scan.Sources, "", "?") {
			f.Add(p, source, "")
		}
	}
	stranger, err := w.Payload(f.Context(), identity.Viewer{}, host, scan.Input{Payload: "x"})
	must(f, stranger, err)
	want, err := json.Marshal(stranger)
	must(f, want, err)
	f.Fuzz(func(t *testing.T, payload, source, hint string) {
		in := scan.Input{Payload: payload, Source: source, Hint: hint}
		a, err := w.Payload(t.Context(), identity.Viewer{}, host, in)
		if got, _ := json.Marshal(a); err == nil && string(got) != string(want) {
			t.Fatalf("a stranger gets %s", got)
		}
		for _, v := range []identity.Viewer{w.nord, w.lars} {
			a, knownErr := w.Payload(t.Context(), v, host, in)
			if knownErr != nil && err == nil {
				t.Fatalf("%q is refused for %v only: %v", payload, v.Role, knownErr)
			}
			if v == w.lars && a.Granted {
				t.Fatalf("a user without rights gets %+v", a)
			}
		}
	})
}
