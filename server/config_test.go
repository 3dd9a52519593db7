package server

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	settings := Settings()
	if n := reflect.TypeFor[Config]().NumField(); len(settings) != n {
		t.Fatalf("%d settings of %d fields", len(settings), n)
	}
	seen := map[string]bool{}
	for i, s := range settings {
		name := reflect.TypeFor[Config]().Field(i).Name
		flag, isFlag := strings.CutPrefix(s.Flag, "--")
		if !isFlag || flag == "" || s.Help == "" {
			t.Errorf("%s: name %q, help %q", name, s.Flag, s.Help)
		}
		if want := "TAGWERK_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_")); s.Env != want {
			t.Errorf("%s: env %q, want %q", name, s.Env, want)
		}
		if !strings.HasSuffix(s.Help, ".") || strings.ContainsAny(s.Help, "|`") {
			t.Errorf("%s: the help is no sentence that fits into a table: %q", name, s.Help)
		}
		if seen[s.Flag] {
			t.Errorf("%s: %s is there twice", name, s.Flag)
		}
		seen[s.Flag] = true
		c := Config{}
		reflect.ValueOf(&c).Elem().Field(i).SetString("value of " + name)
		if got := c.Value(s); got != "value of "+name {
			t.Errorf("%s: value %q", name, got)
		}
	}
}

// valid is a configuration without a fault.
func valid(t *testing.T) Config {
	c := Config{Data: t.TempDir(), PublicURL: "https://scan.example.com"}
	for _, s := range Settings() {
		if s.Default != "" && c.Value(s) == "" {
			reflect.ValueOf(&c).Elem().FieldByIndex(fieldOf(t, s)).SetString(s.Default)
		}
	}
	return c
}

func fieldOf(t *testing.T, s Setting) []int {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if f.Tag.Get("env") == s.Env {
			return f.Index
		}
	}
	t.Fatalf("no field has %s", s.Env)
	return nil
}

func TestValidate(t *testing.T) {
	credentials := filepath.Join(t.TempDir(), "fcm.json")
	if err := os.WriteFile(credentials, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	noJSON := filepath.Join(t.TempDir(), "fcm.txt")
	if err := os.WriteFile(noJSON, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := func(b byte) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(b), 32))) }
	for _, row := range []struct {
		name string
		set  func(*Config)
		want string // the setting that is refused, "" if none
	}{
		{"the defaults", func(*Config) {}, ""},
		{"no address", func(c *Config) { c.PublicURL = "" }, "TAGWERK_PUBLIC_URL"},
		{"address without scheme", func(c *Config) { c.PublicURL = "scan.example.com" }, "TAGWERK_PUBLIC_URL"},
		{"address with a path", func(c *Config) { c.PublicURL = "https://scan.example.com/x" }, "TAGWERK_PUBLIC_URL"},
		{"address with a slash", func(c *Config) { c.PublicURL = "https://scan.example.com/" }, "TAGWERK_PUBLIC_URL"},
		{"address with a user", func(c *Config) { c.PublicURL = "https://a:b@scan.example.com" }, "TAGWERK_PUBLIC_URL"},
		{"address with an empty query", func(c *Config) { c.PublicURL = "https://scan.example.com?" }, "TAGWERK_PUBLIC_URL"},
		{"http elsewhere", func(c *Config) { c.PublicURL = "http://scan.example.com" }, "TAGWERK_PUBLIC_URL"},
		{"http that only looks local", func(c *Config) { c.PublicURL = "http://127.0.0.1.example" }, "TAGWERK_PUBLIC_URL"},
		{"http here", func(c *Config) { c.PublicURL = "http://127.0.0.1:8080" }, ""},
		{"http here, IPv6", func(c *Config) { c.PublicURL = "http://[::1]:8080" }, ""},
		{"port only", func(c *Config) { c.Listen = "8080" }, "TAGWERK_LISTEN"},
		{"no such port", func(c *Config) { c.Listen = "127.0.0.1:70000" }, "TAGWERK_LISTEN"},
		{"all addresses", func(c *Config) { c.Listen = ":0" }, ""},
		{"no folder", func(c *Config) { c.Data = "" }, "TAGWERK_DATA"},
		{"SEC-96 key of zeros", func(c *Config) { c.SecretKey = key(0) }, "TAGWERK_SECRET_KEY"},
		{"SEC-96 short key", func(c *Config) { c.SecretKey = "c2VjcmV0" }, "TAGWERK_SECRET_KEY"},
		{"SEC-96 pass phrase as key", func(c *Config) { c.SecretKey = "correct horse battery staple" }, "TAGWERK_SECRET_KEY"},
		{"key", func(c *Config) { c.SecretKey = key('k') }, ""},
		{"credentials missing", func(c *Config) { c.FCMCredentials = "nowhere.json" }, "TAGWERK_FCM_CREDENTIALS"},
		{"credentials of another kind", func(c *Config) { c.FCMCredentials = noJSON }, "TAGWERK_FCM_CREDENTIALS"},
		{"endpoint alone", func(c *Config) { c.FCMEndpoint = "http://127.0.0.1:9" }, "TAGWERK_FCM_ENDPOINT"},
		{"SEC-96 endpoint elsewhere", func(c *Config) { c.FCMCredentials, c.FCMEndpoint = credentials, "http://example.com" }, "TAGWERK_FCM_ENDPOINT"},
		{"endpoint here", func(c *Config) { c.FCMCredentials, c.FCMEndpoint = credentials, "http://127.0.0.1:9" }, ""},
		{"proxy without mask", func(c *Config) { c.TrustedProxies = "10.0.0.0/8, 10.1.1.1" }, "TAGWERK_TRUSTED_PROXIES"},
		{"SEC-52 proxy with bits beyond the mask", func(c *Config) { c.TrustedProxies = "10.0.0.1/8" }, "TAGWERK_TRUSTED_PROXIES"},
		{"SEC-56 origin with a path", func(c *Config) { c.Origins = "https://app.example.com/x" }, "TAGWERK_ORIGINS"},
		{"SEC-56 everybody's origin", func(c *Config) { c.Origins = "*" }, "TAGWERK_ORIGINS"},
		{"SEC-52 everybody a proxy", func(c *Config) { c.TrustedProxies = "0.0.0.0/0" }, "TAGWERK_TRUSTED_PROXIES"},
		{"proxies", func(c *Config) { c.TrustedProxies = "10.0.0.0/8, fd00::/8" }, ""},
		{"SEC-81 connectors by name", func(c *Config) { c.Connectors = "door.local" }, "TAGWERK_CONNECTOR_NETWORKS"},
		{"SEC-81 connectors with bits beyond the mask", func(c *Config) { c.Connectors = "10.0.0.1/8" }, "TAGWERK_CONNECTOR_NETWORKS"},
		{"SEC-81 everybody a connector", func(c *Config) { c.Connectors = "0.0.0.0/0" }, "TAGWERK_CONNECTOR_NETWORKS"},
		{"connectors", func(c *Config) { c.Connectors = "10.0.0.0/8, 192.168.7.20, fd00::/8" }, ""},
		{"alias without provider", func(c *Config) { c.URLAliases = "old.example.com" }, "TAGWERK_URL_ALIASES"},
		{"alias with a path", func(c *Config) { c.URLAliases = "old.example.com/t=1" }, "TAGWERK_URL_ALIASES"},
		{"aliases", func(c *Config) { c.URLAliases = "old.example.com=p1, other.example=p2" }, ""},
		{"half a factor", func(c *Config) { c.StaffFactor = "maybe" }, "TAGWERK_STAFF_SECOND_FACTOR"},
		{"SEC-96 factor left empty", func(c *Config) { c.StaffFactor = "" }, "TAGWERK_STAFF_SECOND_FACTOR"},
		{"zone of another planet", func(c *Config) { c.TimeZone = "Mars/Olympus" }, "TAGWERK_TIME_ZONE"},
		{"loud log", func(c *Config) { c.LogLevel = "loud" }, "TAGWERK_LOG_LEVEL"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := valid(t)
			row.set(&c)
			err := c.Validate()
			switch {
			case row.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case row.want != "" && (err == nil || !strings.HasPrefix(err.Error(), row.want+": ") || strings.Contains(err.Error(), "\n")):
				t.Errorf("%v, want one problem of %s", err, row.want)
			}
			if err != nil && c.SecretKey != "" && strings.Contains(err.Error(), c.SecretKey) {
				t.Errorf("SEC-96 the message shows the secret: %v", err)
			}
		})
	}
}

func TestValidateReportsAllAtOnce(t *testing.T) {
	c := Config{PublicURL: "x", Listen: "x", SecretKey: "x", FCMCredentials: "nowhere", FCMEndpoint: "http://example.com", TrustedProxies: "x", Connectors: "x", Origins: "x",
		URLAliases: "x", StaffFactor: "x", TimeZone: "x", LogLevel: "x"}
	err := c.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	lines := strings.Split(err.Error(), "\n")
	for _, s := range Settings() {
		n := 0
		for _, l := range lines {
			if strings.HasPrefix(l, s.Env+": ") {
				n++
			}
		}
		// Contact names a record that only the opened store knows.
		if want := 1; s.Env != "TAGWERK_CONTACT" && n != want {
			t.Errorf("%s: %d lines in %q", s.Env, n, lines)
		}
	}
}

// settingsTable is the README's table of settings.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| Setting | Default | Meaning |\n|---|---|---|\n")
	for _, s := range Settings() {
		value := ""
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Env, value, s.Help)
	}
	return b.String()
}

func TestReadmeListsTheSettings(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if table := settingsTable(); !strings.Contains(string(text), table) {
		t.Errorf("README.md has not this table of settings:\n\n%s", table)
	}
}

func TestDemoFolder(t *testing.T) {
	mark := func(t *testing.T, text string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, sampleFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, row := range []struct {
		name        string
		dir         func(t *testing.T) string
		demo, serve bool
	}{
		{"not there", func(t *testing.T) string { return filepath.Join(t.TempDir(), "new") }, true, true},
		{"empty", func(t *testing.T) string { return t.TempDir() }, true, true},
		{"of the demo", func(t *testing.T) string { return mark(t, `{"made_by":"tagwerk demo"}`) }, true, false},
		{"with a demo.json of somebody else", func(t *testing.T) string { return mark(t, `{"url":"http://127.0.0.1:1","users":[],"codes":[]}`) }, false, true},
		{"with a broken demo.json", func(t *testing.T) string { return mark(t, `{"made_by":"tagwerk`) }, false, true},
		{"of an installation", func(t *testing.T) string {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "tagwerk.db"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, false, true},
	} {
		t.Run("SEC-26 folder "+row.name, func(t *testing.T) {
			dir := row.dir(t)
			if err := CheckDemoFolder(dir); (err == nil) != row.demo {
				t.Errorf("demo: %v", err)
			}
			if err := CheckServeFolder(dir); (err == nil) != row.serve {
				t.Errorf("serve: %v", err)
			}
		})
	}
}
