package rules

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateStatefulSet(s *appsv1.StatefulSet) field.ErrorList {
	var errs field.ErrorList
	switch s.Spec.PodManagementPolicy {
	case appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement:
	default:
		errs = append(errs, field.Invalid(spec.Child("podManagementPolicy"), s.Spec.PodManagementPolicy, "must be 'OrderedReady' or 'Parallel'"))
	}
	u, at := &s.Spec.UpdateStrategy, spec.Child("updateStrategy")
	switch u.Type {
	case appsv1.OnDeleteStatefulSetStrategyType:
		if u.RollingUpdate != nil {
			errs = append(errs, field.Invalid(at.Child("rollingUpdate"), u.RollingUpdate, "only allowed for updateStrategy 'RollingUpdate'"))
		}
	case appsv1.RollingUpdateStatefulSetStrategyType:
		if r := u.RollingUpdate; r != nil {
			errs = append(errs, nonNegative(at.Child("rollingUpdate"), amount[int32]{"partition", r.Partition})...)
			errs = append(errs, countOrPercent(r.MaxUnavailable, at.Child("rollingUpdate", "maxUnavailable"))...)
		}
	default:
		errs = append(errs, field.Invalid(at, u, "must be 'RollingUpdate' or 'OnDelete'"))
	}
	if p := s.Spec.PersistentVolumeClaimRetentionPolicy; p != nil {
		at := spec.Child("persistentVolumeClaimRetentionPolicy")
		keep, drop := appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType
		errs = append(errs, oneOf(at.Child("whenDeleted"), p.WhenDeleted, keep, drop)...)
		errs = append(errs, oneOf(at.Child("whenScaled"), p.WhenScaled, keep, drop)...)
	}
	errs = append(errs, nonNegative(spec, amount[int32]{"replicas", s.Spec.Replicas}, amount[int32]{"minReadySeconds", &s.Spec.MinReadySeconds},
		amount[int32]{"revisionHistoryLimit", s.Spec.RevisionHistoryLimit})...)
	if o := s.Spec.Ordinals; o != nil {
		errs = append(errs, nonNegative(spec.Child("ordinals"), amount[int32]{"start", &o.Start})...)
	}
	template := withClaims(s)
	errs = append(errs, validateSelected("statefulset", s.Spec.Selector, template)...)
	return append(errs, validateLasting(template)...)
}

// withClaims is the pod template with the volumes that its pods get from claim
// templates.
func withClaims(s *appsv1.StatefulSet) *corev1.PodTemplateSpec {
	if len(s.Spec.VolumeClaimTemplates) == 0 {
		return &s.Spec.Template
	}
	t := s.Spec.Template
	t.Spec.Volumes = slices.Clone(t.Spec.Volumes)
	for _, c := range s.Spec.VolumeClaimTemplates {
		t.Spec.Volumes = append(t.Spec.Volumes, corev1.Volume{Name: c.Name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: c.Name},
		}})
	}
	return &t
}

// updateStatefulSet refuses changes that pods and claims which exist cannot follow.
func updateStatefulSet(s, old *appsv1.StatefulSet) field.ErrorList {
	masked := s.Spec // what is masked is replaced, not written to
	masked.Replicas, masked.Template, masked.UpdateStrategy = old.Spec.Replicas, old.Spec.Template, old.Spec.UpdateStrategy
	masked.MinReadySeconds, masked.PersistentVolumeClaimRetentionPolicy = old.Spec.MinReadySeconds, old.Spec.PersistentVolumeClaimRetentionPolicy
	masked.Ordinals, masked.RevisionHistoryLimit = old.Spec.Ordinals, old.Spec.RevisionHistoryLimit
	if apiequality.Semantic.DeepEqual(&masked, &old.Spec) {
		return nil
	}
	return field.ErrorList{field.Forbidden(spec, "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "+
		"'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden")}
}
