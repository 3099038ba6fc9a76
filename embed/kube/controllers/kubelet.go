package controllers

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// syncPod takes a pod one step on: to a node, through its life, or away.
func (c *Controllers) syncPod(t task) error {
	p := c.pods[t.NamespacedName]
	if p == nil {
		return nil
	}
	spec, err := c.podSpec(p)
	if err != nil {
		return err
	}
	if p.node == "" {
		if p.deleting {
			return c.bury(p)
		}
		if p.finished() {
			return nil
		}
		if err := c.schedule(p, spec); err != nil || p.node == "" {
			return err
		}
	}
	delete(c.pending, p)
	n := c.nodes[p.node]
	switch {
	case n == nil:
		// Its node is gone: so is the pod.
		return c.bury(p)
	case p.deleting:
		return c.terminate(p, spec, n)
	case p.finished():
		return nil
	}
	if evicted, err := c.evict(p, spec, n); evicted || err != nil {
		return err
	}
	if n.down {
		return c.lost(p, spec)
	}
	return c.live(p, spec, n)
}

// live lets the pod's life go on and writes what has changed.
func (c *Controllers) live(p *pod, spec *corev1.Pod, n *node) error {
	w := c.world(p, spec, n)
	before := spec.Status.DeepCopy()
	if p.life == nil {
		p.life = newLife(spec, &w)
	}
	next := p.life.advance(spec, &w)
	events := p.life.events
	p.life.events = nil
	delete(c.blocked, p)
	switch {
	case !next.IsZero():
		c.alarm(p.task, next)
	case p.life.settled(spec):
		p.life = nil
	default:
		c.blocked[p] = struct{}{} // a ConfigMap or Secret will wake it
	}
	err := c.writeStatus(p, spec, before)
	for _, e := range events {
		c.event(podKind, p.obj, "kubelet", e.kind, e.reason, e.message)
	}
	return err
}

func (c *Controllers) world(p *pod, spec *corev1.Pod, n *node) world {
	if p.address == "" {
		if spec.Spec.HostNetwork {
			p.address = n.hostIP
		} else {
			p.address = n.address(c.seed.of("address", p.Namespace, p.Name))
		}
	}
	d, _, _ := c.settings()
	return world{
		now: c.now(), profile: &profiles[d], seed: c.seed, node: n.Name, ip: p.address, hostIP: n.hostIP,
		present: func(image string) bool { _, ok := n.images[image]; return ok },
		pulled: func(image string) {
			if n.images == nil {
				n.images = map[string]struct{}{}
			}
			n.images[image] = struct{}{}
		},
		unmounted: c.unmounted, unconfigured: c.unconfigured,
	}
}

// writeStatus writes the status of spec if it differs from before.
func (c *Controllers) writeStatus(p *pod, spec *corev1.Pod, before *corev1.PodStatus) error {
	if equal(before, &spec.Status) {
		return nil
	}
	o, err := c.api.Update(resources[podKind], spec, "status")
	if err != nil {
		// Begin again from what is stored.
		p.life, p.typed = nil, nil
		return err
	}
	spec.ResourceVersion = strconv.FormatUint(o.RV, 10)
	c.applyPod(p, o, spec)
	return nil
}

// terminate ends a deleted pod's containers and removes it.
func (c *Controllers) terminate(p *pod, spec *corev1.Pod, n *node) error {
	if n.down {
		return nil // nobody there to confirm; the pod stays Terminating
	}
	now := c.now()
	if p.stopAt.IsZero() {
		p.life = nil
		p.stopAt = now
		if !p.finished() {
			d, _, _ := c.settings()
			stop := profiles[d].stop.draw(c.seed.of("stop", p.Namespace, p.Name, string(p.obj.UID)))
			if g := spec.DeletionGracePeriodSeconds; g != nil {
				stop = min(stop, time.Duration(*g)*time.Second)
			}
			p.stopAt = now.Add(stop)
			for i := range spec.Status.ContainerStatuses {
				if s := &spec.Status.ContainerStatuses[i]; s.State.Running != nil {
					c.event(podKind, p.obj, "kubelet", corev1.EventTypeNormal, "Killing", "Stopping container "+s.Name)
				}
			}
		}
	}
	if p.stopAt.After(now) {
		c.alarm(p.task, p.stopAt)
		return nil
	}
	return c.bury(p)
}

// bury removes a pod at once.
func (c *Controllers) bury(p *pod) error {
	var none int64
	return c.api.Delete(resources[podKind], p.Namespace, p.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &none, Preconditions: &metav1.Preconditions{UID: &p.obj.UID},
	})
}

// defaultToleration is how long pods stay on a node that is not ready or
// unreachable unless they say otherwise.
const defaultToleration = 300

// evict deletes the pod when its node's NoExecute taints say so. What is not due
// yet gets an alarm.
func (c *Controllers) evict(p *pod, spec *corev1.Pod, n *node) (bool, error) {
	var due time.Time
	for i := range n.spec.Spec.Taints {
		t := &n.spec.Spec.Taints[i]
		if t.Effect != corev1.TaintEffectNoExecute {
			continue
		}
		ok, seconds := tolerates(spec.Spec.Tolerations, t)
		if !ok && (t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable) {
			fallback := int64(defaultToleration)
			ok, seconds = true, &fallback
		}
		since := c.now()
		if t.TimeAdded != nil {
			since = t.TimeAdded.Time
		}
		if spec.Status.StartTime != nil && spec.Status.StartTime.After(since) {
			since = spec.Status.StartTime.Time
		}
		switch {
		case !ok:
			due = sooner(due, since)
		case seconds != nil:
			due = sooner(due, since.Add(time.Duration(*seconds)*time.Second))
		}
	}
	if due.IsZero() {
		return false, nil
	}
	if due.After(c.now()) {
		c.alarm(p.task, due)
		return false, nil
	}
	c.event(podKind, p.obj, "taint-eviction-controller", corev1.EventTypeNormal, "TaintManagerEviction",
		"Marking for deletion Pod "+p.Namespace+"/"+p.Name)
	return true, c.api.Delete(resources[podKind], p.Namespace, p.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &p.obj.UID},
	})
}

// lost marks a pod on an unreachable node as not ready.
func (c *Controllers) lost(p *pod, spec *corev1.Pod) error {
	if !p.ready {
		return nil
	}
	p.life = nil
	before := spec.Status.DeepCopy()
	setCondition(spec, c.now(), corev1.PodReady, false, "NodeNotReady", "")
	c.event(podKind, p.obj, "node-controller", corev1.EventTypeWarning, "NodeNotReady", "Node is not ready")
	return c.writeStatus(p, spec, before)
}
