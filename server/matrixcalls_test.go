package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tagwerk/tagwerk/mobileapi"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
)

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
