package edge

import "testing"

func TestAccepts(t *testing.T) {
	for header, want := range map[string]bool{
		"":                               true,
		"application/pdf":                true,
		"text/html, application/*;q=0.5": true,
		"*/*":                            true,
		"image/png, image/svg+xml":       false,
		"application/pdf;q=0":            false,
		"application/pdf;q=0.0, */*":     false,
		"*/*;q=0, application/pdf":       true,
		"application/pdf;version=1, application/x": true,
		"application/pdf;q=nonsense":               false,
		"nonsense":                                 false,
	} {
		if got := Accepts(header, "application/pdf"); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
