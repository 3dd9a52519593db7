package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"zombiezen.com/go/sqlite"
)

const (
	// groupSize is the most writes in one transaction.
	groupSize = 256
	// checkpointPages is about how many pages go to the log before they are moved into the file.
	checkpointPages = 1000
	// longestLog is the size of the log in bytes after which readers are waited for.
	longestLog = 64 << 20
)

// request is a caller that waits for its writes, or for a function that has the connection for itself.
type request struct {
	writes    []write
	exclusive func(*sqlite.Conn) error
	essential bool
	// taken is set once: by the writer, or by a caller that gave up before.
	taken atomic.Bool
	// err is the failure of the whole request, valid after done.
	err  error
	done chan struct{}
}

// write is one operation with what its caller read from the body already.
type write struct {
	store.Op
	table *table
	keys  store.Keys
	err   error
}

// writer owns the writing connection.
type writer struct {
	e    *Engine
	conn *sqlite.Conn
	// group is the most writes in one transaction.
	group  int
	queue  chan *request
	ended  chan struct{}
	failed chan struct{}
	cause  error
	// pages estimates what was written to the log since the last checkpoint; writes counts for trimming the changes.
	pages, writes int
}

func newWriter(e *Engine, conn *sqlite.Conn, group int) *writer {
	return &writer{e: e, conn: conn, group: group, queue: make(chan *request, 4*groupSize), ended: make(chan struct{}), failed: make(chan struct{})}
}

// submit queues a request and waits for its end. A context that ends before the writer took the request cancels it; after
// that the answer is awaited, because it will be true.
func (w *writer) submit(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.e.isClosing() {
		return store.ErrClosed
	}
	r.done = make(chan struct{})
	select {
	case w.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ended:
		return store.ErrClosed
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-r.done
	case <-w.ended:
		// A request that came too late for the last look into the queue.
		if r.taken.CompareAndSwap(false, true) {
			return store.ErrClosed
		}
		<-r.done
	}
	return r.err
}

// exclusive runs f outside a transaction while nobody writes.
func (w *writer) exclusive(ctx context.Context, f func(*sqlite.Conn) error) error {
	return w.submit(ctx, &request{exclusive: f})
}

// run is the writing goroutine: it takes what waits, up to w.group writes, and commits it together.
func (w *writer) run() {
	defer close(w.ended)
	for {
		var first *request
		select {
		case first = <-w.queue:
		case <-w.e.closing:
			select {
			case first = <-w.queue:
			default:
				return
			}
		}
		group, n := []*request{first}, len(first.writes)
		for first.exclusive == nil && n < w.group {
			var next *request
			select {
			case next = <-w.queue:
			default:
			}
			if next == nil {
				break
			}
			if next.exclusive != nil {
				w.serve(group)
				group = group[:0]
				first = next
			}
			group, n = append(group, next), n+len(next.writes)
		}
		w.serve(group)
	}
}

// serve does a group of requests and answers them.
func (w *writer) serve(group []*request) {
	var live []*request
	for _, r := range group {
		if !r.taken.CompareAndSwap(false, true) {
			continue
		}
		live = append(live, r)
	}
	switch {
	case len(live) == 0:
	case w.cause != nil:
		w.refuse(live, w.stopped())
	case live[0].exclusive != nil:
		r := live[0]
		if r.err = r.exclusive(w.conn); r.err != nil {
			r.err = w.classify(r.err)
		}
	default:
		w.commit(w.withRoom(live))
	}
	// Not deferred: a panic on the way must not answer a caller with success before it ends the process (SEC-84).
	for _, r := range live {
		close(r.done)
	}
	if w.pages >= checkpointPages && w.cause == nil {
		w.checkpoint(w.checkpointMode())
	}
}

func (w *writer) refuse(group []*request, err error) {
	for _, r := range group {
		r.err = err
	}
}

func (w *writer) stopped() error {
	return fmt.Errorf("%w after a failed write: %w", store.ErrClosed, w.cause)
}

// withRoom refuses the writes that may not use the reserve of the disk, if no more than that is left.
func (w *writer) withRoom(group []*request) []*request {
	if w.e.opt.Reserve <= 0 {
		return group
	}
	free, err := freeBytes(w.e.opt.Dir)
	if err != nil || free > w.e.opt.Reserve {
		return group
	}
	var kept []*request
	for _, r := range group {
		if r.essential {
			kept = append(kept, r)
		} else {
			r.err = fmt.Errorf("%w: %d bytes are free, which is the reserve", store.ErrFull, free)
		}
	}
	return kept
}

// commit applies a group in one transaction. If the disk is full each request is tried by itself, since a smaller one may fit.
func (w *writer) commit(group []*request) {
	if len(group) == 0 {
		return
	}
	changed, err := w.transact(group)
	if err == nil {
		w.published(changed)
		return
	}
	if w.e.docs != nil {
		w.e.docs.release(refs(changed), false)
	}
	err = w.classify(err)
	if errors.Is(err, store.ErrFull) && len(group) > 1 {
		for _, r := range group {
			w.commit([]*request{r})
		}
		return
	}
	w.refuse(group, err)
}

// transact applies and commits; on an error nothing of the group is stored.
func (w *writer) transact(group []*request) (changed []*write, err error) {
	if err := runStatement(w.conn, "BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && !w.conn.AutocommitEnabled() {
			err = errors.Join(err, runStatement(w.conn, "ROLLBACK"))
		}
	}()
	for _, r := range group {
		for i := range r.writes {
			op := &r.writes[i]
			if op.err, err = w.apply(op); err != nil {
				return changed, err
			}
			if op.err == nil {
				changed = append(changed, op)
			}
		}
	}
	if err := w.trim(len(changed)); err != nil {
		return changed, err
	}
	if w.e.docs != nil {
		w.e.docs.fence(refs(changed))
	}
	return changed, runStatement(w.conn, "COMMIT")
}

// published drops what a commit changed from the caches. It comes before the answers.
func (w *writer) published(changed []*write) {
	for _, op := range changed {
		op.table.gen.Add(1)
		w.pages += 2 + len(op.table.layout.Spec.Indexes) + len(op.Body)/4096
	}
	if w.e.docs != nil {
		w.e.docs.release(refs(changed), true)
	}
}

func refs(ops []*write) []store.Ref {
	list := make([]store.Ref, len(ops))
	for i, op := range ops {
		list[i] = store.Ref{Collection: op.Collection, ID: op.ID}
	}
	return list
}

// classify turns an error of SQLite into one of the port, and stops the engine for one after which the file cannot be trusted.
func (w *writer) classify(err error) error {
	switch code := sqlite.ErrCode(err); {
	case code.ToPrimary() == sqlite.ResultFull, code == sqlite.ResultIOErrSHMSize:
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case code.ToPrimary() == sqlite.ResultIOErr, code.ToPrimary() == sqlite.ResultCorrupt, code.ToPrimary() == sqlite.ResultNotADB,
		code.ToPrimary() == sqlite.ResultReadOnly, code.ToPrimary() == sqlite.ResultCantOpen, code.ToPrimary() == sqlite.ResultMisuse:
		if w.cause == nil {
			w.cause = err
			w.e.log.Error("database failed, no write is answered with success any more", "error", err)
			close(w.failed)
		}
		return w.stopped()
	}
	return fmt.Errorf("sqlite: %w", err)
}

// checkpointMode is PASSIVE, which waits for nobody, until readers that never pause have kept the log from being begun anew
// for too long; then RESTART waits for them.
func (w *writer) checkpointMode() string {
	info, err := os.Stat(filepath.Join(w.e.opt.Dir, FileName+"-wal"))
	if err == nil && info.Size() > longestLog {
		return "RESTART"
	}
	return "PASSIVE"
}

// checkpoint moves the log into the file. Its failure stops the engine: pages that the system lost would be missing after the
// log is overwritten.
func (w *writer) checkpoint(mode string) {
	w.pages = 0
	if err := runStatement(w.conn, "PRAGMA wal_checkpoint("+mode+")"); err != nil {
		if err := w.classify(err); !errors.Is(err, store.ErrClosed) {
			w.e.log.Warn("log not moved into the file, will try again", "error", err)
		}
	}
}

// close ends the connection; the log was empty if nothing failed, and stays for the next start if something did.
func (w *writer) close() error {
	if w.cause == nil {
		if err := runStatement(w.conn, "PRAGMA optimize"); err != nil {
			w.e.log.Warn("statistics not renewed", "error", err)
		}
		w.checkpoint("TRUNCATE")
	}
	err := w.conn.Close()
	if w.cause != nil {
		return w.stopped()
	}
	return err
}
