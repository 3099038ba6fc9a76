package kube

import (
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var budgetsGR = schema.GroupResource{Group: "policy", Resource: "poddisruptionbudgets"}

// serveEviction deletes a pod if its disruption budget allows it: what kubectl
// drain does.
func (s *Server) serveEviction(q *request) error {
	if q.Method != http.MethodPost {
		return notAllowed(q)
	}
	var e policyv1.Eviction
	if err := q.other(&e); err != nil {
		return err
	}
	if e.Name != "" && e.Name != q.name {
		return apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	o := e.DeleteOptions
	if o == nil {
		o = &metav1.DeleteOptions{}
	}
	o.DryRun = append(o.DryRun, q.query["dryRun"]...)
	s.mu.Lock()
	defer s.mu.Unlock()
	cur := s.st.Get(podsGR, q.ns, q.name)
	if cur == nil {
		return apierrors.NewNotFound(podsGR, q.name)
	}
	var p corev1.Pod
	if err := cur.Into(&p); err != nil {
		return apierrors.NewInternalError(err)
	}
	// Pods that do not run disturb nobody by leaving.
	if !cur.Deleting && p.Status.Phase == corev1.PodRunning {
		if err := s.disrupt(q, cur.Labels, isDryRun(o.DryRun)); err != nil {
			return err
		}
	}
	if _, _, err := s.delete(q.res, q.ns, q.name, o); err != nil {
		return err
	}
	writeJSON(q.w, http.StatusCreated, success())
	return nil
}

// disrupt takes one from the budget of a pod, or says why not.
func (s *Server) disrupt(q *request, l map[string]string, dryRun bool) error {
	r := builtins[budgetsGR]
	s.st.Warm(budgetsGR)
	for _, o := range s.st.List(budgetsGR, q.ns) {
		obj, err := r.load(o)
		if err != nil {
			return apierrors.NewInternalError(err)
		}
		b := obj.(*policyv1.PodDisruptionBudget)
		sel, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil || !sel.Matches(labels.Set(l)) {
			continue
		}
		if b.Status.ObservedGeneration < b.Generation || b.Status.DisruptionsAllowed <= 0 {
			e := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 10)
			e.ErrStatus.Details.Causes = append(e.ErrStatus.Details.Causes, metav1.StatusCause{
				Type: "DisruptionBudget",
				Message: fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently",
					b.Name, b.Status.DesiredHealthy, b.Status.CurrentHealthy),
			})
			return e
		}
		if dryRun {
			continue
		}
		b.Status.DisruptionsAllowed--
		if b.Status.DisruptedPods == nil {
			b.Status.DisruptedPods = map[string]metav1.Time{}
		}
		b.Status.DisruptedPods[q.name] = s.stamp()
		if _, err := s.put(r, b, o); err != nil {
			return err
		}
	}
	return nil
}
