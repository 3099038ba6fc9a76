package scenarios

import (
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var severities = map[string]plog.SeverityNumber{
	"TRACE": plog.SeverityNumberTrace, "DEBUG": plog.SeverityNumberDebug, "INFO": plog.SeverityNumberInfo,
	"WARN": plog.SeverityNumberWarn, "ERROR": plog.SeverityNumberError, "FATAL": plog.SeverityNumberFatal,
}

func makeLogs(records []Log, now time.Time) plog.Logs {
	logs := plog.NewLogs()
	for _, l := range records {
		l.each(now, func(n int, at time.Time) {
			group := logs.ResourceLogs().AppendEmpty()
			resource(group.Resource().Attributes(), l.Service, l.Resource, n)
			r := group.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
			r.SetTimestamp(pcommon.NewTimestampFromTime(at))
			r.SetObservedTimestamp(pcommon.NewTimestampFromTime(now))
			severity := l.Severity
			if severity == "" {
				severity = "INFO"
			}
			r.SetSeverityText(severity)
			r.SetSeverityNumber(severities[severity])
			r.Body().SetStr(numbered(l.Body, n))
			r.SetTraceID(traceID(l.TraceID, n))
			attributes(r.Attributes(), l.Attributes, n)
		})
	}
	return logs
}

// isAudit reports whether the one record of a resource is of the audit log.
func isAudit(one plog.ResourceLogs) bool {
	kind, ok := one.ScopeLogs().At(0).LogRecords().At(0).Attributes().Get("log_type")
	if !ok {
		kind, ok = one.Resource().Attributes().Get("log_type")
	}
	return ok && kind.AsString() == "k8s_audit"
}

func makeTraces(all []Trace, ids ids, now time.Time) ptrace.Traces {
	traces := ptrace.NewTraces()
	for i, t := range all {
		t.each(now, func(n int, at time.Time) {
			id := traceID(t.ID, n)
			if t.ID == "" {
				made := ids.of("trace", i, n)
				id = pcommon.TraceID(made[:len(id)])
			}
			spans := map[string]pcommon.SpanID{"": {}}
			for j, s := range t.Spans {
				made := ids.of("span", i, n, j)
				spans[s.Name] = pcommon.SpanID(made[:8])
				group := traces.ResourceSpans().AppendEmpty()
				resource(group.Resource().Attributes(), s.Service, s.Resource, n)
				parent := s.Parent
				if j > 0 && parent == "" {
					parent = t.Spans[0].Name
				}
				s.write(group.ScopeSpans().AppendEmpty().Spans().AppendEmpty(), id, spans[s.Name], spans[parent], at, n)
			}
		})
	}
	return traces
}

// write makes an OTLP span of the span of copy n of a trace that begins at a time.
func (s Span) write(to ptrace.Span, trace pcommon.TraceID, id, parent pcommon.SpanID, at time.Time, n int) {
	took := time.Duration(s.Duration)
	if took == 0 {
		took = 10 * time.Millisecond
	}
	begin := at.Add(time.Duration(s.Start))
	to.SetTraceID(trace)
	to.SetSpanID(id)
	to.SetParentSpanID(parent)
	to.SetName(numbered(s.Name, n))
	to.SetKind(ptrace.SpanKindServer)
	to.SetStartTimestamp(pcommon.NewTimestampFromTime(begin))
	to.SetEndTimestamp(pcommon.NewTimestampFromTime(begin.Add(took)))
	attributes(to.Attributes(), s.Attributes, n)
	if s.Error != "" {
		to.Status().SetCode(ptrace.StatusCodeError)
		to.Status().SetMessage(numbered(s.Error, n))
	}
}

func makeMetrics(all []Metric, now time.Time) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	for _, m := range all {
		m.each(now, func(n int, at time.Time) {
			group := metrics.ResourceMetrics().AppendEmpty()
			resource(group.Resource().Attributes(), "", nil, n)
			metric := group.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			metric.SetName(numbered(m.Name, n))
			var point pmetric.NumberDataPoint
			if m.Type == "counter" {
				metric.SetName(strings.TrimSuffix(metric.Name(), "_total")) // the collector adds it
				sum := metric.SetEmptySum()
				sum.SetIsMonotonic(true)
				sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
				point = sum.DataPoints().AppendEmpty()
			} else {
				point = metric.SetEmptyGauge().DataPoints().AppendEmpty()
			}
			point.SetTimestamp(pcommon.NewTimestampFromTime(at))
			point.SetDoubleValue(m.Value)
			labels := m.labels(n)
			for _, name := range slices.Sorted(maps.Keys(labels)) {
				point.Attributes().PutStr(name, labels[name])
			}
		})
	}
	return metrics
}
