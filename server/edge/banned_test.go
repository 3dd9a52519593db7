package edge_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// bannedImports belong to this package alone: whoever has no fiber.Ctx cannot keep one, ask it for a host or let it decompress.
var bannedImports = []struct{ prefix, why string }{
	{"github.com/gofiber/", "rows 1 to 27: a handler gets an edge.Request or a context"},
	{"github.com/valyala/fasthttp", "rows 1, 2, 4: its values are views into buffers that are used again"},
	{"github.com/danielgtaylor/huma/v2/adapters/", "row 10: the adapter reads bodies through the decompressing accessor"},
}

// bannedNames are refused as method calls on anything outside this package, in case a Ctx gets there by another way.
var bannedNames = map[string]string{
	"BodyParser": "row 12", "BaseURL": "row 8", "IPs": "row 9", "UserContext": "row 3", "BodyStream": "row 11", "MultipartForm": "row 10",
}

// bannedHere are Fiber's and fasthttp's methods that this package must not call either.
var bannedHere = map[string]string{
	"BodyParser": "row 12", "QueryParser": "row 1", "BaseURL": "row 8", "Hostname": "row 8", "Protocol": "row 8", "IP": "row 9", "IPs": "row 9",
	"Render": "row 26", "BodyUncompressed": "row 10", "BodyGunzip": "row 10", "BodyInflate": "row 10", "BodyUnbrotli": "row 10", "MultipartForm": "row 10",
	"SaveFile": "row 10", "Secure": "row 8", "Subdomains": "row 8", "GetReqHeaders": "row 1", "PostArgs": "row 12", "FormFile": "row 10",
}

// bannedIn lists what is banned in one file. In this package "c.Body()" is banned on a *fiber.Ctx, which is always called c.
func bannedIn(file *ast.File, inEdge bool) (found []string) {
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		for _, b := range bannedImports {
			if !inEdge && strings.HasPrefix(path, b.prefix) {
				found = append(found, path+" ("+b.why+")")
			}
		}
		if strings.HasPrefix(path, "github.com/gofiber/fiber/v2/middleware/") || strings.HasPrefix(path, "github.com/danielgtaylor/huma/v2/adapters/") {
			found = append(found, path+" (rows 10, 17, 21)")
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if kv, ok := n.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && (key.Name == "Prefork" || key.Name == "StreamRequestBody" || key.Name == "UnescapePath" || key.Name == "Views") {
				found = append(found, key.Name+" (rows 11, 13, 24, 26)")
			}
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		receiver, _ := sel.X.(*ast.Ident)
		onCtx := receiver != nil && receiver.Name == "c"
		switch row, banned := bannedHere[sel.Sel.Name]; {
		case inEdge && onCtx && (banned || sel.Sel.Name == "Body"):
			found = append(found, "c."+sel.Sel.Name+" ("+row+")")
		case !inEdge && bannedNames[sel.Sel.Name] != "":
			found = append(found, sel.Sel.Name+" ("+bannedNames[sel.Sel.Name]+")")
		}
		return true
	})
	return found
}

func TestBannedCalls(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	parsed := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata" || path == filepath.Join(root, "zz")):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			// A file that does not parse fails the build with a better message.
			return nil
		}
		parsed++
		for _, what := range bannedIn(file, filepath.Dir(path) == here) {
			rel, _ := filepath.Rel(root, path)
			t.Errorf("style.md part 5: %s uses %s", rel, what)
		}
		return nil
	})
	if err != nil || parsed < 10 {
		t.Fatalf("parsed %d files: %v", parsed, err)
	}
	t.Run("control: each banned thing is found", func(t *testing.T) {
		for _, row := range []struct {
			source string
			inEdge bool
		}{
			{`import _ "github.com/gofiber/fiber/v2"`, false},
			{`import _ "github.com/valyala/fasthttp"`, false},
			{`import _ "github.com/danielgtaylor/huma/v2/adapters/humafiber"`, true},
			{`import _ "github.com/gofiber/fiber/v2/middleware/session"`, true},
			{`import _ "github.com/gofiber/fiber/v2/middleware/logger"`, true},
			{`func f() { c.Body() }`, true},
			{`func f() { c.Render("x", nil) }`, true},
			{`func f() { c.Hostname() }`, true},
			{`func f() { any.BodyParser(1) }`, false},
			{`func f() { x.BaseURL() }`, false},
			{`var x = fiber.Config{Prefork: true}`, true},
		} {
			file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\n"+row.source, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if len(bannedIn(file, row.inEdge)) == 0 {
				t.Errorf("not found: %s", row.source)
			}
		}
	})
}
