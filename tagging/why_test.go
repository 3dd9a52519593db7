package tagging

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestWhy(t *testing.T) {
	for _, tt := range []struct{ number, want string }{
		{"0F0368568B", "kind.em4100 all_bits form.hex | kind.em4100 all_bits form.unique"},
		{"880451AA77", "kind.iso14443 known_bits form.hex_check | kind.em4100 all_bits form.hex | kind.em4100 all_bits form.unique | flag.bcc_ok | flag.truncated_uid"},
		{"000079C3AA5104", "kind.iso14443 all_bits form.hex turned | kind.iso14443 all_bits form.hex"},
		{"1FD38D1F", "kind.iso14443 all_bits shared_uid form.hex | kind.iso14443 all_bits shared_uid form.hex turned | kind.em4100 known_bits form.hex"},
		{"A1A1A1A1", "kind.iso14443 all_bits form.hex | kind.em4100 known_bits form.hex"},
		{"15001200010606101301", "kind.em4100 all_bits form.zk"},
		{"001034014845649", "kind.em4100 all_bits form.ik3 | kind.em4100 all_bits form.13d"},
		{"01215693772619776", "kind.iso14443 all_bits form.decimal | kind.iso14443 all_bits form.decimal turned"},
		{"12482871500027790560", "kind.iso15693 all_bits form.decimal turned"},
		{"880451AA77C3790000BA", "kind.iso14443 all_bits form.cascade | flag.bcc_ok"},
		{"104,22155", "kind.h10301 all_bits form.pair | kind.em4100 known_bits form.pair35c | kind.em4100 known_bits form.pair35b | kind.em4100 known_bits form.pair35a"},
		{"01010000110110010110010110", "flag.parity_error"},
		{"Nyckel 3491-B", "kind.raw"},
		{" \t", "nothing"},
		{strings.Repeat("7", maxInput+1), "nothing"},
		{"08C88C09", "kind.iso14443 all_bits form.hex | kind.iso14443 all_bits form.hex turned | kind.em4100 known_bits form.hex | flag.random_uid"},
	} {
		if got := written(ParseTag(tt.number, "").Why()); got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.number, got, tt.want)
		}
	}
	for _, tt := range []struct{ code, want string }{
		{"7K3M9QXD2VHTP", "kind.own form.label | kind.text"},
		{"https://scan.example.com/t/7K3M9QXD2VHTP", "kind.own form.label_url"},
		{"https://scan.example.com/t/7K3M9QXD2HVTP", "flag.own_check_failed near"},
		{"]d2800473500020261122PUMP-194", "gs1.8004 form.gs1_carrier"},
		{"(01)04037883690758(21)X/1.5", "gs1.01 form.gs1_printed"},
		{"0104045965984718", "gs1.01 form.gs1_unmarked | kind.text | flag.unmarked_gs1 | flag.class_level"},
		{"WIFI:S:x;P:geheim;;", "other.wifi | flag.not_an_identifier | flag.secret"},
	} {
		if got := written(ParseComponent(tt.code, Config{OwnHosts: []string{"scan.example.com"}}).Why()); got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.code, got, tt.want)
		}
	}
	// A reading that was stored and read back has lost its spellings.
	if got := written(Reading{Candidates: []string{"em4100:??0368568B"}, Flags: []string{FlagWeak}}.Why()); got != "kind.em4100 known_bits | flag.weak" {
		t.Error(got)
	}
}

func written(why []Remark) string {
	var all []string
	for _, r := range why {
		var keys []string
		for _, m := range r.Messages {
			keys = append(keys, strings.TrimPrefix(m.Key, "reading."))
		}
		all = append(all, strings.Join(keys, " "))
	}
	return strings.Join(all, " | ")
}

// TestMessageKeys holds that the lists of flags and of message keys are
// complete, by the constants in the source, and that the parsers use no flag
// that is none of them.
func TestMessageKeys(t *testing.T) {
	keys := MessageKeys()
	declared := 0
	for _, name := range goSources(t) {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				kind, ok := n.Type.(*ast.Ident)
				if !ok || len(n.Values) != 1 || kind.Name != "Flag" && kind.Name != "form" {
					return true
				}
				value, err := strconv.Unquote(n.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				declared++
				if key := "reading." + strings.ToLower(kind.Name) + "." + value; value != "" && !slices.Contains(keys, key) {
					t.Errorf("%s: %s is not in the list of message keys", name, key)
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "flag" || f.Sel.Name == "add") && len(n.Args) > 0 {
					if text, literal := n.Args[len(n.Args)-1].(*ast.BasicLit); literal && text.Kind == token.STRING {
						t.Errorf("%s: %s(%s) is no constant", name, f.Sel.Name, text.Value)
					}
				}
			}
			return true
		})
	}
	if flags := len(Flags()); declared <= flags || flags < 26 {
		t.Errorf("%d constants declared, %d flags", declared, flags)
	}
	used := map[string]bool{}
	note := func(r Reading) {
		for _, remark := range r.Why() {
			for _, m := range remark.Messages {
				used[m.Key] = true
			}
		}
	}
	config := Config{OwnHosts: []string{"scan.example.com"}}
	for _, v := range vectorInputs(t) {
		note(ParseComponent(v.Input, config))
		note(ParseTag(v.Input, v.Hint))
	}
	for _, c := range corpus(t, "FuzzParseComponent") {
		note(ParseComponent(c[0], config))
	}
	for _, c := range corpus(t, "FuzzParseTag") {
		note(ParseTag(c[0], c[1]))
	}
	for key := range maps.Keys(used) {
		if !slices.Contains(keys, key) {
			t.Errorf("%s is used and not in the list of message keys", key)
		}
	}
	if len(used) < len(keys)*2/3 {
		t.Errorf("the inputs reach only %d of %d messages", len(used), len(keys))
	}
}

// goSources are the files of this package without its tests.
func goSources(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			names = append(names, name)
		}
	}
	return names
}
