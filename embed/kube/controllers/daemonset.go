package controllers

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const daemonController = "daemonset-controller"

// daemonTolerations are what every daemon's pod tolerates beside what it says.
var daemonTolerations = []corev1.Toleration{
	{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute},
	{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute},
	{Key: corev1.TaintNodeDiskPressure, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
	{Key: corev1.TaintNodeMemoryPressure, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
	{Key: corev1.TaintNodePIDPressure, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
	{Key: corev1.TaintNodeUnschedulable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
}

// daemonPod makes the pod of a DaemonSet for a node.
func daemonPod(e *entry, t *corev1.PodTemplateSpec, node string) *corev1.Pod {
	p := podFrom(e, apps, "DaemonSet", t)
	p.Spec.Tolerations = append(p.Spec.Tolerations, daemonTolerations...)
	if p.Spec.HostNetwork {
		p.Spec.Tolerations = append(p.Spec.Tolerations, corev1.Toleration{
			Key: corev1.TaintNodeNetworkUnavailable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule,
		})
	}
	term := corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{
		Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{node},
	}}}
	a := p.Spec.Affinity
	if a == nil {
		a = &corev1.Affinity{}
		p.Spec.Affinity = a
	}
	if a.NodeAffinity == nil {
		a.NodeAffinity = &corev1.NodeAffinity{}
	}
	if r := a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution; r != nil && len(r.NodeSelectorTerms) > 0 {
		for i := range r.NodeSelectorTerms {
			r.NodeSelectorTerms[i].MatchFields = term.MatchFields
		}
	} else {
		a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}}
	}
	return p
}

// targetOf is the node that a daemon's pod is meant for.
func targetOf(p *corev1.Pod) string {
	a := p.Spec.Affinity
	if p.Spec.NodeName != "" || a == nil || a.NodeAffinity == nil || a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return p.Spec.NodeName
	}
	for _, t := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, f := range t.MatchFields {
			if f.Key == metav1.ObjectNameField && len(f.Values) == 1 {
				return f.Values[0]
			}
		}
	}
	return ""
}

// daemonSet is a DaemonSet at work.
type daemonSet struct {
	*Controllers
	e      *entry
	s      *appsv1.DaemonSet
	revs   []*appsv1.ControllerRevision
	hash   string
	pods   []*pod
	byNode map[string][]*pod
	wanted []*node // that are to have a pod
	until  time.Time
}

// syncDaemonSet keeps one pod on every node that the template admits.
func (c *Controllers) syncDaemonSet(t task) error {
	e, s, err := find[appsv1.DaemonSet](&c.cache, t)
	if e == nil || err != nil {
		return err
	}
	if s.DeletionTimestamp != nil {
		return nil
	}
	w := &daemonSet{Controllers: c, e: e, s: s, hash: revisionHash(&s.Spec.Template)}
	if w.revs, err = c.revisions(e, "DaemonSet", s.Spec.Selector, &s.Spec.Template); err != nil {
		return err
	}
	if err := w.collect(); err != nil {
		return err
	}
	before := c.acts
	failure := w.place()
	if failure == nil {
		failure = w.roll()
	}
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

func (w *daemonSet) collect() error {
	pods, err := w.claimPods(w.e, apps, "DaemonSet", w.s.Spec.Selector)
	if err != nil {
		return err
	}
	w.pods, w.byNode, w.wanted = pods, map[string][]*pod{}, nil
	for _, p := range pods {
		name := p.node
		if name == "" {
			spec, err := w.podSpec(p)
			if err != nil {
				return err
			}
			name = targetOf(spec)
		}
		w.byNode[name] = append(w.byNode[name], p)
	}
	for _, n := range w.sortedNodes() {
		if w.admits(n) {
			w.wanted = append(w.wanted, n)
		}
	}
	return nil
}

// admits tells whether the template's selector, affinity and tolerations let a pod onto n.
func (w *daemonSet) admits(n *node) bool {
	probe := daemonPod(w.e, &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		NodeSelector: w.s.Spec.Template.Spec.NodeSelector, Affinity: w.s.Spec.Template.Spec.Affinity,
		Tolerations: w.s.Spec.Template.Spec.Tolerations, HostNetwork: w.s.Spec.Template.Spec.HostNetwork,
	}}, n.Name)
	if n.repels(probe.Spec.Tolerations) != nil {
		return false
	}
	ok, err := nodeAffinity(probe).Match(n.spec)
	return err == nil && ok
}

// place makes missing pods and removes those that have no business where they are.
func (w *daemonSet) place() error {
	admitted := map[string]bool{}
	for _, n := range w.wanted {
		admitted[n.Name] = true
		live := 0
		for _, p := range w.byNode[n.Name] {
			switch {
			case p.finished() && !p.deleting:
				w.Controllers.event(daemonSetKind, w.e.obj, daemonController, corev1.EventTypeWarning, "FailedDaemonPod",
					fmt.Sprintf("Found failed daemon pod %s/%s on node %s, will try to kill it", p.Namespace, p.Name, n.Name))
				if err := w.deletePod(daemonSetKind, w.e, p, daemonController); err != nil {
					return err
				}
			case p.active():
				live++
			case p.deleting:
				live++ // the next one waits for its end
			}
		}
		if live == 0 {
			if err := w.create(n.Name); err != nil {
				return err
			}
		}
	}
	for _, p := range w.pods {
		name := p.node
		if name == "" {
			spec, err := w.podSpec(p)
			if err != nil {
				return err
			}
			name = targetOf(spec)
		}
		if p.active() && !admitted[name] {
			if err := w.deletePod(daemonSetKind, w.e, p, daemonController); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *daemonSet) create(node string) error {
	p := daemonPod(w.e, &w.s.Spec.Template, node)
	if p.Labels == nil {
		p.Labels = map[string]string{}
	}
	p.Labels[revisionHashLabel] = w.hash
	return w.createPod(daemonSetKind, w.e, p, daemonController, w.e.Name+"-")
}

// roll replaces pods of old templates: unavailable ones at once, others as many
// as may be unavailable. Surging sets start the new pod beside the old.
func (w *daemonSet) roll() error {
	if w.s.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType {
		return nil
	}
	var surge, unavailable int32 = 0, 1
	if u := w.s.Spec.UpdateStrategy.RollingUpdate; u != nil {
		surge = scaled(u.MaxSurge, int32(len(w.wanted)), true)
		unavailable = scaled(u.MaxUnavailable, int32(len(w.wanted)), true)
	}
	if surge == 0 {
		unavailable = max(unavailable, 1)
	}
	var old []*pod
	down := int32(0)
	surging := int32(0)
	for _, n := range w.wanted {
		var fresh, stale *pod
		for _, p := range w.byNode[n.Name] {
			if !p.active() {
				continue
			}
			if p.obj.Labels[revisionHashLabel] == w.hash {
				fresh = p
			} else {
				stale = p
			}
		}
		up := fresh != nil && w.good(fresh)
		switch {
		case stale != nil && fresh != nil:
			surging++
			if up {
				surging--
				if err := w.deletePod(daemonSetKind, w.e, stale, daemonController); err != nil {
					return err
				}
			}
		case stale != nil && !w.good(stale):
			if err := w.deletePod(daemonSetKind, w.e, stale, daemonController); err != nil {
				return err
			}
			down++
		case stale != nil:
			old = append(old, stale)
		case !up:
			down++
		}
	}
	for _, p := range old {
		switch {
		case surging < surge:
			surging++
			if err := w.create(p.node); err != nil {
				return err
			}
		case down < unavailable:
			down++
			if err := w.deletePod(daemonSetKind, w.e, p, daemonController); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}
