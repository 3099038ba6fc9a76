// Package cmd is koflab's command line: one command per file, each turning
// flags into a call of the packages below.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"koflab/topology/lab/control"
	"koflab/topology/lab/state"
)

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
	// exitNotRun says that what was asked for could not be done to its end, so that
	// nothing is known of its outcome.
	exitNotRun = 3
	// exitInterrupted is 128 + SIGINT, as shells have it.
	exitInterrupted = 130
)

// usageError marks what the user can mend by changing the command line or the
// file named on it; it exits with 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// codedError has an exit code of its own.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// Main runs koflab and returns its exit code.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), endSignals()...)
	defer stop()
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		fmt.Fprintln(errOut, "koflab: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(errOut, "koflab: %v\n", err)
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	var coded codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	return exitFailure
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "koflab",
		Short: "A KOF lab on one machine",
		Long: `koflab brings up a KOF installation - management, regional and child clusters -
on this machine, feeds it synthetic metrics, logs and traces, and answers
federated queries over all of it.`,
		Example: `  koflab up                                   # a lab of 1 management, 2 regions, 4 children
  koflab query 'count by (cluster)(kube_node_info)'
  koflab query --logs '_time:5m severity_text:ERROR | limit 5'
  koflab down`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          group,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		var invalid *pflag.InvalidValueError
		if errors.As(err, &invalid) {
			f := invalid.GetFlag()
			problem, ok := flagTypes[f.Value.Type()]
			if !ok {
				problem = invalid.Unwrap().Error()
			}
			return usagef("--%s %q: %s; see '%s --help'", f.Name, invalid.GetValue(), problem, c.CommandPath())
		}
		return usagef("%w; see '%s --help'", err, c.CommandPath())
	})
	root.AddCommand(
		newUpCommand(), newDownCommand(), newStatusCommand(), newEndpointsCommand(),
		newQueryCommand(), newEventsCommand(), newTopologyCommand(),
		newKubeconfigCommand(), newChartsCommand(), newFaultCommand(), newScenarioCommand(), newConformCommand(),
		newVersionCommand(), newCompletionCommand(), newComponentCommand(),
	)
	root.SetHelpCommand(newHelpCommand())
	return root
}

// flagTypes says what a flag of a type wants.
var flagTypes = map[string]string{
	"bool": "want true or false", "int": "want a whole number", "int64": "want a whole number", "float64": "want a number", "duration": "want a duration such as 30s",
}

func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help of a command",
		Example: "  koflab help up\n  koflab help topology show",
		RunE: func(c *cobra.Command, args []string) error {
			about, left, err := c.Root().Find(args)
			if err != nil || len(left) > 0 {
				return usagef("there is no command %q; see 'koflab --help'", strings.Join(args, " "))
			}
			return about.Help()
		},
	}
}

// oneOf checks the value of a flag that has choices.
func oneOf(flag, value string, choices ...string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	return usagef("--%s %q: want one of %s", flag, value, strings.Join(choices, ", "))
}

// exclusive says that two flags cannot be given together.
func exclusive(c *cobra.Command, a, b string) {
	c.MarkFlagsMutuallyExclusive(a, b) // for completion; its message is not one for people
	inner := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if c.Flags().Changed(a) && c.Flags().Changed(b) {
			return usagef("--%s and --%s cannot be given together; see '%s --help'", a, b, c.CommandPath())
		}
		return inner(c, args)
	}
}

// group is the RunE of a command that only holds others.
func group(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unknown command %q for %q; see '%s --help'", args[0], c.CommandPath(), c.CommandPath())
	}
	return c.Help()
}

// exactly wants n arguments, named for the message.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usagef("%s is missing; see '%s --help'", names[len(args)], c.CommandPath())
		}
		if len(args) > len(names) {
			return usagef("unexpected argument %q; see '%s --help'", args[len(names)], c.CommandPath())
		}
		return nil
	}
}

// nameFlag adds --name, which every command on a running lab takes.
func nameFlag(c *cobra.Command, name *string) {
	c.Flags().StringVar(name, "name", "koflab", "the lab's name")
	_ = c.RegisterFlagCompletionFunc("name", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		names, _ := state.List()
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

// connect finds the running lab of a name.
func connect(name string) (*control.Client, error) {
	dir, err := labDir(name)
	if err != nil {
		return nil, err
	}
	alive := dir.Alive()
	record, err := dir.Read()
	switch {
	case errors.Is(err, state.ErrNotFound) && alive:
		return nil, fmt.Errorf("lab %s is still starting; try again in a moment", name)
	case errors.Is(err, state.ErrNotFound):
		return nil, fmt.Errorf("there is no lab named %s; start it with 'koflab up%s'", name, nameArg(name))
	case alive:
		return control.NewClient(dir.Socket()), nil
	case err != nil:
		return nil, err
	case record.PID == 0:
		return nil, fmt.Errorf("lab %s is not running; its data is kept in %s: 'koflab up%s' continues it, 'koflab down%s' removes it",
			name, dir.Path(), nameArg(name), nameArg(name))
	}
	return nil, fmt.Errorf("lab %s is not running: its process (pid %d) ended without a shutdown; its data is kept in %s: 'koflab up%s' continues it, 'koflab down%s' removes it",
		name, record.PID, dir.Path(), nameArg(name), nameArg(name))
}

// labDir checks the name and returns the lab's state directory.
func labDir(name string) (*state.Dir, error) {
	if !validName(name) {
		return nil, usagef("--name %q: want a DNS label: lower-case letters, digits and '-', at most 63 characters", name)
	}
	return state.At(name)
}

func validName(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func nameArg(name string) string {
	if name == "koflab" {
		return ""
	}
	return " --name " + name
}
