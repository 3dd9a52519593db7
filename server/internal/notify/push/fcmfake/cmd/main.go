// Command cmd runs the FCM fake for shell scripts:
//
//	go run ./server/internal/notify/push/fcmfake/cmd --listen 127.0.0.1:0 --credentials FILE
//
// It writes the service-account file, prints one line of JSON with url and
// credentials as soon as it serves, and ends on SIGINT or SIGTERM. GET /received
// lists messages and violations; POST /down and POST /up switch it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/tagwerk/tagwerk/server/internal/notify/push/fcmfake"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("fcmfake", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "loopback `address` to serve on")
	file := flags.String("credentials", "", "`file` to write the service-account JSON to (required)")
	project := flags.String("project", "", "Firebase project `id`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *file == "" || flags.NArg() > 0 {
		return fmt.Errorf("fcmfake: --credentials FILE is required, and nothing follows the flags")
	}
	path, err := filepath.Abs(*file)
	if err != nil {
		return err
	}
	s, err := fcmfake.Listen(fcmfake.Options{Addr: *listen, Project: *project})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := os.WriteFile(path, s.Credentials(), 0o600); err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(struct {
		URL         string `json:"url"`
		Credentials string `json:"credentials"`
	}{s.URL(), path}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
