package asset

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/identity"
	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/sqlite"
	"github.com/tagwerk/tagwerk/tagging"
)

func openExp(b *testing.B, dir string) *fobStore {
	o := sqlite.Defaults(dir)
	if m := os.Getenv("ZZMMAP"); m != "" {
		n, _ := strconv.Atoi(m)
		o.MMap = int64(n) << 20
	}
	if m := os.Getenv("ZZREADERS"); m != "" {
		o.Readers, _ = strconv.Atoi(m)
	}
	engine, err := sqlite.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { engine.Close() })
	if err := engine.Ensure(b.Context(), store.Schema{Version: 1, Collections: append(Specs(), identity.Specs()...)}); err != nil {
		b.Fatal(err)
	}
	people, _ := identity.New(identity.Options{Engine: engine, Key: [32]byte{1}})
	s := &fobStore{
		Service: New(Options{Engine: engine, People: people, Now: time.Now, Random: rand.Reader, LabelURL: "https://scan.example.com"}),
		viewer:  identity.Viewer{Kind: identity.Staff, Role: identity.Dispatcher, User: "ute", Name: "Ute", Provider: "nord"},
		tags:    store.In[Tag](engine, "tags"), known: map[string][][]byte{},
	}
	random := mathrand.New(mathrand.NewPCG(1, 7))
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	for range 8000 {
		lo := []byte{alphabet[random.IntN(32)], alphabet[random.IntN(32)], alphabet[random.IntN(32)], alphabet[random.IntN(32)]}
		items, _, err := s.tags.Find(b.Context(), store.Query{Index: "id", Lo: string(lo), Limit: 1})
		if err != nil || len(items) == 0 || items[0].Value.Kind != AccessTag {
			continue
		}
		t := items[0].Value
		id, _ := hex.DecodeString(t.Number)
		kind := map[int]string{5: "em4100", 4: "iso14443-4", 7: "iso14443-7", 8: "iso15693", 3: "h10301"}[len(id)]
		s.known[kind] = append(s.known[kind], id)
	}
	engine.Close()
	if engine, err = sqlite.Open(b.Context(), o); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { engine.Close() })
	_ = engine.Ensure(b.Context(), store.Schema{Version: 1, Collections: append(Specs(), identity.Specs()...)})
	people, _ = identity.New(identity.Options{Engine: engine, Key: [32]byte{1}})
	s.Service = New(Options{Engine: engine, People: people, Now: time.Now, Random: rand.Reader, LabelURL: "https://scan.example.com"})
	s.tags = store.In[Tag](engine, "tags")
	return s
}

func BenchmarkZZ(b *testing.B) {
	_ = tagging.Minted
	small, large := openExp(b, "/dev/shm/exp/small"), openExp(b, "/dev/shm/exp/large")
	for _, f := range forms {
		switch f.name {
		case "em4100/10-hex", "em4100/10D", "em4100/3.5C", "em4100/unique-hex", "em4100/5-digits", "iso14443-4/reversed", "iso14443-7/hex", "h10301/8D":
		default:
			continue
		}
		var ofCPU []float64
		var sum [2]time.Duration
		hits := 0
		for range 9 {
			var cpu [2]time.Duration
			for i, s := range []*fobStore{small, large} {
				s.write(b)
				used := cpuTime(b)
				for range 100 {
					n := s.match(b, f)
					if i == 1 {
						hits += n
					}
				}
				cpu[i] = cpuTime(b) - used
				sum[i] += cpu[i]
			}
			ofCPU = append(ofCPU, float64(cpu[1])/float64(cpu[0]))
		}
		slices.Sort(ofCPU)
		fmt.Printf("%-22s cpu x %.2f  small %v large %v hits %.2f\n", f.name, ofCPU[4], sum[0]/900, sum[1]/900, float64(hits)/900)
	}
}
