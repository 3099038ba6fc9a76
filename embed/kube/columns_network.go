package kube

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// networkSheets shows services and what leads to them.
var networkSheets = map[schema.GroupResource]sheet{
	servicesGR: sheetOf(serviceCells, nameColumn,
		text("Type", "How the service can be reached."),
		text("Cluster-IP", "The address inside the cluster."),
		text("External-IP", "The addresses from outside."),
		text("Port(s)", "The ports."),
		ageColumn,
		wide("Selector", "Which pods answer.")),
	coreResource("endpoints"): sheetOf(func(e *corev1.Endpoints, at moment) []any {
		return []any{e.Name, endpointsText(e), at.since(e.CreationTimestamp)}
	}, nameColumn, text("Endpoints", "The addresses that answer."), ageColumn),
	{Group: "discovery.k8s.io", Resource: "endpointslices"}: sheetOf(endpointSliceCells, nameColumn,
		text("AddressType", "The kind of addresses."),
		text("Ports", "The ports."),
		text("Endpoints", "The addresses."), ageColumn),
	{Group: "networking.k8s.io", Resource: "ingresses"}: sheetOf(ingressCells, nameColumn,
		text("Class", "The class of the controller that serves it."),
		text("Hosts", "The hosts that are served."),
		text("Address", "Where the controller can be reached."),
		text("Ports", "The ports that are open."), ageColumn),
	{Group: "networking.k8s.io", Resource: "ingressclasses"}: sheetOf(func(c *networkingv1.IngressClass, at moment) []any {
		params := "<none>"
		if p := c.Spec.Parameters; p != nil {
			gk := schema.GroupKind{Group: value(p.APIGroup, ""), Kind: p.Kind}
			params = gk.String() + "/" + p.Name
		}
		return []any{c.Name, c.Spec.Controller, params, at.since(c.CreationTimestamp)}
	}, nameColumn, text("Controller", "The controller that serves the class."),
		text("Parameters", "An object with more settings."), ageColumn),
	{Group: "networking.k8s.io", Resource: "networkpolicies"}: sheetOf(func(p *networkingv1.NetworkPolicy, at moment) []any {
		return []any{p.Name, metav1.FormatLabelSelector(&p.Spec.PodSelector), at.since(p.CreationTimestamp)}
	}, nameColumn, text("Pod-Selector", "Which pods are meant."), ageColumn),
}

func serviceCells(s *corev1.Service, at moment) []any {
	ip := s.Spec.ClusterIP
	if len(s.Spec.ClusterIPs) > 0 {
		ip = s.Spec.ClusterIPs[0]
	}
	ports := make([]string, len(s.Spec.Ports))
	for i, p := range s.Spec.Ports {
		ports[i] = fmt.Sprintf("%d/%s", p.Port, p.Protocol)
		if p.NodePort > 0 {
			ports[i] = fmt.Sprintf("%d:%d/%s", p.Port, p.NodePort, p.Protocol)
		}
	}
	return []any{
		s.Name, string(s.Spec.Type), orNone(ip), externalAddress(s), orNone(strings.Join(ports, ",")),
		at.since(s.CreationTimestamp), labels.FormatLabels(s.Spec.Selector),
	}
}

func externalAddress(s *corev1.Service) string {
	switch s.Spec.Type {
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort:
		return orNone(strings.Join(s.Spec.ExternalIPs, ","))
	case corev1.ServiceTypeExternalName:
		return s.Spec.ExternalName
	case corev1.ServiceTypeLoadBalancer:
		var got []string
		for _, i := range s.Status.LoadBalancer.Ingress {
			got = append(got, orElse(i.IP, i.Hostname))
		}
		return orElse(strings.Join(append(uniqueNames(got), s.Spec.ExternalIPs...), ","), "<pending>")
	}
	return "<unknown>"
}

// uniqueNames sorts, and leaves out what is empty or there twice.
func uniqueNames(list []string) []string {
	list = slices.DeleteFunc(list, func(s string) bool { return s == "" })
	slices.Sort(list)
	return slices.Compact(list)
}

// endpointsText lists ready addresses with their ports. Endpoints without any
// subset say so; ones whose addresses are all unready say nothing.
func endpointsText(e *corev1.Endpoints) string {
	if len(e.Subsets) == 0 {
		return "<none>"
	}
	var list []string
	for _, s := range e.Subsets {
		if len(s.Ports) == 0 { // headless services may have none
			for _, a := range s.Addresses {
				list = append(list, a.IP)
			}
		}
		for _, p := range s.Ports {
			for _, a := range s.Addresses {
				list = append(list, net.JoinHostPort(a.IP, strconv.Itoa(int(p.Port))))
			}
		}
	}
	return firstFew(list, ",", 3)
}

func endpointSliceCells(s *discoveryv1.EndpointSlice, at moment) []any {
	var ports, addresses []string
	for _, p := range s.Ports {
		if p.Port != nil {
			ports = append(ports, strconv.Itoa(int(*p.Port)))
		} else {
			ports = append(ports, value(p.Name, "*"))
		}
	}
	for _, e := range s.Endpoints {
		addresses = append(addresses, e.Addresses...)
	}
	return []any{
		s.Name, string(s.AddressType), orElse(firstFew(ports, ",", 3), "<unset>"),
		orElse(firstFew(addresses, ",", 3), "<unset>"), at.since(s.CreationTimestamp),
	}
}

func ingressCells(i *networkingv1.Ingress, at moment) []any {
	var hosts, addresses []string
	for _, r := range i.Spec.Rules {
		if r.Host != "" {
			hosts = append(hosts, r.Host)
		}
	}
	for _, a := range i.Status.LoadBalancer.Ingress {
		addresses = append(addresses, orElse(a.IP, a.Hostname))
	}
	ports := "80"
	if len(i.Spec.TLS) > 0 {
		ports = "80, 443"
	}
	return []any{
		i.Name, value(i.Spec.IngressClassName, "<none>"), orElse(firstFew(hosts, ",", 3), "*"),
		strings.Join(uniqueNames(addresses), ","), ports, at.since(i.CreationTimestamp),
	}
}
