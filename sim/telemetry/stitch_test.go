package telemetry

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"koflab/sim/inventory"
	"koflab/sim/telemetry/clustertest"
	"koflab/topology"
)

// change does something to a cluster.
func change(t *rapid.T, c *clustertest.Cluster, at time.Time) {
	name := rapid.SampledFrom(c.Workloads()).Draw(t, "workload")
	switch rapid.IntRange(0, 7).Draw(t, "change") {
	case 0:
		c.Scale(name, rapid.IntRange(0, 4).Draw(t, "replicas"), at)
	case 1:
		c.Delete(name, true, at)
	case 2:
		c.Rollout(name, at)
	case 3:
		c.Replace(name, at)
	case 4:
		reason := rapid.SampledFrom([]string{"CrashLoopBackOff", "ImagePullBackOff", "ContainerCreating", ""}).Draw(t, "reason")
		c.Fault(name, reason, at)
	case 5:
		c.Drain(rapid.IntRange(0, 5).Draw(t, "node"), at)
	case 6:
		c.Join(at)
	default: // nothing: a new generator for what was
	}
}

// processes lists the running containers by pod, with when each began.
func processes(c *inventory.Cluster) map[string]string {
	out := map[string]string{}
	for _, p := range c.Pods {
		if p.Runs() {
			out[p.Namespace+"/"+p.Name] = p.UID + p.Containers[0].Started.String()
		}
	}
	return out
}

// compare fails when a counter is below what it was, unless its pod is exempt.
func compare(t require.TestingT, before map[string]float64, after []sample, exempt func(s sample) bool) {
	for _, s := range after {
		was, ok := before[s.labels.String()]
		if !ok || Describe(s.name()).Type == "gauge" || exempt(s) {
			continue
		}
		require.GreaterOrEqual(t, s.value, was, s.labels.String())
	}
}

func values(all []sample) map[string]float64 {
	out := make(map[string]float64, len(all))
	for _, s := range all {
		out[s.labels.String()] = s.value
	}
	return out
}

// TestCountersSurviveChanges: whatever happens to a cluster, no counter goes back
// that counts what was there before; where a process is new, its counters begin
// with it.
func TestCountersSurviveChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sim := clustertest.New(drawSpec(t))
		g := New(sim.Inventory(), 0, Options{})
		at := drawTime(t, "at")
		last := at
		before := values(scrape(t, g, at))
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			at = at.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, "wait")))
			border := scrape(t, g, at)
			gone := restarted(g, last, at)
			compare(t, before, border, func(s sample) bool { return gone[s.labels.Get("pod")] })
			before, last = values(border), at

			old := processes(g.Cluster())
			change(t, sim, at)
			g = New(sim.Inventory(), 0, Options{Continue: g, At: at})
			now := processes(g.Cluster())
			renewed := func(s sample) bool {
				key := s.labels.Get("namespace") + "/" + s.labels.Get("pod")
				return s.labels.Get("pod") != "" && (old[key] != now[key] || gone[s.labels.Get("pod")])
			}
			gone = nil
			compare(t, before, scrape(t, g, at), renewed)
			at = at.Add(time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "after")))
			gone = restarted(g, last, at)
			after := scrape(t, g, at)
			compare(t, before, after, renewed)
			for _, s := range after {
				v, ok := g.Value(s.labels, at)
				require.True(t, ok)
				require.Equal(t, s.value, v)
			}
			before, last = values(after), at
		}
	})
}

// TestNothingChanged: a generator that continues one of the same inventory says
// the same.
func TestNothingChanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sim := clustertest.New(drawSpec(t))
		g := New(sim.Inventory(), 0, Options{})
		at := drawTime(t, "at")
		next := New(sim.Inventory(), 0, Options{Continue: g, At: at})
		later := at.Add(time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "later")))
		require.Equal(t, values(scrape(t, g, later)), values(scrape(t, next, later)))
	})
}

// TestNewProcessesBeginAnew: a pod that comes with a change counts from its own
// beginning, not from the cluster's.
func TestNewProcessesBeginAnew(t *testing.T) {
	sim := clustertest.New(childSpec(1, topology.Workload{Nodes: 2}))
	g := New(sim.Inventory(), 0, Options{})
	at := inventory.DefaultEpoch.Add(300 * time.Hour)
	for _, f := range []func(){
		func() { sim.Replace("shop/postgres", at) }, // of the same name
		func() { sim.Rollout("shop/frontend", at) },
		func() { sim.Fault("shop/catalog", "", at) }, // a restart that Kubernetes counts
	} {
		f()
		g = New(sim.Inventory(), 0, Options{Continue: g, At: at})
	}
	samples := scrape(t, g, at.Add(10*time.Second))
	cpu, requests := sumBy(samples, "container_cpu_usage_seconds_total", "pod"), sumBy(samples, "http_server_requests_total", "pod")
	for _, p := range g.Cluster().Pods {
		switch p.Workload.Name {
		case "postgres", "frontend", "catalog":
			require.Less(t, cpu[p.Name], 10.0, p.Name)
			require.Less(t, requests[p.Name], 60.0, p.Name)
			require.Equal(t, float64(p.Containers[0].Restarts), sumBy(samples, "kube_pod_container_status_restarts_total", "pod")[p.Name])
		case "cart":
			require.Greater(t, cpu[p.Name], 1000.0, p.Name)
		}
	}
}

// TestRequestsAreSpansAcrossChanges: what applications count is what was traced,
// though the pods that serve change in between.
func TestRequestsAreSpansAcrossChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sim := clustertest.New(busySpec(rapid.Int64().Draw(t, "seed"), 0, rapid.Float64Range(0.5, 30).Draw(t, "traces")))
		g := New(sim.Inventory(), 0, Options{})
		from := drawTime(t, "from")
		border := from.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "first")))
		to := border.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "second")))
		before := values(scrape(t, g, from))
		spans := flatSpans(g.Traces(from, border))
		exempt := restarted(g, from, to)
		old := processes(g.Cluster())
		change(t, sim, border)
		g = New(sim.Inventory(), 0, Options{Continue: g, At: border})
		spans = append(spans, flatSpans(g.Traces(from, to))...)
		now := processes(g.Cluster())
		want, got := map[string]float64{}, map[string]float64{}
		ids := map[pcommon.SpanID]bool{}
		for _, s := range spans {
			require.False(t, ids[s.SpanID()], "one span twice")
			ids[s.SpanID()] = true
			pod := get(s.resource, "k8s.pod.name")
			key := get(s.resource, "k8s.namespace.name") + "/" + pod
			if s.Kind() == ptrace.SpanKindServer && now[key] != "" && now[key] == old[key] && !exempt[pod] {
				want[pod+" "+s.Name()+" "+get(s.Attributes(), "http.response.status_code")]++
			}
		}
		exemptToo := restarted(g, from, to)
		for _, s := range named(scrape(t, g, to), "http_server_requests_total") {
			pod := s.labels.Get("pod")
			if key := s.labels.Get("namespace") + "/" + pod; now[key] != old[key] || exempt[pod] || exemptToo[pod] {
				continue
			}
			if diff := s.value - before[s.labels.String()]; diff != 0 {
				got[pod+" "+s.labels.Get("http_request_method")+" "+s.labels.Get("http_route")+" "+s.labels.Get("http_response_status_code")] = diff
			}
		}
		for key, n := range got {
			require.Equal(t, want[key], n, key)
		}
	})
}

// TestLogsSwitch: the records before and after a change are those of the old and
// of the new generator, none twice, none missing.
func TestLogsSwitch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sim := clustertest.New(busySpec(rapid.Int64().Draw(t, "seed"), 60, 5))
		old := New(sim.Inventory(), 0, Options{})
		from := drawTime(t, "from")
		border, to := from.Add(7*time.Second), from.Add(15*time.Second)
		change(t, sim, border)
		g := New(sim.Inventory(), 0, Options{Continue: old, At: border})
		times := map[pcommon.Timestamp]bool{}
		n := 0
		for _, r := range flatLogs(old.Logs(from, border)) {
			times[r.Timestamp()] = true
			n++
		}
		for _, r := range flatLogs(g.Logs(from, to)) {
			require.True(t, r.Timestamp().AsTime().After(border), "the older generator's record")
			require.False(t, times[r.Timestamp()], "two records of one time")
			times[r.Timestamp()] = true
			n++
		}
		require.InEpsilon(t, 60*15, n, 0.7)
		require.Zero(t, g.Logs(from, border).LogRecordCount())
		require.Zero(t, g.Traces(from, border).SpanCount())
	})
}

// TestRatesChange: when requests come at another rate, their numbers come twice
// but not their names.
func TestRatesChange(t *testing.T) {
	c := clustertest.New(busySpec(1, 10, 10)).Inventory()
	at := inventory.DefaultEpoch.Add(time.Hour)
	old := New(c, 0, Options{})
	slow := 2.0
	g := New(c, 0, Options{TraceRate: &slow, Continue: old, At: at})
	ids := map[pcommon.TraceID]bool{}
	for _, s := range flatSpans(old.Traces(inventory.DefaultEpoch, at)) {
		ids[s.TraceID()] = true
	}
	require.Greater(t, len(ids), 30000)
	for _, s := range flatSpans(g.Traces(at, at.Add(time.Hour))) {
		require.False(t, ids[s.TraceID()])
	}
	require.Equal(t, sum(scrape(t, old, at), "http_server_requests_total"), sum(scrape(t, g, at), "http_server_requests_total"))
}

func sum(all []sample, name string) float64 {
	v := 0.0
	for _, s := range named(all, name) {
		v += s.value
	}
	return v
}

// TestExporterOff: without its pod an exporter's series are gone, and only those.
func TestExporterOff(t *testing.T) {
	f := func(workload, metric, stays string) {
		t.Helper()
		sim := clustertest.New(childSpec(1, topology.Workload{Nodes: 2}))
		at := inventory.DefaultEpoch.Add(time.Hour)
		require.NotEmpty(t, named(scrape(t, New(sim.Inventory(), 0, Options{}), at), metric))
		sim.Delete(workload, true, at)
		samples := scrape(t, New(sim.Inventory(), 0, Options{}), at)
		require.Empty(t, named(samples, metric))
		require.NotEmpty(t, named(samples, stays))
	}
	f("kof/kof-collectors-prometheus-node-exporter", "node_cpu_seconds_total", "container_cpu_usage_seconds_total")
	f("kof/kof-collectors-kube-state-metrics", "kube_pod_info", "node_cpu_seconds_total")
	f("kof/kof-collectors-opencost", "node_total_hourly_cost", "kube_node_info")
	f("kube-system/coredns", "coredns_dns_requests_total", "kube_node_info")
	f("shop/frontend", "http_server_requests_total", "kube_node_info")
}

// TestScaleShows: replicas of a Deployment are series of kube-state-metrics.
func TestScaleShows(t *testing.T) {
	sim := clustertest.New(childSpec(1, topology.Workload{Nodes: 2}))
	at := inventory.DefaultEpoch.Add(time.Hour)
	f := func(metric string, want float64) {
		t.Helper()
		samples := scrape(t, New(sim.Inventory(), 0, Options{}), at)
		require.Equal(t, want, sumBy(samples, metric, "deployment")["frontend"], metric)
	}
	f("kube_deployment_spec_replicas", 2)
	sim.Scale("shop/frontend", 3, at)
	f("kube_deployment_spec_replicas", 3)
	f("kube_deployment_status_replicas_available", 3)
	sim.Fault("shop/frontend", "CrashLoopBackOff", at)
	f("kube_deployment_status_replicas_available", 0)
	f("kube_deployment_status_replicas_unavailable", 3)
	samples := scrape(t, New(sim.Inventory(), 0, Options{}), at)
	require.Equal(t, map[string]float64{"CrashLoopBackOff": 3}, sumBy(samples, "kube_pod_container_status_waiting_reason", "reason"))
	require.Equal(t, 3.0, sumBy(samples, "kube_pod_container_status_last_terminated_reason", "container")["frontend"])
	require.Empty(t, named(samples, "http_server_requests_total"))
}

// TestNothingThere: a cluster that is only coming up has little to say, and says
// it.
func TestNothingThere(t *testing.T) {
	s := childSpec(1, topology.Workload{Nodes: 2, Series: 500})
	whole := clustertest.New(s).Objects()
	at := inventory.DefaultEpoch.Add(time.Hour)
	for _, o := range []inventory.Objects{
		{}, {Nodes: whole.Nodes}, {Pods: whole.Pods}, {Nodes: whole.Nodes, Pods: whole.Pods},
		{Nodes: whole.Nodes, Deployments: whole.Deployments}, {Pods: whole.Pods, Deployments: whole.Deployments, ReplicaSets: whole.ReplicaSets},
	} {
		g := New(inventory.FromObjects(s, o), 0, Options{})
		for _, x := range scrape(t, g, at) {
			require.False(t, math.IsNaN(x.value), x.labels.String())
		}
		g.Logs(at, at.Add(time.Minute))
		g.Traces(at, at.Add(time.Minute))
		next := New(clustertest.New(s).Inventory(), 0, Options{Continue: g, At: at})
		require.Greater(t, next.Series(), 400)
	}
}

// TestOvercommitted: pods that ask for nothing, or sit where they do not fit, use
// no more than the node has.
func TestOvercommitted(t *testing.T) {
	s := childSpec(1, topology.Workload{Nodes: 1, Workloads: 12})
	o := clustertest.New(s).Objects()
	for i := range o.Pods {
		if i%3 == 0 {
			o.Pods[i].Spec.Containers[0].Resources.Requests = nil
		}
	}
	o.Nodes[0] = *smaller(s).Object()
	g := New(inventory.FromObjects(s, o), 0, Options{})
	at := inventory.DefaultEpoch.Add(100 * time.Hour)
	before, after := scrape(t, g, at), scrape(t, g, at.Add(time.Hour))
	busy := func(all []sample) float64 {
		v := 0.0
		for _, x := range named(all, "node_cpu_seconds_total") {
			if m := x.labels.Get("mode"); m != "idle" && m != "iowait" {
				v += x.value
			}
		}
		return v
	}
	cores := float64(g.Cluster().Nodes[0].Cores)
	require.Less(t, busy(after)-busy(before), 3600*cores)
	require.Greater(t, sum(after, "node_memory_MemAvailable_bytes"), 0.0)
	compare(t, values(before), after, func(x sample) bool { return restarted(g, at, at.Add(time.Hour))[x.labels.Get("pod")] })
}

// smaller is the node of a specification, cut to one core.
func smaller(s inventory.Spec) *inventory.Node {
	n := inventory.Machines(s)[0]
	n.Cores, n.Memory = 1, 2<<30
	return n
}
