package rules

import (
	policyv1 "k8s.io/api/policy/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateDisruptionBudget(p *policyv1.PodDisruptionBudget) field.ErrorList {
	s := &p.Spec
	var errs field.ErrorList
	if s.MinAvailable != nil && s.MaxUnavailable != nil {
		errs = append(errs, field.Invalid(spec, s, "minAvailable and maxUnavailable cannot be both set"))
	}
	errs = append(errs, countOrPercent(s.MinAvailable, spec.Child("minAvailable"))...)
	errs = append(errs, atMostAll(s.MinAvailable, spec.Child("minAvailable"))...)
	errs = append(errs, countOrPercent(s.MaxUnavailable, spec.Child("maxUnavailable"))...)
	errs = append(errs, atMostAll(s.MaxUnavailable, spec.Child("maxUnavailable"))...)
	if u := s.UnhealthyPodEvictionPolicy; u != nil {
		errs = append(errs, oneOf(spec.Child("unhealthyPodEvictionPolicy"), *u, policyv1.AlwaysAllow, policyv1.IfHealthyBudget)...)
	}
	return append(errs, metav1validation.ValidateLabelSelector(s.Selector, plainSelector, spec.Child("selector"))...)
}
