package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"zombiezen.com/go/sqlite"
)

// reader is a connection of the pool.
type reader struct {
	conn *sqlite.Conn
	// done interrupts the connection when closed. It is kept from call to call, because giving a connection a new one costs
	// more than a read.
	done chan struct{}
}

func newReader(path string, mmap int64) (*reader, error) {
	conn, err := openConn(path, mmap, true)
	if err != nil {
		return nil, err
	}
	r := &reader{conn: conn, done: make(chan struct{})}
	conn.SetInterrupt(r.done)
	return r, nil
}

// readerPool lends the connection that came back last: the pages that it holds are those that the next read most likely needs. In
// turns, each read of a caller would find another connection that has to fetch them anew.
type readerPool struct {
	free chan struct{} // one for each idle connection
	mu   sync.Mutex
	idle []*reader
	all  int
}

func newReaderPool(most int) *readerPool { return &readerPool{free: make(chan struct{}, most)} }

// put gives a connection back, or a new one in.
func (p *readerPool) put(r *reader) {
	p.mu.Lock()
	p.idle = append(p.idle, r)
	p.mu.Unlock()
	p.free <- struct{}{}
}

// take is for who received from free.
func (p *readerPool) take() *reader {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return r
}

// closeReaders waits for running reads and closes their connections.
func (e *Engine) closeReaders() error {
	var errs []error
	for range e.readers.all {
		<-e.readers.free
		errs = append(errs, e.readers.take().conn.Close())
	}
	return errors.Join(errs...)
}

// read lends a connection to f and stops it when the context ends. With snapshot all statements of f see one moment; a
// single statement does so by itself.
func (e *Engine) read(ctx context.Context, snapshot bool, f func(*sqlite.Conn) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.isClosing() {
		return store.ErrClosed
	}
	var r *reader
	select {
	case <-e.readers.free:
		r = e.readers.take()
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closing:
		return store.ErrClosed
	}
	defer e.readers.put(r)
	if ctx.Done() != nil {
		done := r.done
		stop := context.AfterFunc(ctx, func() { close(done) })
		defer func() {
			if stop() {
				return
			}
			<-done
			r.done = make(chan struct{})
			r.conn.SetInterrupt(r.done)
			r.endSnapshot()
			if err != nil {
				err = ctx.Err()
			}
		}()
	}
	if snapshot {
		if err := runStatement(r.conn, "BEGIN"); err != nil {
			return fmt.Errorf("sqlite: %w", err)
		}
		defer r.endSnapshot()
	}
	if err := f(r.conn); err != nil {
		return fmt.Errorf("sqlite: read: %w", err)
	}
	return nil
}

// endSnapshot ends a reading transaction; an interrupted connection is ended once more after it works again.
func (r *reader) endSnapshot() {
	if !r.conn.AutocommitEnabled() {
		_ = runStatement(r.conn, "ROLLBACK")
	}
}

func runStatement(conn *sqlite.Conn, query string) error {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return err
	}
	_, err = stmt.Step()
	return errors.Join(err, stmt.Reset())
}

// columnBody copies a text column.
func columnBody(stmt *sqlite.Stmt, col int) []byte {
	body := make([]byte, stmt.ColumnLen(col))
	stmt.ColumnBytes(col, body)
	return body
}

// load reads one document; Ver is 0 if there is none.
func (t *table) load(conn *sqlite.Conn, id string) (store.Doc, error) {
	doc := store.Doc{ID: id}
	stmt, err := conn.Prepare(t.get)
	if err != nil {
		return doc, err
	}
	stmt.BindText(1, id)
	found, err := stmt.Step()
	if err != nil {
		return doc, err
	}
	if found {
		doc.Ver, doc.Body = stmt.ColumnInt64(0), columnBody(stmt, 1)
	}
	return doc, stmt.Reset()
}

// Get returns one document or store.ErrNotFound.
func (e *Engine) Get(ctx context.Context, collection, id string) (store.Doc, error) {
	t, err := e.table(collection)
	if err != nil {
		return store.Doc{}, err
	}
	doc, err := e.one(ctx, t, store.Ref{Collection: collection, ID: id})
	if err == nil && doc.Ver == 0 {
		return store.Doc{}, store.ErrNotFound
	}
	return doc, err
}

func (e *Engine) one(ctx context.Context, t *table, ref store.Ref) (doc store.Doc, err error) {
	var mark uint64
	if e.docs != nil {
		if err := ctx.Err(); err != nil {
			return doc, err
		}
		if e.isClosing() {
			return doc, store.ErrClosed
		}
		if doc, ok := e.docs.get(ref); ok {
			return doc, nil
		}
		mark = e.docs.mark(ref)
	}
	err = e.read(ctx, false, func(conn *sqlite.Conn) (err error) {
		doc, err = t.load(conn, ref.ID)
		return err
	})
	if err == nil && e.docs != nil {
		doc = e.docs.put(ref, doc, mark)
	}
	return doc, err
}

// GetMany returns documents of one moment in the order of refs; a missing one has Ver 0.
func (e *Engine) GetMany(ctx context.Context, refs []store.Ref) ([]store.Doc, error) {
	if len(refs) > store.MaxPage {
		return nil, fmt.Errorf("%w: %d documents at once", store.ErrBadQuery, len(refs))
	}
	for _, ref := range refs {
		if _, err := e.table(ref.Collection); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if e.isClosing() {
		return nil, store.ErrClosed
	}
	var noted []uint64
	if e.docs != nil {
		if docs, ok := e.docs.getMany(refs); ok {
			return docs, nil
		}
		noted = make([]uint64, len(refs))
		for i, ref := range refs {
			noted[i] = e.docs.mark(ref)
		}
	}
	docs := make([]store.Doc, len(refs))
	err := e.read(ctx, true, func(conn *sqlite.Conn) error {
		for i, ref := range refs {
			t, err := e.table(ref.Collection)
			if err != nil {
				return err
			}
			if docs[i], err = t.load(conn, ref.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if e.docs != nil {
		for i, ref := range refs {
			docs[i] = e.docs.put(ref, docs[i], noted[i])
		}
	}
	return docs, nil
}
