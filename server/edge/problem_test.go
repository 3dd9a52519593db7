package edge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/locale"
)

func TestProblems(t *testing.T) {
	sentinel := errors.New("desk: secret internal text")
	var after func()
	s := start(t, func(o *edge.Options) {
		o.Mappings = []edge.Mapping{
			{Err: sentinel, Status: 404, Code: "not_found"},
			{Match: func(err error) bool { var e *json.SyntaxError; return errors.As(err, &e) }, Status: 400, Code: "bad_json"},
		}
		o.ErrorPage = func(r *edge.Request, f edge.Failure) error {
			if after != nil {
				after()
			}
			return r.HTML(f.Status, []byte("<h1>"+f.Title+"</h1>"+f.RequestID))
		}
	}, func(s *edge.Server) {
		fail := func(pattern string, err error) {
			handler := func(r *edge.Request) error {
				r.SetHeader("X-Half", "done")
				r.SetSession("half", 0)
				if e := r.Text(200, "half an answer"); e != nil {
					return e
				}
				return err
			}
			s.Handle("GET", "/v1"+pattern, open, edge.RouteOptions{API: true}, handler)
			s.Handle("GET", pattern, open, edge.RouteOptions{}, handler)
		}
		fail("/sentinel", fmt.Errorf("wrapped: %w", sentinel))
		fail("/typed", fmt.Errorf("wrapped: %w", &json.SyntaxError{}))
		fail("/unknown", errors.New("dial tcp 10.0.0.7: secret internal text"))
		fail("/own", &edge.Problem{Code: "invalid_request", Fields: []edge.FieldError{{Pointer: "/a/0", Code: "required"}, {Parameter: "query.q", Code: "too_small", Args: map[string]any{"Limit": 3}}}, Cause: sentinel})
		s.Handle("GET", "/v1/panic", open, edge.RouteOptions{API: true}, func(*edge.Request) error { panic("secret internal text") })
		s.Handle("GET", "/panic", open, edge.RouteOptions{}, func(*edge.Request) error { panic("secret internal text") })
	})
	for _, row := range []struct {
		path   string
		status int
		code   string
	}{
		{"/sentinel", 404, "not_found"},
		{"/typed", 400, "bad_json"},
		{"/unknown", 500, "internal"},
		{"/own", 400, "invalid_request"},
		{"/panic", 500, "internal"},
		{"/nowhere", 404, "not_found"},
	} {
		t.Run("row 15 row 17 SEC-54 /v1"+row.path, func(t *testing.T) {
			a := s.do(t, "GET", "/v1"+row.path, "")
			if code, _ := a.problem(t); a.StatusCode != row.status || code != row.code {
				t.Errorf("%d %s", a.StatusCode, code)
			}
			if strings.Contains(a.body, "secret") || a.Header.Get("X-Half") != "" || len(a.Cookies()) > 0 || strings.Contains(a.body, row.path) {
				t.Errorf("leaks: %v %s", a.Header, a.body)
			}
		})
		t.Run("SEC-54 page "+row.path, func(t *testing.T) {
			a := s.do(t, "GET", row.path, "", "Accept: text/html", "Accept-Language: sv")
			if a.StatusCode != row.status || !strings.HasPrefix(a.body, "<h1>") || !strings.HasSuffix(a.body, a.Header.Get("X-Request-Id")) || strings.Contains(a.body, "secret") {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
			if !strings.Contains(a.Header.Get("Content-Security-Policy"), "form-action 'self'") || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", a.Header)
			}
		})
	}
	t.Run("SEC-54 causes and stacks are in the log under the request id", func(t *testing.T) {
		a := s.do(t, "GET", "/v1/panic", "")
		id, found := a.Header.Get("X-Request-Id"), false
		for line := range strings.SplitSeq(s.log.String(), "\n") {
			found = found || strings.Contains(line, id) && strings.Contains(line, "secret internal text") && strings.Contains(line, "problem_test.go")
		}
		if !found {
			t.Error("no such line")
		}
	})
	t.Run("fields are told with pointers in the reader's language", func(t *testing.T) {
		_, errs := s.do(t, "GET", "/v1/own", "", "Accept-Language: de-AT, en;q=0.5").problem(t)
		want := []edge.FieldText{{Pointer: "/a/0", Code: "required", Detail: "Diese Angabe fehlt."}, {Parameter: "query.q", Code: "too_small", Detail: "Mindestens 3."}}
		if !slices.Equal(errs, want) {
			t.Errorf("%+v", errs)
		}
	})
	t.Run("an error page that fails or panics becomes plain text", func(t *testing.T) {
		after = func() { panic("template") }
		defer func() { after = nil }()
		a := s.do(t, "GET", "/sentinel", "")
		if a.StatusCode != 404 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") || !strings.HasPrefix(a.body, "Not found\n") {
			t.Errorf("%d %s %q", a.StatusCode, a.Header.Get("Content-Type"), a.body)
		}
	})
	t.Run("all kinds of problems are listed for the page of the type URIs", func(t *testing.T) {
		codes := map[string]int{}
		for _, f := range s.Problems(locale.Swedish) {
			if codes[f.Code]++; f.Title == "" || f.Detail == "" || f.Status < 400 || strings.Contains(f.Title+f.Detail, "⟦") || strings.Contains(f.Detail, "<no value>") {
				t.Errorf("%+v", f)
			}
		}
		if codes["not_found"] != 1 || codes["quota-exceeded"] != 1 || codes["bad_json"] != 1 {
			t.Errorf("%v", codes)
		}
	})
	t.Run("a mapping without text, status or error is refused at the start", func(t *testing.T) {
		for _, m := range []edge.Mapping{{Err: sentinel, Status: 404, Code: "no_such_text"}, {Err: sentinel, Status: 200, Code: "not_found"}, {Status: 404, Code: "not_found"}} {
			o := options(t, io.Discard)
			o.Mappings = []edge.Mapping{m}
			if _, err := edge.New(o); err == nil {
				t.Errorf("%+v accepted", m)
			}
		}
	})
}

func TestAccessLog(t *testing.T) {
	s := start(t, nil, func(s *edge.Server) {
		s.Handle("GET", "/t/{code}", open, edge.RouteOptions{}, func(r *edge.Request) error { return r.Text(200, "hello") })
		s.Handle("POST", "/v1/x/{code}", open, edge.RouteOptions{API: true}, func(*edge.Request) error { return errors.New("broken") })
	})
	const secret = "7K3M9QXD2VHTP"
	s.do(t, "GET", "/t/"+secret+"?token="+secret, "", "Referer: https://h/"+secret, "User-Agent: "+secret, "Cookie: __Host-session="+secret, "X-Forwarded-For: "+secret)
	s.do(t, "POST", "/v1/x/"+secret, `{"a":"`+secret+`"}`, "Content-Type: application/json", "Authorization: Bearer tech")
	s.do(t, "GET", "/none/"+secret, "")
	s.do(t, secret, "/t/"+secret, "")
	s.raw(t, "GET /"+secret+" HTTP/9.9\r\n"+secret+"\r\n\r\n", 4e9)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	t.Run("SEC-43 SEC-92 no code, query, token or body is logged", func(t *testing.T) {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("logged: %s", s.log)
		}
	})
	t.Run("row 17 SEC-92 one line a request says what came out", func(t *testing.T) {
		type line struct {
			Msg, Method, Route, Viewer string
			RequestID                  string `json:"request_id"`
			Status, Bytes              int
			Duration                   int64
		}
		var got []string
		for text := range strings.SplitSeq(strings.TrimSpace(s.log.String()), "\n") {
			var l line
			if err := json.Unmarshal([]byte(text), &l); err != nil {
				t.Fatalf("not one JSON object: %q", text)
			}
			if l.Msg == "request" {
				got = append(got, fmt.Sprintf("%s %s %d %q %v %v", l.Method, l.Route, l.Status, l.Viewer, len(l.RequestID) == 32 && l.Duration > 0, l.Bytes > 0))
			}
		}
		want := []string{
			`GET /t/{code} 200 "" true true`,
			`POST /v1/x/{code} 500 "p-tech" true true`,
			`GET  404 "" true true`,
			`other  405 "" true true`,
			`GET  400 "" true true`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("lines:\n%s", strings.Join(got, "\n"))
		}
	})
}
