package edge

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// headerReceived runs before the body is read: it gives each route its body limit and read time (row 11), and cuts the body of a
// request that will be refused down to nothing, so that no byte of it is kept (SEC-47, SEC-48).
func (s *Server) headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	limit := s.bodyLimit(h.Method(), h.RequestURI())
	conf := fasthttp.RequestConfig{MaxRequestBodySize: limit}
	if limit > JSONLimit {
		conf.ReadTimeout = s.uploadTime(h.ContentLength())
	}
	refused := inspect(h) != nil
	if refused {
		conf.MaxRequestBodySize = 1
	}
	if refused || h.ContentLength() > limit {
		// Without it fasthttp would first invite the body with 100 Continue.
		h.Del(fiber.HeaderExpect)
	}
	return conf
}

// uploadSpeed is the slowest connection whose upload is waited for, in bytes a second: a weak phone network.
const uploadSpeed = 64 << 10

// uploadTime is how long a body of length bytes may take on a route for large ones; -1 is a chunked body of unknown length.
func (s *Server) uploadTime(length int) time.Duration {
	t := s.opt.Timeouts
	if length == -1 {
		return max(t.Upload, t.Read)
	}
	return max(t.Read, min(t.Upload, t.Read+time.Duration(max(length, 0)/uploadSpeed)*time.Second))
}

// inspect refuses header shapes that two parsers could read differently (SEC-46), and bodies in a coding (SEC-47). fasthttp
// v1.74.0 refuses the other shapes of reliability.md, section 0 line 2, itself; the probes in the tests hold both.
func inspect(h *fasthttp.RequestHeader) error {
	raw := h.RawHeaders()
	var length, transfer, encoding, expect bool
	for len(raw) > 0 {
		line, rest, terminated := bytes.Cut(raw, []byte("\n"))
		raw = rest
		line, carriage := bytes.CutSuffix(line, []byte("\r"))
		if !terminated || !carriage {
			return problemOf("bad_framing")
		}
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			return problemOf("bad_framing")
		}
		name, _, found := bytes.Cut(line, []byte(":"))
		if !found || len(name) == 0 {
			return problemOf("bad_framing")
		}
		switch name[0] | 0x20 {
		case 'c':
			length = length || bytes.EqualFold(name, []byte("content-length"))
			encoding = encoding || bytes.EqualFold(name, []byte("content-encoding"))
		case 't':
			transfer = transfer || bytes.EqualFold(name, []byte("transfer-encoding"))
		case 'e':
			expect = expect || bytes.EqualFold(name, []byte("expect"))
		}
		if bytes.IndexByte(name, ' ') >= 0 || bytes.IndexByte(name, '\t') >= 0 {
			return problemOf("bad_framing")
		}
	}
	switch {
	case length && transfer:
		return problemOf("bad_framing")
	case !unsafeMethod(string(h.Method())) && (transfer || h.ContentLength() > 0):
		return problemOf("bad_framing")
	case transfer && h.ContentLength() != -1: // "identity", which RFC 9112 does not know
		return problemOf("bad_framing")
	case !ownTarget(h):
		return problemOf("bad_framing")
	case encoding:
		return problemOf("content_encoding")
	case expect && !bytes.EqualFold(h.Peek(fiber.HeaderExpect), []byte("100-continue")) && len(h.Peek(fiber.HeaderExpect)) > 0:
		return problemOf("bad_request")
	}
	return nil
}

// ownTarget accepts the origin form "/path" and the absolute form whose authority is the Host (RFC 9112, 3.2). A path that begins
// with two slashes would be an authority to some readers.
func ownTarget(h *fasthttp.RequestHeader) bool {
	uri := h.RequestURI()
	if bytes.HasPrefix(uri, []byte("/")) {
		return !bytes.HasPrefix(uri, []byte("//"))
	}
	for _, scheme := range []string{"http://", "https://"} {
		if len(uri) > len(scheme) && bytes.EqualFold(uri[:len(scheme)], []byte(scheme)) {
			authority, _, _ := bytes.Cut(uri[len(scheme):], []byte("/"))
			authority, _, _ = bytes.Cut(authority, []byte("?"))
			return bytes.EqualFold(authority, h.Host())
		}
	}
	return false
}

// connections is the server's listener. It knows its open connections, so that a stop can end them after the drain budget.
type connections struct {
	net.Listener
	mu   sync.Mutex
	open map[*connection]struct{}
	over bool
}

func newConnections(ln net.Listener) *connections {
	return &connections{Listener: ln, open: map[*connection]struct{}{}}
}

// acceptPause is how long to wait for files to become free.
const acceptPause = 20 * time.Millisecond

// Accept wraps the next connection. A peer that went away in the queue, or no file left for it, must not end the server (N1);
// fasthttp would return from Serve.
func (l *connections) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	for errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		time.Sleep(acceptPause)
		c, err = l.Listener.Accept()
	}
	if err != nil {
		return nil, err
	}
	wrapped := &connection{Conn: c, owner: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	l.open[wrapped] = struct{}{}
	return wrapped, nil
}

func (l *connections) closeAll() {
	l.mu.Lock()
	l.over = true
	open := make([]net.Conn, 0, len(l.open))
	for c := range l.open {
		open = append(open, c.Conn)
	}
	l.mu.Unlock()
	for _, c := range open {
		// The peer may have closed it at the same moment; then there is nothing left to do.
		_ = c.Close()
	}
}

// connection lingers on demand: closing a socket with unread bytes sends a reset, which makes the client lose the answer.
type connection struct {
	net.Conn
	owner  *connections
	linger atomic.Bool
}

const (
	lingerBytes = 2 << 20
	lingerTime  = time.Second
	lingerPause = 20 * time.Millisecond
)

// Close closes the connection, after lingering if a refusal asked for it.
func (c *connection) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.linger.Swap(false) && half.CloseWrite() == nil {
		c.drain()
	}
	c.owner.mu.Lock()
	delete(c.owner.open, c)
	c.owner.mu.Unlock()
	return c.Conn.Close()
}

// drain reads until the peer closes, for at most lingerTime: lingerBytes at once and then only a trickle, so that a client which
// goes on sending is slowed down and looks at the answer.
func (c *connection) drain() {
	end := time.Now().Add(lingerTime)
	if c.Conn.SetReadDeadline(end) != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, c.Conn, lingerBytes); err != nil {
		return
	}
	trickle := make([]byte, 4<<10)
	for time.Now().Before(end) {
		if _, err := c.Conn.Read(trickle); err != nil {
			return
		}
		time.Sleep(lingerPause)
	}
}

func lingerOn(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if own, ok := c.(*connection); ok {
		own.linger.Store(true)
	}
}
