package controllers

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// syncQuota counts what a ResourceQuota limits.
func (c *Controllers) syncQuota(t task) error {
	e, q, err := find[corev1.ResourceQuota](&c.cache, t)
	if e == nil || err != nil || q.DeletionTimestamp != nil {
		return err
	}
	s := corev1.ResourceQuotaStatus{Hard: q.Spec.Hard.DeepCopy(), Used: corev1.ResourceList{}}
	for name := range q.Spec.Hard {
		used, err := c.used(t.Namespace, name)
		if err != nil {
			return err
		}
		s.Used[name] = used
	}
	if equal(&s, &q.Status) {
		return nil
	}
	n := *q
	n.Status = s
	o, err := c.api.Update(resources[quotaKind], &n, "status")
	if err != nil {
		return err
	}
	c.adopt(e, o, &n, &n.ObjectMeta)
	return nil
}

// used is how much of a quota's resource a namespace uses.
func (c *Controllers) used(namespace string, name corev1.ResourceName) (resource.Quantity, error) {
	count := func(n int) (resource.Quantity, error) {
		return *resource.NewQuantity(int64(n), resource.DecimalSI), nil
	}
	if what, ok := strings.CutPrefix(string(name), "count/"); ok {
		if what == "pods" {
			return count(len(c.podsIn[namespace]))
		}
		return count(len(c.api.List(schema.ParseGroupResource(what), namespace, labels.Everything())))
	}
	var want, limit amounts
	live := 0
	for p := range c.podsIn[namespace] {
		if !p.finished() {
			live++
			want.add(p.want, 1)
			limit.add(p.limit, 1)
		}
	}
	switch name {
	case corev1.ResourcePods:
		return count(live)
	case corev1.ResourceCPU, corev1.ResourceRequestsCPU:
		return *resource.NewMilliQuantity(want.cpu, resource.DecimalSI), nil
	case corev1.ResourceMemory, corev1.ResourceRequestsMemory:
		return *resource.NewQuantity(want.memory, resource.BinarySI), nil
	case corev1.ResourceLimitsCPU:
		return *resource.NewMilliQuantity(limit.cpu, resource.DecimalSI), nil
	case corev1.ResourceLimitsMemory:
		return *resource.NewQuantity(limit.memory, resource.BinarySI), nil
	case corev1.ResourceEphemeralStorage, corev1.ResourceRequestsEphemeralStorage:
		return *resource.NewQuantity(want.storage, resource.BinarySI), nil
	case corev1.ResourceRequestsStorage:
		return c.claimed(namespace)
	case corev1.ResourceServicesLoadBalancers, corev1.ResourceServicesNodePorts:
		return c.services(namespace, name == corev1.ResourceServicesNodePorts)
	}
	return count(len(c.api.List(schema.GroupResource{Resource: string(name)}, namespace, labels.Everything())))
}

func (c *Controllers) claimed(namespace string) (sum resource.Quantity, err error) {
	sum.Format = resource.BinarySI
	for name, e := range c.tables[claimKind] {
		if name.Namespace != namespace {
			continue
		}
		claim, err := read[corev1.PersistentVolumeClaim](&c.cache, e)
		if err != nil {
			return sum, err
		}
		sum.Add(claim.Spec.Resources.Requests[corev1.ResourceStorage])
	}
	return sum, nil
}

func (c *Controllers) services(namespace string, nodePorts bool) (sum resource.Quantity, err error) {
	var n int64
	for name, e := range c.tables[serviceKind] {
		if name.Namespace != namespace {
			continue
		}
		s, err := read[corev1.Service](&c.cache, e)
		if err != nil {
			return sum, err
		}
		switch {
		case nodePorts:
			for i := range s.Spec.Ports {
				if s.Spec.Ports[i].NodePort > 0 {
					n++
				}
			}
		case s.Spec.Type == corev1.ServiceTypeLoadBalancer:
			n++
		}
	}
	return *resource.NewQuantity(n, resource.DecimalSI), nil
}
