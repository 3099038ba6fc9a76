package federation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// Request is a PromQL query over all groups.
type Request struct {
	Expr string
	// Time is the instant of an instant query; the clock's now when zero.
	Time time.Time
	// Start, End and Step make it a range query when Step is set.
	Start, End time.Time
	Step       time.Duration
	// ErrorMode overrides the federator's.
	ErrorMode ErrorMode
	// Semantics is passed to the groups: prometheus or kof; their default when empty.
	Semantics string
	// Timeout shortens the federator's.
	Timeout time.Duration
	// Limit truncates the result to so many series, with a warning; 0 does not.
	Limit int
}

// Response is the answer to a Request, in the terms of Prometheus' API.
type Response struct {
	// Status is success or error.
	Status   string   `json:"status"`
	Data     Data     `json:"data"`
	Warnings []string `json:"warnings,omitempty"`
	Infos    []string `json:"infos,omitempty"`
	Explain  Explain  `json:"explain"`
}

// Data is a result: a promql.Vector, Matrix, Scalar or String.
type Data struct{ Value parser.Value }

func (q *Request) grid(now time.Time) (grid, error) {
	if q.Step == 0 {
		if q.Time.IsZero() {
			q.Time = now
		}
		return instant(timestamp.FromTime(q.Time)), nil
	}
	g := grid{timestamp.FromTime(q.Start), timestamp.FromTime(q.End), q.Step.Milliseconds()}
	switch {
	case g.end < g.start:
		return g, badData("invalid parameter \"end\": end timestamp must not be before start time")
	case g.step <= 0:
		return g, badData("invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer")
	case (g.end-g.start)/g.step > 11_000:
		return g, badData("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")
	}
	return g, nil
}

// Query answers a PromQL query over all groups. The response carries the explain
// record also when there is an error, which is a *QueryError.
func (f *Federator) Query(ctx context.Context, q Request) (Response, error) {
	s, err := f.newSession(metricsSignal, q.ErrorMode)
	if err != nil {
		return Response{Status: "error", Explain: newExplain(q.Expr, nil)}, err
	}
	value, err := f.evaluate(ctx, q, s)
	r := Response{Status: "success", Data: Data{value}, Explain: s.explain(q.Expr)}
	if err != nil {
		r.Status = "error"
		return r, asQueryError(ctx, err)
	}
	if q.Limit > 0 && truncate(&r.Data, q.Limit) {
		s.note([]string{"results truncated due to limit"}, nil)
	}
	r.Warnings, r.Infos = s.annotations()
	return r, nil
}

func (f *Federator) evaluate(ctx context.Context, q Request, s *session) (parser.Value, error) {
	g, err := q.grid(f.options.Clock.Now())
	if err != nil {
		return nil, err
	}
	p, err := newPlan(f.parser, s.members, q.Expr, g, f.options.Disjoint)
	if err != nil {
		return nil, err
	}
	fetchCtx, cancel := f.deadline(ctx, q.Timeout)
	defer cancel()
	source := &queryable{federator: f, session: s, semantics: q.Semantics, parts: p.parts, fetchCtx: fetchCtx}
	if err := source.prefetch(); err != nil {
		return nil, err
	}
	query, err := f.prepare(ctx, source, p.expr, q, g)
	if err != nil {
		return nil, badData("%w", err)
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return nil, result.Err
	}
	warnings, infos := result.Warnings.AsStrings(q.Expr, 0, 0)
	s.note(warnings, infos)
	return copied(result.Value), nil
}

func (f *Federator) prepare(ctx context.Context, source *queryable, expr parser.Expr, q Request, g grid) (promql.Query, error) {
	ticket := f.handover.offer(expr)
	if q.Step == 0 {
		return f.engine.NewInstantQuery(ctx, source, nil, ticket, timestamp.Time(g.start))
	}
	return f.engine.NewRangeQuery(ctx, source, nil, ticket, timestamp.Time(g.start), timestamp.Time(g.end), q.Step)
}

// copied detaches a matrix from the engine, which reuses its points for the next
// query.
func copied(v parser.Value) parser.Value {
	m, ok := v.(promql.Matrix)
	if !ok {
		return v
	}
	detached := make(promql.Matrix, len(m))
	for i, s := range m {
		detached[i] = promql.Series{Metric: s.Metric, Floats: slices.Clone(s.Floats), Histograms: slices.Clone(s.Histograms)}
	}
	return detached
}

func truncate(d *Data, limit int) bool {
	switch v := d.Value.(type) {
	case promql.Vector:
		if len(v) > limit {
			d.Value = v[:limit]
			return true
		}
	case promql.Matrix:
		if len(v) > limit {
			d.Value = v[:limit]
			return true
		}
	}
	return false
}

// asQueryError gives every error its type in Prometheus' API.
func asQueryError(ctx context.Context, err error) error {
	if qe, ok := errors.AsType[*QueryError](err); ok {
		return qe
	}
	_, timedOut := errors.AsType[promql.ErrQueryTimeout](err)
	_, canceled := errors.AsType[promql.ErrQueryCanceled](err)
	switch {
	case timedOut || errors.Is(err, context.DeadlineExceeded):
		return &QueryError{Type: "timeout", Err: err}
	case canceled || ctx.Err() != nil:
		return &QueryError{Type: "canceled", Err: fmt.Errorf("query was canceled: %w", err)}
	}
	return &QueryError{Type: "execution", Err: err}
}
