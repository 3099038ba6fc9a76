package inventory

import (
	"fmt"
	"time"
)

// What the charts of a cluster may ask for, with what Kubernetes itself runs. The
// stack's budget is 2 GiB of memory on management, 1.2 GiB for a region's storage
// and 0.5 GiB for what every cluster carries (operators, collectors, exporters);
// the rest is CoreDNS and a reserve, because a rollout wants a second pod before it
// drops the first.
var (
	everyCluster = Resources{0.55, 700 << 20}
	ofManagement = Resources{1.1, 1900 << 20}
	ofStorage    = Resources{0.9, 1300 << 20}
	everyNode    = Resources{0.22, 300 << 20} // kube-proxy, collector, node exporter
)

// Allowance is what the platform may ask for on a cluster, applications excluded:
// once, and again on every node. Machines are sized for it.
func Allowance(s Spec) (once, perNode Resources) {
	once = everyCluster
	if s.Role == Management {
		once.add(ofManagement, 1)
	}
	if s.Stores {
		once.add(ofStorage, max(1, s.Replicas))
	}
	return once, everyNode
}

// slack is the part of a node that is taken to stay empty because no pod is small
// enough for what is left.
const slack = 0.1

// Machines returns the nodes that a cluster has before anything runs on it, of the
// smallest size its cloud offers that carries the platform and the applications.
// When even the largest is too small, pods will stay Pending, as they do in
// Kubernetes.
func Machines(s Spec) []*Node {
	sizes := providerOf(s.Cloud).sizes
	for _, size := range sizes[:len(sizes)-1] {
		if nodes := machinesOf(s, size); fits(s, nodes) {
			return nodes
		}
	}
	return machinesOf(s, sizes[len(sizes)-1])
}

// fits reports whether the requests of a cluster find room on its nodes.
func fits(s Spec, nodes []*Node) bool {
	once, perNode := Allowance(s)
	for _, a := range Applications(s) {
		once.add(a.requests(), max(1, a.Replicas))
	}
	var room Resources
	for _, n := range nodes {
		room.add(n.Allocatable(), 1)
	}
	once.add(perNode, len(nodes))
	return once.CPU <= (1-slack)*room.CPU && float64(once.Memory) <= (1-slack)*float64(room.Memory)
}

func machinesOf(s Spec, size machine) []*Node {
	prov := providerOf(s.Cloud)
	location := s.location()
	factor := regionFactor(location)
	epoch := s.Epoch
	if epoch.IsZero() {
		epoch = DefaultEpoch
	}
	subnet := s.Seed.Of("subnet").Below(200) + 16
	group := s.Seed.Of("nodegroup").Name(5)
	nodes := make([]*Node, max(1, s.Nodes))
	for i := range nodes {
		seed := s.Seed.Of("node").At(int64(i))
		n := &Node{
			UID:          seed.Of("uid").UUID(),
			IP:           fmt.Sprintf("10.%d.%d.%d", subnet, i/200, 10+i%200),
			ControlPlane: i == 0,
			Cores:        size.cores, Memory: int64(size.gib) << 30, Disk: 64 << 30,
			InstanceType: size.name, Region: location, Zone: prov.zone(location, i),
			Arch: size.arch, OSImage: osImage, Kernel: kernel, Kubelet: KubernetesVersion, Runtime: runtime,
			SystemUUID: seed.Of("system").UUID(),
			PodCIDR:    podCIDR(i),
			Booted:     epoch.Add(-time.Duration(seed.Of("boot").Between(21*24*3600, 40*24*3600)) * time.Second),
			Spot:       prov.spot && i > 0 && seed.Of("spot").Unit() < 0.2,
		}
		switch {
		case s.NodeName != nil:
			n.Name = s.NodeName(i)
		case n.ControlPlane:
			n.Name = s.Name + "-cp-" + group + "-0"
		default:
			n.Name = fmt.Sprintf("%s-md-%s-%s", s.Name, group, seed.Of("name").Name(5))
		}
		if n.ControlPlane {
			n.Taints = []Taint{{controlPlaneLabel, "", "PreferNoSchedule"}}
		}
		n.Conditions = healthy()
		n.ProviderID = prov.providerID(n, seed)
		n.setPrices(size, factor)
		nodes[i] = n
	}
	return nodes
}

func podCIDR(i int) string {
	if i < 256 {
		return fmt.Sprintf("10.244.%d.0/24", i)
	}
	return fmt.Sprintf("10.%d.%d.0/24", 244+i/256, i%256)
}

func healthy() []Condition {
	return []Condition{{"MemoryPressure", "false"}, {"DiskPressure", "false"}, {"PIDPressure", "false"}, {"Ready", "true"}}
}
