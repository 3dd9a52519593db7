package storetest

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// seed stores assets with many ties: n of them over 3 sites, open or not, 4 ranks.
func seed(t testing.TB, e store.Engine, n int) {
	t.Helper()
	var names []string
	var values []*asset
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		a := newAsset(i)
		a.Site, a.Open, a.Rank = fmt.Sprint("s", i%3), i%2 == 0, int64(i/5%4)-2
		a.Updated = store.At(start.Add(time.Duration(i/7) * time.Hour))
		names, values = append(names, fmt.Sprintf("id%04d", (i*37)%n)), append(values, a)
	}
	must(t, store.In[asset](e, "assets").InsertAll(t.Context(), names, values))
}

// expected is the answer of a query computed by hand from all documents.
func expected(t testing.TB, e store.Engine, desc bool, keep func(*asset) bool, key func(*asset) string) []string {
	t.Helper()
	type row struct{ key, id string }
	var rows []row
	must(t, store.In[asset](e, "assets").Each(t.Context(), store.Query{Index: store.IDIndex, Limit: store.MaxPage}, func(it store.Item[asset]) error {
		if keep(it.Value) {
			rows = append(rows, row{key(it.Value), it.ID})
		}
		return nil
	}))
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.key+"\x00"+a.id, b.key+"\x00"+b.id) })
	if desc {
		slices.Reverse(rows)
	}
	list := []string{}
	for _, r := range rows {
		list = append(list, r.id)
	}
	return list
}

// rankKey orders numbers as text.
func rankKey(n int64) string { return fmt.Sprintf("%020d", uint64(n)^(1<<63)) }

func testOrder(t *testing.T, e store.Engine) {
	seed(t, e, 210)
	all := func(*asset) bool { return true }
	none := func(*asset) string { return "" }
	mid := store.At(time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC))
	end := store.At(time.Date(2026, 1, 1, 20, 0, 0, 0, time.UTC))
	rows := []struct {
		name string
		q    store.Query
		keep func(*asset) bool
		key  func(*asset) string
	}{
		{"ids", store.Query{Index: store.IDIndex}, all, none},
		{"unique", store.Query{Index: "code"}, all, func(a *asset) string { return a.Code }},
		{"unique, one", store.Query{Index: "code", Eq: []any{"C00017"}}, func(a *asset) bool { return a.Code == "C00017" }, none},
		{"unique, range", store.Query{Index: "code", Lo: "C00017", Hi: "C0003"}, func(a *asset) bool { return a.Code >= "C00017" && a.Code <= "C0003" }, func(a *asset) string { return a.Code }},
		{"unique of two, prefix", store.Query{Index: "number", Eq: []any{"s1"}}, func(a *asset) bool { return a.Site == "s1" }, func(a *asset) string { return rankKey(a.Number) }},
		{"unique of two, all", store.Query{Index: "number"}, all, func(a *asset) string { return a.Site + rankKey(a.Number) }},
		{"numbers with ties", store.Query{Index: "byRank"}, all, func(a *asset) string { return rankKey(a.Rank) }},
		{"numbers, range", store.Query{Index: "byRank", Lo: int64(-1), Hi: int64(0)}, func(a *asset) bool { return a.Rank == -1 || a.Rank == 0 }, func(a *asset) string { return rankKey(a.Rank) }},
		{"numbers, open range", store.Query{Index: "byRank", Lo: int64(0)}, func(a *asset) bool { return a.Rank >= 0 }, func(a *asset) string { return rankKey(a.Rank) }},
		{"numbers, equal: ties by id", store.Query{Index: "byRank", Eq: []any{int64(1)}}, func(a *asset) bool { return a.Rank == 1 }, none},
		{"prefix", store.Query{Index: "bySite", Eq: []any{"s1"}}, func(a *asset) bool { return a.Site == "s1" }, func(a *asset) string { return a.Updated.Key() }},
		{"prefix and range", store.Query{Index: "bySite", Eq: []any{"s1"}, Lo: mid.Key(), Hi: end}, func(a *asset) bool {
			return a.Site == "s1" && !a.Updated.Before(mid.Time) && !a.Updated.After(end.Time)
		}, func(a *asset) string { return a.Updated.Key() }},
		{"range of the first of two", store.Query{Index: "bySite", Lo: "s1"}, func(a *asset) bool { return a.Site >= "s1" }, func(a *asset) string { return a.Site + a.Updated.Key() }},
		{"boolean first", store.Query{Index: "byState", Eq: []any{true}}, func(a *asset) bool { return a.Open }, func(a *asset) string { return a.Site + rankKey(a.Rank) }},
		{"three fields", store.Query{Index: "byState"}, all, func(a *asset) string { return fmt.Sprint(a.Open) + a.Site + rankKey(a.Rank) }},
		{"three fields, two equal, range", store.Query{Index: "byState", Eq: []any{false, "s2"}, Lo: int64(-2), Hi: int64(0)}, func(a *asset) bool { return !a.Open && a.Site == "s2" && a.Rank <= 0 }, func(a *asset) string { return rankKey(a.Rank) }},
		{"nothing there", store.Query{Index: "bySite", Eq: []any{"s9"}}, func(*asset) bool { return false }, none},
		{"empty range", store.Query{Index: "byRank", Lo: int64(1), Hi: int64(0)}, func(*asset) bool { return false }, none},
	}
	for _, row := range rows {
		for _, desc := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, desc %v", row.name, desc), func(t *testing.T) {
				row.q.Desc = desc
				list := expected(t, e, desc, row.keep, row.key)
				for _, limit := range []int{1, 7, store.MaxPage} {
					if limit == 1 && len(list) > 80 {
						continue
					}
					row.q.Limit = limit
					if got := ids(t.Context(), t, e, row.q); !slices.Equal(got, list) {
						t.Fatalf("pages of %d:\n got %v\nwant %v", limit, got, list)
					}
				}
				n, err := e.Count(t.Context(), "assets", row.q, 1000)
				if err != nil || n != len(list) {
					t.Fatalf("count %d, %v, want %d", n, err, len(list))
				}
			})
		}
	}
	t.Run("the last page says so", func(t *testing.T) {
		page, err := e.Find(t.Context(), "assets", store.Query{Index: store.IDIndex, Limit: 210})
		if err != nil || len(page.Docs) != 210 || page.Next != "" {
			t.Fatalf("%d documents, next %q, %v", len(page.Docs), page.Next, err)
		}
	})
	t.Run("extreme numbers", func(t *testing.T) {
		for i, n := range []int64{math.MinInt64, math.MaxInt64, math.MaxInt64 - 1} {
			a := newAsset(1000 + i)
			a.Rank = n
			put(t, e, fmt.Sprint("extreme", i), a)
		}
		for _, q := range []store.Query{{Index: "byRank", Limit: 1, Hi: int64(-3)}, {Index: "byRank", Limit: 1, Lo: int64(5)}} {
			for _, desc := range []bool{false, true} {
				q.Desc = desc
				list := ids(t.Context(), t, e, q)
				if q.Hi != nil && fmt.Sprint(list) != "[extreme0]" {
					t.Fatalf("%v", list)
				}
				if q.Lo != nil && (len(list) != 2 || list[0] == "extreme1" != desc) {
					t.Fatalf("desc %v: %v", desc, list)
				}
			}
		}
	})
}

func testPages(t *testing.T, e store.Engine) {
	ctx := t.Context()
	seed(t, e, 120)
	c := store.In[asset](e, "assets")
	for _, desc := range []bool{false, true} {
		t.Run(fmt.Sprintf("inserts and deletes while paging, desc %v", desc), func(t *testing.T) {
			q := store.Query{Index: "byState", Limit: 9, Desc: desc}
			stay := map[string]int{}
			for _, id := range ids(ctx, t, e, q) {
				stay[id] = 0
			}
			for n := 0; ; n++ {
				items, next, err := c.Find(ctx, q)
				must(t, err)
				for _, it := range items {
					if _, old := stay[it.ID]; old {
						stay[it.ID]++
					}
				}
				if next == "" {
					break
				}
				// The last document of the page goes, and new ones come at both ends and amid the ties.
				last := items[len(items)-1]
				must(t, c.Delete(ctx, last.ID))
				for k, site := range []string{"s0", "s2", last.Value.Site} {
					a := newAsset(10_000 + 1000*n + 10*k)
					if desc {
						a.Number += 500_000
						a.Code = "D" + a.Code
					}
					a.Site, a.Open, a.Rank = site, last.Value.Open, last.Value.Rank
					put(t, e, fmt.Sprintf("new%v%03d%d", desc, n, k), a)
				}
				q.After = next
				if n > 200 {
					t.Fatal("paging does not end")
				}
			}
			for id, n := range stay {
				if n != 1 {
					t.Errorf("document %s was answered %d times", id, n)
				}
			}
		})
	}
}

func testBadQueries(t *testing.T, e store.Engine) {
	seed(t, e, 30)
	page, err := e.Find(t.Context(), "assets", store.Query{Index: "bySite", Eq: []any{"s1"}, Limit: 2})
	must(t, err)
	cursor := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	rows := []struct {
		name string
		q    store.Query
	}{
		{"no index", store.Query{Limit: 1}},
		{"unknown index", store.Query{Index: "rank", Limit: 1}},
		{"no limit", store.Query{Index: "byRank"}},
		{"negative limit", store.Query{Index: "byRank", Limit: -1}},
		{"limit over MaxPage", store.Query{Index: "byRank", Limit: store.MaxPage + 1}},
		{"too many values", store.Query{Index: "byRank", Eq: []any{int64(1), "x"}, Limit: 1}},
		{"value is nil", store.Query{Index: "byRank", Eq: []any{nil}, Limit: 1}},
		{"value is a float", store.Query{Index: "byRank", Eq: []any{1.5}, Limit: 1}},
		{"value is a map", store.Query{Index: "byRank", Eq: []any{map[string]any{"$ne": 1}}, Limit: 1}},
		{"value is a slice", store.Query{Index: "words", Eq: []any{[]string{"a"}}, Limit: 1}},
		{"bound is a struct", store.Query{Index: "byRank", Lo: struct{}{}, Limit: 1}},
		{"no field to bound", store.Query{Index: "byRank", Eq: []any{int64(1)}, Hi: int64(2), Limit: 1}},
		{"multi without a value", store.Query{Index: "words", Limit: 1}},
		{"multi with a number", store.Query{Index: "words", Eq: []any{int64(1)}, Limit: 1}},
		{"multi with a bound", store.Query{Index: "words", Eq: []any{"a"}, Lo: "b", Limit: 1}},
		{"cursor of another index", store.Query{Index: "byRank", After: page.Next, Limit: 2}},
		{"cursor of another prefix", store.Query{Index: "bySite", After: page.Next, Limit: 2}},
		{"cursor of another direction", store.Query{Index: "bySite", Eq: []any{"s1"}, After: page.Next, Desc: true, Limit: 2}},
		{"cut cursor", store.Query{Index: "bySite", Eq: []any{"s1"}, After: page.Next[:len(page.Next)-6], Limit: 2}},
		{"cursor that is text", store.Query{Index: "byRank", After: "1; DROP TABLE assets", Limit: 2}},
		{"cursor without id", store.Query{Index: "byRank", After: cursor(`{"i":"byRank","e":0,"k":[1],"n":""}`), Limit: 2}},
		{"cursor with null", store.Query{Index: "byRank", After: cursor(`{"i":"byRank","e":0,"k":[null],"n":"x"}`), Limit: 2}},
		{"cursor with an object", store.Query{Index: "byRank", After: cursor(`{"i":"byRank","e":0,"k":[{"$gt":""}],"n":"x"}`), Limit: 2}},
		{"cursor with a fraction", store.Query{Index: "byRank", After: cursor(`{"i":"byRank","e":0,"k":[0.5],"n":"x"}`), Limit: 2}},
		{"cursor with too few values", store.Query{Index: "byRank", After: cursor(`{"i":"byRank","e":0,"k":[],"n":"x"}`), Limit: 2}},
		{"cursor with unknown fields", store.Query{Index: "byRank", After: cursor(`{"i":"byRank","e":0,"k":[1],"n":"x","where":"1"}`), Limit: 2}},
	}
	for _, row := range rows {
		t.Run("SEC-59 "+row.name, func(t *testing.T) {
			_, err := e.Find(t.Context(), "assets", row.q)
			want(t, err, store.ErrBadQuery)
		})
	}
	_, err = e.Find(t.Context(), "none", store.Query{Index: "byRank", Limit: 1})
	want(t, err, store.ErrBadQuery)
	t.Run("SEC-59 a forged cursor does not leave the query", func(t *testing.T) {
		forged := cursor(`{"i":"bySite","e":1,"k":[""],"n":"x"}`)
		items, _, err := store.In[asset](e, "assets").Find(t.Context(), store.Query{Index: "bySite", Eq: []any{"s1"}, Lo: "2026-01-01T02", After: forged, Limit: 100})
		must(t, err)
		for _, it := range items {
			if it.Value.Site != "s1" || it.Value.Updated.Key() < "2026-01-01T02" {
				t.Fatalf("answered %+v", it.Value)
			}
		}
	})
}

func testHostileValues(t *testing.T, e store.Engine) {
	ctx := t.Context()
	c := store.In[asset](e, "assets")
	hostile := []string{`' OR 1=1 --`, `"; DROP TABLE assets; --`, `$ne`, `{"$gt":""}`, `%`, `_`, `*`, "\x1b", "ÅÄÖ åäö ß", "a\u0301", "á", "", " ", strings.Repeat("x", 100_000)}
	for i, text := range hostile {
		a := newAsset(i)
		a.Code = text
		a.Words = []string{text}
		put(t, e, "id "+text[:min(len(text), 40)], a)
	}
	for _, text := range hostile {
		for _, q := range []store.Query{{Index: "code", Eq: []any{text}}, {Index: "words", Eq: []any{text}}, {Index: "code", Lo: text, Hi: text}} {
			q.Limit = store.MaxPage
			items, _, err := c.Find(ctx, q)
			if err != nil || len(items) != 1 || items[0].Value.Code != text {
				t.Fatalf("%.40q by %s found %d, %v", text, q.Index, len(items), err)
			}
		}
		if _, err := c.Get(ctx, "id "+text[:min(len(text), 40)]); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"\x00", "$ne\x00", "\xff"} {
		_, err := c.First(ctx, store.Query{Index: "code", Eq: []any{text}})
		want(t, err, store.ErrNotFound)
		_, err = c.Get(ctx, text)
		want(t, err, store.ErrNotFound)
	}
	if n, err := c.Count(ctx, store.Query{Index: store.IDIndex}, 1000); err != nil || n != len(hostile) {
		t.Fatalf("%d documents, %v", n, err)
	}
}

func testMulti(t *testing.T, e store.Engine) {
	ctx := t.Context()
	c := store.In[asset](e, "assets")
	find := func(word string) string {
		t.Helper()
		var list []string
		for _, desc := range []bool{false, true} {
			got := ids(ctx, t, e, store.Query{Index: "words", Eq: []any{word}, Limit: 2, Desc: desc})
			if desc {
				slices.Reverse(got)
				if !slices.Equal(got, list) {
					t.Fatalf("ascending %v, descending turned %v", list, got)
				}
			}
			list = got
		}
		n, err := c.Count(ctx, store.Query{Index: "words", Eq: []any{word}}, 100)
		if err != nil || n != len(list) {
			t.Fatalf("count %d, %v; found %v", n, err, list)
		}
		return strings.Join(list, " ")
	}
	expect := func(word, list string) {
		t.Helper()
		if got := find(word); got != list {
			t.Fatalf("%q found %q, want %q", word, got, list)
		}
	}
	for i, words := range [][]string{{"red", "blue"}, {"blue", "blue", "Blue"}, nil, {"red", "blue", ""}} {
		a := newAsset(i)
		a.Words = words
		put(t, e, fmt.Sprint("m", i), a)
	}
	expect("blue", "m0 m1 m3")
	expect("red", "m0 m3")
	expect("Blue", "m1")
	expect("", "m3")
	expect("gre", "")
	_, err := c.Update(ctx, "m0", func(a *asset) error { a.Words = []string{"green", "red"}; return nil })
	must(t, err)
	expect("blue", "m1 m3")
	expect("red", "m0 m3")
	expect("green", "m0")
	must(t, c.Delete(ctx, "m3"))
	expect("red", "m0")
	expect("", "")
	a := newAsset(3)
	a.Words = []string{"late"}
	put(t, e, "m3", a)
	expect("red", "m0")
	expect("late", "m3")

	t.Run("unique", func(t *testing.T) {
		first, second := newAsset(10), newAsset(11)
		first.Serials, second.Serials = []string{"A", "B"}, []string{"C", "B"}
		second.Words = []string{"rolled back"}
		put(t, e, "u1", first)
		wantDuplicate(t, c.Insert(ctx, "u2", second), "serials")
		_, err := c.Get(ctx, "u2")
		want(t, err, store.ErrNotFound)
		expect("rolled back", "")
		second.Serials = []string{"C"}
		put(t, e, "u2", second)
		_, err = c.Update(ctx, "u2", func(a *asset) error { a.Serials, a.Words = []string{"A"}, []string{"never"}; return nil })
		wantDuplicate(t, err, "serials")
		expect("never", "")
		expect("rolled back", "u2")
		if it, err := c.Item(ctx, "u2"); err != nil || it.Ver != 1 {
			t.Fatalf("%+v, %v", it, err)
		}
		_, err = c.Update(ctx, "u1", func(a *asset) error { a.Serials = []string{"B"}; return nil })
		must(t, err)
		_, err = c.Update(ctx, "u2", func(a *asset) error { a.Serials = []string{"A", "C"}; return nil })
		must(t, err)
	})
}

func testCount(t *testing.T, e store.Engine) {
	seed(t, e, 60)
	for _, row := range []struct {
		q          store.Query
		most, want int
	}{
		{store.Query{Index: "bySite", Eq: []any{"s1"}}, 100, 20},
		{store.Query{Index: "bySite", Eq: []any{"s1"}}, 20, 20},
		{store.Query{Index: "bySite", Eq: []any{"s1"}}, 19, 19},
		{store.Query{Index: "bySite", Eq: []any{"s1"}}, 0, 0},
		{store.Query{Index: "bySite", Eq: []any{"s9"}}, 100, 0},
		{store.Query{Index: "byState", Eq: []any{true}}, 100, 30},
		{store.Query{Index: store.IDIndex, Lo: "id0050"}, 100, 10},
	} {
		n, err := e.Count(t.Context(), "assets", row.q, row.most)
		if err != nil || n != row.want {
			t.Errorf("%+v at most %d: %d, %v, want %d", row.q, row.most, n, err, row.want)
		}
	}
	_, err := e.Count(t.Context(), "assets", store.Query{Index: "none"}, 1)
	want(t, err, store.ErrBadQuery)
}

func testMany(t *testing.T, e store.Engine) {
	ctx := t.Context()
	put(t, e, "a", newAsset(1))
	must(t, store.In[plain](e, "plain").Insert(ctx, "p", &plain{N: 4}))
	refs := []store.Ref{{Collection: "plain", ID: "p"}, {Collection: "assets", ID: "none"}, {Collection: "assets", ID: "a"}, {Collection: "plain", ID: "p"}, {Collection: "plain", ID: "a"}}
	for range 2 {
		docs, err := e.GetMany(ctx, refs)
		must(t, err)
		var got []string
		for _, d := range docs {
			got = append(got, fmt.Sprint(d.ID, d.Ver))
		}
		if fmt.Sprint(got) != "[p1 none0 a1 p1 a0]" {
			t.Fatalf("%v", got)
		}
		if v, err := store.In[asset](e, "assets").Decode(docs[2]); err != nil || v.Code != newAsset(1).Code {
			t.Fatalf("%+v, %v", v, err)
		}
	}
	docs, err := e.GetMany(ctx, nil)
	if err != nil || len(docs) != 0 {
		t.Fatalf("%v, %v", docs, err)
	}
	_, err = e.GetMany(ctx, []store.Ref{{Collection: "none", ID: "a"}})
	want(t, err, store.ErrBadQuery)
}
