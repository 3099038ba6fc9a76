package scenarios

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// sender is the service of items that name none.
const sender = "koflab-scenario"

// Requests are the bodies of the requests of one Send; nil for what it has none of.
type Requests struct {
	// Logs, Traces and Metrics are OTLP export requests in protobuf
	// (application/x-protobuf to /v1/logs, /v1/traces, /v1/metrics).
	Logs, Traces, Metrics []byte
	// Audit has the log records of a Send via gateway whose log_type is k8s_audit; a
	// collector finds them itself.
	Audit []byte
	// RemoteWrite has the metrics of a Send via gateway instead: a write request of
	// remote write 1.0, compressed with snappy.
	RemoteWrite []byte
	// LogRecords, Spans and Samples are how many there are.
	LogRecords, Spans, Samples int
}

// Requests makes the requests of the step with an index. IDs that the Send leaves
// out follow from the seed and the step; now is the lab's time.
func (s *Send) Requests(seed int64, step int, now time.Time) (Requests, error) {
	var r Requests
	var err error
	ids := ids{seed: seed, step: step}
	if len(s.Logs) > 0 {
		if err := r.encodeLogs(s, now); err != nil {
			return r, fmt.Errorf("encode logs: %w", err)
		}
	}
	if len(s.Traces) > 0 {
		traces := makeTraces(s.Traces, ids, now)
		r.Spans = traces.SpanCount()
		if r.Traces, err = ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto(); err != nil {
			return r, fmt.Errorf("encode traces: %w", err)
		}
	}
	switch {
	case len(s.Metrics) == 0:
	case s.Via == ViaGateway:
		req := writeRequest(s.Metrics, now)
		r.Samples = len(req.Timeseries)
		b, err := req.Marshal()
		if err != nil {
			return r, fmt.Errorf("encode metrics: %w", err)
		}
		r.RemoteWrite = snappy.Encode(nil, b)
	default:
		metrics := makeMetrics(s.Metrics, now)
		r.Samples = metrics.DataPointCount()
		if r.Metrics, err = pmetricotlp.NewExportRequestFromMetrics(metrics).MarshalProto(); err != nil {
			return r, fmt.Errorf("encode metrics: %w", err)
		}
	}
	return r, nil
}

func (r *Requests) encodeLogs(s *Send, now time.Time) (err error) {
	logs, audit := makeLogs(s.Logs, now), plog.NewLogs()
	r.LogRecords = logs.LogRecordCount()
	if s.Via == ViaGateway {
		logs.ResourceLogs().RemoveIf(func(one plog.ResourceLogs) bool {
			if !isAudit(one) {
				return false
			}
			one.MoveTo(audit.ResourceLogs().AppendEmpty())
			return true
		})
	}
	if logs.LogRecordCount() > 0 {
		if r.Logs, err = plogotlp.NewExportRequestFromLogs(logs).MarshalProto(); err != nil {
			return err
		}
	}
	if audit.LogRecordCount() > 0 {
		r.Audit, err = plogotlp.NewExportRequestFromLogs(audit).MarshalProto()
	}
	return err
}

// each calls do for every copy: its number, from 1, and its time.
func (c Copies) each(now time.Time, do func(n int, at time.Time)) {
	count, every := max(1, c.Count), time.Duration(c.Every)
	if every == 0 {
		every = time.Millisecond
	}
	last := now.Add(time.Duration(c.At))
	for n := 1; n <= count; n++ {
		do(n, last.Add(-every*time.Duration(count-n)))
	}
}

// numbered puts the number of a copy into a text.
func numbered(text string, n int) string {
	return strings.ReplaceAll(text, "{n}", strconv.Itoa(n))
}

// numberedAll does so in all texts of a value.
func numberedAll(value any, n int) any {
	switch v := value.(type) {
	case string:
		return numbered(v, n)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[key] = numberedAll(inner, n)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = numberedAll(inner, n)
		}
		return out
	}
	return value
}

// attributes writes values into a map, in the order of their names.
func attributes(to pcommon.Map, values map[string]any, n int) {
	to.EnsureCapacity(to.Len() + len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		// All that a document's value can be has a form in OTLP.
		_ = to.PutEmpty(numbered(name, n)).FromRaw(numberedAll(values[name], n))
	}
}

// resource writes who an item is of.
func resource(to pcommon.Map, service string, values map[string]any, n int) {
	if service == "" {
		service = sender
	}
	to.PutStr("service.name", numbered(service, n))
	attributes(to, values, n)
}

// ids are made from the seed, the step and what an ID is of.
type ids struct {
	seed int64
	step int
}

func (i ids) of(what string, of ...int) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %d %s %v", i.seed, i.step, what, of))
}

// traceID is a written ID plus n-1; the zero ID for none.
func traceID(written string, n int) pcommon.TraceID {
	var id pcommon.TraceID
	if _, err := hex.Decode(id[:], []byte(written)); err != nil || written == "" {
		return pcommon.TraceID{}
	}
	low := binary.BigEndian.Uint64(id[8:])
	binary.BigEndian.PutUint64(id[8:], low+uint64(n-1))
	return id
}

// writeRequest has the metrics as remote write does: one series a sample.
func writeRequest(metrics []Metric, now time.Time) *prompb.WriteRequest {
	req := &prompb.WriteRequest{}
	for _, m := range metrics {
		m.each(now, func(n int, at time.Time) {
			b := labels.NewScratchBuilder(1 + len(m.Labels) + m.ExtraLabels)
			b.Add(labels.MetricName, numbered(m.Name, n))
			for name, value := range m.labels(n) {
				b.Add(name, value)
			}
			b.Sort()
			req.Timeseries = append(req.Timeseries, prompb.TimeSeries{
				Labels:  prompb.FromLabels(b.Labels(), nil),
				Samples: []prompb.Sample{{Timestamp: at.UnixMilli(), Value: m.Value}},
			})
		})
	}
	return req
}

// labels are those of the series of copy n.
func (m Metric) labels(n int) map[string]string {
	out := make(map[string]string, len(m.Labels)+m.ExtraLabels)
	for i := range m.ExtraLabels {
		out[fmt.Sprintf("label_%d", i+1)] = strconv.Itoa(i + 1)
	}
	for name, value := range m.Labels {
		out[numbered(name, n)] = numbered(value, n)
	}
	return out
}
