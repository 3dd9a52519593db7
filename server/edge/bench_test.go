package edge_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
)

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
		// The first answer is parsed, the others have its length but for the digits of the rate, which are looked for by their end.
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
			_, err := io.CopyN(io.Discard, r, int64(length))
			return err
		}
	}
}
