package collector

import (
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// traceKind describes traces, to which KOF's pipeline adds no cluster name.
func traceKind(traces *exporter) recordKind[ptrace.Traces] {
	return recordKind[ptrace.Traces]{
		empty: ptrace.NewTraces,
		count: ptrace.Traces.SpanCount,
		join: func(from, to ptrace.Traces) {
			from.ResourceSpans().MoveAndAppendTo(to.ResourceSpans())
		},
		cut:     cutTraces,
		prepare: func(ptrace.Traces) {},
		export: func(t ptrace.Traces, n int) {
			traces.put(n, func() ([]byte, error) { return encodeTraces(t) })
		},
	}
}

// cutTraces moves the first n spans of from, like moveLogs.
func cutTraces(from ptrace.Traces, n int) ptrace.Traces {
	out := ptrace.NewTraces()
	from.ResourceSpans().RemoveIf(func(r ptrace.ResourceSpans) bool {
		if n == 0 {
			return false
		}
		moved := out.ResourceSpans().AppendEmpty()
		r.Resource().CopyTo(moved.Resource())
		moved.SetSchemaUrl(r.SchemaUrl())
		r.ScopeSpans().RemoveIf(func(s ptrace.ScopeSpans) bool {
			if n == 0 {
				return false
			}
			picked := moved.ScopeSpans().AppendEmpty()
			s.Scope().CopyTo(picked.Scope())
			picked.SetSchemaUrl(s.SchemaUrl())
			s.Spans().RemoveIf(func(span ptrace.Span) bool {
				if n == 0 {
					return false
				}
				n--
				span.MoveTo(picked.Spans().AppendEmpty())
				return true
			})
			return s.Spans().Len() == 0
		})
		return r.ScopeSpans().Len() == 0
	})
	return out
}

func encodeTraces(t ptrace.Traces) ([]byte, error) {
	body, err := ptraceotlp.NewExportRequestFromTraces(t).MarshalProto()
	if err != nil {
		return nil, err
	}
	return compress(body)
}

func rejectedSpans(body []byte) int64 {
	r := ptraceotlp.NewExportResponse()
	if r.UnmarshalProto(body) != nil {
		return 0
	}
	return r.PartialSuccess().RejectedSpans()
}
