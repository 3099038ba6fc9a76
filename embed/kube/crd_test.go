package kube

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

const widgetCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.koflab.dev}
spec:
  group: koflab.dev
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size, labelSelectorPath: .status.selector}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    selectableFields:
    - {jsonPath: .spec.color}
    schema: &schema
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [color]
            x-kubernetes-validations:
            - {rule: "self.color != 'red' || self.size < 5", message: red widgets are small}
            properties:
              color: {type: string, enum: [red, green]}
              size: {type: integer, default: 1, minimum: 0}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
  - name: v1beta1
    served: true
    storage: false
    subresources: {status: {}}
    selectableFields:
    - {jsonPath: .spec.color}
    deprecated: true
    schema: *schema
`

var widgets = schema.GroupResource{Group: "koflab.dev", Resource: "widgets"}

func tree(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	u := newUnstructured()
	require.NoError(t, yaml.Unmarshal([]byte(text), &u.Object))
	return u
}

func widgetServer(t testing.TB) *Server {
	t.Helper()
	s := newServer(t)
	_, err := s.Create(crdsGR, tree(t, widgetCRD))
	require.NoError(t, err)
	return s
}

func widget(t testing.TB, name, spec string) *unstructured.Unstructured {
	t.Helper()
	return tree(t, "{apiVersion: koflab.dev/v1, kind: Widget, metadata: {name: "+name+", namespace: default}, spec: "+spec+"}")
}

func TestCRDIsServedAtOnce(t *testing.T) {
	s := widgetServer(t)
	require.True(t, s.Serves(widgets))
	out, failure := kubectl(t, s, "", "wait", "--for=condition=Established", "crd/widgets.koflab.dev", "--timeout=1s")
	require.Empty(t, failure)
	require.Contains(t, out, "condition met")
	out, failure = kubectl(t, s, widgetYAML("a", "{color: green}"), "apply", "-f", "-")
	require.Empty(t, failure)
	require.Contains(t, out, "widget.koflab.dev/a created")
	out, _ = kubectl(t, s, "", "get", "wd")
	require.Equal(t, "NAME   SIZE\na      1\n", out)
	out, failure = kubectl(t, s, "", "get", "widgets.v1beta1.koflab.dev", "a", "-o", "jsonpath={.apiVersion} {.spec.size}")
	require.Equal(t, "koflab.dev/v1beta1 1", out)
	require.Contains(t, failure, "Warning: koflab.dev/v1beta1 Widget is deprecated")
	out, failure = kubectl(t, s, "", "scale", "widget/a", "--replicas=3")
	require.Empty(t, failure)
	require.Contains(t, out, "widget.koflab.dev/a scaled")
	out, _ = kubectl(t, s, "", "get", "wd", "--field-selector", "spec.color=red", "--no-headers")
	require.Empty(t, out)
	out, failure = kubectl(t, s, "", "explain", "widget.spec.color")
	require.Empty(t, failure)
	require.Contains(t, out, "ENUM")
}

func widgetYAML(name, spec string) string {
	return "apiVersion: koflab.dev/v1\nkind: Widget\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
}

func TestCustomResourcesAreValidated(t *testing.T) {
	s := widgetServer(t)
	for spec, want := range map[string]string{
		"{color: blue}":           `Widget.koflab.dev "x" is invalid: spec.color: Unsupported value: "blue": supported values: "red", "green"`,
		"{}":                      `Widget.koflab.dev "x" is invalid: spec.color: Required value`,
		"{color: red, size: big}": `Widget.koflab.dev "x" is invalid: spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"`,
		"{color: red, size: -1}":  `Widget.koflab.dev "x" is invalid: spec.size: Invalid value: -1: spec.size in body should be greater than or equal to 0`,
		"{color: red, size: 7}":   `Widget.koflab.dev "x" is invalid: spec: Invalid value: red widgets are small`,
	} {
		_, err := s.Create(widgets, widget(t, "x", spec))
		require.EqualError(t, err, want, spec)
	}
	bad := widget(t, "x", "{color: red}")
	bad.Object["metadata"].(map[string]any)["labels"] = map[string]any{"a": 1}
	_, err := s.Create(widgets, bad)
	require.True(t, apierrors.IsBadRequest(err), err)
	_, failure := kubectl(t, s, widgetYAML("x", "{color: red, sise: 1}"), "apply", "-f", "-")
	require.Contains(t, failure, `Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.sise"`)
	o, err := s.Create(widgets, widget(t, "x", "{color: red, sise: 1, free: {any: thing}}"))
	require.NoError(t, err)
	require.NotContains(t, string(o.JSON), "sise")
	require.Contains(t, string(o.JSON), `"any":"thing"`)
}

func TestCustomStatusAndGeneration(t *testing.T) {
	s := widgetServer(t)
	w := widget(t, "a", "{color: red}")
	w.Object["status"] = map[string]any{"size": int64(9)}
	o, err := s.Create(widgets, w)
	require.NoError(t, err)
	require.NotContains(t, string(o.JSON), `"status"`)
	w.Object["spec"].(map[string]any)["size"] = 2 // a Go int, as callers write it
	o, err = s.Update(widgets, w, "status")
	require.NoError(t, err)
	require.EqualValues(t, 1, o.Generation)
	var u unstructured.Unstructured
	require.NoError(t, o.Into(&u))
	size, _, _ := unstructured.NestedInt64(u.Object, "spec", "size")
	require.EqualValues(t, 1, size)
	o, err = s.Update(widgets, w, "")
	require.NoError(t, err)
	require.EqualValues(t, 2, o.Generation)

	c, err := dynamic.NewForConfig(s.RESTConfig())
	require.NoError(t, err)
	_, err = c.Resource(widgets.WithVersion("v1")).Namespace("default").Update(context.Background(), w, metav1.UpdateOptions{})
	require.ErrorContains(t, err, "metadata.resourceVersion: Invalid value: 0: must be specified for an update")
}

func TestDeletingACRDDeletesItsObjects(t *testing.T) {
	s := widgetServer(t)
	w := widget(t, "a", "{color: red}")
	w.SetFinalizers([]string{"koflab.dev/hold"})
	_, err := s.Create(widgets, w)
	require.NoError(t, err)
	require.NoError(t, s.Delete(crdsGR, "", "widgets.koflab.dev", metav1.DeleteOptions{}))
	o, err := s.Get(widgets, "default", "a")
	require.NoError(t, err)
	require.True(t, o.Deleting)
	require.True(t, s.Serves(widgets))
	w.SetFinalizers(nil)
	_, err = s.Update(widgets, w, "")
	require.NoError(t, err)
	require.False(t, s.Serves(widgets))
	_, err = s.Get(crdsGR, "", "widgets.koflab.dev")
	require.True(t, apierrors.IsNotFound(err))
	_, err = s.Create(crdsGR, tree(t, widgetCRD))
	require.NoError(t, err)
}

func TestBadCRDs(t *testing.T) {
	for text, want := range map[string]string{
		strings.Replace(widgetCRD, "name: widgets.koflab.dev", "name: wrong.koflab.dev", 1):      `metadata.name: Invalid value: "wrong.koflab.dev": must be spec.names.plural+"."+spec.group`,
		strings.Replace(widgetCRD, "type: integer, default: 1", "type: integer, default: no", 1): `spec.validation.openAPIV3Schema.properties[spec].properties[size].default: Invalid value: "boolean":  in body must be of type integer: "boolean"`,
		strings.Replace(widgetCRD, "self.color !=", "self.colour !=", 1):                         "undefined field 'colour'",
	} {
		s := newServer(t)
		_, err := s.Create(crdsGR, tree(t, text))
		require.ErrorContains(t, err, want)
		require.False(t, s.Serves(widgets))
	}
}

func TestDefinitionsAreShared(t *testing.T) {
	a, b := widgetServer(t), widgetServer(t)
	require.Same(t, a.customs[widgets], b.customs[widgets])
}

func TestCRDsCanBeChanged(t *testing.T) {
	s := widgetServer(t)
	_, err := s.Update(crdsGR, tree(t, strings.ReplaceAll(widgetCRD, "enum: [red, green]", "enum: [red, green, blue]")), "")
	require.NoError(t, err)
	_, err = s.Create(widgets, widget(t, "x", "{color: blue}"))
	require.NoError(t, err)
	_, err = s.Update(crdsGR, tree(t, strings.Replace(widgetCRD, "scope: Namespaced", "scope: Cluster", 1)), "")
	require.ErrorContains(t, err, "spec.scope: Invalid value")
	o, err := s.Create(schema.GroupResource{Resource: "configmaps"}, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: "default"}})
	require.NoError(t, err)
	require.NotNil(t, o)
}

func TestApplyOfCustomResources(t *testing.T) {
	s := widgetServer(t)
	_, failure := kubectl(t, s, widgetYAML("a", "{color: green, size: 2}"), "apply", "--server-side", "-f", "-")
	require.Empty(t, failure)
	_, failure = kubectl(t, s, widgetYAML("a", "{color: green, size: 3}"), "apply", "--server-side", "--field-manager=other", "-f", "-")
	require.Contains(t, failure, `Apply failed with 1 conflict: conflict with "kubectl": .spec.size`)
	// Who scales owns the size from then on.
	_, failure = kubectl(t, s, "", "patch", "widget", "a", "--type=merge", "-p", `{"spec":{"size":4}}`)
	require.Empty(t, failure)
	out, _ := kubectl(t, s, "", "get", "wd", "a", "-o", "yaml", "--show-managed-fields")
	require.Contains(t, out, "operation: Update")
	require.Contains(t, out, "size: 4")
}
