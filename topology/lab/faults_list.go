package lab

import (
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"koflab/sim/fault"
	"koflab/topology"
)

// FaultTargets returns what a fault of the catalogue can strike in the lab as it is,
// sorted. Of links these are the ones that carry telemetry or federated queries;
// others can be named too.
func (l *Lab) FaultTargets(name string) ([]string, error) {
	spec, err := fault.Lookup(name)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, kind := range spec.Targets {
		for _, c := range l.all() {
			if l.suits(name, c) {
				out = append(out, l.targetsIn(kind, name, c)...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// suits reports whether what a fault needs is there in a cluster.
func (l *Lab) suits(name string, c *cluster) bool {
	v := c.view()
	switch name {
	case "wrong-credentials", "rotated-credentials":
		return l.opts.Spec.Network != topology.NetworkIstio && v.planned.Region != c.ID && v.config != nil
	case "queue-too-small", "duplicate-cluster-name":
		return c.Role != topology.RoleManagement && v.config != nil
	case "collector-killed", "clock-skew", "cardinality-explosion", "churn-storm", "label-collision", "duplicate-scrape":
		return v.collector != nil
	}
	return true
}

// targetsIn are the targets of a kind in a cluster, or the links that begin there.
func (l *Lab) targetsIn(kind fault.Kind, name string, c *cluster) (out []string) {
	within := func(name string) { out = append(out, c.ID+":"+name) }
	switch kind {
	case fault.Link:
		for _, other := range l.all() {
			reads := c.ID == l.managementID && l.store(other.ID) != nil
			if other != c && (reads || c.view().planned.Region == other.ID) {
				out = append(out, c.ID+"->"+other.ID)
			}
		}
	case fault.Component:
		for _, k := range c.view().planned.Components {
			if found, err := workloadsOf(c, k); err == nil && len(found) > 0 {
				within(k.Name)
			}
		}
	case fault.Workload:
		for _, w := range workloadsIn(c) {
			if owned, err := l.faults.ownerOf(c, w); name != "config-drift" || err == nil && owned && w.replicas != nil {
				within(w.namespace + "/" + w.name)
			}
		}
	case fault.Node:
		for _, o := range c.embedded.Server().List(nodes, "", labels.Everything()) {
			within(o.Name)
		}
	default:
		if l.faults.takes(fault.Spec{Targets: []fault.Kind{kind}}, c) {
			out = append(out, c.ID)
		}
	}
	return out
}
