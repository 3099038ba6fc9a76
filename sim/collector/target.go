package collector

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Target is one scrape endpoint.
type Target interface {
	// Job and Instance are the target labels of those names.
	Job() string
	Instance() string
	// Interval is the time between scrapes; 0 is the collector's default.
	Interval() time.Duration
	// Scrape emits the target's samples as of at. The labels are complete but for
	// the cluster's external labels, and include the target labels. Series that
	// come in the order of the last scrape, with the same labels value, are
	// cheapest. An error fails the whole scrape: nothing emitted is kept.
	//
	// Targets are scraped one after the other, so a Scrape computes and does not
	// wait; those of HTTPTarget, which do, are scraped beside the others.
	Scrape(ctx context.Context, at time.Time, emit func(labels.Labels, float64)) error
}

// LabelledTarget is a Target with more target labels than job and instance,
// such as node and metrics_path. They go on `up` and the scrape_* series, and
// tell apart targets of one job and instance: the kubelet's /metrics and
// /metrics/cadvisor are both job "kubelet".
type LabelledTarget interface {
	Target
	// Labels are all target labels, job and instance among them.
	Labels() labels.Labels
}

// LogSource is what log files are to filelog: it returns the records of the
// half-open window (from, to], which are the caller's to change. The union over
// any partition of a window is the same.
type LogSource interface {
	Logs(from, to time.Time) plog.Logs
}

// TraceSource returns the spans that ended in (from, to], like LogSource.
type TraceSource interface {
	Traces(from, to time.Time) ptrace.Traces
}

// targetLabels returns the labels a target's own series carry.
func targetLabels(t Target) labels.Labels {
	if l, ok := t.(LabelledTarget); ok {
		return l.Labels()
	}
	return labels.FromStrings("job", t.Job(), "instance", t.Instance())
}
