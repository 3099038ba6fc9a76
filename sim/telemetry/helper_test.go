package telemetry

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"koflab/sim/inventory"
	"koflab/topology"
)

// child returns the generator of a child of the given size.
func child(t testing.TB, w topology.Workload, opts Options) *Generator {
	t.Helper()
	lab := &topology.Lab{Seed: 1, Children: []topology.Child{{Name: "c1", Cloud: "aws", Workload: w}}}
	c, ok := inventory.New(lab).Cluster("", "c1")
	require.True(t, ok)
	return New(c, 0, opts)
}

// drawGenerator draws a cluster of any role and size.
func drawGenerator(t *rapid.T) *Generator {
	w := topology.Workload{
		Nodes:     rapid.IntRange(1, 6).Draw(t, "nodes"),
		Workloads: rapid.IntRange(0, 16).Draw(t, "workloads"),
		Series:    rapid.SampledFrom([]int{0, 0, 1, 700, 4000}).Draw(t, "series"),
	}
	lab := &topology.Lab{
		Seed:           rapid.Int64().Draw(t, "seed"),
		ManagementData: rapid.SampledFrom([]topology.ManagementData{"none", "regionless"}).Draw(t, "data"),
		Management:     topology.Management{Name: "m", Workload: w},
		Regions:        []topology.Region{{Name: "r", Cloud: "azure", Replicas: 2, Workload: w}},
		Children:       []topology.Child{{Name: "c", Cloud: "aws", Workload: w}},
	}
	c, ok := inventory.New(lab).Cluster("", rapid.SampledFrom([]string{"m", "r", "c", "c"}).Draw(t, "cluster"))
	require.True(t, ok)
	return New(c, rapid.Int64Range(0, 3).Draw(t, "run"), Options{})
}

// drawTime draws an instant within two years after the epoch, to the nanosecond.
func drawTime(t *rapid.T, label string) time.Time {
	return inventory.DefaultEpoch.Add(time.Duration(rapid.Int64Range(0, int64(2*365*24*time.Hour)).Draw(t, label)))
}

// sample is a scraped value.
type sample struct {
	labels labels.Labels
	target *Target
	value  float64
}

func (s sample) name() string { return s.labels.Get(model.MetricNameLabel) }

// scrape collects all targets.
func scrape(t require.TestingT, g *Generator, at time.Time) []sample {
	var out []sample
	for _, target := range g.Targets() {
		require.NoError(t, target.Scrape(context.Background(), at, func(ls labels.Labels, v float64) {
			out = append(out, sample{ls, target, v})
		}))
	}
	return out
}

// named selects the samples of a metric.
func named(all []sample, name string) []sample {
	var out []sample
	for _, s := range all {
		if s.name() == name {
			out = append(out, s)
		}
	}
	return out
}

// sumBy adds up the samples of a metric by the values of a label.
func sumBy(all []sample, name, label string) map[string]float64 {
	out := map[string]float64{}
	for _, s := range named(all, name) {
		out[s.labels.Get(label)] += s.value
	}
	return out
}
