package lab

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"koflab/sim/collector"
	"koflab/sim/fault"
)

// madeTarget is a scrape target that a fault adds. What it exposes follows from the
// lab's seed and the time.
type madeTarget struct {
	name, instance string
	cluster        string // the label that names clusters
	seed           uint64
	since          time.Time
	series         int
	values         fault.Values

	mu     sync.Mutex
	number int64           // of the generation that cached is of
	cached []labels.Labels // so that they are the same value at each scrape
}

// Job implements collector.Target.
func (t *madeTarget) Job() string { return t.name }

// Instance implements collector.Target.
func (t *madeTarget) Instance() string { return t.instance }

// Interval implements collector.Target: the collector's.
func (t *madeTarget) Interval() time.Duration { return 0 }

// Scrape implements collector.Target. All series are counters that grow by one a
// second.
func (t *madeTarget) Scrape(ctx context.Context, at time.Time, emit func(labels.Labels, float64)) error {
	v := max(0, at.Sub(t.since).Truncate(time.Second).Seconds())
	for _, l := range t.labels(at) {
		emit(l, v)
	}
	return ctx.Err()
}

func (t *madeTarget) labels(at time.Time) []labels.Labels {
	t.mu.Lock()
	defer t.mu.Unlock()
	var number int64
	if t.name == "churn-storm" {
		number = int64(at.Sub(t.since) / t.values.Duration("every"))
	}
	if t.cached == nil || number != t.number {
		t.number, t.cached = number, t.expose(number)
	}
	return t.cached
}

// expose makes the labels of a generation of series.
func (t *madeTarget) expose(number int64) []labels.Labels {
	var out []labels.Labels
	b := labels.NewBuilder(labels.EmptyLabels())
	add := func(metric string, with ...string) {
		b.Reset(labels.EmptyLabels())
		b.Set("job", t.name)
		b.Set("instance", t.instance)
		b.Set(labels.MetricName, metric)
		for i := 0; i < len(with); i += 2 {
			b.Set(with[i], with[i+1])
		}
		out = append(out, b.Labels())
	}
	switch t.name {
	case "cardinality-explosion":
		for i := range t.series {
			add("koflab_exploded_requests_total", t.values["label"], t.id(int64(i)))
		}
	case "churn-storm":
		for i := range t.series {
			add("koflab_churned_requests_total", "pod", fmt.Sprintf("churn-%d-%s", i, t.id(number)))
		}
	default:
		own := []string{"exported_job", "own-job", "exported_instance", "own-instance:80"}
		if t.values["honor"] == "true" {
			own = []string{"job", "own-job", "instance", "own-instance:80"}
		}
		add("koflab_collided_requests_total", append(own, t.cluster, t.values["cluster"])...)
	}
	return out
}

// id is a name that looks random and follows from the seed.
func (t *madeTarget) id(n int64) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d", t.seed, t.instance, n)
	return fmt.Sprintf("%016x", h.Sum64())
}

// secondScrape is a target under another job.
type secondScrape struct {
	collector.Target
	job string

	mu sync.Mutex
	// from and to are the labels in the order of the last scrape, before and after.
	from, to []labels.Labels
}

// Job implements collector.Target.
func (t *secondScrape) Job() string { return t.job }

// Scrape implements collector.Target.
func (t *secondScrape) Scrape(ctx context.Context, at time.Time, emit func(labels.Labels, float64)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	return t.Target.Scrape(ctx, at, func(l labels.Labels, v float64) {
		if n == len(t.from) {
			t.from, t.to = append(t.from, labels.EmptyLabels()), append(t.to, labels.EmptyLabels())
		}
		if !labels.Equal(t.from[n], l) {
			b := labels.NewBuilder(l)
			b.Set("job", t.job)
			t.from[n], t.to[n] = l, b.Labels()
		}
		emit(t.to[n], v)
		n++
	})
}
