package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	sigsjson "sigs.k8s.io/json"

	"koflab/embed/kube/store"
)

// Objects are worked on decoded: as typed structs of client-go for builtin
// kinds, as unstructured trees for custom resources. Both are runtime.Objects
// with metadata.

func newUnstructured() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{}}
}

// metaOf returns an object's metadata. Working objects always have it.
func metaOf(obj runtime.Object) metav1.Object {
	m, err := meta.Accessor(obj)
	if err != nil {
		return &metav1.ObjectMeta{}
	}
	return m
}

// working turns what a caller in this process hands over into a working object
// of its own: the caller's object is never changed nor kept.
func (r *resource) working(obj any) (runtime.Object, error) {
	switch o := obj.(type) {
	case nil:
		return nil, fmt.Errorf("no object given for %s", r.gr())
	case []byte:
		return r.decode(o)
	case *unstructured.Unstructured:
		if r.goType == nil {
			// A deep copy of client-go's panics on types that JSON does not have.
			tree, err := cloneTree(o.Object)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.gr(), err)
			}
			own := &unstructured.Unstructured{Object: tree.(map[string]any)}
			_, err = plainMetadata(own)
			return own, err
		}
	case runtime.Object:
		if r.goType != nil && reflect.TypeOf(obj) == reflect.PointerTo(r.goType) {
			return o.DeepCopyObject(), nil
		}
	}
	b, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encode %T as %s: %w", obj, r.gr(), err)
	}
	return r.decode(b)
}

// cloneTree copies a tree of JSON values, and takes Go's other number and
// collection types for what they encode to.
func cloneTree(v any) (any, error) {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, v := range x {
			c, err := cloneTree(v)
			if err != nil {
				return nil, err
			}
			out[k] = c
		}
		return out, nil
	case []any:
		out := make([]any, len(x))
		for i, v := range x {
			c, err := cloneTree(v)
			if err != nil {
				return nil, err
			}
			out[i] = c
		}
		return out, nil
	case nil, string, bool, int64:
		return x, nil
	case float64:
		// As JSON, whole numbers are integers, and schemas insist on that.
		if n := int64(x); float64(n) == x && n > -1<<53 && n < 1<<53 {
			return n, nil
		}
		return x, nil
	case int:
		return int64(x), nil
	case int32:
		return int64(x), nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	err = utiljson.Unmarshal(b, &out)
	return out, err
}

// decode reads JSON, leaving out what the kind does not know.
func (r *resource) decode(b []byte) (runtime.Object, error) {
	if r.goType == nil {
		u := newUnstructured()
		if err := utiljson.Unmarshal(b, &u.Object); err != nil {
			return nil, err
		}
		if u.Object == nil {
			u.Object = map[string]any{}
		}
		return u, nil
	}
	obj := r.blank()
	return obj, sigsjson.UnmarshalCaseSensitivePreserveInts(b, obj)
}

// load decodes a stored object.
func (r *resource) load(o *store.Object) (runtime.Object, error) {
	obj, err := r.decode(o.JSON)
	if err != nil {
		return nil, fmt.Errorf("decode %s %s: %w", r.gr(), o.Key(), err)
	}
	return obj, nil
}

// typeMeta writes apiVersion and kind of the storage version.
func (r *resource) typeMeta(obj runtime.Object) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		u.Object["apiVersion"], u.Object["kind"] = r.gvk.GroupVersion().String(), r.gvk.Kind
		return
	}
	obj.GetObjectKind().SetGroupVersionKind(r.gvk)
}

// snapshot encodes a working object as the version rv.
func (r *resource) snapshot(obj runtime.Object, rv uint64) (*store.Object, error) {
	m := metaOf(obj)
	m.SetResourceVersion(strconv.FormatUint(rv, 10))
	b, err := encode(obj)
	if err != nil {
		return nil, err
	}
	return r.describe(m, b, rv), nil
}

func encode(obj runtime.Object) ([]byte, error) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		return json.Marshal(u.Object) // unstructured's own encoder appends a newline
	}
	b, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", obj, err)
	}
	return bytes.Clone(b), nil // without the encoder's spare capacity
}

func (r *resource) describe(m metav1.Object, b []byte, rv uint64) *store.Object {
	return &store.Object{
		GVR: r.gvr, GVK: r.gvk, Namespace: m.GetNamespace(), Name: m.GetName(), UID: m.GetUID(), RV: rv,
		Generation: m.GetGeneration(), Labels: m.GetLabels(), Owners: m.GetOwnerReferences(),
		Finalizers: m.GetFinalizers(), Deleting: m.GetDeletionTimestamp() != nil, JSON: b,
	}
}

// places are where spec and status are in a typed kind; -1 is absent.
type places struct{ spec, status int }

var placesByType sync.Map // reflect.Type -> places

func placesOf(t reflect.Type) places {
	if f, ok := placesByType.Load(t); ok {
		return f.(places)
	}
	f := places{-1, -1}
	for i := 0; i < t.NumField(); i++ {
		switch t.Field(i).Name {
		case "Spec":
			f.spec = i
		case "Status":
			f.status = i
		}
	}
	placesByType.Store(t, f)
	return f
}

// part returns the settable spec or status of a typed object.
func part(obj runtime.Object, name string) (reflect.Value, bool) {
	v := reflect.ValueOf(obj).Elem()
	f := placesOf(v.Type())
	i := f.spec
	if name == "status" {
		i = f.status
	}
	if i < 0 {
		return reflect.Value{}, false
	}
	return v.Field(i), true
}

// copyPart makes a part of obj that of from.
func copyPart(obj, from runtime.Object, name string) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		v, found := from.(*unstructured.Unstructured).Object[name]
		if !found {
			delete(u.Object, name)
			return
		}
		u.Object[name] = runtime.DeepCopyJSONValue(v)
		return
	}
	if to, ok := part(obj, name); ok {
		if v, ok := part(from, name); ok {
			to.Set(v)
		}
	}
}

// clearPart empties a part of obj.
func clearPart(obj runtime.Object, name string) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		delete(u.Object, name)
		return
	}
	if v, ok := part(obj, name); ok {
		v.SetZero()
	}
}
