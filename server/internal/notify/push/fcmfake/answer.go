package fcmfake

import (
	"net/http"
	"strconv"
	"strings"
)

// answer is what one token name leads to.
type answer struct {
	status     int
	code       string // FcmError code in the detail, empty for none
	text       string
	retryAfter string
	raw        string // instead of FCM's JSON
	hang       bool
}

// answerTo chooses the answer by the name of the token; the package comment
// lists the names. try counts the requests for this token from 1.
func answerTo(token string, try int, dryRun bool) answer {
	name, arg := token, ""
	if i := strings.LastIndexByte(token, '-'); i >= 0 {
		if _, err := strconv.ParseUint(token[i+1:], 10, 32); err == nil {
			name, arg = token[:i], token[i+1:]
		}
	}
	ok := answer{status: http.StatusOK}
	bad := answer{status: http.StatusBadRequest, code: "INVALID_ARGUMENT"}
	for _, row := range []struct {
		prefix string
		answer answer
	}{
		{"ok", ok},
		{"unregistered", answer{status: http.StatusNotFound, code: "UNREGISTERED"}},
		{"badtoken", bad},
		{"badmessage", bad},
		{"badjson", answer{status: http.StatusBadRequest}},
		{"senderid", answer{status: http.StatusForbidden, code: "SENDER_ID_MISMATCH"}},
		{"forbidden", answer{status: http.StatusForbidden}},
		{"quota", answer{status: http.StatusTooManyRequests, code: "QUOTA_EXCEEDED", retryAfter: arg}},
		{"unavailable", answer{status: http.StatusServiceUnavailable, code: "UNAVAILABLE", retryAfter: arg}},
		{"internal", answer{status: http.StatusInternalServerError, code: "INTERNAL", retryAfter: arg}},
		{"unauthenticated", answer{status: http.StatusUnauthorized, retryAfter: arg}},
		{"thirdparty", answer{status: http.StatusUnauthorized, code: "THIRD_PARTY_AUTH_ERROR", retryAfter: arg}},
		{"notfound", answer{status: http.StatusNotFound}},
		{"malformed", answer{status: http.StatusOK, raw: `{"name": "projects/`}},
		{"nameless", answer{status: http.StatusOK, raw: `{}`}},
		{"huge", answer{status: http.StatusOK, raw: `{"name":"` + strings.Repeat("x", 1<<20) + `"}`}},
		{"redirect", answer{status: http.StatusFound, raw: `{}`}},
		{"hang", answer{hang: true}},
	} {
		if !strings.HasPrefix(name, row.prefix) {
			continue
		}
		if row.prefix == "unavailable" && try > 2 || row.prefix == "badmessage" && dryRun {
			return ok
		}
		return row.answer
	}
	return bad
}

// write sends the answer in FCM's form (google.rpc.Status).
func (a answer) write(w http.ResponseWriter, r *http.Request, name string) {
	if a.retryAfter != "" {
		w.Header().Set("Retry-After", a.retryAfter)
	}
	switch {
	case a.raw != "":
		if a.status == http.StatusFound {
			w.Header().Set("Location", r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		w.WriteHeader(a.status)
		// The caller may stop reading, which is what some names are for.
		_, _ = w.Write([]byte(a.raw))
		return
	case a.status == http.StatusOK:
		writeJSON(w, a.status, map[string]string{"name": name})
		return
	}
	status := map[int]string{
		http.StatusBadRequest:          "INVALID_ARGUMENT",
		http.StatusUnauthorized:        "UNAUTHENTICATED",
		http.StatusForbidden:           "PERMISSION_DENIED",
		http.StatusNotFound:            "NOT_FOUND",
		http.StatusTooManyRequests:     "RESOURCE_EXHAUSTED",
		http.StatusInternalServerError: "INTERNAL",
		http.StatusServiceUnavailable:  "UNAVAILABLE",
	}[a.status]
	if a.text == "" {
		a.text = "fake answer " + status
	}
	type detail struct {
		Type string `json:"@type"`
		Code string `json:"errorCode"`
	}
	type body struct {
		Code    int      `json:"code"`
		Message string   `json:"message"`
		Status  string   `json:"status"`
		Details []detail `json:"details,omitempty"`
	}
	b := body{Code: a.status, Message: a.text, Status: status}
	if a.code != "" {
		b.Details = []detail{{"type.googleapis.com/google.firebase.fcm.v1.FcmError", a.code}}
	}
	writeJSON(w, a.status, map[string]body{"error": b})
}
