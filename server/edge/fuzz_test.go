package edge_test

import (
	"mime"
	"net/url"
	"strings"
	"testing"

	"github.com/tagwerk/tagwerk/server/edge"
)

func FuzzOwnPath(f *testing.F) {
	for _, seed := range []string{"/", "/t/x?a=b", "//evil.example", "/\\evil.example", "/\t/evil.example", "https://evil.example", "/%2Fevil.example", "/a/..//evil.example", "/.//evil.example"} {
		f.Add(seed)
	}
	base, err := url.Parse("https://tagwerk.example/sign-in")
	if err != nil {
		f.Fatal(err)
	}
	// Browsers drop tabs and line breaks and read a backslash as a slash (WHATWG URL, basic URL parser).
	browser := strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/")
	f.Fuzz(func(t *testing.T, s string) {
		if !edge.OwnPath(s) {
			return
		}
		for _, read := range []string{s, browser.Replace(strings.TrimSpace(s))} {
			target, err := base.Parse(read)
			if err != nil || target.Host != base.Host || target.Scheme != base.Scheme || target.User != nil {
				t.Fatalf("%q leads to %v (%v)", s, target, err)
			}
		}
	})
}

func FuzzDisposition(f *testing.F) {
	for _, seed := range []string{"report.pdf", "Prüfbericht å.pdf", "../../etc/passwd", "a\r\nSet-Cookie: x=y", `a"; filename="b`, "a%2Fb", "\u202efdp.exe", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		header := edge.Disposition(name)
		kind, params, err := mime.ParseMediaType(header)
		if err != nil || kind != "attachment" || len(params) > 1 {
			t.Fatalf("%q became %q: %v %v", name, header, params, err)
		}
		for _, c := range header {
			if c < 0x20 || c > 0x7e {
				t.Fatalf("%q became %q", name, header)
			}
		}
		if strings.ContainsAny(params["filename"], "/\\\"\r\n\x00\u202e\u2066") {
			t.Fatalf("%q is saved as %q", name, params["filename"])
		}
	})
}
