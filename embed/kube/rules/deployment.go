package rules

import (
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateDeployment(d *appsv1.Deployment) field.ErrorList {
	s := &d.Spec
	errs := nonNegative(spec, amount[int32]{"replicas", s.Replicas})
	errs = append(errs, validateSelected("deployment", s.Selector, &s.Template)...)
	errs = append(errs, validateLasting(&s.Template)...)
	errs = append(errs, validateStrategy(&s.Strategy)...)
	errs = append(errs, nonNegative(spec, amount[int32]{"minReadySeconds", &s.MinReadySeconds},
		amount[int32]{"revisionHistoryLimit", s.RevisionHistoryLimit}, amount[int32]{"progressDeadlineSeconds", s.ProgressDeadlineSeconds})...)
	if p := s.ProgressDeadlineSeconds; p != nil && *p <= s.MinReadySeconds {
		errs = append(errs, field.Invalid(spec.Child("progressDeadlineSeconds"), *p, "must be greater than minReadySeconds"))
	}
	return errs
}

func validateStrategy(s *appsv1.DeploymentStrategy) field.ErrorList {
	path := spec.Child("strategy")
	switch s.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if s.RollingUpdate != nil {
			return field.ErrorList{field.Forbidden(path.Child("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'")}
		}
	case appsv1.RollingUpdateDeploymentStrategyType:
		u, at := s.RollingUpdate, path.Child("rollingUpdate")
		errs := countOrPercent(u.MaxUnavailable, at.Child("maxUnavailable"))
		errs = append(errs, countOrPercent(u.MaxSurge, at.Child("maxSurge"))...)
		if zero(u.MaxUnavailable) && zero(u.MaxSurge) {
			errs = append(errs, field.Invalid(at.Child("maxUnavailable"), u.MaxUnavailable, "may not be 0 when `maxSurge` is 0"))
		}
		return append(errs, atMostAll(u.MaxUnavailable, at.Child("maxUnavailable"))...)
	default:
		return field.ErrorList{field.NotSupported(path, s,
			[]appsv1.DeploymentStrategyType{appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType})}
	}
	return nil
}

func updateDeployment(d, old *appsv1.Deployment) field.ErrorList {
	return immutableSelector(d.Spec.Selector, old.Spec.Selector)
}

func validateReplicaSet(r *appsv1.ReplicaSet) field.ErrorList {
	errs := nonNegative(spec, amount[int32]{"replicas", r.Spec.Replicas}, amount[int32]{"minReadySeconds", &r.Spec.MinReadySeconds})
	// The real server speaks of a deployment here too.
	errs = append(errs, validateSelected("deployment", r.Spec.Selector, &r.Spec.Template)...)
	return append(errs, validateLasting(&r.Spec.Template)...)
}

func updateReplicaSet(r, old *appsv1.ReplicaSet) field.ErrorList {
	return immutableSelector(r.Spec.Selector, old.Spec.Selector)
}

func validateReplicationController(r *corev1.ReplicationController) field.ErrorList {
	errs := nonNegative(spec, amount[int32]{"replicas", r.Spec.Replicas}, amount[int32]{"minReadySeconds", &r.Spec.MinReadySeconds})
	if len(r.Spec.Selector) == 0 {
		errs = append(errs, field.Required(spec.Child("selector"), ""))
	}
	if r.Spec.Template == nil {
		return append(errs, field.Required(spec.Child("template"), ""))
	}
	for k, v := range r.Spec.Selector {
		if r.Spec.Template.Labels[k] != v {
			errs = append(errs, mismatch(r.Spec.Template.Labels))
			break
		}
	}
	return append(errs, validateLasting(r.Spec.Template)...)
}

// countOrPercent checks such values as maxSurge.
func countOrPercent(v *intstr.IntOrString, path *field.Path) field.ErrorList {
	switch {
	case v == nil:
	case v.Type == intstr.String:
		return invalidEach(path, v, validation.IsValidPercent(v.StrVal))
	case v.IntVal < 0:
		return field.ErrorList{field.Invalid(path, int64(v.IntVal), negative)}
	}
	return nil
}

// atMostAll refuses more than 100 %.
func atMostAll(v *intstr.IntOrString, path *field.Path) field.ErrorList {
	if n, ok := percentage(v); ok && n > 100 {
		return field.ErrorList{field.Invalid(path, v, "must not be greater than 100%")}
	}
	return nil
}

func percentage(v *intstr.IntOrString) (int, bool) {
	if v == nil || v.Type != intstr.String {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSuffix(v.StrVal, "%"))
	return n, err == nil && strings.HasSuffix(v.StrVal, "%")
}

func zero(v *intstr.IntOrString) bool {
	if n, ok := percentage(v); ok {
		return n == 0
	}
	return v != nil && v.Type == intstr.Int && v.IntVal == 0
}
