package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

func testBatch(t *testing.T, e store.Engine) {
	ctx := t.Context()
	one, two := body(t, plain{N: 1}), body(t, plain{N: 2})
	dup := newAsset(2)
	dup.Code = newAsset(1).Code
	ops := []store.Op{
		{Kind: store.OpInsert, Collection: "plain", ID: "a", Body: one},
		{Kind: store.OpInsert, Collection: "plain", ID: "a", Body: one},
		{Kind: store.OpReplace, Collection: "plain", ID: "a", Body: two, Ver: 1},
		{Kind: store.OpReplace, Collection: "plain", ID: "a", Body: two, Ver: 1},
		{Kind: store.OpInsert, Collection: "assets", ID: "x", Body: body(t, newAsset(1))},
		{Kind: store.OpInsert, Collection: "assets", ID: "y", Body: body(t, dup)},
		{Kind: store.OpInsert, Collection: "plain", ID: "b", Body: []byte("{")},
		{Kind: store.OpDelete, Collection: "plain", ID: "none", Ver: 1},
		{Kind: store.OpInsert, Collection: "plain", ID: "c", Body: one},
		{Kind: store.OpDelete, Collection: "plain", ID: "c", Ver: 1},
		{Kind: store.OpKind(9), Collection: "plain", ID: "c"},
		{Kind: store.OpInsert, Collection: "none", ID: "c", Body: one},
		{Kind: store.OpInsert, Collection: "plain", ID: "d", Body: one},
	}
	errs, err := e.Batch(ctx, ops)
	must(t, err)
	var dupID, dupCode *store.DuplicateError
	if !errors.As(errs[1], &dupID) || dupID.Index != "id" || !errors.As(errs[5], &dupCode) || dupCode.Index != "code" {
		t.Fatalf("duplicates: %v, %v", errs[1], errs[5])
	}
	for i, target := range map[int]error{0: nil, 2: nil, 3: store.ErrStale, 4: nil, 6: store.ErrBadDocument, 7: store.ErrNotFound, 8: nil, 9: nil, 10: store.ErrBadQuery, 11: store.ErrBadQuery, 12: nil} {
		if !errors.Is(errs[i], target) {
			t.Errorf("write %d: %v, want %v", i, errs[i], target)
		}
	}
	docs, err := e.GetMany(ctx, []store.Ref{{Collection: "plain", ID: "a"}, {Collection: "plain", ID: "c"}, {Collection: "plain", ID: "d"}, {Collection: "assets", ID: "y"}})
	must(t, err)
	if docs[0].Ver != 2 || docs[1].Ver != 0 || docs[2].Ver != 1 || docs[3].Ver != 0 {
		t.Fatalf("after the batch: %+v", docs)
	}
	errs, err = e.Batch(ctx, nil)
	if err != nil || len(errs) != 0 {
		t.Fatalf("%v, %v", errs, err)
	}
}

func testChanges(t *testing.T, e store.Engine) {
	ctx := t.Context()
	c := store.In[plain](e, "plain")
	_, from, err := e.Changes(ctx, 0, 10)
	must(t, err)
	must(t, c.Insert(ctx, "a", &plain{N: 1}))
	must(t, c.Insert(ctx, "b", &plain{N: 1}))
	_, err = c.Update(ctx, "a", func(p *plain) error { p.N = 2; return nil })
	must(t, err)
	wantDuplicate(t, c.Insert(ctx, "a", &plain{}), "id")
	must(t, c.Delete(ctx, "b"))
	for _, limit := range []int{1, 2, 100} {
		var seen []string
		for at := from; ; {
			list, next, err := e.Changes(ctx, at, limit)
			must(t, err)
			if len(list) > limit {
				t.Fatalf("%d changes, limit %d", len(list), limit)
			}
			if len(list) == 0 {
				if next != at {
					t.Fatalf("number moved from %d to %d without a change", at, next)
				}
				break
			}
			for _, ch := range list {
				if ch.Seq <= at {
					t.Fatalf("number %d comes after %d", ch.Seq, at)
				}
				at = ch.Seq
				seen = append(seen, fmt.Sprint(ch.Collection, ch.ID, ch.Ver))
			}
			at = next
		}
		if fmt.Sprint(seen) != "[plaina1 plainb1 plaina2 plainb0]" {
			t.Fatalf("changes: %v", seen)
		}
	}
	_, _, err = e.Changes(ctx, 0, 0)
	want(t, err, store.ErrBadQuery)
}

func testContext(t *testing.T, e store.Engine) {
	put(t, e, "a", newAsset(10_000))
	for _, row := range []struct {
		name string
		want error
		ctx  func() (context.Context, context.CancelFunc)
	}{
		{"cancelled", context.Canceled, func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx, cancel
		}},
		{"too late", context.DeadlineExceeded, func() (context.Context, context.CancelFunc) {
			return context.WithDeadline(t.Context(), time.Unix(1, 0))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := row.ctx()
			defer cancel()
			_, errGet := e.Get(ctx, "assets", "a")
			_, errMany := e.GetMany(ctx, []store.Ref{{Collection: "assets", ID: "a"}})
			_, errFind := e.Find(ctx, "assets", store.Query{Index: "byRank", Limit: 1})
			_, errCount := e.Count(ctx, "assets", store.Query{Index: "byRank"}, 1)
			_, _, errChanges := e.Changes(ctx, 0, 1)
			_, errBatch := e.Batch(ctx, []store.Op{{Collection: "plain", ID: "z", Body: []byte("{}")}})
			for i, err := range []error{errGet, errMany, errFind, errCount, errChanges, errBatch,
				e.Insert(ctx, "plain", "z", []byte("{}")), e.Replace(ctx, "assets", "a", body(t, newAsset(10_001)), 1), e.Delete(ctx, "assets", "a", 1)} {
				if !errors.Is(err, row.want) {
					t.Errorf("call %d: %v", i, err)
				}
			}
			if _, err := e.Get(t.Context(), "plain", "z"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a cancelled write was done: %v", err)
			}
		})
	}
	t.Run("cancelled amid writes: each answer is true", func(t *testing.T) {
		c := store.In[plain](e, "plain")
		var done sync.Map
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				for i := range 30 {
					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(time.Duration(i*(w+1)%40)*20*time.Microsecond, cancel)
					id := fmt.Sprintf("w%d-%d", w, i)
					done.Store(id, c.Insert(ctx, id, &plain{N: i}))
					cancel()
				}
			})
		}
		wg.Wait()
		kept, given := 0, 0
		done.Range(func(id, result any) bool {
			err, _ := result.(error)
			_, getErr := c.Get(t.Context(), id.(string))
			switch {
			case err == nil && getErr == nil:
				kept++
			case errors.Is(err, context.Canceled) && errors.Is(getErr, store.ErrNotFound):
				given++
			default:
				t.Errorf("%s: insert answered %v, get %v", id, err, getErr)
			}
			return true
		})
		if kept+given != 16*30 {
			t.Errorf("%d kept, %d given up", kept, given)
		}
	})
	t.Run("works after cancelled reads", func(t *testing.T) {
		seed(t, e, 50)
		for i := range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Duration(i)*2*time.Microsecond, cancel)
			_, err := e.Find(ctx, "assets", store.Query{Index: "bySite", Lo: fmt.Sprint("s", i), Limit: 50})
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			cancel()
		}
		if list := ids(t.Context(), t, e, store.Query{Index: "byState", Limit: 4}); len(list) != 51 {
			t.Fatalf("%d documents", len(list))
		}
	})
}

func testRaces(t *testing.T, e store.Engine) {
	ctx := t.Context()
	t.Run("100 updaters of one document", func(t *testing.T) {
		c := store.In[plain](e, "plain")
		must(t, c.Insert(ctx, "counter", &plain{}))
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, err := c.Update(ctx, "counter", func(p *plain) error { p.N++; return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if it, err := c.Item(ctx, "counter"); err != nil || it.Value.N != 100 || it.Ver != 101 {
			t.Fatalf("%+v, %v", it, err)
		}
	})
	t.Run("100 inserters of one unique key", func(t *testing.T) {
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				a := newAsset(i)
				a.Code = "the same"
				err := store.In[asset](e, "assets").Insert(ctx, fmt.Sprint("racer", i), a)
				if err == nil {
					won.Add(1)
				} else if !store.IsDuplicate(err, "code") {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		n, err := e.Count(ctx, "assets", store.Query{Index: "code", Eq: []any{"the same"}}, 1000)
		if won.Load() != 1 || err != nil || n != 1 {
			t.Fatalf("%d won, %d stored, %v", won.Load(), n, err)
		}
	})
}

// testFresh holds one writer against readers: what an answered write stored is the least that a later read sees.
func testFresh(t *testing.T, e store.Engine) {
	ctx := t.Context()
	c := store.In[asset](e, "assets")
	const documents, writes = 4, 160
	var answered [documents]atomic.Int64
	for d := range documents {
		put(t, e, fmt.Sprint("hot", d), newAsset(d))
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for r := range 8 {
		readers.Go(func() {
			for i := r; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				d := i % documents
				least := answered[d].Load()
				var got int64
				var err error
				switch i / documents % 3 {
				case 0:
					var it store.Item[asset]
					it, err = c.Item(ctx, fmt.Sprint("hot", d))
					if err == nil {
						got = it.Value.Rank
					}
				case 1:
					var it store.Item[asset]
					it, err = c.First(ctx, store.Query{Index: "code", Eq: []any{newAsset(d).Code}})
					if err == nil {
						got = it.Value.Rank
					}
				case 2:
					var docs []store.Doc
					docs, err = e.GetMany(ctx, []store.Ref{c.Ref(fmt.Sprint("hot", d)), c.Ref("none")})
					if err == nil {
						var v *asset
						if v, err = c.Decode(docs[0]); err == nil {
							got = v.Rank
						}
					}
				}
				if err != nil || got < least {
					t.Errorf("document %d: read %d after %d was answered, %v", d, got, least, err)
					return
				}
			}
		})
	}
	for i := range writes {
		d := i % documents
		rank := int64(1000 + i)
		_, err := c.Update(ctx, fmt.Sprint("hot", d), func(a *asset) error { a.Rank = rank; return nil })
		must(t, err)
		answered[d].Store(rank)
	}
	close(stop)
	readers.Wait()
	t.Run("an absent document", func(t *testing.T) {
		for i := range 50 {
			id := fmt.Sprint("come and go ", i)
			_, err := c.Get(ctx, id)
			want(t, err, store.ErrNotFound)
			q := store.Query{Index: "code", Eq: []any{newAsset(5000 + i).Code}}
			_, err = c.First(ctx, q)
			want(t, err, store.ErrNotFound)
			put(t, e, id, newAsset(5000+i))
			if _, err := c.Get(ctx, id); err != nil {
				t.Fatal(err)
			}
			if _, err := c.First(ctx, q); err != nil {
				t.Fatal(err)
			}
			must(t, c.Delete(ctx, id))
		}
	})
}

// testMoment holds GetMany to one moment: the first document is always written before the second.
func testMoment(t *testing.T, e store.Engine) {
	if !e.Caps().Snapshot {
		t.Skip("this engine reads no snapshots")
	}
	ctx := t.Context()
	c := store.In[plain](e, "plain")
	must(t, c.Insert(ctx, "first", &plain{}))
	must(t, c.Insert(ctx, "second", &plain{}))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				docs, err := e.GetMany(ctx, []store.Ref{c.Ref("second"), c.Ref("first")})
				if err != nil {
					t.Error(err)
					return
				}
				second, _ := c.Decode(docs[0])
				first, _ := c.Decode(docs[1])
				if d := first.N - second.N; d != 0 && d != 1 {
					t.Errorf("first %d and second %d were never stored together", first.N, second.N)
					return
				}
			}
		})
	}
	const writes = 150
	for i := range writes {
		must(t, e.Replace(ctx, "plain", "first", body(t, plain{N: i + 1}), int64(i+1)))
		must(t, e.Replace(ctx, "plain", "second", body(t, plain{N: i + 1}), int64(i+1)))
	}
	close(stop)
	readers.Wait()
	if v, err := c.Get(ctx, "first"); err != nil || v.N != writes {
		t.Fatalf("%+v, %v", v, err)
	}
}

func testClose(t *testing.T, e store.Engine) {
	ctx := t.Context()
	c := store.In[plain](e, "plain")
	var wg sync.WaitGroup
	var wrote atomic.Int32
	begun := make(chan struct{}, 64)
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				err := c.Insert(ctx, fmt.Sprintf("w%d-%d", w, i), &plain{N: i})
				if err == nil {
					_, err = c.Get(ctx, fmt.Sprintf("w%d-%d", w, i))
				}
				if err == nil {
					_, _, err = c.Find(ctx, store.Query{Index: store.IDIndex, Limit: 20})
				}
				if errors.Is(err, store.ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				wrote.Add(1)
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	<-begun
	must(t, e.Close())
	wg.Wait()
	must(t, e.Close())
	_, errGet := e.Get(ctx, "plain", "w0-0")
	_, errMany := e.GetMany(ctx, []store.Ref{c.Ref("w0-0")})
	_, errFind := e.Find(ctx, "plain", store.Query{Index: store.IDIndex, Limit: 20})
	_, errCount := e.Count(ctx, "plain", store.Query{Index: store.IDIndex}, 20)
	_, _, errChanges := e.Changes(ctx, 0, 1)
	_, errBatch := e.Batch(ctx, []store.Op{{Collection: "plain", ID: "z", Body: []byte("{}")}})
	for i, err := range []error{errGet, errMany, errFind, errCount, errChanges, errBatch,
		c.Insert(ctx, "late", &plain{}), e.Delete(ctx, "plain", "w0-0", 1), e.Ensure(ctx, schema())} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("call %d after close: %v", i, err)
		}
	}
}

func testEnsure(t *testing.T, e store.Engine) {
	ctx := t.Context()
	put(t, e, "a", newAsset(1))
	must(t, e.Ensure(ctx, schema()))
	if list := ids(ctx, t, e, store.Query{Index: "byRank"}); len(list) != 1 {
		t.Fatalf("%v", list)
	}
	for name, spec := range map[string]store.Spec{
		"no name":           {},
		"bad name":          {Name: `a"b`},
		"bad field":         {Name: "a", Indexes: []store.Index{{Name: "i", Fields: []string{"a'b"}}}},
		"bad index":         {Name: "a", Indexes: []store.Index{{Name: "i.j", Fields: []string{"a"}}}},
		"no field":          {Name: "a", Indexes: []store.Index{{Name: "i"}}},
		"index twice":       {Name: "a", Indexes: []store.Index{{Name: "i", Fields: []string{"a"}}, {Name: "i", Fields: []string{"b"}}}},
		"index named id":    {Name: "a", Indexes: []store.Index{{Name: "id", Fields: []string{"a"}}}},
		"field twice":       {Name: "a", Indexes: []store.Index{{Name: "i", Fields: []string{"a", "a"}}}},
		"multi of two":      {Name: "a", Indexes: []store.Index{{Name: "i", Fields: []string{"a", "b"}, Multi: true}}},
		"multi and another": {Name: "a", Indexes: []store.Index{{Name: "i", Fields: []string{"a"}, Multi: true}, {Name: "j", Fields: []string{"a"}}}},
	} {
		if err := e.Ensure(ctx, store.Schema{Version: version, Collections: []store.Spec{spec}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := e.Get(ctx, "assets", "a"); err != nil {
		t.Fatal(err)
	}
}

// testIndexChanges opens data under changed declarations.
func testIndexChanges(t *testing.T, open func() store.Engine) {
	ctx := t.Context()
	reopen := func(e store.Engine, indexes ...store.Index) (store.Engine, error) {
		if e != nil {
			must(t, e.Close())
		}
		e = open()
		return e, e.Ensure(ctx, store.Schema{Version: 1, Collections: []store.Spec{{Name: "assets", Indexes: indexes}}})
	}
	e, err := reopen(nil)
	must(t, err)
	for i := range 6 {
		a := newAsset(i)
		a.Site, a.Words = fmt.Sprint("s", i%2), []string{fmt.Sprint("w", i%3)}
		put(t, e, fmt.Sprint("a", i), a)
	}
	e, err = reopen(e, store.Index{Name: "x", Fields: []string{"site"}}, store.Index{Name: "w", Fields: []string{"words"}, Multi: true})
	must(t, err)
	if got := fmt.Sprint(ids(ctx, t, e, store.Query{Index: "x", Eq: []any{"s1"}}), ids(ctx, t, e, store.Query{Index: "w", Eq: []any{"w2"}})); got != "[a1 a3 a5] [a2 a5]" {
		t.Fatalf("new indexes: %v", got)
	}
	e, err = reopen(e, store.Index{Name: "x", Fields: []string{"code"}, Unique: true})
	must(t, err)
	if got := fmt.Sprint(ids(ctx, t, e, store.Query{Index: "x", Lo: "C00004"})); got != "[a4 a5]" {
		t.Fatalf("changed index: %v", got)
	}
	_, err = e.Find(ctx, "assets", store.Query{Index: "w", Eq: []any{"w2"}, Limit: 1})
	want(t, err, store.ErrBadQuery)
	wantDuplicate(t, store.In[asset](e, "assets").Insert(ctx, "b", newAsset(1)), "x")
	// Words written while the index was away must be found when it is back.
	a := newAsset(9)
	a.Words = []string{"w2"}
	put(t, e, "a9", a)
	e, err = reopen(e, store.Index{Name: "w", Fields: []string{"words"}, Multi: true})
	must(t, err)
	if got := fmt.Sprint(ids(ctx, t, e, store.Query{Index: "w", Eq: []any{"w2"}})); got != "[a2 a5 a9]" {
		t.Fatalf("index that came back: %v", got)
	}
	e, err = reopen(e, store.Index{Name: "n", Fields: []string{"absent"}})
	want(t, err, store.ErrBadDocument)
	e, err = reopen(e, store.Index{Name: "site", Fields: []string{"site"}, Unique: true})
	if err == nil {
		t.Fatal("a unique index over equal values was made")
	}
	e, err = reopen(e)
	must(t, err)
	if n, err := e.Count(ctx, "assets", store.Query{Index: store.IDIndex}, 100); err != nil || n != 7 {
		t.Fatalf("%d documents, %v", n, err)
	}
}
