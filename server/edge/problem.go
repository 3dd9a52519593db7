package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/tagwerk/tagwerk/server/locale"
)

// Mapping says how an error of the domain is answered. Code is stable: it stands in the answer, in the type URI, and in the
// message keys "problem.<code>.title" and "problem.<code>.detail".
type Mapping struct {
	// Err is compared with errors.Is.
	Err error
	// Match is asked instead of Err if it is set, for errors that are types.
	Match  func(error) bool
	Status int
	Code   string
	// Explain adds to the answer what the error knows: arguments of the text, fields, a time to wait; optional.
	Explain func(err error, p *Problem)
}

func (m Mapping) matches(err error) bool {
	if m.Match != nil {
		return m.Match(err)
	}
	return errors.Is(err, m.Err)
}

// Problem is an error with its answer (RFC 9457). Handlers return it when the [Mapping] table is too coarse: for arguments of the
// text or for a list of fields. Status 0 means that of the mapping with the same code.
type Problem struct {
	Code   string
	Status int
	// Args fills the placeholders of the message; nothing secret belongs there. A [Text] among them is resolved first.
	Args map[string]any
	// Fields names what is wrong in the input.
	Fields []FieldError
	// Details is what a program needs beside the text to go on, such as the tags among which to choose; the operation describes
	// its form. Pages do not show it.
	Details any
	// RetryAfter, if set, becomes the header of that name.
	RetryAfter time.Duration
	// Cause is logged and never shown.
	Cause error
}

// WithDetails adds to the answer to an error what a program needs to go on, as [Problem.Details]; nil stays nil.
func WithDetails(err error, details any) error {
	if err == nil {
		return nil
	}
	return &detailed{err, details}
}

type detailed struct {
	error
	details any
}

// Unwrap returns the error without details.
func (d *detailed) Unwrap() error { return d.error }

// Text is a placeholder of a message that is itself a message.
type Text struct {
	Key  string
	Args map[string]any
}

// resolve replaces the texts among the placeholders of a message.
func (r *Request) resolve(args map[string]any) map[string]any {
	out := make(map[string]any, len(args))
	for name, v := range args {
		if t, ok := v.(Text); ok {
			v = r.Message(t.Key, t.Args)
		}
		out[name] = v
	}
	return out
}

// FieldError says what is wrong with one value of the input. Either Pointer (RFC 6901, into the JSON body) or Parameter
// ("query.limit") is set. Its text is the message Message, "problem.field.<Code>" without one, with Args.
type FieldError struct {
	Pointer   string
	Parameter string
	Code      string
	Message   string
	Args      map[string]any
}

// Error is for logs.
func (p *Problem) Error() string {
	text := "problem " + p.Code
	for _, f := range p.Fields {
		text += fmt.Sprintf(" [%s%s %s]", f.Pointer, f.Parameter, f.Code)
	}
	if p.Cause != nil {
		text += ": " + p.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// problemOf returns one of this package's own problems.
func problemOf(code string) *Problem { return &Problem{Code: code} }

// Failure is what an error page shows, in the reader's language.
type Failure struct {
	Status              int
	Code, Title, Detail string
	RequestID           string
	Fields              []FieldText
}

// FieldText is a [FieldError] as it is told.
type FieldText struct {
	Pointer   string `json:"pointer,omitempty" doc:"RFC 6901 pointer into the body"`
	Parameter string `json:"parameter,omitempty" doc:"Parameter outside the body, such as query.limit"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
}

// problemBody is the wire form, application/problem+json.
type problemBody struct {
	Type      string      `json:"type" doc:"Stable URI of the kind of problem"`
	Title     string      `json:"title"`
	Status    int         `json:"status"`
	Detail    string      `json:"detail"`
	Code      string      `json:"code" doc:"Stable name of the kind of problem"`
	Errors    []FieldText `json:"errors,omitempty"`
	Details   any         `json:"details,omitempty" doc:"What a program needs to go on, in the form that the operation describes"`
	RequestID string      `json:"request_id"`
}

const typeProblem = "application/problem+json"

// ownMappings are the failures that HTTP itself knows, and the two ends of a deadline.
func ownMappings() []Mapping {
	table := []Mapping{
		{Err: context.DeadlineExceeded, Code: "deadline", Status: fiber.StatusServiceUnavailable},
		{Err: context.Canceled, Code: "unavailable", Status: fiber.StatusServiceUnavailable},
	}
	for _, m := range []struct {
		status int
		codes  string
	}{
		{fiber.StatusBadRequest, "bad_request bad_framing bad_json bad_form invalid_request"},
		{fiber.StatusUnauthorized, "sign_in_required bad_token controller_key_required"},
		{fiber.StatusForbidden, "forbidden second_factor_required cross_site"},
		{fiber.StatusNotFound, "not_found"},
		{fiber.StatusMethodNotAllowed, "method_not_allowed"},
		{fiber.StatusRequestTimeout, "request_timeout"},
		{fiber.StatusRequestEntityTooLarge, "body_too_large"},
		{fiber.StatusUnsupportedMediaType, "unsupported_media_type content_encoding"},
		{fiber.StatusTooManyRequests, "quota-exceeded"},
		{fiber.StatusRequestHeaderFieldsTooLarge, "header_too_large"},
		{fiber.StatusInternalServerError, "internal"},
	} {
		for _, code := range strings.Fields(m.codes) {
			table = append(table, Mapping{Match: func(error) bool { return false }, Code: code, Status: m.status})
		}
	}
	return table
}

// checkTexts refuses a mapping without text or with a status that is no failure.
func (s *Server) checkTexts() error {
	for _, m := range s.mappings {
		if m.Status < 400 || m.Status > 599 || m.Code == "" || (m.Err == nil && m.Match == nil) {
			return fmt.Errorf("edge: mapping %q to status %d is incomplete", m.Code, m.Status)
		}
		for _, l := range locale.Tags {
			for _, part := range []string{".title", ".detail"} {
				key := "problem." + m.Code + part
				if strings.HasPrefix(s.opt.Catalogue.Text(l, key, map[string]any{}), "⟦") {
					return fmt.Errorf("edge: no text for %s in %s", key, l)
				}
			}
		}
	}
	return nil
}

// Problems lists every kind of problem that the server can answer, in order of the table and each code once, for the page that
// the type URIs lead to ("/problems#<code>").
func (s *Server) Problems(l locale.Tag) []Failure {
	var list []Failure
	listed := map[string]bool{}
	for _, m := range s.mappings {
		if listed[m.Code] {
			continue
		}
		listed[m.Code] = true
		detail := s.opt.Catalogue.Text(l, "problem."+m.Code+".detail", map[string]any{})
		list = append(list, Failure{Status: m.Status, Code: m.Code, Title: s.opt.Catalogue.Text(l, "problem."+m.Code+".title", nil),
			// What a placeholder stands for is known in an answer only.
			Detail: strings.ReplaceAll(detail, "<no value>", "…")})
	}
	return list
}

// problem finds the answer to an error: its own, that of the first matching entry of the table, else 500, which says nothing more.
func (s *Server) problem(err error) *Problem {
	p := s.mapped(err)
	var d *detailed
	if p.Status < 500 && errors.As(err, &d) {
		with := *p
		with.Details = d.details
		return &with
	}
	return p
}

func (s *Server) mapped(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		for _, m := range s.mappings {
			if p.Status != 0 {
				break
			}
			if m.Code == p.Code {
				known := *p
				known.Status = m.Status
				p = &known
			}
		}
		if p.Status >= 400 {
			return p
		}
		return &Problem{Code: "internal", Status: fiber.StatusInternalServerError, Cause: err}
	}
	for _, m := range s.mappings {
		if m.matches(err) {
			p := &Problem{Code: m.Code, Status: m.Status, Cause: err}
			if m.Explain != nil {
				m.Explain(err, p)
			}
			return p
		}
	}
	return &Problem{Code: "internal", Status: fiber.StatusInternalServerError, Cause: err}
}

// fail answers an error in place of whatever the handler may have begun. It works without route, viewer and Fiber (row 16).
func (s *Server) fail(r *Request, err error) {
	p := s.problem(err)
	if p.Status >= 500 {
		s.opt.Logger.Error("request failed", "request_id", r.id, "route", r.pattern(), "code", p.Code, "error", err)
	}
	r.fctx.Response.Reset()
	r.cache, r.policy = "", ""
	if p.RetryAfter > 0 {
		r.SetHeader(fiber.HeaderRetryAfter, seconds(p.RetryAfter))
	}
	if p.Status == fiber.StatusUnauthorized && !s.wantsPage(r) {
		r.SetHeader(fiber.HeaderWWWAuthenticate, "Bearer")
	}
	f := s.failure(r, p)
	if s.wantsPage(r) {
		s.failPage(r, f)
		return
	}
	body, err := encodeJSON(problemBody{Type: s.PublicURL("/problems#" + f.Code), Title: f.Title, Status: f.Status,
		Detail: f.Detail, Code: f.Code, Errors: f.Fields, Details: p.Details, RequestID: f.RequestID})
	if err != nil {
		body = nil
	}
	_ = r.Bytes(f.Status, typeProblem, body)
}

func (s *Server) failure(r *Request, p *Problem) Failure {
	args := r.resolve(p.Args)
	key := "problem." + p.Code
	f := Failure{Status: p.Status, Code: p.Code, Title: r.Message(key+".title", args), Detail: r.Message(key+".detail", args), RequestID: r.id}
	for _, e := range p.Fields {
		args := e.Args
		if args == nil {
			args = map[string]any{}
		}
		key := e.Message
		if key == "" {
			key = "problem.field." + e.Code
		}
		f.Fields = append(f.Fields, FieldText{Pointer: e.Pointer, Parameter: e.Parameter, Code: e.Code, Detail: r.Message(key, args)})
	}
	return f
}

// wantsPage: routes say what they are; without a route a browser asks for HTML outside /v1.
func (s *Server) wantsPage(r *Request) bool {
	if r.route != nil {
		return !r.route.Options.API
	}
	return !bytes.HasPrefix(r.fctx.Request.Header.RequestURI(), []byte("/v1/")) &&
		bytes.Contains(r.fctx.Request.Header.Peek(fiber.HeaderAccept), []byte("text/html"))
}

// failPage shows the page of Options, and plain text if there is none or it fails itself.
func (s *Server) failPage(r *Request, f Failure) {
	defer func() {
		if p := recover(); p != nil {
			s.opt.Logger.Error("panic in the error page", "request_id", r.id, "panic", fmt.Sprint(p))
			s.failText(r, f)
		}
	}()
	if s.opt.ErrorPage == nil {
		s.failText(r, f)
		return
	}
	r.Status(f.Status)
	if err := s.opt.ErrorPage(r, f); err != nil {
		s.opt.Logger.Error("error page failed", "request_id", r.id, "error", err)
		s.failText(r, f)
	}
}

func (s *Server) failText(r *Request, f Failure) {
	text := f.Title + "\n\n" + f.Detail + "\n"
	for _, e := range f.Fields {
		text += e.Pointer + e.Parameter + ": " + e.Detail + "\n"
	}
	_ = r.Text(f.Status, text+"\n"+f.RequestID+"\n")
}

func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// seconds writes a duration for Retry-After, rounded up and at least 1 (RFC 9110, 10.2.3).
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}
