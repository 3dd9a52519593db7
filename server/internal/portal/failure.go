package portal

import (
	"net/http"
	"strings"

	"github.com/tagwerk/tagwerk/server/edge"
)

// errNoPage answers like a path without a route.
var errNoPage = &edge.Problem{Code: "not_found", Status: http.StatusNotFound}

// failurePage says what went wrong and what to do about it.
type failurePage struct {
	Title, Detail string
	Advice        string // message key
	Fields        []edge.FieldText
	SignIn        bool
	RequestID     string
}

// ErrorPage answers a failure on a page route; it is the hook of [edge.Options]. Who must sign in or enrol first is sent there
// and comes back, if what he asked for was a page.
func (p *Portal) ErrorPage(r *edge.Request, f edge.Failure) error {
	switch {
	case f.Code == "sign_in_required" && r.Method() == "GET":
		return r.Redirect(withQuery("/sign-in", "next", here(r)))
	case f.Code == "second_factor_required":
		return r.Redirect("/account/second-factor")
	}
	f.Title, f.Detail = p.retell(r, f.Code, "title", f.Title), p.retell(r, f.Code, "detail", f.Detail)
	page := failurePage{Title: f.Title, Detail: f.Detail, Fields: f.Fields, RequestID: f.RequestID, SignIn: f.Status == http.StatusUnauthorized,
		Advice: advice(f.Status)}
	return p.views.failure.render(r, f.Status, page)
}

// retell says a text of a failure in the language chosen in this browser, which edge does not know. A text with values stays as
// edge told it.
func (p *Portal) retell(r *edge.Request, code, part, told string) string {
	if language(r) == r.Locale() {
		return told
	}
	if text := p.text(r, "problem."+code+"."+part, nil); !strings.Contains(text, "<no value>") && !strings.HasPrefix(text, "⟦") {
		return text
	}
	return told
}

// problemsPage lists every kind of problem, where the type URIs of problem+json answers lead to (RFC 9457).
type problemsPage struct{ List []edge.Failure }

func (p *Portal) getProblems(r *edge.Request) error {
	return p.views.problems.render(r, http.StatusOK, problemsPage{p.problems(language(r))})
}

// here is the page that was asked for, with the part of the query that says what it shows; "" if it is no path to come back to.
func here(r *edge.Request) string {
	var query []string
	for _, name := range []string{"tab", "q", "provider", "status", "asset", "component", "code", "stock", "next"} {
		query = append(query, name, r.Query(name))
	}
	return ownTarget(withQuery(r.Path(), query...), "")
}

// advice is what the reader can do about a failure.
func advice(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "portal.failure.sign_in"
	case status == http.StatusForbidden:
		return "portal.failure.forbidden"
	case status == http.StatusNotFound:
		return "portal.failure.not_found"
	case status == http.StatusRequestEntityTooLarge:
		return "portal.failure.too_large"
	case status == http.StatusTooManyRequests:
		return "portal.failure.too_many"
	case status >= 500:
		return "portal.failure.server"
	}
	return "portal.failure.other"
}
