package rules

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var spec = field.NewPath("spec")

// validateWorkload checks selector, template and replicas of a workload kind.
func validateWorkload(kind string, sel *metav1.LabelSelector, t *corev1.PodTemplateSpec, replicas *int32) field.ErrorList {
	var errs field.ErrorList
	if replicas != nil {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*replicas), spec.Child("replicas"))...)
	}
	if sel == nil {
		errs = append(errs, field.Required(spec.Child("selector"), ""))
	} else {
		errs = append(errs, metav1validation.ValidateLabelSelector(sel, metav1validation.LabelSelectorValidationOptions{}, spec.Child("selector"))...)
		if len(sel.MatchLabels)+len(sel.MatchExpressions) == 0 {
			errs = append(errs, field.Invalid(spec.Child("selector"), sel, "empty selector is invalid for "+kind))
		}
	}
	if s, err := metav1.LabelSelectorAsSelector(sel); err != nil {
		errs = append(errs, field.Invalid(spec.Child("selector"), sel, "invalid label selector"))
	} else if !s.Empty() && !s.Matches(labels.Set(t.Labels)) {
		errs = append(errs, field.Invalid(spec.Child("template", "metadata", "labels"), t.Labels, "`selector` does not match template `labels`"))
	}
	return append(errs, validateTemplate(t, spec.Child("template"), corev1.RestartPolicyAlways)...)
}

// countOrPercent checks such values as maxSurge.
func countOrPercent(v *intstr.IntOrString, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case v == nil:
	case v.Type == intstr.String:
		for _, msg := range validation.IsValidPercent(v.StrVal) {
			errs = append(errs, field.Invalid(path, *v, msg))
		}
	case v.IntVal < 0:
		errs = append(errs, field.Invalid(path, v.IntVal, "must be greater than or equal to 0"))
	}
	return errs
}

func zero(v *intstr.IntOrString) bool {
	return v != nil && (v.Type == intstr.Int && v.IntVal == 0 || v.Type == intstr.String && strings.Trim(v.StrVal, "0") == "%")
}

func validateDeployment(d *appsv1.Deployment) field.ErrorList {
	errs := validateWorkload("deployment", d.Spec.Selector, &d.Spec.Template, d.Spec.Replicas)
	path := spec.Child("strategy")
	switch d.Spec.Strategy.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if d.Spec.Strategy.RollingUpdate != nil {
			errs = append(errs, field.Forbidden(path.Child("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'"))
		}
	case appsv1.RollingUpdateDeploymentStrategyType:
		u, at := d.Spec.Strategy.RollingUpdate, path.Child("rollingUpdate")
		errs = append(errs, countOrPercent(u.MaxUnavailable, at.Child("maxUnavailable"))...)
		errs = append(errs, countOrPercent(u.MaxSurge, at.Child("maxSurge"))...)
		if zero(u.MaxUnavailable) && zero(u.MaxSurge) {
			errs = append(errs, field.Invalid(at.Child("maxUnavailable"), u.MaxUnavailable, "may not be 0 when `maxSurge` is 0"))
		}
	default:
		errs = append(errs, field.NotSupported(path.Child("type"), d.Spec.Strategy.Type,
			[]appsv1.DeploymentStrategyType{appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType}))
	}
	errs = append(errs, apivalidation.ValidateNonnegativeField(int64(d.Spec.MinReadySeconds), spec.Child("minReadySeconds"))...)
	if l := d.Spec.RevisionHistoryLimit; l != nil {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*l), spec.Child("revisionHistoryLimit"))...)
	}
	if p := d.Spec.ProgressDeadlineSeconds; p != nil && *p <= d.Spec.MinReadySeconds {
		errs = append(errs, field.Invalid(spec.Child("progressDeadlineSeconds"), *p, "must be greater than minReadySeconds"))
	}
	return errs
}

func immutableSelector(sel, old *metav1.LabelSelector) field.ErrorList {
	return apivalidation.ValidateImmutableField(sel, old, spec.Child("selector"))
}

func updateDeployment(d, old *appsv1.Deployment) field.ErrorList {
	return immutableSelector(d.Spec.Selector, old.Spec.Selector)
}

func validateReplicaSet(r *appsv1.ReplicaSet) field.ErrorList {
	return validateWorkload("replicaset", r.Spec.Selector, &r.Spec.Template, r.Spec.Replicas)
}

func updateReplicaSet(r, old *appsv1.ReplicaSet) field.ErrorList {
	return immutableSelector(r.Spec.Selector, old.Spec.Selector)
}

func validateDaemonSet(d *appsv1.DaemonSet) field.ErrorList {
	errs := validateWorkload("daemonset", d.Spec.Selector, &d.Spec.Template, nil)
	errs = append(errs, oneOf(spec.Child("updateStrategy", "type"), d.Spec.UpdateStrategy.Type,
		appsv1.RollingUpdateDaemonSetStrategyType, appsv1.OnDeleteDaemonSetStrategyType)...)
	if u := d.Spec.UpdateStrategy.RollingUpdate; u != nil && zero(u.MaxUnavailable) && zero(u.MaxSurge) {
		errs = append(errs, field.Required(spec.Child("updateStrategy", "rollingUpdate", "maxUnavailable"), "cannot be 0 when maxSurge is 0"))
	}
	return errs
}

func updateDaemonSet(d, old *appsv1.DaemonSet) field.ErrorList {
	return immutableSelector(d.Spec.Selector, old.Spec.Selector)
}

func validateStatefulSet(s *appsv1.StatefulSet) field.ErrorList {
	template := &s.Spec.Template
	if len(s.Spec.VolumeClaimTemplates) > 0 {
		// Each pod gets a volume per claim template.
		template = template.DeepCopy()
		for _, c := range s.Spec.VolumeClaimTemplates {
			template.Spec.Volumes = append(template.Spec.Volumes, corev1.Volume{Name: c.Name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		}
	}
	errs := validateWorkload("statefulset", s.Spec.Selector, template, s.Spec.Replicas)
	if s.Spec.PodManagementPolicy != appsv1.OrderedReadyPodManagement && s.Spec.PodManagementPolicy != appsv1.ParallelPodManagement {
		errs = append(errs, field.Invalid(spec.Child("podManagementPolicy"), s.Spec.PodManagementPolicy, fmt.Sprintf("must be '%s' or '%s'",
			appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement)))
	}
	if t := s.Spec.UpdateStrategy.Type; t != appsv1.RollingUpdateStatefulSetStrategyType && t != appsv1.OnDeleteStatefulSetStrategyType {
		errs = append(errs, field.Invalid(spec.Child("updateStrategy"), s.Spec.UpdateStrategy, fmt.Sprintf("must be '%s' or '%s'",
			appsv1.RollingUpdateStatefulSetStrategyType, appsv1.OnDeleteStatefulSetStrategyType)))
	}
	return errs
}

// updateStatefulSet refuses changes that pods and claims which exist cannot follow.
func updateStatefulSet(s, old *appsv1.StatefulSet) field.ErrorList {
	masked := s.Spec.DeepCopy()
	masked.Replicas, masked.Template, masked.UpdateStrategy = old.Spec.Replicas, old.Spec.Template, old.Spec.UpdateStrategy
	masked.MinReadySeconds, masked.PersistentVolumeClaimRetentionPolicy = old.Spec.MinReadySeconds, old.Spec.PersistentVolumeClaimRetentionPolicy
	masked.Ordinals, masked.RevisionHistoryLimit = old.Spec.Ordinals, old.Spec.RevisionHistoryLimit
	if apiequality.Semantic.DeepEqual(masked, &old.Spec) {
		return nil
	}
	return field.ErrorList{field.Forbidden(spec, "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "+
		"'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden")}
}

func validateJob(j *batchv1.Job) field.ErrorList {
	errs := validateJobSpec(&j.Spec, spec)
	if j.Spec.Selector == nil {
		return append(errs, field.Required(spec.Child("selector"), ""))
	}
	if s, err := metav1.LabelSelectorAsSelector(j.Spec.Selector); err == nil && !s.Matches(labels.Set(j.Spec.Template.Labels)) {
		errs = append(errs, field.Invalid(spec.Child("template", "metadata", "labels"), j.Spec.Template.Labels, "`selector` does not match template `labels`"))
	}
	return errs
}

func validateJobSpec(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for name, v := range map[string]*int32{"parallelism": s.Parallelism, "completions": s.Completions, "backoffLimit": s.BackoffLimit,
		"ttlSecondsAfterFinished": s.TTLSecondsAfterFinished} {
		if v != nil && *v < 0 {
			errs = append(errs, field.Invalid(path.Child(name), *v, "must be greater than or equal to 0"))
		}
	}
	if d := s.ActiveDeadlineSeconds; d != nil && *d < 0 {
		errs = append(errs, field.Invalid(path.Child("activeDeadlineSeconds"), *d, "must be greater than or equal to 0"))
	}
	return append(errs, validateTemplate(&s.Template, path.Child("template"), corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)...)
}

func updateJob(j, old *batchv1.Job) field.ErrorList {
	var errs field.ErrorList
	if j.Spec.Selector == nil {
		// Clients apply what they wrote, which is without what the server added.
		j.Spec.Selector, j.Spec.Template.Labels = old.Spec.Selector, old.Spec.Template.Labels
	}
	if j.Spec.CompletionMode == nil || *j.Spec.CompletionMode != batchv1.IndexedCompletion {
		errs = append(errs, apivalidation.ValidateImmutableField(j.Spec.Completions, old.Spec.Completions, spec.Child("completions"))...)
	}
	errs = append(errs, apivalidation.ValidateImmutableField(j.Spec.Selector, old.Spec.Selector, spec.Child("selector"))...)
	if old.Spec.Suspend == nil || !*old.Spec.Suspend {
		errs = append(errs, apivalidation.ValidateImmutableField(j.Spec.Template, old.Spec.Template, spec.Child("template"))...)
	}
	return append(errs, apivalidation.ValidateImmutableField(j.Spec.CompletionMode, old.Spec.CompletionMode, spec.Child("completionMode"))...)
}

func validateCronJob(c *batchv1.CronJob) field.ErrorList {
	errs := validateJobSpec(&c.Spec.JobTemplate.Spec, spec.Child("jobTemplate", "spec"))
	switch {
	case c.Spec.Schedule == "":
		errs = append(errs, field.Required(spec.Child("schedule"), ""))
	default:
		if err := checkSchedule(c.Spec.Schedule); err != nil {
			errs = append(errs, field.Invalid(spec.Child("schedule"), c.Spec.Schedule, err.Error()))
		}
	}
	if len(c.Name) > 52 {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), c.Name, "must be no more than 52 characters"))
	}
	return append(errs, oneOf(spec.Child("concurrencyPolicy"), c.Spec.ConcurrencyPolicy,
		batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent)...)
}

// checkSchedule finds the mistakes that cron's five fields invite.
func checkSchedule(s string) error {
	if strings.Contains(s, "TZ") {
		return fmt.Errorf("cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
	}
	if strings.HasPrefix(s, "@") {
		switch word, _, _ := strings.Cut(s, " "); word {
		case "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@every":
			return nil
		}
		return fmt.Errorf("unrecognized descriptor: %s", s)
	}
	if f := strings.Fields(s); len(f) != 5 {
		return fmt.Errorf("expected exactly 5 fields, found %d: [%s]", len(f), strings.Join(f, " "))
	}
	for _, f := range strings.Fields(s) {
		if i := strings.IndexFunc(f, func(r rune) bool {
			return !strings.ContainsRune("0123456789*/,-?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", r)
		}); i >= 0 {
			return fmt.Errorf("failed to parse int from %s", f)
		}
	}
	return nil
}

func validateAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	var errs field.ErrorList
	if m := h.Spec.MinReplicas; m != nil && *m < 1 {
		errs = append(errs, field.Invalid(spec.Child("minReplicas"), *m, "must be greater than or equal to 1"))
	}
	if h.Spec.MaxReplicas < 1 {
		errs = append(errs, field.Invalid(spec.Child("maxReplicas"), h.Spec.MaxReplicas, "must be greater than 0"))
	}
	if m := h.Spec.MinReplicas; m != nil && h.Spec.MaxReplicas < *m {
		errs = append(errs, field.Invalid(spec.Child("maxReplicas"), h.Spec.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	for name, v := range map[string]string{"kind": h.Spec.ScaleTargetRef.Kind, "name": h.Spec.ScaleTargetRef.Name} {
		if v == "" {
			errs = append(errs, field.Required(spec.Child("scaleTargetRef", name), ""))
		}
	}
	return errs
}

func validateDisruptionBudget(p *policyv1.PodDisruptionBudget) field.ErrorList {
	var errs field.ErrorList
	if p.Spec.MinAvailable != nil && p.Spec.MaxUnavailable != nil {
		errs = append(errs, field.Invalid(spec, p.Spec, "minAvailable and maxUnavailable cannot be both set"))
	}
	errs = append(errs, countOrPercent(p.Spec.MinAvailable, spec.Child("minAvailable"))...)
	errs = append(errs, countOrPercent(p.Spec.MaxUnavailable, spec.Child("maxUnavailable"))...)
	return append(errs, metav1validation.ValidateLabelSelector(p.Spec.Selector, metav1validation.LabelSelectorValidationOptions{}, spec.Child("selector"))...)
}
