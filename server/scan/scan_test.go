package scan_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// mistyped changes one symbol of a code, which its check symbol always finds.
func mistyped(c tagging.Code) string {
	b := []byte(c)
	if b[3] = '2'; c[3] == '2' {
		b[3] = '3'
	}
	return string(b)
}

// TestPayload reads codes of ours in each spelling, and what is none of them.
func TestPayload(t *testing.T) {
	w := newWorld(t)
	w.grant(asset.AllPermissions)
	code, lower := string(w.code), strings.ToLower(string(w.code))
	const (
		granted  = "granted"
		foreign  = "stranger's answer"
		typo     = "typing error"
		nothing  = "no identifier"
		unusable = "payload"
	)
	for _, c := range []struct{ name, payload, want string }{
		{"X-4 the printed form", w.assets.LabelURL(w.code), granted},
		{"X-4 lower case", "https://scan.example.com/t/" + lower, granted},
		{"X-4 mixed case and trailing slash", "hTTps://Scan.Example.COM/T/" + lower + "/", granted},
		{"X-4 without scheme", "scan.example.com/t/" + code, granted},
		{"X-4 plain http, query and fragment", "http://scan.example.com/t/" + code + "?utm=1#top", granted},
		{"X-4 an alias host", "HTTPS://ALIAS.EXAMPLE.ORG/T/" + code, granted},
		{"X-4 an alias host with port", "https://box.local:8443/t/" + code, granted},
		{"X-1 with a symbology id and the scanner's line end", "]Q1" + w.assets.LabelURL(w.code) + "\r\n", granted},
		{"X-1 the bare code", code, granted},
		{"X-1 typed as printed", w.code.Print(), granted},
		{"X-1 typed with blanks and in lower case", " " + lower[:4] + " " + lower[4:8] + "  " + lower[8:] + " ", granted},
		{"SEC-3 our path on another host", "https://evil.example/t/" + code, foreign},
		{"SEC-3 our host as a user name", "https://scan.example.com@evil.example/t/" + code, foreign},
		{"SEC-3 our host as a prefix", "https://scan.example.com.evil.example/t/" + code, foreign},
		{"X-2 a code that was never made", "https://scan.example.com/t/0000000000000", foreign},
		{"X-5 a GS1 element string", "]d2010401234567890121S1", foreign},
		{"X-5 a Digital Link", "https://id.gs1.org/01/09506000134352/21/A1", foreign},
		{"X-5 EAN-13 with a right check digit", "4006381333931", foreign},
		{"X-5 EAN-13 with the scanner's line end", "4006381333931\r", foreign},
		{"X-5 EAN-13 with its symbology id", "]E04006381333931", foreign},
		{"X-5 a serial number", "SN 4711/b", foreign},
		{"SEC-2 mistyped, bare", mistyped(w.code), typo},
		{"SEC-2 mistyped, by keyboard wedge", mistyped(w.code) + "\r\n", typo},
		{"SEC-2 mistyped, from Code 128", "\x02]C0 " + mistyped(w.code) + "\x03", typo},
		{"SEC-2 mistyped in our URL", "https://scan.example.com/t/" + mistyped(w.code) + "/?x=1", typo},
		{"X-1 a Wi-Fi password", "WIFI:T:WPA;S:Gast;P:geheim;;", nothing},
		{"X-1 a one-time password", "otpauth://totp/x?secret=ABC", nothing},
		{"X-1 a contact", "BEGIN:VCARD\nFN:Ute\nEND:VCARD", nothing},
		{"SEC-60 empty", "", unusable},
		{"SEC-60 3,000 characters", strings.Repeat("x", 3000), unusable},
		{"SEC-60 the longest", strings.Repeat("å", scan.MaxPayload), foreign},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := w.Payload(t.Context(), w.lars, host, scan.Input{Payload: c.payload})
			var wrong *tagging.CodeError
			got := "error " + errorText(err)
			switch {
			case err == nil && a.Granted && a.Tag.Code == w.code:
				got = granted
			case err == nil && !a.Granted && a.Tag == nil && a.Provider.ID == w.nord.Provider && len(a.Actions) == 0 && (a.Unknown == nil || len(a.Unknown.Candidates) == 0):
				got = foreign
			case errors.As(err, &wrong) && wrong.Kind == tagging.WrongCheck:
				got = typo
			case errors.Is(err, scan.ErrNoIdentifier):
				got = nothing
			case errors.Is(err, scan.ErrPayload):
				got = unusable
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return "none"
	}
	return err.Error()
}

func TestPhoto(t *testing.T) {
	w := newWorld(t)
	w.grant(asset.SeeComponents)
	qr := func(text string) tagging.Payload { return tagging.Payload{Text: text, Symbology: "]Q1"} }
	own, hidden := qr(w.assets.LabelURL(w.code)), qr(w.assets.LabelURL(w.other))
	foreign, wifi := qr("https://maker.example/p/1"), qr("WIFI:S:Gast;;")
	typo, long := qr(mistyped(w.code)), qr(strings.Repeat("7", 3000))
	ean := tagging.Payload{Text: "4006381333931", Symbology: "]E0"}

	for _, c := range []struct {
		name    string
		shown   []tagging.Payload
		granted bool
		first   tagging.Payload
		want    error
	}{
		{"own alone", []tagging.Payload{own}, true, own, nil},
		{"a foreign one first, the own granted second", []tagging.Payload{foreign, own}, true, own, nil},
		{"a label without a grant first", []tagging.Payload{hidden, foreign, own, wifi}, true, own, nil},
		{"a mistyped one and Wi-Fi first", []tagging.Payload{typo, wifi, own}, true, own, nil},
		{"a code too long for us first", []tagging.Payload{long, own}, true, own, nil},
		{"a trade item first", []tagging.Payload{ean, own}, true, own, nil},
		{"nothing granted: the first that could be meant", []tagging.Payload{wifi, hidden, foreign}, false, hidden, nil},
		{"Wi-Fi alone", []tagging.Payload{wifi}, false, wifi, scan.ErrNoIdentifier},
		{"too long alone", []tagging.Payload{long}, false, long, scan.ErrPayload},
		{"none", nil, false, tagging.Payload{}, tagging.ErrNoCode},
	} {
		t.Run("X-1 "+c.name, func(t *testing.T) {
			before := slices.Clone(c.shown)
			a, all, err := w.Photo(t.Context(), w.lars, host, c.shown)
			if c.want != nil {
				if !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				return
			}
			if err != nil || a.Granted != c.granted || len(all) != len(c.shown) || all[0] != c.first {
				t.Fatalf("granted %v, %v, %v", a.Granted, all, err)
			}
			for _, p := range before {
				if !slices.Contains(all, p) {
					t.Errorf("%v is missing from %v", p, all)
				}
			}
			if !slices.Equal(before, c.shown) {
				t.Error("the caller's list was changed")
			}
		})
	}
	t.Run("SEC-2 a mistyped label alone is named so", func(t *testing.T) {
		if _, _, err := w.Photo(t.Context(), w.lars, host, []tagging.Payload{typo}); !errors.As(err, new(*tagging.CodeError)) {
			t.Errorf("%v", err)
		}
	})
}

func TestContact(t *testing.T) {
	w := newWorld(t)
	for asked, want := range map[string]string{
		host:                      w.nord.Provider,
		"alias.example.org":       w.syd.Provider,
		"ALIAS.Example.Org":       w.syd.Provider,
		"alias.example.org:443":   w.syd.Provider,
		"ALIAS.EXAMPLE.ORG:8080":  w.syd.Provider,
		"box.local:8443":          w.syd.Provider,
		"box.local":               w.nord.Provider,
		"box.local:1":             w.nord.Provider,
		"":                        w.nord.Provider,
		"[::1]:80":                w.nord.Provider,
		"alias.example.org.evil":  w.nord.Provider,
		"evil.alias.example.org":  w.nord.Provider,
		"alias.example.org:1:2:3": w.nord.Provider,
	} {
		t.Run("SEC-3 "+asked, func(t *testing.T) {
			p, err := w.Contact(t.Context(), asked)
			if err != nil || p.ID != want {
				t.Errorf("%s, %v", p.Company, err)
			}
			for _, code := range []tagging.Code{w.code, "0000000000000"} {
				if a, err := w.Code(t.Context(), identity.Viewer{}, asked, code); err != nil || a.Provider != p || a.Granted {
					t.Errorf("code %s: %+v, %v", code, a.Provider, err)
				}
			}
		})
	}
}

// TestFieldPolicy holds the table of the package comment for every set of permissions.
func TestFieldPolicy(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for p := range asset.AllPermissions + 1 {
		w.grant(p)
		t.Run("X-1 F-18 F-24 F-27 F-28 customer with "+strings.Join(p.Names(), " "), func(t *testing.T) {
			a, err := w.Code(ctx, w.lars, host, w.code)
			if err != nil {
				t.Fatal(err)
			}
			if p == 0 {
				if a.Granted || a.Tag != nil || a.Access.Asset != nil || a.Component != nil || a.Due != nil || a.Next != nil || a.Faults || a.FaultForm != nil || len(a.Actions) != 0 {
					t.Errorf("%+v", a)
				}
				return
			}
			if !a.Granted || a.Tag.Code != w.code || a.Tag.State != "active" || a.Provider.ID != w.nord.Provider || a.Access.Asset.ID != w.asset.ID || a.Access.Staff {
				t.Errorf("%+v", a)
			}
			if (a.Component != nil) != p.Has(asset.SeeComponents) {
				t.Errorf("component %+v", a.Component)
			}
			if a.Component != nil && (a.Component.Due() != "") != p.Has(asset.SeeDueDates) {
				t.Errorf("F-26 due date of the component: %q", a.Component.Due())
			}
			if (a.Due != nil) != p.Has(asset.SeeDueDates) || a.Due != nil && *a.Due != (scan.Due{Component: "2027-01-31", Asset: "2027-01-31"}) {
				t.Errorf("due %+v", a.Due)
			}
			if (a.Next != nil) != p.Has(asset.SeeAppointments) {
				t.Errorf("next %+v", a.Next)
			}
			want := []scan.Action{scan.OpenAsset}
			if p.Has(asset.Faults) {
				want = []scan.Action{scan.ReportFault, scan.OpenAsset}
			}
			if a.Faults != p.Has(asset.Faults) || (len(a.OpenFaults) == 1) != a.Faults || (len(a.FaultForm) == 1) != a.Faults || !slices.Equal(a.Actions, want) {
				t.Errorf("faults %v, %d open, form %v, actions %v", a.Faults, len(a.OpenFaults), a.FaultForm, a.Actions)
			}
		})
	}
	blank, err := w.assets.Mint(ctx, w.nord, 1)
	must(t, blank, err)
	waiting := w.nord
	waiting.MustEnrol = true
	for _, c := range []struct {
		name   string
		viewer identity.Viewer
		code   tagging.Code
		state  string // "" for the stranger's answer
		want   []scan.Action
	}{
		{"X-1 stranger", identity.Viewer{}, w.code, "", []scan.Action{scan.SignIn}},
		{"X-1 stranger, blank label", identity.Viewer{}, blank[0].Code, "", []scan.Action{scan.SignIn}},
		{"X-2 staff of another provider", w.syd, w.code, "", nil},
		{"X-2 staff of another provider, blank label", w.syd, blank[0].Code, "", nil},
		{"SEC-33 staff who must enrol first", waiting, w.code, "", nil},
		{"X-2 customer, blank label", w.lars, blank[0].Code, "", nil},
		{"X-5 staff, blank label", w.nord, blank[0].Code, "unbound", []scan.Action{scan.BindLabel}},
		{"X-1 staff", w.nord, w.code, "active", []scan.Action{scan.ReportFault, scan.OpenAsset}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := w.Code(ctx, c.viewer, host, c.code)
			if err != nil || a.Granted != (c.state != "") || !slices.Equal(a.Actions, c.want) || a.Granted && a.Tag.State != c.state {
				t.Errorf("granted %v, tag %+v, actions %v, %v", a.Granted, a.Tag, a.Actions, err)
			}
		})
	}
	w.grant(asset.AllPermissions)
	for state, shown := range map[tagging.State]string{tagging.Blocked: "blocked", tagging.Replaced: "replaced", tagging.Retired: "retired"} {
		t.Run("SEC-1 X-2 label "+string(state), func(t *testing.T) {
			tag, err := w.tags.Update(ctx, string(w.code), func(tag *asset.Tag) error { tag.State = state; return nil })
			must(t, tag, err)
			staff, err := w.Code(ctx, w.nord, host, w.code)
			if err != nil || !staff.Granted || staff.Tag.State != shown {
				t.Errorf("staff: %+v, %v", staff.Tag, err)
			}
			unknown, err := w.Code(ctx, w.lars, host, "0000000000000")
			must(t, unknown, err)
			if a, err := w.Code(ctx, w.lars, host, w.code); err != nil || a.Granted || a.Provider != unknown.Provider || len(a.Actions) != 0 {
				t.Errorf("customer: %+v, %v", a, err)
			}
		})
	}
	t.Run("X-5 a damaged label still leads to its component", func(t *testing.T) {
		tag, err := w.tags.Update(ctx, string(w.code), func(tag *asset.Tag) error { tag.State = tagging.Damaged; return nil })
		must(t, tag, err)
		for name, v := range map[string]identity.Viewer{"staff": w.nord, "customer": w.lars} {
			if a, err := w.Code(ctx, v, host, w.code); err != nil || !a.Granted || a.Tag.State != "active" || a.Component == nil {
				t.Errorf("%s: %+v, %v", name, a.Tag, err)
			}
		}
	})
	t.Run("F-30 no released type, no report", func(t *testing.T) {
		_, _, code := w.labelled(w.syd)
		a, err := w.Code(ctx, w.syd, host, code)
		if err != nil || !a.Faults || !slices.Equal(a.Actions, []scan.Action{scan.OpenAsset}) {
			t.Errorf("actions %v, %v", a.Actions, err)
		}
	})
}
