package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Annotations by which kubectl rollout and the controllers understand each other.
const (
	revisionAnnotation = "deployment.kubernetes.io/revision"
	historyAnnotation  = "deployment.kubernetes.io/revision-history"
	desiredAnnotation  = "deployment.kubernetes.io/desired-replicas"
	maxAnnotation      = "deployment.kubernetes.io/max-replicas"
)

const deploymentController = "deployment-controller"

// generation is a ReplicaSet of a Deployment.
type generation struct {
	e  *entry
	rs *appsv1.ReplicaSet
}

func (g generation) revision() int64 {
	v, err := strconv.ParseInt(g.rs.Annotations[revisionAnnotation], 10, 64)
	if err != nil {
		return 0
	}
	return v
}

func (g generation) group() replicaGroup {
	return replicaGroup{g.e.Name, wanted(g.rs.Spec.Replicas), g.rs.Status.AvailableReplicas, g.rs.CreationTimestamp.UnixNano()}
}

// deployment is a Deployment at work.
type deployment struct {
	*Controllers
	e     *entry
	d     *appsv1.Deployment
	fresh *generation // of the present template; nil before it is made
	old   []generation
}

// syncDeployment rolls a Deployment's ReplicaSets towards its template.
func (c *Controllers) syncDeployment(t task) error {
	e, d, err := find[appsv1.Deployment](&c.cache, t)
	if e == nil || err != nil {
		return err
	}
	w := &deployment{Controllers: c, e: e, d: d}
	if err := w.find(); err != nil {
		return err
	}
	if d.DeletionTimestamp != nil {
		return w.status(nil)
	}
	before := c.acts
	failure := w.step()
	if failure == nil && c.acted(t, before) {
		return nil
	}
	if err := w.status(failure); err != nil {
		return err
	}
	return failure
}

// find sorts the Deployment's ReplicaSets into the one of the present template
// and those of former ones, oldest first.
func (w *deployment) find() error {
	sel, err := metav1.LabelSelectorAsSelector(w.d.Spec.Selector)
	if err != nil {
		return err
	}
	if err := w.adoptSets(sel); err != nil {
		return err
	}
	want := string(templateJSON(&w.d.Spec.Template))
	for _, e := range w.owned(w.e.obj.UID, replicaSetKind) {
		rs, err := read[appsv1.ReplicaSet](&w.cache, e)
		if err != nil {
			return err
		}
		g := generation{e, rs}
		if w.fresh == nil && rs.DeletionTimestamp == nil && string(templateJSON(&rs.Spec.Template)) == want {
			w.fresh = &g
			continue
		}
		w.old = append(w.old, g)
	}
	slices.SortStableFunc(w.old, func(a, b generation) int {
		return cmp.Or(a.rs.CreationTimestamp.Compare(b.rs.CreationTimestamp.Time), cmp.Compare(a.revision(), b.revision()))
	})
	return nil
}

// adoptSets takes over ReplicaSets without controller that the selector matches:
// they were left behind when a Deployment was deleted without its dependents.
func (w *deployment) adoptSets(sel labels.Selector) error {
	var wanted []*entry
	for name, e := range w.tables[replicaSetKind] {
		if name.Namespace == w.e.Namespace && e.owner == "" && !e.obj.Deleting && sel.Matches(labels.Set(e.obj.Labels)) {
			wanted = append(wanted, e)
		}
	}
	if len(wanted) == 0 || !w.mayAdopt(w.e) {
		return nil
	}
	byName(wanted)
	for _, e := range wanted {
		rs := new(appsv1.ReplicaSet)
		if err := e.obj.Into(rs); err != nil {
			return err
		}
		rs.OwnerReferences = append(rs.OwnerReferences, ownerRef(apps, "Deployment", w.e.Name, w.e.obj.UID)...)
		if _, err := w.api.Update(resources[replicaSetKind], rs, ""); err != nil {
			return err
		}
		w.drain()
	}
	return nil
}

func (w *deployment) step() error {
	if w.d.Spec.Paused {
		return w.spread()
	}
	if err := w.ensureFresh(); err != nil || w.fresh == nil {
		return err
	}
	if w.scaling() {
		return w.spread()
	}
	if w.d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		if err := w.recreate(); err != nil {
			return err
		}
	} else if err := w.roll(); err != nil {
		return err
	}
	return w.prune()
}

// bounds are the rolling update's; Recreate neither exceeds nor keeps any.
func (w *deployment) bounds() bounds {
	s := w.d.Spec.Strategy
	if s.Type == appsv1.RecreateDeploymentStrategyType {
		return bounds{}
	}
	quarter := intstr.FromString("25%")
	surge, unavailable := &quarter, &quarter
	if u := s.RollingUpdate; u != nil {
		surge, unavailable = u.MaxSurge, u.MaxUnavailable
	}
	return rollingBounds(surge, unavailable, wanted(w.d.Spec.Replicas))
}

// ensureFresh makes the ReplicaSet of the present template and numbers it.
func (w *deployment) ensureFresh() error {
	var last int64
	for _, g := range w.old {
		last = max(last, g.revision())
	}
	if w.fresh == nil {
		if err := w.createFresh(last + 1); err != nil || w.fresh == nil {
			return err
		}
	} else if r := w.fresh.revision(); r <= last {
		// An old template is back (rollout undo): its ReplicaSet gets a new number.
		rs := w.fresh.rs.DeepCopy()
		if rs.Annotations == nil {
			rs.Annotations = map[string]string{}
		}
		if r > 0 {
			history := strconv.FormatInt(r, 10)
			if h := rs.Annotations[historyAnnotation]; h != "" {
				history = h + "," + history
			}
			rs.Annotations[historyAnnotation] = history
		}
		rs.Annotations[revisionAnnotation] = strconv.FormatInt(last+1, 10)
		if err := w.updateSet(w.fresh, rs); err != nil {
			return err
		}
	}
	if number := w.fresh.rs.Annotations[revisionAnnotation]; w.d.Annotations[revisionAnnotation] != number {
		d := *w.d
		d.Annotations = with(d.Annotations, revisionAnnotation, number)
		o, err := w.api.Update(resources[deploymentKind], &d, "")
		if err != nil {
			return err
		}
		w.adopt(w.e, o, &d, &d.ObjectMeta)
		w.d = &d
	}
	return nil
}

func (w *deployment) createFresh(revision int64) error {
	hash := podTemplateHash(&w.d.Spec.Template, w.d.Status.CollisionCount)
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.e.Namespace, Name: w.e.Name + "-" + hash,
			Labels:          with(w.d.Spec.Template.Labels, podTemplateHashLabel, hash),
			Annotations:     with(w.d.Annotations, revisionAnnotation, strconv.FormatInt(revision, 10), corev1.LastAppliedConfigAnnotation, historyAnnotation),
			OwnerReferences: ownerRef(apps, "Deployment", w.e.Name, w.e.obj.UID),
		},
		Spec: appsv1.ReplicaSetSpec{
			MinReadySeconds: w.d.Spec.MinReadySeconds,
			Selector:        w.d.Spec.Selector.DeepCopy(),
			Template:        *w.d.Spec.Template.DeepCopy(),
		},
	}
	if rs.Spec.Selector.MatchLabels == nil {
		rs.Spec.Selector.MatchLabels = map[string]string{}
	}
	rs.Spec.Selector.MatchLabels[podTemplateHashLabel] = hash
	rs.Spec.Template.Labels = with(w.d.Spec.Template.Labels, podTemplateHashLabel, hash)
	size := w.freshSize(replicaGroup{})
	rs.Spec.Replicas = &size
	w.annotateSize(rs)
	o, err := w.api.Create(resources[replicaSetKind], rs)
	w.drain()
	if apierrors.IsAlreadyExists(err) {
		// The name belongs to a different template (or to nobody): look elsewhere.
		d := *w.d
		d.Status.CollisionCount = new(int32)
		if w.d.Status.CollisionCount != nil {
			*d.Status.CollisionCount = *w.d.Status.CollisionCount
		}
		*d.Status.CollisionCount++
		if _, err := w.api.Update(resources[deploymentKind], &d, "status"); err != nil {
			return err
		}
		return nil // the change brings us back
	}
	if err != nil {
		w.event(deploymentKind, w.e.obj, deploymentController, corev1.EventTypeWarning, "ReplicaSetCreateError",
			fmt.Sprintf("Failed to create new replica set %q: %v", rs.Name, err))
		return err
	}
	e := w.tables[replicaSetKind][types.NamespacedName{Namespace: o.Namespace, Name: o.Name}]
	if e == nil {
		return nil
	}
	created, err := read[appsv1.ReplicaSet](&w.cache, e)
	if err != nil {
		return err
	}
	w.acts++
	w.fresh = &generation{e, created}
	if size > 0 {
		w.scaled(rs.Name, 0, size)
	}
	return nil
}

func (w *deployment) freshSize(fresh replicaGroup) int32 {
	replicas := wanted(w.d.Spec.Replicas)
	if w.d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		for _, g := range w.old {
			if wanted(g.rs.Spec.Replicas) > 0 || len(w.podsOf[g.e.obj.UID]) > 0 {
				return fresh.replicas
			}
		}
		return replicas
	}
	return growNew(replicas, w.bounds(), fresh, w.groups())
}

func (w *deployment) groups() []replicaGroup {
	out := make([]replicaGroup, len(w.old))
	for i, g := range w.old {
		out[i] = g.group()
	}
	return out
}

// roll moves pods from the old ReplicaSets to the new one within the bounds.
func (w *deployment) roll() error {
	if err := w.scale(w.fresh, w.freshSize(w.fresh.group())); err != nil {
		return err
	}
	sizes := shrinkOld(wanted(w.d.Spec.Replicas), w.bounds(), w.fresh.group(), w.groups())
	for i := range w.old {
		if err := w.scale(&w.old[i], sizes[i]); err != nil {
			return err
		}
	}
	return nil
}

// recreate empties the old ReplicaSets before it fills the new one.
func (w *deployment) recreate() error {
	for i := range w.old {
		if err := w.scale(&w.old[i], 0); err != nil {
			return err
		}
	}
	return w.scale(w.fresh, w.freshSize(w.fresh.group()))
}
