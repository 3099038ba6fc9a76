package inventory

import "time"

// KubernetesVersion is what all clusters of a lab run.
const KubernetesVersion = "v1.33.1+k0s.0"

// Cluster is everything that exists in one cluster at one time. It is immutable.
type Cluster struct {
	ID
	Role            Role
	Cloud, Location string
	// Seed is the root of all random streams of the cluster.
	Seed Seed
	// Epoch is when the cluster's history begins.
	Epoch time.Time
	// LogRate and TraceRate are log records and traces per second; 0 means none.
	LogRate, TraceRate float64
	// Series is the number of series aimed at; 0 means as many as there are.
	Series int

	Nodes       []*Node // control plane first, then by name
	Namespaces  []Namespace
	Workloads   []*Workload
	Revisions   []*Revision
	Runs        []*Run
	Pods        []*Pod
	Services    []*Service
	Claims      []*Claim
	Quotas      []Quota
	Autoscalers []Autoscaler
	// Entries are the operations that outside callers invoke: the roots of the
	// service call graph.
	Entries []*Operation
}

// Namespace is a Kubernetes namespace.
type Namespace struct {
	Name    string
	UID     string
	Phase   string // Active or Terminating
	Created time.Time
}

// Service is a Kubernetes service.
type Service struct {
	Namespace, Name string
	UID             string
	ClusterIP       string
	Port            int // the first; 0 for none
	// LoadBalancerIP is the address outside the cluster; empty for none.
	LoadBalancerIP string
	Workload       *Workload // nil when it selects none
}

// Claim is a PersistentVolumeClaim and its volume.
type Claim struct {
	Namespace, Name string
	UID             string
	Phase           string // Bound, Pending or Lost
	Volume          string // empty until it is bound
	VolumeUID       string
	StorageClass    string
	Bytes           int64
	Pod             *Pod // the first that mounts it; nil for none
}

// Quota is a ResourceQuota.
type Quota struct {
	Namespace, Name string
	Limits          []Limit // by resource
}

// Limit is what a quota says of one resource, in its base unit.
type Limit struct {
	Resource   string
	Hard, Used float64
}

// Autoscaler is a HorizontalPodAutoscaler.
type Autoscaler struct {
	Namespace, Name string
	// TargetKind and Target name what it scales.
	TargetKind, Target string
	Min, Max           int
	Current, Desired   int
}
