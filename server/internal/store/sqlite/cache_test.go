package sqlite

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

func ref(id string) store.Ref { return store.Ref{Collection: "c", ID: id} }

func doc(id string, ver int64) store.Doc {
	return store.Doc{ID: id, Ver: ver, Body: fmt.Appendf(nil, `{"n":%d}`, ver)}
}

// TestDocCache plays the races by hand that storetest can only provoke.
func TestDocCache(t *testing.T) {
	put := func(c *docCache, id string, ver int64) { c.put(ref(id), doc(id, ver), c.mark(ref(id))) }
	held := func(t *testing.T, c *docCache, id string, want int64) {
		t.Helper()
		d, ok := c.get(ref(id))
		if ok != (want >= 0) || ok && d.Ver != want {
			t.Fatalf("%s: %+v %v, want revision %d", id, d, ok, want)
		}
	}
	change := func(c *docCache, ids ...string) func(committed bool) {
		var list []store.Ref
		for _, id := range ids {
			list = append(list, ref(id))
		}
		c.fence(list)
		return func(committed bool) { c.release(list, committed) }
	}
	t.Run("SEC-7 a slow loader cannot bring back what a writer dropped", func(t *testing.T) {
		c := newDocCache(1 << 20)
		mark := c.mark(ref("a"))
		change(c, "a")(true)
		c.put(ref("a"), doc("a", 1), mark)
		held(t, c, "a", -1)
		put(c, "a", 2)
		held(t, c, "a", 2)
	})
	t.Run("a commit that failed drops nothing", func(t *testing.T) {
		c := newDocCache(1 << 20)
		put(c, "a", 1)
		change(c, "a")(false)
		held(t, c, "a", 1)
		put(c, "b", 1)
		held(t, c, "b", 1)
	})
	t.Run("absence is kept and ended", func(t *testing.T) {
		c := newDocCache(1 << 20)
		c.put(ref("a"), store.Doc{ID: "a"}, c.mark(ref("a")))
		held(t, c, "a", 0)
		change(c, "a")(true)
		held(t, c, "a", -1)
	})
	t.Run("what a commit changes together is never mixed", func(t *testing.T) {
		c := newDocCache(1 << 20)
		put(c, "a", 1)
		put(c, "b", 1)
		release := change(c, "a", "b")
		// The commit is done, the drop is not: a loader that sees the new document keeps it for itself.
		c.shards[c.index(ref("a"))].docs.drop(c.hash(ref("a")))
		if got := c.put(ref("a"), doc("a", 2), c.mark(ref("a"))); got.Ver != 2 {
			t.Fatalf("%+v", got)
		}
		held(t, c, "a", -1)
		release(true)
		put(c, "a", 2)
		c.epoch.Add(1)
		if _, ok := c.getMany([]store.Ref{ref("a")}); ok {
			t.Fatal("answered while documents are dropped")
		}
		c.epoch.Add(1)
		if docs, ok := c.getMany([]store.Ref{ref("a")}); !ok || docs[0].Ver != 2 {
			t.Fatalf("%v %v", docs, ok)
		}
	})
	t.Run("equal revisions share what was decoded, unequal bodies do not", func(t *testing.T) {
		c := newDocCache(1 << 20)
		first := c.put(ref("a"), doc("a", 1), c.mark(ref("a")))
		if again := c.put(ref("a"), doc("a", 1), c.mark(ref("a"))); again.Memo != first.Memo || first.Memo == nil {
			t.Fatal("two memos of one document")
		}
		other := store.Doc{ID: "a", Ver: 1, Body: []byte(`{"born":"again"}`)}
		if got := c.put(ref("a"), other, c.mark(ref("a"))); got.Memo == first.Memo || string(got.Body) != string(other.Body) {
			t.Fatalf("%+v", got)
		}
	})
	t.Run("bounded by bytes", func(t *testing.T) {
		const most = 64 * 4000
		c := newDocCache(most)
		for i := range 10_000 {
			put(c, fmt.Sprint("doc", i), 1)
		}
		var used int64
		n := 0
		for i := range c.shards {
			s := c.shards[i].docs
			used += s.used
			n += len(s.entries)
			if s.used > s.most {
				t.Fatalf("shard %d: %d of %d bytes", i, s.used, s.most)
			}
		}
		if used > most || n < 300 {
			t.Fatalf("%d entries of %d bytes", n, used)
		}
		big := store.Doc{ID: "big", Ver: 1, Body: make([]byte, largestCached+1)}
		c.put(ref("big"), big, c.mark(ref("big")))
		held(t, c, "big", -1)
	})
}

// TestSieve compares the cache's order and size with a plain list after random calls, and counts hits under a scan.
func TestSieve(t *testing.T) {
	t.Run("against a model", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			const most = 100
			c := newSieve[int](most)
			model := map[uint64]int{}
			for range rapid.IntRange(1, 200).Draw(t, "calls") {
				hash := rapid.Uint64Range(0, 30).Draw(t, "hash")
				switch rapid.IntRange(0, 2).Draw(t, "call") {
				case 0:
					size := rapid.Int64Range(1, 30).Draw(t, "size")
					c.put(hash, int(size), size)
					model[hash] = int(size)
					if v := c.get(hash); (v != nil) != (size <= most/4) {
						t.Fatalf("a value of %d bytes of %d: %v", size, most, v)
					}
				case 1:
					if v := c.get(hash); v != nil && *v != model[hash] {
						t.Fatalf("%d: %d, want %d", hash, *v, model[hash])
					}
				case 2:
					c.drop(hash)
					if c.get(hash) != nil {
						t.Fatalf("%d is there after its drop", hash)
					}
				}
				n, used, hand := 0, int64(0), c.hand == nil
				for e, before := c.oldest, (*sieveEntry[int])(nil); e != nil; e, before = e.newer, e {
					if e.older != before || c.entries[e.hash] != e {
						t.Fatal("the list is broken")
					}
					n, used, hand = n+1, used+e.size, hand || e == c.hand
				}
				if n != len(c.entries) || used != c.used || used > most || !hand {
					t.Fatalf("%d of %d entries in the list, %d bytes counted as %d, hand in the list: %v", n, len(c.entries), used, c.used, hand)
				}
			}
		})
	})
	t.Run("what is read stays while a scan goes by", func(t *testing.T) {
		c := newSieve[int](100)
		for i := range uint64(50) {
			c.put(i, 0, 1)
		}
		for i := range uint64(10_000) {
			for hot := range uint64(50) {
				if c.get(hot) == nil {
					t.Fatalf("%d was driven out by the scan at %d", hot, i)
				}
			}
			c.put(1000+i, 0, 1)
		}
	})
}

func TestPageCache(t *testing.T) {
	c := newPageCache(1 << 20)
	key := []byte("q")
	c.put(key, store.Page{Next: "n"}, 4)
	if p, ok := c.get(key, 4); !ok || p.Next != "n" {
		t.Fatal("not held")
	}
	if _, ok := c.get(key, 5); ok {
		t.Fatal("held over a commit")
	}
	if _, ok := c.get([]byte("p"), 4); ok {
		t.Fatal("another query's page")
	}
	keys := map[string]bool{}
	tab, err := newTable(planSpec())
	if err != nil {
		t.Fatal(err)
	}
	queries := []store.Query{
		{Index: "abc", Limit: 1}, {Index: "abc", Limit: 2}, {Index: "abc", Limit: 1, Desc: true}, {Index: "ab", Limit: 1},
		{Index: "abc", Limit: 1, Eq: []any{"x"}}, {Index: "abc", Limit: 1, Lo: "x"}, {Index: "abc", Limit: 1, Hi: "x"},
		{Index: "abc", Limit: 1, Eq: []any{int64(1)}}, {Index: "abc", Limit: 1, Eq: []any{"1"}}, {Index: "abc", Limit: 1, Eq: []any{true}}, {Index: "abc", Limit: 1, Eq: []any{"true"}},
		{Index: "abc", Limit: 1, Eq: []any{"x", "y"}}, {Index: "abc", Limit: 1, Eq: []any{`x" "y`}}, {Index: "abc", Limit: 1, Eq: []any{"x"}, Lo: "y"}, {Index: "abc", Limit: 1, Lo: "-"}, {Index: "abc", Limit: 1, Eq: []any{"x 1:y"}},
	}
	for _, q := range queries {
		p, err := tab.layout.Plan(q)
		if err != nil {
			t.Fatal(err)
		}
		keys[string(appendQuery(nil, "c", p, q.After))] = true
	}
	if len(keys) != len(queries) {
		t.Fatalf("%d queries have %d keys", len(queries), len(keys))
	}
}
