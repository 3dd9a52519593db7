package tagging

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// seeded is a source of bytes that is the same in every run.
type seeded struct{ state uint64 }

func (s *seeded) Read(p []byte) (int, error) {
	for i := range p {
		s.state = s.state*6364136223846793005 + 1442695040888963407
		p[i] = byte(s.state >> 56)
	}
	return len(p), nil
}

func someCodes(t testing.TB, n int) []Code {
	t.Helper()
	src := &seeded{state: 1}
	codes := make([]Code, n)
	for i := range codes {
		c, err := NewCode(src)
		if err != nil {
			t.Fatal(err)
		}
		codes[i] = c
	}
	return codes
}

func TestNewCode(t *testing.T) {
	t.Run("valid and different", func(t *testing.T) {
		seen := map[Code]bool{}
		for range 1000 {
			c, err := NewCode(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ParseCode(string(c)); err != nil || got != c {
				t.Fatalf("%s: %v", c, err)
			}
			if seen[c] {
				t.Fatalf("%s twice", c)
			}
			seen[c] = true
		}
	})
	t.Run("every random symbol uses all 60 bits", func(t *testing.T) {
		var used [CodeLength]map[byte]bool
		for _, c := range someCodes(t, 2000) {
			for i := range CodeLength {
				if used[i] == nil {
					used[i] = map[byte]bool{}
				}
				used[i][c[i]] = true
			}
		}
		for i, u := range used {
			if len(u) != 32 {
				t.Errorf("place %d has %d of 32 symbols", i, len(u))
			}
		}
	})
	t.Run("published example", func(t *testing.T) {
		var b []byte
		for _, r := range "7K3M9QXD2VHT" {
			b = append(b, byte(strings.IndexRune(alphabet, r))|0xe0)
		}
		if c, err := NewCode(bytes.NewReader(b)); err != nil || c != "7K3M9QXD2VHTP" {
			t.Fatalf("%s, %v", c, err)
		}
	})
	t.Run("a source that ends is an error", func(t *testing.T) {
		if c, err := NewCode(strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) || c != "" {
			t.Fatalf("%q, %v", c, err)
		}
	})
}

// TestDamm32 tries every single error, every swap of two symbols and every
// twin error of the codes: none may pass.
func TestDamm32(t *testing.T) {
	for _, code := range someCodes(t, 100) {
		b := []byte(code)
		wrong := func(what string, i, j int) {
			if string(b) != string(code) && CheckDamm32.Valid(string(b)) {
				t.Fatalf("%s of %s at %d, %d passes: %s", what, code, i, j, b)
			}
		}
		for i := range b {
			for _, s := range []byte(alphabet) {
				b[i] = s
				wrong("single error", i, i)
			}
			b[i] = code[i]
			for j := range i {
				b[i], b[j] = b[j], b[i]
				wrong("swap", i, j)
				b[i], b[j] = b[j], b[i]
				if b[i] != b[j] {
					continue
				}
				for _, s := range []byte(alphabet) {
					b[i], b[j] = s, s
					wrong("twin error", i, j)
				}
				b[i], b[j] = code[i], code[j]
			}
		}
	}
}

func TestParseCode(t *testing.T) {
	tests := []struct {
		in   string
		want Code
		err  CodeError
	}{
		{in: "7K3M9QXD2VHTP", want: "7K3M9QXD2VHTP"},
		{in: " 7k3m-9qxd-2vhtp\n", want: "7K3M9QXD2VHTP"},
		{in: "7K3M\u00a09QXD\u20132VHTP", want: "7K3M9QXD2VHTP"},
		{in: "ezds g36w pxbbi", want: "EZDSG36WPXBB1"},
		{in: "33t6-3cjo-mhyy7", want: "33T63CJ0MHYY7"},
		{in: "", err: CodeError{Kind: WrongLength}},
		{in: "---", err: CodeError{Kind: WrongLength}},
		{in: "7K3M9QXD2VHT", err: CodeError{Kind: WrongLength, Length: 12}},
		{in: "7K3M9QXD2VHTPP", err: CodeError{Kind: WrongLength, Length: 14}},
		{in: "7K3M-9QxD-2VuTP", err: CodeError{Kind: WrongSymbol, Symbol: 'U', Position: 11}},
		{in: "7K3M/9QXD2VHTP", err: CodeError{Kind: WrongSymbol, Symbol: '/', Position: 5}},
		{in: "Ä", err: CodeError{Kind: WrongSymbol, Symbol: 'Ä', Position: 1}},
		{in: "７K3M9QXD2VHTP", err: CodeError{Kind: WrongSymbol, Symbol: '７', Position: 1}},
		{in: "7K3M9QXD2VHT\x00", err: CodeError{Kind: WrongSymbol, Symbol: 0, Position: 13}},
		{in: "7K3M\xff", err: CodeError{Kind: WrongSymbol, Symbol: '\ufffd', Position: 5}},
		{in: "K73M9QXD2VHTP", err: CodeError{Kind: WrongCheck, Hint: "7K3M9QXD2VHTP"}},
		{in: "7K3M9QXD2VHTR", err: CodeError{Kind: WrongCheck, Hint: "7K3M9QXD2VHTP"}},
		{in: "7K3M9QXD2VHT0", err: CodeError{Kind: WrongCheck}},
		{in: strings.Repeat("A", 10_000), err: CodeError{Kind: WrongLength, Length: 10_000}},
	}
	for _, tt := range tests {
		t.Run(tt.in[:min(len(tt.in), 20)], func(t *testing.T) {
			got, err := ParseCode(tt.in)
			if got != tt.want {
				t.Errorf("got %q", got)
			}
			if tt.want != "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var e *CodeError
			if !errors.As(err, &e) || *e != tt.err || e.Error() == "" {
				t.Errorf("error %+v", err)
			}
		})
	}
}

// TestHint holds that a hint is always valid, always near, and never one of
// several.
func TestHint(t *testing.T) {
	given := 0
	for _, code := range someCodes(t, 300) {
		for i := range CodeLength - 1 {
			b := []byte(code)
			b[i], b[i+1] = b[i+1], b[i]
			if string(b) == string(code) {
				continue
			}
			_, err := ParseCode(string(b))
			var e *CodeError
			if !errors.As(err, &e) || e.Kind != WrongCheck {
				t.Fatalf("%s: %v", b, err)
			}
			if e.Hint == "" {
				continue
			}
			given++
			if e.Hint != code {
				t.Fatalf("%s: hint %s, but %s is a swap away as well", b, e.Hint, code)
			}
		}
	}
	if given < 1000 {
		t.Errorf("only %d hints", given)
	}
}

func TestCodeForms(t *testing.T) {
	const code Code = "7K3M9QXD2VHTP"
	if got := code.Print(); got != "7K3M-9QXD-2VHTP" {
		t.Errorf("printed %s", got)
	}
	for _, tt := range []struct{ base, want string }{
		{"https://scan.example.com", "HTTPS://SCAN.EXAMPLE.COM/T/7K3M9QXD2VHTP"},
		{"https://scan.example.com/", "HTTPS://SCAN.EXAMPLE.COM/T/7K3M9QXD2VHTP"},
		{"https://Scan.example.com/t/", "HTTPS://SCAN.EXAMPLE.COM/T/7K3M9QXD2VHTP"},
		{"http://192.168.1.7:8080", "HTTP://192.168.1.7:8080/T/7K3M9QXD2VHTP"},
		{"https://[::1]:8443", "HTTPS://[::1]:8443/T/7K3M9QXD2VHTP"},
		{"https://scan.example.com?x=1", ""},
		{"https://scan.example.com/?", ""},
		{"https://scan.example.com/#a", ""},
		{"https://scan.example.com/#", ""},
		{"https://scan.example.com/app", ""},
		{"https://user@scan.example.com", ""},
		{"https://müller.example", ""},
		{"ftp://scan.example.com", ""},
		{"scan.example.com", ""},
		{"https://", ""},
		{"https://a b", ""},
	} {
		got, err := code.URL(tt.base)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, %v", tt.base, got, err)
		}
	}
	for _, bad := range []Code{"", "7K3M9QXD2VHT3", "7k3m9qxd2vhtp"} {
		if got, err := bad.URL("https://scan.example.com"); err == nil {
			t.Errorf("%q became %s", bad, got)
		}
	}
}

func TestPrintedCodeIsRead(t *testing.T) {
	config := Config{OwnHosts: []string{"Scan.Example.com", "scan.example.com:8443"}}
	for _, code := range someCodes(t, 200) {
		for _, base := range []string{"https://scan.example.com", "https://scan.example.com:8443", "https://scan.example.com:443"} {
			u, err := code.URL(base)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []string{u, strings.ToLower(u), u + "/", u + "?x=1#y", "]Q1" + u + "\r\n"} {
				r := ParseComponent(s, config)
				if own, ok := r.Own(); !ok || own != code || len(r.Candidates) != 1 {
					t.Fatalf("%s: %+v", s, r)
				}
			}
		}
		if r := ParseComponent(code.Print(), config); !slices.Contains(r.Candidates, "own:"+string(code)) {
			t.Fatalf("%s: %+v", code.Print(), r)
		}
	}
}
