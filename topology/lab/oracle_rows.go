package lab

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"koflab/sim/collector"
	"koflab/sim/ledger"
)

// Fields of VictoriaLogs and VictoriaTraces.
const (
	fieldTime    = "_time"
	fieldMessage = "_msg"
	noMessage    = "missing _msg field"
	noService    = "OTLPResourceNoServiceName"
)

// logRows are log records as VictoriaLogs has them: resource and record attributes
// are fields, what identifies a record is when and on whose behalf it was written.
var logRows = &rowKind{
	signal: ledger.Logs, services: []string{"vlselect", "vlselect-audit-logs"}, filter: "*", ignored: []string{"_stream", "_stream_id"},
	identity: func(f fields) string { return f[fieldTime] + " " + f["k8s.cluster.name"] },
	name: func(f fields) string {
		return fmt.Sprintf("%s %s/%s %q", f[fieldTime], f["k8s.namespace.name"], f["k8s.pod.name"], shorten(f[fieldMessage]))
	},
	owner: func(f fields) (string, string) { return f["k8s.cluster.name"], f["k8s.cluster.namespace"] },
	offered: func(ctx context.Context, o *collector.Offers, r collector.Range, tenant string, f func(fields, int, collector.Standing)) error {
		row := fields{}
		return o.Logs(ctx, r, func(rec collector.LogRecord, audit bool, st collector.Standing) {
			clear(row)
			logRow(row, rec, tenant)
			place := 0
			if audit {
				place = 1
			}
			f(row, place, st)
		})
	},
}

// spanRows are spans as VictoriaTraces has them.
var spanRows = &rowKind{
	signal: ledger.Traces, services: []string{"vtselect"}, filter: "trace_id:*", ignored: []string{"_stream", "_stream_id", fieldMessage, "attr_types"},
	identity: func(f fields) string { return f["trace_id"] + "/" + f["span_id"] },
	name: func(f fields) string {
		return fmt.Sprintf("trace %s span %s, %s %s", f["trace_id"], f["span_id"], f["resource_attr:service.name"], f["name"])
	},
	owner: func(f fields) (string, string) {
		return f["resource_attr:k8s.cluster.name"], f["resource_attr:k8s.cluster.namespace"]
	},
	offered: func(ctx context.Context, o *collector.Offers, r collector.Range, tenant string, f func(fields, int, collector.Standing)) error {
		row := fields{}
		return o.Spans(ctx, r, func(s collector.Span, st collector.Standing) {
			clear(row)
			spanRow(row, s, tenant)
			f(row, 0, st)
		})
	},
}

func (o *oracle) compareLogs(ctx context.Context, s *store) (*mistakes, error) {
	return o.compareRows(ctx, s, logRows, min(s.config.Retention.Logs, s.config.Retention.Audit))
}

func (o *oracle) compareSpans(ctx context.Context, s *store) (*mistakes, error) {
	return o.compareRows(ctx, s, spanRows, s.config.Retention.Traces)
}

func logRow(f fields, r collector.LogRecord, tenant string) {
	f.add(fieldTime, rowTime(r.Time()))
	f.add("tenant", tenant)
	f.attributes("", r.Resource.Attributes())
	f.add("scope.name", cmp.Or(r.Scope.Name(), "unknown"))
	f.add("scope.version", cmp.Or(r.Scope.Version(), "unknown"))
	f.attributes("scope.attributes.", r.Scope.Attributes())
	f.add("severity", cmp.Or(r.SeverityText(), severityName(r.SeverityNumber())))
	f.add("severity_text", r.SeverityText())
	if id := r.TraceID(); !id.IsEmpty() {
		f.add("trace_id", id.String())
	}
	if id := r.SpanID(); !id.IsEmpty() {
		f.add("span_id", id.String())
	}
	f.add("event_name", r.EventName())
	if body := r.Body(); body.Type() == pcommon.ValueTypeMap {
		f.attributes("", body.Map())
	} else {
		f.value(fieldMessage, body)
	}
	f.attributes("", r.Attributes())
	f.add(fieldMessage, noMessage)
}

// severityName is VictoriaLogs' name for a severity without a text.
func severityName(n plog.SeverityNumber) string {
	if n == plog.SeverityNumberUnspecified {
		return "Unspecified"
	}
	return n.String()
}

func spanRow(f fields, s collector.Span, tenant string) {
	from, to := s.StartTimestamp(), s.EndTimestamp()
	to = max(from, to)
	from = cmp.Or(from, to)
	f.add(fieldTime, rowTime(to.AsTime()))
	f.add("resource_attr:tenant", tenant)
	service, _ := s.Resource.Attributes().Get("service.name")
	name := ""
	if service != (pcommon.Value{}) {
		name = service.AsString()
	}
	f.add("resource_attr:service.name", cmp.Or(name, noService))
	f.attributes("resource_attr:", s.Resource.Attributes())
	f.add("scope_name", s.Scope.Name())
	f.add("scope_version", s.Scope.Version())
	f.attributes("scope_attr:", s.Scope.Attributes())
	f.add("name", cmp.Or(s.Name(), "-"))
	f.attributes("span_attr:", s.Attributes())
	f.count("dropped_attributes_count", s.DroppedAttributesCount())
	f.count("dropped_events_count", s.DroppedEventsCount())
	f.count("dropped_links_count", s.DroppedLinksCount())
	for i, e := range s.Events().All() {
		n := ":" + strconv.Itoa(i)
		f.add("event:event_time_unix_nano"+n, nanos(e.Timestamp()))
		f.add("event:event_name"+n, e.Name())
		f.numbered("event:event_attr:", n, e.Attributes())
	}
	for i, l := range s.Links().All() {
		n := ":" + strconv.Itoa(i)
		f.add("link:link_trace_id"+n, l.TraceID().String())
		f.add("link:link_span_id"+n, l.SpanID().String())
		f.add("link:link_trace_state"+n, l.TraceState().AsRaw())
		f.numbered("link:link_attr:", n, l.Attributes())
	}
	f.add("status_code", strconv.Itoa(int(s.Status().Code())))
	f.add("status_message", s.Status().Message())
	f.count("flags", s.Flags())
	f.add("trace_id", s.TraceID().String())
	f.add("span_id", s.SpanID().String())
	if !s.ParentSpanID().IsEmpty() {
		f.add("parent_span_id", s.ParentSpanID().String())
	}
	f.add("trace_state", s.TraceState().AsRaw())
	f.add("kind", strconv.Itoa(int(s.Kind())))
	f.add("start_time_unix_nano", nanos(from))
	f.add("end_time_unix_nano", nanos(to))
	f.add("duration", strconv.FormatInt(int64(to)-int64(from), 10))
}

func nanos(t pcommon.Timestamp) string { return strconv.FormatInt(int64(t), 10) }

// rowTime is how LogsQL writes times.
func rowTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func (f fields) count(name string, n uint32) {
	if n != 0 {
		f.add(name, strconv.FormatUint(uint64(n), 10))
	}
}

// attributes adds a field for each attribute, and for each leaf of those that are maps.
func (f fields) attributes(prefix string, m pcommon.Map) {
	for key, v := range m.All() {
		if key != "" {
			f.value(prefix+key, v)
		}
	}
}

// numbered does so for those of an event or link, whose fields end in its number.
func (f fields) numbered(prefix, n string, m pcommon.Map) {
	own := fields{}
	own.attributes(prefix, m)
	for name, value := range own {
		f.add(name+n, value)
	}
}

func (f fields) value(name string, v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeMap:
		f.attributes(name+".", v.Map())
	case pcommon.ValueTypeDouble:
		f.add(name, strconv.FormatFloat(v.Double(), 'f', -1, 64))
	case pcommon.ValueTypeBytes:
		f.add(name, base64.StdEncoding.EncodeToString(v.Bytes().AsRaw()))
	case pcommon.ValueTypeSlice:
		b, err := json.Marshal(v.Slice().AsRaw())
		if err == nil {
			f.add(name, string(b))
		}
	default:
		f.add(name, v.AsString())
	}
}
