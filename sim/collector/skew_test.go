package collector

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A skew moves all timestamps, and none that is not set.
func TestSkewOfRecords(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	stamp := pcommon.NewTimestampFromTime
	l := plog.NewLogs()
	r := l.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(stamp(at))
	traces := ptrace.NewTraces()
	span := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetStartTimestamp(stamp(at))
	span.SetEndTimestamp(stamp(at.Add(time.Second)))
	span.Events().AppendEmpty().SetTimestamp(stamp(at))
	skewLogs(l, 0)
	skewTraces(traces, 0)
	require.Equal(t, stamp(at), r.Timestamp())

	skewLogs(l, -time.Hour)
	skewTraces(traces, -time.Hour)
	before := at.Add(-time.Hour)
	require.Equal(t, stamp(before), r.Timestamp())
	require.Zero(t, r.ObservedTimestamp())
	require.Equal(t, stamp(before), span.StartTimestamp())
	require.Equal(t, stamp(before.Add(time.Second)), span.EndTimestamp())
	require.Equal(t, stamp(before), span.Events().At(0).Timestamp())
	require.Zero(t, (*skew)(nil).now())
}
