package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// loadCaller is somebody who scans: a token and the labels that it may scan.
type loadCaller struct {
	Token string
	Codes []string
}

// loadPlan says what a client process asks for: a random label of a random caller, on one route, over kept connections.
type loadPlan struct {
	Addr, Path string
	Anonymous  bool
	Callers    []loadCaller
}

// loadResult is how one turn went.
type loadResult struct {
	Elapsed, P99 time.Duration
	Failed       string
	cpu          time.Duration // of the server
}

// loadConns is how many requests are under way at once.
const loadConns = 32

// loadEnv names the plan of a client process. The client is this test binary again, as in the benchmark of net/http: so that its
// work is not counted as the server's.
const loadEnv = "TAGWERK_BENCH_PLAN"

// loadClient is a running client process.
type loadClient struct {
	in  io.Writer
	out *json.Decoder
}

// startLoad starts a client process for a route: "scan", "stranger", "noop" or "noop-bare".
func startLoad(b *testing.B, e *estate, route string) *loadClient {
	b.Helper()
	plan := loadPlan{Addr: e.addr, Path: "/v1/scan/", Callers: e.scans, Anonymous: route == "stranger" || route == "noop-bare"}
	switch route {
	case "noop":
		plan.Path = "/v1/bench/noop/"
	case "noop-bare":
		plan.Path = "/v1/bench/bare/"
	}
	text, err := json.Marshal(plan)
	if err != nil {
		b.Fatal(err)
	}
	file := b.TempDir() + "/plan.json"
	if err := os.WriteFile(file, text, 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkResolve$", "-test.benchtime=1x")
	cmd.Env = append(os.Environ(), loadEnv+"="+file)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			b.Errorf("client: %v", err)
		}
	})
	lines := bufio.NewReader(out)
	// The testing package says what it runs on before the first answer.
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			b.Fatalf("client: %v", err)
		}
		if line == "ready\n" {
			break
		}
	}
	return &loadClient{in: in, out: json.NewDecoder(lines)}
}

// run sends n requests and returns when all are answered.
func (c *loadClient) run(b *testing.B, n int) loadResult {
	b.Helper()
	var r loadResult
	before := cpuTime(b)
	_, err := fmt.Fprintln(c.in, n)
	if err == nil {
		err = c.out.Decode(&r)
	}
	if err == nil && r.Failed != "" {
		err = errors.New(r.Failed)
	}
	if err != nil {
		b.Fatalf("client: %v", err)
	}
	r.cpu = cpuTime(b) - before
	return r
}

// loadPlanFromEnv is the plan if this process is a client.
func loadPlanFromEnv(b *testing.B) *loadPlan {
	file := os.Getenv(loadEnv)
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	plan := new(loadPlan)
	if err := json.Unmarshal(text, plan); err != nil {
		b.Fatal(err)
	}
	return plan
}

// serve is the client process: it reads a number of requests a line, sends them, and writes the result, until its input ends.
func (p *loadPlan) serve() {
	fmt.Println("\nready")
	var conns []*loadConn
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var r loadResult
		n, err := strconv.Atoi(lines.Text())
		for err == nil && len(conns) < loadConns {
			var c net.Conn
			if c, err = net.Dial("tcp", p.Addr); err == nil {
				conns = append(conns, &loadConn{conn: c, in: bufio.NewReader(c)})
			}
		}
		if err == nil {
			r, err = p.turn(conns, n)
		}
		if err != nil {
			r.Failed = err.Error()
		}
		_ = json.NewEncoder(os.Stdout).Encode(r)
	}
}

func (p *loadPlan) turn(conns []*loadConn, n int) (loadResult, error) {
	errs := make([]error, len(conns))
	var working sync.WaitGroup
	begun := time.Now()
	for i, c := range conns {
		working.Go(func() {
			c.took = c.took[:0]
			for range n / len(conns) {
				if errs[i] = c.ask(p); errs[i] != nil {
					return
				}
			}
		})
	}
	working.Wait()
	r := loadResult{Elapsed: time.Since(begun)}
	var took []time.Duration
	for _, c := range conns {
		took = append(took, c.took...)
	}
	slices.Sort(took)
	if len(took) > 0 {
		r.P99 = took[len(took)*99/100]
	}
	return r, errors.Join(errs...)
}

// loadConn is a connection that is asked one thing after the other. It knows just enough of HTTP to cost little: what the client
// takes from the machine is missing to the server.
type loadConn struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	took []time.Duration
}

func (c *loadConn) ask(p *loadPlan) error {
	caller := &p.Callers[rand.IntN(len(p.Callers))]
	b := append(c.out[:0], "GET "...)
	b = append(append(b, p.Path...), caller.Codes[rand.IntN(len(caller.Codes))]...)
	b = append(b, " HTTP/1.1\r\nHost: tagwerk.example\r\nAccept-Language: de\r\n"...)
	if !p.Anonymous {
		b = append(append(append(b, "Authorization: Bearer "...), caller.Token...), "\r\n"...)
	}
	c.out = append(b, "\r\n"...)
	begun := time.Now()
	if _, err := c.conn.Write(c.out); err != nil {
		return err
	}
	err := c.skipAnswer()
	c.took = append(c.took, time.Since(begun))
	return err
}

// skipAnswer reads an answer whole; one that is not 200 is an error.
func (c *loadConn) skipAnswer() error {
	length := 0
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("answer %q", line)
		}
		if digits, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimRight(digits, "\r\n"))); err != nil {
				return err
			}
		}
		if len(line) == len("\r\n") {
			_, err := c.in.Discard(length)
			return err
		}
	}
}
