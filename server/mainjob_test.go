package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/mobileapi"
)

// TestFromStickerToAlert walks the main job over the API: a scan, a fault with a photo, alerts on both sides.
func TestFromStickerToAlert(t *testing.T) {
	w := newWorld(t)
	staff, customer := w.as("dispo@"), w.as("haustechnik@")
	staff.put("/v1/devices/desk-1", map[string]any{"fcm_token": "ok-staff", "platform": "android", "locale": "de"}).must(t, 200)
	customer.put("/v1/devices/phone-1", map[string]any{"fcm_token": "ok-customer", "platform": "ios", "locale": "de"}).must(t, 200)
	code := w.sample.Codes[0]

	var scanned mobileapi.ScanAnswer
	customer.get("/v1/scan/"+strings.ToLower(code)).must(t, 200).decode(t, &scanned)
	if scanned.Component == nil || scanned.Asset == nil || scanned.Due == nil || scanned.NextAppointment == nil || scanned.OpenFaults == nil || scanned.FaultForm == nil {
		t.Fatalf("F-41 all four grants, but not all blocks: %+v", scanned)
	}
	if len(*scanned.OpenFaults) != 0 || len(scanned.FaultForm.FaultTypes) != 4 {
		t.Fatalf("F-30 want no open fault and the four released fault types: %+v", scanned)
	}

	report := map[string]any{"type": "fault_report", "code": code, "fault_type": "stuck", "text": "Klappe schließt nicht – Geräusch & Rauch"}
	var made, again mobileapi.Request
	customer.post("/v1/requests", report, "Idempotency-Key", `"8e03-1"`).must(t, 201).decode(t, &made)
	t.Run("SEC-86 the same report under the same key is made once", func(t *testing.T) {
		customer.post("/v1/requests", report, "Idempotency-Key", `8e03-1`).must(t, 201).decode(t, &again)
		if again.Number != made.Number {
			t.Fatalf("made %s and %s", made.Number, again.Number)
		}
		other := map[string]any{"type": "fault_report", "code": code, "fault_type": "noise", "text": "other"}
		if a := customer.post("/v1/requests", other, "Idempotency-Key", `"8e03-1"`); a.status != 422 || a.code() != "idempotency_key_reused" {
			t.Fatalf("other content under the key: %d %s", a.status, a.body)
		}
	})
	if made.Status != "waiting_handling" || made.Severity != 1 {
		t.Fatalf("B-5 new report is %+v", made)
	}

	t.Run("SEC-62 photo is kept without place and serial number", func(t *testing.T) {
		file := photo(t, 7)
		var with mobileapi.Request
		customer.send(http.MethodPost, "/v1/requests/"+made.Number+"/photos", "image/jpeg", file).must(t, 201).decode(t, &with)
		customer.send(http.MethodPost, "/v1/requests/"+made.Number+"/photos", "image/jpeg", file).must(t, 201).decode(t, &with)
		if len(with.Photos) != 1 {
			t.Fatalf("X-12 the same photo twice made %d", len(with.Photos))
		}
		got := staff.get(with.Photos[0].URL).must(t, 200)
		if !bytes.HasPrefix(got.body, []byte{0xff, 0xd8}) || bytes.Contains(got.body, []byte("GPS-PLACE")) {
			t.Fatal("photo is no clean JPEG")
		}
		if got.header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") {
			t.Fatalf("SEC-64 photo is given out as %v", got.header)
		}
	})

	eventually(t, "the staff's device rings", func() bool { return len(w.fcm.Messages()) >= 1 })
	var queue mobileapi.Page[mobileapi.Request]
	staff.get("/v1/requests").must(t, 200).decode(t, &queue)
	if len(queue.Items) != 1 || queue.Items[0].Number != made.Number {
		t.Fatalf("B-4 queue of the staff: %+v", queue)
	}
	staff.post("/v1/requests/"+made.Number+"/messages", map[string]any{"text": "Wir kommen morgen."}, "Idempotency-Key", "m1").must(t, 201)
	staff.post("/v1/requests/"+made.Number+"/messages", map[string]any{"text": "Wir kommen morgen."}, "Idempotency-Key", "m1").must(t, 201)
	eventually(t, "the reporter's device rings for the answer", func() bool { return len(w.fcm.Messages()) >= 2 })
	staff.post("/v1/requests/"+made.Number+"/status", map[string]any{"status": "in_progress"}).must(t, 200)
	staff.post("/v1/requests/"+made.Number+"/status", map[string]any{"status": "in_progress"}).must(t, 200)
	eventually(t, "the reporter's device rings for the status", func() bool { return len(w.fcm.Messages()) >= 3 })

	var seen mobileapi.Request
	customer.get("/v1/requests/"+made.Number).must(t, 200).decode(t, &seen)
	if len(seen.Thread) != 2 || seen.Thread[0].Text != "Wir kommen morgen." || !seen.Thread[0].Staff || seen.Thread[1].To != "in_progress" || seen.Status != "in_progress" {
		t.Fatalf("B-6 thread as the reporter sees it: %+v", seen)
	}
	if bad := w.fcm.Violations(); len(bad) > 0 {
		t.Fatalf("FCM would refuse: %v", bad)
	}
	var to []string
	for _, m := range w.fcm.Messages() {
		to = append(to, m.Token+" "+m.Data["kind"]+" "+m.Data["ref"])
		for _, secret := range []string{"Klappe", "Schäfer", "Elbklinik", code} {
			if strings.Contains(string(m.Wire), secret) {
				t.Errorf("X-20 push carries %q: %s", secret, m.Wire)
			}
		}
	}
	want := []string{"ok-staff request_reported " + made.Number, "ok-customer request_answered " + made.Number, "ok-customer request_status_changed " + made.Number}
	if !slices.Equal(to, want) {
		t.Fatalf("messages %q, want %q", to, want)
	}

	t.Run("X-11 an open fault is shown and can be followed", func(t *testing.T) {
		customer.get("/v1/scan/"+code).must(t, 200).decode(t, &scanned)
		rows := *scanned.OpenFaults
		if len(rows) != 1 || rows[0].Number != made.Number || !rows[0].Own || !rows[0].Follows {
			t.Fatalf("open faults %+v", rows)
		}
		staff.post("/v1/requests/"+made.Number+"/status", map[string]any{"status": "done"}).must(t, 200)
		customer.get("/v1/scan/"+code).must(t, 200).decode(t, &scanned)
		if len(*scanned.OpenFaults) != 0 {
			t.Fatalf("a finished fault is still open: %+v", *scanned.OpenFaults)
		}
		if a := staff.post("/v1/requests/"+made.Number+"/status", map[string]any{"status": "waiting_handling"}); a.status != 409 || a.code() != "status_not_possible" {
			t.Fatalf("back to the start: %d %s", a.status, a.body)
		}
	})
}

// TestAlertsWaitWhileFCMIsDown holds N8 in small: what is reported while FCM is down goes out once when it is back.
func TestAlertsWaitWhileFCMIsDown(t *testing.T) {
	w := newWorld(t)
	staff, customer := w.as("dispo@"), w.as("haustechnik@")
	staff.put("/v1/devices/a", map[string]any{"fcm_token": "ok-a"}).must(t, 200)
	staff.put("/v1/devices/dead", map[string]any{"fcm_token": "unregistered-b"}).must(t, 200)
	w.fcm.Down(true)
	for i := range 3 {
		customer.post("/v1/requests", map[string]any{"type": "fault_report", "code": w.sample.Codes[0], "fault_type": "noise", "text": fmt.Sprint("Nr ", i)}).must(t, 201)
	}
	eventually(t, "staff see three waiting alerts", func() bool {
		v := w.viewer("dispo@")
		waiting, err := w.app.Desk.Undelivered(t.Context(), v, 50)
		troubled := 0
		for _, n := range waiting {
			if n.Notice.Trouble != "" {
				troubled++
			}
		}
		return err == nil && troubled == 3
	})
	w.fcm.Down(false)
	w.advance(10 * time.Minute)
	eventually(t, "all three go out", func() bool { return len(w.fcm.Messages()) >= 3 })
	t.Run("SEC-83 dead token is removed", func(t *testing.T) {
		eventually(t, "the dead device is gone", func() bool {
			devices, err := w.app.People.DevicesOf(t.Context(), w.viewer("dispo@").User)
			return err == nil && len(devices) == 1
		})
	})
	eventually(t, "nothing waits any more", func() bool {
		waiting, err := w.app.Desk.Undelivered(t.Context(), w.viewer("dispo@"), 50)
		return err == nil && len(waiting) == 0
	})
	refs := map[string]int{}
	for _, m := range w.fcm.Messages() {
		refs[m.Data["ref"]]++
	}
	if len(refs) != 3 || len(w.fcm.Messages()) != 3 {
		t.Fatalf("SEC-87 each once: %v", refs)
	}
}

// TestMintingIsRepeatable holds SEC-86 for new labels: a client that lost the answer asks again and gets the same codes.
func TestMintingIsRepeatable(t *testing.T) {
	w := newWorld(t, withoutFCM)
	staff := w.as("technik@")
	first := staff.post("/v1/tags", map[string]any{"count": 3}, "Idempotency-Key", `"batch-1"`).must(t, 201)
	again := staff.post("/v1/tags", map[string]any{"count": 3}, "Idempotency-Key", "batch-1").must(t, 201)
	if !bytes.Equal(first.body, again.body) {
		t.Errorf("%s\nand then\n%s", first.body, again.body)
	}
	if a := staff.post("/v1/tags", map[string]any{"count": 4}, "Idempotency-Key", "batch-1"); a.status != 422 || a.code() != "idempotency_key_reused" {
		t.Errorf("another order: %d %s", a.status, a.body)
	}
	sheet := map[string]any{"stock": "L6009", "count": 5}
	one := staff.post("/v1/label-sheets", sheet, "Idempotency-Key", "sheet-1").must(t, 200)
	two := staff.post("/v1/label-sheets", sheet, "Idempotency-Key", "sheet-1").must(t, 200)
	if !bytes.Equal(one.body, two.body) {
		t.Error("X-7 the sheet of a repeated order is another one")
	}
}
