package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"koflab/topology/lab/control"
)

// traceAnswer is Jaeger's answer to a search or a look-up.
type traceAnswer struct {
	Data []struct {
		TraceID string `json:"traceID"`
		Spans   []struct {
			SpanID        string `json:"spanID"`
			OperationName string `json:"operationName"`
			ProcessID     string `json:"processID"`
			StartTime     int64  `json:"startTime"` // microseconds
			Duration      int64  `json:"duration"`  // microseconds
			References    []struct {
				RefType string `json:"refType"`
				SpanID  string `json:"spanID"`
			} `json:"references"`
			Tags []struct {
				Key   string `json:"key"`
				Value any    `json:"value"`
			} `json:"tags"`
		} `json:"spans"`
		Processes map[string]struct {
			ServiceName string `json:"serviceName"`
		} `json:"processes"`
	} `json:"data"`
}

func queryTraces(ctx context.Context, c *cobra.Command, client *control.Client, f queryFlags, expr string) error {
	path, args := "/select/jaeger/api/traces/"+url.PathEscape(expr), url.Values{}
	if f.errorMode != "" {
		args.Set("error_mode", f.errorMode)
	}
	byID := isTraceID(expr)
	if !byID {
		if err := f.resolve(ctx, client); err != nil {
			return err
		}
		length := f.rangeLength
		if length == 0 {
			length = time.Hour
		}
		path = "/select/jaeger/api/traces"
		args.Set("service", expr)
		args.Set("limit", strconv.Itoa(f.limit))
		args.Set("start", strconv.FormatInt(f.at_.Add(-length).UnixMicro(), 10))
		args.Set("end", strconv.FormatInt(f.at_.UnixMicro(), 10))
	}
	code, h, body, err := client.Get(ctx, "traces", f.region, path, args)
	if err != nil {
		return err
	}
	warnCoverage(c.ErrOrStderr(), h)
	if code == http.StatusNotFound && byID {
		return fmt.Errorf("no region has a trace %s", expr)
	}
	if code != http.StatusOK {
		return fmt.Errorf("trace query failed: %s", failureText(body))
	}
	if f.output == "json" {
		_, err = c.OutOrStdout().Write(body)
		return err
	}
	var a traceAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if byID {
		return printTrace(c.OutOrStdout(), a)
	}
	return printTraces(c.OutOrStdout(), a)
}

func isTraceID(s string) bool {
	return (len(s) == 32 || len(s) == 16) && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

func printTraces(w io.Writer, a traceAnswer) error {
	if len(a.Data) == 0 {
		_, err := fmt.Fprintln(w, "(no traces)")
		return err
	}
	var rows [][]string
	for _, t := range a.Data {
		if len(t.Spans) == 0 {
			continue
		}
		root, services, errs := t.Spans[0], map[string]bool{}, 0
		start, end := root.StartTime, int64(0)
		for _, s := range t.Spans {
			if len(s.References) == 0 {
				root = s
			}
			start, end = min(start, s.StartTime), max(end, s.StartTime+s.Duration)
			services[t.Processes[s.ProcessID].ServiceName] = true
			for _, tag := range s.Tags {
				if tag.Key == "error" && fmt.Sprint(tag.Value) == "true" {
					errs++
				}
			}
		}
		rows = append(rows, []string{
			t.TraceID, time.UnixMicro(start).UTC().Format(time.RFC3339Nano),
			t.Processes[root.ProcessID].ServiceName + ": " + root.OperationName,
			strconv.Itoa(len(t.Spans)), strconv.Itoa(len(services)), strconv.Itoa(errs), micros(end - start),
		})
	}
	return table(w, []string{"TRACE", "START", "ROOT", "SPANS", "SERVICES", "ERRORS", "DURATION"}, rows)
}

// printTrace draws the spans as a tree with offsets from the trace's start.
func printTrace(w io.Writer, a traceAnswer) error {
	if len(a.Data) == 0 {
		_, err := fmt.Fprintln(w, "(no spans)")
		return err
	}
	t := a.Data[0]
	known := map[string]bool{}
	for _, s := range t.Spans {
		known[s.SpanID] = true
	}
	children := map[string][]int{}
	start := int64(0)
	for i, s := range t.Spans {
		parent := ""
		if len(s.References) > 0 && known[s.References[0].SpanID] {
			parent = s.References[0].SpanID
		}
		children[parent] = append(children[parent], i)
		if i == 0 || s.StartTime < start {
			start = s.StartTime
		}
	}
	for _, ids := range children {
		sort.SliceStable(ids, func(i, j int) bool { return t.Spans[ids[i]].StartTime < t.Spans[ids[j]].StartTime })
	}
	fmt.Fprintf(w, "trace %s, %d spans, started %s\n", t.TraceID, len(t.Spans), time.UnixMicro(start).UTC().Format(time.RFC3339Nano))
	var rows [][]string
	visited := map[string]bool{}
	var walk func(parent string, depth int)
	walk = func(parent string, depth int) {
		for _, i := range children[parent] {
			s := t.Spans[i]
			if visited[s.SpanID] {
				continue // ids that repeat or form a circle are shown once
			}
			visited[s.SpanID] = true
			rows = append(rows, []string{
				strings.Repeat("  ", depth) + t.Processes[s.ProcessID].ServiceName + ": " + s.OperationName,
				"+" + micros(s.StartTime-start), micros(s.Duration),
			})
			walk(s.SpanID, depth+1)
		}
	}
	walk("", 0)
	return table(w, []string{"SPAN", "OFFSET", "DURATION"}, rows)
}

func micros(us int64) string { return (time.Duration(us) * time.Microsecond).String() }
