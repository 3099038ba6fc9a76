package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"koflab/embed/kube"
	"koflab/sim/collector"
	"koflab/sim/inventory"
	"koflab/sim/telemetry"
	"koflab/topology"
	"koflab/topology/embeddedcluster"
	"koflab/topology/lab/backing"
)

// cluster is one cluster of the lab: its Kubernetes API, and what runs for the
// pods in it.
type cluster struct {
	topology.Cluster
	host     host
	spec     inventory.Spec
	embedded *embeddedcluster.Cluster
	follower *follower

	// syncMu lets one sync of the cluster happen at a time.
	syncMu sync.Mutex

	mu sync.RWMutex
	// planned holds what the stack has for the cluster; Region is where its
	// telemetry is stored, Unresolved why it is nowhere.
	planned topology.PlannedCluster
	// removed says that its ClusterDeployment is going or gone.
	removed   bool
	inventory *inventory.Cluster
	generator *telemetry.Generator
	// collector and config are nil while no collector's pod is ready.
	collector *collector.Collector
	config    *backing.Collectors
	// broken is what is wrong with it on purpose.
	broken brokenCluster
	// failure is why the last sync did not do all it should; empty when it did.
	failure string
}

// view is a copy of what others may ask of a cluster.
type view struct {
	planned   topology.PlannedCluster
	inventory *inventory.Cluster
	generator *telemetry.Generator
	collector *collector.Collector
	config    *backing.Collectors
	failure   string
}

func (c *cluster) view() view {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return view{c.planned, c.inventory, c.generator, c.collector, c.config, c.failure}
}

// newCluster makes a cluster's Kubernetes API, on its address, with the nodes it has
// before anything runs on them.
func (l *Lab) newCluster(c topology.Cluster, h host) (*cluster, error) {
	m := &cluster{Cluster: c, host: h, spec: inventory.SpecOf(c, l.opts.Spec.Seed)}
	m.spec.Replicas = max(1, c.Replicas)
	region := ""
	switch c.Role {
	case topology.RoleManagement:
		region = l.spec().ManagementStore()
	case topology.RoleRegion:
		region = c.ID
	}
	m.planned = topology.PlanCluster(l.stack, l.opts.Spec.Network, c, region)
	var nodes []*corev1.Node
	for _, n := range inventory.Machines(m.spec) {
		nodes = append(nodes, n.Object())
	}
	o := embeddedcluster.Options{
		Name: c.ID, Seed: uint64(m.spec.Seed), Nodes: nodes, Clock: l.clock, CA: l.ca,
		Address: m.host.listen(embeddedcluster.APIPort),
		Logs: func(ctx context.Context, namespace, pod, container string, o kube.LogOptions) (io.ReadCloser, error) {
			return l.podLogs(ctx, m, namespace, pod, container, o)
		},
		Proxy: func(namespace, kind, name, port string) (string, error) {
			return l.proxyTo(m, namespace, kind, name, port)
		},
	}
	if l.founding.Load() {
		o.Founded = inventory.DefaultEpoch
	}
	var err error
	if m.embedded, err = embeddedcluster.New(o); err != nil {
		return nil, err
	}
	m.follower = follow(m.embedded, l.wall, func(ctx context.Context, changed changes) { l.sync(ctx, m, changed) })
	return m, nil
}

// hostFor gives a cluster of a role its address.
func (l *Lab) hostFor(r topology.Role) host {
	switch r {
	case topology.RoleManagement:
		return l.addresses.management()
	case topology.RoleRegion:
		return l.addresses.nextRegion()
	}
	return l.addresses.nextChild()
}

// proxyTo says where a pod or Service of a cluster really listens: at the
// listener of the stack profile that has its port.
func (l *Lab) proxyTo(c *cluster, namespace, kind, name, port string) (string, error) {
	for listener, u := range l.endpoints(c) {
		for _, known := range c.view().planned.Listeners {
			if known.Name == listener && (strconv.Itoa(known.Port) == port || known.Name == port) {
				return hostPort(u)
			}
		}
	}
	return "", fmt.Errorf("nothing in this process listens for port %s of %s %s/%s", port, kind, namespace, name)
}

// close ends the cluster and what runs for it.
func (c *cluster) close(ctx context.Context) error {
	c.follower.stop()
	return c.embedded.Close(ctx)
}

// String is the cluster's ID.
func (c *cluster) String() string { return c.ID }

// add makes a cluster known under its ID.
func (l *Lab) add(c *cluster) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clusters[c.ID] = c
	l.order = append(l.order, c.ID)
}

// cluster returns the cluster of an ID; nil for none.
func (l *Lab) cluster(id string) *cluster {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.clusters[id]
}

// all returns the clusters: management first, then in the specification's order
// or, for those that came later, as they came.
func (l *Lab) all() []*cluster {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := make([]*cluster, 0, len(l.order))
	for _, id := range l.order {
		out = append(out, l.clusters[id])
	}
	return out
}

// management is the cluster that reads all others.
func (l *Lab) management() *cluster { return l.cluster(l.managementID) }

// named finds a cluster by the identity of its ClusterDeployment.
func (l *Lab) named(namespace, name string) *cluster {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, c := range l.clusters {
		if c.Namespace == namespace && c.Name == name {
			return c
		}
	}
	return nil
}

// spec is the lab's present specification.
func (l *Lab) spec() *topology.Lab {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.current
}

func hostPort(url string) (string, error) {
	_, rest, ok := cutScheme(url)
	if !ok {
		return "", fmt.Errorf("address %q has no scheme", url)
	}
	_, _, err := net.SplitHostPort(rest)
	return rest, err
}
