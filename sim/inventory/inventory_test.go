package inventory_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"koflab/sim/inventory"
	"koflab/sim/telemetry/clustertest"
	"koflab/topology"
)

var clouds = []string{"", "aws", "azure", "openstack", "vsphere", "docker", "adopted", "remote"}

// drawSpec draws a cluster of any role and size.
func drawSpec(t *rapid.T) inventory.Spec {
	c := topology.Cluster{
		Name: "c1", Namespace: rapid.SampledFrom([]string{"", "team-b"}).Draw(t, "namespace"),
		Role:     rapid.SampledFrom([]topology.Role{topology.RoleManagement, topology.RoleRegion, topology.RoleChild}).Draw(t, "role"),
		Cloud:    rapid.SampledFrom(clouds).Draw(t, "cloud"),
		Location: rapid.SampledFrom([]string{"", "eu-west-1", "us-east-2"}).Draw(t, "location"),
		Workload: topology.Workload{
			Nodes:     rapid.IntRange(0, 12).Draw(t, "nodes"),
			Workloads: rapid.IntRange(0, 30).Draw(t, "workloads"),
		},
	}
	s := inventory.SpecOf(c, rapid.Int64().Draw(t, "seed"))
	s.Replicas = rapid.IntRange(1, 4).Draw(t, "replicas")
	return s
}

// child is a child's specification.
func child(w topology.Workload) inventory.Spec {
	return inventory.SpecOf(topology.Cluster{Name: "c", Role: topology.RoleChild, Workload: w}, 1)
}

func inventoryOf(s inventory.Spec) *inventory.Cluster { return clustertest.New(s).Inventory() }

func TestRequestsFitTheirNodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := inventoryOf(drawSpec(t))
		for _, n := range c.Nodes {
			var sum inventory.Resources
			for _, p := range n.Pods {
				require.Same(t, n, p.Node)
				r := p.Requests()
				require.Positive(t, r.CPU)
				require.Positive(t, r.Memory)
				sum.CPU += r.CPU
				sum.Memory += r.Memory
			}
			require.LessOrEqual(t, sum.CPU, n.Allocatable().CPU+1e-9)
			require.LessOrEqual(t, sum.Memory, n.Allocatable().Memory)
			require.LessOrEqual(t, len(n.Pods), inventory.MaxPods)
		}
	})
}

// TestMachinesCarryTheCluster: on the nodes that a cluster is given, all pods of
// the platform and the applications find room, as far as the cloud's largest
// machine and the number of pods allow.
func TestMachinesCarryTheCluster(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		c := inventoryOf(s)
		if len(c.Pods) > inventory.MaxPods*len(c.Nodes)*3/4 || c.Nodes[0].Cores == 64 {
			t.Skip("more pods than a kubelet takes")
		}
		for _, p := range c.Pods {
			require.NotNil(t, p.Node, "%s/%s does not fit on %d %s", p.Namespace, p.Name, len(c.Nodes), c.Nodes[0].InstanceType)
		}
	})
}

func TestIdentitiesAreUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := inventoryOf(drawSpec(t))
		seen := map[string]bool{}
		unique := func(kind string, parts ...string) {
			key := kind + ":" + strings.Join(parts, "/")
			require.False(t, seen[key], "%s twice in %s", key, c.ID)
			seen[key] = true
		}
		for _, n := range c.Nodes {
			unique("node", n.Name)
			unique("uid", n.UID)
			unique("ip", n.IP)
		}
		for _, p := range c.Pods {
			unique("uid", p.UID)
			unique("pod", p.Namespace, p.Name)
		}
		for _, w := range c.Workloads {
			unique(string(w.Kind), w.Namespace, w.Name)
			unique("uid", w.UID)
		}
		for _, s := range c.Services {
			unique("Service", s.Namespace, s.Name)
		}
	})
}

// TestPodsAreWhatWorkloadsSay: every pod is its workload's, the counts agree and
// every pod has an owner that exists.
func TestPodsAreWhatWorkloadsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := inventoryOf(drawSpec(t))
		total := 0
		for _, w := range c.Workloads {
			require.Len(t, w.Pods, w.Replicas, w.Name)
			require.NotEmpty(t, w.Containers)
			total += len(w.Pods)
			if w.Kind == inventory.DaemonSet {
				require.Equal(t, len(c.Nodes), w.Replicas)
			}
		}
		require.Len(t, c.Pods, total)
		revisions := map[string]*inventory.Workload{}
		for _, v := range c.Revisions {
			revisions[v.Namespace+"/"+v.Name] = v.Owner
		}
		for _, p := range c.Pods {
			require.True(t, strings.HasPrefix(p.Name, p.OwnerName), "%s owned by %s", p.Name, p.OwnerName)
			require.Equal(t, p.Node == nil, p.Phase == "Pending")
			if p.OwnerKind == "ReplicaSet" {
				require.Same(t, p.Workload, revisions[p.Namespace+"/"+p.OwnerName])
			}
			for _, v := range p.Volumes {
				require.Equal(t, p.Node != nil, v.Claim.Phase == "Bound")
			}
		}
	})
}

func TestCallsEndAndHavePods(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := inventoryOf(drawSpec(t))
		var walk func(o *inventory.Operation, depth int)
		walk = func(o *inventory.Operation, depth int) {
			require.Less(t, depth, 10, "calls of %s do not end", o.Name())
			require.Positive(t, o.Service.Serving())
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
}

func TestCosts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := inventoryOf(drawSpec(t))
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
}

// TestPrices pins the price of a machine to its price list.
func TestPrices(t *testing.T) {
	f := func(cloud, location, wantType string, want float64) {
		t.Helper()
		s := child(topology.Workload{Nodes: 1})
		s.Cloud, s.Location = cloud, location
		n := inventory.Machines(s)[0]
		require.Equal(t, wantType, n.InstanceType)
		require.InDelta(t, want, n.HourlyCost(), 1e-9)
	}
	f("aws", "us-east-2", "m5.large", 0.096)
	f("aws", "eu-west-1", "m5.large", 0.096*1.12)
	f("azure", "westus2", "Standard_D2s_v5", 0.096*1.05)
	f("adopted", "", "bare.2x8", 2*0.031611+8*0.004237)
}

func TestTwinsDiffer(t *testing.T) {
	a := inventory.SpecOf(topology.Cluster{Name: "c1", Role: topology.RoleChild}, 1)
	b := inventory.SpecOf(topology.Cluster{Name: "c1", Namespace: "team-b", Role: topology.RoleChild}, 1)
	require.Equal(t, inventory.ID{Namespace: "kcm-system", Name: "c1"}, a.ID, "the default namespace is kcm-system")
	require.NotEqual(t, a.Seed, b.Seed)
	require.NotEqual(t, inventory.Machines(a)[0].Name, inventory.Machines(b)[0].Name)
}

// TestAnyOrderSameInventory: the order in which objects are listed does not show.
func TestAnyOrderSameInventory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		o := clustertest.New(s).Objects()
		want := inventory.FromObjects(s, o)
		slices.Reverse(o.Nodes)
		slices.Reverse(o.Namespaces)
		slices.Reverse(o.Pods)
		slices.Reverse(o.Services)
		slices.Reverse(o.PVCs)
		slices.Reverse(o.PVs)
		slices.Reverse(o.ResourceQuotas)
		slices.Reverse(o.Deployments)
		slices.Reverse(o.ReplicaSets)
		slices.Reverse(o.StatefulSets)
		slices.Reverse(o.DaemonSets)
		slices.Reverse(o.Jobs)
		slices.Reverse(o.CronJobs)
		slices.Reverse(o.HPAs)
		require.True(t, reflect.DeepEqual(want, inventory.FromObjects(s, o)))
	})
}

func TestNodesGoThroughTheirObjects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		for _, n := range inventory.Machines(s) {
			n.Booted = n.Booted.Truncate(time.Second)
			require.Equal(t, n, inventory.NodeOf(n.Object()))
		}
	})
}

// TestNodeOfStranger: a node that koflab did not make has default prices.
func TestNodeOfStranger(t *testing.T) {
	n := inventory.NodeOf(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Annotations: map[string]string{inventory.AnnotationCPUPrice: "much"}}})
	require.Equal(t, 2, n.Cores)
	require.InDelta(t, 2*0.031611+8*0.004237, n.HourlyCost(), 1e-9)
}

func TestNodeName(t *testing.T) {
	s := child(topology.Workload{Nodes: 2})
	s.NodeName = func(i int) string { return fmt.Sprintf("node-%d", i) }
	s.Epoch = time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	nodes := inventory.Machines(s)
	require.Equal(t, "node-0", nodes[0].Name)
	require.Equal(t, "node-1", nodes[1].Name)
	require.True(t, nodes[0].Booted.Before(s.Epoch))
	require.Equal(t, s.Epoch, inventoryOf(s).Epoch)
}

func TestDefaults(t *testing.T) {
	zero, many := 0.0, 70.0
	f := func(role topology.Role, w topology.Workload, logs, traces float64, apps int) {
		t.Helper()
		s := inventory.SpecOf(topology.Cluster{Name: "c", Role: role, Workload: w}, 1)
		got := 0
		for _, a := range inventory.Applications(s) {
			if a.Kind == inventory.Deployment {
				got++
			}
		}
		require.Equal(t, []any{logs, traces, apps}, []any{s.LogRate, s.TraceRate, got})
	}
	f(topology.RoleManagement, topology.Workload{}, 1, 0.2, 0)
	f(topology.RoleRegion, topology.Workload{}, 1, 0.2, 0)
	f(topology.RoleChild, topology.Workload{}, 5, 1, 4)
	f(topology.RoleChild, topology.Workload{LogRate: &zero, TraceRate: &many, Workloads: 2, Series: 700}, 0, 70, 2)
}

// TestTooSmall: pods that fit nowhere stay Pending, and one of each application
// runs before a second replica of any.
func TestTooSmall(t *testing.T) {
	c := inventoryOf(child(topology.Workload{Nodes: 1, Workloads: 90}))
	require.Len(t, c.Nodes[0].Pods, inventory.MaxPods)
	pending := 0
	for _, p := range c.Pods {
		if p.Unscheduled() {
			pending++
			require.Zero(t, p.HourlyCost())
		}
	}
	require.Equal(t, len(c.Pods)-inventory.MaxPods, pending)
}

// TestImages: references are completed as the container runtime completes them.
func TestImages(t *testing.T) {
	f := func(ref, want, tag, base string) {
		t.Helper()
		i := inventory.ParseImage(ref)
		require.Equal(t, []string{want, tag, base}, []string{i.Repository, i.Tag, i.Base()})
		require.Equal(t, i, inventory.ParseImage(i.String()), "a complete reference stays as it is")
	}
	f("victoriametrics/vminsert:v1.105.0-cluster", "docker.io/victoriametrics/vminsert", "v1.105.0-cluster", "vminsert")
	f("nginx", "docker.io/library/nginx", "latest", "nginx")
	f("index.docker.io/library/nginx:1", "docker.io/library/nginx", "1", "nginx")
	f("quay.io/prometheus/node-exporter:v1.8.2", "quay.io/prometheus/node-exporter", "v1.8.2", "node-exporter")
	f("localhost:5000/x", "localhost:5000/x", "latest", "x")
	f("localhost/x/y:1@sha256:ab", "localhost/x/y", "1", "y")
	f("ghcr.io/a/b@sha256:ab", "ghcr.io/a/b", "", "b")
	f("", "docker.io/library/", "latest", "")
}

// TestBrokenObjects: whatever is missing, reading does not fail.
func TestBrokenObjects(t *testing.T) {
	s := child(topology.Workload{Nodes: 2})
	whole := clustertest.New(s).Objects()
	rapid.Check(t, func(t *rapid.T) {
		o := whole
		o.Nodes = some(t, o.Nodes)
		o.Namespaces = some(t, o.Namespaces)
		o.Pods = some(t, o.Pods)
		o.Services = some(t, o.Services)
		o.PVCs = some(t, o.PVCs)
		o.PVs = some(t, o.PVs)
		o.Deployments = some(t, o.Deployments)
		o.ReplicaSets = some(t, o.ReplicaSets)
		o.StatefulSets = some(t, o.StatefulSets)
		o.DaemonSets = some(t, o.DaemonSets)
		o.Jobs = some(t, o.Jobs)
		o.CronJobs = some(t, o.CronJobs)
		c := inventory.FromObjects(s, o)
		require.Len(t, c.Pods, len(o.Pods))
		for _, p := range c.Pods {
			require.NotNil(t, p.Workload)
			require.Contains(t, p.Workload.Pods, p)
			require.False(t, p.Runs() && p.Node == nil)
		}
	})
}

// some draws a part of all, some of which are empty objects.
func some[T any](t *rapid.T, all []T) []T {
	var out []T
	for i := range all {
		switch rapid.SampledFrom([]int{0, 1, 1, 2}).Draw(t, "keep") {
		case 1:
			out = append(out, all[i])
		case 2:
			var zero T
			out = append(out, zero)
		}
	}
	return out
}

// TestStates: what the kubelet reports of containers is what the inventory says.
func TestStates(t *testing.T) {
	sim := clustertest.New(child(topology.Workload{Nodes: 1}))
	at := inventory.DefaultEpoch.Add(time.Hour)
	sim.Fault("shop/frontend", "CrashLoopBackOff", at)
	for _, p := range sim.Inventory().Pods {
		if p.Workload.Name != "frontend" {
			continue
		}
		require.False(t, p.Runs())
		require.Zero(t, p.HourlyCost())
		require.Equal(t, "Running", p.Phase)
		s := p.Containers[0]
		require.Equal(t, "CrashLoopBackOff", s.Waiting)
		require.Equal(t, 1, s.Restarts)
		require.Equal(t, "Error", s.Last)
		require.Same(t, &p.Workload.Containers[0], s.Container, "pods share their template's containers")
	}
	sim.Fault("shop/frontend", "", at.Add(time.Minute))
	c := sim.Inventory()
	for _, p := range c.Pods {
		if p.Workload.Name == "frontend" {
			require.True(t, p.Serves())
			require.Equal(t, at.Add(time.Minute), p.Containers[0].Started)
		}
	}
	require.NotEmpty(t, c.Entries)
}

func TestRollout(t *testing.T) {
	sim := clustertest.New(child(topology.Workload{Nodes: 1}))
	sim.Rollout("shop/frontend", inventory.DefaultEpoch.Add(time.Hour))
	c := sim.Inventory()
	n := 0
	for _, v := range c.Revisions {
		if v.Owner.Name == "frontend" {
			n++
		}
	}
	require.Equal(t, 2, n, "the old ReplicaSet is kept")
	for _, w := range c.Workloads {
		if w.Name == "frontend" {
			require.Len(t, w.Pods, 2)
			require.Equal(t, w.Service, "frontend")
			require.Equal(t, int64(2), w.Status.Generation)
		}
	}
}

// TestSystem: what Kubernetes itself runs is complete enough to be created.
func TestSystem(t *testing.T) {
	daemons, deployments, services := inventory.System()
	c := inventory.FromObjects(child(topology.Workload{}), inventory.Objects{DaemonSets: daemons, Deployments: deployments, Services: services})
	require.Len(t, c.Workloads, 2)
	for _, w := range c.Workloads {
		require.False(t, w.App)
		require.Positive(t, w.Containers[0].Requests.CPU)
		require.Equal(t, w.Name, w.Label)
	}
	require.Equal(t, "coredns", c.Services[0].Workload.Name)
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

func BenchmarkFromObjects(b *testing.B) {
	s := child(topology.Workload{Nodes: 3})
	o := clustertest.New(s).Objects()
	b.ReportAllocs()
	for b.Loop() {
		if c := inventory.FromObjects(s, o); len(c.Pods) == 0 {
			b.Fatal("no pods")
		}
	}
}
