package sqlite

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"zombiezen.com/go/sqlite"
)

func planSpec() store.Spec {
	return store.Spec{Name: "items", Indexes: []store.Index{
		{Name: "code", Fields: []string{"code"}, Unique: true},
		{Name: "abc", Fields: []string{"a", "b", "c"}},
		{Name: "ab", Fields: []string{"a", "b"}, Unique: true},
		{Name: "b", Fields: []string{"b"}},
		{Name: "words", Fields: []string{"words"}, Multi: true},
	}}
}

// TestQueryPlans asks SQLite how it would answer each shape of query: by seeking the declared index, never by reading a whole
// table and never by sorting.
func TestQueryPlans(t *testing.T) {
	e := open(t, Options{Dir: t.TempDir()})
	if err := e.Ensure(t.Context(), store.Schema{Version: 1, Collections: []store.Spec{planSpec()}}); err != nil {
		t.Fatal(err)
	}
	tab, err := e.table("items")
	if err != nil {
		t.Fatal(err)
	}
	shapes := []store.Query{
		{Index: store.IDIndex}, {Index: store.IDIndex, Eq: []any{"x"}}, {Index: store.IDIndex, Lo: "a", Hi: "b"},
		{Index: "code"}, {Index: "code", Eq: []any{"x"}}, {Index: "code", Lo: "a"},
		{Index: "abc"}, {Index: "abc", Lo: "a"}, {Index: "abc", Eq: []any{"x"}}, {Index: "abc", Eq: []any{"x"}, Lo: "a", Hi: "b"},
		{Index: "abc", Eq: []any{"x", "y"}}, {Index: "abc", Eq: []any{"x", "y"}, Hi: "z"}, {Index: "abc", Eq: []any{"x", "y", "z"}},
		{Index: "ab"}, {Index: "ab", Eq: []any{"x"}}, {Index: "ab", Eq: []any{"x"}, Lo: "y"}, {Index: "ab", Eq: []any{"x", "y"}},
		{Index: "b"}, {Index: "b", Eq: []any{int64(1)}}, {Index: "b", Lo: int64(1), Hi: int64(2)},
		{Index: "words", Eq: []any{"x"}},
	}
	for _, q := range shapes {
		for _, desc := range []bool{false, true} {
			for _, later := range []bool{false, true} {
				q.Desc, q.Limit, q.After = desc, 10, ""
				plan, err := tab.layout.Plan(q)
				if err != nil {
					t.Fatal(err)
				}
				if later {
					if q.After, err = plan.Cursor("id", store.Keys{"code": "k", "a": "k", "b": "k", "c": "k"}); err != nil {
						t.Fatal(err)
					}
					if plan, err = tab.layout.Plan(q); err != nil {
						t.Fatal(err)
					}
				}
				for i, s := range tab.stairs(plan, "id, ver, doc") {
					t.Run(fmt.Sprintf("%s eq %d lo %v hi %v desc %v later %v step %d", q.Index, len(q.Eq), q.Lo != nil, q.Hi != nil, desc, later, i), func(t *testing.T) {
						bounded := len(q.Eq) > 0 || q.Lo != nil || q.Hi != nil || later
						checkPlan(t, e, s, bounded)
					})
				}
			}
		}
	}
}

func checkPlan(t *testing.T, e *Engine, s statement, bounded bool) {
	t.Helper()
	var lines []string
	explain := statement{text: "EXPLAIN QUERY PLAN " + s.text, args: s.args}
	err := e.read(t.Context(), false, func(conn *sqlite.Conn) error {
		return explain.run(conn, 11, func(stmt *sqlite.Stmt) { lines = append(lines, stmt.ColumnText(3)) })
	})
	if err != nil {
		t.Fatalf("%s: %v", s.text, err)
	}
	how := strings.Join(lines, "; ")
	if strings.Contains(how, "TEMP B-TREE") || strings.Contains(how, "SCAN") && (bounded || !strings.Contains(how, "INDEX")) {
		t.Errorf("%s\n%s", s.text, how)
	}
	// Every term must seek: one that only filters reads rows in vain.
	count := func(text string) int {
		return strings.Count(text, "=?") + strings.Count(text, ">?") + strings.Count(text, "<?")
	}
	terms := count(strings.ReplaceAll(strings.ReplaceAll(s.text, ">=?", ">?"), "<=?", "<?"))
	if seeks := count(strings.ReplaceAll(how, "(rowid=?)", "")); seeks != terms {
		t.Errorf("%s\nseeks by %d of %d terms: %s", s.text, seeks, terms, how)
	}
}
