package collector

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"koflab/sim/clock"
)

// wideTarget is a target with labels as cadvisor's.
func wideTarget(n int) *fakeTarget {
	f := &fakeTarget{job: "kubelet"}
	for i := range n {
		f.series = append(f.series, labels.FromStrings(
			"__name__", "container_cpu_usage_seconds_total", "container", "app", "cpu", "total",
			"endpoint", "https-metrics", "id", fmt.Sprintf("/kubepods/burstable/pod%d", i),
			"image", "registry.example.com/shop/app:1.2.3", "instance", "node:1", "job", "kubelet",
			"metrics_path", "/metrics/cadvisor", "name", fmt.Sprintf("%032x", i), "namespace", "shop",
			"node", "node-1", "pod", fmt.Sprintf("app-6d4b75cb6d-%05d", i)))
	}
	return f
}

// BenchmarkScrapeToWire measures samples from a known target's Scrape to the
// compressed request in the sending queue, and in /http over a real socket.
func BenchmarkScrapeToWire(b *testing.B) {
	for _, version := range []RemoteWriteVersion{RemoteWriteV1, RemoteWriteV2} {
		b.Run(fmt.Sprintf("v%d", version), func(b *testing.B) {
			target := wideTarget(1000)
			s := newScraper(targetLabels(target), newExternalLabels("cluster", "c1", "clusterNamespace", "kcm-system"), time.Second, new(atomic.Int64))
			bytes := 0
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r := s.scrape(b.Context(), target, epoch.Add(time.Duration(i)*time.Second))
				bytes = len(encodeWrite(version, r.points))
				s.free()
			}
			n := len(target.series) + len(reportNames)
			reportSamples(b, n)
			b.ReportMetric(float64(bytes)/float64(n), "B/sample")
		})
	}
	b.Run("http", func(b *testing.B) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
		defer server.Close()
		v := clock.NewVirtual(epoch)
		target := wideTarget(1000)
		c, err := New(Config{ID: "c1", To: "r1", Cluster: "c1", ClusterNamespace: "kcm-system", Clock: v,
			Metrics: Endpoint{URL: server.URL}, Targets: []Target{target}, Client: server.Client()})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Start(b.Context()); err != nil {
			b.Fatal(err)
		}
		defer c.Kill()
		b.ReportAllocs()
		for b.Loop() {
			v.Advance(30 * time.Second)
			if err := c.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		reportSamples(b, len(target.series)+len(reportNames))
	})
}

func reportSamples(b *testing.B, each int) {
	b.ReportMetric(float64(each)*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}

// BenchmarkBackfill measures samples of past scrapes, sent by series.
func BenchmarkBackfill(b *testing.B) {
	target := wideTarget(1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer server.Close()
	for b.Loop() {
		c, err := New(Config{ID: "c1", To: "r1", Cluster: "c1", Clock: clock.NewVirtual(epoch),
			Metrics: Endpoint{URL: server.URL}, Targets: []Target{target}, Client: server.Client()})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Backfill(b.Context(), epoch.Add(-time.Hour), epoch, 0, nil); err != nil {
			b.Fatal(err)
		}
		c.Kill()
	}
	reportSamples(b, 120*(len(target.series)+len(reportNames)))
}

// BenchmarkIdle measures what a collector with 500 series, sockets and empty
// queues takes when nothing happens.
func BenchmarkIdle(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer server.Close()
	target := wideTarget(500)
	for b.Loop() {
		const n = 100
		var before, after runtime.MemStats
		v := clock.NewVirtual(epoch)
		collectors := make([]*Collector, n)
		runtime.GC()
		runtime.ReadMemStats(&before)
		goroutines := runtime.NumGoroutine()
		var series int64
		for i := range collectors {
			c, err := New(Config{ID: fmt.Sprint("c", i), To: "r1", Cluster: "c1", Clock: v,
				Metrics: Endpoint{URL: server.URL}, LogsOut: Endpoint{URL: server.URL}, TracesOut: Endpoint{URL: server.URL},
				OTLPGRPCAddr: "127.0.0.1:0", OTLPHTTPAddr: "127.0.0.1:0", TelemetryAddr: "127.0.0.1:0",
				StorageDir: b.TempDir(), Targets: []Target{target}, Client: server.Client()})
			if err != nil {
				b.Fatal(err)
			}
			if err := c.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			if err := c.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			collectors[i] = c
			series += c.Stats().SeriesBytes
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		used := after.HeapAlloc + after.StackInuse - before.HeapAlloc - before.StackInuse
		b.ReportMetric(float64(used)/n/1024, "KiB/collector")
		b.ReportMetric(float64(series)/n/1024, "KiB-series/collector")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/n, "goroutines/collector")
		for _, c := range collectors {
			c.Kill()
		}
	}
}
