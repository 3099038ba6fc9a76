package rules

import (
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateNetworkPolicy(n *networkingv1.NetworkPolicy) field.ErrorList {
	s := &n.Spec
	errs := metav1validation.ValidateLabelSelector(&s.PodSelector, plainSelector, spec.Child("podSelector"))
	for i, r := range s.Ingress {
		at := spec.Child("ingress").Index(i)
		errs = append(errs, validatePolicyPorts(r.Ports, at.Child("ports"))...)
		errs = append(errs, validatePeers(r.From, at.Child("from"))...)
	}
	for i, r := range s.Egress {
		at := spec.Child("egress").Index(i)
		errs = append(errs, validatePolicyPorts(r.Ports, at.Child("ports"))...)
		errs = append(errs, validatePeers(r.To, at.Child("to"))...)
	}
	for i, t := range s.PolicyTypes {
		errs = append(errs, oneOf(spec.Child("policyTypes").Index(i), t, networkingv1.PolicyTypeEgress, networkingv1.PolicyTypeIngress)...)
	}
	return errs
}

func validatePolicyPorts(list []networkingv1.NetworkPolicyPort, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, p := range list {
		if p.Protocol != nil {
			errs = append(errs, protocol(path.Index(i), *p.Protocol)...)
		}
		if p.Port != nil {
			errs = append(errs, portNumberOrName(path.Index(i), "port", *p.Port)...)
		}
	}
	return errs
}

func validatePeers(list []networkingv1.NetworkPolicyPeer, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, p := range list {
		at := path.Index(i)
		errs = append(errs, metav1validation.ValidateLabelSelector(p.PodSelector, plainSelector, at.Child("podSelector"))...)
		errs = append(errs, metav1validation.ValidateLabelSelector(p.NamespaceSelector, plainSelector, at.Child("namespaceSelector"))...)
		switch selected := p.PodSelector != nil || p.NamespaceSelector != nil; {
		case !selected && p.IPBlock == nil:
			errs = append(errs, field.Required(at, "must specify a peer"))
		case selected && p.IPBlock != nil:
			errs = append(errs, field.Forbidden(at, "may not specify both ipBlock and another peer"))
		}
		if b := p.IPBlock; b != nil {
			if _, err := netip.ParsePrefix(b.CIDR); err != nil {
				errs = append(errs, field.Invalid(at.Child("ipBlock", "cidr"), b.CIDR, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"))
			}
		}
	}
	return errs
}
