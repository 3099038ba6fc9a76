package inventory

import (
	"strconv"
	"strings"
	"time"
)

// Kind is the kind of Kubernetes object that makes a workload's pods.
type Kind string

// The kinds of workloads in a lab.
const (
	Deployment  Kind = "Deployment"
	StatefulSet Kind = "StatefulSet"
	DaemonSet   Kind = "DaemonSet"
	CronJob     Kind = "CronJob"
)

// Resources are an amount of compute.
type Resources struct {
	CPU    float64 // cores
	Memory int64   // bytes
}

// Container is a container of a workload's pod template.
type Container struct {
	Name  string
	Image string // repository:tag
	// Requests are never zero; a zero limit means none.
	Requests, Limits Resources
}

// Repository returns the image without its tag.
func (c *Container) Repository() string {
	if i := strings.LastIndexByte(c.Image, ':'); i > 0 {
		return c.Image[:i]
	}
	return c.Image
}

// ImageID returns the image by digest, as the container runtime reports it.
func (c *Container) ImageID() string {
	return c.Repository() + "@sha256:" + Seed(0).Of("image", c.Image).Hex(64)
}

// Workload is a controller of pods.
type Workload struct {
	Namespace, Name string
	UID             string
	Kind            Kind
	// App is true for the workloads the cluster is there for, as opposed to
	// Kubernetes' and KOF's own.
	App bool
	// Label is the value of app.kubernetes.io/name: the job label of its metrics
	// and the service.name of its spans and logs.
	Label    string
	Replicas int // as specified; a DaemonSet's is the number of nodes
	// ReplicaSet is the current one of a Deployment; Job the last one of a CronJob.
	ReplicaSet, Job string
	Containers      []Container
	Port            int  // of the service; 0 for none
	Public          bool // behind a load balancer
	VolumeBytes     int64
	Created         time.Time
	Pods            []*Pod
	// Operations are what an application serves over HTTP.
	Operations []*Operation
}

// Requests is what one pod asks for.
func (w *Workload) Requests() Resources {
	var r Resources
	for i := range w.Containers {
		r.CPU += w.Containers[i].Requests.CPU
		r.Memory += w.Containers[i].Requests.Memory
	}
	return r
}

// Running counts the pods that have a node and have not finished.
func (w *Workload) Running() int {
	n := 0
	for _, p := range w.Pods {
		if p.Phase == "Running" {
			n++
		}
	}
	return n
}

// Pod is one pod. A pod without a node is Pending: it did not fit.
type Pod struct {
	Name     string
	UID      string
	IP       string
	Workload *Workload
	Node     *Node  // nil while Pending
	Phase    string // Running, Pending or Succeeded
	Created  time.Time
	Claim    *Claim // nil for none
}

// Namespace is the namespace of the pod's workload.
func (p *Pod) Namespace() string { return p.Workload.Namespace }

// Owner returns kind and name of the pod's direct owner.
func (p *Pod) Owner() (kind, name string) {
	switch p.Workload.Kind {
	case Deployment:
		return "ReplicaSet", p.Workload.ReplicaSet
	case CronJob:
		return "Job", p.Workload.Job
	default:
		return string(p.Workload.Kind), p.Workload.Name
	}
}

// ContainerID returns the runtime's id of container i.
func (p *Pod) ContainerID(i int) string {
	return "containerd://" + Seed(0).Of(p.UID, p.Workload.Containers[i].Name).Hex(64)
}

// HostNetwork reports whether the pod shares its node's address, as KOF's and
// Kubernetes' per-node agents do.
func (p *Pod) HostNetwork() bool { return p.Workload.Kind == DaemonSet }

// makePods creates the pods of all workloads, not yet scheduled. First replicas
// come before second ones, so that a cluster that is too small runs one of each.
func (c *Cluster) makePods(s spec) {
	for _, w := range c.Workloads {
		if w.Kind == DaemonSet {
			w.Replicas = s.nodes
			for i := range s.nodes {
				c.makePod(w, i)
			}
		}
	}
	for _, apps := range []bool{false, true} {
		for round, more := 0, true; more; round++ {
			more = false
			for _, w := range c.Workloads {
				if w.Kind != DaemonSet && w.App == apps && round < w.Replicas {
					c.makePod(w, round)
					more = true
				}
			}
		}
	}
}

func (c *Cluster) makePod(w *Workload, i int) {
	seed := c.Seed.Of("pod", w.Namespace, w.Name).At(int64(i))
	var name string
	switch w.Kind {
	case Deployment:
		name = w.ReplicaSet + "-" + seed.Of("name").Name(5)
	case StatefulSet:
		name = w.Name + "-" + strconv.Itoa(i)
	case DaemonSet:
		name = w.Name + "-" + seed.Of("name").Name(5)
	case CronJob:
		name = w.Job + "-" + seed.Of("name").Name(5)
	}
	p := &Pod{
		Name: name, UID: seed.Of("uid").UUID(), Workload: w, Phase: "Pending",
		Created: w.Created.Add(time.Duration(seed.Of("created").Between(1, 30)*1000) * time.Millisecond),
	}
	w.Pods = append(w.Pods, p)
	c.Pods = append(c.Pods, p)
}
