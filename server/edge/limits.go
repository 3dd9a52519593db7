package edge

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tagwerk/tagwerk/server/identity"
)

// Sizes of requests (SEC-48, SEC-60), in bytes unless said otherwise. Each is held by a test of its name.
const (
	// HeaderLimit bounds the head of a request: enough for one opaque cookie and what proxies add, too little to fill memory.
	HeaderLimit = 16 << 10
	// JSONLimit bounds a body where the route does not ask for more: the largest form is a report of a few thousand signs.
	JSONLimit = 64 << 10
	// PhotoLimit is for routes that take one photo: 12 MiB, a 12 MP JPEG of the best quality, and room for the form around it.
	PhotoLimit = 12<<20 + 64<<10
	// PartLimit is the number of parts in a multipart body: five photos and their fields with room.
	PartLimit = 20
	// FormFields is the number of fields in an urlencoded body.
	FormFields = 200
	// DepthLimit is how deep JSON may nest; our own deepest body has 5 levels.
	DepthLimit = 32
)

// Limit is one line of the table of rates (SEC-60): Rate requests in a Window, which may also come all at once.
type Limit struct {
	Name   string
	Rate   int
	Window time.Duration
	// Reason says why the rate is what it is.
	Reason string
}

// DefaultLimits is the table of rates. Tries of passwords and codes are counted by identity, in the store (SEC-29, SEC-30).
func DefaultLimits() []Limit {
	return []Limit{
		{"api", 600, time.Minute, "an app that syncs; ten a second from one user is a loop"},
		{"page", 300, time.Minute, "a person clicks at most once a second; the rest is prefetching"},
		{"scan", 120, time.Minute, "a technician with a wedge scanner reads one label every half second"},
		{"scan_miss", 30, time.Minute, "E3: unknown codes of one address; people mistype a few, guessers need millions"},
		{"scan_miss_total", 1200, time.Minute, "E3: unknown codes of all addresses together, against guessing from many"},
		{"photo", 30, time.Minute, "decoding costs up to 0.5 s of a core (SEC-11)"},
		{"photo_stranger", 6, time.Minute, "a finder photographs one label; decoding is the costliest thing a stranger may ask for (SEC-11)"},
		{"report", 30, 10 * time.Minute, "a person describes at most a few faults in ten minutes (SEC-67)"},
		{"found", 5, time.Hour, "a finder writes once; five leave room for a bunch of fobs and a second thought"},
		{"found_total", 120, time.Hour, "finders of all addresses together: staff read each message, and a flood must not bury the rest"},
		{"tag_list", 10, time.Minute, "a list of 20,000 tags costs seconds of a core, coming in or going out (SEC-73)"},
		{"sheet", 10, time.Minute, "a label sheet costs up to a second of a core (SEC-73)"},
		{"sign_in_address", 60, 15 * time.Minute, "B1: one password tried on many accounts from one address"},
	}
}

// maxKeys bounds the memory of a limit to about 2 MB: 65,536 keys at once.
const (
	limitShards  = 16
	keysPerShard = 4096
)

// Limiter counts by the generic cell rate algorithm, in memory and per instance (row 21): with n instances behind a proxy a
// client has up to n times the rate. It is safe for concurrent use.
type Limiter struct {
	now    func() time.Time
	epoch  time.Time
	seed   maphash.Seed
	limits map[string]*limitState
}

type limitState struct {
	Limit
	policy   string
	interval int64 // ns between two requests at the full rate
	window   int64
	shards   [limitShards]limitShard
}

type limitShard struct {
	mu sync.Mutex
	// until holds, for each hashed key, when all that it used will be given back, in ns since the epoch of the limiter.
	until map[uint64]int64
}

// Decision is the answer to one request.
type Decision struct {
	OK bool
	// Left is how many more may come now, Reset when the whole rate is free again, RetryAfter when the next may come (0 if OK;
	// otherwise Reset says the same).
	Left              int
	Reset, RetryAfter time.Duration

	limit *limitState
}

// NewLimiter checks the table: names unique, rates and windows above zero, a reason each.
func NewLimiter(table []Limit, now func() time.Time) (*Limiter, error) {
	l := &Limiter{now: now, epoch: now(), seed: maphash.MakeSeed(), limits: map[string]*limitState{}}
	for _, row := range table {
		if row.Name == "" || row.Rate <= 0 || row.Window < time.Duration(row.Rate) || row.Reason == "" || l.limits[row.Name] != nil {
			return nil, fmt.Errorf("edge: limit %q is incomplete or stands twice", row.Name)
		}
		state := &limitState{Limit: row, interval: int64(row.Window) / int64(row.Rate), window: int64(row.Window),
			policy: fmt.Sprintf("%q;q=%d;w=%d", row.Name, row.Rate, max(1, int(row.Window.Seconds())))}
		for i := range state.shards {
			state.shards[i].until = map[uint64]int64{}
		}
		l.limits[row.Name] = state
	}
	return l, nil
}

func (l *Limiter) state(name string) *limitState { return l.limits[name] }

// Allow counts one request of key under the limit called name. It panics if there is no such limit, which is a wiring error.
func (l *Limiter) Allow(name, key string) Decision {
	return l.decide(l.must(name), maphash.String(l.seed, key), true)
}

// Peek is Allow without counting: a caller that counts misses only asks it before the look-up, so that a guesser whose misses
// are used up is turned away before he can hit.
func (l *Limiter) Peek(name, key string) Decision {
	return l.decide(l.must(name), maphash.String(l.seed, key), false)
}

// AddressKey is the key of a client's address: IPv6 is counted by /64.
func AddressKey(a netip.Addr) string { return Network(a).String() }

func (l *Limiter) must(name string) *limitState {
	if s := l.limits[name]; s != nil {
		return s
	}
	panic("edge: no limit is called " + name)
}

func (l *Limiter) decide(s *limitState, key uint64, count bool) Decision {
	now := int64(l.now().Sub(l.epoch))
	shard := &s.shards[key%limitShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	until := max(shard.until[key], now)
	if until > now+s.window {
		// Only a clock that stepped back gets here (N9); it must not lock anybody out for longer than the window.
		until = now + s.window
		shard.until[key] = until
	}
	next := until + s.interval
	d := Decision{OK: next <= now+s.window, limit: s}
	if d.OK && count {
		if len(shard.until) >= keysPerShard {
			shard.makeRoom(now)
		}
		shard.until[key] = next
		until = next
	}
	d.Left = int((now + s.window - until) / s.interval)
	d.Reset = time.Duration(until - now)
	if !d.OK {
		// The draft wants Retry-After no earlier than the reset, so a refusal names the same moment for both.
		d.RetryAfter = time.Duration(next - s.window - now)
		d.Reset = d.RetryAfter
	}
	return d
}

// makeRoom drops what has run out, and if all is in use a few arbitrary keys: under a flood from more addresses than fit, memory
// stays bounded and the limits of all addresses together (scan_miss_total) hold.
func (s *limitShard) makeRoom(now int64) {
	for k, until := range s.until {
		if until <= now {
			delete(s.until, k)
		}
	}
	for k := range s.until {
		if len(s.until) < keysPerShard*7/8 {
			return
		}
		delete(s.until, k)
	}
}

// count applies a route's limit, by user or by network.
func (s *Server) count(r *Request, limit *limitState) error {
	var key uint64
	if r.viewer.Kind != identity.Stranger {
		key = maphash.String(s.limiter.seed, r.viewer.User)
	} else {
		network := Network(r.client).As16()
		key = maphash.Bytes(s.limiter.seed, network[:])
	}
	d := s.limiter.decide(limit, key, true)
	r.rate = d
	if !d.OK {
		return d.Problem()
	}
	return nil
}

// Problem is the 429 of a decision that is not OK.
func (d Decision) Problem() *Problem {
	return &Problem{Code: "quota-exceeded", Status: fiber.StatusTooManyRequests, RetryAfter: d.RetryAfter,
		Args: map[string]any{"Seconds": seconds(d.RetryAfter)}}
}

// writeTo sets the fields of the IETF draft "RateLimit header fields for HTTP" (standards.md section 5).
func (d *Decision) writeTo(h *fasthttp.ResponseHeader) {
	h.Set("RateLimit-Policy", d.limit.policy)
	b := make([]byte, 0, 48)
	b = append(append(append(b, '"'), d.limit.Name...), `";r=`...)
	b = append(strconv.AppendInt(b, int64(d.Left), 10), ";t="...)
	b = strconv.AppendInt(b, int64((d.Reset+time.Second-1)/time.Second), 10)
	h.SetBytesV("RateLimit", b)
}
