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
)

// The exit codes (design.md section 4).
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks, the second one ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// commands are all commands with their flags. The tag example is shown in the help of the command alone, so that the list of
// commands stays a table.
type commands struct {
	Demo        demoCmd        `cmd:"" help:"Try Tagwerk: sample company, sign-ins and a label to scan." example:"tagwerk demo"`
	Serve       serveCmd       `cmd:"" help:"Serve the installation in a data folder." example:"tagwerk serve --public-url https://scan.example.com --data /var/lib/tagwerk"`
	CheckConfig checkConfigCmd `cmd:"" help:"Check flags and environment, and print the settings without secrets." example:"tagwerk check-config --public-url https://scan.example.com"`
	Labels      labelsCmd      `cmd:"" help:"Print a label sheet, from a CSV file, an asset or with new codes." example:"tagwerk labels --stock L6009 labels.csv labels.pdf"`
	Mint        mintCmd        `cmd:"" help:"Mint blank labels and print their URLs." example:"tagwerk mint -n 48 --public-url https://scan.example.com"`
	Decode      decodeCmd      `cmd:"" help:"Print what photos say." example:"tagwerk decode photo.jpg"`
	Parse       parseCmd       `cmd:"" help:"Print the readings of typed or scanned codes." example:"tagwerk parse 7K3M-9QXD-2VHTP"`
	Import      importCmd      `cmd:"" help:"Take over a list of key fobs and cards from a CSV file, whole or not at all." example:"tagwerk import --customer 4711 --check fobs.csv"`
	User        userCmd        `cmd:"" help:"Add a person, or give one a new password." example:"tagwerk user reset ute@nordlicht.example"`
	OpenAPI     openAPICmd     `cmd:"" name:"openapi" help:"Print the description of the JSON API." example:"tagwerk openapi > openapi.json"`
}

// console is where a command writes: results to out, remarks to err.
type console struct{ out, err io.Writer }

// run parses the arguments, runs one command and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c commands
	helped := false
	files := secretFiles{lookup: os.LookupEnv}
	parser, err := kong.New(&c,
		kong.Name("tagwerk"),
		kong.Description("The server behind the stickers and key fobs of a service company."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(console{stdout, stderr}),
		kong.Resolvers(kong.ResolverFunc(files.resolve)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return fail(stderr, err)
	}
	showExamples(parser.Model.Node)
	chosen, err := parser.Parse(args)
	if helped {
		return exitOK
	}
	if refused := (*kong.ParseError)(nil); errors.As(err, &refused) {
		chosen = refused.Context
	}
	if err = errors.Join(append(files.problems, noSecretFlags(chosen), err)...); err != nil {
		code := fail(stderr, usageError{err})
		fmt.Fprintf(stderr, "See tagwerk %s--help.\n", commandOf(parser, args))
		return code
	}
	if err := chosen.Run(); err != nil {
		return fail(stderr, err)
	}
	return exitOK
}

// commandOf is the command that the arguments begin with, and a blank, or nothing.
func commandOf(parser *kong.Kong, args []string) string {
	for _, n := range parser.Model.Children {
		if len(args) > 0 && n.Name == args[0] {
			return n.Name + " "
		}
	}
	return ""
}

func showExamples(n *kong.Node) {
	if n.Tag != nil {
		if example := n.Tag.Get("example"); example != "" {
			n.Detail = "Example:\n\n    " + example
		}
	}
	for _, child := range n.Children {
		showExamples(child)
	}
}

// usageError says that a command was used wrongly.
type usageError struct{ error }

// Unwrap gives the reason.
func (e usageError) Unwrap() error { return e.error }

// misuse makes a usageError.
func misuse(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// fail prints an error, each of several usage errors on a line of its own, and returns the exit code.
func fail(w io.Writer, err error) int {
	if usage := (usageError{}); errors.As(err, &usage) {
		for _, e := range each(usage.error) {
			fmt.Fprintln(w, "tagwerk:", oneLine(e))
		}
		return exitUsage
	}
	fmt.Fprintln(w, "tagwerk:", oneLine(err))
	return exitFailed
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// each takes joined errors apart, through kong's wrappers, which begin the text with the name of the command.
func each(err error) []error {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		joined, ok := inner.(interface{ Unwrap() []error })
		if !ok {
			continue
		}
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, each(e)...)
		}
		return all
	}
	return []error{err}
}

// secretFiles takes the value of each setting from the file that its twin with the suffix _FILE names, so that secrets need not
// stand in the environment (SEC-96). The problems are collected, to be told together with all others.
type secretFiles struct {
	lookup   func(string) (string, bool)
	problems []error
}

func (f *secretFiles) resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		path, _ := f.lookup(env + "_FILE")
		if path == "" {
			continue
		}
		if _, both := f.lookup(env); both {
			f.problems = append(f.problems, fmt.Errorf("set %s or %s_FILE, not both", env, env))
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			f.problems = append(f.problems, fmt.Errorf("%s_FILE: %w", env, err))
			continue
		}
		return strings.TrimSpace(string(text)), nil
	}
	return nil, nil
}

// noSecretFlags refuses secrets on the command line, which every user of the machine can read (SEC-96).
func noSecretFlags(chosen *kong.Context) error {
	if chosen == nil {
		return nil
	}
	for _, p := range chosen.Path {
		if p.Flag != nil && !p.Resolved && p.Flag.Tag.Get("secret") != "" {
			env := p.Flag.Envs[0]
			return fmt.Errorf("--%s would show in the list of processes: set %s, or %s_FILE to the path of a file that holds it", p.Flag.Name, env, env)
		}
	}
	return nil
}
