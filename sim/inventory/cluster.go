package inventory

import (
	"strconv"
	"time"
)

// KubernetesVersion is what all clusters of a lab run.
const KubernetesVersion = "v1.33.1+k0s.0"

// Cluster is everything that exists in one cluster. It is immutable.
type Cluster struct {
	ID
	Role            Role
	Cloud, Location string
	// Seed is the root of all random streams of the cluster.
	Seed Seed
	// Epoch is when the cluster's history begins; nodes booted before it.
	Epoch time.Time
	// LogRate and TraceRate are log records and traces per second; 0 means none.
	LogRate, TraceRate float64
	// Series is the number of series aimed at; 0 means as many as there are.
	Series int

	Nodes       []*Node
	Namespaces  []Namespace
	Workloads   []*Workload
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
	Created time.Time
}

// Service is a Kubernetes service in front of a workload.
type Service struct {
	Namespace, Name string
	UID             string
	ClusterIP       string
	Port            int
	// LoadBalancerIP is the address outside the cluster; empty for ClusterIP services.
	LoadBalancerIP string
	Workload       *Workload
}

// Claim is a bound PersistentVolumeClaim and its volume.
type Claim struct {
	Namespace, Name string
	UID             string
	Volume          string
	VolumeUID       string
	StorageClass    string
	Bytes           int64
	Pod             *Pod
}

// Quota is a ResourceQuota over requests of a namespace.
type Quota struct {
	Namespace, Name    string
	HardCPU, UsedCPU   float64 // cores
	HardMem, UsedMem   int64   // bytes
	HardPods, UsedPods int
}

// Autoscaler is a HorizontalPodAutoscaler on CPU utilisation.
type Autoscaler struct {
	Name     string
	Target   *Workload
	Min, Max int
	// TargetPercent is the wanted CPU utilisation of requests.
	TargetPercent int
}

// build makes the cluster: workloads first, then nodes large enough for them.
func build(s spec) *Cluster {
	c := &Cluster{
		ID: s.id, Role: s.role, Cloud: s.cloud, Location: s.location,
		Seed: s.seed, Epoch: s.epoch,
		LogRate: s.logRate, TraceRate: s.traceRate, Series: s.series,
	}
	for _, d := range components {
		if d.runsOn(s) {
			c.addWorkload(d.workload(s))
		}
	}
	c.addApplications(s.apps)
	c.makePods(s)
	c.addNodes(s)
	c.addClaims()
	c.addNamespaces()
	c.addPolicies()
	c.addCalls()
	return c
}

// addWorkload registers w and the service in front of it.
func (c *Cluster) addWorkload(w *Workload) {
	seed := c.Seed.Of("workload", w.Namespace, w.Name)
	w.UID = seed.Of("uid").UUID()
	w.Created = c.Epoch.Add(-time.Duration(seed.Of("created").Between(3600, 20*24*3600)) * time.Second)
	if w.Kind == Deployment {
		w.ReplicaSet = w.Name + "-" + seed.Of("template").Name(10)
	}
	if w.Kind == CronJob {
		w.Job = w.Name + "-" + strconv.Itoa(29_000_000+seed.Of("run").Below(100_000))
	}
	c.Workloads = append(c.Workloads, w)
	if w.Port == 0 || w.Kind == CronJob {
		return
	}
	svc := &Service{
		Namespace: w.Namespace, Name: w.Name, Port: w.Port, Workload: w,
		UID:       seed.Of("service").UUID(),
		ClusterIP: ip(10, 96, seed.Of("clusterip")),
	}
	if w.Public {
		svc.LoadBalancerIP = ip(203, 0, seed.Of("lb"))
	}
	c.Services = append(c.Services, svc)
}

func (c *Cluster) addNamespaces() {
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			c.Namespaces = append(c.Namespaces, Namespace{
				Name: name, UID: c.Seed.Of("namespace", name).UUID(),
				Created: c.Epoch.Add(-21 * 24 * time.Hour),
			})
		}
	}
	add("default")
	add("kube-system")
	add("kof")
	for _, w := range c.Workloads {
		add(w.Namespace)
	}
}

// addClaims binds one volume per claim template and scheduled pod.
func (c *Cluster) addClaims() {
	class := "kof-" + providerOf(c.Cloud).disk
	for _, p := range c.Pods {
		w := p.Workload
		if w.VolumeBytes == 0 || p.Node == nil {
			continue
		}
		name := "data-" + p.Name
		seed := c.Seed.Of("claim", p.Namespace(), name)
		uid := seed.UUID()
		p.Claim = &Claim{
			Namespace: p.Namespace(), Name: name, UID: uid, Volume: "pvc-" + uid,
			VolumeUID: seed.Of("volume").UUID(), StorageClass: class, Bytes: w.VolumeBytes, Pod: p,
		}
		c.Claims = append(c.Claims, p.Claim)
	}
}

// addPolicies gives every application namespace a quota of twice what it asks
// for, and the first application an autoscaler.
func (c *Cluster) addPolicies() {
	used := map[string]*Quota{}
	var order []string
	for _, p := range c.Pods {
		if !p.Workload.App {
			continue
		}
		q := used[p.Namespace()]
		if q == nil {
			q = &Quota{Namespace: p.Namespace(), Name: "compute"}
			used[p.Namespace()] = q
			order = append(order, p.Namespace())
		}
		r := p.Workload.Requests()
		q.UsedCPU += r.CPU
		q.UsedMem += r.Memory
		q.UsedPods++
	}
	for _, ns := range order {
		q := *used[ns]
		q.HardCPU, q.HardMem, q.HardPods = 2*q.UsedCPU, 2*q.UsedMem, 2*q.UsedPods
		c.Quotas = append(c.Quotas, q)
	}
	for _, w := range c.Workloads {
		if w.App && w.Kind == Deployment {
			c.Autoscalers = append(c.Autoscalers, Autoscaler{
				Name: w.Name, Target: w, Min: w.Replicas, Max: 4 * w.Replicas, TargetPercent: 80,
			})
			break
		}
	}
}
