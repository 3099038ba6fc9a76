package kube

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"koflab/embed/kube/store"
)

// remove takes an object out and does what follows from that.
func (s *Server) remove(r *resource, last *store.Object, obj runtime.Object) {
	s.notify(s.st.Remove(last))
	if r.gr() != eventsGR {
		s.gone(r, last.Namespace, last.Name)
	}
	s.release(r, obj, nil)
	if r.gr() == crdsGR {
		s.dropCRD(crdResource(obj))
	}
	for _, dep := range s.st.Owned(last.UID) {
		s.collect(dep, metav1.DeletePropagationBackground)
	}
	for _, owner := range last.Owners {
		s.settleOwner(owner.UID)
	}
	if r.namespaced && s.st.InNamespace(last.Namespace) == 0 {
		s.settleNamespace(last.Namespace)
	}
	if r.custom != nil && s.st.Len(r.gr()) == 0 {
		s.settleCRD(r)
	}
}

// collect deletes an object whose owners are all gone or going, and takes the
// gone ones out of the references of one that still has another.
func (s *Server) collect(dep *store.Object, policy metav1.DeletionPropagation) {
	dep = s.st.ByUID(dep.UID)
	if dep == nil {
		return
	}
	var solid, dangling []metav1.OwnerReference
	waiting := false
	for _, ref := range dep.Owners {
		owner := s.st.ByUID(ref.UID)
		switch {
		case owner == nil:
			dangling = append(dangling, ref)
		case owner.Deleting && slices.Contains(owner.Finalizers, metav1.FinalizerDeleteDependents):
			waiting = true
		default:
			solid = append(solid, ref)
		}
	}
	r := s.resource(dep.GVR.GroupResource())
	if r == nil {
		return
	}
	if len(solid) == 0 && (waiting || len(dangling) > 0) {
		if dep.Deleting && policy != metav1.DeletePropagationForeground {
			return
		}
		_, _, _ = s.delete(r, dep.Namespace, dep.Name, &metav1.DeleteOptions{PropagationPolicy: &policy})
		return
	}
	if len(dangling) > 0 {
		obj, err := r.load(dep)
		if err != nil {
			return
		}
		metaOf(obj).SetOwnerReferences(slices.DeleteFunc(metaOf(obj).GetOwnerReferences(), func(ref metav1.OwnerReference) bool {
			return s.st.ByUID(ref.UID) == nil
		}))
		_, _ = s.put(r, obj, dep)
	}
}

// orphan makes the dependents of an object independent.
func (s *Server) orphan(owner *store.Object) {
	for _, dep := range s.st.Owned(owner.UID) {
		r := s.resource(dep.GVR.GroupResource())
		if r == nil {
			continue
		}
		obj, err := r.load(dep)
		if err != nil {
			continue
		}
		metaOf(obj).SetOwnerReferences(slices.DeleteFunc(metaOf(obj).GetOwnerReferences(), func(ref metav1.OwnerReference) bool {
			return ref.UID == owner.UID
		}))
		_, _ = s.put(r, obj, dep)
	}
}

// settleOwner ends a foreground deletion once nothing blocks it.
func (s *Server) settleOwner(uid types.UID) {
	owner := s.st.ByUID(uid)
	if owner == nil || !owner.Deleting || !slices.Contains(owner.Finalizers, metav1.FinalizerDeleteDependents) {
		return
	}
	for _, dep := range s.st.Owned(uid) {
		for _, ref := range dep.Owners {
			if ref.UID == uid && ref.BlockOwnerDeletion != nil && *ref.BlockOwnerDeletion {
				return
			}
		}
	}
	s.unfinalize(owner, metav1.FinalizerDeleteDependents)
}

// unfinalize takes out a finalizer of the server's own, and with the last one the object.
func (s *Server) unfinalize(o *store.Object, finalizer string) {
	r := s.resource(o.GVR.GroupResource())
	if r == nil {
		return
	}
	obj, err := r.load(o)
	if err != nil {
		return
	}
	m := metaOf(obj)
	m.SetFinalizers(without(m.GetFinalizers(), finalizer))
	if !removable(m) {
		_, _ = s.put(r, obj, o)
		return
	}
	if last, err := r.snapshot(obj, s.st.Next()); err == nil {
		s.remove(r, last, obj)
	}
}
