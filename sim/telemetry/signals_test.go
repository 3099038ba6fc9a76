package telemetry

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"koflab/sim/inventory"
	"koflab/sim/telemetry/clustertest"
	"koflab/topology"
)

// flatSpan is a span with its resource.
type flatSpan struct {
	ptrace.Span
	resource pcommon.Map
}

func flatSpans(td ptrace.Traces) []flatSpan {
	var out []flatSpan
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				out = append(out, flatSpan{s, rs.Resource().Attributes()})
			}
		}
	}
	return out
}

type flatLog struct {
	plog.LogRecord
	resource pcommon.Map
}

func flatLogs(ld plog.Logs) []flatLog {
	var out []flatLog
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				out = append(out, flatLog{r, rl.Resource().Attributes()})
			}
		}
	}
	return out
}

// text renders everything a record says, to compare sets of records.
func (l flatLog) text() string {
	return fmt.Sprint(l.Timestamp(), l.SeverityText(), l.Body().AsString(), l.TraceID(), l.SpanID(), l.Attributes().AsRaw(), l.resource.AsRaw())
}

func (s flatSpan) text() string {
	return fmt.Sprint(s.TraceID(), s.SpanID(), s.ParentSpanID(), s.StartTimestamp(), s.EndTimestamp(), s.Name(), s.Status().Message(), s.Attributes().AsRaw(), s.resource.AsRaw())
}

func get(m pcommon.Map, key string) string {
	v, ok := m.Get(key)
	if !ok {
		return ""
	}
	return v.AsString()
}

// busy is a child whose requests, logs and restarts all show within minutes.
func busy(seed int64, logs, traces float64) *Generator {
	return New(clustertest.New(busySpec(seed, logs, traces)).Inventory(), 0, Options{})
}

func busySpec(seed int64, logs, traces float64) inventory.Spec {
	return childSpec(seed, topology.Workload{Nodes: 3, Workloads: 12, LogRate: &logs, TraceRate: &traces})
}

// cuts draws a partition of [from, to], its ends included. Some cuts fall on the
// very instants of records, where an off-by-one loses or doubles one.
func cuts(t *rapid.T, from, to time.Time, instants []pcommon.Timestamp) []time.Time {
	out := []time.Time{from, to}
	for _, o := range rapid.SliceOfN(rapid.Int64Range(0, int64(to.Sub(from))), 0, 6).Draw(t, "cuts") {
		out = append(out, from.Add(time.Duration(o)))
	}
	if len(instants) > 0 {
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(instants)-1), 0, 12).Draw(t, "instants") {
			out = append(out, instants[i].AsTime())
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

func TestLogsOfAnyPartitionAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := busy(rapid.Int64().Draw(t, "seed"), rapid.Float64Range(0.1, 200).Draw(t, "logs"), rapid.Float64Range(0, 40).Draw(t, "traces"))
		from := drawTime(t, "from")
		if r := anyRestarts(g); r != nil && rapid.Bool().Draw(t, "atRestart") {
			from = time.Unix(0, r.at(r.count(from.UnixNano()))).Add(-4 * time.Second)
		}
		to := from.Add(time.Duration(rapid.Int64Range(0, int64(30*time.Second)).Draw(t, "window")))
		whole, parts, times, instants := []string{}, []string{}, map[pcommon.Timestamp]bool{}, []pcommon.Timestamp{}
		for _, r := range flatLogs(g.Logs(from, to)) {
			at := r.Timestamp()
			require.True(t, int64(at) > from.UnixNano() && int64(at) <= to.UnixNano(), "record outside the window")
			require.False(t, times[at], "two records at %d", at)
			times[at] = true
			instants = append(instants, at)
			require.NotEmpty(t, r.Body().AsString())
			require.NotEmpty(t, r.SeverityText())
			whole = append(whole, r.text())
		}
		edges := cuts(t, from, to, instants)
		for i := 1; i < len(edges); i++ {
			for _, r := range flatLogs(g.Logs(edges[i-1], edges[i])) {
				parts = append(parts, r.text())
			}
		}
		slices.Sort(whole)
		slices.Sort(parts)
		require.Equal(t, whole, parts)
	})
}

func anyRestarts(g *Generator) *restarts {
	for i := range g.instances {
		if r := g.instances[i].restarts; r != nil {
			return r
		}
	}
	return nil
}

func TestTracesOfAnyPartitionAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := busy(rapid.Int64().Draw(t, "seed"), 0, rapid.Float64Range(0, 60).Draw(t, "traces"))
		from := drawTime(t, "from")
		to := from.Add(time.Duration(rapid.Int64Range(0, int64(30*time.Second)).Draw(t, "window")))
		whole, parts, ids, instants := []string{}, []string{}, map[pcommon.SpanID]bool{}, []pcommon.Timestamp{}
		for _, s := range flatSpans(g.Traces(from, to)) {
			require.False(t, ids[s.SpanID()], "two spans of one id")
			ids[s.SpanID()] = true
			if s.ParentSpanID().IsEmpty() {
				instants = append(instants, s.EndTimestamp())
			}
			whole = append(whole, s.text())
		}
		edges := cuts(t, from, to, instants)
		for i := 1; i < len(edges); i++ {
			for _, s := range flatSpans(g.Traces(edges[i-1], edges[i])) {
				parts = append(parts, s.text())
			}
		}
		slices.Sort(whole)
		slices.Sort(parts)
		require.Equal(t, whole, parts)
	})
}

// TestTracesAreTrees: one root per trace, parents exist and enclose their children,
// and a trace lies within the longest length the planner found.
func TestTracesAreTrees(t *testing.T) {
	g := busy(3, 0, 40)
	from := inventory.DefaultEpoch.Add(100 * time.Hour)
	byTrace := map[pcommon.TraceID][]flatSpan{}
	for _, s := range flatSpans(g.Traces(from, from.Add(time.Minute))) {
		byTrace[s.TraceID()] = append(byTrace[s.TraceID()], s)
	}
	require.Greater(t, len(byTrace), 500)
	for id, spans := range byTrace {
		byID := map[pcommon.SpanID]flatSpan{}
		roots := 0
		for _, s := range spans {
			byID[s.SpanID()] = s
		}
		for _, s := range spans {
			require.Greater(t, s.EndTimestamp(), s.StartTimestamp())
			if s.ParentSpanID().IsEmpty() {
				roots++
				end := s.EndTimestamp().AsTime()
				require.True(t, end.After(from) && !end.After(from.Add(time.Minute)))
				require.LessOrEqual(t, end.Sub(s.StartTimestamp().AsTime()), g.longest)
				continue
			}
			parent, ok := byID[s.ParentSpanID()]
			require.True(t, ok, "span of %s without its parent", id)
			require.GreaterOrEqual(t, s.StartTimestamp(), parent.StartTimestamp())
			require.LessOrEqual(t, s.EndTimestamp(), parent.EndTimestamp())
		}
		require.Equal(t, 1, roots)
	}
}

// TestRequestsAreSpans: the increase of every application's request counters over
// a window is the number of server spans in it, by pod, route and code; buckets and
// sums of latencies likewise.
func TestRequestsAreSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := busy(rapid.Int64().Draw(t, "seed"), 0, rapid.Float64Range(0.5, 30).Draw(t, "traces"))
		from := drawTime(t, "from")
		to := from.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(t, "window")))
		exempt := restarted(g, from, to)
		codes, seconds, buckets := map[string]float64{}, map[string]float64{}, map[string]float64{}
		for _, s := range flatSpans(g.Traces(from, to)) {
			pod := get(s.resource, "k8s.pod.name")
			if s.Kind() != ptrace.SpanKindServer || exempt[pod] {
				continue
			}
			key := pod + " " + s.Name()
			codes[key+" "+get(s.Attributes(), "http.response.status_code")]++
			took := s.EndTimestamp().AsTime().Sub(s.StartTimestamp().AsTime()).Seconds()
			seconds[key] += took
			for _, bound := range append(latencyBounds, math.Inf(1)) {
				if took <= bound {
					buckets[key+" "+boundText(bound)]++
				}
			}
		}
		gotCodes, gotSeconds, gotBuckets := map[string]float64{}, map[string]float64{}, map[string]float64{}
		before, after := scrape(t, g, from), scrape(t, g, to)
		for i, s := range before {
			diff := after[i].value - s.value
			key := s.labels.Get("pod") + " " + s.labels.Get("http_request_method") + " " + s.labels.Get("http_route")
			if diff == 0 || exempt[s.labels.Get("pod")] {
				continue
			}
			switch s.name() {
			case "http_server_requests_total":
				gotCodes[key+" "+s.labels.Get("http_response_status_code")] = diff
			case "http_server_request_duration_seconds_bucket":
				gotBuckets[key+" "+s.labels.Get("le")] = diff
			case "http_server_request_duration_seconds_sum":
				gotSeconds[key] = diff
			}
		}
		require.Equal(t, codes, gotCodes)
		require.Equal(t, buckets, gotBuckets)
		require.Len(t, gotSeconds, len(seconds))
		for key, want := range seconds {
			require.InDelta(t, want, gotSeconds[key], 1e-5, key)
		}
	})
}

// TestLogsPointToSpans: every trace id in a log is the id of a trace, the record
// lies within its span and an error is an error in both.
func TestLogsPointToSpans(t *testing.T) {
	g := busy(5, 60, 10)
	from := inventory.DefaultEpoch.Add(777 * time.Hour)
	to := from.Add(3 * time.Minute)
	spans := map[pcommon.SpanID]flatSpan{}
	for _, s := range flatSpans(g.Traces(from.Add(-time.Minute), to.Add(time.Minute))) {
		spans[s.SpanID()] = s
	}
	linked, failed := 0, 0
	for _, r := range flatLogs(g.Logs(from, to)) {
		if r.TraceID().IsEmpty() {
			continue
		}
		linked++
		s, ok := spans[r.SpanID()]
		require.True(t, ok, "log of a span that was not made: %s", r.Body().AsString())
		require.Equal(t, s.TraceID(), r.TraceID())
		require.Equal(t, get(s.resource, "k8s.pod.name"), get(r.resource, "k8s.pod.name"))
		require.WithinDuration(t, s.EndTimestamp().AsTime(), r.Timestamp().AsTime(), 70*time.Microsecond)
		isError := s.Status().Code() == ptrace.StatusCodeError
		require.Equal(t, isError, r.SeverityNumber() == plog.SeverityNumberError, r.Body().AsString())
		if isError {
			failed++
		}
	}
	require.Greater(t, linked, 500)
	require.Positive(t, failed)
}

func TestRates(t *testing.T) {
	f := func(logs, traces float64) {
		t.Helper()
		g := busy(9, logs, traces)
		day := 24 * time.Hour
		from := inventory.DefaultEpoch.Add(9 * day)
		records := g.Logs(from, from.Add(day)).LogRecordCount()
		require.InEpsilon(t, logs*day.Seconds(), records, 0.05, "logs")
		n := 0
		for _, s := range flatSpans(g.Traces(from, from.Add(day))) {
			if s.ParentSpanID().IsEmpty() {
				n++
			}
		}
		require.InEpsilon(t, traces*day.Seconds(), n, 0.05, "traces")
	}
	f(0.5, 0.05)
	f(0.05, 0.1)
	none := busy(9, 0, 0)
	at := inventory.DefaultEpoch
	require.Zero(t, none.Logs(at, at.Add(48*time.Hour)).LogRecordCount())
	require.Zero(t, none.Traces(at, at.Add(48*time.Hour)).SpanCount())
	for _, r := range flatLogs(busy(9, 5, 0).Logs(at, at.Add(time.Hour))) {
		require.True(t, r.TraceID().IsEmpty(), "a trace id without traces")
	}
}

// TestRoutineRaisesNoWarning: Warning events are restarts and pods that do not fit.
func TestRoutineRaisesNoWarning(t *testing.T) {
	g := busy(11, 20, 1)
	r := anyRestarts(g)
	require.NotNil(t, r)
	restart := time.Unix(0, r.at(r.count(g.epoch)+1))
	reasons, kinds := map[string]int{}, map[string]int{}
	var body string
	for _, l := range flatLogs(g.Logs(restart.Add(-10*time.Minute), restart.Add(10*time.Minute))) {
		if reason := get(l.Attributes(), "event.reason"); reason != "" {
			kinds[get(l.Attributes(), "event.type")]++
			if get(l.Attributes(), "event.type") == "Warning" {
				reasons[reason]++
				body = l.Body().AsString()
			}
			require.NotEmpty(t, get(l.Attributes(), "event.regarding.name"))
		}
	}
	require.Equal(t, map[string]int{"BackOff": 1}, reasons)
	require.True(t, strings.HasPrefix(body, "Back-off restarting failed container"))
	require.Greater(t, kinds["Normal"], 100)
}

func TestAuditRecords(t *testing.T) {
	g := busy(13, 20, 1)
	from := inventory.DefaultEpoch.Add(time.Hour)
	n := 0
	for _, l := range flatLogs(g.Logs(from, from.Add(10*time.Minute))) {
		if get(l.Attributes(), "log_type") != "k8s_audit" {
			continue
		}
		n++
		require.Contains(t, l.Body().AsString(), `"kind":"Event","apiVersion":"audit.k8s.io/v1"`)
		require.Contains(t, l.Body().AsString(), get(l.Attributes(), "auditID"))
		require.NotEmpty(t, get(l.resource, "k8s.node.name"))
	}
	require.InEpsilon(t, 20*600*auditShare, n, 0.3)
}

func TestArrivals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWave(inventory.Seed(rapid.Uint64().Draw(t, "wave")))
		rate := rapid.Float64Range(1e-4, 1e6).Draw(t, "rate")
		a := newArrivals(inventory.Seed(rapid.Uint64().Draw(t, "seed")), rate, &w, inventory.DefaultEpoch.UnixNano())
		k := rapid.Int64Range(0, int64(rate*1e8)).Draw(t, "k")
		for i := k; i < k+20; i++ {
			require.Less(t, a.at(i), a.at(i+1))
			require.Equal(t, i+1, a.count(a.at(i)))
			require.Equal(t, i, a.count(a.at(i)-1))
		}
	})
}

func TestFill(t *testing.T) {
	s := inventory.Seed(1)
	require.Equal(t, `no words {"job": "x"} {`, fill(`no words {"job": "x"} {`, s))
	require.Regexp(t, `^took \d+ms, [0-9a-f]{8} from 10\.244\.\d+\.\d+, \d+%, \d+$`, fill("took {ms}ms, {id} from {ip}, {pct}%, {n}", s))
}
