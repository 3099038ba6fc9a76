package conform

import (
	"context"
	"fmt"
)

// signalUnits are how collectors' counters call the records of the signals.
var signalUnits = []string{"metric_points", "log_records", "spans"}

const queue aspect = "queue" // of a cluster's collectors

var pipelineChecks = []check{
	{
		id: "queue-full", title: "Collectors drop nothing for a full queue", area: "pipeline", severity: Error,
		does:    "Exporters hold up to queue_size batches (1000 in KOF) while the region does not answer. What does not fit is dropped at once, so the gap is at the end of the outage.",
		source:  "OpenTelemetry Collector exporterhelper, sending_queue; counter otelcol_exporter_enqueue_failed_*; kof-facts 3.1 and 7 (scenario 6)",
		fix:     "Raise queue_size of the exporters in kof-collectors' values (annotation k0rdent.mirantis.com/kof-collectors-values) to cover the outages to be survived: batches per second x seconds; and find what made the queue fill: the region's outage, or a store slower than its writers.",
		hides:   []aspect{queue},
		because: "has collectors whose queues are full",
		run: func(ctx context.Context, s *survey, v *verdict) {
			checkCounters(ctx, s, v, "otelcol_exporter_enqueue_failed_", "did not fit into the queue")
		},
	},
	{
		id: "send-failed", title: "Collectors give up on nothing", area: "pipeline", severity: Error,
		does:   "A batch is retried for 5 minutes (KOF sets no other retry_on_failure) and then dropped, even from a queue on disk. 400, 401, 403 and 500 are not retried at all; prometheusremotewrite retries 429 and 5xx.",
		source: "OpenTelemetry Collector exporterhelper, retry_on_failure; counter otelcol_exporter_send_failed_*; kof-facts 3.1",
		fix:    "See the collectors' log for the answer that they got: 401 (credentials), 400 (too old, too many labels), 413 (too large), or time-outs of a region that was away for more than 5 minutes. For longer outages set retry_on_failure.max_elapsed_time: 0s in kof-collectors' values.",
		needs:  []aspect{queue},
		run: func(ctx context.Context, s *survey, v *verdict) {
			checkCounters(ctx, s, v, "otelcol_exporter_send_failed_", "were given up")
		},
	},
	{
		id: "queue-room", title: "Collectors' queues have room", area: "pipeline", severity: Warning,
		does:   "A queue that fills says that the region takes less than is sent to it.",
		source: "OpenTelemetry Collector, otelcol_exporter_queue_size and otelcol_exporter_queue_capacity",
		fix:    "See whether the region's stores keep up (vm_rows_inserted_total, CPU of vminsert and vmstorage, disk), and give the exporter more num_consumers or the region more replicas.",
		needs:  []aspect{queue},
		run: func(ctx context.Context, s *survey, v *verdict) {
			rows, err := s.metrics.query(ctx, "max by (cluster, exporter) (otelcol_exporter_queue_size / otelcol_exporter_queue_capacity)")
			if err != nil {
				v.cannot("query otelcol_exporter_queue_size", err)
				return
			}
			v.judgeClusters()
			for _, x := range rows {
				if name := x.of("cluster"); s.clusters[name] != nil && v.judge(name) && x.value > 0.8 {
					v.wrong(name, "the queue of %s is %.0f %% full", x.of("exporter"), 100*x.value)
				}
			}
		},
	},
}

// checkCounters wants counters of failures not to have grown of late.
func checkCounters(ctx context.Context, s *survey, v *verdict, name, what string) {
	counters := 0
	for _, unit := range signalUnits {
		metric := name + unit + "_total"
		rows, err := s.metrics.query(ctx, fmt.Sprintf("sum by (cluster, exporter) (increase(%s[%s]))", metric, s.since))
		if err != nil {
			v.cannot("query "+metric, err)
			return
		}
		counters += len(rows)
		for _, x := range rows {
			if c := x.of("cluster"); s.clusters[c] != nil && v.judge(c) && x.value >= 0.5 {
				v.wrong(c, "%.0f %s of %s %s in the last %s", x.value, unitName(unit), x.of("exporter"), what, s.options.Since)
			}
		}
	}
	if counters == 0 {
		v.skipf("no cluster has counters of its collectors (otelcol_exporter_*)")
		return
	}
	v.judgeClusters()
}

func unitName(unit string) string {
	return map[string]string{"metric_points": "samples", "log_records": "log records", "spans": "spans"}[unit]
}
