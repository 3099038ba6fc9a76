package kube

import (
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"koflab/embed/kube/store"
)

// immortal namespaces are part of every cluster.
var immortal = []string{"default", "kube-public", "kube-system"}

// deleteNamespace begins the end of a namespace: its objects go first.
func (s *Server) deleteNamespace(r *resource, cur *store.Object, obj runtime.Object, o *metav1.DeleteOptions) (*store.Object, bool, error) {
	if slices.Contains(immortal, cur.Name) {
		return nil, false, apierrors.NewForbidden(namespacesGR, cur.Name, errors.New("this namespace may not be deleted"))
	}
	if cur.Deleting {
		return nil, false, apierrors.NewConflict(namespacesGR, cur.Name,
			errors.New("The system is ensuring all content is removed from this namespace.  Upon completion, this namespace will automatically be purged by the system.")) //nolint:staticcheck,revive // the real server's text
	}
	if isDryRun(o.DryRun) {
		return cur, true, nil
	}
	ns := obj.(*corev1.Namespace)
	s.markDeleted(ns, 0)
	ns.DeletionGracePeriodSeconds = nil
	ns.Status.Phase = corev1.NamespaceTerminating
	last, err := s.put(r, ns, cur)
	if err != nil {
		return nil, false, err
	}
	background := metav1.DeletePropagationBackground
	for _, gr := range s.st.Resources(cur.Name) {
		if res := s.resource(gr); res != nil {
			s.st.Warm(gr)
			for _, x := range s.st.List(gr, cur.Name) {
				_, _, _ = s.delete(res, x.Namespace, x.Name, &metav1.DeleteOptions{PropagationPolicy: &background})
			}
		}
	}
	s.settleNamespace(cur.Name)
	return last, s.st.ByUID(cur.UID) == nil, nil
}

// settleNamespace ends a terminating namespace once it is empty.
func (s *Server) settleNamespace(name string) {
	cur := s.st.Get(namespacesGR, "", name)
	if cur == nil || !cur.Deleting || s.st.InNamespace(name) > 0 {
		return
	}
	r := builtins[namespacesGR]
	obj, err := r.load(cur)
	if err != nil {
		return
	}
	ns := obj.(*corev1.Namespace)
	ns.Spec.Finalizers = slices.DeleteFunc(ns.Spec.Finalizers, func(f corev1.FinalizerName) bool { return f == corev1.FinalizerKubernetes })
	if len(ns.Spec.Finalizers) > 0 || len(ns.Finalizers) > 0 {
		_, _ = s.put(r, ns, cur)
		return
	}
	if last, err := r.snapshot(ns, s.st.Next()); err == nil {
		s.remove(r, last, ns)
	}
}
