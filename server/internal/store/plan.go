package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Plan is a checked [Query]: what an engine has to run. The order is that of Index.Fields after Eq, then of the id unless
// the index is unique; Desc reverses all of it.
type Plan struct {
	Index  Index
	Eq     []any
	Lo, Hi any
	Desc   bool
	Limit  int
	// After holds the values of the fields after Eq, and AfterID the id, of the last document seen; nil on the first page.
	After   []any
	AfterID string
}

// Rest are the fields that order the answer: those after Eq. It is empty for a Multi index, whose order is that of ids.
func (p Plan) Rest() []string {
	if p.Index.Multi {
		return nil
	}
	return p.Index.Fields[len(p.Eq):]
}

// cursor is the form of [Page.Next]. It holds values of the answered document only; Eq, Lo and Hi always come from the query,
// so that a forged cursor cannot widen it.
type cursor struct {
	Index string `json:"i"`
	Eq    int    `json:"e"`
	Desc  bool   `json:"d,omitempty"`
	Rest  []any  `json:"k"`
	ID    string `json:"n"`
}

// Plan checks a query and its cursor, or returns ErrBadQuery. Values may be of named string, integer and boolean types, or [Time].
func (l *Layout) Plan(q Query) (Plan, error) {
	bad := func(why string) (Plan, error) {
		return Plan{}, fmt.Errorf("%w: %s by %.40q: %s", ErrBadQuery, l.Spec.Name, q.Index, why)
	}
	ix, ok := l.indexes[q.Index]
	if !ok {
		return bad("no such index")
	}
	p := Plan{Index: ix, Desc: q.Desc, Limit: q.Limit}
	if q.Limit < 1 || q.Limit > MaxPage {
		return bad("limit is not within 1 and MaxPage")
	}
	if len(q.Eq) > len(ix.Fields) {
		return bad("more values than fields")
	}
	p.Eq = make([]any, len(q.Eq))
	for i, v := range q.Eq {
		if p.Eq[i], ok = plainValue(v); !ok {
			return bad("value is no string, integer or boolean")
		}
	}
	if ix.Multi {
		if len(p.Eq) != 1 || q.Lo != nil || q.Hi != nil {
			return bad("a Multi index is asked for exactly one string")
		}
		if _, ok := p.Eq[0].(string); !ok {
			return bad("a Multi index is asked for exactly one string")
		}
	}
	for _, b := range []struct {
		from any
		to   *any
	}{{q.Lo, &p.Lo}, {q.Hi, &p.Hi}} {
		if b.from == nil {
			continue
		}
		if len(p.Rest()) == 0 {
			return bad("no field left to bound")
		}
		if *b.to, ok = plainValue(b.from); !ok {
			return bad("bound is no string, integer or boolean")
		}
	}
	if q.After == "" {
		return p, nil
	}
	if err := p.readCursor(q.After); err != nil {
		return bad(err.Error())
	}
	return p, nil
}

func (p *Plan) readCursor(text string) error {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("cursor is not base64url")
	}
	var c cursor
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil || dec.More() {
		return fmt.Errorf("cursor is not of this program")
	}
	if c.Index != p.Index.Name || c.Eq != len(p.Eq) || c.Desc != p.Desc || len(c.Rest) != len(p.Rest()) || !indexable(c.ID) || c.ID == "" {
		return fmt.Errorf("cursor is of another query")
	}
	for i, v := range c.Rest {
		switch v := v.(type) {
		case string, bool:
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				return fmt.Errorf("cursor holds a fraction")
			}
			c.Rest[i] = n
		default:
			return fmt.Errorf("cursor holds no plain value")
		}
	}
	p.After, p.AfterID = c.Rest, c.ID
	if p.After == nil {
		p.After = []any{}
	}
	return nil
}

// Cursor is [Page.Next] for a page of this plan that ends with a document of these keys.
func (p Plan) Cursor(id string, keys Keys) (string, error) {
	c := cursor{Index: p.Index.Name, Eq: len(p.Eq), Desc: p.Desc, Rest: []any{}, ID: id}
	for _, f := range p.Rest() {
		v := keys[f]
		if p.Index.Name == IDIndex {
			v = id
		}
		c.Rest = append(c.Rest, v)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("store: cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// plainValue brings a value of a query to string, int64 or bool.
func plainValue(v any) (any, bool) {
	switch v := v.(type) {
	case string, int64, bool:
		return v, true
	case Time:
		return v.Key(), true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.String:
		return r.String(), true
	case reflect.Bool:
		return r.Bool(), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int(), true
	}
	return nil, false
}
