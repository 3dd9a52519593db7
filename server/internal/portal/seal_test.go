package portal

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestSealedStep(t *testing.T) {
	s := lone(t).seal
	step := firstStep{"a@b.example", "Pässwört\x00\u2028"}
	text, err := s.close(step, noon)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, "rt") && strings.Contains(text, step.Email) {
		t.Error("SEC-43 the sealed step shows what it holds")
	}
	if got, ok := s.open(text, noon.Add(stepLife-time.Second)); !ok || got != step {
		t.Errorf("opened as %+v %v", got, ok)
	}
	for name, at := range map[string]time.Time{"SEC-45 over": noon.Add(stepLife), "a clock that stepped back": noon.Add(-time.Minute)} {
		if _, ok := s.open(text, at); ok {
			t.Errorf("%s: opened", name)
		}
	}
	for i := range text {
		changed := []byte(text)
		changed[i] ^= 1
		if _, ok := s.open(string(changed), noon); ok {
			t.Fatalf("opened with character %d changed", i)
		}
	}
	if _, ok := lone(t).seal.open(text, noon); ok {
		t.Error("opened under another key")
	}
}

func FuzzSealedStep(f *testing.F) {
	s, err := newSealer([32]byte{1}, bytes.NewReader(make([]byte, 1<<20)))
	if err != nil {
		f.Fatal(err)
	}
	good, err := s.close(firstStep{"a", "b"}, noon)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := s.open(text, noon); ok && text != good {
			t.Fatalf("opened %q", text)
		}
	})
}

func TestOwnTarget(t *testing.T) {
	for _, c := range []struct{ next, want string }{
		{"/t/7K3M9QXD2VHTP", "/t/7K3M9QXD2VHTP"}, {"/assets/1?tab=due", "/assets/1?tab=due"}, {"", "/f"},
		{"//evil.example", "/f"}, {`/\evil.example`, "/f"}, {"https://evil.example/", "/f"}, {"javascript:alert(1)", "/f"}, {"/a\r\nSet-Cookie: x", "/f"},
		{"/sign-in?next=/", "/f"}, {"/sign-out", "/f"}, {"/language", "/f"}, {"/" + strings.Repeat("a", 600), "/f"},
	} {
		if got := ownTarget(c.next, "/f"); got != c.want {
			t.Errorf("SEC-57 %q leads to %q, want %q", c.next, got, c.want)
		}
	}
}
