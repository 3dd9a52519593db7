// Command tagwerk is the server behind the stickers and key fobs of a service company, and the tools around it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/tagwerk/tagwerk/server"
)

// The exit codes (design.md section 4).
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := readSecretFiles(os.LookupEnv, os.Setenv); err != nil {
		fmt.Fprintln(os.Stderr, "tagwerk:", err)
		os.Exit(exitUsage)
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// commands are all commands with their flags.
type commands struct {
	Demo        demoCmd        `cmd:"" help:"Try Tagwerk: sample company, sign-ins and a label to scan. Example: tagwerk demo"`
	Serve       serveCmd       `cmd:"" help:"Serve the installation in a data folder. Example: tagwerk serve --public-url https://scan.example.com --data /var/lib/tagwerk"`
	CheckConfig checkConfigCmd `cmd:"" help:"Check flags and environment, and print the settings without secrets. Example: tagwerk check-config"`
	Labels      labelsCmd      `cmd:"" help:"Print a label sheet, from a CSV file or with new codes. Example: tagwerk labels --stock L6009 labels.csv labels.pdf"`
	Mint        mintCmd        `cmd:"" help:"Mint blank labels and print their URLs. Example: tagwerk mint -n 48"`
	Decode      decodeCmd      `cmd:"" help:"Print what photos say. Example: tagwerk decode photo.jpg"`
	Parse       parseCmd       `cmd:"" help:"Print the readings of typed or scanned codes. Example: tagwerk parse 7K3M-9QXD2-VHTP"`
	User        userCmd        `cmd:"" help:"Add a person, or give one a new password."`
	OpenAPI     openAPICmd     `cmd:"" name:"openapi" help:"Print the description of the JSON API. Example: tagwerk openapi > openapi.json"`
}

// console is where a command writes: results to out, remarks to err.
type console struct{ out, err io.Writer }

// run parses the arguments, runs one command and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c commands
	helped := false
	parser, err := kong.New(&c,
		kong.Name("tagwerk"),
		kong.Description("The server behind the stickers and key fobs of a service company."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(console{stdout, stderr}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "tagwerk:", err)
		return exitFailed
	}
	chosen, err := parser.Parse(args)
	if helped {
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "tagwerk: %v (try --help)\n", err)
		return exitUsage
	}
	if err := chosen.Run(); err != nil {
		if usage := new(usageError); errors.As(err, usage) {
			fmt.Fprintln(stderr, "tagwerk:", err)
			return exitUsage
		}
		fmt.Fprintln(stderr, "tagwerk:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return exitFailed
	}
	return exitOK
}

// usageError says that a command was used wrongly, which only it could find out.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// readSecretFiles sets each setting whose twin with the suffix _FILE names a file, so that secrets need not stand in the environment.
func readSecretFiles(lookup func(string) (string, bool), set func(key, value string) error) error {
	for _, s := range server.Settings() {
		path, ok := lookup(s.Env + "_FILE")
		if !ok || path == "" {
			continue
		}
		if _, both := lookup(s.Env); both {
			return fmt.Errorf("set %s or %s_FILE, not both", s.Env, s.Env)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("%s_FILE: %w", s.Env, err)
		}
		if err := set(s.Env, strings.TrimSpace(string(text))); err != nil {
			return fmt.Errorf("%s_FILE: %w", s.Env, err)
		}
	}
	return nil
}
