// Package store keeps the objects of one embedded Kubernetes API server: their
// latest versions, and the recent changes for watches that resume.
package store

import (
	"bytes"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/watch"
)

// Object is one version of one object. It is immutable: readers share it and
// must not change its bytes, maps or slices. It is kept as JSON because that is
// a tenth of the memory of the decoded tree, and most objects are read rarely.
type Object struct {
	GVR        schema.GroupVersionResource
	GVK        schema.GroupVersionKind
	Namespace  string
	Name       string
	UID        types.UID
	RV         uint64
	Generation int64
	Labels     map[string]string
	Owners     []metav1.OwnerReference
	Finalizers []string
	// Deleting tells that metadata.deletionTimestamp is set.
	Deleting bool
	// JSON is the object at its storage version, apiVersion and kind included.
	JSON []byte
}

// Into decodes the object into a typed struct or an *unstructured.Unstructured.
func (o *Object) Into(v any) error {
	if u, ok := v.(*unstructured.Unstructured); ok {
		u.Object = nil
		// UnmarshalJSON of unstructured would decode twice to find the kind.
		return o.wrap(utiljson.Unmarshal(o.JSON, &u.Object))
	}
	return o.wrap(json.Unmarshal(o.JSON, v))
}

func (o *Object) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("decode %s %s: %w", o.GVR.GroupResource(), o.Key(), err)
}

// Key returns the object's place within its resource.
func (o *Object) Key() types.NamespacedName {
	return types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
}

// Controller returns the owner reference that controls the object, or nil.
func (o *Object) Controller() *metav1.OwnerReference {
	for i := range o.Owners {
		if c := o.Owners[i].Controller; c != nil && *c {
			return &o.Owners[i]
		}
	}
	return nil
}

// Same tells whether two versions say the same, whatever their resourceVersions.
func (o *Object) Same(b *Object) bool { return bytes.Equal(o.JSON, b.JSON) }

// Change is one thing that happened to one object.
type Change struct {
	Type   watch.EventType // Added, Modified or Deleted
	Object *Object         // for Deleted: the last version, with the resourceVersion of the deletion
	Old    *Object         // the version before; nil for Added
}
