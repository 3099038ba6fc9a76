package controllers

import (
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// status sums the pods up and, when an update is complete, makes its revision
// the current one.
func (w *statefulSet) status() error {
	s := appsv1.StatefulSetStatus{
		ObservedGeneration: w.s.Generation, CollisionCount: w.s.Status.CollisionCount, Conditions: w.s.Status.Conditions,
		CurrentRevision: w.current.Name, UpdateRevision: w.update.Name,
	}
	used := map[string]bool{w.current.Name: true, w.update.Name: true}
	count := func(p *pod) {
		if p.finished() {
			return
		}
		s.Replicas++
		if p.ready {
			s.ReadyReplicas++
		}
		if w.good(p) {
			s.AvailableReplicas++
		}
		revision := p.obj.Labels[revisionHashLabel]
		used[revision] = true
		if p.deleting {
			return
		}
		if revision == w.update.Name {
			s.UpdatedReplicas++
		}
		if revision == w.current.Name {
			s.CurrentReplicas++
		}
	}
	for _, p := range w.pods {
		count(p)
	}
	for _, p := range w.stray {
		count(p)
	}
	replicas := wanted(w.s.Spec.Replicas)
	onDelete := w.s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType
	if s.UpdatedReplicas == replicas && s.Replicas == replicas && (s.ReadyReplicas == replicas || onDelete) {
		s.CurrentRevision, s.CurrentReplicas = s.UpdateRevision, s.UpdatedReplicas
	}
	if !equal(&s, &w.s.Status) {
		n := *w.s
		n.Status = s
		o, err := w.api.Update(resources[statefulSetKind], &n, "status")
		if err != nil {
			return err
		}
		w.adopt(w.e, o, &n, &n.ObjectMeta)
	}
	if err := w.retire(); err != nil {
		return err
	}
	return w.pruneRevisions(w.e, w.revs, used, w.s.Spec.RevisionHistoryLimit)
}

// retire deletes the claims of ordinals that were scaled away, if the set says so.
func (w *statefulSet) retire() error {
	r := w.s.Spec.PersistentVolumeClaimRetentionPolicy
	if r == nil || r.WhenScaled != appsv1.DeletePersistentVolumeClaimRetentionPolicyType {
		return nil
	}
	for i := range w.s.Spec.VolumeClaimTemplates {
		prefix := w.s.Spec.VolumeClaimTemplates[i].Name + "-" + w.e.Name
		for name, e := range w.tables[claimKind] {
			n, ok := ordinal(prefix, name.Name)
			if name.Namespace != w.e.Namespace || !ok || n < w.end() || e.obj.Deleting {
				continue
			}
			if w.cache.pods[types.NamespacedName{Namespace: name.Namespace, Name: name.Name[len(w.s.Spec.VolumeClaimTemplates[i].Name)+1:]}] != nil {
				continue // its pod is still there
			}
			if err := w.api.Delete(resources[claimKind], name.Namespace, name.Name, metav1.DeleteOptions{}); err != nil && !ended(err) {
				return err
			}
		}
	}
	return nil
}
