package federation

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// selfMetrics are the federator's own, under the names of promxy's.
type selfMetrics struct {
	registry  *prometheus.Registry
	durations *prometheus.SummaryVec
	targets   *prometheus.GaugeVec
	reloadOK  prometheus.Gauge
	reloadAt  prometheus.Gauge
}

func newSelfMetrics() *selfMetrics {
	s := &selfMetrics{
		registry: prometheus.NewRegistry(),
		durations: prometheus.NewSummaryVec(prometheus.SummaryOpts{
			Name:       "server_group_request_duration_seconds",
			Help:       "Time a server group took to begin its answer to one request.",
			Objectives: map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.99: 0.001},
		}, []string{"host", "call", "status"}),
		targets: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "server_group_targets",
			Help: "Targets of each server group.",
		}, []string{"server_group"}),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "prometheus_config_last_reload_successful",
			Help: "Whether the last change of the server groups was accepted.",
		}),
		reloadAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "prometheus_config_last_reload_success_timestamp_seconds",
			Help: "Time of the last accepted change of the server groups.",
		}),
	}
	s.registry.MustRegister(s.durations, s.targets, s.reloadOK, s.reloadAt, collectors.NewGoCollector())
	return s
}

func (s *selfMetrics) observe(group, call string, err error, took time.Duration) {
	status := "success"
	if err != nil {
		status = "error"
	}
	s.durations.WithLabelValues(group, call, status).Observe(took.Seconds())
}

func (s *selfMetrics) reloaded(now time.Time, members []*member, err error) {
	if err != nil {
		s.reloadOK.Set(0)
		return
	}
	s.reloadOK.Set(1)
	s.reloadAt.Set(float64(now.UnixMilli()) / 1000)
	s.targets.Reset()
	for _, m := range members {
		s.targets.WithLabelValues(m.Name).Set(1)
	}
}

func (s *selfMetrics) handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
