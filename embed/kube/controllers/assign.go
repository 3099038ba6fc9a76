package controllers

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
)

// sortedNodes returns the nodes by name.
func (c *Controllers) sortedNodes() []*node {
	if c.sorted == nil {
		c.sorted = make([]*node, 0, len(c.nodes))
		for _, n := range c.nodes {
			c.sorted = append(c.sorted, n)
		}
		byName(c.sorted)
	}
	return c.sorted
}

// schedule binds the pod to a node, or says on the pod why it cannot.
func (c *Controllers) schedule(p *pod, spec *corev1.Pod) error {
	if len(spec.Spec.SchedulingGates) > 0 {
		return c.unscheduled(p, spec, corev1.PodReasonSchedulingGated, "Scheduling is blocked due to non-empty scheduling gates")
	}
	why := c.unclaimed(spec)
	var n *node
	if why == "" {
		n, why = place(p, spec, c.sortedNodes())
	}
	if n == nil {
		return c.unscheduled(p, spec, corev1.PodReasonUnschedulable, why)
	}
	if err := c.bindClaims(spec); err != nil {
		return err
	}
	return c.bind(p, spec, n)
}

// bind writes the pod's node.
func (c *Controllers) bind(p *pod, spec *corev1.Pod, n *node) error {
	bound := *spec
	bound.Spec.NodeName = n.Name
	bound.Status.Conditions = nil // the kubelet's status says PodScheduled
	o, err := c.api.Update(resources[podKind], &bound, "")
	if err != nil {
		return err
	}
	bound.ResourceVersion = strconv.FormatUint(o.RV, 10)
	c.applyPod(p, o, &bound)
	c.event(podKind, p.obj, "default-scheduler", corev1.EventTypeNormal, "Scheduled",
		fmt.Sprintf("Successfully assigned %s/%s to %s", p.Namespace, p.Name, n.Name))
	return nil
}

// unscheduled keeps the pod for later and tells why.
func (c *Controllers) unscheduled(p *pod, spec *corev1.Pod, reason, why string) error {
	c.pending[p] = struct{}{}
	before := spec.Status.DeepCopy()
	spec.Status.Phase = corev1.PodPending
	setCondition(spec, c.now(), corev1.PodScheduled, false, reason, why)
	if !equal(before, &spec.Status) && reason == corev1.PodReasonUnschedulable {
		c.event(podKind, p.obj, "default-scheduler", corev1.EventTypeWarning, "FailedScheduling", why)
	}
	return c.writeStatus(p, spec, before)
}

// claimsOf names the PersistentVolumeClaims of a pod.
func claimsOf(spec *corev1.Pod) (names []string) {
	for i := range spec.Spec.Volumes {
		switch v := &spec.Spec.Volumes[i]; {
		case v.PersistentVolumeClaim != nil:
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		case v.Ephemeral != nil:
			names = append(names, spec.Name+"-"+v.Name)
		}
	}
	return names
}

// unclaimed says which claim keeps the pod from being scheduled.
func (c *Controllers) unclaimed(spec *corev1.Pod) string {
	names := claimsOf(spec)
	if len(names) == 0 {
		return ""
	}
	total := len(c.nodes)
	say := func(what string) string {
		return fmt.Sprintf("0/%d nodes are available: %s. preemption: 0/%d nodes are available: %d Preemption is not helpful for scheduling.",
			total, what, total, total)
	}
	for _, name := range names {
		e := c.tables[claimKind][types.NamespacedName{Namespace: spec.Namespace, Name: name}]
		if e == nil {
			return say(fmt.Sprintf("persistentvolumeclaim %q not found", name))
		}
		claim, err := read[corev1.PersistentVolumeClaim](&c.cache, e)
		if err != nil {
			return say(err.Error())
		}
		if claim.DeletionTimestamp != nil {
			return say(fmt.Sprintf("persistentvolumeclaim %q is being deleted", name))
		}
		if claim.Spec.VolumeName == "" && !c.waitsForConsumer(claim) {
			return say("pod has unbound immediate PersistentVolumeClaims")
		}
	}
	return ""
}

// bindClaims binds claims that waited for their first pod.
func (c *Controllers) bindClaims(spec *corev1.Pod) error {
	for _, name := range claimsOf(spec) {
		e := c.tables[claimKind][types.NamespacedName{Namespace: spec.Namespace, Name: name}]
		if e == nil {
			continue
		}
		claim, err := read[corev1.PersistentVolumeClaim](&c.cache, e)
		if err != nil {
			return err
		}
		if claim.Spec.VolumeName == "" {
			if err := c.provision(e, claim, c.classOf(claim)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Controllers) waitsForConsumer(claim *corev1.PersistentVolumeClaim) bool {
	class := c.classOf(claim)
	return class != nil && class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
}
