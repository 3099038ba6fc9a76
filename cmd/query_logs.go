package cmd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"koflab/topology/lab/control"
)

func queryLogs(ctx context.Context, c *cobra.Command, client *control.Client, f queryFlags, expr string) error {
	args := url.Values{"query": {expr}, "timeout": {f.timeout.String()}}
	// A query with pipes says itself how many rows it wants.
	if c.Flags().Changed("limit") || !strings.Contains(expr, "|") {
		args.Set("limit", strconv.Itoa(f.limit))
	}
	if f.errorMode != "" {
		args.Set("error_mode", f.errorMode)
	}
	if f.at != "" || f.rangeLength > 0 {
		if err := f.resolve(ctx, client); err != nil {
			return err
		}
		args.Set("end", strconv.FormatInt(f.at_.UnixNano(), 10))
		if f.rangeLength > 0 {
			args.Set("start", strconv.FormatInt(f.start.UnixNano(), 10))
		}
	}
	code, h, body, err := client.Get(ctx, "logs", f.region, "/select/logsql/query", args)
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return fmt.Errorf("log query failed: %s", failureText(body))
	}
	warnCoverage(c.ErrOrStderr(), h)
	if f.output == "json" {
		_, err = c.OutOrStdout().Write(body)
		return err
	}
	return printLogs(c.OutOrStdout(), body, strings.Contains(expr, "sort"))
}

// warnCoverage tells when not every region has answered.
func warnCoverage(w io.Writer, h http.Header) {
	v, err := strconv.ParseFloat(h.Get("X-Koflab-Coverage"), 64)
	if err == nil && v < 1 {
		fmt.Fprintf(w, "koflab: incomplete answer, coverage %.0f %%: not every region answered\n", 100*v)
	}
}

// failureText finds the message in an error body, JSON or plain.
func failureText(body []byte) string {
	var e struct {
		Error  string `json:"error"`
		Errors []struct {
			Msg string `json:"msg"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &e) == nil {
		if e.Error != "" {
			return e.Error
		}
		if len(e.Errors) > 0 {
			return e.Errors[0].Msg
		}
	}
	return strings.TrimSpace(string(body))
}

// printLogs prints log lines as time, severity, cluster, pod and message, and
// rows of a pipe such as stats as a table, in their order if they have one.
func printLogs(w io.Writer, body []byte, ordered bool) error {
	var rows []map[string]string
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		row := map[string]string{}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "(no log lines)")
		return err
	}
	if _, ok := rows[0]["_msg"]; !ok {
		return printLogTable(w, rows, ordered)
	}
	for _, r := range rows {
		severity := r["severity_text"]
		if severity == "" {
			severity = r["severity"]
		}
		fmt.Fprintf(w, "%s  %-5s  %s/%s  %s\n", r["_time"], severity, r["k8s.cluster.name"], r["k8s.pod.name"], r["_msg"])
	}
	return nil
}

func printLogTable(w io.Writer, rows []map[string]string, ordered bool) error {
	numeric := map[string]bool{}
	for _, r := range rows {
		for k, v := range r {
			if _, seen := numeric[k]; !seen {
				numeric[k] = true
			}
			if _, err := strconv.ParseFloat(v, 64); err != nil {
				numeric[k] = false
			}
		}
	}
	// What rows are about comes first, what was counted last.
	names := slices.Sorted(maps.Keys(numeric))
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case numeric[a] == numeric[b]:
			return 0
		case numeric[a]:
			return 1
		}
		return -1
	})
	var out [][]string
	for _, r := range rows {
		line := make([]string, len(names))
		for i, n := range names {
			line[i] = r[n]
		}
		out = append(out, line)
	}
	if !ordered {
		slices.SortFunc(out, slices.Compare[[]string])
	}
	return table(w, header(names), out)
}
