package vectors

import (
	"os"
	"testing"
)

func TestPublishedVectors(t *testing.T) {
	text, err := os.ReadFile("../testdata/tag-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(text)
	if err != nil || len(f.Vectors) != 162 {
		t.Fatalf("%d vectors, %v", len(f.Vectors), err)
	}
	failures := f.Run()
	for _, v := range failures {
		t.Errorf("%s %s %q: %s\nwant %+v\ngot  %+v", v.ID, v.Group, v.Input, v.Reason, v.Want, v.Got)
	}
	if t.Failed() {
		return
	}
	// Each vector must be able to fail.
	for i := range f.Vectors {
		f.Vectors[i].Ambiguous = !f.Vectors[i].Ambiguous
	}
	if n := len(f.Run()); n != len(f.Vectors) {
		t.Errorf("%d of %d wrong vectors fail", n, len(f.Vectors))
	}
}
