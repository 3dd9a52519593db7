package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"zombiezen.com/go/sqlite"
)

// statement is one SQL statement with the values to bind.
type statement struct {
	text string
	args []any
}

// stairs turns a plan into statements whose answers follow each other in the order of the plan.
//
// The first page is one statement. A later page of an index (a, b, id) that ended at (1, 2, x) is "a=1, b=2, id>x", then
// "a=1, b>2", then "a>1": each is one seek to where it starts. SQLite seeks by the first column only for the row value
// (a, b, id) > (1, 2, x), and not at all if that is an expression, so that it would read the page's whole prefix or ties.
// INDEXED BY makes a statement that its index cannot answer an error instead of a scan.
func (t *table) stairs(p store.Plan, cols string) []statement {
	if p.After == nil {
		return []statement{t.step(p, cols, nil)}
	}
	past := p.After
	if p.Index.Multi || !p.Index.Unique {
		past = append(slices.Clone(p.After), p.AfterID)
	}
	var list []statement
	for n := len(past); n > 0; n-- {
		outside := len(p.After) > 0 && (p.Lo != nil && compare(past[0], p.Lo) < 0 || p.Hi != nil && compare(past[0], p.Hi) > 0)
		if n > 1 && outside {
			// Only a forged cursor is outside of its query.
			continue
		}
		list = append(list, t.step(p, cols, past[:n]))
	}
	return list
}

// step is one statement of stairs: all but the last of the fields named by past are equal to it, the last one is beyond it.
func (t *table) step(p store.Plan, cols string, past []any) statement {
	var s statement
	var where, order []string
	add := func(term string, v any) {
		where = append(where, term)
		s.args = append(s.args, v)
	}
	from := quote(t.name) + ` INDEXED BY ` + quote(indexName(t.name, p.Index.Name))
	var fields []string
	if p.Index.Multi {
		from = quote(sideName(t.name, p.Index.Name)) + ` m CROSS JOIN ` + quote(t.name) + ` t ON t.rid=m.rid`
		cols = strings.Replace(cols, "id", "m.id", 1)
		add("m.key=?", p.Eq[0])
		fields = []string{"m.id"}
	} else {
		if p.Index.Name == store.IDIndex {
			from = quote(t.name)
		}
		for i, v := range p.Eq {
			add(column(p.Index, p.Index.Fields[i])+"=?", v)
		}
		for _, f := range p.Rest() {
			fields = append(fields, column(p.Index, f))
		}
		if !p.Index.Unique {
			fields = append(fields, "id")
		}
	}
	held := max(len(past)-1, 0)
	for i, v := range past[:held] {
		add(fields[i]+"=?", v)
	}
	var low, high bound
	if held == 0 {
		low, high = bound{">=?", p.Lo}, bound{"<=?", p.Hi}
	}
	if len(past) > 0 {
		// One bound on each side: of two SQLite would seek by the first and read what the other leaves out.
		last := past[held]
		if p.Desc && (high.value == nil || compare(last, high.value) <= 0) {
			high = bound{"<?", last}
		} else if !p.Desc && (low.value == nil || compare(last, low.value) >= 0) {
			low = bound{">?", last}
		}
	}
	for _, b := range []bound{low, high} {
		if b.value != nil {
			add(fields[held]+b.term, b.value)
		}
	}
	s.text = `SELECT ` + cols + ` FROM ` + from
	if len(where) > 0 {
		s.text += ` WHERE ` + strings.Join(where, " AND ")
	}
	// Fields that are equal do not order; naming them would make SQLite sort.
	for _, f := range fields[min(held, len(fields)):] {
		if p.Desc {
			f += " DESC"
		}
		order = append(order, f)
	}
	if len(order) > 0 {
		s.text += ` ORDER BY ` + strings.Join(order, ", ")
	}
	// Of a bare LIMIT ? SQLite looks at the bound value to plan by it, and so plans anew whenever one is bound: half of the time
	// of a small query. Of an expression it does not.
	s.text += ` LIMIT ?+0`
	return s
}

// bound is one end of a range.
type bound struct {
	term  string
	value any
}

// compare orders values as SQLite does: numbers, booleans being 0 and 1, before texts.
func compare(a, b any) int {
	number := func(v any) (int64, bool) {
		switch v := v.(type) {
		case int64:
			return v, true
		case bool:
			if v {
				return 1, true
			}
			return 0, true
		}
		return 0, false
	}
	na, aIsNumber := number(a)
	nb, bIsNumber := number(b)
	switch {
	case aIsNumber && bIsNumber:
		return cmp.Compare(na, nb)
	case aIsNumber:
		return -1
	case bIsNumber:
		return 1
	}
	return strings.Compare(a.(string), b.(string))
}

// run calls row for at most limit rows of a statement that ends with LIMIT ?+0.
func (s statement) run(conn *sqlite.Conn, limit int, row func(*sqlite.Stmt)) error {
	s.args = append(slices.Clip(s.args), int64(limit))
	return s.bare(conn, row)
}

// bare calls row for all rows.
func (s statement) bare(conn *sqlite.Conn, row func(*sqlite.Stmt)) error {
	stmt, err := conn.Prepare(s.text)
	if err != nil {
		return err
	}
	for i, v := range s.args {
		switch v := v.(type) {
		case string:
			stmt.BindText(i+1, v)
		case int64:
			stmt.BindInt64(i+1, v)
		case bool:
			stmt.BindBool(i+1, v)
		default:
			return fmt.Errorf("value of type %T", v)
		}
	}
	for {
		more, err := stmt.Step()
		if err != nil {
			return err
		}
		if !more {
			return stmt.Reset()
		}
		row(stmt)
	}
}

// Find answers a query over one declared index.
func (e *Engine) Find(ctx context.Context, collection string, q store.Query) (store.Page, error) {
	t, err := e.table(collection)
	if err != nil {
		return store.Page{}, err
	}
	plan, err := t.layout.Plan(q)
	if err != nil {
		return store.Page{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Page{}, err
	}
	if e.isClosing() {
		return store.Page{}, store.ErrClosed
	}
	if e.pages == nil {
		return e.find(ctx, t, plan)
	}
	query, gen := appendQuery(make([]byte, 0, 128), collection, plan, q.After), t.gen.Load()
	if page, ok := e.pages.get(query, gen); ok {
		return page, nil
	}
	page, err := e.find(ctx, t, plan)
	if err == nil {
		e.pages.put(query, page, gen)
	}
	return page, err
}

// appendQuery writes a plan so that different plans have different texts.
func appendQuery(b []byte, collection string, p store.Plan, after string) []byte {
	b = append(append(b, collection...), ' ')
	b = append(b, p.Index.Name...)
	b = strconv.AppendBool(append(b, ' '), p.Desc)
	b = strconv.AppendInt(append(b, ' '), int64(p.Limit), 10)
	b = strconv.AppendInt(append(b, ' '), int64(len(p.Eq)), 10)
	for _, v := range p.Eq {
		b = appendValue(b, v)
	}
	b = appendValue(appendValue(b, p.Lo), p.Hi)
	return append(append(b, ' '), after...)
}

func appendValue(b []byte, v any) []byte {
	b = append(b, ' ')
	switch v := v.(type) {
	case string:
		// The length keeps a text from looking like the end of one and the start of the next.
		b = append(strconv.AppendInt(b, int64(len(v)), 10), ':')
		return append(b, v...)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case bool:
		return strconv.AppendBool(b, v)
	default:
		return append(b, '-')
	}
}

func (e *Engine) find(ctx context.Context, t *table, p store.Plan) (store.Page, error) {
	var noted *marks
	if e.docs != nil {
		noted = e.docs.marks()
	}
	stairs := t.stairs(p, "id, ver, doc")
	// One more than asked for tells whether there is a next page.
	docs := make([]store.Doc, 0, min(p.Limit+1, 64))
	err := e.read(ctx, len(stairs) > 1, func(conn *sqlite.Conn) error {
		for _, s := range stairs {
			if len(docs) > p.Limit {
				return nil
			}
			err := s.run(conn, p.Limit+1-len(docs), func(stmt *sqlite.Stmt) {
				docs = append(docs, store.Doc{ID: stmt.ColumnText(0), Ver: stmt.ColumnInt64(1), Body: columnBody(stmt, 2)})
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return store.Page{}, err
	}
	page := store.Page{Docs: docs}
	if len(docs) > p.Limit {
		page.Docs = docs[:p.Limit:p.Limit]
		last := page.Docs[p.Limit-1]
		var keys store.Keys
		if len(p.Rest()) > 0 {
			// Else the order is that of ids alone, and reading the document for its keys would cost as much as finding it.
			if keys, err = t.layout.Keys(last.ID, last.Body); err != nil {
				return store.Page{}, err
			}
		}
		if page.Next, err = p.Cursor(last.ID, keys); err != nil {
			return store.Page{}, err
		}
	}
	if e.docs != nil {
		for i, doc := range page.Docs {
			ref := store.Ref{Collection: t.name, ID: doc.ID}
			page.Docs[i] = e.docs.put(ref, doc, noted[e.docs.index(ref)])
		}
	}
	return page, nil
}

// Count counts what Find would answer without After and Limit, and stops at most.
func (e *Engine) Count(ctx context.Context, collection string, q store.Query, most int) (n int, err error) {
	t, err := e.table(collection)
	if err != nil {
		return 0, err
	}
	q.After, q.Limit = "", 1
	plan, err := t.layout.Plan(q)
	if err != nil {
		return 0, err
	}
	if most <= 0 {
		return 0, nil
	}
	s := t.step(plan, "1", nil)
	s.text = `SELECT count(*) FROM (` + s.text + `)`
	err = e.read(ctx, false, func(conn *sqlite.Conn) error {
		return s.run(conn, most, func(stmt *sqlite.Stmt) { n = stmt.ColumnInt(0) })
	})
	return n, err
}

// Changes lists writes after a sequence number, oldest first, and the number to go on from.
func (e *Engine) Changes(ctx context.Context, after int64, limit int) (list []store.Change, next int64, err error) {
	if limit < 1 {
		return nil, after, fmt.Errorf("%w: limit %d", store.ErrBadQuery, limit)
	}
	oldest := statement{text: `SELECT seq FROM changes ORDER BY seq LIMIT ?+0`}
	changes := statement{text: `SELECT seq, collection, id, ver FROM changes WHERE seq>? ORDER BY seq LIMIT ?+0`, args: []any{after}}
	lost := false
	err = e.read(ctx, true, func(conn *sqlite.Conn) error {
		if err := oldest.run(conn, 1, func(s *sqlite.Stmt) { lost = after > 0 && after < s.ColumnInt64(0)-1 }); err != nil || lost {
			return err
		}
		return changes.run(conn, limit, func(s *sqlite.Stmt) {
			list = append(list, store.Change{Seq: s.ColumnInt64(0), Collection: s.ColumnText(1), ID: s.ColumnText(2), Ver: s.ColumnInt64(3)})
		})
	})
	switch {
	case err != nil:
		return nil, after, err
	case lost:
		return nil, after, store.ErrChangesLost
	case len(list) > 0:
		after = list[len(list)-1].Seq
	}
	return list, after, nil
}
