package check

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"koflab/embed/engine"
	"koflab/embed/logs"
	"koflab/sim/clock"
	"koflab/topology/lab/control"
)

// logStore is a real store with a line a minute of each of two clusters, the last
// of them at the instant of now.
func logStore(t *testing.T) http.Handler {
	t.Helper()
	require.NoError(t, engine.Init(engine.Options{}))
	store, err := logs.Open(logs.Options{Dir: t.TempDir(), Clock: clock.NewVirtual(now)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	var lines strings.Builder
	for at := start; !at.After(now); at = at.Add(time.Minute) {
		for _, cluster := range []string{"child-1", "child-2"} {
			fmt.Fprintf(&lines, "{\"_time\":%q,\"_msg\":\"line of %s\",\"k8s.cluster.name\":%q,\"severity\":\"INFO\"}\n",
				at.Format(time.RFC3339Nano), cluster, cluster)
		}
	}
	w := httptest.NewRecorder()
	store.InsertHandler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/insert/jsonline?_stream_fields=k8s.cluster.name", strings.NewReader(lines.String())))
	require.Less(t, w.Code, 300, w.Body)
	return store.SelectHandler()
}

func TestLogsQL(t *testing.T) {
	store := logStore(t)
	server := httptest.NewServer(store)
	defer server.Close()
	env := &fakeEnv{
		logs:    map[string]http.Handler{"": store, "region-1": store},
		access:  control.Access{Clusters: []control.Cluster{{Name: "region-1", Region: "region-1", Endpoints: map[string]string{auditListener: server.URL}}}},
		clients: map[string]*http.Client{"region-1": server.Client()},
	}
	for _, c := range []struct {
		name  string
		check Check
		rows  []string
		text  string
	}{
		{"groups", Check{LogsQL: `* | stats by (k8s.cluster.name) count() lines`},
			[]string{`lines{k8s.cluster.name="child-1"} 11`, `lines{k8s.cluster.name="child-2"} 11`},
			`2 groups: lines{k8s.cluster.name="child-1"} 11, lines{k8s.cluster.name="child-2"} 11`},
		{"several functions", Check{LogsQL: `* | stats count() lines, count_uniq(k8s.cluster.name) clusters, uniq_values(severity) severities`, Region: "region-1"},
			[]string{"clusters 2", "lines 22", "severities NaN"}, "3 groups: clusters 2, lines 22, severities NaN"},
		{"a stats query with more pipes", Check{LogsQL: `* | stats by (k8s.cluster.name) count() n | filter n:>100`}, []string{}, "no groups"},
		{"time counts back from now, and both ends are included", Check{LogsQL: `_time:1m | stats count() n`}, []string{"n 4"}, "n 4"},
		{"lines", Check{LogsQL: `k8s.cluster.name:="child-2" _time:1m`},
			[]string{`"line of child-2"`, `"line of child-2"`}, `2 lines, the newest "line of child-2"`},
		{"no lines", Check{LogsQL: `severity:="ERROR"`}, []string{}, "no lines"},
		{"rows that are no lines", Check{LogsQL: `* | uniq by (severity) with hits`}, []string{`{hits="22", severity="INFO"} 1`},
			`1 line, the last {hits="22", severity="INFO"}`},
		{"audit", Check{LogsQL: `* | stats count() n`, Audit: true, Region: "region-1"}, []string{"n 22"}, "n 22"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := evaluate(t, c.check, env)
			require.Empty(t, r.Error)
			require.Equal(t, c.rows, rows(r))
			require.Equal(t, c.text, r.Text)
		})
	}
	r := evaluate(t, Check{LogsQL: `k8s.cluster.name:="child-1"`}, env)
	require.Equal(t, start, r.Rows[0].Time)
	require.Equal(t, "child-1", r.Rows[0].Labels["k8s.cluster.name"])
	ok, why := Expect{Labels: map[string][]string{"severity": {"INFO"}}, Count: ptr(10)}.Holds(r)
	require.False(t, ok)
	require.Contains(t, why, `expected 10 rows, observed 11: "line of child-1", "line of child-1"`)
	require.Equal(t, now, r.Rows[10].Time)
	for _, cel := range []string{
		`rows.all(r, r.fields._msg == "line of child-1" && r.time <= now && r.time >= start)`,
		`body.contains("line of child-1")`,
	} {
		ok, why := Expect{CEL: cel, Contains: "line of child-1"}.Holds(r)
		require.True(t, ok, why)
	}
}

func TestLogsQLFailures(t *testing.T) {
	env := &fakeEnv{
		logs: map[string]http.Handler{
			"":         says(http.StatusBadRequest, `cannot parse query`),
			"region-1": says(http.StatusOK, "not JSON"),
			"region-2": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Add("Warning", `199 koflab "region-2 \"did\" not answer"`)
				w.Header().Add("Warning", `199 - stale`)
			}),
			"region-3": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for line := make([]byte, 1<<20); ; {
					if _, err := w.Write(line); err != nil {
						return
					}
				}
			}),
		},
		access: control.Access{Clusters: []control.Cluster{{Name: "region-1", Region: "region-1"}, {Name: "child-1", Region: "region-1"}}},
	}
	for region, want := range map[string]string{
		"":         "cannot parse query",
		"region-1": "read the answer: invalid character",
		"region-3": "the answer exceeds 64 MiB, ask for less",
		"region-l": `there is no region "region-l", did you mean "region-1"?`,
	} {
		r := evaluate(t, Check{LogsQL: "*", Region: region}, env)
		require.Contains(t, r.Error, want)
		require.Empty(t, r.Rows)
	}
	r := evaluate(t, Check{LogsQL: "*", Region: "region-2"}, env)
	require.Equal(t, []string{`region-2 "did" not answer`, "199 - stale"}, r.Warnings)
	r = evaluate(t, Check{LogsQL: "*", Region: "region-1", Audit: true}, env)
	require.Equal(t, "nothing of region-1 listens as vlselect-audit-logs, there is none", r.Error)
}
