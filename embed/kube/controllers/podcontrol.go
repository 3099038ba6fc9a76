package controllers

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// podFrom makes a pod of a template.
func podFrom(e *entry, apiVersion, kindName string, t *corev1.PodTemplateSpec) *corev1.Pod {
	p := &corev1.Pod{Spec: *t.Spec.DeepCopy()}
	p.Namespace = e.Namespace
	p.Labels = with(t.Labels, "", "")
	p.Annotations = with(t.Annotations, "", "")
	p.Finalizers = slices.Clone(t.Finalizers)
	p.OwnerReferences = ownerRef(apiVersion, kindName, e.Name, e.obj.UID)
	return p
}

// namePod gives a pod the next generated name of its owner.
func (c *Controllers) namePod(e *entry, p *corev1.Pod, prefix string) {
	n := c.made[e.obj.UID]
	c.made[e.obj.UID] = n + 1
	p.GenerateName = prefix
	p.Name = prefixed(prefix, 5) + c.seed.of("name", e.Namespace, prefix, string(e.obj.UID)).at(n).name(5)
}

// createPod creates a pod for a workload, and records it there. Names of pods
// that are still terminating are passed over.
func (c *Controllers) createPod(k kind, e *entry, p *corev1.Pod, component, prefix string) error {
	const attempts = 8
	var err error
	for range attempts {
		if prefix != "" {
			c.namePod(e, p, prefix)
		}
		c.prebind(p)
		if _, err = c.api.Create(resources[podKind], p); err == nil || prefix == "" || !apierrors.IsAlreadyExists(err) {
			break
		}
	}
	switch {
	case err == nil:
		c.acts++
		c.event(k, e.obj, component, corev1.EventTypeNormal, "SuccessfulCreate", "Created pod: "+p.Name)
	case !ended(err):
		c.event(k, e.obj, component, corev1.EventTypeWarning, "FailedCreate", "Error creating: "+err.Error())
	}
	c.drain() // the pod is counted before anything else is decided
	return err
}

// prebind chooses a new pod's node before it is created, when nothing takes any
// time: this halves the writes of bringing a cluster up.
func (c *Controllers) prebind(t *corev1.Pod) {
	d, events, _ := c.settings()
	if d != Immediate || events || t.Spec.NodeName != "" || len(t.Spec.SchedulingGates) > 0 || len(claimsOf(t)) > 0 {
		return
	}
	p := &pod{task: task{podKind, types.NamespacedName{Namespace: t.Namespace, Name: t.Name}}}
	p.want = requestsOf(t)
	p.owner = t.OwnerReferences[0].UID
	for i := range t.Spec.Containers {
		for _, port := range t.Spec.Containers[i].Ports {
			if port.HostPort > 0 {
				p.ports = append(p.ports, hostPort{port.HostPort, port.Protocol})
			}
		}
	}
	if n, _ := place(p, t, c.sortedNodes()); n != nil {
		t.Spec.NodeName = n.Name
	}
}

// deletePod deletes a pod of a workload gracefully, and records it there.
func (c *Controllers) deletePod(k kind, e *entry, p *pod, component string) error {
	uid := p.obj.UID
	err := c.api.Delete(resources[podKind], p.Namespace, p.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	c.drain()
	switch {
	case err == nil:
		c.acts++
		c.event(k, e.obj, component, corev1.EventTypeNormal, "SuccessfulDelete", "Deleted pod: "+p.Name)
	case apierrors.IsNotFound(err):
		return nil
	}
	return err
}

// claimPods returns the pods that a workload controls, after adopting loose pods
// that its selector matches and letting go of those that it no longer does.
func (c *Controllers) claimPods(e *entry, apiVersion, kindName string, selector *metav1.LabelSelector) ([]*pod, error) {
	sel, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, err
	}
	if sel.Empty() {
		return c.podsBy(e.obj.UID), nil
	}
	if !e.obj.Deleting && len(c.loose) > 0 && c.mayAdopt(e) {
		var wanted []*pod
		for p := range c.loose {
			if p.Namespace == e.Namespace && p.active() && sel.Matches(labels.Set(p.obj.Labels)) {
				wanted = append(wanted, p)
			}
		}
		byName(wanted)
		for _, p := range wanted {
			if err := c.reown(p, ownerRef(apiVersion, kindName, e.Name, e.obj.UID)); err != nil {
				return nil, err
			}
		}
	}
	all := c.podsBy(e.obj.UID)
	kept := all[:0]
	for _, p := range all {
		if sel.Matches(labels.Set(p.obj.Labels)) || p.deleting {
			kept = append(kept, p)
			continue
		}
		if err := c.reown(p, nil); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// mayAdopt asks the API whether a workload is still the one we know: a pod may be
// seen to be loose before its owner is seen to be gone.
func (c *Controllers) mayAdopt(e *entry) bool {
	o, err := c.api.Get(e.obj.GVR.GroupResource(), e.Namespace, e.Name)
	return err == nil && o.UID == e.obj.UID && !o.Deleting
}

// reown replaces the controller among a pod's owners.
func (c *Controllers) reown(p *pod, ref []metav1.OwnerReference) error {
	spec := new(corev1.Pod)
	if err := p.obj.Into(spec); err != nil {
		return err
	}
	spec.OwnerReferences = slices.DeleteFunc(spec.OwnerReferences, func(r metav1.OwnerReference) bool {
		return r.Controller != nil && *r.Controller
	})
	spec.OwnerReferences = append(spec.OwnerReferences, ref...)
	_, err := c.api.Update(resources[podKind], spec, "")
	c.drain()
	return err
}

// victims orders pods for removal: first those that would be missed least.
func (c *Controllers) victims(pods []*pod, n int) []*pod {
	neighbours := map[string]int{}
	for _, p := range pods {
		if p.node != "" {
			neighbours[p.node]++
		}
	}
	stage := func(p *pod) int {
		switch {
		case p.node == "":
			return 0
		case p.phase == corev1.PodPending || p.phase == "":
			return 1
		case !p.ready:
			return 2
		}
		return 3
	}
	sorted := slices.Clone(pods)
	slices.SortStableFunc(sorted, func(a, b *pod) int {
		return cmp.Or(
			cmp.Compare(stage(a), stage(b)),
			cmp.Compare(a.cost, b.cost),
			cmp.Compare(neighbours[b.node], neighbours[a.node]),
			b.readyAt.Compare(a.readyAt), // ready for a shorter time
			cmp.Compare(b.restarts, a.restarts),
			b.created.Compare(a.created),
			cmp.Compare(b.Name, a.Name),
		)
	})
	return sorted[:min(n, len(sorted))]
}

// tally counts pods as workloads' statuses do. until is the first time at which
// the count changes by itself.
func (c *Controllers) tally(pods []*pod, minReady int32) (ready, available int32, until time.Time) {
	now := c.now()
	for _, p := range pods {
		if !p.ready {
			continue
		}
		ready++
		ok, at := p.available(minReady, now)
		if ok {
			available++
		} else {
			until = sooner(until, at)
		}
	}
	return ready, available, until
}
