package collector

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"koflab/sim/ledger"
)

func TestBatchSizes(t *testing.T) {
	// A scrape comes with five report samples.
	f := func(series int, atOnce, later []int) {
		t.Helper()
		l := startLab(t, func(c *Config) { c.Targets = []Target{newFakeTarget("j", series)} })
		require.Equal(t, atOnce, l.region.sizes)
		l.pass(999 * time.Millisecond)
		require.Equal(t, atOnce, l.region.sizes)
		l.pass(time.Millisecond)
		require.Equal(t, append(atOnce, later...), l.region.sizes)
	}
	f(10, nil, []int{15})
	f(994, nil, []int{999})
	f(995, []int{1000}, nil)
	f(1495, []int{1500}, nil)
	f(1595, []int{1500}, []int{100})
	f(3995, []int{1500, 1500, 1000}, nil)
}

func TestRecordBatchSizes(t *testing.T) {
	l := startLab(t, nil)
	many := plog.NewLogs()
	for range 3200 {
		oneLog("x").ResourceLogs().MoveAndAppendTo(many.ResourceLogs())
	}
	require.NoError(t, l.receiveLogs(many, overGRPC))
	l.settle()
	require.Len(t, l.region.storedLogs(), 3000)
	l.pass(time.Second)
	require.Len(t, l.region.storedLogs(), 3200)
	require.Len(t, l.region.requests, 3)
}

func TestExternalLabels(t *testing.T) {
	f := func(given labels.Labels, change func(*Config), want string) {
		t.Helper()
		target := newFakeTarget("j", 0)
		target.series = []labels.Labels{given}
		l := startLab(t, func(c *Config) {
			c.Targets = []Target{target}
			if change != nil {
				change(c)
			}
		})
		l.flush()
		require.Equal(t, want, l.region.stored()[0].labels)
	}
	m := func(pairs ...string) labels.Labels {
		return labels.FromStrings(append(pairs, "__name__", "m")...)
	}
	f(m("job", "j"), nil, `{__name__="m", cluster="c1", clusterNamespace="kcm-system", job="j"}`)
	f(m("a", "b", "z", "y"), nil, `{__name__="m", a="b", cluster="c1", clusterNamespace="kcm-system", z="y"}`)
	// What the series brings wins, as in the prometheusremotewrite exporter.
	f(m("cluster", "own"), nil, `{__name__="m", cluster="own", clusterNamespace="kcm-system"}`)
	// KOF 1.0.
	f(m(), func(c *Config) { c.ClusterLabel = "clusterName" }, `{__name__="m", clusterName="c1"}`)
	f(m(), func(c *Config) { c.ClusterNamespace = "" }, `{__name__="m", cluster="c1"}`)
	f(m("a", "b"), func(c *Config) { c.RemoteWrite = RemoteWriteV2 }, `{__name__="m", a="b", cluster="c1", clusterNamespace="kcm-system"}`)
}

func TestResourceAttributes(t *testing.T) {
	l := startLab(t, nil)
	require.NoError(t, l.receiveLogs(oneLog("x"), overGRPC))
	l.flush()
	require.Equal(t, map[string]any{"k8s.pod.name": "p", "k8s.cluster.name": "c1", "k8s.cluster.namespace": "kcm-system"}, l.region.resource)
	named := oneLog("y")
	named.ResourceLogs().At(0).Resource().Attributes().PutStr("k8s.cluster.name", "own")
	require.NoError(t, l.receiveLogs(named, overGRPC))
	l.flush()
	require.Equal(t, "own", l.region.resource["k8s.cluster.name"])
	// resource/k8sclustername is not in the traces pipeline.
	require.NoError(t, l.receiveTraces(oneSpan("s"), overGRPC))
	l.flush()
	require.Equal(t, map[string]any{"service.name": "s"}, l.region.resource)
}

func TestAuditRouting(t *testing.T) {
	records := func() plog.Logs {
		l := oneLog("plain")
		byRecord := l.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty()
		byRecord.Body().SetStr("audit 1")
		byRecord.Attributes().PutStr("log_type", "k8s_audit")
		byResource := oneLog("audit 2")
		byResource.ResourceLogs().At(0).Resource().Attributes().PutStr("log_type", "k8s_audit")
		byResource.ResourceLogs().MoveAndAppendTo(l.ResourceLogs())
		other := oneLog("syslog")
		other.ResourceLogs().At(0).Resource().Attributes().PutStr("log_type", "syslog")
		other.ResourceLogs().MoveAndAppendTo(l.ResourceLogs())
		return l
	}
	l := startLab(t, nil)
	require.NoError(t, l.receiveLogs(records(), overGRPC))
	l.flush()
	require.ElementsMatch(t, []string{"plain", "syslog"}, l.region.logs)
	require.ElementsMatch(t, []string{"audit 1", "audit 2"}, l.region.audit)
	require.EqualValues(t, 4, l.out(ledger.Logs).Acknowledged)

	l = startLab(t, func(c *Config) { c.AuditOut = Endpoint{} })
	require.NoError(t, l.receiveLogs(records(), overGRPC))
	l.flush()
	require.Len(t, l.region.logs, 4)
}

func TestWireHeaders(t *testing.T) {
	l := startLab(t, func(c *Config) {
		c.Targets = []Target{newFakeTarget("j", 1)}
		c.Metrics.Username, c.Metrics.Password = "u", "p"
	})
	require.NoError(t, l.receiveLogs(oneLog("x"), overGRPC))
	l.flush()
	byPath := map[string]*http.Request{}
	for _, r := range l.region.requests {
		byPath[r.URL.Path] = r
	}
	w := byPath["/write"]
	require.Equal(t, "application/x-protobuf", w.Header.Get("Content-Type"))
	require.Equal(t, "snappy", w.Header.Get("Content-Encoding"))
	require.Equal(t, "0.1.0", w.Header.Get("X-Prometheus-Remote-Write-Version"))
	user, password, _ := w.BasicAuth()
	require.Equal(t, "u/p", user+"/"+password)
	logs := byPath["/logs"]
	require.Equal(t, "gzip", logs.Header.Get("Content-Encoding"))
	_, _, with := logs.BasicAuth()
	require.False(t, with, "in-cluster writes carry no credentials")
}

func TestRotation(t *testing.T) {
	target := newFakeTarget("j", 1)
	l := newLab(t, func(c *Config) {
		c.Targets = []Target{target}
		c.Metrics.Username, c.Metrics.Password = "u", "old"
	})
	l.region.setFault(func(w http.ResponseWriter, r *http.Request, _ func()) bool {
		if _, password, _ := r.BasicAuth(); password != "new" {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		return false
	})
	l.start()
	l.flush()
	require.Equal(t, map[string]int64{"http_401": 6}, l.out(ledger.Metrics).Dropped)
	l.SetCredentials("u", "new")
	l.pass(31 * time.Second)
	l.flush()
	require.EqualValues(t, 6, l.out(ledger.Metrics).Acknowledged)
	require.False(t, strings.Contains(l.region.stored()[0].labels, "old"))
}

func TestDeterminism(t *testing.T) {
	run := func(step time.Duration) []sample {
		l := startLab(t, func(c *Config) {
			fast := newFakeTarget("fast", 7)
			fast.interval = 7 * time.Second
			c.Targets = []Target{newFakeTarget("slow", 1200), fast}
		})
		for at := time.Duration(0); at < time.Minute; at += step {
			l.clock.Advance(step)
			l.settle()
		}
		l.flush()
		return l.region.stored()
	}
	one := run(time.Second)
	require.Equal(t, one, run(time.Second))
	require.Equal(t, one, run(100*time.Millisecond))
	require.Equal(t, one, run(20*time.Second))
}
