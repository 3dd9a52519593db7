// Command connector is an example of a door controller, in the protocol that README.md beside it describes: it keeps the access list
// of a Tagwerk server in the file that its argument names, acknowledges it, and reports what is shown at its door. Its standard input
// stands for a 125 kHz reader: each line is the number of a fob in ten hexadecimal digits, and is answered by "open" or "closed".
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

type entry struct {
	Tag      string
	Blocked  bool
	Readings []string
}

// list is an answer of the server, and on disk the last entry of each tag up to Version.
type list struct {
	Since, Version int64
	Entries        []entry
}

// load reads the list from disk; without one, all is asked for anew.
func load() (l list) {
	text, _ := os.ReadFile(os.Args[1])
	_ = json.Unmarshal(text, &l)
	return l
}

// call repeats a request until it succeeds.
func call(method, path string, send []byte) (http.Header, []byte) {
	for ; ; time.Sleep(3 * time.Second) {
		req, _ := http.NewRequest(method, os.Getenv("TAGWERK_URL")+path, bytes.NewReader(send))
		req.Header = http.Header{"Authorization": {"Bearer " + os.Getenv("TAGWERK_KEY")}, "Content-Type": {"application/json"}}
		resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
		if err == nil {
			body, err := io.ReadAll(resp.Body)
			if resp.Body.Close(); err == nil && resp.StatusCode < 300 {
				return resp.Header, body
			}
			log.Print(resp.Status, " ", string(body))
		}
		log.Print("trying ", path, " again in 3 s: ", err)
	}
}

// follow waits for changes of the list, puts them on disk, and acknowledges them.
func follow() {
	for ; ; time.Sleep(time.Second) {
		state, news := load(), list{}
		head, body := call("GET", fmt.Sprintf("/v1/access-list?wait=15&since=%d", state.Version), nil)
		if !genuine(head, body) || json.Unmarshal(body, &news) != nil || news.Since != state.Version || news.Version < state.Version {
			log.Printf("ALARM: refused a list that is forged or older than version %d", state.Version)
			continue
		}
		kept := slices.DeleteFunc(state.Entries, func(old entry) bool {
			return slices.ContainsFunc(news.Entries, func(e entry) bool { return e.Tag == old.Tag })
		})
		f, _ := os.OpenFile(os.Args[1]+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_SYNC, 0o600)
		if err := json.NewEncoder(f).Encode(list{Version: news.Version, Entries: append(kept, news.Entries...)}); err != nil || f.Close() != nil || os.Rename(os.Args[1]+".new", os.Args[1]) != nil {
			log.Fatal("the list cannot be written to ", os.Args[1])
		}
		call("POST", "/v1/access-list/ack", fmt.Appendf(nil, `{"version":%d}`, news.Version))
	}
}

// refused looks a reading up in the list on disk. In one of the list, ? is a half byte that nobody knows, as path.Match has it too.
func refused(number string) bool {
	return slices.ContainsFunc(load().Entries, func(e entry) bool {
		return e.Blocked && slices.ContainsFunc(e.Readings, func(r string) bool { ok, _ := path.Match(r, number); return ok })
	})
}

func main() {
	go follow()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		closed := refused("em4100:" + strings.ToUpper(in.Text()))
		fmt.Println(map[bool]string{true: "closed", false: "open"}[closed])
		text, _ := json.Marshal(map[string]any{"events": []any{map[string]any{"id": rand.Text(), "number": in.Text(), "hint": "125khz", "door": "main entrance", "granted": !closed, "at": time.Now()}}})
		go call("POST", "/v1/sightings", text)
	}
}
