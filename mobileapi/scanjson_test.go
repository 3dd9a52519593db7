package mobileapi

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// plainJSON is what encoding/json makes of a value whose type has no methods.
func plainJSON(t interface{ Fatal(...any) }, v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// TestScanJSON compares random answers with what encoding/json makes of the same struct tags.
func TestScanJSON(t *testing.T) {
	instants := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(-62_135_596_800, 253_402_300_799).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond")).UTC()
	})
	texts := rapid.OneOf(rapid.String(), rapid.Just(""), rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) }))
	config := rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{reflect.TypeFor[time.Time](): instants.AsAny()},
		Kinds: map[reflect.Kind]*rapid.Generator[any]{reflect.String: texts.AsAny()},
	}
	answers := rapid.MakeCustom[PhotoAnswer](config)
	rapid.Check(t, func(t *rapid.T) {
		a := answers.Draw(t, "answer")
		if got, want := string(a.ScanAnswer.AppendJSON(nil)), plainJSON(t, a.ScanAnswer); got != want {
			t.Fatalf("scan\n got %s\nwant %s", got, want)
		}
		if got, want := string(a.AppendJSON(nil)), plainJSON(t, a); got != want {
			t.Fatalf("photo\n got %s\nwant %s", got, want)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "Flur Süd", "\"\\/<>&", "\b\f\n\r\t\x00\x1f\x7f", "\xff\xc3", "\u2028\u2029\ufffd", "🧯"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := string(appendString(nil, s)), plainJSON(t, s); got != want {
			t.Fatalf("%q: got %s, want %s", s, got, want)
		}
	})
}
