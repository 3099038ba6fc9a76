package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"koflab/topology/lab/control"
)

// defaultStep of a range query is KOF's scrape interval.
const defaultStep = 15 * time.Second

// request is the query as the federation takes it.
func (c Check) request(expr string, now time.Time) control.QueryRequest {
	q := control.QueryRequest{
		Expr: expr, Time: now.Add(time.Duration(c.At)), Region: c.Region, ErrorMode: c.ErrorMode, Semantics: c.Semantics,
	}
	if c.Range > 0 {
		q.Start, q.End, q.Step = q.Time.Add(-time.Duration(c.Range)), q.Time, defaultStep
		if c.Step > 0 {
			q.Step = time.Duration(c.Step)
		}
	}
	return q
}

func (c Check) evaluatePromQL(ctx context.Context, env Env, r *Result) error {
	answer, err := env.Query(ctx, c.request(c.PromQL, r.Now))
	if err != nil {
		return err
	}
	r.Warnings = append(r.Warnings, answer.Warnings...)
	if answer.Status != "success" {
		return queryFailure(answer)
	}
	if r.Rows, err = samples(answer.Data); err != nil {
		return err
	}
	r.Body = decoded(answer.Data)
	r.Text = summary(r.Rows, "series", "series")
	return nil
}

func queryFailure(a control.QueryResponse) error {
	if a.Error == "" {
		return fmt.Errorf("the query ended with status %q and no error", a.Status)
	}
	return errors.New(a.Error)
}

// samples reads the data of Prometheus' query API, ordered by labels.
func samples(data json.RawMessage) ([]Row, error) {
	var d struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	var rows []Row
	var err error
	switch d.ResultType {
	case "vector":
		var v model.Vector
		err = json.Unmarshal(d.Result, &v)
		for _, s := range v {
			row := Row{Labels: labelsOf(s.Metric), Value: float64(s.Value)}
			if s.Histogram != nil {
				row = histogram(row, s.Histogram)
			}
			rows = append(rows, row)
		}
	case "matrix":
		var m model.Matrix
		err = json.Unmarshal(d.Result, &m)
		for _, s := range m {
			rows = append(rows, seriesOf(s))
		}
	case "scalar":
		var s model.Scalar
		err = json.Unmarshal(d.Result, &s)
		rows = []Row{{Labels: map[string]string{}, Value: float64(s.Value)}}
	case "string":
		var s model.String
		err = json.Unmarshal(d.Result, &s)
		rows = []Row{{Labels: map[string]string{}, Value: 1, Fields: map[string]any{"text": s.Value}}}
	default:
		return nil, fmt.Errorf("read the answer: results of type %q are not known", d.ResultType)
	}
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	order(rows)
	return rows, nil
}

func labelsOf(m model.Metric) map[string]string {
	labels := make(map[string]string, len(m))
	for name, value := range m {
		labels[string(name)] = string(value)
	}
	return labels
}

// seriesOf is a row whose value is that of the newest point.
func seriesOf(s *model.SampleStream) Row {
	row := Row{Labels: labelsOf(s.Metric)}
	for _, p := range s.Values {
		row.Values = append(row.Values, Point{Time: p.Timestamp.Time().UTC(), Value: float64(p.Value)})
		row.Value = float64(p.Value)
	}
	for _, p := range s.Histograms {
		row = histogram(row, p.Histogram)
		row.Values = append(row.Values, Point{Time: p.Timestamp.Time().UTC(), Value: row.Value})
	}
	return row
}

// histogram gives a row a native histogram's count as its value; the rest is in
// its fields.
func histogram(row Row, h *model.SampleHistogram) Row {
	row.Value = float64(h.Count)
	row.Fields = map[string]any{"count": float64(h.Count), "sum": float64(h.Sum)}
	return row
}

// decoded is JSON as the types that CEL knows, or else its text.
func decoded(text []byte) any {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return string(text)
	}
	return v
}
