package rules

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateService(v *corev1.Service) field.ErrorList {
	s := &v.Spec
	var errs field.ErrorList
	headless := s.ClusterIP == corev1.ClusterIPNone
	if len(s.Ports) == 0 && !headless && s.Type != corev1.ServiceTypeExternalName {
		errs = append(errs, field.Required(spec.Child("ports"), ""))
	}
	switch s.Type {
	case corev1.ServiceTypeClusterIP:
	case corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort:
		if headless {
			errs = append(errs, field.Invalid(spec.Child("clusterIPs").Index(0), corev1.ClusterIPNone, "may not be set to 'None' for "+string(s.Type)+" services"))
		}
	case corev1.ServiceTypeExternalName:
		if s.ClusterIP != "" {
			errs = append(errs, field.Forbidden(spec.Child("clusterIPs"), "may not be set for ExternalName services"))
		}
		if s.ExternalName == "" {
			errs = append(errs, field.Required(spec.Child("externalName"), ""))
		}
		errs = append(errs, subdomain(spec, "externalName", strings.TrimSuffix(s.ExternalName, "."))...)
	default:
		errs = append(errs, oneOf(spec.Child("type"), s.Type, corev1.ServiceTypeClusterIP, corev1.ServiceTypeExternalName,
			corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort)...)
	}
	errs = append(errs, validateServicePorts(s)...)
	if len(s.Selector) > 0 {
		errs = append(errs, metav1validation.ValidateLabels(s.Selector, spec.Child("selector"))...)
	}
	errs = append(errs, oneOf(spec.Child("sessionAffinity"), s.SessionAffinity, corev1.ServiceAffinityClientIP, corev1.ServiceAffinityNone)...)
	if s.ClusterIP != "" && !headless {
		if _, err := netip.ParseAddr(s.ClusterIP); err != nil {
			errs = append(errs, field.Invalid(spec.Child("clusterIPs").Index(0), s.ClusterIP, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"))
		}
	}
	return append(errs, validateTraffic(s)...)
}

// validateTraffic checks what depends on a service's type.
func validateTraffic(s *corev1.ServiceSpec) field.ErrorList {
	var errs field.ErrorList
	if p := s.ExternalTrafficPolicy; p != "" {
		if !external(s) {
			errs = append(errs, field.Invalid(spec.Child("externalTrafficPolicy"), p, "may only be set for externally-accessible services"))
		} else {
			errs = append(errs, oneOf(spec.Child("externalTrafficPolicy"), p, corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal)...)
		}
	}
	if p := s.InternalTrafficPolicy; p != nil {
		errs = append(errs, oneOf(spec.Child("internalTrafficPolicy"), *p, corev1.ServiceInternalTrafficPolicyCluster, corev1.ServiceInternalTrafficPolicyLocal)...)
	}
	if s.Type != corev1.ServiceTypeLoadBalancer {
		if s.AllocateLoadBalancerNodePorts != nil {
			errs = append(errs, field.Forbidden(spec.Child("allocateLoadBalancerNodePorts"), "may only be used when `type` is 'LoadBalancer'"))
		}
		if s.LoadBalancerClass != nil {
			errs = append(errs, field.Forbidden(spec.Child("loadBalancerClass"), "may only be used when `type` is 'LoadBalancer'"))
		}
		if len(s.LoadBalancerSourceRanges) > 0 {
			errs = append(errs, field.Forbidden(spec.Child("LoadBalancerSourceRanges"), "may only be used when `type` is 'LoadBalancer'"))
		}
	}
	for i, r := range s.LoadBalancerSourceRanges {
		if _, err := netip.ParsePrefix(strings.TrimSpace(r)); err != nil {
			errs = append(errs, field.Invalid(spec.Child("loadBalancerSourceRanges").Index(i), r, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"))
		}
	}
	for i, ip := range s.ExternalIPs {
		if _, err := netip.ParseAddr(ip); err != nil {
			errs = append(errs, field.Invalid(spec.Child("externalIPs").Index(i), ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"))
		}
	}
	return errs
}

// external tells whether a service is reached from outside of the cluster.
func external(s *corev1.ServiceSpec) bool {
	return s.Type == corev1.ServiceTypeNodePort || s.Type == corev1.ServiceTypeLoadBalancer ||
		s.Type == corev1.ServiceTypeClusterIP && len(s.ExternalIPs) > 0
}

func validateServicePorts(s *corev1.ServiceSpec) field.ErrorList {
	var errs field.ErrorList
	for i := range s.Ports {
		p, at := &s.Ports[i], spec.Child("ports").Index(i)
		earlier := func(same func(corev1.ServicePort) bool) bool { return slices.ContainsFunc(s.Ports[:i], same) }
		switch {
		case p.Name == "" && len(s.Ports) > 1:
			errs = append(errs, field.Required(at.Child("name"), ""))
		case p.Name != "":
			if msgs := validation.IsDNS1123Label(p.Name); len(msgs) > 0 {
				errs = append(errs, invalidEach(at.Child("name"), p.Name, msgs)...)
			} else if earlier(func(o corev1.ServicePort) bool { return o.Name == p.Name }) {
				errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
			}
		}
		errs = append(errs, portNumber(at, "port", p.Port)...)
		errs = append(errs, protocol(at, p.Protocol)...)
		errs = append(errs, portNumberOrName(at, "targetPort", p.TargetPort)...)
		if p.NodePort != 0 {
			if s.Type == corev1.ServiceTypeClusterIP || s.Type == corev1.ServiceTypeExternalName {
				errs = append(errs, field.Forbidden(at.Child("nodePort"), "may not be used when `type` is '"+string(s.Type)+"'"))
			}
			if earlier(func(o corev1.ServicePort) bool { return o.NodePort == p.NodePort && o.Protocol == p.Protocol }) {
				errs = append(errs, field.Duplicate(at.Child("nodePort"), p.NodePort))
			}
		}
		if earlier(func(o corev1.ServicePort) bool { return o.Port == p.Port && o.Protocol == p.Protocol }) {
			errs = append(errs, field.Duplicate(at, corev1.ServicePort{Protocol: p.Protocol, Port: p.Port}))
		}
	}
	return errs
}

// updateService keeps the address and node ports that clients leave out, and
// lets go of those that only the old type had.
func updateService(v, old *corev1.Service) field.ErrorList {
	s, o := &v.Spec, &old.Spec
	dropUnneeded(s, o)
	if s.Type == corev1.ServiceTypeExternalName || o.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	if s.ClusterIP == "" {
		s.ClusterIP, s.ClusterIPs = o.ClusterIP, o.ClusterIPs
	}
	if wantsNodePorts(s) && wantsNodePorts(o) {
		for i := range s.Ports {
			for _, p := range o.Ports {
				taken := slices.ContainsFunc(s.Ports, func(q corev1.ServicePort) bool { return q.NodePort == p.NodePort && q.Protocol == p.Protocol })
				if s.Ports[i].NodePort == 0 && !taken && p.Port == s.Ports[i].Port && p.Protocol == s.Ports[i].Protocol {
					s.Ports[i].NodePort = p.NodePort
				}
			}
		}
	}
	if o.ClusterIP != "" && s.ClusterIP != o.ClusterIP {
		return field.ErrorList{field.Invalid(spec.Child("clusterIPs").Index(0), s.ClusterIP, "may not change once set")}
	}
	return nil
}

func wantsNodePorts(s *corev1.ServiceSpec) bool {
	return s.Type == corev1.ServiceTypeNodePort || s.Type == corev1.ServiceTypeLoadBalancer
}

// dropUnneeded removes what a client read from the server and wrote back along
// with a new type that has no use for it.
func dropUnneeded(s, o *corev1.ServiceSpec) {
	if s.Type == o.Type {
		return
	}
	if s.Type == corev1.ServiceTypeExternalName && s.ClusterIP == o.ClusterIP {
		s.ClusterIP, s.ClusterIPs, s.IPFamilies, s.IPFamilyPolicy, s.InternalTrafficPolicy = "", nil, nil, nil, nil
	}
	if wantsNodePorts(o) && !wantsNodePorts(s) {
		for i := range s.Ports {
			if slices.ContainsFunc(o.Ports, func(p corev1.ServicePort) bool { return p.NodePort == s.Ports[i].NodePort }) {
				s.Ports[i].NodePort = 0
			}
		}
	}
	if external(o) && !external(s) && s.ExternalTrafficPolicy == o.ExternalTrafficPolicy {
		s.ExternalTrafficPolicy = ""
	}
	if o.Type == corev1.ServiceTypeLoadBalancer {
		s.AllocateLoadBalancerNodePorts, s.LoadBalancerClass = nil, nil
	}
}
