package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"zombiezen.com/go/sqlite"
)

// keptChanges is how many rows of the changes stay; they are trimmed once per trimEvery writes.
const (
	keptChanges = 100_000
	trimEvery   = 1000
)

// Insert stores a new document with revision 1, or returns *store.DuplicateError.
func (e *Engine) Insert(ctx context.Context, collection, id string, body []byte) error {
	return e.writeOne(ctx, store.Op{Kind: store.OpInsert, Collection: collection, ID: id, Body: body})
}

// Replace stores a new body under ver+1 if the stored revision is ver.
func (e *Engine) Replace(ctx context.Context, collection, id string, body []byte, ver int64) error {
	return e.writeOne(ctx, store.Op{Kind: store.OpReplace, Collection: collection, ID: id, Ver: ver, Body: body})
}

// Delete removes a document if its revision is ver.
func (e *Engine) Delete(ctx context.Context, collection, id string, ver int64) error {
	return e.writeOne(ctx, store.Op{Kind: store.OpDelete, Collection: collection, ID: id, Ver: ver})
}

func (e *Engine) writeOne(ctx context.Context, op store.Op) error {
	wr, err := e.prepare(op)
	if err != nil {
		return err
	}
	r := &request{writes: []write{wr}, essential: store.IsEssential(ctx)}
	if err := e.w.submit(ctx, r); err != nil {
		return err
	}
	return r.writes[0].err
}

// Batch applies writes in order, each atomic on its own, in transactions of up to 256. If it ends early, the writes not done
// have the error that is returned too.
func (e *Engine) Batch(ctx context.Context, ops []store.Op) ([]error, error) {
	results := make([]error, len(ops))
	for start := 0; start < len(ops); start += groupSize {
		part := ops[start:min(start+groupSize, len(ops))]
		r := &request{essential: store.IsEssential(ctx)}
		var at []int
		for i, op := range part {
			wr, err := e.prepare(op)
			if err != nil {
				results[start+i] = err
				continue
			}
			r.writes, at = append(r.writes, wr), append(at, start+i)
		}
		if err := e.w.submit(ctx, r); err != nil {
			for _, i := range at {
				results[i] = err
			}
			for i := start + len(part); i < len(ops); i++ {
				results[i] = err
			}
			return results, err
		}
		for i, wr := range r.writes {
			results[at[i]] = wr.err
		}
	}
	return results, nil
}

// prepare checks an operation in its caller's goroutine.
func (e *Engine) prepare(op store.Op) (write, error) {
	t, err := e.table(op.Collection)
	if err != nil {
		return write{}, err
	}
	wr := write{Op: op, table: t}
	switch op.Kind {
	case store.OpInsert, store.OpReplace:
		wr.keys, err = t.layout.Keys(op.ID, op.Body)
	case store.OpDelete:
	default:
		err = fmt.Errorf("%w: kind of write %d", store.ErrBadQuery, op.Kind)
	}
	return wr, err
}

// apply runs one operation. refused says that it changes nothing and why; err that the transaction cannot go on.
func (w *writer) apply(op *write) (refused, err error) {
	if op.table.uniqueMulti {
		// Only here can a later statement be refused after an earlier one was done. What a savepoint keeps of each page that is
		// written costs a third of the write.
		if err := runStatement(w.conn, "SAVEPOINT op"); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				return
			}
			if refused != nil {
				err = runStatement(w.conn, "ROLLBACK TO op")
			}
			err = errors.Join(err, runStatement(w.conn, "RELEASE op"))
		}()
	}
	ver := int64(0)
	switch op.Kind {
	case store.OpInsert:
		ver = 1
		refused, err = w.insert(op)
	case store.OpReplace:
		ver = op.Ver + 1
		refused, err = w.replace(op)
	case store.OpDelete:
		refused, err = w.remove(op)
	}
	if refused != nil || err != nil {
		return refused, err
	}
	return nil, w.exec(`INSERT INTO changes(collection, id, ver) VALUES(?, ?, ?)`, op.Collection, op.ID, ver)
}

func (w *writer) insert(op *write) (refused, err error) {
	if err := w.exec(op.table.insert, op.ID, string(op.Body)); err != nil {
		return w.refusal(op, err)
	}
	return w.index(op, w.conn.LastInsertRowID(), nil)
}

func (w *writer) replace(op *write) (refused, err error) {
	if err := w.exec(op.table.replace, op.ID, string(op.Body), op.Ver); err != nil {
		return w.refusal(op, err)
	}
	if w.conn.Changes() == 0 {
		return w.missed(op)
	}
	if len(op.table.multi) == 0 {
		return nil, nil
	}
	rid, _, err := w.int(op.table.rid, op.ID)
	if err != nil {
		return nil, err
	}
	return w.reindex(op, rid)
}

func (w *writer) remove(op *write) (refused, err error) {
	var rid int64
	if len(op.table.multi) > 0 {
		if rid, _, err = w.int(op.table.rid, op.ID); err != nil {
			return nil, err
		}
	}
	if err := w.exec(op.table.remove, op.ID, op.Ver); err != nil {
		return nil, err
	}
	if w.conn.Changes() == 0 {
		return w.missed(op)
	}
	return w.reindex(op, rid)
}

// missed says why no row had the id and revision of an operation.
func (w *writer) missed(op *write) (refused, err error) {
	_, found, err := w.int(op.table.revision, op.ID)
	if err != nil {
		return nil, err
	}
	if found {
		return store.ErrStale, nil
	}
	return store.ErrNotFound, nil
}

// reindex brings the side tables of a document that was stored before up to its keys; a deleted document has none.
func (w *writer) reindex(op *write, rid int64) (refused, err error) {
	held := map[string][]string{}
	for _, m := range op.table.multi {
		var have []string
		s := statement{text: m.list, args: []any{rid}}
		if err := s.bare(w.conn, func(stmt *sqlite.Stmt) { have = append(have, stmt.ColumnText(0)) }); err != nil {
			return nil, err
		}
		held[m.Name] = have
	}
	return w.index(op, rid, held)
}

// index writes the side tables of a document; held is what stands in them, by index.
func (w *writer) index(op *write, rid int64, held map[string][]string) (refused, err error) {
	for _, m := range op.table.multi {
		want, _ := op.keys[m.Fields[0]].([]string)
		have := held[m.Name]
		for _, key := range have {
			if !slices.Contains(want, key) {
				if err := w.exec(m.remove, key, op.ID); err != nil {
					return nil, err
				}
			}
		}
		for _, key := range want {
			if slices.Contains(have, key) {
				continue
			}
			if err := w.exec(m.insert, key, op.ID, rid); err != nil {
				if m.Unique && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultConstraint {
					return &store.DuplicateError{Collection: op.Collection, Index: m.Name}, nil
				}
				return nil, err
			}
		}
	}
	return nil, nil
}

// refusal finds out which unique index a refused insert or replace would break, by asking them in the order of declaration.
func (w *writer) refusal(op *write, cause error) (refused, err error) {
	code := sqlite.ErrCode(cause)
	if code.ToPrimary() == sqlite.ResultError || code.ToPrimary() == sqlite.ResultTooBig {
		// SQLite reads JSON less deep than Go does; the statement is undone, the others go on.
		return fmt.Errorf("%w: %w", store.ErrBadDocument, cause), nil
	}
	if code.ToPrimary() != sqlite.ResultConstraint {
		return nil, cause
	}
	if op.Kind == store.OpInsert {
		_, found, err := w.int(op.table.revision, op.ID)
		if err != nil {
			return nil, err
		}
		if found {
			return &store.DuplicateError{Collection: op.Collection, Index: store.IDIndex}, nil
		}
	}
	for _, ix := range op.table.layout.Spec.Indexes {
		if !ix.Unique || ix.Multi {
			continue
		}
		q := store.Plan{Index: ix}
		for _, f := range ix.Fields {
			q.Eq = append(q.Eq, op.keys[f])
		}
		other := false
		if err := op.table.step(q, "id", nil).run(w.conn, 1, func(s *sqlite.Stmt) { other = s.ColumnText(0) != op.ID }); err != nil {
			return nil, err
		}
		if other {
			return &store.DuplicateError{Collection: op.Collection, Index: ix.Name}, nil
		}
	}
	return nil, cause
}

// trim removes the oldest changes now and then.
func (w *writer) trim(n int) error {
	if w.writes += n; w.writes < trimEvery {
		return nil
	}
	w.writes = 0
	return w.exec(`DELETE FROM changes WHERE seq <= (SELECT max(seq) FROM changes) - ?`, int64(keptChanges))
}

// exec runs a statement that answers no rows.
func (w *writer) exec(query string, args ...any) error {
	return statement{text: query, args: args}.bare(w.conn, nil)
}

// int runs a statement that answers one number, or no row.
func (w *writer) int(query, id string) (n int64, found bool, err error) {
	err = statement{text: query, args: []any{id}}.bare(w.conn, func(s *sqlite.Stmt) { n, found = s.ColumnInt64(0), true })
	return n, found, err
}
