package cmd

import (
	"io"

	"github.com/spf13/cobra"

	"koflab/scenarios/runner"
	"koflab/topology/lab"
	"koflab/topology/lab/region"
)

// newComponentCommand holds the processes koflab starts of itself. They read
// their options from standard input and are no interface for people.
func newComponentCommand() *cobra.Command {
	c := &cobra.Command{
		Use:    "component",
		Short:  "Run one part of a lab (koflab starts these itself)",
		Hidden: true,
		RunE:   group,
	}
	c.AddCommand(&cobra.Command{
		Use:   "lab",
		Short: "Run a detached lab",
		Args:  exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			out, ok := c.OutOrStdout().(io.WriteCloser)
			if !ok {
				return usagef("component lab needs a pipe as its standard output")
			}
			pipesFail()
			return lab.ServeDetached(c.Context(), c.InOrStdin(), out)
		},
	}, &cobra.Command{
		Use:   "region",
		Short: "Run one region (--isolation process)",
		Args:  exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			return region.ServeProcess(c.Context(), c.InOrStdin(), c.OutOrStdout())
		},
	})
	c.AddCommand(&cobra.Command{
		Use:   "scenario",
		Short: "Play one scenario",
		Args:  exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			return runner.Work(c.Context(), awaitable(c.InOrStdin()), c.OutOrStdout())
		},
	})
	return c
}
