package controllers

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// endpointsPerSlice is how many a slice holds at most, capacity how many pods an
// Endpoints object lists.
const (
	endpointsPerSlice = 100
	endpointsCapacity = 1000
)

// syncSlices writes the EndpointSlices of a Service: one even without endpoints.
func (c *Controllers) syncSlices(e *entry, s *corev1.Service, pods []*pod, ports []targetPort) error {
	have := c.api.List(resources[sliceKind], e.Namespace, labels.SelectorFromSet(labels.Set{
		discoveryv1.LabelServiceName: e.Name, discoveryv1.LabelManagedBy: "endpointslice-controller.k8s.io",
	}))
	count := max(1, (len(pods)+endpointsPerSlice-1)/endpointsPerSlice)
	for i := range count {
		part := pods[i*endpointsPerSlice : min(len(pods), (i+1)*endpointsPerSlice)]
		slice := c.slice(e, s, part, ports)
		slice.Name = prefixed(e.Name, 6) + "-" + c.seed.of("slice", e.Namespace, e.Name).at(i).name(5)
		if i < len(have) {
			old := new(discoveryv1.EndpointSlice)
			if err := have[i].Into(old); err != nil {
				return err
			}
			if equal(old.Endpoints, slice.Endpoints) && equal(old.Ports, slice.Ports) && hasLabels(old.Labels, slice.Labels) {
				continue
			}
			old.Labels, old.Endpoints, old.Ports, old.OwnerReferences = slice.Labels, slice.Endpoints, slice.Ports, slice.OwnerReferences
			if _, err := c.api.Update(resources[sliceKind], old, ""); err != nil {
				return err
			}
			continue
		}
		if _, err := c.api.Create(resources[sliceKind], slice); err != nil {
			return err
		}
	}
	for i := count; i < len(have); i++ {
		if err := c.api.Delete(resources[sliceKind], e.Namespace, have[i].Name, metav1.DeleteOptions{}); err != nil && !ended(err) {
			return err
		}
	}
	return nil
}

func (c *Controllers) slice(e *entry, s *corev1.Service, pods []*pod, ports []targetPort) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: e.Namespace, GenerateName: e.Name + "-",
			Labels:          with(s.Labels, discoveryv1.LabelServiceName, e.Name),
			OwnerReferences: ownerRef("v1", "Service", e.Name, e.obj.UID),
		},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{},
	}
	slice.Labels[discoveryv1.LabelManagedBy] = "endpointslice-controller.k8s.io"
	if s.Spec.ClusterIP == corev1.ClusterIPNone {
		slice.Labels[corev1.IsHeadlessService] = ""
	}
	for i := range ports {
		p := &ports[i]
		slice.Ports = append(slice.Ports, discoveryv1.EndpointPort{Name: &p.name, Port: &p.number, Protocol: &p.protocol, AppProtocol: p.app})
	}
	for _, p := range pods {
		serving := p.ready || s.Spec.PublishNotReadyAddresses
		ready, deleting := serving && !p.deleting || s.Spec.PublishNotReadyAddresses, p.deleting
		node := p.node
		end := discoveryv1.Endpoint{
			Addresses:  []string{p.ip},
			Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving, Terminating: &deleting},
			NodeName:   &node,
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.obj.UID},
		}
		if n := c.nodes[p.node]; n != nil {
			if zone := n.spec.Labels[corev1.LabelTopologyZone]; zone != "" {
				end.Zone = &zone
			}
		}
		slice.Endpoints = append(slice.Endpoints, end)
	}
	return slice
}

// syncEndpoints writes the Service's Endpoints, which older clients read.
func (c *Controllers) syncEndpoints(e *entry, s *corev1.Service, pods []*pod, ports []targetPort) error {
	want := &corev1.Endpoints{ //nolint:staticcheck // deprecated, and still what many clients read
		ObjectMeta: metav1.ObjectMeta{
			Namespace: e.Namespace, Name: e.Name,
			Labels: with(s.Labels, "endpoints.kubernetes.io/managed-by", "endpoint-controller"),
		},
	}
	var subset corev1.EndpointSubset //nolint:staticcheck // as above
	for _, p := range pods[:min(len(pods), endpointsCapacity)] {
		if p.deleting && !s.Spec.PublishNotReadyAddresses {
			continue
		}
		node := p.node
		a := corev1.EndpointAddress{ //nolint:staticcheck // as above
			IP: p.ip, NodeName: &node,
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.obj.UID},
		}
		if p.ready || s.Spec.PublishNotReadyAddresses {
			subset.Addresses = append(subset.Addresses, a)
		} else {
			subset.NotReadyAddresses = append(subset.NotReadyAddresses, a)
		}
	}
	for _, p := range ports {
		subset.Ports = append(subset.Ports, corev1.EndpointPort{Name: p.name, Port: p.number, Protocol: p.protocol, AppProtocol: p.app}) //nolint:staticcheck // as above
	}
	if len(subset.Addresses)+len(subset.NotReadyAddresses) > 0 {
		want.Subsets = append(want.Subsets, subset)
	}
	o, err := c.api.Get(resources[endpointsKind], e.Namespace, e.Name)
	if err != nil {
		_, err = c.api.Create(resources[endpointsKind], want)
		return err
	}
	old := new(corev1.Endpoints) //nolint:staticcheck // as above
	if err := o.Into(old); err != nil {
		return err
	}
	if equal(old.Subsets, want.Subsets) && hasLabels(old.Labels, want.Labels) {
		return nil
	}
	_, err = c.api.Update(resources[endpointsKind], want, "")
	return err
}
