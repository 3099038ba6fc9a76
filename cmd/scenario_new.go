package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"koflab/scenarios"
)

func newScenarioNewCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "Write a scenario file to begin with",
		Long: `Write the file of a scenario that is complete and can be run, with comments on what
else there is. It goes to NAME.yaml unless --file says otherwise; a file that
exists is not overwritten.`,
		Example: "  koflab scenario new my-outage\n  koflab scenario new my-outage --file -",
		Args:    exactly("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := scenarios.New(args[0])
			if err != nil {
				return usageError{err}
			}
			if file == "-" {
				_, err := c.OutOrStdout().Write(b)
				return err
			}
			if file == "" {
				file = args[0] + ".yaml"
			}
			if err := writeNew(file, b); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: a scenario to begin with; check it with 'koflab scenario validate %s'\n", file, file)
			return err
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "file to write, NAME.yaml by default; '-' is standard output")
	return c
}

// writeNew writes a file that does not exist yet.
func writeNew(file string, b []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s exists, choose another name or remove it", file)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}
