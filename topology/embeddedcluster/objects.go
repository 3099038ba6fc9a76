package embeddedcluster

import (
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/sim/inventory"
)

// Objects returns what exists in the cluster, for its inventory.
func (c *Cluster) Objects() (inventory.Objects, error) {
	var o inventory.Objects
	l := lister{c: c}
	list(&l, "", "nodes", &o.Nodes)
	list(&l, "", "namespaces", &o.Namespaces)
	list(&l, "", "pods", &o.Pods)
	list(&l, "", "services", &o.Services)
	list(&l, "", "persistentvolumeclaims", &o.PVCs)
	list(&l, "", "persistentvolumes", &o.PVs)
	list(&l, "", "resourcequotas", &o.ResourceQuotas)
	list(&l, "apps", "deployments", &o.Deployments)
	list(&l, "apps", "replicasets", &o.ReplicaSets)
	list(&l, "apps", "statefulsets", &o.StatefulSets)
	list(&l, "apps", "daemonsets", &o.DaemonSets)
	list(&l, "batch", "jobs", &o.Jobs)
	list(&l, "batch", "cronjobs", &o.CronJobs)
	list(&l, "autoscaling", "horizontalpodautoscalers", &o.HPAs)
	return o, l.err
}

// Observed are the resources that the inventory is made of, as resource.group.
func Observed() []string {
	return []string{
		"nodes", "namespaces", "pods", "services", "persistentvolumeclaims", "persistentvolumes", "resourcequotas",
		"deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch",
		"horizontalpodautoscalers.autoscaling",
	}
}

type lister struct {
	c   *Cluster
	err error
}

// list decodes all objects of a resource; the first error ends all lists.
func list[T any](l *lister, group, resource string, into *[]T) {
	for _, o := range l.c.server.List(schema.GroupResource{Group: group, Resource: resource}, "", labels.Everything()) {
		if l.err != nil {
			return
		}
		var v T
		l.err = o.Into(&v)
		*into = append(*into, v)
	}
}
