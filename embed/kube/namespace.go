package kube

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	if left := s.st.ByUID(cur.UID); left != nil {
		s.explainNamespace(r, left)
	}
	return last, s.st.ByUID(cur.UID) == nil, nil
}

// explainNamespace says in a terminating namespace's status what it waits for.
func (s *Server) explainNamespace(r *resource, cur *store.Object) {
	obj, err := r.load(cur)
	if err != nil {
		return
	}
	ns := obj.(*corev1.Namespace)
	var content []string
	finalizers := map[string]int{}
	for _, gr := range s.st.Resources(cur.Name) {
		s.st.Warm(gr)
		list := s.st.List(gr, cur.Name)
		content = append(content, fmt.Sprintf("%s has %d resource instances", gr, len(list)))
		for _, o := range list {
			for _, f := range o.Finalizers {
				finalizers[f]++
			}
		}
	}
	set := func(kind corev1.NamespaceConditionType, reason, message string) {
		ns.Status.Conditions = append(slices.DeleteFunc(ns.Status.Conditions, func(c corev1.NamespaceCondition) bool { return c.Type == kind }),
			corev1.NamespaceCondition{Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: message, LastTransitionTime: s.stamp()})
	}
	set(corev1.NamespaceContentRemaining, "SomeResourcesRemain", "Some resources are remaining: "+strings.Join(content, ", "))
	if len(finalizers) > 0 {
		var names []string
		for _, f := range slices.Sorted(maps.Keys(finalizers)) {
			names = append(names, fmt.Sprintf("%s in %d resource instances", f, finalizers[f]))
		}
		set(corev1.NamespaceFinalizersRemaining, "SomeFinalizersRemain", "Some content in the namespace has finalizers remaining: "+strings.Join(names, ", "))
	}
	_, _ = s.put(r, ns, cur)
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
