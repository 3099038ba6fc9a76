package kube

import (
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"koflab/embed/kube/store"
)

// delete removes an object or begins to. It returns the object's last version
// and whether it is gone. The lock is held.
func (s *Server) delete(r *resource, ns, name string, o *metav1.DeleteOptions) (*store.Object, bool, error) {
	if s.closed {
		return nil, false, apierrors.NewServiceUnavailable("the API server has been closed")
	}
	r = r.base()
	cur := s.st.Get(r.gr(), ns, name)
	if cur == nil {
		return nil, false, apierrors.NewNotFound(r.gr(), name)
	}
	if p := o.Preconditions; p != nil {
		if p.UID != nil && *p.UID != cur.UID {
			return nil, false, apierrors.NewConflict(r.gr(), name, errUID{*p.UID, cur.UID})
		}
		if have := strconv.FormatUint(cur.RV, 10); p.ResourceVersion != nil && *p.ResourceVersion != have {
			return nil, false, apierrors.NewConflict(r.gr(), name, errPreconditionRV{*p.ResourceVersion, have})
		}
	}
	obj, err := r.load(cur)
	if err != nil {
		return nil, false, apierrors.NewInternalError(err)
	}
	if r.gr() == namespacesGR {
		return s.deleteNamespace(r, cur, obj, o)
	}
	if isDryRun(o.DryRun) {
		return cur, true, nil
	}
	m := metaOf(obj)
	if pod, ok := obj.(*corev1.Pod); ok && s.graceful(pod, o) {
		last, err := s.put(r, obj, cur)
		return last, false, err
	}
	if m.GetDeletionTimestamp() != nil {
		zero := int64(0) // the grace is over; only finalizers can still hold it
		m.SetDeletionGracePeriodSeconds(&zero)
	}
	policy := propagation(r, m, o)
	// A deletion that waits for dependents has told them already.
	waits := m.GetDeletionTimestamp() != nil && slices.Contains(m.GetFinalizers(), metav1.FinalizerDeleteDependents)
	switch policy {
	case metav1.DeletePropagationOrphan:
		s.orphan(cur)
		m.SetFinalizers(without(m.GetFinalizers(), metav1.FinalizerOrphanDependents))
	case metav1.DeletePropagationForeground:
		if len(s.st.Owned(cur.UID)) > 0 && !slices.Contains(m.GetFinalizers(), metav1.FinalizerDeleteDependents) {
			m.SetFinalizers(append(m.GetFinalizers(), metav1.FinalizerDeleteDependents))
		}
	}
	if r.gr() == crdsGR && s.st.Len(crdResource(obj)) > 0 {
		// Its objects go first.
		if !slices.Contains(m.GetFinalizers(), crdCleanup) {
			m.SetFinalizers(append(m.GetFinalizers(), crdCleanup))
		}
	}
	if len(m.GetFinalizers()) == 0 {
		last, err := r.snapshot(obj, s.st.Next())
		if err != nil {
			return nil, false, apierrors.NewInternalError(err)
		}
		s.remove(r, last, obj)
		return last, true, nil
	}
	if m.GetDeletionTimestamp() == nil {
		s.markDeleted(m, 0)
	}
	last, err := s.put(r, obj, cur)
	if err != nil {
		return nil, false, err
	}
	if policy == metav1.DeletePropagationForeground && !waits {
		for _, dep := range s.st.Owned(cur.UID) {
			s.collect(dep, metav1.DeletePropagationForeground)
		}
		s.settleOwner(cur.UID)
	}
	if r.gr() == crdsGR {
		s.deleteInstances(obj)
	}
	return last, s.st.ByUID(cur.UID) == nil, nil
}

type errPreconditionRV struct{ want, have string }

func (e errPreconditionRV) Error() string {
	return "Precondition failed: ResourceVersion in precondition: " + e.want + ", ResourceVersion in object meta: " + e.have
}

func isDryRun(d []string) bool { return slices.Contains(d, metav1.DryRunAll) }

// graceful starts or shortens the grace period of a pod; false says that the
// pod may go at once.
func (s *Server) graceful(pod *corev1.Pod, o *metav1.DeleteOptions) bool {
	grace := int64(30)
	if pod.Spec.TerminationGracePeriodSeconds != nil {
		grace = *pod.Spec.TerminationGracePeriodSeconds
	}
	if pod.DeletionGracePeriodSeconds != nil {
		grace = *pod.DeletionGracePeriodSeconds
	}
	if o.GracePeriodSeconds != nil {
		grace = *o.GracePeriodSeconds
	}
	if grace < 0 {
		grace = 1
	}
	if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		grace = 0
	}
	if grace == 0 {
		return false
	}
	if pod.DeletionTimestamp != nil {
		// It may only become shorter.
		if old := pod.DeletionGracePeriodSeconds; old == nil || grace >= *old {
			return true
		}
		begun := pod.DeletionTimestamp.Add(-time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second)
		pod.DeletionTimestamp = &metav1.Time{Time: begun.Add(time.Duration(grace) * time.Second)}
		pod.DeletionGracePeriodSeconds = &grace
		return true
	}
	s.markDeleted(pod, grace)
	return true
}

func (s *Server) markDeleted(m metav1.Object, grace int64) {
	t := metav1.Time{Time: s.o.Now().UTC().Add(time.Duration(grace) * time.Second)}.Rfc3339Copy()
	m.SetDeletionTimestamp(&t)
	m.SetDeletionGracePeriodSeconds(&grace)
	if g := m.GetGeneration(); g > 0 {
		m.SetGeneration(g + 1)
	}
}

// propagation decides what becomes of the objects that an object owns.
func propagation(r *resource, m metav1.Object, o *metav1.DeleteOptions) metav1.DeletionPropagation {
	switch {
	case o.PropagationPolicy != nil:
		return *o.PropagationPolicy
	case o.OrphanDependents != nil && *o.OrphanDependents: //nolint:staticcheck // old clients still send it
		return metav1.DeletePropagationOrphan
	case o.OrphanDependents != nil: //nolint:staticcheck // as above
		return metav1.DeletePropagationBackground
	case slices.Contains(m.GetFinalizers(), metav1.FinalizerOrphanDependents):
		return metav1.DeletePropagationOrphan
	case slices.Contains(m.GetFinalizers(), metav1.FinalizerDeleteDependents):
		return metav1.DeletePropagationForeground
	case orphansByDefault(r.gr()):
		return metav1.DeletePropagationOrphan
	}
	return metav1.DeletePropagationBackground
}

// orphansByDefault are the kinds that keep their pods for backward compatibility.
func orphansByDefault(gr schema.GroupResource) bool {
	return gr == schema.GroupResource{Group: "batch", Resource: "jobs"} || gr == schema.GroupResource{Resource: "replicationcontrollers"}
}

// removable tells whether a deleted object has nothing left to wait for.
func removable(m metav1.Object) bool {
	g := m.GetDeletionGracePeriodSeconds()
	return len(m.GetFinalizers()) == 0 && (g == nil || *g == 0)
}

// put stores a changed object without validation: the server's own changes.
func (s *Server) put(r *resource, obj runtime.Object, cur *store.Object) (*store.Object, error) {
	o, err := r.snapshot(obj, cur.RV)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if o.Same(cur) {
		return cur, nil
	}
	if o, err = r.snapshot(obj, s.st.Next()); err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	s.notify(s.st.Put(o))
	return o, nil
}

func without(list []string, x string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == x })
}
