package locale

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// placeholder is the only action that a message may hold.
var placeholder = regexp.MustCompile(`\{\{\.([A-Z][A-Za-z0-9]*)\}\}`)

// messages reads the message files by themselves: language, then key, then text.
func messages(t *testing.T) map[Tag]map[string]string {
	t.Helper()
	names, err := fs.Glob(files, "messages/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d message files, %v", len(names), err)
	}
	all := map[Tag]map[string]string{German: {}, Swedish: {}, English: {}}
	for _, name := range names {
		parts := strings.Split(strings.TrimPrefix(name, "messages/"), ".")
		if len(parts) != 3 || all[Tag(parts[1])] == nil {
			t.Fatalf("%s is not named <area>.<language>.json", name)
		}
		body, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var texts map[string]string
		if err := json.Unmarshal(body, &texts); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for key, text := range texts {
			if n := strings.Count(string(body), strconv.Quote(key)+":"); n != 1 {
				t.Errorf("%s: key %s stands %d times", name, key, n)
			}
			all[Tag(parts[1])][key] = text
		}
	}
	return all
}

func placeholders(text string) []string {
	names := map[string]bool{}
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		names[m[1]] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func TestMessagesAreComplete(t *testing.T) {
	t.Parallel()
	all := messages(t)
	for _, tag := range Tags {
		for key, text := range all[tag] {
			if strings.TrimSpace(text) == "" || strings.TrimSpace(text) != text {
				t.Errorf("%s: %s is %q", tag, key, text)
			}
			if rest := placeholder.ReplaceAllString(text, ""); strings.Contains(rest, "{{") || strings.Contains(rest, "}}") {
				t.Errorf("%s: %s has a placeholder of another form than {{.Name}}: %q", tag, key, text)
			}
			for _, other := range Tags {
				there, ok := all[other][key]
				if !ok {
					t.Errorf("%s is there in %s and missing in %s", key, tag, other)
				} else if a, b := placeholders(text), placeholders(there); !slices.Equal(a, b) {
					t.Errorf("%s has the placeholders %q in %s and %q in %s", key, a, tag, b, other)
				}
			}
		}
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for tag, texts := range messages(t) {
		for key, text := range texts {
			args, want := map[string]any{}, text
			for i, name := range placeholders(text) {
				args[name] = fmt.Sprintf("value <%d>", i)
				want = strings.ReplaceAll(want, "{{."+name+"}}", args[name].(string))
			}
			if got := c.Text(tag, key, args); got != want {
				t.Errorf("%s %s: %q, want %q", tag, key, got, want)
			}
		}
	}
	if got := c.Text(German, "no.such.key", nil); got != "⟦no.such.key⟧" {
		t.Errorf("unknown key: %q", got)
	}
	if got := c.Text("fr", "app.name", nil); got != "Tagwerk" {
		t.Errorf("unknown language: %q", got)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Tag{
		"de": German, "DE": German, "de-AT": German, " sv ": Swedish, "sv-FI": Swedish, "en-GB": English, "en": English,
	} {
		if got, ok := Parse(in); !ok || got != want {
			t.Errorf("Parse(%q) = %q, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "fr", "deutsch", "d", "-", "de_DE", "\x00"} {
		if got, ok := Parse(in); ok {
			t.Errorf("Parse(%q) = %q", in, got)
		}
	}
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		header string
		want   Tag
	}{
		{"", English},
		{"de", German},
		{"de-CH,de;q=0.9,en;q=0.8", German},
		{"sv-SE,sv;q=0.9", Swedish},
		{"en-GB", English},
		{"en;q=0.1,sv;q=0.9", Swedish},
		{"fr,de;q=0.5", German},
		{"fr", English},
		{"*", English},
		{"de;q=0", English},
		{"de;q=oops", English},
		{";;;", English},
		{"de\r\nsv", English},
		{strings.Repeat("de,", 1000), English},
	} {
		if got := Negotiate(row.header); got != row.want {
			t.Errorf("Negotiate(%.40q) = %s, want %s", row.header, got, row.want)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("de-CH,de;q=0.9,en;q=0.8")
	f.Add("x-private,*;q=0.1")
	f.Fuzz(func(t *testing.T, header string) {
		if got := Negotiate(header); !slices.Contains(Tags, got) {
			t.Errorf("Negotiate(%q) = %q", header, got)
		}
	})
}

func TestDates(t *testing.T) {
	t.Parallel()
	d := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for tag, want := range map[Tag]string{German: "02.01.2026 03:04", Swedish: "2026-01-02 03:04", English: "2 Jan 2026 03:04"} {
		if got := Moment(tag, d); got != want {
			t.Errorf("%s: %q, want %q", tag, got, want)
		}
	}
}

// keyForm is what a literal must look like to be taken for a message key.
var keyForm = regexp.MustCompile(`^[a-z][a-z0-9]*(\.[a-z][a-zA-Z0-9_-]*)+$`)

// TestUsedKeysExist finds the keys that the program names: c.Text(tag, "key", …) and Key: "key" in Go sources, T "key" in
// templates. A key that is put together at run time is for the test of its own package.
func TestUsedKeysExist(t *testing.T) {
	t.Parallel()
	known := messages(t)[English]
	inTemplate := regexp.MustCompile(`\bT\s+"([^"]+)"`)
	found := 0
	check := func(at, key string) {
		if !keyForm.MatchString(key) {
			return
		}
		found++
		if _, ok := known[key]; !ok {
			t.Errorf("%s: message %q is missing", at, key)
		}
	}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		switch {
		case entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "zz"):
			return fs.SkipDir
		case entry.IsDir() || strings.HasSuffix(name, "_test.go"):
			return nil
		case strings.HasSuffix(name, ".html") || strings.HasSuffix(name, ".tmpl"):
			body, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range inTemplate.FindAllStringSubmatch(string(body), -1) {
				check(path, m[1])
			}
		case strings.HasSuffix(name, ".go"):
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for key, pos := range keysIn(file) {
				check(set.Position(pos).String(), key)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Error("no key was found: the scanner is broken")
	}
}

// keysIn returns the literals of a source file that stand where message keys stand.
func keysIn(file *ast.File) map[string]token.Pos {
	keys := map[string]token.Pos{}
	take := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				keys[s] = lit.Pos()
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Text" && len(n.Args) >= 2 {
				take(n.Args[1])
			}
		case *ast.KeyValueExpr:
			if id, ok := n.Key.(*ast.Ident); ok && id.Name == "Key" {
				take(n.Value)
			}
		}
		return true
	})
	return keys
}

func TestKeysIn(t *testing.T) {
	t.Parallel()
	const source = `package p
func f() { c.Text(tag, "a.b", nil); g(T{Key: "c.d", Other: "e.f"}); h("i.j") }`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(keysIn(file))); !slices.Equal(got, []string{"a.b", "c.d"}) {
		t.Errorf("%q", got)
	}
}
