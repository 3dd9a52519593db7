package server

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the final image has no zone files

	"github.com/tagwerk/tagwerk/server/edge"
	"github.com/tagwerk/tagwerk/server/internal/notify/webhook"
)

// Config is what an operator sets. The tags of its fields are the one table from which the command line, its help, the
// README's section and the check of secrets come: name and env are how to set it, default and help say the rest, and secret
// marks values that are never shown and not taken from the command line, where other users of the machine would see them (SEC-96).
// Each env has a twin with the suffix _FILE, whose value is the path of a file that holds the value.
type Config struct {
	PublicURL      string `name:"public-url" env:"TAGWERK_PUBLIC_URL" help:"The address under which people reach this server, such as https://scan.example.com. Links and labels are made from it alone."`
	Listen         string `name:"listen" env:"TAGWERK_LISTEN" default:"127.0.0.1:8080" help:"Address and port to listen on; TLS and HTTP/2 belong to a reverse proxy in front."`
	Data           string `name:"data" env:"TAGWERK_DATA" default:"./data" help:"Folder of the database and the key. Back it up as a whole."`
	SecretKey      string `name:"secret-key" env:"TAGWERK_SECRET_KEY" secret:"yes" help:"32 bytes in base64 that encrypt second factors and sign cursors; without it a file secret.key is made in the data folder. Secret: never a flag."`
	FCMCredentials string `name:"fcm-credentials" env:"TAGWERK_FCM_CREDENTIALS" help:"Path of the service account file of Firebase Cloud Messaging. Without it alerts wait, and staff see them on /staff/pushes."`
	FCMEndpoint    string `name:"fcm-endpoint" env:"TAGWERK_FCM_ENDPOINT" help:"Another address of the FCM service, on this machine only; for tests."`
	TrustedProxies string `name:"trusted-proxies" env:"TAGWERK_TRUSTED_PROXIES" help:"Networks of reverse proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8,fd00::/8."`
	Origins        string `name:"origins" env:"TAGWERK_ORIGINS" help:"Exact origins of web apps elsewhere that may call the API from a browser, such as https://app.example.com; none without it."`
	Connectors     string `name:"connector-networks" env:"TAGWERK_CONNECTOR_NETWORKS" help:"Networks of door controllers whose webhooks are reached although they are not public, also over plain http, such as 10.0.0.0/8,192.168.7.20; without it webhooks go to public addresses over https alone."`
	URLAliases     string `name:"url-aliases" env:"TAGWERK_URL_ALIASES" help:"Other hosts that labels were printed with, each with the id of the provider whose contact a finder sees there: old.example.com=ID,scan.example.se=ID."`
	Contact        string `name:"contact" env:"TAGWERK_CONTACT" help:"Id of the provider whose contact a finder sees on all other hosts; without it the first one in the order of names."`
	StaffFactor    string `name:"staff-second-factor" env:"TAGWERK_STAFF_SECOND_FACTOR" default:"required" help:"required or optional: whether staff must set up a second factor before anything else."`
	TimeZone       string `name:"time-zone" env:"TAGWERK_TIME_ZONE" default:"Europe/Berlin" help:"Zone in which pages show times, by its IANA name."`
	LogLevel       string `name:"log-level" env:"TAGWERK_LOG_LEVEL" default:"info" help:"The least level that is logged, one JSON line an event: debug, info, warn or error."`
}

// Setting is one row of the table of settings.
type Setting struct {
	Flag, Env, Default, Help string
	Secret                   bool
}

// Settings lists all settings in the order of [Config].
func Settings() []Setting {
	t := reflect.TypeFor[Config]()
	out := make([]Setting, t.NumField())
	for i := range out {
		tag := t.Field(i).Tag
		out[i] = Setting{Flag: "--" + tag.Get("name"), Env: tag.Get("env"), Default: tag.Get("default"), Help: tag.Get("help"), Secret: tag.Get("secret") != ""}
	}
	return out
}

// Validate reports every problem of the configuration at once, each with the name of the setting.
func (c Config) Validate() error {
	var problems []error
	check := func(env string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", env, err))
		}
	}
	check("TAGWERK_PUBLIC_URL", checkPublicURL(c.PublicURL))
	// Without a listener of its own, as in tests, the address is empty.
	if c.Listen != "" {
		check("TAGWERK_LISTEN", checkListen(c.Listen))
	}
	if c.Data == "" {
		check("TAGWERK_DATA", errors.New("names no folder"))
	}
	if c.SecretKey != "" {
		_, err := parseKey(c.SecretKey)
		check("TAGWERK_SECRET_KEY", err)
	}
	if c.FCMCredentials != "" {
		check("TAGWERK_FCM_CREDENTIALS", checkJSONFile(c.FCMCredentials))
	}
	if c.FCMEndpoint != "" {
		check("TAGWERK_FCM_ENDPOINT", c.checkFCMEndpoint())
	}
	for _, p := range list(c.TrustedProxies) {
		_, err := edge.ParseProxy(p)
		check("TAGWERK_TRUSTED_PROXIES", err)
	}
	for _, o := range list(c.Origins) {
		check("TAGWERK_ORIGINS", edge.ParseOrigin(o))
	}
	_, err := webhook.ParseNetworks(c.Connectors)
	check("TAGWERK_CONNECTOR_NETWORKS", err)
	_, err = c.aliases()
	check("TAGWERK_URL_ALIASES", err)
	if c.StaffFactor != "required" && c.StaffFactor != "optional" {
		check("TAGWERK_STAFF_SECOND_FACTOR", fmt.Errorf("%q is neither required nor optional", c.StaffFactor))
	}
	if _, err := time.LoadLocation(c.TimeZone); err != nil {
		check("TAGWERK_TIME_ZONE", fmt.Errorf("%q is no zone like Europe/Berlin", c.TimeZone))
	}
	if !slices.Contains([]string{"", "debug", "info", "warn", "error"}, c.LogLevel) {
		check("TAGWERK_LOG_LEVEL", fmt.Errorf("%q is none of debug, info, warn and error", c.LogLevel))
	}
	return errors.Join(problems...)
}

// checkPublicURL wants scheme and host alone, because paths are appended to it, and https except on this machine, because
// browsers keep the cookies of a session for nothing else.
func checkPublicURL(s string) error {
	if s == "" {
		return errors.New("is missing: the address under which people reach this server, such as https://scan.example.com")
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q must look like https://scan.example.com, with nothing after the host", s)
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return fmt.Errorf("%q must begin with https://, since people cannot sign in over http", s)
	}
	return nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func checkListen(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q must be address and port, such as 127.0.0.1:8080", s)
	}
	return nil
}

func checkJSONFile(path string) error {
	text, err := os.ReadFile(path)
	if err == nil && !json.Valid(text) {
		err = fmt.Errorf("%s is no JSON file", path)
	}
	return err
}

func (c Config) checkFCMEndpoint() error {
	if c.FCMCredentials == "" {
		return errors.New("needs TAGWERK_FCM_CREDENTIALS")
	}
	if u, err := url.Parse(c.FCMEndpoint); err != nil || !isLoopback(u.Hostname()) {
		return fmt.Errorf("%q must be on this machine, such as http://127.0.0.1:9099; leave it empty but for tests", c.FCMEndpoint)
	}
	return nil
}

// aliases are the hosts of TAGWERK_URL_ALIASES with their provider ids.
func (c Config) aliases() (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range list(c.URLAliases) {
		host, provider, ok := strings.Cut(pair, "=")
		host = strings.ToLower(strings.TrimSpace(host))
		if !ok || host == "" || provider == "" || strings.ContainsAny(host, "/ ") {
			return nil, fmt.Errorf("%q must look like host=provider-id", pair)
		}
		out[host] = strings.TrimSpace(provider)
	}
	return out, nil
}

func list(s string) []string {
	var out []string
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func parseKey(s string) (key [32]byte, err error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil || len(b) != len(key) {
		return key, errors.New("must be 32 random bytes in base64, as `openssl rand -base64 32` prints them")
	}
	if [32]byte(b) == key {
		return key, errors.New("must be random, not zeros")
	}
	return [32]byte(b), nil
}

// keyFile holds the installation's key where the configuration has none.
const keyFile = "secret.key"

// key returns the configured key, else the one in the data folder, which it makes at the first start. inUse says that people are
// stored already: then a missing key is an error, since a new one would silently shut them out.
func (c Config) key(inUse bool, random func([]byte) error) ([32]byte, error) {
	if c.SecretKey != "" {
		return parseKey(c.SecretKey)
	}
	path := filepath.Join(c.Data, keyFile)
	text, err := os.ReadFile(path)
	if err == nil {
		key, err := parseKey(string(text))
		if err != nil {
			return key, fmt.Errorf("%s: %w", path, err)
		}
		return key, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return [32]byte{}, err
	}
	var key [32]byte
	if inUse {
		return key, fmt.Errorf("%s is missing, but people in this folder have second factors and codes made with it: put it back from your copy, or set TAGWERK_SECRET_KEY", path)
	}
	if err := random(key[:]); err != nil {
		return key, err
	}
	return key, writeSynced(path, []byte(base64.StdEncoding.EncodeToString(key[:])+"\n"))
}

// writeSynced writes a small private file so that it is there whole or not at all, also after a power cut.
func writeSynced(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
