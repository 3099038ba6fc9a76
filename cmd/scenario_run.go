package cmd

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"koflab/scenarios"
	"koflab/scenarios/report"
	"koflab/scenarios/runner"
)

// scenarioRunFlags are those of scenario run.
type scenarioRunFlags struct {
	all, failFast, keep bool
	tag, shard          string
	seed                int64
	repeat, parallel    int
	timeout             time.Duration
	// files are where reports go, by form; "-" is standard output.
	files map[string]*string
}

// reportForms are the forms of a report, in the order of their flags.
var reportForms = []struct {
	flag, what string
	write      func(io.Writer, report.Report) error
}{
	{"json", "JSON", report.WriteJSON},
	{"junit", "JUnit XML", report.WriteJUnit},
	{"html", "a page of HTML that opens from disk", report.WriteHTML},
	{"markdown", "Markdown", report.WriteMarkdown},
}

func newScenarioRunCommand() *cobra.Command {
	f := scenarioRunFlags{files: map[string]*string{}}
	c := &cobra.Command{
		Use:   "run [NAME|FILE...]",
		Short: "Play scenarios and tell what held",
		Long: `Play scenarios of the library, or files of your own: each in a lab and a process of
its own, in virtual time, several at once. The same scenario with the same seed gives
the same report, byte for byte.

The exit code is 0 if all passed, 1 if a check failed, 2 for a mistake on the command
line or in a file, 3 if a scenario could not be played to its end.`,
		Example: `  koflab scenario run region-outage-short
  koflab scenario run --all --junit out.xml --html out.html
  koflab scenario run --tag fault --fail-fast
  koflab scenario run my-outage.yaml --seed 7 --keep    # then: koflab status --name my-outage
  koflab scenario run --all --shard 2/4`,
		RunE: func(c *cobra.Command, args []string) error {
			list, err := f.choose(c, args)
			if err != nil {
				return err
			}
			return f.play(c, list)
		},
		ValidArgsFunction: completeScenarios,
	}
	flags := c.Flags()
	flags.BoolVar(&f.all, "all", false, "play the whole library")
	flags.StringVar(&f.tag, "tag", "", "play those of the library that have a tag: "+strings.Join(scenarios.Tags(), ", "))
	flags.StringVar(&f.shard, "shard", "", "play one share of them, such as 2/4, for several machines")
	flags.Int64Var(&f.seed, "seed", 0, "seed of all scenarios (default each one's own)")
	flags.IntVar(&f.repeat, "repeat", 1, "play each so many times, with seeds counting up")
	flags.IntVar(&f.parallel, "parallel", 0, "how many to play at once (default one per processor)")
	flags.BoolVar(&f.failFast, "fail-fast", false, "begin no other once one has failed")
	flags.BoolVar(&f.keep, "keep", false, "leave the labs running, to look at")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "most real time for one scenario; 0 is no limit")
	for _, form := range reportForms {
		f.files[form.flag] = flags.String(form.flag, "", "write a report as "+form.what+" to a file, - is standard output")
	}
	_ = c.RegisterFlagCompletionFunc("tag", cobra.FixedCompletions(scenarios.Tags(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// choose are the scenarios to play, all of them valid, in order.
func (f *scenarioRunFlags) choose(c *cobra.Command, args []string) ([]*scenarios.Scenario, error) {
	var list []*scenarios.Scenario
	var err error
	switch {
	case f.all && f.tag != "":
		return nil, usagef("--all and --tag cannot be given together; see '%s --help'", c.CommandPath())
	case (f.all || f.tag != "") && len(args) > 0:
		return nil, usagef("give either names or --all or --tag; see '%s --help'", c.CommandPath())
	case f.all || f.tag != "":
		if list, err = scenarios.Tagged(f.tag); err != nil {
			return nil, usageError{err}
		}
	case len(args) == 0:
		return nil, usagef("NAME is missing; give names, files, --tag or --all, see '%s --help' and 'koflab scenario list'", c.CommandPath())
	}
	for _, arg := range args {
		s, err := f.find(c, arg)
		if err != nil {
			return nil, usageError{err}
		}
		list = append(list, s)
	}
	if f.repeat < 1 || f.parallel < 0 || f.timeout < 0 {
		return nil, usagef("--repeat is at least 1, --parallel and --timeout are not negative")
	}
	if f.keep && (f.repeat > 1 || len(list) > 8) {
		return nil, usagef("--keep leaves a lab of each scenario: at most 8 of them, and not with --repeat")
	}
	list = f.repeated(list)
	return f.share(list)
}

// find finds what an argument names: a file if it looks like one.
func (f *scenarioRunFlags) find(c *cobra.Command, arg string) (*scenarios.Scenario, error) {
	if arg == "-" || strings.ContainsRune(arg, filepath.Separator) || filepath.Ext(arg) == ".yaml" || filepath.Ext(arg) == ".yml" {
		return loadScenario(c, arg)
	}
	return scenarios.Find(arg)
}

// repeated has each scenario as often as asked, each time with the next seed.
func (f *scenarioRunFlags) repeated(list []*scenarios.Scenario) []*scenarios.Scenario {
	var out []*scenarios.Scenario
	for _, s := range list {
		for n := range f.repeat {
			again := *s
			if f.seed != 0 {
				again.Seed = f.seed
			}
			again.Seed += int64(n)
			out = append(out, &again)
		}
	}
	return out
}

// share takes every n-th scenario.
func (f *scenarioRunFlags) share(list []*scenarios.Scenario) ([]*scenarios.Scenario, error) {
	if f.shard == "" {
		return list, nil
	}
	i, n, ok := strings.Cut(f.shard, "/")
	which, err1 := strconv.Atoi(i)
	of, err2 := strconv.Atoi(n)
	if !ok || err1 != nil || err2 != nil || which < 1 || of < which {
		return nil, usagef("--shard %q: want I/N, such as 2/4", f.shard)
	}
	var out []*scenarios.Scenario
	for k := which - 1; k < len(list); k += of {
		out = append(out, list[k])
	}
	if len(out) == 0 {
		return nil, usagef("--shard %s of %d scenarios is empty", f.shard, len(list))
	}
	return out, nil
}

// play plays them and writes the reports.
func (f *scenarioRunFlags) play(c *cobra.Command, list []*scenarios.Scenario) error {
	out := c.OutOrStdout()
	for _, form := range reportForms {
		file := *f.files[form.flag]
		if file == "-" {
			out = c.ErrOrStderr() // the report has standard output for itself
		} else if dir := filepath.Dir(file); file != "" {
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				return usagef("--%s %s: there is no directory %s", form.flag, file, dir)
			}
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	parallel := f.parallel
	if parallel == 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	terminal := report.NewTerminal(out, report.TerminalOptions{
		Color: isTerminal(out), Live: isTerminal(out), Width: width(out), Steps: len(list) == 1,
	})
	pool := runner.Pool{
		Command: []string{self, "component", "scenario"}, Parallel: parallel,
		FailFast: f.failFast, Keep: f.keep, Timeout: f.timeout, View: terminal,
		Kept: func(name string) {
			fmt.Fprintf(c.ErrOrStderr(), "koflab: lab %s stays: 'koflab status --name %s', and 'koflab down --name %s' when done\n", name, name, name)
		},
	}
	r := pool.Play(c.Context(), list)
	r.Seed = f.seed
	if err := terminal.Summary(r); err != nil {
		return err
	}
	if err := f.write(c.OutOrStdout(), r); err != nil {
		return err
	}
	if c.Context().Err() != nil {
		return c.Context().Err()
	}
	return verdict(r)
}

// write writes the reports that are asked for.
func (f *scenarioRunFlags) write(stdout io.Writer, r report.Report) error {
	for _, form := range reportForms {
		file := *f.files[form.flag]
		var err error
		switch file {
		case "":
		case "-":
			err = form.write(stdout, r)
		default:
			var b bytes.Buffer
			if err = form.write(&b, r); err == nil {
				err = replaceFile(file, b.Bytes(), 0o644)
			}
		}
		if err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}

// verdict is the outcome of all as an error with its exit code.
func verdict(r report.Report) error {
	t := r.Totals()
	switch {
	case t.Failed > 0:
		return codedError{fmt.Errorf("%s failed", count(t.Failed, "scenario", "scenarios")), exitFailure}
	case t.Errored > 0:
		return codedError{fmt.Errorf("%s could not be played", count(t.Errored, "scenario", "scenarios")), exitNotRun}
	}
	return nil
}

// width is how many columns a terminal has; 0 where there is none.
func width(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(file.Fd())); err == nil {
			return n
		}
	}
	return 0
}
