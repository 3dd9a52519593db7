package server_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/mobileapi"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
	"github.com/tagwerk/tagwerk/server/internal/notify/push/fcmfake"
	"github.com/tagwerk/tagwerk/server/scan"
	"github.com/tagwerk/tagwerk/tagging"
)

// TestScanOfFobs follows a fob from the scan of a stranger to the alert of staff, through the served installation.
func TestScanOfFobs(t *testing.T) {
	w := newWorld(t)
	fob, err := w.app.Assets.Enrol(t.Context(), w.viewer("dispo@"), asset.Enrolment{Number: "0F0368568B", Customer: w.viewer("haustechnik@").Customer,
		Holder: &asset.Holder{Tenant: "Ute Petersen"}})
	if err != nil {
		t.Fatal(err)
	}
	staff := w.as("dispo@")
	scanned := func(c caller, payload, source string) (out mobileapi.ScanAnswer, raw []byte) {
		t.Helper()
		a := c.post("/v1/scan", map[string]any{"payload": payload, "source": source}).must(t, http.StatusOK)
		a.decode(t, &out)
		return out, a.body
	}
	actions := func(a mobileapi.ScanAnswer) (urls []string) {
		for _, act := range a.Actions {
			urls = append(urls, act.Method+" "+act.URL)
		}
		return urls
	}
	t.Run("X-5 staff scan its number with a wedge reader", func(t *testing.T) {
		a, _ := scanned(staff, "0064481678987\r\n", "wedge")
		if a.Tag == nil || a.Tag.Code != fob.ID || a.Tag.Kind != "access" || a.Tag.State != "active" || a.Holder == nil || a.Holder.Tenant != "Ute Petersen" ||
			!slices.Equal(actions(a), []string{"POST /v1/tags/" + fob.ID + "/block", "POST /v1/tags/" + fob.ID + "/replace"}) {
			t.Errorf("%+v, %v", a.Tag, actions(a))
		}
	})
	t.Run("X-5 what is unknown is explained", func(t *testing.T) {
		c := staff
		c.language = "de"
		a, _ := scanned(c, "08A1B2C3", "webnfc")
		if a.Tag != nil || a.Unknown == nil || len(a.Unknown.Candidates) == 0 || !slices.Equal(actions(a), []string{"POST /v1/components/{id}/codes"}) {
			t.Fatalf("%+v, %v", a.Unknown, actions(a))
		}
		for _, f := range a.Unknown.Flags {
			if f.Text == "" || strings.Contains(f.Text, "⟦") {
				t.Errorf("flag %s says %q", f.Flag, f.Text)
			}
		}
	})
	t.Run("SEC-1 SEC-5 others get one and the same body", func(t *testing.T) {
		for name, c := range map[string]caller{"stranger": w.stranger(), "user without rights": w.as("reception@")} {
			_, want := scanned(c, "0025779137885", "wedge")
			for _, payload := range []string{"0064481678987", fob.ID, "7K3M9QXD2VHTP", "SN 4711/b"} {
				if _, got := scanned(c, payload, "wedge"); !bytes.Equal(got, want) {
					t.Errorf("%s, %s: %s, want %s", name, payload, got, want)
				}
			}
		}
	})
	t.Run("X-10 SEC-83 a blocked one that a stranger scans alerts staff by push", func(t *testing.T) {
		staff.put("/v1/devices/phone-1", map[string]any{"fcm_token": "ok-staff", "platform": "android", "locale": "sv"}).must(t, http.StatusOK)
		if _, err := w.app.Desk.BlockTags(t.Context(), w.viewer("dispo@"), desk.BlockOrder{Tags: []string{fob.ID}, Reason: "verloren"}); err != nil {
			t.Fatal(err)
		}
		w.stranger().get("/v1/scan/"+fob.ID).must(t, http.StatusOK)
		deadline := time.Now().Add(20 * time.Second)
		for {
			list, _, err := w.app.Sightings.List(t.Context(), w.viewer("dispo@"), scan.SightFilter{Tag: fob.ID}, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			sent := slices.ContainsFunc(w.fcm.Messages(), func(m fcmfake.Message) bool { return m.Title == "Spärrad tagg har dykt upp" })
			if len(list) == 1 && list[0].Kind == scan.SawBlocked && list[0].Reader == "" && sent {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("sightings %+v, sent %+v", list, w.fcm.Messages())
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// TestNoOracleOfNumbers holds that who has no right on a tag cannot tell by time whether a foreign code or a number is on record.
func TestNoOracleOfNumbers(t *testing.T) {
	w := newWorld(t, withoutFCM)
	staff, component := w.viewer("kundtjanst@"), ""
	if _, err := w.app.Assets.Enrol(t.Context(), staff, asset.Enrolment{Number: "3C00D4E5F6", Customer: w.viewer("reception@").Customer}); err != nil {
		t.Fatal(err)
	}
	for _, code := range w.sample.Codes {
		if tag := w.tag(code); tag.Provider == staff.Provider && tag.Component != "" {
			component = tag.Component
		}
	}
	if _, err := w.app.Assets.BindForeign(t.Context(), staff, "SN 4711-A", tagging.Config{}, component, false); err != nil {
		t.Fatal(err)
	}
	n := 1500
	if testing.Short() {
		n = 300
	}
	for name, c := range map[string]caller{"stranger": w.stranger(), "user without rights": w.as("reception@")} {
		for what, pair := range map[string][2]string{"foreign code": {"SN 4711-A", "SN 4712-A"}, "number of a fob": {"3C00D4E5F6", "3C00D4E5F7"}} {
			t.Run("SEC-1 SEC-5 "+name+", "+what, func(t *testing.T) {
				scan := func(payload string) time.Duration {
					begin := time.Now()
					c.post("/v1/scan", map[string]any{"payload": payload, "source": "wedge"})
					return time.Since(begin)
				}
				if auc, gap := distinguish(scan, n, pair[0], pair[1]); auc > 0.5+tolerance(n) || gap > 50*time.Microsecond {
					t.Errorf("time tells them apart: AUC off by %.3f, median gap %v", auc-0.5, gap)
				} else {
					t.Logf("AUC off by %.3f, median gap %v", auc-0.5, gap)
				}
			})
		}
	}
}
