package explore

import (
	"slices"
	"strings"

	"koflab/topology"
)

// clusterOf is the cluster that a target is, or lies in.
func clusterOf(target string) string {
	cluster, _, _ := strings.Cut(target, ":")
	return cluster
}

// complete is a lab with its defaults.
func complete(lab *topology.Lab) *topology.Lab {
	copied := clone(lab)
	topology.Default(copied)
	return copied
}

// clone copies a lab so that its lists can be changed.
func clone(lab *topology.Lab) *topology.Lab {
	copied := *lab
	copied.Regions, copied.Children = slices.Clone(lab.Regions), slices.Clone(lab.Children)
	return &copied
}

// storing are the clusters that store.
func storing(lab *topology.Lab) (names []string) {
	if lab.ManagementData.Stores() {
		names = append(names, managementOf(lab))
	}
	for _, r := range lab.Regions {
		names = append(names, r.Name)
	}
	return names
}

func managementOf(lab *topology.Lab) string {
	if lab.Management.Name == "" {
		return topology.DefaultManagement
	}
	return lab.Management.Name
}

// regions are the clusters that store, but management.
func regions(lab *topology.Lab) (names []string) {
	for _, r := range lab.Regions {
		names = append(names, r.Name)
	}
	return names
}

// published are the regions with a gateway that has a name and a certificate.
func published(lab *topology.Lab) []string {
	if lab.Network == topology.NetworkIstio {
		return nil
	}
	return regions(lab)
}

func management(lab *topology.Lab) []string { return []string{managementOf(lab)} }

func children(lab *topology.Lab) (names []string) {
	for _, c := range lab.Children {
		names = append(names, c.Name)
	}
	return names
}

// observed are the regions and children.
func observed(lab *topology.Lab) []string { return append(regions(lab), children(lab)...) }

// withPassword are the children that send with one.
func withPassword(lab *topology.Lab) []string {
	if lab.Network == topology.NetworkIstio {
		return nil
	}
	return children(lab)
}

// twins are the children that can be taken for another.
func twins(lab *topology.Lab) []string {
	if len(lab.Children) < 2 {
		return nil
	}
	return children(lab)
}

// regionOf is where a child's telemetry is stored.
func regionOf(lab *topology.Lab, c topology.Child) string {
	if c.Region != "" {
		return c.Region
	}
	return storing(lab)[0]
}

// edges are the links that carry telemetry or queries, and the clusters they end at.
func edges(lab *topology.Lab) []string {
	out := observed(lab)
	for _, c := range lab.Children {
		out = append(out, c.Name+"->"+regionOf(lab, c))
	}
	for _, r := range lab.Regions {
		out = append(out, managementOf(lab)+"->"+r.Name)
	}
	return out
}

// Parts of KOF that every lab has, by where they are.
var (
	regionComponents = []string{"vmselect-cluster", "vminsert-cluster", "vmauth-cluster", "victoria-logs-single", "jaeger", "node-exporter-collector", "k8s-cluster-collector", "kube-state-metrics"}
	childComponents  = []string{"node-exporter-collector", "k8s-cluster-collector", "kube-state-metrics", "opencost"}
)

func components(lab *topology.Lab) (out []string) {
	for _, r := range regions(lab) {
		out = append(out, below(r, regionComponents)...)
	}
	for _, c := range children(lab) {
		out = append(out, below(c, childComponents)...)
	}
	return out
}

// collectorsWithin: without the pods of a collector there is none.
func collectorsWithin(target string) []string {
	if strings.HasSuffix(target, "-collector") {
		return []string{"collectors of " + clusterOf(target)}
	}
	return nil
}

func workloads(lab *topology.Lab) (out []string) {
	for _, c := range observed(lab) {
		out = append(out, below(c, []string{"shop/frontend", "kube-system/coredns", "kof/kof-collectors-kube-state-metrics"})...)
	}
	return out
}

func charted(lab *topology.Lab) (out []string) {
	for _, c := range observed(lab) {
		out = append(out, below(c, []string{"kof/kof-collectors-opencost", "kof/kof-collectors-kube-state-metrics", "cert-manager/cert-manager"})...)
	}
	return out
}

func below(cluster string, names []string) (out []string) {
	for _, n := range names {
		out = append(out, cluster+":"+n)
	}
	return out
}

// ends are the clusters that a target names.
func ends(target string) (from, to string) {
	from, to, link := strings.Cut(target, "->")
	if !link {
		from = clusterOf(target)
	}
	return from, to
}
