package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"github.com/tagwerk/tagwerk/server/internal/store/storetest"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func open(t testing.TB, opt Options) *Engine {
	t.Helper()
	e, err := Open(context.WithoutCancel(t.Context()), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	for _, variant := range []struct {
		name string
		opt  func(dir string) Options
	}{
		{"defaults", Defaults},
		{"no cache, no mapping", func(dir string) Options { return Options{Dir: dir} }},
		{"tiny cache", func(dir string) Options { return Options{Dir: dir, CacheBytes: 400_000, Readers: 1} }},
	} {
		t.Run(variant.name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Engine { return open(t, variant.opt(t.TempDir())) })
			storetest.RunReopen(t, func(t *testing.T) func() store.Engine {
				dir := t.TempDir()
				return func() store.Engine { return open(t, variant.opt(dir)) }
			})
		})
	}
}

func TestOpen(t *testing.T) {
	t.Run("a folder that cannot be made", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		must(t, os.WriteFile(file, nil, 0o600))
		_, err := Open(t.Context(), Defaults(filepath.Join(file, "data")))
		if err == nil || !strings.Contains(err.Error(), "choose another one") {
			t.Fatalf("%v", err)
		}
	})
	t.Run("a folder that cannot be written", func(t *testing.T) {
		if os.Geteuid() == 0 {
			// root may write anywhere but to a file system like this one.
			_, err := Open(t.Context(), Defaults("/proc/self"))
			if err == nil || !strings.Contains(err.Error(), "choose another one") {
				t.Fatalf("%v", err)
			}
			return
		}
		dir := t.TempDir()
		must(t, os.Chmod(dir, 0o500))
		_, err := Open(t.Context(), Defaults(dir))
		if err == nil || !strings.Contains(err.Error(), "not writable") {
			t.Fatalf("%v", err)
		}
	})
	t.Run("files of other programs", func(t *testing.T) {
		for name, content := range map[string]string{"text": strings.Repeat("no database at all ", 100), "tables": "", "id": ""} {
			dir := t.TempDir()
			path := filepath.Join(dir, FileName)
			if content != "" {
				must(t, os.WriteFile(path, []byte(content), 0o600))
			} else {
				conn, err := sqlite.OpenConn(path)
				must(t, err)
				script := map[string]string{"tables": "CREATE TABLE t(x)", "id": "PRAGMA application_id=77"}[name]
				must(t, sqlitex.ExecuteScript(conn, script+";", nil))
				must(t, conn.Close())
			}
			if _, err := Open(t.Context(), Defaults(dir)); !errors.Is(err, ErrForeign) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("private modes", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "a", "data")
		e := open(t, Defaults(dir))
		must(t, e.Ensure(t.Context(), crashSchema()))
		for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, FileName): 0o600, filepath.Join(dir, FileName+"-wal"): 0o600} {
			info, err := os.Stat(path)
			must(t, err)
			if info.Mode().Perm() != want {
				t.Errorf("%s has mode %o", path, info.Mode().Perm())
			}
		}
	})
	t.Run("settings", func(t *testing.T) {
		e := open(t, Defaults(t.TempDir()))
		must(t, e.Ensure(t.Context(), crashSchema()))
		check := func(conn *sqlite.Conn, pragmas map[string]int64) error {
			for name, want := range pragmas {
				if got, err := pragmaInt(conn, name); err != nil || got != want {
					t.Errorf("%s is %d, want %d, %v", name, got, want, err)
				}
			}
			return nil
		}
		must(t, e.w.exclusive(t.Context(), func(conn *sqlite.Conn) error {
			return check(conn, map[string]int64{"synchronous": 2, "wal_autocheckpoint": 0, "application_id": applicationID, "user_version": 1, "mmap_size": 256 << 20, "busy_timeout": 5000})
		}))
		must(t, e.read(t.Context(), false, func(conn *sqlite.Conn) error {
			return check(conn, map[string]int64{"query_only": 1, "mmap_size": 256 << 20, "trusted_schema": 0})
		}))
	})
	t.Run("the file is for people too", func(t *testing.T) {
		shell, err := exec.LookPath("sqlite3")
		if err != nil {
			if os.Getenv("TAGWERK_TEST_STRICT") == "1" {
				t.Fatal(err)
			}
			t.Skip("SKIPPED, NOT PROVED: sqlite3 is not installed")
		}
		dir := t.TempDir()
		e := open(t, Defaults(dir))
		must(t, e.Ensure(t.Context(), crashSchema()))
		must(t, store.In[counted](e, "items").Insert(t.Context(), "a", &counted{Key: "Tür"}))
		out, err := exec.Command(shell, "-readonly", filepath.Join(dir, FileName), "select id, ver, doc->>'$.key' from items").CombinedOutput()
		if err != nil || string(out) != "a|1|Tür\n" {
			t.Fatalf("%s, %v", out, err)
		}
	})
}

func TestFullDisk(t *testing.T) {
	t.Run("SEC-85 a full file refuses writes, reads go on, and writes recover", func(t *testing.T) {
		e := open(t, Defaults(t.TempDir()))
		must(t, e.Ensure(t.Context(), crashSchema()))
		ctx := t.Context()
		c := store.In[counted](e, "items")
		must(t, c.Insert(ctx, "kept", &counted{Key: "kept"}))
		limit := func(pages int64) {
			must(t, e.w.exclusive(ctx, func(conn *sqlite.Conn) error {
				have, err := pragmaInt(conn, "page_count")
				if err != nil {
					return err
				}
				_, err = pragmaInt(conn, fmt.Sprintf("max_page_count=%d", have+pages))
				return err
			}))
		}
		limit(20)
		big := strings.Repeat("x", 3000)
		stored, full := 0, 0
		for i := range 60 {
			err := c.Insert(ctx, fmt.Sprint("fill", i), &counted{Key: fmt.Sprint(i, big)})
			switch {
			case err == nil:
				stored++
			case errors.Is(err, store.ErrFull):
				full++
			default:
				t.Fatal(err)
			}
		}
		if stored == 0 || full == 0 {
			t.Fatalf("%d stored, %d refused", stored, full)
		}
		// In one group the small write goes through although the large one does not fit.
		errs, err := e.Batch(ctx, []store.Op{{Kind: store.OpInsert, Collection: "blob_chunks", ID: "large", Body: []byte(`{"x":"` + strings.Repeat("x", 500_000) + `"}`)}})
		if !errors.Is(errors.Join(append(errs, err)...), store.ErrFull) {
			t.Fatalf("%v, %v", errs, err)
		}
		must(t, c.Delete(ctx, "fill0"))
		if v, err := c.Get(ctx, "kept"); err != nil || v.Key != "kept" {
			t.Fatalf("reading on a full disk: %v", err)
		}
		if n, err := e.Count(ctx, "items", store.Query{Index: "key"}, 1000); err != nil || n != stored {
			t.Fatalf("%d documents, %v, want %d", n, err, stored)
		}
		limit(10_000)
		must(t, c.Insert(ctx, "after", &counted{Key: "after"}))
		if e.Err() != nil {
			t.Fatal(e.Err())
		}
		checkWhole(t, e)
	})
	t.Run("SEC-85 the reserve is for essential writes", func(t *testing.T) {
		opt := Defaults(t.TempDir())
		opt.Reserve = 1 << 60
		e := open(t, opt)
		must(t, e.Ensure(t.Context(), crashSchema()))
		c := store.In[counted](e, "items")
		if err := c.Insert(t.Context(), "a", &counted{Key: "a"}); !errors.Is(err, store.ErrFull) {
			t.Fatalf("%v", err)
		}
		must(t, c.Insert(store.Essential(t.Context()), "a", &counted{Key: "a"}))
		if _, err := c.Get(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestChangesAreTrimmed(t *testing.T) {
	e := open(t, Options{Dir: t.TempDir()})
	must(t, e.Ensure(t.Context(), crashSchema()))
	c := store.In[counted](e, "items")
	must(t, c.Insert(t.Context(), "a", &counted{Key: "a"}))
	must(t, e.w.exclusive(t.Context(), func(conn *sqlite.Conn) error {
		return sqlitex.ExecuteTransient(conn, `INSERT INTO changes WITH RECURSIVE n(i) AS (VALUES(2) UNION ALL SELECT i+1 FROM n WHERE i<150000)
			SELECT i, 'items', 'a', i FROM n`, nil)
	}))
	e.w.writes = trimEvery
	must(t, c.Insert(t.Context(), "b", &counted{Key: "b"}))
	list, _, err := e.Changes(t.Context(), 0, 1)
	if err != nil || len(list) != 1 || list[0].Seq != 150_001-keptChanges+1 {
		t.Fatalf("%v, %v", list, err)
	}
	for after, want := range map[int64]error{1: store.ErrChangesLost, list[0].Seq - 2: store.ErrChangesLost, list[0].Seq - 1: nil, 150_001: nil, 0: nil} {
		if _, _, err := e.Changes(t.Context(), after, 1); !errors.Is(err, want) {
			t.Errorf("after %d: %v", after, err)
		}
	}
}

// TestLogIsMoved fills the log until the writer's own checkpoint has to move it, and finds it bounded.
func TestLogIsMoved(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	must(t, e.Ensure(t.Context(), crashSchema()))
	body := []byte(`{"x":"` + strings.Repeat("x", 200_000) + `"}`)
	for i := range 120 {
		must(t, e.Insert(t.Context(), "blob_chunks", fmt.Sprint(i), body))
	}
	info, err := os.Stat(filepath.Join(dir, FileName+"-wal"))
	must(t, err)
	if info.Size() > 12<<20 {
		t.Fatalf("the log has %d bytes after 24 MB of writes", info.Size())
	}
	must(t, e.Close())
	if info, err := os.Stat(filepath.Join(dir, FileName+"-wal")); err == nil && info.Size() > 0 {
		t.Fatalf("the log has %d bytes after Close", info.Size())
	}
}

// TestInterrupt ends a read that would take long by its deadline.
func TestInterrupt(t *testing.T) {
	e := open(t, Options{Dir: t.TempDir(), Readers: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	endless := statement{text: `WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n`}
	for _, snapshot := range []bool{false, true} {
		err := e.read(ctx, snapshot, func(conn *sqlite.Conn) error { return endless.bare(conn, nil) })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v", err)
		}
	}
	must(t, e.read(t.Context(), true, func(conn *sqlite.Conn) error {
		_, err := pragmaInt(conn, "user_version")
		return err
	}))
}
