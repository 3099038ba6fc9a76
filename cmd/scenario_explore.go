package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"koflab/scenarios"
	"koflab/scenarios/explore"
)

// scenarioExploreFlags are those of scenario explore.
type scenarioExploreFlags struct {
	explore.Options
	out, json string
}

func newScenarioExploreCommand() *cobra.Command {
	f := scenarioExploreFlags{}
	c := &cobra.Command{
		Use:   "explore",
		Short: "Play random faults in random labs and look for what breaks",
		Long: `Play random schedules of faults in random small labs, in virtual time, and check what
must hold whatever happens: the ledger balances at every hop, stores have what they
must and nothing twice, coverage says which regions answer, and everything heals.

Each run follows from the seed and its number. One that fails is made as small as it
can be and left as a scenario file, which 'koflab scenario run FILE' plays.

The exit code is 0 if all held, 1 if something did not, 2 for a mistake on the command
line, 3 if a run could not be played to its end.`,
		Example: `  koflab scenario explore
  koflab scenario explore --runs 1000 --seed 7 --json explored.json
  koflab scenario explore --faults region-down,disk-full --max-faults 2
  koflab scenario explore --runs 5000 --budget 30m --out found.yaml`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	flags := c.Flags()
	flags.IntVar(&f.Count, "runs", 200, "how many runs to play")
	flags.Int64Var(&f.Seed, "seed", 1, "seed of all labs and faults")
	flags.IntVar(&f.Parallel, "parallel", 0, "how many labs at once (default one per processor)")
	flags.DurationVar(&f.Budget, "budget", 0, "real time after which no other lab begins; 0 is no limit")
	flags.StringSliceVar(&f.Faults, "faults", nil, "draw from these faults alone (default all of them)")
	flags.IntVar(&f.MaxFaults, "max-faults", 3, "most faults in one run")
	flags.StringVar(&f.out, "out", "", "file for the scenario of a failure, others get a number (default explore-SEED-RUN.yaml)")
	flags.StringVar(&f.json, "json", "", "write the result as JSON to a file, - is standard output")
	_ = c.RegisterFlagCompletionFunc("faults", cobra.FixedCompletions(explore.Faults(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// validate reports what is wrong with the flags, before anything begins.
func (f *scenarioExploreFlags) validate() error {
	if f.Count < 1 || f.MaxFaults < 1 || f.MaxFaults > 20 || f.Parallel < 0 || f.Budget < 0 {
		return usagef("--runs is at least 1, --max-faults is 1 to 20, --parallel and --budget are not negative")
	}
	if err := f.Options.Validate(); err != nil {
		return usagef("--faults: %w", err)
	}
	for flag, file := range map[string]string{"json": f.json, "out": f.out} {
		if dir := filepath.Dir(file); file != "" && file != "-" {
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				return usagef("--%s %s: there is no directory %s", flag, file, dir)
			}
		}
	}
	if f.out != "" {
		s := &scenarios.Scenario{Name: f.name(0), Title: "x", Steps: []scenarios.Step{{Run: 1e9}}}
		if filepath.Ext(f.out) != ".yaml" || scenarios.Validate(s) != nil {
			return usagef("--out %q: want a scenario's file, NAME.yaml with lower-case letters, digits and '-'", f.out)
		}
	}
	return nil
}

// name is that of the n-th failure's scenario, for --out.
func (f *scenarioExploreFlags) name(n int) string {
	name := strings.TrimSuffix(filepath.Base(f.out), ".yaml")
	if n > 0 {
		name += fmt.Sprintf("-%d", n+1)
	}
	return name
}

func (f *scenarioExploreFlags) run(c *cobra.Command) error {
	f.Faults = slices.Compact(slices.Sorted(slices.Values(f.Faults)))
	if err := f.validate(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	f.Command = []string{self, "component", "scenario"}
	if f.Parallel == 0 {
		f.Parallel = runtime.GOMAXPROCS(0)
	}
	progress := newExploreProgress(c.ErrOrStderr())
	f.Progress = progress.tell
	r := explore.Explore(c.Context(), f.Options)
	progress.end()
	if err := f.save(r); err != nil {
		return err
	}
	out := c.OutOrStdout()
	if f.json == "-" {
		out = c.ErrOrStderr()
	}
	if err := r.WriteSummary(out); err != nil {
		return err
	}
	switch f.json {
	case "":
	case "-":
		err = r.WriteJSON(c.OutOrStdout())
	default:
		var b bytes.Buffer
		if err = r.WriteJSON(&b); err == nil {
			err = replaceFile(f.json, b.Bytes(), 0o644)
		}
	}
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return explored(r)
}

// save writes the failures as scenario files.
func (f *scenarioExploreFlags) save(r *explore.Result) error {
	for i, x := range r.Failures {
		name, dir := x.Scenario, "."
		if f.out != "" {
			name, dir = f.name(i), filepath.Dir(f.out)
		}
		b, err := x.YAML(name, r.Seed)
		if err != nil {
			return err
		}
		x.Scenario, x.File = name, filepath.Join(dir, name+".yaml")
		if err := replaceFile(x.File, b, 0o644); err != nil {
			return fmt.Errorf("write the scenario of run %d: %w", x.Run, err)
		}
		x.Reproduce = "koflab scenario run " + x.File
	}
	return nil
}

// explored is the outcome of an exploration as an error with its exit code.
func explored(r *explore.Result) error {
	switch {
	case r.Runs.Failed > 0:
		return codedError{fmt.Errorf("%s failed", count(r.Runs.Failed, "run", "runs")), exitFailure}
	case r.Runs.Errored > 0:
		return codedError{fmt.Errorf("%s could not be played", count(r.Runs.Errored, "run", "runs")), exitNotRun}
	case r.Interrupted:
		return codedError{errors.New("interrupted: what was played held"), exitInterrupted}
	case r.Runs.Played == 0:
		return codedError{errors.New("no run was played within --budget; raise it"), exitNotRun}
	}
	return nil
}
