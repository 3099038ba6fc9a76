package autoconfig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"koflab/charts/release"
	"koflab/embed/kube"
	"koflab/embed/kube/controllers"
	"koflab/embed/operators"
	"koflab/sim/clock"
	"koflab/topology"
)

// simulated is one embedded cluster with everything that acts in it.
type simulated struct {
	t           testing.TB
	name        string
	server      *kube.Server
	client      dynamic.Interface
	controllers *controllers.Controllers
	operators   *operators.Operators
	stop        context.CancelFunc
}

// manual is a clock that paces no waits: nobody drives it, it is only set forward.
func manual(v *clock.Virtual) clock.Clock { return struct{ clock.Clock }{v} }

func newSimulated(t testing.TB, name string, c clock.Clock, proxy func(string, string, string, string) (string, error)) *simulated {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &simulated{t: t, name: name, stop: stop}
	s.server = kube.New(kube.Options{Name: name, Seed: 1, Now: c.Now, Proxy: proxy})
	for i := range 2 {
		capacity := corev1.ResourceList{
			corev1.ResourceCPU: quantity.MustParse("64"), corev1.ResourceMemory: quantity.MustParse("256Gi"),
			corev1.ResourcePods: quantity.MustParse("500"), corev1.ResourceEphemeralStorage: quantity.MustParse("1Ti"),
		}
		n := &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-node-%d", name, i), Labels: map[string]string{"kubernetes.io/os": "linux"}},
			Status: corev1.NodeStatus{Capacity: capacity, Allocatable: capacity, Conditions: []corev1.NodeCondition{
				{Type: corev1.NodeReady, Status: corev1.ConditionTrue},
			}},
		}
		_, err := s.server.Create(schema.GroupResource{Resource: "nodes"}, n)
		require.NoError(t, err)
	}
	s.controllers = controllers.Run(ctx, s.server, controllers.Options{Clock: c, Seed: 1, Delays: controllers.Immediate})
	s.operators = operators.Run(ctx, s.server, operators.Options{Clock: c, Seed: 1})
	client, err := dynamic.NewForConfig(s.config())
	require.NoError(t, err)
	s.client = client
	return s
}

func (s *simulated) config() *rest.Config {
	c := rest.CopyConfig(s.server.RESTConfig())
	c.QPS = -1
	return c
}

func (s *simulated) close() {
	s.stop()
	s.operators.Close()
	s.controllers.Close()
	_ = s.server.Close(context.Background())
}

func (s *simulated) of(r resource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return s.client.Resource(r.GroupVersionResource)
	}
	return s.client.Resource(r.GroupVersionResource).Namespace(namespace)
}

// get returns an object, nil for none.
func (s *simulated) get(r resource, namespace, name string) *unstructured.Unstructured {
	s.t.Helper()
	u, err := s.of(r, namespace).Get(context.Background(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(s.t, err)
	return u
}

func (s *simulated) list(r resource, namespace string) []string {
	s.t.Helper()
	l, err := s.of(r, namespace).List(context.Background(), metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(s.t, err)
	var out []string
	for i := range l.Items {
		out = append(out, l.Items[i].GetName())
	}
	return out
}

func (s *simulated) create(r resource, text string) {
	s.t.Helper()
	s.make(r, fromYAML(s.t, text))
}

func (s *simulated) make(r resource, u *unstructured.Unstructured) {
	s.t.Helper()
	u = u.DeepCopy()
	u.SetAPIVersion(r.apiVersion())
	u.SetKind(r.Kind)
	_, err := s.of(r, u.GetNamespace()).Create(context.Background(), u, metav1.CreateOptions{})
	require.NoError(s.t, err)
}

func (s *simulated) remove(r resource, namespace, name string) {
	s.t.Helper()
	require.NoError(s.t, s.of(r, namespace).Delete(context.Background(), name, metav1.DeleteOptions{}))
}

// patch applies a merge patch given as YAML.
func (s *simulated) patch(r resource, namespace, name, text string) {
	s.t.Helper()
	b, err := json.Marshal(fromYAML(s.t, text).Object)
	require.NoError(s.t, err)
	_, err = s.of(r, namespace).Patch(context.Background(), name, types.MergePatchType, b, metav1.PatchOptions{})
	require.NoError(s.t, err)
}

// world is a management cluster with its controllers, and clusters that are made
// as their ClusterDeployments appear.
type world struct {
	*simulated
	t       testing.TB
	clock   *clock.Virtual
	auto    *Controllers
	options Options
	reloads atomic.Int64

	mu      sync.Mutex
	targets map[types.NamespacedName]*simulated
	events  []string
	down    map[types.NamespacedName]bool
}

// newWorld installs KOF on a management cluster; change alters the options.
func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewVirtual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), targets: map[types.NamespacedName]*simulated{}, down: map[types.NamespacedName]bool{}}
	promxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/-/reload" && r.Method == http.MethodPost {
			w.reloads.Add(1)
		}
	}))
	t.Cleanup(promxy.Close)
	w.simulated = newSimulated(t, "mothership", w.clock, func(string, string, string, string) (string, error) {
		return strings.TrimPrefix(promxy.URL, "http://"), nil
	})
	t.Cleanup(w.shut)
	w.options = Options{
		Config: w.config(), Stack: seedStack(t), Clock: manual(w.clock), PasswordSeed: "test", Connect: w.connect, Event: w.event,
		ReleaseTimeout: 20 * time.Second,
	}
	for _, f := range change {
		f(&w.options)
	}
	w.install()
	auto, err := Run(context.Background(), w.options)
	require.NoError(t, err)
	w.auto = auto
	w.settle()
	return w
}

// install brings the charts of management.
func (w *world) install() {
	w.t.Helper()
	c, err := release.New(release.Options{Config: w.config(), Now: w.clock.Now})
	require.NoError(w.t, err)
	loader := &Controllers{}
	var list []release.Release
	add := func(name, namespace string, values map[string]any, deps ...string) {
		chart, err := loader.chartOf(name, "")
		require.NoError(w.t, err)
		list = append(list, release.Release{
			Name: name, Namespace: namespace, Chart: chart, Values: values, DependsOn: deps, CreateNamespace: true, SkipWait: true, Timeout: 20 * time.Second,
		})
	}
	stores := w.options.ManagementData.Stores()
	add("kcm", SystemNamespace, nil)
	add("cert-manager", "cert-manager", map[string]any{"crds": map[string]any{"enabled": true}}, "kcm")
	add("kof-operators", "kof", nil, "cert-manager")
	mothership := map[string]any{}
	if stores {
		mothership["victoriametrics"] = map[string]any{"vmalert": map[string]any{"enabled": false}}
	}
	add("kof-mothership", "kof", mothership, "kof-operators")
	if w.options.Network == topology.NetworkIstio {
		add("kof-istio", "istio-system", nil, "cert-manager", "kof-mothership")
	} else {
		add("kof-regional", "kof", nil, "kof-mothership")
		add("kof-child", "kof", nil, "kof-mothership")
	}
	_, err = c.ApplyAll(context.Background(), list)
	require.NoError(w.t, err)
}

func (w *world) shut() {
	if w.auto != nil {
		w.auto.Close()
	}
	for _, s := range w.targets {
		s.close()
	}
	w.close()
}

func (w *world) event(level, reason, object, message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, level+" "+reason+" "+object+": "+message)
}

// warnings are the warnings told so far, and forgets them.
func (w *world) warnings() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, e := range w.events {
		if strings.HasPrefix(e, Warning) {
			out = append(out, e)
		}
	}
	w.events = nil
	return out
}

func (w *world) connect(_ context.Context, namespace, name string, kubeconfig []byte) (*rest.Config, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := types.NamespacedName{Namespace: namespace, Name: name}
	if string(kubeconfig) != "kubeconfig of "+id.String() {
		return nil, fmt.Errorf("not the kubeconfig of %s: %q", id, kubeconfig)
	}
	if w.down[id] || w.targets[id] == nil {
		return nil, fmt.Errorf("dial %s: connection refused", id)
	}
	return w.targets[id].server.RESTConfig(), nil
}

// cluster is a target cluster.
func (w *world) cluster(namespace, name string) *simulated {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.targets[types.NamespacedName{Namespace: namespace, Name: name}]
	require.NotNil(w.t, s, "cluster %s", name)
	return s
}

// provide makes the cluster of a ClusterDeployment and hands over its
// kubeconfig.
func (w *world) provide(namespace, name string) {
	w.t.Helper()
	id := types.NamespacedName{Namespace: namespace, Name: name}
	w.mu.Lock()
	if w.targets[id] == nil {
		w.targets[id] = newSimulated(w.t, name, w.clock, nil)
	}
	w.mu.Unlock()
	w.make(secrets, credentialsSecret(namespace, name+kubeconfigTail, map[string][]byte{kubeconfigKey: []byte("kubeconfig of " + id.String())}))
}

// deploy writes a lab's ClusterDeployments and makes their clusters.
func (w *world) deploy(text string) *topology.Lab {
	w.t.Helper()
	lab, err := topology.Decode("lab.yaml", strings.NewReader("apiVersion: koflab/v1alpha1\nkind: Lab\n"+text))
	require.NoError(w.t, err)
	for _, u := range ClusterDeployments(lab, w.options.Stack) {
		r := clusterDeployments
		if u.GetKind() == namespaces.Kind {
			r = namespaces
		}
		if w.get(r, u.GetNamespace(), u.GetName()) == nil {
			w.make(r, u)
		}
		if r == clusterDeployments && w.get(secrets, u.GetNamespace(), u.GetName()+kubeconfigTail) == nil {
			w.provide(u.GetNamespace(), u.GetName())
		}
	}
	w.settle()
	return lab
}

// settle waits until controllers everywhere have nothing left to do.
func (w *world) settle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	require.NoError(w.t, w.auto.Settle(ctx))
	w.mu.Lock()
	all := []*simulated{w.simulated}
	for _, s := range w.targets {
		all = append(all, s)
	}
	w.mu.Unlock()
	// What one of them does may give another work.
	for before := uint64(0); ; {
		for _, s := range all {
			require.NoError(w.t, s.operators.Settle(ctx))
			require.NoError(w.t, s.controllers.Settle(ctx))
		}
		require.NoError(w.t, w.auto.Settle(ctx))
		after := uint64(0)
		for _, s := range all {
			after += s.server.ResourceVersion()
		}
		if after == before {
			return
		}
		before = after
	}
}

// condition of an object, as "status message".
func (w *world) condition(r resource, namespace, name, kind string) string {
	w.t.Helper()
	u := w.get(r, namespace, name)
	require.NotNil(w.t, u, name)
	state, message := condition(dictionary(u.Object, "status"), kind)
	return strings.TrimSpace(state + " " + message)
}

// services of a ClusterDeployment: what of how much is ready.
func (w *world) servicesOf(name string) string {
	return w.condition(clusterDeployments, SystemNamespace, name, ConditionServices)
}

// regionOf is the region that a child's ConfigMap names, empty for none.
func (w *world) regionOf(namespace, name string) string {
	cm := w.get(configMaps, namespace, ChildConfigMap(name))
	if cm == nil {
		return ""
	}
	return textData(cm)[keyRegion]
}

// groups are the clusters of promxy's server groups.
func (w *world) groups() []string {
	w.t.Helper()
	u := w.get(secrets, kofNamespace, promxySecret)
	require.NotNil(w.t, u)
	config := fromYAML(w.t, string(secretData(u)[promxyFile]))
	var out []string
	for _, g := range list(config.Object, "promxy", "server_groups") {
		out = append(out, str(g.(map[string]any), "labels", "promxyCluster"))
	}
	return out
}

func (s *simulated) releases() string {
	var out []string
	for _, o := range s.server.List(schema.GroupResource{Resource: "secrets"}, "", labels.SelectorFromSet(labels.Set{"owner": "helm", "status": "deployed"})) {
		out = append(out, o.Labels["name"]+":"+o.Labels["version"])
	}
	return strings.Join(out, " ")
}
