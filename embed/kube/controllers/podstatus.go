package controllers

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// summarize derives a pod's phase and conditions from its containers.
func summarize(p *corev1.Pod, now time.Time) {
	p.Status.Phase = phaseOf(p)
	sandbox := hasCondition(p, corev1.PodReadyToStartContainers, corev1.ConditionTrue)
	if !sandbox {
		setCondition(p, now, corev1.PodReadyToStartContainers, false, "", "")
	}
	if waiting := uninitialized(p); len(waiting) > 0 {
		setCondition(p, now, corev1.PodInitialized, false, "ContainersNotInitialized",
			fmt.Sprintf("containers with incomplete status: %v", waiting))
	} else {
		reason := ""
		if p.Status.Phase == corev1.PodSucceeded {
			reason = "PodCompleted"
		}
		setCondition(p, now, corev1.PodInitialized, true, reason, "")
	}
	var unready []string
	for i := range p.Status.ContainerStatuses {
		if !p.Status.ContainerStatuses[i].Ready {
			unready = append(unready, p.Status.ContainerStatuses[i].Name)
		}
	}
	ready, reason, message := len(unready) == 0, "", ""
	switch {
	case p.Status.Phase == corev1.PodSucceeded:
		ready, reason = false, "PodCompleted"
	case p.Status.Phase == corev1.PodFailed:
		ready, reason = false, "PodFailed"
	case !ready:
		reason, message = "ContainersNotReady", fmt.Sprintf("containers with unready status: %v", unready)
	}
	setCondition(p, now, corev1.ContainersReady, ready, reason, message)
	for _, g := range p.Spec.ReadinessGates {
		if ready && !hasCondition(p, g.ConditionType, corev1.ConditionTrue) {
			ready, reason = false, "ReadinessGatesNotReady"
			message = fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", g.ConditionType)
		}
	}
	setCondition(p, now, corev1.PodReady, ready, reason, message)
}

// uninitialized names the init containers that hold the others back.
func uninitialized(p *corev1.Pod) (names []string) {
	for i := range p.Status.InitContainerStatuses {
		s := &p.Status.InitContainerStatuses[i]
		done := s.State.Terminated != nil && s.State.Terminated.ExitCode == 0 ||
			p.Spec.InitContainers[i].RestartPolicy != nil && s.Started != nil && *s.Started
		if !done {
			names = append(names, s.Name)
		}
	}
	return names
}

func phaseOf(p *corev1.Pod) corev1.PodPhase {
	never := p.Spec.RestartPolicy == corev1.RestartPolicyNever
	for i := range p.Status.InitContainerStatuses {
		if end := p.Status.InitContainerStatuses[i].State.Terminated; end != nil && end.ExitCode != 0 && never {
			return corev1.PodFailed
		}
	}
	if len(uninitialized(p)) > 0 {
		return corev1.PodPending
	}
	var waiting, running, failed int
	for i := range p.Status.ContainerStatuses {
		switch s := &p.Status.ContainerStatuses[i]; {
		case s.State.Running != nil:
			running++
		case s.State.Terminated != nil:
			if s.State.Terminated.ExitCode != 0 {
				failed++
			}
		case s.LastTerminationState.Terminated != nil: // between two runs
			failed++
		default:
			waiting++
		}
	}
	switch {
	case waiting > 0:
		return corev1.PodPending
	case running > 0, p.Spec.RestartPolicy == corev1.RestartPolicyAlways:
		return corev1.PodRunning
	case failed == 0:
		return corev1.PodSucceeded
	case never:
		return corev1.PodFailed
	}
	return corev1.PodRunning
}

func condition(p *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == t {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

func hasCondition(p *corev1.Pod, t corev1.PodConditionType, s corev1.ConditionStatus) bool {
	c := condition(p, t)
	return c != nil && c.Status == s
}

func setCondition(p *corev1.Pod, now time.Time, t corev1.PodConditionType, ok bool, reason, message string) {
	status := corev1.ConditionFalse
	if ok {
		status = corev1.ConditionTrue
	}
	c := condition(p, t)
	if c == nil {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: t})
		c = &p.Status.Conditions[len(p.Status.Conditions)-1]
	}
	if c.Status != status {
		c.Status, c.LastTransitionTime = status, metav1.NewTime(now)
	}
	c.Reason, c.Message, c.ObservedGeneration = reason, message, p.Generation
}

// qosClass is Guaranteed when all limits equal the requests, BestEffort without
// any, else Burstable.
func qosClass(p *corev1.Pod) corev1.PodQOSClass {
	guaranteed, any := true, false
	for _, set := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for i := range set {
			r := &set[i].Resources
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				limit, limited := r.Limits[name]
				request, requested := r.Requests[name]
				any = any || limited && !limit.IsZero() || requested && !request.IsZero()
				if !limited || requested && request.Cmp(limit) != 0 {
					guaranteed = false
				}
			}
		}
	}
	switch {
	case !any:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}
