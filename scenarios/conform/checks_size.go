package conform

import "context"

// mostOfTarget is how many series a target may expose. kube-state-metrics, kubelets and
// API servers grow with their cluster and are not asked.
const mostOfTarget = 20_000

var sizeChecks = []check{
	{
		id: "cardinality", title: "No application exposes too many series", area: "size", severity: Warning,
		does:   "Every series costs memory in vmstorage and time in every query that touches it; promxy reads them all (limit 2Gi).",
		source: "VictoriaMetrics, high cardinality; kof-facts 7, scenarios 17 and 20",
		fix:    "Find the label with ever new values (VMUI of the region, Cardinality Explorer, or /api/v1/status/tsdb) and drop it with metricRelabelings of the ServiceMonitor.",
		run: func(ctx context.Context, s *survey, v *verdict) {
			rows, err := s.metrics.query(ctx, `max by (cluster, job, instance) (scrape_samples_post_metric_relabeling{job!~"kube-state-metrics|kubelet|apiserver"})`)
			if err != nil {
				v.cannot("query scrape_samples_post_metric_relabeling", err)
				return
			}
			v.judgeClusters()
			for _, x := range rows {
				if name := x.of("cluster"); s.clusters[name] != nil && v.judge(name) && x.value > mostOfTarget {
					v.wrong(name, "job %s, %s: %.0f series", x.of("job"), x.of("instance"), x.value)
				}
			}
		},
	},
	{
		id: "dropped-rows", title: "Storages take all that is written", area: "size", severity: Error,
		does:   "vminsert takes up to 60 labels a series (maxLabelsPerTimeseries), and samples from the retention's beginning to 2 days ahead. What is beyond is dropped or cut, and counted.",
		source: "VictoriaMetrics, vm_rows_ignored_total, vm_metrics_with_dropped_labels_total; kof-storage, vminsert extraArgs; kof-facts 7, scenario 18",
		fix:    "Drop labels with metricRelabelings of the ServiceMonitor (reason too_many_labels), or set the clocks (big_timestamp, small_timestamp).",
		run: func(ctx context.Context, s *survey, v *verdict) {
			counters := 0
			for _, q := range []string{
				"sum by (cluster, reason) (increase(vm_rows_ignored_total[" + s.since + "]))",
				"sum by (cluster, reason) (increase(vm_metrics_with_dropped_labels_total[" + s.since + "]))",
			} {
				rows, err := s.metrics.query(ctx, q)
				if err != nil {
					v.cannot("query of the storages' counters", err)
					return
				}
				counters += len(rows)
				for _, x := range rows {
					if name := x.of("cluster"); s.clusters[name] != nil && v.judge(name) && x.value >= 0.5 {
						v.wrong(name, "%.0f samples, reason %s, in the last %s", x.value, or(x.of("reason"), "too many labels"), s.options.Since)
					}
				}
			}
			if counters == 0 {
				v.skipf("no cluster has counters of its storage (vm_rows_ignored_total)")
				return
			}
			v.judgeClusters()
		},
	},
}
