package cmd_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"koflab/sim/inventory"
)

// kubeconfig is the file that `koflab kubeconfig` prints.
func (l *testLab) kubeconfig() string {
	l.Helper()
	file := filepath.Join(string(l.home), l.name+".kubeconfig")
	require.NoError(l, os.WriteFile(file, []byte(l.output("kubeconfig")), 0o600))
	return file
}

// tool runs kubectl or helm, the stock ones, on a cluster of the lab.
func (l *testLab) tool(name, cluster string, stdin string, args ...string) (stdout, stderr string, err error) {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), commandTimeout)
	defer cancel()
	context := "--context"
	if name == "helm" {
		context, name = "--kube-context", stockHelm(l.T)
	}
	var out, errOut bytes.Buffer
	c := exec.CommandContext(ctx, name, append([]string{"--kubeconfig", l.kubeconfig(), context, l.name + "-" + cluster}, args...)...)
	c.Env = append(l.home.environ(), "HOME="+string(l.home))
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errOut
	err = c.Run()
	return out.String(), errOut.String(), err
}

// kubectl runs kubectl, which must succeed, and returns what it printed.
func (l *testLab) kubectl(cluster string, args ...string) string {
	l.Helper()
	out, errOut, err := l.tool("kubectl", cluster, "", args...)
	require.NoError(l, err, "kubectl %v\n%s%s", args, out, errOut)
	return out
}

// apply gives a manifest to kubectl apply.
func (l *testLab) apply(cluster, manifest string, args ...string) string {
	l.Helper()
	out, errOut, err := l.tool("kubectl", cluster, manifest, append([]string{"apply", "-f", "-"}, args...)...)
	require.NoError(l, err, "kubectl apply\n%s%s", out, errOut)
	return out
}

// helm runs stock helm, which must succeed.
func (l *testLab) helm(cluster string, args ...string) string {
	l.Helper()
	out, errOut, err := l.tool("helm", cluster, "", args...)
	require.NoError(l, err, "helm %v\n%s%s", args, out, errOut)
	return out
}

// stockHelm builds the helm command of the module's Helm version, once.
var stockHelm = func() func(t *testing.T) string {
	var once sync.Once
	var path string
	var output []byte
	var err error
	return func(t *testing.T) string {
		t.Helper()
		once.Do(func() {
			path = filepath.Join(os.TempDir(), "koflab-test-helm")
			c := exec.Command("go", "build", "-o", path, "helm.sh/helm/v3/cmd/helm")
			c.Env = append(os.Environ(), "CGO_ENABLED=0")
			output, err = c.CombinedOutput()
		})
		require.NoError(t, err, string(output))
		return path
	}
}()

// dynamic is a client of a cluster's Kubernetes API.
func (l *testLab) dynamic(cluster string) dynamic.Interface {
	l.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(l.output("kubeconfig", cluster)))
	require.NoError(l, err)
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	require.NoError(l, err)
	return client
}

// objects reads what a cluster's inventory is made of through its API.
func (l *testLab) objects(cluster string) inventory.Objects {
	l.Helper()
	var o inventory.Objects
	client := l.dynamic(cluster)
	list(l, client, "", "v1", "nodes", &o.Nodes)
	list(l, client, "", "v1", "namespaces", &o.Namespaces)
	list(l, client, "", "v1", "pods", &o.Pods)
	list(l, client, "", "v1", "services", &o.Services)
	list(l, client, "", "v1", "persistentvolumeclaims", &o.PVCs)
	list(l, client, "", "v1", "persistentvolumes", &o.PVs)
	list(l, client, "", "v1", "resourcequotas", &o.ResourceQuotas)
	list(l, client, "apps", "v1", "deployments", &o.Deployments)
	list(l, client, "apps", "v1", "replicasets", &o.ReplicaSets)
	list(l, client, "apps", "v1", "statefulsets", &o.StatefulSets)
	list(l, client, "apps", "v1", "daemonsets", &o.DaemonSets)
	list(l, client, "batch", "v1", "jobs", &o.Jobs)
	list(l, client, "batch", "v1", "cronjobs", &o.CronJobs)
	list(l, client, "autoscaling", "v2", "horizontalpodautoscalers", &o.HPAs)
	return o
}

func list[T any](l *testLab, client dynamic.Interface, group, version, resource string, into *[]T) {
	l.Helper()
	items, err := client.Resource(schema.GroupVersionResource{Group: group, Version: version, Resource: resource}).
		List(l.Context(), metav1.ListOptions{})
	require.NoError(l, err, resource)
	for i := range items.Items {
		var v T
		require.NoError(l, runtime.DefaultUnstructuredConverter.FromUnstructured(items.Items[i].Object, &v))
		*into = append(*into, v)
	}
}

// clusterDeployments are management's, in one namespace.
func (l *testLab) clusterDeployments(namespace string) dynamic.ResourceInterface {
	l.Helper()
	return l.dynamic("mothership").Resource(schema.GroupVersionResource{
		Group: "k0rdent.mirantis.com", Version: "v1beta1", Resource: "clusterdeployments",
	}).Namespace(namespace)
}

// relabel changes a ClusterDeployment's labels; "" takes one off.
func (l *testLab) relabel(name string, labels map[string]string) {
	l.Helper()
	args := []string{"label", "--overwrite", "-n", "kcm-system", "clusterdeployment", name}
	for k, v := range labels {
		if v == "" {
			args = append(args, k+"-")
		} else {
			args = append(args, k+"="+v)
		}
	}
	l.kubectl("mothership", args...)
}

// condition returns a condition of an object; empty status if it has none.
func condition(u *unstructured.Unstructured, name string) (status, message string) {
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, c := range conditions {
		m, _ := c.(map[string]any)
		if m["type"] == name {
			status, _ = m["status"].(string)
			message, _ = m["message"].(string)
		}
	}
	return status, message
}

// soon is how long a change of objects may take to show in the data.
const soon = 60 * time.Second
