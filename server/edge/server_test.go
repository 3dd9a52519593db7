package edge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/edge"
)

func TestRow1StringsStayWhatTheyWere(t *testing.T) {
	var mu sync.Mutex
	var kept, want []string
	s := start(t, nil, func(s *edge.Server) {
		s.Handle("POST", "/t/{code}", open, edge.RouteOptions{API: true, ContentTypes: []string{"application/x-www-form-urlencoded"}}, func(r *edge.Request) error {
			mu.Lock()
			defer mu.Unlock()
			kept = append(kept, r.Param("code"), r.Query("q"), r.Header("X-Name"), r.FormValue("f"), r.Path(), r.Host(), string(r.BodyRaw()), edge.HostFrom(r.Context()))
			return nil
		})
	})
	t.Run("row 1 SEC-58 params, query, headers, forms and bodies outlive the request", func(t *testing.T) {
		// One connection, so that each request is read into the same buffer.
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var sent strings.Builder
		for i := range 50 {
			v := fmt.Sprintf("%c%03d", 'A'+i%26, i)
			fmt.Fprintf(&sent, "POST /t/%s?q=%s HTTP/1.1\r\nHost: %s\r\nX-Name: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\n", v, v, v, v)
			if i == 49 {
				sent.WriteString("Connection: close\r\n")
			}
			fmt.Fprintf(&sent, "\r\nf=%s", v)
			want = append(want, v, v, v, v, "/t/"+v, v, "f="+v, v)
		}
		if _, err := io.WriteString(c, sent.String()); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(c); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(kept, want) {
			t.Errorf("kept %v", kept)
		}
	})
}

func TestContextOfARequest(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	var during error
	s := start(t, func(o *edge.Options) { o.Timeouts.Handle = 50 * time.Millisecond }, func(s *edge.Server) {
		s.Handle("GET", "/v1/slow", open, edge.RouteOptions{API: true}, func(r *edge.Request) error {
			<-r.Context().Done()
			return fmt.Errorf("reading: %w", r.Context().Err())
		})
		s.Handle("GET", "/v1/id", open, edge.RouteOptions{API: true}, func(r *edge.Request) error {
			return r.Text(200, r.ID())
		})
	})
	t.Run("row 3 row 5 SEC-49 the deadline ends a handler", func(t *testing.T) {
		a := s.do(t, "GET", "/v1/slow", "")
		if code, _ := a.problem(t); a.StatusCode != 503 || code != "deadline" {
			t.Errorf("%d %s", a.StatusCode, code)
		}
	})
	t.Run("the request id is logged and never the client's", func(t *testing.T) {
		a := s.do(t, "GET", "/v1/id", "", "X-Request-Id: mine")
		if len(a.body) != 32 || a.body != a.Header.Get("X-Request-Id") || !strings.Contains(s.log.String(), a.body) {
			t.Errorf("id %q, header %q", a.body, a.Header.Get("X-Request-Id"))
		}
	})
	t.Run("row 4 N5 a stop lets the running request work on and answer", func(t *testing.T) {
		s := start(t, nil, func(s *edge.Server) {
			s.Handle("GET", "/v1/work", open, edge.RouteOptions{API: true}, func(r *edge.Request) error {
				close(begun)
				<-release
				during = r.Context().Err()
				return r.Text(200, "done")
			})
		})
		got := make(chan answer, 1)
		go func() { got <- s.do(t, "GET", "/v1/work", "") }()
		<-begun
		stopped := make(chan error, 1)
		go func() { stopped <- s.stop() }()
		// The listener closes first, so a refused connection tells that the stop has begun.
		for {
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				break
			}
			c.Close()
			time.Sleep(time.Millisecond)
		}
		close(release)
		if a := <-got; a.StatusCode != 200 || a.body != "done" || during != nil {
			t.Errorf("%d %q, context in the drain: %v", a.StatusCode, a.body, during)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	t.Run("row 4 a request that outlasts the drain budget is cut off", func(t *testing.T) {
		begun, ended := make(chan struct{}), make(chan error, 1)
		s := start(t, func(o *edge.Options) {
			o.Timeouts.Read, o.Timeouts.Drain, o.Timeouts.Handle = 50*time.Millisecond, 100*time.Millisecond, time.Minute
		}, func(s *edge.Server) {
			s.Handle("GET", "/v1/stuck", open, edge.RouteOptions{API: true}, func(r *edge.Request) error {
				close(begun)
				<-r.Context().Done()
				ended <- r.Context().Err()
				return nil
			})
		})
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET /v1/stuck HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-begun
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("context ended with %v", err)
		}
	})
	t.Run("row 6 a half-sent request does not hold the stop beyond the read timeout", func(t *testing.T) {
		s := start(t, func(o *edge.Options) { o.Timeouts.Read = 300 * time.Millisecond }, nil)
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHo"); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := s.stop(); err != nil || time.Since(begin) > 2*time.Second {
			t.Errorf("stopped after %v: %v", time.Since(begin), err)
		}
	})
	t.Run("N5 a kept connection without a request does not hold the stop", func(t *testing.T) {
		s := start(t, nil, nil)
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if a := read(t, res); a.StatusCode != 200 {
			t.Fatalf("%d", a.StatusCode)
		}
		begin := time.Now()
		if err := s.stop(); err != nil || time.Since(begin) > time.Second {
			t.Errorf("stopped after %v: %v", time.Since(begin), err)
		}
	})
	t.Run("row 7 a stop before the start ends the server", func(t *testing.T) {
		s, err := edge.New(options(t, io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Listen(ctx, ln); err != nil {
			t.Error(err)
		}
		if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
			c.Close()
			t.Error("still listening")
		}
	})
	t.Run("N1 no file left for a connection does not end the server", func(t *testing.T) {
		s, err := edge.New(options(t, io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- s.Listen(ctx, &short{Listener: ln, causes: []error{syscall.EMFILE, syscall.ECONNABORTED}})
		}()
		a := (&server{Server: s, addr: ln.Addr().String()}).do(t, "GET", "/healthz", "")
		cancel()
		if err := <-done; a.StatusCode != 200 || err != nil {
			t.Errorf("%d, %v", a.StatusCode, err)
		}
	})
	t.Run("a listener that breaks is told", func(t *testing.T) {
		s, err := edge.New(options(t, io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Listen(t.Context(), &short{Listener: ln, causes: []error{syscall.EIO}}); !errors.Is(err, syscall.EIO) {
			t.Errorf("%v", err)
		}
	})
	t.Run("row 19 IPv6 works", func(t *testing.T) {
		ln, err := net.Listen("tcp", "[::1]:0")
		if err != nil {
			t.Skip("this machine has no IPv6 loopback")
		}
		s, err := edge.New(options(t, io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Listen(ctx, ln) }()
		a := (&server{Server: s, addr: ln.Addr().String()}).do(t, "GET", "/healthz", "")
		cancel()
		if err := <-done; a.StatusCode != 200 || err != nil {
			t.Errorf("%d, %v", a.StatusCode, err)
		}
	})
}

// short is a listener that fails at first.
type short struct {
	net.Listener
	causes []error
}

// Accept fails with each cause once.
func (l *short) Accept() (net.Conn, error) {
	if len(l.causes) > 0 {
		err := l.causes[0]
		l.causes = l.causes[1:]
		return nil, &net.OpError{Op: "accept", Err: err}
	}
	return l.Listener.Accept()
}

func TestRouting(t *testing.T) {
	s := start(t, nil, func(s *edge.Server) {
		s.Handle("GET", "/t/{code}", open, edge.RouteOptions{API: true}, func(r *edge.Request) error { return r.Text(200, r.Param("code")) })
		s.Handle("GET", "/assets/{file...}", open, edge.RouteOptions{NoViewer: true}, func(r *edge.Request) error {
			r.CachePublic()
			return r.Text(200, r.Param("file"))
		})
		s.Handle("POST", "/only/post", open, edge.RouteOptions{API: true}, func(r *edge.Request) error { return r.NoContent() })
	})
	for _, row := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/t/A%20B", 200, "A B"},
		{"GET", "/t/A%2FB", 200, "A/B"},
		{"GET", "/t/a+b", 200, "a+b"},
		{"GET", "/t/a%252Fb", 200, "a%2Fb"},
		{"GET", "/t/%C3%A5", 200, "å"},
		{"GET", "/t/%61", 200, "a"},
		{"GET", "/t/x;y=1", 200, "x;y=1"},
		{"GET", "/t/..", 200, ".."},
		{"GET", "/t/%ff", 404, ""},
		{"GET", "/t/a%00b", 404, ""},
		{"GET", "/T/x", 404, ""},
		{"GET", "/t/x/", 404, ""},
		{"GET", "/t/", 404, ""},
		{"GET", "/t//x", 404, ""},
		{"GET", "/%74/x", 404, ""},
		{"GET", "/a/../t/x", 404, ""},
		{"GET", "/assets/css/app.1.css", 200, "css/app.1.css"},
		{"HEAD", "/t/x", 200, ""},
		{"OPTIONS", "/t/x", 405, ""},
		{"POST", "/t/x", 405, ""},
		{"GET", "/only/post", 405, ""},
		{"TRACE", "/t/x", 405, ""},
		{"PROPFIND", "/t/x", 405, ""},
	} {
		t.Run("row 13 row 14 A5 SEC-51 "+row.method+" "+row.path, func(t *testing.T) {
			got, _ := s.raw(t, row.method+" "+row.path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 4*time.Second)
			_, body, _ := strings.Cut(got, "\r\n\r\n")
			if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", row.status)) || strings.Count(got, "HTTP/1.1") != 1 {
				t.Fatalf("answered: %s", got)
			}
			if row.status == 200 && body != row.body {
				t.Errorf("body %q, want %q", body, row.body)
			}
			if row.status != 200 && !strings.Contains(body, `"code":"`) {
				t.Errorf("no problem: %q", body)
			}
		})
	}
	t.Run("A5 SEC-51 no header overrides the method", func(t *testing.T) {
		a := s.do(t, "GET", "/only/post", "", "X-HTTP-Method-Override: POST", "X-HTTP-Method: POST", "X-Method-Override: POST")
		if a.StatusCode != 405 || a.Header.Get("Allow") != "POST" {
			t.Errorf("%d, Allow %q", a.StatusCode, a.Header.Get("Allow"))
		}
	})
	t.Run("row 27 assets are kept, everything else is not", func(t *testing.T) {
		if got := s.do(t, "GET", "/assets/x", "").Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("asset: %q", got)
		}
		if got := s.do(t, "GET", "/t/x", "").Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("page: %q", got)
		}
	})
}

func TestRow8ForwardedHostIsNotBelieved(t *testing.T) {
	s := start(t, func(o *edge.Options) { o.TrustedProxies = []string{"127.0.0.0/8"} }, func(s *edge.Server) {
		s.Handle("GET", "/v1/x", open, edge.RouteOptions{API: true}, func(r *edge.Request) error {
			return r.Text(200, r.Host()+" "+s.PublicURL("/t/x"))
		})
	})
	t.Run("row 8 SEC-53 links come from the configuration", func(t *testing.T) {
		a := s.do(t, "GET", "/v1/x", "", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: http", "Forwarded: host=evil.example", "X-Forwarded-Protocol: http", "X-Url-Scheme: http", "Host: branch.example")
		if a.body != "branch.example https://tagwerk.example/t/x" {
			t.Errorf("%q", a.body)
		}
		a = s.do(t, "GET", "/v1/none", "", "X-Forwarded-Host: evil.example", "Host: evil.example")
		if strings.Contains(a.body, "evil") {
			t.Errorf("problem with a foreign host: %s", a.body)
		}
	})
}

func TestClientIP(t *testing.T) {
	for _, row := range []struct {
		name, proxies string
		forwarded     []string
		want          string
	}{
		{"no proxy is configured", "", []string{"9.9.9.9"}, "127.0.0.1"},
		{"the peer is no proxy", "10.0.0.0/8", []string{"9.9.9.9"}, "127.0.0.1"},
		{"one proxy", "127.0.0.0/8", []string{"9.9.9.9"}, "9.9.9.9"},
		{"the client made the left end", "127.0.0.0/8", []string{"1.1.1.1, 9.9.9.9"}, "9.9.9.9"},
		{"two proxies", "127.0.0.0/8 10.0.0.0/8", []string{"1.1.1.1, 9.9.9.9, 10.1.2.3"}, "9.9.9.9"},
		{"several lines", "127.0.0.0/8 10.0.0.0/8", []string{"1.1.1.1, 9.9.9.9", "10.1.2.3"}, "9.9.9.9"},
		{"only proxies", "127.0.0.0/8 10.0.0.0/8", []string{"10.1.2.3"}, "10.1.2.3"},
		{"no address", "127.0.0.0/8", []string{"9.9.9.9, unknown"}, "127.0.0.1"},
		{"an empty entry", "127.0.0.0/8", []string{"9.9.9.9,"}, "127.0.0.1"},
		{"with port", "127.0.0.0/8", []string{"9.9.9.9:4711"}, "9.9.9.9"},
		{"IPv6", "127.0.0.0/8", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 with port", "127.0.0.0/8", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"mapped", "127.0.0.0/8", []string{"::ffff:9.9.9.9"}, "9.9.9.9"},
		{"absent", "127.0.0.0/8", nil, "127.0.0.1"},
	} {
		t.Run("row 9 SEC-52 "+row.name, func(t *testing.T) {
			s := start(t, func(o *edge.Options) { o.TrustedProxies = strings.Fields(row.proxies) }, func(s *edge.Server) {
				s.Handle("GET", "/v1/ip", open, edge.RouteOptions{API: true}, func(r *edge.Request) error {
					return r.Text(200, r.ClientIP().String()+edge.ClientIPFrom(r.Context()).String())
				})
			})
			var headers []string
			for _, f := range row.forwarded {
				headers = append(headers, "X-Forwarded-For: "+f)
			}
			if a := s.do(t, "GET", "/v1/ip", "", headers...); a.body != row.want+row.want {
				t.Errorf("got %q, want %q twice", a.body, row.want)
			}
		})
	}
	for _, bad := range []string{"10.0.0.1", "10.0.0.1/8", "proxy.example", "", "0.0.0.0/0", "::/0", "10.0.0.0/33"} {
		t.Run(fmt.Sprintf("row 9 proxy %q is refused at the start", bad), func(t *testing.T) {
			o := options(t, io.Discard)
			o.TrustedProxies = []string{bad}
			if _, err := edge.New(o); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestRow10NothingIsDecompressed(t *testing.T) {
	s := start(t, nil, func(s *edge.Server) {
		s.Handle("POST", "/v1/x", open, edge.RouteOptions{API: true, ContentTypes: []string{"multipart/form-data"}}, func(r *edge.Request) error {
			f, err := r.Form()
			if err != nil {
				return err
			}
			return r.Text(200, fmt.Sprintf("%d values, %d files, %v", len(f.Values), len(f.Files), f.Values["a"]))
		})
	})
	part := func(name, more, data string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"" + more + "\r\n\r\n" + data + "\r\n"
	}
	for _, row := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"a field and a file", part("a", "", "1") + part("f", `; filename="../../x.jpg"`, "\xff\xd8") + "--b--\r\n", 200, "1 values, 1 files, [1]"},
		{"20 parts", strings.Repeat(part("a", "", ""), edge.PartLimit) + "--b--\r\n", 200, "1 values, 0 files, [                   ]"},
		{"21 parts", strings.Repeat(part("a", "", ""), edge.PartLimit+1) + "--b--\r\n", 400, ""},
		{"broken UTF-8", part("a", "", "\xff") + "--b--\r\n", 400, ""},
		{"no end", part("a", "", "1"), 400, ""},
		{"a coding of a part is not undone", part("a", "\r\nContent-Encoding: gzip", "\x1f") + "--b--\r\n", 200, "1 values, 0 files, [\x1f]"},
	} {
		t.Run("row 10 row 11 U1 SEC-48 multipart: "+row.name, func(t *testing.T) {
			a := s.do(t, "POST", "/v1/x", row.body, "Content-Type: multipart/form-data; boundary=b")
			if a.StatusCode != row.status || (row.status == 200 && a.body != row.want) {
				t.Errorf("%d %q", a.StatusCode, a.body)
			}
		})
	}
	t.Run("SEC-48 too many urlencoded fields", func(t *testing.T) {
		form := start(t, nil, func(s *edge.Server) {
			s.Handle("POST", "/f", open, edge.RouteOptions{}, func(r *edge.Request) error {
				if _, err := r.Form(); err != nil {
					return err
				}
				return r.Text(200, r.FormValue("a"))
			})
		})
		const kind = "Content-Type: application/x-www-form-urlencoded"
		if a := form.do(t, "POST", "/f", strings.Repeat("a=1&", edge.FormFields), kind); a.StatusCode != 400 {
			t.Errorf("%d", a.StatusCode)
		}
		if a := form.do(t, "POST", "/f", url.Values{"a": {"å&="}}.Encode(), kind); a.body != "å&=" {
			t.Errorf("%q", a.body)
		}
		for _, other := range []string{"application/json", "text/plain", "multipart/form-data; boundary=b", "application/x-www-form-urlencoded; charset=latin1", ""} {
			if a := form.do(t, "POST", "/f", "a=1", "Content-Type: "+other); a.StatusCode != http.StatusUnsupportedMediaType {
				t.Errorf("row 12 SEC-41 %q: %d", other, a.StatusCode)
			}
		}
	})
}
