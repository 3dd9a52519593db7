package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/tagwerk/tagwerk/server/internal/notify/push"
)

func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	file := filepath.Join(t.TempDir(), "fcm.json")
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"--listen", "127.0.0.1:0", "--credentials", file}, in) }()

	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var serving struct{ URL, Credentials string }
	if err := json.Unmarshal(line, &serving); err != nil || serving.Credentials != file {
		t.Fatalf("%s: %v", line, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("credentials file: %v, %v", info, err)
	}
	fcm, err := push.NewFCM(ctx, push.Config{CredentialsFile: file, Endpoint: serving.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer fcm.Close()
	if o := fcm.Send(ctx, "ok", push.Message{ID: "e", Kind: "k", Title: "T"}); o.Verdict != push.Sent {
		t.Errorf("%+v", o)
	}
	resp, err := http.Get(serving.URL + "/received")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var received struct{ Messages, Violations []json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&received); err != nil || len(received.Messages) != 1 || len(received.Violations) != 0 {
		t.Errorf("%+v, %v", received, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRunRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fcm.json")
	for _, args := range [][]string{
		{},
		{"--credentials", file, "extra"},
		{"--credentials", file, "--listen", "0.0.0.0:0"},
		{"--credentials", filepath.Join(t.TempDir(), "no", "folder.json")},
	} {
		if err := run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
