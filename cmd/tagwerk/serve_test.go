package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func decodeJSON(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %.300q", err, text)
	}
}

// call sends a request to a server, with JSON if a body is given, and returns the status and the decoded answer.
func call(t *testing.T, client *http.Client, method, url, token string, body any) (int, map[string]any) {
	t.Helper()
	var b bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&b).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, &b)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil && resp.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %s: %d without JSON: %v", method, url, resp.StatusCode, err)
	}
	return resp.StatusCode, answer
}

// signIn gives the status and, if it is 201, the token.
func signIn(t *testing.T, url, email, password string) (int, string) {
	t.Helper()
	status, answer := call(t, http.DefaultClient, http.MethodPost, url+"/v1/sessions", "", map[string]string{"email": email, "password": password})
	token, _ := answer["token"].(string)
	return status, token
}

func TestFolderAndPort(t *testing.T) {
	t.Parallel()
	serve := func(t *testing.T, args ...string) result {
		return tagwerk(t, append([]string{"serve", "--public-url", "https://a.example"}, args...)...)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("port taken", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		address := ln.Addr().String()
		serve(t, "--listen", address, "--data", t.TempDir()).want(t, exitFailed, address+" is taken", "--listen").oneLine(t)
		tmp := t.TempDir()
		t.Run("demo", func(t *testing.T) {
			tagwerk(t, "demo", "--listen", address, "--data", tmp).want(t, exitFailed, address+" is taken", "--listen").oneLine(t)
			if names, _ := os.ReadDir(tmp); len(names) > 0 {
				t.Errorf("it left %v", names)
			}
		})
	})
	t.Run("address of another machine", func(t *testing.T) {
		serve(t, "--listen", "192.0.2.77:0", "--data", t.TempDir()).want(t, exitFailed, "cannot listen on 192.0.2.77:0", "--listen").oneLine(t)
	})
	t.Run("folder that is a file", func(t *testing.T) {
		serve(t, "--listen", "127.0.0.1:0", "--data", file).want(t, exitFailed, file+" is a file", "--data").oneLine(t)
		tagwerk(t, "demo", "--listen", "127.0.0.1:0", "--data", file).want(t, exitFailed, file+" is a file").oneLine(t)
	})
	t.Run("folder below a file", func(t *testing.T) {
		serve(t, "--listen", "127.0.0.1:0", "--data", file+"/data").want(t, exitFailed, "not a directory", "--data").oneLine(t)
	})
	t.Run("folder not writable", func(t *testing.T) {
		dir := "/proc" // nobody creates files there, not even root
		if os.Geteuid() != 0 {
			dir = t.TempDir()
			if err := os.Chmod(dir, 0o500); err != nil {
				t.Fatal(err)
			}
		}
		serve(t, "--listen", "127.0.0.1:0", "--data", dir).want(t, exitFailed, "data folder "+dir+" is not writable", "--data").oneLine(t)
	})
	t.Run("SEC-91 data of a newer version", func(t *testing.T) {
		dir := t.TempDir()
		tagwerk(t, "user", "add", "--data", dir, "--role", "admin", "--company", "C", "a@b.example", "A").want(t, exitOK)
		f, err := os.OpenFile(filepath.Join(dir, "tagwerk.db"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		// The user version of an SQLite file is the big-endian number at byte 60 (sqlite.org/fileformat.html 1.3).
		if _, err := f.WriteAt(binary.BigEndian.AppendUint32(nil, 4711), 60); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		serve(t, "--listen", "127.0.0.1:0", "--data", dir).want(t, exitFailed, "newer version", "install that version").oneLine(t)
		tagwerk(t, "mint", "-n", "1", "--public-url", "https://a.example", "--data", dir).want(t, exitFailed, "newer version").oneLine(t)
	})
	t.Run("SEC-26 serve on the demo's folder", func(t *testing.T) {
		dir := t.TempDir()
		serveUntil(t, "demo", "--json", "--listen", "127.0.0.1:0", "--data", dir).stop().want(t, exitOK)
		serve(t, "--listen", "127.0.0.1:0", "--data", dir).want(t, exitFailed, "made by tagwerk demo").oneLine(t)
	})
	t.Run("SEC-26 demo on an installation's folder", func(t *testing.T) {
		dir := t.TempDir()
		serveUntil(t, "serve", "--public-url", "https://a.example", "--listen", "127.0.0.1:0", "--data", dir).stop().want(t, exitOK)
		tagwerk(t, "demo", "--listen", "127.0.0.1:0", "--data", dir).want(t, exitFailed, dir, "--data").oneLine(t)
	})
	t.Run("a mistyped folder", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "dtaa")
		for _, args := range [][]string{{"mint", "-n", "1", "--public-url", "https://a.example"}, {"user", "reset", "a@b.example"},
			{"user", "add", "--role", "general", "--customer", "1", "a@b.example", "A"}, {"labels", "-n", "1", "--public-url", "https://a.example", "o.pdf"}} {
			tagwerk(t, append(args, "--data", dir)...).want(t, exitFailed, "holds no installation", "--data").oneLine(t)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Error("it was made")
		}
	})
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	var doc struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`
	}
	decodeJSON(t, tagwerk(t, "openapi").want(t, exitOK).out, &doc)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Paths["/v1/scan/{code}"] == nil {
		t.Errorf("openapi %q with %d paths", doc.OpenAPI, len(doc.Paths))
	}
}
