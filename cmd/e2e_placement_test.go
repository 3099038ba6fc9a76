package cmd_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"koflab/topology/lab/control"
)

// TestUnresolvedRegion are scenarios 12 and 13: a child whose region cannot be
// found is refused where it stands in the file, unless the lab is to show that.
func TestUnresolvedRegion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, child string
		reason, fix string
	}{
		{"absent", "  - {name: c2, region: r9}\n", `region "r9" does not exist`, "choose one of r1 (in KOF: change label k0rdent.mirantis.com/kof-regional-cluster-name)"},
		{"adopted", "  - {name: c2, cloud: adopted}\n", "cloud adopted never matches a region by location", "set region: (in KOF: add label k0rdent.mirantis.com/kof-regional-cluster-name)"},
		{"elsewhere", "  - {name: c2, cloud: aws, location: eu-north-1}\n", "there is no region in aws eu-north-1 (namespace kcm-system)", "add one there or set region:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			const head = "regions:\n  - {name: r1, nodes: 1}\nchildren:\n  - {name: c1, nodes: 1}\n"
			h, path := newHome(t), specFile(t, head+c.child)
			out, errOut, code := h.run(t, "up", "--detach", "-f", path)
			require.Equal(t, 2, code)
			require.Empty(t, out)
			require.Contains(t, errOut, path+":7: "+c.reason+", "+c.fix)
			require.NoDirExists(t, h.state(), "nothing was touched")

			allowed := strings.Replace(c.child, "}", ", allowUnresolved: true}", 1)
			l := startLab(t, "-f", specFile(t, head+allowed))
			var status control.Cluster
			for _, s := range l.status().Clusters {
				if s.Name == "c2" {
					status = s
				}
			}
			assert.False(t, status.Ready)
			assert.Empty(t, status.Region)
			assert.Contains(t, status.Message, c.reason)
			assert.Contains(t, status.Message, c.fix)
			assert.Equal(t, map[string]float64{"c1": 1, "r1": 1}, l.rows("count by (cluster)(kube_node_info)"))
			assert.Empty(t, l.rows(`{cluster="c2"}`))
		})
	}
}

// TestTwoRegionsInOnePlace is scenario 14: of two regions that match, children
// get the first.
func TestTwoRegionsInOnePlace(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, `
regions:
  - {name: west, cloud: aws, location: us-west-2, nodes: 1}
  - {name: second, cloud: aws, location: us-east-2, nodes: 1}
  - {name: third, cloud: aws, location: us-east-2, nodes: 1}
children:
  - {name: c1, cloud: aws, location: us-east-2, nodes: 1}
  - {name: c2, cloud: aws, location: us-east-2, nodes: 1}
  - {name: c3, region: third, nodes: 1}
`))
	want := map[string]string{"west": "west", "second": "second", "third": "third", "c1": "second", "c2": "second", "c3": "third"}
	require.Equal(t, want, l.stored())
	places := map[string]float64{}
	for cluster, region := range want {
		places[cluster+"/"+region] = 1
	}
	require.Equal(t, places, l.rows("count by (cluster, promxyCluster)(kube_node_info)"))
}

// TestDuplicateName is scenario 16: two clusters of one name in different
// namespaces are two by (cluster, clusterNamespace) and look like one by cluster.
func TestDuplicateName(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, `
crossNamespace: true
regions: [{name: r1, nodes: 1}]
children:
  - {name: c1, namespace: team-a, region: r1, regionNamespace: kcm-system, nodes: 1}
  - {name: c1, namespace: team-b, region: r1, regionNamespace: kcm-system, nodes: 2}
  - {name: c2, namespace: team-b, region: r1, regionNamespace: kcm-system, nodes: 1}
`), "--speed", "10x")
	assert.Equal(t, map[string]float64{"c1/team-a": 1, "c1/team-b": 2}, l.rows(`count by (cluster, clusterNamespace)(kube_node_info{cluster="c1"})`))
	assert.Equal(t, map[string]float64{"c1": 3}, l.rows(`count by (cluster)(kube_node_info{cluster="c1"})`))
	assert.Equal(t, map[string]float64{"c1": 3, "c2": 1, "r1": 1}, l.rows("count by (cluster)(kube_node_info)"))

	cost := map[string]float64{}
	for _, namespace := range []string{"team-a", "team-b"} {
		cost[namespace] = l.inventory(namespace + "/c1").HourlyCost()
	}
	l.eventually(20*time.Second, "OpenCost of both is scraped", func() error {
		if n := l.number(`count(node_total_hourly_cost{cluster="c1"})`); n != 3 {
			return fmt.Errorf("%v nodes have a price", n)
		}
		return nil
	})
	assert.InEpsilon(t, cost["team-a"]+cost["team-b"], l.number(`sum(node_total_hourly_cost{cluster="c1"})`), 0.001, "a panel that knows clusters by name alone adds both up")
	assert.InEpsilon(t, cost["team-b"], l.number(`sum(node_total_hourly_cost{cluster="c1",clusterNamespace="team-b"})`), 0.001)

	l.eventually(20*time.Second, "both write logs, told apart by namespace", func() error {
		seen := map[string]bool{}
		for _, r := range l.logs(`k8s.cluster.name:="c1" | stats by (k8s.cluster.namespace) count() n`) {
			seen[r["k8s.cluster.namespace"]] = true
		}
		if !maps.Equal(seen, map[string]bool{"team-a": true, "team-b": true}) {
			return fmt.Errorf("namespaces: %v", seen)
		}
		return nil
	})
	// Each has a user of its own at the region.
	require.NotEqual(t, l.user("team-a/c1", "r1").Username, l.user("team-b/c1", "r1").Username)
}

// TestManagementData is scenario 35: where management's own telemetry is, and
// what an outage of a region does to it.
func TestManagementData(t *testing.T) {
	t.Parallel()
	groups := func(l *testLab) []string {
		var names []string
		for _, g := range l.query("vector(1)+count(up)").Explain.Groups {
			names = append(names, g.Name)
		}
		slices.Sort(names)
		return names
	}
	const mine = `count by (cluster, promxyCluster)(kube_node_info{cluster="mothership"})`

	t.Run("none", func(t *testing.T) {
		l := startLab(t, "--preset", "minimal")
		assert.Empty(t, l.rows(mine))
		assert.Equal(t, []string{"region-1"}, groups(l))
	})
	t.Run("m2m", func(t *testing.T) {
		l := startLab(t, "--preset", "minimal", "--management-data", "m2m")
		assert.Equal(t, map[string]float64{"mothership/mothership": 1}, l.rows(mine))
		assert.Equal(t, []string{"mothership", "region-1"}, groups(l))
		assert.Equal(t, map[string]float64{"child-1/region-1": 2}, l.rows(`count by (cluster, promxyCluster)(kube_node_info{cluster="child-1"})`))
		l.setListeners("region-1", false)
		assert.Equal(t, map[string]float64{"mothership/mothership": 1}, l.rows(mine), "its own store is no region's")
		l.setListeners("region-1", true)
	})
	t.Run("m2r", func(t *testing.T) {
		l := startLab(t, "--preset", "two-regions", "--management-data", "m2r")
		assert.Equal(t, map[string]float64{"mothership/region-1": 1}, l.rows(mine))
		assert.Equal(t, []string{"region-1", "region-2"}, groups(l))
		l.setListeners("region-1", false)
		assert.Empty(t, l.rows(mine), "the region's outage hides management's data")
		assert.NotEmpty(t, l.rows(`count by (cluster)(kube_node_info{cluster="child-3"})`))
		l.setListeners("region-1", true)
		l.eventually(20*time.Second, "management's data are there again", func() error {
			if got := l.rows(mine); len(got) != 1 {
				return fmt.Errorf("%v", got)
			}
			return nil
		})
	})
	t.Run("regionless", func(t *testing.T) {
		l := startLab(t, "--preset", "regionless")
		assert.Equal(t, []string{"mothership"}, groups(l))
		assert.Equal(t, map[string]float64{"mothership/mothership": 1, "child-1/mothership": 2, "child-2/mothership": 2},
			l.rows("count by (cluster, promxyCluster)(kube_node_info)"))
		for cluster, region := range l.stored() {
			assert.Equal(t, "mothership", region, cluster)
		}
	})
	t.Run("two at once", func(t *testing.T) {
		h := newHome(t)
		for _, c := range []struct {
			args []string
			want string
		}{
			{[]string{"--management-data", "m2m", "--management-data", "m2r"}, `--management-data "m2r": it was given before, as m2m: at most one may be chosen`},
			{[]string{"--management-data", "m2m,m2r"}, `managementData is "m2m,m2r", choose one of none, regionless, m2m, m2r`},
			{[]string{"--preset", "two-regions", "--management-data", "regionless"}, "regionless makes management the only region, but the lab has others"},
			{[]string{"-f", specFile(t, "managementData: m2m\nmanagementData: m2r\nregions: [{name: r1}]\n")}, ":4: "},
			{[]string{"-f", specFile(t, "managementData: [m2m, m2r]\nregions: [{name: r1}]\n")}, ":3: managementData is a list, give one of none, regionless, m2m, m2r"},
			{[]string{"-f", specFile(t, "managementData: regionless\nregions: [{name: r1}]\n")}, ":3: regionless makes management the only region, but the lab has others"},
		} {
			out, errOut, code := h.run(t, append([]string{"up", "--detach"}, c.args...)...)
			assert.Equal(t, 2, code, "%v: %s", c.args, out)
			assert.Contains(t, errOut, c.want)
		}
		assert.NoDirExists(t, h.state(), "nothing was started")
	})
}
