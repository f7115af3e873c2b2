// Command usher takes webhooks of messaging platforms, talks to people by flows
// and hands leads to CRMs.
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

	"github.com/spf13/cobra"

	"usher/config"
)

// Exit codes of the program.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// errReported ends a command with exit code 1 that has already said what is
// wrong.
var errReported = errors.New("already reported")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program; nothing below it knows of the process.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := rootCommand(commands())
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(context.WithValue(ctx, environKey{}, environ))
	return report(stderr, cmd, err)
}

// commands lists what usher can do, one file each.
func commands() []*cobra.Command {
	return []*cobra.Command{
		initCommand(),
		profiled(serveCommand()),
		migrateCommand(),
		flowCommand(),
		eventsCommand(),
		deliveriesCommand(),
		contactsCommand(),
		keyCommand(),
		doctorCommand(),
		healthCommand(),
		versionCommand(),
	}
}

func rootCommand(list []*cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   "usher",
		Short: "From a webhook to one lead at your CRM",
		Long: "usher takes webhooks of messaging platforms, talks to people by flows and\n" +
			"hands leads to CRMs. `usher serve` alone is enough to try it.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().String("config", "", "configuration file (default: usher.yaml if there is one)")
	root.AddCommand(list...)
	prepare(root)
	return root
}

// prepare tells errors of a command's work from errors in how it was called,
// and makes a group of commands refuse one that it does not have.
func prepare(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		prepare(sub)
	}
	work := cmd.RunE
	switch {
	case work != nil:
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := work(cmd, args); err != nil {
				return &failure{err}
			}
			return nil
		}
	case cmd.Run == nil && cmd.HasSubCommands():
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			if cmd.HasParent() {
				return errors.New("which command?")
			}
			return cmd.Help()
		}
	}
}

func unknownCommand(cmd *cobra.Command, name string) error {
	err := fmt.Errorf("unknown command %q for %q", name, cmd.CommandPath())
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		err = fmt.Errorf("%w; is it %s?", err, strings.Join(near, " or "))
	}
	return err
}

// failure is an error of a command's work; all others are wrong usage.
type failure struct{ error }

func (f *failure) Unwrap() error { return f.error }

// report says once what went wrong and returns the exit code.
func report(stderr io.Writer, cmd *cobra.Command, err error) int {
	var failed *failure
	var problems config.Problems
	var flawed faults
	switch {
	case err == nil:
		return exitOK
	case !errors.As(err, &failed):
		fmt.Fprintf(stderr, "usher: %v\nRun '%s --help' for usage.\n", err, cmd.CommandPath())
		return exitUsage
	case errors.Is(err, errReported):
	case errors.As(err, &problems) || errors.As(err, &flawed) || strings.Contains(err.Error(), "\n"):
		fmt.Fprintln(stderr, err) // lines with their own places
	default:
		fmt.Fprintf(stderr, "usher: %v\n", err)
	}
	return exitFailed
}
