package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/tagging"
	"github.com/tagwerk/tagwerk/tagging/picture"
)

// demoLine is the line of tagwerk demo --json (design.md section 4).
type demoLine struct {
	URL   string
	Users []struct{ Email, Password, Role string }
	Codes []string
}

func (d demoLine) first(role string) account {
	for _, u := range d.Users {
		if u.Role == role {
			return account{u.Email, u.Password}
		}
	}
	return account{}
}

func TestDemoForPrograms(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "demo")
	s := serveUntil(t, "demo", "--json", "--listen", "127.0.0.1:0", "--data", dir)
	var line demoLine
	decodeJSON(t, s.first, &line)

	t.Run("the line has the fixed keys only", func(t *testing.T) {
		var top map[string]json.RawMessage
		decodeJSON(t, s.first, &top)
		keys := func(m map[string]json.RawMessage) (out []string) {
			for k := range m {
				out = append(out, k)
			}
			slices.Sort(out)
			return out
		}
		if got := keys(top); !slices.Equal(got, []string{"codes", "url", "users"}) {
			t.Errorf("%q", got)
		}
		var users []map[string]json.RawMessage
		decodeJSON(t, string(top["users"]), &users)
		for _, u := range users {
			if got := keys(u); !slices.Equal(got, []string{"email", "password", "role"}) {
				t.Errorf("%q", got)
			}
		}
	})
	t.Run("everybody can sign in", func(t *testing.T) {
		for _, u := range line.Users {
			if u.Role != "staff" && u.Role != "customer" {
				t.Errorf("%s is %q", u.Email, u.Role)
			}
			if status, _ := signIn(t, line.URL, u.Email, u.Password); status != http.StatusCreated {
				t.Errorf("%s: %d", u.Email, status)
			}
		}
	})
	t.Run("F-18 F-24 F-27 F-28 the first customer sees all of the first code", func(t *testing.T) {
		c := line.first("customer")
		_, token := signIn(t, line.URL, c.Email, c.Password)
		status, answer := call(t, http.DefaultClient, http.MethodGet, line.URL+"/v1/scan/"+line.Codes[0], token, nil)
		for _, key := range []string{"component", "due", "next_appointment", "open_faults", "fault_form"} {
			if answer[key] == nil {
				t.Errorf("%d: no %s in %v", status, key, answer)
			}
		}
		_, stranger := call(t, http.DefaultClient, http.MethodGet, line.URL+"/v1/scan/"+line.Codes[0], "", nil)
		if stranger["component"] != nil || stranger["provider"] == nil {
			t.Errorf("a stranger sees %v", stranger)
		}
	})
	s.stop().want(t, exitOK)

	t.Run("on its folder again, with new passwords and the same codes", func(t *testing.T) {
		s := serveUntil(t, "demo", "--json", "--listen", "127.0.0.1:0", "--data", dir)
		var again demoLine
		decodeJSON(t, s.first, &again)
		if !slices.Equal(again.Codes, line.Codes) || len(again.Users) != len(line.Users) {
			t.Fatalf("%d codes, %d users", len(again.Codes), len(again.Users))
		}
		for i, u := range again.Users {
			if old := line.Users[i]; u.Email != old.Email || u.Role != old.Role || u.Password == old.Password {
				t.Errorf("%+v after %+v", u, old)
			}
		}
		before, now := line.first("staff"), again.first("staff")
		if status, _ := signIn(t, again.URL, before.Email, before.Password); status != http.StatusUnauthorized {
			t.Errorf("the old password: %d", status)
		}
		if status, _ := signIn(t, again.URL, now.Email, now.Password); status != http.StatusCreated {
			t.Errorf("the new password: %d", status)
		}
		mark, err := os.ReadFile(filepath.Join(dir, "demo.json"))
		if err != nil || bytes.Contains(mark, []byte(before.Password)) || bytes.Contains(mark, []byte(now.Password)) {
			t.Errorf("SEC-26 the folder keeps a password: %v", err)
		}
		s.stop().want(t, exitOK)
	})
	t.Run("a folder whose database is gone", func(t *testing.T) {
		if err := os.Remove(filepath.Join(dir, "tagwerk.db")); err != nil {
			t.Fatal(err)
		}
		tagwerk(t, "demo", "--listen", "127.0.0.1:0", "--data", dir).want(t, exitFailed, dir, "remove the folder")
	})
}

func TestDemoForPeople(t *testing.T) {
	t.Parallel()
	s := serveUntil(t, "demo", "--listen", "127.0.0.1:0")
	// The text ends with the line about Ctrl-C; a page shows that it serves by then.
	text := s.stop().want(t, exitOK).out

	var link string
	t.Run("80 columns", func(t *testing.T) {
		escapes := regexp.MustCompile("\x1b\\[[0-9;]*m")
		for line := range strings.Lines(escapes.ReplaceAllString(text, "")) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%d columns: %q", n, line)
			}
		}
		if !strings.HasSuffix(text, "Ctrl-C stops the demo.\n") {
			t.Errorf("the end is %q", text[max(0, len(text)-80):])
		}
	})
	t.Run("the symbol in the terminal is the label", func(t *testing.T) {
		found := regexp.MustCompile(`HTTP://127\.0\.0\.1:\d+/T/([0-9A-Z]{13})`).FindStringSubmatch(text)
		if found == nil {
			t.Fatal("no printed address")
		}
		link = found[0]
		read, err := tagging.NewPhotoReader(picture.NewReader(1)).Read(t.Context(), screen(t, text))
		if err != nil || len(read) != 1 || read[0].Text != link {
			t.Errorf("%v %v, want %s", read, err, link)
		}
		if code := tagging.Code(found[1]); !strings.Contains(text, code.Print()) {
			t.Errorf("%s is not there to be typed", code.Print())
		}
		if !strings.Contains(text, strings.ToLower(link)) {
			t.Errorf("%s is not there to be opened", strings.ToLower(link))
		}
	})
	t.Run("what to try", func(t *testing.T) {
		for _, want := range []string{"/staff/queue", "/staff/labels", "/staff/pushes", "haustechnik@elbklinik.example", "dispo@nordlicht.example", "--lan"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s is not said in\n%s", want, text)
			}
		}
	})
}

// screen draws the half blocks of a terminal as a camera sees them: 8 × 8 pixels a module, dark where ink is.
func screen(t *testing.T, text string) []byte {
	t.Helper()
	var lines []string
	for line := range strings.Lines(text) {
		if inner, ok := strings.CutPrefix(line, "\x1b[38;5;16;48;5;231m"); ok {
			lines = append(lines, strings.TrimSuffix(inner, "\x1b[0m\n"))
		}
	}
	if len(lines) == 0 {
		t.Fatal("no symbol on the screen")
	}
	const side = 8
	img := image.NewGray(image.Rect(0, 0, utf8.RuneCountInString(lines[0])*side, len(lines)*2*side))
	for y, line := range lines {
		for x, block := range []rune(line) {
			if !strings.ContainsRune(" ▀▄█", block) {
				t.Fatalf("%q is no half block", block)
			}
			halves := [2]bool{block == '▀' || block == '█', block == '▄' || block == '█'}
			for i := range 2 * side * side {
				shade := color.Gray{Y: 255}
				if halves[i/side/side] {
					shade = color.Gray{}
				}
				img.SetGray(x*side+i%side, y*2*side+i/side, shade)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLANAddress(t *testing.T) {
	ip, err := lanAddress()
	if err != nil {
		if ip != nil || !strings.Contains(err.Error(), "--lan") {
			t.Errorf("%v %v", ip, err)
		}
		t.Logf("this machine has no private address: %v", err)
		r := tagwerk(t, "demo", "--lan", "--listen", "127.0.0.1:0").want(t, exitFailed, "private network", "--listen")
		r.oneLine(t)
	} else {
		if ip.To4() == nil || !ip.IsPrivate() {
			t.Errorf("%v is not private", ip)
		}
		ln, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
		if err != nil {
			t.Fatalf("%v is not of this machine: %v", ip, err)
		}
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		addresses []string
		want      string
	}{
		{nil, ""},
		{[]string{"127.0.0.1/8", "203.0.113.9/24", "fd00::1/8", "fe80::1/64"}, ""},
		{[]string{"169.254.1.1/16", "192.168.178.20/24", "10.0.0.1/8"}, "192.168.178.20"},
		{[]string{"172.32.0.1/16", "172.31.0.1/16"}, "172.31.0.1"},
	} {
		var addresses []net.Addr
		for _, a := range row.addresses {
			ip, n, err := net.ParseCIDR(a)
			if err != nil {
				t.Fatal(err)
			}
			n.IP = ip
			addresses = append(addresses, n)
		}
		got := firstPrivate(addresses)
		if (got == nil) != (row.want == "") || got != nil && got.String() != row.want {
			t.Errorf("%v: %v, want %q", row.addresses, got, row.want)
		}
	}
}

func TestLANListen(t *testing.T) {
	c := demoCmd{Listen: "192.168.178.20:8443", LAN: true}
	if ip, port, err := c.lan(); err != nil || ip.String() != "192.168.178.20" || port != "8443" {
		t.Errorf("%v %v %v", ip, port, err)
	}
}

// TestDemoOverTLS serves the demo as phones get it, through a real handshake that trusts the certificate made for it alone.
func TestDemoOverTLS(t *testing.T) {
	t.Parallel()
	ip, err := lanAddress()
	if err != nil {
		ip = net.IPv4(127, 0, 0, 1)
	}
	config, err := selfSigned(ip)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	url := "https://" + ln.Addr().String()
	app, err := server.Open(t.Context(), server.Config{PublicURL: url, Data: t.TempDir(), StaffFactor: "optional"}, server.Runtime{TLS: config})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	get := func(roots *x509.CertPool, version uint16, name string) error {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: version, ServerName: name}}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get(url + "/healthz")
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			t.Errorf("it answers %d", resp.StatusCode)
		}
		return resp.Body.Close()
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(leaf)
	for _, row := range []struct {
		name    string
		roots   *x509.CertPool
		version uint16
		host    string
		want    bool
	}{
		{"for its address", trusted, tls.VersionTLS13, ip.String(), true},
		{"TLS 1.2", trusted, tls.VersionTLS12, ip.String(), true},
		{"TLS 1.1", trusted, tls.VersionTLS11, ip.String(), false},
		{"for another address", trusted, tls.VersionTLS13, "192.168.77.77", false},
		{"not trusted", x509.NewCertPool(), tls.VersionTLS13, ip.String(), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := get(row.roots, row.version, row.host); (err == nil) != row.want {
				t.Errorf("%v", err)
			}
		})
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life.Hours() != 25 {
		t.Errorf("it is good for %v", life)
	}
}
