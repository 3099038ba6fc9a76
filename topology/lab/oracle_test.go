package lab_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"koflab/sim/clock"
	"koflab/topology"
	"koflab/topology/lab"
	"koflab/topology/lab/control"
)

// judge asks for a verdict.
func judge(t *testing.T, l *lab.Lab, clusters ...string) control.OracleVerdict {
	t.Helper()
	v, err := l.Oracle(t.Context(), clusters, nil)
	require.NoError(t, err)
	return v
}

// rowOf is the verdict on a signal of a cluster.
func rowOf(t *testing.T, v control.OracleVerdict, cluster, signal string) control.OracleSignal {
	t.Helper()
	for _, s := range v.Signals {
		if s.Cluster == cluster && s.Signal == signal {
			return s
		}
	}
	require.Fail(t, "no verdict", "%s of %s in %+v", signal, cluster, v)
	return control.OracleSignal{}
}

// requireRight fails with all that a verdict says is wrong.
func requireRight(t *testing.T, v control.OracleVerdict) {
	t.Helper()
	if v.OK() {
		return
	}
	b, err := json.MarshalIndent(v, "", " ")
	require.NoError(t, err)
	require.Fail(t, "the oracle disagrees", "%s", b)
}

// pass lets lab time go by.
func pass(l *lab.Lab, d time.Duration) {
	for until := l.Status().Clock.Now.Add(d); l.Status().Clock.Now.Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
}

// endpoint is a service inside a cluster.
func endpoint(t *testing.T, l *lab.Lab, cluster, service string) string {
	t.Helper()
	for _, c := range l.Status().Clusters {
		if c.Name == cluster {
			require.NotEmpty(t, c.Endpoints[service], "%s of %s", service, cluster)
			return c.Endpoints[service]
		}
	}
	require.Fail(t, "no cluster "+cluster)
	return ""
}

func post(t *testing.T, url, contentType string, body []byte) {
	t.Helper()
	resp, err := http.Post(url, contentType, bytes.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Less(t, resp.StatusCode, 300, "%s: %s", url, b)
}

func TestOracle(t *testing.T) {
	home(t)
	l := start(t, lab.Options{Spec: preset(t, "minimal"), Speed: 60, Journal: true})
	pass(l, 3*time.Minute)
	v := judge(t, l)
	requireRight(t, v)
	for _, cluster := range []string{"region-1", "child-1"} {
		for _, signal := range []string{"metrics", "logs", "traces"} {
			if cluster == "region-1" && signal == "traces" {
				continue // nothing in it is traced
			}
			s := rowOf(t, v, cluster, signal)
			assert.Equal(t, "region-1", s.Region)
			assert.Positive(t, s.Expected, "%s of %s", signal, cluster)
			assert.Equal(t, s.Expected, s.Stored, "%s of %s", signal, cluster)
		}
	}
	one, err := l.Oracle(t.Context(), []string{"child-1"}, []string{"logs"})
	require.NoError(t, err)
	require.Len(t, one.Signals, 1)
	require.True(t, one.OK())
	_, err = l.Oracle(t.Context(), []string{"child-9"}, nil)
	require.ErrorContains(t, err, `there is no observed cluster "child-9"`)
	_, err = l.Oracle(t.Context(), nil, []string{"log"})
	require.ErrorContains(t, err, `signal "log": want metrics, logs or traces`)

	t.Run("planted", func(t *testing.T) { plant(t, l) })
}

// plant writes records that nobody offered, and sees each named.
func plant(t *testing.T, l *lab.Lab) {
	now := l.Status().Clock.Now.Add(-time.Minute).Truncate(time.Millisecond)
	series := sampleOf(t, l, `kube_node_info{cluster="child-1"}`)
	write := func(labels map[string]string, v float64, at time.Time) {
		var pairs []string
		for name, value := range labels {
			if name != "__name__" {
				pairs = append(pairs, name+"="+strconv.Quote(value))
			}
		}
		text := fmt.Sprintf("%s{%s} %v %d\n", labels["__name__"], strings.Join(pairs, ","), v, at.UnixMilli())
		post(t, endpoint(t, l, "region-1", "vminsert")+"/insert/0/prometheus/api/v1/import/prometheus", "text/plain", []byte(text))
	}
	write(series.Metric, 1, time.UnixMilli(series.Timestamps[0]+1))     // extra
	write(series.Metric, 7, time.UnixMilli(series.Timestamps[1]))       // another value at the same time
	write(series.Metric, 1, time.UnixMilli(series.Timestamps[2]))       // once more
	write(map[string]string{"__name__": "planted", "job": "x"}, 1, now) // of no cluster

	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("k8s.cluster.name", "child-1")
	rl.Resource().Attributes().PutStr("k8s.cluster.namespace", "kcm-system")
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(pcommon.NewTimestampFromTime(now))
	r.Body().SetStr("planted line")
	body, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	require.NoError(t, err)
	post(t, endpoint(t, l, "region-1", "vlinsert")+"/insert/opentelemetry/v1/logs", "application/x-protobuf", body)

	spans := ptrace.NewTraces()
	s := spans.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{0xab, 15: 1})
	s.SetSpanID(pcommon.SpanID{0xcd, 7: 1})
	s.SetName("planted span")
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	body, err = ptraceotlp.NewExportRequestFromTraces(spans).MarshalProto()
	require.NoError(t, err)
	post(t, endpoint(t, l, "region-1", "vtinsert")+"/insert/opentelemetry/v1/traces", "application/x-protobuf", body)

	v := judge(t, l)
	require.False(t, v.OK())
	at := func(i int, plus int64) string {
		return time.UnixMilli(series.Timestamps[i] + plus).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	m := rowOf(t, v, "child-1", "metrics")
	assert.EqualValues(t, 2, m.Unexpected, m.Examples)
	assert.EqualValues(t, 1, m.Duplicated, m.Examples)
	assert.Zero(t, m.Missing)
	text := strings.Join(m.Examples, "\n")
	assert.Contains(t, text, "unexpected: kube_node_info{")
	assert.Contains(t, text, at(0, 1)+" = 1")
	assert.Contains(t, text, at(1, 0)+" = 7")
	assert.Contains(t, text, "stored again: kube_node_info{")
	assert.Contains(t, text, at(2, 0)+" = 1, 2 times")
	assert.Equal(t, []string{`unexpected: planted{job="x"} ` + now.UTC().Format("2006-01-02T15:04:05.000Z") + " = 1"}, rowOf(t, v, "", "metrics").Examples)
	logRow := rowOf(t, v, "child-1", "logs")
	assert.EqualValues(t, 1, logRow.Unexpected)
	require.Len(t, logRow.Examples, 1)
	assert.Contains(t, logRow.Examples[0], `"planted line"`)
	assert.Contains(t, logRow.Examples[0], now.UTC().Format(time.RFC3339Nano))
	spanRow := rowOf(t, v, "", "traces")
	assert.Equal(t, []string{"unexpected: trace ab000000000000000000000000000001 span cd00000000000001, OTLPResourceNoServiceName planted span"}, spanRow.Examples)
}

// exported is a series of VictoriaMetrics' export.
type exported struct {
	Metric     map[string]string `json:"metric"`
	Timestamps []int64           `json:"timestamps"`
}

func sampleOf(t *testing.T, l *lab.Lab, selector string) exported {
	t.Helper()
	resp, err := http.Get(endpoint(t, l, "region-1", "vmselect") + "/select/0/prometheus/api/v1/export?start=0&match[]=" + url.QueryEscape(selector))
	require.NoError(t, err)
	defer resp.Body.Close()
	var out exported
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&out))
	require.Greater(t, len(out.Timestamps), 3)
	return out
}

// A region that is away for longer than batches are tried again, once for a child whose
// queues have room and once for one whose queues have not.
const oracleOutage = `
apiVersion: koflab/v1alpha1
kind: Lab
name: outage
regions: [{name: r1, nodes: 1}]
children:
  - {name: c1, region: r1, nodes: 1}
  - {name: c2, region: r1, nodes: 1, collector: {queueSize: 8}}
`

// TestOracleAgreesWithTheLedger sees records given up and turned away, and every one
// of the others stored.
func TestOracleAgreesWithTheLedger(t *testing.T) {
	home(t)
	file := filepath.Join(t.TempDir(), "outage.yaml")
	require.NoError(t, os.WriteFile(file, []byte(oracleOutage), 0o600))
	spec, err := topology.Load(file)
	require.NoError(t, err)
	v := clock.NewVirtual(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
	defer v.Close()
	var l *lab.Lab
	during := func(f func(context.Context) error) {
		t.Helper()
		require.NoError(t, v.While(t.Context(), f))
	}
	pass := func(d time.Duration) {
		t.Helper()
		require.NoError(t, v.Run(t.Context(), d))
	}
	during(func(ctx context.Context) (err error) {
		l, err = lab.Start(ctx, lab.Options{Spec: spec, Clock: v, Journal: true}, nil)
		return err
	})
	defer func() { during(func(context.Context) error { return l.Close() }) }()
	pass(3 * time.Minute)
	during(func(ctx context.Context) error { return l.SetListeners(ctx, "r1", false) })
	pass(8 * time.Minute)
	during(func(ctx context.Context) error {
		_, err := l.Oracle(ctx, nil, nil)
		assert.ErrorContains(t, err, "r1 is off the network")
		return l.SetListeners(ctx, "r1", true)
	})
	pass(3 * time.Minute)

	var verdict control.OracleVerdict
	during(func(ctx context.Context) (err error) {
		verdict, err = l.Oracle(ctx, nil, nil)
		return err
	})
	requireRight(t, verdict)
	dropped := map[string]int64{}
	for _, f := range l.Status().Flow {
		if f.To != "r1" || strings.HasSuffix(f.From, "/targets") {
			continue
		}
		s := rowOf(t, verdict, f.From, f.Signal)
		assert.Equal(t, f.Acknowledged, s.Expected, "%s of %s", f.Signal, f.From)
		assert.Equal(t, f.Acknowledged, s.Stored, "%s of %s", f.Signal, f.From)
		for reason, n := range f.Dropped {
			dropped[f.From+" "+reason] += n
		}
	}
	assert.Positive(t, dropped["c1 retry_exhausted"])
	assert.Zero(t, dropped["c1 queue_full"])
	assert.Positive(t, dropped["c2 queue_full"])
}
