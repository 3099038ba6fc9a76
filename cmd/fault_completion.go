package cmd

import (
	"github.com/spf13/cobra"

	"koflab/sim/fault"
)

// completeFaults completes the names of faults.
func completeFaults(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, s := range fault.Catalogue() {
		out = append(out, s.Name+"\t"+s.Description)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeActive completes the IDs of active faults.
func completeActive(lab *string) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		client, err := connect(*lab)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer client.Close()
		faults, err := client.Faults(c.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, a := range faults.Active {
			out = append(out, a.ID)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeParameters completes --set with the parameters of the fault.
func completeParameters(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	spec, _ := fault.Lookup(args[0]) // one that does not exist has none
	var out []string
	for _, p := range spec.Parameters {
		out = append(out, p.Name+"=\t"+p.Description)
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeTargets completes --target with what the fault can strike in the lab.
func completeTargets(lab *string) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		client, err := connect(*lab)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer client.Close()
		out, err := client.FaultTargets(c.Context(), args[0])
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
