package cmd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"koflab/scenarios/conform"
)

// conformFlags are the flags of `koflab conform`.
type conformFlags struct {
	lab, output                             string
	target, logs, audit, traces, alerts     string
	kubeconfig, context, ca, user, password string
	token                                   string
	insecure, list                          bool
	regions                                 []string
	since, timeout                          time.Duration
}

func newConformCommand() *cobra.Command {
	var f conformFlags
	c := &cobra.Command{
		Use:   "conform",
		Short: "Check a KOF installation from outside, only reading",
		Long: `Look at a KOF installation - any, by its URLs, or without --target the running lab -
and say what in it is not as KOF makes it, why, and how to mend it: labels,
freshness, regions, tenants, joins, costs, pipelines, logs, traces, objects.
Nothing is written. What is not given is not looked at, and the report says so.

One cause shows in many places, so causes are looked for first: a check that
depends on something that failed is skipped, with the reason.

It exits with 0 when nothing failed, 1 when a check failed, 2 on wrong usage, and
3 when the target does not answer or no KOF stands behind it.`,
		Example: `  koflab conform
  koflab conform --target http://localhost:8082 --logs http://localhost:9471 --traces http://localhost:10471
  koflab conform --target https://grafana.example.com --grafana-token @token --kubeconfig mothership.yaml
  koflab conform --target http://localhost:8082 --region east=https://vmauth.east.example.com --ca ca.pem -o junit
  koflab conform --list`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	nameFlag(c, &f.lab)
	outputFlag(c, &f.output, "table", "json", "yaml", "junit")
	fl := c.Flags()
	fl.StringVar(&f.target, "target", "", "URL of promxy, of Grafana, or of a storage with Prometheus' query API; the running lab by default")
	fl.StringVar(&f.logs, "logs", "", "URL of the multilevel vlselect, or of VictoriaLogs")
	fl.StringVar(&f.audit, "audit", "", "URL of the audit logs' vlselect")
	fl.StringVar(&f.traces, "traces", "", "URL of the multilevel vtselect, or of Jaeger")
	fl.StringVar(&f.alerts, "alertmanager", "", "URL of Alertmanager")
	fl.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig of the management cluster")
	fl.StringVar(&f.context, "context", "", "context of --kubeconfig; its current one by default")
	fl.StringArrayVar(&f.regions, "region", nil, "NAME=URL of a region's vmauth, asked directly to tell why it is missing (repeatable)")
	fl.StringVar(&f.token, "grafana-token", "", "service account token of Grafana, or @FILE that has it")
	fl.StringVar(&f.user, "user", "", "user for basic authentication at --target, --logs, --traces")
	fl.StringVar(&f.password, "password-file", "", "file with the password of --user")
	fl.StringVar(&f.ca, "ca", "", "PEM file with CA certificates to trust beside the system's")
	fl.BoolVar(&f.insecure, "insecure-skip-verify", false, "do not verify certificates")
	fl.DurationVar(&f.since, "since", 15*time.Minute, "how far back failures are counted, and clusters are expected to be there still")
	fl.DurationVar(&f.timeout, "timeout", 30*time.Second, "give up on a request after this long")
	fl.BoolVar(&f.list, "list", false, "list the checks and look at nothing")
	exclusive(c, "name", "target")
	exclusive(c, "list", "target")
	exclusive(c, "grafana-token", "user")
	for _, name := range []string{"kubeconfig", "ca", "password-file"} {
		_ = c.MarkFlagFilename(name)
	}
	return c
}

// notRun is an end before there was anything to judge.
func notRun(err error) error { return codedError{err, exitNotRun} }

func (f *conformFlags) run(c *cobra.Command) error {
	if f.list {
		return f.printChecks(c.OutOrStdout())
	}
	if err := f.check(c); err != nil {
		return err
	}
	var (
		t   conform.Target
		err error
	)
	if f.target == "" {
		t, err = labTarget(c.Context(), f.lab)
	} else {
		t, err = f.givenTarget()
	}
	if err != nil {
		return err
	}
	r, err := conform.Run(c.Context(), t, conform.Options{Since: f.since, Timeout: f.timeout})
	switch {
	case errors.Is(err, conform.ErrNoKOF):
		return notRun(err)
	case c.Context().Err() != nil:
		return c.Context().Err()
	case err != nil:
		return usageError{err}
	}
	if err := f.print(c.OutOrStdout(), r); err != nil {
		return err
	}
	if r.Failed > 0 {
		var ids []string
		for _, x := range r.Failures() {
			ids = append(ids, x.ID)
		}
		return fmt.Errorf("%s failed: %s", count(r.Failed, "check", "checks"), strings.Join(ids, ", "))
	}
	return nil
}

// check refuses flags that mean nothing where they are.
func (f *conformFlags) check(c *cobra.Command) error {
	if f.since < time.Minute || f.since > 24*time.Hour {
		return usagef("--since %s: want 1m to 24h", f.since)
	}
	if f.timeout <= 0 {
		return usagef("--timeout %s: want more than 0", f.timeout)
	}
	if f.target == "" {
		for _, name := range []string{"logs", "audit", "traces", "alertmanager", "kubeconfig", "context", "region", "grafana-token", "user", "password-file", "ca", "insecure-skip-verify"} {
			if c.Flags().Changed(name) {
				return usagef("--%s goes with --target; of a lab koflab knows it", name)
			}
		}
		return nil
	}
	if f.context != "" && f.kubeconfig == "" {
		return usagef("--context needs --kubeconfig")
	}
	if (f.user == "") != (f.password == "") {
		return usagef("--user and --password-file go together")
	}
	return nil
}

func (f *conformFlags) print(w io.Writer, r conform.Report) error {
	switch f.output {
	case "table":
		return r.Text(w)
	case "junit":
		return r.JUnit(w)
	}
	return printAs(w, f.output, r)
}

func (f *conformFlags) printChecks(w io.Writer) error {
	all := conform.Checks()
	switch f.output {
	case "json", "yaml":
		return printAs(w, f.output, all)
	case "junit":
		return usagef("-o junit: --list wants one of table, json, yaml")
	}
	var rows [][]string
	for _, c := range all {
		rows = append(rows, []string{c.ID, c.Area, string(c.Severity), c.Title})
	}
	return table(w, []string{"CHECK", "AREA", "SEVERITY", "WANTS"}, rows)
}

// regionArgs reads NAME=URL.
func regionArgs(args []string) ([]conform.Region, error) {
	var out []conform.Region
	for _, a := range args {
		name, address, ok := strings.Cut(a, "=")
		if !ok || name == "" || !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") {
			return nil, usagef("--region %q: want NAME=URL, such as east=https://vmauth.east.example.com", name)
		}
		if slices.ContainsFunc(out, func(r conform.Region) bool { return r.Name == name }) {
			return nil, usagef("--region %s: it was given before", name)
		}
		out = append(out, conform.Region{Name: name, URL: address})
	}
	return out, nil
}
