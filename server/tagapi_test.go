package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/mobileapi"
)

// detailed is a problem with what a program needs to go on.
type detailed[T any] struct {
	Code    string
	Errors  []struct{ Pointer, Code, Detail string }
	Details T
}

// TestTagAPI walks the life of a fob over the API: known, found by any form, lost, found again.
func TestTagAPI(t *testing.T) {
	w := newWorld(t, withoutFCM)
	staff, master := w.as("dispo@"), w.as("haustechnik@")
	customer := w.viewer("haustechnik@").Customer
	enrol := func(number, tenant string, more ...any) answer {
		body := map[string]any{"number": number, "hint": "125khz", "customer": customer, "holder": map[string]any{"tenant": tenant}}
		for i := 0; i+1 < len(more); i += 2 {
			body[more[i].(string)] = more[i+1]
		}
		return staff.post("/v1/tags/enrol", body)
	}
	var anna, ben mobileapi.TagRecord
	enrol("0B00C1D2E1", "Anna", "expires", "2099-12-31").must(t, 201).decode(t, &anna)
	if anna.Number != "0B00C1D2E1" || anna.Holder == nil || anna.Holder.Tenant != "Anna" || anna.ExpiresAt == nil || len(anna.History) != 2 {
		t.Fatalf("enrolled %+v", anna)
	}

	t.Run("standards.md 2.6 a number that fits is told with the tag, until confirmed", func(t *testing.T) {
		var p detailed[mobileapi.MatchAnswer]
		enrol("12702433", "Ben").must(t, 409).decode(t, &p)
		if p.Code != "tag_fits" || len(p.Details.Tags) != 1 || p.Details.Tags[0].Code != anna.Code || len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Detail, "Anna") {
			t.Fatalf("%+v", p)
		}
		enrol("0C00C1D2E1", "Ben").must(t, 201).decode(t, &ben)
	})
	t.Run("SEC-86 an enrolment repeated under its key is one tag", func(t *testing.T) {
		order := map[string]any{"number": "0B00FFFF01", "hint": "125khz", "customer": customer}
		var first, again mobileapi.TagRecord
		staff.post("/v1/tags/enrol", order, "Idempotency-Key", "fob-1").must(t, 201).decode(t, &first)
		staff.post("/v1/tags/enrol", order, "Idempotency-Key", `"fob-1"`).must(t, 201).decode(t, &again)
		if first.Code != again.Code {
			t.Errorf("made %s and %s", first.Code, again.Code)
		}
		order["number"] = "0B00FFFF02"
		for _, path := range []string{"/v1/tags/enrol", "/v1/tags"} {
			if path == "/v1/tags" {
				order = map[string]any{"count": 1}
			}
			if a := staff.post(path, order, "Idempotency-Key", "fob-1"); a.status != 422 || a.code() != "idempotency_key_reused" {
				t.Errorf("%s with other content: %d %s", path, a.status, a.body)
			}
		}
		order = map[string]any{"number": "8388353", "hint": "125khz", "customer": customer}
		staff.post("/v1/tags/enrol", map[string]any{"number": "0F007FFF01", "hint": "125khz", "customer": customer}).must(t, 201)
		staff.post("/v1/tags/enrol", order, "Idempotency-Key", "fob-2").must(t, 409)
		order["confirm"] = true
		staff.post("/v1/tags/enrol", order, "Idempotency-Key", "fob-2").must(t, 201).decode(t, &first)
		if staff.post("/v1/tags/enrol", order, "Idempotency-Key", "fob-2").must(t, 201).decode(t, &again); first.Code != again.Code {
			t.Errorf("confirmed: made %s and %s", first.Code, again.Code)
		}
	})
	t.Run("issue 3 bad input: numbers that identify nothing are explained in words", func(t *testing.T) {
		for number, flag := range map[string]string{"08:1A:2B:3C": "random_uid", "01010000110110010110010110": "parity_error", "12345": "not_unique_enough"} {
			var p detailed[any]
			a := staff.post("/v1/tags/enrol", map[string]any{"number": number, "customer": customer})
			a.must(t, 422).decode(t, &p)
			if p.Code != "tag_number" || len(p.Errors) != 1 || p.Errors[0].Code != flag || len(p.Errors[0].Detail) < 20 {
				t.Errorf("%s: %s", number, a.body)
			}
		}
	})
	t.Run("2.6 match says one, ask or none, and what the number may mean", func(t *testing.T) {
		for number, want := range map[string]string{"0B00C1D2E1": "one", "12702433": "ask", "0B:00:C1:D2:E1": "one", "0D00AAAAAA": "none"} {
			var m mobileapi.MatchAnswer
			a := staff.post("/v1/tags/match", map[string]any{"number": number, "hint": "125khz"}).must(t, 200)
			a.decode(t, &m)
			if m.Decision != want || len(m.Candidates) == 0 || strings.Contains(string(a.body), "⟦") {
				t.Errorf("%s: %s, want %s: %.500s", number, m.Decision, want, a.body)
			}
		}
		var card mobileapi.MatchAnswer
		staff.post("/v1/tags/match", map[string]any{"payload": w.url + "/T/" + anna.Code}).must(t, 200).decode(t, &card)
		if card.Decision != "one" || card.Tags[0].Code != anna.Code {
			t.Errorf("by the QR code on its card: %+v", card)
		}
		staff.post("/v1/tags/match", map[string]any{"number": "1", "payload": "2"}).must(t, 422)
		staff.post("/v1/tags/match", map[string]any{"payload": "WIFI:S:net;P:secret;;"}).must(t, 422)
	})
	t.Run("B-16 blocking an ambiguous number is refused with the list", func(t *testing.T) {
		var p detailed[mobileapi.MatchAnswer]
		staff.post("/v1/tags/block", map[string]any{"number": "12702433", "hint": "125khz", "reason": "lost"}).must(t, 409).decode(t, &p)
		if p.Code != "tag_ambiguous" || p.Details.Decision != "ask" || len(p.Details.Tags) != 2 {
			t.Fatalf("%+v", p)
		}
		staff.post("/v1/tags/block", map[string]any{"number": "12702433", "hint": "125khz", "reason": "lost", "confirm": true}).must(t, 409)
		staff.post("/v1/tags/block", map[string]any{"number": "0D00AAAAAA", "hint": "125khz", "reason": "lost"}).must(t, 404)
		for _, tag := range []string{anna.Code, ben.Code} {
			var d mobileapi.TagDetail
			staff.get("/v1/tags/"+tag).must(t, 200).decode(t, &d)
			if d.State != "bound" {
				t.Errorf("%s is %s", tag, d.State)
			}
		}
	})
	t.Run("SEC-86 a block repeated under its key is one request", func(t *testing.T) {
		order := map[string]any{"tags": []string{anna.Print}, "reason": "lost in the train"}
		var first, again mobileapi.BlockAnswer
		staff.post("/v1/tags/block", order, "Idempotency-Key", "lost-1").must(t, 200).decode(t, &first)
		staff.post("/v1/tags/block", order, "Idempotency-Key", "lost-1").must(t, 200).decode(t, &again)
		if first.Request != again.Request || len(first.Tags) != 1 || first.Tags[0].State != "blocked" || first.Tags[0].Request != first.Request {
			t.Errorf("%+v, then %+v", first, again)
		}
		if a := staff.post("/v1/tags/block", map[string]any{"tags": []string{ben.Code}, "reason": "other"}, "Idempotency-Key", "lost-1"); a.status != 422 || a.code() != "idempotency_key_reused" {
			t.Errorf("other content: %d %s", a.status, a.body)
		}
		var r mobileapi.Request
		staff.get("/v1/requests/"+first.Request).must(t, 200).decode(t, &r)
		if r.Type != "tag_block" || r.Status != "done" || r.Text != "lost in the train" {
			t.Errorf("the request that documents it: %+v", r)
		}
	})
	t.Run("SEC-8 reactivation needs fresh proof, and waits for staff where they approve", func(t *testing.T) {
		admin := w.as("admin@")
		settings := map[string]any{"approve_reactivation": true, "alert_owner": false, "found_form": false, "keep_scans": 30, "keep_sightings": 30}
		admin.put("/v1/tag-settings", settings).must(t, 200)
		staff.put("/v1/tag-rights/"+w.viewer("haustechnik@").User, map[string]any{"see": true, "block": true}).must(t, 204)
		found := map[string]any{"reason": "found again"}
		w.advance(6 * time.Minute)
		if a := master.post("/v1/tags/"+anna.Code+"/reactivate", found); a.status != 403 || a.code() != "proof_needed" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		master.post("/v1/me/proof", map[string]any{"password": "not the password"}).must(t, 401)
		master.post("/v1/me/proof", map[string]any{"password": w.user("haustechnik@").Password}).must(t, 204)
		var r mobileapi.ReactivateAnswer
		master.post("/v1/tags/"+anna.Code+"/reactivate", found).must(t, 202).decode(t, &r)
		if !r.Waiting || r.Tag.State != "blocked" {
			t.Fatalf("%+v", r)
		}
		if a := staff.post("/v1/requests/"+r.Request+"/decision", map[string]any{"approve": true, "reason": "seen"}); a.status != 403 || a.code() != "proof_needed" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		staff.post("/v1/me/proof", map[string]any{"password": w.user("dispo@").Password}).must(t, 204)
		staff.post("/v1/requests/"+r.Request+"/decision", map[string]any{"approve": true, "reason": "seen"}).must(t, 200)
		var d mobileapi.TagDetail
		a := master.get("/v1/tags/"+anna.Code).must(t, 200)
		if a.decode(t, &d); d.State != "bound" {
			t.Errorf("%+v", d)
		}
		for _, e := range d.History {
			if e.Who != "" {
				t.Errorf("SEC-17 a customer learns the id of %q: %s", e.Name, a.body)
			}
		}
	})
	t.Run("SEC-69 a list goes out, and comes in whole or not at all", func(t *testing.T) {
		list := func(method, path, body string) answer {
			if body == "" {
				return staff.get(path)
			}
			return staff.send(method, path, "text/csv", []byte(body))
		}
		var refused detailed[mobileapi.ImportReport]
		a := list("POST", "/v1/tags/import?customer="+customer, "number,tenant\n0E00000111,Dora\n08:1A:2B:3C,Emil\n").must(t, 422)
		if a.decode(t, &refused); refused.Code != "import_refused" || refused.Details.Refused != 1 || refused.Details.Results[1].Reason != "random_uid" || refused.Details.Results[1].Text == "" {
			t.Fatalf("%s", a.body)
		}
		var nothing mobileapi.MatchAnswer
		staff.post("/v1/tags/match", map[string]any{"number": "0E00000111", "hint": "125khz"}).must(t, 200).decode(t, &nothing)
		if nothing.Decision != "none" {
			t.Errorf("a line of the refused list was stored: %+v", nothing.Tags)
		}
		var r mobileapi.ImportReport
		list("POST", "/v1/tags/import?customer="+customer, "Tagnummer;Mieter\n0E00000111;=1+1\n0E00000222;Frida\n").must(t, 200).decode(t, &r)
		if r.New != 2 || r.Refused != 0 {
			t.Fatalf("%+v", r)
		}
		out := list("GET", "/v1/tags/export?holder=frida", "").must(t, 200)
		if text := string(out.body); !strings.Contains(text, "0E00000222") || strings.Contains(text, "0E00000111") || out.header.Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Errorf("%v %q", out.header, text)
		}
		all := list("GET", "/v1/tags/export?state=bound", "").must(t, 200)
		if strings.Contains(string(all.body), ";=1+1") {
			t.Errorf("a cell is a formula: %q", all.body)
		}
		var again mobileapi.ImportReport
		list("POST", "/v1/tags/import?customer="+customer+"&check=true", string(all.body)).must(t, 200).decode(t, &again)
		if again.New != 0 || again.Refused != 0 || again.Existing == 0 {
			text, _ := json.Marshal(again)
			t.Errorf("the list that went out comes in as %s", text)
		}
		if a := list("POST", "/v1/tags/import", "name,wohnung\nx,y\n"); a.status != 422 || a.code() != "list_unreadable" {
			t.Errorf("%d %s", a.status, a.body)
		}
		staff.send(http.MethodPost, "/v1/tags/import", "application/json", []byte("{}")).must(t, 415)
	})
}
