package edge_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tagwerk/tagwerk/server/edge"
)

type embedded struct {
	Inner string `json:"inner"`
}

type document struct {
	embedded
	Name   string          `json:"name"`
	Count  int8            `json:"count"`
	Big    uint64          `json:"big"`
	Ratio  float64         `json:"ratio"`
	On     bool            `json:"on"`
	When   time.Time       `json:"when"`
	Maybe  *string         `json:"maybe"`
	List   []int           `json:"list"`
	Pair   [2]int          `json:"pair"`
	Map    map[string]int  `json:"map"`
	Sub    *document       `json:"sub"`
	Any    any             `json:"any"`
	Raw    json.RawMessage `json:"raw"`
	Bytes  []byte          `json:"bytes"`
	Quoted int             `json:"quoted,string"`
	Hidden string          `json:"-"`
	Plain  string
}

func TestStrictJSON(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, row := range []struct{ name, in, want string }{
		{"all fields", `{"inner":"i","name":"å\u00e5\ud83d\ude00","count":-128,"big":18446744073709551615,"ratio":1.5e3,"on":true,"when":"2026-01-02T03:04:05Z",
			"maybe":null,"list":[1,2],"pair":[1,2],"map":{"a":1},"sub":{"name":"x"},"any":{"x":[null]},"raw":{"y":1},"bytes":"aGk=","quoted":"5","Plain":"p"}`, ""},
		{"empty object", ` { } `, ""},
		{"unknown key", `{"nope":1}`, "/nope unknown_key"},
		{"unknown key below", `{"sub":{"sub":{"nope":1}}}`, "/sub/sub/nope unknown_key"},
		{"several faults at once", `{"a":1,"b":2,"count":true}`, "/a unknown_key, /b unknown_key, /count wrong_type"},
		{"key in other case", `{"Name":"x"}`, "/Name unknown_key"},
		{"A4 differently cased twin", `{"name":"x","NAME":"y"}`, "/NAME unknown_key"},
		{"hidden field", `{"Hidden":"x","-":"y"}`, "/Hidden unknown_key, /- unknown_key"},
		{"repeated key", `{"name":"x","name":"y"}`, "/name repeated_key"},
		{"repeated key by escape", `{"name":"x","n\u0061me":"y"}`, "/name repeated_key"},
		{"repeated key in any", `{"any":{"a":1,"a":2}}`, "/any/a repeated_key"},
		{"repeated key in map", `{"map":{"a":1,"a":2}}`, "/map/a repeated_key"},
		{"repeated key in a type of its own", `{"raw":{"a":1,"a":2}}`, "/raw/a repeated_key"},
		{"pointer escapes", `{"a/b~c":1}`, "/a~1b~0c unknown_key"},
		{"trailing data", `{} {}`, " trailing_data"},
		{"trailing comma", `{"name":"x",}`, " syntax"},
		{"trailing bracket", `{}]`, " trailing_data"},
		{"nothing", ``, " syntax"},
		{"half", `{"name":"x`, "/name syntax"},
		{"comment", `{/**/}`, " syntax"},
		{"single quotes", `{'name':'x'}`, " syntax"},
		{"byte order mark", "\ufeff{}", " syntax"},
		{"depth 32", `{"any":` + deep(31) + `}`, ""},
		{"depth 33", `{"any":` + deep(33) + `}`, "/any" + strings.Repeat("/0", 32) + " too_deep"},
		{"depth two million", `{"any":` + deep(2_000_000) + `}`, "/any" + strings.Repeat("/0", 32) + " too_deep"},
		{"broken UTF-8", "{\"name\":\"\xff\"}", "/name bad_utf8"},
		{"overlong UTF-8", "{\"name\":\"\xc0\xaf\"}", "/name bad_utf8"},
		{"broken UTF-8 in a key", "{\"\xff\":1}", " bad_utf8"},
		{"lone surrogate", `{"name":"\ud800"}`, "/name bad_utf8"},
		{"low surrogate first", `{"name":"\udc00\ud800"}`, "/name bad_utf8"},
		{"surrogate and letter", `{"name":"\ud800\u0041"}`, "/name bad_utf8"},
		{"control character", "{\"name\":\"a\nb\"}", "/name syntax"},
		{"bad escape", `{"name":"\x"}`, "/name syntax"},
		{"int8 too large", `{"count":128}`, "/count out_of_range"},
		{"uint64 negative", `{"big":-1}`, "/big out_of_range"},
		{"uint64 too large", `{"big":18446744073709551616}`, "/big out_of_range"},
		{"float too large", `{"ratio":1e400}`, "/ratio out_of_range"},
		{"float too large in any", `{"any":[1e400]}`, "/any/0 out_of_range"},
		{"int with fraction", `{"count":1.0}`, "/count wrong_type"},
		{"int with exponent", `{"count":1e1}`, "/count wrong_type"},
		{"leading zero", `{"count":01}`, " syntax"},
		{"plus", `{"count":+1}`, "/count syntax"},
		{"NaN", `{"ratio":NaN}`, "/ratio syntax"},
		{"point without digits", `{"ratio":1.}`, "/ratio syntax"},
		{"number for string", `{"name":1}`, "/name wrong_type"},
		{"string for number", `{"count":"1"}`, "/count wrong_type"},
		{"null for string", `{"name":null}`, "/name wrong_type"},
		{"object for list", `{"list":{}}`, "/list wrong_type"},
		{"element of wrong type", `{"list":[1,"x",3]}`, "/list/1 wrong_type"},
		{"array of another length", `{"pair":[1]}`, "/pair wrong_type"},
		{"list for document", `[]`, " wrong_type"},
		{"time that is none", `{"when":"yesterday"}`, "/when invalid"},
		{"bytes that are no base64", `{"bytes":"%"}`, "/bytes invalid"},
		{"quoted number that is none", `{"quoted":"x"}`, " invalid"},
	} {
		t.Run("SEC-50 N7 "+row.name, func(t *testing.T) {
			var d document
			err := edge.DecodeJSON([]byte(row.in), &d)
			var got []string
			var p *edge.Problem
			if errors.As(err, &p) {
				for _, f := range p.Fields {
					got = append(got, f.Pointer+" "+f.Code)
				}
			} else if err != nil {
				t.Fatalf("error %T", err)
			}
			if strings.Join(got, ", ") != row.want {
				t.Errorf("got %q, want %q", strings.Join(got, ", "), row.want)
			}
		})
	}
	t.Run("SEC-50 the value is decoded", func(t *testing.T) {
		var d document
		if err := edge.DecodeJSON([]byte(`{"name":"å","list":[1,2],"sub":{"inner":"i"}}`), &d); err != nil {
			t.Fatal(err)
		}
		if want := (document{Name: "å", List: []int{1, 2}, Sub: &document{embedded: embedded{"i"}}}); !reflect.DeepEqual(d, want) {
			t.Errorf("%+v", d)
		}
	})
	t.Run("N7 the list of faults and its pointers are bounded", func(t *testing.T) {
		var in strings.Builder
		for i := range 10_000 {
			fmt.Fprintf(&in, `,"%s%d":1`, strings.Repeat("x", 1000), i)
		}
		var p *edge.Problem
		if err := edge.DecodeJSON([]byte("{"+in.String()[1:]+"}"), &document{}); !errors.As(err, &p) || len(p.Fields) != 20 || len(p.Fields[0].Pointer) > 100 {
			t.Errorf("%v", err)
		}
	})
}

func FuzzStrictJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"name":"x","list":[1,2],"any":{"a":1e5}}`, `{"name":"\ud83d\ude00"}`, `{"a":1,"a":2}`, `[[[[]]]]`, "\"\xff\"", `{"count":-0}`, `1e400`, `{"sub":{"sub":{}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var strict document
		if edge.DecodeJSON(in, &strict) == nil {
			// Whatever is accepted here must be plain to a lax reader too, with the same meaning.
			var lax document
			d := json.NewDecoder(bytes.NewReader(in))
			d.DisallowUnknownFields()
			if err := d.Decode(&lax); err != nil {
				t.Fatalf("accepted %q, but %v", in, err)
			}
			if !reflect.DeepEqual(strict, lax) {
				t.Fatalf("%q reads as %+v and as %+v", in, strict, lax)
			}
		}
		var anything any
		if edge.DecodeJSON(in, &anything) == nil {
			if !json.Valid(in) {
				t.Fatalf("accepted %q", in)
			}
			// Written again it must be accepted again: nothing was lost that had to be refused.
			again, err := json.Marshal(anything)
			if err != nil || edge.DecodeJSON(again, &anything) != nil {
				t.Fatalf("%q became %q (%v)", in, again, err)
			}
		}
	})
}
