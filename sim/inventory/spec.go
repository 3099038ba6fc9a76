package inventory

import (
	"time"

	"koflab/topology"
)

// Role is a cluster's part in KOF.
type Role string

// The roles of KOF's three layers.
const (
	Management Role = "management"
	Regional   Role = "regional"
	Child      Role = "child"
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

// spec is what the lab says about one cluster.
type spec struct {
	id              ID
	role            Role
	stack           string
	storage         bool // carries KOF's storage components
	cloud, location string
	replicas        int
	seed            Seed
	nodes, apps     int
	series          int
	logRate         float64
	traceRate       float64
	epoch           time.Time
	nodeName        func(ID, int) string
}

func specs(lab *topology.Lab) []spec {
	m := lab.Management
	if m.Name == "" {
		m.Name = "mothership"
	}
	first := newSpec(lab, Management, m.Namespace, m.Name, m.Workload)
	first.storage = lab.ManagementData == topology.ManagementDataRegionless || lab.ManagementData == topology.ManagementDataM2M
	all := append(make([]spec, 0, 1+len(lab.Regions)+len(lab.Children)), first)
	for _, r := range lab.Regions {
		s := newSpec(lab, Regional, r.Namespace, r.Name, r.Workload)
		s.storage, s.cloud, s.location = true, r.Cloud, r.Location
		s.replicas = max(1, r.Replicas)
		all = append(all, s)
	}
	for _, c := range lab.Children {
		s := newSpec(lab, Child, c.Namespace, c.Name, c.Workload)
		s.cloud, s.location = c.Cloud, c.Location
		all = append(all, s)
	}
	return all
}

func newSpec(lab *topology.Lab, role Role, namespace, name string, w topology.Workload) spec {
	if namespace == "" {
		namespace = defaultNamespace
	}
	s := spec{
		id: ID{namespace, name}, role: role, stack: lab.Stack, replicas: 1,
		nodes: max(1, w.Nodes), apps: max(0, w.Workloads), series: w.Series,
		logRate: otherLogRate, traceRate: otherTraceRate,
	}
	if role == Child {
		s.logRate, s.traceRate = childLogRate, childTraceRate
		if s.apps == 0 {
			s.apps = childWorkloads
		}
	}
	if w.LogRate != nil {
		s.logRate = max(0, *w.LogRate)
	}
	if w.TraceRate != nil {
		s.traceRate = max(0, *w.TraceRate)
	}
	s.seed = Seed(lab.Seed).Of(namespace, name)
	return s
}
