package inventory

import "time"

// Resources are an amount of compute.
type Resources struct {
	CPU    float64 // cores
	Memory int64   // bytes
}

// add adds n times o.
func (r *Resources) add(o Resources, n int) {
	r.CPU += float64(n) * o.CPU
	r.Memory += int64(n) * o.Memory
}

// bestEffort is what a container is taken to need that asks for nothing.
var bestEffort = Resources{0.005, 16 << 20}

// Container is a container of a pod template.
type Container struct {
	Name  string
	Image Image
	// Requests and Limits are zero where none are given.
	Requests, Limits Resources
}

// Share is what the container is taken to need at most, and is charged for: what
// it asks for, or a little.
func (c *Container) Share() Resources {
	r := c.Requests
	if r.CPU <= 0 {
		r.CPU = bestEffort.CPU
	}
	if r.Memory <= 0 {
		r.Memory = bestEffort.Memory
	}
	return r
}

// State is a container of a pod, and how it is.
type State struct {
	*Container
	// Running says that its process runs; Started is then when it began.
	Running, Ready bool
	Started        time.Time
	// Waiting is why it does not run yet, such as CrashLoopBackOff; Terminated why
	// it runs no more, such as Completed; empty when it is neither.
	Waiting, Terminated string
	// Restarts is how often the kubelet started it anew.
	Restarts int
	// Last is why the process before this one ended; empty if there was none.
	Last         string
	LastExitCode int
	// ImageID and ID are the runtime's names of image and container.
	ImageID, ID string
}

// Pod is one pod.
type Pod struct {
	Namespace, Name string
	UID             string
	IP              string
	Workload        *Workload
	Node            *Node  // nil until it is scheduled
	Phase           string // Pending, Running, Succeeded, Failed or Unknown
	Ready           bool
	// HostNetwork says that the pod shares its node's address.
	HostNetwork bool
	// OwnerKind and OwnerName are the pod's direct owner; empty for none.
	OwnerKind, OwnerName string
	Created, Started     time.Time
	Containers           []State
	Volumes              []Volume
}

// Volume is a claim as a pod mounts it.
type Volume struct {
	Name  string
	Claim *Claim
}

// Runs reports whether any of its containers runs, on a node that exists.
func (p *Pod) Runs() bool {
	if p.Node == nil || p.Phase != "Running" {
		return false
	}
	for i := range p.Containers {
		if p.Containers[i].Running {
			return true
		}
	}
	return false
}

// Serves reports whether the pod takes requests, in its first container.
func (p *Pod) Serves() bool { return p.Ready && p.Runs() && p.Containers[0].Running }

// Unscheduled reports whether the pod waits for a node.
func (p *Pod) Unscheduled() bool { return p.Node == nil && p.Phase == "Pending" }

// Requests is what the pod asks for.
func (p *Pod) Requests() Resources {
	var r Resources
	for i := range p.Containers {
		r.add(p.Containers[i].Requests, 1)
	}
	return r
}
