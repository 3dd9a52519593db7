package server_test

import (
	"bytes"
	"fmt"
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
