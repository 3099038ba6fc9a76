package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"koflab/scenarios"
	"koflab/topology/document"
)

func newScenarioValidateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check scenario files",
		Long: `Check scenario files without starting anything: fields, queries, the lab, faults and
their targets, and the order of steps. Every problem is printed as
FILE:LINE:COLUMN: what, and what to do. The exit code is 2 if there is any.`,
		Example: "  koflab scenario validate my-outage.yaml\n  koflab scenario validate scenarios/*.yaml",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("FILE is missing; see '%s --help'", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, files []string) error {
			failed := 0
			for _, file := range files {
				if !validateScenario(c, file) {
					failed++
				}
			}
			if failed > 0 {
				return usagef("%d of %d scenarios cannot be used", failed, len(files))
			}
			return nil
		},
	}
}

// validateScenario prints what is wrong with a file, and reports whether nothing is.
func validateScenario(c *cobra.Command, file string) bool {
	s, err := loadScenario(c, file)
	var problems *document.Error
	switch {
	case errors.As(err, &problems):
		for _, p := range problems.Problems {
			fmt.Fprintln(c.ErrOrStderr(), p)
		}
	case err != nil:
		fmt.Fprintln(c.ErrOrStderr(), err)
	default:
		checks := 0
		for _, step := range s.Steps {
			checks += len(step.Check)
		}
		fmt.Fprintf(c.OutOrStdout(), "%s: %s, %s\n", file, count(len(s.Steps), "step", "steps"), count(checks, "check", "checks"))
	}
	return err == nil
}

// loadScenario reads a file, or standard input for "-".
func loadScenario(c *cobra.Command, file string) (*scenarios.Scenario, error) {
	if file == "-" {
		return scenarios.Decode("stdin", c.InOrStdin())
	}
	return scenarios.Load(file)
}
