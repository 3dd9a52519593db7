package edge_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
)

func TestAccess(t *testing.T) {
	declare := func(who edge.Who, roles ...identity.Role) edge.Access {
		return edge.Access{Who: who, Roles: roles, Object: "own", Permission: "none"}
	}
	enrolment := declare(edge.SignedIn)
	enrolment.AllowUnenrolled = true
	routes := map[string]edge.Access{
		"public": declare(edge.Public), "signedin": declare(edge.SignedIn), "customer": declare(edge.Customer),
		"staff": declare(edge.Staff), "admin": declare(edge.Staff, identity.Admin), "enrol": enrolment,
		"door": declare(edge.Controller),
	}
	s := start(t, nil, func(s *edge.Server) {
		for name, access := range routes {
			who := func(r *edge.Request) error { return r.Text(200, r.Viewer().User+string(r.Locale())) }
			s.Handle("GET", "/v1/"+name, access, edge.RouteOptions{API: true}, who)
			s.Handle("GET", "/"+name, access, edge.RouteOptions{}, who)
		}
	})
	want := map[string]map[string]int{ // viewer, route
		"":       {"public": 200, "signedin": 401, "customer": 401, "staff": 401, "admin": 401, "enrol": 401, "door": 401},
		"tech":   {"public": 200, "signedin": 200, "customer": 403, "staff": 200, "admin": 403, "enrol": 200, "door": 401},
		"admin":  {"public": 200, "signedin": 200, "customer": 403, "staff": 200, "admin": 200, "enrol": 200, "door": 401},
		"master": {"public": 200, "signedin": 200, "customer": 200, "staff": 403, "admin": 403, "enrol": 200, "door": 401},
		"enrol":  {"public": 403, "signedin": 403, "customer": 403, "staff": 403, "admin": 403, "enrol": 200, "door": 403},
		"gate":   {"public": 200, "signedin": 401, "customer": 401, "staff": 401, "admin": 401, "enrol": 401, "door": 200},
	}
	for viewer, row := range want {
		for route, status := range row {
			t.Run(fmt.Sprintf("SEC-12 SEC-33 %q on %s", viewer, route), func(t *testing.T) {
				var bearer, cookie []string
				if viewer != "" {
					bearer, cookie = []string{"Authorization: Bearer " + viewer}, []string{"Cookie: __Host-session=" + viewer}
				}
				api, page := s.do(t, "GET", "/v1/"+route, "", bearer...), s.do(t, "GET", "/"+route, "", cookie...)
				if api.StatusCode != status || page.StatusCode != status {
					t.Errorf("API %d, page %d, want %d", api.StatusCode, page.StatusCode, status)
				}
				if status == 401 && api.Header.Get("WWW-Authenticate") != "Bearer" {
					t.Error("no challenge")
				}
				if viewer == "enrol" && status == 403 {
					if code, _ := api.problem(t); code != "second_factor_required" {
						t.Errorf("code %s", code)
					}
				}
			})
		}
	}
	t.Run("SEC-41 a cookie is nothing to the API and a token nothing to a page", func(t *testing.T) {
		if a := s.do(t, "GET", "/v1/signedin", "", "Cookie: __Host-session=tech"); a.StatusCode != 401 {
			t.Errorf("API with cookie: %d", a.StatusCode)
		}
		if a := s.do(t, "GET", "/signedin", "", "Authorization: Bearer tech"); a.StatusCode != 401 {
			t.Errorf("page with token: %d", a.StatusCode)
		}
	})
	t.Run("SEC-42 a controller's key makes a stranger of public routes and opens nothing for people", func(t *testing.T) {
		if a := s.do(t, "GET", "/v1/public", "", "Authorization: Bearer gate"); a.StatusCode != 200 || a.body != "en" {
			t.Errorf("public: %d %q", a.StatusCode, a.body)
		}
		for _, route := range []string{"signedin", "customer", "staff", "admin", "enrol"} {
			if code, _ := s.do(t, "GET", "/v1/"+route, "", "Authorization: Bearer gate").problem(t); code != "sign_in_required" {
				t.Errorf("%s: %s", route, code)
			}
		}
		if a := s.do(t, "GET", "/v1/door", "", "Authorization: Bearer gate"); a.StatusCode != 200 || a.body != "d-1sv" {
			t.Errorf("its own route: %d %q", a.StatusCode, a.body)
		}
	})
	t.Run("a stale cookie makes a stranger, a stale token is told", func(t *testing.T) {
		if a := s.do(t, "GET", "/public", "", "Cookie: __Host-session=stale"); a.StatusCode != 200 || a.body != "en" {
			t.Errorf("page: %d %q", a.StatusCode, a.body)
		}
		if a := s.do(t, "GET", "/v1/public", "", "Authorization: Bearer stale"); a.StatusCode != 401 {
			t.Errorf("API: %d", a.StatusCode)
		}
		if a := s.do(t, "GET", "/v1/public", "", "Authorization: Bearer "+strings.Repeat("x", 300)); a.StatusCode != 401 {
			t.Errorf("API: %d", a.StatusCode)
		}
	})
	t.Run("the viewer's language wins over the browser's", func(t *testing.T) {
		if a := s.do(t, "GET", "/public", "", "Cookie: __Host-session=tech", "Accept-Language: sv"); a.body != "p-techde" {
			t.Errorf("%q", a.body)
		}
		if a := s.do(t, "GET", "/public", "", "Accept-Language: sv"); a.body != "sv" {
			t.Errorf("%q", a.body)
		}
	})
	for _, bad := range []struct {
		name, method, pattern string
		access                edge.Access
		options               edge.RouteOptions
	}{
		{"no access", "GET", "/x", edge.Access{}, edge.RouteOptions{}},
		{"no object", "GET", "/x", edge.Access{Who: edge.Staff, Permission: "none"}, edge.RouteOptions{}},
		{"no permission", "GET", "/x", edge.Access{Who: edge.Staff, Object: "own"}, edge.RouteOptions{}},
		{"customer's role on a staff route", "GET", "/x", declare(edge.Staff, identity.Master), edge.RouteOptions{}},
		{"role on a public route", "GET", "/x", declare(edge.Public, identity.Admin), edge.RouteOptions{}},
		{"unknown role", "GET", "/x", declare(edge.SignedIn, "root"), edge.RouteOptions{}},
		{"unknown limit", "GET", "/x", open, edge.RouteOptions{Limit: "none"}},
		{"unknown method", "BREW", "/x", open, edge.RouteOptions{}},
		{"Fiber's own pattern", "GET", "/x/:id", open, edge.RouteOptions{}},
		{"half a segment", "GET", "/x/a{id}", open, edge.RouteOptions{}},
		{"rest in the middle", "GET", "/x/{id...}/y", open, edge.RouteOptions{}},
	} {
		t.Run("SEC-12 refused while wiring: "+bad.name, func(t *testing.T) {
			s, err := edge.New(options(t, io.Discard))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			s.Handle(bad.method, bad.pattern, bad.access, bad.options, func(*edge.Request) error { return nil })
		})
	}
}

func TestCrossSite(t *testing.T) {
	changed := 0
	s := start(t, nil, func(s *edge.Server) {
		change := func(r *edge.Request) error { changed++; return r.NoContent() }
		s.Handle("POST", "/change", open, edge.RouteOptions{}, change)
		s.Handle("GET", "/change", open, edge.RouteOptions{}, func(r *edge.Request) error { return r.NoContent() })
		s.Handle("POST", "/v1/change", open, edge.RouteOptions{API: true}, change)
	})
	for _, row := range []struct {
		method, path string
		headers      []string
		status       int
	}{
		{"POST", "/change", []string{"Sec-Fetch-Site: same-origin"}, 204},
		{"POST", "/change", []string{"Sec-Fetch-Site: none"}, 204},
		{"POST", "/change", []string{"Sec-Fetch-Site: same-origin", "Origin: https://other.example"}, 204},
		{"POST", "/change", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"POST", "/change", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"POST", "/change", []string{"Sec-Fetch-Site: cross-site", "Origin: https://tagwerk.example"}, 403},
		{"POST", "/change", []string{"Sec-Fetch-Site: nonsense"}, 403},
		{"POST", "/change", []string{"Origin: https://tagwerk.example"}, 204},
		{"POST", "/change", []string{"Origin: https://evil.example"}, 403},
		{"POST", "/change", []string{"Origin: https://evil.example", "Host: evil.example"}, 403},
		{"POST", "/change", []string{"Origin: http://tagwerk.example"}, 403},
		{"POST", "/change", []string{"Origin: https://tagwerk.example:8443"}, 403},
		{"POST", "/change", []string{"Origin: https://tagwerk.example.evil.example"}, 403},
		{"POST", "/change", []string{"Origin: null"}, 403},
		{"POST", "/change", nil, 204},
		{"GET", "/change", []string{"Sec-Fetch-Site: cross-site"}, 204},
		{"POST", "/v1/change", []string{"Sec-Fetch-Site: cross-site", "Origin: https://app.example"}, 204},
	} {
		t.Run(fmt.Sprintf("SEC-41 %s %s %v", row.method, row.path, row.headers), func(t *testing.T) {
			before := changed
			a := s.do(t, row.method, row.path, "", append(row.headers, "Cookie: __Host-session=tech")...)
			if a.StatusCode != row.status || (row.status == 403 && changed != before) {
				t.Errorf("%d, changed %v", a.StatusCode, changed != before)
			}
		})
	}
}

func TestCookiesAndRedirects(t *testing.T) {
	s := start(t, nil, func(s *edge.Server) {
		s.Handle("GET", "/in", open, edge.RouteOptions{}, func(r *edge.Request) error {
			r.SetSession("secret", time.Hour)
			r.SetCookie(edge.Cookie{Name: "lang", Value: "sv"})
			return r.Redirect("/next?a=b")
		})
		s.Handle("GET", "/out", open, edge.RouteOptions{}, func(r *edge.Request) error { r.ClearSession(); return r.NoContent() })
		s.Handle("GET", "/to", open, edge.RouteOptions{}, func(r *edge.Request) error { return r.Redirect(r.Query("next")) })
	})
	t.Run("row 23 SEC-39 cookies are tied to this host and hidden from scripts", func(t *testing.T) {
		a := s.do(t, "GET", "/in", "")
		if len(a.Cookies()) != 2 || a.StatusCode != 303 || a.Header.Get("Location") != "/next?a=b" {
			t.Fatalf("%d %v", a.StatusCode, a.Header)
		}
		for _, c := range a.Cookies() {
			if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("%s", c.Raw)
			}
		}
		if c := a.Cookies()[0]; c.Name != "__Host-session" || c.Value != "secret" || c.MaxAge != 3600 {
			t.Errorf("%s", c.Raw)
		}
		if c := s.do(t, "GET", "/out", "").Cookies()[0]; c.Value != "" || !c.Expires.Before(time.Now()) || !c.Secure {
			t.Errorf("removed by %s", c.Raw)
		}
	})
	for target, own := range map[string]bool{
		"/": true, "/t/x?a=b&c=d": true, "/t/%C3%A5": true,
		"": false, "t/x": false, "//evil.example": false, "/\\evil.example": false, "\\/evil.example": false, "https://evil.example": false,
		"javascript:alert(1)": false, "/\t/evil.example": false, "/x\r\nSet-Cookie: a=b": false, " /x": false, "/%5Cevil.example": false,
		"/%2Fevil.example": false, "/x#y": false, "/x y": false, "/\x00": false, "///evil.example": false, "/%zz": false,
	} {
		t.Run(fmt.Sprintf("SEC-57 redirect to %q", target), func(t *testing.T) {
			if edge.OwnPath(target) != own {
				t.Errorf("OwnPath is %v", !own)
			}
			a := s.do(t, "GET", "/to?next="+strings.ReplaceAll(percent(target), "+", "%20"), "")
			if own != (a.StatusCode == 303) || (!own && a.Header.Get("Location") != "") {
				t.Errorf("%d to %q", a.StatusCode, a.Header.Get("Location"))
			}
		})
	}
}

func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

func TestHeaders(t *testing.T) {
	serve := func(change func(*edge.Options)) *server {
		return start(t, change, func(s *edge.Server) {
			s.Handle("GET", "/page", open, edge.RouteOptions{}, func(r *edge.Request) error {
				r.SetHeader("Content-Security-Policy", "default-src *")
				return r.HTML(200, []byte("<p>"))
			})
			s.Handle("GET", "/v1/x", open, edge.RouteOptions{API: true}, func(r *edge.Request) error { return r.JSON(200, 1) })
			s.Handle("GET", "/v1/file", open, edge.RouteOptions{API: true}, func(r *edge.Request) error {
				return r.Attachment("application/pdf", "Prüf/be\"richt\r\n.pdf", []byte("%PDF"))
			})
			s.Handle("GET", "/panic", open, edge.RouteOptions{}, func(*edge.Request) error { panic("x") })
		})
	}
	s := serve(func(*edge.Options) {})
	for path, policy := range map[string]string{
		"/page": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
			"manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"/v1/x":    "default-src 'none'; sandbox; frame-ancestors 'none'",
		"/v1/none": "default-src 'none'; sandbox; frame-ancestors 'none'",
		"/v1/file": "default-src 'none'; sandbox; frame-ancestors 'none'",
		"/panic":   "",
		"/healthz": "",
	} {
		t.Run("SEC-55 "+path, func(t *testing.T) {
			a := s.do(t, "GET", path, "")
			if got := a.Header.Get("Content-Security-Policy"); got == "" || (policy != "" && got != policy) || strings.Contains(got, "unsafe-inline") || !strings.Contains(got, "frame-ancestors 'none'") {
				t.Errorf("policy %q", got)
			}
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Permissions-Policy": "camera=(self), geolocation=()",
				"Strict-Transport-Security": "max-age=31536000; includeSubDomains", "Cache-Control": "no-store", "Server": "",
			} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s is %q", name, got)
				}
			}
		})
	}
	t.Run("SEC-63 an attachment's name is cleaned text", func(t *testing.T) {
		if got := s.do(t, "GET", "/v1/file", "").Header.Get("Content-Disposition"); got != `attachment; filename="Pr_f_be_richt__.pdf"; filename*=UTF-8''Pr%C3%BCf_be_richt__.pdf` {
			t.Errorf("%s", got)
		}
	})
	t.Run("a local public URL gets no HSTS, which would lock other programs on localhost out", func(t *testing.T) {
		for _, public := range []string{"https://localhost:8443", "https://192.168.1.7:8443", "http://tagwerk.example"} {
			s := serve(func(o *edge.Options) { o.PublicURL = public })
			if got := s.do(t, "GET", "/page", "").Header.Get("Strict-Transport-Security"); got != "" {
				t.Errorf("%s: %q", public, got)
			}
		}
	})
	cors := serve(func(o *edge.Options) { o.Origins = []string{"https://app.example"} })
	for _, row := range []struct {
		name, method, path, origin string
		on                         *server
		status                     int
		allowed                    string
	}{
		{"closed by default", "GET", "/v1/x", "https://app.example", s, 200, ""},
		{"preflight closed by default", "OPTIONS", "/v1/x", "https://app.example", s, 405, ""},
		{"exact origin", "GET", "/v1/x", "https://app.example", cors, 200, "https://app.example"},
		{"exact origin on an error", "GET", "/v1/none", "https://app.example", cors, 404, "https://app.example"},
		{"preflight", "OPTIONS", "/v1/x", "https://app.example", cors, 204, "https://app.example"},
		{"other origin", "GET", "/v1/x", "https://evil.example", cors, 200, ""},
		{"longer origin", "GET", "/v1/x", "https://app.example.evil.example", cors, 200, ""},
		{"null", "GET", "/v1/x", "null", cors, 200, ""},
		{"preflight of other origin", "OPTIONS", "/v1/x", "https://evil.example", cors, 405, ""},
		{"pages stay closed", "GET", "/page", "https://app.example", cors, 200, ""},
	} {
		t.Run("SEC-56 "+row.name, func(t *testing.T) {
			a := row.on.do(t, row.method, row.path, "", "Origin: "+row.origin, "Access-Control-Request-Method: POST")
			if a.StatusCode != row.status || a.Header.Get("Access-Control-Allow-Origin") != row.allowed || a.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%d %v", a.StatusCode, a.Header)
			}
		})
	}
	for _, bad := range []string{"*", "https://*.example", "https://app.example/", "app.example", "null", ""} {
		t.Run(fmt.Sprintf("SEC-56 origin %q is refused at the start", bad), func(t *testing.T) {
			o := options(t, io.Discard)
			o.Origins = []string{bad}
			if _, err := edge.New(o); err == nil {
				t.Error("accepted")
			}
		})
	}
	for _, bad := range []string{"", "tagwerk.example", "ftp://tagwerk.example", "https://tagwerk.example/path", "https://user@tagwerk.example", "https://tagwerk.example?x=1"} {
		t.Run(fmt.Sprintf("SEC-53 public URL %q is refused at the start", bad), func(t *testing.T) {
			o := options(t, io.Discard)
			o.PublicURL = bad
			if _, err := edge.New(o); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestHealth(t *testing.T) {
	var broken error
	s := start(t, func(o *edge.Options) { o.Ready = func(context.Context) error { return broken } }, nil)
	if a := s.do(t, "GET", "/readyz", ""); a.StatusCode != 200 {
		t.Errorf("%d", a.StatusCode)
	}
	broken = errors.New("secret: fsync failed")
	a := s.do(t, "GET", "/readyz", "")
	if code, _ := a.problem(t); a.StatusCode != 503 || code != "unavailable" || strings.Contains(a.body, "secret") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := s.do(t, "GET", "/healthz", ""); a.StatusCode != 200 || a.body != "ok\n" {
		t.Errorf("alive: %d %q", a.StatusCode, a.body)
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(o *edge.Options) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	}, nil)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	t.Run("row 20 TLS speaks HTTP/1.1 and says so", func(t *testing.T) {
		res, err := client.Get("https://" + s.addr + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		if a := read(t, res); a.StatusCode != 200 || a.ProtoMajor != 1 {
			t.Errorf("%d %s", a.StatusCode, a.Proto)
		}
	})
	t.Run("SEC-48 a refusal over TLS is seen by the client", func(t *testing.T) {
		res, err := client.Post("https://"+s.addr+"/healthz", "image/jpeg", strings.NewReader(strings.Repeat("x", 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		if a := read(t, res); a.StatusCode != 413 {
			t.Errorf("%d", a.StatusCode)
		}
	})
}
