package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"koflab/topology"
	"koflab/topology/lab"
	"koflab/topology/lab/control"
)

// upFlags are the flags of `koflab up`.
type upFlags struct {
	file, preset, provider            string
	history, speed, forHow, memory    string
	isolation, semantics, errorMode   string
	addressBlock                      string
	detach, dryRun, keep              bool
	limit                             time.Duration // resolved --for
	name, stack, network, managesData string
	seed                              int64
	scrape                            []string
	children                          *int
}

func newUpCommand() *cobra.Command {
	started := time.Now()
	var f upFlags
	var children int
	c := &cobra.Command{
		Use:   "up",
		Short: "Bring a lab up",
		Long: `Bring up management, regional and child clusters in this process: no Docker, no
root. Children's collectors send synthetic metrics, logs and traces through the
regions' gateways into real storages, and management answers for all of it. The
lab is ready when a federated query has given the correct answer.

Without --detach the lab lives until Ctrl-C, SIGTERM or --for, and leaves nothing
behind.`,
		Example: `  koflab up
  koflab up --detach --preset three-clouds --name demo
  koflab up -f lab.yaml --history 6h
  koflab up --speed 60x --for 5m
  koflab up --scrape child-1=http://127.0.0.1:9100/metrics
  koflab up --dry-run`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("children") {
				f.children = &children
			}
			o, err := f.options(c)
			if err != nil {
				return err
			}
			o.Started = started
			return up(c, f, o)
		},
	}
	fl := c.Flags()
	fl.StringVarP(&f.file, "file", "f", "", "lab specification (YAML); '-' reads standard input")
	fl.StringVar(&f.preset, "preset", "", "start from a preset: "+strings.Join(presetNames(), ", ")+" (default two-regions)")
	fl.StringVar(&f.name, "name", "", "the lab's name (default koflab)")
	fl.Int64Var(&f.seed, "seed", 0, "seed of all synthetic telemetry (default 1)")
	fl.IntVar(&children, "children", 0, "this many children: fewer of the specification's, or copies of them")
	fl.StringVar(&f.stack, "stack", "", "stack profile: "+strings.Join(topology.ProfileNames(), ", "))
	fl.StringVar(&f.network, "network", "", "how clusters reach each other: ingress or istio")
	fl.Var(&onceValue{value: &f.managesData}, "management-data", "where management's own data goes: none, regionless, m2m or m2r")
	fl.StringArrayVar(&f.scrape, "scrape", nil, "also scrape CLUSTER=URL (repeatable)")
	fl.StringVar(&f.provider, "provider", "embedded", "what clusters are made of: embedded")
	fl.StringVar(&f.history, "history", "", "fill this much of the past first, such as 1h or 24h")
	fl.StringVar(&f.speed, "speed", "1x", "how fast the lab's clock runs, such as 60x; stores take samples up to 2 days ahead of the machine's clock")
	fl.StringVar(&f.isolation, "isolation", lab.IsolationShared, "run regions in the lab's process (shared) or each in its own (process)")
	fl.StringVar(&f.semantics, "semantics", "prometheus", "how regions evaluate metrics: prometheus or kof (VictoriaMetrics)")
	fl.StringVar(&f.errorMode, "error-mode", "ignore", "when a region fails a federated query: ignore (as KOF), downgrade (warn) or fail")
	fl.StringVar(&f.memory, "memory", "256MiB", "cap of all storage caches together")
	fl.StringVar(&f.addressBlock, "address-block", "", "loopback /16 to listen on, such as 127.42.0.0/16 (default a free one); 127.0.0.0/16 puts all on 127.0.0.1, on ports the system picks")
	fl.BoolVarP(&f.detach, "detach", "d", false, "return when ready and leave the lab running")
	fl.StringVar(&f.forHow, "for", "", "stop by itself after this long, such as 30s")
	fl.BoolVar(&f.dryRun, "dry-run", false, "print what would be created, and stop")
	fl.BoolVar(&f.keep, "keep-data", false, "leave the storages on disk at the end; the next up goes on with them")
	exclusive(c, "file", "preset")
	exclusive(c, "detach", "for")
	for flag, choices := range map[string][]string{
		"preset": presetNames(), "stack": topology.ProfileNames(), "network": {"ingress", "istio"},
		"management-data": {"none", "regionless", "m2m", "m2r"}, "provider": {"embedded"},
		"isolation": {lab.IsolationShared, lab.IsolationProcess}, "semantics": {"prometheus", "kof"},
		"error-mode": {"ignore", "downgrade", "fail"},
	} {
		_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
	}
	return c
}

// options checks the flags and reads the specification.
func (f *upFlags) options(c *cobra.Command) (lab.Options, error) {
	o := lab.Options{AddressBlock: f.addressBlock, KeepData: f.keep, Isolation: f.isolation, Semantics: f.semantics, ErrorMode: f.errorMode}
	for _, choice := range []struct {
		flag, value string
		allowed     []string
	}{
		{"provider", f.provider, []string{"embedded"}},
		{"isolation", f.isolation, []string{lab.IsolationShared, lab.IsolationProcess}},
		{"semantics", f.semantics, []string{"prometheus", "kof"}},
		{"error-mode", f.errorMode, []string{"ignore", "downgrade", "fail"}},
	} {
		if err := oneOf(choice.flag, choice.value, choice.allowed...); err != nil {
			return o, err
		}
	}
	var err error
	if o.Speed, err = parseSpeed(f.speed); err != nil {
		return o, err
	}
	if o.History, err = optionalDuration("history", f.history); err != nil {
		return o, err
	}
	if f.limit, err = optionalDuration("for", f.forHow); err != nil {
		return o, err
	}
	if f.addressBlock != "" {
		if err := lab.CheckAddressBlock(f.addressBlock); err != nil {
			return o, usagef("--address-block %w", err)
		}
	}
	if o.MemoryBytes, err = parseBytes("memory", f.memory); err != nil {
		return o, err
	}
	preset := f.preset
	if preset == "" {
		preset = topology.DefaultPreset
	}
	o.Spec, err = loadSpec(c, f.file, preset, topology.Overrides{
		Name: f.name, Seed: f.seed, Stack: f.stack, Network: topology.NetworkMode(f.network),
		ManagementData: topology.ManagementData(f.managesData), Children: f.children, Scrape: f.scrape,
	})
	if err != nil {
		return o, usageError{err}
	}
	return o, nil
}

func parseSpeed(s string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	if err != nil || !(v >= 0.1 && v <= 1000) {
		return 0, usagef("--speed %q: want a factor from 0.1x to 1000x, such as 60x", s)
	}
	return v, nil
}

func optionalDuration(flag, s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := model.ParseDuration(s)
	if err != nil || d == 0 {
		return 0, usagef("--%s %q: want a duration such as 30s, 15m or 6h", flag, s)
	}
	return time.Duration(d), nil
}

func parseBytes(flag, s string) (int64, error) {
	for suffix, unit := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if n, ok := strings.CutSuffix(s, suffix); ok {
			v, err := strconv.ParseInt(n, 10, 32)
			if err == nil && v > 0 && v*unit >= 32<<20 {
				return v * unit, nil
			}
		}
	}
	return 0, usagef("--%s %q: want at least 32MiB, such as 256MiB or 1GiB", flag, s)
}

// up runs the lab in the foreground, or detaches it.
func up(c *cobra.Command, f upFlags, o lab.Options) error {
	out := c.OutOrStdout()
	if f.dryRun {
		return printPlan(out, o.Spec)
	}
	dir, err := labDir(o.Spec.Name)
	if err != nil {
		return err
	}
	if f.detach {
		return upDetached(c, dir, o)
	}
	pipesFail()
	ctx, end := context.WithCancelCause(c.Context())
	defer end(nil)
	l, err := lab.Start(ctx, o, func(e control.Event) {
		if err := printStep(c, e, o.Started); err != nil {
			end(unwritable(err))
		}
	})
	switch {
	case ctx.Err() != nil && c.Context().Err() == nil:
		return context.Cause(ctx)
	case errors.Is(err, context.Canceled):
		return err
	case err != nil:
		return fmt.Errorf("bring up lab %s: %w", o.Spec.Name, err)
	}
	if err := printReady(out, l.Status()); err != nil {
		return errors.Join(unwritable(err), l.Close())
	}
	wait := c.Context()
	if f.limit > 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(wait, f.limit)
		defer cancel()
	} else {
		fmt.Fprintln(out, "press Ctrl-C to take it down")
	}
	if err := l.Wait(wait); err != nil {
		return err
	}
	return printEnd(out, l.Status())
}

// unwritable is why a lab in the foreground goes down when its reader has gone.
func unwritable(err error) error {
	return fmt.Errorf("taken down, since its output cannot be written (%w); use --detach to leave it running", err)
}

// printStep prints one line per start-up step.
func printStep(c *cobra.Command, e control.Event, started time.Time) error {
	if e.Level != "Normal" {
		_, err := fmt.Fprintf(c.ErrOrStderr(), "koflab: %s: %s\n", e.Object, e.Message)
		return err
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%7.3fs  %-24s %s\n", time.Since(started).Seconds(), e.Object, e.Message)
	return err
}

func printReady(w io.Writer, s control.Status) error {
	_, err := fmt.Fprintf(w, "lab %s ready in %.3fs\n", s.Name, s.ReadyInSeconds)
	return err
}

// printEnd sums up what flowed, so that a lab that ran by itself says so.
func printEnd(w io.Writer, s control.Status) error {
	sums := map[string]*control.Flow{}
	for _, f := range s.Flow {
		if strings.Contains(f.From, "/") || strings.Contains(f.To, "/") {
			continue // the hops between clusters tell the story
		}
		t := sums[f.Signal]
		if t == nil {
			t = &control.Flow{Dropped: map[string]int64{}}
			sums[f.Signal] = t
		}
		t.Offered += f.Offered
		t.Acknowledged += f.Acknowledged
		for r, n := range f.Dropped {
			t.Dropped[r] += n
		}
	}
	for _, signal := range []string{"metrics", "logs", "traces"} {
		if t := sums[signal]; t != nil {
			fmt.Fprintf(w, "%-8s %d sent, %d acknowledged, dropped %s\n", signal, t.Offered, t.Acknowledged, drops(t.Dropped))
		}
	}
	_, err := fmt.Fprintf(w, "lab %s is down\n", s.Name)
	return err
}
