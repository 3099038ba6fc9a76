package cmd

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"koflab/topology/lab/control"
)

func newEventsCommand() *cobra.Command {
	var name, output string
	var follow bool
	c := &cobra.Command{
		Use:   "events",
		Short: "Show the lab's event log",
		Long:  `Show what happened in the lab, in order: start-up steps, outages, drops, recoveries. Times are the lab's.`,
		Example: `  koflab events
  koflab events --follow
  koflab events -o json | jq 'select(.level != "Normal")'`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := connect(name)
			if err != nil {
				return err
			}
			defer client.Close()
			out := c.OutOrStdout()
			enc := json.NewEncoder(out)
			return client.Events(c.Context(), 0, follow, func(e control.Event) error {
				if output == "json" {
					return enc.Encode(e)
				}
				return printEvent(out, e)
			})
		},
	}
	nameFlag(c, &name)
	outputFlag(c, &output, "table", "json")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with the events to come")
	return c
}

func printEvent(w io.Writer, e control.Event) error {
	_, err := fmt.Fprintf(w, "%s  %-7s  %-20s  %-24s  %s\n", e.Time.Format("15:04:05.000"), e.Level, e.Reason, e.Object, e.Message)
	return err
}
