package kube

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

// getter lets kubectl's commands use a server in this process.
type getter struct {
	config *rest.Config
	cached discovery.CachedDiscoveryInterface
}

func newGetter(t testing.TB, s *Server) *getter {
	t.Helper()
	d, err := discovery.NewDiscoveryClientForConfig(s.RESTConfig())
	require.NoError(t, err)
	return &getter{s.RESTConfig(), memory.NewMemCacheClient(d)}
}

func (g *getter) ToRESTConfig() (*rest.Config, error) { return rest.CopyConfig(g.config), nil }

func (g *getter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	return g.cached, nil
}

func (g *getter) ToRESTMapper() (meta.RESTMapper, error) {
	return restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(g.cached), g.cached, nil), nil
}

func (g *getter) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	return clientcmd.NewDefaultClientConfig(clientcmdapi.Config{}, &clientcmd.ConfigOverrides{Context: clientcmdapi.Context{Namespace: "default"}})
}

// kubectl runs a command of the real kubectl.
func kubectl(t testing.TB, s *Server, stdin string, args ...string) (stdout, failure string) {
	t.Helper()
	return kubectlCtx(t, context.Background(), newGetter(t, s), stdin, args...)
}

func kubectlCtx(t testing.TB, ctx context.Context, g *getter, stdin string, args ...string) (stdout, failure string) {
	t.Helper()
	var out, errs bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &out, ErrOut: &errs}
	flags := genericclioptions.NewConfigFlags(true)
	flags.WrapConfigFn = func(*rest.Config) *rest.Config { return g.config }
	if stdin != "" { // kubectl reads the process's own standard input
		file := filepath.Join(t.TempDir(), "in.yaml")
		require.NoError(t, os.WriteFile(file, []byte(stdin), 0o600))
		for i, a := range args {
			if a == "-" {
				args[i] = file
			}
		}
	}
	c := cmd.NewKubectlCommand(cmd.KubectlOptions{ConfigFlags: flags, IOStreams: streams, Arguments: append([]string{"kubectl"}, args...)})
	fatal := ""
	util.BehaviorOnFatal(func(msg string, code int) { fatal = msg; panic(stop{}) })
	defer util.DefaultBehaviorOnFatal()
	c.SetArgs(append([]string{"--cache-dir=" + t.TempDir()}, args...))
	c.SetIn(streams.In)
	c.SetOut(&out)
	c.SetErr(&errs)
	func() {
		defer func() {
			if p := recover(); p != nil {
				if _, ok := p.(stop); !ok {
					panic(p)
				}
			}
		}()
		if err := c.ExecuteContext(ctx); err != nil && fatal == "" {
			fatal = err.Error()
		}
	}()
	return out.String(), strings.TrimSpace(errs.String() + fatal)
}

type stop struct{}

const webYAML = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: c
        image: nginx:1
        ports: [{containerPort: 80}]
      - name: side
        image: busybox:1
`

func TestKubectl(t *testing.T) {
	s := newServer(t)
	do := func(stdin, want string, args ...string) {
		t.Helper()
		out, failure := kubectl(t, s, stdin, args...)
		require.Empty(t, failure, args)
		require.Contains(t, out, want, args)
	}
	do(webYAML, "deployment.apps/web created", "apply", "-f", "-")
	do(webYAML, "deployment.apps/web unchanged", "apply", "-f", "-")
	changed := strings.Replace(webYAML, "nginx:1", "nginx:2", 1)
	do(changed, "+      - image: nginx:2", "diff", "-f", "-")
	do(changed, "deployment.apps/web configured", "apply", "-f", "-")
	do("", "nginx:2,busybox:1", "get", "deploy", "web", "-o", "wide")
	do("", "web    0/2     0            0           0s", "get", "deploy")
	do("", "Replicas:               2 desired", "describe", "deploy", "web")
	do("", "deployment.apps/web scaled", "scale", "deploy", "web", "--replicas=5")
	do("", "5", "get", "deploy", "web", "-o", "jsonpath={.spec.replicas}")
	do("", "deployment.apps/web labeled", "label", "deploy", "web", "a=b")
	do("", "deployment.apps/web patched", "patch", "deploy", "web", "-p", `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"nginx:3"}]}}}}`)
	do("", "nginx:3 busybox:1", "get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[*].image}")
	do("", "deployment.apps/web image updated", "set", "image", "deploy/web", "c=nginx:4")
	do("", "deployment.apps/web annotated", "annotate", "deploy", "web", "x=y")
	do("", "configmap/cm created", "create", "configmap", "cm", "--from-literal=a=b")
	do("", "secret/s created", "create", "secret", "generic", "s", "--from-literal=a=b")
	do("", "namespace/x created", "create", "ns", "x")
	do("", "service/web exposed", "expose", "deploy", "web", "--port=80")
	do("", "horizontalpodautoscaler.autoscaling/web autoscaled", "autoscale", "deploy", "web", "--max=3")
	do("", "yes", "auth", "can-i", "create", "pods")
	do("", "kubernetes-admin", "auth", "whoami")
	do("", "deployments", "api-resources")
	do("", "apps/v1", "api-versions")
	do("", DefaultGitVersion, "get", "--raw", "/version")
	do("", "condition met", "wait", "--for=jsonpath={.spec.replicas}=5", "deploy/web", "--timeout=5s")
	do("", `deployment.apps "web" deleted`, "delete", "deploy", "web")
	do("", `namespace "x" deleted`, "delete", "ns", "x")
	out, failure := kubectl(t, s, strings.Replace(webYAML, "replicas: 2", "replicaz: 2", 1), "apply", "-f", "-")
	require.Empty(t, out)
	require.Contains(t, failure, `strict decoding error: unknown field "spec.replicaz"`)
	_, failure = kubectl(t, s, "", "get", "pods", "nope")
	require.Contains(t, failure, `Error from server (NotFound): pods "nope" not found`)
	_, failure = kubectl(t, s, "", "get", "nope")
	require.Contains(t, failure, `the server doesn't have a resource type "nope"`)
}

func TestServerSideApply(t *testing.T) {
	s := newServer(t)
	out, failure := kubectl(t, s, webYAML, "apply", "--server-side", "-f", "-")
	require.Empty(t, failure)
	require.Contains(t, out, "deployment.apps/web serverside-applied")
	_, failure = kubectl(t, s, strings.Replace(webYAML, "replicas: 2", "replicas: 3", 1), "apply", "--server-side", "--field-manager=other", "-f", "-")
	require.Contains(t, failure, `Apply failed with 1 conflict: conflict with "kubectl": .spec.replicas`)
	out, failure = kubectl(t, s, strings.Replace(webYAML, "replicas: 2", "replicas: 3", 1), "apply", "--server-side", "--force-conflicts", "--field-manager=other", "-f", "-")
	require.Empty(t, failure)
	require.Contains(t, out, "serverside-applied")
	o, err := s.Get(deployments, "default", "web")
	require.NoError(t, err)
	var u unstructured.Unstructured
	require.NoError(t, o.Into(&u))
	require.Len(t, u.GetManagedFields(), 2)
	for _, m := range u.GetManagedFields() {
		require.True(t, m.Time.Time.Equal(founding))
	}
}

func TestClientGo(t *testing.T) {
	s := newServer(t)
	ctx := context.Background()
	c, err := kubernetes.NewForConfig(s.RESTConfig())
	require.NoError(t, err)
	_, err = c.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "a-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.AppsV1().Deployments("default").Create(ctx, deployment("web"), metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.CoreV1().Pods("default").Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}, metav1.CreateOptions{})
	require.EqualError(t, err, `Pod "p" is invalid: spec.containers: Required value`)

	d, err := dynamic.NewForConfig(s.RESTConfig())
	require.NoError(t, err)
	list, err := d.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).List(ctx, metav1.ListOptions{Limit: 3})
	require.NoError(t, err)
	require.Len(t, list.Items, 3)
	require.NotEmpty(t, list.GetContinue())
	list, err = d.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).List(ctx, metav1.ListOptions{Limit: 3, Continue: list.GetContinue()})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	require.Equal(t, "kube-system", list.Items[0].GetName())

	w, err := c.CoreV1().ConfigMaps("").Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=seen"})
	require.NoError(t, err)
	for _, name := range []string{"unseen", "seen"} {
		_, err = c.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	e := <-w.ResultChan()
	require.Equal(t, watch.Added, e.Type)
	require.Equal(t, "seen", e.Object.(*corev1.ConfigMap).Name)
	w.Stop()
	_, err = c.CoreV1().ConfigMaps("default").Patch(ctx, "seen", types.JSONPatchType, []byte(`[{"op":"test","path":"/data","value":{}}]`), metav1.PatchOptions{})
	require.Error(t, err)
	_, err = c.CoreV1().ConfigMaps("default").Get(ctx, "gone", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err))
}

func TestInformer(t *testing.T) {
	s := newServer(t)
	c, err := kubernetes.NewForConfig(s.RESTConfig())
	require.NoError(t, err)
	stop := make(chan struct{})
	f := informers.NewSharedInformerFactory(c, 0)
	seen := make(chan string, 100)
	_, err = f.Core().V1().ConfigMaps().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { seen <- o.(*corev1.ConfigMap).Name },
	})
	require.NoError(t, err)
	f.Start(stop)
	synced, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	require.True(t, cache.WaitForCacheSync(synced.Done(), f.Core().V1().ConfigMaps().Informer().HasSynced))
	_, err = s.Create(configMaps, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: "default"}})
	require.NoError(t, err)
	require.Equal(t, "x", <-seen)
	close(stop)
	require.NoError(t, s.Close(context.Background()))
	f.Shutdown()
}
