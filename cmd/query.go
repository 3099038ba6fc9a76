package cmd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"koflab/topology/lab/control"
)

// queryFlags are the flags of `koflab query`.
type queryFlags struct {
	name, output, region      string
	at, rng, step             string
	errorMode, semantics      string
	logs, traces, explain     bool
	limit                     int
	timeout                   time.Duration
	at_, start, end           time.Time // resolved
	stepDuration, rangeLength time.Duration
}

func newQueryCommand() *cobra.Command {
	var f queryFlags
	c := &cobra.Command{
		Use:   "query EXPR",
		Short: "Ask the federation, or one region, for metrics, logs or traces",
		Long: `Ask management for an answer over all regions: PromQL by default, LogsQL with
--logs, a trace id or a service name with --traces. Warnings and missing regions
go to stderr; --explain prints who was asked, what was pushed down and who answered.`,
		Example: `  koflab query 'count by (cluster)(kube_node_info)'
  koflab query 'sum by (cluster)(rate(http_server_requests_total[5m]))' --range 15m -o graph
  koflab query 'count(up)' --explain
  koflab query --logs '_time:5m severity_text:ERROR | limit 10'
  koflab query --traces checkout
  koflab query --traces 0af7651916cd43dd8448eb211c80319c`,
		Args: exactly("EXPR"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(c, args[0]); err != nil {
				return err
			}
			client, err := connect(f.name)
			if err != nil {
				return err
			}
			defer client.Close()
			ctx, cancel := context.WithTimeout(c.Context(), f.timeout+5*time.Second)
			defer cancel()
			switch {
			case f.logs:
				err = queryLogs(ctx, c, client, f, args[0])
			case f.traces:
				err = queryTraces(ctx, c, client, f, args[0])
			default:
				err = queryMetrics(ctx, c, client, f, args[0])
			}
			if errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("no answer within %s; raise --timeout, or see 'koflab status%s'", f.timeout, nameArg(f.name))
			}
			return err
		},
	}
	nameFlag(c, &f.name)
	outputFlag(c, &f.output, "table", "json", "graph")
	fl := c.Flags()
	fl.BoolVar(&f.logs, "logs", false, "EXPR is LogsQL")
	fl.BoolVar(&f.traces, "traces", false, "EXPR is a trace id or a service name")
	fl.StringVar(&f.region, "region", "", "ask this region alone")
	fl.StringVar(&f.at, "at", "", "evaluate at this time: RFC 3339, Unix seconds, or a duration before now such as 10m")
	fl.StringVar(&f.rng, "range", "", "evaluate over this long before --at, such as 1h")
	fl.StringVar(&f.step, "step", "", "step of --range; a sixtieth of it by default, at least 15s")
	fl.BoolVar(&f.explain, "explain", false, "print the plan: groups asked, what was pushed down, series, bytes, time, coverage")
	fl.StringVar(&f.errorMode, "error-mode", "", "when a region fails: fail, downgrade (warn) or ignore (as KOF); the lab's by default")
	fl.StringVar(&f.semantics, "semantics", "", "evaluate as prometheus or as kof (VictoriaMetrics) does; the lab's by default")
	fl.DurationVar(&f.timeout, "timeout", 30*time.Second, "give up after this long")
	fl.IntVar(&f.limit, "limit", 20, "at most this many log lines or traces")
	exclusive(c, "logs", "traces")
	_ = c.RegisterFlagCompletionFunc("error-mode", cobra.FixedCompletions([]string{"fail", "downgrade", "ignore"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("semantics", cobra.FixedCompletions([]string{"prometheus", "kof"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (f *queryFlags) check(c *cobra.Command, expr string) error {
	if expr == "" {
		return usagef("EXPR is empty; see 'koflab query --help'")
	}
	if f.errorMode != "" {
		if err := oneOf("error-mode", f.errorMode, "fail", "downgrade", "ignore"); err != nil {
			return err
		}
	}
	if f.semantics != "" {
		if err := oneOf("semantics", f.semantics, "prometheus", "kof"); err != nil {
			return err
		}
	}
	if f.timeout <= 0 {
		return usagef("--timeout %s: want more than 0", f.timeout)
	}
	if f.limit < 1 {
		return usagef("--limit %d: want at least 1", f.limit)
	}
	if f.rng != "" {
		d, err := model.ParseDuration(f.rng)
		if err != nil || d == 0 {
			return usagef("--range %q: want a duration such as 15m or 1h", f.rng)
		}
		f.rangeLength = time.Duration(d)
		f.stepDuration = max(15*time.Second, (f.rangeLength / 60).Round(time.Second))
	}
	if f.step != "" {
		if f.rng == "" {
			return usagef("--step needs --range")
		}
		d, err := model.ParseDuration(f.step)
		if err != nil || d == 0 {
			return usagef("--step %q: want a duration such as 30s", f.step)
		}
		f.stepDuration = time.Duration(d)
	}
	if f.output == "graph" && (f.logs || f.traces) {
		return usagef("-o graph draws a metric over time: leave out --logs and --traces")
	}
	if f.output == "graph" && f.rng == "" {
		return usagef("-o graph draws a metric over time: add --range 15m")
	}
	if _, err := parseAt(f.at, time.Now()); err != nil {
		return err
	}
	return nil
}

// resolve turns --at and --range into instants of the lab's clock.
func (f *queryFlags) resolve(ctx context.Context, client *control.Client) error {
	s, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if f.at_, err = parseAt(f.at, s.Clock.Now); err != nil {
		return err
	}
	if f.rangeLength > 0 {
		f.end, f.start = f.at_, f.at_.Add(-f.rangeLength)
	}
	return nil
}

// parseAt reads a time: RFC 3339, Unix seconds, or a duration before now.
func parseAt(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return now, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && v >= 0 && v < 1e11 {
		return time.UnixMilli(int64(v * 1000)).UTC(), nil
	}
	if d, err := model.ParseDuration(s); err == nil {
		return now.Add(-time.Duration(d)), nil
	}
	return time.Time{}, usagef("--at %q: want a time such as 2026-01-02T15:04:05Z, Unix seconds, or a duration before now such as 10m", s)
}
