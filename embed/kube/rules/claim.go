package rules

import (
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateAccessModes(modes []corev1.PersistentVolumeAccessMode) field.ErrorList {
	var errs field.ErrorList
	if len(modes) == 0 {
		errs = append(errs, field.Required(spec.Child("accessModes"), "at least 1 access mode is required"))
	}
	alone := false
	for _, m := range modes {
		errs = append(errs, oneOf(spec.Child("accessModes"), m, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod)...)
		alone = alone || m == corev1.ReadWriteOncePod
	}
	if alone && len(modes) > 1 {
		errs = append(errs, field.Forbidden(spec.Child("accessModes"), "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}

func validateVolumeMode(m *corev1.PersistentVolumeMode) field.ErrorList {
	if m == nil {
		return nil
	}
	return oneOf(spec.Child("volumeMode"), *m, corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)
}

func validateClaim(c *corev1.PersistentVolumeClaim) field.ErrorList {
	s := &c.Spec
	errs := validateAccessModes(s.AccessModes)
	errs = append(errs, metav1validation.ValidateLabelSelector(s.Selector, plainSelector, spec.Child("selector"))...)
	at := spec.Child("resources").Key(string(corev1.ResourceStorage))
	switch q, ok := s.Resources.Requests[corev1.ResourceStorage]; {
	case !ok:
		errs = append(errs, field.Required(at, ""))
	case q.Sign() <= 0:
		errs = append(errs, field.Invalid(at, q.String(), "must be greater than zero"))
	}
	if n := s.StorageClassName; n != nil {
		errs = append(errs, subdomain(spec, "storageClassName", *n)...)
	}
	return append(errs, validateVolumeMode(s.VolumeMode)...)
}

// updateClaim lets a claim be bound, take the default class, and grow.
func updateClaim(c, old *corev1.PersistentVolumeClaim) field.ErrorList {
	masked := c.Spec // what is masked is replaced, not written to
	if old.Spec.VolumeName == "" {
		masked.VolumeName = ""
	}
	if old.Spec.StorageClassName == nil {
		masked.StorageClassName = nil
	}
	bound := old.Status.Phase == corev1.ClaimBound
	if bound {
		masked.Resources.Requests, masked.VolumeAttributesClassName = old.Spec.Resources.Requests, old.Spec.VolumeAttributesClassName
	}
	if !apiequality.Semantic.DeepEqual(&masked, &old.Spec) {
		return field.ErrorList{field.Forbidden(spec, "spec is immutable after creation except resources.requests and "+
			"volumeAttributesClassName for bound claims\n"+diff.Diff(masked, old.Spec))}
	}
	want, have := c.Spec.Resources.Requests[corev1.ResourceStorage], old.Spec.Resources.Requests[corev1.ResourceStorage]
	given, known := old.Status.Capacity[corev1.ResourceStorage]
	if want.Cmp(have) < 0 && (!known || want.Cmp(given) <= 0) {
		return field.ErrorList{field.Forbidden(spec.Child("resources", "requests", "storage"), "field can not be less than status.capacity")}
	}
	return nil
}
