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
	Listen         string `help:"Address and port to listen on, loopback only." default:"127.0.0.1:8080"`
	Data           string `help:"Keep the data in this folder; without it they are gone when the demo stops." type:"path"`
	LAN            bool   `name:"lan" help:"Let phones on this network take part: listens on this machine's address with TLS and a certificate made now, which the phone will warn about."`
	JSON           bool   `name:"json" help:"Print one line of JSON when it serves, for programs."`
	LogLevel       string `name:"log-level" default:"warn" enum:"debug,info,warn,error" help:"The least level that is logged."`
	FCMCredentials string `name:"fcm-credentials" env:"TAGWERK_FCM_CREDENTIALS" help:"Service account file of Firebase Cloud Messaging, to ring real phones."`
	FCMEndpoint    string `name:"fcm-endpoint" env:"TAGWERK_FCM_ENDPOINT" hidden:""`
}

// Run opens the demo, prints what to try, and serves until the process is told to stop.
func (c *demoCmd) Run(ctx context.Context, con console) (err error) {
	config := server.Config{Data: c.Data, StaffFactor: "optional", TimeZone: "Europe/Berlin", FCMCredentials: c.FCMCredentials, FCMEndpoint: c.FCMEndpoint, LogLevel: c.LogLevel}
	if config.Data == "" {
		if config.Data, err = os.MkdirTemp("", "tagwerk-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(config.Data)) }()
	} else if err := server.CheckDemoFolder(config.Data); err != nil {
		return err
	}
	rt := server.Runtime{Logger: newLogger(con.err, c.LogLevel)}
	scheme, address := "http", c.Listen
	if c.LAN {
		ip, err := lanAddress()
		if err != nil {
			return err
		}
		_, port, err := net.SplitHostPort(c.Listen)
		if err != nil {
			return usageError{"--listen: " + err.Error()}
		}
		if rt.TLS, err = selfSigned(ip); err != nil {
			return err
		}
		scheme, address = "https", net.JoinHostPort(ip.String(), port)
	} else if err := onlyLoopback(c.Listen); err != nil {
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
	if err != nil {
		return errors.Join(err, ln.Close(), app.Close())
	}
	if c.JSON {
		line, err := json.Marshal(struct {
			URL string `json:"url"`
			server.Sample
		}{config.PublicURL, sample})
		if err != nil {
			return errors.Join(err, ln.Close(), app.Close())
		}
		fmt.Fprintf(con.out, "%s\n", line)
	} else if err := c.welcome(con.out, app, config.PublicURL, sample); err != nil {
		return errors.Join(err, ln.Close(), app.Close())
	}
	return app.Serve(ctx, ln)
}

// onlyLoopback refuses to show sample data to a network (SEC-26).
func onlyLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return usageError{"--listen: " + err.Error()}
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usageError{"the demo listens on this machine only, such as 127.0.0.1:8080; for phones on this network use --lan"}
	}
	return nil
}

// welcome prints the address, the sign-ins, a label to scan and three things to try.
func (c *demoCmd) welcome(w io.Writer, app *server.App, url string, s server.Sample) error {
	fmt.Fprintf(w, "\nTagwerk demo: %s\n\n", url)
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "  Sign in as\tE-mail\tPassword")
	for _, u := range s.Users {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", u.Title, u.Email, u.Password)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	code := tagging.Code(s.Codes[0])
	link := app.Assets.LabelURL(code)
	symbol, err := labels.Encode(link, labels.LevelQ)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe label of a fire damper, as it is printed:\n\n%s\n  %s   %s\n", symbol.Terminal(), code.Print(), link)
	if c.LAN {
		fmt.Fprintf(w, "\nThe phone warns about the certificate, because it was made a second ago for this demo: continue anyway.\n")
	}
	customer, staff := s.Users[0], s.Users[0]
	for _, u := range s.Users {
		if u.Role == "customer" {
			customer = u
			break
		}
	}
	fmt.Fprintf(w, `
Three things to try
  1. Open %s/t/%s without signing in: a finder learns whom to call, and nothing else.
  2. Sign in there as %s and report a fault with a photo.
  3. In another browser sign in as %s: %s/staff/queue has it on top. Print labels at %s/staff/labels.

Ctrl-C stops the demo.
`, url, strings.ToLower(s.Codes[0]), customer.Email, staff.Email, url, url)
	return nil
}
