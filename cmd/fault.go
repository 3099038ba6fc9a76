package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"koflab/sim/fault"
	"koflab/topology/lab/control"
)

func newFaultCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "fault",
		Short: "Break parts of a running lab, and heal them",
		Long: `Break parts of a running lab: links, regions, clusters, collectors, pods. Each fault
says what is to be expected of it. Faults end by themselves after --for,
by 'koflab fault clear', or with the lab; then everything is as it was before.`,
		Example: "  koflab fault list\n  koflab fault inject region-down --target region-2 --for 3m\n  koflab fault clear --all",
		RunE:    group,
	}
	c.AddCommand(newFaultListCommand(), newFaultShowCommand(), newFaultInjectCommand(), newFaultClearCommand())
	return c
}

func newFaultShowCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "show FAULT",
		Short:   "Show what a fault does and takes",
		Long:    "Show a fault of the catalogue: its targets, parameters and expected effect.",
		Example: "  koflab fault show latency\n  koflab fault show disk-full -o json",
		Args:    exactly("FAULT"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := fault.Lookup(args[0])
			if err != nil {
				return usageError{err}
			}
			if output != "table" {
				return printAs(c.OutOrStdout(), output, s)
			}
			return printSpec(c, s)
		},
		ValidArgsFunction: completeFaults,
	}
	outputFlag(c, &output, "table", "json", "yaml")
	return c
}

func printSpec(c *cobra.Command, s fault.Spec) error {
	out := c.OutOrStdout()
	rows := [][]string{{"Fault", s.Name}, {"Does", s.Description}, {"Target", targets(s)}}
	if s.Intensity != "" {
		rows = append(rows, []string{"Intensity", s.Intensity})
	}
	if s.Once {
		rows = append(rows, []string{"Duration", "strikes once; what it broke comes back by itself"})
	}
	for _, m := range s.Providers {
		rows = append(rows, []string{"Provider", m.Provider + ": " + m.How})
	}
	if s.Needs != "" {
		rows = append(rows, []string{"Needs", s.Needs})
	}
	rows = append(rows, []string{"Expect", effect(s)})
	for _, r := range rows {
		if _, err := fmt.Fprintf(out, "%-10s %s\n", r[0]+":", r[1]); err != nil {
			return err
		}
	}
	if len(s.Parameters) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	rows = nil
	for _, p := range s.Parameters {
		def := p.Default
		if p.Required {
			def = "(required)"
		}
		rows = append(rows, []string{p.Name, string(p.Type), def, orElse(p.Range(), "-"), p.Description})
	}
	return table(out, []string{"PARAMETER", "TYPE", "DEFAULT", "RANGE", "IS"}, rows)
}

func newFaultClearCommand() *cobra.Command {
	var lab string
	var all bool
	c := &cobra.Command{
		Use:     "clear [ID]",
		Short:   "Heal an active fault, or all",
		Long:    "Heal an active fault by its ID ('koflab fault list --active'), or all of them, the\nnewest first. What it broke is then as it was before.",
		Example: "  koflab fault clear region-down\n  koflab fault clear --all",
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case all && len(args) > 0:
				return usagef("give an ID or --all, not both; see '%s --help'", c.CommandPath())
			case all:
				return nil
			}
			return exactly("ID or --all")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			client, err := connect(lab)
			if err != nil {
				return err
			}
			defer client.Close()
			if all {
				return clearAll(c, client)
			}
			return clearOne(c, client, args[0])
		},
		ValidArgsFunction: completeActive(&lab),
	}
	nameFlag(c, &lab)
	c.Flags().BoolVar(&all, "all", false, "heal all active faults")
	return c
}

func clearOne(c *cobra.Command, client *control.Client, id string) error {
	if err := client.Heal(c.Context(), id); err != nil {
		return faultError(err)
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s is healed\n", id)
	return err
}

func clearAll(c *cobra.Command, client *control.Client) error {
	faults, err := client.Faults(c.Context())
	if err != nil {
		return err
	}
	if len(faults.Active) == 0 {
		_, err := fmt.Fprintln(c.OutOrStdout(), noFault)
		return err
	}
	for i := len(faults.Active) - 1; i >= 0; i-- {
		if err := clearOne(c, client, faults.Active[i].ID); err != nil {
			return err
		}
	}
	return nil
}

// faultError makes a usage error of a mistake that the lab finds.
func faultError(err error) error {
	var p fault.Problem
	if errors.As(err, &p) {
		return usageError{err}
	}
	return err
}
