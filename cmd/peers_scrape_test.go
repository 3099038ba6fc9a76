package cmd_test

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
)

// A real program's /metrics, given by --scrape, is part of a child's metrics:
// up while it answers, and when it has gone, down with its series ended.
func TestScrapeOfARealEndpoint(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector())
	jobs := prometheus.NewCounter(prometheus.CounterOpts{Name: "peer_jobs_total", Help: "Jobs done."})
	registry.MustRegister(jobs)
	jobs.Add(3)
	program := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(program.Close)
	l := startLab(t, "--preset", "minimal", "--speed", "20x", "--scrape", "child-1="+program.URL+"/metrics")

	instance := program.Listener.Addr().String()
	up := fmt.Sprintf(`up{instance=%q}`, instance)
	is := func(expr string, want float64) func() error {
		return func() error {
			if v := l.vector(expr); len(v) != 1 || float64(v[0].Value) != want {
				return fmt.Errorf("%s is %v, want %v", expr, v, want)
			}
			return nil
		}
	}
	l.eventually(30*time.Second, "it is up", is(up, 1))
	v := l.vector("peer_jobs_total")
	require.Len(t, v, 1)
	require.EqualValues(t, 3, v[0].Value)
	require.EqualValues(t, "child-1", v[0].Metric["cluster"])
	require.EqualValues(t, "PLATFORM", v[0].Metric["tenant"])
	require.EqualValues(t, instance, v[0].Metric["instance"])
	require.Positive(t, l.number(fmt.Sprintf("sum(go_goroutines{instance=%q})", instance)))
	require.Positive(t, l.number(fmt.Sprintf("sum(scrape_samples_scraped{instance=%q})", instance)))

	jobs.Add(2)
	l.eventually(30*time.Second, "its counter is read again", is("peer_jobs_total", 5))

	program.Close()
	l.eventually(30*time.Second, "it is down", is(up, 0))
	require.Empty(t, l.vector("peer_jobs_total"), "ended, not looked back for")
}
