package rules

import (
	"fmt"
	"time"
	_ "time/tzdata" // time zones of CronJobs on machines that have none

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateJob(j *batchv1.Job) field.ErrorList {
	errs := validateGenerated(j)
	errs = append(errs, validateJobSpec(&j.Spec, spec)...)
	if j.Spec.Selector == nil {
		return append(errs, field.Required(spec.Child("selector"), ""))
	}
	errs = append(errs, metav1validation.ValidateLabelSelector(j.Spec.Selector, plainSelector, spec.Child("selector"))...)
	if ok, err := selects(j.Spec.Selector, j.Spec.Template.Labels); err == nil && !ok {
		errs = append(errs, mismatch(j.Spec.Template.Labels))
	}
	return errs
}

// validateGenerated checks that a job without a selector of its author's has
// the one that ties it to its own pods alone.
func validateGenerated(j *batchv1.Job) field.ErrorList {
	if j.Spec.ManualSelector != nil && *j.Spec.ManualSelector || j.Spec.Selector == nil {
		return nil
	}
	var errs field.ErrorList
	own := map[string]string{}
	for _, l := range [...]struct{ key, value string }{
		{batchv1.ControllerUidLabel, string(j.UID)}, {"controller-uid", string(j.UID)},
		{batchv1.JobNameLabel, j.Name}, {"job-name", j.Name},
	} {
		own[l.key] = l.value
		at := spec.Child("template", "metadata", "labels").Key(l.key)
		switch got, ok := j.Spec.Template.Labels[l.key]; {
		case !ok:
			errs = append(errs, field.Required(at, fmt.Sprintf("must be '%s'", l.value)))
		case got != l.value:
			errs = append(errs, field.Invalid(at, j.Spec.Template.Labels, fmt.Sprintf("must be '%s'", l.value)))
		}
	}
	if ok, err := selects(j.Spec.Selector, own); err == nil && !ok {
		errs = append(errs, field.Invalid(spec.Child("selector"), j.Spec.Selector, "`selector` not auto-generated"))
	}
	return errs
}

func validateJobSpec(s *batchv1.JobSpec, path *field.Path) field.ErrorList {
	errs := nonNegative(path, amount[int32]{"parallelism", s.Parallelism}, amount[int32]{"completions", s.Completions},
		amount[int32]{"backoffLimit", s.BackoffLimit}, amount[int32]{"ttlSecondsAfterFinished", s.TTLSecondsAfterFinished},
		amount[int32]{"backoffLimitPerIndex", s.BackoffLimitPerIndex})
	errs = append(errs, nonNegative(path, amount[int64]{"activeDeadlineSeconds", s.ActiveDeadlineSeconds})...)
	if m := s.CompletionMode; m != nil {
		errs = append(errs, oneOf(path.Child("completionMode"), *m, batchv1.IndexedCompletion, batchv1.NonIndexedCompletion)...)
		if *m == batchv1.IndexedCompletion && s.Completions == nil {
			errs = append(errs, field.Required(path.Child("completions"), "when completion mode is Indexed"))
		}
	}
	if s.BackoffLimitPerIndex != nil && (s.CompletionMode == nil || *s.CompletionMode != batchv1.IndexedCompletion) {
		errs = append(errs, field.Invalid(path.Child("backoffLimitPerIndex"), *s.BackoffLimitPerIndex, "requires indexed completion mode"))
	}
	if p := s.PodReplacementPolicy; p != nil {
		supported := []batchv1.PodReplacementPolicy{batchv1.Failed, batchv1.TerminatingOrFailed}
		if s.PodFailurePolicy != nil {
			supported = supported[:1]
		}
		errs = append(errs, oneOf(path.Child("podReplacementPolicy"), *p, supported...)...)
	}
	errs = append(errs, validateTemplate(&s.Template, path.Child("template"))...)
	at := path.Child("template", "spec", "restartPolicy")
	switch p := s.Template.Spec.RestartPolicy; {
	case p == corev1.RestartPolicyAlways:
		// It is the default, so most likely nothing has been said.
		errs = append(errs, field.Required(at, fmt.Sprintf("valid values: %q, %q", corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)))
	case p == corev1.RestartPolicyOnFailure && s.PodFailurePolicy != nil:
		errs = append(errs, field.Invalid(at, p, `only "Never" is supported when podFailurePolicy is specified`))
	}
	return errs
}

// updateJob refuses changes of what pods have been made from. A suspended job
// that never started may still be told where to run.
func updateJob(j, old *batchv1.Job) field.ErrorList {
	n, o := &j.Spec, &old.Spec
	var errs field.ErrorList
	elastic := n.CompletionMode != nil && *n.CompletionMode == batchv1.IndexedCompletion &&
		n.Completions != nil && n.Parallelism != nil && *n.Completions == *n.Parallelism
	if !elastic {
		errs = append(errs, apivalidation.ValidateImmutableField(n.Completions, o.Completions, spec.Child("completions"))...)
	}
	errs = append(errs, apivalidation.ValidateImmutableField(n.Selector, o.Selector, spec.Child("selector"))...)
	t := n.Template
	if o.Suspend != nil && *o.Suspend && old.Status.StartTime == nil {
		t.Labels, t.Annotations = o.Template.Labels, o.Template.Annotations
		t.Spec.NodeSelector, t.Spec.Affinity, t.Spec.Tolerations = o.Template.Spec.NodeSelector, o.Template.Spec.Affinity, o.Template.Spec.Tolerations
		t.Spec.SchedulingGates = o.Template.Spec.SchedulingGates
	}
	if len(apivalidation.ValidateImmutableField(t, o.Template, spec)) > 0 {
		errs = append(errs, field.Invalid(spec.Child("template"), n.Template, apivalidation.FieldImmutableErrorMsg))
	}
	errs = append(errs, apivalidation.ValidateImmutableField(n.CompletionMode, o.CompletionMode, spec.Child("completionMode"))...)
	errs = append(errs, apivalidation.ValidateImmutableField(n.PodFailurePolicy, o.PodFailurePolicy, spec.Child("podFailurePolicy"))...)
	return append(errs, apivalidation.ValidateImmutableField(n.BackoffLimitPerIndex, o.BackoffLimitPerIndex, spec.Child("backoffLimitPerIndex"))...)
}

// maxCronJobName leaves room for the minute that jobs' names end with.
const maxCronJobName = 52

func validateCronJob(c *batchv1.CronJob) field.ErrorList {
	s := &c.Spec
	var errs field.ErrorList
	switch {
	case s.Schedule == "":
		errs = append(errs, field.Required(spec.Child("schedule"), ""))
	default:
		if err := checkSchedule(s.Schedule); err != nil {
			errs = append(errs, field.Invalid(spec.Child("schedule"), s.Schedule, err.Error()))
		}
	}
	if z := s.TimeZone; z != nil {
		if _, err := time.LoadLocation(*z); *z == "" || err != nil || *z == "Local" {
			errs = append(errs, unknownZone(*z))
		}
	}
	errs = append(errs, nonNegative(spec, amount[int64]{"startingDeadlineSeconds", s.StartingDeadlineSeconds})...)
	errs = append(errs, oneOf(spec.Child("concurrencyPolicy"), s.ConcurrencyPolicy,
		batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent)...)
	errs = append(errs, nonNegative(spec, amount[int32]{"successfulJobsHistoryLimit", s.SuccessfulJobsHistoryLimit},
		amount[int32]{"failedJobsHistoryLimit", s.FailedJobsHistoryLimit})...)
	path := spec.Child("jobTemplate", "spec")
	if sel := s.JobTemplate.Spec.Selector; sel != nil {
		errs = append(errs, field.Invalid(path.Child("selector"), sel, "`selector` will be auto-generated"))
	}
	if m := s.JobTemplate.Spec.ManualSelector; m != nil && *m {
		errs = append(errs, field.NotSupported(path.Child("manualSelector"), *m, []string{"nil", "false"}))
	}
	errs = append(errs, validateJobSpec(&s.JobTemplate.Spec, path)...)
	if len(c.Name) > maxCronJobName {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), c.Name, fmt.Sprintf("must be no more than %d characters", maxCronJobName)))
	}
	return errs
}

func unknownZone(zone string) *field.Error {
	if zone == "" {
		return field.Invalid(spec.Child("timeZone"), zone, "timeZone must be nil or non-empty string")
	}
	return field.Invalid(spec.Child("timeZone"), zone, "unknown time zone "+zone)
}
