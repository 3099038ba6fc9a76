package collector

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/prometheus/prometheus/model/labels"

	"koflab/sim/ledger"
)

// Samples calls f for each sample of a range that is or may be at the far side.
func (o *Offers) Samples(ctx context.Context, r Range, f func(Sample, Standing)) error {
	from, until := r.From.UnixMilli(), r.Until.UnixMilli()
	return o.each(ctx, ledger.Metrics, r, func(fl *flow, i int, t *take, x *finder) error {
		points := t.points
		if points == nil {
			p := o.replayOf(fl, t.job)
			defer p.scraper.free()
			var err error
			if points, err = p.to(ctx, i); err != nil {
				return err
			}
		}
		if int64(len(points)) != t.count[toMain] {
			o.problem(fmt.Sprintf("%s at %s: %d samples were offered, made again there are %d", t.name(), stamp(t.at), t.count[toMain], len(points)))
		}
		for k, p := range points {
			if p.t < from || p.t >= until {
				continue
			}
			if s, ok := x.standing(toMain, t.first[toMain]+int64(k)); ok {
				f(Sample{Series: Series{p.series}, Time: p.t, Value: p.v, Histogram: p.histogram != nil}, s)
			}
		}
		return nil
	})
}

// name tells whose scrape it was.
func (t *take) name() string {
	if t.job == nil || t.job.own.IsEmpty() {
		return "a target"
	}
	return t.job.own.String()
}

func stamp(nanos int64) string { return time.Unix(0, nanos).UTC().Format(time.RFC3339Nano) }

// Logs calls f for each log record of a range that is or may be at the far side; audit
// says that it goes to the store of audit records.
func (o *Offers) Logs(ctx context.Context, r Range, f func(rec LogRecord, audit bool, s Standing)) error {
	return o.each(ctx, ledger.Logs, r, func(fl *flow, _ int, t *take, x *finder) error {
		l, err := t.logs(fl)
		if err != nil {
			return err
		}
		n := t.first
		eachLog(l, func(rec LogRecord) {
			place := fl.place(rec)
			if r.holds(rec.Time()) {
				if s, ok := x.standing(place, n[place]); ok {
					f(rec, place == toAudit, s)
				}
			}
			n[place]++
		})
		o.compare(t, n)
		return nil
	})
}

// Spans calls f for each span of a range that is or may be at the far side.
func (o *Offers) Spans(ctx context.Context, r Range, f func(Span, Standing)) error {
	return o.each(ctx, ledger.Traces, r, func(fl *flow, _ int, t *take, x *finder) error {
		spans, err := t.traces(fl)
		if err != nil {
			return err
		}
		n := t.first
		eachSpan(spans, func(s Span) {
			if r.holds(s.Time()) {
				if st, ok := x.standing(toMain, n[toMain]); ok {
					f(s, st)
				}
			}
			n[toMain]++
		})
		o.compare(t, n)
		return nil
	})
}

func (r Range) holds(t time.Time) bool { return !t.Before(r.From) && t.Before(r.Until) }

// compare tells of a window that has not as many records as it had.
func (o *Offers) compare(t *take, end [2]int64) {
	for place, n := range end {
		if n -= t.first[place]; n != t.count[place] {
			o.problem(fmt.Sprintf("records of %s to %s: %d were offered, made again there are %d", stamp(t.at), stamp(t.to), t.count[place], n))
		}
	}
}

// logs makes the records of a take again.
func (t *take) logs(f *flow) (plog.Logs, error) {
	if t.records != nil {
		request := plogotlp.NewExportRequest()
		err := request.UnmarshalProto(t.records)
		return request.Logs(), err
	}
	source, err := f.sources[t.source].(func() (LogSource, error))()
	if err != nil {
		return plog.Logs{}, err
	}
	l := skewLogs(source.Logs(time.Unix(0, t.at).UTC(), time.Unix(0, t.to).UTC()), time.Duration(t.skew))
	decorateLogs(l, f.life.cfg)
	return l, nil
}

func (t *take) traces(f *flow) (ptrace.Traces, error) {
	if t.records != nil {
		request := ptraceotlp.NewExportRequest()
		err := request.UnmarshalProto(t.records)
		return request.Traces(), err
	}
	source, err := f.sources[t.source].(func() (TraceSource, error))()
	if err != nil {
		return ptrace.Traces{}, err
	}
	return skewTraces(source.Traces(time.Unix(0, t.at).UTC(), time.Unix(0, t.to).UTC()), time.Duration(t.skew)), nil
}

// replay is a scraper that repeats what another has done.
type replay struct {
	flow    *flow
	notes   *jobNotes
	takes   []int // the job's, in the flow
	next    int   // of takes
	scraper *scraper
	skew    skew
	bytes   atomic.Int64
	target  Target
	of      int // which target that is
}

func (o *Offers) replayOf(f *flow, n *jobNotes) *replay {
	p := o.replays[n]
	if p == nil {
		if o.jobs[f] == nil {
			o.jobs[f] = map[*jobNotes][]int{}
			for i := range f.takes {
				if j := f.takes[i].job; j != nil {
					o.jobs[f][j] = append(o.jobs[f][j], i)
				}
			}
		}
		p = &replay{flow: f, notes: n, takes: o.jobs[f][n]}
		p.restart()
		o.replays[n] = p
	}
	return p
}

func (p *replay) restart() {
	p.scraper = newScraper(p.notes.own, newExternalLabels(
		p.flow.life.cfg.ClusterLabel, p.flow.life.cfg.Cluster, p.flow.life.cfg.ClusterNamespaceLabel, p.flow.life.cfg.ClusterNamespace,
	), 0, &p.bytes)
	p.scraper.skew = &p.skew
	p.next, p.of = 0, jobEnd
}

// to repeats the scrapes up to that of the flow's take i, and returns its points,
// which are valid until the scraper's next.
func (p *replay) to(ctx context.Context, i int) ([]point, error) {
	if p.next > 0 && p.takes[p.next-1] >= i {
		p.restart()
	}
	for {
		k := p.takes[p.next]
		p.next++
		points, err := p.do(ctx, &p.flow.takes[k])
		if err != nil {
			return nil, err
		}
		if k == i {
			return points, nil
		}
		p.scraper.free()
	}
}

var errScrapeFailed = errors.New("the scrape failed")

// failed is a target whose scrape fails at the end.
type failed struct{ Target }

func (f failed) Scrape(ctx context.Context, at time.Time, emit func(labels.Labels, float64)) error {
	return errors.Join(f.Target.Scrape(ctx, at, emit), errScrapeFailed)
}

func (p *replay) do(ctx context.Context, t *take) ([]point, error) {
	at := time.Unix(0, t.at).UTC()
	if t.target == jobEnd {
		return p.scraper.end(at), nil
	}
	if p.of != t.target {
		target, err := p.notes.again(t.target)
		if err != nil {
			return nil, err
		}
		p.target, p.of = target, t.target
	}
	p.skew.by.Store(t.skew)
	target := p.target
	if t.origin.failed {
		target = failed{target}
	}
	return p.scraper.scrape(ctx, target, at).points, ctx.Err()
}
