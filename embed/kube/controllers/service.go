package controllers

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const serviceController = "service-controller"

// selectsService tells whether a Service's selector matches labels.
func (c *Controllers) selectsService(e *entry, set map[string]string) bool {
	if e.selectorOf != e.obj {
		var s struct {
			Spec struct {
				Selector map[string]string `json:"selector"`
			} `json:"spec"`
		}
		if err := e.obj.Into(&s); err != nil {
			return false
		}
		e.selector, e.selectorOf = s.Spec.Selector, e.obj
	}
	return len(e.selector) > 0 && hasLabels(set, e.selector)
}

// syncService gives LoadBalancers an address, and Services the endpoints of
// their pods.
func (c *Controllers) syncService(t task) error {
	e, s, err := find[corev1.Service](&c.cache, t)
	if err != nil {
		return err
	}
	if e == nil {
		// EndpointSlices go with their owner; Endpoints have none.
		if err := c.api.Delete(resources[endpointsKind], t.Namespace, t.Name, metav1.DeleteOptions{}); err != nil && !ended(err) {
			return err
		}
		return nil
	}
	if s.DeletionTimestamp != nil {
		return nil
	}
	if err := c.balance(e, s); err != nil {
		return err
	}
	if len(s.Spec.Selector) == 0 || s.Spec.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	var pods []*pod
	for p := range c.podsIn[t.Namespace] {
		if p.ip != "" && !p.finished() && hasLabels(p.obj.Labels, s.Spec.Selector) {
			pods = append(pods, p)
		}
	}
	byName(pods)
	ports, err := c.targetPorts(s, pods)
	if err != nil {
		return err
	}
	if err := c.syncSlices(e, s, pods, ports); err != nil {
		return err
	}
	return c.syncEndpoints(e, s, pods, ports)
}

// balance assigns and withdraws the address of a load balancer.
func (c *Controllers) balance(e *entry, s *corev1.Service) error {
	wants := s.Spec.Type == corev1.ServiceTypeLoadBalancer
	has := len(s.Status.LoadBalancer.Ingress) > 0
	if wants {
		c.balancers[e.NamespacedName] = ingressOf(s)
	} else {
		delete(c.balancers, e.NamespacedName)
	}
	if wants == has {
		return nil
	}
	n := *s
	n.Status.LoadBalancer = corev1.LoadBalancerStatus{}
	if wants {
		ip := s.Spec.LoadBalancerIP
		if ip == "" {
			ip = c.freeBalancer(e.NamespacedName)
		}
		vip := corev1.LoadBalancerIPModeVIP
		n.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: ip, IPMode: &vip}}
		c.balancers[e.NamespacedName] = ip
		c.event(serviceKind, e.obj, serviceController, corev1.EventTypeNormal, "EnsuringLoadBalancer", "Ensuring load balancer")
		c.event(serviceKind, e.obj, serviceController, corev1.EventTypeNormal, "EnsuredLoadBalancer", "Ensured load balancer")
	}
	o, err := c.api.Update(resources[serviceKind], &n, "status")
	if err != nil {
		return err
	}
	c.adopt(e, o, &n, &n.ObjectMeta)
	return nil
}

func ingressOf(s *corev1.Service) string {
	for _, i := range s.Status.LoadBalancer.Ingress {
		return i.IP
	}
	return ""
}

// freeBalancer draws an address of TEST-NET-3, the range for documentation,
// that no other Service of the cluster has.
func (c *Controllers) freeBalancer(name types.NamespacedName) string {
	taken := map[string]bool{}
	for _, ip := range c.balancers {
		taken[ip] = true
	}
	first := int(uint64(c.seed.of("balancer", name.Namespace, name.Name)) % 254)
	for i := range 254 {
		if ip := fmt.Sprintf("203.0.113.%d", 1+(first+i)%254); !taken[ip] {
			return ip
		}
	}
	return "203.0.113.254" // all are taken: sharing is better than none
}

// targetPort is a Service's port with the number behind it.
type targetPort struct {
	name     string
	number   int32
	protocol corev1.Protocol
	app      *string
}

// targetPorts resolves the ports of a Service; named ones by its first pod that
// has them.
func (c *Controllers) targetPorts(s *corev1.Service, pods []*pod) ([]targetPort, error) {
	var out []targetPort
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		t := targetPort{p.Name, int32(p.TargetPort.IntValue()), p.Protocol, p.AppProtocol}
		if p.TargetPort.StrVal != "" {
			var err error
			if t.number, err = c.namedPort(p.TargetPort.StrVal, p.Protocol, pods); err != nil {
				return nil, err
			}
			if t.number == 0 {
				continue // no pod has it
			}
		}
		if t.number == 0 {
			t.number = p.Port
		}
		out = append(out, t)
	}
	return out, nil
}

func (c *Controllers) namedPort(name string, protocol corev1.Protocol, pods []*pod) (int32, error) {
	for _, p := range pods {
		spec, err := c.podSpec(p)
		if err != nil {
			return 0, err
		}
		for i := range spec.Spec.Containers {
			for _, port := range spec.Spec.Containers[i].Ports {
				if port.Name == name && (port.Protocol == protocol || port.Protocol == "" || protocol == "") {
					return port.ContainerPort, nil
				}
			}
		}
	}
	return 0, nil
}
