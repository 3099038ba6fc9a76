package telemetry

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"koflab/sim/inventory"
	"koflab/sim/telemetry/clustertest"
	"koflab/topology"
)

var benchStart = inventory.DefaultEpoch.Add(200 * 24 * time.Hour)

func BenchmarkScrape(b *testing.B) {
	g := child(topology.Workload{Nodes: 3, Workloads: 8}, Options{})
	ctx := context.Background()
	var sum float64
	emit := func(_ labels.Labels, v float64) { sum += v }
	samples, at := 0, benchStart
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(15 * time.Second)
		for _, t := range g.Targets() {
			if err := t.Scrape(ctx, at, emit); err != nil {
				b.Fatal(err)
			}
			samples += t.Len()
		}
	}
	b.ReportMetric(float64(samples)/b.Elapsed().Seconds(), "samples/s")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkLogs(b *testing.B) {
	logs, traces := 1000.0, 100.0
	g := child(topology.Workload{Nodes: 3, Workloads: 8}, Options{LogRate: &logs, TraceRate: &traces})
	n, at := 0, benchStart
	b.ReportAllocs()
	for b.Loop() {
		n += g.Logs(at, at.Add(time.Second)).LogRecordCount()
		at = at.Add(time.Second)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkTraces(b *testing.B) {
	traces := 100.0
	g := child(topology.Workload{Nodes: 3, Workloads: 8}, Options{TraceRate: &traces})
	n, at := 0, benchStart
	b.ReportAllocs()
	for b.Loop() {
		n += g.Traces(at, at.Add(time.Second)).SpanCount()
		at = at.Add(time.Second)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "spans/s")
}

// wideLab is n small children with 500 series each.
func wideLab(n int) []*clustertest.Cluster {
	var lab []*clustertest.Cluster
	for i := range n {
		c := topology.Cluster{
			Name: fmt.Sprintf("child-%03d", i), Role: topology.RoleChild, Workload: topology.Workload{Nodes: 1, Workloads: 1, Series: 500},
		}
		lab = append(lab, clustertest.New(inventory.SpecOf(c, 1)))
	}
	return lab
}

// held builds a lab's generators and returns the heap that they and their
// inventories hold.
func held(lab []*clustertest.Cluster) (bytes uint64, series int) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var all []*Generator
	for _, c := range lab {
		g := New(c.Inventory(), 0, Options{})
		series += g.Series()
		all = append(all, g)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(all)
	return after.HeapAlloc - before.HeapAlloc, series
}

// TestWideLabIsLight: 500 children with 500 series each hold less than 150 MB.
func TestWideLabIsLight(t *testing.T) {
	bytes, series := held(wideLab(100))
	require.GreaterOrEqual(t, series, 100*500)
	require.Less(t, 5*bytes, uint64(150<<20), "%d bytes per series", int(bytes)/series)
}

func BenchmarkWideLab(b *testing.B) {
	var bytes uint64
	var series int
	lab := wideLab(500)
	for b.Loop() {
		bytes, series = held(lab)
	}
	b.ReportMetric(float64(bytes)/(1<<20), "MiB")
	b.ReportMetric(float64(bytes)/float64(series), "B/series")
}
