package rules

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	s := &h.Spec
	errs := validateTarget(s.ScaleTargetRef, spec.Child("scaleTargetRef"))
	if m := s.MinReplicas; m != nil && *m < 1 {
		errs = append(errs, field.Invalid(spec.Child("minReplicas"), *m, "must be greater than or equal to 1"))
	}
	if s.MaxReplicas < 1 {
		errs = append(errs, field.Invalid(spec.Child("maxReplicas"), s.MaxReplicas, notPositive))
	}
	if m := s.MinReplicas; m != nil && s.MaxReplicas < *m {
		errs = append(errs, field.Invalid(spec.Child("maxReplicas"), s.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	for i := range s.Metrics {
		errs = append(errs, validateMetric(&s.Metrics[i], spec.Child("metrics").Index(i))...)
	}
	if b := s.Behavior; b != nil {
		errs = append(errs, validateScaling(b.ScaleUp, spec.Child("behavior", "scaleUp"))...)
		errs = append(errs, validateScaling(b.ScaleDown, spec.Child("behavior", "scaleDown"))...)
	}
	return errs
}

func validateTarget(t autoscalingv2.CrossVersionObjectReference, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, f := range [...]struct{ name, value string }{{"kind", t.Kind}, {"name", t.Name}} {
		if f.value == "" {
			errs = append(errs, field.Required(at.Child(f.name), ""))
		} else if msgs := path.IsValidPathSegmentName(f.value); len(msgs) > 0 {
			errs = append(errs, invalidEach(at.Child(f.name), f.value, msgs)...)
		}
	}
	return errs
}

var metricTypes = []autoscalingv2.MetricSourceType{
	autoscalingv2.ContainerResourceMetricSourceType, autoscalingv2.ExternalMetricSourceType, autoscalingv2.ObjectMetricSourceType,
	autoscalingv2.PodsMetricSourceType, autoscalingv2.ResourceMetricSourceType,
}

func validateMetric(m *autoscalingv2.MetricSpec, at *field.Path) field.ErrorList {
	if m.Type == "" {
		return field.ErrorList{field.Required(at.Child("type"), "must specify a metric source type")}
	}
	errs := oneOf(at.Child("type"), m.Type, metricTypes...)
	if len(errs) > 0 {
		return errs
	}
	for _, source := range [...]struct {
		kind autoscalingv2.MetricSourceType
		name string
		set  bool
	}{
		{autoscalingv2.ObjectMetricSourceType, "object", m.Object != nil},
		{autoscalingv2.PodsMetricSourceType, "pods", m.Pods != nil},
		{autoscalingv2.ResourceMetricSourceType, "resource", m.Resource != nil},
		{autoscalingv2.ContainerResourceMetricSourceType, "containerResource", m.ContainerResource != nil},
		{autoscalingv2.ExternalMetricSourceType, "external", m.External != nil},
	} {
		switch {
		case source.kind == m.Type && !source.set:
			errs = append(errs, field.Required(at.Child(source.name), "must populate information for the given metric source"))
		case source.kind != m.Type && source.set:
			errs = append(errs, field.Forbidden(at.Child(source.name), "must populate the given metric source only"))
		}
	}
	if r := m.Resource; r != nil {
		if r.Name == "" {
			errs = append(errs, field.Required(at.Child("resource", "name"), "must specify a resource name"))
		}
		errs = append(errs, validateResourceTarget(&r.Target, at.Child("resource", "target"))...)
	}
	if r := m.ContainerResource; r != nil {
		if r.Container == "" {
			errs = append(errs, field.Required(at.Child("containerResource", "container"), "must specify a container"))
		}
		errs = append(errs, validateResourceTarget(&r.Target, at.Child("containerResource", "target"))...)
	}
	return errs
}

func validateResourceTarget(t *autoscalingv2.MetricTarget, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Type == "" {
		errs = append(errs, field.Required(at.Child("type"), "must specify a metric target type"))
	} else {
		errs = append(errs, oneOf(at.Child("type"), t.Type, autoscalingv2.AverageValueMetricType,
			autoscalingv2.UtilizationMetricType, autoscalingv2.ValueMetricType)...)
	}
	if u := t.AverageUtilization; u != nil && *u < 1 {
		errs = append(errs, field.Invalid(at.Child("averageUtilization"), *u, notPositive))
	}
	if v := t.AverageValue; v != nil && v.Sign() != 1 {
		errs = append(errs, field.Invalid(at.Child("averageValue"), v, "must be positive"))
	}
	switch {
	case t.AverageUtilization == nil && t.AverageValue == nil:
		errs = append(errs, field.Required(at.Child("averageUtilization"), "must set either a target raw value or a target utilization"))
	case t.AverageUtilization != nil && t.AverageValue != nil:
		errs = append(errs, field.Forbidden(at.Child("averageValue"), "may not set both a target raw value and a target utilization"))
	}
	return errs
}

// The longest times that scaling may look back.
const (
	maxStabilization = 3600
	maxPolicyPeriod  = 1800
)

func validateScaling(r *autoscalingv2.HPAScalingRules, at *field.Path) field.ErrorList {
	if r == nil {
		return nil
	}
	var errs field.ErrorList
	if w := r.StabilizationWindowSeconds; w != nil {
		if *w < 0 {
			errs = append(errs, field.Invalid(at.Child("stabilizationWindowSeconds"), *w, "must be greater than or equal to zero"))
		} else if *w > maxStabilization {
			errs = append(errs, field.Invalid(at.Child("stabilizationWindowSeconds"), *w, fmt.Sprintf("must be less than or equal to %d", maxStabilization)))
		}
	}
	if s := r.SelectPolicy; s != nil {
		errs = append(errs, oneOf(at.Child("selectPolicy"), *s, autoscalingv2.DisabledPolicySelect, autoscalingv2.MaxChangePolicySelect,
			autoscalingv2.MinChangePolicySelect)...)
	}
	if len(r.Policies) == 0 {
		errs = append(errs, field.Required(at.Child("policies"), "must specify at least one Policy"))
	}
	for i, p := range r.Policies {
		at := at.Child("policies").Index(i)
		errs = append(errs, oneOf(at.Child("type"), p.Type, autoscalingv2.PercentScalingPolicy, autoscalingv2.PodsScalingPolicy)...)
		if p.Value <= 0 {
			errs = append(errs, field.Invalid(at.Child("value"), p.Value, "must be greater than zero"))
		}
		if p.PeriodSeconds <= 0 {
			errs = append(errs, field.Invalid(at.Child("periodSeconds"), p.PeriodSeconds, "must be greater than zero"))
		} else if p.PeriodSeconds > maxPolicyPeriod {
			errs = append(errs, field.Invalid(at.Child("periodSeconds"), p.PeriodSeconds, fmt.Sprintf("must be less than or equal to %d", maxPolicyPeriod)))
		}
	}
	return errs
}
