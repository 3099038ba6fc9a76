package inventory_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"koflab/sim/inventory"
	"koflab/topology"
)

var clouds = []string{"", "aws", "azure", "openstack", "vsphere", "docker", "adopted", "remote"}

// drawLab draws a lab of one to three clusters of any size.
func drawLab(t *rapid.T) *topology.Lab {
	workload := func(label string) topology.Workload {
		return topology.Workload{
			Nodes:     rapid.IntRange(0, 12).Draw(t, label+"Nodes"),
			Workloads: rapid.IntRange(0, 30).Draw(t, label+"Workloads"),
		}
	}
	lab := &topology.Lab{
		Seed:           rapid.Int64().Draw(t, "seed"),
		Stack:          rapid.SampledFrom([]string{"", "current", "v1.0", "seed"}).Draw(t, "stack"),
		ManagementData: rapid.SampledFrom([]topology.ManagementData{"", "none", "m2m", "m2r", "regionless"}).Draw(t, "data"),
		Management:     topology.Management{Workload: workload("management")},
		Regions: []topology.Region{{
			Name: "r1", Cloud: rapid.SampledFrom(clouds).Draw(t, "regionCloud"),
			Replicas: rapid.IntRange(0, 4).Draw(t, "replicas"), Workload: workload("region"),
		}},
		Children: []topology.Child{{
			Name: "c1", Cloud: rapid.SampledFrom(clouds).Draw(t, "childCloud"),
			Location: rapid.SampledFrom([]string{"", "eu-west-1", "us-east-2"}).Draw(t, "location"), Workload: workload("child"),
		}, {
			Name: "c1", Namespace: "team-b", Workload: workload("twin"),
		}},
	}
	return lab
}

func eachCluster(t interface {
	require.TestingT
	Helper()
}, lab *topology.Lab, f func(*inventory.Cluster)) {
	t.Helper()
	inv := inventory.New(lab)
	for _, id := range inv.IDs() {
		c, ok := inv.Cluster(id.Namespace, id.Name)
		require.True(t, ok, id)
		f(c)
	}
}

func TestRequestsFitTheirNodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		eachCluster(t, drawLab(t), func(c *inventory.Cluster) {
			for _, n := range c.Nodes {
				var sum inventory.Resources
				for _, p := range n.Pods {
					require.Same(t, n, p.Node)
					r := p.Workload.Requests()
					require.Positive(t, r.CPU)
					require.Positive(t, r.Memory)
					sum.CPU += r.CPU
					sum.Memory += r.Memory
				}
				require.LessOrEqual(t, sum.CPU, n.Allocatable().CPU)
				require.LessOrEqual(t, sum.Memory, n.Allocatable().Memory)
				require.LessOrEqual(t, len(n.Pods), inventory.MaxPods)
			}
		})
	})
}

func TestIdentitiesAreUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := map[string]bool{}
		eachCluster(t, drawLab(t), func(c *inventory.Cluster) {
			seen := map[string]bool{}
			unique := func(kind string, parts ...string) {
				key := kind + ":" + strings.Join(parts, "/")
				require.False(t, seen[key], "%s twice in %s", key, c.ID)
				seen[key] = true
			}
			for _, n := range c.Nodes {
				require.False(t, nodes[n.Name], "node %s in two clusters", n.Name)
				nodes[n.Name] = true
				unique("uid", n.UID)
				unique("ip", n.IP)
			}
			for _, p := range c.Pods {
				unique("uid", p.UID)
				unique("pod", p.Namespace(), p.Name)
				if p.Node != nil && !p.HostNetwork() {
					unique("ip", p.IP)
				}
			}
			for _, w := range c.Workloads {
				unique(string(w.Kind), w.Namespace, w.Name)
				unique("uid", w.UID)
			}
			for _, s := range c.Services {
				unique("Service", s.Namespace, s.Name)
			}
		})
	})
}

// TestPodsAreWhatWorkloadsSay: every pod is its workload's, the counts agree and
// every pod has an owner that exists.
func TestPodsAreWhatWorkloadsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		eachCluster(t, drawLab(t), func(c *inventory.Cluster) {
			total := 0
			for _, w := range c.Workloads {
				require.Len(t, w.Pods, w.Replicas, w.Name)
				total += len(w.Pods)
				if w.Kind == inventory.DaemonSet {
					require.Equal(t, len(c.Nodes), w.Replicas)
				}
			}
			require.Len(t, c.Pods, total)
			for _, p := range c.Pods {
				kind, name := p.Owner()
				require.NotEmpty(t, kind)
				require.True(t, strings.HasPrefix(p.Name, name), "%s owned by %s", p.Name, name)
				require.Equal(t, p.Node == nil, p.Phase == "Pending")
				require.True(t, p.Created.Before(c.Epoch))
				require.Equal(t, p.Claim != nil, p.Node != nil && p.Workload.VolumeBytes > 0)
			}
		})
	})
}

func TestCallsEndAndHavePods(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		eachCluster(t, drawLab(t), func(c *inventory.Cluster) {
			var walk func(o *inventory.Operation, depth int)
			walk = func(o *inventory.Operation, depth int) {
				require.Less(t, depth, 10, "calls of %s do not end", o.Name())
				require.Positive(t, o.Service.Running())
				if o.Store != nil {
					require.NotEmpty(t, o.Statement)
				}
				for _, to := range o.Calls {
					require.NotSame(t, o.Service, to.Service)
					walk(to, depth+1)
				}
			}
			for _, o := range c.Entries {
				require.Positive(t, o.Weight)
				walk(o, 0)
			}
		})
	})
}

func TestCosts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		eachCluster(t, drawLab(t), func(c *inventory.Cluster) {
			var nodes, pods float64
			for _, n := range c.Nodes {
				require.Positive(t, n.HourlyCost())
				nodes += n.HourlyCost()
				var onNode float64
				for _, p := range n.Pods {
					onNode += p.HourlyCost()
				}
				require.Less(t, onNode, n.HourlyCost(), "pods cost more than their node")
				pods += onNode
			}
			require.InDelta(t, nodes, c.HourlyCost(), 1e-9)
			var namespaces float64
			for _, ns := range c.Namespaces {
				namespaces += c.NamespaceHourlyCost(ns.Name)
			}
			require.InDelta(t, pods, namespaces, 1e-9)
		})
	})
}

// TestPrices pins the price of a machine to its price list.
func TestPrices(t *testing.T) {
	f := func(cloud, location, wantType string, want float64) {
		t.Helper()
		lab := &topology.Lab{Children: []topology.Child{{Name: "c", Cloud: cloud, Location: location, Workload: topology.Workload{Nodes: 1}}}}
		c, ok := inventory.New(lab).Cluster("", "c")
		require.True(t, ok)
		n := c.Nodes[0]
		require.Equal(t, wantType, n.InstanceType)
		require.InDelta(t, want, n.HourlyCost(), 1e-9)
	}
	f("aws", "us-east-2", "m5.large", 0.096)
	f("aws", "eu-west-1", "m5.large", 0.096*1.12)
	f("azure", "westus2", "Standard_D2s_v5", 0.096*1.05)
	f("adopted", "", "bare.2x8", 2*0.031611+8*0.004237)
}

func TestTwinsDiffer(t *testing.T) {
	lab := &topology.Lab{Children: []topology.Child{{Name: "c1"}, {Name: "c1", Namespace: "team-b"}}}
	inv := inventory.New(lab)
	a, okA := inv.Cluster("kcm-system", "c1")
	b, okB := inv.Cluster("team-b", "c1")
	require.True(t, okA && okB)
	require.NotEqual(t, a.Seed, b.Seed)
	require.NotEqual(t, a.Nodes[0].Name, b.Nodes[0].Name)
	_, ok := inv.Cluster("team-c", "c1")
	require.False(t, ok)
	_, ok = inv.Cluster("", "c1")
	require.True(t, ok, "the default namespace is kcm-system")
}

func TestSameSeedSameInventory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lab := drawLab(t)
		first, second := inventory.New(lab), inventory.New(lab)
		require.Equal(t, first.IDs(), second.IDs())
		for _, id := range first.IDs() {
			a, _ := first.Cluster(id.Namespace, id.Name)
			b, _ := second.Cluster(id.Namespace, id.Name)
			require.True(t, reflect.DeepEqual(a, b), "%s differs between two inventories", id)
		}
	})
}

func TestOptions(t *testing.T) {
	lab := &topology.Lab{Children: []topology.Child{{Name: "a", Workload: topology.Workload{Nodes: 2}}, {Name: "b"}}}
	epoch := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	inv := inventory.New(lab, inventory.WithEpoch(epoch), inventory.WithNodeNames(func(_ inventory.ID, i int) string {
		return fmt.Sprintf("node-%d", i)
	}))
	a, _ := inv.Cluster("", "a")
	b, _ := inv.Cluster("", "b")
	require.Equal(t, "node-0", a.Nodes[0].Name)
	require.Equal(t, "node-1", a.Nodes[1].Name)
	require.Equal(t, "node-0", b.Nodes[0].Name)
	require.Equal(t, epoch, a.Epoch)
	require.True(t, a.Nodes[0].Booted.Before(epoch))
}

func TestDefaults(t *testing.T) {
	zero, many := 0.0, 70.0
	lab := &topology.Lab{
		Regions: []topology.Region{{Name: "r"}},
		Children: []topology.Child{
			{Name: "plain"},
			{Name: "set", Workload: topology.Workload{LogRate: &zero, TraceRate: &many, Workloads: 2, Series: 700}},
		},
	}
	f := func(name string, logs, traces float64, apps int) {
		t.Helper()
		c, ok := inventory.New(lab).Cluster("", name)
		require.True(t, ok)
		got := 0
		for _, w := range c.Workloads {
			if w.App && w.Kind == inventory.Deployment {
				got++
			}
		}
		require.Equal(t, []any{logs, traces, apps}, []any{c.LogRate, c.TraceRate, got})
	}
	f("mothership", 1, 0.2, 0)
	f("r", 1, 0.2, 0)
	f("plain", 5, 1, 4)
	f("set", 0, 70, 2)
}

// TestTooSmall: pods that fit nowhere stay Pending, and one of each application
// runs before a second replica of any.
func TestTooSmall(t *testing.T) {
	lab := &topology.Lab{Children: []topology.Child{{Name: "c", Workload: topology.Workload{Nodes: 1, Workloads: 90}}}}
	c, _ := inventory.New(lab).Cluster("", "c")
	require.Len(t, c.Nodes[0].Pods, inventory.MaxPods)
	pending := 0
	for _, p := range c.Pods {
		if p.Node == nil {
			pending++
		}
	}
	require.Equal(t, len(c.Pods)-inventory.MaxPods, pending)
	for _, w := range c.Workloads {
		if w.App && w.Kind == inventory.Deployment {
			require.LessOrEqual(t, w.Running(), 1, w.Name)
		}
	}
}

func TestRoles(t *testing.T) {
	lab := &topology.Lab{ManagementData: topology.ManagementDataNone,
		Regions: []topology.Region{{Name: "r", Replicas: 2}}, Children: []topology.Child{{Name: "c"}}}
	has := func(name, workload string) int {
		c, _ := inventory.New(lab).Cluster("", name)
		for _, w := range c.Workloads {
			if w.Name == workload {
				return w.Replicas
			}
		}
		return 0
	}
	for _, name := range []string{"mothership", "r", "c"} {
		require.Equal(t, 1, has(name, "kof-collectors-daemon-collector"), name)
	}
	require.Equal(t, 2, has("r", "vmstorage-cluster"))
	require.Zero(t, has("c", "vmstorage-cluster"))
	require.Zero(t, has("mothership", "vmstorage-cluster"))
	require.Equal(t, 1, has("mothership", "kof-mothership-promxy"))
	lab.ManagementData = topology.ManagementDataM2M
	require.Equal(t, 1, has("mothership", "vmstorage-cluster"))
	lab.Stack = "seed"
	require.Equal(t, 1, has("r", "kof-storage-jaeger"))
	require.Zero(t, has("r", "kof-storage-vt-cluster-vtinsert"))
}

func TestSeed(t *testing.T) {
	s := inventory.Seed(7)
	require.NotEqual(t, s.Of("ab", "c"), s.Of("a", "bc"))
	require.NotEqual(t, s.At(0), s.At(1))
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, s.UUID())
	require.Regexp(t, `^[bcdfghjklmnpqrstvwxz2456789]{5}$`, s.Name(5))
	require.Regexp(t, `^[0-9a-f]{37}$`, s.Hex(37))
	require.Zero(t, s.Below(0))
	var sum float64
	for i := range int64(10000) {
		u := s.At(i).Unit()
		require.True(t, u >= 0 && u < 1)
		sum += u
	}
	require.Less(t, math.Abs(sum/10000-0.5), 0.01)
}

func BenchmarkCluster(b *testing.B) {
	lab := &topology.Lab{Children: []topology.Child{{Name: "c", Cloud: "aws", Workload: topology.Workload{Nodes: 3}}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := inventory.New(lab).Cluster("", "c"); !ok {
			b.Fatal("no such cluster")
		}
	}
}
