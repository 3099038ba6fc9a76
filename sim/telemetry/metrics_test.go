package telemetry

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"koflab/sim/inventory"
	"koflab/sim/telemetry/clustertest"
	"koflab/topology"
)

func TestSeriesAreUniqueAndDescribed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		seen, targets := map[string]bool{}, map[string]bool{}
		for _, target := range g.Targets() {
			key := target.TargetLabels().String()
			require.False(t, targets[key], "two targets %s", key)
			targets[key] = true
			require.Equal(t, target.Job(), target.TargetLabels().Get("job"))
			require.Equal(t, target.Instance(), target.TargetLabels().Get("instance"))
		}
		for _, s := range scrape(t, g, drawTime(t, "at")) {
			key := s.labels.String()
			require.False(t, seen[key], "two series %s", key)
			seen[key] = true
			require.NotEmpty(t, Describe(s.name()).Help, s.name())
			require.Equal(t, s.target.Job(), s.labels.Get("job"))
			dup, has := s.labels.HasDuplicateLabelNames()
			require.False(t, has, "%s has %s twice", key, dup)
			require.False(t, math.IsNaN(s.value) || math.IsInf(s.value, 0), key)
			require.LessOrEqual(t, len(s.target.own), 16, "the bits of formula.own")
		}
		require.Len(t, seen, g.Series())
	})
}

// restarted lists the pods in which a process began in (from, to].
func restarted(g *Generator, from, to time.Time) map[string]bool {
	out := map[string]bool{}
	for i := range g.instances {
		if r := g.instances[i].restarts; r != nil && r.count(to.UnixNano()) > r.count(from.UnixNano()) {
			out[g.instances[i].pod.Name] = true
		}
	}
	return out
}

func TestCountersGoBackOnlyAtRestarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		from := drawTime(t, "from")
		to := from.Add(time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(10*24*time.Hour)).Draw(t, "span")))
		before, after := scrape(t, g, from), scrape(t, g, to)
		exempt := restarted(g, from, to)
		for i, s := range before {
			require.Equal(t, s.labels, after[i].labels)
			if Describe(s.name()).Type == "gauge" {
				continue
			}
			require.GreaterOrEqual(t, s.value, 0.0, s.labels.String())
			if !exempt[s.labels.Get("pod")] {
				require.GreaterOrEqual(t, after[i].value, s.value, s.labels.String())
			}
		}
	})
}

// TestRestartsAgree: where kube-state-metrics counts a restart, the process began
// at that instant and its counters began anew.
func TestRestartsAgree(t *testing.T) {
	g := child(topology.Workload{Nodes: 4, Workloads: 24}, Options{})
	found := 0
	for i := range g.instances {
		in := &g.instances[i]
		if in.restarts == nil {
			continue
		}
		found++
		restart := time.Unix(0, in.restarts.at(in.restarts.count(g.epoch)))
		before, after := scrape(t, g, restart.Add(-time.Millisecond)), scrape(t, g, restart.Add(time.Millisecond))
		pod := in.pod.Name
		require.Equal(t, sumBy(before, "kube_pod_container_status_restarts_total", "pod")[pod]+1,
			sumBy(after, "kube_pod_container_status_restarts_total", "pod")[pod])
		require.Greater(t, sumBy(before, "container_cpu_usage_seconds_total", "pod")[pod], 1.0)
		require.Less(t, sumBy(after, "container_cpu_usage_seconds_total", "pod")[pod], 0.1)
		if len(in.pod.Workload.Operations) > 0 {
			require.InDelta(t, float64(restart.UnixNano())/1e9, sumBy(after, "process_start_time_seconds", "pod")[pod], 1e-3)
			require.Zero(t, sumBy(after, "http_server_requests_total", "pod")[pod])
		}
	}
	require.Positive(t, found, "no container of the cluster restarts: the test shows nothing")
}

func TestHistograms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		samples := scrape(t, g, drawTime(t, "at"))
		byName := map[string]float64{}
		for _, s := range samples {
			byName[s.labels.String()] = s.value
		}
		last := map[string]float64{}
		for _, s := range samples {
			if !s.labels.Has("le") {
				continue
			}
			base := s.name()[:len(s.name())-len("_bucket")]
			b := labels.NewBuilder(s.labels).Del("le")
			key := b.Set(model.MetricNameLabel, base).Labels().String()
			require.GreaterOrEqual(t, s.value, last[key], "%s is below the bucket before", s.labels)
			last[key] = s.value
			if s.labels.Get("le") == "+Inf" {
				count, ok := byName[b.Set(model.MetricNameLabel, base+"_count").Labels().String()]
				require.True(t, ok, key)
				require.Equal(t, count, s.value, key)
				sum, ok := byName[b.Set(model.MetricNameLabel, base+"_sum").Labels().String()]
				require.True(t, ok, key)
				require.Equal(t, count > 0, sum > 0, key)
			}
		}
	})
}

func TestCPUModesSumToElapsedTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		at := drawTime(t, "at")
		sums := sumBy(scrape(t, g, at), "node_cpu_seconds_total", "node")
		require.Len(t, sums, len(g.Cluster().Nodes))
		for _, n := range g.Cluster().Nodes {
			want := at.Sub(n.Booted).Seconds() * float64(n.Cores)
			require.InDelta(t, want, sums[n.Name], 0.01*float64(8*n.Cores)+1e-6, "more than a tick per core and mode")
		}
	})
}

// TestContainersFitTheirNodes: over any interval the containers of a node use no
// more CPU than the node does, and what the node uses beyond them is the system's
// small share; memory likewise at any instant.
func TestContainersFitTheirNodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		from := drawTime(t, "from")
		span := time.Duration(rapid.Int64Range(int64(time.Second), int64(time.Hour)).Draw(t, "span"))
		exempt := restarted(g, from, from.Add(span))
		before, after := scrape(t, g, from), scrape(t, g, from.Add(span))
		containers, memory := map[string]float64{}, map[string]float64{}
		for i, s := range before {
			node := s.labels.Get("node")
			switch s.name() {
			case "container_cpu_usage_seconds_total":
				if !exempt[s.labels.Get("pod")] {
					containers[node] += after[i].value - s.value
				}
			case "container_memory_working_set_bytes":
				memory[node] += s.value
			}
		}
		busy := map[string]float64{}
		for i, s := range before {
			if s.name() == "node_cpu_seconds_total" && s.labels.Get("mode") != "idle" && s.labels.Get("mode") != "iowait" {
				busy[s.labels.Get("node")] += after[i].value - s.value
			}
		}
		total, available := sumBy(before, "node_memory_MemTotal_bytes", "node"), sumBy(before, "node_memory_MemAvailable_bytes", "node")
		for _, n := range g.Cluster().Nodes {
			rounding := 0.01*float64(8*n.Cores) + 0.001*float64(len(n.Pods)) // ticks and milliseconds
			require.LessOrEqual(t, containers[n.Name], busy[n.Name]+rounding, n.Name)
			require.LessOrEqual(t, busy[n.Name], float64(n.Cores)*span.Seconds()+rounding, n.Name)
			used := total[n.Name] - available[n.Name]
			require.LessOrEqual(t, memory[n.Name], used, n.Name)
			require.Positive(t, available[n.Name], n.Name)
			if len(exempt) == 0 {
				require.LessOrEqual(t, busy[n.Name]-containers[n.Name], n.Reserved().CPU*span.Seconds()+rounding, n.Name)
			}
			require.LessOrEqual(t, used-memory[n.Name], float64(n.Reserved().Memory)+page*float64(len(n.Pods)+1), n.Name)
		}
	})
}

func TestContainersStayWithinRequests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		samples := scrape(t, g, drawTime(t, "at"))
		requested := map[string]float64{}
		for _, s := range named(samples, "kube_pod_container_resource_requests") {
			if s.labels.Get("resource") == "memory" {
				requested[s.labels.Get("namespace")+s.labels.Get("pod")+s.labels.Get("container")] = s.value
			}
		}
		used := named(samples, "container_memory_working_set_bytes")
		require.NotEmpty(t, used)
		for _, s := range used {
			require.Less(t, s.value, requested[s.labels.Get("namespace")+s.labels.Get("pod")+s.labels.Get("container")], s.labels.String())
		}
	})
}

// TestJoins: what KOF's rules and panels join on exists on both sides, once.
func TestJoins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		samples := scrape(t, g, drawTime(t, "at"))
		keys := func(name string, by ...string) map[string]int {
			out := map[string]int{}
			for _, s := range named(samples, name) {
				key := ""
				for _, l := range by {
					key += s.labels.Get(l) + "|"
				}
				out[key]++
			}
			require.NotEmpty(t, out, name)
			return out
		}
		require.Equal(t, keys("kube_pod_info", "namespace", "pod", "uid"), keys("kube_pod_owner", "namespace", "pod", "uid"))
		require.Len(t, keys("kube_pod_info", "namespace", "pod"), len(g.Cluster().Pods))
		require.Len(t, keys("kube_node_info", "node"), len(g.Cluster().Nodes))
		for name, by := range map[string]string{
			"kube_node_labels": "node", "node_total_hourly_cost": "node", "node_uname_info": "nodename",
			"machine_cpu_cores": "node", "kubelet_node_name": "node",
		} {
			require.Equal(t, keys("kube_node_info", "node"), keys(name, by), name)
		}
		pods, replicaSets := keys("kube_pod_info", "namespace", "pod"), keys("kube_replicaset_owner", "namespace", "replicaset")
		for key := range keys("container_cpu_usage_seconds_total", "namespace", "pod") {
			require.Contains(t, pods, key)
		}
		for _, s := range named(samples, "kube_pod_owner") {
			if s.labels.Get("owner_kind") == "ReplicaSet" {
				require.Contains(t, replicaSets, s.labels.Get("namespace")+"|"+s.labels.Get("owner_name")+"|")
			}
		}
		for pod, n := range sumBy(samples, "kube_pod_status_phase", "uid") {
			require.Equal(t, 1.0, n, "phases of %s", pod)
		}
		running, want := sumBy(samples, "kubelet_running_pods", "node"), map[string]float64{}
		for _, n := range g.Cluster().Nodes {
			want[n.Name] = 0
			for _, p := range n.Pods {
				if p.Runs() {
					want[n.Name]++
				}
			}
		}
		require.Equal(t, want, running)
	})
}

func TestCostsAreTheInventorys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		c := g.Cluster()
		samples := scrape(t, g, drawTime(t, "at"))
		var total, pods float64
		cpuPrice, ramPrice := sumBy(samples, "node_cpu_hourly_cost", "node"), sumBy(samples, "node_ram_hourly_cost", "node")
		for _, s := range named(samples, "node_total_hourly_cost") {
			total += s.value
		}
		for _, s := range named(samples, "container_cpu_allocation") {
			pods += s.value * cpuPrice[s.labels.Get("node")]
		}
		for _, s := range named(samples, "container_memory_allocation_bytes") {
			pods += s.value / (1 << 30) * ramPrice[s.labels.Get("node")]
		}
		require.InEpsilon(t, c.HourlyCost(), total, 1e-9)
		var want float64
		for _, p := range c.Pods {
			want += p.HourlyCost()
		}
		require.InEpsilon(t, want, pods, 1e-9)
		require.Less(t, pods, total)
	})
}

func TestValueIsWhatWasScraped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		at := drawTime(t, "at")
		for _, s := range scrape(t, g, at) {
			v, ok := g.Value(s.labels, at)
			require.True(t, ok, s.labels)
			require.Equal(t, s.value, v, s.labels)
		}
		_, ok := g.Value(labels.FromStrings(model.MetricNameLabel, "up"), at)
		require.False(t, ok)
	})
}

func TestTwoGeneratorsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		again := New(g.Cluster(), 0, Options{})
		other := New(g.Cluster(), 1, Options{})
		g = New(g.Cluster(), 0, Options{})
		at := drawTime(t, "at")
		first, second := scrape(t, g, at), scrape(t, again, at)
		require.Len(t, second, len(first))
		for i := range first {
			require.True(t, labels.Equal(first[i].labels, second[i].labels))
			require.Equal(t, first[i].value, second[i].value)
		}
		require.NotEqual(t, sumBy(first, "container_cpu_usage_seconds_total", "pod"),
			sumBy(scrape(t, other, at), "container_cpu_usage_seconds_total", "pod"), "another seed gives the same telemetry")
	})
}

// TestConcurrentScrapes: scrapes at different times do not disturb each other.
func TestConcurrentScrapes(t *testing.T) {
	g := child(topology.Workload{Nodes: 1, Workloads: 3}, Options{})
	const n = 4
	times, want := make([]time.Time, n), make([][]sample, n)
	for i := range n {
		times[i] = inventory.DefaultEpoch.Add(time.Duration(i+1) * 1000 * time.Hour)
		want[i] = scrape(t, g, times[i])
	}
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			for range 20 {
				for at, got := range scrape(t, g, times[i]) {
					if want[i][at].value != got.value {
						t.Errorf("%s: %v, alone %v", got.labels, got.value, want[i][at].value)
						return
					}
				}
			}
		})
	}
	wait.Wait()
}

func TestSeriesTarget(t *testing.T) {
	f := func(w topology.Workload, opts Options) {
		t.Helper()
		g := child(w, opts)
		want := max(w.Series, opts.Series)
		got := g.Series() + opts.Fixed + opts.PerTarget*len(g.Targets())
		if want < g.MinSeries() {
			require.Equal(t, g.MinSeries(), got, "below the minimum")
			return
		}
		require.InEpsilon(t, want, got, 0.02)
	}
	for _, series := range []int{1, 400, 500, 1000, 2000, 5000, 20000} {
		for _, nodes := range []int{1, 3} {
			for _, workloads := range []int{1, 8} {
				f(topology.Workload{Nodes: nodes, Workloads: workloads, Series: series}, Options{})
				f(topology.Workload{Nodes: nodes, Workloads: workloads}, Options{Series: series, PerTarget: 5, Fixed: 40})
			}
		}
	}
	natural := child(topology.Workload{Nodes: 3, Series: 500}, Options{Series: -1})
	require.Equal(t, child(topology.Workload{Nodes: 3}, Options{}).Series(), natural.Series(), "negative means no target")
	require.Greater(t, natural.Series(), 800)
	require.Less(t, natural.Series(), 1700)
}

// TestNoApplications: a cluster that runs nothing but KOF can be widened too.
func TestNoApplications(t *testing.T) {
	c := topology.Cluster{Name: "r", Role: topology.RoleRegion, Workload: topology.Workload{Nodes: 1, Series: 3000}}
	require.Equal(t, 3000, New(clustertest.New(inventory.SpecOf(c, 1)).Inventory(), 0, Options{}).Series())
}

func TestScrapeStopsWhenAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	target := child(topology.Workload{Nodes: 1}, Options{}).Targets()[0]
	err := target.Scrape(ctx, inventory.DefaultEpoch, func(labels.Labels, float64) { t.Error("emitted after cancel") })
	require.ErrorIs(t, err, context.Canceled)
}

// TestBeforeTheEpoch: a clock that starts too early finds an idle cluster, no
// negative counters.
func TestBeforeTheEpoch(t *testing.T) {
	g := child(topology.Workload{Nodes: 2}, Options{})
	at := inventory.DefaultEpoch.AddDate(-6, 0, 0)
	for _, s := range scrape(t, g, at) {
		require.GreaterOrEqual(t, s.value, -1e-3, s.labels.String())
	}
	require.Zero(t, g.Logs(at, at.Add(time.Hour)).LogRecordCount())
	require.Zero(t, g.Traces(at, at.Add(time.Hour)).SpanCount())
}
