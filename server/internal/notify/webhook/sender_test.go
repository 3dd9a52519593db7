package webhook_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/tagwerk/tagwerk/server/internal/notify/webhook"
	"github.com/tagwerk/tagwerk/server/signing"
)

// resolver answers each name with the addresses that answer gives.
func resolver(t *testing.T, answer func(name string) []string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer ours.Close()
			for {
				var size [2]byte
				if _, err := io.ReadFull(ours, size[:]); err != nil {
					return
				}
				query := make([]byte, int(size[0])<<8|int(size[1]))
				if _, err := io.ReadFull(ours, query); err != nil {
					return
				}
				reply := dnsReply(t, query, answer)
				if _, err := ours.Write(append([]byte{byte(len(reply) >> 8), byte(len(reply))}, reply...)); err != nil {
					return
				}
			}
		}()
		return theirs, nil
	}}
}

func dnsReply(t *testing.T, query []byte, answer func(name string) []string) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		t.Error(err)
		return nil
	}
	q := m.Questions[0]
	m.Header.Response, m.Header.RecursionAvailable, m.Additionals = true, true, nil
	for _, s := range answer(q.Name.String()) {
		head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch a := netip.MustParseAddr(s); {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	reply, err := m.Pack()
	if err != nil {
		t.Error(err)
	}
	return reply
}

func message() webhook.Message {
	return webhook.Message{ID: "n1", At: time.Unix(1_800_000_000, 0), Body: []byte(`{"type":"tag.blocked"}`), Secrets: [][]byte{[]byte("0123456789abcdef01234567")}}
}

func networks(t *testing.T, list string) []netip.Prefix {
	t.Helper()
	n, err := webhook.ParseNetworks(list)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// counting is a server on loopback, over TLS or not, that counts what reaches it.
func counting(t *testing.T, secure bool) (port string, hits *atomic.Int32) {
	t.Helper()
	hits = new(atomic.Int32)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			hits.Add(1)
		}
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, hits
}

func TestSpellings(t *testing.T) {
	port, hits := counting(t, true)
	plain, plainHits := counting(t, false)
	s := webhook.NewSender(webhook.Options{Resolver: resolver(t, func(string) []string { return []string{"127.0.0.1", "::1"} })})
	defer s.Close()
	var addresses []string
	for _, host := range []string{
		"127.0.0.1", "127.1", "127.0.1", "127.000.000.001", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001", "127.0.0.1.", "0", "0.0.0.0", "127.127.127.127",
		"localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "ip6-localhost", "internal.example.com", "127.0.0.1.nip.io", "xn--localhost", "ｌｏｃａｌｈｏｓｔ", "①②⑦.⓪.⓪.①",
		"[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]",
		"[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]", "[::1%25lo]", "[fd00::1]", "[ff02::1]", "[2001:db8::1]",
		"10.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1", "192.168.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255",
	} {
		addresses = append(addresses, "https://"+host+":"+port+"/hook", "http://"+host+":"+plain+"/hook")
	}
	addresses = append(addresses,
		"https://user@127.0.0.1:"+port, "https://example.com@127.0.0.1:"+port, "https://127.0.0.1:"+port+"#@example.com", `https://example.com\@127.0.0.1:`+port,
		"ftp://127.0.0.1:"+port, "file:///etc/passwd", "gopher://127.0.0.1:"+port+"/_", "unix:///run/docker.sock", "//127.0.0.1:"+port, "127.0.0.1:"+port, "https:127.0.0.1", "https://", "", " https://127.0.0.1:"+port,
		"https://127.0.0.1:"+port+"\r\nHost: x", "HTTPS://127.0.0.1:"+port, "https:///127.0.0.1:"+port)
	for _, address := range addresses {
		t.Run("SEC-81 "+address, func(t *testing.T) {
			a := s.Post(t.Context(), address, message())
			if a.Verdict != webhook.Retry || a.Trouble != webhook.BadAddress && a.Trouble != webhook.Unreachable {
				t.Errorf("%+v", a)
			}
		})
	}
	if hits.Load() != 0 || plainHits.Load() != 0 {
		t.Errorf("%d and %d reached a server of this machine", hits.Load(), plainHits.Load())
	}
	t.Run("SEC-81 with the operator's list the same spellings would reach it", func(t *testing.T) {
		open := webhook.NewSender(webhook.Options{Networks: networks(t, "127.0.0.0/8"), Resolver: resolver(t, func(string) []string { return []string{"127.0.0.1"} })})
		defer open.Close()
		for i, host := range []string{"127.0.0.1", "internal.example.com", "[::ffff:127.0.0.1]"} {
			if a := open.Post(t.Context(), "http://"+host+":"+plain+"/hook", message()); a.Verdict != webhook.Delivered || plainHits.Load() <= int32(i) {
				t.Errorf("%s: %+v", host, a)
			}
		}
	})
}

func TestRebinding(t *testing.T) {
	var hits [2]atomic.Int32
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	outer, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatal(err)
	}
	for i, ln := range []net.Listener{inner, outer} {
		s := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits[i].Add(1) })}}
		s.Start()
		defer s.Close()
	}
	var stands atomic.Pointer[[]string]
	s := webhook.NewSender(webhook.Options{Networks: networks(t, "127.0.0.2"), Resolver: resolver(t, func(string) []string { return *stands.Load() })})
	post := func(addresses ...string) webhook.Answer {
		stands.Store(&addresses)
		s.Close() // so that the next post dials
		return s.Post(t.Context(), "http://hook.example.com:"+port, message())
	}
	t.Run("SEC-81 a name that stands for an allowed address is posted to", func(t *testing.T) {
		if a := post("127.0.0.2"); a.Verdict != webhook.Delivered || hits[1].Load() != 1 {
			t.Errorf("%+v", a)
		}
	})
	t.Run("SEC-81 once it stands for an inner one it is not, although it was right before", func(t *testing.T) {
		if a := post("127.0.0.1"); a.Trouble != webhook.BadAddress {
			t.Errorf("%+v", a)
		}
	})
	t.Run("SEC-81 of several addresses only allowed ones are dialled", func(t *testing.T) {
		for range 20 {
			post("127.0.0.1", "127.0.0.2", "::1")
		}
		if hits[0].Load() != 0 || hits[1].Load() != 21 {
			t.Errorf("inner %d, outer %d", hits[0].Load(), hits[1].Load())
		}
	})
}

// receiver is an https server on loopback, and a sender that may reach and trusts it.
func receiver(t *testing.T, h http.HandlerFunc) (address string, s *webhook.Sender) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	s = webhook.NewSender(webhook.Options{Networks: networks(t, "127.0.0.0/8"), Roots: roots})
	t.Cleanup(s.Close)
	return server.URL + "/hook?token=geheim", s
}

func TestPost(t *testing.T) {
	m := message()
	t.Run("SEC-82 a receiver can check who sent it", func(t *testing.T) {
		var got http.Header
		var body []byte
		address, s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Clone()
			body, _ = io.ReadAll(r.Body)
			if r.Method != http.MethodPost || r.URL.Path != "/hook" || r.URL.RawQuery != "token=geheim" || r.Header.Get("Authorization") != "" {
				t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
			}
			w.WriteHeader(http.StatusNoContent)
		})
		two := m
		two.Secrets = append([][]byte{[]byte("another-secret-of-24-byte")}, m.Secrets...)
		if a := s.Post(t.Context(), address, two); a.Verdict != webhook.Delivered {
			t.Fatalf("%+v", a)
		}
		for _, secret := range two.Secrets {
			if err := signing.Verify([][]byte{secret}, got.Get("webhook-id"), got.Get("webhook-timestamp"), got.Get("webhook-signature"), body, m.At); err != nil {
				t.Error(err)
			}
		}
		if got.Get("webhook-id") != m.ID || got.Get("Content-Type") != "application/json" || len(strings.Fields(got.Get("webhook-signature"))) != 2 {
			t.Errorf("%v", got)
		}
	})
	for status, want := range map[int]webhook.Verdict{200: webhook.Delivered, 201: webhook.Delivered, 202: webhook.Delivered, 299: webhook.Delivered, 410: webhook.Gone,
		301: webhook.Retry, 307: webhook.Retry, 308: webhook.Retry, 304: webhook.Retry, 400: webhook.Retry, 401: webhook.Retry, 404: webhook.Retry, 429: webhook.Retry, 500: webhook.Retry, 503: webhook.Retry} {
		t.Run(fmt.Sprint("SEC-80 SEC-82 answer ", status), func(t *testing.T) {
			var hits atomic.Int32
			address, s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
				hits.Add(1)
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("Retry-After", "90")
				w.WriteHeader(status)
			})
			a := s.Post(t.Context(), address, m)
			if a.Verdict != want || hits.Load() != 1 || (a.Err != nil) != (want != webhook.Delivered) {
				t.Errorf("%+v after %d requests", a, hits.Load())
			}
			if want == webhook.Retry && (a.Trouble != webhook.Refused || a.After != 90*time.Second) {
				t.Errorf("%+v", a)
			}
		})
	}
	for after, want := range map[string]time.Duration{"": 0, "soon": 0, "-5": 0, "99999999999999999999": 0, "4000000000": time.Hour, "7": 7 * time.Second,
		m.At.Add(2 * time.Minute).UTC().Format(http.TimeFormat): 2 * time.Minute, m.At.Add(-time.Minute).UTC().Format(http.TimeFormat): 0} {
		t.Run("SEC-80 asked to wait "+after, func(t *testing.T) {
			address, s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", after)
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			if a := s.Post(t.Context(), address, m); a.After != want {
				t.Errorf("%v", a.After)
			}
		})
	}
}

func TestHostile(t *testing.T) {
	m := message()
	t.Run("SEC-80 of an endless answer a little is read", func(t *testing.T) {
		var sent atomic.Int64
		address, s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			chunk := make([]byte, 32<<10)
			for range 4096 { // 128 MiB
				n, err := w.Write(chunk)
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		})
		a := s.Post(t.Context(), address, m)
		s.Close()
		if a.Verdict != webhook.Delivered || sent.Load() > 8<<20 {
			t.Errorf("%+v after %d bytes", a, sent.Load())
		}
	})
	t.Run("SEC-80 an endless header is no answer", func(t *testing.T) {
		address, s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			for i := range 64 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("a", 8<<10))
			}
		})
		if a := s.Post(t.Context(), address, m); a.Verdict != webhook.Retry || a.Trouble != webhook.Unreachable {
			t.Errorf("%+v", a)
		}
	})
	t.Run("SEC-80 a receiver that hangs is left at the deadline", func(t *testing.T) {
		end := make(chan struct{})
		address, s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-end:
			}
		})
		defer close(end)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if a := s.Post(ctx, address, m); a.Verdict != webhook.Retry || a.Trouble != webhook.Unreachable || time.Since(begin) > 5*time.Second {
			t.Errorf("%+v after %v", a, time.Since(begin))
		}
	})
	t.Run("SEC-80 a certificate that nobody vouches for is no receiver", func(t *testing.T) {
		port, _ := counting(t, true)
		s := webhook.NewSender(webhook.Options{Networks: networks(t, "127.0.0.0/8"), Roots: x509.NewCertPool()})
		defer s.Close()
		if a := s.Post(t.Context(), "https://127.0.0.1:"+port, m); a.Verdict != webhook.Retry || a.Trouble != webhook.Unreachable {
			t.Errorf("%+v", a)
		}
	})
	t.Run("SEC-80 old TLS is no receiver", func(t *testing.T) {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		server.StartTLS()
		defer server.Close()
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		s := webhook.NewSender(webhook.Options{Networks: networks(t, "127.0.0.0/8"), Roots: roots})
		defer s.Close()
		if a := s.Post(t.Context(), server.URL, m); a.Trouble != webhook.Unreachable {
			t.Errorf("%+v", a)
		}
	})
	t.Run("SEC-92 the log learns the reason and not the address, which may hold a secret", func(t *testing.T) {
		s := webhook.NewSender(webhook.Options{Networks: networks(t, "127.0.0.0/8")})
		defer s.Close()
		for _, address := range []string{"https://127.0.0.1:1/hook/geheim?token=geheim", "https://10.0.0.1/geheim", "https://127.0.0.1:bad/geheim", "ftp://geheim/"} {
			if a := s.Post(t.Context(), address, m); a.Err == nil || strings.Contains(a.Err.Error(), "geheim") {
				t.Errorf("%v", a.Err)
			}
		}
	})
	t.Run("SEC-81 a proxy of the environment is not asked", func(t *testing.T) {
		port, hits := counting(t, false)
		for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
			t.Setenv(name, "http://127.0.0.1:"+port)
		}
		s := webhook.NewSender(webhook.Options{Resolver: resolver(t, func(string) []string { return []string{"10.0.0.1"} })})
		defer s.Close()
		for _, scheme := range []string{"http", "https"} {
			if a := s.Post(t.Context(), scheme+"://hook.example.com", m); a.Trouble != webhook.BadAddress || hits.Load() != 0 {
				t.Errorf("%+v, %d requests", a, hits.Load())
			}
		}
	})
}
