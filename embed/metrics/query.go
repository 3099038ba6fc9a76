package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/stats"
)

// serveQuery evaluates at one instant, the clock's now by default.
func serveQuery(rd *request) (answer, *apiError) {
	at := rd.time("time", rd.opts.Clock.Now())
	return rd.evaluate(at, at, 0)
}

// serveQueryRange evaluates at every step from start to end.
func serveQueryRange(rd *request) (answer, *apiError) {
	start, end := rd.mustTime("start"), rd.mustTime("end")
	if rd.err == nil && end.Before(start) {
		rd.fail("end", errors.New("end timestamp must not be before start time"))
	}
	step, err := parseDuration(rd.r.FormValue("step"))
	switch {
	case err != nil:
		rd.fail("step", err)
	case step <= 0:
		rd.fail("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	case rd.err == nil && int64(end.Sub(start)/step) > int64(rd.opts.MaxPointsPerSeries):
		rd.err = badData(fmt.Errorf("exceeded maximum resolution of %s points per timeseries. Try decreasing the query resolution (?step=XX)", thousands(rd.opts.MaxPointsPerSeries)))
	}
	return rd.evaluate(start, end, step)
}

// evaluate reads the arguments both kinds of query share and runs one: with a
// step of 0 that of the instant start.
func (rd *request) evaluate(start, end time.Time, step time.Duration) (answer, *apiError) {
	limit := rd.limit()
	lookback, _ := rd.duration("lookback_delta")
	timeout, timed := rd.duration("timeout")
	if rd.err != nil {
		return answer{}, rd.err
	}
	ctx := rd.r.Context()
	if timed {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	expr, level := rd.r.FormValue("query"), rd.r.FormValue("stats")
	q, err := rd.newQuery(ctx, promql.NewPrometheusQueryOpts(level == "all", lookback), expr, start, end, step)
	if err != nil {
		return answer{}, badData(fmt.Errorf("invalid parameter %q: %w", "query", err))
	}
	// The result's memory belongs to the query: it is encoded before the close.
	rd.onDone(q.Close)
	res := q.Exec(ctx)
	if res.Err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, ErrClosed) {
			return answer{}, classify(cause)
		}
		return answer{}, classify(res.Err)
	}
	a := answer{query: expr, annotations: res.Warnings}
	data := queryData{Type: res.Value.Type(), Result: res.Value}
	if limit > 0 && truncate(&data.Result, limit) {
		a.annotations.Add(errTruncated)
	}
	if level != "" {
		data.Stats = stats.NewQueryStats(q.Stats())
	}
	a.data = data
	return a, nil
}

func (rd *request) newQuery(ctx context.Context, opts promql.QueryOpts, expr string, start, end time.Time, step time.Duration) (promql.Query, error) {
	if err := rd.checkSubqueries(expr, start, end, step); err != nil {
		return nil, err
	}
	if step == 0 {
		return rd.engine.NewInstantQuery(ctx, rd.view, opts, expr, start)
	}
	return rd.engine.NewRangeQuery(ctx, rd.view, opts, expr, start, end, step)
}

var errTruncated = errors.New("results truncated due to limit")

// truncate keeps the first limit series of a result.
func truncate(v *parser.Value, limit int) bool {
	switch r := (*v).(type) {
	case promql.Vector:
		if len(r) > limit {
			*v = r[:limit]
			return true
		}
	case promql.Matrix:
		if len(r) > limit {
			*v = r[:limit]
			return true
		}
	}
	return false
}

// thousands writes 11000 as 11,000, as Prometheus' message has it.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// millis is a time's Unix milliseconds, held within what fits.
func millis(t time.Time) int64 {
	switch {
	case t.Before(minTime):
		return math.MinInt64
	case t.After(maxTime):
		return math.MaxInt64
	}
	return t.UnixMilli()
}
