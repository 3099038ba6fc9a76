package telemetry

import (
	"encoding/json"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"koflab/sim/inventory"
)

// auditEvent is the part of audit.k8s.io/v1 Event that the records carry.
type auditEvent struct {
	Kind           string      `json:"kind"`
	APIVersion     string      `json:"apiVersion"`
	Level          string      `json:"level"`
	AuditID        string      `json:"auditID"`
	Stage          string      `json:"stage"`
	RequestURI     string      `json:"requestURI"`
	Verb           string      `json:"verb"`
	User           auditUser   `json:"user"`
	SourceIPs      []string    `json:"sourceIPs"`
	ObjectRef      auditObject `json:"objectRef"`
	ResponseStatus auditStatus `json:"responseStatus"`
}

type auditUser struct {
	Username string `json:"username"`
}

type auditObject struct {
	Resource  string `json:"resource"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

type auditStatus struct {
	Code int `json:"code"`
}

// auditors are who does what to the API, with the status they get.
var auditors = []struct {
	user, verb, resource string
	code                 int
}{
	{"system:serviceaccount:kof:kof-collectors-k8s-cluster-collector", "list", "pods", 200},
	{"system:serviceaccount:kof:kof-collectors-node-exporter-collector", "watch", "endpoints", 200},
	{"system:serviceaccount:cert-manager:cert-manager", "get", "secrets", 200},
	{"system:kube-scheduler", "update", "pods", 200},
	{"admin@example.com", "patch", "deployments", 200},
	{"admin@example.com", "delete", "pods", 200},
	{"intern@example.com", "get", "secrets", 403},
}

// auditLogType is what KOF routes to the audit store by (kof-facts 3.1).
const auditLogType = "k8s_audit"

// audit adds the API server's audit log.
func (w *logWriter) audit() {
	if len(w.g.cluster.Pods) == 0 || len(w.g.cluster.Nodes) == 0 {
		return // nothing to ask the API about
	}
	seed := w.g.ids.Of("audits")
	w.each(&w.g.logs.audit, slotAudit, func(k, at int64) {
		w.auditRecord(at, w.g.auditOf(seed.At(k)))
	})
}

func (g *Generator) auditOf(s inventory.Seed) auditEvent {
	who := auditors[s.Of("who").Below(len(auditors))]
	p := g.cluster.Pods[s.Of("pod").Below(len(g.cluster.Pods))]
	name := p.Name
	if who.resource != "pods" {
		name = p.Workload.Name
	}
	prefix := "/api/v1"
	if who.resource == "deployments" {
		prefix = "/apis/apps/v1"
	}
	return auditEvent{
		Kind: "Event", APIVersion: "audit.k8s.io/v1", Level: "Metadata", Stage: "ResponseComplete",
		AuditID:    s.Of("id").UUID(),
		RequestURI: prefix + "/namespaces/" + p.Namespace + "/" + who.resource + "/" + name,
		Verb:       who.verb, User: auditUser{who.user}, SourceIPs: []string{g.cluster.Nodes[0].IP},
		ObjectRef:      auditObject{who.resource, p.Namespace, name},
		ResponseStatus: auditStatus{who.code},
	}
}

func (w *logWriter) auditRecord(at int64, e auditEvent) {
	body, err := json.Marshal(e)
	if err != nil {
		return // cannot happen: strings and numbers only
	}
	node := w.g.cluster.Nodes[controlNode].Name
	r := w.other("audit", func(a pcommon.Map) {
		a.PutStr("service.name", "kube-apiserver")
		a.PutStr("k8s.node.name", node)
	}).AppendEmpty()
	sev := info
	if e.ResponseStatus.Code >= 400 {
		sev = warn
	}
	fillRecord(r, at, sev, string(body))
	a := r.Attributes()
	a.EnsureCapacity(10)
	a.PutStr("log_type", auditLogType)
	a.PutStr("auditID", e.AuditID)
	a.PutStr("stage", e.Stage)
	a.PutStr("verb", e.Verb)
	a.PutStr("user.username", e.User.Username)
	a.PutStr("requestURI", e.RequestURI)
	a.PutStr("objectRef.resource", e.ObjectRef.Resource)
	a.PutStr("objectRef.namespace", e.ObjectRef.Namespace)
	a.PutStr("objectRef.name", e.ObjectRef.Name)
	a.PutInt("responseStatus.code", int64(e.ResponseStatus.Code))
}
