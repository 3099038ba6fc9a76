package controllers

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (w *job) complete(live []*pod) error {
	if err := w.kill(live); err != nil {
		return err
	}
	now := metav1.NewTime(w.now())
	w.s.CompletionTime = &now
	w.s.Active = 0
	zero := int32(0)
	w.s.Ready = &zero
	w.condition(batchv1.JobSuccessCriteriaMet, "CompletionsReached", "Reached expected number of succeeded pods")
	w.condition(batchv1.JobComplete, "CompletionsReached", "Reached expected number of succeeded pods")
	w.event(jobKind, w.e.obj, jobController, corev1.EventTypeNormal, "Completed", "Job completed")
	if d := w.j.Spec.TTLSecondsAfterFinished; d != nil {
		w.alarm(w.e.task, now.Add(time.Duration(*d)*time.Second))
	}
	return nil
}

func (w *job) fail(live []*pod, reason, message string) error {
	if err := w.kill(live); err != nil {
		return err
	}
	w.s.Failed += int32(len(live))
	w.s.Active = 0
	zero := int32(0)
	w.s.Ready = &zero
	w.condition(batchv1.JobFailureTarget, reason, message)
	w.condition(batchv1.JobFailed, reason, message)
	w.event(jobKind, w.e.obj, jobController, corev1.EventTypeWarning, reason, message)
	return nil
}

func (w *job) kill(live []*pod) error {
	for _, p := range live {
		if err := w.deletePod(jobKind, w.e, p, jobController); err != nil {
			return err
		}
	}
	return nil
}

// lastFailure is when the last pod failed.
func (w *job) lastFailure() (t time.Time) {
	for _, p := range w.pods {
		if p.phase == corev1.PodFailed && p.endedAt.After(t) {
			t = p.endedAt
		}
	}
	return t
}

func (w *job) condition(t batchv1.JobConditionType, reason, message string) {
	for i := range w.s.Conditions {
		if w.s.Conditions[i].Type == t {
			return
		}
	}
	now := metav1.NewTime(w.now())
	w.s.Conditions = append(w.s.Conditions, batchv1.JobCondition{
		Type: t, Status: corev1.ConditionTrue, Reason: reason, Message: message, LastProbeTime: now, LastTransitionTime: now,
	})
}

func (w *job) write() error {
	if equal(&w.s, &w.j.Status) {
		return nil
	}
	n := *w.j
	n.Status = w.s
	o, err := w.api.Update(resources[jobKind], &n, "status")
	if err != nil {
		return err
	}
	w.adopt(w.e, o, &n, &n.ObjectMeta)
	if _, owner := controllerOf(w.e.obj); owner.kind != noKind {
		w.queue.add(owner)
	}
	return nil
}
