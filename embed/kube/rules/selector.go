package rules

import (
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateSelected checks that a workload's selector says something and takes in
// the pods of its own template.
func validateSelected(kind string, sel *metav1.LabelSelector, t *corev1.PodTemplateSpec) field.ErrorList {
	var errs field.ErrorList
	switch {
	case sel == nil:
		errs = append(errs, field.Required(spec.Child("selector"), ""))
	default:
		errs = append(errs, metav1validation.ValidateLabelSelector(sel, plainSelector, spec.Child("selector"))...)
		if len(sel.MatchLabels)+len(sel.MatchExpressions) == 0 {
			errs = append(errs, field.Invalid(spec.Child("selector"), sel, "empty selector is invalid for "+kind))
		}
	}
	matches, err := selects(sel, t.Labels)
	switch {
	case err != nil:
		errs = append(errs, field.Invalid(spec.Child("selector"), sel, "invalid label selector"))
	case !matches:
		errs = append(errs, mismatch(t.Labels))
	}
	return errs
}

// mismatch is the mistake made most often in workloads.
func mismatch(l map[string]string) *field.Error {
	return field.Invalid(spec.Child("template", "metadata", "labels"), l, "`selector` does not match template `labels`")
}

// selects spares building a selector where labels alone are asked for. A nil
// selector selects nothing.
func selects(sel *metav1.LabelSelector, l map[string]string) (bool, error) {
	if sel == nil {
		return false, nil
	}
	if len(sel.MatchExpressions) > 0 {
		s, err := metav1.LabelSelectorAsSelector(sel)
		return err == nil && s.Matches(labels.Set(l)), err
	}
	for k, v := range sel.MatchLabels {
		if got, ok := l[k]; !ok || got != v {
			return false, nil
		}
	}
	return true, nil
}

func immutableSelector(sel, old *metav1.LabelSelector) field.ErrorList {
	return apivalidation.ValidateImmutableField(sel, old, spec.Child("selector"))
}

// validateTemplate checks a pod template in itself.
func validateTemplate(t *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(t.Labels) > 0 {
		errs = metav1validation.ValidateLabels(t.Labels, path.Child("labels"))
	}
	if len(t.Annotations) > 0 {
		errs = append(errs, apivalidation.ValidateAnnotations(t.Annotations, path.Child("annotations"))...)
	}
	return append(errs, validatePodSpec(&t.Spec, path.Child("spec"), false)...)
}

// validateLasting checks the template of pods that are meant to run for ever.
func validateLasting(t *corev1.PodTemplateSpec) field.ErrorList {
	path := spec.Child("template")
	errs := validateTemplate(t, path)
	if t.Spec.RestartPolicy != corev1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(path.Child("spec", "restartPolicy"), t.Spec.RestartPolicy,
			[]corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	if t.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(path.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicaSet is not Supported"))
	}
	return errs
}
