package collector

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// Resource attributes that resource/k8sclustername adds to logs where missing.
const (
	clusterNameKey      = "k8s.cluster.name"
	clusterNamespaceKey = "k8s.cluster.namespace"
)

// Records with this attribute, of their own or of their resource, are routed to
// the audit store.
const (
	logTypeKey   = "log_type"
	logTypeAudit = "k8s_audit"
)

// logKind describes logs: decorated before the batch and routed after it, in
// KOF's order.
func logKind(cfg Config, logs, audit *exporter) recordKind[plog.Logs] {
	return recordKind[plog.Logs]{
		empty: plog.NewLogs,
		count: plog.Logs.LogRecordCount,
		join: func(from, to plog.Logs) {
			from.ResourceLogs().MoveAndAppendTo(to.ResourceLogs())
		},
		cut: func(from plog.Logs, n int) plog.Logs {
			return moveLogs(from, func(pcommon.Resource, plog.LogRecord) bool { n--; return n >= 0 })
		},
		prepare: func(l plog.Logs) { decorateLogs(l, cfg) },
		export: func(l plog.Logs, n int) {
			if audit != nil && hasAudit(l) {
				a := moveLogs(l, isAudit)
				m := a.LogRecordCount()
				n -= m
				audit.put(m, func() ([]byte, error) { return encodeLogs(a) })
			}
			if n > 0 {
				logs.put(n, func() ([]byte, error) { return encodeLogs(l) })
			}
		},
	}
}

// decorateLogs names the cluster on records that do not.
func decorateLogs(l plog.Logs, cfg Config) {
	for _, r := range l.ResourceLogs().All() {
		insert(r.Resource().Attributes(), clusterNameKey, cfg.Cluster)
		insert(r.Resource().Attributes(), clusterNamespaceKey, cfg.ClusterNamespace)
	}
}

func insert(attributes pcommon.Map, key, value string) {
	if _, ok := attributes.Get(key); !ok && value != "" {
		attributes.PutStr(key, value)
	}
}

func isAudit(r pcommon.Resource, l plog.LogRecord) bool {
	v, ok := l.Attributes().Get(logTypeKey)
	if !ok {
		v, ok = r.Attributes().Get(logTypeKey)
	}
	return ok && v.AsString() == logTypeAudit
}

func hasAudit(l plog.Logs) bool {
	for _, r := range l.ResourceLogs().All() {
		for _, s := range r.ScopeLogs().All() {
			for _, record := range s.LogRecords().All() {
				if isAudit(r.Resource(), record) {
					return true
				}
			}
		}
	}
	return false
}

// moveLogs moves the records that pick chooses into new logs, each with its
// resource and scope, and removes resources and scopes that are left empty.
func moveLogs(from plog.Logs, pick func(pcommon.Resource, plog.LogRecord) bool) plog.Logs {
	out := plog.NewLogs()
	from.ResourceLogs().RemoveIf(func(r plog.ResourceLogs) bool {
		moved := plog.NewResourceLogs()
		r.ScopeLogs().RemoveIf(func(s plog.ScopeLogs) bool {
			picked := plog.NewScopeLogs()
			s.LogRecords().RemoveIf(func(l plog.LogRecord) bool {
				if !pick(r.Resource(), l) {
					return false
				}
				l.MoveTo(picked.LogRecords().AppendEmpty())
				return true
			})
			if picked.LogRecords().Len() > 0 {
				s.Scope().CopyTo(picked.Scope())
				picked.SetSchemaUrl(s.SchemaUrl())
				picked.MoveTo(moved.ScopeLogs().AppendEmpty())
			}
			return s.LogRecords().Len() == 0
		})
		if moved.ScopeLogs().Len() > 0 {
			r.Resource().CopyTo(moved.Resource())
			moved.SetSchemaUrl(r.SchemaUrl())
			moved.MoveTo(out.ResourceLogs().AppendEmpty())
		}
		return r.ScopeLogs().Len() == 0
	})
	return out
}

func encodeLogs(l plog.Logs) ([]byte, error) {
	body, err := plogotlp.NewExportRequestFromLogs(l).MarshalProto()
	if err != nil {
		return nil, err
	}
	return compress(body)
}

func rejectedLogs(body []byte) int64 {
	r := plogotlp.NewExportResponse()
	if r.UnmarshalProto(body) != nil {
		return 0
	}
	return r.PartialSuccess().RejectedLogRecords()
}
