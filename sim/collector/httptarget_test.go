package collector

import (
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
)

// serve returns a target of a server with this handler.
func serve(t *testing.T, h http.HandlerFunc) Target {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	target, err := HTTPTarget(s.URL+"/metrics", "app", s.Client())
	require.NoError(t, err)
	return target
}

func scrapeText(t *testing.T, target Target) (map[string]float64, error) {
	out := map[string]float64{}
	err := target.Scrape(t.Context(), epoch, func(l labels.Labels, v float64) {
		b := labels.NewBuilder(l)
		b.Del("instance")
		out[b.Labels().String()] = v
	})
	return out, err
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write([]byte(body))
	}
}

func TestHTTPTarget(t *testing.T) {
	got, err := scrapeText(t, serve(t, text(`# HELP a_total help
# TYPE a_total counter
a_total{code="200"} 3
h_bucket{le="+Inf"} 2
mine{job="exposed",exported_job="other",instance="i"} 1
`)))
	require.NoError(t, err)
	require.Equal(t, map[string]float64{
		`{__name__="a_total", code="200", job="app"}`:                                                                3,
		`{__name__="h_bucket", job="app", le="+Inf"}`:                                                                2,
		`{__name__="mine", exported_exported_job="exposed", exported_instance="i", exported_job="other", job="app"}`: 1,
	}, got)
}

func TestHTTPTargetOfClientLibrary(t *testing.T) {
	r := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "orders_total", Help: "Orders."})
	r.MustRegister(c)
	c.Add(7)
	for _, open := range []bool{false, true} {
		got, err := scrapeText(t, serve(t, promhttp.HandlerFor(r, promhttp.HandlerOpts{EnableOpenMetrics: open}).ServeHTTP))
		require.NoError(t, err)
		require.Equal(t, map[string]float64{`{__name__="orders_total", job="app"}`: 7}, got)
	}
}

func TestHTTPTargetErrors(t *testing.T) {
	f := func(h http.HandlerFunc, want string) {
		t.Helper()
		_, err := scrapeText(t, serve(t, h))
		require.ErrorContains(t, err, want)
	}
	f(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "server returned HTTP status 503 Service Unavailable")
	f(text("a{ 1\n"), "expected label name")
	f(text("a{b=\"c\"} x\n"), "x")
	f(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/metrics", http.StatusFound) }, "more than 5 redirects")
	f(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte("not gzip"))
	}, "gzip")
	f(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		line := []byte(strings.Repeat("#", 1<<20))
		for range maxScrapeBody>>20 + 1 {
			_, _ = z.Write(line)
		}
		z.Close()
	}, "body exceeds")
	f(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited")
	}, "protobuf")
}

func TestHTTPTargetTimeout(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := target.Scrape(ctx, epoch, func(labels.Labels, float64) {})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestHTTPTargetAddresses(t *testing.T) {
	f := func(address, instance, want string) {
		t.Helper()
		target, err := HTTPTarget(address, "j", nil)
		if want != "" {
			require.ErrorContains(t, err, want)
			return
		}
		require.NoError(t, err)
		require.Equal(t, instance, target.Instance())
	}
	f("http://host:9100/metrics", "host:9100", "")
	f("http://host", "host:80", "")
	f("https://host/x", "host:443", "")
	f("host:9100", "", `scrape target "host:9100"`)
	f("http://%zz", "", "invalid URL escape")
}

// A slow endpoint holds up nobody else, and misses its own slots.
func TestSlowTargetBesideOthers(t *testing.T) {
	release := make(chan struct{})
	slow := serve(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		text("late 1 1767225600000\nlate2 2\n")(w, r)
	})
	quick := newFakeTarget("quick", 1)
	l := newLab(t, func(c *Config) { c.Targets = []Target{slow, quick} })
	require.NoError(t, l.Start(t.Context()))
	for n := range 3 {
		require.Eventually(t, func() bool {
			l.clock.Advance(time.Second)
			return len(l.region.at(`job="quick"`, `"m"`)) > n
		}, 10*time.Second, time.Millisecond)
	}
	require.Empty(t, l.region.at("late"))
	close(release)
	l.settle()
	l.flush()
	require.Len(t, l.region.at(`"up"`, `job="app"`), 1)
	require.Equal(t, []string{"0s=1s"}, l.region.at(`"late"`), "the endpoint's own timestamp")
}

func FuzzScrapeText(f *testing.F) {
	f.Add([]byte("a 1\n"), "text/plain")
	f.Add([]byte("# TYPE a counter\na_total{b=\"c\"} 1 1.5 # {x=\"y\"} 2\n# EOF\n"), "application/openmetrics-text; version=1.0.0")
	f.Add([]byte("{\"a.b\",job=\"x\"} NaN\n"), "")
	external := newExternalLabels("cluster", "c1")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		_ = parseMetrics(body, contentType, "j", "i", 1, func(l labels.Labels, v float64, at int64) {
			if l.Get("job") != "j" || l.Get("instance") != "i" {
				t.Fatalf("target labels are missing: %s", l)
			}
			raw := appendWriteV1(nil, []point{{series: &series{encoded: external.encode(l)}, t: at, v: v}})
			if len(raw) == 0 {
				t.Fatal("nothing encoded")
			}
		})
	})
}
