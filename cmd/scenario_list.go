package cmd

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"koflab/scenarios"
)

// scenarioInfo is a scenario in a list.
type scenarioInfo struct {
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	Tags   []string `json:"tags"`
	Number int      `json:"number,omitempty"`
	Steps  int      `json:"steps"`
}

func newScenarioListCommand() *cobra.Command {
	var tag, output string
	c := &cobra.Command{
		Use:   "list",
		Short: "List the scenarios of the library",
		Long: `List the scenarios that come with koflab, all or those with a tag. NO is the number
of the scenario in KOF's list, where it has one.`,
		Example: "  koflab scenario list\n  koflab scenario list --tag smoke -o name",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			tagged, err := scenarios.Tagged(tag)
			if err != nil {
				return usageError{err}
			}
			infos := []scenarioInfo{}
			for _, s := range tagged {
				infos = append(infos, scenarioInfo{s.Name, s.Title, append([]string{}, s.Tags...), s.Number, len(s.Steps)})
			}
			return printScenarios(c, output, infos)
		},
	}
	outputFlag(c, &output, "table", "json", "yaml", "name")
	c.Flags().StringVar(&tag, "tag", "", "only scenarios with this tag: "+strings.Join(scenarios.Tags(), ", "))
	_ = c.RegisterFlagCompletionFunc("tag", cobra.FixedCompletions(scenarios.Tags(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func printScenarios(c *cobra.Command, output string, infos []scenarioInfo) error {
	out := c.OutOrStdout()
	switch output {
	case "json", "yaml":
		return printAs(out, output, infos)
	case "name":
		for _, s := range infos {
			if _, err := fmt.Fprintln(out, s.Name); err != nil {
				return err
			}
		}
		return nil
	}
	var rows [][]string
	for _, s := range infos {
		number := "-"
		if s.Number > 0 {
			number = strconv.Itoa(s.Number)
		}
		rows = append(rows, []string{s.Name, number, orElse(strings.Join(s.Tags, ","), "-"), s.Title})
	}
	return table(out, []string{"SCENARIO", "NO", "TAGS", "TITLE"}, rows)
}
