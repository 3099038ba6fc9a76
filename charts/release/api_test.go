package release

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	discoveryv2 "k8s.io/api/apidiscovery/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// fakeAPI is an API server reduced to what an installer needs: it serves
// discovery and keeps objects, and its hooks stand in for controllers.
type fakeAPI struct {
	mu       sync.Mutex
	kinds    map[schema.GroupVersionResource]fakeKind
	objects  map[string]*unstructured.Unstructured
	uid, rv  int64
	requests []string

	// stored is called with every object written, to give it a status.
	stored func(*unstructured.Unstructured)
	// refuse may answer a request with an error.
	refuse func(method, path string) *apierrors.StatusError
	// warn is sent with every answer to a write.
	warn string
}

type fakeKind struct {
	kind       string
	namespaced bool
}

func newFakeAPI() *fakeAPI {
	f := &fakeAPI{kinds: map[schema.GroupVersionResource]fakeKind{}, objects: map[string]*unstructured.Unstructured{}}
	for _, k := range []struct {
		gv, resource, kind string
		namespaced         bool
	}{
		{"v1", "namespaces", "Namespace", false}, {"v1", "secrets", "Secret", true}, {"v1", "configmaps", "ConfigMap", true},
		{"v1", "pods", "Pod", true}, {"v1", "services", "Service", true}, {"v1", "events", "Event", true},
		{"v1", "persistentvolumeclaims", "PersistentVolumeClaim", true}, {"v1", "serviceaccounts", "ServiceAccount", true},
		{"apps/v1", "deployments", "Deployment", true}, {"apps/v1", "statefulsets", "StatefulSet", true},
		{"apps/v1", "daemonsets", "DaemonSet", true}, {"batch/v1", "jobs", "Job", true},
		{"apps/v1", "replicasets", "ReplicaSet", true}, {"batch/v1", "cronjobs", "CronJob", true},
		{"v1", "resourcequotas", "ResourceQuota", true}, {"v1", "limitranges", "LimitRange", true},
		{"rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", false},
		{"rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", false},
		{"rbac.authorization.k8s.io/v1", "roles", "Role", true}, {"rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding", true},
		{"networking.k8s.io/v1", "ingresses", "Ingress", true}, {"networking.k8s.io/v1", "ingressclasses", "IngressClass", false},
		{"networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", true}, {"policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", true},
		{"autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true}, {"scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", false},
		{"admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", false},
		{"admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", false},
		{"apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", false},
	} {
		gv, _ := schema.ParseGroupVersion(k.gv)
		f.kinds[gv.WithResource(k.resource)] = fakeKind{k.kind, k.namespaced}
	}
	f.put("namespaces", "default", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}}`)
	return f
}

// client returns a Client of the fake and the events it reports.
func (f *fakeAPI) client(t testing.TB, change ...func(*Options)) (*Client, *[]Event) {
	t.Helper()
	events := &[]Event{}
	o := Options{Config: f.config(), Cluster: "east", Progress: func(e Event) { *events = append(*events, e) }}
	for _, c := range change {
		c(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c, events
}

func (f *fakeAPI) config() *rest.Config {
	return &rest.Config{Host: "http://fake", Transport: roundTripper{f}}
}

// jsonConfig is for typed clients, which would speak protobuf otherwise.
func (f *fakeAPI) jsonConfig() *rest.Config {
	c := f.config()
	c.ContentType = "application/json"
	return c
}

type roundTripper struct{ h http.Handler }

func (r roundTripper) RoundTrip(q *http.Request) (*http.Response, error) {
	if err := q.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	if q.Body == nil {
		q.Body = http.NoBody
	}
	r.h.ServeHTTP(w, q)
	return w.Result(), nil
}

func (f *fakeAPI) put(resource, key, body string) {
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON([]byte(body)); err != nil {
		panic(err)
	}
	f.objects[resource+"/"+key] = u
}

// object returns a stored object; key is "namespace/name" or "name".
func (f *fakeAPI) object(resource, key string) *unstructured.Unstructured {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.objects[resource+"/"+key]
}

func (f *fakeAPI) remove(resource, key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.objects, resource+"/"+key)
}

// writes are the requests since the last call that changed something besides
// release records.
func (f *fakeAPI) writes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	for _, r := range f.requests {
		if !strings.HasPrefix(r, "GET ") && !strings.Contains(r, "sh.helm.release") {
			list = append(list, r)
		}
	}
	f.requests = nil
	return list
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch r.URL.Path {
	case "/version":
		answer(w, 200, map[string]string{"gitVersion": "v1.34.1", "major": "1", "minor": "34"})
		return
	case "/api", "/apis":
		w.Header().Set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
		answer(w, 200, f.discovery(r.URL.Path == "/api"))
		return
	}
	if f.refuse != nil {
		if err := f.refuse(r.Method, r.URL.Path); err != nil {
			fail(w, &err.ErrStatus)
			return
		}
	}
	if f.warn != "" && r.Method != http.MethodGet {
		w.Header().Set("Warning", fmt.Sprintf("299 - %q", f.warn))
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var gvr schema.GroupVersionResource
	if parts[0] == "api" {
		gvr.Version, parts = parts[1], parts[2:]
	} else {
		gvr.Group, gvr.Version, parts = parts[1], parts[2], parts[3:]
	}
	if len(parts) == 0 {
		f.resources(w, gvr.GroupVersion())
		return
	}
	namespace := ""
	if parts[0] == "namespaces" && len(parts) > 2 {
		namespace, parts = parts[1], parts[2:]
	}
	gvr.Resource = parts[0]
	name := ""
	if len(parts) > 1 {
		name = parts[1]
	}
	k, ok := f.kinds[gvr]
	if !ok {
		fail(w, &apierrors.NewNotFound(gvr.GroupResource(), "").ErrStatus)
		return
	}
	f.serve(w, r, gvr, k, namespace, name)
}

func (f *fakeAPI) serve(w http.ResponseWriter, r *http.Request, gvr schema.GroupVersionResource, k fakeKind, namespace, name string) {
	body, _ := io.ReadAll(r.Body)
	prefix := gvr.Resource + "/"
	if namespace != "" {
		prefix += namespace + "/"
	}
	key := prefix + name
	u := f.objects[key]
	if r.Method == http.MethodPost {
		u = &unstructured.Unstructured{}
		_ = json.Unmarshal(body, &u.Object)
		key = prefix + u.GetName()
		f.requests = append(f.requests, "POST "+key)
		if namespace != "" && f.objects["namespaces/"+namespace] == nil {
			fail(w, &apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, namespace).ErrStatus)
			return
		}
		if f.objects[key] != nil {
			fail(w, &apierrors.NewAlreadyExists(gvr.GroupResource(), u.GetName()).ErrStatus)
			return
		}
		f.uid++
		u.SetUID(types.UID(fmt.Sprint(f.uid)))
		u.SetCreationTimestamp(metav1.Now())
		u.SetAPIVersion(gvr.GroupVersion().String())
		u.SetKind(k.kind)
		if namespace != "" {
			u.SetNamespace(namespace)
		}
		f.store(key, u)
		answer(w, 201, u)
		return
	}
	if r.URL.Query().Get("dryRun") == "" {
		f.requests = append(f.requests, r.Method+" "+key)
	}
	if name == "" {
		f.listObjects(w, r, gvr, k, prefix)
		return
	}
	if u == nil {
		fail(w, &apierrors.NewNotFound(gvr.GroupResource(), name).ErrStatus)
		return
	}
	switch r.Method {
	case http.MethodGet:
		answer(w, 200, u)
	case http.MethodDelete:
		delete(f.objects, key)
		answer(w, 200, metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Success"})
	case http.MethodPut:
		next := &unstructured.Unstructured{}
		_ = json.Unmarshal(body, &next.Object)
		next.SetUID(u.GetUID())
		next.SetAPIVersion(gvr.GroupVersion().String())
		next.SetKind(k.kind)
		next.SetNamespace(namespace)
		f.store(key, next)
		answer(w, 200, next)
	case http.MethodPatch:
		old, _ := u.MarshalJSON()
		var merged []byte
		var err error
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/strategic") {
			typed, _ := scheme.Scheme.New(gvr.GroupVersion().WithKind(k.kind))
			merged, err = strategicpatch.StrategicMergePatch(old, body, typed)
		} else {
			merged, err = jsonpatch.MergePatch(old, body)
		}
		if err != nil {
			fail(w, &apierrors.NewBadRequest(err.Error()).ErrStatus)
			return
		}
		next := &unstructured.Unstructured{}
		_ = next.UnmarshalJSON(merged)
		next.SetCreationTimestamp(u.GetCreationTimestamp())
		if r.URL.Query().Get("dryRun") == "" {
			f.store(key, next)
		}
		answer(w, 200, next)
	}
}

func (f *fakeAPI) listObjects(w http.ResponseWriter, r *http.Request, gvr schema.GroupVersionResource, k fakeKind, prefix string) {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		fail(w, &apierrors.NewBadRequest(err.Error()).ErrStatus)
		return
	}
	involved, byObject := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "involvedObject.name=")
	items := []any{}
	for _, key := range slices.Sorted(func(yield func(string) bool) {
		for key := range f.objects {
			if !yield(key) {
				return
			}
		}
	}) {
		u := f.objects[key]
		if !strings.HasPrefix(key, prefix) || !selector.Matches(labels.Set(u.GetLabels())) {
			continue
		}
		if byObject && text(u, "involvedObject", "name") != involved {
			continue
		}
		items = append(items, u.Object)
	}
	answer(w, 200, map[string]any{"apiVersion": gvr.GroupVersion().String(), "kind": k.kind + "List", "metadata": map[string]any{}, "items": items})
}

func (f *fakeAPI) store(key string, u *unstructured.Unstructured) {
	f.rv++
	u.SetResourceVersion(fmt.Sprint(f.rv))
	if u.GetKind() == "CustomResourceDefinition" {
		_ = unstructured.SetNestedSlice(u.Object, []any{map[string]any{"type": "Established", "status": "True"}}, "status", "conditions")
		versions, _, _ := unstructured.NestedSlice(u.Object, "spec", "versions")
		for _, v := range versions {
			gvr := schema.GroupVersionResource{Group: text(u, "spec", "group"), Version: v.(map[string]any)["name"].(string), Resource: text(u, "spec", "names", "plural")}
			f.kinds[gvr] = fakeKind{text(u, "spec", "names", "kind"), text(u, "spec", "scope") == "Namespaced"}
		}
	}
	if f.stored != nil {
		f.stored(u)
	}
	f.objects[key] = u
}

func (f *fakeAPI) discovery(core bool) any {
	groups := map[schema.GroupVersion][]discoveryv2.APIResourceDiscovery{}
	for gvr, k := range f.kinds {
		scope := discoveryv2.ScopeCluster
		if k.namespaced {
			scope = discoveryv2.ScopeNamespace
		}
		gv := gvr.GroupVersion()
		groups[gv] = append(groups[gv], discoveryv2.APIResourceDiscovery{
			Resource: gvr.Resource, Scope: scope, Verbs: []string{"get"},
			ResponseKind: &metav1.GroupVersionKind{Group: gvr.Group, Version: gvr.Version, Kind: k.kind},
		})
	}
	list := discoveryv2.APIGroupDiscoveryList{TypeMeta: metav1.TypeMeta{APIVersion: "apidiscovery.k8s.io/v2", Kind: "APIGroupDiscoveryList"}}
	for gv, resources := range groups {
		if (gv.Group == "") == core {
			list.Items = append(list.Items, discoveryv2.APIGroupDiscovery{
				ObjectMeta: metav1.ObjectMeta{Name: gv.Group},
				Versions:   []discoveryv2.APIVersionDiscovery{{Version: gv.Version, Resources: resources}},
			})
		}
	}
	return list
}

func (f *fakeAPI) resources(w http.ResponseWriter, gv schema.GroupVersion) {
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv.String()}
	for k, v := range f.kinds {
		if k.GroupVersion() == gv {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: k.Resource, Kind: v.kind, Namespaced: v.namespaced})
		}
	}
	answer(w, 200, list)
}

func answer(w http.ResponseWriter, code int, v any) {
	body, _ := json.Marshal(v)
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(code)
	_, _ = io.Copy(w, bytes.NewReader(body))
}

func fail(w http.ResponseWriter, s *metav1.Status) {
	s.APIVersion, s.Kind = "v1", "Status"
	answer(w, int(s.Code), s)
}

// running makes workloads ready as soon as they are stored.
func running(u *unstructured.Unstructured) {
	replicas := number(u, 1, "spec", "replicas")
	switch u.GetKind() {
	case "Deployment":
		u.Object["status"] = map[string]any{"observedGeneration": u.GetGeneration(), "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas}
	case "StatefulSet":
		u.Object["status"] = map[string]any{"observedGeneration": u.GetGeneration(), "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas}
	case "Job":
		u.Object["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Complete", "status": "True"}}}
	}
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
