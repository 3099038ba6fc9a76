package kube

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// customTypes returns the merge rules of a custom resource: its schema's, or
// deduced ones if the schema says nothing that can be used.
func customTypes(v *customVersion, gvk schema.GroupVersionKind) managedfields.TypeConverter {
	if v.structural == nil {
		return managedfields.NewDeducedTypeConverter()
	}
	conv, err := managedfields.NewTypeConverter(map[string]*spec.Schema{gvk.Kind: customSchema(v, gvk)}, false)
	if err != nil {
		return managedfields.NewDeducedTypeConverter()
	}
	return conv
}

// customSchema is a custom resource's OpenAPI schema with the parts that all objects share.
func customSchema(v *customVersion, gvk schema.GroupVersionKind) *spec.Schema {
	s := &spec.Schema{}
	if v.structural != nil {
		s = v.structural.ToKubeOpenAPI()
	}
	if s.Properties == nil {
		s.Properties = map[string]spec.Schema{}
	}
	s.Type = spec.StringOrArray{"object"}
	str := *spec.StringProperty()
	s.Properties["apiVersion"], s.Properties["kind"], s.Properties["metadata"] = str, str, metadataSchema()
	s.AddExtension("x-kubernetes-group-version-kind", []any{
		map[string]any{"group": gvk.Group, "version": gvk.Version, "kind": gvk.Kind},
	})
	return s
}

// metadataSchema says how lists in metadata merge.
func metadataSchema() spec.Schema {
	str, text := *spec.StringProperty(), *spec.MapProperty(spec.StringProperty())
	owner := spec.Schema{SchemaProps: spec.SchemaProps{Type: spec.StringOrArray{"object"}, Properties: map[string]spec.Schema{
		"apiVersion": str, "kind": str, "name": str, "uid": str,
		"controller": *spec.BooleanProperty(), "blockOwnerDeletion": *spec.BooleanProperty(),
	}}}
	owners, finalizers := *spec.ArrayProperty(&owner), *spec.ArrayProperty(spec.StringProperty())
	owners.AddExtension("x-kubernetes-list-type", "map")
	owners.AddExtension("x-kubernetes-list-map-keys", []any{"uid"})
	finalizers.AddExtension("x-kubernetes-list-type", "set")
	entry := spec.Schema{SchemaProps: spec.SchemaProps{Type: spec.StringOrArray{"object"}}}
	entry.AddExtension("x-kubernetes-preserve-unknown-fields", true)
	managed := *spec.ArrayProperty(&entry)
	managed.AddExtension("x-kubernetes-list-type", "atomic")
	return spec.Schema{SchemaProps: spec.SchemaProps{Type: spec.StringOrArray{"object"}, Properties: map[string]spec.Schema{
		"name": str, "namespace": str, "generateName": str, "uid": str, "resourceVersion": str, "selfLink": str,
		"creationTimestamp": str, "deletionTimestamp": str, "generation": *spec.Int64Property(), "deletionGracePeriodSeconds": *spec.Int64Property(),
		"labels": text, "annotations": text, "ownerReferences": owners, "finalizers": finalizers, "managedFields": managed,
	}}}
}
