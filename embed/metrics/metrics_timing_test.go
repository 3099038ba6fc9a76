//go:build !windows

package metrics

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/golang/snappy"
	prompbv1 "github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
)

// load is a scrape of a region's children: counters with nine labels each.
type load struct{ series int }

func (l load) labels(i int) [][2]string {
	return [][2]string{
		{"__name__", fmt.Sprintf("container_cpu_usage_seconds_total_%d", i%50)},
		{"cluster", fmt.Sprintf("child-%d", i%8)},
		{"clusterNamespace", "kcm-system"},
		{"container", "app"},
		{"instance", fmt.Sprintf("10.0.%d.%d:10250", i%64, i/64%250)},
		{"job", "kubelet"},
		{"namespace", fmt.Sprintf("namespace-%d", i%20)},
		{"node", fmt.Sprintf("node-%d", i%64)},
		{"pod", fmt.Sprintf("deployment-%d-7d9f8c6b5-%05d", i%100, i)},
	}
}

// value grows by 15 to 30 a step, unevenly, as the counters of busy programs do.
func (l load) value(i, step int) float64 {
	return float64(step*20+(i*7919+step*104729)%13) * 0.25
}

func (l load) v1(at time.Time, step int) []byte {
	req := &prompbv1.WriteRequest{}
	for i := range l.series {
		ts := prompbv1.TimeSeries{Samples: []prompbv1.Sample{{Timestamp: at.UnixMilli(), Value: l.value(i, step)}}}
		for _, p := range l.labels(i) {
			ts.Labels = append(ts.Labels, prompbv1.Label{Name: p[0], Value: p[1]})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	return snappy.Encode(nil, marshal(req))
}

func (l load) v2(at time.Time, step int) []byte {
	table := writev2.NewSymbolTable()
	req := &writev2.Request{}
	for i := range l.series {
		ts := writev2.TimeSeries{Samples: []writev2.Sample{{Timestamp: at.UnixMilli(), Value: l.value(i, step)}}}
		for _, p := range l.labels(i) {
			ts.LabelsRefs = append(ts.LabelsRefs, table.Symbolize(p[0]), table.Symbolize(p[1]))
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	req.Symbols = table.Symbols()
	return snappy.Encode(nil, marshal(req))
}

// cpu is what the process has used so far, in seconds.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// BenchmarkRemoteWriteIngest sends scrapes of 5 000 known series through the
// handler: decompress, decode, check, store and merge. B/sample is what they
// take on disk after the close, index included.
func BenchmarkRemoteWriteIngest(b *testing.B) {
	const series = 5000
	l := load{series: series}
	for name, encode := range map[string]func(time.Time, int) []byte{"v1": l.v1, "v2": l.v2} {
		contentType := map[string]string{"v1": typeV1, "v2": typeV2}[name]
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			s := open(b, Options{Dir: dir})
			h := s.InsertHandler()
			const scrapes = 64 // encoded beforehand and replayed with fresh timestamps by rounds
			bodies := make([][]byte, scrapes)
			start := noon.Add(-24 * time.Hour)
			used := 0.0
			n := 0
			for b.Loop() {
				if n%scrapes == 0 {
					b.StopTimer()
					for i := range bodies {
						bodies[i] = encode(start.Add(time.Duration(n+i)*time.Second), n+i)
					}
					b.StartTimer()
				}
				before := cpu()
				w := post(h, writePath, bodies[n%scrapes], "Content-Type", contentType)
				used += cpu() - before
				if w.Code != http.StatusNoContent {
					b.Fatal(w.Body.String())
				}
				n++
			}
			before := cpu()
			require.NoError(b, s.Close())
			used += cpu() - before
			b.ReportMetric(float64(n*series)/used, "samples/cpu-s")
			s = open(b, Options{Dir: dir})
			b.ReportMetric(float64(s.Stats().DiskBytes)/float64(n*series), "B/sample")
		})
	}
}

// BenchmarkNewSeries registers series that were never seen, which is what costs.
func BenchmarkNewSeries(b *testing.B) {
	s := open(b, Options{})
	h := s.InsertHandler()
	const batch = 1000
	n, used := 0, 0.0
	for b.Loop() {
		b.StopTimer()
		var points []point
		for i := range batch {
			points = append(points, at(noon, 1, "__name__", "m", "pod", fmt.Sprint(n+i), "cluster", "c", "namespace", "ns", "job", "j"))
		}
		body := snappy.Encode(nil, encodeV1(points...))
		b.StartTimer()
		before := cpu()
		post(h, writePath, body, "Content-Type", typeV1)
		used += cpu() - before
		n += batch
	}
	b.ReportMetric(float64(n)/used, "series/cpu-s")
}

// BenchmarkQuery evaluates sum by (cluster)(rate(x[5m])) over an hour of data.
func BenchmarkQuery(b *testing.B) {
	for _, series := range []int{1000, 10_000} {
		s := open(b, Options{})
		l := load{series: series}
		for i := range 121 {
			at := noon.Add(time.Duration(i-120) * 30 * time.Second)
			w := post(s.InsertHandler(), writePath, l.v1(at, i), "Content-Type", typeV1)
			require.Equal(b, http.StatusNoContent, w.Code)
		}
		const query = `sum by (cluster) (rate({__name__=~"container_cpu_usage_seconds_total_.+"}[5m]))`
		for _, semantics := range []string{SemanticsPrometheus, SemanticsKOF} {
			run := func(kind, path string, args ...string) {
				b.Run(fmt.Sprintf("%s/%s/%d", semantics, kind, series), func(b *testing.B) {
					for b.Loop() {
						w := get(s, path, append(args, "query", query, "semantics", semantics)...)
						if w.Code != http.StatusOK {
							b.Fatal(w.Body.String())
						}
					}
				})
			}
			run("instant", "/query")
			run("range", "/query_range", "start", formatSeconds(noon.Add(-time.Hour)), "end", formatSeconds(noon), "step", "60")
		}
		require.NoError(b, s.Close())
	}
}

// BenchmarkHTTP is an instant query over a socket, the floor of every answer.
func BenchmarkHTTP(b *testing.B) {
	s := sampleStore(b, Options{})
	srv := httptest.NewServer(s.SelectHandler())
	defer srv.Close()
	url := srv.URL + apiPath + "/query?query=ratio"
	for b.Loop() {
		resp, err := http.Get(url)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
}
