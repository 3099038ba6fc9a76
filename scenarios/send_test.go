package scenarios

import (
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// sendOf reads the send of a step.
func sendOf(t *testing.T, text string) *Send {
	t.Helper()
	s, err := parseText(header + "steps:\n  - send:\n" + text)
	require.NoError(t, err)
	return s.Steps[0].Send
}

func requests(t *testing.T, s *Send) Requests {
	t.Helper()
	r, err := s.Requests(1, 0, DefaultStart)
	require.NoError(t, err)
	return r
}

const sendLogs = `
      to: region-1
      logs:
        - {body: 'line {n}', count: 3, every: 1s, at: -1m, severity: WARN, service: shop, traceID: 0af7651916cd43dd8448eb211c8031ff,
           attributes: {code: 200, 'k{n}': ['v{n}', true]}, resource: {k8s.namespace.name: prod}}
        - {body: audit, attributes: {log_type: k8s_audit}}
`

func TestSendLogs(t *testing.T) {
	r := requests(t, sendOf(t, sendLogs))
	require.Equal(t, 4, r.LogRecords)
	req := plogotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalProto(r.Logs))
	all := req.Logs().ResourceLogs()
	require.Equal(t, map[string]any{"service.name": "shop", "k8s.namespace.name": "prod"}, all.At(0).Resource().Attributes().AsRaw())
	first, third := all.At(0).ScopeLogs().At(0).LogRecords().At(0), all.At(2).ScopeLogs().At(0).LogRecords().At(0)
	require.Equal(t, "line 1", first.Body().Str())
	require.Equal(t, "line 3", third.Body().Str())
	require.Equal(t, "WARN", first.SeverityText())
	require.Equal(t, DefaultStart.Add(-time.Minute-2*time.Second), first.Timestamp().AsTime())
	require.Equal(t, DefaultStart.Add(-time.Minute), third.Timestamp().AsTime(), "the last copy has the item's time")
	require.Equal(t, map[string]any{"code": int64(200), "k3": []any{"v3", true}}, third.Attributes().AsRaw())
	require.Equal(t, "0af7651916cd43dd8448eb211c8031ff", first.TraceID().String())
	require.Equal(t, "0af7651916cd43dd8448eb211c803201", third.TraceID().String())
	require.Empty(t, r.Audit, "collectors find audit records themselves")
}

func TestSendLogsViaGateway(t *testing.T) {
	r := requests(t, sendOf(t, sendLogs+"      via: gateway\n"))
	logs, audit := plogotlp.NewExportRequest(), plogotlp.NewExportRequest()
	require.NoError(t, logs.UnmarshalProto(r.Logs))
	require.NoError(t, audit.UnmarshalProto(r.Audit))
	require.Equal(t, 3, logs.Logs().LogRecordCount())
	require.Equal(t, 1, audit.Logs().LogRecordCount())
}

func TestSendTraces(t *testing.T) {
	send := sendOf(t, `
      to: child-1
      traces:
        - count: 2
          every: 1m
          spans:
            - {name: root, service: shop, duration: 1s, error: it broke}
            - {name: second, start: 10ms, attributes: {a: 1.5}}
            - {name: third, parent: second}
`)
	r := requests(t, send)
	require.Equal(t, 6, r.Spans)
	req := ptraceotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalProto(r.Traces))
	span := func(i int) ptrace.Span { return req.Traces().ResourceSpans().At(i).ScopeSpans().At(0).Spans().At(0) }
	require.True(t, span(0).ParentSpanID().IsEmpty())
	require.Equal(t, span(0).SpanID(), span(1).ParentSpanID())
	require.Equal(t, span(1).SpanID(), span(2).ParentSpanID())
	require.Equal(t, span(0).TraceID(), span(2).TraceID())
	require.NotEqual(t, span(0).TraceID(), span(3).TraceID(), "copies are traces of their own")
	require.NotEqual(t, span(0).SpanID(), span(3).SpanID())
	require.Equal(t, ptrace.StatusCodeError, span(0).Status().Code())
	require.Equal(t, "it broke", span(0).Status().Message())
	require.Equal(t, DefaultStart.Add(-time.Minute), span(0).StartTimestamp().AsTime())
	require.Equal(t, DefaultStart.Add(-time.Minute+20*time.Millisecond), span(1).EndTimestamp().AsTime())

	require.Equal(t, r, requests(t, send), "one seed, one request")
	other, err := send.Requests(2, 0, DefaultStart)
	require.NoError(t, err)
	require.NotEqual(t, r.Traces, other.Traces)
	other, err = send.Requests(1, 1, DefaultStart)
	require.NoError(t, err)
	require.NotEqual(t, r.Traces, other.Traces)
}

const sendMetrics = `
      to: region-1
      metrics:
        - {name: probe, value: 1.5, labels: {pod: 'p{n}'}, count: 2, extraLabels: 2}
        - {name: done_total, type: counter, value: 3}
`

func TestSendMetrics(t *testing.T) {
	r := requests(t, sendOf(t, sendMetrics))
	require.Equal(t, 3, r.Samples)
	req := pmetricotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalProto(r.Metrics))
	all := req.Metrics().ResourceMetrics()
	gauge, sum := all.At(1).ScopeMetrics().At(0).Metrics().At(0), all.At(2).ScopeMetrics().At(0).Metrics().At(0)
	require.Equal(t, map[string]any{"pod": "p2", "label_1": "1", "label_2": "2"}, gauge.Gauge().DataPoints().At(0).Attributes().AsRaw())
	require.Equal(t, 1.5, gauge.Gauge().DataPoints().At(0).DoubleValue())
	require.Equal(t, "done", sum.Name(), "the collector appends _total")
	require.True(t, sum.Sum().IsMonotonic())
	require.Empty(t, r.RemoteWrite)
}

func TestSendMetricsViaGateway(t *testing.T) {
	r := requests(t, sendOf(t, sendMetrics+"      via: gateway\n"))
	require.Empty(t, r.Metrics)
	body, err := snappy.Decode(nil, r.RemoteWrite)
	require.NoError(t, err)
	var req prompb.WriteRequest
	require.NoError(t, req.Unmarshal(body))
	require.Len(t, req.Timeseries, 3)
	require.Equal(t, []prompb.Label{
		{Name: "__name__", Value: "probe"}, {Name: "label_1", Value: "1"}, {Name: "label_2", Value: "2"}, {Name: "pod", Value: "p1"},
	}, req.Timeseries[0].Labels)
	require.Equal(t, []prompb.Label{{Name: "__name__", Value: "done_total"}}, req.Timeseries[2].Labels)
	require.Equal(t, DefaultStart.UnixMilli(), req.Timeseries[1].Samples[0].Timestamp)
}
