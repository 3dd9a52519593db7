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

// viewerCase is one column of the matrix: somebody in a relation to the asset and the key fob of the test.
type viewerCase struct {
	name   string
	caller caller
	kind   identity.Kind
	role   identity.Role
	may    asset.Permission // on the asset of the test
	tags   asset.TagRight   // on the key fob of the test
	any    asset.TagRight   // on any access tags
	own    bool             // of its provider: staff, or a door controller
	fresh  func() caller    // another session, for routes that end one
}

// person reports whether the viewer is somebody with a session; to all routes but their own, door controllers are strangers.
func (v viewerCase) person() bool {
	return v.kind == identity.CustomerUser || v.kind == identity.Staff
}

// matrix is the world of the authorisation test: an asset with a labelled component and a reported fault with a photo.
type matrix struct {
	*world
	viewers                                      []viewerCase
	asset, component, code, unknown              string
	number, photo, blankCode, otherComponent     string
	customer, controller, person, fob, fobNumber string
	fobs                                         int
	photoFile                                    []byte
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
	m.asset, m.customer = c.Asset, access.Asset.Customer
	others, _, err := m.app.Assets.Components(ctx, operator, m.asset, "", 2)
	if err != nil {
		t.Fatal(err)
	}
	m.otherComponent = others[1].ID

	add := func(name, prefix string, may asset.Permission, own bool) {
		who := m.viewer(prefix)
		v := viewerCase{name: name, caller: m.as(prefix), kind: who.Kind, role: who.Role, may: may, own: own, fresh: func() caller { return m.as(prefix) }}
		var err error
		if v.tags, err = m.app.Assets.TagRight(ctx, who, operator.Provider, m.customer); err != nil {
			t.Fatal(err)
		}
		if v.any, err = m.app.Assets.MayTags(ctx, who); err != nil {
			t.Fatal(err)
		}
		m.viewers = append(m.viewers, v)
	}
	portalUser := func(name string, may asset.Permission, tags asset.TagRight) {
		email := strings.NewReplacer(" ", "-", ",", "").Replace(strings.ToLower(name)) + "@elbklinik.example"
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
		if tags != 0 {
			if err := m.app.Assets.GrantTags(ctx, operator, p.ID, tags.Has(asset.SeeTags), tags.Has(asset.BlockTags)); err != nil {
				t.Fatal(err)
			}
		}
		m.person = p.ID
		again := func() caller { return m.signedIn(email, password) }
		m.viewers = append(m.viewers, viewerCase{name: "portal user, " + name, caller: again(), kind: identity.CustomerUser, role: p.Role, may: may, tags: tags, any: tags, fresh: again})
	}
	controller := func(name, of string, own bool) {
		c, secrets, err := m.app.People.AddController(ctx, m.viewer(of), identity.NewController{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		key := func() caller { return caller{w: m.world, bearer: secrets.Key} }
		m.viewers = append(m.viewers, viewerCase{name: name, caller: key(), kind: identity.DoorController, own: own, fresh: key})
		if own {
			m.controller = c.ID
		}
	}
	m.viewers = append(m.viewers, viewerCase{name: "stranger", caller: m.stranger(), kind: identity.Stranger, fresh: m.stranger})
	portalUser("no grant", 0, 0)
	portalUser("F-18 only", asset.SeeAppointments, 0)
	portalUser("F-24 only", asset.SeeComponents, 0)
	portalUser("F-27 only", asset.SeeDueDates, 0)
	portalUser("F-28 only", asset.Faults, 0)
	portalUser("tags to see", 0, asset.SeeTags)
	portalUser("tags to block", 0, asset.SeeTags|asset.BlockTags)
	add("portal user, all grants", "haustechnik@", asset.AllPermissions, false)
	add("user of another customer", "fastighet@", 0, false)
	add("staff of another provider", "kundtjanst@", 0, false)
	add("technician", "technik@", asset.AllPermissions, true)
	add("dispatcher", "dispo@", asset.AllPermissions, true)
	add("admin", "admin@", asset.AllPermissions, true)
	controller("door controller", "dispo@", true)
	controller("door controller of another provider", "kundtjanst@", false)

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
		if !v.person() {
			return signIn
		}
		return o
	}
}

// staffOwn is for routes of staff about an object of one provider; foreign is what staff of another provider get.
func staffOwn(own, foreign outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		switch {
		case !v.person():
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
		case !v.person():
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
		case !v.person():
			return signIn
		case v.may.Has(asset.Faults):
			return o
		}
		return hidden
	}
}

// managers is for routes that dispatchers and administrators have about an object of one provider.
func managers(own, foreign outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		if v.kind == identity.Staff && v.role == identity.Technician {
			return denied
		}
		return staffOwn(own, foreign)(v)
	}
}

// admins is for routes that only administrators have.
func admins(v viewerCase) outcome {
	switch {
	case !v.person():
		return signIn
	case v.role == identity.Admin:
		return ok
	}
	return denied
}

// doors is for routes of door controllers.
func doors(v viewerCase) outcome {
	if v.kind == identity.DoorController {
		return ok
	}
	return signIn
}

// onTag is for routes about the key fob of the test that need one right.
func onTag(right asset.TagRight, o outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		switch {
		case !v.person():
			return signIn
		case v.tags.Has(right):
			return o
		case v.tags != 0:
			return denied
		}
		return hidden
	}
}

// onTags is for routes over all tags that the viewer may see; those who may see none are told so.
func onTags(v viewerCase) outcome {
	switch {
	case !v.person():
		return signIn
	case v.any.Has(asset.SeeTags):
		return ok
	}
	return denied
}

// overTags is like onTags for calls whose empty input may be refused for what it says.
func overTags(o outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		if want := onTags(v); want != ok {
			return want
		}
		return o
	}
}

// onSightings is for the list of sightings: staff see those of their provider, Masters with the right to see tags those of them.
func onSightings(v viewerCase) outcome {
	if v.kind == identity.CustomerUser && v.role != identity.Master {
		return denied
	}
	return onTags(v)
}

// onNumber is for routes that find the key fob of the test by its number; to who sees other tags alone it does not exist.
func onNumber(right asset.TagRight, o outcome) func(viewerCase) outcome {
	return func(v viewerCase) outcome {
		if onTags(v) != ok {
			return onTags(v)
		}
		return onTag(right, o)(v)
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
	return func(m *matrix, c caller) answer {
		if body == nil {
			return c.send(http.MethodPost, m.fill(path), "", nil)
		}
		return c.post(m.fill(path), body(m))
	}
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
	return strings.NewReplacer("{asset}", m.asset, "{component}", m.component, "{code}", m.code, "{number}", m.number, "{photo}", m.photo, "{blank}", m.blankCode,
		"{customer}", m.customer, "{fob}", m.fob, "{controller}", m.controller, "{person}", m.person).Replace(s)
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
	lost := func(*matrix) map[string]any { return map[string]any{"reason": "lost"} }
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
		"GET /tags":                             {call: get("/tags"), want: onTags},
		"GET /tags/new":                         {call: get("/tags/new"), want: staffOwn(ok, ok)},
		"POST /tags": {call: func(m *matrix, c caller) answer {
			return sendForm("/tags", "number", m.freshNumber(), "hint", "125khz", "customer", "{customer}")(m, c)
		}, want: staffOwn(ok, ok)},
		"GET /tags/lost": {call: get("/tags/lost"), want: onTags},
		"POST /tags/lost": {call: withFob(func(m *matrix, c caller) answer {
			return sendForm("/tags/lost", "number", m.fobNumber, "hint", "125khz")(m, c)
		}),
			want: overTags(reached)},
		"POST /tags/lost/photo":                {call: withoutFile("/tags/lost/photo"), want: overTags(reached)},
		"GET /tags/find":                       {call: get("/tags/find?by=tenant&name=Ebba%20Lund&customer={customer}"), want: onTags},
		"POST /tags/find":                      {call: withFob(sendForm("/tags/find", "by", "tenant", "name", "Ebba Lund", "customer", "{customer}", "number", "0010597067")), want: onTags},
		"POST /tags/find/photo":                {call: withoutFile("/tags/find/photo", "by", "tenant", "name", "Ebba Lund"), want: overTags(reached)},
		"GET /tags/{code}":                     {call: withFob(get("/tags/{fob}")), want: onTag(asset.SeeTags, ok)},
		"POST /tags/{code}/change":             {call: withFob(sendForm("/tags/{fob}/change", "step", "damage")), want: staffOwn(ok, hidden)},
		"GET /tags/{code}/block":               {call: withFob(get("/tags/{fob}/block")), want: onTag(asset.BlockTags, ok)},
		"POST /tags/{code}/block":              {call: withFob(sendForm("/tags/{fob}/block", "reason", "lost")), want: onTag(asset.BlockTags, ok)},
		"GET /tags/{code}/reactivate":          {call: withBlocked(get("/tags/{fob}/reactivate")), want: onTag(asset.BlockTags, ok)},
		"POST /tags/{code}/reactivate":         {call: withBlocked(sendForm("/tags/{fob}/reactivate", "reason", "found")), want: onTag(asset.BlockTags, ok)},
		"POST /requests/{number}/reactivation": {call: sendForm("/requests/{number}/reactivation", "decision", "refuse", "reason", "no"), want: staffOwn(ok, hidden)},
		"GET /scan/bind":                       {call: get("/scan/bind?payload=PAGE-4711"), want: staffOwn(ok, ok)},
		"POST /scan/bind":                      {call: sendForm("/scan/bind", "payload", "PAGE-4711", "component", "{component}"), want: staffOwn(ok, hidden)},
		"GET /account":                         {call: get("/account"), want: signedInOnly},
		"POST /account/password":               {call: sendForm("/account/password"), want: people(reached)},
		"POST /account/sessions":               {call: sendForm("/account/sessions", "session", "none"), want: people(reached)},
		"GET /account/second-factor":           {call: get("/account/second-factor"), want: people(reached)},
		"POST /account/second-factor":          {call: sendForm("/account/second-factor"), want: people(reached), fresh: true},
		"POST /account/second-factor/confirm":  {call: sendForm("/account/second-factor/confirm", "code", "000000"), want: people(reached), fresh: true},
		"POST /account/second-factor/remove":   {call: sendForm("/account/second-factor/remove"), want: people(reached), fresh: true},
		"POST /account/second-factor/recovery": {call: sendForm("/account/second-factor/recovery"), want: people(reached), fresh: true},
		"GET /account/prove":                   {call: get("/account/prove"), want: people(reached)},
		"POST /account/prove":                  {call: sendForm("/account/prove"), want: people(reached), fresh: true},
		"GET /staff/queue":                     {call: get("/staff/queue"), want: staffOwn(ok, ok)},
		"GET /staff/labels":                    {call: get("/staff/labels"), want: staffOwn(ok, ok)},
		"POST /staff/labels":                   {call: sendForm("/staff/labels", "stock", "L6009", "what", "asset", "asset", "{asset}", "start", "1"), want: staffOwn(ok, hidden)},
		"GET /staff/tags":                      {call: get("/staff/tags"), want: staffOwn(ok, ok)},
		"GET /staff/pushes":                    {call: get("/staff/pushes"), want: staffOwn(ok, ok)},

		"GET /staff/controllers":                   {call: get("/staff/controllers"), want: staffOwn(ok, ok)},
		"POST /staff/controllers":                  {call: sendForm("/staff/controllers", "name", "gate", "kind", "manual"), want: managers(ok, ok)},
		"GET /staff/controllers/{id}":              {call: get("/staff/controllers/{controller}"), want: staffOwn(ok, hidden)},
		"POST /staff/controllers/{id}":             {call: withController(sendForm("/staff/controllers/{controller}", "name", "east gate")), want: managers(ok, hidden)},
		"POST /staff/controllers/{id}/acknowledge": {call: withController(sendForm("/staff/controllers/{controller}/acknowledge", "confirm", "yes")), want: staffOwn(ok, hidden)},
		"POST /staff/controllers/{id}/rotate":      {call: withController(sendForm("/staff/controllers/{controller}/rotate", "confirm", "yes")), want: managers(ok, hidden)},
		"POST /staff/controllers/{id}/deactivate": {call: func(m *matrix, c caller) answer {
			made, _, err := m.app.People.AddController(m.t.Context(), m.viewer("dispo@"), identity.NewController{Name: "gate"})
			if err != nil {
				m.t.Fatal(err)
			}
			return sendForm("/staff/controllers/"+made.ID+"/deactivate", "confirm", "yes")(m, c)
		}, want: managers(ok, hidden)},
		"GET /staff/sightings":          {call: get("/staff/sightings"), want: staffOwn(ok, ok)},
		"GET /sightings":                {call: get("/sightings"), want: onSightings},
		"GET /staff/tags/import":        {call: get("/staff/tags/import"), want: staffOwn(ok, ok)},
		"POST /staff/tags/import":       {call: withoutFile("/staff/tags/import", "customer", "{customer}"), want: staffOwn(reached, reached)},
		"GET /staff/tags/import/sample": {call: get("/staff/tags/import/sample"), want: staffOwn(ok, ok)},
		"GET /staff/tags/export":        {call: get("/staff/tags/export?customer={customer}"), want: staffOwn(ok, ok)},
		"GET /staff/tag-settings":       {call: get("/staff/tag-settings"), want: admins},
		"POST /staff/tag-settings":      {call: sendForm("/staff/tag-settings", "keep_sightings", "30", "found_form", "yes", "alert_owner", "yes", "log_scans", "yes", "keep_scans", "30"), want: admins},
		"GET /staff/tag-rights":         {call: get("/staff/tag-rights?customer={customer}"), want: staffOwn(ok, ok)},
		"POST /staff/tag-rights":        {call: sendForm("/staff/tag-rights", "customer", "{customer}"), want: staffOwn(ok, ok)},
		// POST /staff/tag-settings has switched the form of the contact's provider on.
		"GET /t/{code}/found":  {call: get("/t/{code}/found"), want: everybody},
		"POST /t/{code}/found": {call: sendForm("/t/{code}/found", "place", "bus"), want: func(viewerCase) outcome { return reached }},
		"GET /found":           {call: get("/found"), want: everybody},
		"POST /found":          {call: sendForm("/found", "number", "1", "place", "bus"), want: func(viewerCase) outcome { return reached }},

		"GET /openapi.json":                {call: get("/openapi.json"), want: signedInOnly},
		"POST /v1/sessions":                {call: post("/v1/sessions", none), want: func(viewerCase) outcome { return reached }},
		"DELETE /v1/sessions/current":      {call: func(_ *matrix, c caller) answer { return c.send("DELETE", "/v1/sessions/current", "", nil) }, want: signedInOnly, fresh: true},
		"GET /v1/me":                       {call: get("/v1/me"), want: signedInOnly},
		"POST /v1/me/totp":                 {call: func(_ *matrix, c caller) answer { return c.send("POST", "/v1/me/totp", "", nil) }, want: people(reached), fresh: true},
		"POST /v1/me/totp/confirm":         {call: post("/v1/me/totp/confirm", func(*matrix) map[string]any { return map[string]any{"code": "000000"} }), want: people(reached), fresh: true},
		"GET /v1/scan/{code}":              {call: get("/v1/scan/{code}"), want: onScan},
		"POST /v1/scan":                    {call: post("/v1/scan", func(m *matrix) map[string]any { return map[string]any{"payload": m.code, "source": "typed"} }), want: onScan},
		"POST /v1/scan/photo":              {call: photoTo("/v1/scan/photo"), want: func(viewerCase) outcome { return reached }},
		"GET /v1/assets":                   {call: get("/v1/assets"), want: signedInOnly},
		"GET /v1/assets/{id}":              {call: get("/v1/assets/{asset}"), want: anyGrant},
		"GET /v1/assets/{id}/components":   {call: get("/v1/assets/{asset}/components"), want: granted(asset.SeeComponents)},
		"GET /v1/assets/{id}/appointments": {call: get("/v1/assets/{asset}/appointments"), want: granted(asset.SeeAppointments)},
		"GET /v1/assets/{id}/due-dates":    {call: get("/v1/assets/{asset}/due-dates"), want: granted(asset.SeeDueDates)},
		"GET /v1/assets/{id}/faults":       {call: get("/v1/assets/{asset}/faults"), want: granted(asset.Faults)},
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
		"GET /v1/tags":        {call: get("/v1/tags"), want: onTags},
		"GET /v1/tags/{id}":   {call: withFob(get("/v1/tags/{fob}")), want: onTag(asset.SeeTags, ok)},
		"POST /v1/tags/match": {call: withFob(post("/v1/tags/match", func(m *matrix) map[string]any { return map[string]any{"number": m.fobNumber} })), want: onTags},
		"GET /v1/tags/export": {call: get("/v1/tags/export"), want: onTags},
		"POST /v1/tags/import": {call: func(m *matrix, c caller) answer {
			return c.send(http.MethodPost, m.fill("/v1/tags/import?check=true&customer={customer}"), "text/csv", []byte("number\n"+m.freshNumber()+"\n"))
		}, want: staffOwn(ok, ok)},
		"POST /v1/tags/enrol": {call: post("/v1/tags/enrol", func(m *matrix) map[string]any {
			return map[string]any{"number": m.freshNumber(), "hint": "125khz", "customer": m.customer}
		}), want: staffOwn(ok, ok)},
		"POST /v1/tags/{id}/readings": {call: withFob(post("/v1/tags/{fob}/readings", func(m *matrix) map[string]any {
			return map[string]any{"number": m.freshNumber(), "hint": "125khz"}
		})), want: staffOwn(ok, hidden)},
		"POST /v1/tags/{id}/issue":  {call: withFob(post("/v1/tags/{fob}/issue", func(*matrix) map[string]any { return map[string]any{"holder": map[string]any{"unit": "2nd floor"}} })), want: staffOwn(ok, hidden)},
		"POST /v1/tags/{id}/return": {call: withFob(post("/v1/tags/{fob}/return", none)), want: staffOwn(ok, hidden)},
		"POST /v1/tags/{id}/damage": {call: withFob(post("/v1/tags/{fob}/damage", none)), want: staffOwn(ok, hidden)},
		"POST /v1/tags/{id}/retire": {call: withFob(post("/v1/tags/{fob}/retire", none)), want: staffOwn(ok, hidden)},
		"POST /v1/tags/{id}/replace": {call: withFob(func(m *matrix, c caller) answer {
			old := m.fob
			m.freshFob()
			if _, err := m.app.Assets.Return(m.t.Context(), m.viewer("dispo@"), m.fob, ""); err != nil {
				m.t.Fatal(err)
			}
			return c.post("/v1/tags/"+old+"/replace", map[string]any{"with": m.fob})
		}), want: staffOwn(ok, hidden)},
		"POST /v1/tags/{id}/block": {call: withFob(post("/v1/tags/{fob}/block", lost)), want: onTag(asset.BlockTags, ok)},
		"POST /v1/tags/block": {call: withFob(post("/v1/tags/block", func(m *matrix) map[string]any {
			return map[string]any{"number": m.fobNumber, "hint": "125khz", "reason": "lost"}
		})), want: onNumber(asset.BlockTags, ok)},
		"POST /v1/tags/{id}/reactivate": {call: withFob(func(m *matrix, c caller) answer {
			if _, err := m.app.Assets.Block(m.t.Context(), identity.Operator(m.viewer("dispo@").Provider), m.fob, asset.Blocking{Reason: "lost"}); err != nil {
				m.t.Fatal(err)
			}
			return c.post(m.fill("/v1/tags/{fob}/reactivate"), map[string]any{"reason": "found"})
		}), want: onTag(asset.BlockTags, ok)},
		"POST /v1/requests/{number}/decision": {call: post("/v1/requests/{number}/decision", func(*matrix) map[string]any { return map[string]any{"approve": false, "reason": "no"} }), want: staffOwn(reached, hidden)},
		"POST /v1/me/proof":                   {call: post("/v1/me/proof", none), want: people(reached)},
		"GET /v1/components/{id}/tags":        {call: get("/v1/components/{component}/tags"), want: staffOwn(ok, hidden)},
		"POST /v1/components/{id}/codes":      {call: post("/v1/components/{component}/codes", func(*matrix) map[string]any { return map[string]any{"payload": "https://maker.example/p/4711"} }), want: staffOwn(ok, hidden)},
		"GET /v1/tag-rights":                  {call: get("/v1/tag-rights?customer={customer}"), want: staffOwn(ok, ok)},
		"PUT /v1/tag-rights/{person}":         {call: put("/v1/tag-rights/{person}", map[string]any{"see": true, "block": true}), want: staffOwn(ok, ok)},
		"GET /v1/tag-settings":                {call: get("/v1/tag-settings"), want: admins},
		"PUT /v1/tag-settings": {call: put("/v1/tag-settings", map[string]any{"approve_reactivation": false, "alert_owner": false, "found_form": false,
			"keep_scans": 30, "keep_sightings": 30}), want: admins},
		"GET /v1/controllers": {call: get("/v1/controllers"), want: staffOwn(ok, ok)},
		"POST /v1/controllers": {call: func(m *matrix, c caller) answer {
			a := c.post("/v1/controllers", map[string]any{"name": "gate"})
			m.endController(a)
			return a
		}, want: managers(ok, ok)},
		"GET /v1/controllers/{id}":         {call: get("/v1/controllers/{controller}"), want: staffOwn(ok, hidden)},
		"PUT /v1/controllers/{id}":         {call: withController(put("/v1/controllers/{controller}", map[string]any{"name": "east gate"})), want: managers(ok, hidden)},
		"POST /v1/controllers/{id}/rotate": {call: withController(post("/v1/controllers/{controller}/rotate", nil)), want: managers(ok, hidden)},
		"POST /v1/controllers/{id}/ack":    {call: withController(post("/v1/controllers/{controller}/ack", nil)), want: staffOwn(ok, hidden)},
		"DELETE /v1/controllers/{id}": {call: withController(func(m *matrix, c caller) answer {
			return c.send("DELETE", m.fill("/v1/controllers/{controller}"), "", nil)
		}), want: managers(ok, hidden)},
		"GET /v1/access-list":      {call: get("/v1/access-list"), want: doors},
		"POST /v1/access-list/ack": {call: post("/v1/access-list/ack", func(*matrix) map[string]any { return map[string]any{"version": 0} }), want: doors},
		"POST /v1/sightings": {call: post("/v1/sightings", func(m *matrix) map[string]any {
			return map[string]any{"events": []map[string]any{{"id": m.freshNumber(), "number": m.freshNumber(), "granted": false, "at": "2026-11-22T10:00:00Z"}}}
		}), want: doors},
		"GET /v1/sightings": {call: get("/v1/sightings"), want: onSightings},
		"GET /v1/tags/{id}/scans": {call: withFob(get("/v1/tags/{fob}/scans")), want: func(v viewerCase) outcome {
			if v.kind == identity.CustomerUser && v.role != identity.Master {
				return onTag(asset.SeeTags, denied)(v)
			}
			return onTag(asset.SeeTags, ok)(v)
		}},
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
	case !v.person():
		return signIn
	case v.may != 0:
		return ok
	}
	return hidden
}

// number of a fob that nobody has yet: ten hexadecimal digits, which are no UID with a check byte.
func (m *matrix) freshNumber() string {
	m.fobs++
	return fmt.Sprintf("0A00%06X", 0x11*m.fobs)
}

// freshFob makes a fob of the test's customer known.
func (m *matrix) freshFob() {
	m.t.Helper()
	m.fobNumber = m.freshNumber()
	fob, err := m.app.Assets.Enrol(m.t.Context(), m.viewer("dispo@"), asset.Enrolment{Number: m.fobNumber, Hint: "125khz", Customer: m.customer, Holder: &asset.Holder{Tenant: "Ebba Lund"}})
	if err != nil {
		m.t.Fatal(err)
	}
	m.fob = fob.ID
}

// withFob is a call about a fob of its own.
func withFob(call func(*matrix, caller) answer) func(*matrix, caller) answer {
	return func(m *matrix, c caller) answer {
		m.freshFob()
		return call(m, c)
	}
}

// withBlocked is a call about a blocked fob of its own.
func withBlocked(call func(*matrix, caller) answer) func(*matrix, caller) answer {
	return withFob(func(m *matrix, c caller) answer {
		if _, err := m.app.Assets.Block(m.t.Context(), identity.Operator(m.viewer("dispo@").Provider), m.fob, asset.Blocking{Reason: "lost"}); err != nil {
			m.t.Fatal(err)
		}
		return call(m, c)
	})
}

// withoutFile sends a form without a file.
func withoutFile(path string, fields ...string) func(*matrix, caller) answer {
	return func(m *matrix, c caller) answer {
		values := map[string]string{}
		for i := 0; i < len(fields); i += 2 {
			values[fields[i]] = m.fill(fields[i+1])
		}
		contentType, body := form(m.t, values)
		return c.send(http.MethodPost, m.fill(path), contentType, body)
	}
}

// withController is a call about a door controller of its own.
func withController(call func(*matrix, caller) answer) func(*matrix, caller) answer {
	return func(m *matrix, c caller) answer {
		before := m.controller
		defer func() { m.controller = before }()
		made, _, err := m.app.People.AddController(m.t.Context(), m.viewer("dispo@"), identity.NewController{Name: "gate"})
		if err != nil {
			m.t.Fatal(err)
		}
		m.controller = made.ID
		a := call(m, c)
		if err := m.app.People.DeactivateController(m.t.Context(), m.viewer("dispo@"), made.ID); err != nil && a.status != http.StatusNoContent {
			m.t.Error(err)
		}
		return a
	}
}

// endController removes the controller that an answer made, so that the count of a provider's stays small.
func (m *matrix) endController(a answer) {
	var made mobileapi.NewController
	if a.status != http.StatusCreated {
		return
	}
	a.decode(m.t, &made)
	for _, prefix := range []string{"dispo@", "kundtjanst@"} {
		if err := m.app.People.DeactivateController(m.t.Context(), m.viewer(prefix), made.ID); err == nil {
			return
		}
	}
	m.t.Errorf("controller %s is nobody's", made.ID)
}

func put(path string, body map[string]any) func(*matrix, caller) answer {
	return func(m *matrix, c caller) answer { return c.put(m.fill(path), body) }
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
	case a.status == 401 && slices.Contains([]string{"sign_in_required", "bad_token", "signed_out", "controller_key_required", ""}, a.code()), a.status == 303 && strings.HasPrefix(location, "/sign-in") && want != reached:
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
				if r.fresh && v.person() {
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
