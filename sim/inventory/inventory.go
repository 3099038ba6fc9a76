// Package inventory says what exists in every cluster of a lab: nodes with their
// prices, namespaces, workloads, pods, containers, volumes, services and the calls
// between them. It is the one truth from which metrics, logs, traces and costs are
// derived, so joins agree and sums can be proved. It is a pure function of the lab
// specification and its seed.
package inventory

import (
	"sync"
	"time"

	"koflab/topology"
)

// DefaultEpoch is when the clusters of a lab came into being, unless WithEpoch
// says otherwise. It is fixed, so that two runs of one lab have the same pods.
var DefaultEpoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// defaultNamespace is where KOF keeps ClusterDeployments.
const defaultNamespace = "kcm-system"

// ID names a cluster. Two clusters may share a name in different namespaces.
type ID struct{ Namespace, Name string }

// String returns namespace/name.
func (id ID) String() string { return id.Namespace + "/" + id.Name }

// Inventory holds the clusters of one lab; each is built when first asked for.
// It is safe for concurrent use.
type Inventory struct {
	epoch    time.Time
	nodeName func(ID, int) string
	ids      []ID
	clusters map[ID]*entry
}

type entry struct {
	spec  spec
	once  sync.Once
	built *Cluster
}

// Option changes how an inventory is made.
type Option func(*Inventory)

// WithEpoch sets when the clusters came into being. Telemetry before that
// moment reads as of a cluster that has just started.
func WithEpoch(t time.Time) Option {
	return func(inv *Inventory) { inv.epoch = t.UTC() }
}

// WithNodeNames names node i of a cluster. By default node names are unique in a
// lab; equal names in two clusters break KOF's cost panels, which join on the node
// alone (kof-facts section 7, scenario 45).
func WithNodeNames(name func(cluster ID, i int) string) Option {
	return func(inv *Inventory) { inv.nodeName = name }
}

// New returns the inventory of a lab. It keeps nothing of lab but values.
func New(lab *topology.Lab, opts ...Option) *Inventory {
	inv := &Inventory{epoch: DefaultEpoch, clusters: map[ID]*entry{}}
	for _, o := range opts {
		o(inv)
	}
	for _, s := range specs(lab) {
		if _, dup := inv.clusters[s.id]; dup {
			continue // a validated lab has no two clusters of one identity
		}
		s.epoch, s.nodeName = inv.epoch, inv.nodeName
		inv.ids = append(inv.ids, s.id)
		inv.clusters[s.id] = &entry{spec: s}
	}
	return inv
}

// IDs lists the clusters: management, regions, children, in the lab's order.
func (inv *Inventory) IDs() []ID { return append([]ID(nil), inv.ids...) }

// Cluster returns a cluster by its identity ("" means the default namespace,
// kcm-system) and whether the lab has it.
func (inv *Inventory) Cluster(namespace, name string) (*Cluster, bool) {
	if namespace == "" {
		namespace = defaultNamespace
	}
	e, ok := inv.clusters[ID{namespace, name}]
	if !ok {
		return nil, false
	}
	e.once.Do(func() { e.built = build(e.spec) })
	return e.built, true
}
