package lab_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"koflab/topology"
	"koflab/topology/lab"
	"koflab/topology/lab/control"
	"koflab/topology/lab/state"
)

// home keeps a test's labs apart from all others; socket paths must be short.
func home(tb testing.TB) {
	tb.Helper()
	dir, err := os.MkdirTemp("", "kof")
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	tb.Setenv("XDG_STATE_HOME", filepath.Join(dir, "s"))
	tb.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "r"))
}

func preset(tb testing.TB, name string, o ...topology.Overrides) *topology.Lab {
	tb.Helper()
	spec, err := topology.Preset(name, o...)
	require.NoError(tb, err)
	return spec
}

func start(tb testing.TB, o lab.Options) *lab.Lab {
	tb.Helper()
	l, err := lab.Start(context.Background(), o, nil)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, l.Close()) })
	return l
}

func TestEveryModeComesUpAndGoesDown(t *testing.T) {
	for _, c := range []struct {
		name string
		o    lab.Options
	}{
		{"minimal", lab.Options{Spec: preset(t, "minimal")}},
		{"regionless", lab.Options{Spec: preset(t, "regionless")}},
		{"m2m", lab.Options{Spec: preset(t, "minimal", topology.Overrides{ManagementData: topology.ManagementDataM2M})}},
		{"m2r", lab.Options{Spec: preset(t, "minimal", topology.Overrides{ManagementData: topology.ManagementDataM2R})}},
		{"istio", lab.Options{Spec: preset(t, "minimal", topology.Overrides{Network: topology.NetworkIstio})}},
		{"current", lab.Options{Spec: preset(t, "minimal", topology.Overrides{Stack: "current"})}},
		{"v1.0", lab.Options{Spec: preset(t, "minimal", topology.Overrides{Stack: "v1.0"})}},
		{"kof semantics", lab.Options{Spec: preset(t, "minimal"), Semantics: "kof"}},
		{"history", lab.Options{Spec: preset(t, "minimal"), History: 5 * time.Minute}},
	} {
		t.Run(c.name, func(t *testing.T) {
			home(t)
			l := start(t, c.o)
			s := l.Status()
			require.Equal(t, control.Ready, s.Phase)
			require.Positive(t, s.ReadyInSeconds)
			require.NoError(t, l.Flush(t.Context()))
			signals := map[string]int64{}
			for _, f := range l.Status().Flow {
				signals[f.Signal] += f.Acknowledged
				dropped := int64(0)
				for _, n := range f.Dropped {
					dropped += n
				}
				require.Equal(t, f.Offered, f.Acknowledged+f.Queued+dropped, "%s -> %s %s", f.From, f.To, f.Signal)
			}
			require.Positive(t, signals["metrics"])
			require.NoError(t, l.Close())
			names, err := state.List()
			require.NoError(t, err)
			require.Empty(t, names, "closing leaves nothing on disk")
		})
	}
}

func TestHistoryIsThereBeforeTheLabIsReady(t *testing.T) {
	home(t)
	l := start(t, lab.Options{Spec: preset(t, "minimal"), History: 10 * time.Minute})
	r, err := l.Query(t.Context(), control.QueryRequest{Expr: `min(count_over_time(kube_node_info[9m]))`})
	require.NoError(t, err)
	require.Equal(t, "success", r.Status, r.Error)
	require.InDelta(t, 36, value(t, r), 1, "a sample every 15 s")
}

// value is that of an answer with one series.
func value(t *testing.T, r control.QueryResponse) float64 {
	t.Helper()
	require.Equal(t, "success", r.Status, r.Error)
	var answer struct {
		Result model.Vector `json:"result"`
	}
	require.NoError(t, json.Unmarshal(r.Data, &answer))
	require.Len(t, answer.Result, 1, string(r.Data))
	return float64(answer.Result[0].Value)
}

func TestAClusterHasTheSeriesAskedFor(t *testing.T) {
	home(t)
	spec := preset(t, "minimal")
	spec.Children[0].Workload = topology.Workload{
		Nodes: 2, Workloads: 3, Series: 2000, ScrapeInterval: topology.Duration(5 * time.Second),
	}
	l := start(t, lab.Options{Spec: spec, Speed: 20})
	count := func() float64 {
		r, err := l.Query(t.Context(), control.QueryRequest{Expr: `count({cluster="child-1"})`})
		require.NoError(t, err)
		return value(t, r)
	}
	// OpenCost and applications are scraped every 30 s.
	require.Eventually(t, func() bool { return count() >= 1960 }, 20*time.Second, 100*time.Millisecond)
	require.LessOrEqual(t, count(), 2040.0)
}

func TestCrashedRegionComesBackWithWhatItHad(t *testing.T) {
	home(t)
	l := start(t, lab.Options{Spec: preset(t, "minimal")})
	require.NoError(t, l.CrashRegion(t.Context(), "region-1"))
	require.Eventually(t, func() bool {
		r, err := l.Query(t.Context(), control.QueryRequest{Expr: `count(up) > 0`, ErrorMode: "fail"})
		return err == nil && r.Status == "success"
	}, 10*time.Second, 20*time.Millisecond)
	unclean := 0
	for _, e := range l.EventsSince(0) {
		if e.Reason == "UncleanStart" {
			unclean++
		}
	}
	require.Equal(t, 4, unclean, "one report for each of metrics, logs, audit and traces")
	require.ErrorContains(t, l.CrashRegion(t.Context(), "nowhere"), "koflab status")
}

func TestSecondLabOfOneName(t *testing.T) {
	home(t)
	start(t, lab.Options{Spec: preset(t, "minimal")})
	_, err := lab.Start(t.Context(), lab.Options{Spec: preset(t, "minimal")}, nil)
	var running *state.RunningError
	require.ErrorAs(t, err, &running)
	require.Equal(t, os.Getpid(), running.PID)
}

func TestStartThatIsInterruptedLeavesNothing(t *testing.T) {
	home(t)
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	_, err := lab.Start(ctx, lab.Options{Spec: preset(t, "minimal")}, func(control.Event) {
		if steps++; steps == 2 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	names, err := state.List()
	require.NoError(t, err)
	require.Empty(t, names)
}

// BenchmarkStart is the time from nothing to the first correct federated
// answer of the default lab, and back to nothing.
func BenchmarkStart(b *testing.B) {
	home(b)
	spec := preset(b, topology.DefaultPreset)
	var ready float64
	for b.Loop() {
		l, err := lab.Start(b.Context(), lab.Options{Spec: spec}, nil)
		require.NoError(b, err)
		ready += l.Status().ReadyInSeconds
		require.NoError(b, l.Close())
	}
	b.ReportMetric(ready/float64(b.N), "s-to-ready")
}

// BenchmarkQuery compares a federated query of the default lab with the same
// query asked of one region alone.
func BenchmarkQuery(b *testing.B) {
	home(b)
	l := start(b, lab.Options{Spec: preset(b, topology.DefaultPreset), History: 15 * time.Minute})
	for _, expr := range []string{
		`count by (cluster)(kube_node_info)`,
		`sum by (cluster)(rate(container_cpu_usage_seconds_total[5m]))`,
		`topk(5, rate(container_cpu_usage_seconds_total[5m]))`,
	} {
		for _, region := range []string{"", "region-1"} {
			name := "federated"
			if region != "" {
				name = "direct"
			}
			b.Run(name+"/"+expr, func(b *testing.B) {
				for b.Loop() {
					r, err := l.Query(b.Context(), control.QueryRequest{Expr: expr, Region: region})
					require.NoError(b, err)
					require.Equal(b, "success", r.Status)
				}
			})
		}
	}
}
