package kube

import (
	"reflect"
	"strings"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/jsonpath"
)

// columnsOnce keeps how a version of a custom resource is shown. It is made at
// the first table, as most kinds of most clusters are never looked at, and is
// shared like the definition that it is a part of.
type columnsOnce struct {
	once  sync.Once
	sheet sheet
}

// sheet returns how `kubectl get` shows the version.
func (v *customVersion) sheet() *sheet {
	v.table.once.Do(func() { v.table.sheet = customSheet(v.columns) })
	return &v.table.sheet
}

// customColumn is one printer column. Its path is shared by all servers, which
// is safe because CRDs may only have simple paths: those keep no state.
type customColumn struct {
	kind string
	path *jsonpath.JSONPath
}

func customSheet(defs []apiextensionsv1.CustomResourceColumnDefinition) sheet {
	if len(defs) == 0 {
		defs = []apiextensionsv1.CustomResourceColumnDefinition{{
			Name: "Age", Type: "date", Description: ageColumn.Description, JSONPath: ".metadata.creationTimestamp",
		}}
	}
	out := sheet{columns: []metav1.TableColumnDefinition{nameColumn}}
	var columns []customColumn
	for _, d := range defs {
		path := jsonpath.New(d.Name).AllowMissingKeys(true)
		if err := path.Parse("{" + d.JSONPath + "}"); err != nil {
			continue // such CRDs are refused; the other columns are still right
		}
		columns = append(columns, customColumn{d.Type, path})
		out.columns = append(out.columns, metav1.TableColumnDefinition{
			Name: d.Name, Type: d.Type, Format: d.Format, Priority: d.Priority,
			Description: orElse(d.Description, "Custom resource definition column (in JSONPath format): "+d.JSONPath),
		})
	}
	out.cells = func(obj runtime.Object, at moment) []any {
		cells := make([]any, 1, 1+len(columns))
		cells[0] = metaOf(obj).GetName()
		u, ok := obj.(*unstructured.Unstructured)
		for _, c := range columns {
			var cell any
			if ok {
				cell = c.cell(u.Object, at)
			}
			cells = append(cells, cell)
		}
		return cells
	}
	return out
}

// cell returns what the column says of an object; nil, if its field is absent or
// is not of the column's type.
func (c customColumn) cell(tree map[string]any, at moment) any {
	found, err := c.path.FindResults(tree)
	if err != nil || len(found) == 0 || len(found[0]) == 0 {
		return nil
	}
	v := found[0][0].Interface()
	if v == nil {
		return nil
	}
	switch c.kind {
	case "string":
		if s, ok := v.(string); ok {
			return s
		}
		var b strings.Builder // numbers as they are, lists and objects as JSON
		if err := c.path.PrintResults(&b, []reflect.Value{reflect.ValueOf(v)}); err != nil {
			return nil
		}
		return b.String()
	case "integer":
		switch n := v.(type) {
		case int64:
			return n
		case float64:
			return int64(n)
		}
	case "number":
		switch n := v.(type) {
		case int64:
			return float64(n)
		case float64:
			return n
		}
	case "boolean":
		if b, ok := v.(bool); ok {
			return b
		}
	case "date":
		if s, ok := v.(string); ok {
			var t metav1.Time
			if err := t.UnmarshalQueryParameter(s); err != nil {
				return "<invalid>"
			}
			return at.since(t)
		}
	}
	return nil
}
