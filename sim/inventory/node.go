package inventory

import (
	"fmt"
	"time"
)

// Node is a machine of a cluster.
type Node struct {
	Name         string
	UID          string
	IP           string
	ControlPlane bool
	Cores        int
	Memory       int64 // bytes
	Disk         int64 // bytes of the root file system
	InstanceType string
	Region, Zone string
	ProviderID   string
	Arch         string
	OSImage      string
	Kernel       string
	Kubelet      string
	Runtime      string
	PodCIDR      string
	Booted       time.Time
	Spot         bool
	// CPUPrice is US dollars per core and hour, RAMPrice per GiB and hour.
	CPUPrice, RAMPrice float64
	Pods               []*Pod
}

// Reserved is what the system keeps of a node: kubelet, runtime and kernel.
func (n *Node) Reserved() Resources {
	return Resources{
		CPU:    0.06 + 0.01*float64(n.Cores),
		Memory: 256<<20 + n.Memory/20,
	}
}

// Allocatable is what pods may ask for.
func (n *Node) Allocatable() Resources {
	r := n.Reserved()
	return Resources{float64(n.Cores) - r.CPU, n.Memory - r.Memory}
}

// MaxPods is the kubelet's default limit of pods on a node.
const MaxPods = 110

// What every node runs.
const (
	kernel  = "6.8.0-60-generic"
	osImage = "Ubuntu 24.04.2 LTS"
	runtime = "containerd://1.7.27"
)

// addNodes finds the smallest size of machine on which all pods fit and puts the
// pods on nodes of that size. When even the largest is too small, pods stay
// Pending, as they do in Kubernetes.
func (c *Cluster) addNodes(s spec) {
	prov := providerOf(c.Cloud)
	for i, size := range prov.sizes {
		c.Nodes = c.makeNodes(s, prov, size)
		if c.schedule() || i == len(prov.sizes)-1 {
			return
		}
		for _, p := range c.Pods {
			p.Node, p.Phase = nil, "Pending"
		}
	}
}

func (c *Cluster) makeNodes(s spec, prov *provider, size machine) []*Node {
	nodes := make([]*Node, s.nodes)
	location := c.Location
	if location == "" {
		location = prov.location
	}
	factor := regionFactor(location)
	subnet := c.Seed.Of("subnet").Below(200) + 16
	group := c.Seed.Of("nodegroup").Name(5)
	for i := range nodes {
		seed := c.Seed.Of("node").At(int64(i))
		n := &Node{
			UID:          seed.Of("uid").UUID(),
			IP:           fmt.Sprintf("10.%d.%d.%d", subnet, i/200, 10+i%200),
			ControlPlane: i == 0,
			Cores:        size.cores, Memory: int64(size.gib) << 30, Disk: 64 << 30,
			InstanceType: size.name, Region: location, Zone: prov.zone(location, i),
			Arch: size.arch, OSImage: osImage, Kernel: kernel, Kubelet: KubernetesVersion, Runtime: runtime,
			PodCIDR: fmt.Sprintf("10.244.%d.0/24", i%256),
			Booted:  c.Epoch.Add(-time.Duration(seed.Of("boot").Between(21*24*3600, 40*24*3600)) * time.Second),
			Spot:    prov.spot && i > 0 && seed.Of("spot").Unit() < 0.2,
		}
		switch {
		case s.nodeName != nil:
			n.Name = s.nodeName(c.ID, i)
		case n.ControlPlane:
			n.Name = c.Name + "-cp-" + group + "-0"
		default:
			n.Name = fmt.Sprintf("%s-md-%s-%s", c.Name, group, seed.Of("name").Name(5))
		}
		n.ProviderID = prov.providerID(n, seed)
		n.setPrices(size, factor)
		nodes[i] = n
	}
	return nodes
}

// schedule puts every pod on the node with the most CPU left among those where
// its requests fit, and reports whether all found one. DaemonSet pod i goes to
// node i.
func (c *Cluster) schedule() bool {
	left := make([]Resources, len(c.Nodes))
	for i, n := range c.Nodes {
		left[i] = n.Allocatable()
	}
	perWorkload := map[*Workload]int{}
	all := true
	for _, p := range c.Pods {
		r := p.Workload.Requests()
		best := -1
		fits := func(i int) bool {
			return r.CPU <= left[i].CPU && r.Memory <= left[i].Memory && len(c.Nodes[i].Pods) < MaxPods
		}
		if p.Workload.Kind == DaemonSet {
			if i := perWorkload[p.Workload]; fits(i) {
				best = i
			}
			perWorkload[p.Workload]++
		} else {
			for i := range left {
				if fits(i) && (best < 0 || left[i].CPU > left[best].CPU) {
					best = i
				}
			}
		}
		if best < 0 {
			all = false
			continue
		}
		left[best].CPU -= r.CPU
		left[best].Memory -= r.Memory
		c.place(p, c.Nodes[best], best)
	}
	return all
}

func (c *Cluster) place(p *Pod, n *Node, index int) {
	p.Node, p.Phase = n, "Running"
	if p.Workload.Kind == CronJob {
		p.Phase = "Succeeded"
	}
	n.Pods = append(n.Pods, p)
	p.IP = n.IP
	if !p.HostNetwork() {
		p.IP = fmt.Sprintf("10.244.%d.%d", index%256, 2+len(n.Pods))
		if index >= 256 {
			p.IP = fmt.Sprintf("10.%d.%d.%d", 244+index/256, index%256, 2+len(n.Pods))
		}
	}
}

// ip derives an address a.b.x.y from a seed.
func ip(a, b int, s Seed) string {
	return fmt.Sprintf("%d.%d.%d.%d", a, b, s.At(0).Below(256), 1+s.At(1).Below(254))
}
