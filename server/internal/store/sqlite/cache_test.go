package sqlite

import (
	"fmt"
	"testing"

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
		c.shards[c.index(ref("a"))].docs.drop(ref("a"))
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
			if s.order.Len() != len(s.entries) || s.used > s.most {
				t.Fatalf("shard %d: %d in order, %d entries, %d of %d bytes", i, s.order.Len(), len(s.entries), s.used, s.most)
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

func TestPageCache(t *testing.T) {
	c := newPageCache(1 << 20)
	key := pageKey{"c", "q"}
	c.put(key, store.Page{Next: "n"}, 4)
	if p, ok := c.get(key, 4); !ok || p.Next != "n" {
		t.Fatal("not held")
	}
	if _, ok := c.get(key, 5); ok {
		t.Fatal("held over a commit")
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
		{Index: "abc", Limit: 1, Eq: []any{"x", "y"}}, {Index: "abc", Limit: 1, Eq: []any{`x" "y`}}, {Index: "abc", Limit: 1, Eq: []any{"x"}, Lo: "y"}, {Index: "abc", Limit: 1, Lo: "-"},
	}
	for _, q := range queries {
		p, err := tab.layout.Plan(q)
		if err != nil {
			t.Fatal(err)
		}
		keys[queryKey(p, q.After)] = true
	}
	if len(keys) != len(queries) {
		t.Fatalf("%d queries have %d keys", len(queries), len(keys))
	}
}
