package operators

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

func TestCollectorLife(t *testing.T) {
	l := newLab(t, Options{Events: true})
	l.crds("opentelemetry-operator")
	l.operator("kof", "otel", "ghcr.io/open-telemetry/opentelemetry-operator/opentelemetry-operator:0.120.0")
	l.create(`{apiVersion: v1, kind: Secret, metadata: {namespace: kof, name: storage-vmuser-credentials}, data: {username: dQ==, password: cA==}}`)
	l.create(example(t, "collector-deployment"))
	const name, workload = "kof-collectors-k8s-cluster", "kof-collectors-k8s-cluster-collector"
	l.settle()
	require.Equal(t, "1/1", l.field(collectors, "kof", name, "status", "scale", "statusReplicas"))
	require.Equal(t, "True Ready: all pods of the collector are ready", l.condition(collectors, "kof", name, "Ready"))
	before := fetched[appsv1.Deployment](l, deployments, "kof", workload)
	require.Equal(t, "--config=/conf/collector.yaml", before.Spec.Template.Spec.Containers[0].Args[0])

	l.change(collectors, "kof", name, "30s", "spec", "config", "receivers", "k8s_cluster", "collection_interval")
	l.settle()
	after := fetched[appsv1.Deployment](l, deployments, "kof", workload)
	require.NotEqual(t, before.Spec.Template.Annotations[collectorHashLabel], after.Spec.Template.Annotations[collectorHashLabel], "pods roll")
	require.Contains(t, fetched[corev1.ConfigMap](l, configMaps, "kof", workload).Data[collectorFile], "collection_interval: 30s")

	l.change(collectors, "kof", name, "daemonset", "spec", "mode")
	l.settle()
	require.False(t, l.exists(deployments, "kof", workload))
	require.Equal(t, int32(1), fetched[appsv1.DaemonSet](l, daemonSets, "kof", workload).Status.NumberReady)

	l.change(collectors, "kof", name, []any{"nobody"}, "spec", "config", "service", "pipelines", "metrics", "exporters")
	l.settle()
	want := `service.pipelines.metrics.exporters: "nobody" is not defined in config.exporters`
	require.Equal(t, "False InvalidConfiguration: "+want, l.condition(collectors, "kof", name, "Ready"))
	require.Equal(t, []string{"OpenTelemetryCollector/" + name + " ReconcileError: " + want}, l.warnings())
	require.True(t, l.exists(daemonSets, "kof", workload))
}

func TestJaegerLife(t *testing.T) {
	l := newLab(t, Options{})
	l.crds("jaeger-operator")
	l.operator("kof", "jaeger", "docker.io/jaegertracing/jaeger-operator:1.52.0")
	l.create(`
apiVersion: jaegertracing.io/v1
kind: Jaeger
metadata: {namespace: kof, name: j}
spec: {strategy: production, storage: {type: memory, options: {memory: {max-traces: 100000}}}}
`)
	l.settle()
	require.Equal(t, "Running", l.field(jaegers, "kof", "j", "status", "phase"))
	d := fetched[appsv1.Deployment](l, deployments, "kof", "j")
	require.Contains(t, d.Spec.Template.Spec.Containers[0].Args, "--memory.max-traces=100000")
	require.Equal(t, int32(1), d.Status.ReadyReplicas)
	require.True(t, l.exists(services, "kof", "j-collector"))
	l.change(jaegers, "kof", "j", "cassandra", "spec", "storage", "type")
	l.settle()
	require.Equal(t, "Failed", l.field(jaegers, "kof", "j", "status", "phase"))
}

func TestGrafanaLife(t *testing.T) {
	l := newLab(t, Options{})
	l.crds("grafana-operator")
	l.operator("kof", "grafana-operator", "ghcr.io/grafana/grafana-operator:v5.15.1")
	l.create(`
apiVersion: grafana.integreatly.org/v1beta1
kind: GrafanaDatasource
metadata: {namespace: kof, name: promxy}
spec:
  instanceSelector: {matchLabels: {dashboards: grafana}}
  datasource: {name: promxy, uid: promxy, type: prometheus, access: proxy, url: "http://promxy:8082"}
  plugins: [{name: x, version: "1"}]
---
apiVersion: grafana.integreatly.org/v1beta1
kind: GrafanaDashboard
metadata: {namespace: kof, name: broken}
spec: {instanceSelector: {matchLabels: {dashboards: grafana}}, json: "{"}
`)
	l.settle()
	require.Equal(t, "True EmptyAPIReply: None of the available Grafana instances matched the selector, skipping reconciliation",
		l.condition(grafanaDatasources, "kof", "promxy", "NoMatchingInstance"))
	l.create(example(t, "grafana"))
	l.settle()
	require.Equal(t, int32(1), fetched[appsv1.Deployment](l, deployments, "kof", "grafana-vm-deployment").Status.ReadyReplicas)
	require.Equal(t, "complete", l.field(grafanas, "kof", "grafana-vm", "status", "stage"))
	require.Equal(t, "- kof/promxy/promxy", l.field(grafanas, "kof", "grafana-vm", "status", "datasources"))
	require.Equal(t, "True ApplySuccessful: Datasource was successfully applied to 1 instances", l.condition(grafanaDatasources, "kof", "promxy", "DatasourceSynchronized"))
	require.Contains(t, l.condition(grafanaDashboards, "kof", "broken", "DashboardSynchronized"), "False InvalidSpec: the dashboard's JSON")
	require.Equal(t, "x 1", fetched[corev1.ConfigMap](l, configMaps, "kof", "grafana-vm-plugins").Data["GF_INSTALL_PLUGINS"])

	password := fetched[corev1.Secret](l, secrets, "kof", "grafana-vm-admin-credentials").Data["GF_SECURITY_ADMIN_PASSWORD"]
	l.change(grafanas, "kof", "grafana-vm", "debug", "spec", "config", "log", "level")
	l.settle()
	require.Equal(t, password, fetched[corev1.Secret](l, secrets, "kof", "grafana-vm-admin-credentials").Data["GF_SECURITY_ADMIN_PASSWORD"], "kept")
}
