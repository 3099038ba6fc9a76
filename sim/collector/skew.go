package collector

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// SetSkew says by how much the clock of the cluster's nodes is ahead; negative for
// behind, zero for right. Whatever is scraped, logged and traced from now on bears
// such timestamps. When it happens does not change, and neither do the timestamps
// of what others send over OTLP, whose clocks are their own.
func (c *Collector) SetSkew(d time.Duration) { c.skew.by.Store(int64(d)) }

// skew is by how much a clock is ahead.
type skew struct{ by atomic.Int64 }

// now is the present skew; that of no clock is zero.
func (s *skew) now() time.Duration {
	if s == nil {
		return 0
	}
	return time.Duration(s.by.Load())
}

// shift moves a timestamp; one that is not set stays so.
func shift(t pcommon.Timestamp, by time.Duration) pcommon.Timestamp {
	if t == 0 {
		return 0
	}
	return pcommon.NewTimestampFromTime(t.AsTime().Add(by))
}

// skewLogs moves the timestamps of records, which are the caller's.
func skewLogs(l plog.Logs, by time.Duration) plog.Logs {
	if by == 0 {
		return l
	}
	for _, resource := range l.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, r := range scope.LogRecords().All() {
				r.SetTimestamp(shift(r.Timestamp(), by))
				r.SetObservedTimestamp(shift(r.ObservedTimestamp(), by))
			}
		}
	}
	return l
}

// skewTraces moves the timestamps of spans and their events, which are the caller's.
func skewTraces(t ptrace.Traces, by time.Duration) ptrace.Traces {
	if by == 0 {
		return t
	}
	for _, resource := range t.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				span.SetStartTimestamp(shift(span.StartTimestamp(), by))
				span.SetEndTimestamp(shift(span.EndTimestamp(), by))
				for _, e := range span.Events().All() {
					e.SetTimestamp(shift(e.Timestamp(), by))
				}
			}
		}
	}
	return t
}
