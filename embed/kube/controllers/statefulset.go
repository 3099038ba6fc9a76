package controllers

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const statefulController = "statefulset-controller"

// statefulSet is a StatefulSet at work.
type statefulSet struct {
	*Controllers
	e               *entry
	s               *appsv1.StatefulSet
	current, update *appsv1.ControllerRevision
	revs            []*appsv1.ControllerRevision
	pods            map[int]*pod // by ordinal
	stray           []*pod       // beyond the wanted ordinals, highest last
	until           time.Time
}

// syncStatefulSet makes, replaces and removes pods in the order of their ordinals.
func (c *Controllers) syncStatefulSet(t task) error {
	e, s, err := find[appsv1.StatefulSet](&c.cache, t)
	if e == nil || err != nil {
		return err
	}
	w := &statefulSet{Controllers: c, e: e, s: s}
	if s.DeletionTimestamp != nil {
		return nil
	}
	if w.revs, err = c.revisions(e, "StatefulSet", s.Spec.Selector, &s.Spec.Template); err != nil {
		return err
	}
	w.update = w.revs[len(w.revs)-1]
	w.current = w.update
	for _, r := range w.revs {
		if r.Name == s.Status.CurrentRevision {
			w.current = r
		}
	}
	if err := w.collect(); err != nil {
		return err
	}
	before := c.acts
	failure := w.step()
	if failure == nil && c.acted(t, before) {
		return nil
	}
	if err := w.collect(); err != nil {
		return err
	}
	if err := w.status(); err != nil {
		return err
	}
	c.alarm(t, w.until)
	return failure
}

func (w *statefulSet) start() int {
	if w.s.Spec.Ordinals != nil {
		return int(w.s.Spec.Ordinals.Start)
	}
	return 0
}

func (w *statefulSet) end() int { return w.start() + int(wanted(w.s.Spec.Replicas)) }

// collect sorts the pods by ordinal.
func (w *statefulSet) collect() error {
	pods, err := w.claimPods(w.e, apps, "StatefulSet", w.s.Spec.Selector)
	if err != nil {
		return err
	}
	w.pods, w.stray = map[int]*pod{}, nil
	top := -1
	extra := map[int]*pod{}
	for _, p := range pods {
		i, ok := ordinal(w.e.Name, p.Name)
		switch {
		case !ok:
		case i >= w.start() && i < w.end():
			w.pods[i] = p
		default:
			extra[i] = p
			top = max(top, i)
		}
	}
	for i := 0; i <= top; i++ {
		if p := extra[i]; p != nil {
			w.stray = append(w.stray, p)
		}
	}
	return nil
}

func ordinal(set, name string) (int, bool) {
	text, ok := strings.CutPrefix(name, set+"-")
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(text)
	return i, err == nil && i >= 0
}

// good pods are ready for long enough.
func (w *statefulSet) good(p *pod) bool {
	if p == nil || !p.active() || p.phase != corev1.PodRunning {
		return false
	}
	ok, at := p.available(w.s.Spec.MinReadySeconds, w.now())
	if !ok {
		w.until = sooner(w.until, at)
	}
	return ok
}

func (w *statefulSet) parallel() bool {
	return w.s.Spec.PodManagementPolicy == appsv1.ParallelPodManagement
}

// step does what may be done now. In ordered sets that is one pod at a time.
func (w *statefulSet) step() error {
	for i := w.start(); i < w.end(); i++ {
		p := w.pods[i]
		switch {
		case p == nil:
			if err := w.create(i); err != nil {
				return err
			}
		case p.finished() && !p.deleting:
			if err := w.remove(p); err != nil { // made anew when it is gone
				return err
			}
		case w.good(p):
			continue
		}
		if !w.parallel() {
			// Ordered sets wait here, unless a pod of an old revision will never
			// become ready: that one is replaced.
			return w.unstick()
		}
	}
	for i := len(w.stray) - 1; i >= 0; i-- {
		if p := w.stray[i]; !p.deleting {
			if err := w.remove(p); err != nil {
				return err
			}
		}
		if !w.parallel() {
			return nil
		}
	}
	return w.roll()
}

// partition is the first ordinal that an update reaches.
func (w *statefulSet) partition() int {
	if u := w.s.Spec.UpdateStrategy.RollingUpdate; u != nil && u.Partition != nil {
		return int(*u.Partition)
	}
	return 0
}

// roll replaces pods of old revisions from the highest ordinal down.
func (w *statefulSet) roll() error {
	if w.s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return nil
	}
	budget := 1
	if u := w.s.Spec.UpdateStrategy.RollingUpdate; u != nil && u.MaxUnavailable != nil {
		budget = max(1, int(scaled(u.MaxUnavailable, wanted(w.s.Spec.Replicas), true)))
	}
	for i := w.end() - 1; i >= max(w.start(), w.partition()); i-- {
		p := w.pods[i]
		if p != nil && w.good(p) && p.obj.Labels[revisionHashLabel] == w.update.Name {
			continue
		}
		if p != nil && !p.deleting && p.obj.Labels[revisionHashLabel] != w.update.Name {
			if err := w.remove(p); err != nil {
				return err
			}
		}
		if budget--; budget <= 0 {
			return nil
		}
	}
	return nil
}

// unstick replaces a pod that is not ready and not of the update's revision.
func (w *statefulSet) unstick() error {
	if w.s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return nil
	}
	for i := w.end() - 1; i >= max(w.start(), w.partition()); i-- {
		p := w.pods[i]
		if p != nil && p.active() && !p.ready && p.obj.Labels[revisionHashLabel] != w.update.Name {
			return w.remove(p)
		}
	}
	return nil
}

func (w *statefulSet) remove(p *pod) error {
	uid := p.obj.UID
	err := w.api.Delete(resources[podKind], p.Namespace, p.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	w.drain()
	if err != nil && !ended(err) {
		return err
	}
	w.acts++
	w.event(statefulSetKind, w.e.obj, statefulController, corev1.EventTypeNormal, "SuccessfulDelete",
		fmt.Sprintf("delete Pod %s in StatefulSet %s successful", p.Name, w.e.Name))
	return nil
}

func (w *statefulSet) create(i int) error {
	template, revision := &w.s.Spec.Template, w.update.Name
	if i < w.partition() && w.current.Name != w.update.Name {
		old, err := templateOf(w.current)
		if err != nil {
			return fmt.Errorf("ControllerRevision %s: %w", w.current.Name, err)
		}
		template, revision = old, w.current.Name
	}
	p := podFrom(w.e, apps, "StatefulSet", template)
	p.Name = fmt.Sprintf("%s-%d", w.e.Name, i)
	if p.Labels == nil {
		p.Labels = map[string]string{}
	}
	p.Labels[revisionHashLabel] = revision
	p.Labels[appsv1.StatefulSetPodNameLabel] = p.Name
	p.Labels[appsv1.PodIndexLabel] = strconv.Itoa(i)
	p.Spec.Hostname, p.Spec.Subdomain = p.Name, w.s.Spec.ServiceName
	if err := w.claims(p); err != nil {
		return err
	}
	w.prebind(p)
	_, err := w.api.Create(resources[podKind], p)
	w.drain()
	switch {
	case err == nil:
		w.acts++
		w.event(statefulSetKind, w.e.obj, statefulController, corev1.EventTypeNormal, "SuccessfulCreate",
			fmt.Sprintf("create Pod %s in StatefulSet %s successful", p.Name, w.e.Name))
	case apierrors.IsAlreadyExists(err):
		return nil // it is terminating, or somebody else's: its removal tells
	case !ended(err):
		w.event(statefulSetKind, w.e.obj, statefulController, corev1.EventTypeWarning, "FailedCreate",
			fmt.Sprintf("create Pod %s in StatefulSet %s failed error: %v", p.Name, w.e.Name, err))
	}
	return err
}

// claims makes the pod's own PersistentVolumeClaims and mounts them.
func (w *statefulSet) claims(p *corev1.Pod) error {
	for i := range w.s.Spec.VolumeClaimTemplates {
		t := &w.s.Spec.VolumeClaimTemplates[i]
		name := t.Name + "-" + p.Name
		if w.tables[claimKind][types.NamespacedName{Namespace: p.Namespace, Name: name}] == nil {
			claim := &corev1.PersistentVolumeClaim{Spec: *t.Spec.DeepCopy()}
			claim.Namespace, claim.Name = p.Namespace, name
			claim.Labels = with(t.Labels, "", "")
			for k, v := range w.s.Spec.Selector.MatchLabels {
				claim.Labels = with(claim.Labels, k, v)
			}
			claim.Annotations = with(t.Annotations, "", "")
			if r := w.s.Spec.PersistentVolumeClaimRetentionPolicy; r != nil && r.WhenDeleted == appsv1.DeletePersistentVolumeClaimRetentionPolicyType {
				claim.OwnerReferences = []metav1.OwnerReference{{APIVersion: apps, Kind: "StatefulSet", Name: w.e.Name, UID: w.e.obj.UID}}
			}
			if _, err := w.api.Create(resources[claimKind], claim); err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
			w.event(statefulSetKind, w.e.obj, statefulController, corev1.EventTypeNormal, "SuccessfulCreate",
				fmt.Sprintf("create Claim %s Pod %s in StatefulSet %s success", name, p.Name, w.e.Name))
		}
		volume := corev1.Volume{Name: t.Name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
		}}
		replaced := false
		for j := range p.Spec.Volumes {
			if p.Spec.Volumes[j].Name == t.Name {
				p.Spec.Volumes[j], replaced = volume, true
			}
		}
		if !replaced {
			p.Spec.Volumes = append(p.Spec.Volumes, volume)
		}
	}
	w.drain()
	return nil
}
