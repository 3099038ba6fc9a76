package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// outputFlag adds -o with the given choices, the first being the default.
func outputFlag(c *cobra.Command, v *string, choices ...string) {
	c.Flags().StringVarP(v, "output", "o", choices[0], "output format: "+strings.Join(choices, ", "))
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
	inner := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		for _, choice := range choices {
			if *v == choice {
				if inner == nil {
					return nil
				}
				return inner(c, args)
			}
		}
		return usagef("-o %s: want one of %s", *v, strings.Join(choices, ", "))
	}
}

// printAs writes v as json or yaml.
func printAs(w io.Writer, format string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if format == "yaml" {
		if b, err = yaml.JSONToYAML(b); err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

// table lays rows out in columns, two spaces apart, without trailing blanks.
func table(w io.Writer, header []string, rows [][]string) error {
	width := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{header}, rows...) {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", width[i]-len([]rune(cell))+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
