package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"koflab/sim/fault"
)

// injectFlags are those of fault inject.
type injectFlags struct {
	lab, output, target, as, duration string
	intensity                         float64
	set                               []string
}

func newFaultInjectCommand() *cobra.Command {
	var f injectFlags
	c := &cobra.Command{
		Use:   "inject FAULT",
		Short: "Break something",
		Long: `Break something in a running lab. The command returns when the fault is in
force, and prints what is to be expected. 'koflab fault show FAULT' tells its
targets and parameters. Durations are lab time.`,
		Example: `  koflab fault inject region-down --target region-2 --for 3m
  koflab fault inject latency --target 'child-1->region-1' --set latency=2s
  koflab fault inject partition --target region-1 --as split
  koflab fault inject component-oom --target region-1:vmselect-cluster
  koflab fault inject pod-crash-loop --target child-1:shop/frontend --intensity 0.5`,
		Args: exactly("FAULT"),
		RunE: func(c *cobra.Command, args []string) error {
			q, err := f.fault(c, args[0])
			if err != nil {
				return err
			}
			return f.run(c, q)
		},
		ValidArgsFunction: completeFaults,
	}
	nameFlag(c, &f.lab)
	outputFlag(c, &f.output, "table", "json", "yaml")
	fl := c.Flags()
	fl.StringVar(&f.target, "target", "", "what to break; its form depends on the fault")
	fl.StringVar(&f.duration, "for", "", "how long, in lab time, such as 3m (default until it is cleared)")
	fl.Float64Var(&f.intensity, "intensity", 1, "how hard, above 0 to 1")
	fl.StringArrayVar(&f.set, "set", nil, "a parameter as NAME=VALUE; may be repeated")
	fl.StringVar(&f.as, "as", "", "ID of the active fault (default the fault's name)")
	_ = c.RegisterFlagCompletionFunc("target", completeTargets(&f.lab))
	_ = c.RegisterFlagCompletionFunc("set", completeParameters)
	return c
}

// fault is what the flags ask for, checked against the catalogue.
func (f *injectFlags) fault(c *cobra.Command, name string) (fault.Fault, error) {
	q := fault.Fault{Name: name, Target: f.target, As: f.as, Intensity: f.intensity}
	var err error
	if q.For, err = optionalDuration("for", f.duration); err != nil {
		return q, err
	}
	if c.Flags().Changed("intensity") && f.intensity == 0 {
		return q, usagef("--intensity 0: want above 0 to 1; nothing would happen")
	}
	for _, s := range f.set {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return q, usagef("--set %q: want NAME=VALUE", s)
		}
		if _, twice := q.With[key]; twice {
			return q, usagef("--set %s: it was given before, as %s", key, q.With[key])
		}
		if q.With == nil {
			q.With = map[string]string{}
		}
		q.With[key] = value
	}
	if err := fault.Validate(q); err != nil {
		return q, usageError{err}
	}
	return q, nil
}

func (f *injectFlags) run(c *cobra.Command, q fault.Fault) error {
	client, err := connect(f.lab)
	if err != nil {
		return err
	}
	defer client.Close()
	spec, err := fault.Lookup(q.Name)
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	a, err := client.Inject(c.Context(), q)
	if err != nil {
		return faultError(err)
	}
	if f.output != "table" {
		return printAs(out, f.output, a)
	}
	fmt.Fprintln(out, "Expect: "+a.Effect)
	how := fmt.Sprintf("%s is active until 'koflab fault clear %s%s'", a.Name, a.ID, nameArg(f.lab))
	switch {
	case spec.Once:
		how = a.Name + " has struck"
	case !a.End.IsZero():
		how = fmt.Sprintf("%s is active until %s, or 'koflab fault clear %s%s'", a.Name, until(a), a.ID, nameArg(f.lab))
	}
	_, err = fmt.Fprintln(out, how)
	return err
}
