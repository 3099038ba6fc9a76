package inventory

import "time"

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
	SystemUUID   string
	PodCIDR      string
	Booted       time.Time
	Spot         bool
	// Unschedulable says that the node is cordoned.
	Unschedulable bool
	Taints        []Taint
	Conditions    []Condition
	// CPUPrice is US dollars per core and hour, RAMPrice per GiB and hour.
	CPUPrice, RAMPrice float64
	Pods               []*Pod
}

// Taint keeps pods off a node.
type Taint struct{ Key, Value, Effect string }

// Condition is one of a node's, such as Ready: true, false or unknown.
type Condition struct{ Type, Status string }

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
