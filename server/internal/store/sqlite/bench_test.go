package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// tagDoc is about as large as a real tag.
type tagDoc struct {
	Code    string     `json:"code"`
	Site    string     `json:"site"`
	Updated store.Time `json:"updated"`
	Holder  string     `json:"holder"`
	Note    string     `json:"note"`
}

const benchDocs = 20_000

func benchSchema() store.Schema {
	return store.Schema{Version: 1, Collections: []store.Spec{{Name: "tags", Indexes: []store.Index{
		{Name: "code", Fields: []string{"code"}, Unique: true},
		{Name: "bySite", Fields: []string{"site", "updated"}},
	}}}}
}

func newTag(i int) *tagDoc {
	return &tagDoc{Code: fmt.Sprintf("CODE%08d", i), Site: fmt.Sprintf("site%03d", i%100), Updated: store.At(time.Unix(int64(1_700_000_000+i), 0)),
		Holder: fmt.Sprintf("Holder Nummer %d", i), Note: "A note of some length, so that the document is as large as one of a real tag with its fields: about 380 bytes in all, counting names, quotes and this sentence, which goes on a little."}
}

func benchEngine(b *testing.B, cached bool, mmap int64) *Engine {
	opt := Options{Dir: b.TempDir(), MMap: mmap}
	if cached {
		opt.CacheBytes = 64 << 20
	}
	e := open(b, opt)
	must(b, e.Ensure(b.Context(), benchSchema()))
	var ids []string
	var tags []*tagDoc
	for i := range benchDocs {
		ids, tags = append(ids, fmt.Sprint("tag", i)), append(tags, newTag(i))
	}
	must(b, store.In[tagDoc](e, "tags").InsertAll(b.Context(), ids, tags))
	return e
}

// BenchmarkRead measures typed reads at random, as the scan route does them: without a cache from 20,000 documents, with it
// from 2,000 warm ones.
func BenchmarkRead(b *testing.B) {
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	for _, variant := range []struct {
		name   string
		cached bool
		mmap   int64
	}{{"cache", true, 256 << 20}, {"mmap", false, 256 << 20}, {"plain", false, 0}} {
		e := benchEngine(b, variant.cached, variant.mmap)
		c := store.In[tagDoc](e, "tags")
		pick := func() int {
			if variant.cached {
				return rand.IntN(2000)
			}
			return rand.IntN(benchDocs)
		}
		run := func(name string, read func() error) {
			b.Run(variant.name+"/"+name, func(b *testing.B) {
				if variant.cached {
					for range 20_000 {
						must(b, read())
					}
				}
				b.ReportAllocs()
				for b.Loop() {
					if err := read(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("get", func() error {
			_, err := c.Get(ctx, fmt.Sprint("tag", pick()))
			return err
		})
		run("unique", func() error {
			_, err := c.First(ctx, store.Query{Index: "code", Eq: []any{fmt.Sprintf("CODE%08d", pick())}})
			return err
		})
		run("page of 50", func() error {
			items, _, err := c.Find(ctx, store.Query{Index: "bySite", Eq: []any{fmt.Sprintf("site%03d", pick()%20)}, Desc: true, Limit: 50})
			if err == nil && len(items) != 50 {
				err = fmt.Errorf("%d items", len(items))
			}
			return err
		})
		run("five gets", func() error {
			refs := make([]store.Ref, 5)
			for i := range refs {
				refs[i] = c.Ref(fmt.Sprint("tag", pick()))
			}
			docs, err := e.GetMany(ctx, refs)
			for _, doc := range docs {
				if _, err := c.Decode(doc); err != nil {
					return err
				}
			}
			return err
		})
		must(b, e.Close())
	}
}

// BenchmarkGroupCommit measures 64 durable writers, each replacing documents of its own, with up to 256 writes in a
// transaction and with one, in turns. The bar is 2.4 times (store-and-resolve.md section 5).
func BenchmarkGroupCommit(b *testing.B) {
	const writers, each = 64, 20
	turn := func(e *Engine) time.Duration {
		c := store.In[tagDoc](e, "tags")
		var wg sync.WaitGroup
		var failed atomic.Value
		begin := time.Now()
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					_, err := c.Update(context.Background(), fmt.Sprint("tag", w), func(t *tagDoc) error {
						t.Holder = fmt.Sprint(t.Holder[:5], i, begin.UnixNano())
						return nil
					})
					if err != nil {
						failed.Store(err)
					}
				}
			})
		}
		wg.Wait()
		if err := failed.Load(); err != nil {
			b.Fatal(err)
		}
		return time.Since(begin)
	}
	var engines []*Engine
	for _, group := range []int{groupSize, 1} {
		e, err := openGrouped(b.Context(), Defaults(b.TempDir()), group)
		must(b, err)
		defer func() { _ = e.Close() }()
		must(b, e.Ensure(b.Context(), benchSchema()))
		for i := range writers {
			must(b, store.In[tagDoc](e, "tags").Insert(b.Context(), fmt.Sprint("tag", i), newTag(i)))
		}
		engines = append(engines, e)
	}
	var grouped, solo time.Duration
	n := 0
	for b.Loop() {
		grouped += turn(engines[0])
		solo += turn(engines[1])
		n += writers * each
	}
	b.ReportMetric(float64(n)/grouped.Seconds(), "grouped/s")
	b.ReportMetric(float64(n)/solo.Seconds(), "solo/s")
	b.ReportMetric(solo.Seconds()/grouped.Seconds(), "times")
	b.ReportMetric(0, "ns/op")
	if ratio := solo.Seconds() / grouped.Seconds(); n > writers*each && ratio < 2.4 {
		b.Errorf("grouped writes are %.1f times as fast as single ones, the bar is 2.4", ratio)
	}
}
