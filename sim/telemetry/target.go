package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// Target is one scrape endpoint of the cluster. It is safe for concurrent use.
type Target struct {
	gen           *Generator
	job, instance string
	interval      time.Duration
	labels        labels.Labels
	own           []labels.Label
	series        []series
	self          int32 // the instance that serves it; meaningful for applications only
}

// Job is the value of the job label.
func (t *Target) Job() string { return t.job }

// Instance is the value of the instance label, host:port.
func (t *Target) Instance() string { return t.instance }

// Interval is the scrape interval KOF sets for the job; 0 means the collector's
// default.
func (t *Target) Interval() time.Duration { return t.interval }

// TargetLabels are the target's own labels, job and instance among them: the labels of
// up and the other series that a scrape itself makes. Two targets may share job
// and instance (the kubelet's endpoints differ in metrics_path only), never all of
// these.
func (t *Target) TargetLabels() labels.Labels { return t.labels }

// Len is the number of series.
func (t *Target) Len() int { return len(t.series) }

// Scrape emits all series with their values at the given time. The labels of a
// series are the same value on every call. It stops early only when ctx is done.
func (t *Target) Scrape(ctx context.Context, at time.Time, emit func(labels.Labels, float64)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := t.gen.moment(at.UnixNano())
	for i := range t.series {
		s := &t.series[i]
		emit(s.labels, s.value(m))
	}
	t.gen.release(m)
	return nil
}
