package inventory

import "time"

// Kind is the kind of Kubernetes object that stands behind a workload's pods.
type Kind string

// The kinds of workloads. A ReplicaSet, a Job or a Pod is a workload of its own
// when no Deployment or CronJob made it.
const (
	Deployment  Kind = "Deployment"
	StatefulSet Kind = "StatefulSet"
	DaemonSet   Kind = "DaemonSet"
	CronJob     Kind = "CronJob"
	ReplicaSet  Kind = "ReplicaSet"
	Job         Kind = "Job"
	BarePod     Kind = "Pod"
)

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
	Label string
	// Replicas is how many pods are wanted: a DaemonSet's is the number of nodes it
	// belongs on.
	Replicas int
	Status   Status
	// Schedule, Policy and Suspended are a CronJob's.
	Schedule, Policy string
	Suspended        bool
	Containers       []Container // of the pod template
	Port             int         // the pods listen on; 0 for none
	Service          string      // name of the first in front of it; empty for none
	Created          time.Time
	Pods             []*Pod
	// Operations are what an application serves over HTTP.
	Operations []*Operation

	labels   map[string]string // of the pod template
	headless bool              // Service has no address
}

// Status is what a controller reports of its pods.
type Status struct {
	Replicas, Ready, Available, Updated, Misscheduled int
	// Generation is the object's, Observed the one that the controller has seen.
	Generation, Observed int64
}

// Revision is a ReplicaSet.
type Revision struct {
	Namespace, Name string
	Owner           *Workload // nil for one that stands alone
	Replicas        int       // wanted
	Status          Status
	Created         time.Time
}

// Run is a Job.
type Run struct {
	Namespace, Name           string
	Owner                     *Workload // nil for one that stands alone
	Completions               int
	Active, Succeeded, Failed int
	Created                   time.Time
}

// Serving counts the pods that take requests.
func (w *Workload) Serving() int {
	n := 0
	for _, p := range w.Pods {
		if p.Serves() {
			n++
		}
	}
	return n
}

// Running counts the pods in which something runs.
func (w *Workload) Running() int {
	n := 0
	for _, p := range w.Pods {
		if p.Runs() {
			n++
		}
	}
	return n
}
