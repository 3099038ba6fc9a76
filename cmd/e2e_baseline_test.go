package cmd_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"koflab/topology"
)

// stored lists the clusters of a lab whose telemetry is stored somewhere, with
// the cluster that stores it.
func (l *testLab) stored() map[string]string {
	l.Helper()
	out := map[string]string{}
	for _, c := range l.status().Clusters {
		if c.Region != "" {
			out[c.Name] = c.Region
		}
	}
	return out
}

// TestBaseline is scenario 1: what is observed is in the answers, once, under
// the region that stores it, and adds up.
func TestBaseline(t *testing.T) {
	t.Parallel()
	l := startLab(t, "--preset", "two-regions", "--speed", "10x")
	regions := l.stored()
	require.Equal(t, map[string]string{
		"region-1": "region-1", "child-1": "region-1", "child-2": "region-1",
		"region-2": "region-2", "child-3": "region-2", "child-4": "region-2",
	}, regions)

	nodes, cost, pods := map[string]float64{}, map[string]float64{}, map[string]float64{}
	places := map[string]bool{}
	for cluster, region := range regions {
		inv := l.inventory(cluster)
		c, _ := l.spec().Cluster(cluster)
		nodes[cluster], cost[cluster], pods[cluster] = float64(c.Workload.Nodes), inv.HourlyCost(), float64(len(inv.Pods))
		places[cluster+"/"+region] = true
	}
	// Ready means that this is right at once; the rest comes with its first scrape.
	require.Equal(t, nodes, l.rows("count by (cluster)(kube_node_info)"))
	l.eventually(20*time.Second, "every job of every cluster is scraped", func() error {
		got := l.rows("count by (cluster)(node_total_hourly_cost)")
		if !maps.Equal(nodes, got) {
			return fmt.Errorf("nodes with a price: %v, want %v", got, nodes)
		}
		if got := l.rows("count by (cluster)(kube_pod_info)"); !maps.Equal(pods, got) {
			return fmt.Errorf("pods: %v, want %v", got, pods)
		}
		return nil
	})

	t.Run("a row per region", func(t *testing.T) {
		up := l.rows("count by (promxyCluster)(up)")
		assert.Equal(t, []string{"region-1", "region-2"}, slices.Sorted(maps.Keys(up)))
	})
	t.Run("every series is in its cluster's region", func(t *testing.T) {
		got := map[string]bool{}
		for place := range l.rows(`count by (cluster, promxyCluster)({__name__!=""})`) {
			got[place] = true
		}
		assert.Equal(t, places, got)
	})
	t.Run("costs are the inventory's prices", func(t *testing.T) {
		got := l.rows("sum by (cluster)(node_total_hourly_cost)")
		require.Len(t, got, len(cost))
		for cluster, want := range cost {
			assert.InEpsilon(t, want, got[cluster], 0.001, cluster)
		}
	})
	t.Run("joins agree", func(t *testing.T) {
		for _, expr := range []string{
			"kube_pod_info unless on(cluster,namespace,pod) kube_pod_owner",
			"kube_pod_owner unless on(cluster,namespace,pod) kube_pod_info",
			"kube_pod_container_info unless on(cluster,namespace,pod) kube_pod_info",
			"kube_pod_info{node!=\"\"} unless on(cluster,node) kube_node_info",
			"kube_node_info unless on(cluster,node) node_total_hourly_cost",
			"container_memory_working_set_bytes unless on(cluster,namespace,pod,container) kube_pod_container_info",
		} {
			assert.Empty(t, l.rows(expr), expr)
		}
	})
	t.Run("fresh", func(t *testing.T) {
		l.eventually(20*time.Second, "no cluster is older than two scrapes and 10 s", func() error {
			ages := l.rows("time() - max by (cluster)(timestamp(up))")
			for cluster := range regions {
				if age, ok := ages[cluster]; !ok || age > 40 {
					return fmt.Errorf("ages in seconds: %v", ages)
				}
			}
			return nil
		})
	})
	t.Run("logs and traces of every child", func(t *testing.T) {
		l.eventually(20*time.Second, "every cluster logs", func() error {
			seen := map[string]bool{}
			for _, r := range l.logs("_time:10m | stats by (k8s.cluster.name) count() n") {
				seen[r["k8s.cluster.name"]] = true
			}
			if len(seen) != len(regions) {
				return fmt.Errorf("logs of %v", seen)
			}
			return nil
		})
		var services struct{ Data []string }
		l.getJSON(l.url("mothership", "multilevel-select")+"/select/jaeger/api/services", &services)
		assert.NotEmpty(t, services.Data)
	})
}

// TestLabsSideBySide runs labs of several names under one user: commands reach
// the lab they name, and the end of one is not the end of another.
func TestLabsSideBySide(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	one := startLabIn(t, h, "one", "--preset", "minimal")
	two := startLabIn(t, h, "two", "--preset", "minimal", "--seed", "2")
	three := startLabIn(t, h, "three", "--preset", "regionless", "--seed", "3")

	for _, l := range []*testLab{one, two, three} {
		s := l.status()
		require.Equal(t, l.name, s.Name)
		require.Equal(t, l.spec().Seed, s.Seed)
	}
	require.Equal(t, map[string]float64{"region-1": 2, "child-1": 2}, one.rows("count by (cluster)(kube_node_info)"))
	require.Equal(t, map[string]float64{"mothership": 1, "child-1": 2, "child-2": 2}, three.rows("count by (cluster)(kube_node_info)"))
	// One topology with two seeds: nothing but the clusters' names is alike.
	uids := func(l *testLab) []string { return slices.Sorted(maps.Keys(l.rows("count by (uid)(kube_pod_info)"))) }
	for _, uid := range uids(one) {
		require.NotContains(t, uids(two), uid)
	}

	out, errOut, code := h.run(t, "up", "--detach", "--name", "two", "--preset", "minimal")
	require.Equal(t, 1, code, "a name is taken by another specification: %s", out)
	require.Contains(t, errOut, "lab two is running already")
	_, errOut, code = h.run(t, "status")
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "there is no lab named koflab; start it with 'koflab up'")

	out, errOut, code = h.run(t, "down", "--name", "one")
	require.Zero(t, code, errOut)
	require.Equal(t, "lab one is down\n", out)
	require.Equal(t, map[string]float64{"region-1": 2, "child-1": 2}, two.rows("count by (cluster)(kube_node_info)"))
}

// TestEveryStackAndNetwork brings the lab up in each of its variants; ready says
// that the federated answer is right.
func TestEveryStackAndNetwork(t *testing.T) {
	t.Parallel()
	for _, stack := range topology.ProfileNames() {
		t.Run(stack, func(t *testing.T) {
			l := startLab(t, "--preset", "minimal", "--stack", stack)
			require.Equal(t, stack, l.status().Stack)
		})
	}
	t.Run("istio", func(t *testing.T) {
		l := startLab(t, "--preset", "minimal", "--network", "istio")
		require.Equal(t, map[string]float64{"region-1": 2, "child-1": 2}, l.rows("count by (cluster)(kube_node_info)"))
		require.Empty(t, l.access().Credentials, "inside the mesh there is no basic auth")
	})
}
