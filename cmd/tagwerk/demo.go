package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/tagwerk/tagwerk/labels"
	"github.com/tagwerk/tagwerk/server"
	"github.com/tagwerk/tagwerk/tagging"
)

type demoCmd struct {
	Listen         string `help:"Address and port to listen on, of this machine alone; with --lan an address of this machine in its network may stand here." default:"127.0.0.1:8080"`
	Data           string `help:"Keep the data in this folder; without it they are gone when the demo stops."`
	LAN            bool   `name:"lan" help:"Let phones on this network take part: listens on this machine's address with TLS and a certificate made now, which the phone will warn about."`
	JSON           bool   `name:"json" help:"Print one line of JSON when it serves: url, users, codes."`
	LogLevel       string `name:"log-level" default:"error" enum:"debug,info,warn,error" help:"The least level that is logged: debug, info, warn or error."`
	FCMCredentials string `name:"fcm-credentials" env:"TAGWERK_FCM_CREDENTIALS" help:"Service account file of Firebase Cloud Messaging, to ring real phones."`
	FCMEndpoint    string `name:"fcm-endpoint" env:"TAGWERK_FCM_ENDPOINT" hidden:""`
}

// Run opens the demo, prints what to try, and serves until the process is told to stop.
func (c *demoCmd) Run(ctx context.Context, con console) (err error) {
	rt := server.Runtime{Logger: newLogger(con.err, c.LogLevel)}
	scheme, address := "http", c.Listen
	if c.LAN {
		ip, port, err := c.lan()
		if err != nil {
			return err
		}
		if rt.TLS, err = selfSigned(ip); err != nil {
			return err
		}
		scheme, address = "https", net.JoinHostPort(ip.String(), port)
	} else if err := onlyLoopback(c.Listen); err != nil {
		return err
	}
	config := server.Config{Data: c.Data, StaffFactor: "optional", TimeZone: "Europe/Berlin", FCMCredentials: c.FCMCredentials, FCMEndpoint: c.FCMEndpoint, LogLevel: c.LogLevel}
	if config.Data == "" {
		if config.Data, err = os.MkdirTemp("", "tagwerk-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(config.Data)) }()
	} else if err := errors.Join(usableFolder(config.Data), server.CheckDemoFolder(config.Data)); err != nil {
		return err
	}
	ln, err := listen(address)
	if err != nil {
		return err
	}
	config.Listen, config.PublicURL = address, scheme+"://"+ln.Addr().String()
	app, err := server.Open(ctx, config, rt)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	sample, err := app.MakeSample(ctx)
	if err == nil {
		err = c.announce(con.out, app, sample)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = nil
		}
		return errors.Join(err, ln.Close(), app.Close())
	}
	return app.Serve(ctx, ln)
}

// lan gives the address and port for phones: the address of --listen if it is no loopback one, else the machine's own.
func (c *demoCmd) lan() (net.IP, string, error) {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, "", misuse("--listen: %q must be address and port, such as 127.0.0.1:8080", c.Listen)
	}
	ip := net.ParseIP(host)
	switch {
	case host == "localhost", ip != nil && ip.IsLoopback():
		ip, err = lanAddress()
		return ip, port, err
	case ip == nil || !ip.IsPrivate():
		return nil, "", misuse("--lan is for a private network: %q is no address such as 192.168.1.20:8080", c.Listen)
	}
	return ip, port, nil
}

// onlyLoopback refuses to show sample data to a network (SEC-26).
func onlyLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return misuse("--listen: %q must be address and port, such as 127.0.0.1:8080", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return misuse("the demo listens on this machine only, such as 127.0.0.1:8080; for phones on this network use --lan")
	}
	return nil
}

func (c *demoCmd) announce(w io.Writer, app *server.App, s server.Sample) error {
	if c.JSON {
		return json.NewEncoder(w).Encode(struct {
			URL string `json:"url"`
			server.Sample
		}{app.Config.PublicURL, s})
	}
	return c.welcome(w, app, s)
}

// welcome prints a label to scan, the sign-ins and three things to try, within 80 columns.
func (c *demoCmd) welcome(w io.Writer, app *server.App, s server.Sample) error {
	code := tagging.Code(s.Codes[0])
	link := app.Assets.LabelURL(code)
	symbol, err := labels.Encode(link, labels.LevelQ)
	if err != nil {
		return err
	}
	url := app.Config.PublicURL
	page := url + "/t/" + strings.ToLower(s.Codes[0])
	fmt.Fprintf(w, "\nThe label of a fire damper, as it is printed:\n\n%s\n  %s   %s\n", symbol.Terminal(), code.Print(), link)
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "\nTagwerk demo: %s\n\n", url)
	fmt.Fprintln(table, "  Sign in as\tE-mail\tPassword")
	for _, u := range s.Users {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", u.Title, u.Email, u.Password)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	customer, staff := firstOf(s, "customer"), firstOf(s, "staff")
	first := fmt.Sprintf("Open %s\n     without signing in: a finder learns whom to call, and nothing else.", page)
	if c.LAN {
		first = "Scan the label with a phone on this network. It warns about the certificate,\n     which was made a second ago for this demo: continue anyway. Without signing\n     in, a finder learns whom to call, and nothing else."
	}
	_, err = fmt.Fprintf(w, `
Three things to try
  1. %s
  2. Sign in there as %s,
     and report a fault with a photo.
  3. In a private window sign in as %s:
     %s/staff/queue has it on top.
     Print labels at %[4]s/staff/labels.
`, first, customer, staff, url)
	if c.FCMCredentials == "" {
		fmt.Fprintf(w, "\nNo phone rings, because --fcm-credentials is not set. The alerts wait at\n%s/staff/pushes.\n", url)
	}
	if !c.LAN {
		fmt.Fprint(w, "\nFor a phone on this network start it with --lan.")
	}
	fmt.Fprint(w, "\nCtrl-C stops the demo.\n")
	return err
}

// firstOf is the address of the first sample person of a role.
func firstOf(s server.Sample, role string) string {
	for _, u := range s.Users {
		if u.Role == role {
			return u.Email
		}
	}
	return ""
}
