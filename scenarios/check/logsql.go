package check

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

const logsPath = "/select/logsql/query"

// evaluateLogsQL has a row for each log line, with its fields as labels and value
// 1, or for a query that ends with stats a row for each group and function, named
// as VictoriaLogs names the result. The body is the answer's text.
func (c Check) evaluateLogsQL(ctx context.Context, env Env, r *Result) error {
	answer, err := c.askLogs(ctx, env, r.Now)
	if err != nil {
		return err
	}
	r.readWarnings(answer.header)
	if answer.status != http.StatusOK {
		return failure(answer.status, answer.body.Bytes())
	}
	lines, err := logLines(answer.body.Bytes())
	if err != nil {
		return err
	}
	r.Body = answer.body.String()
	if groups, ok := groupLabels(c.LogsQL, r.Now); ok {
		r.Rows = statsRows(lines, groups)
		r.Text = summary(r.Rows, "group", "groups")
		return nil
	}
	for _, line := range lines {
		r.Rows = append(r.Rows, lineRow(line))
	}
	order(r.Rows)
	r.Text = linesText(r.Rows)
	return nil
}

func (c Check) askLogs(ctx context.Context, env Env, now time.Time) (*recorder, error) {
	// A line of the instant itself counts; VictoriaLogs takes the end as exclusive.
	args := url.Values{"query": {c.LogsQL}, "time": {strconv.FormatInt(now.UnixNano()+1, 10)}}
	if !c.Audit {
		wholeAnswer(args, c.Region)
		h := env.Logs(c.Region)
		if h == nil {
			return nil, noRegion(env, c.Region)
		}
		return ask(ctx, h, logsPath, args)
	}
	base, err := endpoint(env.Access(), c.Region, auditListener)
	if err != nil {
		return nil, err
	}
	client, err := env.Client(c.Region)
	if err != nil {
		return nil, err
	}
	return fetch(ctx, client, base+logsPath+"?"+args.Encode())
}

// auditListener is the service of a region that answers for audit logs.
const auditListener = "vlselect-audit-logs"

// groupLabels are the labels of a query that ends with stats, as VictoriaLogs'
// stats_query sees it.
func groupLabels(query string, now time.Time) ([]string, bool) {
	q, err := logstorage.ParseQueryAtTimestamp(query, now.UnixNano())
	if err != nil {
		return nil, false
	}
	labels, err := q.GetStatsLabels()
	return labels, err == nil
}

// logLines reads JSON lines.
func logLines(body []byte) ([]map[string]string, error) {
	var lines []map[string]string
	for text := range bytes.Lines(body) {
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		line := map[string]string{}
		if err := json.Unmarshal(text, &line); err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// statsRows has a row for each line and field that is no label.
func statsRows(lines []map[string]string, groups []string) []Row {
	var rows []Row
	for _, line := range lines {
		for name, text := range line {
			if slices.Contains(groups, name) {
				continue
			}
			row := Row{Labels: map[string]string{nameLabel: name}, Fields: map[string]any{"text": text}}
			for _, g := range groups {
				if line[g] != "" {
					row.Labels[g] = line[g]
				}
			}
			var err error
			if row.Value, err = strconv.ParseFloat(text, 64); err != nil {
				row.Value = math.NaN() // such as a list of unique values
			}
			rows = append(rows, row)
		}
	}
	order(rows)
	return rows
}

// lineRow is a log line: _msg and _time are fields, the rest labels.
func lineRow(line map[string]string) Row {
	row := Row{Labels: line, Value: 1, Fields: map[string]any{}}
	for _, name := range []string{"_msg", "_time"} {
		if text, ok := line[name]; ok {
			row.Fields[name] = text
			delete(line, name)
		}
	}
	if text, ok := row.Fields["_time"].(string); ok {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			row.Time = t.UTC()
		}
	}
	return row
}

// linesText counts lines and shows the newest.
func linesText(rows []Row) string {
	if len(rows) == 0 {
		return "no lines"
	}
	last := rows[len(rows)-1]
	text := count(len(rows), "line", "lines")
	if message, ok := last.Fields["_msg"].(string); ok {
		return clip(fmt.Sprintf("%s, the newest %q", text, message), textLimit)
	}
	return clip(fmt.Sprintf("%s, the last %s", text, selector(last.Labels)), textLimit)
}
