package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/guptarohit/asciigraph"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/spf13/cobra"

	"koflab/topology/lab/control"
)

// explain is the explain record as the federation writes it.
type explain struct {
	Expr   string `json:"expr"`
	Groups []struct {
		Name     string   `json:"name"`
		URL      string   `json:"url"`
		Pushed   []string `json:"pushed"`
		Answered bool     `json:"answered"`
		Error    string   `json:"error"`
		Series   int      `json:"series"`
		Samples  int      `json:"samples"`
		Bytes    int64    `json:"bytes"`
		Seconds  float64  `json:"seconds"`
	} `json:"groups"`
	Coverage float64 `json:"coverage"`
}

// missing names the groups that did not answer, with the reason.
func (e explain) missing() []string {
	var out []string
	for _, g := range e.Groups {
		if !g.Answered {
			out = append(out, fmt.Sprintf("%s (%s)", g.Name, g.Error))
		}
	}
	return out
}

func queryMetrics(ctx context.Context, c *cobra.Command, client *control.Client, f queryFlags, expr string) error {
	q := control.QueryRequest{Expr: expr, Region: f.region, ErrorMode: f.errorMode, Semantics: f.semantics, Timeout: f.timeout}
	if f.at != "" || f.rangeLength > 0 {
		if err := f.resolve(ctx, client); err != nil {
			return err
		}
		q.Time = f.at_
		if f.rangeLength > 0 {
			q.Start, q.End, q.Step = f.start, f.end, f.stepDuration
		}
	}
	r, err := client.Query(ctx, q)
	if err != nil {
		return err
	}
	out, errOut := c.OutOrStdout(), c.ErrOrStderr()
	if f.output == "json" {
		if err := printAs(out, "json", r); err != nil {
			return err
		}
		return answerFailed(r)
	}
	for _, w := range r.Warnings {
		fmt.Fprintln(errOut, "koflab: warning:", w)
	}
	var e explain
	if len(r.Explain) > 0 {
		if err := json.Unmarshal(r.Explain, &e); err != nil {
			return fmt.Errorf("read the explain record: %w", err)
		}
		if m := e.missing(); len(m) > 0 {
			fmt.Fprintf(errOut, "koflab: incomplete answer, coverage %.0f %%: no answer from %s\n", 100*e.Coverage, strings.Join(m, ", "))
		}
	}
	if err := answerFailed(r); err != nil {
		return err
	}
	if err := printData(out, r.Data, f, ordered(expr)); err != nil {
		return err
	}
	if f.explain {
		return printExplain(out, e)
	}
	return nil
}

func answerFailed(r control.QueryResponse) error {
	if r.Status == "success" {
		return nil
	}
	return fmt.Errorf("query failed: %s", r.Error)
}

// printData prints a result. An instant vector has no order of its own unless it
// is ordered by the expression; it is printed by labels then.
func printData(w io.Writer, data json.RawMessage, f queryFlags, ordered bool) error {
	var d struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch d.ResultType {
	case "vector":
		var v model.Vector
		if err := json.Unmarshal(d.Result, &v); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		return printVector(w, v, ordered)
	case "matrix":
		var m model.Matrix
		if err := json.Unmarshal(d.Result, &m); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if f.output == "graph" {
			return printGraph(w, m, f)
		}
		return printMatrix(w, m)
	}
	var pair [2]any
	if err := json.Unmarshal(d.Result, &pair); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	_, err := fmt.Fprintln(w, pair[1])
	return err
}

func printVector(w io.Writer, v model.Vector, ordered bool) error {
	if len(v) == 0 {
		_, err := fmt.Fprintln(w, "(no series)")
		return err
	}
	sets := make([]model.Metric, len(v))
	for i, s := range v {
		sets[i] = s.Metric
	}
	names := labelNames(sets)
	rows := make([][]string, len(v))
	for i, s := range v {
		rows[i] = append(cells(s.Metric, names), number(float64(s.Value)))
	}
	if !ordered {
		slices.SortStableFunc(rows, func(a, b []string) int { return slices.Compare(a[:len(names)], b[:len(names)]) })
	}
	return table(w, append(header(names), "VALUE"), rows)
}

// ordered reports whether an expression gives its result an order.
func ordered(expr string) bool {
	e, err := parser.NewParser(parser.Options{EnableExperimentalFunctions: true}).ParseExpr(expr)
	if err != nil {
		return false
	}
	for p, ok := e.(*parser.ParenExpr); ok; p, ok = e.(*parser.ParenExpr) {
		e = p.Expr
	}
	switch e := e.(type) {
	case *parser.Call:
		return strings.HasPrefix(e.Func.Name, "sort")
	case *parser.AggregateExpr:
		return e.Op == parser.TOPK || e.Op == parser.BOTTOMK
	}
	return false
}

func printMatrix(w io.Writer, m model.Matrix) error {
	if len(m) == 0 {
		_, err := fmt.Fprintln(w, "(no series)")
		return err
	}
	sets := make([]model.Metric, len(m))
	for i, s := range m {
		sets[i] = s.Metric
	}
	names := labelNames(sets)
	var rows [][]string
	for _, s := range m {
		for _, p := range s.Values {
			rows = append(rows, append(cells(s.Metric, names), p.Timestamp.Time().UTC().Format(time.RFC3339), number(float64(p.Value))))
		}
	}
	return table(w, append(header(names), "TIME", "VALUE"), rows)
}

// maxGraphLines is how many series a terminal graph can tell apart.
const maxGraphLines = 8

func printGraph(w io.Writer, m model.Matrix, f queryFlags) error {
	if len(m) == 0 {
		_, err := fmt.Fprintln(w, "(no series)")
		return err
	}
	shown := m[:min(len(m), maxGraphLines)]
	points := int(f.rangeLength/f.stepDuration) + 1
	lines := make([][]float64, len(shown))
	legends := make([]string, len(shown))
	for i, s := range shown {
		line := make([]float64, points)
		for k := range line {
			line[k] = math.NaN()
		}
		for _, p := range s.Values {
			k := int(math.Round(float64(p.Timestamp.Time().Sub(f.start)) / float64(f.stepDuration)))
			if k >= 0 && k < points {
				line[k] = float64(p.Value)
			}
		}
		lines[i], legends[i] = line, s.Metric.String()
	}
	opts := []asciigraph.Option{asciigraph.Height(12), asciigraph.Width(72), asciigraph.Precision(2),
		asciigraph.Caption(fmt.Sprintf("%s to %s", f.start.UTC().Format("15:04:05"), f.end.UTC().Format("15:04:05")))}
	if isTerminal(w) {
		opts = append(opts, asciigraph.SeriesColors(
			asciigraph.Blue, asciigraph.Green, asciigraph.Yellow, asciigraph.Red,
			asciigraph.Magenta, asciigraph.Cyan, asciigraph.White, asciigraph.Orange))
	}
	fmt.Fprintln(w, asciigraph.PlotMany(lines, opts...))
	for i, l := range legends {
		fmt.Fprintf(w, "  %d  %s  last %s\n", i+1, l, number(float64(shown[i].Values[len(shown[i].Values)-1].Value)))
	}
	if n := len(m) - len(shown); n > 0 {
		fmt.Fprintf(w, "  and %d more series; narrow the query to see them\n", n)
	}
	return nil
}

func printExplain(w io.Writer, e explain) error {
	fmt.Fprintf(w, "\nplan of %s\n", e.Expr)
	var rows [][]string
	for _, g := range e.Groups {
		answered := "yes"
		if !g.Answered {
			answered = "no: " + g.Error
		}
		rows = append(rows, []string{g.Name, answered, strconv.Itoa(g.Series), strconv.Itoa(g.Samples), integer(g.Bytes),
			strconv.FormatFloat(g.Seconds*1000, 'f', 1, 64), strings.Join(g.Pushed, " ; ")})
	}
	if err := table(w, []string{"GROUP", "ANSWERED", "SERIES", "SAMPLES", "BYTES", "MS", "PUSHED DOWN"}, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "coverage %.0f %%\n", 100*e.Coverage)
	return err
}

func labelNames(sets []model.Metric) []string {
	seen := map[string]bool{}
	for _, m := range sets {
		for n := range m {
			seen[string(n)] = true
		}
	}
	names := make([]string, 0, len(seen))
	for n := range seen {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool {
		if (names[i] == model.MetricNameLabel) != (names[j] == model.MetricNameLabel) {
			return names[i] == model.MetricNameLabel
		}
		return names[i] < names[j]
	})
	return names
}

func header(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToUpper(strings.Trim(n, "_"))
	}
	return out
}

func cells(m model.Metric, names []string) []string {
	out := make([]string, len(names), len(names)+2)
	for i, n := range names {
		out[i] = string(m[model.LabelName(n)])
	}
	return out
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
