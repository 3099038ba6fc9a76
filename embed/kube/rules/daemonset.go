package rules

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateDaemonSet(d *appsv1.DaemonSet) field.ErrorList {
	s := &d.Spec
	errs := validateSelected("daemonset", s.Selector, &s.Template)
	errs = append(errs, validateLasting(&s.Template)...)
	at := spec.Child("updateStrategy")
	switch s.UpdateStrategy.Type {
	case appsv1.OnDeleteDaemonSetStrategyType:
	case appsv1.RollingUpdateDaemonSetStrategyType:
		u, at := s.UpdateStrategy.RollingUpdate, at.Child("rollingUpdate")
		errs = append(errs, countOrPercent(u.MaxUnavailable, at.Child("maxUnavailable"))...)
		errs = append(errs, atMostAll(u.MaxUnavailable, at.Child("maxUnavailable"))...)
		errs = append(errs, countOrPercent(u.MaxSurge, at.Child("maxSurge"))...)
		errs = append(errs, atMostAll(u.MaxSurge, at.Child("maxSurge"))...)
		switch {
		case zero(u.MaxUnavailable) && zero(u.MaxSurge):
			errs = append(errs, field.Required(at.Child("maxUnavailable"), "cannot be 0 when maxSurge is 0"))
		case !zero(u.MaxUnavailable) && !zero(u.MaxSurge):
			errs = append(errs, field.Invalid(at.Child("maxSurge"), u.MaxSurge, "may not be set when maxUnavailable is non-zero"))
		}
	default:
		errs = append(errs, field.NotSupported(at, s.UpdateStrategy,
			[]appsv1.DaemonSetUpdateStrategyType{appsv1.RollingUpdateDaemonSetStrategyType, appsv1.OnDeleteDaemonSetStrategyType}))
	}
	return append(errs, nonNegative(spec, amount[int32]{"minReadySeconds", &s.MinReadySeconds},
		amount[int32]{"revisionHistoryLimit", s.RevisionHistoryLimit})...)
}

func updateDaemonSet(d, old *appsv1.DaemonSet) field.ErrorList {
	return immutableSelector(d.Spec.Selector, old.Spec.Selector)
}
