package controllers

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status sums the ReplicaSets up.
func (w *deployment) status(failure error) error {
	d := w.d
	s := appsv1.DeploymentStatus{ObservedGeneration: d.Generation, CollisionCount: d.Status.CollisionCount}
	var dying int32
	for _, g := range w.all() {
		s.Replicas += g.rs.Status.Replicas
		s.ReadyReplicas += g.rs.Status.ReadyReplicas
		s.AvailableReplicas += g.rs.Status.AvailableReplicas
		if g.rs.Status.TerminatingReplicas != nil {
			dying += *g.rs.Status.TerminatingReplicas
		}
	}
	s.TerminatingReplicas = &dying
	if w.fresh != nil {
		s.UpdatedReplicas = w.fresh.rs.Status.Replicas
	}
	s.UnavailableReplicas = max(0, max(wanted(d.Spec.Replicas), s.Replicas)-s.AvailableReplicas)
	s.Conditions = append(s.Conditions, d.Status.Conditions...)
	w.setAvailable(&s)
	w.setProgressing(&s)
	w.setFailure(&s, failure)
	if equal(&s, &d.Status) {
		return nil
	}
	n := *d
	n.Status = s
	o, err := w.api.Update(resources[deploymentKind], &n, "status")
	if err != nil {
		return err
	}
	w.adopt(w.e, o, &n, &n.ObjectMeta)
	return nil
}

func (w *deployment) setAvailable(s *appsv1.DeploymentStatus) {
	if s.AvailableReplicas >= wanted(w.d.Spec.Replicas)-w.bounds().unavailable {
		w.set(s, appsv1.DeploymentAvailable, corev1.ConditionTrue, "MinimumReplicasAvailable", "Deployment has minimum availability.")
		return
	}
	w.set(s, appsv1.DeploymentAvailable, corev1.ConditionFalse, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
}

func (w *deployment) setProgressing(s *appsv1.DeploymentStatus) {
	d := w.d
	switch {
	case d.Spec.Paused:
		w.set(s, appsv1.DeploymentProgressing, corev1.ConditionUnknown, "DeploymentPaused", "Deployment is paused")
		return
	case w.fresh == nil:
		return
	}
	have := deploymentCondition(s, appsv1.DeploymentProgressing)
	name := w.fresh.e.Name
	if w.complete() {
		w.set(s, appsv1.DeploymentProgressing, corev1.ConditionTrue, "NewReplicaSetAvailable",
			fmt.Sprintf("ReplicaSet %q has successfully progressed.", name))
		return
	}
	old := &d.Status
	progressed := s.UpdatedReplicas > old.UpdatedReplicas || s.ReadyReplicas > old.ReadyReplicas || s.AvailableReplicas > old.AvailableReplicas ||
		s.Replicas-s.UpdatedReplicas < old.Replicas-old.UpdatedReplicas
	now := metav1.NewTime(w.now())
	switch {
	case have == nil || have.Reason == "DeploymentPaused" || have.Reason == "NewReplicaSetAvailable" && s.ObservedGeneration > old.ObservedGeneration:
		w.set(s, appsv1.DeploymentProgressing, corev1.ConditionTrue, "NewReplicaSetCreated", fmt.Sprintf("Created new replica set %q", name))
		deploymentCondition(s, appsv1.DeploymentProgressing).LastUpdateTime = now
	case have.Reason == "NewReplicaSetAvailable":
		// Complete once, pods come and go now: no rollout, so no deadline.
		return
	case progressed:
		w.set(s, appsv1.DeploymentProgressing, corev1.ConditionTrue, "ReplicaSetUpdated", fmt.Sprintf("ReplicaSet %q is progressing.", name))
		deploymentCondition(s, appsv1.DeploymentProgressing).LastUpdateTime = now
	}
	w.deadline(s, name)
}

// deadline fails a rollout that has not moved for too long.
func (w *deployment) deadline(s *appsv1.DeploymentStatus, name string) {
	have := deploymentCondition(s, appsv1.DeploymentProgressing)
	limit := w.d.Spec.ProgressDeadlineSeconds
	if limit == nil || have == nil || have.Status != corev1.ConditionTrue {
		return
	}
	due := have.LastUpdateTime.Add(time.Duration(*limit) * time.Second)
	if due.After(w.now()) {
		w.alarm(w.e.task, due)
		return
	}
	w.set(s, appsv1.DeploymentProgressing, corev1.ConditionFalse, "ProgressDeadlineExceeded",
		fmt.Sprintf("ReplicaSet %q has timed out progressing.", name))
}

func (w *deployment) setFailure(s *appsv1.DeploymentStatus, failure error) {
	message := ""
	if failure != nil && !ended(failure) {
		message = failure.Error()
	}
	for _, g := range w.all() {
		for i := range g.rs.Status.Conditions {
			if x := &g.rs.Status.Conditions[i]; x.Type == appsv1.ReplicaSetReplicaFailure && message == "" {
				message = x.Message
			}
		}
	}
	if message != "" {
		w.set(s, appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, "FailedCreate", message)
		return
	}
	kept := s.Conditions[:0]
	for _, x := range s.Conditions {
		if x.Type != appsv1.DeploymentReplicaFailure {
			kept = append(kept, x)
		}
	}
	s.Conditions = kept
}

func deploymentCondition(s *appsv1.DeploymentStatus, t appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == t {
			return &s.Conditions[i]
		}
	}
	return nil
}

func (w *deployment) set(s *appsv1.DeploymentStatus, t appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason, message string) {
	now := metav1.NewTime(w.now())
	x := deploymentCondition(s, t)
	if x == nil {
		s.Conditions = append(s.Conditions, appsv1.DeploymentCondition{Type: t, LastUpdateTime: now})
		x = &s.Conditions[len(s.Conditions)-1]
	}
	if x.Status != status {
		x.LastTransitionTime, x.LastUpdateTime = now, now
	}
	if x.Reason != reason {
		x.LastUpdateTime = now
	}
	x.Status, x.Reason, x.Message = status, reason, message
}
