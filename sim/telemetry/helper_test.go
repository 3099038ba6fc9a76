package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"koflab/sim/inventory"
	"koflab/sim/telemetry/clustertest"
	"koflab/topology"
)

// childSpec is a child of the given size.
func childSpec(seed int64, w topology.Workload) inventory.Spec {
	return inventory.SpecOf(topology.Cluster{Name: "c1", Role: topology.RoleChild, Cloud: "aws", Workload: w}, seed)
}

// child returns the generator of a child of the given size.
func child(w topology.Workload, opts Options) *Generator {
	return New(clustertest.New(childSpec(1, w)).Inventory(), 0, opts)
}

// drawSpec draws a cluster of any role and size.
func drawSpec(t *rapid.T) inventory.Spec {
	c := topology.Cluster{Name: "c", Cloud: "aws", Workload: topology.Workload{
		Nodes:     rapid.IntRange(1, 6).Draw(t, "nodes"),
		Workloads: rapid.IntRange(0, 16).Draw(t, "workloads"),
		Series:    rapid.SampledFrom([]int{0, 0, 1, 700, 4000}).Draw(t, "series"),
	}}
	c.Role = rapid.SampledFrom([]topology.Role{topology.RoleManagement, topology.RoleRegion, topology.RoleChild, topology.RoleChild}).Draw(t, "role")
	return inventory.SpecOf(c, rapid.Int64().Draw(t, "seed"))
}

// drawGenerator draws the generator of a cluster of any role and size.
func drawGenerator(t *rapid.T) *Generator {
	return New(clustertest.New(drawSpec(t)).Inventory(), rapid.Int64Range(0, 3).Draw(t, "run"), Options{})
}

// drawTime draws an instant within two years, but for the first minutes, after the
// epoch, to the nanosecond. In those there is little to compare yet.
func drawTime(t *rapid.T, label string) time.Time {
	return inventory.DefaultEpoch.Add(time.Duration(rapid.Int64Range(int64(5*time.Minute), int64(2*365*24*time.Hour)).Draw(t, label)))
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
