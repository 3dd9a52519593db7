package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error is %v, want %v", err, target)
	}
}

func wantDuplicate(t testing.TB, err error, index string) {
	t.Helper()
	if !store.IsDuplicate(err, index) {
		t.Fatalf("error is %v, want a duplicate by %s", err, index)
	}
}

func testDocuments(t *testing.T, e store.Engine) {
	ctx := t.Context()
	first, second := body(t, plain{N: 1}), body(t, plain{N: 2})
	_, err := e.Get(ctx, "plain", "x")
	want(t, err, store.ErrNotFound)
	must(t, e.Insert(ctx, "plain", "x", first))
	wantDuplicate(t, e.Insert(ctx, "plain", "x", second), store.IDIndex)
	doc, err := e.Get(ctx, "plain", "x")
	if err != nil || doc.ID != "x" || doc.Ver != 1 || string(doc.Body) != string(first) {
		t.Fatalf("after insert: %+v, %v", doc, err)
	}
	want(t, e.Replace(ctx, "plain", "x", second, 2), store.ErrStale)
	want(t, e.Replace(ctx, "plain", "y", second, 1), store.ErrNotFound)
	must(t, e.Replace(ctx, "plain", "x", second, 1))
	want(t, e.Replace(ctx, "plain", "x", first, 1), store.ErrStale)
	doc, err = e.Get(ctx, "plain", "x")
	if err != nil || doc.Ver != 2 || string(doc.Body) != string(second) {
		t.Fatalf("after replace: %+v, %v", doc, err)
	}
	want(t, e.Delete(ctx, "plain", "x", 1), store.ErrStale)
	want(t, e.Delete(ctx, "plain", "y", 1), store.ErrNotFound)
	must(t, e.Delete(ctx, "plain", "x", 2))
	want(t, e.Delete(ctx, "plain", "x", 2), store.ErrNotFound)
	_, err = e.Get(ctx, "plain", "x")
	want(t, err, store.ErrNotFound)
	must(t, e.Insert(ctx, "plain", "x", first))
	doc, err = e.Get(ctx, "plain", "x")
	if err != nil || doc.Ver != 1 || string(doc.Body) != string(first) {
		t.Fatalf("inserted again: %+v, %v", doc, err)
	}

	t.Run("texts of all kinds come back", func(t *testing.T) {
		c := store.In[plain](e, "plain")
		var all strings.Builder
		for r := rune(0); r < 0x3000; r++ {
			all.WriteRune(r)
		}
		for _, r := range []rune{0xd7ff, 0xe000, 0xfeff, 0xfffd, 0xffff, 0x10000, 0x1f600, 0x10ffff} {
			all.WriteRune(r)
		}
		for i, text := range []string{all.String(), "a\u0308ä", `"'\;--$.`, "\u2028\u2029</script>", strings.Repeat("å", 1<<18)} {
			id := fmt.Sprintf("text %d ä/%%\"'", i)
			must(t, c.Insert(ctx, id, &plain{Text: text}))
			if v, err := c.Get(ctx, id); err != nil || v.Text != text {
				t.Fatalf("text %d came back changed (%v)", i, err)
			}
		}
	})
	t.Run("the largest document", func(t *testing.T) {
		room := store.MaxDoc - len(body(t, plain{Text: "-"}))
		c := store.In[plain](e, "plain")
		largest := &plain{Text: strings.Repeat("x", room+1)}
		must(t, c.Insert(ctx, "largest", largest))
		if v, err := c.Get(ctx, "largest"); err != nil || *v != *largest {
			t.Fatalf("largest document: %v", err)
		}
		want(t, c.Insert(ctx, "larger", &plain{Text: strings.Repeat("x", room+2)}), store.ErrBadDocument)
	})
	t.Run("times keep milliseconds and their order", func(t *testing.T) {
		c := store.In[asset](e, "assets")
		at := time.Date(2026, 3, 29, 3, 0, 0, 123_987_654, time.FixedZone("CEST", 2*3600))
		a := newAsset(1)
		a.Updated = store.At(at)
		must(t, c.Insert(ctx, "time", a))
		v, err := c.Get(ctx, "time")
		if err != nil || !v.Updated.Equal(at.Truncate(time.Millisecond)) || v.Updated.Location() != time.UTC {
			t.Fatalf("time %v came back as %v, %v", at, v.Updated, err)
		}
		for i, at := range []store.Time{store.Never, {}, store.At(at.Add(time.Millisecond)), store.At(at.Add(-time.Hour))} {
			a := newAsset(i + 2)
			a.Updated = at
			must(t, c.Insert(ctx, fmt.Sprint("time", i), a))
		}
		got := fmt.Sprint(ids(ctx, t, e, store.Query{Index: "bySite", Eq: []any{"s1"}}))
		if got != "[time1 time3 time time2 time0]" {
			t.Fatalf("order of times: %v", got)
		}
		a.Updated = store.Time{Time: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}
		if err := c.Insert(ctx, "far", a); err == nil {
			t.Fatal("a year of five digits was stored; it would sort before others")
		}
	})
}

func testRefused(t *testing.T, e store.Engine) {
	good := `"code":"c","site":"s","updated":"u","open":true,"rank":1,"number":1,"words":[],"serials":[]`
	rows := []struct{ name, collection, id, body string }{
		{"empty id", "plain", "", `{}`},
		{"id with U+0000", "plain", "a\x00b", `{}`},
		{"id in broken UTF-8", "plain", "a\xff", `{}`},
		{"long id", "plain", strings.Repeat("x", store.MaxID+1), `{}`},
		{"no body", "plain", "x", ``},
		{"array", "plain", "x", `[]`},
		{"null", "plain", "x", `null`},
		{"two values", "plain", "x", `{}{}`},
		{"broken UTF-8", "plain", "x", "{\"a\":\"\xff\"}"},
		{"missing field", "assets", "x", `{"code":"c"}`},
		{"null field", "assets", "x", `{` + strings.Replace(good, `"code":"c"`, `"code":null`, 1) + `}`},
		{"object in a field", "assets", "x", `{` + strings.Replace(good, `"code":"c"`, `"code":{}`, 1) + `}`},
		{"array in a field", "assets", "x", `{` + strings.Replace(good, `"code":"c"`, `"code":["c"]`, 1) + `}`},
		{"fraction", "assets", "x", `{` + strings.Replace(good, `"rank":1`, `"rank":1.5`, 1) + `}`},
		{"exponent", "assets", "x", `{` + strings.Replace(good, `"rank":1`, `"rank":1e3`, 1) + `}`},
		{"number over 64 bits", "assets", "x", `{` + strings.Replace(good, `"rank":1`, `"rank":9223372036854775808`, 1) + `}`},
		{"U+0000 in a field", "assets", "x", `{` + strings.Replace(good, `"c"`, `"c\u0000"`, 1) + `}`},
		{"field twice", "assets", "x", `{` + good + `,"code":"d"}`},
		{"string for an array", "assets", "x", `{` + strings.Replace(good, `"words":[]`, `"words":"a"`, 1) + `}`},
		{"number in an array", "assets", "x", `{` + strings.Replace(good, `"words":[]`, `"words":[1]`, 1) + `}`},
		{"null in an array", "assets", "x", `{` + strings.Replace(good, `"words":[]`, `"words":[null]`, 1) + `}`},
	}
	must(t, e.Insert(t.Context(), "assets", "old", []byte(`{`+good+`}`)))
	must(t, e.Insert(t.Context(), "plain", "old", []byte(`{}`)))
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			want(t, e.Insert(t.Context(), row.collection, row.id, []byte(row.body)), store.ErrBadDocument)
			if row.id == "x" {
				want(t, e.Replace(t.Context(), row.collection, "old", []byte(row.body), 1), store.ErrBadDocument)
			}
			errs, err := e.Batch(t.Context(), []store.Op{{Collection: row.collection, ID: row.id, Body: []byte(row.body)}})
			must(t, err)
			want(t, errs[0], store.ErrBadDocument)
		})
	}
	for _, err := range []error{
		e.Insert(t.Context(), "unknown", "x", []byte(`{}`)),
		e.Insert(t.Context(), "changes", "x", []byte(`{}`)),
		e.Delete(t.Context(), "", "x", 1),
	} {
		want(t, err, store.ErrBadQuery)
	}
	_, err := e.Get(t.Context(), "unknown", "x")
	want(t, err, store.ErrBadQuery)
	t.Run("deeper than an engine reads", func(t *testing.T) {
		deep := `{` + good + `,"deep":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`
		if err := e.Insert(t.Context(), "assets", "deep", []byte(deep)); err != nil && !errors.Is(err, store.ErrBadDocument) && !store.IsDuplicate(err, "") {
			t.Fatal(err)
		}
		put(t, e, "after", newAsset(77))
	})
}

func testUnique(t *testing.T, e store.Engine) {
	ctx := t.Context()
	c := store.In[asset](e, "assets")
	put(t, e, "a", newAsset(1))
	put(t, e, "b", newAsset(2))
	same := newAsset(3)
	same.Code = newAsset(1).Code
	wantDuplicate(t, c.Insert(ctx, "c", same), "code")
	same = newAsset(3)
	same.Number = 2
	wantDuplicate(t, c.Insert(ctx, "c", same), "number")
	same.Site = "s2"
	must(t, c.Insert(ctx, "c", same))
	_, err := c.Update(ctx, "b", func(a *asset) error { a.Code = newAsset(1).Code; return nil })
	wantDuplicate(t, err, "code")
	item, err := c.Item(ctx, "b")
	if err != nil || item.Ver != 1 || item.Value.Code != newAsset(2).Code {
		t.Fatalf("a refused replace changed the document: %+v, %v", item, err)
	}
	_, err = c.Update(ctx, "b", func(a *asset) error { a.Text = "same keys as before"; return nil })
	must(t, err)
	must(t, c.Delete(ctx, "a"))
	_, err = c.Update(ctx, "b", func(a *asset) error { a.Code = newAsset(1).Code; return nil })
	must(t, err)
	if found, err := c.First(ctx, store.Query{Index: "code", Eq: []any{newAsset(1).Code}}); err != nil || found.ID != "b" {
		t.Fatalf("found %+v, %v", found, err)
	}
	_, err = c.First(ctx, store.Query{Index: "code", Eq: []any{newAsset(2).Code}})
	want(t, err, store.ErrNotFound)
}

func testCollection(t *testing.T, e store.Engine) {
	ctx := t.Context()
	c := store.In[plain](e, "plain")
	must(t, c.Insert(ctx, "x", &plain{N: 1}))
	stop := errors.New("stop")

	t.Run("an update that changes nothing writes nothing", func(t *testing.T) {
		v, err := c.Update(ctx, "x", func(p *plain) error { p.N = 1; return nil })
		if err != nil || v.N != 1 {
			t.Fatalf("%+v, %v", v, err)
		}
		if item, err := c.Item(ctx, "x"); err != nil || item.Ver != 1 {
			t.Fatalf("%+v, %v", item, err)
		}
	})
	t.Run("an update works on its own copy", func(t *testing.T) {
		before, err := c.Get(ctx, "x")
		must(t, err)
		_, err = c.Update(ctx, "x", func(p *plain) error { p.N = 99; return stop })
		want(t, err, stop)
		after, err := c.Get(ctx, "x")
		if err != nil || before.N != 1 || after.N != 1 {
			t.Fatalf("a failed update is seen: %+v %+v %v", before, after, err)
		}
	})
	t.Run("an update of nothing", func(t *testing.T) {
		_, err := c.Update(ctx, "none", func(*plain) error { t.Error("called"); return nil })
		want(t, err, store.ErrNotFound)
		want(t, c.Delete(ctx, "none"), store.ErrNotFound)
	})
	t.Run("delete if", func(t *testing.T) {
		want(t, c.DeleteIf(ctx, "x", func(p *plain) error { return stop }), stop)
		_, err := c.Update(ctx, "x", func(p *plain) error { p.N = 5; return nil })
		must(t, err)
		must(t, c.DeleteIf(ctx, "x", func(p *plain) error {
			if p.N != 5 {
				return stop
			}
			return nil
		}))
		_, err = c.Get(ctx, "x")
		want(t, err, store.ErrNotFound)
	})
	t.Run("two types over one document", func(t *testing.T) {
		must(t, c.Insert(ctx, "two", &plain{N: 3}))
		other := store.In[struct {
			N json.Number `json:"n"`
		}](e, "plain")
		for range 3 {
			a, err := c.Get(ctx, "two")
			must(t, err)
			b, err := other.Get(ctx, "two")
			must(t, err)
			if a.N != 3 || b.N != "3" {
				t.Fatalf("%v %v", a, b)
			}
		}
	})
	t.Run("each ends at an error", func(t *testing.T) {
		for i := range 5 {
			must(t, c.Insert(ctx, fmt.Sprint("each", i), &plain{}))
		}
		n := 0
		err := c.Each(ctx, store.Query{Index: store.IDIndex, Lo: "each", Hi: "each~", Limit: 2}, func(store.Item[plain]) error {
			if n++; n == 4 {
				return stop
			}
			return nil
		})
		want(t, err, stop)
		if n != 4 {
			t.Fatalf("called %d times", n)
		}
	})
	t.Run("insert all", func(t *testing.T) {
		var names []string
		var values []*plain
		for i := range 600 {
			names, values = append(names, fmt.Sprintf("all%03d", i)), append(values, &plain{N: i})
		}
		must(t, c.InsertAll(ctx, names, values))
		wantDuplicate(t, c.InsertAll(ctx, names[:1], values[:1]), store.IDIndex)
		if v, err := c.Get(ctx, "all599"); err != nil || v.N != 599 {
			t.Fatalf("%+v, %v", v, err)
		}
	})
}
