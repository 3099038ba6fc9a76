package kube

import (
	"reflect"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// carryOver keeps what a writer may not change.
func (s *Server) carryOver(r *resource, obj, old runtime.Object, w write) {
	m, om := metaOf(obj), metaOf(old)
	m.SetUID(om.GetUID())
	m.SetCreationTimestamp(om.GetCreationTimestamp())
	m.SetGeneration(om.GetGeneration())
	m.SetSelfLink("")
	// Only the server starts a deletion, and nobody takes one back.
	m.SetDeletionTimestamp(om.GetDeletionTimestamp())
	m.SetDeletionGracePeriodSeconds(om.GetDeletionGracePeriodSeconds())
	if m.GetGenerateName() == "" {
		m.SetGenerateName(om.GetGenerateName())
	}
	if !w.keepManaged {
		m.SetManagedFields(om.GetManagedFields())
	}
	switch {
	case w.subresource == "status":
		r.onlyStatus(obj, old)
	case r.hasStatus(w.version):
		copyPart(obj, old, "status")
	}
}

// onlyStatus makes obj the old object but for its status. As on the real server,
// the metadata of pods and nodes may be changed along.
func (r *resource) onlyStatus(obj, old runtime.Object) {
	m, om := metaOf(obj), metaOf(old)
	if u, ok := obj.(*unstructured.Unstructured); ok {
		status, found := u.Object["status"]
		managed := m.GetManagedFields()
		u.Object = old.(*unstructured.Unstructured).DeepCopy().Object
		delete(u.Object, "status")
		if found {
			u.Object["status"] = status
		}
		metaOf(obj).SetManagedFields(managed)
		return
	}
	copyPart(obj, old, "spec")
	m.SetFinalizers(om.GetFinalizers())
	m.SetOwnerReferences(om.GetOwnerReferences())
	if gr := r.gr(); gr != podsGR && gr.Resource != "nodes" {
		m.SetLabels(om.GetLabels())
		m.SetAnnotations(om.GetAnnotations())
	}
}

// bumpGeneration counts a change of what was asked for.
func (r *resource) bumpGeneration(obj, old runtime.Object, version string) {
	if !r.generation && r.custom == nil {
		return
	}
	changed := false
	if u, ok := obj.(*unstructured.Unstructured); ok {
		changed = customChanged(u.Object, old.(*unstructured.Unstructured).Object, r.hasStatus(version))
	} else if a, ok := part(obj, "spec"); ok {
		b, _ := part(old, "spec")
		changed = !apiequality.Semantic.DeepEqual(a.Interface(), b.Interface())
	} else {
		changed = !sameBody(obj, old)
	}
	if m := metaOf(obj); changed {
		m.SetGeneration(metaOf(old).GetGeneration() + 1)
	}
}

func customChanged(a, b map[string]any, status bool) bool {
	skip := func(k string) bool {
		return k == "metadata" || k == "apiVersion" || k == "kind" || k == "status" && status
	}
	for k, v := range a {
		if !skip(k) && !apiequality.Semantic.DeepEqual(v, b[k]) {
			return true
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok && !skip(k) {
			return true
		}
	}
	return false
}

// sameBody compares objects without a spec by everything but their metadata.
func sameBody(a, b runtime.Object) bool {
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := 0; i < x.NumField(); i++ {
		if n := x.Type().Field(i).Name; n == "TypeMeta" || n == "ObjectMeta" {
			continue
		}
		if !apiequality.Semantic.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			return false
		}
	}
	return true
}
