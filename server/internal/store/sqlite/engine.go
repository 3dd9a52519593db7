// Package sqlite is the embedded engine of the store: one SQLite file in a data folder, through zombiezen.com/go/sqlite (no cgo).
//
// One goroutine writes. It commits the writes of up to 256 callers in one transaction and answers them after the sync
// (SEC-84). A pool of connections reads. A bounded cache of documents and small pages stands in front; the writer drops what
// it changed after the commit and before the answer, so that a read begun after an answered write never sees older data
// (SEC-7). That is exact because one process holds the folder (ErrLocked); do not write to the file with other programs
// while the server runs, reading it with sqlite3 is fine.
//
// Table of a collection: (rid, id, ver, doc), doc being JSON text; its indexes stand over doc->>'$.field'; a Multi index is a
// side table <collection>__<index>(key, id, rid).
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// FileName is the name of the database in its folder.
const FileName = "tagwerk.db"

// applicationID marks the file as ours: "TGWK".
const applicationID = 0x5447574b

var (
	// ErrLocked says that another process has the data folder open.
	ErrLocked = errors.New("sqlite: data folder is in use by another process")
	// ErrForeign says that the file is a database of another program.
	ErrForeign = errors.New("sqlite: file is no Tagwerk database")
)

// Options say where the data are and how much memory they may take.
type Options struct {
	// Dir is the data folder. It is created with mode 0700 if it is missing.
	Dir string
	// CacheBytes bounds the cache of decoded documents and pages; 0 turns it off.
	CacheBytes int64
	// MMap is how many bytes of the file are read through memory mapping, which halves the time of a cold read; 0 turns it
	// off. With it an I/O error while reading ends the process with SIGBUS instead of an error.
	MMap int64
	// Readers is the number of reading connections; 0 means two per core and at least four.
	Readers int
	// Reserve is how many bytes of disk are kept for writes marked by [store.Essential]: with less free, other writes get
	// store.ErrFull (SEC-85).
	Reserve int64
	// Logger takes warnings about the file; nil discards them.
	Logger *slog.Logger
}

// Defaults are the options for a data folder: 64 MiB of cache, 256 MiB mapped, 16 MiB of disk in reserve.
func Defaults(dir string) Options {
	return Options{Dir: dir, CacheBytes: 64 << 20, MMap: 256 << 20, Reserve: 16 << 20}
}

// Engine is an open database. It implements [store.Engine].
type Engine struct {
	opt     Options
	log     *slog.Logger
	lock    *os.File
	tables  atomic.Pointer[map[string]*table]
	readers *readerPool
	w       *writer
	docs    *docCache  // nil without a cache
	pages   *pageCache // nil without a cache

	closing   chan struct{}
	closeOnce sync.Once
	closeErr  error
}

var _ store.Engine = (*Engine)(nil)

// Open opens or creates the database of a data folder. It returns ErrLocked if another process has it, ErrForeign if the file
// is not ours. The collections are there after [Engine.Ensure].
func Open(ctx context.Context, opt Options) (*Engine, error) {
	return openGrouped(ctx, opt, groupSize)
}

// openGrouped opens with another number of writes per transaction, for the benchmark that weighs it.
func openGrouped(ctx context.Context, opt Options, group int) (_ *Engine, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if opt.Readers <= 0 {
		opt.Readers = max(4, 2*runtime.NumCPU())
	}
	e := &Engine{opt: opt, log: opt.Logger, closing: make(chan struct{})}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.tables.Store(&map[string]*table{})
	if opt.CacheBytes > 0 {
		e.docs = newDocCache(opt.CacheBytes * 3 / 4)
		e.pages = newPageCache(opt.CacheBytes / 4)
	}
	path, err := prepareDir(opt.Dir)
	if err != nil {
		return nil, err
	}
	if e.lock, err = lockFolder(filepath.Join(opt.Dir, "lock")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = e.lock.Close()
		}
	}()
	conn, err := openConn(path, opt.MMap, false)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = conn.Close()
		}
	}()
	if err := claimFile(conn); err != nil {
		return nil, err
	}
	e.readers = newReaderPool(opt.Readers)
	for range opt.Readers {
		r, err := newReader(path, opt.MMap)
		if err != nil {
			_ = e.closeReaders()
			return nil, err
		}
		e.readers.put(r)
		e.readers.all++
	}
	e.w = newWriter(e, conn, group)
	go e.w.run()
	return e, nil
}

// prepareDir creates the folder and the file with private modes; SQLite gives its own files the mode of the database.
func prepareDir(dir string) (path string, err error) {
	if dir == "" {
		return "", errors.New("sqlite: no data folder given")
	}
	_, statErr := os.Stat(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("sqlite: data folder cannot be created, choose another one or give this user write permission: %w", err)
	}
	if errors.Is(statErr, fs.ErrNotExist) {
		syncDir(filepath.Dir(filepath.Clean(dir)))
	}
	path = filepath.Join(dir, FileName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", fmt.Errorf("sqlite: data folder is not writable, choose another one or give this user write permission: %w", err)
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	syncDir(dir)
	return path, nil
}

// syncDir makes a new name in a folder durable where the system can sync folders; where it cannot, there is nothing to do.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// openConn opens a connection with the settings of store-and-resolve.md. The checkpoint is run by the writer itself: the one
// that SQLite starts by itself drops the error of a failed sync (SEC-85).
func openConn(path string, mmap int64, readOnly bool) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	conn.SetBusyTimeout(5 * time.Second)
	script := fmt.Sprintf(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8192; PRAGMA mmap_size=%d;
		PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864; PRAGMA wal_autocheckpoint=0; PRAGMA trusted_schema=OFF;`, mmap)
	if readOnly {
		script += `PRAGMA query_only=ON;`
	}
	for err == nil && script != "" {
		script, err = runFirst(conn, script)
	}
	if err == nil {
		err = conn.SetDefensive(true)
	}
	if err != nil {
		_ = conn.Close()
		if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultNotADB {
			return nil, fmt.Errorf("%w: %s: %w", ErrForeign, path, err)
		}
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return conn, nil
}

// runFirst runs the first statement of a script and returns the others.
func runFirst(conn *sqlite.Conn, script string) (rest string, err error) {
	stmt, left, err := conn.PrepareTransient(script)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, stmt.Finalize()) }()
	for row := true; row && err == nil; {
		row, err = stmt.Step()
	}
	rest = script[len(script)-left:]
	if rest == "" || rest == "\x00" {
		return "", err
	}
	return rest, err
}

// claimFile marks a new file as ours and refuses one of another program.
func claimFile(conn *sqlite.Conn) error {
	id, err := pragmaInt(conn, "application_id")
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	switch id {
	case applicationID:
		return nil
	case 0:
	default:
		return fmt.Errorf("%w: application_id is %#x", ErrForeign, id)
	}
	n, err := sqlitex.ResultInt64(conn.Prep(`SELECT count(*) FROM sqlite_master`))
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	if n > 0 {
		return fmt.Errorf("%w: it has tables, but no application_id", ErrForeign)
	}
	if err := sqlitex.ExecuteTransient(conn, fmt.Sprintf(`PRAGMA application_id=%d`, applicationID), nil); err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	return nil
}

func pragmaInt(conn *sqlite.Conn, name string) (v int64, err error) {
	err = sqlitex.ExecuteTransient(conn, "PRAGMA "+name, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		v = s.ColumnInt64(0)
		return nil
	}})
	return v, err
}

// Caps: GetMany reads one moment, and this process is the only writer.
func (e *Engine) Caps() store.Caps { return store.Caps{Snapshot: true, Exclusive: true} }

// Failed is closed after the first failed sync or other damage to the file: from then on no write is answered with success,
// so the server ends its readiness and exits (SEC-85). [Engine.Err] says why.
func (e *Engine) Failed() <-chan struct{} { return e.w.failed }

// Err is the error that closed [Engine.Failed], or nil.
func (e *Engine) Err() error {
	select {
	case <-e.w.failed:
		return e.w.cause
	default:
		return nil
	}
}

// Close ends running calls, moves the log into the file, and frees the folder. Later calls return store.ErrClosed.
func (e *Engine) Close() error {
	e.closeOnce.Do(func() {
		close(e.closing)
		<-e.w.ended
		e.closeErr = errors.Join(e.closeReaders(), e.w.close(), e.lock.Close())
	})
	return e.closeErr
}

func (e *Engine) isClosing() bool {
	select {
	case <-e.closing:
		return true
	default:
		return false
	}
}

// table returns a declared collection.
func (e *Engine) table(collection string) (*table, error) {
	t := (*e.tables.Load())[collection]
	if t == nil {
		return nil, fmt.Errorf("%w: collection %.60q is not declared", store.ErrBadQuery, collection)
	}
	return t, nil
}
