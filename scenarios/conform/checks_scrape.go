package conform

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// scrapeChecks say whether the targets of KOF are there, once.
var scrapeChecks = []check{
	{
		id: "duplicate-scrape", title: "No target is scraped twice", area: "scrape", severity: Error,
		does:    "The daemon collector scrapes pods with annotation prometheus.io/scrape, the target allocator's those of ServiceMonitors and PodMonitors. A pod with both has its metrics under two values of job: sum() doubles, joins are many-to-many.",
		source:  "kof-collectors, job kubernetes-pods and target allocator; KOF issue 411",
		fix:     "Remove the annotation prometheus.io/scrape of the pods, or their ServiceMonitor.",
		hides:   []aspect{joins},
		because: "has targets that are scraped twice",
		run:     checkDuplicateScrape,
	},
	{
		id: "kube-state-metrics", title: "Every cluster has kube-state-metrics", area: "scrape", severity: Error,
		does:    "kof-collectors installs kube-state-metrics on every cluster; dashboards' cluster variable, OpenCost and most rules are built on kube_*.",
		source:  "kof-collectors chart; kof-facts 3.3 and 3.6",
		fix:     "Switch kube-state-metrics on again in kof-collectors' values (kube-state-metrics.enabled, or opentelemetry-kube-stack.kubeStateMetrics.enabled), and see that its pod in namespace kof runs.",
		hides:   []aspect{nodes, joins, costs},
		because: "has no kube-state-metrics",
		needs:   []aspect{settled},
		run: func(ctx context.Context, s *survey, v *verdict) {
			checkPresent(ctx, s, v, "kube_node_info", "no kube_node_info")
		},
	},
	{
		id: "node-exporter", title: "Every node has node-exporter", area: "scrape", severity: Error,
		does:   "kof-collectors runs prometheus-node-exporter on every node; node dashboards, alerts of group node-exporter and OpenCost need it.",
		source: "kof-collectors chart; kof-facts 3.3 and 3.6",
		fix:    "Switch node-exporter on again in kof-collectors' values (prometheus-node-exporter.enabled, or opentelemetry-kube-stack.nodeExporter.enabled), and see that its DaemonSet in namespace kof has a pod on every node (taints!).",
		needs:  []aspect{settled},
		run:    checkNodeExporter,
	},
	{
		id: "targets-up", title: "Targets answer their scrapes", area: "scrape", severity: Warning,
		does:   "up is 0 for a target that does not answer. Alert TargetDown fires after 10 minutes with more than a tenth of a job's targets down.",
		source: "PrometheusRule general.rules, alert TargetDown",
		fix:    "See why the pods of the job do not answer on their metrics port: not running, NetworkPolicy, TLS or the port's number.",
		run: func(ctx context.Context, s *survey, v *verdict) {
			rows, err := s.metrics.query(ctx, "100 * count by (cluster, job) (up == 0) / count by (cluster, job) (up) > 10")
			if err != nil {
				v.cannot("query up", err)
				return
			}
			v.judgeClusters()
			for _, x := range rows {
				if x.of("cluster") != "" {
					v.wrong(x.of("cluster"), "job %s: %.0f %% of the targets are down", x.of("job"), x.value)
				}
			}
		},
	},
}

// checkPresent wants a metric of every cluster.
func checkPresent(ctx context.Context, s *survey, v *verdict, metric, missing string) {
	rows, err := s.metrics.query(ctx, "count by (cluster) ("+metric+")")
	if err != nil {
		v.cannot("query "+metric, err)
		return
	}
	there := map[string]bool{}
	for _, x := range rows {
		there[x.of("cluster")] = x.value > 0
	}
	for _, name := range s.clusterNames() {
		if v.judge(name) && !there[name] {
			v.wrong(name, "%s", missing)
		}
	}
}

// checkDuplicateScrape compares the jobs of what is one target by its address, and of
// the pods' states, which every cluster has once.
func checkDuplicateScrape(ctx context.Context, s *survey, v *verdict) {
	v.judgeClusters()
	for _, q := range []string{
		`max by (cluster, clusterNamespace, instance, job) (timestamp(up{instance=~".+:.+"}))`,
		"max by (cluster, clusterNamespace, job) (timestamp(kube_node_info))",
	} {
		rows, err := s.metrics.query(ctx, q)
		if err != nil {
			v.cannot("query of jobs", err)
			return
		}
		jobs := map[string]map[string]bool{}
		for _, x := range rows {
			if !s.current(instant(x.value)) {
				continue
			}
			add(jobs, strings.Join([]string{x.of("cluster"), x.of("clusterNamespace"), x.of("instance")}, "\x00"), x.of("job"))
		}
		twice := map[string][]string{}
		for _, key := range slices.Sorted(maps.Keys(jobs)) {
			if len(jobs[key]) > 1 {
				parts := strings.Split(key, "\x00")
				twice[parts[0]] = append(twice[parts[0]], fmt.Sprintf("%s has jobs %s", or(parts[2], "kube_node_info"), strings.Join(slices.Sorted(maps.Keys(jobs[key])), " and ")))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(twice)) {
			if name != "" && !v.found(name) {
				v.wrong(name, "%s", some(twice[name]))
			}
		}
	}
}

func checkNodeExporter(ctx context.Context, s *survey, v *verdict) {
	exporters, err := s.metrics.query(ctx, "count by (cluster) (node_uname_info)")
	if err != nil {
		v.cannot("query node_uname_info", err)
		return
	}
	known, err := s.metrics.query(ctx, "count by (cluster) (count by (cluster, node) (kube_node_info))")
	if err != nil {
		v.cannot("query kube_node_info", err)
		return
	}
	have, want := map[string]float64{}, map[string]float64{}
	for _, x := range exporters {
		have[x.of("cluster")] = x.value
	}
	for _, x := range known {
		want[x.of("cluster")] = x.value
	}
	for _, name := range s.clusterNames() {
		switch {
		case !v.judge(name):
		case have[name] == 0:
			v.wrong(name, "no node_uname_info")
		case have[name] < want[name]:
			v.wrong(name, "%.0f nodes have node-exporter, of %.0f", have[name], want[name])
		}
	}
}
