package collector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Sample is a sample as it was sent.
type Sample struct {
	Series Series
	Time   int64 // Unix milliseconds
	Value  float64
	// Histogram says that it is a native histogram, of which Value tells nothing.
	Histogram bool
}

// Series is a series as it was sent. Equal values are the same series; the same
// series may have several values.
type Series struct{ of *series }

// Each calls f for the labels that were sent, the external labels among them, by name.
func (s Series) Each(f func(name, value []byte)) { eachLabel(s.of.encoded, f) }

// LogRecord is a log record as it was sent.
type LogRecord struct {
	Resource pcommon.Resource
	Scope    pcommon.InstrumentationScope
	plog.LogRecord
}

// Time is when it was written, or else observed.
func (r LogRecord) Time() time.Time {
	if r.Timestamp() == 0 {
		return r.ObservedTimestamp().AsTime()
	}
	return r.Timestamp().AsTime()
}

// Span is a span as it was sent.
type Span struct {
	Resource pcommon.Resource
	Scope    pcommon.InstrumentationScope
	ptrace.Span
}

// Time is when it ended, or when it started if that is later.
func (s Span) Time() time.Time { return max(s.StartTimestamp(), s.EndTimestamp()).AsTime() }

func eachLog(l plog.Logs, f func(LogRecord)) {
	for _, resource := range l.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, r := range scope.LogRecords().All() {
				f(LogRecord{resource.Resource(), scope.Scope(), r})
			}
		}
	}
}

func eachSpan(t ptrace.Traces, f func(Span)) {
	for _, resource := range t.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, s := range scope.Spans().All() {
				f(Span{resource.Resource(), scope.Scope(), s})
			}
		}
	}
}
