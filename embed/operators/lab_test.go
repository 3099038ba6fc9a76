package operators

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"koflab/embed/kube"
	"koflab/embed/kube/controllers"
	"koflab/embed/kube/store"
	"koflab/sim/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var nodes0 = schema.GroupResource{Resource: "nodes"}

// lab is one embedded cluster with its controllers and operators.
type lab struct {
	t     testing.TB
	api   *kube.Server
	ctl   *controllers.Controllers
	ops   *Operators
	clock *clock.Virtual
}

func newLab(t testing.TB, o Options) *lab {
	t.Helper()
	c := clock.NewVirtual(noon)
	l := &lab{t: t, api: kube.New(kube.Options{Name: "test", Seed: 1, Now: c.Now}), clock: c}
	l.ctl = controllers.Run(context.Background(), l.api, controllers.Options{Clock: c, Seed: 1})
	o.Clock = c
	l.ops = Run(context.Background(), l.api, o)
	t.Cleanup(func() {
		l.ops.Close()
		l.ctl.Close()
		require.NoError(t, l.api.Close(context.Background()))
	})
	size := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("32"), corev1.ResourceMemory: resource.MustParse("64Gi"), corev1.ResourcePods: resource.MustParse("250"),
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}
	made, err := l.api.Create(nodes0, node)
	require.NoError(t, err)
	require.NoError(t, made.Into(node))
	node.ResourceVersion = "" // controllers have seen it too
	node.Status.Capacity, node.Status.Allocatable = size, size
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	_, err = l.api.Update(nodes0, node, "status")
	require.NoError(t, err)
	for _, ns := range []string{"kof", "cert-manager", "ingress-nginx", "istio-system"} {
		l.namespace(ns)
	}
	return l
}

func (l *lab) namespace(name string) {
	l.t.Helper()
	_, err := l.api.Create(namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	require.NoError(l.t, err)
}

// crds installs the CRDs of charts.
func (l *lab) crds(names ...string) {
	l.t.Helper()
	for _, name := range names {
		files, err := filepath.Glob(filepath.Join("..", "..", "charts", name, "crds", "*.yaml"))
		require.NoError(l.t, err)
		require.NotEmpty(l.t, files, "chart %s has no CRDs", name)
		for _, f := range files {
			text, err := os.ReadFile(f)
			require.NoError(l.t, err)
			l.create(string(text))
		}
	}
}

// kindResources are the resources of the kinds that tests write.
var kindResources = map[string]schema.GroupResource{
	"CustomResourceDefinition": {Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"},
	"Deployment":               deployments, "Secret": secrets, "ConfigMap": configMaps, "Service": services, "Ingress": ingresses, "IngressClass": ingressClasses,
	"VMCluster": vmClusters, "VMAuth": vmAuths, "VMUser": vmUsers, "VMAlert": vmAlerts, "VMAlertmanager": vmAlertmanagers, "VMRule": vmRules,
	"OpenTelemetryCollector": collectors, "Jaeger": jaegers,
	"Grafana": grafanas, "GrafanaDatasource": grafanaDatasources, "GrafanaDashboard": grafanaDashboards,
	"Issuer": issuers, "ClusterIssuer": clusterIssuers, "Certificate": certificates, "CertificateRequest": certificateRequests,
	"DNSEndpoint": dnsEndpoints, "PeerAuthentication": peerAuthentications, "Gateway": istioGateways,
}

// objects decodes documents of YAML.
func objects(t testing.TB, text string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for _, doc := range strings.Split("\n"+text, "\n---\n") {
		u := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal([]byte(doc), &u.Object), doc)
		if len(u.Object) > 0 {
			out = append(out, u)
		}
	}
	return out
}

func (l *lab) create(text string) {
	l.t.Helper()
	for _, u := range objects(l.t, text) {
		gr, ok := kindResources[u.GetKind()]
		require.True(l.t, ok, u.GetKind())
		_, err := l.api.Create(gr, u)
		require.NoError(l.t, err, "%s %s", u.GetKind(), u.GetName())
	}
}

// change edits an object's fields.
func (l *lab) change(gr schema.GroupResource, namespace, name string, value any, fields ...string) {
	l.t.Helper()
	u := fetched[unstructured.Unstructured](l, gr, namespace, name)
	if value == nil {
		unstructured.RemoveNestedField(u.Object, fields...)
	} else {
		require.NoError(l.t, unstructured.SetNestedField(u.Object, value, fields...))
	}
	u.SetResourceVersion("") // a status may be written meanwhile
	_, err := l.api.Update(gr, u, "")
	require.NoError(l.t, err)
}

func (l *lab) delete(gr schema.GroupResource, namespace, name string) {
	l.t.Helper()
	require.NoError(l.t, l.api.Delete(gr, namespace, name, metav1.DeleteOptions{}))
}

// operator installs an operator's Deployment.
func (l *lab) operator(namespace, name, image string, args ...string) {
	l.t.Helper()
	list, err := json.Marshal(args)
	require.NoError(l.t, err)
	l.create(`apiVersion: apps/v1
kind: Deployment
metadata: {namespace: ` + namespace + `, name: ` + name + `}
spec:
  selector: {matchLabels: {app: ` + name + `}}
  template:
    metadata: {labels: {app: ` + name + `}}
    spec:
      containers:
      - name: main
        image: ` + image + `
        args: ` + string(list) + "\n")
}

// settle lets controllers and operators work until both stand still.
func (l *lab) settle() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for before := uint64(0); ; {
		require.NoError(l.t, l.ctl.Settle(ctx))
		require.NoError(l.t, l.ops.Settle(ctx))
		now := l.ops.Progress()
		if now == before {
			return
		}
		before = now
	}
}

func (l *lab) advance(d time.Duration) {
	l.t.Helper()
	l.clock.Advance(d)
	l.settle()
}

func (l *lab) exists(gr schema.GroupResource, namespace, name string) bool {
	l.t.Helper()
	_, err := l.api.Get(gr, namespace, name)
	if apierrors.IsNotFound(err) {
		return false
	}
	require.NoError(l.t, err)
	return true
}

func (l *lab) object(gr schema.GroupResource, namespace, name string) *store.Object {
	l.t.Helper()
	o, err := l.api.Get(gr, namespace, name)
	require.NoError(l.t, err)
	return o
}

func fetched[T any](l *lab, gr schema.GroupResource, namespace, name string) *T {
	l.t.Helper()
	out := new(T)
	require.NoError(l.t, l.object(gr, namespace, name).Into(out))
	return out
}

// field returns one field of an object as text; a missing one is "".
func (l *lab) field(gr schema.GroupResource, namespace, name string, fields ...string) string {
	l.t.Helper()
	u := fetched[unstructured.Unstructured](l, gr, namespace, name)
	v, ok, err := unstructured.NestedFieldNoCopy(u.Object, fields...)
	require.NoError(l.t, err)
	if !ok {
		return ""
	}
	if s, ok := v.(string); ok {
		return s
	}
	text, err := yaml.Marshal(v)
	require.NoError(l.t, err)
	return strings.TrimSpace(string(text))
}

// condition returns STATUS REASON: MESSAGE of a condition.
func (l *lab) condition(gr schema.GroupResource, namespace, name, kind string) string {
	l.t.Helper()
	var o struct {
		Status struct {
			Conditions []struct{ Type, Status, Reason, Message string }
		}
	}
	require.NoError(l.t, l.object(gr, namespace, name).Into(&o))
	for _, c := range o.Status.Conditions {
		if c.Type == kind {
			return c.Status + " " + c.Reason + ": " + c.Message
		}
	}
	return ""
}

func (l *lab) warnings() []string {
	l.t.Helper()
	var out []string
	for _, o := range l.api.List(events, "", labels.Everything()) {
		var e corev1.Event
		require.NoError(l.t, o.Into(&e))
		if e.Type == corev1.EventTypeWarning {
			out = append(out, e.InvolvedObject.Kind+"/"+e.InvolvedObject.Name+" "+e.Reason+": "+e.Message)
		}
	}
	return out
}
