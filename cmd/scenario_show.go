package cmd

import (
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"koflab/scenarios"
)

func newScenarioShowCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a scenario of the library",
		Long: `Show a scenario of the library: its file as it was written, which is a good start for
one of your own, or as JSON with its defaults.`,
		Example: "  koflab scenario show healthy-baseline\n  koflab scenario show region-outage-short > mine.yaml",
		Args:    exactly("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := scenarios.Find(args[0])
			if err != nil {
				return usageError{err}
			}
			var b []byte
			if output == "json" {
				if b, err = scenarios.Marshal(s); err != nil {
					return err
				}
				var value any
				if err := yaml.Unmarshal(b, &value); err != nil {
					return err
				}
				return printAs(c.OutOrStdout(), output, value)
			}
			if b, err = scenarios.Source(s.Name); err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(b)
			return err
		},
		ValidArgsFunction: completeScenarios,
	}
	outputFlag(c, &output, "yaml", "json")
	return c
}
