package cmd

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"koflab/sim/fault"
	"koflab/topology/lab/control"
)

func newFaultListCommand() *cobra.Command {
	var lab, output string
	var active bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List what can be broken, and what is",
		Long: `List the catalogue of faults and, where the lab runs, the faults that are active in
it. -o wide adds parameters with their defaults, and what is to be expected.`,
		Example: "  koflab fault list\n  koflab fault list --active -o json\n  koflab fault list -o wide",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := faultsOf(c, lab, active)
			if err != nil {
				return err
			}
			out, wide := c.OutOrStdout(), output == "wide"
			switch {
			case output != "table" && !wide && active:
				return printAs(out, output, all.Active)
			case output != "table" && !wide:
				return printAs(out, output, all)
			case len(all.Active) > 0:
				if err := printFaults(out, all.Active); err != nil || active {
					return err
				}
				fmt.Fprintln(out)
			case active:
				_, err := fmt.Fprintln(out, noFault)
				return err
			}
			return printCatalogue(out, all.Catalogue, wide)
		},
	}
	nameFlag(c, &lab)
	outputFlag(c, &output, "table", "wide", "json", "yaml")
	c.Flags().BoolVar(&active, "active", false, "only the faults that are active in the lab")
	return c
}

const noFault = "no fault is active"

// faultsOf asks the lab, or without one the catalogue alone, unless the lab was named
// or must answer.
func faultsOf(c *cobra.Command, lab string, must bool) (control.Faults, error) {
	client, err := connect(lab)
	if err == nil {
		defer client.Close()
		return client.Faults(c.Context())
	}
	if must || c.Flags().Changed("name") {
		return control.Faults{}, err
	}
	return control.Faults{Catalogue: fault.Catalogue(), Active: []fault.Active{}}, nil
}

func printCatalogue(w io.Writer, all []fault.Spec, wide bool) error {
	header := []string{"FAULT", "TARGET", "DOES"}
	if wide {
		header = []string{"FAULT", "TARGET", "PARAMETERS", "DOES", "EXPECT"}
	}
	var rows [][]string
	for _, s := range all {
		row := []string{s.Name, targets(s), s.Description}
		if wide {
			row = []string{s.Name, targets(s), parameters(s), s.Description, effect(s)}
		}
		rows = append(rows, row)
	}
	return table(w, header, rows)
}

// targets are how a fault's targets are written.
func targets(s fault.Spec) string {
	var out []string
	for _, k := range s.Targets {
		out = append(out, k.Syntax())
	}
	return strings.Join(out, " or ")
}

// parameters are a fault's parameters with their defaults.
func parameters(s fault.Spec) string {
	var out []string
	for _, p := range s.Parameters {
		out = append(out, p.Name+"="+orElse(p.Default, "(required)"))
	}
	return orElse(strings.Join(out, " "), "-")
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// effect is what is to be expected of any fault of an entry, whatever its target.
func effect(s fault.Spec) string {
	return placeholder.ReplaceAllStringFunc(s.Effect, func(p string) string { return strings.ToUpper(strings.Trim(p, "{}")) })
}

// printFaults prints active faults.
func printFaults(w io.Writer, active []fault.Active) error {
	var rows [][]string
	for _, a := range active {
		rows = append(rows, []string{a.ID, a.Name, a.Target, a.Start.Format("15:04:05"), until(a)})
	}
	return table(w, []string{"ACTIVE", "FAULT", "TARGET", "SINCE", "UNTIL"}, rows)
}

// until is when a fault ends, in lab time.
func until(a fault.Active) string {
	if a.End.IsZero() {
		return "cleared"
	}
	return a.End.Format("15:04:05")
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
