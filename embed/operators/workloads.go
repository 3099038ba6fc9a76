package operators

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"koflab/embed/kube/store"
)

// outcome is what came of giving a custom resource its workloads.
type outcome struct {
	ready    bool
	waits    string // for what, when not ready
	err      error  // of the custom resource itself
	replicas int64  // pods wanted and ready, over all workloads
	serving  int64
}

// workloads gives a custom resource the children that build returns, unless
// nothing they come from has changed, and tells how they are. inputs is a digest
// of what build reads besides the object.
func (r *Operators) workloads(k key, o *store.Object, inputs uint64, build func() ([]child, error)) (outcome, error) {
	m := r.memo(k)
	if !m.built || m.generation != o.Generation || m.inputs != inputs || o.Generation == 0 || !r.intact(m) {
		children, err := build()
		if err != nil {
			m.built = false
			return outcome{err: err}, nil
		}
		if err := r.ensure(k, o, children); err != nil {
			m.built = false
			var wrong invalid
			if errors.As(err, &wrong) {
				return outcome{err: err}, nil
			}
			if !apierrors.IsConflict(err) { // that is looked at again at once
				r.warn(k, o, "ReconcileError", err.Error())
			}
			return outcome{}, err
		}
		m.built, m.generation, m.inputs = true, o.Generation, inputs
	}
	return r.inspect(m), nil
}

// inspect tells whether all workloads among the children run as they should.
func (r *Operators) inspect(m *memo) outcome {
	out := outcome{ready: true}
	for _, c := range m.children {
		if c.gr != deployments && c.gr != statefulSets && c.gr != daemonSets {
			continue
		}
		w, err := r.workload(c.ref)
		if err != nil {
			return outcome{waits: err.Error()}
		}
		out.replicas += w.wanted
		out.serving += w.ready
		if !w.settled && out.ready {
			out.ready = false
			out.waits = fmt.Sprintf("%s %s: %d of %d pods ready", c.gr.Resource, c.name, w.ready, w.wanted)
		}
	}
	return out
}

type workloadState struct {
	wanted, ready int64
	settled       bool
}

func (r *Operators) workload(at ref) (workloadState, error) {
	o, err := r.api.Get(at.gr, at.namespace, at.name)
	if err != nil {
		return workloadState{}, err
	}
	var w struct {
		Spec struct {
			Replicas *int64 `json:"replicas"`
		} `json:"spec"`
		Status struct {
			ObservedGeneration     int64 `json:"observedGeneration"`
			UpdatedReplicas        int64 `json:"updatedReplicas"`
			ReadyReplicas          int64 `json:"readyReplicas"`
			DesiredNumberScheduled int64 `json:"desiredNumberScheduled"`
			UpdatedNumberScheduled int64 `json:"updatedNumberScheduled"`
			NumberReady            int64 `json:"numberReady"`
		} `json:"status"`
	}
	if err := o.Into(&w); err != nil {
		return workloadState{}, err
	}
	s := workloadState{deref(w.Spec.Replicas, 1), w.Status.ReadyReplicas, false}
	updated := w.Status.UpdatedReplicas
	if at.gr == daemonSets {
		s.wanted, s.ready, updated = w.Status.DesiredNumberScheduled, w.Status.NumberReady, w.Status.UpdatedNumberScheduled
	}
	s.settled = w.Status.ObservedGeneration >= o.Generation && updated >= s.wanted && s.ready >= s.wanted
	return s, nil
}
