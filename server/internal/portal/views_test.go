package portal

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/locale"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// lone is a portal without a domain behind it: enough to render.
func lone(t *testing.T) *Portal {
	t.Helper()
	catalogue, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(Options{Assets: &asset.Service{}, Desk: &desk.Service{}, Scan: &scan.Resolver{}, Sightings: &scan.Sightings{}, People: &identity.Directory{},
		Photos: &tagging.PhotoReader{}, Catalogue: catalogue, PublicURL: "https://scan.example.com", Zone: time.UTC, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// execution is one view with the ways to run it.
type execution struct {
	name    string
	real    []func(frame) ([]byte, error)
	hostile func(frame, string) ([]byte, error)
}

func of[T any](name string, v view[T], data ...T) execution {
	e := execution{name: name, hostile: func(f frame, text string) ([]byte, error) {
		var d T
		fill(reflect.ValueOf(&d).Elem(), text)
		return v.execute(f, d)
	}}
	for _, d := range data {
		e.real = append(e.real, func(f frame) ([]byte, error) { return v.execute(f, d) })
	}
	return e
}

// fill puts text into every string that v can reach; slices get one element and pointers a value.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() != reflect.TypeFor[template.URL]() { // the one type for what this program made itself
			v.SetString(text)
		}
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.Struct:
		for i := range v.NumField() {
			switch f := v.Field(i); {
			case f.CanSet():
				fill(f, text)
			case v.Type().Field(i).Anonymous: // embedded by a type of this package: its exported fields can be set
				for j := range f.NumField() {
					if f.Field(j).CanSet() {
						fill(f.Field(j), text)
					}
				}
			}
		}
	}
}

// executions are all views with data as the handlers make them.
func executions(p *Portal) []execution {
	v := p.views
	at := store.At(noon.Add(-3 * time.Hour))
	contact := identity.Provider{Company: "Nordlicht Brandschutz", Branch: "Hamburg", Locale: locale.German, Phone: "+49 (0)40 555-12",
		Email: "service@nordlicht.example", Web: "https://nordlicht.example", Address: "Speicherstraße 12\n20457 Hamburg", Hours: "Mo–Fr 7–18"}
	row := requestRow{Number: "100001", FaultType: "Geräusche", Asset: "Rauchabzug", Component: "Öffner 1", Status: desk.InProgress, Severity: 2,
		Created: at, Own: true, Open: true, Place: 3}
	followed := row
	followed.Own, followed.Follows, followed.Component, followed.Status = false, true, "", desk.Done
	rows := []requestRow{row, followed}
	next := &asset.Appointment{Start: store.At(noon.AddDate(0, 0, 20)), Status: asset.AppointmentConfirmed, Subject: "Jahreswartung"}
	component := asset.Component{ID: "c1", Name: "Öffner 1", Type: "Rauchabzug", Manufacturer: "STG", Model: "TRZ24", Serial: "17", YearBuilt: 2019, Approval: "Z-1", Location: "Deck 1"}
	form := reportForm{Code: "7K3M9QXD2VHTP", Types: []faultOption{{"noise", "Geräusche"}, {"stuck", "Klemmt"}}, Key: "form-1"}
	refused := reportForm{Asset: "a1", Types: form.Types, Key: "form-2", Text: "x", Chosen: "noise", TypeError: "portal.report.choose_type", TextError: "portal.text.too_long", PhotoError: "portal.photo.damaged"}
	list := []overviewRow{
		{ID: "a1", Number: "A-1", Name: "Rauchabzug", Group: "RWA", Object: "Haus A", Company: "Nordlicht", MayAppointments: true, MayDueDates: true, MayComponents: true, MayFaults: true,
			Next: next, Due: p.due("2026-11-01"), Components: 12, OpenFaults: 9, ManyFaults: true},
		{ID: "a2", Number: "A-2", Name: "Klappen", Company: "Nordlicht", MayFaults: true},
	}
	stock := stockRow{ID: "avery-l6009", Name: "Avery L6009", Material: "film", Width: 45.72, Height: 21.17, PerPage: 48, Sheet: true}
	requests := func(r requestPage) requestPage {
		r.requestRow, r.AssetID, r.Text, r.Reporter, r.Contact, r.Key = row, "a1", "Klemmt\nseit heute", "Karin", contact, "form-3"
		return r
	}
	asked := func(shown string) assetPage {
		a := assetPage{ID: "a1", Number: "A-1", Name: "Rauchabzug", Object: &asset.Object{Name: "Haus A", Address: "Elbchaussee"}, Contact: contact, MayReport: true, WithDue: true, Tab: shown}
		for _, t := range assetTabs {
			a.Tabs = append(a.Tabs, tab{t.name, t.name == shown})
		}
		return a
	}
	appointments, components, due, faults := asked("appointments"), asked("components"), asked("due"), asked("faults")
	for i, s := range []asset.AppointmentStatus{asset.AppointmentDraft, asset.AppointmentPlanned, asset.AppointmentConfirmed, asset.AppointmentDone} {
		appointments.Appointments = append(appointments.Appointments, appointmentRow{asset.Appointment{Start: at, Status: s, Subject: "Wartung", Reports: make([]asset.Report, i)}, i == 3})
	}
	components.Components = []componentRow{{component, p.due("2026-12-01")}}
	due.DueDates = []dueRow{{Whole: true, Due: p.due("2026-11-30")}, {Name: "Öffner 1", Due: p.due("2026-01-01")}, {Due: p.due("2028-01-01")}}
	faults.Faults, faults.More = rows, "/assets/a1?tab=faults&after=x"
	var typos []mistypedPage
	for _, code := range []string{"7K3M9QXD2VHTU", "7K3M", "7K3M9QXD2VHT0", "7K3M9QXD2HVTP"} {
		_, err := tagging.ParseCode(code)
		typos = append(typos, mistypedPage{code, typoOf(err.(*tagging.CodeError))})
	}
	var answers []answerPage
	for _, s := range []string{"unbound", "active", "blocked", "retired", "replaced"} {
		answers = append(answers, answerPage{Code: "7K3M-9QXD-2VHTP", Tag: scan.Tag{State: s}, Contact: contact, AssetID: "a1", AssetName: "Rauchabzug", Component: &component,
			Due: &answerDue{p.due("2026-11-25"), p.due("")}, Next: next, Faults: true, OpenFaults: rows, Form: form, Staff: true})
	}
	return slices.Concat(doorExecutions(p, contact), tagExecutions(p), []execution{
		of("sign-in", v.signIn, signInPage{Next: "/"}, signInPage{Email: "a@b.example", Next: "/t/X", Error: "portal.sign_in.too_many", Minutes: 4},
			signInPage{Error: "identity.signin.wrong"}, signInPage{Error: "portal.sign_in.step_over"}),
		of("sign-in-code", v.signInCode, signInCodePage{Step: "s", Next: "/"}, signInCodePage{Step: "s", Error: "identity.signin.codewrong"}),
		of("overview", v.overview, overviewPage{}, overviewPage{Query: "x"}, overviewPage{Companies: []company{{"p1", "Nordlicht"}, {"p2", "Söder"}}, Provider: "p2",
			Rows: list, Appointments: true, DueDates: true, Components: true, Faults: true, More: "/?after=x"}),
		of("asset", v.asset, asked(""), asked("appointments"), asked("components"), asked("due"), asked("faults"), appointments, components, due, faults),
		of("contact", v.contact, contactPage{Contact: contact, Language: "de", SignIn: "?sign-in=1", Found: "?found=1"}, contactPage{Foreign: true, Language: "de", Remarks: []string{"portal.text.missing"}}),
		of("mistyped", v.mistyped, typos...),
		of("answer", v.answer, append(answers, answerPage{Code: "C", Contact: contact, AssetID: "a1", AssetName: "A"}, answerPage{Faults: true, AssetName: "A", Form: form, OpenFaults: rows},
			answerPage{AssetName: "A", Staff: true, Tag: scan.Tag{Code: "7K3M9QXD2VHTP", State: "replaced"}, Replaced: at, ReplacedBy: "7K3M9QXD2VHTP"})...),
		of("bind", v.bind, bindPage{Code: "7K3M9QXD2VHTP", Path: "/t/X", Assets: list, MoreAssets: "/t/x?after=1"}, bindPage{Code: "X", Path: "/t/X", Query: "nix"},
			bindPage{Code: "X", Path: "/t/X", Target: "/t/X/bind", AssetID: "a1", AssetName: "A", Components: []asset.Component{component}, Error: "portal.bind.choose_component"}, bindPage{Payload: "(21)17", Path: "/scan/bind", Target: "/scan/bind", Assets: list},
			bindPage{Payload: "(21)17", Path: "/scan/bind", Target: "/scan/bind", AssetID: "a1", AssetName: "A", Components: []asset.Component{component}, Component: component.ID, Class: true,
				Bound: []tagRow{{Code: "7K3M9QXD2VHTP", Kind: asset.Label, Component: "Öffner 2"}, {Code: "7K3M9QXD2VHTP", Kind: asset.Label}}}),
		of("scan", v.scan, scanPage{}, scanPage{Typed: "U", Typo: &typos[0].typo}, scanPage{Error: "portal.scan.empty", PhotoError: "portal.photo.not_image"},
			scanPage{Found: []foundCode{{"/t/X", "X"}}}),
		of("report", v.report, reportPage{Form: form, AssetID: "a1", AssetName: "A", ComponentName: "C", OpenFaults: rows},
			reportPage{Form: refused, AssetName: "A", ChooseComponent: []asset.Component{component}}, reportPage{AssetName: "A"}),
		of("requests", v.requests, requestsPage{}, requestsPage{Rows: rows, More: "/requests?after=x"}),
		of("request", v.request, requests(requestPage{MorePhotos: true, MayFollow: true, Error: "portal.text.missing", PhotoError: "portal.photo.too_many"}),
			requests(requestPage{Work: true, Statuses: desk.Statuses[1:], Photos: []desk.Photo{{ID: "p", Width: 4, Height: 3}},
				Thread: []desk.Entry{{Name: "Jörg", Staff: true, Text: "Kommt.", At: at}, {Name: "Jörg", From: desk.WaitingHandling, To: desk.WaitingCustomer, At: at}}})),
		of("account", v.account, accountPage{Name: "Karin", Role: "identity.role.master", Sessions: []sessionRow{{ID: "s", Agent: "Firefox", Seen: at, Here: true}, {ID: "t", App: true}}},
			accountPage{Role: "identity.role.admin", Factor: true, MayRemove: true, OldError: "portal.account.wrong_password", NewError: "identity.password.short", CodeError: "identity.signin.codewrong", Min: 12}),
		of("second-factor", v.factor, factorPage{}, factorPage{Must: true}, factorPage{InForce: true}, factorPage{Confirm: true, QR: "data:image/png;base64,AA==", Secret: "ABC"},
			factorPage{Confirm: true, Error: "identity.signin.codewrong"}, factorPage{Recovery: []string{"AAAA-BBBB-CCCC-DDDD"}}),
		of("prove", v.prove, provePage{Next: "/account"}, provePage{Factor: true, Error: "portal.account.wrong_password"}),
		of("queue", v.queue, queuePage{Statuses: desk.Statuses}, queuePage{Statuses: desk.Statuses, Status: desk.Done, Rows: rows, More: "/x"}),
		of("labels", v.labels, labelsPage{Stocks: []stockRow{stock}, More: true}, labelsPage{Query: "nix"},
			labelsPage{Stock: &stock, What: "blank", Count: "48", Start: "99", Assets: list, CountError: "portal.labels.count_range", StartError: "portal.labels.start_range", CodesError: "portal.labels.bad_code",
				Fault: &sheetFault{Key: "portal.labels.unfit", Side: "11.0", DPI: 600, MaxURL: 30}},
			labelsPage{Stock: &stock, What: "components", Start: "1", Asset: "a1", AssetName: "A", Components: []asset.Component{component}, AssetError: "portal.labels.choose_components", MoreParts: true}),
		of("pushes", v.pushes, pushesPage{Configured: true}, pushesPage{Rows: []pushRow{{Number: "1", Event: "event.reported", Trouble: "trouble.push_not_configured", At: at, GivenUp: true}, {Number: "1", Event: "event.replied"}}}),
		of("problems", v.problems, problemsPage{List: []edge.Failure{{Status: 404, Code: "not_found", Title: "T", Detail: "D"}}}),
		of("failure", v.failure, failurePage{Title: "T", Detail: "D", Advice: advice(401), SignIn: true, RequestID: "r"}, failurePage{Title: "T", Advice: advice(403)}, failurePage{Title: "T", Advice: advice(404)},
			failurePage{Title: "T", Advice: advice(413)}, failurePage{Title: "T", Advice: advice(429)}, failurePage{Title: "T", Advice: advice(500)}, failurePage{Title: "T", Advice: advice(405), Fields: []edge.FieldText{{Detail: "d"}}}),
	})
}

func parse(t *testing.T, body []byte) *goquery.Document {
	t.Helper()
	d, err := goquery.NewDocumentFromReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestViews runs every view with the data of its handler in every language and looks at what all pages have in common.
func TestViews(t *testing.T) {
	p := lone(t)
	all := executions(p)
	if want := reflect.TypeFor[views]().NumField(); len(all) != want {
		t.Fatalf("%d of %d views are run", len(all), want)
	}
	for _, e := range all {
		for _, lang := range locale.Tags {
			for i, run := range e.real {
				for _, f := range []frame{{Lang: lang}, {Lang: lang, SignedIn: true, Enrolled: true, Section: "assets", Notice: "portal.done." + notices[i%len(notices)]},
					{Lang: lang, SignedIn: true, Staff: true, Enrolled: true, Section: "labels"}, {Lang: lang, SignedIn: true, Staff: true}} {
					body, err := run(f)
					if err != nil {
						t.Fatalf("%s %s %d: %v", e.name, lang, i, err)
					}
					checkPage(t, fmt.Sprintf("%s %s %d", e.name, lang, i), lang, body)
				}
			}
		}
	}
}

// checkPage looks for what each page must have, whatever it shows.
func checkPage(t *testing.T, name string, lang locale.Tag, body []byte) {
	t.Helper()
	d := parse(t, body)
	if at := bytes.Index(body, []byte("⟦")); at >= 0 {
		t.Errorf("%s: message key without text: %.60s", name, body[at:])
	}
	if got, _ := d.Find("html").Attr("lang"); got != string(lang) {
		t.Errorf("%s: lang is %q", name, got)
	}
	if n := d.Find("h1").Length(); n != 1 {
		t.Errorf("%s: %d headings of the first level", name, n)
	}
	if title := strings.TrimSpace(d.Find("title").Text()); title == "" || strings.HasPrefix(title, "·") {
		t.Errorf("%s: title is %q", name, title)
	}
	if target, _ := d.Find("a.skip").Attr("href"); target != "#main" || d.Find("main#main").Length() != 1 {
		t.Errorf("%s: no skip link to the content", name)
	}
	d.Find("input:not([type=hidden]), select, textarea").Each(func(_ int, s *goquery.Selection) {
		id, _ := s.Attr("id")
		if s.Closest("label").Length() == 0 && d.Find(fmt.Sprintf("label[for=%q]", id)).Length() != 1 {
			html, _ := goquery.OuterHtml(s)
			t.Errorf("%s: field without label: %s", name, html)
		}
	})
	d.Find("[aria-describedby]").Each(func(_ int, s *goquery.Selection) {
		list, _ := s.Attr("aria-describedby")
		for _, id := range strings.Fields(list) {
			if d.Find("#"+id).Length() != 1 {
				t.Errorf("%s: described by %q, which is not there", name, id)
			}
		}
	})
	d.Find("img").Each(func(_ int, s *goquery.Selection) {
		if alt, ok := s.Attr("alt"); !ok || alt == "" {
			t.Errorf("%s: picture without words", name)
		}
	})
	seen := map[string]bool{}
	d.Find("[id]").Each(func(_ int, s *goquery.Selection) {
		id, _ := s.Attr("id")
		if seen[id] {
			t.Errorf("%s: id %q stands twice", name, id)
		}
		seen[id] = true
	})
	if n := d.Find("script:not([src]), style, [style]").Length(); n > 0 {
		t.Errorf("%s: SEC-55 inline script or style", name)
	}
	d.Find("form").Each(func(_ int, s *goquery.Selection) {
		if action, _ := s.Attr("action"); !strings.HasPrefix(action, "/") {
			t.Errorf("%s: form goes to %q", name, action)
		}
	})
}

func TestViewsKeepTextAsText(t *testing.T) {
	p := lone(t)
	for _, text := range []string{`"'><script>alert(1)</script><img src=x onerror=alert(2)>`, `javascript:alert(1)`, `</textarea></title><svg onload=alert(3)>`} {
		for _, e := range executions(p) {
			for _, lang := range locale.Tags {
				body, err := e.hostile(frame{Lang: lang, SignedIn: true, Enrolled: true, Staff: true, Notice: text}, text)
				if err != nil {
					t.Fatalf("%s: %v", e.name, err)
				}
				d := parse(t, body)
				if d.Find("script:not([src]), img[src=x], [onerror], [onload], svg[onload]").Length() > 0 {
					t.Errorf("SEC-72 %s: text of a user became markup", e.name)
				}
				d.Find("[href], [src], [action]").Each(func(_ int, s *goquery.Selection) {
					for _, attr := range []string{"href", "src", "action"} {
						if v, _ := s.Attr(attr); strings.HasPrefix(strings.ToLower(strings.TrimSpace(v)), "javascript:") {
							t.Errorf("SEC-72 %s: %s is a script", e.name, attr)
						}
					}
				})
			}
		}
	}
}

func TestViewsAreDeclared(t *testing.T) {
	p := lone(t)
	files := fstest.MapFS{}
	names, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := templates.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	if _, err := p.loadViews(files); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(fstest.MapFS)
		want   string
	}{
		{"a view without declaration", func(f fstest.MapFS) { f["templates/extra.html"] = f["templates/scan.html"] }, "extra.html is not declared"},
		{"a missing view", func(f fstest.MapFS) { delete(f, "templates/queue.html") }, "queue.html"},
		{"a view without main", func(f fstest.MapFS) {
			f["templates/tags.html"] = &fstest.MapFile{Data: []byte(`{{define "title"}}x{{end}}`)}
		}, "view tags defines"},
		{"an unknown function", func(f fstest.MapFS) { f["templates/tags.html"] = &fstest.MapFile{Data: []byte(`{{nope}}`)} }, "nope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := fstest.MapFS{}
			for name, file := range files {
				changed[name] = file
			}
			c.change(changed)
			if _, err := p.loadViews(changed); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error is %v, want one about %q", err, c.want)
			}
		})
	}
}
