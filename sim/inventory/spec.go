package inventory

import (
	"time"

	"koflab/topology"
)

// Role is a cluster's part in KOF.
type Role = topology.Role

// The roles of KOF's three layers.
const (
	Management = topology.RoleManagement
	Regional   = topology.RoleRegion
	Child      = topology.RoleChild
)

// Defaults for what a specification leaves open. Clusters that serve no
// applications observe themselves only and log less.
const (
	childLogRate   = 5.0 // records per second
	childTraceRate = 1.0 // traces per second
	otherLogRate   = 1.0
	otherTraceRate = 0.2
	childWorkloads = 4
)

// Spec is what is known of a cluster beside its objects.
type Spec struct {
	ID
	Role            Role
	Cloud, Location string
	// Seed is the root of all random streams of the cluster.
	Seed Seed
	// Epoch is when the cluster's history begins; nodes booted before it.
	// DefaultEpoch if zero.
	Epoch time.Time
	// Nodes and Applications are how many there are to be.
	Nodes, Applications int
	// Stores says that the cluster keeps telemetry, Replicas in how many copies:
	// its machines are the larger for it.
	Stores   bool
	Replicas int
	// Series is the number of series aimed at; 0 means as many as there are.
	Series int
	// LogRate and TraceRate are log records and traces per second; 0 means none.
	LogRate, TraceRate float64
	// NodeName names node i. By default node names are unique in a lab; equal names
	// in two clusters break KOF's cost panels, which join on the node alone.
	NodeName func(i int) string
}

// SpecOf returns what a specification says about a cluster of the lab of that
// seed, with defaults for what it leaves open.
func SpecOf(c topology.Cluster, labSeed int64) Spec {
	namespace := c.Namespace
	if namespace == "" {
		namespace = topology.DefaultNamespace
	}
	name := c.Name
	if name == "" && c.Role == Management {
		name = topology.DefaultManagement
	}
	w := c.Workload
	s := Spec{
		ID: ID{namespace, name}, Role: c.Role, Cloud: c.Cloud, Location: c.Location,
		Seed: Seed(labSeed).Of(namespace, name), Epoch: DefaultEpoch,
		Nodes: max(1, w.Nodes), Applications: max(0, w.Workloads), Series: w.Series,
		Stores: c.Role == Regional || c.Domain != "", Replicas: 1,
		LogRate: otherLogRate, TraceRate: otherTraceRate,
	}
	if c.Role == Child {
		s.LogRate, s.TraceRate = childLogRate, childTraceRate
		if s.Applications == 0 {
			s.Applications = childWorkloads
		}
	}
	if w.LogRate != nil {
		s.LogRate = max(0, *w.LogRate)
	}
	if w.TraceRate != nil {
		s.TraceRate = max(0, *w.TraceRate)
	}
	return s
}

// location is where the cluster is, if only by its cloud's default.
func (s *Spec) location() string {
	if s.Location != "" {
		return s.Location
	}
	return providerOf(s.Cloud).location
}
