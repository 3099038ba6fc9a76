package cmd

import (
	"github.com/spf13/cobra"

	"koflab/scenarios"
)

func newScenarioCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "scenario",
		Short: "Play, list, show and write scenarios",
		Long: `A scenario is a file that says what a lab is, what happens to it and what must be
true. koflab comes with a library of them, one for each behaviour of KOF; a file of
your own starts best with 'koflab scenario new'.`,
		Example: `  koflab scenario list --tag fault
  koflab scenario run region-outage-short
  koflab scenario show region-outage-short
  koflab scenario new my-outage
  koflab scenario validate my-outage.yaml`,
		RunE: group,
	}
	c.AddCommand(newScenarioRunCommand(), newScenarioExploreCommand(), newScenarioListCommand(), newScenarioShowCommand(), newScenarioNewCommand(),
		newScenarioValidateCommand(), newScenarioSchemaCommand())
	return c
}

// completeScenarios completes names of the library's scenarios.
func completeScenarios(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	all, err := scenarios.Library()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name+"\t"+s.Title)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
