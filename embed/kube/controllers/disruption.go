package controllers

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// disruptionTimeout is how long an announced eviction may take to become a deletion.
const disruptionTimeout = 2 * time.Minute

// syncBudget counts how many pods of a PodDisruptionBudget may be evicted now.
func (c *Controllers) syncBudget(t task) error {
	e, b, err := find[policyv1.PodDisruptionBudget](&c.cache, t)
	if e == nil || err != nil || b.DeletionTimestamp != nil {
		return err
	}
	sel, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil {
		return err
	}
	now := c.now()
	s := policyv1.PodDisruptionBudgetStatus{
		ObservedGeneration: b.Generation, DisruptedPods: map[string]metav1.Time{}, Conditions: b.DeepCopy().Status.Conditions,
	}
	owners := map[types.UID]bool{}
	for p := range c.podsIn[t.Namespace] {
		if p.finished() || !sel.Matches(labels.Set(p.obj.Labels)) {
			continue
		}
		if p.owner == "" {
			s.ExpectedPods++
		} else if !owners[p.owner] {
			owners[p.owner] = true
			s.ExpectedPods += c.sizeOf(p)
		}
		if at, ok := b.Status.DisruptedPods[p.Name]; ok && !p.deleting && at.Add(disruptionTimeout).After(now) {
			s.DisruptedPods[p.Name] = at
			c.alarm(t, at.Add(disruptionTimeout))
			continue
		}
		if p.ready && !p.deleting {
			s.CurrentHealthy++
		}
	}
	if len(s.DisruptedPods) == 0 {
		s.DisruptedPods = nil
	}
	switch {
	case b.Spec.MaxUnavailable != nil:
		s.DesiredHealthy = max(0, s.ExpectedPods-scaled(b.Spec.MaxUnavailable, s.ExpectedPods, true))
	case b.Spec.MinAvailable != nil:
		s.DesiredHealthy = scaled(b.Spec.MinAvailable, s.ExpectedPods, true)
	default:
		s.DesiredHealthy = min(1, s.ExpectedPods)
	}
	if s.ExpectedPods > 0 {
		s.DisruptionsAllowed = max(0, s.CurrentHealthy-s.DesiredHealthy)
	}
	status, reason := metav1.ConditionFalse, policyv1.InsufficientPodsReason
	if s.DisruptionsAllowed > 0 {
		status, reason = metav1.ConditionTrue, policyv1.SufficientPodsReason
	}
	setMetaCondition(&s.Conditions, metav1.Condition{
		Type: policyv1.DisruptionAllowedCondition, Status: status, Reason: reason,
		ObservedGeneration: b.Generation, LastTransitionTime: metav1.NewTime(now),
	})
	if equal(&s, &b.Status) {
		return nil
	}
	n := *b
	n.Status = s
	o, err := c.api.Update(resources[pdbKind], &n, "status")
	if err != nil {
		return err
	}
	c.adopt(e, o, &n, &n.ObjectMeta)
	return nil
}

// sizeOf is how many pods the owner of p wants.
func (c *Controllers) sizeOf(p *pod) int32 {
	e := c.tables[p.ownerTask.kind][p.ownerTask.NamespacedName]
	if e == nil {
		return 1
	}
	switch p.ownerTask.kind {
	case replicaSetKind:
		if rs, err := read[appsv1.ReplicaSet](&c.cache, e); err == nil {
			return wanted(rs.Spec.Replicas)
		}
	case statefulSetKind:
		if s, err := read[appsv1.StatefulSet](&c.cache, e); err == nil {
			return wanted(s.Spec.Replicas)
		}
	}
	return int32(len(c.podsOf[p.owner]))
}

func setMetaCondition(list *[]metav1.Condition, want metav1.Condition) {
	for i := range *list {
		if have := &(*list)[i]; have.Type == want.Type {
			if have.Status == want.Status {
				want.LastTransitionTime = have.LastTransitionTime
			}
			*have = want
			return
		}
	}
	*list = append(*list, want)
}
