package rules

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateQuota(q *corev1.ResourceQuota) field.ErrorList {
	var errs field.ErrorList
	for name, v := range q.Spec.Hard {
		at := spec.Child("hard").Key(string(name))
		errs = append(errs, resourceName(at, name)...)
		if !strings.Contains(string(name), "/") && !ofContainers(name) && !ofQuota(name) {
			errs = append(errs, field.Invalid(at, name, "must be a standard resource for quota"))
		}
		errs = append(errs, quantity(at, name, v)...)
	}
	errs = inOrder(errs)
	scopes := []corev1.ResourceQuotaScope{
		corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeCrossNamespacePodAffinity, corev1.ResourceQuotaScopeNotBestEffort,
		corev1.ResourceQuotaScopeNotTerminating, corev1.ResourceQuotaScopePriorityClass, corev1.ResourceQuotaScopeTerminating,
	}
	for _, s := range q.Spec.Scopes {
		if !slices.Contains(scopes, s) {
			errs = append(errs, field.Invalid(spec.Child("scopes"), q.Spec.Scopes, "unsupported scope"))
		}
	}
	return errs
}

// updateQuota: what has been counted cannot be counted otherwise.
func updateQuota(q, old *corev1.ResourceQuota) field.ErrorList {
	if sets.New(q.Spec.Scopes...).Equal(sets.New(old.Spec.Scopes...)) {
		return nil
	}
	return field.ErrorList{field.Invalid(spec.Child("scopes"), q.Spec.Scopes, "field is immutable")}
}

func defaultQuota(q *corev1.ResourceQuota) { roundUp(q.Spec.Hard) }
