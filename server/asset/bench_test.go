package asset

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/sqlite"
	"github.com/tagwerk/tagwerk/tagging"
)

// BenchmarkMatch finds access tags of one provider by every printed form of their numbers, and blocks them by some, among 1,000,000 and among 10,000 (with
// -short 10,000 and 1,000), in turns, so that a busy machine slows down both. Each round begins with a write, which drops the answered
// queries from the cache, as the writes of a working day do.
//
//	x-of-small     time against the small store, median of the rounds: the bar is 2
//	cpu-x-of-small CPU time of the process likewise, which the other work of a busy machine hardly changes
//	hits           tags that a number fits in the large one, its own included
func BenchmarkMatch(b *testing.B) {
	sizes := [2]int{10_000, 1_000_000}
	if testing.Short() {
		sizes = [2]int{1_000, 10_000}
	}
	small, large := newFobStore(b, sizes[0]), newFobStore(b, sizes[1])
	for _, f := range forms {
		b.Run(f.name, func(b *testing.B) {
			const rounds = 9
			n := max(b.N/rounds, 1)
			var ratios, ofCPU []float64
			var took [2]time.Duration
			hits := 0
			for range rounds {
				var each, cpu [2]time.Duration
				for i, s := range []*fobStore{small, large} {
					s.write(b)
					begun, used := time.Now(), cpuTime(b)
					for range n {
						found := s.match(b, f)
						if i == 1 {
							hits += found
						}
					}
					each[i], cpu[i] = time.Since(begun), cpuTime(b)-used
					took[i] += each[i]
				}
				ratios = append(ratios, float64(each[1])/float64(each[0]))
				ofCPU = append(ofCPU, float64(cpu[1])/float64(cpu[0]))
			}
			slices.Sort(ratios)
			slices.Sort(ofCPU)
			b.ReportMetric(ratios[rounds/2], "x-of-small")
			b.ReportMetric(ofCPU[rounds/2], "cpu-x-of-small")
			b.ReportMetric(float64(hits)/float64(rounds*n), "hits")
			b.ReportMetric(float64(took[0].Nanoseconds())/float64(rounds*n), "ns/small")
			b.ReportMetric(float64(took[1].Nanoseconds())/float64(rounds*n), "ns/op")
		})
	}
	benchmarkBlock(b, small, large)
}

// cpuTime is what the process used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// form prints a full number of one kind as it stands on cards or comes from readers (standards.md 2.2 to 2.4).
type form struct {
	name, kind string
	print      func(id []byte) string
}

// number40 is an EM4100 number.
func number40(id []byte) uint64 {
	var n uint64
	for _, c := range id {
		n = n<<8 | uint64(c)
	}
	return n
}

func reversed(id []byte) []byte {
	id = slices.Clone(id)
	slices.Reverse(id)
	return id
}

func hexOf(id []byte) string { return strings.ToUpper(hex.EncodeToString(id)) }

var forms = []form{
	{"em4100/10-hex", "em4100", hexOf},
	{"em4100/10D", "em4100", func(id []byte) string { return fmt.Sprintf("%010d", uint32(number40(id))) }},
	{"em4100/8D", "em4100", func(id []byte) string { return fmt.Sprintf("%08d", number40(id)&0xffffff) }},
	{"em4100/3.5C", "em4100", func(id []byte) string { return fmt.Sprintf("%03d,%05d", id[2], number40(id)&0xffff) }},
	{"em4100/3.5B", "em4100", func(id []byte) string { return fmt.Sprintf("%03d.%05d", id[1], number40(id)&0xffff) }},
	{"em4100/3.5A", "em4100", func(id []byte) string { return fmt.Sprintf("%03d.%05d", id[0], number40(id)&0xffff) }},
	{"em4100/5.5", "em4100", func(id []byte) string { return fmt.Sprintf("%05d.%05d", number40(id)>>16&0xffff, number40(id)&0xffff) }},
	{"em4100/13D", "em4100", func(id []byte) string { return fmt.Sprintf("%013d", number40(id)) }},
	{"em4100/unique-hex", "em4100", func(id []byte) string { return hexOf(turned(id)) }},
	{"em4100/ZK", "em4100", func(id []byte) string {
		var b strings.Builder
		for _, c := range hexOf(turned(id)) {
			v, _ := strconv.ParseUint(string(c), 16, 8)
			fmt.Fprintf(&b, "%02d", v)
		}
		return b.String()
	}},
	{"em4100/5-digits", "em4100", func(id []byte) string { return fmt.Sprintf("%05d", number40(id)&0xffff) }},
	{"iso14443-4/hex", "iso14443-4", hexOf},
	{"iso14443-4/reversed", "iso14443-4", func(id []byte) string { return hexOf(reversed(id)) }},
	{"iso14443-4/decimal", "iso14443-4", func(id []byte) string { return fmt.Sprintf("%010d", number40(id)) }},
	{"iso14443-7/hex", "iso14443-7", hexOf},
	{"iso14443-7/reversed", "iso14443-7", func(id []byte) string { return hexOf(reversed(id)) }},
	{"iso14443-7/17D", "iso14443-7", func(id []byte) string { return fmt.Sprintf("%017d", number40(id)) }},
	{"iso15693/hex", "iso15693", hexOf},
	{"iso15693/reversed", "iso15693", func(id []byte) string { return hexOf(reversed(id)) }},
	{"iso15693/20D", "iso15693", func(id []byte) string { return fmt.Sprintf("%020d", number40(id)) }},
	{"h10301/facility-card", "h10301", func(id []byte) string { return fmt.Sprintf("%d:%d", id[0], number40(id)&0xffff) }},
	{"h10301/8D", "h10301", func(id []byte) string { return fmt.Sprintf("%08d", number40(id)) }},
}

// turned has the bits of each byte the other way round.
func turned(id []byte) []byte {
	out := make([]byte, len(id))
	for i, c := range id {
		for bit := range 8 {
			out[i] |= c >> bit & 1 << (7 - bit)
		}
	}
	return out
}

// fobStore is a provider with many access tags of all kinds.
type fobStore struct {
	*Service
	viewer identity.Viewer
	tags   store.Collection[Tag]
	known  map[string][][]byte // some numbers of each kind
	next   int
}

// fobKinds are the shares of the kinds of a hundred tags, and how many bytes their numbers have.
var fobKinds = []struct {
	kind         string
	share, bytes int
}{{"em4100", 35, 5}, {"iso14443-4", 20, 4}, {"iso14443-7", 20, 7}, {"iso15693", 15, 8}, {"h10301", 10, 3}}

const knownNumbers = 2000

func newFobStore(b *testing.B, size int) *fobStore {
	b.Helper()
	ctx := b.Context()
	engine, err := sqlite.Open(ctx, sqlite.Defaults(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := engine.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := engine.Ensure(ctx, store.Schema{Version: 1, Collections: append(Specs(), identity.Specs()...)}); err != nil {
		b.Fatal(err)
	}
	people, err := identity.New(identity.Options{Engine: engine, Key: [32]byte{1}})
	if err != nil {
		b.Fatal(err)
	}
	s := &fobStore{
		Service: New(Options{Engine: engine, People: people, Now: time.Now, Random: rand.Reader, LabelURL: "https://scan.example.com"}),
		viewer:  identity.Viewer{Kind: identity.Staff, Role: identity.Dispatcher, User: "ute", Name: "Ute", Provider: "nord"},
		tags:    store.In[Tag](engine, "tags"), known: map[string][][]byte{},
	}
	s.fill(b, size)
	return s
}

// fill stores the tags, each with its full number and every second with a holder.
func (s *fobStore) fill(b *testing.B, size int) {
	b.Helper()
	random := mathrand.New(mathrand.NewPCG(1, uint64(size)))
	// While one batch is committed, the next one is encoded.
	batches, ctx := errgroup.WithContext(b.Context())
	batches.SetLimit(2)
	var ids []string
	var docs []*Tag
	for i := range size {
		kind := fobKinds[0]
		for left, n := i*37%100, 0; ; n++ {
			if kind = fobKinds[n]; left < kind.share {
				break
			}
			left -= kind.share
		}
		id := make([]byte, kind.bytes)
		for j := range id {
			id[j] = byte(random.Uint32())
		}
		reading := ""
		switch kind.kind {
		case "em4100":
			id[0] = byte(random.IntN(64)) // makers use few versions
			reading = "em4100:" + hexOf(id)
		case "iso14443-4":
			id[0] = 0x10 | id[0]&0xe7 // neither random nor cut off
			reading = "iso14443:" + hexOf(id)
		case "iso14443-7":
			id[0] = 0x04
			reading = "iso14443:" + hexOf(id)
		case "iso15693":
			id[0], id[1] = 0xe0, 0x04
			id[7] &= 0x7f // an E0 at both ends is read one way only
			reading = "iso15693:" + hexOf(id)
		default:
			reading = fmt.Sprintf("h10301:%d:%d", id[0], number40(id)&0xffff)
		}
		if len(s.known[kind.kind]) < knownNumbers && random.IntN(size/knownNumbers+1) == 0 {
			s.known[kind.kind] = append(s.known[kind.kind], id)
		}
		code, err := tagging.NewCode(rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		t := newTag(code, AccessTag, s.viewer.Provider)
		t.Customer, t.Number, t.Readings = fmt.Sprint("customer-", i%1000), hexOf(id), []string{reading}
		now := store.At(time.Unix(1_800_000_000+int64(i), 0))
		t.add(tagging.Mint, s.viewer, now, "")
		if i%2 == 0 {
			if err := t.issue(s.viewer, Holder{Tenant: fmt.Sprint("Mieter ", i%5000), Unit: fmt.Sprint("WE ", i%200)}, now); err != nil {
				b.Fatal(err)
			}
		}
		t.reindex()
		ids, docs = append(ids, t.ID), append(docs, t)
		if len(ids) == 5000 || i == size-1 {
			someIDs, someDocs := ids, docs
			batches.Go(func() error { return s.tags.InsertAll(ctx, someIDs, someDocs) })
			ids, docs = nil, nil
		}
	}
	if err := batches.Wait(); err != nil {
		b.Fatal(err)
	}
}

// match finds the next known number by a form and returns how many tags it fits. That one of them is its own is checked.
func (s *fobStore) match(b *testing.B, f form) int {
	s.next++
	known := s.known[f.kind]
	id := known[s.next%len(known)]
	m, err := s.MatchNumber(b.Context(), s.viewer, f.print(id), "")
	if err != nil {
		b.Fatal(err)
	}
	if !m.More && !slices.ContainsFunc(m.Tags, func(t TagView) bool { return t.Number == hexOf(id) }) {
		b.Fatalf("%s as %s: %s %d tags", hexOf(id), f.print(id), m.Decision, len(m.Tags))
	}
	return len(m.Tags)
}

// write stores a tag that no number fits.
func (s *fobStore) write(b *testing.B) {
	b.Helper()
	code, err := tagging.NewCode(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.tags.Insert(b.Context(), string(code), newTag(code, Label, s.viewer.Provider)); err != nil {
		b.Fatal(err)
	}
}
