package cmd_test

import (
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// What senders call their bodies.
const protobuf = "application/x-protobuf"

// remoteWrite is the body of a remote write request of one sample.
func (l *testLab) remoteWrite(at time.Time, value float64, pairs ...string) []byte {
	l.Helper()
	req := prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  prompb.FromLabels(labels.FromStrings(pairs...), nil),
		Samples: []prompb.Sample{{Timestamp: at.UnixMilli(), Value: value}},
	}}}
	b, err := req.Marshal()
	require.NoError(l, err)
	return snappy.Encode(nil, b)
}

// logRecord is an OTLP request of one log record with attributes of its own.
func (l *testLab) logRecord(at time.Time, body string, trace pcommon.TraceID, attributes ...string) []byte {
	l.Helper()
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "probe")
	r := resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(pcommon.NewTimestampFromTime(at))
	r.SetSeverityText("INFO")
	r.SetSeverityNumber(plog.SeverityNumberInfo)
	r.SetTraceID(trace)
	r.Body().SetStr(body)
	for i := 0; i < len(attributes); i += 2 {
		r.Attributes().PutStr(attributes[i], attributes[i+1])
	}
	b, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	require.NoError(l, err)
	return b
}

// traceOf is an OTLP request of a trace of two spans, of the services probe
// and probed.
func (l *testLab) traceOf(at time.Time, trace pcommon.TraceID, attributes ...string) []byte {
	l.Helper()
	traces := ptrace.NewTraces()
	parent := pcommon.SpanID{}
	for i, service := range []string{"probe", "probed"} {
		resource := traces.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", service)
		for i := 0; i < len(attributes); i += 2 {
			resource.Resource().Attributes().PutStr(attributes[i], attributes[i+1])
		}
		s := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetTraceID(trace)
		s.SetSpanID(pcommon.SpanID{1: byte(1 + i)})
		s.SetParentSpanID(parent)
		s.SetName("call " + service)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(i) * time.Millisecond)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(10 * time.Millisecond)))
		parent = s.SpanID()
	}
	b, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	require.NoError(l, err)
	return b
}

// newTraceID is a trace ID that no other has, and how it is written.
func newTraceID() (pcommon.TraceID, string) {
	var id pcommon.TraceID
	_, _ = rand.Read(id[:]) // never fails
	return id, hex.EncodeToString(id[:])
}

// post sends a body to a URL outside the gateways; it must be taken.
func (l *testLab) post(url, contentType string, body []byte) {
	l.Helper()
	code, answer := l.do(l.httpClient(), "POST", url, nil, contentType, body)
	require.Equal(l, 2, code/100, "%s: %d %s", url, code, answer)
}
