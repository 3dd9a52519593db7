package edge_test

import (
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/edge"
)

// clock is a hand-moved time.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func limiter(t testing.TB, rate int, window time.Duration) (*edge.Limiter, *clock) {
	t.Helper()
	c := &clock{t: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	l, err := edge.NewLimiter([]edge.Limit{{Name: "x", Rate: rate, Window: window, Reason: "test"}}, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

func TestLimiter(t *testing.T) {
	t.Run("SEC-60 a whole rate at once, then one each interval", func(t *testing.T) {
		l, c := limiter(t, 6, time.Minute)
		for i := range 6 {
			if d := l.Allow("x", "a"); !d.OK || d.Left != 5-i {
				t.Fatalf("request %d: %+v", i, d)
			}
		}
		if d := l.Allow("x", "a"); d.OK || d.RetryAfter != 10*time.Second || d.Left != 0 || d.Reset != 10*time.Second {
			t.Errorf("seventh: %+v", d)
		}
		c.step(10*time.Second - 1)
		if l.Allow("x", "a").OK {
			t.Error("too early")
		}
		c.step(1)
		if !l.Allow("x", "a").OK || l.Allow("x", "a").OK {
			t.Error("not exactly one after the interval")
		}
		if !l.Allow("x", "b").OK {
			t.Error("another key is limited too")
		}
		c.step(time.Minute)
		if d := l.Peek("x", "a"); d.Left != 6 || d.Reset != 0 {
			t.Errorf("after the window: %+v", d)
		}
	})
	t.Run("E3 looking does not count", func(t *testing.T) {
		l, _ := limiter(t, 1, time.Minute)
		for range 5 {
			if !l.Peek("x", "a").OK {
				t.Fatal("counted")
			}
		}
		l.Allow("x", "a")
		if l.Peek("x", "a").OK {
			t.Error("used up but not seen")
		}
	})
	t.Run("N9 a clock that steps back or far ahead locks nobody out for more than the window", func(t *testing.T) {
		l, c := limiter(t, 1, time.Minute)
		l.Allow("x", "a")
		c.step(-24 * time.Hour)
		if d := l.Allow("x", "a"); d.OK || d.RetryAfter > time.Minute {
			t.Errorf("after a step back: %+v", d)
		}
		c.step(time.Minute)
		if !l.Allow("x", "a").OK {
			t.Error("locked out")
		}
		c.step(10 * 365 * 24 * time.Hour)
		if !l.Allow("x", "a").OK {
			t.Error("locked out after ten years")
		}
	})
	t.Run("SEC-60 racing requests get the rate and no more", func(t *testing.T) {
		l, _ := limiter(t, 100, time.Hour)
		var ok atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 100 {
					if l.Allow("x", "a").OK {
						ok.Add(1)
					}
				}
			})
		}
		all.Wait()
		if ok.Load() != 100 {
			t.Errorf("%d", ok.Load())
		}
	})
	t.Run("E3 a flood of addresses neither grows the table without bound nor frees everybody", func(t *testing.T) {
		l, _ := limiter(t, 1, time.Hour)
		const flood = 200_000
		for i := range flood {
			l.Allow("x", strconv.Itoa(i))
		}
		kept := 0
		for i := range flood {
			if !l.Peek("x", strconv.Itoa(i)).OK {
				kept++
			}
		}
		if kept > 65_536 || kept < 50_000 {
			t.Errorf("%d keys kept", kept)
		}
	})
	for name, table := range map[string][]edge.Limit{
		"twice":     {{Name: "a", Rate: 1, Window: time.Second, Reason: "r"}, {Name: "a", Rate: 1, Window: time.Second, Reason: "r"}},
		"no reason": {{Name: "a", Rate: 1, Window: time.Second}},
		"no rate":   {{Name: "a", Window: time.Second, Reason: "r"}},
		"no window": {{Name: "a", Rate: 1, Reason: "r"}},
	} {
		t.Run("SEC-60 refused at the start: "+name, func(t *testing.T) {
			if _, err := edge.NewLimiter(table, time.Now); err == nil {
				t.Error("accepted")
			}
		})
	}
	t.Run("SEC-6 IPv6 is counted by /64", func(t *testing.T) {
		key := func(s string) string { return edge.AddressKey(netip.MustParseAddr(s)) }
		if key("2001:db8:1:2::1") != key("2001:db8:1:2:ffff::9") || key("2001:db8:1:2::1") == key("2001:db8:1:3::1") {
			t.Error("not by /64")
		}
		if key("9.9.9.9") == key("9.9.9.8") || key("::ffff:9.9.9.9") != key("9.9.9.9") {
			t.Error("IPv4 not by address")
		}
	})
}

func TestRateOfARoute(t *testing.T) {
	s := start(t, func(o *edge.Options) {
		o.Limits = []edge.Limit{{Name: "scan", Rate: 2, Window: time.Minute, Reason: "test"}}
		o.TrustedProxies = []string{"127.0.0.0/8"}
	}, func(s *edge.Server) {
		s.Handle("GET", "/v1/scan", open, edge.RouteOptions{API: true, Limit: "scan"}, func(r *edge.Request) error { return r.Text(200, "") })
	})
	ask := func(t *testing.T, headers ...string) answer { return s.do(t, "GET", "/v1/scan", "", headers...) }
	t.Run("SEC-60 429 says when to come back", func(t *testing.T) {
		for i, want := range []struct {
			status      int
			rate, retry string
		}{{200, `"scan";r=1;t=30`, ""}, {200, `"scan";r=0;t=60`, ""}, {429, `"scan";r=0;t=30`, "30"}} {
			a := ask(t)
			if a.StatusCode != want.status || a.Header.Get("RateLimit") != want.rate || a.Header.Get("Retry-After") != want.retry || a.Header.Get("RateLimit-Policy") != `"scan";q=2;w=60` {
				t.Errorf("request %d: %d %v", i, a.StatusCode, a.Header)
			}
			if want.status == 429 {
				if code, _ := a.problem(t); code != "quota-exceeded" {
					t.Errorf("code %s", code)
				}
			}
		}
	})
	t.Run("SEC-52 SEC-60 users and networks are counted apart", func(t *testing.T) {
		for i, headers := range [][]string{
			{"Authorization: Bearer tech"}, {"Authorization: Bearer tech"}, {"X-Forwarded-For: 9.9.9.9"}, {"X-Forwarded-For: 2001:db8::1"}, {"X-Forwarded-For: 2001:db8::2"},
		} {
			if a := ask(t, headers...); a.StatusCode != 200 {
				t.Errorf("request %d: %d", i, a.StatusCode)
			}
		}
		for i, headers := range [][]string{
			{"Authorization: Bearer tech", "X-Forwarded-For: 9.9.9.7"}, {"X-Forwarded-For: 2001:db8::3"}, {"X-Forwarded-For: 1.1.1.1, 2001:db8::4"},
		} {
			if a := ask(t, headers...); a.StatusCode != 429 {
				t.Errorf("limited request %d: %d", i, a.StatusCode)
			}
		}
	})
	t.Run("SEC-60 the default table is complete", func(t *testing.T) {
		if _, err := edge.NewLimiter(edge.DefaultLimits(), time.Now); err != nil {
			t.Error(err)
		}
		l, err := edge.NewLimiter(edge.DefaultLimits(), (&clock{}).now)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 30 {
			if !l.Allow("scan_miss", "a").OK {
				t.Errorf("E3: miss %d of 30 refused", i)
			}
		}
		if l.Allow("scan_miss", "a").OK {
			t.Error("E3: miss 31 allowed")
		}
	})
}
