package portal_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/asset"
	"github.com/tagwerk/tagwerk/server/desk"
)

func TestReport(t *testing.T) {
	w := newWorld(t)
	code := w.sample.Codes[0]
	b, staff := w.as(t, "haustechnik@"), w.as(t, "dispo@")
	form := b.get("/t/" + code).is(http.StatusOK)
	key := form.value("form[action='/report'] input[name=key]")
	t.Run("F-30 only released fault types", func(t *testing.T) {
		if n := form.Find("input[name=fault_type]").Length(); n != 4 {
			t.Errorf("%d fault types", n)
		}
	})
	t.Run("errors stand beside their field and the input is kept", func(t *testing.T) {
		p := b.upload("/report", url.Values{"code": {code}, "key": {key}, "text": {"klemmt <b>sehr</b>"}}).is(http.StatusUnprocessableEntity)
		p.has("fieldset #fault_type-error")
		if got := p.has("textarea[name=text]"); got != "klemmt <b>sehr</b>" {
			t.Errorf("kept %q", got)
		}
		p = b.upload("/report", url.Values{"code": {code}, "key": {key}, "fault_type": {"stuck"}}).is(http.StatusUnprocessableEntity)
		p.has("#text-error")
		if v := p.value("input[name=fault_type][checked]"); v != "stuck" {
			t.Errorf("kept %q", v)
		}
		b.upload("/report", url.Values{"code": {code}, "key": {key}, "fault_type": {"stuck"}, "text": {"x"}}, []byte("no picture")).is(http.StatusUnprocessableEntity).has("#photo-error")
		six := make([][]byte, 6)
		for i := range six {
			six[i] = photo(t, uint8(i), 40, 30)
		}
		b.upload("/report", url.Values{"code": {code}, "key": {key}, "fault_type": {"stuck"}, "text": {"x"}}, six...).is(http.StatusUnprocessableEntity).has("#photo-error")
	})
	text := "Klappe <script>alert(1)</script> schließt nicht"
	in := url.Values{"code": {strings.ToLower(code)}, "key": {key}, "fault_type": {"stuck"}, "text": {text}}
	made := b.upload("/report", in, photo(t, 1, 320, 240), photo(t, 2, 320, 240))
	number := strings.TrimPrefix(strings.Split(made.header.Get("Location"), "?")[0], "/requests/")
	if made.redirects("/requests/"+number).Get("done") != "reported" {
		t.Errorf("goes to %s", made.header.Get("Location"))
	}
	p := b.get("/requests/" + number + "?done=reported").is(http.StatusOK)
	t.Run("F-29 the number, the status and two photos are shown", func(t *testing.T) {
		if !strings.Contains(p.has("h1"), number) || p.has(".chips .chip") != "Waiting for handling" || p.Find(".photos img").Length() != 2 || p.has(".notice") == "" {
			t.Errorf("page is %q", p.has("main"))
		}
	})
	t.Run("SEC-72 text stays text", func(t *testing.T) {
		p.lacks("main script")
		if got := p.has(".thread .text"); got != text {
			t.Errorf("text is %q", got)
		}
	})
	t.Run("SEC-86 the same form makes one report, another content is told", func(t *testing.T) {
		b.upload("/report", in, photo(t, 1, 320, 240), photo(t, 2, 320, 240)).redirects("/requests/" + number)
		in.Set("text", "something else")
		p := b.upload("/report", in).is(http.StatusUnprocessableEntity)
		if p.has("#text-error"); p.value("input[name=key]") == key {
			t.Error("the form cannot be sent again")
		}
	})
	t.Run("SEC-64 a photo is an attachment in a sandbox, for those who see the request", func(t *testing.T) {
		src, _ := p.Find(".photos img").First().Attr("src")
		got := b.get(src)
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "image/jpeg" || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") ||
			!strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") || got.header.Get("Cache-Control") != "no-store" || !bytes.HasPrefix(got.body, []byte{0xff, 0xd8}) {
			t.Errorf("%d %v", got.status, got.header)
		}
		w.as(t, "einkauf@").get(src).is(http.StatusNotFound)
		w.as(t, "kundtjanst@").get(src).is(http.StatusNotFound)
		b.get("/requests/" + number + "/photos/none").is(http.StatusNotFound)
	})
	t.Run("X-11 the open fault is shown with a way to follow it", func(t *testing.T) {
		admin := w.viewer(t, "dispo@")
		if err := w.app.Assets.Grant(t.Context(), admin, w.viewer(t, "einkauf@").User, w.assetOf(t, code), asset.Faults); err != nil {
			t.Fatal(err)
		}
		colleague := w.as(t, "einkauf@")
		p := colleague.get("/t/" + code).is(http.StatusOK)
		p.has(fmt.Sprintf("form[action='/requests/%s/follow']", number))
		colleague.form("/requests/"+number+"/follow", nil).redirects("/requests/" + number)
		colleague.get("/t/" + code).lacks(fmt.Sprintf("form[action='/requests/%s/follow']", number))
		if got := colleague.get("/requests").is(http.StatusOK).has(".cards"); !strings.Contains(got, "you follow it") {
			t.Errorf("list is %q", got)
		}
	})
	t.Run("B-5 B-6 S-4 staff see the queue, answer and move the status", func(t *testing.T) {
		q := staff.get("/staff/queue").is(http.StatusOK)
		if got := q.has("tbody tr"); !strings.Contains(got, number) || !strings.Contains(got, "Urgent") {
			t.Errorf("queue is %q", got)
		}
		staff.get("/staff/queue?status=done").is(http.StatusOK).has(".empty")
		staff.form("/requests/"+number+"/messages", url.Values{"text": {"Wir kommen."}, "key": {"k1"}}).redirects("/requests/" + number)
		staff.form("/requests/"+number+"/messages", url.Values{"text": {"Wir kommen."}, "key": {"k1"}}).redirects("/requests/" + number)
		staff.form("/requests/"+number+"/status", url.Values{"status": {"waiting_customer"}}).redirects("/requests/" + number)
		p := b.get("/requests/" + number).is(http.StatusOK)
		if p.Find(".entry.staff").Length() != 1 || p.has(".chips .chip") != "Waiting for customer" {
			t.Errorf("customer sees %q", p.has(".split-main"))
		}
		b.form("/requests/"+number+"/messages", url.Values{"text": {""}}).is(http.StatusUnprocessableEntity).has("#answer-error")
		b.form("/requests/"+number+"/status", url.Values{"status": {"done"}}).is(http.StatusForbidden)
		staff.form("/requests/"+number+"/status", url.Values{"status": {"waiting_handling"}}).redirects("/requests/" + number)
	})
	t.Run("SEC-62 a photo is added, the same one once", func(t *testing.T) {
		for range 2 {
			b.upload("/requests/"+number+"/photos", nil, photo(t, 9, 64, 64)).redirects("/requests/" + number)
		}
		if n := b.get("/requests/" + number).Find(".photos img").Length(); n != 3 {
			t.Errorf("%d photos", n)
		}
		b.upload("/requests/"+number+"/photos", nil).is(http.StatusUnprocessableEntity).has("#photo-error")
	})
	t.Run("F-29 the asset in general and one of its components", func(t *testing.T) {
		id := w.assetOf(t, code)
		p := b.get("/report?asset=" + id).is(http.StatusOK)
		component := p.value("#component option[value!='']")
		in := url.Values{"asset": {id}, "component": {component}, "fault_type": {"noise"}, "text": {"x"}, "key": {p.value("input[name=key]")}}
		made := b.upload("/report", in)
		v, err := w.app.Desk.Request(t.Context(), w.viewer(t, "dispo@"), strings.TrimPrefix(strings.Split(made.header.Get("Location"), "?")[0], "/requests/"))
		if err != nil || v.Component != component || v.Type != desk.FaultReport {
			t.Errorf("made %+v: %v", v.Request, err)
		}
	})
	t.Run("SEC-48 too large a body is told on a page", func(t *testing.T) {
		p := b.upload("/report", in, make([]byte, 13<<20))
		if p.status != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", p.status)
		}
	})
	t.Run("SEC-87 staff see what push holds back", func(t *testing.T) {
		p := staff.get("/staff/pushes").is(http.StatusOK)
		if !strings.Contains(p.has(".warn"), "not configured") || !strings.Contains(p.has("tbody"), number) {
			t.Errorf("page is %q", p.has("main"))
		}
		b.get("/staff/pushes").is(http.StatusForbidden)
	})
}
