package cmd

import (
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"koflab/topology/lab/control"
)

func newStatusCommand() *cobra.Command {
	var name, output string
	c := &cobra.Command{
		Use:   "status [CLUSTER]",
		Short: "Show clusters, components and the flow of telemetry",
		Long: `Show the lab: its clusters, what backs each component, the faults that are active,
and for every hop and signal how many records were offered, acknowledged, are
queued or were dropped. At every hop offered = acknowledged + queued + dropped.
With a cluster's name, show each of its components: running (an engine of koflab
does its work), simulated (a pod that only exists) or failed, and what backs it.`,
		Example: `  koflab status
  koflab status region-1
  koflab status -o json | jq '.flow[] | select(.dropped != {})'`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("unexpected argument %q; see '%s --help'", args[1], c.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: completeClusters(&name),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := connect(name)
			if err != nil {
				return err
			}
			defer client.Close()
			s, err := client.Status(c.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return printCluster(c.OutOrStdout(), output, name, s, args[0])
			}
			if output != "table" {
				return printAs(c.OutOrStdout(), output, s)
			}
			return printStatus(c.OutOrStdout(), s)
		},
	}
	nameFlag(c, &name)
	outputFlag(c, &output, "table", "json", "yaml")
	return c
}

func printStatus(w io.Writer, s control.Status) error {
	speed := ""
	if s.Clock.Speed > 0 && s.Clock.Speed != 1 {
		speed = fmt.Sprintf(" at %gx", s.Clock.Speed)
	}
	fmt.Fprintf(w, "lab %s: %s, %s clusters, stack %s, seed %d\n", s.Name, s.Phase, s.Provider, s.Stack, s.Seed)
	fmt.Fprintf(w, "clock: %s (%s%s)\n\n", s.Clock.Now.Format(time.RFC3339), s.Clock.Mode, speed)
	var rows [][]string
	for _, c := range s.Clusters {
		ready := "yes"
		if !c.Ready {
			ready = "no"
		}
		running := 0
		for _, k := range c.Components {
			if k.State == "running" || k.State == "simulated" {
				running++
			}
		}
		region := c.Region
		if region == "" {
			region = "-"
		}
		rows = append(rows, []string{c.Name, c.Role, region, ready, fmt.Sprintf("%d/%d", running, len(c.Components)), c.Message})
	}
	if err := table(w, []string{"CLUSTER", "ROLE", "STORED IN", "READY", "COMPONENTS", ""}, rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if len(s.Faults) > 0 {
		if err := printFaults(w, s.Faults); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return printFlow(w, s.Flow)
}

// printCluster prints one cluster with its components.
func printCluster(w io.Writer, output, lab string, s control.Status, id string) error {
	for _, c := range s.Clusters {
		if c.Name != id {
			continue
		}
		if output != "table" {
			return printAs(w, output, c)
		}
		fmt.Fprintf(w, "cluster %s: %s", c.Name, c.Role)
		if c.Region != "" && c.Region != c.Name {
			fmt.Fprintf(w, ", stored in %s", c.Region)
		}
		if c.Message != "" {
			fmt.Fprintf(w, ": %s", c.Message)
		}
		fmt.Fprint(w, "\n\n")
		var rows [][]string
		for _, k := range c.Components {
			rows = append(rows, []string{k.Name, k.Chart, k.Version, k.State, k.BackedBy, k.Message})
		}
		return table(w, []string{"COMPONENT", "CHART", "VERSION", "STATE", "BACKED BY", ""}, rows)
	}
	return fmt.Errorf("there is no cluster %q; see 'koflab status%s'", id, nameArg(lab))
}

func printFlow(w io.Writer, flow []control.Flow) error {
	var rows [][]string
	for _, f := range flow {
		rows = append(rows, []string{
			f.From, f.To, f.Signal, integer(f.Offered), integer(f.Acknowledged), integer(f.Queued),
			drops(f.Dropped), integer(f.Duplicated), strconv.FormatFloat(f.RatePerSecond, 'f', 1, 64),
		})
	}
	return table(w, []string{"FROM", "TO", "SIGNAL", "OFFERED", "ACKNOWLEDGED", "QUEUED", "DROPPED", "DUPLICATED", "PER SECOND"}, rows)
}

func integer(n int64) string { return strconv.FormatInt(n, 10) }

// drops prints reason=n pairs, sorted by reason.
func drops(d map[string]int64) string {
	if len(d) == 0 {
		return "0"
	}
	parts := make([]string, 0, len(d))
	for reason, n := range d {
		parts = append(parts, fmt.Sprintf("%s=%d", reason, n))
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}
