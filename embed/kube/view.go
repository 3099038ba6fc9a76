package kube

import (
	"bytes"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"koflab/embed/kube/store"
)

// base returns the resource that stores r's objects: r itself, but for Events,
// which two groups serve.
func (r *resource) base() *resource {
	if r.backing != nil {
		return builtins[*r.backing]
	}
	return r
}

// toStorage turns an object as served into one as stored.
func (r *resource) toStorage(obj runtime.Object) (*resource, runtime.Object) {
	if r.backing == nil {
		return r, obj
	}
	return r.base(), coreEvent(obj)
}

// versionOf returns the version that an object says it is of, if it is served.
func (r *resource) versionOf(obj runtime.Object) string {
	if u, ok := obj.(*unstructured.Unstructured); ok && r.custom != nil {
		if v := u.GroupVersionKind().Version; slices.Contains(r.custom.served, v) {
			return v
		}
	}
	return r.gvr.Version
}

func (r *resource) hasStatus(version string) bool {
	if r.custom != nil {
		return r.custom.version(version).status
	}
	return r.status
}

func (r *resource) hasScale(version string) bool {
	if r.custom != nil {
		return r.custom.version(version).scale != nil
	}
	return r.scale
}

// clearsStatus tells whether the status that a creator sends is left out.
func (r *resource) clearsStatus(version string) bool {
	if r.custom != nil {
		return r.custom.version(version).status
	}
	return r.fresh
}

// render encodes a stored object as one of the versions that are served.
func (r *resource) render(o *store.Object, version string) []byte {
	switch {
	case r.backing != nil:
		var e corev1.Event
		if err := o.Into(&e); err != nil {
			return o.JSON
		}
		b, err := encode(newEvent(&e))
		if err != nil {
			return o.JSON
		}
		return b
	case r.custom != nil && version != r.gvr.Version && version != "":
		// The trees of custom resources are encoded with sorted keys: apiVersion is first.
		old := `{"apiVersion":"` + r.gvk.GroupVersion().String() + `"`
		if rest, ok := bytes.CutPrefix(o.JSON, []byte(old)); ok {
			return append([]byte(`{"apiVersion":"`+r.gvk.Group+"/"+version+`"`), rest...)
		}
	}
	return o.JSON
}
