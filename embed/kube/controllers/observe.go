package controllers

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	corev1 "k8s.io/api/core/v1"

	"koflab/embed/kube/store"
)

// observe takes over a change and queues what has to look at it.
func (c *Controllers) observe(ch store.Change) {
	o := ch.Object
	k := kindOf[o.GVR.GroupResource()]
	deleted := ch.Type == watch.Deleted
	switch k {
	case podKind:
		c.observePod(ch)
		return
	case nodeKind:
		c.observeNode(ch)
		return
	case secretKind, configMapKind:
		c.unblock(o.Namespace)
		if deleted && k == configMapKind && o.Name == rootCAName {
			c.enqueue(namespaceKind, "", o.Namespace)
		}
		c.recount(o.Namespace)
		return
	case accountKind:
		if deleted && o.Name == "default" {
			c.enqueue(namespaceKind, "", o.Namespace)
		}
		c.recount(o.Namespace)
		return
	}
	e, news := c.store(k, ch)
	if !news {
		return
	}
	if _, t := controllerOf(o); t.kind != noKind {
		c.queue.add(t)
	}
	if deleted {
		c.alarms.drop(e.task)
		delete(c.made, o.UID)
	}
	switch k {
	case revisionKind:
		return
	case classKind:
		for name := range c.tables[claimKind] {
			c.queue.add(task{claimKind, name})
		}
		return
	case claimKind:
		c.wakePending()
		if deleted {
			for name := range c.tables[volumeKind] {
				c.queue.add(task{volumeKind, name})
			}
		}
	case serviceKind:
		if deleted {
			delete(c.balancers, e.NamespacedName)
		}
	case deploymentKind, statefulSetKind, replicaSetKind:
		for name := range c.tables[hpaKind] {
			if name.Namespace == o.Namespace {
				c.queue.add(task{hpaKind, name})
			}
		}
		c.budgets(o.Namespace)
	}
	c.queue.add(e.task)
	if k != quotaKind {
		c.recount(o.Namespace)
	}
}

// recount queues a namespace's quotas.
func (c *Controllers) recount(namespace string) {
	for name := range c.tables[quotaKind] {
		if name.Namespace == namespace {
			c.queue.add(task{quotaKind, name})
		}
	}
}

func (c *Controllers) budgets(namespace string) {
	for name := range c.tables[pdbKind] {
		if name.Namespace == namespace {
			c.queue.add(task{pdbKind, name})
		}
	}
}

// unblock queues pods that wait for a ConfigMap or Secret of the namespace.
func (c *Controllers) unblock(namespace string) {
	for p := range c.blocked {
		if p.Namespace == namespace {
			c.queue.add(p.task)
		}
	}
}

// wakePending queues pods that found no node.
func (c *Controllers) wakePending() {
	for p := range c.pending {
		c.queue.add(p.task)
	}
}

func (c *Controllers) observePod(ch store.Change) {
	o := ch.Object
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
	p := c.pods[key]
	if ch.Type == watch.Deleted {
		if p != nil && p.obj.UID == o.UID {
			c.removePod(p)
		}
		return
	}
	if p != nil && p.obj.UID != o.UID {
		if o.RV < p.obj.RV {
			return
		}
		c.removePod(p) // made anew between the list and the subscription
		p = nil
	}
	if p != nil && p.obj.RV >= o.RV {
		return
	}
	t := new(corev1.Pod)
	if err := o.Into(t); err != nil {
		return // the API server stores nothing that does not decode
	}
	if p == nil {
		p = &pod{task: task{podKind, key}}
		c.pods[key] = p
		link(c.podsIn, p.Namespace, p)
		c.queue.add(p.task)
	} else {
		if p.life != nil && p.typed != nil {
			// The kubelet's own status is finer than the stored one.
			t.Status = p.typed.Status
		}
		if p.deleting != (t.DeletionTimestamp != nil) || p.fault != t.Annotations[FaultAnnotation] || p.node == "" ||
			p.obj.Generation != o.Generation || len(t.Spec.ReadinessGates) > 0 {
			c.queue.add(p.task)
		}
	}
	c.applyPod(p, o, t)
}

// applyPod updates a pod's facts and all indexes, and queues those who count on
// what has changed.
func (c *Controllers) applyPod(p *pod, o *store.Object, t *corev1.Pod) {
	was := *p
	p.set(o, t)
	if !p.warm {
		p.warm = true
		c.warmPods = append(c.warmPods, p)
	}
	if p.owner != was.owner || was.obj == nil {
		c.disown(&was, p)
		if p.owner == "" {
			c.loose[p] = struct{}{}
		} else {
			link(c.podsOf, p.owner, p)
		}
	}
	c.count(p)
	labelsChanged := was.obj == nil || !sameLabels(was.obj.Labels, o.Labels)
	if labelsChanged || p.ready != was.ready || p.phase != was.phase || p.deleting != was.deleting || p.ip != was.ip || p.owner != was.owner || p.node != was.node {
		c.announce(p, was.ownerTask, o.Labels)
		if labelsChanged && was.obj != nil {
			c.announce(p, was.ownerTask, was.obj.Labels)
		}
	}
	if p.finished() && !was.finished() {
		c.wakePending()
	}
}

// announce queues a pod's owner and everything that selects it.
func (c *Controllers) announce(p *pod, formerOwner task, labels map[string]string) {
	if p.ownerTask.kind != noKind {
		c.queue.add(p.ownerTask)
	}
	if formerOwner.kind != noKind && formerOwner != p.ownerTask {
		c.queue.add(formerOwner)
	}
	if p.owner == "" {
		c.adopters(p)
	}
	for name, e := range c.tables[serviceKind] {
		if name.Namespace == p.Namespace && c.selectsService(e, labels) {
			c.queue.add(e.task)
		}
	}
	c.budgets(p.Namespace)
	c.recount(p.Namespace)
}

// adopters queues the workloads that might take a pod without controller.
func (c *Controllers) adopters(p *pod) {
	for _, k := range []kind{replicaSetKind, statefulSetKind, daemonSetKind} {
		for name := range c.tables[k] {
			if name.Namespace == p.Namespace {
				c.queue.add(task{k, name})
			}
		}
	}
}

func (c *Controllers) removePod(p *pod) {
	delete(c.pods, p.NamespacedName)
	unlink(c.podsIn, p.Namespace, p)
	delete(c.pending, p)
	delete(c.blocked, p)
	c.alarms.drop(p.task)
	c.disown(p, p)
	if n := p.counted; n != nil {
		n.bind(p, -1)
		p.counted = nil
	}
	if n := c.nodes[p.node]; n != nil {
		delete(n.pods, p)
		n.reserve(p.address, false)
	}
	c.announce(p, task{}, p.obj.Labels)
	c.wakePending()
	for name, e := range c.tables[claimKind] {
		if e.obj.Deleting && name.Namespace == p.Namespace {
			c.queue.add(e.task)
		}
	}
}

// disown takes p out of the index of the owner that was.
func (c *Controllers) disown(was *pod, p *pod) {
	if was.owner != "" {
		unlink(c.podsOf, was.owner, p)
	}
	delete(c.loose, p)
}

// count keeps the resources of nodes in step with the pods on them.
func (c *Controllers) count(p *pod) {
	n := c.nodes[p.node]
	if n != nil {
		n.pods[p] = struct{}{}
		if p.ip != "" && p.address == "" {
			p.address = p.ip
			n.reserve(p.ip, true)
		}
	}
	if p.finished() {
		n = nil
	}
	if n == p.counted {
		return
	}
	if p.counted != nil {
		p.counted.bind(p, -1)
	}
	if n != nil {
		n.bind(p, 1)
	}
	p.counted = n
}

func sameLabels(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}
