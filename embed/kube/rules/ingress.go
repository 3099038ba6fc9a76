package rules

import (
	"net/netip"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateIngress(g *networkingv1.Ingress) field.ErrorList {
	s := &g.Spec
	var errs field.ErrorList
	if len(s.Rules) == 0 && s.DefaultBackend == nil {
		errs = append(errs, field.Invalid(spec, s.Rules, "either `defaultBackend` or `rules` must be specified"))
	}
	if s.DefaultBackend != nil {
		errs = append(errs, validateBackend(s.DefaultBackend, spec.Child("defaultBackend"))...)
	}
	for i := range s.Rules {
		r, at := &s.Rules[i], spec.Child("rules").Index(i)
		if _, err := netip.ParseAddr(r.Host); err == nil {
			errs = append(errs, field.Invalid(at.Child("host"), r.Host, "must be a DNS name, not an IP address"))
		}
		if r.Host != "" {
			errs = append(errs, host(r.Host, at.Child("host"))...)
		}
		if r.HTTP == nil {
			continue
		}
		if len(r.HTTP.Paths) == 0 {
			errs = append(errs, field.Required(at.Child("http", "paths"), ""))
		}
		for j := range r.HTTP.Paths {
			errs = append(errs, validateIngressPath(&r.HTTP.Paths[j], at.Child("http", "paths").Index(j))...)
		}
	}
	for i, t := range s.TLS {
		for j, h := range t.Hosts {
			errs = append(errs, host(h, spec.Child("tls").Index(i).Child("hosts").Index(j))...)
		}
		errs = append(errs, subdomain(spec.Child("tls").Index(i), "secretName", t.SecretName)...)
	}
	if c := s.IngressClassName; c != nil {
		errs = append(errs, invalidEach(spec.Child("ingressClassName"), *c, validation.IsDNS1123Subdomain(*c))...)
	}
	return errs
}

func host(h string, at *field.Path) field.ErrorList {
	if strings.Contains(h, "*") {
		return invalidEach(at, h, validation.IsWildcardDNS1123Subdomain(h))
	}
	return invalidEach(at, h, validation.IsDNS1123Subdomain(h))
}

func validateIngressPath(p *networkingv1.HTTPIngressPath, at *field.Path) field.ErrorList {
	if p.PathType == nil {
		return field.ErrorList{field.Required(at.Child("pathType"), "pathType must be specified")}
	}
	var errs field.ErrorList
	switch *p.PathType {
	case networkingv1.PathTypeExact, networkingv1.PathTypePrefix:
		if !strings.HasPrefix(p.Path, "/") {
			errs = append(errs, field.Invalid(at.Child("path"), p.Path, "must be an absolute path"))
		}
		for _, part := range [...]string{"//", "/./", "/../", "%2f", "%2F"} {
			if strings.Contains(p.Path, part) {
				errs = append(errs, field.Invalid(at.Child("path"), p.Path, "must not contain '"+part+"'"))
			}
		}
		for _, end := range [...]string{"/..", "/."} {
			if strings.HasSuffix(p.Path, end) {
				errs = append(errs, field.Invalid(at.Child("path"), p.Path, "cannot end with '"+end+"'"))
			}
		}
	case networkingv1.PathTypeImplementationSpecific:
		if p.Path != "" && !strings.HasPrefix(p.Path, "/") {
			errs = append(errs, field.Invalid(at.Child("path"), p.Path, "must be an absolute path"))
		}
	default:
		errs = append(errs, oneOf(at.Child("pathType"), *p.PathType, networkingv1.PathTypeExact,
			networkingv1.PathTypeImplementationSpecific, networkingv1.PathTypePrefix)...)
	}
	return append(errs, validateBackend(&p.Backend, at.Child("backend"))...)
}

func validateBackend(b *networkingv1.IngressBackend, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	s := b.Service
	switch {
	case s != nil && b.Resource != nil:
		return field.ErrorList{field.Invalid(at, "", "cannot set both resource and service backends")}
	case s == nil && b.Resource == nil:
		return field.ErrorList{field.Invalid(at, "", "resource or service backend is required")}
	case s == nil:
		for _, f := range [...]struct{ name, value string }{{"kind", b.Resource.Kind}, {"name", b.Resource.Name}} {
			if f.value == "" {
				errs = append(errs, field.Required(at.Child("resource", f.name), ""))
			}
		}
		return errs
	}
	if s.Name == "" {
		errs = append(errs, field.Required(at.Child("service", "name"), ""))
	} else if msgs := apivalidation.NameIsDNS1035Label(s.Name, false); len(msgs) > 0 {
		errs = append(errs, invalidEach(at.Child("service", "name"), s.Name, msgs)...)
	}
	switch p := s.Port; {
	case p.Name != "" && p.Number != 0:
		errs = append(errs, field.Invalid(at, "", "cannot set both port name & port number"))
	case p.Name != "":
		errs = append(errs, invalidEach(at.Child("service", "port", "name"), p.Name, validation.IsValidPortName(p.Name))...)
	case p.Number != 0:
		errs = append(errs, portNumber(at.Child("service", "port"), "number", p.Number)...)
	default:
		errs = append(errs, field.Required(at, "port name or number is required"))
	}
	return errs
}

func validateIngressClass(c *networkingv1.IngressClass) field.ErrorList {
	if c.Spec.Controller == "" {
		return field.ErrorList{field.Required(spec.Child("controller"), "")}
	}
	return validation.IsDomainPrefixedPath(spec.Child("controller"), c.Spec.Controller)
}

func updateIngressClass(c, old *networkingv1.IngressClass) field.ErrorList {
	return apivalidation.ValidateImmutableField(c.Spec.Controller, old.Spec.Controller, spec.Child("controller"))
}
