// Package inventory says what exists in a cluster of a lab: nodes with their
// prices, namespaces, workloads, pods, containers, volumes, services and the calls
// between them. It is read from the objects of the cluster's Kubernetes API, and is
// the one truth from which metrics, logs, traces and costs are derived, so joins
// agree and sums can be proved. The same objects and seed give the same inventory.
//
// It also says what stands before there are objects to read: the machines of a
// cluster, and the applications that a lab installs on it.
package inventory

import "time"

// DefaultEpoch is when the clusters of a lab came into being, unless a Spec says
// otherwise. It is fixed, so that two runs of one lab have the same pods.
var DefaultEpoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// ID names a cluster. Two clusters may share a name in different namespaces.
type ID struct{ Namespace, Name string }

// String returns namespace/name.
func (id ID) String() string { return id.Namespace + "/" + id.Name }
