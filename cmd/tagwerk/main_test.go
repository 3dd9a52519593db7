package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server"
)

// asCommand is the variable that makes the test binary the command, for tests that need a process.
const asCommand = "TAGWERK_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	// The settings of whoever runs the tests are not theirs.
	for _, s := range server.Settings() {
		_ = os.Unsetenv(s.Env)
		_ = os.Unsetenv(s.Env + "_FILE")
	}
	os.Exit(m.Run())
}

// result is what a command left behind.
type result struct {
	code     int
	out, err string
}

// tagwerk runs one command to its end.
func tagwerk(t *testing.T, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	code := run(t.Context(), args, &out, &err)
	return result{code, out.String(), err.String()}
}

// want checks the exit code and that the remarks hold the words.
func (r result) want(t *testing.T, code int, words ...string) result {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d\n%s%s", r.code, code, r.out, r.err)
	}
	for _, w := range words {
		if !strings.Contains(r.err, w) {
			t.Errorf("%q is not said in %q", w, r.err)
		}
	}
	return r
}

// oneLine checks that a failure is told in one line that begins like all others.
func (r result) oneLine(t *testing.T) {
	t.Helper()
	if strings.Count(r.err, "\n") != 1 || !strings.HasPrefix(r.err, "tagwerk: ") {
		t.Errorf("not one line: %q", r.err)
	}
	for _, inside := range []string{"sqlite:", "identity:", "asset:", "store:", "picture:", "labels:"} {
		if strings.Contains(r.err, inside) {
			t.Errorf("%q speaks of the inside in %q", r.err, inside)
		}
	}
}

// served is a command that serves.
type served struct {
	first string // the first line
	all   *bytes.Buffer
	stop  func() result
}

// serveUntil runs a command until its first line is there.
func serveUntil(t *testing.T, args ...string) served {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	var stderr bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, args, writer, &stderr)
		_ = writer.Close()
	}()
	all, buffer, rest := &bytes.Buffer{}, make([]byte, 64<<10), make(chan struct{})
	for !strings.Contains(all.String(), "\n") {
		n, err := reader.Read(buffer)
		all.Write(buffer[:n])
		if err != nil {
			cancel()
			t.Fatalf("%v ended with %d before it served: %s", args, <-done, stderr.String())
		}
	}
	first, _, _ := strings.Cut(all.String(), "\n")
	go func() {
		defer close(rest)
		_, _ = io.Copy(all, reader)
	}()
	s := served{first: first, all: all}
	stopped := false
	s.stop = func() result {
		if stopped {
			return result{}
		}
		stopped = true
		cancel()
		code := <-done
		<-rest
		return result{code, all.String(), stderr.String()}
	}
	t.Cleanup(func() { s.stop() })
	return s
}

// everyCommand are all commands that somebody can type.
var everyCommand = [][]string{{"demo"}, {"serve"}, {"check-config"}, {"labels"}, {"mint"}, {"decode"}, {"parse"}, {"user"}, {"user", "add"}, {"user", "reset"}, {"openapi"}}

func TestHelp(t *testing.T) {
	for _, command := range everyCommand {
		name := strings.Join(command, " ")
		t.Run(name, func(t *testing.T) {
			r := tagwerk(t, append(command, "--help")...).want(t, exitOK)
			if !strings.Contains(r.out, "Example:\n\n    tagwerk "+command[0]) {
				t.Errorf("no example:\n%s", r.out)
			}
		})
	}
	t.Run("the list is a table", func(t *testing.T) {
		r := tagwerk(t, "--help").want(t, exitOK)
		for _, command := range everyCommand {
			if name := strings.Join(command, " "); name != "user" && !strings.Contains(r.out, "\n  "+name+" ") {
				t.Errorf("%s is not listed:\n%s", name, r.out)
			}
		}
		if strings.Contains(r.out, "Example") {
			t.Errorf("examples in the list:\n%s", r.out)
		}
	})
	t.Run("serve lists each variable", func(t *testing.T) {
		r := tagwerk(t, "serve", "--help").want(t, exitOK)
		for _, s := range server.Settings() {
			if !strings.Contains(r.out, "$"+s.Env) || !strings.Contains(r.out, s.Flag) {
				t.Errorf("%s or %s is not in the help", s.Env, s.Flag)
			}
		}
	})
}

func TestUsedWrongly(t *testing.T) {
	for _, args := range [][]string{
		{}, {"nosuch"}, {"--bogus"}, {"user"}, {"serve", "--bogus"}, {"serve", "extra", "--public-url=https://a.example"}, {"serve"}, {"labels"}, {"mint"},
		{"decode"}, {"parse"}, {"parse", "--hint", "webnfc", "1"}, {"parse", "--tag", "--hint", "crystal", "1"}, {"parse", "--vectors", "f", "1"},
		{"demo", "--listen", "0.0.0.0:0"}, {"demo", "--listen", ":0"}, {"demo", "--listen", "[::]:0"}, {"demo", "--listen", "192.168.1.1:0"},
		{"demo", "--listen", "localhost.example:0"}, {"demo", "--listen", "8080"}, {"demo", "--lan", "--listen", "0.0.0.0:0"}, {"demo", "--lan", "--listen", "8.8.8.8:0"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			r := tagwerk(t, args...).want(t, exitUsage)
			if r.out != "" || !strings.HasPrefix(r.err, "tagwerk: ") {
				t.Errorf("out %q, err %q", r.out, r.err)
			}
		})
	}
}

func TestSecretsOfTheCommandLine(t *testing.T) {
	key := strings.Repeat("Zm9v", 10) + "Zm8="
	for _, args := range [][]string{
		{"serve", "--secret-key", key, "--public-url", "https://a.example"},
		{"check-config", "--secret-key=" + key},
		{"mint", "-n", "1", "--secret-key", key},
	} {
		t.Run("SEC-96 "+args[0], func(t *testing.T) {
			r := tagwerk(t, args...).want(t, exitUsage, "--secret-key", "TAGWERK_SECRET_KEY_FILE")
			if strings.Contains(r.err+r.out, key) {
				t.Errorf("the key is printed: %s", r.err)
			}
		})
	}
}

func TestSettingsFromFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	t.Setenv("TAGWERK_PUBLIC_URL_FILE", write("url", "https://scan.example.com\n"))
	t.Setenv("TAGWERK_SECRET_KEY_FILE", write("key", key+"\r\n"))
	t.Run("every setting", func(t *testing.T) {
		r := tagwerk(t, "check-config").want(t, exitOK)
		if !strings.Contains(r.out, "TAGWERK_PUBLIC_URL           https://scan.example.com\n") {
			t.Errorf("the address is not from the file:\n%s", r.out)
		}
		if strings.Contains(r.out, key) || !strings.Contains(r.out, "TAGWERK_SECRET_KEY           (secret)\n") {
			t.Errorf("SEC-96 the key is not masked:\n%s", r.out)
		}
	})
	t.Run("a flag goes first", func(t *testing.T) {
		r := tagwerk(t, "check-config", "--public-url", "https://other.example").want(t, exitOK)
		if !strings.Contains(r.out, "https://other.example") {
			t.Errorf("%s", r.out)
		}
	})
	t.Run("all problems at once", func(t *testing.T) {
		t.Setenv("TAGWERK_TIME_ZONE", "UTC")
		t.Setenv("TAGWERK_TIME_ZONE_FILE", write("zone", "UTC"))
		t.Setenv("TAGWERK_CONTACT_FILE", filepath.Join(dir, "nowhere"))
		t.Setenv("TAGWERK_LISTEN", "nonsense")
		r := tagwerk(t, "check-config").want(t, exitUsage, "set TAGWERK_TIME_ZONE or TAGWERK_TIME_ZONE_FILE, not both\n",
			"TAGWERK_CONTACT_FILE: open ", "TAGWERK_LISTEN: ")
		if n := strings.Count(r.err, "tagwerk: "); n != 3 {
			t.Errorf("%d problems:\n%s", n, r.err)
		}
	})
	t.Run("the environment", func(t *testing.T) {
		t.Setenv("TAGWERK_SECRET_KEY_FILE", "")
		t.Setenv("TAGWERK_SECRET_KEY", "weak")
		t.Setenv("TAGWERK_LOG_LEVEL", "loud")
		tagwerk(t, "check-config").want(t, exitUsage, "TAGWERK_SECRET_KEY: ", "TAGWERK_LOG_LEVEL: ")
	})
	t.Run("as JSON", func(t *testing.T) {
		values := map[string]string{}
		decodeJSON(t, tagwerk(t, "check-config", "--json").want(t, exitOK).out, &values)
		if len(values) != len(server.Settings()) || values["TAGWERK_SECRET_KEY"] != "(secret)" || values["TAGWERK_LISTEN"] != "127.0.0.1:8080" {
			t.Errorf("%v", values)
		}
	})
}

// TestSignals needs processes: who is asked to stop by signals, and who holds a folder.
func TestSignals(t *testing.T) {
	command := func(t *testing.T, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(os.Environ(), asCommand+"=1")
		return cmd
	}
	start := func(t *testing.T, tmp string, args ...string) (*exec.Cmd, string, *bytes.Buffer) {
		t.Helper()
		cmd := command(t, args...)
		cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		var first bytes.Buffer
		b := make([]byte, 1)
		for b[0] != '\n' {
			if _, err := pipe.Read(b); err != nil {
				t.Fatalf("no line: %v, %v\n%s", err, cmd.Wait(), stderr.String())
			}
			first.Write(b)
		}
		t.Logf("first line after %v", time.Since(begin))
		go func() { _, _ = io.Copy(io.Discard, pipe) }()
		return cmd, strings.TrimSpace(first.String()), &stderr
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run("demo and "+signal.String(), func(t *testing.T) {
			tmp := t.TempDir()
			cmd, _, stderr := start(t, tmp, "demo", "--json", "--listen", "127.0.0.1:0")
			if names, _ := os.ReadDir(tmp); len(names) != 1 {
				t.Errorf("%d temporary folders", len(names))
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
				t.Errorf("%v\n%s", err, stderr.String())
			}
			if names, _ := os.ReadDir(tmp); len(names) != 0 {
				t.Errorf("the temporary folder is still there: %v", names)
			}
		})
	}
	t.Run("serve, and another process on its folder", func(t *testing.T) {
		dir := t.TempDir()
		cmd, first, stderr := start(t, t.TempDir(), "serve", "--public-url", "https://scan.example.com", "--listen", "127.0.0.1:0", "--data", dir)
		if !strings.HasPrefix(first, "tagwerk serves https://scan.example.com on 127.0.0.1:") {
			t.Errorf("%q", first)
		}
		for _, args := range [][]string{
			{"serve", "--public-url", "https://scan.example.com", "--listen", "127.0.0.1:0"},
			{"mint", "-n", "1", "--public-url", "https://scan.example.com"}, {"user", "reset", "a@b.example"},
		} {
			tagwerk(t, append(args, "--data", dir)...).want(t, exitFailed, "another tagwerk is using the data folder "+dir, "stop it").oneLine(t)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, stderr.String())
		}
		if !strings.Contains(stderr.String(), "TAGWERK_FCM_CREDENTIALS") {
			t.Errorf("nothing says that phones do not ring: %s", stderr.String())
		}
	})
	t.Run("labels from standard input", func(t *testing.T) {
		pdf := filepath.Join(t.TempDir(), "l.pdf")
		cmd := command(t, "labels", "-", pdf)
		cmd.Stdin = strings.NewReader("url,line1\nhttps://a.example/1,Tür\n")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "1 label in ") {
			t.Errorf("%v: %s", err, out)
		}
		if text, err := os.ReadFile(pdf); err != nil || !bytes.HasPrefix(text, []byte("%PDF-")) {
			t.Errorf("no PDF: %v", err)
		}
	})
}

func TestEach(t *testing.T) {
	inner := errors.Join(errors.New("a"), errors.Join(errors.New("b"), errors.New("c")))
	var texts []string
	for _, e := range each(usageError{inner}) {
		texts = append(texts, e.Error())
	}
	if strings.Join(texts, " ") != "a b c" {
		t.Errorf("%q", texts)
	}
}
