package rules

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateLease(l *coordinationv1.Lease) field.ErrorList {
	var errs field.ErrorList
	if d := l.Spec.LeaseDurationSeconds; d != nil && *d <= 0 {
		errs = append(errs, field.Invalid(spec.Child("leaseDurationSeconds"), *d, notPositive))
	}
	if h := l.Spec.HolderIdentity; h != nil && *h == "" && l.Spec.Strategy != nil {
		errs = append(errs, field.Required(spec.Child("holderIdentity"), "must be specified when strategy is defined"))
	}
	return append(errs, nonNegative(spec, amount[int32]{"leaseTransitions", l.Spec.LeaseTransitions})...)
}
