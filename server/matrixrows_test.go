package server_test

import (
	"net/http"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/identity"
)

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
