package edge_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tagwerk/tagwerk/server/edge"
)

// BenchmarkNoop is a route that does nothing, behind everything that each request passes: what a real route is compared with.
func BenchmarkNoop(b *testing.B) {
	s := start(b, func(o *edge.Options) {
		o.Limits = []edge.Limit{{Name: "scan", Rate: 1e9, Window: time.Hour, Reason: "benchmark"}}
		o.Logger = options(b, io.Discard).Logger
	}, func(s *edge.Server) {
		s.Handle("GET", "/v1/noop/{code}", open, edge.RouteOptions{API: true, Limit: "scan"}, func(r *edge.Request) error {
			return r.Bytes(200, "application/json", []byte(`{"ok":true}`))
		})
	})
	benchmarkRoute(b, s.addr, "/v1/noop/7K3M9QXD2VHTP")
}

// BenchmarkNoopOperation is the same as a typed operation.
func BenchmarkNoopOperation(b *testing.B) {
	type input struct {
		Code string `path:"code"`
	}
	type output struct {
		Body struct {
			OK bool `json:"ok"`
		}
	}
	s := start(b, func(o *edge.Options) {
		o.Limits = []edge.Limit{{Name: "scan", Rate: 1e9, Window: time.Hour, Reason: "benchmark"}}
		o.Logger = options(b, io.Discard).Logger
	}, func(s *edge.Server) {
		api := edge.NewAPI(s, edge.APIInfo{Title: "x", Version: "1", Access: open})
		edge.Operation(api, huma.Operation{OperationID: "noop", Method: "GET", Path: "/v1/noop/{code}"}, open,
			func(context.Context, *input) (*output, error) {
				out := &output{}
				out.Body.OK = true
				return out, nil
			}, edge.RouteOptions{Limit: "scan"})
	})
	benchmarkRoute(b, s.addr, "/v1/noop/7K3M9QXD2VHTP")
}

// BenchmarkLimiter is what a limit adds to a request.
func BenchmarkLimiter(b *testing.B) {
	l, _ := limiter(b, 1e6, time.Hour)
	for b.Loop() {
		l.Allow("x", "2001:db8::")
	}
}

// benchmarkRoute asks one path over one kept connection per worker, reading each answer whole.
func benchmarkRoute(b *testing.B, addr, path string) {
	b.Helper()
	sent := []byte("GET " + path + " HTTP/1.1\r\nHost: tagwerk.example\r\nAuthorization: Bearer tech\r\nAccept-Language: de\r\n\r\n")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		for pb.Next() {
			if _, err := c.Write(sent); err != nil {
				b.Error(err)
				return
			}
			if err := readAnswer(r); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// readAnswer reads a head and the body that its Content-Length announces, without allocating.
func readAnswer(r *bufio.Reader) error {
	length, first := 0, true
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return http.ErrNotSupported
		}
		first = false
		if digits, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			for _, d := range bytes.TrimRight(digits, "\r\n") {
				length = 10*length + int(d-'0')
			}
		}
		if len(line) == 2 {
			_, err := r.Discard(length)
			return err
		}
	}
}
