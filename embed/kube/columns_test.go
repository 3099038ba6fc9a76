package kube

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

// columnsServer is a server five minutes after the founding.
func columnsServer(t testing.TB) *Server {
	t.Helper()
	return New(Options{Name: "test", Seed: 1, Now: func() time.Time { return founding.Add(5 * time.Minute) }})
}

// created is the metadata of an object as old as the cluster.
func created(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(founding)}
}

func ago(d time.Duration) metav1.Time { return metav1.NewTime(founding.Add(5*time.Minute - d)) }

func asStored(t testing.TB, r *resource, obj runtime.Object) *store.Object {
	t.Helper()
	r.base().typeMeta(obj)
	o, err := r.base().snapshot(obj, 7)
	require.NoError(t, err)
	return o
}

func decodeTable(t testing.TB, b []byte) metav1.Table {
	t.Helper()
	var out metav1.Table
	require.NoError(t, json.Unmarshal(b, &out))
	require.Equal(t, metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "Table"}, out.TypeMeta)
	return out
}

// rowOf returns the only row of a table as one line.
func rowOf(t testing.TB, tab metav1.Table) string {
	t.Helper()
	require.Len(t, tab.Rows, 1)
	var cells []string
	for _, c := range tab.Rows[0].Cells {
		cells = append(cells, fmt.Sprint(c))
	}
	if tab.ColumnDefinitions != nil {
		require.Len(t, cells, len(tab.ColumnDefinitions))
	}
	return strings.Join(cells, "|")
}

// header returns names of columns; wide ones in brackets, as types differ with them.
func header(tab metav1.Table) string {
	var out []string
	for _, c := range tab.ColumnDefinitions {
		name := c.Name
		if c.Priority > 0 {
			name = "[" + name + "]"
		}
		out = append(out, name)
	}
	return strings.Join(out, "|")
}

type columnsCase struct {
	name   string
	gr     schema.GroupResource
	obj    runtime.Object
	header string
	row    string
}

func runColumns(t *testing.T, cases []columnsCase) {
	s := columnsServer(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := s.resource(c.gr)
			require.NotNil(t, r)
			b, err := s.tableAs(r, r.gvr.Version, []*store.Object{asStored(t, r, c.obj)}, "", metav1.ListMeta{})
			require.NoError(t, err)
			tab := decodeTable(t, b)
			if c.header != "" {
				require.Equal(t, c.header, header(tab))
			}
			require.Equal(t, c.row, rowOf(t, tab))
		})
	}
}

func TestTableRowsCarryWhatIsAskedFor(t *testing.T) {
	s := columnsServer(t)
	r := builtins[configMaps]
	m := created("a")
	m.Namespace, m.Labels = "kof", map[string]string{"x": "y"}
	o := asStored(t, r, &corev1.ConfigMap{ObjectMeta: m, Data: map[string]string{"k": "v"}})
	list := metav1.ListMeta{ResourceVersion: "9", Continue: "next"}
	object := func(include string) string {
		b, err := s.tableAs(r, r.gvr.Version, []*store.Object{o}, include, list)
		require.NoError(t, err)
		tab := decodeTable(t, b)
		require.Equal(t, list, tab.ListMeta)
		require.Equal(t, "a|1|5m", rowOf(t, tab))
		return string(tab.Rows[0].Object.Raw)
	}
	const partial = `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"a","namespace":"kof",
		"resourceVersion":"7","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"x":"y"}}}`
	require.JSONEq(t, partial, object(""))
	require.JSONEq(t, partial, object("Metadata"))
	require.JSONEq(t, string(o.JSON), object("Object"))
	require.Contains(t, []string{"", "null"}, object("None"))

	_, err := s.tableAs(r, r.gvr.Version, nil, "Everything", list)
	require.True(t, apierrors.IsBadRequest(err))
	require.EqualError(t, err, `unrecognized includeObject value: "Everything"`)

	b, err := s.tableAs(r, r.gvr.Version, nil, "", list)
	require.NoError(t, err)
	require.Contains(t, string(b), `"rows":[]`)
}

func TestTableRowOfWatch(t *testing.T) {
	s := columnsServer(t)
	r := builtins[configMaps]
	o := asStored(t, r, &corev1.ConfigMap{ObjectMeta: created("a")})
	for _, first := range []bool{true, false} {
		b, err := s.tableRow(r, "v1", o, "", first)
		require.NoError(t, err)
		tab := decodeTable(t, b)
		require.Equal(t, "7", tab.ResourceVersion)
		require.Equal(t, first, len(tab.ColumnDefinitions) == 3)
		require.Equal(t, "a|0|5m", rowOf(t, tab))
	}
}

func TestTableOfEventsInBothGroups(t *testing.T) {
	s := columnsServer(t)
	e := &corev1.Event{
		ObjectMeta: created("web.1"), Type: "Warning", Reason: "BackOff", Message: "Back-off \n", Count: 3,
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "web", FieldPath: "spec.containers{c}"},
		Source:         corev1.EventSource{Component: "kubelet", Host: "node-1"},
		FirstTimestamp: ago(4 * time.Minute), LastTimestamp: ago(30 * time.Second),
	}
	for _, group := range []string{"", "events.k8s.io"} {
		r := builtins[schema.GroupResource{Group: group, Resource: "events"}]
		b, err := s.tableAs(r, r.gvr.Version, []*store.Object{asStored(t, r, e)}, "Object", metav1.ListMeta{})
		require.NoError(t, err)
		tab := decodeTable(t, b)
		require.Equal(t, "Last Seen|Type|Reason|Object|[Subobject]|[Source]|Message|[First Seen]|[Count]|[Name]", header(tab))
		require.Equal(t, "30s|Warning|BackOff|pod/web|spec.containers{c}|kubelet, node-1|Back-off|4m|3|web.1", rowOf(t, tab))
		require.Contains(t, string(tab.Rows[0].Object.Raw), fmt.Sprintf(`"apiVersion":%q`, r.gvr.GroupVersion().String()))
	}
	e.FirstTimestamp, e.LastTimestamp, e.Count, e.Source = metav1.Time{}, metav1.Time{}, 0, corev1.EventSource{}
	e.EventTime, e.ReportingController = metav1.NewMicroTime(founding.Add(time.Minute)), "scheduler"
	r := builtins[eventsGR]
	row := func() string {
		b, err := s.tableAs(r, r.gvr.Version, []*store.Object{asStored(t, r, e)}, "None", metav1.ListMeta{})
		require.NoError(t, err)
		return rowOf(t, decodeTable(t, b))
	}
	require.Equal(t, "4m|Warning|BackOff|pod/web|spec.containers{c}|scheduler|Back-off|4m|1|web.1", row())
	e.Series = &corev1.EventSeries{Count: 8, LastObservedTime: metav1.NewMicroTime(founding.Add(299 * time.Second))}
	require.Equal(t, "1s|Warning|BackOff|pod/web|spec.containers{c}|scheduler|Back-off|4m|8|web.1", row())
}

func TestSheetsAreOfServedKinds(t *testing.T) {
	for gr, s := range sheets {
		r := builtins[gr]
		require.NotNil(t, r, gr)
		obj := r.blank()
		require.Len(t, s.cells(obj, moment{founding}), len(s.columns), gr)
		if r.goType != nil {
			// A sheet of another type would show empty cells only.
			metaOf(obj).SetName("my-name")
			require.Contains(t, fmt.Sprint(s.cells(obj, moment{founding})...), "my-name", gr)
		}
	}
}

// TestUnknownKindsShowNameAndAge covers what has no sheet of its own.
func TestUnknownKindsShowNameAndAge(t *testing.T) {
	p := plainSheet.cells(&corev1.Pod{ObjectMeta: created("x")}, moment{founding.Add(26 * time.Hour)})
	require.Equal(t, []any{"x", "26h"}, p)
	require.Equal(t, []any{"x", "<unknown>"}, plainSheet.cells(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, moment{founding}))
}

var printed = []apiextensionsv1.CustomResourceColumnDefinition{
	{Name: "Ready", Type: "string", JSONPath: `.status.conditions[?(@.type=="Ready")].status`},
	{Name: "Replicas", Type: "integer", JSONPath: ".spec.replicas"},
	{Name: "Ratio", Type: "number", JSONPath: ".spec.ratio"},
	{Name: "Paused", Type: "boolean", JSONPath: ".spec.paused"},
	{Name: "Since", Type: "date", JSONPath: ".status.since"},
	{Name: "Hosts", Type: "string", JSONPath: ".spec.hosts", Priority: 1},
	{Name: "Port", Type: "string", JSONPath: ".spec.port", Description: "The port."},
	{Name: "Age", Type: "date", JSONPath: ".metadata.creationTimestamp"},
}

func TestCustomColumns(t *testing.T) {
	full := map[string]any{
		"metadata": map[string]any{"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z"},
		"spec": map[string]any{
			"replicas": int64(3), "ratio": int64(2), "paused": true, "hosts": []any{"a", "b"}, "port": int64(8080),
		},
		"status": map[string]any{"since": "2026-01-01T00:04:30.000000Z", "conditions": []any{
			map[string]any{"type": "Synced", "status": "False"}, map[string]any{"type": "Ready", "status": "True"},
		}},
	}
	wrong := map[string]any{
		"metadata": map[string]any{"name": "y"},
		"spec":     map[string]any{"replicas": "three", "ratio": 1.5, "paused": "yes", "port": nil},
		"status":   map[string]any{"since": "yesterday"},
	}
	s := customSheet(printed)
	require.Equal(t, "Name|Ready|Replicas|Ratio|Paused|Since|[Hosts]|Port|Age", header(metav1.Table{ColumnDefinitions: s.columns}))
	require.Equal(t, "The port.", s.columns[7].Description)
	at := moment{founding.Add(5 * time.Minute)}
	require.Equal(t, []any{"x", "True", int64(3), 2.0, true, "30s", `["a","b"]`, "8080", "5m"},
		s.cells(&unstructured.Unstructured{Object: full}, at))
	require.Equal(t, []any{"y", nil, nil, 1.5, nil, "<invalid>", nil, nil, nil},
		s.cells(&unstructured.Unstructured{Object: wrong}, at))
	require.Equal(t, []any{"x", "5m"}, customSheetCells(nil, full, at))
}

func customSheetCells(defs []apiextensionsv1.CustomResourceColumnDefinition, tree map[string]any, at moment) []any {
	s := customSheet(defs)
	return s.cells(&unstructured.Unstructured{Object: tree}, at)
}

// TestCustomTablesAreSharedByServers makes tables of one CRD on many servers at
// a time: parsed columns are shared, so that they must not keep state.
func TestCustomTablesAreSharedByServers(t *testing.T) {
	preserve := true
	version := func(name string, storage bool, columns ...apiextensionsv1.CustomResourceColumnDefinition) apiextensionsv1.CustomResourceDefinitionVersion {
		return apiextensionsv1.CustomResourceDefinitionVersion{
			Name: name, Served: true, Storage: storage, AdditionalPrinterColumns: columns,
			Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
				Type: "object", XPreserveUnknownFields: &preserve,
			}},
		}
	}
	crd := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "widgets.example.org"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "example.org", Scope: apiextensionsv1.NamespaceScoped,
			Names:    apiextensionsv1.CustomResourceDefinitionNames{Plural: "widgets", Singular: "widget", Kind: "Widget", ListKind: "WidgetList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{version("v1", true, printed...), version("v1alpha1", false)},
		},
	}
	widgets := schema.GroupResource{Group: "example.org", Resource: "widgets"}
	var wg sync.WaitGroup
	seen := map[*columnsOnce]bool{}
	for range 8 {
		s := newServer(t)
		_, err := s.Create(crdsGR, crd)
		require.NoError(t, err)
		o, err := s.Create(widgets, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "example.org/v1", "kind": "Widget", "metadata": map[string]any{"name": "w", "namespace": "default"},
			"spec": map[string]any{"replicas": int64(2)},
		}})
		require.NoError(t, err)
		r := s.resource(widgets)
		seen[&r.custom.version("v1").table] = true
		wg.Go(func() {
			for range 50 {
				b, err := s.tableAs(r, "v1", []*store.Object{o}, "", metav1.ListMeta{})
				if err != nil || !strings.Contains(string(b), `["w",null,2,null,null,null,null,null,"0s"]`) {
					t.Errorf("table: %v %s", err, b)
					return
				}
			}
		})
		b, err := s.tableAs(r, "v1alpha1", []*store.Object{o}, "Object", metav1.ListMeta{})
		require.NoError(t, err)
		tab := decodeTable(t, b)
		require.Equal(t, "w|0s", rowOf(t, tab))
		require.Contains(t, string(tab.Rows[0].Object.Raw), `"apiVersion":"example.org/v1alpha1"`)
	}
	wg.Wait()
	require.Len(t, seen, 1)
}

func BenchmarkTableOfPods(b *testing.B) {
	s := columnsServer(b)
	r := builtins[podsGR]
	o := asStored(b, r, &corev1.Pod{ObjectMeta: created("web"), Spec: podTemplate().Spec, Status: corev1.PodStatus{Phase: corev1.PodRunning}})
	objs := make([]*store.Object, 1000)
	for i := range objs {
		objs[i] = o
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.tableAs(r, r.gvr.Version, objs, "", metav1.ListMeta{}); err != nil {
			b.Fatal(err)
		}
	}
}
