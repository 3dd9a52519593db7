package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"text/tabwriter"

	"github.com/tagwerk/tagwerk/server"
)

type serveCmd struct {
	server.Config
}

// Run serves until the process is told to stop.
func (c *serveCmd) Run(ctx context.Context, con console) error {
	if err := errors.Join(usableFolder(c.Data), server.CheckServeFolder(c.Data)); err != nil {
		return err
	}
	ln, err := listen(c.Listen)
	if err != nil {
		return err
	}
	app, err := server.Open(ctx, c.Config, server.Runtime{Logger: newLogger(con.err, c.LogLevel)})
	if err != nil {
		if ctx.Err() != nil {
			err = nil
		}
		return errors.Join(err, ln.Close())
	}
	fmt.Fprintf(con.out, "tagwerk serves %s on %s\n", c.PublicURL, ln.Addr())
	return app.Serve(ctx, ln)
}

// listen opens the port, or says what to do.
func listen(address string) (net.Listener, error) {
	if address == "" {
		return nil, misuse("TAGWERK_LISTEN is empty: remove it, or name address and port such as 127.0.0.1:8080")
	}
	ln, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(address)
		return nil, fmt.Errorf("%s is taken by another program: stop it, or choose another port, such as --listen %s for any free one", address, net.JoinHostPort(host, "0"))
	}
	if errors.Is(err, syscall.EACCES) {
		return nil, fmt.Errorf("%s is not allowed for this user: choose a port from 1024 up with --listen", address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another address with --listen", address, err)
	}
	return ln, nil
}

func newLogger(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l}))
}

type checkConfigCmd struct {
	server.Config
	JSON bool `name:"json" help:"Print one JSON object: the variables and their values."`
}

// Run prints every setting, secrets masked. All problems are reported at once before it comes here.
func (c *checkConfigCmd) Run(con console) error {
	values := map[string]string{}
	w := tabwriter.NewWriter(con.out, 0, 4, 2, ' ', 0)
	for _, s := range server.Settings() {
		value := c.Config.Value(s)
		if s.Secret && value != "" {
			value = "(secret)"
		}
		values[s.Env] = value
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(w, "%s\t%s\n", s.Env, value)
	}
	if c.JSON {
		return json.NewEncoder(con.out).Encode(values)
	}
	return w.Flush()
}

type openAPICmd struct{}

// Run prints the description that the server answers at /openapi.json.
func (openAPICmd) Run(ctx context.Context, con console) (err error) {
	dir, err := os.MkdirTemp("", "tagwerk-openapi-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	app, err := server.Open(ctx, server.Config{PublicURL: "https://localhost", Data: dir, StaffFactor: "required", TimeZone: "UTC"}, server.Runtime{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.Close()) }()
	e := json.NewEncoder(con.out)
	e.SetIndent("", "  ")
	return e.Encode(app.API.OpenAPI())
}
