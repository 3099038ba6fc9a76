package conform

import (
	"context"
	"fmt"
)

// Names of a cluster and its namespace in logs.
const logCluster = "k8s.cluster.name"

// missingMessage is what VictoriaLogs stores for a record without a message.
const missingMessage = `(_msg:"" or _msg:="missing _msg field; see https://docs.victoriametrics.com/victorialogs/keyconcepts/#message-field" or _msg:="missing _msg field")`

var logChecks = []check{
	{
		id: "logs-reachable", title: "Logs can be asked", area: "logs", severity: Error,
		does:    "The multilevel vlselect on management asks the logs of all regions, over the VMStorageConnections.",
		source:  "kof-mothership, VLCluster kof-mothership-logs-multilevel-select; VMStorageConnection kof-logs-storage-connection-HASH",
		fix:     "See that vlselect-kof-mothership-logs-multilevel-select runs (with no region it has no storageNode and does not start), and that there is a VMStorageConnection of type logs for every region.",
		hides:   []aspect{lines},
		because: "cannot be asked for logs",
		run: func(ctx context.Context, s *survey, v *verdict) {
			if v.noLogs() {
				return
			}
			v.judge(installation)
			if _, err := s.logs.query(ctx, "_time:1m | stats count() n"); err != nil {
				v.wrong(installation, "%s: %s", s.logs.base, describe(err))
			}
		},
	},
	{
		id: "logs-fresh", title: "Every cluster sends logs", area: "logs", severity: Error,
		does:    "The daemon collector reads every container's log, the cluster collector the events of Kubernetes; both name the cluster in k8s.cluster.name.",
		source:  "kof-collectors, receivers filelog and k8sobjects, exporter otlphttp/logs; kof-facts 3.1 and 7.1",
		fix:     "On the cluster see that the collectors have the logs pipeline with exporter otlphttp/logs (values of kof-collectors, annotation k0rdent.mirantis.com/kof-collectors-values), that /var/log/pods is mounted, and that vlinsert of the region takes writes (its disk!).",
		needs:   []aspect{lines, settled},
		hides:   []aspect{lines},
		because: "sends no logs",
		run:     checkLogsFresh,
	},
	{
		id: "log-message", title: "No log record is without a message", area: "logs", severity: Error,
		does:   "transform/events makes _msg of an event's note, and of its reason where that is empty; VictoriaLogs marks records that have none.",
		source: "kof-collectors, transform/events; KOF issue 1154",
		fix:    "Upgrade kof-collectors to a version with the fix of issue 1154, and have applications that send OTLP set the body of their records.",
		needs:  []aspect{lines},
		run: func(ctx context.Context, s *survey, v *verdict) {
			rows := v.counted(ctx, fmt.Sprintf("_time:%s %s | stats by (%q) count() n", s.since, missingMessage, logCluster))
			for _, r := range rows {
				if n := number(r, "n"); n > 0 {
					v.wrong(or(r[logCluster], unnamed), "%.0f records without a message in the last %s", n, s.options.Since)
				}
			}
		},
	},
	{
		id: "log-cluster", title: "Log records say which cluster they are of", area: "logs", severity: Error,
		does:   "resource/k8sclustername puts k8s.cluster.name and k8s.cluster.namespace on every record.",
		source: "kof-collectors, processor resource/k8sclustername (kof-facts 3.1)",
		fix:    "Have everything that sends logs send them to the cluster's collector (kof-collectors-daemon, 4317 and 4318), not to the region.",
		needs:  []aspect{lines},
		run: func(ctx context.Context, s *survey, v *verdict) {
			rows := v.counted(ctx, fmt.Sprintf("_time:%s %q:\"\" | stats count() n", s.since, logCluster))
			for _, r := range rows {
				if n := number(r, "n"); n > 0 {
					v.wrong(unnamed, "%.0f records without %s in the last %s", n, logCluster, s.options.Since)
				}
			}
		},
	},
	{
		id: "audit-split", title: "Audit logs are in the audit store, and nowhere else", area: "logs", severity: Error,
		does:   "Connector routing/logs sends records with log_type=k8s_audit to the audit store, which keeps them for a year, and all others to the logs.",
		source: "kof-collectors, connector routing/logs; KOF 1.10, audit VLCluster (kof-facts 3.1 and 7, scenario 43)",
		fix:    "See the routing/logs connector in the collectors' configuration, and that write_audit_logs_endpoint in ConfigMap kof-cluster-config-CHILD ends in /vlai/insert/opentelemetry/v1/logs.",
		needs:  []aspect{lines},
		run:    checkAudit,
	},
}

// installation is the subject of what is not of one cluster.
const installation = "installation"

// noLogs skips a check that needs the logs' URL.
func (v *verdict) noLogs() bool {
	if v.survey.logs == nil {
		v.skipf("no --logs URL was given")
		return true
	}
	return false
}

// counted asks the logs, and judges all clusters; it skips the check when they cannot
// be asked.
func (v *verdict) counted(ctx context.Context, q string) []map[string]string {
	if v.noLogs() || !v.judge(installation) {
		return nil
	}
	rows, err := v.survey.logs.query(ctx, q)
	if err != nil {
		v.cannot("query of logs", err)
		return nil
	}
	delete(v.judged, installation)
	v.judgeClusters()
	return rows
}

func checkLogsFresh(ctx context.Context, s *survey, v *verdict) {
	rows := v.counted(ctx, fmt.Sprintf("_time:5m | stats by (%q) count() n", logCluster))
	if v.skip != "" {
		return
	}
	n := map[string]float64{}
	for _, r := range rows {
		n[r[logCluster]] += number(r, "n")
	}
	for _, name := range s.clusterNames() {
		if v.judged[name] && n[name] == 0 {
			v.wrong(name, "no log record in the last 5 minutes")
		}
	}
}

const auditRecords = `log_type:="k8s_audit"`

func checkAudit(ctx context.Context, s *survey, v *verdict) {
	rows := v.counted(ctx, fmt.Sprintf("_time:%s %s | stats by (%q) count() n", s.since, auditRecords, logCluster))
	for _, r := range rows {
		if n := number(r, "n"); n > 0 {
			v.wrong(or(r[logCluster], unnamed), "%.0f audit records among the logs in the last %s", n, s.options.Since)
		}
	}
	if v.skip != "" || s.audit == nil || len(v.judged) == 0 {
		return
	}
	rows, err := s.audit.query(ctx, fmt.Sprintf("_time:%s !%s | stats by (%q) count() n", s.since, auditRecords, logCluster))
	if err != nil {
		v.cannot("query of audit logs", err)
		return
	}
	for _, r := range rows {
		if n := number(r, "n"); n > 0 {
			v.wrong(or(r[logCluster], unnamed), "%.0f records in the audit store that are no audit records, in the last %s", n, s.options.Since)
		}
	}
}
