package sqlite

import (
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"zombiezen.com/go/sqlite"
)

// FuzzKeys holds the two readers of a document against each other: what Go reads from an indexed field, and what it puts into
// cursors and looks for, is what SQLite's index holds.
func FuzzKeys(f *testing.F) {
	for _, seed := range []string{
		`{"a":"x"}`, `{"a":1}`, `{"a":true}`, `{"a":-0}`, `{"a":9223372036854775807}`, `{"a":-9223372036854775808}`, `{"b":{"a":1},"a":"y"}`,
		`{"\u0061":"x"}`, `{"a":"\ud83d\ude00"}`, `{"a":"\ud800"}`, `{"a":"\u0000"}`, `{"a":"1","\u0061":"2"}`, `{"a":"ä\n\/\\\"\u2028"}`, ` { "a" : 7 } `, `{"A":1,"a":2}`,
		`{"a":"` + strings.Repeat("x", 300) + `"}`, `{"x":"a","a":"\"a\":1"}`, `{"a":"\u00e4"}`, `{"a":false,"b":[[[]]]}`,
	} {
		f.Add([]byte(seed))
	}
	layout, err := store.NewLayout(store.Spec{Name: "c", Indexes: []store.Index{{Name: "a", Fields: []string{"a"}}}})
	if err != nil {
		f.Fatal(err)
	}
	conn, err := sqlite.OpenConn(":memory:")
	if err != nil {
		f.Fatal(err)
	}
	defer conn.Close()
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := layout.Keys("id", body)
		if err != nil {
			return
		}
		var held any
		err = statement{text: `SELECT ?->>'$.a'`, args: []any{string(body)}}.bare(conn, func(s *sqlite.Stmt) {
			switch s.ColumnType(0) {
			case sqlite.TypeInteger:
				held = s.ColumnInt64(0)
			case sqlite.TypeText:
				held = s.ColumnText(0)
			}
		})
		if err != nil {
			// The engine refuses the document too.
			return
		}
		want := keys["a"]
		if b, ok := want.(bool); ok {
			want = int64(0)
			if b {
				want = int64(1)
			}
		}
		if held != want {
			t.Fatalf("%q: Go reads %#v, SQLite %#v", body, want, held)
		}
	})
}
