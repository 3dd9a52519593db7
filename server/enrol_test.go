package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pquerna/otp/totp"

	"github.com/tagwerk/tagwerk/mobileapi"
)

// TestStaffEnrolFirst holds SEC-33: where staff must have a second factor, they reach nothing but its set-up and the sign-out
// until it is confirmed; afterwards a password alone opens nothing.
func TestStaffEnrolFirst(t *testing.T) {
	w := newWorld(t, withoutFCM, withStaffFactor)
	c := w.as("technik@")
	for _, r := range w.app.Edge.Routes() {
		if r.Access.AllowUnenrolled || r.Options.NoViewer || r.Pattern == "/healthz" || r.Pattern == "/readyz" {
			continue
		}
		path := strings.NewReplacer("{code}", w.sample.Codes[0], "{id}", "x", "{number}", "100001", "{photo}", "x", "{name}", "x").Replace(r.Pattern)
		a := c.send(r.Method, path, "", nil)
		page := a.status == http.StatusSeeOther && a.header.Get("Location") == "/account/second-factor"
		if !page && (a.status != http.StatusForbidden || a.code() != "second_factor_required") {
			t.Errorf("%s %s without a second factor: %d %.200s", r.Method, path, a.status, a.body)
		}
	}

	var e mobileapi.Enrolment
	c.send("POST", "/v1/me/totp", "", nil).must(t, 200).decode(t, &e)
	code, err := totp.GenerateCode(e.Secret, w.runtime.Now())
	if err != nil {
		t.Fatal(err)
	}
	var done mobileapi.Confirmation
	c.post("/v1/me/totp/confirm", map[string]any{"code": code}).must(t, 200).decode(t, &done)
	if len(done.RecoveryCodes) != 10 {
		t.Fatalf("SEC-32 %d recovery codes", len(done.RecoveryCodes))
	}
	if a := c.get("/v1/me"); a.status != http.StatusUnauthorized {
		t.Errorf("SEC-39 the token from before the second factor still opens: %d", a.status)
	}
	c.bearer = done.Token
	c.get("/v1/requests").must(t, 200)

	u := w.user("technik@")
	signIn := func(extra string) answer {
		body := map[string]any{"email": u.Email, "password": u.Password}
		if extra != "" {
			body["otp"] = extra
		}
		return w.stranger().post("/v1/sessions", body)
	}
	for _, step := range []struct{ name, otp, want string }{
		{"SEC-33 password alone", "", "otp_required"},
		{"SEC-30 the code of the enrolment again", code, "otp_wrong"},
		{"SEC-32 a recovery code", done.RecoveryCodes[0], ""},
		{"SEC-32 the same recovery code again", done.RecoveryCodes[0], "otp_wrong"},
	} {
		t.Run(step.name, func(t *testing.T) {
			if a := signIn(step.otp); a.code() != step.want || (step.want == "") != (a.status == http.StatusCreated) {
				t.Errorf("%d %s, want %q", a.status, a.body, step.want)
			}
		})
	}
}
