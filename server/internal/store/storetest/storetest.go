// Package storetest is the conformance suite of the store's port: what [store.Engine] promises, as tests that each engine
// runs. An engine's own test is a constructor.
package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/tagwerk/tagwerk/server/internal/store"
)

// version is the number of the suite's schema.
const version = 7

// schema has an index of each kind.
func schema() store.Schema {
	return store.Schema{Version: version, Collections: append(store.BlobSpecs(),
		store.Spec{Name: "assets", Indexes: []store.Index{
			{Name: "code", Fields: []string{"code"}, Unique: true},
			{Name: "bySite", Fields: []string{"site", "updated"}},
			{Name: "byState", Fields: []string{"open", "site", "rank"}},
			{Name: "byRank", Fields: []string{"rank"}},
			{Name: "number", Fields: []string{"site", "number"}, Unique: true},
			{Name: "words", Fields: []string{"words"}, Multi: true},
			{Name: "serials", Fields: []string{"serials"}, Multi: true, Unique: true},
		}},
		store.Spec{Name: "plain"},
	)}
}

// asset is the document of most tests.
type asset struct {
	Code    string     `json:"code"`
	Site    string     `json:"site"`
	Updated store.Time `json:"updated"`
	Open    bool       `json:"open"`
	Rank    int64      `json:"rank"`
	Number  int64      `json:"number"`
	Words   []string   `json:"words"`
	Serials []string   `json:"serials"`
	Text    string     `json:"text,omitempty"`
}

// plain is a document without indexes.
type plain struct {
	N    int    `json:"n"`
	Text string `json:"text,omitempty"`
}

// Run runs the suite; open returns a new, empty engine, closed by its own cleanup.
func Run(t *testing.T, open func(t *testing.T) store.Engine) {
	for _, group := range []struct {
		name string
		run  func(t *testing.T, e store.Engine)
	}{
		{"documents", testDocuments},
		{"refused documents", testRefused},
		{"unique", testUnique},
		{"order", testOrder},
		{"pages", testPages},
		{"bad queries", testBadQueries},
		{"SEC-59 values", testHostileValues},
		{"multi", testMulti},
		{"count", testCount},
		{"many", testMany},
		{"batch", testBatch},
		{"changes", testChanges},
		{"context", testContext},
		{"collection", testCollection},
		{"races", testRaces},
		{"SEC-7 answered writes are seen", testFresh},
		{"one moment", testMoment},
		{"blobs", testBlobs},
		{"close", testClose},
		{"ensure", testEnsure},
	} {
		t.Run(group.name, func(t *testing.T) {
			e := open(t)
			must(t, e.Ensure(t.Context(), schema()))
			group.run(t, e)
		})
	}
}

// RunReopen runs the tests that end an engine and open it again on the same data; place returns what opens one place.
func RunReopen(t *testing.T, place func(t *testing.T) func() store.Engine) {
	t.Run("reopen", func(t *testing.T) {
		open := place(t)
		e := open()
		must(t, e.Ensure(t.Context(), schema()))
		put(t, e, "a", newAsset(1))
		must(t, e.Close())
		e = open()
		must(t, e.Ensure(t.Context(), schema()))
		item, err := store.In[asset](e, "assets").Item(t.Context(), "a")
		if err != nil || item.Ver != 1 || item.Value.Code != newAsset(1).Code {
			t.Fatalf("after reopening: %+v, %v", item, err)
		}
		_, next, err := e.Changes(t.Context(), 0, 10)
		must(t, err)
		put(t, e, "b", newAsset(2))
		list, _, err := e.Changes(t.Context(), next, 10)
		if err != nil || len(list) != 1 || list[0].ID != "b" {
			t.Fatalf("changes after reopening: %v, %v", list, err)
		}
	})
	t.Run("SEC-91 newer data are refused", func(t *testing.T) {
		open := place(t)
		e := open()
		must(t, e.Ensure(t.Context(), schema()))
		put(t, e, "a", newAsset(1))
		must(t, e.Close())
		e = open()
		older := schema()
		older.Version--
		want(t, e.Ensure(t.Context(), older), store.ErrNewerData)
		must(t, e.Close())
		e = open()
		newer := schema()
		newer.Version++
		must(t, e.Ensure(t.Context(), newer))
		want(t, e.Ensure(t.Context(), schema()), store.ErrNewerData)
		if _, err := e.Get(t.Context(), "assets", "a"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("indexes follow their declaration", func(t *testing.T) { testIndexChanges(t, place(t)) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newAsset(n int) *asset {
	return &asset{Code: fmt.Sprintf("C%05d", n), Site: "s1", Rank: int64(n), Number: int64(n), Words: []string{}, Serials: []string{}}
}

func put(t testing.TB, e store.Engine, id string, a *asset) {
	t.Helper()
	must(t, store.In[asset](e, "assets").Insert(t.Context(), id, a))
}

func body(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return b
}

// ids lists a whole query page by page.
func ids(ctx context.Context, t testing.TB, e store.Engine, q store.Query) []string {
	t.Helper()
	list := []string{}
	must(t, store.In[asset](e, "assets").Each(ctx, q, func(it store.Item[asset]) error {
		list = append(list, it.ID)
		return nil
	}))
	return list
}
