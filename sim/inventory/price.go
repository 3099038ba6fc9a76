package inventory

import "strings"

const gib = 1 << 30

// OpenCost's prices where it knows no cloud: US dollars per core-hour and
// GiB-hour. Their ratio also splits a machine's price into CPU and memory.
const (
	defaultCPUPrice = 0.031611
	defaultRAMPrice = 0.004237
	spotFactor      = 0.35
)

// setPrices splits the machine's price between CPU and memory.
func (n *Node) setPrices(m machine, factor float64) {
	scale := 1.0
	if m.hourly > 0 {
		listed := defaultCPUPrice*float64(m.cores) + defaultRAMPrice*float64(m.gib)
		scale = m.hourly * factor / listed
	}
	if n.Spot {
		scale *= spotFactor
	}
	n.CPUPrice, n.RAMPrice = defaultCPUPrice*scale, defaultRAMPrice*scale
}

// HourlyCost is the node's price in US dollars per hour: cores and GiB at their
// prices. It is the value of node_total_hourly_cost.
func (n *Node) HourlyCost() float64 {
	return float64(n.Cores)*n.CPUPrice + float64(n.Memory)/gib*n.RAMPrice
}

// HourlyCost is the price of all nodes in US dollars per hour: what
// sum by (cluster)(node_total_hourly_cost) must return.
func (c *Cluster) HourlyCost() float64 {
	var sum float64
	for _, n := range c.Nodes {
		sum += n.HourlyCost()
	}
	return sum
}

// HourlyCost is what the pod's running containers cost on their node in US dollars
// per hour. OpenCost allocates the larger of request and use; in a lab use stays
// below a container's share, so this is the allocation.
func (p *Pod) HourlyCost() float64 {
	if !p.Runs() {
		return 0
	}
	var r Resources
	for i := range p.Containers {
		if p.Containers[i].Running {
			r.add(p.Containers[i].Share(), 1)
		}
	}
	return r.CPU*p.Node.CPUPrice + float64(r.Memory)/gib*p.Node.RAMPrice
}

// NamespaceHourlyCost is the cost of a namespace's running pods in US dollars per
// hour.
func (c *Cluster) NamespaceHourlyCost(namespace string) float64 {
	var sum float64
	for _, p := range c.Pods {
		if p.Namespace == namespace {
			sum += p.HourlyCost()
		}
	}
	return sum
}

// VolumePrice is US dollars per GiB and hour of block storage.
const VolumePrice = 0.00005479

// LoadBalancerHourlyCost is the price of a public service in US dollars per hour.
const LoadBalancerHourlyCost = 0.025

// regionFactor is how much dearer a location is than the cloud's cheapest.
func regionFactor(location string) float64 {
	switch {
	case strings.HasPrefix(location, "us-"), strings.Contains(location, "eastus"):
		return 1
	case strings.HasPrefix(location, "eu-"), strings.Contains(location, "europe"):
		return 1.12
	case strings.HasPrefix(location, "ap-"), strings.Contains(location, "asia"):
		return 1.2
	default:
		return 1.05
	}
}
