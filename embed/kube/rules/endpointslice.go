package rules

import (
	"net/netip"

	discoveryv1 "k8s.io/api/discovery/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The most that one slice may hold.
const (
	maxEndpoints     = 1000
	maxAddresses     = 100
	maxEndpointPorts = 20000
)

func validateEndpointSlice(e *discoveryv1.EndpointSlice) field.ErrorList {
	if e.AddressType == "" {
		return field.ErrorList{field.Required(field.NewPath("addressType"), "")}
	}
	errs := oneOf(field.NewPath("addressType"), e.AddressType, discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6)
	path := field.NewPath("endpoints")
	if n := len(e.Endpoints); n > maxEndpoints {
		return append(errs, field.TooMany(path, n, maxEndpoints))
	}
	for i := range e.Endpoints {
		addresses := e.Endpoints[i].Addresses
		at := func() *field.Path { return path.Index(i).Child("addresses") }
		switch n := len(addresses); {
		case n == 0:
			errs = append(errs, field.Required(at(), "must contain at least 1 address"))
		case n > maxAddresses:
			errs = append(errs, field.TooMany(at(), n, maxAddresses))
		}
		for j, a := range addresses {
			errs = append(errs, validateAddress(a, e.AddressType, at, j)...)
		}
	}
	return append(errs, validateEndpointPorts(e.Ports)...)
}

func validateAddress(a string, kind discoveryv1.AddressType, path func() *field.Path, j int) field.ErrorList {
	ip, err := netip.ParseAddr(a)
	switch {
	case kind == discoveryv1.AddressTypeFQDN:
		return validation.IsFullyQualifiedDomainName(path().Index(j), a)
	case err != nil:
		return field.ErrorList{field.Invalid(path().Index(j), a, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")}
	case kind == discoveryv1.AddressTypeIPv4 && !ip.Is4():
		return field.ErrorList{field.Invalid(path().Index(j), a, "must be an IPv4 address")}
	case kind == discoveryv1.AddressTypeIPv6 && !ip.Is6():
		return field.ErrorList{field.Invalid(path().Index(j), a, "must be an IPv6 address")}
	}
	return nil
}

func validateEndpointPorts(ports []discoveryv1.EndpointPort) field.ErrorList {
	path := field.NewPath("ports")
	if n := len(ports); n > maxEndpointPorts {
		return field.ErrorList{field.TooMany(path, n, maxEndpointPorts)}
	}
	var errs field.ErrorList
	names := make(map[string]bool, len(ports))
	for i := range ports {
		p, at := &ports[i], path.Index(i)
		if p.Name != nil {
			if *p.Name != "" {
				if msgs := validation.IsDNS1123Label(*p.Name); len(msgs) > 0 {
					errs = append(errs, invalidEach(at.Child("name"), *p.Name, msgs)...)
				}
			}
			if names[*p.Name] {
				errs = append(errs, field.Duplicate(at.Child("name"), *p.Name))
			}
			names[*p.Name] = true
		}
		if p.Protocol != nil {
			errs = append(errs, protocol(at, *p.Protocol)...)
		}
	}
	return errs
}

func updateEndpointSlice(e, old *discoveryv1.EndpointSlice) field.ErrorList {
	return apivalidation.ValidateImmutableField(e.AddressType, old.AddressType, field.NewPath("addressType"))
}
