package operators

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/releaseutil"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"koflab/charts"
)

// rendered returns the objects of a chart, CRDs first.
func rendered(t testing.TB, name, namespace, values string) []*unstructured.Unstructured {
	t.Helper()
	c, err := charts.Load(name)
	require.NoError(t, err)
	var given map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(values), &given))
	install := action.NewInstall(&action.Configuration{})
	install.DryRun, install.ClientOnly, install.IncludeCRDs = true, true, true
	install.ReleaseName, install.Namespace = name, namespace
	install.KubeVersion = &chartutil.KubeVersion{Version: "v1.33.0", Major: "1", Minor: "33"}
	release, err := install.Run(c, given)
	require.NoError(t, err)
	docs := releaseutil.SplitManifests(release.Manifest)
	keys := make([]string, 0, len(docs))
	for k := range docs {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var out []*unstructured.Unstructured
	for _, k := range keys {
		out = append(out, objects(t, docs[k])...)
	}
	slices.SortStableFunc(out, func(a, b *unstructured.Unstructured) int { return first(a) - first(b) })
	for _, o := range out {
		if o.GetNamespace() == "" {
			o.SetNamespace(namespace)
		}
	}
	return out
}

func first(o *unstructured.Unstructured) int {
	if o.GetKind() == "CustomResourceDefinition" {
		return 0
	}
	return 1
}

var clusterScoped = []string{"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "ClusterIssuer", "IngressClass", "Namespace", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ClusterProfile"}

func (l *lab) install(name, namespace, values string) {
	l.t.Helper()
	for _, o := range rendered(l.t, name, namespace, values) {
		if slices.Contains(clusterScoped, o.GetKind()) {
			o.SetNamespace("")
		}
		gr, ok := kindResources[o.GetKind()]
		if !ok {
			gvr, _ := apimeta.UnsafeGuessKindToResource(o.GroupVersionKind())
			gr = gvr.GroupResource()
		}
		_, err := l.api.Create(gr, o)
		require.NoError(l.t, err, "%s %s", o.GetKind(), o.GetName())
	}
}

// notReady lists the pods that do not serve.
func (l *lab) notReady() []string {
	l.t.Helper()
	var out []string
	for _, o := range l.api.List(pods, "", labels.Everything()) {
		var p corev1.Pod
		require.NoError(l.t, o.Into(&p))
		if !slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		}) {
			out = append(out, fmt.Sprintf("%s/%s: %s %v", o.Namespace, o.Name, p.Status.Phase, p.Status.ContainerStatuses))
		}
	}
	return out
}

// TestRegionFromCharts proves that the charts' custom resources and the operators
// agree: what kof-storage and kof-collectors ask for comes to be.
func TestRegionFromCharts(t *testing.T) {
	l := newLab(t, Options{Events: true})
	l.install("cert-manager", "cert-manager", "")
	l.install("ingress-nginx", "ingress-nginx", "")
	l.install("kof-operators", "kof", "")
	l.install("kof-storage", "kof", "kof: {domain: region-1.example.com}\nexternal-dns: {enabled: true}\nvictoriametrics: {vmalert: {enabled: true}}")
	l.install("kof-collectors", "kof", `{kof: {clusterName: region-1, clusterNamespace: kcm-system, vmuser: {enabled: false}}}`)
	began := time.Now()
	l.settle()
	t.Logf("settled in %s", time.Since(began))
	require.Empty(t, l.notReady())
	for _, w := range []struct {
		gr   schema.GroupResource
		name string
	}{
		{deployments, "vmauth-cluster"}, {deployments, "vminsert-cluster"}, {statefulSets, "vmselect-cluster"}, {statefulSets, "vmstorage-cluster"},
		{deployments, "vmalert-cluster"}, {deployments, "kof-storage-jaeger"},
		{deployments, "kof-collectors-k8s-cluster-collector"}, {daemonSets, "kof-collectors-node-exporter-collector"},
		{configMaps, "kof-collectors-k8s-cluster-collector"}, {configMaps, "kof-collectors-node-exporter-collector"},
		{secrets, "vmauth-config-cluster"}, {secrets, "vmauth-tls"}, {ingresses, "vmauth-cluster"},
	} {
		require.True(t, l.exists(w.gr, "kof", w.name), w.name)
	}
	require.Equal(t, "operational", l.field(vmAuths, "kof", "cluster", "status", "updateStatus"))
	require.Equal(t, "operational", l.field(vmClusters, "kof", "cluster", "status", "updateStatus"))
	require.Equal(t, []string{"vmauth.region-1.example.com"}, l.pair("kof", "vmauth-tls").cert.DNSNames)
	zone := lines(fetched[dnsEndpoint](l, dnsEndpoints, "kof", zoneName).Spec.Endpoints)
	require.Len(t, zone, 1)
	require.Contains(t, zone[0], "vmauth.region-1.example.com A [203.0.113.")
	for _, w := range l.warnings() {
		require.Contains(t, w, "IssuerNotFound", "nothing but what came in the wrong order")
	}
}

func TestManagementFromCharts(t *testing.T) {
	l := newLab(t, Options{Events: true})
	l.namespace("kcm-system")
	for _, o := range rendered(t, "kcm", "kcm-system", "") {
		if o.GetKind() == "CustomResourceDefinition" {
			o.SetNamespace("")
			_, err := l.api.Create(kindResources["CustomResourceDefinition"], o)
			require.NoError(t, err)
		}
	}
	l.install("kof-operators", "kof", "")
	l.install("kof-mothership", "kof", "")
	l.settle()
	require.Empty(t, l.notReady())
	require.Equal(t, "complete", l.field(grafanas, "kof", "grafana-vm", "status", "stage"))
	for _, o := range l.api.List(grafanaDatasources, "", labels.Everything()) {
		require.Contains(t, l.condition(grafanaDatasources, o.Namespace, o.Name, "DatasourceSynchronized"), "True ", o.Name)
	}
	for _, o := range l.api.List(grafanaDashboards, "", labels.Everything()) {
		require.Contains(t, l.condition(grafanaDashboards, o.Namespace, o.Name, "DashboardSynchronized"), "True ", o.Name)
	}
	require.True(t, l.exists(statefulSets, "kof", "vmalertmanager-cluster"))
	require.True(t, l.exists(deployments, "kof", "vmalert-cluster"))
	require.True(t, l.exists(deployments, "kof", "grafana-vm-deployment"))
	require.Empty(t, l.warnings())
}

func TestMeshFromCharts(t *testing.T) {
	l := newLab(t, Options{Events: true})
	for _, o := range rendered(t, "kcm", "kcm-system", "") {
		if o.GetKind() == "CustomResourceDefinition" {
			o.SetNamespace("")
			_, err := l.api.Create(kindResources["CustomResourceDefinition"], o)
			require.NoError(t, err)
		}
	}
	l.install("cert-manager", "cert-manager", "")
	l.install("kof-istio", "istio-system", "{role: management, cluster: {name: management}}")
	l.settle()
	require.Empty(t, l.notReady())
	for _, name := range []string{"kof-istio-root", "kof-istio-management-ca", "istiod"} {
		require.Equal(t, "True Ready: Certificate is up to date and has not expired", l.condition(certificates, "istio-system", name, "Ready"), name)
	}
	root := l.pair("istio-system", "kof-istio-root")
	require.Equal(t, string(root.chain), fetched[corev1.ConfigMap](l, configMaps, "kof", meshRootName).Data[meshRootFile])
	require.Equal(t, string(root.chain), string(l.pair("istio-system", "istiod-tls").root))
}
