package controllers

import (
	"strconv"
)

// scaling tells that the Deployment's size has changed in mid-rollout: the
// ReplicaSets remember the size they were made for.
func (w *deployment) scaling() bool {
	for _, g := range w.all() {
		if wanted(g.rs.Spec.Replicas) == 0 {
			continue
		}
		desired, err := strconv.ParseInt(g.rs.Annotations[desiredAnnotation], 10, 32)
		if err == nil && int32(desired) != wanted(w.d.Spec.Replicas) {
			return true
		}
	}
	return false
}

func (w *deployment) all() []*generation {
	out := make([]*generation, 0, len(w.old)+1)
	for i := range w.old {
		out = append(out, &w.old[i])
	}
	if w.fresh != nil {
		out = append(out, w.fresh)
	}
	return out
}

// spread scales the ReplicaSets in proportion, without rolling anything.
func (w *deployment) spread() error {
	replicas := wanted(w.d.Spec.Replicas)
	var live []*generation
	for _, g := range w.all() {
		if wanted(g.rs.Spec.Replicas) > 0 {
			live = append(live, g)
		}
	}
	switch len(live) {
	case 0:
		if w.fresh != nil && !w.d.Spec.Paused {
			return w.scale(w.fresh, replicas)
		}
		if len(w.all()) > 0 && replicas > 0 { // paused and scaled up from zero
			all := w.all()
			return w.scale(all[len(all)-1], replicas)
		}
		return nil
	case 1:
		return w.scale(live[0], replicas)
	}
	groups := make([]replicaGroup, len(live))
	var total int32
	for i, g := range live {
		groups[i] = g.group()
		total += groups[i].replicas
	}
	allowed := replicas
	if replicas > 0 {
		allowed += w.bounds().surge
	}
	sizes := proportional(groups, allowed)
	for i, g := range live {
		if err := w.scale(g, sizes[i]); err != nil {
			return err
		}
	}
	return nil
}
