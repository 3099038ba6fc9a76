package check

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const tracesPath = "/select/jaeger/api/traces"

// Defaults of a search of traces.
const (
	defaultLookback = time.Hour
	defaultTraces   = 20
	maxTraces       = 1500 // the most that the federation returns
)

// jaegerTrace is a trace in Jaeger's JSON.
type jaegerTrace struct {
	TraceID   string       `json:"traceID"`
	Spans     []jaegerSpan `json:"spans"`
	Processes map[string]struct {
		ServiceName string      `json:"serviceName"`
		Tags        []jaegerTag `json:"tags"`
	} `json:"processes"`
}

// jaegerSpan is a span; times are in microseconds.
type jaegerSpan struct {
	SpanID     string      `json:"spanID"`
	Operation  string      `json:"operationName"`
	ProcessID  string      `json:"processID"`
	StartTime  int64       `json:"startTime"`
	Duration   int64       `json:"duration"`
	Tags       []jaegerTag `json:"tags"`
	References []struct {
		RefType string `json:"refType"`
		SpanID  string `json:"spanID"`
	} `json:"references"`
}

type jaegerTag struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// searchTraces has a row for each trace with the number of its spans as value.
func (c Check) searchTraces(ctx context.Context, env Env, r *Result) error {
	args := url.Values{
		"service": {c.Traces.Service},
		"end":     {strconv.FormatInt(r.Now.UnixMicro(), 10)},
		"start":   {strconv.FormatInt(r.Now.Add(-cmp.Or(time.Duration(c.Traces.Lookback), defaultLookback)).UnixMicro(), 10)},
		"limit":   {strconv.Itoa(cmp.Or(c.Traces.Limit, defaultTraces))},
	}
	if c.Traces.Operation != "" {
		args.Set("operation", c.Traces.Operation)
	}
	if len(c.Traces.Tags) > 0 {
		tags, err := json.Marshal(c.Traces.Tags)
		if err != nil {
			return err
		}
		args.Set("tags", string(tags))
	}
	traces, err := c.askTraces(ctx, env, r, tracesPath, args)
	if err != nil {
		return err
	}
	for _, t := range traces {
		r.Rows = append(r.Rows, t.row())
	}
	order(r.Rows)
	r.Text = summary(r.Rows, "trace", "traces")
	return nil
}

// evaluateTrace has a row for each span with its duration in seconds as value.
func (c Check) evaluateTrace(ctx context.Context, env Env, r *Result) error {
	traces, err := c.askTraces(ctx, env, r, tracesPath+"/"+url.PathEscape(c.Trace), url.Values{})
	if err != nil {
		return err
	}
	for _, t := range traces {
		for _, s := range t.Spans {
			r.Rows = append(r.Rows, t.spanRow(s))
		}
	}
	order(r.Rows)
	r.Text = "no such trace"
	if len(r.Rows) > 0 {
		r.Text = summary(r.Rows, "span", "spans")
	}
	return nil
}

// askTraces returns no traces where the answer is that there are none.
func (c Check) askTraces(ctx context.Context, env Env, r *Result, path string, args url.Values) ([]jaegerTrace, error) {
	h := env.Traces(c.Region)
	if h == nil {
		return nil, noRegion(env, c.Region)
	}
	wholeAnswer(args, c.Region)
	answer, err := ask(ctx, h, path, args)
	if err != nil {
		return nil, err
	}
	r.readWarnings(answer.header)
	switch answer.status {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, nil
	default:
		return nil, failure(answer.status, answer.body.Bytes())
	}
	var decodedAnswer struct {
		Data []jaegerTrace `json:"data"`
	}
	if err := json.Unmarshal(answer.body.Bytes(), &decodedAnswer); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	r.Body = decoded(answer.body.Bytes())
	return decodedAnswer.Data, nil
}

// row describes a trace by its first span: that without a parent, or else the
// earliest.
func (t jaegerTrace) row() Row {
	services := map[string]bool{}
	start, end := int64(math.MaxInt64), int64(math.MinInt64)
	spans := make([]any, 0, len(t.Spans))
	var root *jaegerSpan
	for i := range t.Spans {
		s := &t.Spans[i]
		services[t.Processes[s.ProcessID].ServiceName] = true
		start, end = min(start, s.StartTime), max(end, s.StartTime+s.Duration)
		if root == nil || len(s.References) < len(root.References) || len(s.References) == len(root.References) && s.StartTime < root.StartTime {
			root = s
		}
		row := t.spanRow(*s)
		spans = append(spans, map[string]any{"labels": row.Labels, "seconds": row.Value, "start": row.Time})
	}
	row := Row{
		Labels: map[string]string{"trace": t.TraceID, "services": strings.Join(slices.Sorted(maps.Keys(services)), ",")},
		Value:  float64(len(t.Spans)), Fields: map[string]any{"spans": spans},
	}
	if root != nil {
		row.Labels["service"], row.Labels["operation"] = t.Processes[root.ProcessID].ServiceName, root.Operation
		row.Time = time.UnixMicro(start).UTC()
		row.Fields["seconds"] = microseconds(end - start)
	}
	return row
}

// spanRow has the attributes of the span and of its resource as fields.
func (t jaegerTrace) spanRow(s jaegerSpan) Row {
	attributes := map[string]any{}
	for _, tag := range slices.Concat(t.Processes[s.ProcessID].Tags, s.Tags) {
		attributes[tag.Key] = tag.Value
	}
	labels := map[string]string{"service": t.Processes[s.ProcessID].ServiceName, "operation": s.Operation, "span": s.SpanID}
	for _, ref := range s.References {
		if ref.RefType == "CHILD_OF" {
			labels["parent"] = ref.SpanID
		}
	}
	return Row{
		Labels: labels, Value: microseconds(s.Duration), Time: time.UnixMicro(s.StartTime).UTC(),
		Fields: map[string]any{"attributes": attributes},
	}
}

func microseconds(n int64) float64 { return float64(n) / 1e6 }
