package cmd_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// TestKubectl drives an embedded cluster with stock kubectl.
func TestKubectl(t *testing.T) {
	t.Parallel()
	l := startLab(t, "--preset", "minimal")
	pods := l.kubectl("region-1", "get", "pods", "-A")
	for _, want := range []string{"vmstorage-cluster-0", "vmauth-cluster-", "kof-storage-jaeger-", "cert-manager-", "Running", "1/1"} {
		assert.Contains(t, pods, want)
	}
	assert.NotContains(t, pods, "Pending")
	pod := strings.TrimPrefix(strings.TrimSpace(l.kubectl("child-1", "get", "pods", "-n", "shop", "-l", "app.kubernetes.io/name=frontend", "-o", "name", "--sort-by=.metadata.name")), "pod/")
	pod, _, _ = strings.Cut(pod, "\n")
	described := l.kubectl("child-1", "describe", "pod", "-n", "shop", pod)
	for _, want := range []string{"Status:           Running", "Controlled By:  ReplicaSet/", "Ready                       True"} {
		assert.Contains(t, described, want)
	}
	l.eventually(soon, "the pod has logged something", func() error {
		if l.kubectl("child-1", "logs", "-n", "shop", pod) == "" {
			return errors.New("nothing yet")
		}
		return nil
	})

	const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "nginx:1.27", resources: {requests: {cpu: 10m, memory: 16Mi}}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{port: 80}]}
`
	assert.Equal(t, "deployment.apps/web created\nservice/web created\n", l.apply("child-1", web))
	assert.Equal(t, "deployment.apps/web unchanged\nservice/web unchanged\n", l.apply("child-1", web))
	assert.Contains(t, l.kubectl("child-1", "rollout", "status", "deployment/web", "--timeout=60s"), "successfully rolled out")
	assert.Contains(t, l.kubectl("child-1", "wait", "--for=condition=Available", "deployment/web", "--timeout=60s"), "condition met")
	assert.Equal(t, "deployment.apps/web configured\n", strings.SplitAfter(l.apply("child-1", strings.Replace(web, "nginx:1.27", "nginx:1.28", 1)), "\n")[0])
	assert.Contains(t, l.kubectl("child-1", "rollout", "status", "deployment/web", "--timeout=60s"), "successfully rolled out")
	l.kubectl("child-1", "rollout", "undo", "deployment/web")
	l.kubectl("child-1", "rollout", "status", "deployment/web", "--timeout=60s")
	assert.Equal(t, "nginx:1.27", l.kubectl("child-1", "get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}"))
	assert.Contains(t, l.kubectl("child-1", "get", "events"), "SuccessfulCreate")
	l.apply("child-1", web, "--server-side", "--force-conflicts")
	l.kubectl("child-1", "delete", "deployment,service", "web", "--wait")
	assert.Empty(t, l.kubectl("child-1", "get", "deployment,service", "web", "--ignore-not-found", "-o", "name"))

	for _, c := range []struct{ manifest, want string }{
		{strings.Replace(web, "replicas: 2", "replicas: two", 1), `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`},
		{strings.Replace(web, "replicas: 2", "replicsa: 2", 1), `unknown field "spec.replicsa"`},
		{strings.Replace(web, "selector: {matchLabels: {app: web}}", "selector: {matchLabels: {app: other}}", 1), "`selector` does not match template `labels`"},
		{strings.Replace(web, `image: "nginx:1.27", `, "", 1), `spec.template.spec.containers[0].image: Required value`},
		{"apiVersion: apps/v1\nkind: Deploymnet\nmetadata: {name: x}\n", `no matches for kind "Deploymnet" in version "apps/v1"`},
		{"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: default}\nspec: {groups: none}\n", "spec.groups: Invalid value"},
		{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Upper_Case, namespace: default}\n", `metadata.name: Invalid value: "Upper_Case": a lowercase RFC 1123 subdomain`},
		{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: nowhere}\n", `namespaces "nowhere" not found`},
	} {
		out, errOut, err := l.tool("kubectl", "child-1", c.manifest, "apply", "-f", "-")
		if assert.Error(t, err, "%s\n%s", c.want, out) && !strings.Contains(errOut, c.want) {
			assert.Fail(t, "another message", "want %q in\n%s", c.want, errOut)
		}
	}
	_, errOut, err := l.tool("kubectl", "child-1", "", "get", "pods", "nothing")
	require.Error(t, err)
	assert.Equal(t, "Error from server (NotFound): pods \"nothing\" not found\n", errOut)
}

// TestConflict is two writers of one object: the second is told to read again.
func TestConflict(t *testing.T) {
	t.Parallel()
	l := startLab(t, "--preset", "minimal")
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(l.output("kubeconfig", "child-1")))
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	maps := client.CoreV1().ConfigMaps("default")
	first, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "shared"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	second := first.DeepCopy()
	first.Data = map[string]string{"a": "1"}
	_, err = maps.Update(t.Context(), first, metav1.UpdateOptions{})
	require.NoError(t, err)
	second.Data = map[string]string{"a": "2"}
	_, err = maps.Update(t.Context(), second, metav1.UpdateOptions{})
	require.EqualError(t, err, `Operation cannot be fulfilled on configmaps "shared": the object has been modified; please apply your changes to the latest version and try again`)
}

// TestHelm is stock helm on releases that koflab made, and the effect of what it
// changes: switching a part off stops exactly its data.
func TestHelm(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, `
regions: [{name: r1, nodes: 1}]
children:
  - {name: c1, nodes: 2, scrapeInterval: 5s}
  - {name: c2, nodes: 1, scrapeInterval: 5s}
`), "--speed", "10x")
	var releases []struct{ Name, Namespace, Status, Chart string }
	require.NoError(t, json.Unmarshal([]byte(l.helm("r1", "list", "-A", "-o", "json")), &releases))
	names := map[string]string{}
	for _, r := range releases {
		names[r.Name] = r.Status
	}
	for _, want := range []string{"cert-manager", "ingress-nginx", "kof-operators", "kof-storage", "kof-collectors"} {
		assert.Equal(t, "deployed", names[want], want)
	}
	dir := t.TempDir()
	out, errOut, code := l.home.run(t, "charts", "export", dir+"/charts")
	require.Zero(t, code, out+errOut)

	jobs := func(cluster string) map[string]float64 {
		return l.rows(`count by (job)(up{cluster="` + cluster + `"})`)
	}
	l.eventually(soon, "node-exporter is there", func() error {
		if jobs("c1")["node-exporter"] != 2 || jobs("c2")["node-exporter"] != 1 {
			return fmt.Errorf("%v %v", jobs("c1"), jobs("c2"))
		}
		return nil
	})
	before := jobs("c1")
	upgrade := []string{"upgrade", "kof-collectors", dir + "/charts/kof-collectors", "-n", "kof", "--reuse-values"}
	l.helm("c1", append(upgrade, "--set", "prometheus-node-exporter.enabled=false")...)
	l.eventually(soon, "its metrics end", func() error {
		if got := jobs("c1")["node-exporter"]; got != 0 {
			return fmt.Errorf("%v targets", got)
		}
		return nil
	})
	delete(before, "node-exporter")
	assert.Equal(t, before, jobs("c1"), "nothing else changed")
	assert.EqualValues(t, 1, jobs("c2")["node-exporter"], "nor the other child")
	assert.Empty(t, l.rows(`count by (__name__)({__name__=~"node_(cpu_seconds|memory_|disk_|load).*",cluster="c1"})`))

	l.helm("c1", "rollback", "kof-collectors", "-n", "kof", "--wait")
	l.eventually(soon, "after a rollback they come again", func() error {
		if got := jobs("c1")["node-exporter"]; got != 2 {
			return fmt.Errorf("%v targets", got)
		}
		return nil
	})

	for _, c := range []struct{ set, want string }{
		{"kof.metrics.endpoint=7", "'/kof/metrics/endpoint': got number, want string"},
		{"collectors.node-exporter.queueSize=many", "queueSize"},
	} {
		_, errOut, err := l.tool("helm", "c1", "", append(upgrade, "--set", c.set)...)
		if assert.Error(t, err, c.set) {
			assert.Contains(t, errOut, "values don't meet the specifications of the schema")
		}
		_, errOut, code := l.run("charts", "install", "kof-collectors", "--cluster", "c1", "--reuse-values", "--set", c.set)
		assert.Equal(t, 1, code)
		assert.Contains(t, errOut, c.want)
	}
}

// TestScaleShows scales a Deployment: kube-state-metrics says so after one scrape,
// and no counter of the pods that stay goes back.
func TestScaleShows(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, "regions: [{name: r1, nodes: 1}]\nchildren: [{name: c1, nodes: 2, scrapeInterval: 5s}]\n"))
	const spec = `kube_deployment_spec_replicas{cluster="c1",deployment="frontend"}`
	l.eventually(soon, "the deployment is observed", func() error {
		if l.number(spec) != 2 {
			return errors.New("not yet")
		}
		return nil
	})
	l.kubectl("c1", "scale", "deployment", "-n", "shop", "frontend", "--replicas=4")
	scaled := l.now()
	l.eventually(soon, "four are ready", func() error {
		if got := l.number(`kube_deployment_status_replicas_available{cluster="c1",deployment="frontend"}`); got != 4 {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
	assert.Less(t, l.now().Sub(scaled), 30*time.Second)
	assert.EqualValues(t, 4, l.number(`count(kube_pod_info{cluster="c1",pod=~"frontend-.*"})`))
	l.passTime(20 * time.Second)
	assert.Empty(t, l.rows(`resets({__name__=~".*_total",cluster="c1"}[5m]) > 0`))
}

// TestSecretRollsCollectors is scenario 10: another password in the Secret on
// management reaches both sides, and the collectors are replaced.
func TestSecretRollsCollectors(t *testing.T) {
	t.Parallel()
	l := startLab(t, "-f", specFile(t, "regions: [{name: r1, nodes: 1}]\nchildren: [{name: c1, nodes: 1}]\n"))
	old := l.user("c1", "r1")
	collectors := func() string {
		return l.kubectl("c1", "get", "pods", "-n", "kof", "-l", "app.kubernetes.io/name=kof-collectors-node-exporter-collector", "-o", "jsonpath={.items[*].metadata.uid}")
	}
	uid := collectors()
	require.NotEmpty(t, uid)
	l.kubectl("mothership", "patch", "secret", "-n", "kcm-system", "kof-vmuser-creds-"+old.Username, "-p", `{"stringData":{"password":"another-password"}}`)
	l.eventually(soon, "the collectors have been replaced", func() error {
		if now := collectors(); now == "" || strings.Contains(now, uid) {
			return errors.New(now)
		}
		return nil
	})
	l.eventually(soon, "the region knows the new password", func() error {
		if p := l.user("c1", "r1").Password; p != "another-password" {
			return errors.New(p)
		}
		return nil
	})
	code, _ := l.get(l.httpClient(), l.url("r1", "vmauth")+"/vm/select/0/prometheus/api/v1/query?query=up", &old)
	assert.Equal(t, 401, code, "the old password")
	// What was sent with the old password meanwhile is lost, as in KOF; no more is.
	before := l.flow("c1", "r1", "metrics")
	l.eventually(soon, "data go on", func() error {
		if f := l.flow("c1", "r1", "metrics"); f.Acknowledged <= before.Acknowledged {
			return fmt.Errorf("%+v", f)
		}
		return nil
	})
	require.Equal(t, before.Dropped, l.flow("c1", "r1", "metrics").Dropped)
}

// TestManyWatches is a k9s on every cluster: twenty watches each, all of which see
// what happens.
func TestManyWatches(t *testing.T) {
	t.Parallel()
	l := startLab(t, "--preset", "minimal")
	resources := []schema.GroupVersionResource{
		{Version: "v1", Resource: "pods"}, {Version: "v1", Resource: "services"}, {Version: "v1", Resource: "configmaps"}, {Version: "v1", Resource: "secrets"},
		{Version: "v1", Resource: "nodes"}, {Version: "v1", Resource: "namespaces"}, {Version: "v1", Resource: "events"}, {Version: "v1", Resource: "serviceaccounts"},
		{Version: "v1", Resource: "persistentvolumeclaims"}, {Version: "v1", Resource: "persistentvolumes"}, {Group: "apps", Version: "v1", Resource: "deployments"},
		{Group: "apps", Version: "v1", Resource: "replicasets"}, {Group: "apps", Version: "v1", Resource: "statefulsets"}, {Group: "apps", Version: "v1", Resource: "daemonsets"},
		{Group: "batch", Version: "v1", Resource: "jobs"}, {Group: "batch", Version: "v1", Resource: "cronjobs"}, {Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
		{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}, {Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
		{Group: "monitoring.coreos.com", Version: "v1", Resource: "servicemonitors"},
	}
	require.Len(t, resources, 20)
	stop := make(chan struct{})
	for _, cluster := range []string{"mothership", "region-1", "child-1"} {
		client := l.dynamic(cluster)
		factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
		for _, r := range resources {
			factory.ForResource(r).Informer()
		}
		factory.Start(stop)
		for r, ok := range factory.WaitForCacheSync(stop) {
			require.True(t, ok, "%s of %s", r, cluster)
		}
		maps := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
		seen := factory.ForResource(maps).Lister().ByNamespace("default")
		for i := range 50 {
			_, err := client.Resource(maps).Namespace("default").Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": fmt.Sprintf("watched-%d", i)},
			}}, metav1.CreateOptions{})
			require.NoError(t, err)
		}
		l.eventually(soon, "the watch has all of them", func() error {
			for i := range 50 {
				if _, err := seen.Get(fmt.Sprintf("watched-%d", i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	close(stop)
}
