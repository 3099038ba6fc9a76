package controllers

import (
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"koflab/embed/kube/store"
)

// observeNode takes over a node and queues all whom it concerns.
func (c *Controllers) observeNode(ch store.Change) {
	o := ch.Object
	n := c.nodes[o.Name]
	if ch.Type == watch.Deleted {
		if n == nil || n.obj.UID != o.UID {
			return
		}
		delete(c.nodes, o.Name)
		c.sorted = nil
		for p := range n.pods {
			p.counted = nil
			c.queue.add(p.task)
		}
		c.alarms.drop(task{leaseKind, types.NamespacedName{Name: o.Name}})
		c.nodesChanged()
		return
	}
	if n != nil && n.obj.RV >= o.RV {
		return
	}
	spec := new(corev1.Node)
	if err := o.Into(spec); err != nil {
		return // the API server stores nothing that does not decode
	}
	if n == nil {
		n = &node{task: task{nodeKind, types.NamespacedName{Name: o.Name}}, pods: map[*pod]struct{}{}, index: c.freeIndex()}
		c.nodes[o.Name] = n
		c.sorted = nil
		n.set(o, spec)
		for _, p := range c.pods { // bound before the node was known
			if p.node == o.Name {
				c.count(p)
				c.queue.add(p.task)
			}
		}
		c.nodesChanged()
		c.queue.add(n.task)
		if c.heartbeat {
			c.queue.add(task{leaseKind, types.NamespacedName{Name: o.Name}})
		}
		return
	}
	was := *n
	n.set(o, spec)
	if was.down != n.down || !equal(was.spec.Spec.Taints, n.spec.Spec.Taints) {
		for p := range n.pods {
			c.queue.add(p.task)
		}
	}
	if was.down != n.down || !equal(was.spec.Spec, n.spec.Spec) || !equal(was.spec.Labels, n.spec.Labels) || !was.alloc.same(n.alloc) {
		c.nodesChanged()
	}
	c.queue.add(n.task)
}

// nodesChanged queues what depends on which nodes there are.
func (c *Controllers) nodesChanged() {
	c.wakePending()
	for name := range c.tables[daemonSetKind] {
		c.queue.add(task{daemonSetKind, name})
	}
}

func (c *Controllers) freeIndex() int {
	taken := make(map[int]bool, len(c.nodes))
	for _, n := range c.nodes {
		taken[n.index] = true
	}
	i := 0
	for taken[i] {
		i++
	}
	return i
}

// syncNode keeps a node's conditions, network and fault taints.
func (c *Controllers) syncNode(t task) error {
	n := c.nodes[t.Name]
	if n == nil {
		return nil
	}
	spec := new(corev1.Node)
	if err := n.obj.Into(spec); err != nil {
		return err
	}
	if spec.DeletionTimestamp != nil {
		return nil
	}
	wanted := spec.DeepCopy()
	if wanted.Spec.PodCIDR == "" {
		wanted.Spec.PodCIDR = n.prefix + "0/24"
		wanted.Spec.PodCIDRs = []string{wanted.Spec.PodCIDR}
	}
	c.faultTaints(wanted, n.down)
	if !equal(&spec.Spec, &wanted.Spec) {
		o, err := c.api.Update(resources[nodeKind], wanted, "")
		if err != nil {
			return err
		}
		c.observeNode(store.Change{Type: watch.Modified, Object: o})
		if err := o.Into(wanted); err != nil {
			return err
		}
	}
	status := wanted.Status.DeepCopy()
	c.nodeStatus(wanted, n)
	if equal(status, &wanted.Status) {
		return nil
	}
	if n.down {
		c.event(nodeKind, n.obj, "node-controller", corev1.EventTypeNormal, "NodeNotReady", "Node "+n.Name+" status is now: NodeNotReady")
	}
	_, err := c.api.Update(resources[nodeKind], wanted, "status")
	return err
}

// faultTaints adds or removes the taints of an unreachable node.
func (c *Controllers) faultTaints(n *corev1.Node, down bool) {
	kept := n.Spec.Taints[:0:0]
	have := 0
	for _, t := range n.Spec.Taints {
		if t.Key == corev1.TaintNodeUnreachable {
			have++
			if !down {
				continue
			}
		}
		kept = append(kept, t)
	}
	if down && have == 0 {
		now := metav1.NewTime(c.now())
		kept = append(kept,
			corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoSchedule, TimeAdded: &now},
			corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute, TimeAdded: &now})
	}
	if len(kept) != len(n.Spec.Taints) {
		n.Spec.Taints = kept
	}
}

// nodeStatus fills in what a node's status lacks and keeps its conditions.
func (c *Controllers) nodeStatus(n *corev1.Node, k *node) {
	if len(n.Status.Capacity) == 0 {
		n.Status.Capacity = defaultCapacity()
	}
	if len(n.Status.Allocatable) == 0 {
		n.Status.Allocatable = n.Status.Capacity.DeepCopy()
	}
	if len(n.Status.Addresses) == 0 {
		n.Status.Addresses = []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: k.hostIP}, {Type: corev1.NodeHostName, Address: n.Name},
		}
	}
	now := metav1.NewTime(c.now())
	for _, want := range []corev1.NodeCondition{
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientMemory", Message: "kubelet has sufficient memory available"},
		{Type: corev1.NodeDiskPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasNoDiskPressure", Message: "kubelet has no disk pressure"},
		{Type: corev1.NodePIDPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientPID", Message: "kubelet has sufficient PID available"},
		{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"},
	} {
		if k.down {
			want.Status, want.Reason, want.Message = corev1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status."
		}
		have := nodeCondition(n, want.Type)
		if have == nil {
			want.LastTransitionTime, want.LastHeartbeatTime = now, now
			n.Status.Conditions = append(n.Status.Conditions, want)
			continue
		}
		// Conditions that somebody else gave the node stay as they are until the
		// node is lost and found.
		if have.Status == want.Status || !k.down && have.Reason != "NodeStatusUnknown" {
			continue
		}
		want.LastTransitionTime, want.LastHeartbeatTime = now, now
		*have = want
	}
}

func nodeCondition(n *corev1.Node, t corev1.NodeConditionType) *corev1.NodeCondition {
	for i := range n.Status.Conditions {
		if n.Status.Conditions[i].Type == t {
			return &n.Status.Conditions[i]
		}
	}
	return nil
}

// heartbeat is how often a kubelet renews its Lease, leaseSeconds how long that lasts.
const (
	heartbeat    = 10 * time.Second
	leaseSeconds = 40
)

// syncLease renews a node's Lease.
func (c *Controllers) syncLease(t task) error {
	n := c.nodes[t.Name]
	if n == nil {
		return nil
	}
	now := c.now()
	c.alarm(t, now.Add(heartbeat))
	if n.down {
		return nil
	}
	renewed := metav1.NewMicroTime(now)
	seconds := int32(leaseSeconds)
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: corev1.NamespaceNodeLease, Name: n.Name,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: n.Name, UID: n.obj.UID}},
		},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &n.Name, LeaseDurationSeconds: &seconds, RenewTime: &renewed},
	}
	if _, err := c.api.Get(resources[leaseKind], lease.Namespace, lease.Name); err != nil {
		if _, err := c.api.Create(resources[leaseKind], lease); err != nil {
			return fmt.Errorf("lease of node %s: %w", n.Name, err)
		}
		return nil
	}
	if _, err := c.api.Update(resources[leaseKind], lease, ""); err != nil {
		return fmt.Errorf("lease of node %s: %w", n.Name, err)
	}
	return nil
}
