package controllers

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
)

func (w *daemonSet) good(p *pod) bool {
	ok, at := p.available(w.s.Spec.MinReadySeconds, w.now())
	if !ok {
		w.until = sooner(w.until, at)
	}
	return ok
}

func (w *daemonSet) status() error {
	s := appsv1.DaemonSetStatus{
		ObservedGeneration: w.s.Generation, CollisionCount: w.s.Status.CollisionCount, Conditions: w.s.Status.Conditions,
		DesiredNumberScheduled: int32(len(w.wanted)),
	}
	used := map[string]bool{w.revs[len(w.revs)-1].Name: true}
	admitted := map[string]bool{}
	for _, n := range w.wanted {
		admitted[n.Name] = true
		pods := slices.DeleteFunc(slices.Clone(w.byNode[n.Name]), func(p *pod) bool { return !p.active() })
		if len(pods) == 0 {
			continue
		}
		s.CurrentNumberScheduled++
		newest := pods[0]
		ready, available := false, false
		for _, p := range pods {
			if p.obj.Labels[revisionHashLabel] == w.hash {
				newest = p
			}
			ready = ready || p.ready
			available = available || w.good(p)
		}
		if ready {
			s.NumberReady++
		}
		if available {
			s.NumberAvailable++
		}
		if newest.obj.Labels[revisionHashLabel] == w.hash {
			s.UpdatedNumberScheduled++
		}
	}
	for _, p := range w.pods {
		used[w.e.Name+"-"+p.obj.Labels[revisionHashLabel]] = true
		if p.active() && p.node != "" && !admitted[p.node] {
			s.NumberMisscheduled++
		}
	}
	s.NumberUnavailable = s.DesiredNumberScheduled - s.NumberAvailable
	if !equal(&s, &w.s.Status) {
		n := *w.s
		n.Status = s
		o, err := w.api.Update(resources[daemonSetKind], &n, "status")
		if err != nil {
			return err
		}
		w.adopt(w.e, o, &n, &n.ObjectMeta)
	}
	return w.pruneRevisions(w.e, w.revs, used, w.s.Spec.RevisionHistoryLimit)
}
