package server

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKey(t *testing.T) {
	random := func(b []byte) error { _, err := rand.Read(b); return err }
	c := Config{Data: t.TempDir()}
	first, err := c.key(false, random)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.key(true, random); err != nil || again != first {
		t.Fatalf("the key of the folder is not found again: %v", err)
	}
	path := filepath.Join(c.Data, keyFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("SEC-96 the key file is %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte{'A'}, 44), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.key(true, random); err == nil {
		t.Error("a damaged key file is taken")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := c.key(true, random); err == nil || !strings.Contains(err.Error(), "TAGWERK_SECRET_KEY") {
		t.Errorf("SEC-31 a lost key of a folder in use: %v, want an error that says what to do", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("a new key was made for old data")
	}
}
