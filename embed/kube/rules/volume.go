package rules

import (
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateVolume(v *corev1.PersistentVolume) field.ErrorList {
	s := &v.Spec
	errs := validateAccessModes(s.AccessModes)
	switch q, ok := s.Capacity[corev1.ResourceStorage]; {
	case len(s.Capacity) == 0:
		errs = append(errs, field.Required(spec.Child("capacity"), ""))
	case !ok || len(s.Capacity) > 1:
		errs = append(errs, field.NotSupported(spec.Child("capacity"), s.Capacity, []corev1.ResourceName{corev1.ResourceStorage}))
	case q.Sign() <= 0:
		errs = append(errs, field.Invalid(spec.Child("capacity").Key("storage"), q.String(), "must be greater than zero"))
	}
	errs = append(errs, oneOf(spec.Child("persistentVolumeReclaimPolicy"), s.PersistentVolumeReclaimPolicy,
		corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRecycle, corev1.PersistentVolumeReclaimRetain)...)
	if (s.PersistentVolumeSource == corev1.PersistentVolumeSource{}) {
		errs = append(errs, field.Required(spec, "must specify a volume type"))
	}
	if s.HostPath != nil {
		if s.HostPath.Path == "" {
			errs = append(errs, field.Required(spec.Child("hostPath", "path"), ""))
		}
		errs = append(errs, noWayUp(s.HostPath.Path, spec.Child("hostPath", "path"))...)
	}
	if s.Local != nil && s.NodeAffinity == nil {
		errs = append(errs, field.Required(spec.Child("nodeAffinity"), "Local volume requires node affinity"))
	}
	errs = append(errs, subdomain(spec, "storageClassName", s.StorageClassName)...)
	return append(errs, validateVolumeMode(s.VolumeMode)...)
}

func updateVolume(v, old *corev1.PersistentVolume) field.ErrorList {
	var errs field.ErrorList
	if !apiequality.Semantic.DeepEqual(&v.Spec.PersistentVolumeSource, &old.Spec.PersistentVolumeSource) {
		errs = append(errs, field.Forbidden(spec.Child("persistentvolumesource"), "spec.persistentvolumesource is immutable after creation"))
	}
	return append(errs, apivalidation.ValidateImmutableField(v.Spec.VolumeMode, old.Spec.VolumeMode, field.NewPath("volumeMode"))...)
}

func validateStorageClass(s *storagev1.StorageClass) field.ErrorList {
	var errs field.ErrorList
	if s.Provisioner == "" {
		errs = append(errs, field.Required(field.NewPath("provisioner"), ""))
	}
	if p := s.ReclaimPolicy; p != nil {
		errs = append(errs, oneOf(field.NewPath("reclaimPolicy"), *p, corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRetain)...)
	}
	if m := s.VolumeBindingMode; m != nil {
		errs = append(errs, oneOf(field.NewPath("volumeBindingMode"), *m, storagev1.VolumeBindingImmediate, storagev1.VolumeBindingWaitForFirstConsumer)...)
	}
	return errs
}

func updateStorageClass(s, old *storagev1.StorageClass) field.ErrorList {
	var errs field.ErrorList
	if !apiequality.Semantic.DeepEqual(s.Parameters, old.Parameters) {
		errs = append(errs, field.Forbidden(field.NewPath("parameters"), "updates to parameters are forbidden."))
	}
	if s.Provisioner != old.Provisioner {
		errs = append(errs, field.Forbidden(field.NewPath("provisioner"), "updates to provisioner are forbidden."))
	}
	if !apiequality.Semantic.DeepEqual(s.ReclaimPolicy, old.ReclaimPolicy) {
		errs = append(errs, field.Forbidden(field.NewPath("reclaimPolicy"), "updates to reclaimPolicy are forbidden."))
	}
	return append(errs, apivalidation.ValidateImmutableField(s.VolumeBindingMode, old.VolumeBindingMode, field.NewPath("volumeBindingMode"))...)
}
