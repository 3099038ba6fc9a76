package collector

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"koflab/sim/ledger"
)

func TestSelfMetrics(t *testing.T) {
	l := receiving(t, func(c *Config) {
		c.Logs = ticking{}
		c.Targets = []Target{newFakeTarget("j", 3)}
		c.TelemetryInstance = "10.1.2.3:8888"
	})
	require.NoError(t, l.receiveTraces(oneSpan("x"), overHTTP))
	l.pass(10 * time.Second)
	l.region.answer(http.StatusUnauthorized)
	l.pass(10 * time.Second)
	l.flush()

	target, err := HTTPTarget("http://"+l.Addrs().Telemetry, "app", l.region.Client())
	require.NoError(t, err)
	got, err := scrapeText(t, target)
	require.NoError(t, err)
	logs, traces := l.out(ledger.Logs), l.out(ledger.Traces)
	require.Positive(t, logs.Acknowledged)
	require.Positive(t, logs.Dropped["http_401"])
	series := func(name string, pairs ...string) float64 {
		b := labels.NewBuilder(labels.FromStrings(pairs...))
		b.Set("__name__", name)
		b.Set("job", "app")
		v, ok := got[b.Labels().String()]
		require.True(t, ok, "%s is missing in %v", b.Labels(), got)
		return v
	}
	require.EqualValues(t, logs.Acknowledged, series("otelcol_exporter_sent_log_records_total", "exporter", "otlphttp/logs"))
	require.EqualValues(t, logs.Dropped["http_401"], series("otelcol_exporter_send_failed_log_records_total", "exporter", "otlphttp/logs"))
	require.Zero(t, series("otelcol_exporter_enqueue_failed_log_records_total", "exporter", "otlphttp/logs"))
	require.EqualValues(t, traces.Acknowledged, series("otelcol_exporter_sent_spans_total", "exporter", "otlphttp/traces"))
	require.EqualValues(t, 1000, series("otelcol_exporter_queue_capacity", "data_type", "metrics", "exporter", "prometheusremotewrite"))
	require.Zero(t, series("otelcol_exporter_queue_size", "data_type", "logs", "exporter", "otlphttp/logs-audit"))
	require.EqualValues(t, 1, series("otelcol_receiver_accepted_spans_total", "receiver", "otlp", "transport", "http"))
	require.EqualValues(t, 20, series("otelcol_receiver_accepted_log_records_total", "receiver", "filelog"))
	require.EqualValues(t, l.in(ledger.Metrics).Acknowledged, series("otelcol_receiver_accepted_metric_points_total", "receiver", "prometheus", "transport", "http"))
	require.EqualValues(t, 20, series("otelcol_process_uptime_seconds_total"))

	// It is scraped into the pipeline like any target.
	require.NotEmpty(t, l.region.at(`"up"`, `job="kof-collectors-daemon-collector"`, `cluster="c1"`, `instance="10.1.2.3:8888"`))
	require.NotEmpty(t, l.region.at("otelcol_exporter_queue_size", `exporter="otlphttp/logs"`, `app_kubernetes_io_name="kof-collectors-daemon-collector"`))
}

func TestTelemetryPage(t *testing.T) {
	l := receiving(t, nil)
	resp, err := l.region.Client().Get("http://" + l.Addrs().Telemetry + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "# TYPE otelcol_exporter_queue_size gauge\notelcol_exporter_queue_size{data_type=\"metrics\", exporter=\"prometheusremotewrite\"} 0\n")
	require.Contains(t, string(body), "# TYPE otelcol_process_uptime_seconds_total counter\n")
}
