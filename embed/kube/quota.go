package kube

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

var quotasGR = schema.GroupResource{Resource: "resourcequotas"}

// withinQuota refuses a new object of which a ResourceQuota of its namespace allows
// no more. Only numbers of objects are limited: pods, services and the like, and
// count/RESOURCE.GROUP. What pods ask for is counted in the quota's status and not
// limited; quotas with scopes limit nothing. The lock is held.
func (s *Server) withinQuota(r *resource, m metav1.Object) error {
	if s.st.Len(quotasGR) == 0 || !r.namespaced {
		return nil
	}
	s.st.Warm(quotasGR)
	for _, o := range s.st.List(quotasGR, m.GetNamespace()) {
		q := &corev1.ResourceQuota{}
		if err := o.Into(q); err != nil {
			return apierrors.NewInternalError(err)
		}
		if q.DeletionTimestamp != nil || len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil {
			continue
		}
		for name, hard := range q.Spec.Hard {
			counted, live := counts(name, r.gr())
			if !counted || int64(s.st.InNamespace(m.GetNamespace())) < hard.Value() {
				continue // there are fewer objects of all kinds together
			}
			if used := s.present(r, m.GetNamespace(), live, hard.Value()); used+1 > hard.Value() {
				return apierrors.NewForbidden(r.gr(), m.GetName(), fmt.Errorf("exceeded quota: %s, requested: %s=1, used: %s=%d, limited: %s=%s",
					q.Name, name, name, used, name, hard.String()))
			}
		}
	}
	return nil
}

// counts reports whether a quota's resource counts the objects of gr, and whether
// only the live ones: pods that have ended are free by the name "pods".
func counts(name corev1.ResourceName, gr schema.GroupResource) (counted, live bool) {
	if what, ok := strings.CutPrefix(string(name), "count/"); ok {
		return schema.ParseGroupResource(what) == gr, false
	}
	switch name {
	case corev1.ResourcePods:
		return gr == podsGR, true
	case corev1.ResourceServices, corev1.ResourceReplicationControllers, corev1.ResourceQuotas, corev1.ResourceSecrets, corev1.ResourceConfigMaps, corev1.ResourcePersistentVolumeClaims:
		return gr.Group == "" && gr.Resource == string(name), false
	}
	return false, false
}

// present counts the objects of a resource in a namespace, of pods only the live ones
// if that matters: when there are as many as the quota allows.
func (s *Server) present(r *resource, namespace string, live bool, hard int64) int64 {
	s.st.Warm(r.stored())
	objects := s.st.List(r.stored(), namespace)
	n := int64(len(objects))
	if !live || n < hard {
		return n
	}
	for _, o := range objects {
		if hasEnded(o) {
			n--
		}
	}
	return n
}

// hasEnded reports whether a pod has run to its end.
func hasEnded(o *store.Object) bool {
	p := &corev1.Pod{}
	return o.Into(p) == nil && (p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed)
}
