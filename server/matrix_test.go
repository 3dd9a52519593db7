package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/mobileapi"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/locale"
)

// outcome is what a route may answer to a viewer.
type outcome string

const (
	ok      outcome = "ok"      // the thing itself
	reached outcome = "reached" // let through; the empty input may be refused for what it says
	signIn  outcome = "sign in" // 401, or a redirect to the sign-in page
	denied  outcome = "denied"  // 403: the caller may know that it exists
	hidden  outcome = "hidden"  // 404, as for what is not there (SEC-16)
	uniform outcome = "uniform" // byte for byte what the same caller gets for a code that was never made (SEC-1)
)

// viewerCase is one column of the matrix: somebody in a relation to the asset of the test.
type viewerCase struct {
	name   string
	caller caller
	kind   identity.Kind
	may    asset.Permission // on the asset of the test
	own    bool             // staff of its provider
	fresh  func() caller    // another session, for routes that end one
}

// matrix is the world of the authorisation test: an asset with a labelled component and a reported fault with a photo.
type matrix struct {
	*world
	viewers                                  []viewerCase
	asset, component, code, unknown          string
	number, photo, blankCode, otherComponent string
	photoFile                                []byte
}

func newMatrix(t *testing.T) *matrix {
	m := &matrix{world: newWorld(t), photoFile: photo(t, 1)}
	ctx := t.Context()
	m.code = m.sample.Codes[0]
	m.unknown = neverMinted(t)
	m.component = m.tag(m.code).Component
	operator := m.viewer("dispo@")
	c, access, err := m.app.Assets.Component(ctx, operator, m.component)
	if err != nil {
		t.Fatal(err)
	}
	m.asset = c.Asset
	others, _, err := m.app.Assets.Components(ctx, operator, m.asset, "", 2)
	if err != nil {
		t.Fatal(err)
	}
	m.otherComponent = others[1].ID

	add := func(name, prefix string, kind identity.Kind, may asset.Permission, own bool) {
		m.viewers = append(m.viewers, viewerCase{name, m.as(prefix), kind, may, own, func() caller { return m.as(prefix) }})
	}
	m.viewers = append(m.viewers, viewerCase{"stranger", m.stranger(), identity.Stranger, 0, false, m.stranger})
	grants := map[string]asset.Permission{"no grant": 0, "F-18 only": asset.SeeAppointments, "F-24 only": asset.SeeComponents, "F-27 only": asset.SeeDueDates, "F-28 only": asset.Faults}
	for name, may := range grants {
		email := strings.ToLower(strings.ReplaceAll(name, " ", "-")) + "@elbklinik.example"
		password, err := m.app.People.NewPassword()
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.app.People.AddPerson(ctx, identity.NewPerson{Email: email, Name: name, Role: identity.General, Customer: access.Asset.Customer, Locale: locale.English}, password)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.app.Assets.Grant(ctx, operator, p.ID, m.asset, may); err != nil {
			t.Fatal(err)
		}
		again := func() caller { return m.signedIn(email, password) }
		m.viewers = append(m.viewers, viewerCase{"portal user, " + name, again(), identity.CustomerUser, may, false, again})
	}
	add("portal user, all grants", "haustechnik@", identity.CustomerUser, asset.AllPermissions, false)
	add("user of another customer", "fastighet@", identity.CustomerUser, 0, false)
	add("staff of another provider", "kundtjanst@", identity.Staff, 0, false)
	add("technician", "technik@", identity.Staff, asset.AllPermissions, true)
	add("dispatcher", "dispo@", identity.Staff, asset.AllPermissions, true)
	add("admin", "admin@", identity.Staff, asset.AllPermissions, true)

	var r mobileapi.Request
	reporter := m.as("haustechnik@")
	reporter.post("/v1/requests", map[string]any{"type": "fault_report", "code": m.code, "fault_type": "stuck", "text": "CANARY-REPORT-TEXT"}).must(t, 201).decode(t, &r)
	reporter.send("POST", "/v1/requests/"+r.Number+"/photos", "image/jpeg", photo(t, 99)).must(t, 201).decode(t, &r)
	m.number, m.photo = r.Number, r.Photos[0].ID
	return m
}

// row says how to call a route with valid input about the test's own objects, and what each viewer must get.
type row struct {
	call func(m *matrix, c caller) answer
	want func(v viewerCase) outcome
	// fresh: the call ends the session or changes how it begins.
	fresh bool
}

func everybody(viewerCase) outcome { return ok }

func people(o outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		if v.kind == identity.Stranger {
			return signIn
		}
		return o
	}
}

// staffOwn is for routes of staff about an object of one provider; foreign is what staff of another provider get.
func staffOwn(own, foreign outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		switch {
		case v.kind == identity.Stranger:
			return signIn
		case v.kind == identity.CustomerUser:
			return denied
		case v.own:
			return own
		}
		return foreign
	}
}

// granted is for routes about the asset that need one permission.
func granted(p asset.Permission) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		switch {
		case v.kind == identity.Stranger:
			return signIn
		case v.may.Has(p) && v.may != 0:
			return ok
		case v.may != 0:
			return denied
		}
		return hidden
	}
}

// onRequest is for routes about the fault: it is there for those with the fault grant and for nobody else.
func onRequest(o outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		switch {
		case v.kind == identity.Stranger:
			return signIn
		case v.may.Has(asset.Faults):
			return o
		}
		return hidden
	}
}

// onScan is for routes that resolve the test's label.
func onScan(v viewerCase) outcome {
	if v.may != 0 {
		return ok
	}
	return uniform
}

func get(path string) func(*matrix, caller) answer {
	return func(m *matrix, c caller) answer { return c.get(m.fill(path)) }
}

func post(path string, body func(m *matrix) map[string]any) func(*matrix, caller) answer {
	return func(m *matrix, c caller) answer { return c.post(m.fill(path), body(m)) }
}

func sendForm(path string, fields ...string) func(*matrix, caller) answer {
	return func(m *matrix, c caller) answer {
		v := url.Values{}
		for i := 0; i < len(fields); i += 2 {
			v.Set(fields[i], m.fill(fields[i+1]))
		}
		return c.send(http.MethodPost, m.fill(path), "application/x-www-form-urlencoded", []byte(v.Encode()))
	}
}

// fill puts the test's objects into a path or value.
func (m *matrix) fill(s string) string {
	return strings.NewReplacer("{asset}", m.asset, "{component}", m.component, "{code}", m.code, "{number}", m.number, "{photo}", m.photo, "{blank}", m.blankCode).Replace(s)
}

func photoTo(path string) func(*matrix, caller) answer {
	return func(m *matrix, c caller) answer {
		return c.send(http.MethodPost, m.fill(path), "image/jpeg", m.photoFile)
	}
}

// rows is the matrix: each route of the table has a row here, or the test fails.
func rows() map[string]row {
	none := func(*matrix) map[string]any { return map[string]any{} }
	text := func(*matrix) map[string]any { return map[string]any{"text": "hello"} }
	signedInOnly := people(ok)
	return map[string]row{
		"GET /healthz":       {call: get("/healthz"), want: everybody},
		"GET /readyz":        {call: get("/readyz"), want: everybody},
		"GET /sign-in":       {call: get("/sign-in"), want: func(viewerCase) outcome { return reached }},
		"POST /sign-in":      {call: sendForm("/sign-in"), want: func(viewerCase) outcome { return reached }},
		"POST /sign-out":     {call: sendForm("/sign-out"), want: people(reached), fresh: true},
		"POST /language":     {call: sendForm("/language", "language", "sv"), want: func(viewerCase) outcome { return reached }},
		"GET /static/{name}": {call: get("/static/none.css"), want: func(viewerCase) outcome { return hidden }},
		"GET /problems":      {call: get("/problems"), want: everybody},
		"GET /":              {call: get("/"), want: signedInOnly},
		"GET /assets/{id}":   {call: get("/assets/{asset}"), want: anyGrant},
		"GET /t/{code}":      {call: get("/t/{code}"), want: onScan},
		"GET /T/{code}":      {call: get("/T/{code}"), want: onScan},
		"POST /t/{code}/bind": {call: func(m *matrix, c caller) answer {
			m.blank()
			return sendForm("/t/{blank}/bind", "component", "{component}")(m, c)
		}, want: staffOwn(ok, hidden)},
		"GET /scan":        {call: get("/scan"), want: everybody},
		"POST /scan":       {call: sendForm("/scan", "payload", "{code}"), want: func(viewerCase) outcome { return reached }},
		"POST /scan/photo": {call: sendForm("/scan/photo"), want: people(reached)},
		"GET /report":      {call: get("/report?component={component}"), want: granted(asset.Faults)},
		"POST /report": {call: func(m *matrix, c caller) answer {
			contentType, body := form(m.t, map[string]string{"component": m.component, "fault_type": "noise", "text": "from the page"})
			return c.send(http.MethodPost, "/report", contentType, body)
		}, want: granted(asset.Faults)},
		"GET /requests":                    {call: get("/requests"), want: signedInOnly},
		"GET /requests/{number}":           {call: get("/requests/{number}"), want: onRequest(ok)},
		"POST /requests/{number}/messages": {call: sendForm("/requests/{number}/messages", "text", "hello"), want: onRequest(ok)},
		"POST /requests/{number}/photos": {call: func(m *matrix, c caller) answer {
			contentType, body := form(m.t, nil, m.photoFile)
			return c.send(http.MethodPost, m.fill("/requests/{number}/photos"), contentType, body)
		}, want: onRequest(ok)},
		"GET /requests/{number}/photos/{photo}": {call: get("/requests/{number}/photos/{photo}"), want: onRequest(ok)},
		"POST /requests/{number}/follow":        {call: sendForm("/requests/{number}/follow"), want: onRequest(ok)},
		"POST /requests/{number}/status":        {call: sendForm("/requests/{number}/status", "status", "in_progress"), want: staffOwn(ok, hidden)},
		"GET /account":                          {call: get("/account"), want: signedInOnly},
		"POST /account/password":                {call: sendForm("/account/password"), want: people(reached)},
		"POST /account/sessions":                {call: sendForm("/account/sessions", "session", "none"), want: people(reached)},
		"GET /account/second-factor":            {call: get("/account/second-factor"), want: people(reached)},
		"POST /account/second-factor":           {call: sendForm("/account/second-factor"), want: people(reached), fresh: true},
		"POST /account/second-factor/confirm":   {call: sendForm("/account/second-factor/confirm", "code", "000000"), want: people(reached), fresh: true},
		"POST /account/second-factor/remove":    {call: sendForm("/account/second-factor/remove"), want: people(reached), fresh: true},
		"POST /account/second-factor/recovery":  {call: sendForm("/account/second-factor/recovery"), want: people(reached), fresh: true},
		"GET /account/prove":                    {call: get("/account/prove"), want: people(reached)},
		"POST /account/prove":                   {call: sendForm("/account/prove"), want: people(reached), fresh: true},
		"GET /staff/queue":                      {call: get("/staff/queue"), want: staffOwn(ok, ok)},
		"GET /staff/labels":                     {call: get("/staff/labels"), want: staffOwn(ok, ok)},
		"POST /staff/labels":                    {call: sendForm("/staff/labels", "stock", "L6009", "what", "asset", "asset", "{asset}", "start", "1"), want: staffOwn(ok, hidden)},
		"GET /staff/tags":                       {call: get("/staff/tags"), want: staffOwn(ok, ok)},
		"GET /staff/pushes":                     {call: get("/staff/pushes"), want: staffOwn(ok, ok)},
		"GET /openapi.json":                     {call: get("/openapi.json"), want: signedInOnly},
		"POST /v1/sessions":                     {call: post("/v1/sessions", none), want: func(viewerCase) outcome { return reached }},
		"DELETE /v1/sessions/current":           {call: func(_ *matrix, c caller) answer { return c.send("DELETE", "/v1/sessions/current", "", nil) }, want: signedInOnly, fresh: true},
		"GET /v1/me":                            {call: get("/v1/me"), want: signedInOnly},
		"POST /v1/me/totp":                      {call: func(_ *matrix, c caller) answer { return c.send("POST", "/v1/me/totp", "", nil) }, want: people(reached), fresh: true},
		"POST /v1/me/totp/confirm":              {call: post("/v1/me/totp/confirm", func(*matrix) map[string]any { return map[string]any{"code": "000000"} }), want: people(reached), fresh: true},
		"GET /v1/scan/{code}":                   {call: get("/v1/scan/{code}"), want: onScan},
		"POST /v1/scan":                         {call: post("/v1/scan", func(m *matrix) map[string]any { return map[string]any{"payload": m.code, "source": "typed"} }), want: onScan},
		"POST /v1/scan/photo":                   {call: photoTo("/v1/scan/photo"), want: func(viewerCase) outcome { return reached }},
		"GET /v1/assets":                        {call: get("/v1/assets"), want: signedInOnly},
		"GET /v1/assets/{id}":                   {call: get("/v1/assets/{asset}"), want: anyGrant},
		"GET /v1/assets/{id}/components":        {call: get("/v1/assets/{asset}/components"), want: granted(asset.SeeComponents)},
		"GET /v1/assets/{id}/appointments":      {call: get("/v1/assets/{asset}/appointments"), want: granted(asset.SeeAppointments)},
		"GET /v1/assets/{id}/due-dates":         {call: get("/v1/assets/{asset}/due-dates"), want: granted(asset.SeeDueDates)},
		"GET /v1/assets/{id}/faults":            {call: get("/v1/assets/{asset}/faults"), want: granted(asset.Faults)},
		"POST /v1/requests": {call: post("/v1/requests", func(m *matrix) map[string]any {
			return map[string]any{"type": "fault_report", "component": m.component, "fault_type": "noise", "text": "x"}
		}), want: granted(asset.Faults)},
		"GET /v1/requests":                    {call: get("/v1/requests"), want: signedInOnly},
		"GET /v1/requests/{number}":           {call: get("/v1/requests/{number}"), want: onRequest(ok)},
		"POST /v1/requests/{number}/messages": {call: post("/v1/requests/{number}/messages", text), want: onRequest(ok)},
		"POST /v1/requests/{number}/status":   {call: post("/v1/requests/{number}/status", func(*matrix) map[string]any { return map[string]any{"status": "in_progress"} }), want: staffOwn(ok, hidden)},
		"POST /v1/requests/{number}/follow": {call: func(m *matrix, c caller) answer {
			return c.send("POST", m.fill("/v1/requests/{number}/follow"), "", nil)
		}, want: onRequest(ok)},
		"POST /v1/requests/{number}/photos":        {call: photoTo("/v1/requests/{number}/photos"), want: onRequest(ok)},
		"GET /v1/requests/{number}/photos/{photo}": {call: get("/v1/requests/{number}/photos/{photo}"), want: onRequest(ok)},
		"GET /v1/tags":  {call: get("/v1/tags"), want: staffOwn(ok, ok)},
		"POST /v1/tags": {call: post("/v1/tags", func(m *matrix) map[string]any { return map[string]any{"components": []string{m.component}} }), want: staffOwn(ok, hidden)},
		"POST /v1/tags/{id}/bind": {call: func(m *matrix, c caller) answer {
			m.blank()
			return c.post(m.fill("/v1/tags/{blank}/bind"), map[string]any{"component": m.component})
		}, want: staffOwn(ok, hidden)},
		"POST /v1/label-sheets": {call: post("/v1/label-sheets", func(m *matrix) map[string]any { return map[string]any{"stock": "L6009", "codes": []string{m.code}} }), want: staffOwn(ok, hidden)},
		"PUT /v1/devices/{id}": {call: func(_ *matrix, c caller) answer {
			return c.put("/v1/devices/d1", map[string]any{"fcm_token": "ok-matrix"})
		}, want: signedInOnly},
		"DELETE /v1/devices/{id}": {call: func(_ *matrix, c caller) answer {
			c.put("/v1/devices/d2", map[string]any{"fcm_token": "ok-delete"})
			return c.send("DELETE", "/v1/devices/d2", "", nil)
		}, want: signedInOnly},
	}
}

func anyGrant(v viewerCase) outcome {
	switch {
	case v.kind == identity.Stranger:
		return signIn
	case v.may != 0:
		return ok
	}
	return hidden
}

// blank mints a label of the asset's provider.
func (m *matrix) blank() {
	m.t.Helper()
	made, err := m.app.Assets.Mint(m.t.Context(), m.viewer("dispo@"), 1)
	if err != nil {
		m.t.Fatal(err)
	}
	m.blankCode = string(made[0].Code)
}

// classify says which outcome an answer is.
func (m *matrix) classify(a answer, want outcome, r row, c caller) (outcome, string) {
	location := a.header.Get("Location")
	switch {
	case a.status == 401 && slices.Contains([]string{"sign_in_required", "bad_token", "signed_out", ""}, a.code()), a.status == 303 && strings.HasPrefix(location, "/sign-in") && want != reached:
		return signIn, location
	case a.status == 403 && a.code() != "proof_needed":
		return denied, ""
	case a.status == 404:
		return hidden, ""
	case want == uniform && a.status == 200:
		known := m.code
		m.code = m.unknown
		other := r.call(m, c)
		m.code = known
		if other.status == a.status && bytes.Equal(other.body, a.body) {
			return uniform, ""
		}
		return "told apart", fmt.Sprintf("%s\n--- unlike ---\n%s", a.body, other.body)
	case want == reached:
		if a.status < 500 {
			return reached, ""
		}
	case a.status >= 200 && a.status < 300, a.status == 303:
		return ok, ""
	}
	return outcome(fmt.Sprintf("status %d", a.status)), string(a.body)
}

// TestAuthorisationMatrix calls each route of the table as each viewer (SEC-12, A1). A route without a row fails.
func TestAuthorisationMatrix(t *testing.T) {
	m := newMatrix(t)
	table := rows()
	for _, route := range m.app.Edge.Routes() {
		name := route.Method + " " + route.Pattern
		r, known := table[name]
		if !known {
			t.Errorf("SEC-12 route %s has no row in the matrix", name)
			continue
		}
		delete(table, name)
		t.Run(name, func(t *testing.T) {
			for _, v := range m.viewers {
				c := v.caller
				if r.fresh && v.kind != identity.Stranger {
					c = v.fresh()
				}
				want := r.want(v)
				got, why := m.classify(r.call(m, c), want, r, c)
				if got != want {
					t.Errorf("%s: %s, want %s %.1500s", v.name, got, want, why)
				}
			}
		})
	}
	for name := range table {
		t.Errorf("the matrix has a row for %s, which is no route", name)
	}
}
