package conform

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

var joinChecks = []check{
	{
		id: "node-names", title: "No two clusters have a node of one name", area: "joins", severity: Error,
		does:    "OpenCost's panels join costs on(instance) and on(node, instance_type) without cluster. With one node name in two clusters the join is many-to-many and the panel shows an error.",
		source:  "OpenCost dashboards of kof-dashboards; kof-facts 5 and 7 (scenario 45); KOF's live tests list it as an allowed error",
		fix:     "Give machines names with the cluster's in them (the name of the MachineDeployment, or hostnames of adopted clusters), or add cluster to on(...) of the panels.",
		hides:   []aspect{joins},
		because: "has a node whose name another cluster has too",
		needs:   []aspect{joins, nodes},
		run:     checkNodeNames,
	},
	{
		id: "pod-owners", title: "Pods and their owners are found together", area: "joins", severity: Warning,
		does:   "Rules and dashboards of workloads join kube_pod_info with kube_pod_owner on(cluster, namespace, pod).",
		source: "recording rule namespace_workload_pod:kube_pod_owner:relabel; kof-facts 7.1, exhaustiveness",
		fix:    "See that kube-state-metrics may list pods and owners in all namespaces, that its metric allow-list has both, and that no relabelling drops one.",
		needs:  []aspect{joins, nodes},
		run: func(ctx context.Context, s *survey, v *verdict) {
			rows, err := s.metrics.query(ctx, "count by (cluster) (kube_pod_info unless on (cluster, namespace, pod) kube_pod_owner)")
			if err != nil {
				v.cannot("query kube_pod_info", err)
				return
			}
			v.judgeClusters()
			for _, x := range rows {
				if x.of("cluster") != "" {
					v.wrong(x.of("cluster"), "%.0f pods of kube_pod_info have no kube_pod_owner", x.value)
				}
			}
		},
	},
}

func checkNodeNames(ctx context.Context, s *survey, v *verdict) {
	rows, err := s.metrics.query(ctx, "max by (node, cluster) (timestamp(kube_node_info))")
	if err != nil {
		v.cannot("query kube_node_info", err)
		return
	}
	v.judgeClusters()
	clusters := map[string]map[string]bool{}
	for _, x := range rows {
		if x.of("cluster") != "" && s.current(instant(x.value)) && v.judge(x.of("cluster")) {
			add(clusters, x.of("node"), x.of("cluster"))
		}
	}
	shared := map[string][]string{}
	for _, node := range slices.Sorted(maps.Keys(clusters)) {
		if in := slices.Sorted(maps.Keys(clusters[node])); len(in) > 1 {
			key := strings.Join(in, "\x00")
			shared[key] = append(shared[key], node)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(shared)) {
		in := strings.Split(key, "\x00")
		for i, name := range in {
			others := slices.Delete(slices.Clone(in), i, i+1)
			v.wrong(name, "%s: also in %s", nodeList(shared[key]), some(others))
		}
	}
	v.note("%d node names", len(clusters))
}

func nodeList(names []string) string {
	if len(names) == 1 {
		return "node " + names[0]
	}
	return fmt.Sprintf("%d nodes (%s)", len(names), some(names))
}
