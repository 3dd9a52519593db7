package store

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"
)

type siteName string

func testLayout(t testing.TB) *Layout {
	t.Helper()
	l, err := NewLayout(Spec{Name: "c", Indexes: []Index{
		{Name: "abc", Fields: []string{"a", "b", "c"}},
		{Name: "u", Fields: []string{"u"}, Unique: true},
		{Name: "w", Fields: []string{"w"}, Multi: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPlanValues(t *testing.T) {
	l := testLayout(t)
	at := At(time.Date(2026, 2, 3, 4, 5, 6, 7_000_000, time.UTC))
	for _, row := range []struct{ in, out any }{
		{"x", "x"}, {siteName("y"), "y"}, {int64(-1), int64(-1)}, {7, int64(7)}, {uint8(7), nil}, {true, true}, {at, "2026-02-03T04:05:06.007Z"},
		{1.5, nil}, {nil, nil}, {[]byte("x"), nil}, {time.Time{}, nil}, {struct{ A string }{"$ne"}, nil},
	} {
		p, err := l.Plan(Query{Index: "abc", Eq: []any{row.in}, Limit: 1})
		if row.out == nil {
			if !errors.Is(err, ErrBadQuery) {
				t.Errorf("SEC-59 %#v: %v", row.in, err)
			}
			continue
		}
		if err != nil || p.Eq[0] != row.out {
			t.Errorf("%#v became %#v, %v", row.in, p.Eq, err)
		}
	}
}

// FuzzCursor feeds the one text of a query that comes from outside.
func FuzzCursor(f *testing.F) {
	l := testLayout(f)
	keys := Keys{"a": "x", "b": int64(-5), "c": true, "u": "v", "w": []string{"k"}}
	queries := []Query{{Index: "abc"}, {Index: "abc", Eq: []any{"x"}, Desc: true}, {Index: "abc", Eq: []any{"x", int64(1)}, Lo: false}, {Index: "u"}, {Index: "w", Eq: []any{"k"}}, {Index: IDIndex}}
	for _, q := range queries {
		q.Limit = 1
		p, err := l.Plan(q)
		if err != nil {
			f.Fatal(err)
		}
		text, err := p.Cursor("id ä", keys)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, s := range []string{`{"i":"abc","e":0,"k":[1,2,3],"n":"x"}`, `{"i":"abc","e":0,"k":[null,[],{}],"n":"x"}`, `[]`, `null`, `{"i":"u","e":0,"k":[1e400],"n":"x"}`} {
		f.Add(base64.RawURLEncoding.EncodeToString([]byte(s)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, q := range queries {
			q.Limit, q.After = 1, text
			p, err := l.Plan(q)
			if err != nil {
				if !errors.Is(err, ErrBadQuery) {
					t.Fatalf("%v", err)
				}
				continue
			}
			if text == "" {
				continue
			}
			if len(p.After) != len(p.Rest()) || p.AfterID == "" {
				t.Fatalf("%q gives %+v", text, p)
			}
			again := Keys{}
			for i, f := range p.Rest() {
				switch v := p.After[i].(type) {
				case string, int64, bool:
					again[f] = v
				default:
					t.Fatalf("%q holds %T", text, v)
				}
			}
			// What was read is written and read again alike.
			id := p.AfterID
			if p.Index.Name == IDIndex && len(p.After) > 0 && p.After[0] != id {
				continue
			}
			next, err := p.Cursor(id, again)
			if err != nil {
				t.Fatal(err)
			}
			q.After = next
			if back, err := l.Plan(q); err != nil || back.AfterID != id {
				t.Fatalf("%q became %q: %+v, %v", text, next, back, err)
			}
		}
	})
}

func TestTimeForm(t *testing.T) {
	for _, row := range []struct {
		text string
		ok   bool
	}{
		{`"2026-02-03T04:05:06.007Z"`, true}, {`"0001-01-01T00:00:00.000Z"`, true}, {`"9999-12-31T23:59:59.999Z"`, true},
		{`"2026-02-03T04:05:06Z"`, false}, {`"2026-02-03T04:05:06.0070Z"`, false}, {`"2026-02-03T04:05:06.007+00:00"`, false}, {`"2026-02-30T04:05:06.007Z"`, false},
		{`"2026-2-03T04:05:06.007Z"`, false}, {`1700000000`, false}, {`null`, false}, {`""`, false},
	} {
		var got Time
		err := got.UnmarshalJSON([]byte(row.text))
		if (err == nil) != row.ok {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		if err != nil {
			continue
		}
		if back, err := got.MarshalJSON(); err != nil || string(back) != row.text {
			t.Errorf("%s became %s, %v", row.text, back, err)
		}
	}
	for _, at := range []time.Time{time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if out, err := At(at).MarshalJSON(); err == nil {
			t.Errorf("%v became %s, which would not sort", at, out)
		}
	}
}
