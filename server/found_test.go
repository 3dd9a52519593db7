package server_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/edge"
)

// TestFinderIsLimited sends more messages of a finder than the table of rates takes (SEC-60).
func TestFinderIsLimited(t *testing.T) {
	w := newWorld(t, withoutFCM, func(_ *server.Config, rt *server.Runtime) { rt.Limits = edge.DefaultLimits() })
	if err := w.app.Assets.PutTagSettings(t.Context(), w.viewer("admin@"), asset.TagSettings{FoundForm: true}); err != nil {
		t.Fatal(err)
	}
	token := regexp.MustCompile(`name="token" value="([^"]+)"`)
	send := func(place string) answer {
		form := w.stranger().get("/found").must(t, http.StatusOK)
		w.advance(4 * time.Second)
		v := url.Values{"token": {token.FindStringSubmatch(string(form.body))[1]}, "number": {"0009334109"}, "place": {place}}
		return w.stranger().send(http.MethodPost, "/found", "application/x-www-form-urlencoded", []byte(v.Encode()))
	}
	for range 5 {
		send("").must(t, http.StatusUnprocessableEntity) // mistakes are not counted
		send("Bus 3").must(t, http.StatusOK)
	}
	if last := send("Bus 4").must(t, http.StatusTooManyRequests); !strings.Contains(string(last.body), `value="Bus 4"`) || !strings.Contains(string(last.body), "tel:") {
		t.Errorf("who is refused loses what was written, or is not told whom to call:\n%s", last.body)
	}
	w.advance(13 * time.Minute)
	send("Bus 4").must(t, http.StatusOK)
}
