package cmd_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"koflab/topology/lab/control"
)

// TestRegionDown is scenario 3: a region that is off the network is missing from
// the answers of all signals, as the error mode says, and comes back with its
// network.
func TestRegionDown(t *testing.T) {
	t.Parallel()
	l := startLab(t, "--preset", "two-regions", "--speed", fast)
	children := map[string]float64{"child-3": 3, "child-4": 1}
	whole := l.rows("count by (cluster)(kube_node_info)")
	require.Len(t, whole, 6)
	l.eventually(30*time.Second, "both regions have logs", func() error {
		if n := len(l.clustersLogging()); n != 6 {
			return fmt.Errorf("%d clusters log", n)
		}
		return nil
	})
	l.setListeners("region-2", false)

	t.Run("ignore", func(t *testing.T) {
		a := l.query("count by (promxyCluster)(up)")
		assert.Equal(t, []string{"region-1"}, slices.Collect(maps.Keys(rows(a.vector(l)))))
		assert.Empty(t, a.Warnings, "KOF's promxy says nothing")
		assert.Less(t, a.Explain.Coverage, 1.0)
		require.Len(t, a.Explain.Groups, 2)
		for _, g := range a.Explain.Groups {
			assert.Equal(t, g.Name != "region-2", g.Answered, "%+v", g)
			assert.Equal(t, g.Answered, g.Error == "", "%+v", g)
		}
		out, errOut, code := l.run("query", "count by (promxyCluster)(up)")
		assert.Zero(t, code)
		assert.NotContains(t, out, "region-2")
		assert.Contains(t, errOut, "incomplete answer, coverage 50 %: no answer from region-2")
	})
	t.Run("promxy's own port", func(t *testing.T) {
		code, body := l.get(l.httpClient(), l.url("mothership", "promxy")+"/api/v1/query?query="+url.QueryEscape("count by (promxyCluster)(up)"), nil)
		assert.Equal(t, http.StatusOK, code)
		assert.Contains(t, body, "region-1")
		assert.NotContains(t, body, "region-2")
		assert.NotContains(t, body, `"warnings"`)
	})
	t.Run("downgrade", func(t *testing.T) {
		a := l.query("count(up)", "--error-mode", "downgrade")
		require.Len(t, a.Warnings, 1)
		assert.Contains(t, a.Warnings[0], "region-2")
		_, errOut, code := l.run("query", "count(up)", "--error-mode", "downgrade")
		assert.Zero(t, code)
		assert.Contains(t, errOut, "koflab: warning: "+a.Warnings[0])
	})
	t.Run("fail", func(t *testing.T) {
		out, errOut, code := l.run("query", "count(up)", "--error-mode", "fail")
		assert.Equal(t, 1, code)
		assert.Empty(t, out)
		assert.Contains(t, errOut, "region-2")
		_, errOut, code = l.run("query", "--logs", "* | limit 1", "--error-mode", "fail")
		assert.Equal(t, 1, code)
		assert.Contains(t, errOut, "region-2")
		_, errOut, code = l.run("query", "count(up)", "--region", "region-2")
		assert.Equal(t, 1, code, "an answer without the one region asked is none")
		assert.Contains(t, errOut, "region-2")
	})
	t.Run("logs and traces", func(t *testing.T) {
		assert.Subset(t, []string{"child-1", "child-2", "region-1"}, l.clustersLogging())
		_, errOut, code := l.run("query", "--logs", "* | limit 1")
		assert.Zero(t, code)
		assert.Contains(t, errOut, "incomplete answer, coverage 50 %")
		_, errOut, code = l.run("query", "--traces", "frontend")
		assert.Zero(t, code)
		assert.Contains(t, errOut, "incomplete answer, coverage 50 %")
	})
	t.Run("status", func(t *testing.T) {
		for _, c := range l.status().Clusters {
			assert.Equal(t, c.Name != "region-2", c.Ready, c.Name)
		}
	})

	l.passTime(5*time.Minute + 30*time.Second)
	for cluster := range children {
		require.Empty(t, l.rows(fmt.Sprintf("{cluster=%q}", cluster)))
	}
	require.Less(t, l.number("sum(node_total_hourly_cost)"), l.inventoryCost(), "the sum drops, and nothing says so")
	l.balanced()

	l.setListeners("region-2", true)
	l.eventually(30*time.Second, "everything is in the answers again", func() error {
		a := l.query("count by (cluster)(kube_node_info)")
		if got := rows(a.vector(l)); !maps.Equal(whole, got) || a.Explain.Coverage != 1 {
			return fmt.Errorf("%v, coverage %v", got, a.Explain.Coverage)
		}
		return nil
	})
	_, errOut, code := l.run("query", "count(up)")
	require.Zero(t, code)
	require.Empty(t, errOut)
	l.balanced()
}

// clustersLogging are the clusters whose logs the federation has.
func (l *testLab) clustersLogging() []string {
	l.Helper()
	var out []string
	for _, r := range l.logs("* | stats by (k8s.cluster.name) count() n") {
		out = append(out, r["k8s.cluster.name"])
	}
	return out
}

// inventoryCost is what all clusters that are stored cost in an hour.
func (l *testLab) inventoryCost() float64 {
	l.Helper()
	sum := 0.0
	for cluster := range l.stored() {
		sum += l.inventory(cluster).HourlyCost()
	}
	return sum
}

// Two children of the region that will fail: one with KOF's collectors, which
// bridge such an outage, and one whose queues are too small for it.
const outageSpec = `
regions: [{name: r1, nodes: 1}, {name: r2, nodes: 1}]
children:
  - {name: c1, region: r1, nodes: 1}
  - {name: c2, region: r2, nodes: 1}
  - {name: c3, region: r2, nodes: 1, collector: {queueSize: 8}}
`

// TestOutage takes a region off the network for two minutes of the lab's time.
// What its children's collectors queued arrives with its own timestamps, what
// they could not queue is missing, and the ledger knows exactly how much.
func TestOutage(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, outageSpec), "--speed", fast)
	client, base, user := l.httpClient(), l.url("r2", "vmauth"), l.user(admin, "r2")
	from := l.now()
	l.passTime(30 * time.Second)

	down := l.now()
	l.setListeners("r2", false)
	_, errOut, code := l.run("query", "count by (promxyCluster)(up)")
	require.Zero(t, code)
	require.Contains(t, errOut, "no answer from r2")
	for l.now().Before(down.Add(2 * time.Minute)) {
		l.balanced()
		l.passTime(10 * time.Second)
	}
	l.setListeners("r2", true)
	back := l.now()
	l.passTime(30 * time.Second)
	to := l.now()

	wantLogs := l.offeredLogs("c2", from, to)
	wantSpans := l.offeredSpans("c2", from, to)
	require.NotEmpty(t, between(wantLogs, down, back))
	require.NotEmpty(t, between(wantSpans, down, back))
	t.Run("logs are complete", func(t *testing.T) {
		l.eventually(30*time.Second, "all logs arrive", func() error {
			got := l.storedLogs(client, base, &user, "c2", from, to)
			return sameRecords(wantLogs, got, l.flow("c2", "r2", "logs").Duplicated)
		})
	})
	t.Run("traces are complete", func(t *testing.T) {
		l.eventually(30*time.Second, "all spans arrive", func() error {
			got := l.storedSpans(client, base, &user, wantSpans)
			return sameRecords(wantSpans, got, l.flow("c2", "r2", "traces").Duplicated)
		})
	})
	s := l.balanced()
	for _, signal := range []string{"metrics", "logs", "traces"} {
		f, err := flow(s, "c2", "r2", signal)
		require.NoError(t, err)
		require.Empty(t, f.Dropped, "%s of the child whose queues had room", signal)
		f, err = flow(s, "c3", "r2", signal)
		require.NoError(t, err)
		require.Positive(t, f.Dropped["queue_full"], "%s of the child whose queues had none", signal)
	}

	// With a wrong password nothing is delivered any more, and the stores can be
	// counted against the ledger.
	l.silence("r2", "c2", "c3")
	for _, child := range []string{"c2", "c3"} {
		t.Run("the ledger knows of "+child, func(t *testing.T) {
			end := l.now().Add(time.Hour)
			f := l.flow(child, "r2", "metrics")
			samples := l.atRegion(client, base, &user, fmt.Sprintf("sum(count_over_time({cluster=%q}[2h]))", child), "time", epoch(end))
			assert.EqualValues(t, f.Acknowledged, samples[""], "samples stored and acknowledged: %+v", f)
			assert.Equal(t, f.Offered-f.Acknowledged-f.Queued, total(f.Dropped))

			f = l.flow(child, "r2", "logs")
			logs := 0
			for _, n := range l.storedLogs(client, base, &user, child, from.Add(-time.Hour), end) {
				logs += n
			}
			assert.GreaterOrEqual(t, int64(logs), f.Acknowledged, "logs stored and acknowledged: %+v", f)
			assert.LessOrEqual(t, int64(logs), f.Acknowledged+f.Duplicated, "logs stored and acknowledged: %+v", f)
		})
	}
	t.Run("the gap is where the outage was", func(t *testing.T) {
		scrapes := func(child string, from, to time.Time) float64 {
			window := fmt.Sprintf("[%ds]", int(to.Sub(from).Seconds()))
			return l.atRegion(client, base, &user, fmt.Sprintf(`max(count_over_time(up{cluster=%q,job="node-exporter"}%s))`, child, window), "time", epoch(to))[""]
		}
		// The queue holds what came first, so the gap is at the end.
		assert.Positive(t, scrapes("c2", back.Add(-time.Minute), back))
		assert.Less(t, scrapes("c3", down, back), scrapes("c2", down, back))
		assert.Zero(t, scrapes("c3", back.Add(-30*time.Second), back.Add(-5*time.Second)))
	})
}

// offeredLogs are the log records that a cluster has to have made, counted by
// what they are.
func (l *testLab) offeredLogs(cluster string, from, to time.Time) map[string]int {
	l.Helper()
	out := map[string]int{}
	for _, resource := range l.oracle(cluster).Logs(from, to).ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, r := range scope.LogRecords().All() {
				out[record(r.Timestamp().AsTime(), r.Body().AsString())]++
			}
		}
	}
	return out
}

// storedLogs are the log records of a cluster in both of a region's stores.
func (l *testLab) storedLogs(c *http.Client, gateway string, user *control.Credentials, cluster string, from, to time.Time) map[string]int {
	l.Helper()
	out := map[string]int{}
	for _, store := range []string{"/vls", "/vlas"} {
		for _, r := range l.logsAtRegion(c, gateway, store, user, fmt.Sprintf("k8s.cluster.name:=%q", cluster)) {
			at, err := time.Parse(time.RFC3339Nano, r["_time"])
			require.NoError(l, err)
			if at.After(from) && !at.After(to) {
				out[record(at, r["_msg"])]++
			}
		}
	}
	return out
}

// offeredSpans are the spans of the traces that a cluster has to have made,
// counted by what they are.
func (l *testLab) offeredSpans(cluster string, from, to time.Time) map[string]int {
	l.Helper()
	out := map[string]int{}
	for _, resource := range l.oracle(cluster).Traces(from, to).ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, s := range scope.Spans().All() {
				out[spanRecord(s.StartTimestamp(), s.EndTimestamp(), s.TraceID().String(), s.SpanID().String(), s.Name())]++
			}
		}
	}
	return out
}

// storedSpans are the spans in a region's store of the traces that are in want.
func (l *testLab) storedSpans(c *http.Client, gateway string, user *control.Credentials, want map[string]int) map[string]int {
	l.Helper()
	traces := map[string]bool{}
	for r := range want {
		traces[strings.Fields(r)[2]] = true
	}
	out := map[string]int{}
	for _, r := range l.logsAtRegion(c, gateway, "/vts", user, "trace_id:*") {
		if !traces[r["trace_id"]] {
			continue
		}
		start, err := strconv.ParseUint(r["start_time_unix_nano"], 10, 64)
		require.NoError(l, err)
		end, err := strconv.ParseUint(r["end_time_unix_nano"], 10, 64)
		require.NoError(l, err)
		out[spanRecord(pcommon.Timestamp(start), pcommon.Timestamp(end), r["trace_id"], r["span_id"], r["name"])]++
	}
	return out
}

// record and spanRecord write down what identifies a record, its time first.
func record(at time.Time, body string) string {
	return at.UTC().Format(time.RFC3339Nano) + " " + body
}

func spanRecord(start, end pcommon.Timestamp, trace, span, name string) string {
	return record(end.AsTime(), fmt.Sprintf("%d %s %s %s", start, trace, span, name))
}

// between are the records of an interval.
func between(records map[string]int, from, to time.Time) []string {
	var out []string
	for r := range records {
		at, err := time.Parse(time.RFC3339Nano, strings.Fields(r)[0])
		if err == nil && at.After(from) && !at.After(to) {
			out = append(out, r)
		}
	}
	return out
}

// sameRecords compares what was offered with what is stored: nothing may be
// missing, altered or added. Records may be there more than once for as many
// re-sent deliveries as the ledger knows of.
func sameRecords(want, got map[string]int, duplicates int64) error {
	var errs []error
	complain := func(format string, args ...any) {
		if len(errs) < 5 {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for r, n := range want {
		if got[r] < n {
			complain("missing: %s (%d of %d)", r, got[r], n)
		}
	}
	var more int64
	for r, n := range got {
		if want[r] == 0 {
			complain("never made: %s", r)
		}
		more += int64(n - want[r])
	}
	if len(errs) == 0 && more > duplicates {
		complain("%d records are stored again, the ledger knows of %d re-sent", more, duplicates)
	}
	return errors.Join(errs...)
}
