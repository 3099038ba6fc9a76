package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// scale sets a ReplicaSet's size and the size of the Deployment it was made for.
func (w *deployment) scale(g *generation, size int32) error {
	from := wanted(g.rs.Spec.Replicas)
	rs := *g.rs
	rs.Spec.Replicas = &size
	rs.Annotations = with(rs.Annotations, "", "")
	w.annotateSize(&rs)
	if g == w.fresh {
		rs.Spec.MinReadySeconds = w.d.Spec.MinReadySeconds
	}
	if size == from && rs.Spec.MinReadySeconds == g.rs.Spec.MinReadySeconds && sameLabels(rs.Annotations, g.rs.Annotations) {
		return nil
	}
	if err := w.updateSet(g, &rs); err != nil {
		return err
	}
	if size != from {
		w.scaled(g.e.Name, from, size)
	}
	return nil
}

func (w *deployment) annotateSize(rs *appsv1.ReplicaSet) {
	if rs.Annotations == nil {
		rs.Annotations = map[string]string{}
	}
	replicas := wanted(w.d.Spec.Replicas)
	rs.Annotations[desiredAnnotation] = strconv.Itoa(int(replicas))
	rs.Annotations[maxAnnotation] = strconv.Itoa(int(replicas + w.bounds().surge))
}

func (w *deployment) scaled(name string, from, to int32) {
	verb := "up"
	if to < from {
		verb = "down"
	}
	w.event(deploymentKind, w.e.obj, deploymentController, corev1.EventTypeNormal, "ScalingReplicaSet",
		fmt.Sprintf("Scaled %s replica set %s from %d to %d", verb, name, from, to))
}

// updateSet writes a ReplicaSet and has it looked at.
func (w *deployment) updateSet(g *generation, rs *appsv1.ReplicaSet) error {
	o, err := w.api.Update(resources[replicaSetKind], rs, "")
	if err != nil {
		return err
	}
	w.acts++
	w.adopt(g.e, o, rs, &rs.ObjectMeta)
	g.rs = rs
	w.queue.add(g.e.task)
	return nil
}

// prune removes ReplicaSets beyond the history that is to be kept.
func (w *deployment) prune() error {
	keep := int32(10)
	if w.d.Spec.RevisionHistoryLimit != nil {
		keep = *w.d.Spec.RevisionHistoryLimit
	}
	if int(keep) >= len(w.old) || !w.complete() {
		return nil
	}
	old := slices.Clone(w.old)
	slices.SortStableFunc(old, func(a, b generation) int { return cmp.Compare(a.revision(), b.revision()) })
	for _, g := range old[:len(old)-int(keep)] {
		if wanted(g.rs.Spec.Replicas) > 0 || g.rs.Status.Replicas > 0 || g.rs.DeletionTimestamp != nil ||
			g.rs.Generation > g.rs.Status.ObservedGeneration {
			continue
		}
		uid := g.e.obj.UID
		background := metav1.DeletePropagationBackground
		err := w.api.Delete(resources[replicaSetKind], g.e.Namespace, g.e.Name, metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &background,
		})
		w.drain()
		if err != nil && !ended(err) {
			return err
		}
	}
	return nil
}

// complete tells that all pods are of the present template and available.
func (w *deployment) complete() bool {
	if w.fresh == nil {
		return false
	}
	replicas := wanted(w.d.Spec.Replicas)
	s := &w.fresh.rs.Status
	if s.Replicas != replicas || s.AvailableReplicas != replicas || s.ObservedGeneration < w.fresh.rs.Generation {
		return false
	}
	for _, g := range w.old {
		if g.rs.Status.Replicas > 0 {
			return false
		}
	}
	return true
}
