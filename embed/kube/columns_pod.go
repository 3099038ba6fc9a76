package kube

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// nodeLost is the status reason of pods whose node no longer answers.
const nodeLost = "NodeLost"

var podSheet = func() sheet {
	s := sheetOf(podCells, nameColumn,
		text("Ready", "Containers that are ready, of all."),
		text("Status", "What the pod is doing, as its containers tell."),
		text("Restarts", "How often containers have been restarted, and when the last time was."),
		ageColumn,
		wide("IP", "The pod's address."),
		wide("Node", "The node the pod is bound to."),
		wide("Nominated Node", "The node on which room is being made for the pod."),
		wide("Readiness Gates", "Readiness gates that hold, of all."))
	s.conditions = podRowConditions
	return s
}()

func podCells(p *corev1.Pod, at moment) []any {
	s := summarizePod(p)
	restarts := strconv.Itoa(s.restarts.count)
	if s.restarts.count > 0 && !s.restarts.last.IsZero() {
		restarts += fmt.Sprintf(" (%s ago)", at.since(metav1.Time{Time: s.restarts.last}))
	}
	ip := ""
	if len(p.Status.PodIPs) > 0 {
		ip = p.Status.PodIPs[0].IP
	}
	return []any{
		p.Name, fmt.Sprintf("%d/%d", s.ready, s.total), s.reason, restarts, at.since(p.CreationTimestamp),
		orNone(ip), orNone(p.Spec.NodeName), orNone(p.Status.NominatedNodeName), readinessGates(p),
	}
}

func podRowConditions(obj runtime.Object) []metav1.TableRowCondition {
	p, ok := obj.(*corev1.Pod)
	if !ok {
		return nil
	}
	c := metav1.TableRowCondition{Type: metav1.RowCompleted, Status: metav1.ConditionTrue, Reason: string(p.Status.Phase)}
	switch p.Status.Phase {
	case corev1.PodSucceeded:
		c.Message = "The pod has completed successfully."
	case corev1.PodFailed:
		c.Message = "The pod failed."
	default:
		return nil
	}
	return []metav1.TableRowCondition{c}
}

// podSummary is a pod in the few words of kubectl's table.
type podSummary struct {
	reason       string
	ready, total int
	restarts     restartTally
}

type restartTally struct {
	count int
	last  time.Time
}

func (t *restartTally) add(c *corev1.ContainerStatus) {
	t.count += int(c.RestartCount)
	if end := c.LastTerminationState.Terminated; end != nil && end.FinishedAt.After(t.last) {
		t.last = end.FinishedAt.Time
	}
}

// summarizePod finds the one word that says most: what keeps the first init
// container that is not done, else what the first troubled container says, else
// the phase.
func summarizePod(p *corev1.Pod) podSummary {
	s := podSummary{reason: orElse(p.Status.Reason, string(p.Status.Phase)), total: len(p.Spec.Containers)}
	if c := podCondition(p, corev1.PodScheduled); c != nil && c.Reason == corev1.PodReasonSchedulingGated {
		s.reason = corev1.PodReasonSchedulingGated
	}
	sidecars := map[string]bool{}
	for i := range p.Spec.InitContainers {
		if c := &p.Spec.InitContainers[i]; value(c.RestartPolicy, "") == corev1.ContainerRestartPolicyAlways {
			sidecars[c.Name] = true
			s.total++
		}
	}
	ofSidecars, waits := s.initContainers(p, sidecars)
	if !waits || podIs(p, corev1.PodInitialized) {
		// Restarts of init containers that are done no longer matter.
		s.restarts = ofSidecars
		s.mainContainers(p)
	}
	if p.DeletionTimestamp != nil {
		s.reason = "Terminating"
		if p.Status.Reason == nodeLost {
			s.reason = "Unknown"
		}
	}
	return s
}

// initContainers looks at init containers up to the one that holds the pod up.
func (s *podSummary) initContainers(p *corev1.Pod, sidecars map[string]bool) (ofSidecars restartTally, waits bool) {
	for i := range p.Status.InitContainerStatuses {
		c := &p.Status.InitContainerStatuses[i]
		s.restarts.add(c)
		if sidecars[c.Name] {
			ofSidecars.add(c)
		}
		end, wait := c.State.Terminated, c.State.Waiting
		switch {
		case end != nil && end.ExitCode == 0:
			continue
		case sidecars[c.Name] && value(c.Started, false):
			if c.Ready {
				s.ready++
			}
			continue
		case end != nil:
			s.reason = "Init:" + endOf(end)
		case wait != nil && wait.Reason != "" && wait.Reason != "PodInitializing":
			s.reason = "Init:" + wait.Reason
		default:
			s.reason = fmt.Sprintf("Init:%d/%d", i, len(p.Spec.InitContainers))
		}
		return ofSidecars, true
	}
	return ofSidecars, false
}

func (s *podSummary) mainContainers(p *corev1.Pod) {
	running := false
	for _, c := range slices.Backward(p.Status.ContainerStatuses) { // the first container has the last word
		s.restarts.add(&c)
		switch end, wait := c.State.Terminated, c.State.Waiting; {
		case wait != nil && wait.Reason != "":
			s.reason = wait.Reason
		case end != nil:
			s.reason = endOf(end)
		case c.Ready && c.State.Running != nil:
			running = true
			s.ready++
		}
	}
	if s.reason == "Completed" && running {
		// One container is done, another still works.
		s.reason = "NotReady"
		if podIs(p, corev1.PodReady) {
			s.reason = "Running"
		}
	}
}

func endOf(t *corev1.ContainerStateTerminated) string {
	switch {
	case t.Reason != "":
		return t.Reason
	case t.Signal != 0:
		return fmt.Sprintf("Signal:%d", t.Signal)
	}
	return fmt.Sprintf("ExitCode:%d", t.ExitCode)
}

func podCondition(p *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == t {
			return c
		}
	}
	return nil
}

func podIs(p *corev1.Pod, t corev1.PodConditionType) bool {
	c := podCondition(p, t)
	return c != nil && c.Status == corev1.ConditionTrue
}

func readinessGates(p *corev1.Pod) string {
	if len(p.Spec.ReadinessGates) == 0 {
		return "<none>"
	}
	n := 0
	for _, g := range p.Spec.ReadinessGates {
		if podIs(p, g.ConditionType) {
			n++
		}
	}
	return fmt.Sprintf("%d/%d", n, len(p.Spec.ReadinessGates))
}
