package cmd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"koflab/sim/inventory"
	"koflab/sim/telemetry"
	"koflab/topology"
	"koflab/topology/lab/control"
)

// answer is what `koflab query -o json` prints.
type answer struct {
	Status string `json:"status"`
	Data   struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	} `json:"data"`
	Error    string   `json:"error"`
	Warnings []string `json:"warnings"`
	Explain  struct {
		Groups []struct {
			Name     string `json:"name"`
			Answered bool   `json:"answered"`
			Error    string `json:"error"`
		} `json:"groups"`
		Coverage float64 `json:"coverage"`
	} `json:"explain"`
}

// query asks the federation through the command line; the query must succeed.
func (l *testLab) query(expr string, args ...string) answer {
	l.Helper()
	var a answer
	l.outputJSON(&a, append([]string{"query", expr}, args...)...)
	require.Equal(l, "success", a.Status)
	return a
}

// vector is the result of an instant query.
func (l *testLab) vector(expr string, args ...string) model.Vector {
	l.Helper()
	return l.query(expr, args...).vector(l)
}

func (a answer) vector(l *testLab) model.Vector {
	l.Helper()
	require.Equal(l, "vector", a.Data.ResultType)
	var v model.Vector
	require.NoError(l, json.Unmarshal(a.Data.Result, &v))
	return v
}

// matrix is the raw samples that a range selector, such as up[5m], selects.
func (l *testLab) matrix(expr string, args ...string) model.Matrix {
	l.Helper()
	a := l.query(expr, args...)
	require.Equal(l, "matrix", a.Data.ResultType)
	var m model.Matrix
	require.NoError(l, json.Unmarshal(a.Data.Result, &m))
	return m
}

// rows is a vector by the values of all its labels, in the order of the labels'
// names and separated by "/".
func (l *testLab) rows(expr string, args ...string) map[string]float64 {
	l.Helper()
	return rows(l.vector(expr, args...))
}

func rows(v model.Vector) map[string]float64 {
	out := map[string]float64{}
	for _, s := range v {
		var values []string
		for _, name := range slices.Sorted(maps.Keys(s.Metric)) {
			values = append(values, string(s.Metric[name]))
		}
		out[strings.Join(values, "/")] = float64(s.Value)
	}
	return out
}

// number is the value of a query whose answer is one row, 0 if it has none.
func (l *testLab) number(expr string, args ...string) float64 {
	l.Helper()
	v := l.vector(expr, args...)
	if len(v) == 0 {
		return 0
	}
	require.Len(l, v, 1, "%s", expr)
	return float64(v[0].Value)
}

// logs asks the federation in LogsQL through the command line.
func (l *testLab) logs(expr string, args ...string) []map[string]string {
	l.Helper()
	return records(l, l.output(append([]string{"query", "--logs", expr, "--limit", "1000000", "-o", "json"}, args...)...))
}

// records reads JSON lines, as LogsQL answers in.
func records(l *testLab, body string) []map[string]string {
	l.Helper()
	var out []map[string]string
	for _, line := range lines(body) {
		var r map[string]string
		require.NoError(l, json.Unmarshal([]byte(line), &r), line)
		out = append(out, r)
	}
	return out
}

// span is a span as a trace's answer shows it, with its times in microseconds.
type span struct {
	SpanID        string `json:"spanID"`
	OperationName string `json:"operationName"`
	StartTime     int64  `json:"startTime"`
	Duration      int64  `json:"duration"`
}

// jaegerTraces is Jaeger's answer to a look-up or a search.
type jaegerTraces struct {
	Data []struct {
		TraceID   string `json:"traceID"`
		Spans     []span `json:"spans"`
		Processes map[string]struct {
			ServiceName string `json:"serviceName"`
		} `json:"processes"`
	} `json:"data"`
}

// services are the names of the services that a trace has passed.
func (t jaegerTraces) services() []string {
	seen := map[string]bool{}
	for _, trace := range t.Data {
		for _, p := range trace.Processes {
			seen[p.ServiceName] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// get fetches a URL, as a user if one is given, and returns status and body.
func (l *testLab) get(c *http.Client, url string, user *control.Credentials) (int, string) {
	l.Helper()
	return l.do(c, http.MethodGet, url, user, "", nil)
}

// getJSON decodes what a URL outside the gateways answers.
func (l *testLab) getJSON(url string, into any) {
	l.Helper()
	code, body := l.get(l.httpClient(), url, nil)
	require.Equal(l, http.StatusOK, code, body)
	require.NoError(l, json.Unmarshal([]byte(body), into), body)
}

// do sends a request, as a user if one is given, and returns status and body.
func (l *testLab) do(c *http.Client, method, url string, user *control.Credentials, contentType string, body []byte) (int, string) {
	l.Helper()
	req, err := http.NewRequestWithContext(l.Context(), method, url, strings.NewReader(string(body)))
	require.NoError(l, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if user != nil {
		req.SetBasicAuth(user.Username, user.Password)
	}
	resp, err := c.Do(req)
	require.NoError(l, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(l, err)
	return resp.StatusCode, string(b)
}

// spec is the specification that the lab was brought up with.
func (l *testLab) spec() *topology.Lab {
	l.Helper()
	spec, err := topology.Decode("state.json", strings.NewReader(l.record.Spec))
	require.NoError(l, err)
	return spec
}

// inventory is what exists in a cluster, as its Kubernetes API says.
func (l *testLab) inventory(cluster string) *inventory.Cluster {
	l.Helper()
	spec := l.spec()
	c, ok := spec.Cluster(cluster)
	require.True(l, ok, "cluster %s", cluster)
	return inventory.FromObjects(inventory.SpecOf(c, spec.Seed), l.objects(cluster))
}

// oracle computes again what a cluster has to observe.
func (l *testLab) oracle(cluster string) *telemetry.Generator {
	l.Helper()
	return telemetry.New(l.inventory(cluster), 0, telemetry.Options{})
}

// flow is the ledger's account of a hop.
func flow(s control.Status, from, to, signal string) (control.Flow, error) {
	for _, f := range s.Flow {
		if f.From == from && f.To == to && f.Signal == signal {
			return f, nil
		}
	}
	return control.Flow{}, fmt.Errorf("no flow of %s from %s to %s", signal, from, to)
}

// flow is the ledger's account of a hop now.
func (l *testLab) flow(from, to, signal string) control.Flow {
	l.Helper()
	f, err := flow(l.status(), from, to, signal)
	require.NoError(l, err)
	return f
}

// balanced checks at every hop that what was offered was acknowledged, is
// queued or was dropped for a reason.
func (l *testLab) balanced() control.Status {
	l.Helper()
	s := l.status()
	require.NotEmpty(l, s.Flow)
	for _, f := range s.Flow {
		require.GreaterOrEqual(l, f.Queued, int64(0), "%+v", f)
		require.Equal(l, f.Offered, f.Acknowledged+f.Queued+total(f.Dropped), "%+v", f)
	}
	return s
}

func total(dropped map[string]int64) int64 {
	var n int64
	for _, v := range dropped {
		n += v
	}
	return n
}

// epoch writes a time as --at and query arguments take it.
func epoch(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1e3, 'f', 3, 64) }
