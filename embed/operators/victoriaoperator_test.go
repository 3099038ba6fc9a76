package operators

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

const victoriaImageName = "docker.io/victoriametrics/operator:v0.50.0"

func example(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".in.yaml")
	require.NoError(t, err)
	return string(text)
}

func TestVMClusterLife(t *testing.T) {
	l := newLab(t, Options{Events: true})
	l.crds("victoria-metrics-operator")
	l.create(example(t, "vmcluster"))
	l.settle()
	require.False(t, l.exists(statefulSets, "kof", "vmstorage-cluster"), "nobody is there to make it")

	l.operator("kof", "vm-operator", victoriaImageName)
	l.settle()
	require.Equal(t, map[string]int{"victoria-metrics-operator": 1}, l.ops.Active())
	require.Equal(t, int32(2), fetched[appsv1.StatefulSet](l, statefulSets, "kof", "vmstorage-cluster").Status.ReadyReplicas)
	require.Contains(t, fetched[appsv1.StatefulSet](l, statefulSets, "kof", "vmstorage-cluster").Spec.Template.Spec.Containers[0].Args, "--retentionPeriod=30d")
	require.Equal(t, int32(1), fetched[appsv1.Deployment](l, deployments, "kof", "vminsert-cluster").Status.ReadyReplicas)
	require.Equal(t, "operational", l.field(vmClusters, "kof", "cluster", "status", "updateStatus"))
	require.Empty(t, l.warnings())

	// Nothing to do is nothing done.
	before := l.object(statefulSets, "kof", "vmstorage-cluster").RV
	l.advance(1)
	require.Equal(t, before, l.object(statefulSets, "kof", "vmstorage-cluster").RV)

	// What somebody else changes or deletes comes back.
	l.delete(services, "kof", "vminsert-cluster")
	l.change(deployments, "kof", "vminsert-cluster", int64(5), "spec", "replicas")
	l.settle()
	require.True(t, l.exists(services, "kof", "vminsert-cluster"))
	require.Equal(t, int32(1), fetched[appsv1.Deployment](l, deployments, "kof", "vminsert-cluster").Status.ReadyReplicas)

	// A restart is kept, not undone.
	l.change(deployments, "kof", "vminsert-cluster", "2026", "spec", "template", "metadata", "annotations", restartedAt)
	l.settle()
	require.Equal(t, "2026", fetched[appsv1.Deployment](l, deployments, "kof", "vminsert-cluster").Spec.Template.Annotations[restartedAt])

	// Without a pod the operator does nothing; when it is back it catches up.
	l.change(deployments, "kof", "vm-operator", int64(0), "spec", "replicas")
	l.settle()
	require.Empty(t, l.ops.Active())
	l.change(vmClusters, "kof", "cluster", "7d", "spec", "retentionPeriod")
	l.settle()
	require.Contains(t, fetched[appsv1.StatefulSet](l, statefulSets, "kof", "vmstorage-cluster").Spec.Template.Spec.Containers[0].Args, "--retentionPeriod=30d")
	l.change(deployments, "kof", "vm-operator", int64(1), "spec", "replicas")
	l.settle()
	require.Contains(t, fetched[appsv1.StatefulSet](l, statefulSets, "kof", "vmstorage-cluster").Spec.Template.Spec.Containers[0].Args, "--retentionPeriod=7d")

	// A mistake is told, and what runs goes on running.
	l.change(vmClusters, "kof", "cluster", "http", "spec", "vminsert", "port")
	l.settle()
	require.Equal(t, "failed", l.field(vmClusters, "kof", "cluster", "status", "updateStatus"))
	require.Equal(t, `vminsert: port "http": want a number from 1 to 65535`, l.field(vmClusters, "kof", "cluster", "status", "reason"))
	require.Equal(t, []string{`VMCluster/cluster ReconcilationError: vminsert: port "http": want a number from 1 to 65535`}, l.warnings())
	require.True(t, l.exists(deployments, "kof", "vminsert-cluster"))
	l.change(vmClusters, "kof", "cluster", nil, "spec", "vminsert")
	l.settle()
	require.Equal(t, "operational", l.field(vmClusters, "kof", "cluster", "status", "updateStatus"))
	require.False(t, l.exists(deployments, "kof", "vminsert-cluster"), "a part taken out of the resource goes")
	require.False(t, l.exists(services, "kof", "vminsert-cluster"))

	l.delete(vmClusters, "kof", "cluster")
	l.settle()
	require.Empty(t, l.api.List(statefulSets, "kof", labels.Everything()))
	require.False(t, l.exists(services, "kof", "vmstorage-cluster"))
	require.Empty(t, l.ops.memos)
}

// TestVMClusterClaims changes what a StatefulSet does not allow to change: it is
// replaced.
func TestVMClusterClaims(t *testing.T) {
	l := newLab(t, Options{Events: true})
	l.crds("victoria-metrics-operator")
	l.operator("kof", "vm-operator", victoriaImageName)
	l.create(example(t, "vmcluster"))
	l.settle()
	uid := l.object(statefulSets, "kof", "vmstorage-cluster").UID
	l.change(vmClusters, "kof", "cluster", "20Gi", "spec", "vmstorage", "storage", "volumeClaimTemplate", "spec", "resources", "requests", "storage")
	l.settle()
	sts := fetched[appsv1.StatefulSet](l, statefulSets, "kof", "vmstorage-cluster")
	require.NotEqual(t, uid, sts.UID)
	require.Equal(t, "20Gi", sts.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests.Storage().String())
	require.Equal(t, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, sts.Spec.VolumeClaimTemplates[0].Spec.AccessModes)
	require.Empty(t, l.warnings())
}

func TestVMAuthUsers(t *testing.T) {
	l := newLab(t, Options{Events: true})
	l.crds("victoria-metrics-operator")
	l.operator("kof", "vm-operator", victoriaImageName)
	l.create(example(t, "vmauth"))
	l.create(`
apiVersion: operator.victoriametrics.com/v1beta1
kind: VMUser
metadata: {namespace: kof, name: child}
spec:
  username: "42"
  passwordRef: {name: kof-vmuser-creds-42, key: password}
  targetRefs:
  - static: {url: "http://vminsert-cluster.kof.svc:8480"}
    paths: ["/vm/insert/.*"]
    drop_src_path_prefix_parts: 1
    query_args: [{name: extra_label, values: [tenant=PLATFORM]}]
---
apiVersion: operator.victoriametrics.com/v1beta1
kind: VMUser
metadata: {namespace: kof, name: generated}
spec:
  username: robot
  generatePassword: true
  targetRefs: [{crd: {kind: VMCluster/vmselect, name: cluster, namespace: kof}, paths: ["/select/.*"]}]
---
apiVersion: operator.victoriametrics.com/v1beta1
kind: VMUser
metadata: {namespace: kof, name: wrong}
spec:
  username: wrong
  password: pw
  targetRefs: [{crd: {kind: VMCluster/vmselec, name: cluster, namespace: kof}}]
`)
	config := func() *VMAuthConfig {
		t.Helper()
		c, err := ParseVMAuthConfig(fetched[corev1.Secret](l, secrets, "kof", "vmauth-config-cluster").Data["config.yaml"])
		require.NoError(t, err)
		return c
	}
	names := func() []string {
		var out []string
		for _, u := range config().Users {
			out = append(out, u.Username)
		}
		return out
	}
	l.settle()
	require.Equal(t, []string{"robot"}, names())
	require.Len(t, fetched[corev1.Secret](l, secrets, "kof", "vmuser-generated").Data["password"], 16)
	require.Equal(t, "operational", l.field(vmAuths, "kof", "cluster", "status", "updateStatus"))
	require.Equal(t, "secret kof/kof-vmuser-creds-42 does not exist", l.field(vmUsers, "kof", "child", "status", "reason"))
	require.Contains(t, l.field(vmUsers, "kof", "wrong", "status", "reason"), `crd.kind "VMCluster/vmselec" is unknown`)
	require.Len(t, l.warnings(), 2)

	l.create(`{apiVersion: v1, kind: Secret, metadata: {namespace: kof, name: kof-vmuser-creds-42}, data: {username: NDI=, password: Zmlyc3Q=}}`)
	l.settle()
	require.Equal(t, []string{"42", "robot"}, names())
	require.Equal(t, "first", config().Users[0].Password)
	require.Equal(t, []string{"http://vminsert-cluster.kof.svc:8480/?extra_label=tenant%3DPLATFORM"}, config().Users[0].URLMap[0].URLPrefix)
	require.Equal(t, "operational", l.field(vmUsers, "kof", "child", "status", "updateStatus"))
	require.Empty(t, l.field(vmUsers, "kof", "child", "status", "reason"))

	// A new password is loaded by the reloader: the pods stay.
	pod := l.object(deployments, "kof", "vmauth-cluster").Generation
	l.change(secrets, "kof", "kof-vmuser-creds-42", "c2Vjb25k", "data", "password")
	l.settle()
	require.Equal(t, "second", config().Users[0].Password)
	require.Equal(t, pod, l.object(deployments, "kof", "vmauth-cluster").Generation)

	// Two users with one set of credentials would be one user with two tenants.
	l.create(`
apiVersion: operator.victoriametrics.com/v1beta1
kind: VMUser
metadata: {namespace: kof, name: double}
spec: {username: "42", password: second, targetRefs: [{static: {url: "http://a"}}]}
`)
	l.settle()
	require.Equal(t, []string{"42", "robot"}, names())
	require.Equal(t, "has the same credentials as VMUser kof/child", l.field(vmUsers, "kof", "double", "status", "reason"))

	l.delete(vmUsers, "kof", "child")
	l.settle()
	require.Equal(t, []string{"42", "robot"}, names(), "now the other one holds")
	require.Equal(t, []string{"http://a"}, config().Users[0].URLPrefix)

	l.change(vmAuths, "kof", "cluster", nil, "spec", "ingress")
	l.settle()
	require.False(t, l.exists(ingresses, "kof", "vmauth-cluster"))
}

func TestVMAlertAndAlertmanager(t *testing.T) {
	l := newLab(t, Options{Events: true})
	l.crds("victoria-metrics-operator")
	l.operator("kof", "vm-operator", victoriaImageName)
	l.create(example(t, "vmalert") + "\n---\n" + example(t, "vmalertmanager") + `
---
apiVersion: operator.victoriametrics.com/v1beta1
kind: VMRule
metadata: {namespace: kof, name: record}
spec: {groups: [{name: g, rules: [{record: "a:b", expr: sum(up)}]}]}
---
apiVersion: operator.victoriametrics.com/v1beta1
kind: VMRule
metadata: {namespace: kof, name: wrong}
spec: {groups: [{name: g, rules: [{expr: up}]}]}
`)
	l.settle()
	files := fetched[corev1.ConfigMap](l, configMaps, "kof", "vm-cluster-rulefiles-0").Data
	require.Len(t, files, 1)
	require.Contains(t, files["kof-record.yaml"], "sum(up)")
	require.Equal(t, `group "g", rules[0]: want either alert or record`, l.field(vmRules, "kof", "wrong", "status", "reason"))
	require.Equal(t, "operational", l.field(vmAlerts, "kof", "cluster", "status", "updateStatus"))
	require.Equal(t, int32(2), fetched[appsv1.StatefulSet](l, statefulSets, "kof", "vmalertmanager-cluster").Status.ReadyReplicas)

	l.change(vmAlertmanagers, "kof", "cluster", nil, "spec", "configRawYaml")
	l.change(vmAlertmanagers, "kof", "cluster", "mine", "spec", "configSecret")
	l.settle()
	require.Equal(t, "spec.configSecret: secret kof/mine does not exist", l.field(vmAlertmanagers, "kof", "cluster", "status", "reason"))
	l.create(`{apiVersion: v1, kind: Secret, metadata: {namespace: kof, name: mine}, data: {alertmanager.yaml: e3JvdXRlOiB7cmVjZWl2ZXI6IHJ9LCByZWNlaXZlcnM6IFt7bmFtZTogcn1dfQ==}}`)
	l.settle()
	require.Equal(t, "operational", l.field(vmAlertmanagers, "kof", "cluster", "status", "updateStatus"))
	require.Contains(t, string(fetched[corev1.Secret](l, secrets, "kof", "vmalertmanager-cluster-config").Data["alertmanager.yaml"]), "receiver: r")
}
