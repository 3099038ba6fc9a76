package controllers

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const apps = "apps/v1"

// syncReplicaSet makes as many pods as the ReplicaSet wants.
func (c *Controllers) syncReplicaSet(t task) error {
	e, rs, err := find[appsv1.ReplicaSet](&c.cache, t)
	if e == nil || err != nil {
		return err
	}
	pods, err := c.claimPods(e, apps, "ReplicaSet", rs.Spec.Selector)
	if err != nil {
		return err
	}
	var failure error
	if rs.DeletionTimestamp == nil {
		before := c.acts
		failure = c.resize(e, rs, active(pods))
		if failure == nil && c.acted(t, before) {
			return nil
		}
		pods = c.podsBy(e.obj.UID)
	}
	if err := c.replicaSetStatus(e, rs, pods, failure); err != nil {
		return err
	}
	return failure
}

func active(pods []*pod) []*pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p *pod) bool { return !p.active() })
}

func wanted(replicas *int32) int32 {
	if replicas == nil {
		return 1
	}
	return *replicas
}

// resize creates or deletes the difference.
func (c *Controllers) resize(e *entry, rs *appsv1.ReplicaSet, pods []*pod) error {
	diff := int(wanted(rs.Spec.Replicas)) - len(pods)
	for range diff {
		if err := c.createPod(replicaSetKind, e, podFrom(e, apps, "ReplicaSet", &rs.Spec.Template), "replicaset-controller", e.Name+"-"); err != nil {
			return err
		}
	}
	if diff < 0 {
		for _, p := range c.victims(pods, -diff) {
			if err := c.deletePod(replicaSetKind, e, p, "replicaset-controller"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Controllers) replicaSetStatus(e *entry, rs *appsv1.ReplicaSet, pods []*pod, failure error) error {
	live := active(pods)
	s := appsv1.ReplicaSetStatus{Replicas: int32(len(live)), ObservedGeneration: rs.Generation, Conditions: rs.Status.Conditions}
	for _, p := range live {
		if hasLabels(p.obj.Labels, rs.Spec.Template.Labels) {
			s.FullyLabeledReplicas++
		}
	}
	var until time.Time
	s.ReadyReplicas, s.AvailableReplicas, until = c.tally(live, rs.Spec.MinReadySeconds)
	c.alarm(e.task, until)
	s.TerminatingReplicas = terminating(pods)
	s.Conditions = slices.DeleteFunc(slices.Clone(s.Conditions), func(x appsv1.ReplicaSetCondition) bool {
		return x.Type == appsv1.ReplicaSetReplicaFailure
	})
	if failure != nil {
		s.Conditions = append(s.Conditions, appsv1.ReplicaSetCondition{
			Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate",
			Message: failure.Error(), LastTransitionTime: metav1.NewTime(c.now()),
		})
		for i := range rs.Status.Conditions { // keep the time of a failure that goes on
			if old := &rs.Status.Conditions[i]; old.Type == appsv1.ReplicaSetReplicaFailure && old.Message == failure.Error() {
				s.Conditions[len(s.Conditions)-1] = *old
			}
		}
	}
	if equal(&s, &rs.Status) {
		return nil
	}
	n := *rs
	n.Status = s
	o, err := c.api.Update(resources[replicaSetKind], &n, "status")
	if err != nil {
		return err
	}
	c.adopt(e, o, &n, &n.ObjectMeta)
	if _, owner := controllerOf(e.obj); owner.kind != noKind {
		c.queue.add(owner)
	}
	return nil
}

// terminating counts pods that are on their way out; nil for none of a set that
// never had any would only blur the status, so zero is written.
func terminating(pods []*pod) *int32 {
	var n int32
	for _, p := range pods {
		if p.deleting && !p.finished() {
			n++
		}
	}
	return &n
}

func hasLabels(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}
