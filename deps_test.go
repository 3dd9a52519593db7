// Package tagwerk_test holds the direction of the packages (design.md section 2).
package tagwerk_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tagwerk/tagwerk"

// Patterns name packages as the go command does: "./server/edge" is one package of this module, "./server/edge/..." it and all
// below, "./..." the whole module; other paths are the standard library's and libraries'.
const (
	fiber   = "github.com/gofiber/fiber/..."
	huma    = "github.com/danielgtaylor/huma/..."
	library = "zombiezen.com/go/sqlite/..."
	modernc = "modernc.org/..."
	fcmSDK  = "firebase.google.com/..."
)

// layers are the packages from top to bottom. No package reaches one of a layer above it, whatever lies between.
var layers = [][]string{
	{"./cmd/..."},
	{"./server"},
	{"./mobileapi/...", "./server/internal/portal/...", "./server/internal/notify/...", "./server/internal/store/sqlite/..."},
	{"./server/edge/..."},
	{"./server/scan/..."},
	{"./server/desk/..."},
	{"./server/asset/..."},
	{"./server/identity/..."},
	{"./server/internal/outbox"},
	{"./server/internal/store"},
}

// rule says that the packages from, but for those exempt, must not reach the packages not, but for those allowed.
type rule struct {
	from, exempt []string
	not, allowed []string
	// direct forbids the import only, and not the way through packages that may.
	direct bool
	why    string
}

// rules are all rules: those of the layers, then those that stand aside of them.
func rules() []rule {
	var out []rule
	for i, layer := range layers[1:] {
		out = append(out, rule{from: layer, not: slices.Concat(layers[:i+1]...), why: "the direction is top to bottom, never up"})
	}
	domain := []string{"./server/scan/...", "./server/desk/...", "./server/asset/...", "./server/identity/..."}
	return append(out,
		rule{from: []string{"./tagging/..."}, not: []string{"./..."}, allowed: []string{"./tagging/..."}, why: "tagging is a leaf: what a tag is depends on no product"},
		rule{from: []string{"./labels/..."}, not: []string{"./..."}, allowed: []string{"./labels/..."}, why: "labels is a leaf: it prints what it is given"},
		rule{from: []string{"./server/table"}, not: []string{"./..."}, allowed: []string{"./server/table"}, why: "table is a leaf: what a column means is known by those who call it"},
		rule{from: []string{"./server/locale"}, not: []string{"./..."}, allowed: []string{"./server/locale"}, why: "locale is a leaf: every layer names languages and message keys"},
		rule{from: []string{"./server/signing"}, not: []string{"./..."}, allowed: []string{"./server/signing"}, why: "signing is a leaf: front ends, workers and receivers sign alike"},

		rule{from: []string{"./mobileapi/..."}, not: []string{"./server/internal/portal/...", "./server/internal/notify/..."}, why: "front ends share the domain, not each other's forms; they cause notices, and do not send them"},
		rule{from: []string{"./server/internal/portal/..."}, not: []string{"./mobileapi/...", "./server/internal/notify/..."}, why: "front ends share the domain, not each other's forms; they cause notices, and do not send them"},
		rule{from: []string{"./server/internal/notify/..."}, not: []string{"./mobileapi/...", "./server/internal/portal/...", "./server/edge/..."}, why: "the worker has no viewer and no request"},
		rule{from: []string{"./server/internal/notify/push/..."}, not: []string{"./..."}, allowed: []string{"./server/internal/notify/push/..."}, why: "push carries a message and knows no request"},
		rule{from: []string{"./server/internal/store/..."}, not: []string{"./..."}, allowed: []string{"./server/internal/store/..."}, why: "engines know none of the product"},
		rule{from: []string{"./..."}, exempt: []string{"./server", "./server/internal/store/sqlite/..."}, not: []string{"./server/internal/store/sqlite/..."}, direct: true, why: "one place chooses the engine"},

		rule{from: []string{"./..."}, exempt: []string{"./server/edge"}, not: []string{fiber, "github.com/valyala/fasthttp/..."}, direct: true, why: "all knowledge of Fiber and its traps is in edge (style.md part 5)"},
		rule{from: []string{"./..."}, exempt: []string{"./server/internal/store/sqlite/..."}, not: []string{library, modernc}, direct: true, why: "a query is the port's; SQL is the engine's"},
		rule{from: []string{"./..."}, exempt: []string{"./server/internal/notify/push"}, not: []string{fcmSDK}, direct: true, why: "one package speaks to FCM"},
		rule{from: domain, not: []string{"net/http/...", fiber, huma, "github.com/valyala/fasthttp/...", "html/template"}, why: "the domain has no HTTP: edge turns errors into answers, front ends turn types into pages"},
		rule{from: []string{"./..."}, exempt: []string{"./server/internal/notify/push/fcmfake/..."}, not: []string{"./server/internal/notify/push/fcmfake/..."}, why: "the fake is for tests and its own command"},
		rule{from: []string{"./..."}, exempt: []string{"./server/internal/store/storetest/..."}, not: []string{"./server/internal/store/storetest/..."}, why: "the conformance suite is for tests"},
		rule{from: []string{"./..."}, exempt: []string{"./server/internal/store/storetest/..."}, not: []string{"testing/..."}, direct: true, why: "what a binary carries is no test"},
	)
}

// graph holds the imports of each package, tests left out.
type graph map[string][]string

// load asks the go command for the imports of this module and of all that it reaches.
func load(t *testing.T) graph {
	t.Helper()
	lookAtSources(t)
	cmd := exec.CommandContext(t.Context(), "go", "list", "-buildvcs=false", "-deps", "-json=ImportPath,Imports", "./...")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, complaint.Bytes())
	}
	g := graph{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return g
		} else if err != nil {
			t.Fatal(err)
		}
		g[p.ImportPath] = p.Imports
	}
}

// lookAtSources touches all that the go command and git will read for this test: `go test` repeats a cached result unless a file
// that the test itself has looked at changed.
func lookAtSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".go" {
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// In a work tree of its own, or without git, it is not there.
	_, _ = os.Stat(filepath.Join(".git", "index"))
}

// matches reports whether a package is one of those that the patterns name.
func matches(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		pattern = fullPath(pattern)
		root, below := strings.CutSuffix(pattern, "/...")
		return pkg == root || below && strings.HasPrefix(pkg, root+"/")
	})
}

func fullPath(pattern string) string {
	if rest, own := strings.CutPrefix(pattern, "./"); own {
		return module + "/" + rest
	}
	return pattern
}

// own lists the packages of this module in order.
func (g graph) own() []string {
	var out []string
	for pkg := range g {
		if matches([]string{"./..."}, pkg) {
			out = append(out, pkg)
		}
	}
	slices.Sort(out)
	return out
}

// violations lists, for each package that breaks the rule, the way to what it must not reach.
func (g graph) violations(r rule) []string {
	var out []string
	for _, pkg := range g.own() {
		if !matches(r.from, pkg) || matches(r.exempt, pkg) {
			continue
		}
		if way := g.way(pkg, r); way != nil {
			out = append(out, fmt.Sprintf("%s (%s)", strings.ReplaceAll(strings.Join(way, " → "), module+"/", "./"), r.why))
		}
	}
	return out
}

// way is the shortest way from a package to one that the rule forbids, or nil.
func (g graph) way(from string, r rule) []string {
	seen := map[string]bool{from: true}
	for ways := [][]string{{from}}; len(ways) > 0; ways = ways[1:] {
		for _, next := range g[ways[0][len(ways[0])-1]] {
			if seen[next] {
				continue
			}
			seen[next] = true
			way := append(slices.Clone(ways[0]), next)
			if matches(r.not, next) && !matches(r.allowed, next) {
				return way
			}
			if !r.direct {
				ways = append(ways, way)
			}
		}
	}
	return nil
}

func TestDirection(t *testing.T) {
	g := load(t)
	for _, r := range rules() {
		for _, broken := range g.violations(r) {
			t.Error(broken)
		}
	}
	t.Run("every package of the server has a layer or a rule", func(t *testing.T) {
		placed := slices.Concat(layers...)
		for _, r := range rules() {
			if !slices.Contains(r.from, "./...") {
				placed = append(placed, r.from...)
			}
		}
		for _, pkg := range g.own() {
			if pkg != module && !matches(placed, pkg) {
				t.Errorf("%s stands in no layer: say in this file where it belongs", pkg)
			}
		}
	})
}

// TestDirectionControl proves that each rule would be heard: the real graph with one forbidden import more must break it.
func TestDirectionControl(t *testing.T) {
	real := load(t)
	for _, r := range rules() {
		for _, from := range r.from {
			at := slices.IndexFunc(real.own(), func(pkg string) bool { return matches([]string{from}, pkg) && !matches(r.exempt, pkg) })
			if at < 0 {
				t.Errorf("no package is %s: the rule (%s) holds nothing", from, r.why)
				continue
			}
			pkg := real.own()[at]
			for _, not := range r.not {
				target := strings.TrimSuffix(fullPath(not), "/...")
				if not == "./..." {
					target = module + "/server"
				}
				g := graph{}
				for p, imports := range real {
					g[p] = imports
				}
				g[pkg] = append(slices.Clone(real[pkg]), target)
				if len(g.violations(r)) == 0 {
					t.Errorf("%s importing %s breaks no rule (%s)", pkg, target, r.why)
				}
			}
		}
	}

	t.Run("a way through other packages", func(t *testing.T) {
		g := graph{
			module + "/server/asset": {"strings", "example.com/helper"},
			"example.com/helper":     {"example.com/client"},
			"example.com/client":     {"net/http"},
			module + "/server/desk":  {module + "/server/asset"},
		}
		r := rule{from: []string{"./server/asset"}, not: []string{"net/http"}, why: "no HTTP"}
		want := "./server/asset → example.com/helper → example.com/client → net/http (no HTTP)"
		if got := g.violations(r); !slices.Equal(got, []string{want}) {
			t.Errorf("violations = %q, want %q", got, want)
		}
		r.direct = true
		if got := g.violations(r); len(got) > 0 {
			t.Errorf("violations = %q, but no import is direct", got)
		}
	})
	t.Run("names that only begin alike", func(t *testing.T) {
		g := graph{module + "/server/asset": {"net/http2", module + "/server/edgewise"}}
		if got := g.violations(rule{from: []string{"./server/asset/..."}, not: []string{"net/http/...", "./server/edge/..."}}); len(got) > 0 {
			t.Errorf("violations = %q", got)
		}
	})
}

// TestLibrariesAreUsedWhereTheyMay keeps the rules on libraries from passing because a library's path changed.
func TestLibrariesAreUsedWhereTheyMay(t *testing.T) {
	g := load(t)
	for _, use := range []struct{ pkg, of string }{
		{"./server/edge", fiber},
		{"./server/edge", huma},
		{"./server/internal/store/sqlite", library},
		{"./server/internal/notify/push", fcmSDK},
	} {
		if !slices.ContainsFunc(g[fullPath(use.pkg)], func(i string) bool { return matches([]string{use.of}, i) }) {
			t.Errorf("%s does not import %s: has its path changed?", use.pkg, use.of)
		}
	}
}

// TestRoot holds what lies in the root of the repository (design.md section 2): a newcomer sees the parts at one glance.
func TestRoot(t *testing.T) {
	lookAtSources(t)
	named := []string{"cmd", "labels", "mobileapi", "server", "tagging", "go.mod", "go.sum", "README.md", "Dockerfile", "LICENSE", "deps_test.go"}
	found := rootNames(t)
	for _, name := range found {
		if !strings.HasPrefix(name, ".") && !slices.Contains(named, name) {
			t.Errorf("the root holds %s, which the design does not name", name)
		}
	}
	for _, name := range named {
		if !slices.Contains(found, name) {
			t.Errorf("the root lacks %s", name)
		}
	}
}

// rootNames lists the root as git knows it, so that a developer's own files do not count; without git it is the folder itself.
func rootNames(t *testing.T) []string {
	t.Helper()
	var names []string
	if out, err := exec.CommandContext(t.Context(), "git", "ls-files", "-z").Output(); err == nil && len(out) > 0 {
		for _, path := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
			name, _, _ := strings.Cut(path, "/")
			names = append(names, name)
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
