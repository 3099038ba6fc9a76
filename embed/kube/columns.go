package kube

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/duration"

	"koflab/embed/kube/store"
)

// sheet is how `kubectl get` shows a kind: its columns, and what they say of an
// object. kubectl prints what it is sent, so that names, order and priorities
// here are what users see.
type sheet struct {
	columns []metav1.TableColumnDefinition
	cells   func(obj runtime.Object, at moment) []any
	// conditions of a row; nil for kinds that have none.
	conditions func(obj runtime.Object) []metav1.TableRowCondition
}

// sheetOf describes a builtin kind by its typed struct.
func sheetOf[T any](cells func(o *T, at moment) []any, columns ...metav1.TableColumnDefinition) sheet {
	return sheet{columns: columns, cells: func(obj runtime.Object, at moment) []any {
		o, ok := any(obj).(*T)
		if !ok {
			return make([]any, len(columns)) // as many empty cells as there are columns
		}
		return cells(o, at)
	}}
}

var (
	nameColumn = metav1.TableColumnDefinition{
		Name: "Name", Type: "string", Format: "name", Description: metav1.ObjectMeta{}.SwaggerDoc()["name"],
	}
	ageColumn = metav1.TableColumnDefinition{
		Name: "Age", Type: "string", Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"],
	}
	createdColumn = metav1.TableColumnDefinition{
		Name: "Created At", Type: "date", Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"],
	}
)

func column(name, kind, says string) metav1.TableColumnDefinition {
	return metav1.TableColumnDefinition{Name: name, Type: kind, Description: says}
}

func text(name, says string) metav1.TableColumnDefinition    { return column(name, "string", says) }
func integer(name, says string) metav1.TableColumnDefinition { return column(name, "integer", says) }
func boolean(name, says string) metav1.TableColumnDefinition { return column(name, "boolean", says) }

// wide is a column that is shown with -o wide only.
func wide(name, says string) metav1.TableColumnDefinition {
	c := text(name, says)
	c.Priority = 1
	return c
}

// sheets has the builtin kinds that show more than a name and an age.
var sheets = func() map[schema.GroupResource]sheet {
	out := map[schema.GroupResource]sheet{}
	for _, part := range []map[schema.GroupResource]sheet{coreSheets, appsSheets, networkSheets, otherSheets} {
		for gr, s := range part {
			out[gr] = s
		}
	}
	return out
}()

// plainSheet is for everything else.
var plainSheet = sheet{
	columns: []metav1.TableColumnDefinition{nameColumn, ageColumn},
	cells: func(obj runtime.Object, at moment) []any {
		m := metaOf(obj)
		return []any{m.GetName(), at.since(m.GetCreationTimestamp())}
	},
}

// createdSheet is for the kinds whose age the real server gives as a date.
var createdSheet = sheet{
	columns: []metav1.TableColumnDefinition{nameColumn, createdColumn},
	cells: func(obj runtime.Object, _ moment) []any {
		m := metaOf(obj)
		return []any{m.GetName(), m.GetCreationTimestamp().UTC().Format(time.RFC3339)}
	},
}

// sheetFor returns how a version of a resource is shown.
func (r *resource) sheetFor(version string) *sheet {
	if r.custom != nil {
		return r.custom.version(version).sheet()
	}
	// Events have one sheet, whichever of their two groups serves them.
	if s, ok := sheets[r.stored()]; ok {
		return &s
	}
	return &plainSheet
}

// moment is the server's time while a table is made.
type moment struct{ now time.Time }

// since returns how long ago t was, as people say it.
func (m moment) since(t metav1.Time) string {
	if t.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(m.now.Sub(t.Time))
}

func (m moment) sinceMicro(t metav1.MicroTime) string { return m.since(metav1.Time{Time: t.Time}) }

// tableAs returns a meta.k8s.io/v1 Table of objects, with the columns of one of the
// resource's versions. include says what rows carry beside their cells:
// "Metadata" (or ""), "Object" or "None".
func (s *Server) tableAs(r *resource, version string, objs []*store.Object, include string, list metav1.ListMeta) ([]byte, error) {
	return s.makeTable(r, version, objs, include, list, true)
}

// tableRow returns the Table that a watch event carries. Only the first event of
// a watch has column definitions.
func (s *Server) tableRow(r *resource, version string, o *store.Object, include string, columns bool) ([]byte, error) {
	list := metav1.ListMeta{ResourceVersion: fmt.Sprint(o.RV)}
	return s.makeTable(r, version, []*store.Object{o}, include, list, columns)
}

func (s *Server) makeTable(r *resource, version string, objs []*store.Object, include string, list metav1.ListMeta, columns bool) ([]byte, error) {
	if err := checkInclude(include); err != nil {
		return nil, err
	}
	sh := r.sheetFor(version)
	t := &metav1.Table{
		TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "Table"}, ListMeta: list,
		Rows: make([]metav1.TableRow, 0, len(objs)),
	}
	if columns {
		t.ColumnDefinitions = sh.columns
	}
	at := moment{s.o.Now()}
	for _, o := range objs {
		obj, err := r.base().load(o)
		if err != nil {
			return nil, err
		}
		row := metav1.TableRow{Cells: sh.cells(obj, at)}
		if sh.conditions != nil {
			row.Conditions = sh.conditions(obj)
		}
		if row.Object.Raw, err = r.rowObject(version, o, obj, include); err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, row)
	}
	b, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode a table of %s: %w", r.gr(), err)
	}
	return b, nil
}

func checkInclude(include string) error {
	switch metav1.IncludeObjectPolicy(include) {
	case "", metav1.IncludeMetadata, metav1.IncludeObject, metav1.IncludeNone:
		return nil
	}
	return apierrors.NewBadRequest(fmt.Sprintf("unrecognized includeObject value: %q", include))
}

// rowObject encodes what a row carries of its object; nil is nothing.
func (r *resource) rowObject(version string, o *store.Object, obj runtime.Object, include string) ([]byte, error) {
	u, loose := obj.(*unstructured.Unstructured)
	switch metav1.IncludeObjectPolicy(include) {
	case metav1.IncludeNone:
		return nil, nil
	case metav1.IncludeObject:
		if e, ok := obj.(*corev1.Event); ok && r.backing != nil {
			return encode(newEvent(e))
		}
		if loose && version != o.GVK.Version && r.custom != nil {
			u.SetAPIVersion(schema.GroupVersion{Group: o.GVK.Group, Version: version}.String())
			return encode(u)
		}
		return o.JSON, nil
	}
	partial := struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
		Metadata   any    `json:"metadata"`
	}{Kind: "PartialObjectMetadata", APIVersion: "meta.k8s.io/v1"}
	if loose {
		partial.Metadata = u.Object["metadata"]
	} else if a, ok := obj.(metav1.ObjectMetaAccessor); ok {
		partial.Metadata = a.GetObjectMeta()
	}
	return json.Marshal(partial)
}

// orNone returns s, or what kubectl shows for nothing.
func orNone(s string) string { return orElse(s, "<none>") }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// value returns what a pointer points to, or other.
func value[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}

// firstFew joins the first limit of a list, and says how many more there are.
func firstFew(list []string, sep string, limit int) string {
	if len(list) <= limit {
		return strings.Join(list, sep)
	}
	return fmt.Sprintf("%s + %d more...", strings.Join(list[:limit], sep), len(list)-limit)
}
