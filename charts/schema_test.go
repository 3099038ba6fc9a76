package charts

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSchemasRefuseWrongValues(t *testing.T) {
	for _, c := range []struct{ chart, values, message string }{
		{"kof-storage", "victoriametrics: {vmcluster: {spec: {retentionPeriod: 30}}}", "at '/victoriametrics/vmcluster/spec/retentionPeriod': got number, want string"},
		{"kof-storage", "victoriametrics: {vmcluster: {spec: {retentionPeriod: a month}}}", "retentionPeriod': 'a month' does not match pattern"},
		{"kof-storage", "audit-logs: {server: {retentionPeriod: true}}", "at '/server/retentionPeriod': got boolean, want string"},
		{"kof-storage", "cert-manager: {cluster-issuer: {provider: vault}}", "value must be one of 'selfsigned', 'letsencrypt'"},
		{"kof-storage", "victoriametrics: {vmcluster: {spec: {vmstorage: {replicaCount: '2'}}}}", "replicaCount': got string, want integer"},
		{"kof-storage", "jaeger: {ttl: 7}", "at '/jaeger/ttl': got number, want string"},
		{"kof-collectors", "kof: {metrics: {endpoint: vmauth.example.com}}", "at '/kof/metrics/endpoint': 'vmauth.example.com' does not match pattern '^https?://'"},
		{"kof-collectors", "collectors: {node-exporter: {queueSize: many}}", "got string, want integer"},
		{"kof-collectors", "collectors: {node-exporter: {queueSize: 0}}", "minimum: got 0, want 1"},
		{"kof-collectors", "prometheus-node-exporter: {enabled: 'no'}", "got string, want boolean"},
		{"kof-collectors", "image: {repo: x}", "additional properties 'repo' not allowed"},
		{"kof-collectors", "collectors: {k8s-cluster: {resources: {requests: {memory: lots}}}}", "'/collectors/k8s-cluster/resources/requests/memory'"},
		{"kof-mothership", "clusterAlertRules: {c1: {g: {A: {expression: up}}}}", "additional properties 'expression' not allowed"},
		{"kof-mothership", "promxy: {replicaCount: -1}", "minimum: got -1, want 0"},
		{"kof-mothership", "cert-manager-service-template: {chart: cert-manager}", "does not match pattern"},
		{"kof-istio", "role: regional", "value must be one of 'management', 'member'"},
		{"kof-regional", "storage: {values: text}", "got string, want object"},
		{"demo-shop", "apps: [{name: a}]", "missing property 'image'"},
		{"demo-shop", "apps: [{name: a, image: b, kind: DaemonSet}]", "value must be one of 'Deployment', 'StatefulSet', 'CronJob'"},
	} {
		ch, err := Load(c.chart)
		require.NoError(t, err)
		_, err = render(ch, "kof", parse(t, c.values))
		require.ErrorContains(t, err, c.message, c.values)
		require.ErrorContains(t, err, "values don't meet the specifications of the schema(s)", c.values)
	}
}

// Keys that a template needs and a schema cannot ask for.
func TestTemplatesSayWhatIsMissing(t *testing.T) {
	for _, c := range []struct{ chart, values, message string }{
		{"kof-storage", "istio: {enabled: true}", "istio.clusterName: the mesh needs the cluster's name"},
		{"kof-storage", "{kof: {domain: a.b}, cert-manager: {cluster-issuer: {provider: letsencrypt}}}", "kof.certEmail: Let's Encrypt needs an address"},
	} {
		ch, err := Load(c.chart)
		require.NoError(t, err)
		_, err = render(ch, "kof", parse(t, c.values))
		require.ErrorContains(t, err, c.message)
	}
}
