package conform

import (
	"context"
	"fmt"
)

var labelChecks = []check{
	{
		id: "labels-legacy", title: "Metrics are labelled as of KOF 1.1", area: "labels", severity: Error,
		does:    "Up to KOF 1.0 collectors labelled metrics with clusterName. Since 1.1 the label is cluster; dashboards and rules ask for nothing else, so their cluster variable is empty.",
		source:  "KOF release notes 1.1; prometheusremotewrite external_labels of kof-collectors",
		fix:     "Upgrade kof-collectors on the clusters named (kof-version label, or autoUpgrade), so that they write cluster and clusterNamespace.",
		hides:   []aspect{everything},
		because: "writes the label clusterName of KOF 1.0",
		run: func(_ context.Context, s *survey, v *verdict) {
			v.judgeClusters()
			for _, r := range s.rows {
				name := or(r.cluster, or(r.legacy, unnamed))
				if s.current(r.fresh) && v.judge(name) && r.cluster == "" && r.legacy != "" {
					v.wrong(name, "%.0f series of up have label clusterName=%q and no cluster", r.series, r.legacy)
				}
			}
		},
	},
	{
		id: "labels", title: "Metrics say which cluster they are of", area: "labels", severity: Error,
		does:   "Collectors add external labels cluster and clusterNamespace to all they write; promxy stamps promxyCluster and promxyClusterNamespace, the region, on what it reads.",
		source: "kof-collectors, external_labels; promxy server groups, labels (kof-facts 3.1)",
		fix:    "Set kof.clusterName and kof.clusterNamespace of kof-collectors (kof-operator does, from the ClusterDeployment), and have no other writer beside the collectors.",
		run: func(_ context.Context, s *survey, v *verdict) {
			v.judgeClusters()
			for _, r := range s.rows {
				name := or(r.cluster, unnamed)
				if !s.current(r.fresh) || !v.judge(name) {
					continue
				}
				for _, l := range []struct{ label, value string }{{"cluster", r.cluster + r.legacy}, {"clusterNamespace", r.namespace}, {"promxyCluster", r.region}} {
					if l.value == "" && (l.label != "promxyCluster" || s.federated) {
						v.wrong(name, "%.0f series of up have no label %s%s", r.series, l.label, inRegion(r.region))
					}
				}
			}
			v.note("%d series of up, of %d clusters", total(s.rows), len(s.clusters))
		},
	},
}

// unnamed is the subject of series without a cluster.
const unnamed = "(no cluster)"

func inRegion(region string) string {
	if region == "" {
		return ""
	}
	return fmt.Sprintf(", in region %s", region)
}

func total(rows []row) int {
	n := 0.0
	for _, r := range rows {
		n += r.series
	}
	return int(n)
}
