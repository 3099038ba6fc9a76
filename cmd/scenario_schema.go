package cmd

import (
	"github.com/spf13/cobra"

	"koflab/scenarios"
)

func newScenarioSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of scenario files, for editors",
		Long: `Print the JSON Schema of scenario files. An editor with a YAML language server
completes and checks a file whose first line names it:

  # yaml-language-server: $schema=scenario.schema.json`,
		Example: "  koflab scenario schema > scenario.schema.json",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(scenarios.Schema())
			return err
		},
	}
}
