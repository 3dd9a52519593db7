package portal_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/identity"
)

// world is the sample installation behind a real listener.
type world struct {
	app    *server.App
	sample server.Sample
	url    string
	ahead  atomic.Int64 // nanoseconds by which the server's clock is ahead
}

func newWorld(t *testing.T, change ...func(*server.Config)) *world {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{url: "http://" + ln.Addr().String()}
	c := server.Config{PublicURL: w.url, Data: t.TempDir(), StaffFactor: "optional"}
	for _, f := range change {
		f(&c)
	}
	// Rates have tests of their own in edge; here they would only make the order of tests matter.
	limits := edge.DefaultLimits()
	for i := range limits {
		limits[i].Rate = 1_000_000
	}
	w.app, err = server.Open(t.Context(), c, server.Runtime{Limits: limits, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	if w.sample, err = w.app.MakeSample(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.app.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return w
}

func (w *world) user(t *testing.T, prefix string) server.SampleUser {
	t.Helper()
	for _, u := range w.sample.Users {
		if strings.HasPrefix(u.Email, prefix) {
			return u
		}
	}
	t.Fatalf("no sample user %q", prefix)
	return server.SampleUser{}
}

func (w *world) viewer(t *testing.T, prefix string) identity.Viewer {
	t.Helper()
	p, err := w.app.People.PersonByLogin(t.Context(), w.user(t, prefix).Email)
	if err != nil {
		t.Fatal(err)
	}
	return identity.ViewerFor(p)
}

// browser sends requests with the cookies that it was given. It follows no redirect by itself.
type browser struct {
	t        *testing.T
	w        *world
	language string
	cookies  map[string]string
	client   http.Client
}

func (w *world) browser(t *testing.T, language string) *browser {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: t, w: w, language: language, cookies: map[string]string{}, client: http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// as is a browser in which a sample person has signed in through the page.
func (w *world) as(t *testing.T, prefix string) *browser {
	t.Helper()
	b := w.browser(t, "en")
	u := w.user(t, prefix)
	b.form("/sign-in", url.Values{"email": {u.Email}, "password": {u.Password}}).redirects("/")
	// The account's language goes before the browser's; the choice at the foot of each page changes it.
	b.send(http.MethodPost, "/language", "application/x-www-form-urlencoded", []byte("language=en"))
	return b
}

// page is one answer, parsed if it is HTML.
type page struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
	*goquery.Document
}

func (b *browser) send(method, path, contentType string, body []byte, headers ...string) *page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.w.url+path, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Accept-Language", b.language)
	for name, value := range b.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if c.Value == "" || c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c.Value
	}
	p := &page{t: b.t, what: method + " " + path, status: resp.StatusCode, header: resp.Header, body: text}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		if p.Document, err = goquery.NewDocumentFromReader(bytes.NewReader(text)); err != nil {
			b.t.Fatal(err)
		}
	}
	return p
}

func (b *browser) get(path string) *page {
	b.t.Helper()
	return b.send(http.MethodGet, path, "", nil)
}

func (b *browser) form(path string, v url.Values) *page {
	b.t.Helper()
	return b.send(http.MethodPost, path, "application/x-www-form-urlencoded", []byte(v.Encode()))
}

// upload sends a multipart form as browsers do, with files under one name.
func (b *browser) upload(path string, v url.Values, files ...[]byte) *page {
	b.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for name, list := range v {
		for _, value := range list {
			if err := m.WriteField(name, value); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	for _, file := range files {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", `form-data; name="photo"; filename="IMG_1.jpg"`)
		h.Set("Content-Type", "image/jpeg")
		part, err := m.CreatePart(h)
		if err == nil {
			_, err = part.Write(file)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		b.t.Fatal(err)
	}
	return b.send(http.MethodPost, path, m.FormDataContentType(), body.Bytes())
}

// is fails the test unless the answer is a page with the status.
func (p *page) is(status int) *page {
	p.t.Helper()
	if p.status != status || p.Document == nil {
		p.t.Fatalf("%s: status %d %s, want a page with %d:\n%.900s", p.what, p.status, p.header.Get("Location"), status, p.body)
	}
	return p
}

// redirects fails the test unless the answer leads to the path, and returns the query of the target.
func (p *page) redirects(path string) url.Values {
	p.t.Helper()
	target, err := url.Parse(p.header.Get("Location"))
	if p.status != http.StatusSeeOther || err != nil || target.Path != path {
		p.t.Fatalf("%s: status %d to %q, want a redirect to %s:\n%.900s", p.what, p.status, p.header.Get("Location"), path, p.body)
	}
	return target.Query()
}

// has fails the test unless the selector finds something, and returns its text with blanks collapsed.
func (p *page) has(selector string) string {
	p.t.Helper()
	found := p.Find(selector)
	if found.Length() == 0 {
		p.t.Fatalf("%s: nothing matches %q:\n%.3000s", p.what, selector, p.body)
	}
	return strings.Join(strings.Fields(found.Text()), " ")
}

func (p *page) lacks(selector string) {
	p.t.Helper()
	if found := p.Find(selector); found.Length() > 0 {
		p.t.Fatalf("%s: %q matches %q", p.what, selector, strings.TrimSpace(found.First().Text()))
	}
}

// value is the value of the form field that the selector finds.
func (p *page) value(selector string) string {
	p.t.Helper()
	p.has(selector)
	v, _ := p.Find(selector).First().Attr("value")
	return v
}

// photo is a JPEG that differs by seed.
func photo(t *testing.T, seed uint8, width, height int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{uint8(x/2) ^ seed, uint8(y), 90 + seed, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
