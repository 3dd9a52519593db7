package identity

import (
	"errors"
	"strings"
	"testing"
)

func TestNormalizeLogin(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, in, want string }{
		{"plain", "ute@example.test", "ute@example.test"},
		{"space around", "  ute@example.test\n", "ute@example.test"},
		{"case of both sides", "Ute.P@EXAMPLE.Test", "ute.p@example.test"},
		{"composed and decomposed letters", "ju\u0308rgen@example.test", "jürgen@example.test"},
		{"domain outside ASCII", "info@Müller.example", "info@xn--mller-kva.example"},
		{"domain decomposed", "info@mu\u0308ller.example", "info@xn--mller-kva.example"},
		{"plus and apostrophe", "o'neil+tags@example.test", "o'neil+tags@example.test"},
		{"Turkish dotted capital", "İ@example.test", "i@example.test"},
		{"full-width dot of a domain", "a@example。test", "a@example.test"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := NormalizeLogin(row.in)
			if err != nil || got != row.want {
				t.Errorf("NormalizeLogin(%q) = %q, %v; want %q", row.in, got, err, row.want)
			}
		})
	}
	for _, row := range []struct{ name, in string }{
		{"SEC-74 line feed inside", "a@example.test\nBcc: b@example.test"},
		{"SEC-74 carriage return inside", "a\r@example.test"},
		{"SEC-74 NUL", "a\x00@example.test"},
		{"SEC-74 next line, U+0085", "a\u0085@example.test"},
		{"SEC-74 line separator", "a\u2028b@example.test"},
		{"invisible letter", "a\u200bb@example.test"},
		{"text that turns round", "a\u202eb@example.test"},
		{"empty", ""},
		{"no at sign", "example.test"},
		{"two at signs", "a@b@example.test"},
		{"no local part", "@example.test"},
		{"no domain", "a@"},
		{"empty label", "a@example..test"},
		{"dot at the end of the domain", "a@example.test."},
		{"dot at the end of the local part", "a.@example.test"},
		{"quoted local part", `"a b"@example.test`},
		{"address literal", "a@[192.0.2.1]"},
		{"display name", "Ute <ute@example.test>"},
		{"broken UTF-8", "a\xff@example.test"},
		{"long local part", strings.Repeat("a", 65) + "@example.test"},
		{"long label", "a@" + strings.Repeat("a", 64) + ".test"},
		{"long address", "a@" + strings.Repeat("a.", 130) + "test"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, err := NormalizeLogin(row.in); err == nil {
				t.Errorf("NormalizeLogin(%q) = %q, want an error", row.in, got)
			}
		})
	}
}

func FuzzNormalizeLogin(f *testing.F) {
	for _, s := range []string{"ute@example.test", "İ@Müller.example", "a\r\n@b", "ſ@ß.example", "Σς@ΑΣ.gr", "a@xn--mller-kva.example", "\u1e9e@\u1e9e.de"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		login, err := NormalizeLogin(s)
		if err != nil {
			return
		}
		again, err := NormalizeLogin(login)
		if err != nil || again != login {
			t.Errorf("%q became %q, then %q, %v", s, login, again, err)
		}
		if len(login) > maxAddress || strings.ContainsFunc(login, func(r rune) bool { return r <= ' ' || r == 0x7f || unprintable(r) }) {
			t.Errorf("%q became %q", s, login)
		}
		upper, err := NormalizeLogin("\t" + login + " ")
		if err != nil || upper != login {
			t.Errorf("%q with space around became %q, %v", login, upper, err)
		}
	})
}

func TestPlain(t *testing.T) {
	t.Parallel()
	if got, err := plain("name", " Åsa Lindstro\u0308m ", maxName); err != nil || got != "Åsa Lindström" {
		t.Errorf("got %q, %v", got, err)
	}
	for name, s := range map[string]string{
		"SEC-74 line break": "Ute\r\nBcc: x", "SEC-74 NUL": "Ute\x00", "turned text": "Ute\u202egnp.exe", "too long": strings.Repeat("å", maxName),
	} {
		t.Run(name, func(t *testing.T) {
			var field *FieldError
			if _, err := plain("name", s, maxName); !errors.As(err, &field) || field.Field != "name" {
				t.Errorf("plain(%q): %v, want a FieldError", s, err)
			}
		})
	}
}
