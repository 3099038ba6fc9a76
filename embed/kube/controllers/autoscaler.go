package controllers

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const horizontal = "horizontal-pod-autoscaler"

// syncAutoscaler keeps its target's size within the bounds and reports a load
// near the target: simulated pods have no load of their own to react to.
func (c *Controllers) syncAutoscaler(t task) error {
	e, h, err := find[autoscalingv2.HorizontalPodAutoscaler](&c.cache, t)
	if e == nil || err != nil || h.DeletionTimestamp != nil {
		return err
	}
	s := *h.Status.DeepCopy()
	s.ObservedGeneration = &h.Generation
	s.CurrentMetrics = nil
	current, ok, err := c.scaleTarget(h, nil)
	if err != nil {
		return err
	}
	least := int32(1)
	if h.Spec.MinReplicas != nil {
		least = *h.Spec.MinReplicas
	}
	switch {
	case !ok:
		ref := h.Spec.ScaleTargetRef
		c.hpaCondition(&s, autoscalingv2.AbleToScale, false, "FailedGetScale",
			fmt.Sprintf("the HPA controller was unable to get the target's current scale: %s %q not found", ref.Kind, ref.Name))
	case current == 0:
		s.CurrentReplicas, s.DesiredReplicas = 0, 0
		c.hpaCondition(&s, autoscalingv2.AbleToScale, true, "SucceededGetScale", "the HPA controller was able to get the target's current scale")
		c.hpaCondition(&s, autoscalingv2.ScalingActive, false, "ScalingDisabled", "scaling is disabled since the replica count of the target is zero")
	default:
		desired := min(max(current, least), h.Spec.MaxReplicas)
		s.CurrentReplicas, s.DesiredReplicas = current, desired
		reason, message := "ReadyForNewScale", "recommended size matches current size"
		if desired != current {
			if _, _, err := c.scaleTarget(h, &desired); err != nil {
				return err
			}
			now := metav1.NewTime(c.now())
			s.LastScaleTime = &now
			reason, message = "SucceededRescale", fmt.Sprintf("the HPA controller was able to update the target scale to %d", desired)
			c.event(hpaKind, e.obj, horizontal, corev1.EventTypeNormal, "SuccessfulRescale",
				fmt.Sprintf("New size: %d; reason: Current number of replicas is outside of the bounds", desired))
		}
		c.hpaCondition(&s, autoscalingv2.AbleToScale, true, reason, message)
		s.CurrentMetrics = c.load(h)
		c.hpaCondition(&s, autoscalingv2.ScalingActive, true, "ValidMetricFound",
			"the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)")
		c.hpaCondition(&s, autoscalingv2.ScalingLimited, false, "DesiredWithinRange", "the desired count is within the acceptable range")
	}
	if equal(&s, &h.Status) {
		return nil
	}
	n := *h
	n.Status = s
	o, err := c.api.Update(resources[hpaKind], &n, "status")
	if err != nil {
		return err
	}
	c.adopt(e, o, &n, &n.ObjectMeta)
	return nil
}

// scaleTarget reads the size of the autoscaler's target, and sets it.
func (c *Controllers) scaleTarget(h *autoscalingv2.HorizontalPodAutoscaler, size *int32) (current int32, ok bool, err error) {
	ref := h.Spec.ScaleTargetRef
	t := task{ownerKinds[ref.Kind], types.NamespacedName{Namespace: h.Namespace, Name: ref.Name}}
	switch t.kind {
	case deploymentKind:
		e, d, err := find[appsv1.Deployment](&c.cache, t)
		if e == nil || err != nil {
			return 0, false, err
		}
		if size != nil {
			n := *d
			n.Spec.Replicas = size
			_, err = c.api.Update(resources[deploymentKind], &n, "")
		}
		return wanted(d.Spec.Replicas), true, err
	case statefulSetKind:
		e, s, err := find[appsv1.StatefulSet](&c.cache, t)
		if e == nil || err != nil {
			return 0, false, err
		}
		if size != nil {
			n := *s
			n.Spec.Replicas = size
			_, err = c.api.Update(resources[statefulSetKind], &n, "")
		}
		return wanted(s.Spec.Replicas), true, err
	}
	return 0, false, nil
}

// load is a utilization within a tenth of each target: inside the tolerance
// that the real autoscaler leaves alone.
func (c *Controllers) load(h *autoscalingv2.HorizontalPodAutoscaler) (out []autoscalingv2.MetricStatus) {
	for i := range h.Spec.Metrics {
		m := &h.Spec.Metrics[i]
		if m.Type != autoscalingv2.ResourceMetricSourceType || m.Resource == nil {
			continue
		}
		near := 0.92 + 0.08*c.seed.of("load", h.Namespace, h.Name).at(i).unit()
		s := autoscalingv2.ResourceMetricStatus{Name: m.Resource.Name}
		if u := m.Resource.Target.AverageUtilization; u != nil {
			v := int32(near * float64(*u))
			s.Current.AverageUtilization = &v
		}
		if q := m.Resource.Target.AverageValue; q != nil {
			v := q.DeepCopy()
			v.SetMilli(int64(near * float64(q.MilliValue())))
			s.Current.AverageValue = &v
		}
		out = append(out, autoscalingv2.MetricStatus{Type: m.Type, Resource: &s})
	}
	return out
}

func (c *Controllers) hpaCondition(s *autoscalingv2.HorizontalPodAutoscalerStatus, t autoscalingv2.HorizontalPodAutoscalerConditionType, ok bool, reason, message string) {
	want := autoscalingv2.HorizontalPodAutoscalerCondition{
		Type: t, Status: corev1.ConditionFalse, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(c.now()),
	}
	if ok {
		want.Status = corev1.ConditionTrue
	}
	for i := range s.Conditions {
		if have := &s.Conditions[i]; have.Type == t {
			if have.Status == want.Status {
				want.LastTransitionTime = have.LastTransitionTime
			}
			*have = want
			return
		}
	}
	s.Conditions = append(s.Conditions, want)
}
