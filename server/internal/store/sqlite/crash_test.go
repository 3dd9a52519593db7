package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/internal/store"
	"zombiezen.com/go/sqlite"
)

// The test binary is its own victim: with this variable set it writes to the folder named until it is killed.
const childVariable = "TAGWERK_SQLITE_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := childWriter(dir, os.Getenv("TAGWERK_SQLITE_TEST_EARLY") != "", os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type counted struct {
	Key   string   `json:"key"`
	N     int      `json:"n"`
	Words []string `json:"words"`
}

func crashSchema() store.Schema {
	return store.Schema{Version: 1, Collections: append(store.BlobSpecs(), store.Spec{Name: "items", Indexes: []store.Index{
		{Name: "key", Fields: []string{"key"}, Unique: true}, {Name: "words", Fields: []string{"words"}, Multi: true},
	}})}
}

// childWriter writes with 8 goroutines and prints each write once it is answered, or with early before it is asked for: the
// control that must lose. It ends when the engine fails.
func childWriter(dir string, early bool, out io.Writer) error {
	ctx := context.Background()
	e, err := Open(ctx, Defaults(dir))
	if err != nil {
		return err
	}
	if err := e.Ensure(ctx, crashSchema()); err != nil {
		return err
	}
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	c := store.In[counted](e, "items")
	blobs := store.NewBlobs(e, time.Now, rand.Reader)
	say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	var wg sync.WaitGroup
	for w := range 8 {
		counter := fmt.Sprintf("counter-%s-%d", run, w)
		wg.Go(func() {
			if err := c.Insert(ctx, counter, &counted{Key: counter}); err != nil {
				say("error %v", err)
				return
			}
			for i := 1; ; i++ {
				id := fmt.Sprintf("item-%s-%d-%d", run, w, i)
				if early {
					say("item %s", id)
				}
				if err := c.Insert(ctx, id, &counted{Key: id, N: i, Words: []string{counter, "all"}}); err != nil {
					say("error %v", err)
					break
				}
				if !early {
					say("item %s", id)
				}
				if _, err := c.Update(ctx, counter, func(v *counted) error { v.N = i; return nil }); err != nil {
					say("error %v", err)
					break
				}
				if !early {
					say("count %s %d", counter, i)
				}
				if w == 0 && i%10 == 0 {
					id, err := blobs.Put(ctx, store.Blob{Name: counter}, bytes.NewReader(bytes.Repeat([]byte{byte(i)}, 300_000)))
					if err != nil {
						say("error %v", err)
						break
					}
					say("blob %s", id)
				}
			}
		})
	}
	wg.Wait()
	select {
	case <-e.Failed():
		say("failed")
		// Nothing may be answered with success from here on.
		for i := range 20 {
			id := fmt.Sprintf("late-%s-%d", run, i)
			if err := c.Insert(ctx, id, &counted{Key: id}); err == nil {
				say("late %s", id)
			}
		}
		say("close %v", e.Close())
	default:
		say("ended without failure")
	}
	return nil
}

// drill runs the child until stop ends it and returns what it said, line by line, and its complaint.
func drill(t *testing.T, dir string, early bool, wrap []string, stop func(*os.Process)) (lines []string, complaint string) {
	t.Helper()
	args := append(wrap, os.Args[0])
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	if early {
		cmd.Env = append(cmd.Env, "TAGWERK_SQLITE_TEST_EARLY=1")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			// A line that was cut off was not said.
			break
		}
		if len(lines) == 0 && stop != nil {
			go stop(cmd.Process)
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	_ = cmd.Wait()
	return lines, stderr.String()
}

// lost opens the folder and counts the answered writes that are not there.
func lost(t *testing.T, dir string, said []string) (missing []string) {
	t.Helper()
	e := open(t, Defaults(dir))
	defer func() { _ = e.Close() }()
	if err := e.Ensure(t.Context(), crashSchema()); err != nil {
		t.Fatal(err)
	}
	c := store.In[counted](e, "items")
	blobs := store.NewBlobs(e, time.Now, rand.Reader)
	for _, line := range said {
		what, rest, _ := strings.Cut(line, " ")
		var err error
		switch what {
		case "item":
			_, err = c.Get(t.Context(), rest)
		case "count":
			id, least, _ := strings.Cut(rest, " ")
			var v *counted
			if v, err = c.Get(t.Context(), id); err == nil && fmt.Sprint(v.N) < least && len(fmt.Sprint(v.N)) <= len(least) {
				err = store.ErrNotFound
			}
		case "blob":
			var r io.ReadCloser
			if _, r, err = blobs.Open(t.Context(), rest); err == nil {
				_, err = io.Copy(io.Discard, r)
			}
		default:
			continue
		}
		if err != nil {
			missing = append(missing, line+": "+err.Error())
		}
	}
	checkWhole(t, e)
	return missing
}

// checkWhole compares the file with itself: its pages, and the side table with the documents.
func checkWhole(t *testing.T, e *Engine) {
	t.Helper()
	err := e.w.exclusive(t.Context(), func(conn *sqlite.Conn) error {
		for query, want := range map[string]string{
			`PRAGMA integrity_check`: "ok",
			`SELECT count(*) FROM items__words m LEFT JOIN items t ON t.rid=m.rid AND t.id=m.id WHERE t.rid IS NULL`:                                                    "0",
			`SELECT count(*) FROM items, json_each(items.doc, '$.words') w WHERE w.value IS NOT NULL AND (w.value, items.id) NOT IN (SELECT key, id FROM items__words)`: "0",
			`SELECT count(*) FROM items t JOIN (SELECT id, max(seq) seq FROM changes WHERE collection='items' GROUP BY id) last USING(id)
				JOIN changes c ON c.seq=last.seq WHERE c.ver<>t.ver`: "0",
		} {
			var got string
			if err := (statement{text: query}).bare(conn, func(s *sqlite.Stmt) { got = s.ColumnText(0) }); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s answers %q", query, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestKill is drill D1 of reliability.md: kill -9 amid writes loses nothing that was answered.
func TestKill(t *testing.T) {
	kill := func(least, most time.Duration) func(*os.Process) {
		wait := least + mathrand.N(most-least)
		return func(p *os.Process) {
			time.Sleep(wait)
			_ = p.Kill()
		}
	}
	t.Run("SEC-84 kill -9 loses no answered write", func(t *testing.T) {
		dir, said := t.TempDir(), []string(nil)
		for round := range 10 {
			now, complaint := drill(t, dir, false, nil, kill(50*time.Millisecond, 300*time.Millisecond))
			if len(now) == 0 || complaint != "" {
				t.Fatalf("the child said %d lines and %s", len(now), complaint)
			}
			said = append(said, now...)
			if missing := lost(t, dir, now); len(missing) > 0 {
				t.Fatalf("round %d: %d of %d answered writes are lost: %v", round, len(missing), len(now), missing[:min(5, len(missing))])
			}
		}
		if missing := lost(t, dir, said); len(missing) > 0 {
			t.Fatalf("%d of %d answered writes were lost later: %v", len(missing), len(said), missing[:min(5, len(missing))])
		}
		t.Logf("%d answered writes in 10 rounds, none lost", len(said))
	})
	t.Run("SEC-84 control: answers before the commit are lost", func(t *testing.T) {
		for round := range 20 {
			dir := t.TempDir()
			said, _ := drill(t, dir, true, nil, kill(20*time.Millisecond, 100*time.Millisecond))
			if missing := lost(t, dir, said); len(missing) > 0 {
				t.Logf("round %d lost %d", round, len(missing))
				return
			}
		}
		t.Fatal("20 kills lost nothing although the writes were announced before they were made: the drill sees nothing")
	})
}

// TestFailedSync is drill D4 of reliability.md. strace counts per thread, so that the sync that fails is another one each time.
func TestFailedSync(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err == nil {
		err = exec.Command(strace, "-f", "-o", os.DevNull, "true").Run()
	}
	if err != nil {
		if os.Getenv("TAGWERK_TEST_STRICT") == "1" {
			t.Fatalf("strace is needed and does not run: %v", err)
		}
		t.Skipf("SKIPPED, NOT PROVED: SEC-85 needs strace: %v", err)
	}
	for _, when := range []string{"1", "3", "7", "12", "20", "35", "9+", "25+"} {
		t.Run("SEC-85 sync number "+when, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			wrap := []string{strace, "-f", "--quiet=all", "-o", os.DevNull, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=" + when}
			said, complaint := drill(t, dir, false, wrap, nil)
			if len(said) == 0 {
				// The sync failed before the first write: the program did not start.
				if !strings.Contains(complaint, "disk I/O error") {
					t.Fatalf("the child says %q", complaint)
				}
				return
			}
			failed, closed := false, false
			for _, line := range said {
				switch {
				case line == "failed":
					failed = true
				case strings.HasPrefix(line, "close "):
					closed = true
					if line == "close <nil>" {
						t.Error("Close reports no failure")
					}
				case strings.HasPrefix(line, "late "):
					t.Errorf("answered with success after the failure: %s", line)
				case strings.HasPrefix(line, "error ") && !strings.Contains(line, store.ErrClosed.Error()):
					t.Errorf("unexpected %s", line)
				case failed && !strings.HasPrefix(line, "error "):
					t.Errorf("after the failure: %s", line)
				}
			}
			if !failed || !closed {
				t.Fatalf("no failure was noticed in %d lines, the last: %v", len(said), said[max(0, len(said)-3):])
			}
			if missing := lost(t, dir, said); len(missing) > 0 {
				t.Fatalf("%d answered writes are lost: %v", len(missing), missing[:min(5, len(missing))])
			}
			t.Logf("%d lines before the failure", len(said))
		})
	}
}

// TestOneProcess holds a folder against a second process and against a second engine in this one.
func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Defaults(dir))
	if _, err := Open(t.Context(), Defaults(dir)); !errors.Is(err, ErrLocked) {
		t.Fatalf("second engine: %v", err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), ErrLocked.Error()) {
		t.Fatalf("second process: %v, %s", err, out)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Defaults(dir))
}
