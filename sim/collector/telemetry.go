package collector

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"koflab/sim/ledger"
)

// selfJob is the job of a collector's own metrics in KOF.
const selfJob = "kof-collectors-daemon-collector"

// units are how otelcol's metric names call the records of a signal.
var units = map[ledger.Signal]string{
	ledger.Metrics: "metric_points",
	ledger.Logs:    "log_records",
	ledger.Traces:  "spans",
}

// gauge is one otelcol_* series with where its value comes from.
type gauge struct {
	labels labels.Labels
	value  func() float64
}

// selfMetrics is a collector's own metrics as a target and as a page.
type selfMetrics struct {
	target labels.Labels
	gauges []gauge
}

// Job implements Target.
func (m *selfMetrics) Job() string { return selfJob }

// Instance implements Target.
func (m *selfMetrics) Instance() string { return m.target.Get("instance") }

// Interval implements Target.
func (m *selfMetrics) Interval() time.Duration { return 0 }

// Labels implements LabelledTarget.
func (m *selfMetrics) Labels() labels.Labels { return m.target }

// Scrape implements Target without going over the wire, so that in virtual time
// a scrape happens at its time.
func (m *selfMetrics) Scrape(_ context.Context, _ time.Time, emit func(labels.Labels, float64)) error {
	for _, g := range m.gauges {
		emit(g.labels, g.value())
	}
	return nil
}

// add makes a series of the metric name with label pairs.
func (m *selfMetrics) add(name string, value func() float64, pairs ...string) {
	b := labels.NewBuilder(m.target)
	b.Set(model.MetricNameLabel, name)
	for i := 0; i < len(pairs); i += 2 {
		b.Set(pairs[i], pairs[i+1])
	}
	m.gauges = append(m.gauges, gauge{b.Labels(), value})
}

// withSelf adds the collector's own metrics to the targets, if it serves them.
func (c *Collector) withSelf(targets []Target) []Target {
	if c.self == nil {
		return targets
	}
	return append(targets[:len(targets):len(targets)], c.self)
}

// newSelfMetrics lists the collector's metrics under otelcol's names. They read
// what the ledger is booked from.
func (c *Collector) newSelfMetrics(instance string) *selfMetrics {
	m := &selfMetrics{target: labels.FromStrings(
		"app_kubernetes_io_name", selfJob, "instance", instance, "job", selfJob)}
	for _, e := range c.exporters() {
		unit, data := units[e.signal], string(e.signal)
		m.add("otelcol_exporter_queue_size", func() float64 { return float64(e.size()) }, "exporter", e.name, "data_type", data)
		m.add("otelcol_exporter_queue_capacity", func() float64 { return float64(e.capacity) }, "exporter", e.name, "data_type", data)
		m.add("otelcol_exporter_sent_"+unit+"_total", func() float64 { return float64(e.stats().Sent) }, "exporter", e.name)
		m.add("otelcol_exporter_send_failed_"+unit+"_total", func() float64 { return float64(e.stats().Failed) }, "exporter", e.name)
		m.add("otelcol_exporter_enqueue_failed_"+unit+"_total", func() float64 { return float64(e.stats().Refused) }, "exporter", e.name)
	}
	c.addReceiverMetrics(m)
	if c.metrics != nil {
		m.add("otelcol_exporter_prometheusremotewrite_failed_translations_total", func() float64 { return float64(c.untranslated.Load()) }, "exporter", c.metricsOut.name)
		m.add("otelcol_receiver_accepted_metric_points_total", func() float64 { return float64(c.scraped.Load()) }, "receiver", "prometheus", "transport", "http")
		m.add("otelcol_scraper_scraped_metric_points_total", func() float64 { return float64(c.scraped.Load()) }, "receiver", "prometheus")
		m.add("otelcol_scraper_errored_metric_points_total", func() float64 { return float64(c.scrapeErrors.Load()) }, "receiver", "prometheus")
	}
	if c.logs != nil && c.logSource != nil {
		m.add("otelcol_receiver_accepted_log_records_total", func() float64 { return float64(c.filelog.Load()) }, "receiver", "filelog", "transport", "")
	}
	m.add("otelcol_process_uptime_seconds_total", func() float64 { return c.uptime().Seconds() })
	m.add("otelcol_process_memory_rss_bytes", func() float64 { return float64(c.memory()) })
	m.add("otelcol_process_runtime_heap_alloc_bytes", func() float64 { return float64(c.memory()) })
	return m
}

func (c *Collector) addReceiverMetrics(m *selfMetrics) {
	for _, s := range []struct {
		signal ledger.Signal
		counts *receiverCounts
		on     bool
	}{
		{ledger.Metrics, &c.receivers.metrics, c.metrics != nil},
		{ledger.Logs, &c.receivers.logs, c.logs != nil},
		{ledger.Traces, &c.receivers.traces, c.traces != nil},
	} {
		if !s.on {
			continue
		}
		for via, name := range transports {
			m.add("otelcol_receiver_accepted_"+units[s.signal]+"_total", func() float64 { return float64(s.counts.accepted[via].Load()) }, "receiver", "otlp", "transport", name)
			m.add("otelcol_receiver_refused_"+units[s.signal]+"_total", func() float64 { return float64(s.counts.refused[via].Load()) }, "receiver", "otlp", "transport", name)
		}
	}
}

// baseMemory is what a real collector takes at rest, in bytes; the lab's share
// its process, so their own figure is this and what each of them holds.
const baseMemory = 60 << 20

func (c *Collector) memory() int64 {
	n := int64(baseMemory) + c.seriesBytes.Load()
	for _, e := range c.exporters() {
		n += int64(e.stats().QueueBytes)
	}
	return n
}

// telemetryHandler serves the collector's metrics as text on /metrics.
func (c *Collector) telemetryHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write([]byte(c.self.text())) // a client that left is no concern
	})
	return mux
}

// text renders the metrics, families together, without the target labels that a
// scraper adds.
func (m *selfMetrics) text() string {
	families := map[string][]gauge{}
	var names []string
	for _, g := range m.gauges {
		name := g.labels.Get(model.MetricNameLabel)
		if families[name] == nil {
			names = append(names, name)
		}
		families[name] = append(families[name], g)
	}
	var b strings.Builder
	for _, name := range names {
		kind := "gauge"
		if strings.HasSuffix(name, "_total") {
			kind = "counter"
		}
		b.WriteString("# TYPE " + name + " " + kind + "\n")
		for _, g := range families[name] {
			own := labels.NewBuilder(g.labels).Del(model.MetricNameLabel)
			m.target.Range(func(l labels.Label) { own.Del(l.Name) })
			b.WriteString(name)
			if l := own.Labels(); !l.IsEmpty() {
				b.WriteString(l.String())
			}
			b.WriteByte(' ')
			b.WriteString(strconv.FormatFloat(g.value(), 'g', -1, 64))
			b.WriteByte('\n')
		}
	}
	return b.String()
}
